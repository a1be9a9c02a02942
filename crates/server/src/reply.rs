//! From what a question found to what is sent, and when.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
    response::IntoResponse,
};
use serde::Serialize;
use ticketscope_engine::storage::TenantId;

use crate::{app::App, auth::Asker, code::Code, etag::Tagging, failure::Failure, pace::Arrival};

/// What a question in a scope found.
pub(crate) trait Answer: Serialize {
    /// Whether some part of what was asked for may be on no visible ticket.
    fn is_missing_something(&self) -> bool;

    /// What is told beside, and changes though what was found does not.
    fn beside(&self) -> Option<Beside<'_>> {
        None
    }
}

/// What an answer tells beside what it found.
#[derive(Debug, Serialize)]
pub(crate) struct Beside<'a> {
    /// The cursor of the next page, which holds the moment of the question.
    pub(crate) next: Option<&'a str>,
    /// 0 where it could tell more than the answer.
    pub(crate) took_us: u64,
}

/// What the answer to a question depends on beside the question.
#[derive(Debug)]
pub(crate) struct Asking {
    arrival: Arrival,
    /// Whether the asker could learn of hidden tickets by the time that an answer takes.
    could_time: bool,
    tagging: Option<Tagging>,
}

impl Asking {
    pub(crate) fn new(app: &App, parts: &Parts, tenant: &TenantId, asker: &Asker) -> Self {
        Self {
            arrival: Arrival::of(parts),
            could_time: could_time(asker),
            tagging: app.tags.begin(parts, tenant, asker),
        }
    }
}

impl App {
    /// Sends what a question found, or why nothing, at a moment that does not tell more.
    ///
    /// # Errors
    /// Those of the question.
    pub(crate) async fn reply<A: Answer>(
        &self,
        asking: Asking,
        found: Result<A, Failure>,
    ) -> Result<Response<Body>, Failure> {
        let Asking { arrival, could_time, tagging } = asking;
        let could_tell = could_tell(&found);
        let response = found.and_then(|answer| render(&answer, could_time, tagging));
        if could_time && could_tell {
            arrival.wait(self.config.limits.pace).await;
        }
        response
    }

    /// Waits for a moment at which the answer to several questions may leave, of which the times of `telling` could tell
    /// more than their answers. Each of them has a first moment of its own, one behind the other: or asking for the same
    /// often enough would make of a little work more than one step.
    pub(crate) async fn pace(&self, asking: &Asking, telling: u32) {
        if asking.could_time && telling > 0 {
            asking.arrival.wait(self.config.limits.pace.saturating_mul(telling)).await;
        }
    }
}

/// Whether an asker could learn of hidden tickets by the time that an answer takes.
pub(crate) fn could_time(asker: &Asker) -> bool {
    *asker != Asker::Admin
}

/// Whether the time that an answer takes could tell what the answer does not.
pub(crate) fn could_tell(found: &Result<impl Answer, Failure>) -> bool {
    match found {
        Ok(answer) => answer.is_missing_something(),
        Err(failure) => failure.code == Code::NoSuchTicket,
    }
}

/// The body of an answer, whole.
///
/// # Errors
/// [`Code::Internal`].
pub(crate) fn body(answer: &impl Answer, could_time: bool) -> Result<Vec<u8>, Failure> {
    with_beside(found_part(answer)?, beside(answer, could_time))
}

/// What is told beside an answer. One that is held back tells no time: it would be the very one that the wait hides.
fn beside(answer: &impl Answer, could_time: bool) -> Option<Beside<'_>> {
    let beside = answer.beside()?;
    Some(if could_time && answer.is_missing_something() { Beside { took_us: 0, ..beside } } else { beside })
}

fn render(answer: &impl Answer, could_time: bool, tagging: Option<Tagging>) -> Result<Response<Body>, Failure> {
    let body = found_part(answer)?;
    let beside = beside(answer, could_time);
    let tag = match tagging {
        Some(tagging) => {
            let has_next = beside.as_ref().is_some_and(|beside| beside.next.is_some());
            Some(tagging.finish(&body, has_next)?)
        }
        None => None,
    };
    let body = with_beside(body, beside)?;
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let Some((tag, is_held)) = tag else { return Ok(([json], body).into_response()) };
    let kept = (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let tag = (header::ETAG, tag);
    Ok(if is_held {
        (StatusCode::NOT_MODIFIED, [kept, tag]).into_response()
    } else {
        ([json, kept, tag], body).into_response()
    })
}

/// What was found, without what is told beside.
fn found_part(answer: &impl Answer) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(answer).map_err(|error| Failure::hidden(Code::Internal, &error))
}

/// One object of both: the brace between them becomes a comma.
fn with_beside(mut body: Vec<u8>, beside: Option<Beside<'_>>) -> Result<Vec<u8>, Failure> {
    if let Some(beside) = beside {
        let more = serde_json::to_vec(&beside).map_err(|error| Failure::hidden(Code::Internal, &error))?;
        body.pop();
        body.push(b',');
        body.extend_from_slice(more.get(1..).unwrap_or_default());
    }
    Ok(body)
}
