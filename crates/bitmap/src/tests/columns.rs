use bytes::Bytes;
use fastrand::Rng;

use super::for_seeds;
use crate::{
    codec::{Reader, Writer},
    column::{Column, LEAF},
    many::ManyColumn,
};

const REACH: usize = LEAF * 5 + 3;

fn column_read_again(column: &Column) -> Column {
    let mut out = Writer::default();
    column.write(&mut out);
    Column::read(&mut Reader::new(1, out.out.into())).unwrap()
}

fn many_read_again(column: &ManyColumn) -> ManyColumn {
    let mut out = Writer::default();
    column.write(&mut out);
    ManyColumn::read(&mut Reader::new(1, out.out.into())).unwrap()
}

/// A value whose distance from `base` is near a limit of a width.
fn value(rng: &mut Rng, base: i64) -> Option<i64> {
    let offsets = [0, 1, 0xfd, 0xfe, 0xff, 0x100, 0xfffd, 0xfffe, 0xffff, 0x1_0000, 0xffff_fffe, 0xffff_ffff, 1 << 32];
    match rng.u8(..20) {
        0..5 => None,
        5 => Some(i64::MIN),
        6 => Some(i64::MAX),
        7 => Some(rng.i64(..)),
        _ => Some(base.saturating_add(offsets[rng.usize(..offsets.len())])),
    }
}

fn ascending(rng: &mut Rng) -> Vec<u32> {
    let (from, to) = (rng.usize(..REACH), rng.usize(..REACH));
    let step = [1, 1, 7, 900][rng.usize(..4)];
    (from.min(to)..=from.max(to)).step_by(step).map(|at| u32::try_from(at).unwrap()).collect()
}

fn assert_is(column: &Column, model: &[Option<i64>], rng: &mut Rng) {
    for (ord, expected) in (0..).zip(model) {
        assert_eq!(column.get(ord), *expected, "at {ord}");
    }
    assert_eq!(column.get(u32::MAX - 1), None);
    let ends = [i64::MIN, i64::MAX, 0, model[rng.usize(..REACH)].unwrap_or(7), model[rng.usize(..REACH)].unwrap_or(9)];
    for (low, high) in ends.iter().flat_map(|low| ends.iter().map(move |high| (*low, *high))) {
        let mut visited = Vec::new();
        column.range(low, high, |ord| visited.push(ord));
        let inside = |value: &Option<i64>| value.is_some_and(|value| low <= value && value <= high);
        let expected: Vec<u32> = (0..).zip(model).filter(|(_, value)| inside(value)).map(|(ord, _)| ord).collect();
        assert_eq!(visited, expected, "{low}..={high}");
    }
}

#[test]
fn a_column_holds_what_a_vector_holds() {
    for_seeds(60, |rng| {
        let (mut column, mut model) = (Column::new(), vec![None; REACH]);
        let base = [0, -5, i64::MIN, i64::MAX - 0x1_0000_0000, 1_700_000_000_000][rng.usize(..5)];
        let narrow = rng.bool().then(|| rng.i64(1..0x200));
        for _ in 0..6 {
            let constant = rng.u8(..4) == 0;
            let mut updates = Vec::new();
            for ord in ascending(rng) {
                let value = match (constant, narrow) {
                    (true, _) => Some(base),
                    (false, Some(width)) => rng.bool().then(|| base.saturating_add(rng.i64(..width))),
                    (false, None) => value(rng, base),
                };
                updates.push((ord, value));
                model[ord as usize] = value;
            }
            column.set_all(&updates);
            if rng.bool() {
                column = column_read_again(&column);
            }
        }
        assert_is(&column, &model, rng);
    });
}

