use std::{cell::Cell, collections::HashMap};

use fastrand::Rng;
use ticketscope_model::{FOLD_VERSION, TicketKey, Value, fields, fold};

use super::{
    for_seeds,
    model::{schema, sections},
};
use crate::{
    Index, TicketBatch,
    codec::{Reader, Writer},
    dictionary::Dictionary,
    folded::{FoldedOrder, hash_of, is_folded},
    sections::SECTION_FOLDED,
    strings::Strings,
};

fn word(rng: &mut Rng) -> String {
    let letters = ["a", "A", "\u{c1}", "e", "\u{e9}", "e\u{301}", "\u{df}", "ss", "\u{1e9e}", "0", " ", "\u{301}"];
    (0..rng.usize(..5)).map(|_| letters[rng.usize(..letters.len())]).collect()
}

/// The codes whose strings fold as `text` does.
fn naive(strings: &[String], text: &str) -> Vec<u32> {
    (0..).zip(strings).filter(|(_, other)| fold(other) == fold(text)).map(|(code, _)| code).collect()
}

fn found(dictionary: &Dictionary, text: &str) -> Vec<u32> {
    let mut codes = Vec::new();
    dictionary.find_folded(text, |code| codes.push(code));
    codes.sort_unstable();
    codes
}

fn strings_of(texts: &[String]) -> Strings {
    let mut strings = Strings::new();
    strings.extend(texts.iter().map(String::as_str));
    strings
}

#[test]
fn values_are_found_by_what_they_fold_to_as_by_a_scan() {
    for_seeds(60, |rng| {
        let (mut dictionary, mut texts) = (Dictionary::new(), Vec::new());
        for _ in 0..rng.usize(1..12) {
            let more: Vec<String> = (0..rng.usize(..200)).map(|_| word(rng)).collect();
            dictionary.intern(more.iter().map(String::as_str));
            let new =
                (u32::try_from(texts.len()).unwrap()..dictionary.len()).map(|code| dictionary.get(code).to_owned());
            texts.extend(new.collect::<Vec<_>>());
            if rng.u8(..4) == 0 {
                let mut out = Writer::default();
                dictionary.write(&mut out);
                let folded = rng.bool().then(|| dictionary.folded().into());
                dictionary = Dictionary::read(&mut Reader::new(1, out.out.into()), folded).unwrap();
            }
            for _ in 0..20 {
                let wanted = word(rng);
                assert_eq!(found(&dictionary, &wanted), naive(&texts, &wanted), "{wanted:?}");
            }
        }
        let order = FoldedOrder::of(&strings_of(&texts));
        assert_eq!(dictionary.folded(), order.numbers(&strings_of(&texts)), "however it came about");
        for text in &texts {
            assert_eq!(found(&dictionary, text), naive(&texts, text), "{text:?}");
        }
    });
}

#[test]
fn strings_of_one_hash_are_told_apart() {
    let mut words: HashMap<u32, Vec<String>> = HashMap::new();
    for number in 0..400_000 {
        let word = format!("{number:x}z");
        words.entry(hash_of(&word)).or_default().push(word.to_uppercase());
    }
    let twins: Vec<String> = words.into_values().filter(|words| words.len() > 1).flatten().collect();
    assert!(twins.len() > 1, "some of so many words have one hash");
    let mut order = FoldedOrder::new();
    let mut strings = Strings::new();
    for text in &twins {
        strings.extend([text.as_str()]);
        order.append(strings.len() - 1, &strings);
    }
    for (number, text) in (0..).zip(&twins) {
        let mut found = Vec::new();
        order.find(&fold(text), |at| strings.get(at), |at| found.push(at));
        assert_eq!(found, [number], "{text}");
    }
}

#[test]
fn a_value_is_sought_without_reading_those_that_are_not_it() {
    let texts: Vec<String> = (0..100_000).map(|number| format!("Key-{number}")).collect();
    let strings = strings_of(&texts);
    let mut order = FoldedOrder::new();
    for first in (0..100_000).step_by(777) {
        let mut some = Strings::new();
        some.extend(texts.iter().take(first + 777).map(String::as_str));
        order.append(u32::try_from(first).unwrap(), &some);
    }
    let read = |folded: &str| {
        let (read, mut found) = (Cell::new(0), Vec::new());
        let text_of = |at| {
            read.set(read.get() + 1);
            strings.get(at)
        };
        order.find(folded, text_of, |at| found.push(at));
        (read.get(), found)
    };
    let mut missed = 0;
    for number in (0..200_000).step_by(501) {
        let (read, found) = read(&format!("key-{number}"));
        if number < 100_000 {
            assert_eq!(found, [number], "{number}");
            assert!(read <= 8, "{read} texts are read to find one");
        } else {
            assert!(found.is_empty() && read <= 4, "{read} texts are read to find none");
            missed += read;
        }
    }
    assert!(missed < 10, "of 32 bits hardly two are equal: {missed}");
}

