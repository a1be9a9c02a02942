use std::sync::Arc;

use ticketscope_model::{
    Change, Complete, ExprSource, Fact, FieldDecl, FieldKind, FieldPatch, GroupFlags, Listing, Member, PrincipalFact,
    RawValue, RelFact, RoleFact, SchemaDecl, TenantRelFact, TextClass, TextPart, TicketKey, TicketPatch, Timestamp,
    ValueFact,
};

use super::lines;
use crate::{Format, WriteError, write_change};

struct Random(fastrand::Rng);

impl Random {
    /// A string of 1 to 12 characters that are hard on a writer of JSON.
    fn text(&mut self) -> Arc<str> {
        let hard =
            ['"', '\\', '\n', '\r', '\t', '\0', '\u{1f}', '\u{7f}', '/', '\u{2028}', '\u{1f600}', '\u{feff}', '1'];
        let length = self.0.usize(1..12);
        (0..length)
            .map(|_| if self.0.bool() { *self.0.choice(&hard).unwrap() } else { self.0.char(..) })
            .collect::<String>()
            .into()
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.0.bool() { Some(value(self)) } else { None }
    }

    /// A name with a number, so that no two in one change are equal.
    fn name(&mut self, number: usize) -> Arc<str> {
        format!("{}{number}", self.text()).into()
    }

    fn key(&mut self) -> TicketKey {
        if self.0.bool() { TicketKey::Int(self.0.i64(..)) } else { TicketKey::parse(&self.text()).unwrap() }
    }

    fn time(&mut self) -> Timestamp {
        // Years -9999 to 9999, without the last days on both sides.
        Timestamp(self.0.i64(-377_600_000_000_000..253_400_000_000_000))
    }

    fn scalar(&mut self) -> RawValue {
        match self.0.u8(0..6) {
            0 => RawValue::Null,
            1 => RawValue::Bool(self.0.bool()),
            2 => RawValue::Int(self.0.i64(..)),
            3 => RawValue::Float(f64::from(self.0.i32(-3..3))),
            4 => loop {
                let number = f64::from_bits(self.0.u64(..));
                if number.is_finite() {
                    break RawValue::Float(number);
                }
            },
            _ => RawValue::Text(if self.0.bool() { self.text() } else { Arc::default() }),
        }
    }

    fn value(&mut self) -> RawValue {
        if self.0.u8(0..4) == 0 {
            RawValue::List((0..self.0.usize(0..4)).map(|_| self.scalar()).collect())
        } else {
            self.scalar()
        }
    }

    fn expression(&mut self) -> ExprSource {
        let json = ["[]", "{}", r#"{"any":[{"in": ["group" , "my.groups"]},1.50,null]}"#, r#"["\u00e9\n"]"#];
        if self.0.bool() {
            ExprSource::Text(self.text())
        } else {
            ExprSource::Json((*self.0.choice(&json).unwrap()).into())
        }
    }

    fn part(&mut self) -> TextPart {
        TextPart {
            part: self.text(),
            class: *self.0.choice(&TextClass::ALL).unwrap(),
            lang: self.maybe(Self::text),
            body: if self.0.bool() { self.text() } else { Arc::default() },
            author: self.maybe(Self::text),
            at: self.maybe(Self::time),
        }
    }

    fn fact(&mut self) -> Fact {
        let some = self.0.usize(0..5);
        match self.0.u8(0..11) {
            0 => Fact::Schema(SchemaDecl {
                fields: (0..some)
                    .map(|at| FieldDecl {
                        name: self.name(at),
                        kind: *self.0.choice(&FieldKind::ALL).unwrap(),
                        many: self.0.bool(),
                    })
                    .collect(),
                relations: (0..some).map(|at| self.name(at)).collect(),
                languages: (0..self.0.usize(0..3)).map(|at| self.name(at)).collect(),
            }),
            1 => Fact::Role(RoleFact {
                id: self.text(),
                verbs: (0..some).map(|at| (self.name(at), self.expression())).collect(),
            }),
            2 => Fact::Value(ValueFact {
                field: self
                    .0
                    .choice(["group", "department", "organization", "brand", "region", "team"])
                    .unwrap()
                    .into(),
                id: self.text(),
                parent: self.maybe(Self::text),
                flags: GroupFlags {
                    public: self.maybe(|random| random.0.bool()),
                    active: self.maybe(|random| random.0.bool()),
                    shared: self.maybe(|random| random.0.bool()),
                },
            }),
            3 => Fact::TenantRel(TenantRelFact { rel: self.text(), value: self.text() }),
            4 => Fact::Principal(PrincipalFact {
                id: self.text(),
                role: self.maybe(Self::text),
                active: self.0.bool(),
                name: self.maybe(Self::text),
                email: self.maybe(Self::text),
                locale: self.maybe(Self::text),
                time_zone: self.maybe(Self::text),
            }),
            5 => Fact::Rel(RelFact {
                principal: self.text(),
                rel: self.text(),
                value: self.text(),
                level: self.maybe(Self::text),
            }),
            6 => Fact::Member(Member { group: self.text(), user: self.text() }),
            7 => Fact::Ticket(TicketPatch {
                key: self.key(),
                fields: (0..some * 10).map(|at| (self.name(at), FieldPatch::Set(self.value()))).collect(),
                replace: false,
                text: Vec::new(),
            }),
            8 => Fact::Text { ticket: self.key(), part: self.part() },
            9 => Fact::Del(self.key()),
            _ => Fact::Complete(Complete {
                what: *self
                    .0
                    .choice(&[
                        Listing::Memberships,
                        Listing::Groups,
                        Listing::Organizations,
                        Listing::Principals,
                        Listing::Tickets,
                    ])
                    .unwrap(),
                count: self.0.u64(..1 << 63),
            }),
        }
    }

    fn change(&mut self) -> Change {
        let fact = self.fact();
        let may_be_gone = !matches!(fact, Fact::Ticket(_) | Fact::Del(_) | Fact::Complete(_));
        Change { rev: self.maybe(|random| random.0.i64(..)), gone: may_be_gone && self.0.bool(), fact }
    }
}

#[test]
fn what_is_written_is_read_back_the_same() {
    for seed in 0..2_000 {
        let mut random = Random(fastrand::Rng::with_seed(seed));
        let changes: Vec<_> = (0..random.0.usize(1..12)).map(|_| random.change()).collect();
        let mut out = Vec::new();
        for change in &changes {
            write_change(change, &mut out).unwrap();
        }
        let read: Vec<_> = lines(&out, Format::ScopeJsonl).into_iter().map(|line| line.change.unwrap()).collect();
        assert_eq!(read, changes, "seed {seed}:\n{}", String::from_utf8_lossy(&out));
        for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok(), "seed {seed}");
        }
    }
}

