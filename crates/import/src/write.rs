//! The other direction: changes to scope-jsonl.

use std::io::Write;

use ticketscope_model::{
    Change, Complete, ExprSource, Fact, FieldPatch, Member, PrincipalFact, RawValue, RelFact, RoleFact, SchemaDecl,
    TenantRelFact, TextPart, TicketKey, TicketPatch, Timestamp, ValueFact,
};

use crate::{WriteError, json::Cursor, scope_jsonl::LISTINGS};

/// Writes `change` as one scope-jsonl line with its line feed. [`crate::Parser`] reads it back as the same change.
///
/// # Errors
/// [`WriteError::Inexpressible`], before anything is written, for what scope-jsonl has no line for: a ticket that
/// replaces or that adds to a field or removes from it, a ticket that is `gone` (use [`Fact::Del`]), a removed
/// erasure or listing, a field or verb that has the name of another key, a list in a list, a number that is not
/// finite, a count beyond 63 bits, a date outside years -9999 to 9999, an expression that is no JSON object or list. [`WriteError::Write`] if
/// `out` fails.
pub fn write_change(change: &Change, out: &mut dyn Write) -> Result<(), WriteError> {
    let mut line = OpenObject(Vec::with_capacity(256));
    line.change(change)?;
    line.0.extend_from_slice(b"}\n");
    Ok(out.write_all(&line.0)?)
}

type Written = Result<(), WriteError>;

/// The line so far: an object without its closing brace.
struct OpenObject(Vec<u8>);

impl OpenObject {
    fn change(&mut self, change: &Change) -> Written {
        match &change.fact {
            Fact::Schema(schema) => self.schema(schema),
            Fact::Role(role) => self.role(role)?,
            Fact::Value(value) => self.value_fact(value),
            Fact::TenantRel(TenantRelFact { rel, value }) => {
                self.kind("tenant_rel");
                self.text("rel", rel);
                self.text("value", value);
            }
            Fact::Principal(principal) => self.principal(principal),
            Fact::Rel(RelFact { principal, rel, value, level }) => {
                self.kind("rel");
                self.text("principal", principal);
                self.text("rel", rel);
                self.text("value", value);
                self.optional("level", level.as_deref());
            }
            Fact::Member(Member { group, user }) => {
                self.kind("member");
                self.text("group", group);
                self.text("user", user);
            }
            Fact::Ticket(_) if change.gone => return Err(WriteError::Inexpressible("a ticket that is gone")),
            Fact::Ticket(ticket) => self.ticket(ticket)?,
            Fact::Text { ticket, part } => self.part(ticket, part)?,
            Fact::Del(_) if change.gone => return Err(WriteError::Inexpressible("an erasure that is gone")),
            Fact::Del(ticket) => {
                self.kind("del");
                self.ticket_key("ticket", ticket);
            }
            Fact::Complete(_) if change.gone => return Err(WriteError::Inexpressible("a listing that is gone")),
            Fact::Complete(complete) => self.complete(*complete)?,
        }
        if let Some(rev) = change.rev {
            self.key("rev");
            self.show(rev);
        }
        if change.gone {
            self.flag("gone", true);
        }
        Ok(())
    }

    fn schema(&mut self, schema: &SchemaDecl) {
        self.kind("schema");
        self.list("fields", &schema.fields, |line, field| {
            line.0.extend_from_slice(b"{\"name\":");
            line.string(&field.name);
            line.text("kind", field.kind.name());
            line.flag("many", field.many);
            line.0.push(b'}');
        });
        self.list("relations", &schema.relations, |line, name| line.string(name));
        if !schema.languages.is_empty() {
            self.list("languages", &schema.languages, |line, code| line.string(code));
        }
    }

