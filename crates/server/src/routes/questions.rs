//! Questions that are answered inside a scope.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::Response};
use ticketscope_model::TicketKey;

use super::call::{AdminScopedQuestion, Question};
use crate::{
    answer::Explained,
    app::App,
    failure::Failure,
    params::{
        CheckParams, CountParams, ExplainParams, FacetsParams, FieldsParams, SearchParams, SuggestParams, TicketParams,
    },
};

pub(super) async fn search(
    State(app): State<Arc<App>>,
    question: Question<SearchParams>,
) -> Result<Response<Body>, Failure> {
    let now = app.config.clock.now();
    let Question { tenant, asker, params, showing, asking, .. } = question;
    let found = app.read(tenant, showing, move |reader| reader.search(&asker, &params, now)).await;
    app.reply(asking, found).await
}

pub(super) async fn count(
    State(app): State<Arc<App>>,
    question: Question<CountParams>,
) -> Result<Response<Body>, Failure> {
    let now = app.config.clock.now();
    let Question { tenant, asker, params, showing, asking, .. } = question;
    let found = app.read(tenant, showing, move |reader| reader.count(&asker, &params, now)).await;
    app.reply(asking, found).await
}

pub(super) async fn facets(
    State(app): State<Arc<App>>,
    question: Question<FacetsParams>,
) -> Result<Response<Body>, Failure> {
    let now = app.config.clock.now();
    let Question { tenant, asker, params, showing, asking, .. } = question;
    let found = app.read(tenant, showing, move |reader| reader.facets(&asker, &params, now)).await;
    app.reply(asking, found).await
}

pub(super) async fn suggest(
    State(app): State<Arc<App>>,
    question: Question<SuggestParams>,
) -> Result<Response<Body>, Failure> {
    let Question { tenant, asker, params, showing, asking, .. } = question;
    let found = app.read(tenant, showing, move |reader| reader.suggest(&asker, &params)).await;
    app.reply(asking, found).await
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
) -> Result<Response<Body>, Failure> {
    let Question { tenant, asker, params, showing, asking, .. } = question;
    let found = app.read(tenant, showing, move |reader| reader.check(&asker, &params.ticket.0)).await;
    app.reply(asking, found).await
}

/// One ticket. An id that no ticket can have is that of a ticket that does not exist.
pub(super) async fn ticket(
    State(app): State<Arc<App>>,
    question: Question<TicketParams>,
) -> Result<Response<Body>, Failure> {
    let Question { tenant, asker, showing, asking, path, .. } = question;
    let key = path.get("id").and_then(|id| TicketKey::parse(id).ok());
    let found = app.read(tenant, showing, move |reader| match &key {
        Some(key) => reader.ticket(&asker, key),
        None => reader.no_ticket(&asker),
    });
    let found = found.await;
    app.reply(asking, found).await
}

pub(super) async fn fields(
    State(app): State<Arc<App>>,
    question: Question<FieldsParams>,
) -> Result<Response<Body>, Failure> {
    let Question { tenant, asker, showing, asking, .. } = question;
    let found = app.read(tenant, showing, move |reader| reader.fields(&asker)).await;
    app.reply(asking, found).await
}
