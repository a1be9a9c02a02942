//! What requests leave in the audit log.

use std::{sync::Arc, time::Instant};

use serde_json::{Map, Value};
use ticketscope_audit::{Actor, AuditLog, Decision, Entry};

use crate::{
    app::App,
    ask::Batch,
    code::Code,
    config::Fault,
    failure::Failure,
    trace::{Learned, Trace},
};

/// What a refusal costs that is recorded, in units, so that a bad client's share of the disk is bounded by its budget.
const REFUSAL: u32 = 200;

impl App {
    /// What a request is recorded as; nothing without an audit log, and of routes that nobody has to account for.
    pub(crate) fn entry(&self, trace: &Trace, decision: Decision) -> Option<Entry> {
        self.config.audit.as_ref()?;
        let Learned { actor, tenant, .. } = trace.learned();
        let now = self.config.clock.now().0;
        let entry = Entry::new(now, actor.unwrap_or(Actor::Nobody), trace.action?, decision);
        let entry = entry.in_request(&*trace.request_id);
        Some(match tenant {
            Some(tenant) => entry.of_tenant(tenant.as_str()),
            None => entry,
        })
    }

    /// Records that a request is let through, before it is answered or done: returns once that is on disk.
    ///
    /// # Errors
    /// [`Code::AuditUnavailable`], [`Code::Busy`]: then it must not be done.
    pub(crate) async fn record(&self, trace: &Trace, resource: Map<String, Value>) -> Result<Option<Entry>, Failure> {
        let Some(entry) = self.entry(trace, Decision::Allowed) else { return Ok(None) };
        let entry = entry.with(resource);
        let (log, recorded) = (self.config.audit.clone(), entry.clone());
        self.records.run(None, move || log.map_or(Ok(()), |log| append(&log, recorded))).await?;
        Ok(Some(entry))
    }

    /// Records several questions that are let through, before any is answered: returns once all are on disk.
    ///
    /// # Errors
    /// [`Code::AuditUnavailable`], [`Code::Busy`]: then none must be answered.
    pub(crate) async fn record_all(&self, questions: Vec<(Trace, Map<String, Value>)>) -> Result<(), Failure> {
        let entry = |(trace, resource): (Trace, _)| Some(self.entry(&trace, Decision::Allowed)?.with(resource));
        let mut entries: Vec<Entry> = questions.into_iter().filter_map(entry).collect();
        let (Some(log), Some(last)) = (self.config.audit.clone(), entries.pop()) else { return Ok(()) };
        let record = move || {
            for entry in entries {
                log.note(entry).map_err(|error| unrecorded(&error))?;
            }
            // The last one takes all before it to the disk.
            append(&log, last)
        };
        self.records.run(None, record).await
    }

    /// Records what became of a request that was let through as `entry`.
    pub(crate) async fn settle<T>(&self, entry: Option<Entry>, outcome: &Result<T, Failure>) {
        let decision = if outcome.is_ok() { Decision::Done } else { Decision::Failed };
        if let Some(entry) = entry {
            self.note(entry.settled(self.config.clock.now().0, decision)).await;
        }
    }

    /// Records a batch that may change permissions before it is applied: numbers of changes, not what they say. Blocks.
    ///
    /// # Errors
    /// [`Code::AuditUnavailable`].
    pub(crate) fn record_permissions(&self, trace: &Trace, batch: &Batch) -> Result<Option<Entry>, Failure> {
        let (Some(log), Some(kinds)) = (&self.config.audit, batch.permissions()) else { return Ok(None) };
        let Some(entry) = self.entry(trace, Decision::Allowed) else { return Ok(None) };
        let entry = entry.with(kinds);
        append(log, entry.clone())?;
        Ok(Some(entry))
    }

    /// Records what became of such a batch: it took effect at `opstamp`, or not. Blocks.
    pub(crate) fn settle_permissions(&self, trace: &Trace, recorded: Option<Entry>, opstamp: Option<u64>) {
        let (Some(log), Some(entry)) = (&self.config.audit, recorded) else { return };
        let now = self.config.clock.now().0;
        let entry = match opstamp {
            Some(opstamp) => entry.settled(now, Decision::Done).at_opstamp(opstamp),
            None => entry.settled(now, Decision::Failed),
        };
        if let Err(error) = log.note(entry) {
            self.report(&unrecorded(&error), trace);
        }
    }

    /// Records a credential that is good, but not for this, at the expense of its holder. What to answer: `failure`, or
    /// that the holder is over budget, and then nothing is recorded.
    pub(crate) async fn note_refusal(&self, trace: &Trace, failure: Failure) -> Failure {
        if matches!(failure.code, Code::WrongClass | Code::NotYourPrincipal)
            && let Some(entry) = self.entry(trace, Decision::Refused)
        {
            if let Some(caller) = trace.learned().caller
                && let Err(over_budget) = self.costs.charge(&caller, REFUSAL)
            {
                return over_budget;
            }
            self.note(entry.about("path", trace.path_for_records()).about("code", failure.code.entry().name)).await;
        }
        failure
    }

    /// Records a question in somebody's scope, if chance has it, while it is answered.
    pub(crate) fn sample(self: &Arc<Self>, trace: &Trace, principal: &str) {
        let Some(every) = self.config.audit_sample else { return };
        if fastrand::u32(..every.get()) == 0
            && let Some(entry) = self.entry(trace, Decision::Allowed)
        {
            let (app, entry) = (Arc::clone(self), entry.about("as", principal));
            tokio::spawn(async move { app.note(entry).await });
        }
    }

    /// Records what needs no record to be answered; a failure is the operator's business.
    pub(crate) async fn note(&self, entry: Entry) {
        let Some(log) = self.config.audit.clone() else { return };
        let noted = self.records.run(None, move || log.note(entry).map_err(|error| unrecorded(&error)));
        if let Err(failure) = noted.await {
            let cause = failure.cause.unwrap_or_else(|| failure.code.entry().about.to_owned());
            let fault = Fault::of_server(Code::AuditUnavailable.entry().name, cause);
            self.faults.tell(fault, Instant::now());
        }
    }
}

/// Records an entry durably. Blocks.
///
/// # Errors
/// [`Code::AuditUnavailable`].
pub(crate) fn append(log: &AuditLog, entry: Entry) -> Result<(), Failure> {
    log.append(entry).map(drop).map_err(|error| unrecorded(&error))
}

fn unrecorded(error: &ticketscope_audit::AppendError) -> Failure {
    Failure::hidden(Code::AuditUnavailable, error)
}
