//! What a question costs, who pays, and who has to wait.
//!
//! Costs are units rather than requests, a unit being about a twentieth of a millisecond of a core: a search for words is a
//! hundred counts. What is charged follows from the request alone, never from what it finds, so that neither a refusal nor
//! the time in it says anything about a ticket. A key pays for all who ask through it, an agent with a token for itself; in
//! development mode nobody pays.
//!
//! A bucket that is full is as one that was never used, so forgetting the one that was used longest ago gives away little,
//! and bounds the memory.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    InsufficientCapacity, Quota, RateLimiter, clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use lru::LruCache;
use parking_lot::Mutex;
use ticketscope_model::Timestamp;

use crate::{
    auth::{Caller, Payer},
    code::Code,
    config::{Budget, Budgets, Clock},
    failure::Failure,
    params::{
        CheckParams, CountParams, ExplainParams, FacetsParams, FieldsParams, NoParams, SearchParams, SignOutParams,
        SuggestParams, TicketParams, WhoParams, WhyParams,
    },
};

/// Of any request: it is read, and a ticket is looked at.
const REQUEST: u32 = 1;

/// A filter: posting lists are looked up and cut.
const FILTER: u32 = 4;

/// A word or phrase: its posting lists are read and scored.
const WORD: u32 = 20;

/// A prefix: those of all its words.
const PREFIX: u32 = 60;

/// A list: an order is walked.
const LIST: u32 = 8;

/// Values of a field that are counted.
const FACET: u32 = 8;

/// What a beginning may become: all values of all fields.
const SUGGEST: u32 = 20;

/// A question that walks over all tickets or principals of the tenant.
const WALK: u32 = 200;

/// Bytes of a batch for a unit.
const BYTES_OF_A_UNIT: usize = 256;

/// Rows of a page if none are asked for are fewer than these.
const DEFAULT_ROWS: u32 = 20;

/// How far a clock may be set back before everybody begins anew instead of waiting for it.
const SET_BACK: Duration = Duration::from_secs(1);

/// The cost of a question, from what it says.
pub(crate) trait Costed {
    /// Units, at least 1.
    fn cost(&self) -> u32;
}

/// Keys whose values are words of the text.
const TEXT_KEYS: [&str; 4] = ["subject", "description", "comment", "note"];

/// The cost of a query, from its text. Every run of letters and digits is taken for a word, whatever separates it from the
/// next, so that nothing is had for less by writing it together; but for keys, and for the values of those that are not
/// about text.
fn of_query(text: &str) -> u32 {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut cost, mut rest, mut of_field) = (0_u32, text, false);
    while let Some(start) = rest.find(is_part) {
        // Only what stands right behind its key is a value.
        of_field &= rest[..start].chars().all(|c| matches!(c, '"' | '=' | '<' | '>' | ':'));
        let run = &rest[start..];
        let end = run.find(|c| !is_part(c)).unwrap_or(run.len());
        let (word, after) = run.split_at(end);
        let is_key = after.starts_with([':', '<', '>']);
        cost = cost.saturating_add(match (is_key, after.starts_with('*'), of_field) {
            (true, ..) => 0,
            (_, true, _) => PREFIX,
            (_, _, true) => FILTER,
            (..) => WORD,
        });
        of_field = is_key && !TEXT_KEYS.contains(&word);
        rest = after;
    }
    // A value without a letter, like `tags:*`, is one too.
    cost.saturating_add(times(FILTER, text.matches([':', '<', '>']).count()))
}

/// The cost of a batch of so many bytes.
pub(crate) fn of_batch(bytes: usize) -> u32 {
    u32::try_from(bytes / BYTES_OF_A_UNIT).unwrap_or(u32::MAX).saturating_add(REQUEST)
}

fn sum(costs: &[u32]) -> u32 {
    costs.iter().fold(REQUEST, |sum, cost| sum.saturating_add(*cost))
}

fn times(cost: u32, count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(cost)
}

impl Costed for CountParams {
    fn cost(&self) -> u32 {
        sum(&[of_query(&self.query)])
    }
}

impl Costed for SearchParams {
    fn cost(&self) -> u32 {
        sum(&[LIST, of_query(&self.query), self.limit.unwrap_or(DEFAULT_ROWS)])
    }
}

impl Costed for FacetsParams {
    fn cost(&self) -> u32 {
        sum(&[of_query(&self.query), times(FACET, self.field.len().max(1))])
    }
}

