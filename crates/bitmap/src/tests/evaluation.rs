use fastrand::Rng;
use model::{FieldId, Schema, TicketOrd};
use ticketscope_model as model;

use super::{
    for_seeds,
    model::{Rows, number, read_again, schema, texts, used},
};
use crate::{Cardinality, Index, SetExpr, TicketSet, ValueRange};

/// What a formula means for one ticket.
fn holds(expr: &SetExpr, ord: u32, index: &Index, rows: &Rows, schema: &Schema) -> bool {
    let values = |field: &FieldId| rows.values(ord, *field);
    match expr {
        SetExpr::All => true,
        SetExpr::None => false,
        SetExpr::Set(set) => set.contains(TicketOrd(ord)),
        SetExpr::Terms(field, codes) => index.field(*field).is_some_and(|column| {
            let known: Vec<&str> =
                codes.iter().filter(|code| **code < column.codes()).map(|code| column.value_of(*code)).collect();
            schema.by_id(*field).unwrap().kind.is_keyword() && texts(values(field)).any(|text| known.contains(&text))
        }),
        SetExpr::Has(field) => !values(field).is_empty(),
        SetExpr::Range(field, range) => {
            !schema.by_id(*field).unwrap().kind.is_keyword()
                && values(field).first().is_some_and(|value| range.contains(number(value)))
        }
        SetExpr::Not(inner) => !holds(inner, ord, index, rows, schema),
        SetExpr::And(parts) => parts.iter().all(|part| holds(part, ord, index, rows, schema)),
        SetExpr::Or(parts) => parts.iter().any(|part| holds(part, ord, index, rows, schema)),
    }
}

/// Every field that tickets use, and one that none does.
fn field(schema: &Schema, rng: &mut Rng) -> FieldId {
    let used = used(schema);
    if rng.u8(..12) == 0 { model::fields::BRAND } else { used[rng.usize(..used.len())] }
}

fn some(tickets: &TicketSet, rng: &mut Rng) -> TicketSet {
    let share = [0, 1, 30, 64][rng.usize(..4)];
    tickets.iter().filter(|_| rng.u8(..64) < share).collect()
}

fn random(depth: u8, index: &Index, old: &Index, schema: &Schema, rng: &mut Rng) -> SetExpr {
    let several = |rng: &mut Rng| (0..rng.usize(..4)).map(|_| random(depth - 1, index, old, schema, rng)).collect();
    match rng.u8(..if depth == 0 { 8 } else { 14 }) {
        0 => SetExpr::All,
        1 => SetExpr::None,
        // Sets may be older than the index, and hold tickets that have gone since.
        2 => SetExpr::Set(some(if rng.bool() { index.universe() } else { old.universe() }, rng)),
        3 => SetExpr::Has(field(schema, rng)),
        4 | 5 => {
            let field = field(schema, rng);
            let most = index.field(field).map_or(1, crate::FieldIndex::codes) + 2;
            SetExpr::Terms(
                field,
                (0..rng.usize(..5)).map(|_| if rng.bool() { rng.u32(..3) } else { rng.u32(..most) }).collect(),
            )
        }
        6 | 7 => {
            let field = field(schema, rng);
            let numbers: Vec<i64> = index
                .universe()
                .iter()
                .filter_map(|ord| index.field(field)?.number(ord))
                .chain([i64::MIN, i64::MAX, 0])
                .collect();
            let end = |rng: &mut Rng| numbers[rng.usize(..numbers.len())];
            let (low, high) = (end(rng), end(rng));
            SetExpr::Range(field, ValueRange { low, high })
        }
        8 | 9 => SetExpr::Not(Box::new(random(depth - 1, index, old, schema, rng))),
        10 | 11 => SetExpr::And(several(rng)),
        _ => SetExpr::Or(several(rng)),
    }
}

fn assert_evaluates(index: &Index, old: &Index, rows: &Rows, schema: &Schema, rng: &mut Rng) {
    for _ in 0..25 {
        let expr = random(3, index, old, schema, rng);
        let expected: TicketSet =
            rows.live().into_iter().filter(|ord| holds(&expr, *ord, index, rows, schema)).collect();
        assert_eq!(index.eval(&expr), expected, "{expr:?}");
        let tester = index.tester(&expr);
        let passing: TicketSet = index.universe().iter().filter(|ord| tester.passes(TicketOrd(*ord))).collect();
        assert_eq!(passing, expected, "{expr:?}");
        let Cardinality { min, expected: likely, max } = index.estimate(&expr);
        assert!(min <= expected.len() && expected.len() <= max, "{min} <= {} <= {max}: {expr:?}", expected.len());
        assert!(min <= likely && likely <= max && max <= index.universe().len(), "{expr:?}");
        for within in [index.universe().clone(), some(index.universe(), rng), TicketSet::empty()] {
            let inside = expected.and(&within);
            assert_eq!(index.eval_within(&expr, &within), inside, "{expr:?}");
            assert_eq!(index.count_within(&expr, &within), inside.len(), "{expr:?}");
            assert_eq!(index.count_blockwise(&expr, &within), inside.len(), "{expr:?}");
            for (field, column) in index.fields() {
                let Some(found) = index.count_values(field, &expr, &within) else { continue };
                let mut counts = vec![0; column.codes() as usize];
                column.count_into(&inside, &mut counts);
                assert_eq!(found, counts, "{expr:?}");
            }
        }
    }
}

#[test]
fn formulas_yield_the_tickets_for_which_they_hold() {
    for_seeds(150, |rng| {
        let schema = schema();
        let (mut index, mut rows) = (Index::new(), Rows::default());
        let size = [2, 40, 150][rng.usize(..3)];
        for _ in 0..4 {
            let old = index.clone();
            index.apply(&schema, &rows.batch(&schema, size, rng));
            assert_evaluates(&index, &old, &rows, &schema, rng);
        }
        let read = read_again(&index, &schema);
        assert_evaluates(&read, &index, &rows, &schema, rng);
    });
}

#[test]
fn formulas_over_sets_in_blocks_yield_the_tickets_for_which_they_hold() {
    for_seeds(2, |rng| {
        let schema = schema();
        let (mut index, mut rows) = (Index::new(), Rows::default());
        while rows.keys.len() < 15_000 {
            index.apply(&schema, &rows.batch(&schema, 9000, rng));
        }
        assert_evaluates(&index, &Index::new(), &rows, &schema, rng);
        assert_evaluates(&read_again(&index, &schema), &index, &rows, &schema, rng);
    });
}

#[test]
fn a_set_with_more_tickets_than_there_are_left_is_cut_to_those() {
    let schema = schema();
    let mut index = Index::new();
    let mut rows = Rows::default();
    let mut rng = Rng::with_seed(5);
    while rows.keys.len() < 50 {
        index.apply(&schema, &rows.batch(&schema, 40, &mut rng));
    }
    let all = SetExpr::Set(index.universe().clone());
    let erased: Vec<u32> = index.universe().iter().skip(3).collect();
    index.apply(&schema, &crate::TicketBatch { erased, ..crate::TicketBatch::default() });
    assert_eq!(index.eval(&all).len(), 3);
    let not = SetExpr::Not(Box::new(all));
    assert_eq!((index.eval(&not).len(), index.count_within(&not, index.universe())), (0, 0));
    assert_eq!(index.estimate(&not).min, 0);
}
