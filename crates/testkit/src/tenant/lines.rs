//! Changes as lines of scope-jsonl.

use std::{error::Error, fmt, fmt::Write};

use ticketscope_model::{Change, Complete, ExprSource, Fact, FieldPatch, Listing, RawValue, TextPart};

/// The change has no line in scope-jsonl: it adds to or removes from a field, or replaces a whole ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotALine;

impl fmt::Display for NotALine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the change has no line in scope-jsonl")
    }
}

impl Error for NotALine {}

/// Appends `change` as one line, with its line break.
///
/// # Errors
/// [`NotALine`]; nothing is then appended.
pub fn write_line(change: &Change, out: &mut String) -> Result<(), NotALine> {
    let start = out.len();
    let written = Line { out, first: true }.write(change);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

struct Line<'o> {
    out: &'o mut String,
    first: bool,
}

impl Line<'_> {
    fn write(&mut self, change: &Change) -> Result<(), NotALine> {
        self.out.push('{');
        match &change.fact {
            Fact::Schema(decl) => {
                self.kind("schema");
                self.key("fields");
                self.list(&decl.fields, |out, field| {
                    out.push_str("{\"name\":");
                    string(out, &field.name);
                    // Kinds are plain words.
                    out.push_str(",\"kind\":\"");
                    out.push_str(field.kind.name());
                    out.push_str(if field.many { "\",\"many\":true}" } else { "\",\"many\":false}" });
                });
                self.key("relations");
                self.list(&decl.relations, |out, name| string(out, name));
            }
            Fact::Role(role) => {
                self.kind("role");
                self.text("id", &role.id);
                for (verb, source) in &role.verbs {
                    match source {
                        ExprSource::Text(text) => self.text(verb, text),
                        ExprSource::Json(json) => {
                            self.key(verb);
                            self.out.push_str(json);
                        }
                    }
                }
            }
            Fact::Value(line) => {
                if matches!(&*line.field, "group" | "department" | "organization" | "brand") {
                    self.kind(&line.field);
                } else {
                    self.kind("value");
                    self.text("field", &line.field);
                }
                self.text("id", &line.id);
                self.optional("parent", line.parent.as_deref());
                for (name, flag) in
                    [("public", line.flags.public), ("active", line.flags.active), ("shared", line.flags.shared)]
                {
                    if let Some(flag) = flag {
                        self.flag(name, flag);
                    }
                }
            }
            Fact::TenantRel(fact) => {
                self.kind("tenant_rel");
                self.text("rel", &fact.rel);
                self.text("value", &fact.value);
            }
            Fact::Principal(principal) => {
                self.kind("principal");
                self.text("id", &principal.id);
                self.optional("role", principal.role.as_deref());
                self.flag("active", principal.active);
                self.optional("name", principal.name.as_deref());
                self.optional("email", principal.email.as_deref());
                self.optional("locale", principal.locale.as_deref());
                self.optional("time_zone", principal.time_zone.as_deref());
            }
            Fact::Rel(fact) => {
                self.kind("rel");
                self.text("principal", &fact.principal);
                self.text("rel", &fact.rel);
                self.text("value", &fact.value);
                self.optional("level", fact.level.as_deref());
            }
            Fact::Member(member) => {
                self.kind("member");
                self.text("group", &member.group);
                self.text("user", &member.user);
            }
            Fact::Ticket(patch) => {
                if patch.replace || !patch.text.is_empty() {
                    return Err(NotALine);
                }
                self.kind("ticket");
                self.text("id", &patch.key.to_string());
                for (name, change) in &patch.fields {
                    let FieldPatch::Set(value) = change else { return Err(NotALine) };
                    self.key(name);
                    raw(self.out, value);
                }
            }
            Fact::Text { ticket, part } => {
                self.kind("text");
                self.text("ticket", &ticket.to_string());
                self.part(part);
            }
            Fact::Del(key) => {
                self.kind("del");
                self.text("ticket", &key.to_string());
            }
            Fact::Complete(Complete { what, count }) => {
                self.kind("complete");
                self.text("what", listing(*what));
                self.key("count");
                shown(self.out, count);
            }
        }
        if let Some(rev) = change.rev {
            self.key("rev");
            shown(self.out, &rev);
        }
        if change.gone {
            self.flag("gone", true);
        }
        self.out.push_str("}\n");
        Ok(())
    }

    fn part(&mut self, part: &TextPart) {
        self.text("part", &part.part);
        self.text("class", part.class.name());
        self.optional("lang", part.lang.as_deref());
        self.text("body", &part.body);
        self.optional("author", part.author.as_deref());
        if let Some(at) = part.at {
            self.text("at", &at.to_string());
        }
    }

    fn kind(&mut self, kind: &str) {
        self.text("k", kind);
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        string(self.out, key);
        self.out.push(':');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        string(self.out, value);
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.push_str(if value { "true" } else { "false" });
    }

    fn list<T>(&mut self, items: &[T], item: impl Fn(&mut String, &T)) {
        list(self.out, items, item);
    }
}