#[test]
fn lines_look_as_the_format_is_documented() {
    let ticket = TicketPatch {
        key: TicketKey::Int(1),
        fields: vec![
            ("tags".into(), FieldPatch::Set(RawValue::List(vec![RawValue::Text("a\"\n".into()), RawValue::Int(-2)]))),
            ("n".into(), FieldPatch::Set(RawValue::Float(1.0))),
        ],
        replace: false,
        text: Vec::new(),
    };
    let mut out = Vec::new();
    write_change(&Change { rev: Some(3), gone: false, fact: Fact::Ticket(ticket) }, &mut out).unwrap();
    write_change(&Change::remove(Fact::Member(Member { group: "g".into(), user: "1".into() })), &mut out).unwrap();
    assert_eq!(
        str::from_utf8(&out).unwrap(),
        "{\"k\":\"ticket\",\"id\":1,\"tags\":[\"a\\\"\\n\",-2],\"n\":1.0,\"rev\":3}\n\
         {\"k\":\"member\",\"group\":\"g\",\"user\":\"1\",\"gone\":true}\n"
    );
}

#[test]
fn what_has_no_line_is_refused_and_nothing_is_written() {
    let patch = |fields: Vec<(&str, FieldPatch)>| TicketPatch {
        key: TicketKey::Int(1),
        fields: fields.into_iter().map(|(name, patch)| (name.into(), patch)).collect(),
        replace: false,
        text: Vec::new(),
    };
    let field = |name: &str, value| Change::state(Fact::Ticket(patch(vec![(name, FieldPatch::Set(value))])));
    let role = |verb: &str, json: &str| {
        Change::state(Fact::Role(RoleFact {
            id: "r".into(),
            verbs: vec![(verb.into(), ExprSource::Json(json.into()))],
        }))
    };
    let complete = |count| Fact::Complete(Complete { what: Listing::Tickets, count });
    for change in [
        Change::state(Fact::Ticket(TicketPatch { replace: true, ..patch(Vec::new()) })),
        Change::state(Fact::Ticket(patch(vec![("tags", FieldPatch::Add(RawValue::Int(1)))]))),
        Change::state(Fact::Ticket(patch(vec![("tags", FieldPatch::Remove(RawValue::Int(1)))]))),
        Change::remove(Fact::Ticket(patch(Vec::new()))),
        Change::remove(Fact::Del(TicketKey::Int(1))),
        Change::remove(complete(1)),
        Change::state(complete(1 << 63)),
        field("id", RawValue::Int(1)),
        field("comments", RawValue::Int(1)),
        field("n", RawValue::Float(f64::NAN)),
        field("n", RawValue::Float(f64::INFINITY)),
        field("n", RawValue::List(vec![RawValue::List(Vec::new())])),
        role("gone", "[]"),
        role("view", "[1"),
        role("view", "[1] [2]"),
        role("view", "\"all\""),
        role("view", ""),
    ] {
        let mut out = Vec::new();
        let error = write_change(&change, &mut out).unwrap_err();
        assert!(matches!(error, WriteError::Inexpressible(_)), "{change:?}: {error}");
        assert!(out.is_empty());
    }
}

#[test]
fn an_expression_over_several_lines_is_written_on_one() {
    let role =
        RoleFact { id: "r".into(), verbs: vec![("view".into(), ExprSource::Json("{\n \"a\":\r\n[1]\n}\n".into()))] };
    let mut out = Vec::new();
    write_change(&Change::state(Fact::Role(role)), &mut out).unwrap();
    assert_eq!(str::from_utf8(&out).unwrap(), "{\"k\":\"role\",\"id\":\"r\",\"view\":{  \"a\":\r [1] }}\n");
}
