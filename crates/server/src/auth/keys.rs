use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use ticketscope_engine::storage::TenantId;

use super::{
    Caller, Class,
    key_file::{self, KeyFileError, Stamp},
};
use crate::hex;

/// What the text of every key begins with.
pub(crate) const PREFIX: &str = "ts_";

/// What a key lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyClass {
    /// Everything.
    Admin,
    /// Changes, and nothing else.
    Ingest,
    /// Questions, each for a principal that the holder names: for a backend that knows its users.
    Search,
    /// The metrics of the server, and nothing else: they count what happens in every tenant.
    Metrics,
}

impl KeyClass {
    const ALL: [Self; 4] = [Self::Admin, Self::Ingest, Self::Search, Self::Metrics];

    /// Its name in key texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ingest => "ingest",
            Self::Search => "search",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for KeyClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no class of keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no class of keys: use admin, ingest, search or metrics")]
pub struct UnknownClass(String);

impl FromStr for KeyClass {
    type Err = UnknownClass;

    fn from_str(name: &str) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| class.name() == name).ok_or_else(|| UnknownClass(name.to_owned()))
    }
}

/// A key that was just made. Its text is not kept anywhere.
#[derive(Clone)]
pub struct NewKey {
    /// Names the key where it is listed and revoked.
    pub id: String,
    /// `ts_<class>_<id>_<secret>`, to be given to the holder.
    pub text: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// What it lets its holder do.
    pub class: KeyClass,
    /// The one tenant it is good for; nothing for all.
    pub tenant: Option<TenantId>,
}

/// Why keys cannot be had or changed.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The file of keys.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The file holds something else than keys.
    #[error("read keys in {}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no randomness to be had.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// The keys of a server: SHA-256 hashes in a file of mode 0600, or in memory alone.
///
/// The file may be changed by another process; [`Self::refresh`] sees that.
#[derive(Debug)]
pub struct Keys {
    path: Option<PathBuf>,
    stored: RwLock<Stored>,
    /// What the file looked like when it was last read, and the one at a time that changes it.
    seen: Mutex<Option<Stamp>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// Seals positions, so that they outlive a restart.
    secret: Hex32,
    keys: BTreeMap<String, StoredKey>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    class: KeyClass,
    tenant: Option<String>,
    sha256: Hex32,
}

/// 32 bytes, as text in files.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hex32([u8; 32]);

impl fmt::Debug for Hex32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl TryFrom<String> for Hex32 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let bytes = hex::decode(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("expected 64 lower-case hexadecimal digits")
    }
}

impl From<Hex32> for String {
    fn from(bytes: Hex32) -> Self {
        hex::encode(&bytes.0)
    }
}

const VERSION: u32 = 1;

