use model::{Opstamp, TextClass, TextPart, TicketOrd};
use tantivy::directory::RamDirectory;
use ticketscope_model as model;

use super::{Parts, by_library, random_languages, random_parts, seeds};
use crate::{
    Form, Leaf, Part, Pattern, TakeText, TextError, TextField, TextIdentity, TextIndex, TextMark, Texts,
    analysis::{Analyzer, Languages},
    fields,
    inverter::Inverter,
};

fn parts(texts: &[TextPart]) -> Vec<Part<'_>> {
    texts.iter().map(Part::from).collect()
}

#[test]
fn segments_are_byte_for_byte_those_that_the_library_writes() {
    let mut compared = 0;
    for seed in seeds() {
        let mut rng = fastrand::Rng::with_seed(seed);
        let languages = random_languages(&mut rng);
        let (index, fields) = fields::open(RamDirectory::create()).unwrap();
        let (mut inverter, mut analyzer) = (Inverter::new(languages), Analyzer::new(languages));
        // The second segment is of an inverter that has seen words before; some are longer than a block of postings.
        for _ in 0..2 {
            let many = if rng.u8(0..10) == 0 { 1_000 } else { 20 };
            let mut ord = 0;
            let tickets: Vec<(u32, Parts)> = (0..rng.usize(0..many))
                .map(|_| {
                    ord += rng.u32(1..5);
                    (ord, random_parts(&mut rng))
                })
                .collect();
            for (ord, texts) in &tickets {
                inverter.add(*ord, &parts(texts));
            }
            let Some(meta) = inverter.write(&index, &fields).unwrap() else { continue };
            let ours = index.segment(meta);
            let theirs = by_library::write(&index, &fields, &mut analyzer, &tickets);
            assert_eq!(ours.meta().max_doc(), theirs.meta().max_doc(), "seed {seed}");
            for component in by_library::COMPONENTS {
                let files = [&ours, &theirs].map(|segment| by_library::file(segment, component.clone()));
                assert!(files[0] == files[1], "seed {seed}: {component:?} differs");
            }
            compared += 1;
        }
    }
    assert!(compared > 0, "no segment was compared");
}

#[test]
fn a_ticket_without_words_leaves_nothing() {
    let (index, fields) = fields::open(RamDirectory::create()).unwrap();
    let mut inverter = Inverter::new(Languages::default());
    inverter.add(1, &[]);
    inverter.add(2, &[Part { id: "s", class: TextClass::Subject, lang: None, body: "--- ..." }]);
    assert!(inverter.write(&index, &fields).unwrap().is_none());
}

#[test]
fn a_segment_is_full_before_its_words_outgrow_the_bound() {
    let mut inverter = Inverter::new(Languages::default());
    let body = "word ".repeat(1_000);
    let mut added = 0;
    while !inverter.is_full() {
        inverter.add(added, &[Part { id: "d", class: TextClass::Description, lang: None, body: &body }]);
        added += 1;
        assert!(added < 10_000, "never full");
    }
    // Each word is noted once and turned round once, with eight bytes each.
    assert_eq!(added, (48_u32 << 20).div_ceil(16 * 1_000 + 16));
}

#[test]
fn a_segment_of_ever_new_words_is_full_before_the_known_words_outgrow_their_bound() {
    const BOUND: usize = 64 << 20;
    const WORDS: u64 = 2_000;
    // A word that is its own stem is known twice, as written and as found.
    const OF_A_TICKET: usize = 2_000 * 2 * (96 + 12);
    let (index, fields) = fields::open(RamDirectory::create()).unwrap();
    let mut inverter = Inverter::new(Languages::default());
    let mut rng = fastrand::Rng::with_seed(1);
    // The words of the first segment are forgotten after it.
    for _ in 0..2 {
        let mut ord = 0;
        while !inverter.is_full() {
            assert!(inverter.lexicon_bytes() < BOUND, "not full with {ord} tickets");
            let words: Vec<_> = (0..WORDS).map(|_| format!("{:012}", rng.u64(..1_000_000_000_000))).collect();
            let body = words.join(" ");
            inverter.add(ord, &[Part { id: "d", class: TextClass::Description, lang: None, body: &body }]);
            ord += 1;
        }
        let bytes = inverter.lexicon_bytes();
        assert!((BOUND..BOUND + OF_A_TICKET).contains(&bytes), "full with {bytes} bytes of words");
        assert!(inverter.write(&index, &fields).unwrap().is_some());
        assert_eq!((inverter.lexicon_bytes(), inverter.is_full()), (0, false));
    }
}

