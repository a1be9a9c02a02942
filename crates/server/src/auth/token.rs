//! Agent tokens: JWTs signed with Ed25519 that say who a person is, and nothing about what they may see.
//!
//! Claims: `iss`, `aud`, `sub` (the principal), `tid` (the tenant), `exp`, `nbf`, `iat`, `jti`, all required. Any other
//! claim, whatever rights it speaks of, is not read: a role or a filter in a token would be in force until the token dies,
//! where a scope looked up at each request ends with the membership.

use std::{collections::HashMap, fmt, path::PathBuf, time::Duration};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{Ed25519KeyPair, KeyPair},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use ticketscope_engine::storage::{TenantId, TenantIdError};
use ticketscope_model::Timestamp;

use super::key_file::{self, KeyFileError};
use crate::hex;

/// The longest time from `iat` to `exp`.
pub const MAX_TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// Seconds by which the clocks of issuer and server may differ.
const LEEWAY_S: u64 = 5;

/// The longest principal id or `jti`, in bytes.
const MAX_ID_BYTES: usize = 512;

/// The one algorithm. What a token's header says decides nothing but whether it is this one.
const ALGORITHM: Algorithm = Algorithm::EdDSA;

/// Which tokens are believed.
#[derive(Debug)]
pub struct TokenPolicy {
    /// The `iss` they must carry.
    pub issuer: String,
    /// The `aud` they must carry, alone or among others.
    pub audience: String,
    /// The keys they may be signed with.
    pub keys: VerificationKeys,
}

/// Public keys by `kid`: several, so that a new one can be known before it signs and an old one until its last token
/// has died.
pub struct VerificationKeys {
    by_kid: HashMap<String, VerificationKey>,
}

struct VerificationKey {
    key: DecodingKey,
    /// The one tenant whose tokens it may sign; nothing for all.
    tenant: Option<TenantId>,
}

impl fmt::Debug for VerificationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKeys").field("kids", &self.by_kid.keys()).finish_non_exhaustive()
    }
}

/// Why a file is not one of verification keys.
#[derive(Debug, Error)]
pub enum VerificationKeysError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// There is none.
    #[error("there is no file {} with verification keys", .0.display())]
    Missing(PathBuf),
    /// It is not of its form.
    #[error("verification keys are {{\"keys\": [{{\"kid\", \"public_key\", \"tenant\"}}]}}: {0}")]
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyList {
    keys: Vec<ListedKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedKey {
    kid: String,
    public_key: String,
    #[serde(default)]
    tenant: Option<String>,
}

impl VerificationKeys {
    /// The keys in the file at `path`, which must be its owner's alone: who can add a key can be anybody.
    ///
    /// # Errors
    /// [`VerificationKeysError`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, VerificationKeysError> {
        let path = path.into();
        match key_file::read(&path)? {
            Some((text, _)) => Self::parse(&text),
            None => Err(VerificationKeysError::Missing(path)),
        }
    }

    /// Keys as `{"keys": [{"kid": .., "public_key": PEM, "tenant": ..}]}`; without `tenant` a key signs for all.
    ///
    /// # Errors
    /// [`VerificationKeysError`].
    pub fn parse(json: &str) -> Result<Self, VerificationKeysError> {
        let list: KeyList = serde_json::from_str(json).map_err(VerificationKeysError::Malformed)?;
        let mut by_kid = HashMap::with_capacity(list.keys.len());
        for ListedKey { kid, public_key, tenant } in list.keys {
            if kid.is_empty() {
                return Err(VerificationKeysError::EmptyKid);
            }
            let Ok(key) = DecodingKey::from_ed_pem(public_key.as_bytes()) else {
                return Err(VerificationKeysError::NotEd25519(kid));
            };
            let tenant = match tenant {
                None => None,
                Some(tenant) => match TenantId::parse(&tenant) {
                    Ok(tenant) => Some(tenant),
                    Err(source) => return Err(VerificationKeysError::Tenant { kid, tenant, source }),
                },
            };
            if by_kid.insert(kid.clone(), VerificationKey { key, tenant }).is_some() {
                return Err(VerificationKeysError::DuplicateKid(kid));
            }
        }
        Ok(Self { by_kid })
    }
}

/// Who a token says its bearer is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) tenant: TenantId,
    pub(crate) principal: String,
}

