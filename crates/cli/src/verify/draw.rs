//! Random questions about the live data.

use fastrand::Rng;
use ticketscope_bitmap::{FieldIndex, Index, number_from_key};
use ticketscope_model::{FieldDef, FieldId, FieldKind, Schema, TicketKey, TicketOrd, Timestamp};
use ticketscope_testkit::oracle::{Op, Operand, Query as OracleQuery, Sort, SortBy, Term, Test, Unit, needs_quotes};

use super::{About, pick, words::Vocabulary};

/// Longer values are not asked for, as a query has a limit.
const MAX_ASKED_BYTES: usize = 200;

/// A question in the oracle's terms.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: OracleQuery,
    pub(super) sort: Option<Sort>,
    pub(super) facets: Vec<FieldId>,
    pub(super) limit: u32,
}

/// What questions are drawn from.
#[derive(Debug)]
pub(super) struct Draw<'a> {
    pub(super) schema: &'a Schema,
    pub(super) rebuilt: &'a Index,
    pub(super) vocabulary: &'a Vocabulary<'a>,
    /// The tickets.
    pub(super) ords: Vec<u32>,
    /// Those that the asker sees.
    pub(super) visible: Vec<&'a TicketKey>,
    pub(super) now: Timestamp,
    /// Whether the asker is somebody.
    pub(super) has_me: bool,
}

impl<'a> Draw<'a> {
    /// The question of these random numbers.
    pub(super) fn question(&self, rng: &mut Rng, about: About) -> Asked {
        if about == About::Words || (!self.vocabulary.is_empty() && rng.u32(..3) == 0) {
            return self.about_words(rng);
        }
        let terms = self.field_terms(rng);
        let facets = self.facets(rng);
        let sort = (rng.u32(..10) >= 3).then(|| self.random_sort(rng));
        Asked { query: OracleQuery::of(terms), sort, facets, limit: rng.u32(1..=40) }
    }

    /// Words, one time in five beside tests on fields, for the most part by relevance.
    fn about_words(&self, rng: &mut Rng) -> Asked {
        let mut terms = self.vocabulary.terms(rng, &self.visible);
        if rng.u32(..5) == 0 {
            let others = self.field_terms(rng);
            let at = if rng.bool() { 0 } else { terms.len() };
            terms.splice(at..at, others);
        }
        let sort = (rng.u32(..10) == 0).then(|| self.random_sort(rng));
        Asked { query: OracleQuery::of(terms), sort, facets: self.facets(rng), limit: rng.u32(1..=50) }
    }

    /// None to two fields whose values can be counted.
    pub(super) fn facets(&self, rng: &mut Rng) -> Vec<FieldId> {
        let fields = (0..rng.usize(..3)).filter_map(|_| self.random_field(rng, |def| def.kind.is_keyword()));
        fields.map(|def| def.id).collect()
    }

    fn field_terms(&self, rng: &mut Rng) -> Vec<Term> {
        let mut terms = Vec::new();
        for _ in 0..pick(rng, &[0, 1, 1, 1, 2, 2, 3]) {
            let has_id = terms.iter().any(|term| matches!(term, Term::Id { .. }));
            if rng.u32(..12) == 0 && !has_id {
                terms.extend(self.random_id(rng));
            } else if let Some(field) = self.random_field(rng, |_| true) {
                for _ in 0..pick(rng, &[1, 1, 1, 2]) {
                    let test = self.random_test(rng, field);
                    terms.push(Term::Field { negated: rng.u32(..5) == 0, key: field.name.to_string(), test });
                }
            }
        }
        terms
    }

    fn random_id(&self, rng: &mut Rng) -> Option<Term> {
        match self.rebuilt.key(TicketOrd(self.random_ord(rng)?)) {
            TicketKey::Int(id) if id >= 0 => Some(Term::Id { negated: rng.u32(..4) == 0, id }),
            TicketKey::Int(_) | TicketKey::Text(_) => None,
        }
    }

    fn random_sort(&self, rng: &mut Rng) -> Sort {
        let by_field = self.random_field(rng, |def| !def.many && def.kind != FieldKind::Text);
        match by_field.filter(|_| rng.u32(..10) > 0) {
            Some(field) => Sort::by_field(&field.name, rng.bool()),
            None => Sort { by: SortBy::Key, descending: rng.bool() },
        }
    }