fn word(text: &str) -> Vec<TextPart> {
    let body = text.into();
    vec![TextPart { part: "d".into(), class: TextClass::Description, lang: None, body, author: None, at: None }]
}

fn found(index: &TextIndex, text: &str) -> Vec<u32> {
    let pattern = Pattern::Term(Form::Surface, text.into());
    index.view().find(&Leaf::whole(TextField::Public, pattern)).unwrap().iter().collect()
}

#[test]
fn many_tickets_are_shared_among_threads_and_few_replace_some_of_them() {
    const MANY: u32 = 3 << 15;
    let dir = tempfile::tempdir().unwrap();
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    let mut index = TextIndex::open(dir.path(), identity).unwrap();
    let tickets: Vec<(u32, Parts)> =
        (0..MANY).map(|ord| (ord * 2, word(if ord % 3 == 0 { "three" } else { "other" }))).collect();
    let ords: Vec<u32> = tickets.iter().map(|(ord, _)| *ord).collect();
    index.write(&ords, tickets.as_slice()).unwrap();
    index.commit(TextMark { position: Opstamp(1), history: 0 }).unwrap();
    assert_eq!(index.view().tickets().iter().collect::<Vec<_>>(), ords);
    let expected: Vec<u32> = (0..MANY).filter(|ord| ord % 3 == 0).map(|ord| ord * 2).collect();
    assert_eq!(found(&index, "three"), expected);

    // One gets another text, one loses its text, one is new.
    let few = [(0, word("none")), (7, word("three"))];
    index.write(&[0, 6, 7], &few[..]).unwrap();
    index.commit(TextMark { position: Opstamp(2), history: 0 }).unwrap();
    assert_eq!(found(&index, "three"), [vec![7], expected[2..].to_vec()].concat());
    assert_eq!(found(&index, "none"), [0]);
    assert!(!index.view().tickets().contains(TicketOrd(6)));
    drop(index.rest().unwrap());
    assert_eq!(found(&index, "three"), [vec![7], expected[2..].to_vec()].concat());
}

#[test]
fn what_was_written_and_never_committed_is_written_again_after_opening() {
    let dir = tempfile::tempdir().unwrap();
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    let before: Vec<(u32, Parts)> = (0..10).map(|ord| (ord, word("before"))).collect();
    let after = [(3, word("after")), (20, word("after"))];
    let mut index = TextIndex::open(dir.path(), identity).unwrap();
    index.write(&(0..10).collect::<Vec<_>>(), before.as_slice()).unwrap();
    index.commit(TextMark { position: Opstamp(1), history: 0 }).unwrap();
    index.write(&[3, 20], &after[..]).unwrap();
    // Until the commit, whoever looks sees all that was there.
    assert_eq!(found(&index, "before"), (0..10).collect::<Vec<_>>());
    drop(index);

    let mut index = TextIndex::open(dir.path(), identity).unwrap();
    assert_eq!(index.view().position(), Opstamp(1));
    assert_eq!(found(&index, "after"), [0; 0]);
    index.write(&[3, 20], &after[..]).unwrap();
    index.commit(TextMark { position: Opstamp(2), history: 0 }).unwrap();
    assert_eq!(found(&index, "after"), [3, 20]);
    assert_eq!(found(&index, "before"), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
}

/// Texts of which one cannot be read.
struct Unreadable;

impl Texts for Unreadable {
    type Error = TextError;

    fn read(&self, tickets: &[u32], each: &mut TakeText<'_>) -> Result<(), TextError> {
        for ord in tickets {
            if *ord == 40_000 {
                return Err(TextError::Rows);
            }
            each(*ord, &[Part { id: "d", class: TextClass::Description, lang: None, body: "after" }])?;
        }
        Ok(())
    }
}

#[test]
fn a_text_that_cannot_be_read_on_any_thread_fails_the_write_and_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    let mut index = TextIndex::open(dir.path(), identity).unwrap();
    index.write(&[1, 2], &[(1, word("before")), (2, word("before"))][..]).unwrap();
    index.commit(TextMark { position: Opstamp(1), history: 0 }).unwrap();
    let many: Vec<u32> = (0..3 << 15).collect();
    assert!(matches!(index.write(&many, &Unreadable), Err(TextError::Rows)));
    drop(index);
    let index = TextIndex::open(dir.path(), identity).unwrap();
    assert_eq!((found(&index, "before"), found(&index, "after")), (vec![1, 2], vec![]));
}