impl Costed for SuggestParams {
    fn cost(&self) -> u32 {
        if self.field.is_some() { sum(&[FACET]) } else { sum(&[SUGGEST, PREFIX]) }
    }
}

/// Every plan is run.
impl Costed for ExplainParams {
    fn cost(&self) -> u32 {
        sum(&[WALK, times(4, of_query(&self.query) as usize)])
    }
}

impl Costed for FieldsParams {
    fn cost(&self) -> u32 {
        sum(&[SUGGEST])
    }
}

impl Costed for CheckParams {
    fn cost(&self) -> u32 {
        REQUEST
    }
}

impl Costed for TicketParams {
    fn cost(&self) -> u32 {
        sum(&[FILTER])
    }
}

impl Costed for WhyParams {
    fn cost(&self) -> u32 {
        sum(&[FILTER])
    }
}

impl Costed for WhoParams {
    fn cost(&self) -> u32 {
        WALK
    }
}

/// Of a scope that is shown, and of the sizes of a tenant.
impl Costed for NoParams {
    fn cost(&self) -> u32 {
        WALK
    }
}

impl Costed for SignOutParams {
    fn cost(&self) -> u32 {
        WALK
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Nanos>>;

/// What everybody has left.
#[derive(Debug)]
pub(crate) struct Costs {
    keys: Option<Quota>,
    agents: Option<Quota>,
    clock: Clock,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    by_payer: LruCache<Payer, Bucket>,
    /// The latest moment at which anybody paid.
    latest: Timestamp,
}

impl std::fmt::Debug for Buckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buckets").field("payers", &self.by_payer.len()).finish_non_exhaustive()
    }
}

/// The server's clock, as buckets read it.
#[derive(Clone)]
struct Ticks(Clock);

impl clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // Before 1970 no time passes.
        Duration::from_millis(u64::try_from(self.0.now().0).unwrap_or(0))
            .as_nanos()
            .try_into()
            .unwrap_or(u64::MAX)
            .into()
    }
}

impl Costs {
    pub(crate) fn new(budgets: &Budgets, clock: Clock) -> Self {
        let places = std::num::NonZeroUsize::new(budgets.payers).unwrap_or(std::num::NonZeroUsize::MIN);
        let buckets = Buckets { by_payer: LruCache::new(places), latest: Timestamp(i64::MIN) };
        Self { keys: quota(budgets.key), agents: quota(budgets.agent), clock, buckets: Mutex::new(buckets) }
    }

    /// Charges `caller` for several questions as if each had come alone, for all or for none: what was asked together is
    /// wanted together, and a refusal half way would have the first half paid for twice.
    ///
    /// # Errors
    /// [`Code::OverBudget`]; [`Code::BadParameter`] if together they cost more than can be saved up, so that waiting
    /// would not help. Then nothing is charged.
    pub(crate) fn charge_together(&self, caller: &Caller, costs: impl Iterator<Item = u32>) -> Result<(), Failure> {
        let Some((_, quota)) = self.payer(caller) else { return Ok(()) };
        let burst = quota.burst_size().get();
        let total = costs.fold(0_u32, |total, cost| total.saturating_add(cost.min(burst)));
        if total > burst {
            let message = format!(
                "the questions cost {total} units together, and at most {burst} can be saved up; ask fewer at once"
            );
            return Err(Failure::new(Code::BadParameter, message));
        }
        self.charge(caller, total)
    }

    /// Who pays for `caller`, and from how much; nobody if nothing is limited.
    fn payer(&self, caller: &Caller) -> Option<(Payer, Quota)> {
        let payer = caller.payer()?;
        let quota = match payer {
            Payer::Key(_) => self.keys,
            Payer::Agent(..) => self.agents,
        };
        quota.map(|quota| (payer, quota))
    }

