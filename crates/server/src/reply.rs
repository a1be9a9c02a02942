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
            could_time: *asker != Asker::Admin,
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
        let could_tell = match &found {
            Ok(answer) => answer.is_missing_something(),
            Err(failure) => failure.code == Code::NoSuchTicket,
        };
        let response = found.and_then(|answer| render(&answer, tagging));
        if could_time && could_tell {
            arrival.wait(self.config.limits.pace).await;
        }
        response
    }
}

fn render(answer: &impl Answer, tagging: Option<Tagging>) -> Result<Response<Body>, Failure> {
    let failed = |error: serde_json::Error| Failure::hidden(Code::Internal, &error);
    let mut body = serde_json::to_vec(answer).map_err(failed)?;
    let beside = answer.beside();
    let tag = match tagging {
        Some(tagging) => {
            let has_next = beside.as_ref().is_some_and(|beside| beside.next.is_some());
            Some(tagging.finish(&body, has_next)?)
        }
        None => None,
    };
    if let Some(beside) = beside {
        // One object of both: the brace between them becomes a comma.
        let more = serde_json::to_vec(&beside).map_err(failed)?;
        body.pop();
        body.push(b',');
        body.extend_from_slice(more.get(1..).unwrap_or_default());
    }
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
