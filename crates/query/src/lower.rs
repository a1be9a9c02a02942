use std::ops::Bound;

use bitmap::{FieldIndex, Index, SetExpr, TicketSet, ValueRange, number_key};
use model::{FieldId, FieldKind, TicketKey, fields};
use scope::{Resolved, Scope, ScopeView};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_scope as scope;

use crate::{
    CachedScope, Snapshot,
    ast::{Clause, Interval, Op, Pattern, Point, Test, ValuePattern},
};

/// The formula of a scope: values become codes; a value that no ticket has becomes nothing.
pub(crate) fn lower_scope(index: &Index, scope: &Scope) -> SetExpr {
    let rule = match scope.view() {
        ScopeView::Nothing => return SetExpr::None,
        ScopeView::Unrestricted => None,
        ScopeView::Restricted(resolved) => Some(lower_resolved(index, resolved)),
    };
    let gate = scope.gate().map(|lives| terms(index, fields::LIFE, lives.iter()));
    match (gate, rule) {
        (None, None) => SetExpr::All,
        (Some(only), None) | (None, Some(only)) => only,
        (Some(gate), Some(rule)) => SetExpr::And(vec![gate, rule]),
    }
}

fn lower_resolved(index: &Index, resolved: &Resolved) -> SetExpr {
    let all = |parts: &[Resolved]| parts.iter().map(|part| lower_resolved(index, part)).collect();
    match resolved {
        Resolved::In { field, values } => terms(index, *field, values.iter()),
        Resolved::Unset(field) => SetExpr::Not(Box::new(SetExpr::Has(*field))),
        Resolved::Not(inner) => SetExpr::Not(Box::new(lower_resolved(index, inner))),
        Resolved::All(parts) => SetExpr::And(all(parts)),
        Resolved::Any(parts) => SetExpr::Or(all(parts)),
    }
}

fn terms<T: AsRef<str>>(index: &Index, field: FieldId, values: impl Iterator<Item = T>) -> SetExpr {
    let codes = index
        .field(field)
        .map_or_else(Vec::new, |column| values.filter_map(|value| column.code_of(value.as_ref())).collect());
    SetExpr::Terms(field, codes)
}

/// The formula of a query's clauses, all of which must hold.
///
/// Whether a value is matched exactly or folded is decided by the tickets in `visible` alone: a hidden ticket that
/// holds the exact value has no say.
///
/// A bare number stands for the ticket of that key alone unless there is text: then its formula is
/// among `words`.
pub(crate) fn lower_filter(
    snapshot: &Snapshot,
    clauses: &[Clause],
    visible: &CachedScope,
    words: Vec<SetExpr>,
    has_text: bool,
) -> SetExpr {
    let tests = clauses.iter().filter(|clause| !(has_text && matches!(clause.test, Test::NumberOrWord(_))));
    let mut parts: Vec<SetExpr> = tests.map(|clause| lower_clause(snapshot, clause, visible)).collect();
    parts.extend(words);
    match <[SetExpr; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) if parts.is_empty() => SetExpr::All,
        Err(parts) => SetExpr::And(parts),
    }
}

pub(crate) fn lower_clause(snapshot: &Snapshot, clause: &Clause, visible: &CachedScope) -> SetExpr {
    let test = lower_test(snapshot, &clause.test, visible);
    if clause.negated { SetExpr::Not(Box::new(test)) } else { test }
}

fn lower_test(snapshot: &Snapshot, test: &Test, visible: &CachedScope) -> SetExpr {
    let index = snapshot.index();
    match test {
        Test::Field { field, op: Op::OneOf(patterns) } => {
            any(patterns.iter().map(|pattern| lower_pattern(snapshot, *field, pattern, visible)).collect())
        }
        Test::Field { field, op: Op::Within(interval) } => lower_interval(snapshot, *field, interval),
        Test::Key(keys) => SetExpr::Set(with_keys(index, keys)),
        Test::NumberOrWord(number) => SetExpr::Set(with_keys(index, &[TicketKey::Int(*number)])),
        Test::AnyCustomField(values) => any(snapshot
            .schema()
            .custom_fields()
            .flat_map(|field| values.iter().map(move |value| (field, value)))
            .map(|(field, value)| match field.kind {
                FieldKind::Number => value.number().map_or(SetExpr::None, |number| number_is(field.id, number)),
                FieldKind::Date | FieldKind::Text => SetExpr::None,
                _ => lower_value(snapshot, field.id, value, visible),
            })
            .collect()),
    }
}

