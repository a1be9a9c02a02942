use std::collections::{BTreeMap, BTreeSet};

use super::for_seeds;
use crate::{TicketSet, postings::Postings};

#[test]
fn posting_lists_hold_what_a_map_of_sets_holds_mapped_or_not() {
    for_seeds(60, |rng| {
        let (mut postings, mut model) = (Postings::new(), BTreeMap::<u32, BTreeSet<u32>>::new());
        let codes = [1, 3, 255, 256, 257, 1500][rng.usize(..6)];
        let most = [3, 40, 9000][rng.usize(..3)];
        for _ in 0..rng.usize(1..8) {
            let mut changes = BTreeMap::new();
            for _ in 0..rng.usize(1..=most) {
                let code = if rng.bool() { 0 } else { rng.u32(..codes) };
                let ord = if rng.u8(..10) == 0 { u32::MAX - 1 - rng.u32(..9) } else { rng.u32(..200_000) };
                changes.insert((code, ord), rng.u8(..4) > 0);
            }
            for ((code, ord), added) in &changes {
                let set = model.entry(*code).or_default();
                if *added {
                    set.insert(*ord)
                } else {
                    set.remove(ord)
                };
            }
            let old = postings.clone();
            let before: Vec<TicketSet> = (0..codes).map(|code| old.get(code)).collect();
            postings.apply(&changes.into_iter().map(|((code, ord), added)| (code, ord, added)).collect::<Vec<_>>());
            assert!((0..codes).zip(&before).all(|(code, set)| old.get(code) == *set), "the old one changed");
            if rng.u8(..3) == 0 {
                let bytes = postings.write().unwrap().into();
                postings = Postings::read(9, &bytes).unwrap();
                // Unread blocks are copied, read ones too: to the same bytes.
                assert_eq!(postings.write().unwrap(), *bytes);
            }
        }
        for code in 0..codes + 300 {
            let expected = model.get(&code).cloned().unwrap_or_default();
            assert_eq!(postings.len_of(code) as usize, expected.len(), "{code}");
            assert!(postings.get(code).iter().eq(expected), "{code}");
        }
    });
}

#[test]
fn a_list_of_every_length_near_the_inline_limit_is_read_back() {
    for len in 0..6 {
        let set: TicketSet = (0..len).map(|at| at * 70_000).collect();
        let bytes = Postings::only(&set).write().unwrap().into();
        assert_eq!(Postings::read(9, &bytes).unwrap().get(0), set);
    }
}
