//! One hot path, run so often: what `benches/count-instructions` counts the instructions of.
//!
//! ```text
//! cargo run --release -p ticketscope-benches --example counts -- paths
//! cargo run --release -p ticketscope-benches --example counts -- prepare DIR
//! cargo run --release -p ticketscope-benches --example counts -- run DIR PATH TIMES
//! ```
//!
//! `paths` lists the paths, `prepare` makes the tenant of `ticketscope_testkit::tenant` with 20,000 tickets and text in
//! `DIR`, `run` opens it and runs a path. Only what happens inside `measured_path` is to be counted: opening, warming and
//! what other threads do stay outside, so that the counts hardly differ from run to run.
//!
//! Caches: the scope is warm but in `evaluate-scope`, words are decoded.

use std::{hint::black_box, sync::Arc, time::Duration};

use ticketscope_benches::{
    World, ask, grid,
    world::{applied, set_in_index, view},
};
use ticketscope_engine::query::{
    ListPlan, Page, Query, Snapshot, Start,
    ast::{WordClause, WordPattern, WordScope},
    count, facets, list_keys, list_with,
    scope::Scope,
};
use ticketscope_model::{TicketOrd, fields};
use ticketscope_testkit::tenant::{Shape, Tenant};

const TICKETS: u64 = 20_000;
const PATIENCE: Duration = Duration::from_mins(10);
/// Who asks: somebody who sees about this much.
const PERSON: &str = "15%";
const TOP: u32 = 10;
/// How many tickets of the scope a rare word is found in.
const RARE: std::ops::RangeInclusive<u32> = 11..=40;

/// What one run of a path does.
type HotPath = fn(&mut Asked);

/// The paths by their names in the table.
const PATHS: &[(&str, HotPath)] = &[
    ("evaluate-scope", |asked| drop(black_box(asked.snapshot.evaluate(&asked.scope)))),
    ("count-one-filter", |asked| drop(black_box(count(&asked.snapshot, &asked.scope, &asked.filter)))),
    ("newest-page", |asked| asked.newest(&Query::everything())),
    ("newest-page-one-filter", |asked| asked.newest(&asked.filter)),
    ("facet-of-groups", |asked| asked.facet(&Query::everything())),
    ("facet-of-groups-one-filter", |asked| asked.facet(&asked.filter)),
    ("top-10-by-seeking", |asked| asked.top_by(ListPlan::Seek)),
    ("top-10-by-pruning", |asked| asked.top_by(ListPlan::Prune)),
    ("top-10-by-layers", |asked| asked.top_by(ListPlan::Layers)),
    ("top-10-of-two-words", |asked| asked.top(&asked.two_words)),
    ("top-10-of-a-prefix", |asked| asked.top(&asked.prefix)),
    ("top-10-of-a-rare-word", |asked| asked.top(&asked.rare)),
    ("change-of-status", Asked::change),
];

/// A tenant with a question of each kind.
struct Asked {
    snapshot: Arc<Snapshot>,
    scope: Scope,
    filter: Query,
    word: Query,
    two_words: Query,
    prefix: Query,
    rare: Query,
    changed: u32,
}

impl Asked {
    fn new(made: &World) -> Self {
        let snapshot = made.snapshot();
        let person = grid(&snapshot).into_iter().find(|person| person.label == PERSON).expect("one of the grid");
        let scope = view(&snapshot, &person.id);
        let with = |query: Query, pattern| query.and_word(WordClause::new(WordScope::Anywhere, pattern));
        let word = |text: &str| WordPattern::Word(text.into());
        let one = with(Query::everything(), word("password"));
        let rare = rare_word(made, |text| {
            count(&snapshot, &scope, &with(Query::everything(), word(text))).is_ok_and(|found| RARE.contains(&found))
        });
        Self {
            scope,
            filter: ask::is(fields::STATUS, "open"),
            two_words: with(one.clone(), word("invoice")),
            word: one,
            prefix: with(Query::everything(), WordPattern::Prefix("del".into())),
            rare: with(Query::everything(), word(&rare)),
            snapshot,
            changed: 0,
        }
    }

    fn newest(&self, query: &Query) {
        let page = ask::page(Start::First);
        drop(black_box(list_keys(&self.snapshot, &self.scope, query, &page).expect("a page")));
    }

    fn facet(&self, query: &Query) {
        drop(black_box(facets(&self.snapshot, &self.scope, query, &[fields::GROUP], 500).expect("facets")));
    }

    fn top(&self, query: &Query) {
        drop(black_box(list_keys(&self.snapshot, &self.scope, query, &top_page()).expect("a page")));
    }

    fn top_by(&self, plan: ListPlan) {
        drop(black_box(list_with(&self.snapshot, &self.scope, &self.word, &top_page(), plan).expect("a page")));
    }

    fn change(&mut self) {
        self.changed += 7;
        let status = ["open", "pending", "solved"][self.changed as usize % 3];
        let batch = set_in_index(self.changed % 1_000, fields::STATUS, status);
        self.snapshot = Arc::new(applied(&self.snapshot, &batch));
    }
}

/// The first word of a ticket that is found as seldom as asked.
fn rare_word(made: &World, is_rare: impl Fn(&str) -> bool) -> String {
    let snapshot = made.snapshot();
    let index = snapshot.index();
    let keys = index.universe().iter().map(|ord| index.key(TicketOrd(ord)));
    let parts = keys.flat_map(|key| made.tenant.text(&key).expect("texts are read"));
    let mut words = parts.flat_map(|part| part.body.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    words.find(|word| is_rare(word)).expect("a rare word")
}

fn top_page() -> Page {
    Page { limit: TOP, ..ask::page(Start::First) }
}

/// The one function whose instructions are counted, by its name.
#[inline(never)]
fn measured_path(path: HotPath, asked: &mut Asked, times: u32) {
    for _ in 0..times {
        path(asked);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["paths"] => PATHS.iter().for_each(|(name, _)| println!("{name}")),
        ["prepare", dir] => {
            let world = World::empty(dir.as_ref());
            world.import(&Tenant::new(Shape { seed: ticketscope_benches::SEED, tickets: TICKETS, text: true }));
            wait_for_text(&world);
            world.engine.close().expect("a checkpoint is written");
        }
        ["run", dir, name, times] => {
            let (_, path) = PATHS.iter().find(|(known, _)| known == name).expect("one of the paths");
            let times = times.parse().expect("a number of times");
            let world = World::empty(dir.as_ref());
            wait_for_text(&world);
            let mut asked = Asked::new(&world);
            path(&mut asked);
            path(&mut asked);
            measured_path(*path, &mut asked, times);
        }
        _ => panic!("usage: counts paths | prepare DIR | run DIR PATH TIMES"),
    }
}

fn wait_for_text(world: &World) {
    assert!(world.tenant.wait_for_text(world.snapshot().opstamp(), PATIENCE), "the text is indexed");
}