impl Keys {
    /// The keys in the file at `path`, which is made without any if it is not there.
    ///
    /// # Errors
    /// [`KeysError`], in particular that others than its owner may read the file.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeysError> {
        let path = path.into();
        if let Some((text, stamp)) = key_file::read(&path)? {
            let stored = parse(&path, &text)?;
            return Ok(Self { path: Some(path), stored: RwLock::new(stored), seen: Mutex::new(Some(stamp)) });
        }
        let keys = Self { path: Some(path), ..Self::in_memory()? };
        let stored = keys.stored.read().clone();
        keys.store(&mut keys.seen.lock(), stored)?;
        Ok(keys)
    }

    /// No keys, and none that are kept.
    ///
    /// # Errors
    /// [`KeysError::NoRandomness`].
    pub fn in_memory() -> Result<Self, KeysError> {
        let stored = Stored { version: VERSION, secret: Hex32(random()?), keys: BTreeMap::new() };
        Ok(Self { path: None, stored: RwLock::new(stored), seen: Mutex::new(None) })
    }

    /// Makes a key, good for one tenant or for all. Nobody can read its text again.
    ///
    /// # Errors
    /// [`KeysError`]; then there is no such key.
    pub fn create(&self, class: KeyClass, tenant: Option<TenantId>) -> Result<NewKey, KeysError> {
        let mut seen = self.seen.lock();
        self.reread(&mut seen)?;
        let mut stored = self.stored.read().clone();
        let id = hex::encode(&random::<8>()?);
        let text = format!("{PREFIX}{class}_{id}_{}", hex::encode(&random::<32>()?));
        let tenant = tenant.map(|tenant| tenant.as_str().to_owned());
        stored.keys.insert(id.clone(), StoredKey { class, tenant, sha256: Hex32(sha256(&text)) });
        self.store(&mut seen, stored)?;
        Ok(NewKey { id, text })
    }

    /// Takes a key back; `false` if there is none of that id.
    ///
    /// # Errors
    /// [`KeysError`]; then the key is still good.
    pub fn revoke(&self, id: &str) -> Result<bool, KeysError> {
        let mut seen = self.seen.lock();
        self.reread(&mut seen)?;
        let mut stored = self.stored.read().clone();
        let was_there = stored.keys.remove(id).is_some();
        if was_there {
            self.store(&mut seen, stored)?;
        }
        Ok(was_there)
    }

    /// Every key, by id.
    pub fn list(&self) -> Vec<KeyInfo> {
        let stored = self.stored.read();
        let tenant = |key: &StoredKey| key.tenant.as_deref().and_then(|tenant| TenantId::parse(tenant).ok());
        let info = |(id, key): (&String, &StoredKey)| KeyInfo { id: id.clone(), class: key.class, tenant: tenant(key) };
        stored.keys.iter().map(info).collect()
    }

    /// Reads the file again if another process has changed it.
    ///
    /// # Errors
    /// [`KeysError`]; until the file can be read again no key is good.
    pub fn refresh(&self) -> Result<(), KeysError> {
        let read = self.reread(&mut self.seen.lock());
        if read.is_err() {
            self.stored.write().keys.clear();
        }
        read
    }

    /// The secret that seals positions.
    pub(crate) fn position_secret(&self) -> [u8; 32] {
        self.stored.read().secret.0
    }

    /// What the holder of a key may do; nothing if there is no such key. Takes as long for an unknown id as for a wrong
    /// secret.
    pub(crate) fn check(&self, text: &str) -> Option<Caller> {
        let id = text.strip_prefix(PREFIX)?.split('_').nth(1)?;
        let stored = self.stored.read();
        let key = stored.keys.get(id);
        let expected = key.map_or([0; 32], |key| key.sha256.0);
        let is_equal = bool::from(sha256(text).ct_eq(&expected));
        let key = key.filter(|_| is_equal)?;
        let tenant = match &key.tenant {
            None => None,
            Some(tenant) => Some(TenantId::parse(tenant).ok()?),
        };
        let class = match key.class {
            KeyClass::Admin => Class::Admin,
            KeyClass::Ingest => Class::Ingest,
            KeyClass::Search => Class::Search,
            KeyClass::Metrics => Class::Metrics,
        };
        Some(Caller { class, tenant })
    }

    fn reread(&self, seen: &mut Option<Stamp>) -> Result<(), KeysError> {
        let Some(path) = &self.path else { return Ok(()) };
        if seen.is_some() && *seen == key_file::stamp(path)? {
            return Ok(());
        }
        // Until it is read well again, it was not seen.
        *seen = None;
        let gone = || KeysError::Malformed { path: path.clone(), problem: "the file is gone".to_owned() };
        let (text, stamp) = key_file::read(path)?.ok_or_else(gone)?;
        *self.stored.write() = parse(path, &text)?;
        *seen = Some(stamp);
        Ok(())
    }

    /// Puts `stored` in force once it is on disk.
    fn store(&self, seen: &mut Option<Stamp>, stored: Stored) -> Result<(), KeysError> {
        if let Some(path) = &self.path {
            let malformed = |error: serde_json::Error| malformed(path, &error);
            let text = serde_json::to_string_pretty(&stored).map_err(malformed)?;
            *seen = Some(key_file::replace(path, &text)?);
        }
        *self.stored.write() = stored;
        Ok(())
    }
}

fn parse(path: &Path, text: &str) -> Result<Stored, KeysError> {
    let stored: Stored = serde_json::from_str(text).map_err(|error| malformed(path, &error))?;
    let wrong = |problem: String| KeysError::Malformed { path: path.to_owned(), problem };
    if stored.version != VERSION {
        return Err(wrong(format!("version {} is not {VERSION}", stored.version)));
    }
    for (id, key) in &stored.keys {
        // A tenant that cannot be one must not read as "all tenants".
        if let Some(Err(error)) = key.tenant.as_deref().map(TenantId::parse) {
            return Err(wrong(format!("key {id}: {error}")));
        }
    }
    Ok(stored)
}

