//! Words: random tenants with random texts answer as the oracle does, by every plan, whatever the segments.

use fastrand::Rng;
use ticketscope_query::{Page, Start, ast::SortKey, list, list_with, plans};
use ticketscope_testkit::{
    arb::Scene,
    oracle::{Asker, Query, text::Library},
};

use crate::{
    answers::{Answers, Published, access},
    world::{Twin, seeds},
};

/// Compares the lists by relevance of some queries of every asker, page by page and plan by plan.
fn compare_words(twin: &Twin, scene: &Scene, rng: &mut Rng, queries: usize) -> Result<u64, String> {
    let found = Published::new(twin.tenant(), scene.now);
    let library = std::rc::Rc::new(Library::of(&twin.world));
    let mut compared = 0;
    for asker in scene.askers().map(|id| Asker::Principal(id.to_owned())).chain([Asker::Admin]) {
        let answers = twin.world.answers(asker.clone(), scene.now).with_library(library.clone());
        for _ in 0..queries {
            let query = scene.text_query(rng);
            let text = query.to_string();
            if (asker == Asker::Admin && text.contains(":me")) || answers.is_wordless(&query) {
                continue;
            }
            compare_query(&found, &answers, &asker, &query, rng)
                .map_err(|error| format!("`{text}` for {asker:?}: {error}"))?;
            compared += 1;
        }
    }
    Ok(compared)
}

fn compare_query(
    found: &Published<'_>,
    answers: &ticketscope_testkit::oracle::Answers<'_>,
    asker: &Asker,
    query: &Query,
    rng: &mut Rng,
) -> Result<(), String> {
    let text = query.to_string();
    let ranked = answers.ranked(query);
    let expected: Vec<_> = ranked.iter().map(|hit| (hit.key.clone(), hit.score.to_bits())).collect();
    let count = found.count(asker, &text);
    if count != expected.len() {
        return Err(format!("{count} tickets instead of {}", expected.len()));
    }
    let Some(access) = access(&found.snapshot, asker) else { return Ok(()) };
    let parsed = found.parse(asker, &format!("{text} order_by:relevance"));
    if found.parse(asker, &text).sort().by == SortKey::Relevance {
        let page = found.page(asker, Start::First, 1000);
        let by_default = list(&found.snapshot, &access, &found.parse(asker, &text), &page).unwrap();
        let first: Vec<_> = by_default.hits.iter().map(|hit| hit.key.clone()).collect();
        if first.iter().ne(expected.iter().map(|(key, _)| key)) {
            return Err("the default order is not by relevance".to_owned());
        }
    }
    let limit = rng.u32(1..=8);
    for plan in plans(&parsed) {
        let mut start = Start::First;
        let mut listed = Vec::new();
        loop {
            let page: Page = found.page(asker, start, limit);
            let listing = list_with(&found.snapshot, &access, &parsed, &page, plan).unwrap();
            if listing.total as usize != expected.len() {
                return Err(format!("{plan:?}: a total of {} instead of {}", listing.total, expected.len()));
            }
            listed.extend(listing.hits.iter().map(|hit| (hit.key.clone(), hit.score.unwrap_or(-1.0).to_bits())));
            match listing.next {
                Some(_) if listed.len() > expected.len() => return Err(format!("{plan:?}: pages without end")),
                Some(next) => start = Start::After(next),
                None => break,
            }
        }
        if listed != expected {
            let show = |rows: &[(ticketscope_model::TicketKey, u32)]| {
                rows.iter()
                    .take(12)
                    .map(|(key, bits)| format!("{key}:{}", f32::from_bits(*bits)))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            return Err(format!("{plan:?}:\n  found    {}\n  expected {}", show(&listed), show(&expected)));
        }
        let rank = rng.usize(..=expected.len());
        let page = found.page(asker, Start::Rank(u32::try_from(rank).unwrap()), limit);
        let at_rank = list_with(&found.snapshot, &access, &parsed, &page, plan).unwrap();
        let keys: Vec<_> = at_rank.hits.into_iter().map(|hit| hit.key).collect();
        if keys.iter().ne(expected.iter().skip(rank).take(limit as usize).map(|(key, _)| key)) {
            return Err(format!("{plan:?}: another page at rank {rank}"));
        }
    }
    Ok(())
}

/// One random tenant: commits of text at random moments, reopened now and then.
pub(crate) fn play(seed: u64) -> Result<u64, String> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let scene = Scene::new(rng);
    let mut twin = Twin::new();
    let setup = scene.text_setup(rng);
    twin.play(rng, &setup, &mut |_, _| Ok(()))?;
    let mut compared = compare_words(&twin, &scene, rng, 1)?;
    let length = rng.usize(20..120);
    let history = scene.text_history(rng, length);
    let mut step = |twin: &mut Twin, rng: &mut Rng| {
        match rng.u32(..12) {
            0 => compared += compare_words(twin, &scene, rng, 1)?,
            1 => twin.reopen(rng.bool()),
            2..=4 => drop(Published::new(twin.tenant(), scene.now)),
            _ => {}
        }
        Ok(())
    };
    twin.play(rng, &history, &mut step)?;
    compared += compare_words(&twin, &scene, rng, 6)?;
    twin.reopen(rng.bool());
    compared += compare_words(&twin, &scene, rng, 1)?;
    Ok(compared)
}

#[test]
fn random_texts_are_found_and_ranked_as_the_oracle_does() {
    let mut compared = 0;
    for seed in seeds(60) {
        match play(seed) {
            Ok(queries) => compared += queries,
            Err(difference) => panic!("TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1: {difference}"),
        }
    }
    assert!(compared > 0, "no query was compared");
}
