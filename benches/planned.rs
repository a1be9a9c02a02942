//! What the planner made of a list by relevance: for each plan its estimate and what it took, and the one it chose.

use std::fmt;

use ticketscope_engine::query::{Access, Explanation, ListPlan, Page, Query, Snapshot, explain};

/// Times that each plan is run.
const RUNS: usize = 31;

/// A plan as it was measured.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredPlan {
    /// Which.
    pub plan: ListPlan,
    /// Microseconds it was expected to take.
    pub estimate: f64,
    /// Microseconds it took, the median.
    pub took: f64,
    /// Documents it looked at.
    pub offered: u64,
}

/// The plans of one question, and the one that is chosen.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Every plan that can answer.
    pub plans: Vec<MeasuredPlan>,
    /// The planner's.
    pub chosen: ListPlan,
}

impl Planned {
    /// Runs every plan of a list by relevance.
    pub fn measure(snapshot: &Snapshot, access: &Access, query: &Query, page: &Page) -> Self {
        let explained: Vec<Explanation> =
            (0..RUNS).map(|_| explain(snapshot, access, query, page).expect("an explanation")).collect();
        let plans = explained[0].plans.iter().enumerate().map(|(at, plan)| {
            let mut took: Vec<f64> = explained.iter().map(|explained| explained.plans[at].took).collect();
            took.sort_unstable_by(f64::total_cmp);
            MeasuredPlan {
                plan: plan.plan,
                estimate: plan.estimate.unwrap_or_default(),
                took: took[RUNS / 2],
                offered: plan.offered.unwrap_or_default(),
            }
        });
        Self { plans: plans.collect(), chosen: explained[0].chosen }
    }

    /// What the chosen plan took over what the fastest took, 1 at least.
    pub fn regret(&self) -> f64 {
        let fastest = self.plans.iter().map(|plan| plan.took).fold(f64::MAX, f64::min);
        let chosen = self.plans.iter().find(|plan| plan.plan == self.chosen).map_or(fastest, |plan| plan.took);
        chosen / fastest
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for MeasuredPlan { plan, estimate, took, offered } in &self.plans {
            let mark = if *plan == self.chosen { "*" } else { "" };
            write!(f, "  {mark}{plan:?} {estimate:.0}/{took:.1} of {offered}")?;
        }
        Ok(())
    }
}
