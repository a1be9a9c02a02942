//! Compares a tenant with a file of plain tickets, field by field, for every field that a file of events mentions.
//!
//! For checking a replay: import the events into an empty tenant, in batches of any size, killed and run again as often
//! as you like; then `cargo run --release -p ticketscope-benches --example compare_state -- DATA TENANT EVENTS TICKETS`.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs::File,
    process::ExitCode,
};

use ticketscope_engine::{Engine, storage::TenantId};
use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, Value};
use ticketscope_query::{FieldValue, hit};

fn changes(path: &str, format: Format) -> Result<Vec<Change>, Box<dyn Error>> {
    let schema = ticketscope_model::Schema::builtin();
    let many = move |field: &str| schema.field(field).is_some_and(|field| field.many);
    let parser = Parser::new(format, &many);
    let mut all = Vec::new();
    for chunk in Chunks::new(File::open(path)?)? {
        for line in parser.lines(&chunk?) {
            all.push(line.change?);
        }
    }
    Ok(all)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, tenant, events, tickets] = arguments.as_slice() else {
        eprintln!("usage: compare_state DATA TENANT EVENTS TICKETS");
        return Ok(ExitCode::from(2));
    };
    let mut fields = BTreeSet::new();
    for change in changes(events, Format::Events)? {
        if let Fact::Ticket(patch) = change.fact {
            fields.extend(patch.fields.into_iter().map(|(name, _)| name));
        }
    }
    let engine = Engine::open(data)?;
    let tenant = engine.tenant(&TenantId::parse(tenant)?)?;
    let snapshot = tenant.snapshot();
    let schema = snapshot.schema();
    let (mut compared, mut different, mut expected_tickets) = (0u64, 0u64, 0u64);
    for change in changes(tickets, Format::Tickets)? {
        let Fact::Ticket(patch) = change.fact else { continue };
        expected_tickets += 1;
        let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if let Some(ord) = snapshot.index().find(&patch.key) {
            for (field, values) in hit(&snapshot, ord.0).fields {
                let name = schema.by_id(field).map(|field| field.name.to_string()).unwrap_or_default();
                held.insert(name, values.iter().map(show).collect());
            }
        }
        if fields.contains("subject") || fields.contains("description") {
            for part in tenant.text(&patch.key)? {
                held.insert(part.part.to_string(), vec![part.body.to_string()]);
            }
        }
        for name in &fields {
            let Some(def) = schema.field(name) else { continue };
            let mut wanted: Vec<String> = match patch.fields.iter().find(|(field, _)| field == name) {
                Some((_, FieldPatch::Set(raw))) => read(def, raw)?,
                _ => patch.text.iter().filter(|part| part.part == def.name).map(|part| part.body.to_string()).collect(),
            };
            wanted.sort();
            let mut found = held.get(&*def.name).cloned().unwrap_or_default();
            found.sort();
            compared += 1;
            if wanted != found {
                different += 1;
                if different <= 10 {
                    println!("ticket {} field {name}: expected {wanted:?}, found {found:?}", patch.key);
                }
            }
        }
    }
    let extra = u64::from(snapshot.index().universe().len()).abs_diff(expected_tickets);
    println!(
        "{compared} values of {expected_tickets} tickets compared, {different} different, {extra} tickets too many or too few"
    );
    Ok(if different + extra == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(def: &ticketscope_model::FieldDef, raw: &RawValue) -> Result<Vec<String>, Box<dyn Error>> {
    let values = Value::read_all(def.kind, def.many, raw)?;
    Ok(values
        .into_iter()
        .map(|value| match value {
            Value::Keyword(text) => text.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Date(moment) => moment.to_string(),
        })
        .collect())
}

fn show(value: &FieldValue<'_>) -> String {
    match value {
        FieldValue::Keyword(text) => (*text).to_owned(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Date(moment) => moment.to_string(),
        FieldValue::Flag(flag) => flag.to_string(),
    }
}
