//! Random values of everything that rows hold.

use std::{collections::BTreeSet, sync::Arc};

use fastrand::Rng;
use ticketscope_bitmap::TicketBatch;
use ticketscope_model::{
    ExprSource, FieldDecl, FieldId, FieldKind, GroupFlags, PrincipalFact, RoleFact, SchemaDecl, TextClass, TextPart,
    TicketKey, Timestamp, Value, ValueFact,
};

use crate::{
    delta::Delta,
    facts::{FactCell, FactKey, State},
    revs::{Cell, TicketRevs},
    texts::Parts,
};

fn text(rng: &mut Rng) -> Arc<str> {
    const TEXTS: [&str; 8] =
        ["", "a", "groups", "R\u{e9}clamation", "\u{6771}\u{4eac}", "line\nbreak", "\0", "\u{1f4a1}"];
    match rng.u32(..10) {
        0 => "long ".repeat(rng.usize(20..60)).into(),
        at => TEXTS[(at as usize) % TEXTS.len()].into(),
    }
}

fn option<T>(rng: &mut Rng, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    if rng.bool() { Some(make(rng)) } else { None }
}

fn list<T>(rng: &mut Rng, most: usize, mut make: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(..=most)).map(|_| make(rng)).collect()
}

fn rev(rng: &mut Rng) -> i64 {
    [0, 1, -1, i64::MAX, i64::MIN, rng.i64(..)][rng.usize(..6)]
}

fn ords(rng: &mut Rng) -> Vec<u32> {
    let ords: BTreeSet<u32> =
        list(rng, 6, |rng| [rng.u32(..10), rng.u32(..), u32::MAX][rng.usize(..3)]).into_iter().collect();
    ords.into_iter().collect()
}

pub(super) fn ticket_key(rng: &mut Rng) -> TicketKey {
    if rng.bool() {
        return TicketKey::Int(rev(rng));
    }
    TicketKey::parse(["T-1", "01", "\u{e9}t\u{e9} 3", "9223372036854775808"][rng.usize(..4)]).unwrap()
}

pub(super) fn delta(rng: &mut Rng) -> Delta {
    let fields: BTreeSet<u16> = list(rng, 4, |rng| rng.u16(..)).into_iter().collect();
    let sets = fields.into_iter().map(|field| {
        let kind = rng.u32(..3);
        let sets = ords(rng).into_iter().map(|ord| {
            let values = list(rng, 3, |rng| match kind {
                0 => Value::Keyword(text(rng)),
                1 => Value::Number([0.0, -1.5, 1e300, rng.f64()][rng.usize(..4)]),
                _ => Value::Date(Timestamp(rev(rng))),
            });
            (ord, values)
        });
        (FieldId(field), sets.collect())
    });
    let sets = sets.collect();
    let tickets = TicketBatch { created: list(rng, 4, ticket_key), erased: ords(rng), sets };
    let facts = list(rng, 3, |rng| (fact_key(rng).encode(), fact_cell(rng).encode()));
    Delta { tickets, texts: ords(rng), facts }
}

pub(super) fn fact_key(rng: &mut Rng) -> FactKey {
    match rng.u32(..8) {
        0 => FactKey::Schema,
        1 => FactKey::Role(text(rng)),
        2 => FactKey::Value(text(rng), text(rng)),
        3 => FactKey::TenantRel(text(rng), text(rng)),
        4 => FactKey::Principal(text(rng)),
        5 => FactKey::Rel(text(rng), text(rng), text(rng), option(rng, text)),
        6 => FactKey::RelFloor(text(rng), text(rng), text(rng)),
        _ => FactKey::Member(text(rng), text(rng)),
    }
}

pub(super) fn fact_cell(rng: &mut Rng) -> FactCell {
    FactCell { rev: option(rng, rev), state: option(rng, state) }
}

fn state(rng: &mut Rng) -> State {
    let flag = |rng: &mut Rng| option(rng, Rng::bool);
    match rng.u32(..5) {
        0 => State::Stated,
        1 => {
            const KINDS: [FieldKind; 3] = [FieldKind::Keyword, FieldKind::Number, FieldKind::Text];
            let field = |rng: &mut Rng| FieldDecl { name: text(rng), kind: KINDS[rng.usize(..3)], many: rng.bool() };
            State::Schema(SchemaDecl {
                fields: list(rng, 3, field),
                relations: list(rng, 3, text),
                languages: list(rng, 2, text),
            })
        }
        2 => {
            let verb = |rng: &mut Rng| {
                let source = if rng.bool() { ExprSource::Text(text(rng)) } else { ExprSource::Json(text(rng)) };
                (text(rng), source)
            };
            State::Role(RoleFact { id: text(rng), verbs: list(rng, 3, verb) })
        }
        3 => State::Value(ValueFact {
            field: text(rng),
            id: text(rng),
            parent: option(rng, text),
            flags: GroupFlags { public: flag(rng), active: flag(rng), shared: flag(rng) },
        }),
        _ => State::Principal(PrincipalFact {
            id: text(rng),
            role: option(rng, text),
            active: rng.bool(),
            name: option(rng, text),
            email: option(rng, text),
            locale: option(rng, text),
            time_zone: option(rng, text),
        }),
    }
}

pub(super) fn ticket_revs(rng: &mut Rng) -> TicketRevs {
    let cell = |rng: &mut Rng| {
        let cell = if rng.bool() { Cell::Field(FieldId(rng.u16(..))) } else { Cell::Part(text(rng)) };
        (cell, rev(rng))
    };
    TicketRevs {
        exists: option(rng, rev),
        floor: option(rng, rev),
        cells: list(rng, 5, cell).into_iter().collect(),
        life_is_default: rng.bool(),
    }
}

pub(super) fn parts(rng: &mut Rng) -> Parts {
    let part = |rng: &mut Rng| TextPart {
        part: text(rng),
        class: TextClass::ALL[rng.usize(..TextClass::ALL.len())],
        lang: option(rng, text),
        body: text(rng),
        author: option(rng, text),
        at: option(rng, |rng| Timestamp(rev(rng))),
    };
    list(rng, 4, part).into_iter().map(|part| (Arc::clone(&part.part), part)).collect()
}
