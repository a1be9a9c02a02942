use std::time::Instant;

use serde_json::{Map, Value, json};
use ticketscope_audit::Action;
use ticketscope_engine::TextRows;
use ticketscope_model::{FieldId, TextClass, fields};
use ticketscope_query::{
    ExplainedLeaf, Hit, ListPlan, Listing, Page, Snapshot, Snippet, Snippets, Start,
    ast::{Sort, SortKey},
    cursor_clock, explain, list,
};

use crate::{
    args::SearchArgs,
    ask::{Question, moment},
    audit::record_question,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet, counted, grouped},
    snippet, ticket_json,
};

/// What the table shows beside id and subject, where any ticket of the page has it.
const COLUMNS: [FieldId; 5] = [fields::STATUS, fields::PRIORITY, fields::GROUP, fields::ASSIGNEE, fields::UPDATED_AT];

pub(crate) fn run(data: &Data, args: &SearchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.ask.tenant)?;
    record_question(data, if args.explain { Action::Explain } else { Action::Search }, &args.ask)?;
    let snapshot = tenant.snapshot();
    let now = match &args.page_after {
        Some(cursor) => {
            cursor_clock(&snapshot, cursor).map_err(|error| Failure::of(Exit::Usage, "bad_cursor", &error))?
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
    let view = question.view(data, &tenant)?;
    let snapshot = view.snapshot();
    let began = Instant::now();
    let listing = list(snapshot, &question.access, &question.query, &page).map_err(|error| question.failed(error))?;
    let took = began.elapsed();
    let mut snippets = Snippets::new(snapshot, &question.access, &question.query);
    let mut rows = view.texts()?;
    let texts =
        listing.hits.iter().map(|hit| Text::of(&mut rows, snippets.as_mut(), hit)).collect::<Result<Vec<_>, _>>()?;
    if out.wants_json() {
        let hits: Vec<Value> = listing.hits.iter().zip(&texts).map(|(hit, text)| row(snapshot, hit, text)).collect();
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut answer = json!({ "total": listing.total, "hits": hits, "next": listing.next, "took_us": took });
        if args.explain {
            answer["plan"] = explained(snapshot, &question, &page)?;
        }
        out.json(&answer)?;
        return Ok(Exit::Done);
    }
    if args.explain {
        tell_plan(&explained(snapshot, &question, &page)?, out)?;
    }
    let order = question.query.sort();
    out.sheet(&table(snapshot, &listing, &texts, order))?;
    out.line(format!("{} of {}", grouped(listing.hits.len() as u64), counted(listing.total.into(), "ticket")))?;
    if let Some(next) = &listing.next {
        out.line(format!("next page: --page-after {next}"))?;
    }
    Ok(Exit::Done)
}

/// What a row shows of a ticket's text.
struct Text {
    subject: Option<String>,
    snippet: Option<Snippet>,
}

impl Text {
    fn of(rows: &mut TextRows<'_>, snippets: Option<&mut Snippets<'_>>, hit: &Hit<'_>) -> Result<Self, Failure> {
        // Only a snippet needs more of the text than the subject.
        let Some(snippets) = snippets else { return Ok(Self { subject: rows.subject(hit.ord)?, snippet: None }) };
        let parts = rows.parts(hit.ord)?;
        let subject = parts.iter().find(|part| part.class == TextClass::Subject).map(|part| part.body.to_string());
        Ok(Self { subject, snippet: snippets.of(hit.ord, &parts) })
    }
}

fn row(snapshot: &Snapshot, hit: &Hit<'_>, text: &Text) -> Value {
    let mut fields: Map<String, Value> = ticket_json::fields(snapshot, hit);
    if let Some(subject) = &text.subject {
        fields.insert("subject".to_owned(), json!(subject));
    }
    let snippet = text.snippet.as_ref().map(snippet::value);
    json!({ "id": ticket_json::key(&hit.key), "score": hit.score.map(decimal), "fields": fields, "snippet": snippet })
}

/// A score by its shortest decimal: the same digits wherever it is shown.
fn decimal(score: f32) -> f64 {
    score.to_string().parse().unwrap_or(f64::from(score))
}

fn table(snapshot: &Snapshot, listing: &Listing<'_>, texts: &[Text], order: Sort) -> Sheet {
    let sorted_by = match order.by {
        SortKey::Field(field) => Some(field).filter(|field| !COLUMNS.contains(field)),
        SortKey::Key | SortKey::Relevance => None,
    };
    let has = |field: &FieldId| listing.hits.iter().any(|hit| hit.fields.iter().any(|(id, _)| id == field));
    let shown: Vec<FieldId> = COLUMNS.into_iter().chain(sorted_by).filter(has).collect();
    let names = shown.iter().filter_map(|field| snapshot.schema().by_id(*field)).map(|def| (&*def.name, Align::Left));
    let with_subject = texts.iter().any(|text| text.subject.is_some());
    let subject = with_subject.then_some(("subject", Align::Left));
    let with_snippet = texts.iter().any(|text| text.snippet.is_some());
    let found = with_snippet.then_some(("found", Align::Left));
    let columns = [("id", Align::Right)].into_iter().chain(names).chain(subject).chain(found);
    let mut sheet = Sheet::new(columns);
    for (hit, text) in listing.hits.iter().zip(texts) {
        let cells = shown.iter().map(|field| ticket_json::text(hit, *field));
        let subject = with_subject.then(|| text.subject.clone().unwrap_or_default());
        let found = with_snippet.then(|| text.snippet.as_ref().map_or_else(String::new, snippet::marked));
        sheet.row([hit.key.to_string()].into_iter().chain(cells).chain(subject).chain(found));
    }
    sheet
}

/// How the list was found, and how else it could have been.
fn explained(snapshot: &Snapshot, question: &Question, page: &Page) -> Result<Value, Failure> {
    let told = explain(snapshot, &question.access, &question.query, page).map_err(|error| question.failed(error))?;
    let micros = |micros: f64| (micros * 10.0).round() / 10.0;
    let filters: Vec<Value> = told
        .filters
        .iter()
        .map(|filter| json!({ "clause": filter.clause, "estimate": [filter.estimate.0, filter.estimate.1], "visible": filter.visible }))
        .collect();
    let leaf = |leaf: &ExplainedLeaf| {
        json!({
            "field": format!("{:?}", leaf.leaf.field).to_lowercase(),
            "pattern": format!("{:?}", leaf.leaf.pattern),
            "postings": leaf.postings,
            "readable": leaf.readable,
        })
    };
    let words: Vec<Value> = told
        .words
        .iter()
        .map(|word| json!({ "negated": word.negated, "leaves": word.leaves.iter().map(leaf).collect::<Vec<_>>() }))
        .collect();
    let plans: Vec<Value> = told
        .plans
        .iter()
        .map(|plan| {
            json!({
                "plan": plan_name(plan.plan),
                "estimate_us": plan.estimate.map(micros),
                "took_us": micros(plan.took),
                "scored": plan.scored,
                "offered": plan.offered,
            })
        })
        .collect();
    Ok(json!({
        "query": question.query.to_text(snapshot.schema()),
        "scope": told.visible,
        "filters": filters,
        "words": words,
        "total": told.total,
        "list": plan_name(told.chosen),
        "plans": plans,
    }))
}

/// The explanation for people.
fn tell_plan(told: &Value, out: &mut Output) -> Result<(), Failure> {
    out.line(format!("plan: {}, {} of {} visible tickets match", told["list"], told["total"], told["scope"]))?;
    for name in ["filters", "words", "plans"] {
        for part in told[name].as_array().into_iter().flatten() {
            out.line(format!("  {part}"))?;
        }
    }
    Ok(())
}

fn plan_name(plan: ListPlan) -> &'static str {
    match plan {
        ListPlan::Walk => "walk",
        ListPlan::ScopeOrder => "scope_order",
        ListPlan::Select => "select",
        ListPlan::Seek => "seek",
        ListPlan::Prune => "prune",
        ListPlan::Layers => "layers",
        ListPlan::KeyOrder => "key_order",
    }
}
