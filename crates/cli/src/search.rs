use std::{path::Path, time::Instant};

use serde_json::{Map, Value, json};
use ticketscope_engine::View;
use ticketscope_model::{FieldId, TextClass, TicketKey, fields};
use ticketscope_query::{
    CursorError, Hit, ListPlan, Listing, Page, Snapshot, Start,
    ast::{Sort, SortKey},
    cursor_clock, list, plans,
};

use crate::{
    args::SearchArgs,
    ask::{Question, moment},
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet, counted, grouped},
    ticket_json,
};

/// What the table shows beside id and subject, where any ticket of the page has it.
const COLUMNS: [FieldId; 5] = [fields::STATUS, fields::PRIORITY, fields::GROUP, fields::ASSIGNEE, fields::UPDATED_AT];

pub(crate) fn run(data: &Path, args: &SearchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.ask.tenant)?;
    let snapshot = tenant.snapshot();
    let now = match &args.page_after {
        Some(cursor) => {
            cursor_clock(cursor).ok_or(CursorError).map_err(|error| Failure::of(Exit::Usage, "bad_cursor", &error))?
        }
        None => moment(args.ask.now),
    };
    let mut question = Question::read(&snapshot, &args.ask, now)?;
    if let Some(sort) = &args.sort {
        question.order_by(&snapshot, &args.ask.asker, sort)?;
    }
    let page = Page {
        start: match (&args.page_after, args.page_rank) {
            (Some(cursor), _) => Start::After(cursor.clone()),
            (None, Some(rank)) => Start::Rank(rank),
            (None, None) => Start::First,
        },
        limit: args.limit,
        asker: question.asker.clone(),
        now,
    };
    let view = question.view(&tenant)?;
    let snapshot = view.snapshot();
    let began = Instant::now();
    let listing = list(snapshot, &question.access, &question.query, &page).map_err(|error| question.failed(error))?;
    let took = began.elapsed();
    let subjects = listing.hits.iter().map(|hit| subject(&view, &hit.key)).collect::<Result<Vec<_>, _>>()?;
    if out.wants_json() {
        let hits: Vec<Value> =
            listing.hits.iter().zip(&subjects).map(|(hit, text)| row(snapshot, hit, text.as_ref())).collect();
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut answer = json!({ "total": listing.total, "hits": hits, "next": listing.next, "took_us": took });
        if args.explain {
            answer["plan"] = explained(snapshot, &question, &listing);
        }
        out.json(&answer)?;
        return Ok(Exit::Done);
    }
    if args.explain {
        out.line(format!("plan: {}", explained(snapshot, &question, &listing)))?;
    }
    let order = question.query.sort();
    out.sheet(&table(snapshot, &listing, &subjects, order))?;
    out.line(format!("{} of {}", grouped(listing.hits.len() as u64), counted(listing.total.into(), "ticket")))?;
    if let Some(next) = &listing.next {
        out.line(format!("next page: --page-after {next}"))?;
    }
    Ok(Exit::Done)
}

/// The subject of a ticket, which everybody who sees the ticket may read; nothing if it has none.
fn subject(view: &View, key: &TicketKey) -> Result<Option<String>, Failure> {
    let Some(ord) = view.snapshot().index().find(key) else { return Ok(None) };
    let parts = view.parts(ord)?;
    Ok(parts.into_iter().find(|part| part.class == TextClass::Subject).map(|part| part.body.to_string()))
}

fn row(snapshot: &Snapshot, hit: &Hit, subject: Option<&String>) -> Value {
    let mut fields: Map<String, Value> = ticket_json::fields(snapshot, hit);
    if let Some(subject) = subject {
        fields.insert("subject".to_owned(), json!(subject));
    }
    json!({ "id": ticket_json::key(&hit.key), "score": hit.score, "fields": fields, "snippet": null })
}

fn table(snapshot: &Snapshot, listing: &Listing, subjects: &[Option<String>], order: Sort) -> Sheet {
    let sorted_by = match order.by {
        SortKey::Field(field) => Some(field).filter(|field| !COLUMNS.contains(field)),
        SortKey::Key | SortKey::Relevance => None,
    };
    let has = |field: &FieldId| listing.hits.iter().any(|hit| hit.fields.iter().any(|(id, _)| id == field));
    let shown: Vec<FieldId> = COLUMNS.into_iter().chain(sorted_by).filter(has).collect();
    let names = shown.iter().filter_map(|field| snapshot.schema().by_id(*field)).map(|def| (&*def.name, Align::Left));
    let with_subject = subjects.iter().any(Option::is_some);
    let subject = with_subject.then_some(("subject", Align::Left));
    let mut sheet = Sheet::new([("id", Align::Right)].into_iter().chain(names).chain(subject));
    for (hit, subject) in listing.hits.iter().zip(subjects) {
        let cells = shown.iter().map(|field| ticket_json::text(hit, *field));
        let subject = with_subject.then(|| subject.clone().unwrap_or_default());
        sheet.row([hit.key.to_string()].into_iter().chain(cells).chain(subject));
    }
    sheet
}

/// How the list was found, and how else it could have been.
fn explained(snapshot: &Snapshot, question: &Question, listing: &Listing) -> Value {
    json!({
        "query": question.query.to_text(snapshot.schema()),
        "scope": snapshot.visible(&question.access.view).set().len(),
        "list": plan_name(listing.plan),
        "possible": plans(&question.query).into_iter().map(plan_name).collect::<Vec<_>>(),
    })
}

fn plan_name(plan: ListPlan) -> &'static str {
    match plan {
        ListPlan::Walk => "walk",
        ListPlan::ScopeOrder => "scope_order",
        ListPlan::Select => "select",
        ListPlan::Seek => "seek",
        ListPlan::Prune => "prune",
    }
}
