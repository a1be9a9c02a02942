//! Random text and queries for words: they meet each other, and nothing that may not be read has a say in an answer.

mod common;

use std::rc::Rc;

use fastrand::Rng;
use ticketscope_model::{Change, Fact, TextClass};
use ticketscope_testkit::{
    arb::Scene,
    oracle::{Answers, Asker, Query, Term, WordPattern, World, text::Library},
};

/// A random tenant with text.
fn tenant(rng: &mut Rng) -> (Scene, World) {
    let scene = Scene::new(rng);
    let mut world = World::new();
    for result in scene.text_setup(rng).apply_to(&mut world) {
        assert_eq!(result, Ok(()));
    }
    scene.text_history(rng, 80).apply_to(&mut world);
    (scene, world)
}

fn answers<'w>(world: &'w World, scene: &Scene, asker: &str, library: &Rc<Library>) -> Answers<'w> {
    world.answers(Asker::Principal(asker.to_owned()), scene.now).with_library(Rc::clone(library))
}

#[test]
fn the_same_seed_makes_the_same_text() {
    let make = |seed| {
        let mut rng = Rng::with_seed(seed);
        let (scene, _) = tenant(&mut rng);
        format!("{:?}{}", scene.text_history(&mut rng, 50), scene.text_query(&mut rng))
    };
    assert_eq!(make(7), make(7));
    assert_ne!(make(7), make(8));
}

#[test]
fn random_queries_find_some_tickets_and_leave_others_and_every_form_does() {
    let (mut found, mut missed, mut wordless, mut ties) = (0, 0, 0, 0);
    let mut forms = [0; 5];
    for seed in 0..200 {
        let mut rng = Rng::with_seed(seed);
        let (scene, world) = tenant(&mut rng);
        let library = Rc::new(Library::of(&world));
        for asker in scene.askers() {
            let answers = answers(&world, &scene, asker, &library);
            for _ in 0..5 {
                let query = scene.text_query(&mut rng);
                let ranked = answers.ranked(&query);
                let mut keys: Vec<_> = ranked.iter().map(|ranked| ranked.key).collect();
                let best_first = |a: f32, b: f32| a >= b && a.is_finite() && b >= 0.0;
                assert!(ranked.is_sorted_by(|a, b| best_first(a.score, b.score)), "seed {seed}: {query}");
                ties += ranked.windows(2).filter(|pair| pair[0].score.total_cmp(&pair[1].score).is_eq()).count();
                keys.sort();
                assert_eq!(keys, answers.hits(&query), "seed {seed}: {query}");
                wordless += usize::from(answers.is_wordless(&query));
                if ranked.is_empty() {
                    missed += 1;
                    continue;
                }
                found += 1;
                for term in &query.terms {
                    let form = match term {
                        Term::Id { .. } => 0,
                        Term::Words { pattern: WordPattern::Word(_), .. } => 1,
                        Term::Words { pattern: WordPattern::Phrase(_), .. } => 2,
                        Term::Words { pattern: WordPattern::Prefix(_), .. } => 3,
                        Term::Words { pattern: WordPattern::Any, .. } => 4,
                        Term::Field { .. } => continue,
                    };
                    forms[form] += 1;
                }
            }
        }
    }
    assert!(found > 400 && missed > 400 && wordless > 5 && ties > 100, "{found} {missed} {wordless} {ties}");
    assert!(forms.iter().all(|count| *count > 30), "{forms:?}");
}

/// The world without the tickets and the parts that `asker` may not read.
fn pruned(world: &World, scene: &Scene, asker: &str) -> World {
    let mut pruned = world.clone();
    for (key, row) in world.tickets() {
        if !world.sees(asker, key) {
            assert_eq!(pruned.apply(&Change::state(Fact::Del(key.clone()))), Ok(()));
            continue;
        }
        for part in row.parts.values() {
            let readable = match part.class {
                TextClass::Subject | TextClass::Description | TextClass::Public => true,
                TextClass::Private => world.may(asker, "view_private", key),
                TextClass::Side => world.may(asker, "view_side", key),
            };
            if !readable {
                let fact = Fact::Text { ticket: key.clone(), part: part.clone() };
                assert_eq!(pruned.apply(&Change { gone: true, ..Change::state(fact) }), Ok(()));
            }
        }
    }
    let visible = |world: &World| world.answers(Asker::Principal(asker.to_owned()), scene.now).visible().count();
    assert_eq!(visible(&pruned), visible(world));
    pruned
}

#[test]
fn nothing_hidden_and_no_unreadable_text_influences_hits_scores_or_order() {
    let mut compared = 0;
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let (scene, world) = tenant(&mut rng);
        let library = Rc::new(Library::of(&world));
        for asker in scene.askers() {
            let pruned = pruned(&world, &scene, asker);
            let pruned_library = Rc::new(Library::of(&pruned));
            for _ in 0..5 {
                let query = scene.text_query(&mut rng);
                let told = |world: &World, library: &Rc<Library>| -> Vec<_> {
                    let ranked = answers(world, &scene, asker, library).ranked(&query);
                    ranked.iter().map(|ranked| (ranked.key.clone(), ranked.score.to_bits())).collect()
                };
                let whole = told(&world, &library);
                compared += whole.len();
                assert_eq!(whole, told(&pruned, &pruned_library), "seed {seed}, {asker}: {query}");
            }
        }
    }
    assert!(compared > 1_000, "{compared}");
}

#[test]
fn words_beside_tests_on_fields_narrow_what_either_finds() {
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let (scene, world) = tenant(&mut rng);
        let answers = world.answers(Asker::Admin, scene.now);
        let query = scene.text_query(&mut rng);
        let (fields, words): (Vec<_>, Vec<_>) =
            query.terms.iter().cloned().partition(|term| matches!(term, Term::Field { .. }));
        let (fields, words) = (answers.hits(&Query::of(fields)), answers.hits(&Query::of(words)));
        let both: Vec<_> = fields.into_iter().filter(|key| words.contains(key)).collect();
        assert_eq!(answers.hits(&query), both, "seed {seed}: {query}");
    }
}