    /// Charges `caller`. What costs more than can be saved up takes all that can be.
    ///
    /// # Errors
    /// [`Code::OverBudget`]; then nothing is charged.
    pub(crate) fn charge(&self, caller: &Caller, cost: u32) -> Result<(), Failure> {
        let Some((payer, quota)) = self.payer(caller) else { return Ok(()) };
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN).min(quota.burst_size());
        let now = self.clock.now();
        let mut buckets = self.buckets.lock();
        // A bucket filled by a clock that ran ahead would stay empty until that time has come.
        let set_back = i64::try_from(SET_BACK.as_millis()).unwrap_or(i64::MAX);
        if now.0.saturating_add(set_back) < buckets.latest.0 {
            buckets.by_payer.clear();
            buckets.latest = now;
        }
        buckets.latest = buckets.latest.max(now);
        let ticks = || Ticks(self.clock.clone());
        let bucket = buckets.by_payer.get_or_insert(payer, || RateLimiter::direct_with_clock(quota, ticks()));
        let wait = match bucket.check_n(cost) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(until)) => until.wait_time_from(clock::Clock::now(&ticks())),
            Err(InsufficientCapacity(_)) => quota.burst_size_replenished_in(),
        };
        let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        Err(Failure::of(Code::OverBudget).retry_after(seconds))
    }
}

