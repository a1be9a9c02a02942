//! Lists that are sought in score as decoded ones do.

use fastrand::Rng;
use model::{Opstamp, TextClass, TextPart};
use tempfile::TempDir;

use super::*;
use crate::{Form, Section, TextField, TextIdentity, TextIndex, TextMark, analysis::Languages, tests::Parts};

fn parts(body: String) -> Parts {
    let body = body.into();
    vec![TextPart { part: "d".into(), class: TextClass::Description, lang: None, body, author: None, at: None }]
}

fn index(tickets: &[(u32, Parts)]) -> (TempDir, TextIndex) {
    let dir = tempfile::tempdir().unwrap();
    let mut index =
        TextIndex::open(dir.path(), TextIdentity { uuid: [3; 16], languages: Languages::default() }).unwrap();
    let ords: Vec<u32> = tickets.iter().map(|(ord, _)| *ord).collect();
    index.write(&ords, tickets).unwrap();
    index.commit(TextMark { position: Opstamp(1), history: 0 }).unwrap();
    (dir, index)
}

/// Some words, each in fewer texts than the one before.
const WORDS: [&str; 4] = ["most", "some", "few", "hardly"];

fn body(rng: &mut Rng) -> String {
    let mut body = "other ".repeat(rng.usize(..60));
    for (word, share) in WORDS.into_iter().zip([2, 10, 100, 600]) {
        if rng.u32(..share) < 2 {
            body += &format!("{word} ").repeat([1, 1, 2, 9, 254, 255, 256, 400][rng.usize(..8)]);
        }
    }
    body
}

fn leaf(word: &str) -> Leaf {
    Leaf::whole(TextField::Public, Pattern::Term(Form::Surface, word.into()))
}

fn weighed(leaf: Leaf, length: u64) -> WeighedLeaf {
    WeighedLeaf::new(leaf, Statistics { tickets: 5_000, found: 700, length }).unwrap()
}

fn is_sought(segment: &Segment, weighed: &WeighedLeaf, tickets: u32) -> bool {
    matches!(LeafScorer::new(segment, weighed, tickets).unwrap(), LeafScorer::Sought { .. })
}

fn bits(leaf: &mut LeafScorer<'_>, ord: u32) -> u32 {
    leaf.score(ord).map_or(0, f32::to_bits)
}

#[test]
fn a_list_scores_equally_to_the_bit_whether_it_is_sought_in_or_decoded() {
    for seed in 0..8 {
        let rng = &mut Rng::with_seed(seed);
        // Ordinals in a row, and with gaps.
        let gap = [1, 4][rng.usize(..2)];
        let mut ord = rng.u32(..200);
        let mut write = |rng: &mut Rng| {
            ord += rng.u32(1..=gap);
            (ord, parts(body(rng)))
        };
        let tickets: Vec<_> = (0..rng.u32(1..3_000)).map(|_| write(rng)).collect();
        let (_dir, mut index) = index(&tickets);
        // Documents that are replaced or deleted, and a segment of others.
        let mut later: Vec<_> = tickets.iter().filter(|_| rng.u32(..6) == 0).map(|(ord, _)| *ord).collect();
        let mut new: Vec<_> = later.iter().filter(|ord| *ord % 3 > 0).map(|ord| (*ord, parts(body(rng)))).collect();
        new.extend((0..rng.u32(..300)).map(|_| write(rng)));
        later.extend(new.iter().map(|(ord, _)| *ord));
        later.sort_unstable();
        later.dedup();
        index.write(&later, new.as_slice()).unwrap();
        let view = index.commit(TextMark { position: Opstamp(2), history: 0 }).unwrap();
        let mut compared = 0;
        for segment in view.segments() {
            for word in WORDS {
                let weighed = weighed(leaf(word), rng.u64(1..2_000_000));
                let scorers = [(); 3].map(|()| LeafScorer::new(segment, &weighed, 0).unwrap());
                let [LeafScorer::Sought { .. }, LeafScorer::Sought { .. }, LeafScorer::Counted { .. }] = &scorers
                else {
                    let found = segment.find(&leaf(word)).unwrap();
                    assert!(found.tickets.is_empty(), "seed {seed}: `{word}` is not sought twice and then decoded");
                    continue;
                };
                let [mut all, mut leaping, decoded] = scorers;
                let mut whole = decoded.clone();
                segment.live().for_each(|ord| {
                    let expected = bits(&mut whole, ord);
                    assert_eq!(bits(&mut all, ord), expected, "seed {seed}: `{word}` in {ord}");
                    compared += u32::from(expected > 0);
                });
                let mut whole = decoded;
                let step = rng.u32(2..500);
                segment.live().iter().filter(|_| rng.u32(..step) == 0).for_each(|ord| {
                    let expected = bits(&mut whole, ord);
                    assert_eq!(bits(&mut leaping, ord), expected, "seed {seed}: `{word}` in {ord}, leaping");
                    // Whoever asks again is told the same.
                    assert_eq!(bits(&mut leaping, ord), expected, "seed {seed}: `{word}` in {ord}, again");
                });
            }
        }
        assert!(compared > 0 || tickets.len() < 20, "seed {seed}: nothing was found");
    }
}

