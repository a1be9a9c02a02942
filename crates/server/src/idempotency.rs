use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use ticketscope_engine::storage::TenantId;

use crate::{ask::Applied, code::Code, failure::Failure, position::Life};

/// Bytes that the answers kept take at most, about: an answer may name a thousand rejected lines.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// The longest idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// Answers to batches by the keys that clients gave them, so that a batch sent again is answered and not applied again.
///
/// Kept in memory for a while: a batch that is sent again later, or after a restart, is applied again and ends in the
/// same state by the meaning of the format. Only what took effect is kept, so that a batch that was refused can be mended
/// around and sent again.
#[derive(Debug, Clone)]
pub(crate) struct Idempotency {
    kept: Arc<Mutex<Kept>>,
    lifetime: Duration,
    max: u32,
}

/// Which batch of which tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name {
    tenant: TenantId,
    /// A tenant that was made anew under the same name has not seen the batches of the one before.
    life: Life,
    key: String,
}

#[derive(Debug, Default)]
struct Kept {
    by_name: HashMap<Name, Entry>,
    /// Names of finished batches, oldest first.
    finished: VecDeque<(Instant, Name)>,
    /// Of the answers to them.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    fingerprint: [u8; 32],
    /// Nothing while it is being applied.
    answer: Option<Applied>,
}

/// What a key stands for.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Nothing yet: apply the batch.
    New(Claim),
    /// A batch that was applied.
    Before(Applied),
}

/// The right to apply the batch of a key. Dropped without an answer it frees the key.
#[derive(Debug)]
pub(crate) struct Claim {
    kept: Arc<Mutex<Kept>>,
    name: Name,
    finished: bool,
}

/// Whether `text` can be a key.
///
/// # Errors
/// [`Code::BadIdempotencyKey`].
pub(crate) fn check_key(text: &[u8]) -> Result<String, Failure> {
    let is_key = !text.is_empty() && text.len() <= MAX_KEY_BYTES && text.iter().all(u8::is_ascii_graphic);
    let key = std::str::from_utf8(text).ok().filter(|_| is_key);
    key.map(str::to_owned).ok_or_else(|| Failure::of(Code::BadIdempotencyKey))
}

impl Idempotency {
    pub(crate) fn new(lifetime: Duration, max: u32) -> Self {
        Self { kept: Arc::default(), lifetime, max }
    }

    /// Looks a key up at `now`, of a tenant that is in its life `life`. `fingerprint` is a hash of the batch and of how it is
    /// to be applied.
    ///
    /// # Errors
    /// [`Code::IdempotencyMismatch`] for a key of another batch, [`Code::IdempotencyInProgress`] while the same one is
    /// being applied.
    pub(crate) fn begin(
        &self,
        tenant: &TenantId,
        life: Life,
        key: String,
        fingerprint: [u8; 32],
        now: Instant,
    ) -> Result<Begun, Failure> {
        let name = Name { tenant: tenant.clone(), life, key };
        let mut kept = self.kept.lock();
        kept.forget(now, self.lifetime, self.max);
        if let Some(entry) = kept.by_name.get(&name) {
            if entry.fingerprint != fingerprint {
                return Err(Failure::of(Code::IdempotencyMismatch));
            }
            let answer = entry.answer.clone();
            return answer.map(Begun::Before).ok_or_else(|| Failure::of(Code::IdempotencyInProgress));
        }
        kept.by_name.insert(name.clone(), Entry { fingerprint, answer: None });
        Ok(Begun::New(Claim { kept: Arc::clone(&self.kept), name, finished: false }))
    }

    /// Forgets the batches of a tenant that is gone: nobody will ask for them.
    pub(crate) fn forget_tenant(&self, tenant: &TenantId) {
        let mut kept = self.kept.lock();
        kept.finished.retain(|(_, name)| name.tenant != *tenant);
        let Kept { by_name, bytes, .. } = &mut *kept;
        by_name.retain(|name, entry| {
            let stays = name.tenant != *tenant || entry.answer.is_none();
            *bytes -= if stays { 0 } else { entry.bytes() };
            stays
        });
    }
}

impl Entry {
    /// Of its answer, about.
    fn bytes(&self) -> usize {
        let lines = self.answer.iter().flat_map(|answer| &answer.rejected);
        lines.map(|rejected| size_of_val(rejected) + rejected.message.len()).sum()
    }
}

impl Kept {
    /// Forgets what is old, and the oldest of what is too much.
    fn forget(&mut self, now: Instant, lifetime: Duration, max: u32) {
        while let Some((at, _)) = self.finished.front()
            && (now.saturating_duration_since(*at) >= lifetime
                || self.finished.len() > max as usize
                || self.bytes > MAX_KEPT_BYTES)
        {
            if let Some((_, name)) = self.finished.pop_front() {
                self.bytes -= self.by_name.remove(&name).map_or(0, |entry| entry.bytes());
            }
        }
    }
}