fn any(mut parts: Vec<SetExpr>) -> SetExpr {
    match parts.len() {
        1 => parts.remove(0),
        _ => SetExpr::Or(parts),
    }
}

fn with_keys(index: &Index, keys: &[TicketKey]) -> TicketSet {
    keys.iter().filter_map(|key| index.find(key)).map(|ord| ord.0).collect()
}

fn number_is(field: FieldId, number: f64) -> SetExpr {
    let key = number_key(number);
    SetExpr::Range(field, ValueRange { low: key, high: key })
}

fn lower_pattern(snapshot: &Snapshot, field: FieldId, pattern: &Pattern, visible: &CachedScope) -> SetExpr {
    match pattern {
        Pattern::Value(value) => lower_value(snapshot, field, value, visible),
        Pattern::Number(number) => number_is(field, *number),
        Pattern::During { from, until } => {
            SetExpr::Range(field, ValueRange { low: from.0, high: until.0.saturating_sub(1) })
        }
        Pattern::Me(id) => terms(snapshot.index(), field, std::iter::once(id)),
        Pattern::Unset => SetExpr::Not(Box::new(SetExpr::Has(field))),
        Pattern::Any => SetExpr::Has(field),
    }
}

fn lower_value(snapshot: &Snapshot, field: FieldId, value: &ValuePattern, visible: &CachedScope) -> SetExpr {
    let Some(column) = snapshot.index().field(field) else { return SetExpr::None };
    if let Some(exact) = column.code_of(&value.text)
        && visible.has_value(column, field, exact)
    {
        return SetExpr::Terms(field, vec![exact]);
    }
    let mut codes = column.codes_folded(&value.text);
    if snapshot.schema().by_id(field).is_some_and(|def| def.kind == FieldKind::Principal) {
        codes.extend(people(snapshot, column, &value.text));
    }
    codes.sort_unstable();
    codes.dedup();
    SetExpr::Terms(field, codes)
}

/// The codes of the people who go by `text` as a name or an e-mail address.
fn people(snapshot: &Snapshot, column: &FieldIndex, text: &str) -> Vec<u32> {
    snapshot.directory().principals_named(text).into_iter().filter_map(|person| column.code_of(&person.id)).collect()
}

fn lower_interval(snapshot: &Snapshot, field: FieldId, interval: &Interval) -> SetExpr {
    let Some(def) = snapshot.schema().by_id(field) else { return SetExpr::None };
    if def.kind.is_keyword() {
        let inside = (0..).zip(def.order).filter(|(rank, _)| interval.contains(Point::Rank(*rank)));
        return terms(snapshot.index(), field, inside.map(|(_, value)| *value));
    }
    let key = |point: &Point| match point {
        Point::Date(moment) => moment.0,
        Point::Number(number) => number_key(*number),
        Point::Rank(rank) => i64::try_from(*rank).unwrap_or(i64::MAX),
    };
    let low = match &interval.lo {
        Bound::Unbounded => Some(i64::MIN),
        Bound::Included(point) => Some(key(point)),
        Bound::Excluded(point) => key(point).checked_add(1),
    };
    let high = match &interval.hi {
        Bound::Unbounded => Some(i64::MAX),
        Bound::Included(point) => Some(key(point)),
        Bound::Excluded(point) => key(point).checked_sub(1),
    };
    match (low, high) {
        (Some(low), Some(high)) if low <= high => SetExpr::Range(field, ValueRange { low, high }),
        _ => SetExpr::None,
    }
}
