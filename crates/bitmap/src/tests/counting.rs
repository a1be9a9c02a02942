use model::{Schema, TicketKey, Value, fields};
use ticketscope_model as model;

use crate::{Index, TicketBatch, TicketSet};

/// Enough that a pass over most of them is split among threads.
const TICKETS: u32 = 300_000;

#[test]
fn a_large_pass_counts_what_posting_lists_hold() {
    let mut rng = fastrand::Rng::with_seed(3);
    // One leaf with a single value, leaves with few values, and leaves with many.
    let group = |rng: &mut fastrand::Rng, ord: u32| match ord / 1_024 {
        0 => 7,
        leaf if leaf % 2 == 0 => rng.u32(..5),
        _ => rng.u32(..2_000),
    };
    let sets = (0..TICKETS)
        .filter(|ord| ord / 1_024 == 0 || ord % 50 != 0)
        .map(|ord| (ord, vec![Value::Keyword(format!("group-{}", group(&mut rng, ord)).into())]))
        .collect();
    let batch = TicketBatch {
        created: (0..i64::from(TICKETS)).map(TicketKey::Int).collect(),
        erased: vec![],
        sets: vec![(fields::GROUP, sets)],
    };
    let mut index = Index::new();
    index.apply(&Schema::builtin(), &batch);
    let field = index.field(fields::GROUP).unwrap();
    for share in [1, 2, 60, 64] {
        let tickets: TicketSet = (0..TICKETS).filter(|_| rng.u32(..64) < share).collect();
        let mut counts = vec![0; field.codes() as usize];
        field.count_into(&tickets, &mut counts);
        for (code, count) in (0..).zip(counts) {
            assert_eq!(count, field.tickets(code).and_len(&tickets), "code {code} of {} tickets", tickets.len());
        }
    }
}
