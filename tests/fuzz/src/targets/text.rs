//! The files of the text index, and the words of a text.

use std::{fs, path::Path, sync::LazyLock};

use ticketscope_model::{Opstamp, TextClass, TextPart, fold};
use ticketscope_text::{
    Form, Leaf, Pattern, TextField, TextIdentity, TextIndex, TextMark, TextView,
    analysis::{Analyzer, Languages, MAX_WORD_BYTES, query_words, words as words_of},
};

use crate::{
    choices::{Choices, tampered},
    desk::{Files, directory, files},
};

const IDENTITY: TextIdentity = TextIdentity { uuid: [9; 16], languages: Languages::EMPTY };

/// What is found in the index: tickets by word.
#[derive(Debug, PartialEq)]
struct Found(Vec<Vec<u32>>);

impl Found {
    fn of(view: &TextView) -> Option<Self> {
        let leaf = |(field, word): &(TextField, &str)| {
            let pattern = Pattern::Term(Form::Surface, (*word).into());
            Some(view.find(&Leaf::whole(*field, pattern)).ok()?.iter().collect())
        };
        let words = [
            (TextField::Public, "refund"),
            (TextField::Subject, "invoice"),
            (TextField::Private, "note"),
            (TextField::Public, "nowhere"),
        ];
        words.iter().map(leaf).collect::<Option<_>>().map(Self)
    }
}

fn open(path: &Path) -> Option<TextIndex> {
    TextIndex::open(path, IDENTITY).ok()
}

/// A small index as files, and what is found in it.
static INDEX: LazyLock<(Files, Found)> = LazyLock::new(|| {
    let dir = directory();
    let mut index = open(dir.path()).expect("an empty directory takes an index");
    let part = |class: TextClass, body: &str| TextPart {
        part: class.name().into(),
        class,
        lang: None,
        body: body.into(),
        author: None,
        at: None,
    };
    let tickets: Vec<_> = (0..3_u64)
        .map(|round| {
            let ord = u32::try_from(round).unwrap_or_default();
            (
                ord,
                vec![
                    part(TextClass::Subject, "An invoice"),
                    part(TextClass::Public, "refund it"),
                    part(TextClass::Private, "a note"),
                ],
            )
        })
        .collect();
    for (position, tickets) in (1..).zip(tickets.chunks(2)) {
        let ords: Vec<u32> = tickets.iter().map(|(ord, _)| *ord).collect();
        index.write(&ords, tickets).expect("it is written");
        index.commit(TextMark { position: Opstamp(position), history: 0 }).expect("it is written");
    }
    let view = index.rest().expect("it comes to rest");
    let found = Found::of(&view).expect("it can be asked");
    drop((index, view));
    (files(dir.path()), found)
});

/// An index of which one file was tampered with is refused, or finds what it found.
pub(crate) fn index(bytes: &[u8]) {
    let (files, expected) = &*INDEX;
    // Locks hold nothing.
    let files: Vec<_> = files.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    let mut choices = Choices::new(bytes);
    let changed = choices.below(files.len());
    let dir = directory();
    let mut is_same = true;
    for (at, (name, genuine)) in files.iter().enumerate() {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("it can be made");
        if at == changed {
            let other = tampered(genuine, choices);
            is_same = other == *genuine;
            fs::write(path, other).expect("it can be written");
        } else {
            fs::write(path, genuine).expect("it can be written");
        }
    }
    match open(dir.path()) {
        Some(index) => {
            if let Some(found) = Found::of(index.view()) {
                assert_eq!(found, *expected, "damage changes what is found, in {}", files[changed].0);
            }
        }
        None => assert!(!is_same, "what was written is opened"),
    }
}

/// Words lie inside their text, in order, folded and short; the words of a query are found in the text that they are.
pub(crate) fn words(bytes: &[u8]) {
    let Ok(body) = str::from_utf8(bytes) else { return };
    let mut found: Vec<(u32, String)> = Vec::new();
    words_of(body, |word| {
        assert!(body.get(word.span.clone()).is_some_and(|written| !written.is_empty()), "{:?}", word.span);
        assert!(!word.text.is_empty() && word.text.len() <= MAX_WORD_BYTES, "{:?}", word.text);
        assert!(found.last().is_none_or(|(position, _)| *position <= word.position), "positions ascend");
        found.push((word.position, word.text.to_owned()));
    });
    let folded = fold(body);
    let characters = folded.chars().count();
    assert!(found.len() <= 2 * characters, "a folded character is at most a word and half of another");
    let asked = query_words(body);
    let first = found.first().map_or(0, |(position, _)| *position);
    for word in &asked {
        let from = found.partition_point(|(position, _)| *position < first + word.offset);
        let mut here = found[from..].iter().take_while(|(position, _)| *position == first + word.offset);
        let there = here.any(|(_, text)| *text == word.text);
        assert!(there, "{word:?} is asked, and the text has no such word there");
    }
    assert_eq!(asked.is_empty(), found.is_empty());
    let mut analyzer = Analyzer::new(Languages::from_bits(u16::MAX >> 8).unwrap_or_default());
    let languages = analyzer.languages_of(None, body);
    let mut stems = 0;
    analyzer.stems(body, languages, |_, stem| {
        assert!(!stem.is_empty());
        stems += 1;
    });
    assert!(stems >= found.len().min(1), "what has words has stems");
    assert_eq!(fold(&folded), folded, "folding folds everything");
}
