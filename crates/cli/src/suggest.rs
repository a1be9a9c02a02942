use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_query::{Snapshot, Suggestion, SuggestionKind, suggest};

use crate::{
    args::SuggestArgs,
    ask::{access_of, wait_for_text},
    audit::{asked_as, record},
    data::Data,
    exit::Exit,
    facets,
    failure::Failure,
    open,
    output::{Align, Output, Sheet, grouped},
};

pub(crate) fn run(data: &Data, args: &SuggestArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.tenant)?;
    let asked = asked_as(data.entry(Action::Suggest), &args.asker, &args.tenant);
    record(data, asked.about("prefix", args.prefix.as_str()))?;
    if args.field.is_none() {
        wait_for_text(data, &tenant)?;
    }
    let snapshot = tenant.snapshot();
    let (access, _) = access_of(&snapshot, &args.asker)?;
    let field = args.field.as_ref().map(|name| facets::field(&snapshot, &access, name)).transpose()?;
    let found = suggest(&snapshot, access, &args.prefix, field, args.limit as usize)?;
    if out.wants_json() {
        let rows: Value = found.iter().map(|found| row(&snapshot, found)).collect();
        out.json(&json!({ "suggestions": rows }))?;
        return Ok(Exit::Done);
    }
    let mut sheet = Sheet::new([("suggestion", Align::Left), ("kind", Align::Left), ("tickets", Align::Right)]);
    for found in &found {
        let text = match &found.label {
            Some(label) => format!("{} ({label})", found.text),
            None => found.text.clone(),
        };
        sheet.row([text, kind(&snapshot, found.kind).to_owned(), grouped(found.count.into())]);
    }
    out.sheet(&sheet)?;
    Ok(Exit::Done)
}

fn row(snapshot: &Snapshot, found: &Suggestion) -> Value {
    let mut row = json!({ "text": found.text, "kind": kind(snapshot, found.kind), "count": found.count });
    if let Some(label) = &found.label {
        row["label"] = json!(label);
    }
    row
}

/// `word`, `tag`, `person`, or the name of the field.
pub(crate) fn kind(snapshot: &Snapshot, kind: SuggestionKind) -> &str {
    match kind {
        SuggestionKind::Word => "word",
        SuggestionKind::Tag => "tag",
        SuggestionKind::Person => "person",
        SuggestionKind::Value { field } => snapshot.schema().by_id(field).map_or("value", |def| &def.name),
    }
}
