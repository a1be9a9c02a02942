//! The engine against the oracle on random tenants, and on large ones.

use fastrand::Rng;
use ticketscope_bitmap::{Index, ORDERED, TICKETS_PER_RECORD};
use ticketscope_model::{Change, Fact, FieldDecl, FieldKind, SchemaDecl, TicketOrd, Timestamp};
use ticketscope_query::{Page, Query, Snapshot, Start, facets, hit, list};
use ticketscope_testkit::{arb::Scene, oracle::Asker};

use crate::{
    answers::{Answers, Published, Questions, compare, scope},
    changes::{del, field, ticket},
    world::{Twin, seeds},
};

/// Compares the tenant with the oracle, with `queries` queries for each of the people.
pub(crate) fn compare_all(twin: &Twin, scene: &Scene, rng: &mut Rng, queries: usize) -> Result<(), String> {
    let questions = Questions {
        askers: scene.askers().map(str::to_owned).collect(),
        queries,
        query: &|rng| (scene.query(rng), scene.sort(rng)),
        judged: usize::MAX,
        rows: true,
    };
    compare(&Published::new(twin.tenant(), scene.now), &twin.world, scene.now, rng, &questions)
}

/// What is kept of scopes, their orders and their facets equals what is worked out anew from the same tickets.
pub(crate) fn kept_is_fresh(snapshot: &Snapshot, askers: &[Asker], now: Timestamp) -> Result<(), String> {
    let (schema, index) = (snapshot.schema(), snapshot.index());
    let cold = Snapshot::new(snapshot.opstamp(), schema.clone(), index.clone(), snapshot.directory().clone(), [0; 32]);
    let fields: Vec<_> = schema.fields().iter().filter(|field| field.kind.is_keyword()).map(|field| field.id).collect();
    for asker in askers {
        let (Some(warm_scope), Some(cold_scope)) = (scope(snapshot, asker, "view"), scope(&cold, asker, "view")) else {
            continue;
        };
        if warm_scope != cold_scope {
            return Err(format!("the kept scope of {asker:?} is {warm_scope:?}, not {cold_scope:?}"));
        }
        if *snapshot.visible(&warm_scope).set() != cold.evaluate(&cold_scope) {
            return Err(format!("the kept set of {asker:?} is not the evaluated one"));
        }
        let all = Query::everything();
        let counted = |snapshot| facets(snapshot, &warm_scope, &all, &fields, usize::MAX).unwrap();
        if counted(snapshot) != counted(&cold) {
            return Err(format!("the kept facets of {asker:?} are not the counted ones"));
        }
        for order in ["order_by:updated sort:desc", "order_by:created sort:desc"] {
            let query = crate::answers::parse_as(snapshot, now, asker, order);
            for start in [Start::First, Start::Rank(1), Start::Rank(300)] {
                let page = Page { start, limit: 50, asker: String::new(), now };
                let listed = |snapshot| {
                    let listing = list(snapshot, &warm_scope, &query, &page).unwrap();
                    (listing.total, listing.hits)
                };
                if listed(snapshot) != listed(&cold) {
                    return Err(format!("the kept order of {asker:?} is not the sorted one"));
                }
                for plan in ticketscope_query::plans(&query) {
                    let with = |snapshot| {
                        ticketscope_query::list_with(snapshot, &warm_scope, &query, &page, plan).unwrap().hits
                    };
                    if with(snapshot) != with(&cold) {
                        return Err(format!("the order of {asker:?} by {plan:?} is not the sorted one"));
                    }
                }
            }
        }
    }
    Ok(())
}

/// The published index holds what the rows of the state say.
pub(crate) fn published_is_rebuilt(twin: &Twin) -> Result<(), String> {
    let published = twin.tenant().snapshot();
    let rebuilt = twin.tenant().rebuilt_index().unwrap();
    let snapshot = Snapshot::new(
        published.opstamp(),
        published.schema().clone(),
        rebuilt.clone(),
        published.directory().clone(),
        [0; 32],
    );
    let index = published.index();
    if index.universe() != rebuilt.universe() || index.ordinals() != rebuilt.ordinals() {
        return Err("the rebuilt index holds other tickets than the published one".to_owned());
    }
    for ord in index.universe() {
        if hit(&published, ord) != hit(&snapshot, ord) {
            return Err(format!("ticket {} was rebuilt as another", index.key(TicketOrd(ord))));
        }
    }
    let order = |index: &Index, field| index.order(field).unwrap().iter_from(0).collect::<Vec<_>>();
    for field in ORDERED {
        if order(index, field) != order(&rebuilt, field) {
            return Err(format!("the order by field {} was rebuilt as another", field.0));
        }
    }
    for (id, field) in index.fields() {
        let held = |field: &ticketscope_bitmap::FieldIndex| {
            (0..field.codes())
                .map(|code| (field.value_of(code).to_owned(), field.tickets_len(code)))
                .collect::<Vec<_>>()
        };
        let again = rebuilt.field(id).map_or_else(Vec::new, held);
        if held(field).into_iter().filter(|(_, len)| *len > 0).ne(again.into_iter().filter(|(_, len)| *len > 0)) {
            return Err(format!("the values of field {} were rebuilt as others", id.0));
        }
    }
    Ok(())
}

