//! The generators: the same for the same seed, and histories that end alike in any order.

mod common;

use fastrand::Rng;
use ticketscope_testkit::{
    arb::{Scene, shuffled_with_repeats},
    oracle::{Answers, Asker, Expr, Page, World},
};

#[test]
fn the_same_seed_makes_the_same_input() {
    let make = |seed| {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let (setup, history) = (scene.setup(&mut rng), scene.history(&mut rng, 50));
        let query = scene.query(&mut rng).to_string();
        format!("{setup:?}{history:?}{query}{:?}{}", scene.sort(&mut rng), scene.expr(&mut rng, 3))
    };
    assert_eq!(make(7), make(7));
    assert_ne!(make(7), make(8));
}

#[test]
fn changes_with_revisions_end_in_the_same_state_in_any_order_and_twice() {
    for seed in 0..150 {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let setup = scene.setup(&mut rng);
        let (before, history) = scene.in_any_order(&mut rng, 80);
        let mut start = World::new();
        setup.apply_to(&mut start);
        before.apply_to(&mut start);
        let mut in_order = start.clone();
        for result in history.apply_to(&mut in_order) {
            assert_eq!(result, Ok(()), "seed {seed}");
        }
        for _ in 0..3 {
            let mut shuffled = start.clone();
            history.expressions.iter().for_each(|expr| shuffled.teach(expr));
            for change in shuffled_with_repeats(&mut rng, &history.changes) {
                assert_eq!(shuffled.apply(&change), Ok(()), "seed {seed}");
            }
            assert!(shuffled == in_order, "seed {seed}");
        }
    }
}

#[test]
fn applying_a_setup_twice_changes_nothing() {
    for seed in 0..50 {
        let mut rng = Rng::with_seed(seed);
        let setup = Scene::new(&mut rng).setup(&mut rng);
        let mut world = World::new();
        setup.apply_to(&mut world);
        let once = world.clone();
        setup.apply_to(&mut world);
        assert!(world == once, "seed {seed}");
    }
}

fn answers<'w>(world: &'w World, scene: &Scene, asker: &str) -> Answers<'w> {
    world.answers(Asker::Principal(asker.to_owned()), scene.now)
}

#[test]
fn random_tenants_are_neither_empty_nor_trivial() {
    let (mut refused, mut some, mut none, mut all, mut found, mut missed) = (0, 0, 0, 0, 0, 0);
    for seed in 0..200 {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let mut world = World::new();
        for result in scene.setup(&mut rng).apply_to(&mut world) {
            assert_eq!(result, Ok(()), "seed {seed}");
        }
        refused += scene.history(&mut rng, 60).apply_to(&mut world).iter().filter(|result| result.is_err()).count();
        let tickets = world.tickets().count();
        for asker in scene.askers() {
            let answers = answers(&world, &scene, asker);
            match answers.visible().count() {
                0 => none += 1,
                count if count == tickets => all += 1,
                _ => some += 1,
            }
            for _ in 0..5 {
                let query = scene.query(&mut rng);
                let count = answers.count(&query);
                if count > 0 && !query.terms.is_empty() {
                    found += 1;
                } else {
                    missed += 1;
                }
                let sort = scene.sort(&mut rng);
                let listed = answers.list(&query, &sort, usize::MAX, Page::From(0));
                assert_eq!((listed.total, listed.keys.len()), (count, count), "seed {seed}: {query}");
            }
        }
    }
    assert!(refused > 100, "{refused}");
    assert!(some > 200 && none > 100 && all > 5, "some {some}, none {none}, all {all}");
    assert!(found > 300 && missed > 300, "found {found}, missed {missed}");
}

#[test]
fn every_kind_of_expression_occurs() {
    let mut rng = Rng::with_seed(1);
    let scene = Scene::new(&mut rng);
    let texts: Vec<_> = (0..3000).map(|_| scene.expr(&mut rng, 3).to_string()).collect();
    for part in ["all", "none", " = me", " has me", "no ", "!", " & ", " | ", " + ", " - ", "members(", "under(", "my."]
    {
        assert!(texts.iter().any(|text| text.contains(part)), "{part}");
    }
    for part in ["tenant.", "[full]", "{me}", "life in", "org in", "\""] {
        assert!(texts.iter().any(|text| text.contains(part)), "{part}");
    }
    assert!(texts.iter().any(|text| *text == Expr::All.to_string()));
}

#[test]
fn nothing_hidden_influences_an_answer() {
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let mut world = World::new();
        scene.setup(&mut rng).apply_to(&mut world);
        scene.history(&mut rng, 40).apply_to(&mut world);
        for asker in scene.askers() {
            let mut pruned = world.clone();
            let hidden: Vec<_> = world.tickets().map(|(key, _)| key.clone()).collect();
            for key in hidden.into_iter().filter(|key| !world.sees(asker, key)) {
                let del = ticketscope_model::Change::state(ticketscope_model::Fact::Del(key));
                pruned.apply(&del).unwrap();
            }
            for _ in 0..5 {
                let (query, sort) = (scene.query(&mut rng), scene.sort(&mut rng));
                let ask = |world: &World| {
                    let answers = answers(world, &scene, asker);
                    let page = answers.list(&query, &sort, 5, Page::From(1));
                    (page, answers.facets(&query, &["group", "tags", "created_at"]))
                };
                assert_eq!(ask(&world), ask(&pruned), "seed {seed}, {asker}: {query} {sort}");
            }
        }
    }
}