#[test]
fn a_leaf_may_hold_both_ends_of_64_bits() {
    for first in [None, Some(0), Some(i64::MIN), Some(i64::MAX), Some(-1)] {
        let mut column = Column::new();
        column.set_all(&[(0, first), (1, Some(i64::MIN)), (2, Some(i64::MAX))]);
        column = column_read_again(&column);
        assert_eq!([0, 1, 2, 3].map(|ord| column.get(ord)), [first, Some(i64::MIN), Some(i64::MAX), None]);
        column.set_all(&[(1, None), (3, Some(5))]);
        assert_eq!([0, 1, 2, 3].map(|ord| column.get(ord)), [first, None, Some(i64::MAX), Some(5)]);
    }
}

#[test]
fn every_width_switches_at_its_limit() {
    for (max, bytes) in [(0xfe, 1), (0xff, 2), (0xfffe, 2), (0xffff, 4), (0xffff_fffe, 4), (0xffff_ffff, 8)] {
        let mut column = Column::new();
        column.set_all(&[(0, Some(0)), (5, Some(max))]);
        let mut out = Writer::default();
        column.write(&mut out);
        // Count, one head of 20 bytes, alignment.
        assert_eq!(out.out.len(), 32 + LEAF * bytes, "{max:#x}");
        assert_eq!((column.get(0), column.get(1), column.get(5)), (Some(0), None, Some(max)));
    }
}

#[test]
fn an_older_column_does_not_change_with_a_newer_one() {
    let mut column = Column::new();
    column.set_all(&(0..3000).map(|ord| (ord, Some(i64::from(ord)))).collect::<Vec<_>>());
    let old = column.clone();
    column.set_all(&[(5, Some(6)), (2000, None)]);
    assert_eq!((old.get(5), old.get(2000)), (Some(5), Some(2000)));
    assert_eq!((column.get(5), column.get(2000)), (Some(6), None));
}

#[test]
fn a_list_column_holds_what_vectors_hold() {
    for_seeds(40, |rng| {
        let (mut column, mut model) = (ManyColumn::new(), vec![Vec::new(); REACH]);
        let max = [3, 0xff, 0x100, 0xffff, 0x1_0000, u32::MAX][rng.usize(..6)];
        let most = [2, 6, 90][rng.usize(..3)];
        for _ in 0..4 {
            let mut updates = Vec::new();
            for ord in ascending(rng) {
                let mut list: Vec<u32> = (0..rng.usize(..most)).map(|_| rng.u32(..=max)).collect();
                list.sort_unstable();
                list.dedup();
                model[ord as usize].clone_from(&list);
                updates.push((ord, list));
            }
            column.set_all(&updates);
            if rng.bool() {
                column = many_read_again(&column);
            }
        }
        for (ord, expected) in (0..).zip(&model) {
            let mut list = Vec::new();
            column.for_each(ord, |code| list.push(code));
            assert_eq!(list, *expected, "at {ord}");
        }
    });
}

#[test]
fn a_list_column_counts_past_16_bits() {
    for per_ticket in [63, 64, 65] {
        let mut column = ManyColumn::new();
        let updates: Vec<_> = (0..1024).map(|ord| (ord, (0..per_ticket).collect())).collect();
        column.set_all(&updates);
        let mut list = Vec::new();
        many_read_again(&column).for_each(1023, |code| list.push(code));
        assert_eq!(list, (0..per_ticket).collect::<Vec<_>>());
    }
}

#[test]
fn impossible_leaves_are_refused() {
    let head = |base: i64, max: i64, shape: u32| -> Bytes {
        let mut out = Writer::default();
        out.number(1);
        out.i64(base);
        out.i64(max);
        out.u32(shape);
        out.align();
        out.bytes(&[0; LEAF * 9]);
        out.out.into()
    };
    for (base, max, shape, good) in [
        (0, 9, 1, true),
        (0, 9, 3, false),
        (0, 9, 0x0101, false),
        (0, 0, 0x0100, true),
        (0, 0, 0x0200, false),
        (9, 0, 1, false),
        (i64::MIN, i64::MAX, 8, false),
        (i64::MIN, i64::MAX, 9, true),
        (0, 9, 0x1_0001, false),
    ] {
        assert_eq!(Column::read(&mut Reader::new(1, head(base, max, shape))).is_ok(), good, "{base} {max} {shape:#x}");
    }
}
