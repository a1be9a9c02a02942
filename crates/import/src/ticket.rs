//! The plain ticket format: one whole ticket a line, with its text.

use std::sync::Arc;

use ticketscope_model::{Change, Fact, FieldPatch, TextClass, TextPart, TicketPatch};

use crate::{
    atom,
    error::{Fault, Problem, shown},
    json::{Cursor, array, object},
    names::Names,
};

const PLACE: &str = "ticket";
const COMMENT: &str = "comment";
const COMMENT_KEYS: &[&str] = &["author", "public", "body", "at", "lang"];

pub(crate) fn change(cursor: &mut Cursor<'_>, names: &mut Names) -> Result<Change, Fault> {
    let start = cursor.at();
    let (mut key, mut rev, mut gone) = (None, None, false);
    let (mut subject, mut description, mut comments) = (None, None, Vec::new());
    let mut fields = Vec::with_capacity(16);
    object(cursor, |cursor, name, at| {
        match &*name {
            "id" => key = Some(atom::ticket_key(cursor, "id")?),
            "k" => return Err(Fault { at, problem: Problem::MixedFormats }),
            "rev" => rev = Some(atom::integer(cursor, "rev", "an integer of 64 bits")?),
            "gone" => gone = atom::flag(cursor, "gone")?,
            "subject" => subject = whole_part(cursor, "subject", TextClass::Subject)?,
            "body" | "description" => {
                if description.is_some() {
                    return Err(Fault { at, problem: Problem::DuplicateKey { key: name.into_owned() } });
                }
                description = Some(whole_part(cursor, "description", TextClass::Description)?);
            }
            "comments" => comments = read_comments(cursor)?,
            _ => {
                let value = atom::value(cursor, &name, names)?;
                fields.push((names.shared(&name), FieldPatch::Set(value)));
            }
        }
        Ok(())
    })?;
    let key = key.ok_or(Fault { at: start, problem: Problem::MissingKey { key: "id", place: PLACE } })?;
    if gone {
        return Ok(Change { rev, gone: false, fact: Fact::Del(key) });
    }
    let text = subject.into_iter().chain(description.flatten()).chain(comments).collect();
    Ok(Change { rev, gone: false, fact: Fact::Ticket(TicketPatch { key, fields, replace: true, text }) })
}

/// The subject or the description as a part of that name; nothing if it is empty.
fn whole_part(cursor: &mut Cursor<'_>, name: &'static str, class: TextClass) -> Result<Option<TextPart>, Fault> {
    let body = atom::optional_text(cursor, name)?;
    Ok(body.map(|body| TextPart { part: name.into(), class, lang: None, body, author: None, at: None }))
}

/// The comments as parts `comment:0`, `comment:1`...: numbered by their place in the list, the empty ones too, so
/// that a comment keeps its name when another one is emptied.
fn read_comments(cursor: &mut Cursor<'_>) -> Result<Vec<TextPart>, Fault> {
    let mut parts = Vec::new();
    if cursor.null()? {
        return Ok(parts);
    }
    if cursor.peek() != Some(b'[') {
        return atom::wrong_type(cursor, "comments", "a list of comments");
    }
    array(cursor, |cursor, place| {
        parts.extend(comment(cursor, place)?);
        Ok(())
    })?;
    Ok(parts)
}

fn comment(cursor: &mut Cursor<'_>, place: usize) -> Result<Option<TextPart>, Fault> {
    if cursor.peek() != Some(b'{') {
        return atom::wrong_type(cursor, "comments", "a list of comments");
    }
    let (mut public, mut lang, mut body, mut author, mut at) = (false, None, None::<Arc<str>>, None, None);
    object(cursor, |cursor, key, at_key| {
        match &*key {
            // Absent or null, it says nothing, and what nobody called public stays private.
            "public" => public = atom::optional_flag(cursor, "public")?.is_some_and(|public| public),
            "lang" => lang = atom::optional_text(cursor, "lang")?,
            "body" => body = atom::optional_text(cursor, "body")?,
            "author" => author = atom::optional_id(cursor, "author")?,
            "at" => at = atom::optional_date(cursor, "at")?,
            _ => {
                let problem = Problem::UnknownKey { key: shown(&key), place: COMMENT, known: COMMENT_KEYS };
                return Err(Fault { at: at_key, problem });
            }
        }
        Ok(())
    })?;
    let class = if public { TextClass::Public } else { TextClass::Private };
    let part = || format!("comment:{place}").into();
    Ok(body.map(|body| TextPart { part: part(), class, lang, body, author, at }))
}