    /// A field that tickets have, and now and then one that none has.
    fn random_field(&self, rng: &mut Rng, wanted: impl Fn(&FieldDef) -> bool) -> Option<&'a FieldDef> {
        let schema = self.schema;
        let any = rng.u32(..20) == 0;
        let suits = |def: &&FieldDef| def.kind != FieldKind::Text && wanted(def);
        let held = |def: &&FieldDef| any || self.column(def.id).is_some();
        let fields: Vec<&FieldDef> = schema.fields().iter().filter(suits).filter(held).collect();
        fields.get(rng.usize(..fields.len().max(1))).copied()
    }

    fn random_test(&self, rng: &mut Rng, field: &FieldDef) -> Test {
        match rng.u32(..12) {
            0 => return Test::None,
            1 => return Test::Any,
            _ => {}
        }
        let compare =
            |rng: &mut Rng, with| Test::Compare(pick(rng, &[Op::Less, Op::AtMost, Op::Greater, Op::AtLeast]), with);
        match field.kind {
            FieldKind::Date if rng.u32(..4) == 0 => {
                let units = [Unit::Minutes, Unit::Hours, Unit::Days, Unit::Weeks, Unit::Months, Unit::Years];
                let ago = Operand::Ago(rng.u32(1..60), pick(rng, &units));
                compare(rng, ago)
            }
            FieldKind::Date => {
                let moment = Timestamp(self.random_number(rng, field.id).unwrap_or(self.now.0)).to_string();
                // A bare date, where the year has four digits.
                let day = rng.bool().then(|| moment.get(..10).filter(|_| moment.find('T') == Some(10))).flatten();
                let text = day.map_or(moment.clone(), str::to_owned);
                if rng.u32(..3) > 0 { compare(rng, Operand::Literal(text)) } else { is(text) }
            }
            FieldKind::Number => {
                let number = number_from_key(self.random_number(rng, field.id).unwrap_or(0)).to_string();
                if rng.u32(..3) > 0 { compare(rng, Operand::Literal(number)) } else { is(number) }
            }
            FieldKind::Principal if self.has_me && rng.u32(..10) < 3 => Test::Me,
            _ if !field.order.is_empty() && rng.u32(..10) < 4 => {
                let word = Operand::Literal(pick(rng, field.order).to_owned());
                compare(rng, word)
            }
            FieldKind::Flag => is(if rng.bool() { "true" } else { "false" }.to_owned()),
            FieldKind::Keyword | FieldKind::Principal | FieldKind::Tree | FieldKind::Text => {
                let value = self.random_value(rng, field.id);
                is(match rng.u32(..12) {
                    0 => value.to_uppercase(),
                    1 => value.to_lowercase(),
                    2 => "no ticket has this".to_owned(),
                    _ => value,
                })
            }
        }
    }

    fn random_ord(&self, rng: &mut Rng) -> Option<u32> {
        self.ords.get(rng.usize(..self.ords.len().max(1))).copied()
    }

    fn random_number(&self, rng: &mut Rng, field: FieldId) -> Option<i64> {
        let ord = self.random_ord(rng)?;
        self.column(field)?.number(ord)
    }

    /// A value that some ticket has or had: of a random ticket, so that frequent ones are frequent, or any.
    fn random_value(&self, rng: &mut Rng, field: FieldId) -> String {
        let Some(column) = self.column(field) else { return "nothing".to_owned() };
        let mut codes = Vec::new();
        if let Some(ord) = self.random_ord(rng).filter(|_| rng.bool()) {
            column.for_each_code(ord, |code| codes.push(code));
        }
        if codes.is_empty() && column.codes() > 0 {
            codes.push(rng.u32(..column.codes()));
        }
        let values = codes.iter().map(|code| column.value_of(*code)).filter(|value| value.len() <= MAX_ASKED_BYTES);
        let values: Vec<&str> = values.collect();
        values.get(rng.usize(..values.len().max(1))).map_or_else(|| "nothing".to_owned(), |value| (*value).to_owned())
    }

    fn column(&self, field: FieldId) -> Option<&'a FieldIndex> {
        self.rebuilt.field(field).filter(|column| !column.has().is_empty())
    }
}

fn is(value: String) -> Test {
    let quoted = needs_quotes(&value);
    Test::Is { value, quoted }
}
