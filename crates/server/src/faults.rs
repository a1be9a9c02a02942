use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use ticketscope_engine::storage::TenantId;

use crate::config::{Fault, FaultLog};

/// The time in which one fault of a kind is told: an operator who looks can read it, and a thousand clients on a full disk
/// fill no log.
const SPELL: Duration = Duration::from_secs(5);

/// Kinds whose spells are remembered; of more at once all are told.
const MAX_KINDS: usize = 4096;

/// Tells the operator of faults that requests meet: of one code in one tenant one in a spell, and how many others there
/// were.
#[derive(Debug)]
pub(crate) struct Faults {
    log: FaultLog,
    spells: Mutex<HashMap<Kind, Spell>>,
}

/// Faults that are told as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    code: &'static str,
    tenant: Option<TenantId>,
}

/// What came after a fault that was told.
#[derive(Debug)]
struct Spell {
    since: Instant,
    /// The last one that was not told, and how many there were before it.
    kept_back: Option<(Fault, u64)>,
}

impl Spell {
    fn new(since: Instant) -> Self {
        Self { since, kept_back: None }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= SPELL
    }

    fn keep_back(&mut self, fault: Fault) {
        let before = self.left_out();
        self.kept_back = Some((fault, before));
    }

    fn left_out(&self) -> u64 {
        self.kept_back.as_ref().map_or(0, |(_, before)| before + 1)
    }
}

impl Faults {
    pub(crate) fn new(log: FaultLog) -> Self {
        Self { log, spells: Mutex::default() }
    }

    /// Tells of a fault that was met at `now`, at once or with others like it.
    pub(crate) fn tell(&self, mut fault: Fault, now: Instant) {
        let kind = Kind { code: fault.code, tenant: fault.tenant.clone() };
        {
            let mut spells = self.spells.lock();
            let has_room = spells.len() < MAX_KINDS;
            match spells.get_mut(&kind) {
                Some(spell) if !spell.is_over(now) => return spell.keep_back(fault),
                Some(spell) => {
                    fault.left_out = spell.left_out();
                    *spell = Spell::new(now);
                }
                None if has_room => drop(spells.insert(kind, Spell::new(now))),
                None => {}
            }
        }
        self.log.tell(&fault);
    }

    /// Tells what was kept back in spells that are over at `now`, and forgets those in which nothing was.
    pub(crate) fn settle(&self, now: Instant) {
        self.settle_where(now, |spell| spell.is_over(now));
    }

    /// Tells what was kept back: nothing follows any more.
    pub(crate) fn end(&self, now: Instant) {
        self.settle_where(now, |_| true);
    }

    fn settle_where(&self, now: Instant, is_over: impl Fn(&Spell) -> bool) {
        let mut told = Vec::new();
        self.spells.lock().retain(|_, spell| {
            if !is_over(spell) {
                return true;
            }
            let kept_back = std::mem::replace(spell, Spell::new(now)).kept_back;
            let goes_on = kept_back.is_some();
            told.extend(kept_back.map(|(fault, left_out)| Fault { left_out, ..fault }));
            goes_on
        });
        for fault in &told {
            self.log.tell(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Faults, the time, and what was told: the cause and how many others there were.
    struct Told {
        faults: Faults,
        at: Mutex<Instant>,
        lines: Arc<Mutex<Vec<(String, u64)>>>,
    }

    impl Told {
        fn new() -> Self {
            let lines = Arc::new(Mutex::new(Vec::new()));
            let log = FaultLog::new({
                let lines = Arc::clone(&lines);
                move |fault: &Fault| lines.lock().push((fault.cause.clone(), fault.left_out))
            });
            Self { faults: Faults::new(log), at: Mutex::new(Instant::now()), lines }
        }

        fn tell(&self, code: &'static str, tenant: &str, cause: &str) {
            let tenant = Some(TenantId::parse(tenant).unwrap());
            let fault = Fault { code, tenant, request_id: None, cause: cause.to_owned(), left_out: 0 };
            self.faults.tell(fault, self.now());
        }

        fn pass(&self, time: Duration) {
            *self.at.lock() += time;
        }

        fn now(&self) -> Instant {
            *self.at.lock()
        }

        /// What was told since this was last asked.
        fn told(&self) -> Vec<(String, u64)> {
            std::mem::take(&mut *self.lines.lock())
        }
    }

    fn line(cause: &str, left_out: u64) -> (String, u64) {
        (cause.to_owned(), left_out)
    }

    #[test]
    fn of_a_thousand_alike_one_is_told_in_each_spell_with_the_number_of_the_others() {
        let told = Told::new();
        (0..1000).for_each(|number| told.tell("disk_full", "acme", &number.to_string()));
        assert_eq!(told.told(), [line("0", 0)]);
        told.pass(Duration::from_nanos(4_999_999_999));
        told.faults.settle(told.now());
        told.tell("disk_full", "acme", "1000");
        assert_eq!(told.told(), []);
        told.pass(Duration::from_nanos(1));
        told.tell("disk_full", "acme", "1001");
        told.tell("disk_full", "acme", "1002");
        assert_eq!(told.told(), [line("1001", 1000)]);
        told.pass(SPELL);
        told.tell("disk_full", "acme", "1003");
        assert_eq!(told.told(), [line("1003", 1)]);
    }

    #[test]
    fn each_kind_and_each_tenant_is_told_of_by_itself() {
        let told = Told::new();
        for (code, tenant) in [("disk_full", "acme"), ("disk_full", "other"), ("damaged", "acme")] {
            for cause in ["first", "second"] {
                told.tell(code, tenant, cause);
            }
        }
        assert_eq!(told.told(), [line("first", 0), line("first", 0), line("first", 0)]);
        told.faults.end(told.now());
        assert_eq!(told.told(), [line("second", 0), line("second", 0), line("second", 0)]);
        told.faults.end(told.now());
        assert_eq!(told.told(), []);
    }

    #[test]
    fn the_last_of_those_that_were_kept_back_is_told_when_their_spell_is_over_though_none_follows() {
        let told = Told::new();
        (0..10).for_each(|number| told.tell("disk_full", "acme", &number.to_string()));
        told.told();
        told.pass(SPELL);
        told.faults.settle(told.now());
        assert_eq!(told.told(), [line("9", 8)]);
        // That was one more, so another spell began.
        told.tell("disk_full", "acme", "10");
        assert_eq!(told.told(), []);
        told.pass(SPELL);
        told.faults.settle(told.now());
        assert_eq!(told.told(), [line("10", 0)]);
        told.pass(SPELL);
        told.faults.settle(told.now());
        assert_eq!(told.told(), []);
        assert!(told.faults.spells.lock().is_empty(), "what is quiet is forgotten");
    }

    #[test]
    fn more_kinds_than_can_be_remembered_are_all_told() {
        let told = Told::new();
        for number in 0..=MAX_KINDS {
            told.tell("disk_full", &format!("tenant-{number}"), "full");
        }
        told.tell("disk_full", &format!("tenant-{MAX_KINDS}"), "full");
        assert_eq!(told.told().len(), MAX_KINDS + 2);
        assert_eq!(told.faults.spells.lock().len(), MAX_KINDS);
    }
}
