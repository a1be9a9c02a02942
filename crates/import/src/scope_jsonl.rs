//! scope-jsonl: facts of every kind, told apart by `k`.

use std::{borrow::Cow, sync::Arc};

use ticketscope_model::{
    Change, Complete, ExprSource, Fact, FieldDecl, FieldKind, FieldPatch, GroupFlags, Listing, Member, PrincipalFact,
    RelFact, RoleFact, SchemaDecl, TenantRelFact, TextClass, TextPart, TicketPatch, ValueFact,
};

use crate::{
    atom,
    error::{Fault, Problem, shown},
    json::{Cursor, array, object, seek},
    names::Names,
};

const KINDS: &[&str] = &[
    "schema",
    "role",
    "group",
    "department",
    "organization",
    "brand",
    "value",
    "tenant_rel",
    "principal",
    "rel",
    "member",
    "ticket",
    "text",
    "del",
    "complete",
];

/// The names of the listings that can be complete.
pub(crate) const LISTINGS: [(&str, Listing); 5] = [
    ("memberships", Listing::Memberships),
    ("groups", Listing::Groups),
    ("organizations", Listing::Organizations),
    ("principals", Listing::Principals),
    ("tickets", Listing::Tickets),
];

pub(crate) fn change(cursor: &mut Cursor<'_>, names: &mut Names) -> Result<Change, Fault> {
    let start = cursor.at();
    let kind = kind(cursor.clone(), start)?;
    let mut line = Statement { cursor, kind, start, rev: None, gone: false };
    let fact = match kind {
        "schema" => line.schema()?,
        "role" => line.role()?,
        "group" | "department" | "organization" | "brand" => line.value_of(names.shared(kind))?,
        "value" => line.value(names)?,
        "tenant_rel" => line.tenant_rel(names)?,
        "principal" => line.principal()?,
        "rel" => line.rel(names)?,
        "member" => line.member()?,
        "ticket" => line.ticket(names)?,
        "text" => line.text()?,
        "del" => line.del()?,
        _ => line.complete()?,
    };
    // What a removed ticket leaves is the statement of its erasure.
    let gone = line.gone && !matches!(fact, Fact::Del(_));
    Ok(Change { rev: line.rev, gone, fact })
}

/// The kind of the line that begins at `cursor`, wherever in it `k` stands.
fn kind(mut cursor: Cursor<'_>, start: usize) -> Result<&'static str, Fault> {
    if !seek(&mut cursor, "k")? {
        return Err(Fault { at: start, problem: Problem::MissingKey { key: "k", place: "scope-jsonl" } });
    }
    let at = cursor.at();
    let word = atom::text(&mut cursor, "k")?;
    let kind = KINDS.iter().find(|kind| **kind == word);
    kind.copied().ok_or_else(|| Fault { at, problem: Problem::UnknownKind { kind: shown(&word), known: KINDS } })
}

/// A line of one kind, on its way to a fact. Of a removed fact only the keys that identify it are needed.
struct Statement<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    kind: &'static str,
    start: usize,
    rev: Option<i64>,
    gone: bool,
}

