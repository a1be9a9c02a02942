//! The script of the fault tests: a tenant with text that grows batch by batch, and what is done with it in between. All of
//! it follows from a seed, so that the process under fault, the one that looks at what is left, and the reference know the
//! same.

use std::sync::Arc;

use fastrand::Rng;
use ticketscope_model::{Change, Fact, SchemaDecl, TextClass, TextPart, TicketKey, TicketPatch};
use ticketscope_testkit::{
    arb::{History, Scene},
    oracle::Query,
};

use crate::stream::{Batch, FIRST_BULK_KEY, marker};

/// Batches of the whole script.
pub const LENGTH: u64 = 240;

/// Batches of an act, after which the process ends.
pub const ACT: u64 = 8;

/// Queries for words that everybody is asked.
const QUERIES: usize = 6;

/// Bulk batches stay among this many tickets.
const BULK_KEYS: i64 = 400;

/// After so many batches the tenant changes its languages, and its text index is made anew.
const LANGUAGES_EVERY: u64 = 50;

/// What is done between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The text is committed.
    IndexText,
    /// A mapped snapshot is written and the log is cut.
    Checkpoint,
    /// The tenant is closed in order and opened again.
    Reopen,
    /// Another tenant is made and deleted.
    Neighbour,
}

/// Every batch of one tenant.
#[derive(Debug)]
pub struct Script {
    seed: u64,
    scene: Scene,
    setup: History,
    queries: Vec<Query>,
}

impl Script {
    /// The script of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let setup = scene.text_setup(&mut rng);
        let queries = (0..QUERIES).map(|_| scene.text_query(&mut rng)).collect();
        Self { seed, scene, setup, queries }
    }

    /// Its seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What the tenant is about.
    #[must_use]
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// What everybody is asked about words.
    #[must_use]
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The batch with this number, counted from 0. Each moves the tenant on by exactly one position.
    #[must_use]
    pub fn batch(&self, number: u64) -> Batch {
        let mut rng = Rng::with_seed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let mut history = match rng.u32(..12) {
            _ if number == 0 => self.setup.clone(),
            _ if number % LANGUAGES_EVERY == LANGUAGES_EVERY / 2 => other_languages(number),
            0 => bulk(&mut rng),
            1..=3 => self.scene.history(&mut rng, 8),
            4 => self.scene.history(&mut rng, 1),
            _ => {
                let length = rng.usize(1..16);
                self.scene.text_history(&mut rng, length)
            }
        };
        history.changes.push(marker(number));
        Batch { history }
    }

    /// What follows the batch with this number.
    #[must_use]
    pub fn steps_after(&self, number: u64) -> Vec<Step> {
        let act = number / ACT;
        match number % ACT {
            0 | 5 => vec![Step::IndexText],
            1 | 6 => vec![Step::Checkpoint],
            3 if act.is_multiple_of(2) => vec![Step::IndexText, Step::Neighbour],
            3 => vec![Step::IndexText, Step::Checkpoint],
            4 if act % 3 == 1 => vec![Step::Reopen],
            _ => Vec::new(),
        }
    }

    /// Whether an act that ends after so many batches closes the tenant, rather than just ending.
    #[must_use]
    pub fn closes_at(&self, batches: u64) -> bool {
        (batches / ACT).is_multiple_of(3)
    }
}

/// Every text is cut into words anew.
fn other_languages(number: u64) -> History {
    let codes: &[&str] = if (number / LANGUAGES_EVERY).is_multiple_of(2) { &["en", "de"] } else { &["fr", "es", "pl"] };
    let languages = codes.iter().map(|code| Arc::from(*code)).collect();
    let fact = Fact::Schema(SchemaDecl { languages, ..SchemaDecl::default() });
    History { changes: vec![Change::state(fact)], ..History::default() }
}

/// Many tickets at once, made with text or erased.
fn bulk(rng: &mut Rng) -> History {
    let mut history = History::default();
    let first = rng.i64(0..BULK_KEYS);
    let end = (first + rng.i64(20..150)).min(BULK_KEYS);
    let erase = rng.u32(..4) == 0;
    for number in first..end {
        let key = TicketKey::Int(FIRST_BULK_KEY + number);
        if erase {
            history.changes.push(Change::state(Fact::Del(key)));
            continue;
        }
        let part = TextPart {
            part: "c1".into(),
            class: if rng.bool() { TextClass::Public } else { TextClass::Private },
            lang: None,
            body: format!("refund {} of the password reset {}", rng.u32(..40), rng.u32(..4000)).into(),
            author: None,
            at: None,
        };
        let text = vec![part];
        history.changes.push(Change::state(Fact::Ticket(TicketPatch { key, fields: vec![], replace: false, text })));
    }
    history
}
