//! Random scope expressions.

use fastrand::Rng;
use ticketscope_model::FieldKind;

use super::{Scene, chance, pick, word, words::LEVELS};
use crate::oracle::{Expr, Set};

impl Scene {
    /// An expression of at most `depth` levels above its atoms. Every kind of node occurs.
    pub fn expr(&self, rng: &mut Rng, depth: u32) -> Expr {
        if depth == 0 || chance(rng, 25) {
            return self.atom(rng);
        }
        let part = |rng: &mut Rng| self.expr(rng, depth - 1);
        match rng.u32(..8) {
            0 => part(rng).complement(),
            1..=3 => part(rng).and(part(rng)),
            _ => part(rng).or(part(rng)),
        }
    }

    fn atom(&self, rng: &mut Rng) -> Expr {
        let keyword = |kind: FieldKind| kind.is_keyword() && kind != FieldKind::Flag;
        match rng.u32(..20) {
            0 => Expr::All,
            1 => Expr::Nothing,
            2..=4 => {
                let field = self.field(rng, |field| keyword(field.kind)).name.to_string();
                Expr::Unset(alias(rng, &field))
            }
            5..=8 => {
                let field = self.field(rng, |field| field.kind == FieldKind::Principal).name.to_string();
                if chance(rng, 50) { Expr::IsMe(field) } else { Expr::HasMe(field) }
            }
            9 => {
                let gates = [&["live"][..], &["live", "archived"], &["spam", "deleted"]];
                Expr::one_of("life", gates[rng.usize(..gates.len())])
            }
            // A relation held against the field that it is about.
            10..=14 => {
                let (field, rel) = *pick(rng, RELATED);
                let set = if chance(rng, 15) { Set::my_at(rel, word(rng, LEVELS)) } else { Set::my(rel) };
                let set = if chance(rng, 20) { set.under() } else { set };
                Expr::In(alias(rng, field), set)
            }
            15 => Expr::is_in("assignee", Set::my("led_groups").members()),
            _ => {
                let field = self.field(rng, |field| keyword(field.kind)).name.to_string();
                let set = self.set(rng, &field, 2);
                Expr::In(alias(rng, &field), set)
            }
        }
    }

    fn set(&self, rng: &mut Rng, field: &str, depth: u32) -> Set {
        let part = |rng: &mut Rng| self.set(rng, field, depth.saturating_sub(1));
        match rng.u32(..if depth == 0 { 5 } else { 10 }) {
            0 => Set::Me,
            1 => Set::tenant(Self::relation(rng, true)),
            2 => Set::my(Self::relation(rng, false)),
            3 => Set::my_at("groups_graded", word(rng, LEVELS)),
            4 => {
                let known = self.values_of(field);
                let mut values: Vec<_> = (0..rng.usize(1..4)).map(|_| pick(rng, known).clone()).collect();
                if chance(rng, 10) {
                    values.push("nobody has this".to_owned());
                }
                Set::Values(values)
            }
            5 => part(rng).members(),
            6 => part(rng).under(),
            7 | 8 => part(rng).plus(part(rng)),
            _ => part(rng).minus(part(rng)),
        }
    }
}

/// Fields and the relations that are about them.
const RELATED: &[(&str, &str)] = &[
    ("group", "groups"),
    ("group", "groups_graded"),
    ("team", "teams"),
    ("department", "departments"),
    ("ref_dept", "departments"),
    ("department", "managed_departments"),
    ("organization", "organizations"),
    ("organization", "shared_organizations"),
    ("brand", "brands"),
    ("inbox", "inboxes"),
    ("queue", "led_queues"),
    ("level", "levels"),
];

/// The field's name, or sometimes another one that it has.
pub(super) fn alias(rng: &mut Rng, field: &str) -> String {
    let alias = match field {
        "organization" => "org",
        "department" => "dept",
        "created_at" => "created",
        "updated_at" => "updated",
        "due_at" => word(rng, &["due", "due_date"]),
        "type" => "ticket_type",
        "channel" => "via",
        other => other,
    };
    if chance(rng, 30) { alias.to_owned() } else { field.to_owned() }
}
