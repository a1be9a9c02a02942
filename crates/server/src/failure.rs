use std::{borrow::Cow, error::Error};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use ticketscope_model::Span;

use crate::code::{Code, Entry, Kind};

/// Seconds after which a busy server is worth asking again.
const RETRY_AFTER: u32 = 1;

/// Why a request has no answer. It travels to the edge as an extension of an empty response and becomes a body there,
/// where the request's id is known.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    told: Box<Told>,
    /// For the operator alone: it may hold paths.
    pub(crate) cause: Option<String>,
}

/// What the client is told beside the code.
#[derive(Debug, Clone)]
struct Told {
    message: Cow<'static, str>,
    span: Option<Span>,
    hint: Option<String>,
    rejected: Option<Vec<Rejected>>,
    /// Seconds after which the same request is worth another try.
    retry_after: Option<u32>,
}

/// A line of a batch that was not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rejected {
    /// From 1.
    pub(crate) line: u64,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// The body of an error.
#[derive(Debug, Serialize)]
struct Wire<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    link: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<WireSpan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<&'a [Rejected]>,
    request_id: &'a str,
}

#[derive(Debug, Serialize)]
struct WireSpan {
    start: usize,
    end: usize,
}

impl Failure {
    /// A failure in the words of the page of errors.
    pub(crate) fn of(code: Code) -> Self {
        Self::new(code, code.entry().about)
    }

    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let is_passing = code.entry().kind == Kind::Busy
            || matches!(code, Code::IdempotencyInProgress | Code::TenantInUse | Code::OverShare);
        let retry_after = is_passing.then_some(RETRY_AFTER);
        let told = Told { message: message.into(), span: None, hint: None, rejected: None, retry_after };
        Self { code, told: Box::new(told), cause: None }
    }

    /// A failure whose causes are the operator's business.
    pub(crate) fn hidden(code: Code, error: &dyn Error) -> Self {
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            cause = format!("{cause}: {error}");
            source = error.source();
        }
        Self { cause: Some(cause), ..Self::of(code) }
    }

    pub(crate) fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.told.retry_after = Some(seconds);
        self
    }

    pub(crate) fn at(mut self, span: Span) -> Self {
        self.told.span = Some(span);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.told.hint = Some(hint.into());
        self
    }

    pub(crate) fn rejecting(mut self, rejected: Vec<Rejected>) -> Self {
        self.told.rejected = Some(rejected);
        self
    }

    /// Whether it is about the moment or the server, and not about the question: every other one would fail as well.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        matches!(self.code.entry().kind, Kind::Busy | Kind::RateLimit | Kind::Internal)
    }

    /// The status and body of the answer, for the request of this id.
    ///
    /// # Errors
    /// That it cannot be written, which should not happen.
    pub(crate) fn to_json(&self, request_id: &str) -> Result<(StatusCode, Vec<u8>), serde_json::Error> {
        Ok((self.code.entry().status, serde_json::to_vec(&self.wire(request_id))?))
    }

    /// The whole answer, for the request of this id.
    pub(crate) fn render(&self, request_id: &str) -> Response<Body> {
        let mut response = (self.code.entry().status, axum::Json(self.wire(request_id))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.told.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn wire<'a>(&'a self, request_id: &'a str) -> Wire<'a> {
        let Entry { name, kind, .. } = self.code.entry();
        Wire {
            code: name,
            message: &self.told.message,
            kind: kind.name(),
            link: format!("/v1/errors#{name}"),
            span: self.told.span.map(|Span { start, end }| WireSpan { start, end }),
            hint: self.told.hint.as_deref(),
            rejected: self.told.rejected.as_deref(),
            request_id,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        let mut response = self.code.entry().status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
