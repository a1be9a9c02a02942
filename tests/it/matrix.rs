//! Who sees what of a small tenant, as a table for people: every preset against every ticket.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use ticketscope_engine::{Engine, Tenant, storage::TenantId};
use ticketscope_import::{Chunks, Parser};
use ticketscope_model::{Change, Fact, PrincipalFact, Schema, TicketKey, TicketOrd};
use ticketscope_query::{FieldValue, hit};
use ticketscope_scope::presets;

/// The table of the tenant in `lines` (scope-jsonl), made in the directory `data`.
///
/// Of each preset the principal `ann` gets the role in turn. A letter says what she may do to a ticket: `.` nothing,
/// `v` view it, `p` also read its private text; a capital letter, also edit it.
pub fn matrix(lines: &str, data: &Path) -> String {
    let engine = Engine::open(data).unwrap();
    let tenant = engine.create_tenant(&TenantId::parse("matrix").unwrap()).unwrap();
    tenant.submit(changes(lines)).unwrap();
    let mut out = String::new();
    let snapshot = tenant.snapshot();
    let index = snapshot.index();
    let label = snapshot.schema().field("external_id").unwrap().id;
    let ords: Vec<u32> = index.universe().iter().collect();
    for ord in &ords {
        let shown = hit(&snapshot, *ord);
        let text = shown.fields.iter().find(|(field, _)| *field == label).and_then(|(_, values)| values.first());
        let Some(FieldValue::Keyword(text)) = text else { panic!("ticket {} says not what it is", shown.key) };
        writeln!(out, "{:>3}  {text}", shown.key.to_string()).unwrap();
    }
    out.push_str("\n. nothing, v views, p reads private text too; a capital letter edits too\n\n");
    let keys: Vec<TicketKey> = ords.iter().map(|ord| index.key(TicketOrd(*ord))).collect();
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    for digit in 0..2 {
        let column = |name: &String| format!("{name:>2}").chars().nth(digit).unwrap();
        writeln!(out, "{:<36} {}", "", names.iter().map(column).collect::<String>()).unwrap();
    }
    for preset in presets() {
        let role = Some(preset.id().clone());
        tenant.submit(vec![ann(role)]).unwrap();
        let [views, reads, edits] = ["view", "view_private", "edit"].map(|verb| may(&tenant, verb));
        let letter = |key: &TicketKey| {
            let letter = match (views.contains(key), reads.contains(key)) {
                (false, false) => '.',
                (true, false) => 'v',
                (true, true) => 'p',
                (false, true) => panic!("{}: private text of hidden ticket {key}", preset.id()),
            };
            match (edits.contains(key), letter) {
                (true, '.') => 'w',
                (true, letter) => letter.to_ascii_uppercase(),
                (false, letter) => letter,
            }
        };
        writeln!(out, "{:<36} {}", preset.id(), keys.iter().map(letter).collect::<String>()).unwrap();
    }
    out
}

fn ann(role: Option<std::sync::Arc<str>>) -> Change {
    let (name, email, locale, time_zone) = (None, None, None, None);
    Change::state(Fact::Principal(PrincipalFact {
        id: "ann".into(),
        role,
        active: true,
        name,
        email,
        locale,
        time_zone,
    }))
}

fn may(tenant: &Tenant, verb: &str) -> BTreeSet<TicketKey> {
    let snapshot = tenant.snapshot();
    let scope = snapshot.scope("ann", verb).unwrap();
    snapshot.visible(&scope).set().iter().map(|ord| snapshot.index().key(TicketOrd(ord))).collect()
}

/// The changes that lines of scope-jsonl state.
pub fn changes(lines: &str) -> Vec<Change> {
    let schema = Schema::builtin();
    let many = |field: &str| schema.field(field).is_some_and(|field| field.many);
    let mut chunks = Chunks::new(lines.as_bytes()).unwrap();
    let parser = Parser::new(chunks.detect().unwrap().unwrap(), &many);
    let lines = chunks.flat_map(|chunk| parser.lines(&chunk.unwrap()));
    lines.map(|line| line.change.unwrap_or_else(|error| panic!("{error}"))).collect()
}
