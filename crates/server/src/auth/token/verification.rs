//! The public keys that tokens may be signed with, and the four states in which a key lives.

use std::{collections::HashMap, fmt, path::PathBuf, time::Duration};

use jsonwebtoken::DecodingKey;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use ticketscope_engine::storage::{TenantId, TenantIdError};
use ticketscope_model::Timestamp;

use super::{Disbelief, LEEWAY, MAX_TOKEN_LIFETIME};
use crate::auth::{
    key_file::{self, KeyFileError, Stamp},
    moment::Moment,
};

/// Where a signing key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKeyState {
    /// Known, so that issuers can be given it; what it signs is refused until it is promoted.
    Standby,
    /// What it signs is believed.
    Current,
    /// It was current. What it signed until then is believed until the last such token has died, [`MAX_TOKEN_LIFETIME`]
    /// after this moment; what it signs later is not.
    Previous {
        /// When another key took its place.
        retired: Timestamp,
    },
    /// Nothing that it signs or signed is believed. It stays listed so that its name is never given to another key.
    Revoked,
}

impl TokenKeyState {
    /// Its name in files and lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Current => "current",
            Self::Previous { .. } => "previous",
            Self::Revoked => "revoked",
        }
    }

    /// Whether anything that it signed is believed at `now`.
    pub(super) fn check(self, now: Timestamp) -> Result<(), Disbelief> {
        match self {
            Self::Current => Ok(()),
            Self::Standby => Err(Disbelief::StandbyKey),
            Self::Revoked => Err(Disbelief::RevokedKey),
            Self::Previous { retired } => {
                let since = i128::from(now.0) - i128::from(retired.0);
                let (leeway, last) = (millis(LEEWAY), millis(MAX_TOKEN_LIFETIME + LEEWAY));
                // By a clock from before its end that end would never come.
                if (-leeway..last).contains(&since) { Ok(()) } else { Err(Disbelief::RetiredKey) }
            }
        }
    }

    /// Whether it may have signed a token that says it was issued at `issued`.
    pub(super) fn check_issued(self, issued: Timestamp) -> Result<(), Disbelief> {
        match self {
            Self::Previous { retired } if i128::from(issued.0) > i128::from(retired.0) + millis(LEEWAY) => {
                Err(Disbelief::IssuedLate)
            }
            _ => Ok(()),
        }
    }
}

fn millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}

/// A signing key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKeyInfo {
    /// Its name in the headers of tokens.
    pub kid: String,
    /// The one tenant whose tokens it may sign; nothing for all.
    pub tenant: Option<TenantId>,
    /// Where it is in its life.
    pub state: TokenKeyState,
}

/// Public keys by `kid`, each in one of the [states](TokenKeyState): a new one can be known before it signs, and an old one
/// until its last token has died.
///
/// The file may be changed by another process; [`Self::refresh`] sees that.
pub struct VerificationKeys {
    path: Option<PathBuf>,
    by_kid: RwLock<HashMap<String, VerificationKey>>,
    /// What the file looked like when it was last read, and the one at a time that changes it.
    seen: Mutex<Option<Stamp>>,
}

#[derive(Clone)]
pub(super) struct VerificationKey {
    pub(super) key: DecodingKey,
    /// As it stands in the file.
    public_pem: String,
    /// The one tenant whose tokens it may sign; nothing for all.
    pub(super) tenant: Option<TenantId>,
    pub(super) state: TokenKeyState,
}

impl fmt::Debug for VerificationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKeys").field("keys", &self.list()).finish_non_exhaustive()
    }
}