fn quota(Budget { per_second, burst }: Budget) -> Option<Quota> {
    let per_second = NonZeroU32::new(per_second)?;
    Some(Quota::per_second(per_second).allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN)))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use serde_json::json;
    use ticketscope_engine::storage::TenantId;

    use super::*;
    use crate::auth::Class;

    const START: i64 = 1_795_176_000_000;

    /// Costs by a clock that stands still until it is set.
    fn costs(per_second: u32, burst: u32, payers: usize) -> (Costs, Arc<AtomicI64>) {
        let at = Arc::new(AtomicI64::new(START));
        let clock = Clock::new({
            let at = Arc::clone(&at);
            move || Timestamp(at.load(Ordering::Relaxed))
        });
        let budget = Budget { per_second, burst };
        (Costs::new(&Budgets { key: budget, agent: budget, payers }, clock), at)
    }

    fn key(id: &str) -> Caller {
        Caller { class: Class::Search, tenant: None, key: Some(id.into()) }
    }

    fn agent(tenant: &str, principal: &str) -> Caller {
        let tenant = Some(TenantId::parse(tenant).unwrap());
        Caller { class: Class::Agent { principal: principal.to_owned() }, tenant, key: None }
    }

    /// Seconds to wait, or nothing if it was granted.
    fn refusal(costs: &Costs, caller: &Caller, cost: u32) -> Option<String> {
        let failure = costs.charge(caller, cost).err()?;
        assert_eq!(failure.code, Code::OverBudget);
        let response = failure.render("1");
        assert_eq!(response.status(), 429);
        Some(response.headers()["retry-after"].to_str().unwrap().to_owned())
    }

    #[test]
    fn a_budget_is_spent_to_the_last_unit_and_earned_back_with_time() {
        let (costs, at) = costs(10, 100, 10);
        assert_eq!(refusal(&costs, &key("a"), 99), None);
        assert_eq!(refusal(&costs, &key("a"), 2).as_deref(), Some("1"));
        assert_eq!(refusal(&costs, &key("a"), 1), None);
        assert_eq!(refusal(&costs, &key("a"), 25).as_deref(), Some("3"));
        at.fetch_add(2_499, Ordering::Relaxed);
        assert_eq!(refusal(&costs, &key("a"), 25).as_deref(), Some("1"));
        at.fetch_add(1, Ordering::Relaxed);
        assert_eq!(refusal(&costs, &key("a"), 25), None);
        assert!(refusal(&costs, &key("a"), 1).is_some());
        // However long nobody asks, no more than the burst is saved up.
        at.fetch_add(86_400_000, Ordering::Relaxed);
        assert_eq!(refusal(&costs, &key("a"), 100), None);
        assert!(refusal(&costs, &key("a"), 1).is_some());
    }

    #[test]
    fn everybody_pays_for_themselves() {
        let (costs, _) = costs(1, 10, 10);
        let payers = [key("a"), key("b"), agent("acme", "a"), agent("other", "a"), agent("acme", "b")];
        for payer in &payers {
            assert_eq!(refusal(&costs, payer, 10), None, "{payer:?}");
        }
        for payer in &payers {
            assert!(refusal(&costs, payer, 1).is_some(), "{payer:?}");
        }
        let nobody = Caller { class: Class::Admin, tenant: None, key: None };
        for _ in 0..100 {
            assert_eq!(refusal(&costs, &nobody, 10), None);
        }
    }

    #[test]
    fn what_costs_more_than_can_be_saved_up_takes_all_of_it() {
        let (costs, at) = costs(10, 100, 10);
        assert_eq!(refusal(&costs, &key("a"), u32::MAX), None);
        assert_eq!(refusal(&costs, &key("a"), u32::MAX).as_deref(), Some("10"));
        at.fetch_add(10_000, Ordering::Relaxed);
        assert_eq!(refusal(&costs, &key("a"), u32::MAX), None);
    }

    #[test]
    fn several_questions_cost_what_each_costs_alone_and_are_charged_for_all_or_for_none() {
        let (costs, at) = costs(10, 100, 10);
        let together =
            |of: &[u32]| costs.charge_together(&key("a"), of.iter().copied()).map_err(|failure| failure.code);
        assert_eq!(together(&[30, 30]), Ok(()));
        assert_eq!(together(&[30, 11]), Err(Code::OverBudget));
        assert_eq!(together(&[30, 10]), Ok(()), "what was refused was not charged");
        assert!(refusal(&costs, &key("a"), 1).is_some());
        at.fetch_add(10_000, Ordering::Relaxed);
        // Alone each of these takes all that can be saved up: together they would have to wait for each other.
        assert_eq!(together(&[60, 41]), Err(Code::BadParameter));
        assert_eq!(together(&[u32::MAX, 1]), Err(Code::BadParameter));
        assert_eq!(together(&[60, 40]), Ok(()));
        at.fetch_add(10_000, Ordering::Relaxed);
        assert_eq!(together(&[u32::MAX]), Ok(()));
        assert_eq!(costs.charge_together(&key("b"), [].into_iter()).map_err(|failure| failure.code), Ok(()));
    }

    #[test]
    fn as_many_payers_are_remembered_as_there_is_room_for() {
        let (costs, _) = costs(1, 10, 2);
        for payer in ["a", "b", "c"] {
            assert_eq!(refusal(&costs, &key(payer), 10), None);
        }
        assert_eq!(costs.buckets.lock().by_payer.len(), 2);
        assert!(refusal(&costs, &key("b"), 1).is_some() && refusal(&costs, &key("c"), 1).is_some());
        assert_eq!(refusal(&costs, &key("a"), 10), None);
    }

    #[test]
    fn nobody_waits_for_a_clock_that_was_set_back() {
        let (costs, at) = costs(1, 10, 10);
        assert_eq!(refusal(&costs, &key("a"), 10), None);
        at.fetch_sub(1_000, Ordering::Relaxed);
        assert!(refusal(&costs, &key("a"), 1).is_some());
        at.fetch_sub(3_600_000, Ordering::Relaxed);
        assert_eq!(refusal(&costs, &key("a"), 10), None);
        assert!(refusal(&costs, &key("a"), 1).is_some());
    }

    #[test]
    fn without_a_budget_nothing_is_limited() {
        let (costs, _) = costs(0, 1, 10);
        for _ in 0..1000 {
            assert_eq!(refusal(&costs, &key("a"), u32::MAX), None);
        }
    }

    #[test]
    fn more_work_costs_more() {
        let count = |query: &str| serde_json::from_value::<CountParams>(json!({"query": query})).unwrap().cost();
        let search = |body: serde_json::Value| serde_json::from_value::<SearchParams>(body).unwrap().cost();
        let rising = [
            count(""),
            count("status:open"),
            count("status:open tags:vip"),
            count("invoice"),
            count("invoice -refund"),
            count("invoice ref*"),
        ];
        assert!(rising.is_sorted_by(|a, b| a < b), "{rising:?}");
        // Nothing is had for less by writing it together.
        for (apart, together) in [
            ("vat invoice order", "vat\u{200b}invoice\u{200b}order"),
            ("vat invoice", "\"vat\"\"invoice\""),
            ("vat -zzz", "\"vat\"-zzz"),
            ("va* or*", "subject:va* subject:or*"),
            ("vat invoice", "subject:vat comment:invoice"),
        ] {
            assert!(count(together) >= count(apart), "{together}");
        }
        assert!(count("tags:* status:none") > count("") && count("group:billing") < count("invoice"));
        assert!(search(json!({"query": "invoice"})) > count("invoice"));
        assert!(search(json!({"limit": 1000})) > search(json!({"limit": 10})));
        assert!(of_batch(1 << 20) > of_batch(1 << 10) && of_batch(0) > 0);
        assert_eq!(of_batch(usize::MAX), u32::MAX);
    }
}
