use std::collections::BTreeSet;

use fastrand::Rng;
use ticketscope_model::TicketOrd;

use super::for_seeds;
use crate::{
    SetBuilder, TicketSet,
    postings::Postings,
    set::{LIST_MAX, Repr},
};

type Model = BTreeSet<u32>;

const LENGTHS: [usize; 13] = [
    0,
    1,
    3,
    4,
    LIST_MAX / 2 - 1,
    LIST_MAX / 2,
    LIST_MAX / 2 + 1,
    LIST_MAX - 1,
    LIST_MAX,
    LIST_MAX + 1,
    LIST_MAX * 2,
    9_000,
    70_000,
];

/// A set of one of the lengths on both sides of every limit, somewhere between 0 and the last ordinal.
fn random_model(rng: &mut Rng) -> Model {
    let len = LENGTHS[rng.usize(..LENGTHS.len())];
    let start = match rng.u8(..6) {
        0 | 1 => 0,
        2 => 65_530,
        3 => 3 * 65_536 - 2_000,
        4 => u32::MAX - 200_000,
        _ => rng.u32(..300_000),
    };
    let step = [1, 1, 2, 17][rng.usize(..4)];
    let dense = (0..).map(|at| u64::from(start) + at * step).take(len);
    let mut model: Model = dense.map_while(|ord| u32::try_from(ord).ok()).filter(|ord| *ord < u32::MAX).collect();
    if rng.bool() {
        model.extend([0, 65_535, 65_536, 131_071, 65_535 << 16, u32::MAX - 1].into_iter().filter(|_| rng.bool()));
    }
    model
}

/// One of the forms in which the same set may come along.
fn in_any_form(model: &Model, rng: &mut Rng) -> TicketSet {
    let ords: Vec<u32> = model.iter().copied().collect();
    let built = || {
        let mut builder = SetBuilder::new();
        for ord in &ords {
            builder.push(*ord);
        }
        builder.finish()
    };
    match rng.u8(..5) {
        0 => TicketSet::from_sorted(&ords),
        1 => {
            let mut mixed = [ords.as_slice(), &ords[..ords.len() / 3]].concat();
            rng.shuffle(&mut mixed);
            TicketSet::from_unsorted(mixed)
        }
        2 => built(),
        3 => mapped(&TicketSet::from_sorted(&ords)),
        _ => mapped(&built()),
    }
}

fn mapped(set: &TicketSet) -> TicketSet {
    let bytes = Postings::only(set).write().unwrap().into();
    Postings::read(7, &bytes).unwrap().get(0)
}

fn assert_is(set: &TicketSet, model: &Model, what: &str) {
    assert_eq!(set.len() as usize, model.len(), "{what}");
    assert_eq!(set.is_empty(), model.is_empty(), "{what}");
    assert!(set.iter().eq(model.iter().copied()), "{what}");
    let mut visited = Vec::with_capacity(model.len());
    set.for_each(|ord| visited.push(ord));
    assert!(visited.iter().eq(model), "{what}");
    if let Repr::Blocks(blocks) = &set.0 {
        assert!(blocks.len() as usize > LIST_MAX / 2, "{what}: small sets are lists");
        assert!(blocks.iter().all(|(_, block)| block.len() > 0), "{what}: no block is empty");
        assert!(blocks.iter().is_sorted_by(|a, b| a.0 < b.0), "{what}");
    }
}

#[test]
fn every_operation_does_what_plain_sets_do() {
    for_seeds(120, |rng| {
        let (a, b) = (random_model(rng), random_model(rng));
        let (set_a, set_b) = (in_any_form(&a, rng), in_any_form(&b, rng));
        assert_is(&set_a, &a, "as made");
        assert_is(&set_a.and(&set_b), &(&a & &b), "and");
        assert_is(&set_a.or(&set_b), &(&a | &b), "or");
        assert_is(&set_a.minus(&set_b), &(&a - &b), "minus");
        assert_is(&set_a.and(&set_a), &a, "and with itself");
        assert_is(&set_a.minus(&set_a), &Model::new(), "minus itself");
        let both = u32::try_from(a.intersection(&b).count()).unwrap();
        assert_eq!(set_a.and_len(&set_b), both);
        assert_eq!(set_a.intersects(&set_b), both > 0);
        assert_eq!(set_a == set_b, a == b);
        assert_eq!(set_a, in_any_form(&a, rng));
        for ord in a.iter().chain(&b).copied().take(500).chain([0, 65_535, 65_536, u32::MAX - 1]) {
            for near in [ord.saturating_sub(1), ord, ord.saturating_add(1)] {
                assert_eq!(set_a.contains(TicketOrd(near)), a.contains(&near), "{near}");
            }
        }
    });
}