#[test]
fn a_long_list_is_sought_in_for_few_tickets_until_it_is_asked_for_a_third_time() {
    let tickets: Vec<_> =
        (0..640).map(|ord| (ord, parts("a b c d here".to_owned() + if ord > 0 { " less" } else { "" }))).collect();
    let (_dir, index) = index(&tickets);
    let view = index.view();
    let [segment] = view.segments() else { panic!("one segment") };
    let weighed = |word: &str| weighed(leaf(word), 20_000);
    // 64 postings are decoded in the time in which one is sought.
    assert!(is_sought(segment, &weighed("a"), 9));
    assert!(!is_sought(segment, &weighed("b"), 10));
    assert!(!is_sought(segment, &weighed("b"), 0), "it was decoded, and kept");
    assert!(!is_sought(segment, &weighed("less"), 10) && !is_sought(segment, &weighed("absent"), 0));
    assert!(is_sought(segment, &weighed("a"), 0) && !is_sought(segment, &weighed("a"), 0));
    // What no posting list tells is computed whole.
    let part = Leaf { section: Section::AfterSubject, ..leaf("c") };
    let words = ["c", "d"].into_iter().zip(0..).map(|(word, step)| (step, word.into())).collect();
    let phrase = Leaf::whole(TextField::Public, Pattern::Phrase { words, open: false });
    for leaf in [part, phrase] {
        assert!(!is_sought(segment, &self::weighed(leaf, 20_000), 0));
    }
}

#[test]
fn a_page_is_the_same_before_and_after_its_lists_are_decoded() {
    let rng = &mut Rng::with_seed(9);
    let tickets: Vec<_> = (0..3_000).map(|ord| (ord * 3, parts(body(rng)))).collect();
    let best = |word: &str| Best { readable: None, leaves: vec![weighed(leaf(word), 300_000)] };
    let clauses: Vec<ScoredClause> =
        [WORDS[0], WORDS[1]].iter().map(|word| vec![Alternative { fields: vec![best(word)], named: None }]).collect();
    for plan in [RankPlan::Seek, RankPlan::Prune] {
        let (_dir, index) = index(&tickets);
        let view = index.view();
        let both = view.find(&leaf(WORDS[0])).unwrap().and(&view.find(&leaf(WORDS[1])).unwrap());
        let hits: TicketSet = both.iter().step_by(90).collect();
        let ranked =
            Ranked { hits: &hits, clauses: &clauses, keep: 3, accept: &|_, _| true, tie: &|a: u32, b: u32| a.cmp(&b) };
        let (sought, before) = (view.rank(plan, &ranked).unwrap().best, view.cache_bytes());
        assert_eq!((sought.len(), hits.len() > 3), (3, true));
        let again = view.rank(RankPlan::Seek, &ranked).unwrap().best;
        assert_eq!((&again, view.cache_bytes()), (&sought, before), "{plan:?}");
        assert_eq!(view.rank(RankPlan::Layers, &ranked).unwrap().best, sought, "{plan:?}");
        assert_eq!(view.rank(plan, &ranked).unwrap().best, sought, "{plan:?}");
    }
}

#[test]
fn a_long_page_is_the_beginning_of_all_hits_in_order_and_a_short_list_may_lead_to_it() {
    for seed in 0..6 {
        let rng = &mut Rng::with_seed(seed);
        let tickets: Vec<_> = (0..4_000).map(|ord| (ord * 2, parts(body(rng)))).collect();
        let (_dir, mut index) = index(&tickets);
        let replaced: Vec<_> = (0..60).map(|_| (rng.u32(..4_000) * 2, parts(body(rng)))).collect();
        let replaced: std::collections::BTreeMap<u32, Parts> = replaced.into_iter().collect();
        let replaced: Vec<_> = replaced.into_iter().collect();
        index.write(&replaced.iter().map(|(ord, _)| *ord).collect::<Vec<_>>(), replaced.as_slice()).unwrap();
        let view = index.commit(TextMark { position: Opstamp(2), history: 0 }).unwrap();
        for word in WORDS {
            let best = Best { readable: None, leaves: vec![weighed(leaf(word), 300_000)] };
            // Beside it one that nobody has.
            let mut clauses = vec![vec![Alternative { fields: vec![best], named: None }]];
            clauses[0].extend((0..seed % 2).map(|_| Alternative::default()));
            let seen: TicketSet = (0..8_000).filter(|_| rng.u32(..8) > 0).collect();
            let hits = view.find(&leaf(word)).unwrap().and(&seen);
            let page = |plan, hits: &TicketSet, keep| {
                let (accept, tie) = (&|_: f32, _: u32| true, &|a: u32, b: u32| a.cmp(&b));
                view.rank(plan, &Ranked { hits, clauses: &clauses, keep, accept, tie }).unwrap().best
            };
            let all = page(RankPlan::Seek, &hits, usize::MAX);
            assert_eq!(all.len(), hits.len() as usize, "seed {seed}: `{word}`");
            assert!(all.is_sorted_by(|a, b| a.0 > b.0 || a.0.total_cmp(&b.0).is_eq() && a.1 < b.1), "seed {seed}");
            for keep in [1, 10, SORTED, SORTED + 1, SORTED + 300, all.len(), all.len() + 1] {
                let expected = &all[..keep.min(all.len())];
                for plan in [RankPlan::Seek, RankPlan::Prune, RankPlan::Layers] {
                    assert_eq!(page(plan, &hits, keep), expected, "seed {seed}: `{word}`, {keep} by {plan:?}");
                    assert_eq!(page(plan, &seen, keep), expected, "seed {seed}: `{word}`, {keep} of more by {plan:?}");
                }
            }
        }
    }
}