fn askers(scene: &Scene) -> Vec<Asker> {
    scene.askers().map(|id| Asker::Principal(id.to_owned())).chain([Asker::Admin]).collect()
}

/// A random schema line in the middle of a history: a new field, or a known one that becomes many-valued.
fn late_schema(rng: &mut Rng) -> Change {
    let (name, kind) = match rng.u32(..4) {
        0 => ("late", FieldKind::Keyword),
        1 => ("submitter", FieldKind::Principal),
        2 => ("assignee", FieldKind::Principal),
        _ => ("external_id", FieldKind::Keyword),
    };
    let fields = vec![FieldDecl { name: name.into(), kind, many: true }];
    Change::state(Fact::Schema(SchemaDecl { fields, relations: vec!["late_rel".into()], ..SchemaDecl::default() }))
}

/// One random tenant from its first line to its last.
pub(crate) fn play(seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let scene = Scene::new(rng);
    let mut twin = Twin::new();
    let setup = scene.setup(rng);
    twin.play(rng, &setup, &mut |_, _| Ok(()))?;
    compare_all(&twin, &scene, rng, 1)?;
    let length = rng.usize(10..60);
    let mut history = scene.history(rng, length);
    if rng.bool() {
        history.changes.insert(rng.usize(..history.changes.len()), late_schema(rng));
    }
    let askers = askers(&scene);
    let mut step = |twin: &mut Twin, rng: &mut Rng| {
        kept_is_fresh(&twin.tenant().snapshot(), &askers, scene.now)?;
        match rng.u32(..12) {
            0 => compare_all(twin, &scene, rng, 1)?,
            1 => {
                let in_order = rng.bool();
                twin.reopen(in_order);
                kept_is_fresh(&twin.tenant().snapshot(), &askers, scene.now)?;
            }
            2 => published_is_rebuilt(twin)?,
            _ => {}
        }
        Ok(())
    };
    twin.play(rng, &history, &mut step)?;
    compare_all(&twin, &scene, rng, 4)?;
    published_is_rebuilt(&twin)?;
    twin.reopen(rng.bool());
    compare_all(&twin, &scene, rng, 1)
}

#[test]
fn random_tenants_answer_as_the_oracle_does() {
    for seed in seeds(240) {
        if let Err(difference) = play(seed) {
            panic!("TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1: {difference}");
        }
    }
}

/// Redeclares a field that nobody holds any more, crashes, and goes on writing.
#[test]
fn a_field_redeclared_to_hold_several_values_survives_a_crash_and_the_writes_after_it() {
    let mut twin = Twin::new();
    let many = field("assignee", FieldKind::Principal, true);
    let submit = |twin: &mut Twin, batch: &[Change]| twin.submit(batch).unwrap();
    // The last ticket lies in another row of the state than the first.
    let far = i64::from(TICKETS_PER_RECORD) + 1;
    submit(&mut twin, &(1..=far).map(|id| ticket(id, &[])).collect::<Vec<_>>());
    submit(&mut twin, &[ticket(1, &[("assignee", "a")]), ticket(far, &[("assignee", "b")])]);
    twin.reopen(true);
    submit(&mut twin, &[ticket(1, &[("assignee", "")]), ticket(far, &[("assignee", "")])]);
    submit(&mut twin, &[many]);
    submit(&mut twin, &[ticket(1, &[("assignee", "x,y")])]);
    twin.reopen(false);
    submit(&mut twin, &[ticket(far, &[("assignee", "z")])]);
    published_is_rebuilt(&twin).unwrap();
    twin.reopen(true);
    published_is_rebuilt(&twin).unwrap();
}

/// Whether a change is taken depends on the changes before it, and not on how they were cut into batches.
#[test]
fn a_field_is_free_to_be_redeclared_as_soon_as_the_last_ticket_lost_it_also_in_the_same_batch() {
    let many = || field("assignee", FieldKind::Principal, true);
    for batch in [
        vec![del(1), many(), ticket(1, &[("assignee", "a,b")])],
        vec![ticket(1, &[("assignee", "")]), many(), ticket(1, &[("assignee", "a")])],
        vec![ticket(1, &[("assignee", "")]), many()],
        vec![ticket(1, &[("status", "open")]), many()],
        vec![ticket(1, &[("assignee", "")]), ticket(2, &[("assignee", "b")]), many()],
    ] {
        let mut twin = Twin::new();
        twin.submit(&[ticket(1, &[("assignee", "a")])]).unwrap();
        twin.submit(&batch).unwrap();
        published_is_rebuilt(&twin).unwrap();
        twin.submit(&[ticket(3, &[("assignee", "c")])]).unwrap();
        published_is_rebuilt(&twin).unwrap();
        twin.reopen(false);
        published_is_rebuilt(&twin).unwrap();
        let found = Published::new(twin.tenant(), Timestamp(0)).rows();
        let known = twin.world.tickets().map(|(key, row)| (key.clone(), row.clone())).collect();
        assert_eq!(found, known, "{batch:?}");
    }
}
