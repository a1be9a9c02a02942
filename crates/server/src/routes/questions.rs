//! Questions that are answered inside a scope.

use std::sync::Arc;

use axum::{Json, extract::State};
use ticketscope_model::TicketKey;

use super::call::{AdminScopedQuestion, Question};
use crate::{
    answer::{Checked, Counted, Explained, Facets, Search, Suggestions, Ticket},
    app::App,
    code::Code,
    failure::Failure,
    params::{CheckParams, CountParams, ExplainParams, FacetsParams, SearchParams, SuggestParams, TicketParams},
};

pub(super) async fn search(
    State(app): State<Arc<App>>,
    question: Question<SearchParams>,
) -> Result<Json<Search>, Failure> {
    let now = app.config.clock.now();
    let Question { tenant, asker, params, showing, .. } = question;
    app.read(tenant, showing, move |reader| reader.search(&asker, &params, now)).await.map(Json)
}

pub(super) async fn count(
    State(app): State<Arc<App>>,
    question: Question<CountParams>,
) -> Result<Json<Counted>, Failure> {
    let now = app.config.clock.now();
    let Question { tenant, asker, params, showing, .. } = question;
    app.read(tenant, showing, move |reader| reader.count(&asker, &params, now)).await.map(Json)
}

pub(super) async fn facets(
    State(app): State<Arc<App>>,
    question: Question<FacetsParams>,
) -> Result<Json<Facets>, Failure> {
    let now = app.config.clock.now();
    let Question { tenant, asker, params, showing, .. } = question;
    app.read(tenant, showing, move |reader| reader.facets(&asker, &params, now)).await.map(Json)
}

pub(super) async fn suggest(
    State(app): State<Arc<App>>,
    question: Question<SuggestParams>,
) -> Result<Json<Suggestions>, Failure> {
    let Question { tenant, asker, params, showing, .. } = question;
    app.read(tenant, showing, move |reader| reader.suggest(&asker, &params)).await.map(Json)
}

pub(super) async fn explain(
    State(app): State<Arc<App>>,
    question: AdminScopedQuestion<ExplainParams>,
) -> Result<Json<Explained>, Failure> {
    let now = app.config.clock.now();
    let AdminScopedQuestion(Question { tenant, asker, params, showing, .. }) = question;
    app.read(tenant, showing, move |reader| reader.explain(&asker, &params, now)).await.map(Json)
}

pub(super) async fn check(
    State(app): State<Arc<App>>,
    question: Question<CheckParams>,
) -> Result<Json<Checked>, Failure> {
    let Question { tenant, asker, params, showing, .. } = question;
    app.read(tenant, showing, move |reader| reader.check(&asker, &params.ticket.0)).await.map(Json)
}

/// One ticket. An id that no ticket can have is that of a ticket that does not exist.
pub(super) async fn ticket(
    State(app): State<Arc<App>>,
    question: Question<TicketParams>,
) -> Result<Json<Ticket>, Failure> {
    let Question { tenant, asker, showing, path, .. } = question;
    let key = path.get("id").and_then(|id| TicketKey::parse(id).ok());
    let key = key.ok_or_else(|| Failure::of(Code::NoSuchTicket))?;
    app.read(tenant, showing, move |reader| reader.ticket(&asker, &key)).await.map(Json)
}