fn malformed(path: &Path, error: &serde_json::Error) -> KeysError {
    KeysError::Malformed { path: path.to_owned(), problem: error.to_string() }
}

fn random<const N: usize>() -> Result<[u8; N], KeysError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).or(Err(KeysError::NoRandomness))?;
    Ok(bytes)
}

fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn acme() -> TenantId {
        TenantId::parse("acme").unwrap()
    }

    #[test]
    fn a_key_is_good_as_it_was_made_and_in_no_other_form() {
        let keys = Keys::in_memory().unwrap();
        let expected = [Class::Admin, Class::Ingest, Class::Search, Class::Metrics];
        for (class, expected) in KeyClass::ALL.into_iter().zip(expected) {
            assert_eq!(class.name().parse(), Ok(class));
            let NewKey { id, text } = keys.create(class, Some(acme())).unwrap();
            assert_eq!(text.len(), format!("ts_{class}_{id}_").len() + 64);
            assert_eq!(keys.check(&text), Some(Caller { class: expected, tenant: Some(acme()) }));
            for at in 0..text.len() {
                let mut changed = text.clone().into_bytes();
                changed[at] ^= 1;
                assert_eq!(keys.check(&String::from_utf8(changed).unwrap()), None, "{at}");
            }
            for other in [&text[..text.len() - 1], &format!("{text}0"), "ts_", "ts_admin", "ts_admin_", ""] {
                assert_eq!(keys.check(other), None, "{other}");
            }
            assert!(keys.revoke(&id).unwrap());
            assert_eq!(keys.check(&text), None);
            assert!(!keys.revoke(&id).unwrap());
        }
        assert!(keys.list().is_empty());
    }

    #[test]
    fn keys_and_the_secret_of_positions_outlive_the_process_and_texts_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let keys = Keys::open(&path).unwrap();
        let made = keys.create(KeyClass::Search, Some(acme())).unwrap();
        let secret = keys.position_secret();
        drop(keys);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(made.text.rsplit('_').next().unwrap()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let keys = Keys::open(&path).unwrap();
        assert_eq!(keys.position_secret(), secret);
        assert_eq!(keys.list(), [KeyInfo { id: made.id, class: KeyClass::Search, tenant: Some(acme()) }]);
        assert!(keys.check(&made.text).is_some());
    }

    #[test]
    fn a_change_by_another_process_is_seen_and_an_unreadable_file_lets_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let (here, there) = (Keys::open(&path).unwrap(), Keys::open(&path).unwrap());
        let made = there.create(KeyClass::Admin, None).unwrap();
        assert_eq!(here.check(&made.text), None);
        here.refresh().unwrap();
        assert!(here.check(&made.text).is_some());
        // Both add keys, and neither loses the other's.
        let second = here.create(KeyClass::Admin, None).unwrap();
        assert!(there.revoke(&made.id).unwrap());
        here.refresh().unwrap();
        assert_eq!(here.check(&made.text), None);
        assert!(here.check(&second.text).is_some());
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "{").unwrap();
        assert!(here.refresh().is_err());
        assert_eq!(here.check(&second.text), None);
        assert!(here.refresh().is_err());
        std::fs::write(&path, whole).unwrap();
        here.refresh().unwrap();
        assert!(here.check(&second.text).is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(here.refresh().is_err());
        assert_eq!(here.check(&second.text), None);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        drop(Keys::open(&path).unwrap());
        for mode in [0o640, 0o604, 0o644, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Keys::open(&path), Err(KeysError::File(KeyFileError::Exposed { .. }))), "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert!(Keys::open(&path).is_ok());
    }

    #[test]
    fn a_tenant_that_cannot_be_one_does_not_read_as_all_tenants() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let made = Keys::open(&path).unwrap().create(KeyClass::Search, Some(acme())).unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replace("\"acme\"", "\"\"");
        std::fs::write(&path, text).unwrap();
        let error = Keys::open(&path).unwrap_err().to_string();
        assert!(error.contains(&made.id), "{error}");
    }

    #[test]
    fn no_debug_output_holds_a_secret() {
        let keys = Keys::in_memory().unwrap();
        let made = keys.create(KeyClass::Admin, None).unwrap();
        let secret = made.text.rsplit('_').next().unwrap().to_owned();
        let shown = format!("{keys:?} {made:?}");
        assert!(!shown.contains(&secret) && !shown.contains(&hex::encode(&keys.position_secret())), "{shown}");
    }
}