impl<'a> Statement<'_, 'a> {
    /// Reads the line's own keys and hands the others to `entry`, which reads the value of a key it knows and says no
    /// to one that it does not.
    fn read(
        &mut self,
        known: &'static [&'static str],
        mut entry: impl FnMut(&mut Cursor<'a>, &str) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let Self { cursor, kind, start: _, rev, gone } = self;
        object(cursor, |cursor, key, at| {
            match &*key {
                // Read before anything else.
                "k" => drop(cursor.raw()?),
                "rev" => *rev = Some(atom::integer(cursor, "rev", "an integer of 64 bits")?),
                "gone" => *gone = atom::flag(cursor, "gone")?,
                key => {
                    if !entry(cursor, key)? {
                        let problem = Problem::UnknownKey { key: shown(key), place: kind, known };
                        return Err(Fault { at, problem });
                    }
                }
            }
            Ok(())
        })
    }

    fn need<T>(&self, value: Option<T>, key: &'static str) -> Result<T, Fault> {
        value.ok_or(Fault { at: self.start, problem: Problem::MissingKey { key, place: self.kind } })
    }

    /// What a line that removes its fact may leave out.
    fn need_unless_gone<T>(&self, value: Option<T>, key: &'static str, gone: T) -> Result<T, Fault> {
        if self.gone { Ok(value.unwrap_or(gone)) } else { self.need(value, key) }
    }

    /// Refuses `gone` where it would take back what cannot be taken back.
    fn refuse_gone(&self) -> Result<(), Fault> {
        if self.gone { Err(Fault { at: self.start, problem: Problem::Gone { kind: self.kind } }) } else { Ok(()) }
    }

    fn schema(&mut self) -> Result<Fact, Fault> {
        let mut schema = SchemaDecl::default();
        self.read(&["fields", "relations", "languages"], |cursor, key| {
            match key {
                "fields" => list(cursor, "fields", |cursor| {
                    schema.fields.push(field_decl(cursor)?);
                    Ok(())
                })?,
                "relations" => list(cursor, "relations", |cursor| {
                    schema.relations.push(name(cursor, "relations")?.as_ref().into());
                    Ok(())
                })?,
                "languages" => list(cursor, "languages", |cursor| {
                    schema.languages.push(name(cursor, "languages")?.as_ref().into());
                    Ok(())
                })?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Fact::Schema(schema))
    }

    fn role(&mut self) -> Result<Fact, Fault> {
        let (mut id, mut verbs) = (None, Vec::new());
        self.read(&["id"], |cursor, key| {
            if key == "id" {
                id = Some(atom::id(cursor, "id")?);
            } else {
                verbs.push((key.into(), expression(cursor, key)?));
            }
            Ok(true)
        })?;
        Ok(Fact::Role(RoleFact { id: self.need(id, "id")?, verbs }))
    }

    fn value_of(&mut self, field: Arc<str>) -> Result<Fact, Fault> {
        let mut value = Value::default();
        self.read(&["id", "parent", "public", "active", "shared"], |cursor, key| value.entry(cursor, key))?;
        let id = self.need(value.id, "id")?;
        Ok(Fact::Value(ValueFact { field, id, parent: value.parent, flags: value.flags }))
    }

    fn value(&mut self, names: &mut Names) -> Result<Fact, Fault> {
        let (mut field, mut value) = (None, Value::default());
        self.read(&["field", "id", "parent", "public", "active", "shared"], |cursor, key| {
            if key != "field" {
                return value.entry(cursor, key);
            }
            field = Some(names.shared(&name(cursor, "field")?));
            Ok(true)
        })?;
        let (field, id) = (self.need(field, "field")?, self.need(value.id, "id")?);
        Ok(Fact::Value(ValueFact { field, id, parent: value.parent, flags: value.flags }))
    }

    fn tenant_rel(&mut self, names: &mut Names) -> Result<Fact, Fault> {
        let (mut rel, mut value) = (None, None);
        self.read(&["rel", "value"], |cursor, key| {
            match key {
                "rel" => rel = Some(names.shared(&name(cursor, "rel")?)),
                "value" => value = Some(atom::id(cursor, "value")?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Fact::TenantRel(TenantRelFact { rel: self.need(rel, "rel")?, value: self.need(value, "value")? }))
    }

    fn principal(&mut self) -> Result<Fact, Fault> {
        let (mut id, mut role, mut active) = (None, None, true);
        let (mut name, mut email, mut locale, mut time_zone) = (None, None, None, None);
        self.read(&["id", "role", "active", "name", "email", "locale", "time_zone"], |cursor, key| {
            match key {
                "id" => id = Some(atom::id(cursor, "id")?),
                "role" => role = atom::optional_id(cursor, "role")?,
                "active" => active = atom::flag(cursor, "active")?,
                "name" => name = atom::optional_text(cursor, "name")?,
                "email" => email = atom::optional_text(cursor, "email")?,
                "locale" => locale = atom::optional_text(cursor, "locale")?,
                "time_zone" => time_zone = atom::optional_text(cursor, "time_zone")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let id = self.need(id, "id")?;
        Ok(Fact::Principal(PrincipalFact { id, role, active, name, email, locale, time_zone }))
    }

    fn rel(&mut self, names: &mut Names) -> Result<Fact, Fault> {
        let (mut principal, mut rel, mut value, mut level) = (None, None, None, None);
        self.read(&["principal", "rel", "value", "level"], |cursor, key| {
            match key {
                "principal" => principal = Some(atom::id(cursor, "principal")?),
                "rel" => rel = Some(names.shared(&name(cursor, "rel")?)),
                "value" => value = Some(atom::id(cursor, "value")?),
                // No `""` here: read as no level, it could hold more than its source meant.
                "level" => level = atom::id_or_null(cursor, "level")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let (principal, rel) = (self.need(principal, "principal")?, self.need(rel, "rel")?);
        Ok(Fact::Rel(RelFact { principal, rel, value: self.need(value, "value")?, level }))
    }

    fn member(&mut self) -> Result<Fact, Fault> {
        let (mut group, mut user) = (None, None);
        self.read(&["group", "user"], |cursor, key| {
            match key {
                "group" => group = Some(atom::id(cursor, "group")?),
                "user" => user = Some(atom::id(cursor, "user")?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Fact::Member(Member { group: self.need(group, "group")?, user: self.need(user, "user")? }))
    }

    fn ticket(&mut self, names: &mut Names) -> Result<Fact, Fault> {
        let (mut key, mut fields) = (None, Vec::with_capacity(16));
        self.read(&[], |cursor, name| {
            match name {
                "id" => key = Some(atom::ticket_key(cursor, "id")?),
                "comments" => return Err(Fault { at: cursor.at(), problem: Problem::Comments }),
                _ => fields.push((names.shared(name), FieldPatch::Set(atom::value(cursor, name, names)?))),
            }
            Ok(true)
        })?;
        let key = self.need(key, "id")?;
        if self.gone {
            return Ok(Fact::Del(key));
        }
        Ok(Fact::Ticket(TicketPatch { key, fields, replace: false, text: Vec::new() }))
    }

    fn text(&mut self) -> Result<Fact, Fault> {
        let (mut ticket, mut part, mut class, mut body) = (None, None, None, None);
        let (mut lang, mut author, mut at) = (None, None, None);
        self.read(&["ticket", "part", "class", "lang", "body", "author", "at"], |cursor, key| {
            match key {
                "ticket" => ticket = Some(atom::ticket_key(cursor, "ticket")?),
                "part" => part = Some(atom::id(cursor, "part")?),
                "class" => {
                    class = Some(atom::word(cursor, "class", &TextClass::ALL.map(|class| (class.name(), class)))?);
                }
                "lang" => lang = atom::optional_text(cursor, "lang")?,
                "body" => body = Some(atom::text(cursor, "body")?.into()),
                "author" => author = atom::optional_id(cursor, "author")?,
                "at" => at = atom::optional_date(cursor, "at")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let (ticket, part) = (self.need(ticket, "ticket")?, self.need(part, "part")?);
        let class = self.need_unless_gone(class, "class", TextClass::Private)?;
        let body = self.need_unless_gone(body, "body", Arc::default())?;
        Ok(Fact::Text { ticket, part: TextPart { part, class, lang, body, author, at } })
    }

    fn del(&mut self) -> Result<Fact, Fault> {
        let mut ticket = None;
        self.read(&["ticket"], |cursor, key| {
            if key == "ticket" {
                ticket = Some(atom::ticket_key(cursor, "ticket")?);
            }
            Ok(key == "ticket")
        })?;
        self.refuse_gone()?;
        Ok(Fact::Del(self.need(ticket, "ticket")?))
    }

    fn complete(&mut self) -> Result<Fact, Fault> {
        let (mut what, mut count) = (None, None);
        self.read(&["what", "count"], |cursor, key| {
            match key {
                "what" => what = Some(atom::word(cursor, "what", &LISTINGS)?),
                "count" => count = Some(atom::integer(cursor, "count", "a whole number")?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        self.refuse_gone()?;
        Ok(Fact::Complete(Complete { what: self.need(what, "what")?, count: self.need(count, "count")? }))
    }
}

/// The keys that every line about a value shares.
#[derive(Default)]
struct Value {
    id: Option<Arc<str>>,
    parent: Option<Arc<str>>,
    flags: GroupFlags,
}

impl Value {
    fn entry(&mut self, cursor: &mut Cursor<'_>, key: &str) -> Result<bool, Fault> {
        match key {
            "id" => self.id = Some(atom::id(cursor, "id")?),
            "parent" => self.parent = atom::optional_id(cursor, "parent")?,
            "public" => self.flags.public = atom::optional_flag(cursor, "public")?,
            "active" => self.flags.active = atom::optional_flag(cursor, "active")?,
            "shared" => self.flags.shared = atom::optional_flag(cursor, "shared")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The name of a field or relation: a string that is not empty. Whether it is known is not asked here.
fn name<'a>(cursor: &mut Cursor<'a>, key: &'static str) -> Result<Cow<'a, str>, Fault> {
    let at = cursor.at();
    let name = atom::text(cursor, key)?;
    if name.is_empty() { Err(Fault { at, problem: Problem::EmptyId { key: key.to_owned() } }) } else { Ok(name) }
}

fn list<'a>(
    cursor: &mut Cursor<'a>,
    key: &'static str,
    mut item: impl FnMut(&mut Cursor<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if cursor.peek() == Some(b'[') {
        array(cursor, |cursor, _| item(cursor))
    } else {
        atom::wrong_type(cursor, key, "a list")
    }
}

fn field_decl(cursor: &mut Cursor<'_>) -> Result<FieldDecl, Fault> {
    const PLACE: &str = "field declaration";
    const KNOWN: &[&str] = &["name", "kind", "many"];
    let start = cursor.at();
    if cursor.peek() != Some(b'{') {
        return atom::wrong_type(cursor, "fields", "a list of objects");
    }
    let (mut declared, mut kind, mut many) = (None, None, false);
    object(cursor, |cursor, key, at| {
        match &*key {
            "name" => declared = Some(name(cursor, "name")?),
            "kind" => kind = Some(atom::word(cursor, "kind", &FieldKind::ALL.map(|kind| (kind.name(), kind)))?),
            "many" => many = atom::flag(cursor, "many")?,
            _ => {
                return Err(Fault {
                    at,
                    problem: Problem::UnknownKey { key: shown(&key), place: PLACE, known: KNOWN },
                });
            }
        }
        Ok(())
    })?;
    let missing = |key| Fault { at: start, problem: Problem::MissingKey { key, place: PLACE } };
    let name = declared.ok_or_else(|| missing("name"))?;
    Ok(FieldDecl { name: name.into(), kind: kind.ok_or_else(|| missing("kind"))?, many })
}

/// A scope expression; what it says is for others to judge.
fn expression(cursor: &mut Cursor<'_>, verb: &str) -> Result<ExprSource, Fault> {
    match cursor.peek() {
        Some(b'"') => Ok(ExprSource::Text(cursor.string()?.into())),
        Some(b'{' | b'[') => Ok(ExprSource::Json(cursor.raw()?.into())),
        _ => atom::wrong_type(cursor, verb, "a scope expression (a string, an object or a list)"),
    }
}
