use model::{FieldId, TicketOrd};
use ticketscope_model as model;

use crate::{
    column::Column, eval::SetExpr, field::Kind, index::Index, many::ManyColumn, range::ValueRange, set::TicketSet,
};

/// Judges tickets one by one by a formula: tells of each what [`Index::eval`] tells of all.
///
/// It looks at the ticket's own values, so that a test costs the same however many tickets share them. It is for walks
/// that stop early: a pass over many tickets is cheaper by sets.
#[derive(Debug)]
pub struct Tester<'a>(Test<'a>);

#[derive(Debug)]
enum Test<'a> {
    Always,
    Never,
    In(&'a TicketSet),
    One(&'a Column, Box<[u32]>),
    Many(&'a ManyColumn, Box<[u32]>),
    Range(&'a Column, ValueRange),
    Not(Box<Test<'a>>),
    All(Box<[Test<'a>]>),
    Any(Box<[Test<'a>]>),
}

impl<'a> Test<'a> {
    fn new(index: &'a Index, expr: &'a SetExpr) -> Self {
        let each = |parts: &'a [SetExpr]| parts.iter().map(|part| Self::new(index, part)).collect();
        match expr {
            SetExpr::All => Self::Always,
            SetExpr::None => Self::Never,
            SetExpr::Set(set) => Self::In(set),
            SetExpr::Terms(field, codes) => Self::of_codes(index, *field, codes),
            SetExpr::Has(field) => index.field(*field).map_or(Self::Never, |field| Self::In(field.has())),
            SetExpr::Range(field, range) => match index.field(*field).map(|field| &field.kind) {
                Some(Kind::Numbers(column)) => Self::Range(column, *range),
                _ => Self::Never,
            },
            SetExpr::Not(inner) => Self::Not(Box::new(Self::new(index, inner))),
            SetExpr::And(parts) => Self::All(each(parts)),
            SetExpr::Or(parts) => Self::Any(each(parts)),
        }
    }

    fn of_codes(index: &'a Index, field: FieldId, codes: &[u32]) -> Self {
        let mut codes: Box<[u32]> = codes.into();
        codes.sort_unstable();
        match index.field(field).map(|field| &field.kind) {
            Some(Kind::One { column, .. }) => Self::One(column, codes),
            Some(Kind::Many { column, .. }) => Self::Many(column, codes),
            Some(Kind::Numbers(_)) | None => Self::Never,
        }
    }

    fn passes(&self, ord: u32) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::In(set) => set.contains(TicketOrd(ord)),
            Self::One(column, codes) => column.get(ord).is_some_and(|code| holds(codes, code)),
            Self::Many(column, codes) => {
                let mut found = false;
                column.for_each(ord, |code| found = found || holds(codes, code.into()));
                found
            }
            Self::Range(column, range) => column.get(ord).is_some_and(|number| range.contains(number)),
            Self::Not(inner) => !inner.passes(ord),
            Self::All(parts) => parts.iter().all(|part| part.passes(ord)),
            Self::Any(parts) => parts.iter().any(|part| part.passes(ord)),
        }
    }
}

/// Whether `code` is one of sorted `codes`.
fn holds(codes: &[u32], code: i64) -> bool {
    match codes {
        [only] => i64::from(*only) == code,
        _ => u32::try_from(code).is_ok_and(|code| codes.binary_search(&code).is_ok()),
    }
}

impl Tester<'_> {
    /// Whether the formula holds for `ord`, a ticket of the universe.
    #[inline]
    pub fn passes(&self, ord: TicketOrd) -> bool {
        self.0.passes(ord.0)
    }
}

impl Index {
    /// Judges tickets by a formula, one at a time. Linear in the length of the formula.
    pub fn tester<'a>(&'a self, expr: &'a SetExpr) -> Tester<'a> {
        Tester(Test::new(self, expr))
    }
}
