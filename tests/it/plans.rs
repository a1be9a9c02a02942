//! Every plan that could answer a list gives the same page.

use fastrand::Rng;
use ticketscope_query::{ListPlan, Start, list, list_with, plans};
use ticketscope_testkit::{
    arb::Scene,
    oracle::{Asker, Query, Sort, SortBy},
};

use crate::{
    answers::{Published, scope},
    large::Large,
    world::{Twin, seeds},
};

/// Demands the same pages of every plan, `most` of them at most, from the first on and from random ranks. Says which
/// plans there were.
fn every_plan(found: &Published<'_>, asker: &Asker, text: &str, limit: u32, most: u32, rng: &mut Rng) -> Vec<ListPlan> {
    let Some(scope) = scope(&found.snapshot, asker, "view") else { return Vec::new() };
    let query = found.parse(asker, text);
    let plans = plans(&query);
    let mut starts =
        vec![Start::First, Start::Rank(0), Start::Rank(1), Start::Rank(rng.u32(..40)), Start::Rank(1 << 20)];
    let mut pages = 0;
    while let Some(start) = starts.pop() {
        let page = found.page(asker, start.clone(), limit);
        let chosen = list(&found.snapshot, &scope, &query, &page).unwrap();
        assert!(plans.contains(&chosen.plan), "{text}: {:?} is chosen and not among {plans:?}", chosen.plan);
        for plan in &plans {
            let forced = list_with(&found.snapshot, &scope, &query, &page, *plan).unwrap();
            assert_eq!(forced.plan, *plan);
            let same = (&forced.hits, forced.total, &forced.next) == (&chosen.hits, chosen.total, &chosen.next);
            assert!(same, "`{text}` for {asker:?} from {start:?}: {plan:?} and {:?} differ", chosen.plan);
        }
        pages += 1;
        if pages < most {
            starts.extend(chosen.next.map(Start::After));
        }
    }
    plans
}

/// A query and an order; often the orders that are kept, and the whole scope.
fn text(scene: &Scene, asker: &Asker, found: &Published<'_>, rng: &mut Rng) -> String {
    let query = if rng.u32(..3) == 0 { Query::default() } else { scene.query(rng) };
    let sort = match rng.u32(..4) {
        0 => Sort::by_field("updated_at", true),
        1 => Sort::by_field("created_at", true),
        2 => Sort { by: SortBy::Key, descending: rng.bool() },
        _ => scene.sort(rng),
    };
    let text = format!("{query} {sort}");
    // Nobody in particular is nobody's `me`.
    if *asker == Asker::Admin && text.contains(":me") { sort.to_string() } else { check(found, text, &sort) }
}

/// The query without its order, if the tenant came to hold several values of the field.
fn check(found: &Published<'_>, text: String, sort: &Sort) -> String {
    match &sort.by {
        SortBy::Field(name) if found.snapshot.schema().field(name).is_none_or(|field| field.many) => String::new(),
        _ => text,
    }
}

#[test]
fn every_plan_lists_the_same_tickets_of_random_tenants() {
    let mut used = std::collections::HashMap::<ListPlan, u32>::new();
    for seed in seeds(60) {
        eprintln!("seed {seed}");
        let mut rng = Rng::with_seed(seed);
        let rng = &mut rng;
        let scene = Scene::new(rng);
        let mut twin = Twin::new();
        let (setup, history) = (scene.setup(rng), scene.history(rng, 40));
        twin.play(rng, &setup, &mut |_, _| Ok(())).unwrap();
        twin.play(rng, &history, &mut |_, _| Ok(())).unwrap();
        let found = Published::new(twin.tenant(), scene.now);
        for asker in scene.askers().map(|id| Asker::Principal(id.to_owned())).chain([Asker::Admin]) {
            for _ in 0..6 {
                let text = text(&scene, &asker, &found, rng);
                let limit = rng.u32(1..8);
                for plan in every_plan(&found, &asker, &text, limit, 60, rng) {
                    *used.entry(plan).or_default() += 1;
                }
            }
        }
    }
    for plan in [ListPlan::Walk, ListPlan::ScopeOrder, ListPlan::Select] {
        assert!(used.contains_key(&plan), "no query had the plan {plan:?}");
    }
}

#[test]
fn every_plan_lists_the_same_tickets_of_a_large_tenant_and_each_of_them_is_chosen() {
    let mut rng = Rng::with_seed(11);
    let large = Large::new(&mut rng, 20_000);
    let found = Published::new(large.twin.tenant(), large.now);
    let mut chosen = std::collections::HashSet::new();
    for asker in Large::askers().into_iter().map(Asker::Principal).chain([Asker::Admin]) {
        for query in ["", "status:open", "tags:rare", "-status:closed priority>normal", "assignee:none"] {
            for order in [
                "",
                "order_by:created sort:desc",
                "order_by:created sort:asc",
                "order_by:priority sort:desc",
                "order_by:id sort:asc",
            ] {
                let text = format!("{query} {order}");
                every_plan(&found, &asker, &text, 60, 8, &mut rng);
                let scope = scope(&found.snapshot, &asker, "view").unwrap();
                for start in [Start::First, Start::Rank(5000)] {
                    let page = found.page(&asker, start, 10);
                    chosen.insert(list(&found.snapshot, &scope, &found.parse(&asker, &text), &page).unwrap().plan);
                }
            }
        }
    }
    assert_eq!(chosen.len(), 3, "only {chosen:?} are ever chosen");
}
