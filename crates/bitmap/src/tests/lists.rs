use std::{cell::Cell, collections::BTreeMap};

use fastrand::Rng;
use ticketscope_model::{TicketKey, TicketOrd};

use super::for_seeds;
use crate::{
    codec::{Reader, Writer},
    dictionary::Dictionary,
    keys::Keys,
    runs::SortedRuns,
    strings::Strings,
};

fn word(rng: &mut Rng) -> String {
    let letters = ["a", "A", "b", "\u{e9}", "e", "\u{df}", "ss", "0", " "];
    (0..rng.usize(..5)).map(|_| letters[rng.usize(..letters.len())]).collect()
}

#[test]
fn sorted_runs_find_every_number_of_equal_things() {
    for_seeds(60, |rng| {
        let mut things: Vec<u32> = Vec::new();
        let mut runs = SortedRuns::new();
        for _ in 0..rng.usize(..30) {
            let first = u32::try_from(things.len()).unwrap();
            let most = [1, 2, 50][rng.usize(..3)];
            let ascending = rng.bool();
            let (base, count) = (first, rng.u32(..=most));
            things.extend((0..count).map(|at| if ascending { base + at } else { rng.u32(..40) }));
            let mut new: Vec<u32> = (first..first + count).collect();
            new.sort_by_key(|number| things[*number as usize]);
            runs.insert(&new, |a, b| things[a as usize].cmp(&things[b as usize]));
        }
        let merged = runs.merged(|a, b| things[a as usize].cmp(&things[b as usize]));
        assert_eq!(merged.len(), things.len());
        assert!(merged.is_sorted_by_key(|number| things[*number as usize]));
        for wanted in 0..200 {
            let mut found = Vec::new();
            runs.find(|number| things[number as usize].cmp(&wanted), |number| found.push(number));
            found.sort_unstable();
            let expected: Vec<u32> =
                (0..).zip(&things).filter(|(_, thing)| **thing == wanted).map(|(at, _)| at).collect();
            assert_eq!(found, expected, "{wanted}");
        }
    });
}

#[test]
fn a_number_is_found_in_logarithmically_many_comparisons() {
    for step in [1, 7, 1_000] {
        let (mut runs, mut len) = (SortedRuns::new(), 0_u32);
        while len < 50_000 {
            runs.insert(&(len..len + step).collect::<Vec<u32>>(), |a, b| a.reverse_bits().cmp(&b.reverse_bits()));
            len += step;
        }
        let most = (len.ilog2() + 2).pow(2) / 2;
        for wanted in (0..len + 100).step_by(97) {
            let compared = Cell::new(0);
            let compare = |number: u32| {
                compared.set(compared.get() + 1);
                number.reverse_bits().cmp(&wanted.reverse_bits())
            };
            runs.find(compare, |_| ());
            assert!(compared.get() <= most, "{} to find {wanted} of {len} in steps of {step}", compared.get());
        }
    }
}

#[test]
fn strings_keep_their_numbers_across_leaves() {
    for_seeds(40, |rng| {
        let (mut strings, mut model) = (Strings::new(), Vec::new());
        for _ in 0..rng.usize(1..8) {
            let count = [0, 1, 255, 256, 257, 600][rng.usize(..6)];
            let more: Vec<String> = (0..count).map(|_| word(rng)).collect();
            strings.extend(more.iter().map(String::as_str));
            model.extend(more);
            if rng.bool() {
                let mut out = Writer::default();
                strings.write(&mut out);
                strings = Strings::read(&mut Reader::new(1, out.out.into())).unwrap();
            }
        }
        assert_eq!(strings.len() as usize, model.len());
        for (at, text) in (0..).zip(&model) {
            assert_eq!(strings.get(at), text);
        }
    });
}

#[test]
fn a_dictionary_numbers_values_in_order_of_first_appearance() {
    for_seeds(60, |rng| {
        let mut dictionary = Dictionary::new();
        let mut model: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..rng.usize(1..12) {
            let texts: Vec<String> = (0..rng.usize(..200)).map(|_| word(rng)).collect();
            let codes = dictionary.intern(texts.iter().map(String::as_str));
            for (text, code) in texts.iter().zip(codes) {
                let next = u32::try_from(model.len()).unwrap();
                assert_eq!(code, *model.entry(text.clone()).or_insert(next), "{text}");
            }
            if rng.u8(..4) == 0 {
                let mut out = Writer::default();
                dictionary.write(&mut out);
                let folded = rng.bool().then(|| dictionary.folded().into());
                dictionary = Dictionary::read(&mut Reader::new(1, out.out.into()), folded).unwrap();
            }
        }
        assert_eq!(dictionary.len() as usize, model.len());
        for (text, code) in &model {
            assert_eq!((dictionary.find(text), dictionary.get(*code)), (Some(*code), text.as_str()));
        }
        assert_eq!(dictionary.find("never"), None);
    });
}

fn key(rng: &mut Rng) -> TicketKey {
    match rng.u8(..6) {
        0 => TicketKey::Int([i64::MIN, i64::MAX, -1, 0, 567_588_278_875_213_824][rng.usize(..5)]),
        1 => TicketKey::Int(rng.i64(100_000_000_000_000_000..999_999_999_999_999_999)),
        2 | 3 => TicketKey::Int(rng.i64(0..300)),
        4 => TicketKey::Text(format!("T-{}", rng.u16(..300)).into()),
        _ => TicketKey::Text(format!("0{}", rng.u8(..)).into()),
    }
}

#[test]
fn keys_are_found_and_ordered_as_the_model_says() {
    for_seeds(60, |rng| {
        let (mut keys, mut model): (Keys, Vec<TicketKey>) = (Keys::new(), Vec::new());
        for _ in 0..rng.usize(1..15) {
            let count = [1, 3, 200][rng.usize(..3)];
            let more: Vec<TicketKey> = match rng.u8(..3) {
                0 => (0..count).map(|at| TicketKey::Int(1000 + at + i64::try_from(model.len()).unwrap())).collect(),
                _ => (0..count).map(|_| key(rng)).collect(),
            };
            keys.append(&more);
            model.extend(more);
            if rng.u8(..4) == 0 {
                let mut out = Writer::default();
                keys.write(&mut out);
                keys = Keys::read(&mut Reader::new(2, out.out.into())).unwrap();
            }
        }
        assert_eq!(keys.len() as usize, model.len());
        let ords = || (0..keys.len()).zip(&model);
        let youngest: BTreeMap<&TicketKey, u32> = ords().map(|(ord, key)| (key, ord)).collect();
        for (ord, key) in ords() {
            assert_eq!(keys.get(ord), *key);
            assert_eq!(keys.find(key), Some(TicketOrd(youngest[key])));
            let other = rng.u32(..keys.len());
            assert_eq!(
                keys.compare(ord, other),
                key.cmp(&model[other as usize]),
                "{key} and {}",
                model[other as usize]
            );
            assert_eq!(keys.compare_to(other, key), model[other as usize].cmp(key));
        }
        assert_eq!(keys.find(&TicketKey::Text("absent".into())), None);
        assert_eq!(keys.find(&TicketKey::Int(-987_654_321)), None);
    });
}

#[test]
fn keys_in_order_are_written_without_their_order() {
    let size = |keys: &[TicketKey]| {
        let mut all = Keys::new();
        all.append(keys);
        let mut out = Writer::default();
        all.write(&mut out);
        out.out.len()
    };
    let mut keys: Vec<TicketKey> = (0..5000).map(TicketKey::Int).collect();
    let in_order = size(&keys);
    keys.swap(0, 1);
    assert_eq!(size(&keys), in_order + 5000 * 4);
}
