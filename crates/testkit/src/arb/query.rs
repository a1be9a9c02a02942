//! Random queries and orders.

use fastrand::Rng;
use ticketscope_model::{FieldDef, FieldKind, TicketKey};

use super::{
    Scene, chance,
    expr::alias,
    pick,
    words::{DATES, NUMBERS},
};
use crate::oracle::{Op, Operand, Query, Sort, SortBy, Term, Test, Unit, needs_quotes};

impl Scene {
    /// A query without free words, of up to six terms; keys often repeat.
    pub fn query(&self, rng: &mut Rng) -> Query {
        let mut terms = Vec::new();
        for _ in 0..*pick(rng, &[0, 1, 1, 1, 2, 2, 3]) {
            if chance(rng, 8) && !terms.iter().any(|term| matches!(term, Term::Id { .. })) {
                let ids = self.keys.iter().filter_map(|key| match key {
                    TicketKey::Int(id) if *id >= 0 => Some(*id),
                    TicketKey::Int(_) | TicketKey::Text(_) => None,
                });
                let ids: Vec<_> = ids.chain([77]).collect();
                terms.push(Term::Id { negated: chance(rng, 25), id: *pick(rng, &ids) });
                continue;
            }
            let field = self.field(rng, |field| field.kind != FieldKind::Text);
            for _ in 0..*pick(rng, &[1, 1, 1, 2]) {
                let key = alias(rng, &field.name);
                terms.push(Term::Field { negated: chance(rng, 20), key, test: self.test(rng, field) });
            }
        }
        Query::of(terms)
    }

    /// An order by a single-valued field, or by ticket key.
    pub fn sort(&self, rng: &mut Rng) -> Sort {
        if chance(rng, 10) {
            return Sort { by: SortBy::Key, descending: rng.bool() };
        }
        let field = self.field(rng, |field| field.kind != FieldKind::Text && !field.many);
        Sort::by_field(&field.name, rng.bool())
    }

    fn test(&self, rng: &mut Rng, field: &FieldDef) -> Test {
        let compare = |rng: &mut Rng, with: Operand| {
            Test::Compare(*pick(rng, &[Op::Less, Op::AtMost, Op::Greater, Op::AtLeast]), with)
        };
        match rng.u32(..10) {
            0 => return Test::None,
            1 => return Test::Any,
            _ => {}
        }
        match field.kind {
            FieldKind::Date if chance(rng, 30) => {
                let units = [Unit::Minutes, Unit::Hours, Unit::Days, Unit::Weeks, Unit::Months, Unit::Years];
                let (amount, unit) = (rng.u32(1..5), *pick(rng, &units));
                compare(rng, Operand::Ago(amount, unit))
            }
            FieldKind::Date => {
                let date = (*pick(rng, DATES)).to_owned();
                let date = if chance(rng, 40) { date.chars().take(10).collect() } else { date };
                if chance(rng, 60) {
                    compare(rng, Operand::Literal(date))
                } else {
                    Test::Is { value: date, quoted: chance(rng, 30) }
                }
            }
            FieldKind::Number => {
                let number = pick(rng, NUMBERS).to_string();
                if chance(rng, 60) {
                    compare(rng, Operand::Literal(number))
                } else {
                    Test::Is { value: number, quoted: false }
                }
            }
            FieldKind::Flag => {
                let value = (*pick(rng, &["true", "false", "TRUE"])).to_owned();
                Test::Is { value, quoted: chance(rng, 30) }
            }
            FieldKind::Principal if chance(rng, 40) => Test::Me,
            _ if !field.order.is_empty() && chance(rng, 40) => {
                let word = (*pick(rng, field.order)).to_owned();
                compare(rng, Operand::Literal(word))
            }
            _ => {
                let value = pick(rng, self.values_of(&field.name)).clone();
                let value = match rng.u32(..10) {
                    0 => value.to_uppercase(),
                    1 => value.to_lowercase(),
                    2 => "nobody has this".to_owned(),
                    _ => value,
                };
                let quoted = needs_quotes(&value) || chance(rng, 30);
                Test::Is { value, quoted }
            }
        }
    }
}
