use std::cmp::Ordering;

use fastrand::Rng;

use super::for_seeds;
use crate::{
    Order,
    codec::{Reader, Writer},
};

/// Ranks around every place where something may be cut.
fn ranks(len: u32, rng: &mut Rng) -> Vec<u32> {
    let near = [0, 1, 511, 512, 767, 768, 769, 1023, 1024, 147_455, 147_456].into_iter();
    near.chain((0..20).map(|_| rng.u32(..=len))).chain([len.saturating_sub(1), len, len + 1]).collect()
}

fn assert_is(order: &Order, model: &[u32], places: &[u64], rng: &mut Rng) {
    assert_eq!(order.len() as usize, model.len());
    assert_eq!(order.is_empty(), model.is_empty());
    assert!(order.iter_from(0).eq(model.iter().copied()));
    for rank in ranks(order.len(), rng) {
        let rest = model.get(rank as usize..).unwrap_or_default();
        assert!(order.iter_from(rank).take(2000).eq(rest.iter().take(2000).copied()), "from {rank}");
        if let Some(ord) = model.get(rank as usize) {
            let place = places[*ord as usize];
            assert_eq!(order.rank_of(|other| places[other as usize].cmp(&place)), rank);
        }
    }
    assert_eq!(order.rank_of(|_| Ordering::Less), order.len());
    assert_eq!(order.rank_of(|_| Ordering::Greater), 0);
}

/// Inserts, moves and removes tickets whose place is `places[ord]`.
fn exercise(tickets: u32, rounds: usize, batch: u32, rng: &mut Rng) {
    let mut places: Vec<u64> = (0..tickets).map(|ord| rng.u64(..1 << 40) << 20 | u64::from(ord)).collect();
    let mut model: Vec<u32> = Vec::new();
    let mut order = Order::new();
    let mut inside = vec![false; tickets as usize];
    for round in 0..rounds {
        let mut chosen: Vec<u32> = (0..rng.u32(..=batch)).map(|_| rng.u32(..tickets)).collect();
        if rng.u8(..5) == 0 {
            let from = rng.u32(..tickets);
            chosen = (from..tickets.min(from + batch)).collect();
        }
        chosen.sort_unstable();
        chosen.dedup();
        let old = (order.clone(), model.clone(), places.clone());
        let mut leaving: Vec<u32> = chosen.iter().copied().filter(|ord| inside[*ord as usize]).collect();
        order.remove_all(&mut leaving, &|a, b| places[a as usize].cmp(&places[b as usize]));
        // Most rounds move tickets to the front, as updates do; some only take out or put in.
        let mut entering = match round % 4 {
            3 => Vec::new(),
            _ => chosen.clone(),
        };
        for ord in &entering {
            if rng.bool() {
                places[*ord as usize] = (1000 - round as u64) << 20 | u64::from(*ord);
            }
        }
        order.insert_all(&mut entering, &|a, b| places[a as usize].cmp(&places[b as usize]));
        for ord in &chosen {
            inside[*ord as usize] = false;
        }
        for ord in &entering {
            inside[*ord as usize] = true;
        }
        model = (0..tickets).filter(|ord| inside[*ord as usize]).collect();
        model.sort_by_key(|ord| places[*ord as usize]);
        if rng.u8(..3) == 0 {
            let mut out = Writer::default();
            order.write(&mut out);
            order = Order::read(&mut Reader::new(3, out.out.into()), tickets).unwrap();
        }
        assert!(order.iter_from(0).eq(model.iter().copied()), "round {round}");
        assert!(old.0.iter_from(0).eq(old.1.iter().copied()), "round {round}: the old one");
        if round % 5 == 0 {
            assert_is(&order, &model, &places, rng);
        }
    }
    assert_is(&order, &model, &places, rng);
    let mut all = model.clone();
    rng.shuffle(&mut all);
    let (first, second) = all.split_at_mut(model.len() / 2);
    order.remove_all(first, &|a, b| places[a as usize].cmp(&places[b as usize]));
    order.remove_all(second, &|a, b| places[a as usize].cmp(&places[b as usize]));
    assert_is(&order, &[], &places, rng);
    order.insert_all(&mut all, &|a, b| places[a as usize].cmp(&places[b as usize]));
    assert_is(&order, &model, &places, rng);
}

#[test]
fn a_small_order_stays_sorted_through_any_change() {
    for_seeds(60, |rng| exercise(3000, 24, 400, rng));
}

#[test]
fn blocks_and_nodes_split_and_join() {
    for_seeds(3, |rng| exercise(400_000, 10, 300_000, rng));
}

#[test]
fn an_order_made_from_a_sorted_list_is_that_list() {
    for_seeds(1, |rng| {
        for len in [0, 1, 767, 768, 769, 1024, 147_456, 147_457, 200_000] {
            let model: Vec<u32> = (0..len).collect();
            let places: Vec<u64> = (0..u64::from(len)).collect();
            assert_is(&Order::from_sorted(&model), &model, &places, rng);
        }
    });
}

#[test]
fn tickets_that_move_leave_no_trail_of_tiny_blocks() {
    let mut rng = Rng::with_seed(1);
    let tickets = 20_000u32;
    let mut places: Vec<u64> = (0..u64::from(tickets)).map(|at| at + (1 << 40)).collect();
    let mut order = Order::from_sorted(&(0..tickets).collect::<Vec<_>>());
    for round in 0..120_000u64 {
        let ord = rng.u32(..tickets);
        order.remove_all(&mut [ord], &|a, b| places[a as usize].cmp(&places[b as usize]));
        places[ord as usize] = (1 << 40) - 1 - round;
        order.insert_all(&mut [ord], &|a, b| places[a as usize].cmp(&places[b as usize]));
    }
    let mut model: Vec<u32> = (0..tickets).collect();
    model.sort_by_key(|ord| places[*ord as usize]);
    assert!(order.iter_from(0).eq(model));
    // Neighbours that together fill half a block are one: 20,000 tickets take 20 to 80 blocks.
    assert!(order.blocks() <= 100, "{} blocks", order.blocks());
}