fn listing(what: Listing) -> &'static str {
    match what {
        Listing::Memberships => "memberships",
        Listing::Groups => "groups",
        Listing::Organizations => "organizations",
        Listing::Principals => "principals",
        Listing::Tickets => "tickets",
    }
}

fn raw(out: &mut String, value: &RawValue) {
    match value {
        RawValue::Null => out.push_str("null"),
        RawValue::Bool(flag) => shown(out, flag),
        RawValue::Int(number) => shown(out, number),
        RawValue::Float(number) => shown(out, number),
        RawValue::Text(text) => string(out, text),
        RawValue::List(items) => list(out, items, raw),
    }
}

fn list<T>(out: &mut String, items: &[T], item: impl Fn(&mut String, &T)) {
    out.push('[');
    for (at, value) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        item(out, value);
    }
    out.push(']');
}

/// A JSON string. Only quotes, backslashes and control characters need an escape.
fn string(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        for c in text.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                c if c < ' ' => shown(out, &format_args!("\\u{:04x}", u32::from(c))),
                c => out.push(c),
            }
        }
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn shown(out: &mut String, value: &impl fmt::Display) {
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok(), "strings take everything");
}

#[cfg(test)]
mod tests {
    use ticketscope_model::{GroupFlags, RelFact, TicketKey, TicketPatch, ValueFact};

    use super::*;

    fn line(change: &Change) -> String {
        let mut out = String::new();
        write_line(change, &mut out).unwrap();
        out
    }

    #[test]
    fn a_change_is_one_line_of_json() {
        let patch = TicketPatch {
            key: TicketKey::Int(7),
            fields: vec![
                ("group".into(), FieldPatch::Set(RawValue::Text("a \"b\"\n\\".into()))),
                ("tags".into(), FieldPatch::Set(RawValue::List(vec![RawValue::Int(1), RawValue::Null]))),
            ],
            replace: false,
            text: Vec::new(),
        };
        let change = Change { rev: Some(-3), gone: false, fact: Fact::Ticket(patch) };
        assert_eq!(
            line(&change),
            "{\"k\":\"ticket\",\"id\":\"7\",\"group\":\"a \\\"b\\\"\\u000a\\\\\",\"tags\":[1,null],\"rev\":-3}\n"
        );
        let rel = RelFact { principal: "a".into(), rel: "groups".into(), value: "g".into(), level: None };
        assert_eq!(
            line(&Change::remove(Fact::Rel(rel))),
            "{\"k\":\"rel\",\"principal\":\"a\",\"rel\":\"groups\",\"value\":\"g\",\"gone\":true}\n"
        );
        let region = |field: &str| {
            let flags = GroupFlags { public: Some(false), ..GroupFlags::default() };
            Fact::Value(ValueFact { field: field.into(), id: "x".into(), parent: Some("y".into()), flags })
        };
        assert_eq!(
            line(&Change::state(region("region"))),
            "{\"k\":\"value\",\"field\":\"region\",\"id\":\"x\",\"parent\":\"y\",\"public\":false}\n"
        );
        assert_eq!(
            line(&Change::state(region("group"))),
            "{\"k\":\"group\",\"id\":\"x\",\"parent\":\"y\",\"public\":false}\n"
        );
    }

    #[test]
    fn what_has_no_line_writes_nothing() {
        let fields = vec![("tags".into(), FieldPatch::Add(RawValue::Int(1)))];
        let patch = TicketPatch { key: TicketKey::Int(7), fields, replace: false, text: Vec::new() };
        let mut out = "before".to_owned();
        assert_eq!(write_line(&Change::state(Fact::Ticket(patch)), &mut out), Err(NotALine));
        assert_eq!(out, "before");
    }
}
