use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use fastrand::Rng;
use model::{Schema, TicketKey, Value, fields};
use ticketscope_model as model;

use crate::{Index, SetExpr, TicketBatch, TicketSet};

/// Enough that a pass over most of them is split among threads.
const TICKETS: u32 = 300_000;

/// Tickets of which each has one group: one leaf with a single value, leaves with few values, with many, and with some
/// that lie far apart; and a value that is dense in some blocks and rare in others.
fn index(rng: &mut Rng) -> Index {
    let group = |rng: &mut Rng, ord: u32| match ord / 1_024 {
        0 => 7,
        leaf if leaf % 7 == 3 => rng.u32(..40_000),
        leaf if leaf % 2 == 0 => rng.u32(..5),
        leaf if leaf < 64 || rng.u8(..20) == 0 => 1,
        _ => rng.u32(..2_000),
    };
    // In order, so that the codes of values lie as far apart as the values.
    let values = (0..40_000).map(|value| (value, vec![Value::Keyword(format!("group-{value}").into())]));
    let named = TicketBatch {
        created: (0..40_000).map(TicketKey::Int).collect(),
        erased: vec![],
        sets: vec![(fields::GROUP, values.collect())],
    };
    let sets = (0..TICKETS)
        .map(|ord| match ord {
            ord if ord / 1_024 > 0 && ord % 50 == 0 => (ord, vec![]),
            ord => (ord, vec![Value::Keyword(format!("group-{}", group(rng, ord)).into())]),
        })
        .collect();
    let batch = TicketBatch {
        created: (40_000..i64::from(TICKETS)).map(TicketKey::Int).collect(),
        erased: vec![],
        sets: vec![(fields::GROUP, sets)],
    };
    let mut index = Index::new();
    index.apply(&Schema::builtin(), &named);
    index.apply(&Schema::builtin(), &batch);
    index
}

/// Sets that are lists, arrays in blocks, bitmaps in blocks, and all of these in one.
fn sets(rng: &mut Rng) -> Vec<TicketSet> {
    let mut sets: Vec<TicketSet> = [1, 40, 3_000, 4_000, 16_384, 60_000, 65_535]
        .map(|share| (0..TICKETS).filter(|_| rng.u32(..65_536) < share).collect())
        .to_vec();
    sets.push((0..TICKETS).collect());
    sets.push((0..TICKETS).filter(|ord| rng.u32(..100) < [100, 3, 0, 40, 1][*ord as usize / 65_536]).collect());
    // As many as an array holds at most, and one more.
    for len in [4_096, 4_097] {
        sets.push((0..TICKETS).filter(|ord| ord % 65_536 < len).collect());
    }
    sets
}

#[test]
fn a_large_pass_counts_what_posting_lists_hold() {
    let mut rng = Rng::with_seed(3);
    let index = index(&mut rng);
    let field = index.field(fields::GROUP).unwrap();
    for tickets in sets(&mut rng) {
        let mut counts = vec![0; field.codes() as usize];
        field.count_into(&tickets, &mut counts);
        for (code, count) in (0..).zip(counts) {
            assert_eq!(count, field.tickets(code).and_len(&tickets), "code {code} of {} tickets", tickets.len());
        }
    }
}

#[test]
fn tickets_of_a_value_are_counted_as_they_are_found_one_by_one() {
    let mut rng = Rng::with_seed(4);
    let index = index(&mut rng);
    let field = index.field(fields::GROUP).unwrap();
    let rare: Vec<u32> = (0..30).map(|_| rng.u32(..field.codes())).collect();
    for tickets in sets(&mut rng) {
        for code in (0..8).chain(rare.iter().copied()).chain([field.codes(), u32::MAX]) {
            let having = tickets.iter().filter(|ord| field.number(*ord) == Some(i64::from(code))).count();
            let found = index.count_within(&SetExpr::Terms(fields::GROUP, vec![code]), &tickets);
            assert_eq!(found as usize, having, "code {code} of {} tickets", tickets.len());
        }
    }
}

#[test]
fn values_are_counted_blockwise_as_in_the_set_of_the_formula() {
    let mut rng = Rng::with_seed(5);
    let index = index(&mut rng);
    let field = index.field(fields::GROUP).unwrap();
    let terms = |codes: &[u32]| SetExpr::Terms(fields::GROUP, codes.to_vec());
    let some = SetExpr::Set((0..TICKETS).filter(|_| rng.bool()).collect());
    let few = SetExpr::Set((0..TICKETS).filter(|_| rng.u32(..500) == 0).collect());
    let formulas = [
        SetExpr::All,
        SetExpr::None,
        SetExpr::Has(fields::GROUP),
        SetExpr::Has(fields::ASSIGNEE),
        terms(&[0, 1, 2, 7]),
        SetExpr::Not(Box::new(terms(&[1]))),
        SetExpr::And(vec![some.clone(), SetExpr::Not(Box::new(few.clone()))]),
        SetExpr::Or(vec![few, terms(&[1]), SetExpr::And(vec![some, terms(&[0, 3])])]),
    ];
    let mut counted = 0;
    for tickets in sets(&mut rng) {
        for formula in &formulas {
            let expected = index.eval_within(formula, &tickets);
            assert_eq!(index.count_blockwise(formula, &tickets), expected.len(), "{formula:?}");
            let Some(found) = index.count_values(fields::GROUP, formula, &tickets) else { continue };
            counted += 1;
            let mut counts = vec![0; field.codes() as usize];
            field.count_into(&expected, &mut counts);
            assert!(found == counts, "{formula:?} of {} tickets", tickets.len());
        }
    }
    assert!(counted > 0, "no set was large enough");
}

#[test]
fn who_counts_does_not_wait_for_the_threads_of_the_writer() {
    let mut rng = Rng::with_seed(6);
    let index = index(&mut rng);
    let field = index.field(fields::GROUP).unwrap();
    let (begun, begins) = mpsc::channel();
    let gave_up = Arc::new(AtomicBool::new(false));
    let busy: Vec<mpsc::Sender<()>> = (0..rayon::current_num_threads())
        .map(|_| {
            let ((end, ends), begun, gave_up) = (mpsc::channel(), begun.clone(), Arc::clone(&gave_up));
            rayon::spawn(move || {
                begun.send(()).unwrap();
                let waited = ends.recv_timeout(Duration::from_secs(20));
                gave_up.fetch_or(waited == Err(mpsc::RecvTimeoutError::Timeout), Ordering::Relaxed);
            });
            end
        })
        .collect();
    for _ in &busy {
        begins.recv().unwrap();
    }
    let mut counts = vec![0; field.codes() as usize];
    field.count_into(index.universe(), &mut counts);
    let blockwise = index.count_values(fields::GROUP, &SetExpr::All, index.universe()).unwrap();
    assert!(!gave_up.load(Ordering::Relaxed), "the pass waited");
    assert!(blockwise == counts);
    drop(busy);
}
