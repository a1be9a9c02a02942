mod by_library;
mod damage;
mod lengths;
mod lexicon;
mod replay;
mod segments;

use model::TextClass;
use ticketscope_model as model;

use crate::analysis::{Language, Languages};

/// Texts of one ticket, which own their strings.
pub(crate) type Parts = Vec<model::TextPart>;

const SEEDS: u64 = 100;

/// The seeds of a random test, or the one that `TICKETSCOPE_SEED` names.
pub(crate) fn seeds() -> Box<dyn Iterator<Item = u64>> {
    match std::env::var("TICKETSCOPE_SEED") {
        Ok(seed) => Box::new(std::iter::once(seed.parse().expect("TICKETSCOPE_SEED is a number"))),
        Err(_) => Box::new(0..SEEDS),
    }
}

/// Words of several scripts, their inflected and capital forms, what folding cuts, and what is none.
const PIECES: [&str; 36] = [
    "invoice",
    "Invoices",
    "INVOICE",
    "refunds",
    "refund",
    "a",
    "of",
    "42",
    "n4",
    "facturas",
    "Rechnungen",
    "zwrot\u{f3}w",
    "R\u{e9}clamation",
    "re\u{301}clamation",
    "Stra\u{df}e",
    "\u{bd}",
    "x\u{bd}y",
    "\u{fb01}ne",
    "\u{2468}",
    "\u{6f22}",
    "\u{6f22}\u{5b57}\u{3068}",
    "\u{30ab}\u{ff9e}\u{ff97}",
    "\u{3300}",
    "a\u{6f22}b",
    "\u{301}",
    "\u{130}stanbul",
    "e-mail",
    "foo_bar",
    "---",
    "...",
    "\u{1f600}",
    "\u{2003}",
    "\u{1}",
    "\u{e000}",
    "don\u{2019}t",
    "\u{d55c}\u{ad6d}\u{c5b4}",
];

pub(crate) fn random_body(rng: &mut fastrand::Rng) -> String {
    let mut body = String::new();
    for _ in 0..rng.usize(0..12) {
        body.push_str(rng.choice(PIECES).expect("there are some"));
        body.push_str(rng.choice([" ", " ", " ", "", "\n", ", ", "\u{a0}"]).expect("there are some"));
    }
    if rng.u8(..) == 0 {
        body.push_str(&"long".repeat(rng.usize(30..40)));
    }
    body
}

pub(crate) fn random_parts(rng: &mut fastrand::Rng) -> Parts {
    (0..rng.usize(0..6))
        .map(|number| model::TextPart {
            part: match rng.u8(0..3) {
                0 => format!("field:{}", rng.u8(0..2)).into(),
                _ => format!("comment:{number}").into(),
            },
            class: rng.choice(TextClass::ALL).expect("there are some"),
            lang: rng.choice([None, None, Some("en"), Some("pl"), Some("xx")]).expect("there are some").map(Into::into),
            body: random_body(rng).into(),
            author: None,
            at: None,
        })
        .collect()
}

pub(crate) fn random_languages(rng: &mut fastrand::Rng) -> Languages {
    Language::ALL.into_iter().filter(|_| rng.u8(0..3) == 0).collect()
}