#[test]
fn what_a_question_sought_leaves_nothing_behind_and_a_string_takes_8_bytes_or_none() {
    let mut dictionary = Dictionary::new();
    let heap = |dictionary: &Dictionary| dictionary.part_bytes().heap;
    dictionary.append((0..5_000).map(|number| format!("k{number}")).collect::<Vec<_>>().iter().map(String::as_str));
    let before = heap(&dictionary);
    for wanted in ["K1", "never", "k7", "\u{c9}"] {
        found(&dictionary, wanted);
    }
    assert_eq!((heap(&dictionary), dictionary.folded()), (before, Vec::new()));
    let upper: Vec<String> = (0..5_000).map(|number| format!("K{number}")).collect();
    dictionary.append(upper.iter().map(String::as_str));
    assert_eq!(dictionary.folded().len() * size_of::<u32>(), upper.len() * 8);
    let mut plain = Strings::new();
    plain.extend(upper.iter().map(String::as_str));
    let strings = plain.part_bytes().heap;
    // And 4 in the exact order.
    assert!(heap(&dictionary) - before <= strings + upper.len() * 12 + 1_000);
}

fn index_of(texts: &[String]) -> Index {
    let mut index = Index::new();
    let sets = (0..).zip(texts).map(|(ord, text)| (ord, vec![Value::Keyword(text.as_str().into())])).collect();
    let created = (1..).take(texts.len()).map(TicketKey::Int).collect();
    index.apply(&schema(), &TicketBatch { created, erased: vec![], sets: vec![(fields::EXTERNAL_ID, sets)] });
    index
}

#[test]
fn an_index_of_before_the_folded_order_or_of_another_one_is_folded_when_it_is_read() {
    let mut rng = Rng::with_seed(1);
    let texts: Vec<String> = (0..600).map(|_| word(&mut rng)).collect();
    let index = index_of(&texts);
    let sections = sections(&index);
    let mut other = sections[&SECTION_FOLDED].to_vec();
    other[..4].copy_from_slice(&(FOLD_VERSION + 1).to_le_bytes());
    other.truncate(16);
    let mut distinct = texts.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.iter().filter(|text| !is_folded(text)).count() > 20);
    let heaps = [None, Some(bytes::Bytes::from(other)), Some(sections[&SECTION_FOLDED].clone())].map(|folded| {
        let read = |id| if id == SECTION_FOLDED { folded.clone() } else { sections.get(&id).cloned() };
        let again = Index::read(&schema(), read).unwrap();
        assert_eq!(super::model::sections(&again), sections, "written again, it is the same");
        let field = again.field(fields::EXTERNAL_ID).unwrap();
        for text in &distinct {
            let mut found: Vec<&str> = field.codes_folded(text).iter().map(|code| field.value_of(*code)).collect();
            found.sort_unstable();
            let same = distinct.iter().filter(|other| fold(other) == fold(text));
            assert!(found.iter().copied().eq(same.map(String::as_str)), "{text:?}");
        }
        field.part_bytes()[0].heap
    });
    // Made anew or copied, it is on the heap.
    assert_eq!((heaps[0], heaps[1]), (heaps[2], heaps[2]));
}

#[test]
fn a_folded_order_that_names_what_is_not_there_is_refused() {
    let index = index_of(&["A".to_owned(), "b".to_owned(), "B".to_owned()]);
    let sections = sections(&index);
    let stored = sections[&SECTION_FOLDED].to_vec();
    let refused = |damaged: Vec<u8>| {
        let damaged = bytes::Bytes::from(damaged);
        let read = |id| if id == SECTION_FOLDED { Some(damaged.clone()) } else { sections.get(&id).cloned() };
        Index::read(&schema(), read).unwrap_err().what
    };
    // Version, zeros, a count of numbers, then hash and code of each.
    let count = u64::from_le_bytes(stored[8..16].try_into().unwrap());
    assert_eq!((stored.len(), count), (32, 4));
    let mut beyond = stored.clone();
    beyond[20] = 3;
    assert_eq!(refused(beyond), "the folded order of its values names codes it does not have");
    let mut half = stored.clone();
    half[8] = 3;
    half.truncate(28);
    assert_eq!(refused(half), "the folded order of its values names codes it does not have");
    let mut longer = stored;
    longer.extend([0; 8]);
    assert_eq!(refused(longer), "it goes on after its end");
}
