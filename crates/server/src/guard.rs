//! The last look at an answer: no word of a canary leaves to whom the rules do not let see it.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    body::Body,
    http::{Response, response::Parts},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use ticketscope_audit::{Action, Actor, Decision, Entry};
use ticketscope_canary::{Guard, Sighting};

use crate::{
    app::App,
    ask,
    auth::Asker,
    code::Code,
    config::Fault,
    failure::Failure,
    trace::{Learned, Trace},
};

/// The code of the fault that tells of a leak.
const ALARM: &str = "canary_alarm";

impl App {
    /// The answer, unless there is something in it that the asker may not see. Costs one look at a flag without canaries,
    /// one pass over headers and body with them, and more only where a canary is found.
    ///
    /// # Errors
    /// [`Code::Internal`]: it is withheld, and that is told and recorded.
    pub(crate) async fn guarded(&self, trace: &Trace, answer: Response<Body>) -> Result<Response<Body>, Failure> {
        let guard = self.config.canaries.as_ref().map(|canaries| canaries.guard());
        let Some(guard) = guard.filter(|guard| guard.is_armed()) else { return Ok(answer) };
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| Failure::hidden(Code::Internal, &error))?.to_bytes();
        let mut found = sightings(&guard, &parts, &body);
        if !found.is_empty() {
            let learned = trace.learned();
            found.retain(|sighting| !learned.sent.contains(sighting));
            if parts.status.is_client_error() {
                let sent = sent(&guard, trace, &learned.body);
                found.retain(|sighting| !sent.contains(sighting));
            }
            let leaked = self.unseen(learned, &guard, found).await?;
            if !leaked.is_empty() {
                return Err(self.alarm(trace, &leaked).await);
            }
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    /// What whoever asked may not see of `found`.
    async fn unseen(
        &self,
        learned: Learned,
        guard: &Arc<Guard>,
        found: BTreeSet<Sighting>,
    ) -> Result<BTreeSet<Sighting>, Failure> {
        let Learned { tenant, asker, before, .. } = learned;
        let (Some(tenant), Some(asker)) = (tenant, asker) else { return Ok(found) };
        let (engine, guard) = (Arc::clone(&self.engine), Arc::clone(guard));
        let unseen = move || {
            // A tenant that was restored or loaded under another name holds the same canaries: there they are its own. Where
            // that cannot be looked up, they are not.
            let is_copied = |sighting: &Sighting| {
                let Some(word) = guard.word(sighting) else { return false };
                // The command that is answered may have removed its own, which others still have.
                let own = Sighting { tenant: tenant.as_str().into(), ..sighting.clone() };
                before.as_ref().is_some_and(|before| before.word(&own) == Some(word))
                    || ask::holds(&engine, &tenant, sighting, word).unwrap_or(false)
            };
            let may_see = |sighting: &Sighting| {
                (*sighting.tenant == *tenant.as_str() || is_copied(sighting))
                    && match &asker {
                        Asker::Admin => true,
                        // Who cannot be asked about sees nothing.
                        Asker::Principal(id) => ask::may_read(&engine, &tenant, id, sighting).unwrap_or(false),
                    }
            };
            found.into_iter().filter(|sighting| !may_see(sighting)).collect()
        };
        let judged = tokio::task::spawn_blocking(unseen).await;
        judged.map_err(|error| Failure::hidden(Code::Internal, &error))
    }

    /// Tells of a leak everywhere; what the asker gets instead.
    async fn alarm(&self, trace: &Trace, leaked: &BTreeSet<Sighting>) -> Failure {
        self.metrics.canary_alarms.inc();
        let Learned { actor, tenant, .. } = trace.learned();
        let (actor, path) = (actor.unwrap_or(Actor::Nobody), trace.path_for_records());
        let names: Vec<String> = leaked
            .iter()
            .map(|sighting| format!("{} of tenant {} ({})", sighting.ticket, sighting.tenant, sighting.part.name()))
            .collect();
        let cause = format!("an answer to {actor} from {path} was withheld: it held {}", names.join(", "));
        let request_id = Some(trace.request_id.clone());
        self.config.faults.tell(&Fault { code: ALARM, tenant, request_id, cause, left_out: 0 });
        if let Some(log) = self.config.audit.clone() {
            let tenants: BTreeSet<&str> = leaked.iter().map(|sighting| &*sighting.tenant).collect();
            let entry = Entry::new(self.config.clock.now().0, actor, Action::CanaryAlarm, Decision::Refused)
                .in_request(&*trace.request_id)
                .about("path", path)
                .about("canaries", names);
            let entry = tenants.first().map_or(entry.clone(), |tenant| entry.of_tenant(*tenant));
            // On disk before anything leaves. If it cannot be, the answer is withheld all the same.
            let appended = tokio::task::spawn_blocking(move || crate::audit::append(&log, entry)).await;
            if let Ok(Err(failure)) = appended {
                self.report(&failure, trace);
            }
        }
        Failure::of(Code::Internal)
    }
}

fn sightings(guard: &Guard, parts: &Parts, body: &[u8]) -> BTreeSet<Sighting> {
    let mut texts = vec![body];
    texts.extend(parts.headers.iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]));
    guard.find(&texts)
}

/// The words that the asker wrote in the path, the query string or the body of the question: an error may quote them.
fn sent(guard: &Guard, trace: &Trace, body: &Bytes) -> BTreeSet<Sighting> {
    let (path, query) = (trace.uri.path(), trace.uri.query().unwrap_or_default());
    let unescaped = |text: &str| {
        let pairs = form_urlencoded::parse(text.as_bytes());
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    let (path, query) = (unescaped(path), unescaped(query));
    // Written anew, so that no escape hides a letter.
    let json = serde_json::from_slice::<Value>(body).map(|value| value.to_string()).unwrap_or_default();
    guard.find(&[path.as_bytes(), query.as_bytes(), json.as_bytes(), body])
}
