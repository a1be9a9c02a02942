//! Tickets of a file in the plain ticket format, plain or zstd.

use std::{fs::File, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TextClass, TicketKey, TicketPatch, Timestamp};

use crate::ticket::Ticket;

/// Bytes of text that a ticket keeps: every side has room for the positions of its words.
const LONGEST_TEXT: usize = 24_000;

/// The group of tickets that have none.
const NO_GROUP: &str = "(none)";

/// The tickets of the file at `path`, in its order.
///
/// # Errors
/// For a file that cannot be read or is of another format; the iterator, for a line that is no ticket.
pub(crate) fn read(path: &Path) -> Result<impl Iterator<Item = Result<Ticket>> + use<>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut chunks = Chunks::new(file).with_context(|| format!("read {}", path.display()))?;
    let format = chunks.detect().with_context(|| format!("read {}", path.display()))?;
    if format != Some(Format::Tickets) {
        bail!("{} is no file of plain tickets, one object a line", path.display());
    }
    let parser = Parser::new(Format::Tickets, &nothing_is_many);
    let lines = chunks.flat_map(move |chunk| match chunk {
        Ok(chunk) => parser.lines(&chunk).into_iter().map(|line| ticket(line.change?)).collect(),
        Err(error) => vec![Err(error.into())],
    });
    Ok(lines)
}

/// Only events ask which fields hold several values.
fn nothing_is_many(_: &str) -> bool {
    false
}

fn ticket(change: Change) -> Result<Ticket> {
    let Fact::Ticket(TicketPatch { key, fields, text, .. }) = change.fact else { bail!("a line is no ticket") };
    let TicketKey::Int(id) = key else { bail!("the id {key} is no integer: the other sides have integer keys") };
    let field = |name: &str| {
        fields.iter().find(|(field, _)| **field == *name).and_then(|(_, patch)| match patch {
            FieldPatch::Set(value) if !value.is_unset() => Some(value),
            _ => None,
        })
    };
    let word = |name: &str| field(name).map(shown);
    let updated = field("updated_at").or_else(|| field("created_at")).map(shown);
    let updated = updated.with_context(|| format!("ticket {id} has no updated_at and no created_at"))?;
    let mut tags: Vec<Arc<str>> = match field("tags") {
        Some(RawValue::List(list)) => list.iter().map(shown).collect(),
        Some(one) => vec![shown(one)],
        None => vec![],
    };
    tags.sort_unstable();
    tags.dedup();
    let mut room = LONGEST_TEXT;
    let public = text.into_iter().filter(|part| part.class.is_public()).map(|part| {
        let mut body = part.body.to_string();
        body.truncate(body.floor_char_boundary(room));
        room -= body.len();
        (part.class, body)
    });
    let mut text: Vec<(TextClass, String)> = public.collect();
    text.sort_by_key(|(class, _)| *class);
    Ok(Ticket {
        id,
        group: word("group").unwrap_or_else(|| NO_GROUP.into()),
        status: word("status"),
        priority: word("priority"),
        organization: word("organization"),
        tags,
        updated: Timestamp::parse(&updated)?.0,
        text,
    })
}

fn shown(value: &RawValue) -> Arc<str> {
    match value {
        RawValue::Text(text) => Arc::clone(text),
        RawValue::Int(number) => number.to_string().into(),
        RawValue::Float(number) => number.to_string().into(),
        RawValue::Bool(flag) => flag.to_string().into(),
        RawValue::Null | RawValue::List(_) => "".into(),
    }
}
