//! Positions as clients hold them: proof that a batch was acknowledged, without telling how many there were.
//!
//! Only writers are given any, that is holders of admin and ingest keys, and what they are for is to be passed on: a backend
//! writes with one key and reads with another, or lets the agent's browser read what was just written. So a position is
//! bound to the tenant and not to the asker: every key and token of the tenant may read with it, and in its own scope sees
//! no more than without. All that a position tells its holder is that some batch was acknowledged, which whoever handed it
//! over wanted them to see; it shows no number, and two of one batch are not alike.

use axum::http::HeaderMap;
use ticketscope_engine::storage::{TenantId, TenantUuid};
use ticketscope_model::Opstamp;

use crate::{code::Code, failure::Failure, hex};

/// The header that writes answer and reads may send.
pub(crate) const HEADER: &str = "x-ticketscope-position";

const NONCE: usize = 8;
/// Of the opstamp and of the life.
const STAMP: usize = 16;
const TAG: usize = 16;

/// What tells one life of a tenant from another: a tenant that was deleted and made again, or restored from a backup, goes
/// through the same opstamps with other changes.
pub(crate) type Life = [u8; 8];

/// The life of the tenant with this uuid.
pub(crate) fn life(TenantUuid(uuid): TenantUuid) -> Life {
    std::array::from_fn(|at| uuid[at] ^ uuid[at + 8])
}

/// A batch as a client may ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) opstamp: Opstamp,
    /// In which life of the tenant; nothing if an admin wrote the bare number.
    pub(crate) life: Option<Life>,
}

/// Seals opstamps into positions and opens them again.
///
/// A position is `nonce, opstamp and life xor keystream, tag` in hex. Key stream and tag are keyed hashes over the nonce and the
/// tenant, so that a position shows no number, is not linked to another one, and is good for its tenant alone.
#[derive(Clone)]
pub(crate) struct Positions {
    secret: [u8; 32],
}

impl std::fmt::Debug for Positions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Positions").finish_non_exhaustive()
    }
}

impl Positions {
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The position of a batch of `tenant` in one of its lives.
    ///
    /// # Errors
    /// Internal if the system gives no random numbers.
    pub(crate) fn seal(&self, tenant: &TenantId, opstamp: Opstamp, life: Life) -> Result<String, Failure> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| Failure::of(Code::Internal).caused_by(error.to_string()))?;
        let mut body = nonce.to_vec();
        let mut stamp = [0; STAMP];
        stamp[..8].copy_from_slice(&opstamp.0.to_le_bytes());
        stamp[8..].copy_from_slice(&life);
        body.extend(xor(stamp, self.stream(tenant, &nonce)));
        let tag = self.hash(b"tag", tenant, &body);
        body.extend_from_slice(&tag.as_bytes()[..TAG]);
        Ok(hex::encode(&body))
    }

    /// A position of `tenant`; nothing for anything else.
    pub(crate) fn open(&self, tenant: &TenantId, text: &str) -> Option<Position> {
        let bytes: [u8; NONCE + STAMP + TAG] = hex::decode(text)?.try_into().ok()?;
        let (body, tag) = bytes.split_at(NONCE + STAMP);
        let expected = self.hash(b"tag", tenant, body);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&expected.as_bytes()[..TAG], tag)) {
            return None;
        }
        let (nonce, sealed) = body.split_at(NONCE);
        let stamp = xor(sealed.try_into().ok()?, self.stream(tenant, nonce));
        let opstamp = Opstamp(u64::from_le_bytes(*stamp.first_chunk()?));
        Some(Position { opstamp, life: stamp.last_chunk().copied() })
    }

    /// The position that a read asks for, if it asks for one. Only an admin may write the bare number.
    ///
    /// # Errors
    /// [`Code::BadPosition`].
    pub(crate) fn asked(
        &self,
        headers: &HeaderMap,
        tenant: &TenantId,
        is_admin: bool,
    ) -> Result<Option<Position>, Failure> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let text = value.to_str().ok().filter(|_| values.next().is_none());
        let bare = |text: &str| text.parse().ok().filter(|_| is_admin && text.len() <= 20).map(Opstamp);
        let bare = |text: &str| bare(text).map(|opstamp| Position { opstamp, life: None });
        let position = text.and_then(|text| bare(text).or_else(|| self.open(tenant, text)));
        position.map(Some).ok_or_else(|| Failure::of(Code::BadPosition))
    }

    fn stream(&self, tenant: &TenantId, nonce: &[u8]) -> [u8; STAMP] {
        let mut stream = [0; STAMP];
        stream.copy_from_slice(&self.hash(b"stream", tenant, nonce).as_bytes()[..STAMP]);
        stream
    }

    fn hash(&self, use_of: &[u8], tenant: &TenantId, bytes: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        for part in [use_of, tenant.as_str().as_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize()
    }
}

fn xor(a: [u8; STAMP], b: [u8; STAMP]) -> [u8; STAMP] {
    std::array::from_fn(|at| a[at] ^ b[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    #[test]
    fn a_position_opens_for_its_tenant_and_secret_alone() {
        let (positions, others) = (Positions::new([1; 32]), Positions::new([2; 32]));
        for opstamp in [0, 1, 77, u64::MAX] {
            let life = opstamp.wrapping_mul(7).to_le_bytes();
            let sealed = positions.seal(&tenant("acme"), Opstamp(opstamp), life).unwrap();
            let expected = Position { opstamp: Opstamp(opstamp), life: Some(life) };
            assert_eq!(positions.open(&tenant("acme"), &sealed), Some(expected));
            assert_eq!(positions.open(&tenant("acm"), &sealed), None);
            assert_eq!(others.open(&tenant("acme"), &sealed), None);
        }
    }

    #[test]
    fn no_changed_character_of_a_position_is_accepted() {
        let positions = Positions::new([1; 32]);
        let sealed = positions.seal(&tenant("acme"), Opstamp(5), [3; 8]).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(positions.open(&tenant("acme"), &changed), None, "{at}");
        }
        for text in ["", "5", "zz", &sealed[1..], &sealed[2..], &format!("{sealed}00"), &sealed.to_uppercase()] {
            assert_eq!(positions.open(&tenant("acme"), text), None, "{text}");
        }
    }

    #[test]
    fn two_positions_of_one_batch_are_not_alike() {
        let positions = Positions::new([1; 32]);
        let seal = || positions.seal(&tenant("acme"), Opstamp(5), [3; 8]).unwrap();
        assert_ne!(seal()[..32], seal()[..32]);
    }

    #[test]
    fn only_an_admin_may_write_the_bare_number() {
        let positions = Positions::new([1; 32]);
        let mut headers = HeaderMap::new();
        let asked = |headers: &HeaderMap, is_admin| positions.asked(headers, &tenant("acme"), is_admin);
        assert_eq!(asked(&headers, false).unwrap(), None);
        headers.insert(HEADER, "5".parse().unwrap());
        assert_eq!(asked(&headers, true).unwrap(), Some(Position { opstamp: Opstamp(5), life: None }));
        assert_eq!(asked(&headers, false).unwrap_err().code, Code::BadPosition);
        headers.append(HEADER, "5".parse().unwrap());
        assert_eq!(asked(&headers, true).unwrap_err().code, Code::BadPosition);
    }
}
