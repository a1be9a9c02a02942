use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use fastrand::Rng;
use model::{Opstamp, TextClass, TextPart};

use super::*;
use crate::{
    TextIdentity, TextIndex, TextMark,
    analysis::{Language, words as words_of},
};

/// Enough that posting lists have several blocks, and that few of the tickets are sought in them.
const TICKETS: usize = 3_000;

/// Most tickets have the first, hardly any the last.
fn word(rng: &mut Rng) -> String {
    let rarity = rng.u32(..12);
    format!("{}{}", ["re", "ref", "in"][rng.usize(..3)], rng.u32(..1 << rarity))
}

fn parts(rng: &mut Rng) -> Vec<TextPart> {
    let part = |at: usize, rng: &mut Rng| {
        let body: Vec<String> = (0..rng.usize(1..12)).map(|_| word(rng)).collect();
        let class = [TextClass::Public, TextClass::Private, TextClass::Side, TextClass::Subject][rng.usize(..4)];
        TextPart {
            part: format!("p{at}").into(),
            class,
            lang: None,
            body: body.join(" ").into(),
            author: None,
            at: None,
        }
    };
    (0..rng.usize(..5)).map(|at| part(at, rng)).collect()
}

fn field_of(class: TextClass) -> TextField {
    match class {
        TextClass::Private => TextField::Private,
        TextClass::Side => TextField::Side,
        _ => TextField::Public,
    }
}

/// Every readable word, the most frequent first.
fn naive(texts: &[Vec<TextPart>], fields: &[(TextField, &TicketSet)]) -> Vec<FoundWord> {
    let mut found: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (ord, part) in texts.iter().enumerate().flat_map(|(ord, parts)| parts.iter().map(move |part| (ord, part))) {
        let row = TicketOrd(u32::try_from(ord).unwrap());
        let readable =
            |(field, tickets): &(TextField, &TicketSet)| *field == field_of(part.class) && tickets.contains(row);
        if fields.iter().any(readable) {
            words_of(&part.body, |word| {
                found.entry(word.text.to_owned()).or_default().insert(ord);
            });
        }
    }
    let count = |on: BTreeSet<usize>| u32::try_from(on.len()).unwrap();
    let mut found: Vec<FoundWord> =
        found.into_iter().map(|(word, on)| FoundWord { word, tickets: count(on) }).collect();
    found.sort_by_key(|found| Reverse(found.tickets));
    found
}

fn some(rng: &mut Rng, share: u32) -> TicketSet {
    (0..u32::try_from(TICKETS).unwrap()).filter(|_| rng.u32(..1_000) < share).collect()
}

#[test]
fn the_most_frequent_words_are_those_of_a_scan_whatever_the_segments_and_deletions() {
    let files = tempfile::tempdir().unwrap();
    let languages = [Language::English].into_iter().collect();
    let mut rng = Rng::with_seed(1);
    let mut index = TextIndex::open(files.path(), TextIdentity { uuid: [1; 16], languages }).unwrap();
    let mut texts: Vec<Vec<TextPart>> = vec![Vec::new(); TICKETS];
    for round in 1..=6 {
        // Once all of them, without a deletion; then some again, and some of these without text.
        let chosen: Vec<usize> = (0..TICKETS).filter(|_| round == 1 || rng.u8(..10) == 0).collect();
        let mut written = Vec::new();
        for ord in chosen {
            texts[ord] = if round > 1 && rng.u8(..5) == 0 { Vec::new() } else { parts(&mut rng) };
            written.push((u32::try_from(ord).unwrap(), texts[ord].clone()));
        }
        let ords: Vec<u32> = written.iter().map(|(ord, _)| *ord).collect();
        index.write(&ords, written.as_slice()).unwrap();
        let view = index.commit(TextMark { position: Opstamp(round), history: 0 }).unwrap();
        for share in [0, 1, 5, 30, 62, 63, 150, 500, 999, 1_000] {
            let public = some(&mut rng, share);
            let private = public.and(&some(&mut rng, 300));
            let side = public.and(&some(&mut rng, 700));
            let fields = [(TextField::Public, &public), (TextField::Private, &private), (TextField::Side, &side)];
            for fields in [&fields[..1], &fields[1..], &fields[..]] {
                let expected = naive(&texts, fields);
                for prefix in ["", "r", "re", "ref1", "in", "none"] {
                    let expected = expected.iter().filter(|found| found.word.starts_with(prefix));
                    for limit in [1, 7, 100] {
                        let found = view.words(fields, prefix, limit).unwrap();
                        let at = format!("round {round}, {share} of 1,000, {prefix:?}, limit {limit}");
                        assert!(found.iter().eq(expected.clone().take(limit)), "{at}");
                    }
                }
            }
        }
    }
}