    fn role(&mut self, role: &RoleFact) -> Written {
        self.kind("role");
        self.text("id", &role.id);
        for (verb, expression) in &role.verbs {
            self.free_key(verb, &["k", "id", "rev", "gone"])?;
            match expression {
                ExprSource::Text(text) => self.string(text),
                ExprSource::Json(json) => {
                    let mut cursor = Cursor::new(json);
                    let nested = matches!(cursor.peek(), Some(b'{' | b'['));
                    if !nested || cursor.raw().and_then(|_| cursor.end()).is_err() {
                        return Err(WriteError::Inexpressible("an expression that is no JSON object or list"));
                    }
                    // Between the values of a JSON text a line feed is white space, inside them it is escaped.
                    self.0.extend(json.trim().bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
                }
            }
        }
        Ok(())
    }

    fn value_fact(&mut self, value: &ValueFact) {
        if matches!(&*value.field, "group" | "department" | "organization" | "brand") {
            self.kind(&value.field);
        } else {
            self.kind("value");
            self.text("field", &value.field);
        }
        self.text("id", &value.id);
        self.optional("parent", value.parent.as_deref());
        for (key, flag) in
            [("public", value.flags.public), ("active", value.flags.active), ("shared", value.flags.shared)]
        {
            if let Some(flag) = flag {
                self.flag(key, flag);
            }
        }
    }

    fn principal(&mut self, principal: &PrincipalFact) {
        let PrincipalFact { id, role, active, name, email, locale, time_zone } = principal;
        self.kind("principal");
        self.text("id", id);
        self.optional("role", role.as_deref());
        self.flag("active", *active);
        self.optional("name", name.as_deref());
        self.optional("email", email.as_deref());
        self.optional("locale", locale.as_deref());
        self.optional("time_zone", time_zone.as_deref());
    }

    fn ticket(&mut self, ticket: &TicketPatch) -> Written {
        if ticket.replace || !ticket.text.is_empty() {
            return Err(WriteError::Inexpressible("a ticket that replaces all its fields and text"));
        }
        self.kind("ticket");
        self.ticket_key("id", &ticket.key);
        for (field, patch) in &ticket.fields {
            let FieldPatch::Set(value) = patch else {
                return Err(WriteError::Inexpressible("a patch that adds to a field or removes from it"));
            };
            self.free_key(field, &["k", "id", "rev", "gone", "comments"])?;
            self.value(value)?;
        }
        Ok(())
    }

    fn part(&mut self, ticket: &TicketKey, part: &TextPart) -> Written {
        let TextPart { part, class, lang, body, author, at } = part;
        self.kind("text");
        self.ticket_key("ticket", ticket);
        self.text("part", part);
        self.text("class", class.name());
        self.optional("lang", lang.as_deref());
        self.text("body", body);
        self.optional("author", author.as_deref());
        if let Some(at) = at {
            let written = at.to_string();
            if Timestamp::parse(&written) != Ok(*at) {
                return Err(WriteError::Inexpressible("a date outside years -9999 to 9999"));
            }
            self.text("at", &written);
        }
        Ok(())
    }

    fn complete(&mut self, complete: Complete) -> Written {
        self.kind("complete");
        for (name, _) in LISTINGS.iter().filter(|(_, listing)| *listing == complete.what) {
            self.text("what", name);
        }
        self.key("count");
        match i64::try_from(complete.count) {
            Ok(count) => self.show(count),
            Err(_) => return Err(WriteError::Inexpressible("a count beyond 63 bits")),
        }
        Ok(())
    }

    fn kind(&mut self, kind: &str) {
        self.0.extend_from_slice(b"{\"k\":");
        self.string(kind);
    }

    fn key(&mut self, key: &str) {
        self.0.push(b',');
        self.string(key);
        self.0.push(b':');
    }

    /// A key that the data names, which must not be one of the line's own.
    fn free_key(&mut self, key: &str, own: &[&str]) -> Written {
        if own.contains(&key) {
            return Err(WriteError::Inexpressible("a field or verb with the name of another key"));
        }
        self.key(key);
        Ok(())
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    fn optional(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn flag(&mut self, key: &str, flag: bool) {
        self.key(key);
        self.show(flag);
    }

    fn ticket_key(&mut self, name: &str, key: &TicketKey) {
        self.key(name);
        match key {
            TicketKey::Int(number) => self.show(number),
            TicketKey::Text(text) => self.string(text),
        }
    }

    fn list<T>(&mut self, key: &str, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.key(key);
        self.0.push(b'[');
        for (place, each) in items.iter().enumerate() {
            if place > 0 {
                self.0.push(b',');
            }
            item(self, each);
        }
        self.0.push(b']');
    }

    fn value(&mut self, value: &RawValue) -> Written {
        let RawValue::List(items) = value else {
            return self.scalar(value);
        };
        self.0.push(b'[');
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                self.0.push(b',');
            }
            self.scalar(item)?;
        }
        self.0.push(b']');
        Ok(())
    }

    fn scalar(&mut self, value: &RawValue) -> Written {
        match value {
            RawValue::Null => self.0.extend_from_slice(b"null"),
            RawValue::Bool(flag) => self.show(flag),
            RawValue::Int(number) => self.show(number),
            // The debug form is the shortest that reads back the same and never looks like an integer.
            RawValue::Float(number) if number.is_finite() => self.show(format_args!("{number:?}")),
            RawValue::Float(_) => return Err(WriteError::Inexpressible("a number that is not finite")),
            RawValue::Text(text) => self.string(text),
            RawValue::List(_) => return Err(WriteError::Inexpressible("a list in a list")),
        }
        Ok(())
    }

    fn show(&mut self, value: impl std::fmt::Display) {
        self.0.extend_from_slice(value.to_string().as_bytes());
    }

    fn string(&mut self, text: &str) {
        self.0.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' => self.0.extend_from_slice(b"\\\""),
                b'\\' => self.0.extend_from_slice(b"\\\\"),
                b'\n' => self.0.extend_from_slice(b"\\n"),
                0..0x20 => self.0.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.0.push(byte),
            }
        }
        self.0.push(b'"');
    }
}
