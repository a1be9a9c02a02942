//! Agent tokens: JWTs signed with Ed25519 that say who a person is, and nothing about what they may see.
//!
//! Claims: `iss`, `aud`, `sub` (the principal), `tid` (the tenant), `exp`, `nbf`, `iat`, `jti`, all required. Any other
//! claim, whatever rights it speaks of, is not read: a role or a filter in a token would be in force until the token dies,
//! where a scope looked up at each request ends with the membership.

mod verification;

use std::{fmt, time::Duration};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{Ed25519KeyPair, KeyPair},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use ticketscope_engine::storage::TenantId;
use ticketscope_model::Timestamp;

pub use self::verification::{TokenKeyInfo, TokenKeyState, VerificationKeys, VerificationKeysError};
use crate::hex;

/// The longest time from `iat` to `exp`.
pub const MAX_TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// By how much the clocks of issuer and server may differ.
pub(super) const LEEWAY: Duration = Duration::from_secs(5);

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

/// Who a token says its bearer is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) tenant: TenantId,
    pub(crate) principal: String,
    /// `iat`.
    pub(crate) issued: Timestamp,
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
    #[error("the token's key is on standby and was not promoted yet")]
    StandbyKey,
    #[error("the token's key was retired, and its last token has died, or the clock is set back")]
    RetiredKey,
    #[error("the token was issued after its key was retired")]
    IssuedLate,
    #[error("the token's key is revoked")]
    RevokedKey,
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
    #[error("the token was issued before its bearer was signed out")]
    SignedOut,
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
        let known = header.kid.and_then(|kid| self.keys.known(&kid)).ok_or(Disbelief::UnknownKey)?;
        known.state.check(now)?;
        let claims = decode::<Claims>(token, &known.key, &signature_only()).or(Err(Disbelief::Signature))?.claims;
        if claims.iss != self.issuer {
            return Err(Disbelief::Issuer);
        }
        if !claims.aud.has(&self.audience) {
            return Err(Disbelief::Audience);
        }
        check_times(&claims, now)?;
        let issued = at_second(claims.iat);
        known.state.check_issued(issued)?;
        let is_id = |text: &str| !text.is_empty() && text.len() <= MAX_ID_BYTES;
        if !is_id(&claims.sub) || !is_id(&claims.jti) {
            return Err(Disbelief::Id);
        }
        let tenant = TenantId::parse(&claims.tid).or(Err(Disbelief::Tenant))?;
        if known.tenant.as_ref().is_some_and(|own| *own != tenant) {
            return Err(Disbelief::Tenant);
        }
        Ok(Identity { tenant, principal: claims.sub, issued })
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
    if claims.exp.saturating_add(LEEWAY.as_secs()) <= now {
        return Err(Disbelief::Expired);
    }
    let latest = now.saturating_add(LEEWAY.as_secs());
    if claims.nbf > latest || claims.iat > latest { Err(Disbelief::NotYet) } else { Ok(()) }
}

/// Whole seconds since 1970. Before that no token is valid.
fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.0 / 1000).unwrap_or(0)
}

/// The moment that so many seconds after 1970 are; no token that is believed was issued beyond the range.
fn at_second(seconds: u64) -> Timestamp {
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
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