/// Why a file is not one of verification keys, or not changed as asked.
#[derive(Debug, Error)]
pub enum VerificationKeysError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// There is none.
    #[error("there is no file {} with verification keys", .0.display())]
    Missing(PathBuf),
    /// It is not of its form.
    #[error(
        "verification keys are {{\"keys\": [{{\"kid\", \"public_key\", \"tenant\", \"state\", \"retired\"}}]}}: {0}"
    )]
    Malformed(serde_json::Error),
    /// A key of no name.
    #[error("a verification key has an empty kid")]
    EmptyKid,
    /// Two keys of one name.
    #[error("two verification keys have the kid `{0}`")]
    DuplicateKid(String),
    /// Not a key.
    #[error("the verification key `{0}` is no Ed25519 public key in PEM form")]
    NotEd25519(String),
    /// `retired` belongs to the state `previous` and to no other.
    #[error("the verification key `{0}` must say when it was `retired` if its state is `previous`, and only then")]
    Retired(String),
    /// Not a tenant.
    #[error("the verification key `{kid}` is for the tenant `{tenant}`, which can be none")]
    Tenant {
        /// The key.
        kid: String,
        /// What stands for its tenant.
        tenant: String,
        /// Why that is none.
        source: TenantIdError,
    },
    /// No key of that name.
    #[error("there is no verification key `{0}`")]
    UnknownKid(String),
    /// A key that cannot become current.
    #[error("the verification key `{kid}` is {}: only a standby or previous key can be promoted", state.name())]
    NotPromotable {
        /// The key.
        kid: String,
        /// What it is.
        state: TokenKeyState,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyList {
    keys: Vec<ListedKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedKey {
    kid: String,
    public_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// A key without one is current, as in files that know no states.
    #[serde(default)]
    state: ListedState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired: Option<Moment>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ListedState {
    Standby,
    #[default]
    Current,
    Previous,
    Revoked,
}

type ByKid = HashMap<String, VerificationKey>;

impl VerificationKeys {
    /// The keys in the file at `path`, which must be its owner's alone: who can add a key can be anybody.
    ///
    /// # Errors
    /// [`VerificationKeysError`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, VerificationKeysError> {
        let path = path.into();
        match key_file::read(&path)? {
            Some((text, stamp)) => {
                Ok(Self { by_kid: RwLock::new(read(&text)?), path: Some(path), seen: Mutex::new(Some(stamp)) })
            }
            None => Err(VerificationKeysError::Missing(path)),
        }
    }

    /// The same, and the file is made without any keys if it is not there.
    ///
    /// # Errors
    /// [`VerificationKeysError`].
    pub fn open_or_create(path: impl Into<PathBuf>) -> Result<Self, VerificationKeysError> {
        let path = path.into();
        {
            let _lock = key_file::lock(&path)?;
            if key_file::stamp(&path)?.is_none() {
                key_file::replace(&path, &written(&HashMap::new())?)?;
            }
        }
        Self::open(path)
    }

    /// Keys as `{"keys": [{"kid": .., "public_key": PEM, "tenant": .., "state": .., "retired": ..}]}`, kept nowhere. Without
    /// `tenant` a key signs for all; without `state` it is current; `retired` is the moment at which a previous one ceased
    /// to be.
    ///
    /// # Errors
    /// [`VerificationKeysError`].
    pub fn parse(json: &str) -> Result<Self, VerificationKeysError> {
        Ok(Self { path: None, by_kid: RwLock::new(read(json)?), seen: Mutex::new(None) })
    }

    /// Every key, by `kid`.
    pub fn list(&self) -> Vec<TokenKeyInfo> {
        let by_kid = self.by_kid.read();
        let info = |(kid, key): (&String, &VerificationKey)| TokenKeyInfo {
            kid: kid.clone(),
            tenant: key.tenant.clone(),
            state: key.state,
        };
        let mut list: Vec<_> = by_kid.iter().map(info).collect();
        list.sort_unstable_by(|a, b| a.kid.cmp(&b.kid));
        list
    }

    /// Adds a standby key.
    ///
    /// # Errors
    /// [`VerificationKeysError`]; then nothing is changed.
    pub fn add(&self, kid: &str, public_pem: &str, tenant: Option<TenantId>) -> Result<(), VerificationKeysError> {
        self.change(|by_kid| {
            if kid.is_empty() {
                return Err(VerificationKeysError::EmptyKid);
            }
            if by_kid.contains_key(kid) {
                return Err(VerificationKeysError::DuplicateKid(kid.to_owned()));
            }
            let key = decoding(kid, public_pem)?;
            let (public_pem, state) = (public_pem.to_owned(), TokenKeyState::Standby);
            by_kid.insert(kid.to_owned(), VerificationKey { key, public_pem, tenant, state });
            Ok(())
        })
    }

    /// Makes a standby key current, or a previous one again. The keys that were current for the same tenant, or for all as
    /// this one, are previous from `now` on.
    ///
    /// # Errors
    /// [`VerificationKeysError`]; then nothing is changed.
    pub fn promote(&self, kid: &str, now: Timestamp) -> Result<(), VerificationKeysError> {
        self.change(|by_kid| {
            let key = by_kid.get(kid).ok_or_else(|| VerificationKeysError::UnknownKid(kid.to_owned()))?;
            if let TokenKeyState::Current | TokenKeyState::Revoked = key.state {
                return Err(VerificationKeysError::NotPromotable { kid: kid.to_owned(), state: key.state });
            }
            let tenant = key.tenant.clone();
            for (other, key) in by_kid.iter_mut() {
                if other == kid {
                    key.state = TokenKeyState::Current;
                } else if key.tenant == tenant && key.state == TokenKeyState::Current {
                    key.state = TokenKeyState::Previous { retired: now };
                }
            }
            Ok(())
        })
    }

    /// Takes a key out of force at once, with every token that it signed.
    ///
    /// # Errors
    /// [`VerificationKeysError`]; then nothing is changed.
    pub fn revoke(&self, kid: &str) -> Result<(), VerificationKeysError> {
        self.change(|by_kid| match by_kid.get_mut(kid) {
            Some(key) => {
                key.state = TokenKeyState::Revoked;
                Ok(())
            }
            None => Err(VerificationKeysError::UnknownKid(kid.to_owned())),
        })
    }

    /// Reads the file again if another process has changed it.
    ///
    /// # Errors
    /// [`VerificationKeysError`]; until the file can be read again no key is known.
    pub fn refresh(&self) -> Result<(), VerificationKeysError> {
        let read = self.reread(&mut self.seen.lock());
        if read.is_err() {
            self.by_kid.write().clear();
        }
        read
    }

    /// The key called `kid`.
    pub(super) fn known(&self, kid: &str) -> Option<VerificationKey> {
        self.by_kid.read().get(kid).cloned()
    }

    /// Changes the keys, on disk before in force.
    fn change(
        &self,
        change: impl FnOnce(&mut ByKid) -> Result<(), VerificationKeysError>,
    ) -> Result<(), VerificationKeysError> {
        let mut seen = self.seen.lock();
        let _lock = self.path.as_deref().map(key_file::lock).transpose()?;
        self.reread(&mut seen)?;
        let mut by_kid = self.by_kid.read().clone();
        change(&mut by_kid)?;
        if let Some(path) = &self.path {
            *seen = Some(key_file::replace(path, &written(&by_kid)?)?);
        }
        *self.by_kid.write() = by_kid;
        Ok(())
    }

    fn reread(&self, seen: &mut Option<Stamp>) -> Result<(), VerificationKeysError> {
        let Some(path) = &self.path else { return Ok(()) };
        if seen.is_some() && *seen == key_file::stamp(path)? {
            return Ok(());
        }
        // Until it is read well again, it was not seen.
        *seen = None;
        let (text, stamp) = key_file::read(path)?.ok_or_else(|| VerificationKeysError::Missing(path.clone()))?;
        *self.by_kid.write() = read(&text)?;
        *seen = Some(stamp);
        Ok(())
    }
}

fn decoding(kid: &str, public_pem: &str) -> Result<DecodingKey, VerificationKeysError> {
    DecodingKey::from_ed_pem(public_pem.as_bytes()).or(Err(VerificationKeysError::NotEd25519(kid.to_owned())))
}

fn read(json: &str) -> Result<ByKid, VerificationKeysError> {
    let list: KeyList = serde_json::from_str(json).map_err(VerificationKeysError::Malformed)?;
    let mut by_kid = HashMap::with_capacity(list.keys.len());
    for ListedKey { kid, public_key, tenant, state, retired } in list.keys {
        if kid.is_empty() {
            return Err(VerificationKeysError::EmptyKid);
        }
        let key = decoding(&kid, &public_key)?;
        let tenant = match tenant {
            None => None,
            Some(tenant) => match TenantId::parse(&tenant) {
                Ok(tenant) => Some(tenant),
                Err(source) => return Err(VerificationKeysError::Tenant { kid, tenant, source }),
            },
        };
        let state = match (state, retired) {
            (ListedState::Standby, None) => TokenKeyState::Standby,
            (ListedState::Current, None) => TokenKeyState::Current,
            (ListedState::Previous, Some(Moment(retired))) => TokenKeyState::Previous { retired },
            (ListedState::Revoked, None) => TokenKeyState::Revoked,
            _ => return Err(VerificationKeysError::Retired(kid)),
        };
        let key = VerificationKey { key, public_pem: public_key, tenant, state };
        if by_kid.insert(kid.clone(), key).is_some() {
            return Err(VerificationKeysError::DuplicateKid(kid));
        }
    }
    Ok(by_kid)
}

fn written(by_kid: &ByKid) -> Result<String, VerificationKeysError> {
    let listed = |(kid, key): (&String, &VerificationKey)| {
        let (state, retired) = match key.state {
            TokenKeyState::Standby => (ListedState::Standby, None),
            TokenKeyState::Current => (ListedState::Current, None),
            TokenKeyState::Previous { retired } => (ListedState::Previous, Some(Moment(retired))),
            TokenKeyState::Revoked => (ListedState::Revoked, None),
        };
        ListedKey {
            kid: kid.clone(),
            public_key: key.public_pem.clone(),
            tenant: key.tenant.as_ref().map(|tenant| tenant.as_str().to_owned()),
            state,
            retired,
        }
    };
    let mut keys: Vec<_> = by_kid.iter().map(listed).collect();
    keys.sort_unstable_by(|a, b| a.kid.cmp(&b.kid));
    serde_json::to_string_pretty(&KeyList { keys }).map_err(VerificationKeysError::Malformed)
}

#[cfg(test)]
mod tests;