impl Claim {
    /// Keeps the answer from `now` on; not that of another life than the key was looked up in.
    pub(crate) fn finish(mut self, answer: Applied, now: Instant) {
        if answer.life != self.name.life {
            return;
        }
        self.finished = true;
        let mut kept = self.kept.lock();
        if let Some(entry) = kept.by_name.get_mut(&self.name) {
            entry.answer = Some(answer);
            let bytes = entry.bytes();
            kept.bytes += bytes;
            kept.finished.push_back((now, self.name.clone()));
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.finished {
            self.kept.lock().by_name.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use ticketscope_model::Opstamp;

    use super::*;
    use crate::failure::Rejected;

    const LIFE: Life = [7; 8];

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    fn applied(opstamp: u64) -> Applied {
        Applied { opstamp: Opstamp(opstamp), life: LIFE, lines: 1, applied: 1, rejected: Vec::new() }
    }

    fn claim(idempotency: &Idempotency, key: &str, now: Instant) -> Claim {
        match idempotency.begin(&tenant("acme"), LIFE, key.to_owned(), [0; 32], now).unwrap() {
            Begun::New(claim) => claim,
            Begun::Before(answer) => panic!("{key} is known: {answer:?}"),
        }
    }

    fn code(idempotency: &Idempotency, key: &str, fingerprint: [u8; 32], now: Instant) -> Code {
        idempotency.begin(&tenant("acme"), LIFE, key.to_owned(), fingerprint, now).unwrap_err().code
    }

    fn known(idempotency: &Idempotency, key: &str, now: Instant) -> Option<u64> {
        match idempotency.begin(&tenant("acme"), LIFE, key.to_owned(), [0; 32], now).unwrap() {
            Begun::New(_) => None,
            Begun::Before(answer) => Some(answer.opstamp.0),
        }
    }

    #[test]
    fn a_key_stands_for_one_batch_of_one_tenant() {
        let (idempotency, now) = (Idempotency::new(Duration::from_mins(10), 10), Instant::now());
        let first = claim(&idempotency, "a", now);
        assert_eq!(code(&idempotency, "a", [0; 32], now), Code::IdempotencyInProgress);
        assert_eq!(code(&idempotency, "a", [1; 32], now), Code::IdempotencyMismatch);
        first.finish(applied(7), now);
        assert_eq!(known(&idempotency, "a", now), Some(7));
        assert_eq!(code(&idempotency, "a", [1; 32], now), Code::IdempotencyMismatch);
        let other = idempotency.begin(&tenant("other"), LIFE, "a".to_owned(), [1; 32], now).unwrap();
        assert!(matches!(other, Begun::New(_)));
    }

    #[test]
    fn a_key_stands_for_nothing_in_another_life_of_its_tenant() {
        let (idempotency, now) = (Idempotency::new(Duration::from_mins(10), 10), Instant::now());
        let under_way = claim(&idempotency, "under way", now);
        claim(&idempotency, "a", now).finish(applied(7), now);
        for key in ["a", "under way"] {
            let other = idempotency.begin(&tenant("acme"), [8; 8], key.to_owned(), [1; 32], now).unwrap();
            assert!(matches!(other, Begun::New(_)), "{key}");
        }
        // Made anew between the look at its key and its batch: the key was not looked up in that life.
        under_way.finish(Applied { life: [8; 8], ..applied(9) }, now);
        assert_eq!(known(&idempotency, "under way", now), None);
    }

    #[test]
    fn a_batch_that_came_to_nothing_frees_its_key() {
        let (idempotency, now) = (Idempotency::new(Duration::from_mins(10), 10), Instant::now());
        drop(claim(&idempotency, "a", now));
        drop(claim(&idempotency, "a", now));
    }

    #[test]
    fn answers_are_forgotten_at_the_end_of_their_time_and_the_oldest_when_there_are_too_many() {
        let lifetime = Duration::from_mins(10);
        let (idempotency, start) = (Idempotency::new(lifetime, 2), Instant::now());
        claim(&idempotency, "a", start).finish(applied(1), start);
        assert_eq!(known(&idempotency, "a", start + Duration::from_nanos(599_999_999_999)), Some(1));
        assert_eq!(known(&idempotency, "a", start + lifetime), None);
        for (at, key) in ["b", "c", "d"].into_iter().enumerate() {
            claim(&idempotency, key, start).finish(applied(at as u64), start);
        }
        assert_eq!(known(&idempotency, "b", start), None);
        assert_eq!(known(&idempotency, "c", start), Some(1));
        assert_eq!(known(&idempotency, "d", start), Some(2));
    }

    #[test]
    fn long_answers_are_forgotten_before_they_fill_the_memory() {
        let (idempotency, now) = (Idempotency::new(Duration::from_mins(10), 10_000), Instant::now());
        let line = Rejected { line: 1, code: "unknown_field", message: "x".repeat(1 << 20) };
        let batch = |rejected: usize| Applied { rejected: vec![line.clone(); rejected], ..applied(1) };
        for number in 0..63 {
            claim(&idempotency, &format!("{number}"), now).finish(batch(1), now);
        }
        assert_eq!(known(&idempotency, "0", now), Some(1));
        claim(&idempotency, "63", now).finish(batch(1), now);
        assert_eq!(known(&idempotency, "0", now), None, "all together are more than the limit");
        assert_eq!(known(&idempotency, "1", now), Some(1));
        idempotency.forget_tenant(&tenant("acme"));
        let kept = idempotency.kept.lock();
        assert_eq!((kept.bytes, kept.finished.len()), (0, 0));
    }

    #[test]
    fn keys_are_short_and_visible() {
        for key in ["a", "0b9f-1", &"x".repeat(MAX_KEY_BYTES)] {
            assert_eq!(check_key(key.as_bytes()).unwrap(), key);
        }
        for key in ["", "a b", "\u{e9}", "\t", &"x".repeat(MAX_KEY_BYTES + 1)] {
            assert_eq!(check_key(key.as_bytes()).unwrap_err().code, Code::BadIdempotencyKey, "{key:?}");
        }
    }
}