/// Why a token is not believed. For the operator: the bearer gets one answer for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Disbelief {
    #[error("the token is no signed JWT")]
    Malformed,
    #[error("the token is not signed with EdDSA, or demands what is not understood")]
    Header,
    #[error("the token names no key that is known")]
    UnknownKey,
    #[error("the token's signature is wrong, or its claims are missing or mistyped")]
    Signature,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token's key does not sign for its tenant")]
    Tenant,
    #[error("the token's subject or id is empty or too long")]
    Id,
    #[error("the token lives longer than tokens may")]
    Lifetime,
    #[error("the token is expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    tid: String,
    exp: u64,
    nbf: u64,
    iat: u64,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn has(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl TokenPolicy {
    /// Who the bearer of `token` is at `now`.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Disbelief> {
        let header = decode_header(token).or(Err(Disbelief::Malformed))?;
        if header.alg != ALGORITHM || header.crit.is_some() {
            return Err(Disbelief::Header);
        }
        let known = header.kid.and_then(|kid| self.keys.by_kid.get(&kid)).ok_or(Disbelief::UnknownKey)?;
        let claims = decode::<Claims>(token, &known.key, &signature_only()).or(Err(Disbelief::Signature))?.claims;
        if claims.iss != self.issuer {
            return Err(Disbelief::Issuer);
        }
        if !claims.aud.has(&self.audience) {
            return Err(Disbelief::Audience);
        }
        check_times(&claims, now)?;
        let is_id = |text: &str| !text.is_empty() && text.len() <= MAX_ID_BYTES;
        if !is_id(&claims.sub) || !is_id(&claims.jti) {
            return Err(Disbelief::Id);
        }
        let tenant = TenantId::parse(&claims.tid).or(Err(Disbelief::Tenant))?;
        if known.tenant.as_ref().is_some_and(|own| *own != tenant) {
            return Err(Disbelief::Tenant);
        }
        Ok(Identity { tenant, principal: claims.sub })
    }
}

/// The library checks the signature; times are checked here, by the clock that the server was given.
fn signature_only() -> Validation {
    let mut validation = Validation::new(ALGORITHM);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), Disbelief> {
    let now = seconds(now);
    match claims.exp.checked_sub(claims.iat) {
        Some(lifetime) if lifetime <= MAX_TOKEN_LIFETIME.as_secs() => {}
        _ => return Err(Disbelief::Lifetime),
    }
    if claims.exp.saturating_add(LEEWAY_S) <= now {
        return Err(Disbelief::Expired);
    }
    let latest = now.saturating_add(LEEWAY_S);
    if claims.nbf > latest || claims.iat > latest { Err(Disbelief::NotYet) } else { Ok(()) }
}

/// Whole seconds since 1970. Before that no token is valid.
fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.0 / 1000).unwrap_or(0)
}

/// What a token is to say.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub audience: &'a str,
    /// `tid`.
    pub tenant: &'a TenantId,
    /// `sub`.
    pub principal: &'a str,
    /// `iat` and `nbf`.
    pub issued: Timestamp,
    /// `exp` less `iat`, in whole seconds.
    pub lifetime: Duration,
}

/// Why a token or a pair of keys cannot be made.
#[derive(Debug, Error)]
pub enum IssueError {
    /// Not a key.
    #[error("the signing key is no Ed25519 private key in PEM form")]
    NotEd25519,
    /// There is no randomness to be had.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The claims cannot be signed.
    #[error("sign the token")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

#[derive(Serialize)]
struct SignedClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    tid: &'a str,
    exp: u64,
    nbf: u64,
    iat: u64,
    jti: String,
}

/// A token as an identity provider would issue it, signed with the Ed25519 private key `private_pem` known as `kid`. For
/// demonstrations and tests: this server verifies tokens and logs nobody in.
///
/// # Errors
/// [`IssueError`].
pub fn issue_token(private_pem: &str, kid: &str, request: &TokenRequest<'_>) -> Result<String, IssueError> {
    let key = EncodingKey::from_ed_pem(private_pem.as_bytes()).or(Err(IssueError::NotEd25519))?;
    let mut jti = [0; 16];
    getrandom::fill(&mut jti).or(Err(IssueError::NoRandomness))?;
    let issued = seconds(request.issued);
    let claims = SignedClaims {
        iss: request.issuer,
        aud: request.audience,
        sub: request.principal,
        tid: request.tenant.as_str(),
        exp: issued.saturating_add(request.lifetime.as_secs()),
        nbf: issued,
        iat: issued,
        jti: hex::encode(&jti),
    };
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(ALGORITHM) };
    encode(&header, &claims, &key).map_err(IssueError::Sign)
}

/// A new pair of keys for tokens.
#[derive(Clone)]
pub struct TokenKeyPair {
    /// For whoever issues tokens: PKCS #8 in PEM form.
    pub private_pem: String,
    /// For [`VerificationKeys`]: `SubjectPublicKeyInfo` in PEM form.
    pub public_pem: String,
}

impl fmt::Debug for TokenKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeyPair").field("public_pem", &self.public_pem).finish_non_exhaustive()
    }
}

impl TokenKeyPair {
    /// Makes one.
    ///
    /// # Errors
    /// [`IssueError::NoRandomness`].
    pub fn generate() -> Result<Self, IssueError> {
        let pair = Ed25519KeyPair::generate().or(Err(IssueError::NoRandomness))?;
        let private = pair.to_pkcs8v1().or(Err(IssueError::NoRandomness))?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().or(Err(IssueError::NotEd25519))?;
        Ok(Self {
            private_pem: pem::encode(&pem::Pem::new("PRIVATE KEY", private.as_ref())),
            public_pem: pem::encode(&pem::Pem::new("PUBLIC KEY", public.as_ref())),
        })
    }
}

#[cfg(test)]
mod tests;