#[test]
fn a_union_of_many_holds_what_any_holds() {
    for_seeds(60, |rng| {
        let models: Vec<Model> = (0..rng.usize(..12)).map(|_| random_model(rng)).collect();
        let sets: Vec<TicketSet> = models.iter().map(|model| in_any_form(model, rng)).collect();
        assert_is(&TicketSet::union(&sets), &models.into_iter().flatten().collect(), "union");
    });
}

#[test]
fn an_update_adds_and_removes_and_leaves_the_old_set_alone() {
    for_seeds(120, |rng| {
        let mut model = random_model(rng);
        let mut set = in_any_form(&model, rng);
        for _ in 0..4 {
            let (old, old_model) = (set.clone(), model.clone());
            let add = if rng.bool() { random_model(rng) } else { Model::new() };
            let part = 1 + rng.u32(..3);
            let remove: Model = model.iter().chain(&random_model(rng)).copied().filter(|ord| ord % 3 < part).collect();
            let remove = &remove - &add;
            let list = |model: &Model| model.iter().copied().collect::<Vec<_>>();
            set = set.updated(&list(&add), &list(&remove));
            model = &(&model | &add) - &remove;
            assert_is(&set, &model, "updated");
            assert_is(&old, &old_model, "the old one");
        }
    });
}

#[test]
fn a_mask_has_a_bit_for_every_member_of_its_1024() {
    for_seeds(60, |rng| {
        let model = random_model(rng);
        let set = in_any_form(&model, rng);
        let near = model.iter().copied().take(200).chain([0, 64_512, 65_536, u32::MAX - 1023]);
        for first in near.map(|ord| ord & !1023) {
            let expected: Vec<u32> = (0..1024).map(|at| first + at).filter(|ord| model.contains(ord)).collect();
            let found: Vec<u32> = crate::state::members(&set.mask(first), first).collect();
            assert_eq!(found, expected, "{first}");
        }
        assert!(model.last().is_none_or(|last| u64::from(*last) < set.reach()));
    });
}

#[test]
fn the_last_block_is_like_any_other() {
    let last = u32::MAX - 1;
    let ords: Vec<u32> = (last - 9_999..=last).collect();
    let set = TicketSet::from_sorted(&ords);
    assert!(matches!(set.0, Repr::Blocks(_)));
    assert!(set.contains(TicketOrd(last)));
    let one = TicketSet::from_sorted(&[last]);
    assert_eq!(set.and(&one), one);
    assert_eq!(set.minus(&one).len(), 9_999);
    assert_eq!(one.minus(&set).len(), 0);
    assert_eq!(TicketSet::union([&set, &one]).len(), 10_000);
    assert_eq!(set.updated(&[0], &[last]).len(), 10_000);
}

#[test]
fn untouched_blocks_are_shared() {
    let set = TicketSet::from_sorted(&(0..200_000).collect::<Vec<_>>());
    let updated = set.updated(&[], &[70_000]);
    let (Repr::Blocks(old), Repr::Blocks(new)) = (&set.0, &updated.0) else {
        panic!("sets of this size are in blocks")
    };
    let shared: Vec<bool> = old.iter().zip(new.iter()).map(|(a, b)| std::sync::Arc::ptr_eq(&a.1, &b.1)).collect();
    assert_eq!(shared, [true, false, true, true]);
}

#[test]
fn what_is_in_a_full_block_is_counted_and_shared() {
    // One block full, one without its first, one without its last.
    let whole: TicketSet = (0..196_607).filter(|ord| *ord != 65_536).collect();
    let some: TicketSet = (0..196_608).filter(|ord| ord % 5 == 0 || ord % 65_536 > 65_000).collect();
    let expected: Vec<u32> = some.iter().filter(|ord| *ord != 65_536 && *ord < 196_607).collect();
    for both in [whole.and(&some), some.and(&whole)] {
        assert!(both.iter().eq(expected.iter().copied()));
        let (Repr::Blocks(both), Repr::Blocks(some)) = (&both.0, &some.0) else {
            panic!("sets of this size are in blocks")
        };
        let shared = both.iter().zip(some.iter()).map(|(a, b)| std::sync::Arc::ptr_eq(&a.1, &b.1));
        assert_eq!(shared.collect::<Vec<_>>(), [true, false, false]);
    }
    let len = u32::try_from(expected.len()).unwrap();
    assert_eq!([whole.and_len(&some), some.and_len(&whole)], [len, len]);
}
