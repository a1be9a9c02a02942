//! Whether a tenant that is dumped and loaded is the same tenant: for every question, and for every later change.

use std::sync::Arc;

use fastrand::Rng;
use parking_lot::Mutex;
use ticketscope_engine::{Engine, ImportSession, RecoverError, Tenant, storage::TenantId};
use ticketscope_import::{Chunks, Format, Parser, write_change};
use ticketscope_model::{Change, Complete, Fact, Listing, TextClass};
use ticketscope_testkit::{arb::Scene, oracle::Asker};

use crate::{
    answers::{Published, Questions, compare},
    changes::{at_rev, del, gone, member, principal, rel, text, ticket},
    compare::{assert_is_rebuilt, assert_is_world},
    oracle::kept_is_fresh,
    world::{Twin, directory, seeds},
};

/// The lines of a tenant, each of which is read back as what was written.
pub(crate) fn dump(tenant: &Tenant) -> String {
    let mut lines = Vec::new();
    let view = tenant.view().unwrap();
    let write = |change: Change| {
        let mut line = Vec::new();
        write_change(&change, &mut line).unwrap_or_else(|error| panic!("{error}: {change:?}"));
        assert_eq!(parse(&line), [change]);
        lines.extend(line);
        Ok::<_, RecoverError>(())
    };
    view.statements(write).unwrap();
    String::from_utf8(lines).unwrap()
}

fn parse(lines: &[u8]) -> Vec<Change> {
    let parser = Parser::new(Format::ScopeJsonl, &|_| false);
    let chunks = Chunks::new(lines).unwrap();
    chunks.flat_map(|chunk| parser.lines(&chunk.unwrap())).map(|line| line.change.unwrap()).collect()
}

/// A tenant in a directory of its own.
struct Loaded {
    engine: Engine,
    tenant: Arc<Tenant>,
    _dir: tempfile::TempDir,
}

impl Loaded {
    /// The tenant of these lines, in batches of random sizes.
    fn of(lines: &str, rng: &mut Rng) -> Self {
        let dir = directory();
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.create_tenant(&TenantId::parse("loaded").unwrap()).unwrap();
        let session = Arc::default();
        let changes = parse(lines.as_bytes());
        let mut rest = &changes[..];
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(rng.usize(1..=rest.len()));
            rest = later;
            let ack = tenant.submit_import(batch.to_vec(), &session).unwrap();
            assert_eq!(ack.refused, [], "nothing of a dump is refused: {lines}");
        }
        Self { engine, tenant, _dir: dir }
    }
}

/// Asserts that `loaded` is what the twin is, by all that can be asked of it.
fn assert_is_twin(loaded: &Tenant, twin: &Twin, scene: &Scene, rng: &mut Rng, context: &str) {
    let askers: Vec<&str> = scene.askers().collect();
    assert_is_world(loaded, &twin.world, &askers, context);
    assert_is_rebuilt(loaded, context);
    let questions = Questions {
        askers: scene.askers().map(str::to_owned).collect(),
        queries: 6,
        query: &|rng| (scene.query(rng), scene.sort(rng)),
        judged: usize::MAX,
        rows: true,
    };
    let compared = compare(&Published::new(loaded, scene.now), &twin.world, scene.now, rng, &questions);
    compared.unwrap_or_else(|difference| panic!("{context}: {difference}"));
    let all: Vec<Asker> = askers.iter().map(|id| Asker::Principal((*id).to_owned())).collect();
    kept_is_fresh(&loaded.snapshot(), &all, scene.now).unwrap();
}

#[test]
fn a_dump_loads_as_an_equal_tenant_that_takes_every_later_change_alike() {
    let (mut with_revs, mut erased) = (0, 0);
    for seed in seeds(60) {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let mut twin = Twin::new();
        let length = rng.usize(..120);
        let (setup, later) = (scene.setup(&mut rng), scene.history(&mut rng, length));
        for history in [setup, later] {
            twin.play(&mut rng, &history, &mut |_, _| Ok(())).unwrap();
        }
        if rng.bool() {
            let (before, after) = scene.in_any_order(&mut rng, 60);
            for history in [before, after] {
                twin.play(&mut rng, &history, &mut |_, _| Ok(())).unwrap();
            }
        }
        let lines = dump(twin.tenant());
        with_revs += u32::from(lines.contains("\"rev\":"));
        erased += u32::from(lines.contains("{\"k\":\"del\""));
        let loaded = Loaded::of(&lines, &mut rng);
        let context = format!("seed {seed}, loaded");
        assert_is_twin(&loaded.tenant, &twin, &scene, &mut rng, &context);
        assert_eq!(dump(&loaded.tenant), lines, "{context}: dumped again");

        // What arrives late, with revisions that were seen and others, is taken or passed over by both.
        let more = scene.history(&mut rng, 60);
        twin.teach(&more);
        for batch in more.changes.chunks(7) {
            twin.begin_import();
            twin.import(batch).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            loaded.tenant.submit_import(batch.to_vec(), &Arc::default()).unwrap();
        }
        let context = format!("seed {seed}, gone on");
        assert_is_twin(&loaded.tenant, &twin, &scene, &mut rng, &context);
        assert_eq!(dump(&loaded.tenant), dump(twin.tenant()), "{context}");
        drop(loaded.tenant);
        loaded.engine.close().unwrap();
    }
    assert!(with_revs > 40 && erased > 20, "{with_revs} dumps have revisions, {erased} erasures");
}

#[test]
fn what_needs_more_than_one_statement_is_stated_in_the_order_in_which_it_holds() {
    let graded = |rev: Option<i64>, level: Option<&str>, is_gone: bool| {
        let mut change = Change { rev, gone: is_gone, ..rel("anna", "groups_graded", "returns") };
        if let Fact::Rel(fact) = &mut change.fact {
            fact.level = level.map(Into::into);
        }
        change
    };
    let part = |body: &str| text(1, "c1", TextClass::Public, body);
    let end = |what, count| Change::state(Fact::Complete(Complete { what, count }));
    // What is told, and what is then told of it.
    let cases: [(&str, Vec<Change>, &[&str]); 9] = [
        (
            "stated without a revision after one",
            vec![at_rev(5, member("g", "u")), member("g", "u")],
            &[r#"{"k":"member","group":"g","user":"u","rev":5}"#],
        ),
        (
            "removed without a revision after one",
            vec![at_rev(5, member("g", "u")), gone(member("g", "u"))],
            &[r#"{"k":"member","group":"g","user":"u","rev":5,"gone":true}"#],
        ),
        (
            "every level removed, and one stated since",
            vec![
                graded(Some(2), Some("read"), false),
                graded(Some(4), None, true),
                graded(None, Some("full"), false),
                graded(Some(6), Some("edit"), false),
            ],
            &[
                r#"{"k":"rel","principal":"anna","rel":"groups_graded","value":"returns","rev":4,"gone":true}"#,
                r#"{"k":"rel","principal":"anna","rel":"groups_graded","value":"returns","level":"edit","rev":6}"#,
                r#"{"k":"rel","principal":"anna","rel":"groups_graded","value":"returns","level":"full"}"#,
            ],
        ),
        (
            "a relation without a level, removed by a listing",
            vec![at_rev(5, rel("anna", "groups", "billing")), graded(Some(3), Some("read"), false)],
            &[
                r#"{"k":"rel","principal":"anna","rel":"groups","value":"billing","rev":5}"#,
                r#"{"k":"rel","principal":"anna","rel":"groups","value":"billing","gone":true}"#,
                r#"{"k":"rel","principal":"anna","rel":"groups_graded","value":"returns","level":"read","rev":3,"gone":true}"#,
            ],
        ),
        (
            "a ticket that was erased and came back",
            vec![at_rev(3, ticket(1, &[("status", "open")])), at_rev(4, del(1)), ticket(1, &[("status", "new")])],
            &[r#"{"k":"del","ticket":1,"rev":4}"#, r#"{"k":"ticket","id":1,"status":"new"}"#],
        ),
        (
            "fields of several revisions",
            vec![
                at_rev(3, ticket(1, &[("status", "open"), ("group", "a")])),
                at_rev(7, ticket(1, &[("group", "b")])),
                ticket(1, &[("assignee", "anna")]),
            ],
            &[
                r#"{"k":"ticket","id":1,"group":"b","rev":7}"#,
                r#"{"k":"ticket","id":1,"status":"open","rev":3}"#,
                r#"{"k":"ticket","id":1,"assignee":"anna"}"#,
            ],
        ),
        (
            "a part removed by a later revision than its ticket, and stated again",
            vec![at_rev(2, ticket(1, &[("status", "open")])), gone(at_rev(9, part("x"))), part("again")],
            &[
                r#"{"k":"ticket","id":1,"status":"open","rev":2}"#,
                r#"{"k":"text","ticket":1,"part":"c1","class":"private","body":"","rev":9,"gone":true}"#,
                r#"{"k":"text","ticket":1,"part":"c1","class":"public","body":"again"}"#,
            ],
        ),
        (
            "a part removed by a revision of a ticket that has none",
            vec![ticket(1, &[("status", "open")]), gone(at_rev(9, part("x")))],
            &[
                r#"{"k":"ticket","id":1,"status":"open"}"#,
                r#"{"k":"text","ticket":1,"part":"c1","class":"private","body":"","rev":9,"gone":true}"#,
            ],
        ),
        (
            "an erased ticket of which a part was removed later",
            vec![ticket(1, &[("status", "open")]), gone(at_rev(9, part("x"))), at_rev(4, del(1))],
            &[
                r#"{"k":"ticket","id":1}"#,
                r#"{"k":"text","ticket":1,"part":"c1","class":"private","body":"","rev":9,"gone":true}"#,
                r#"{"k":"del","ticket":1,"rev":4}"#,
            ],
        ),
    ];
    for (what, told, expected) in cases {
        let dir = directory();
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.create_tenant(&TenantId::parse("acme").unwrap()).unwrap();
        let session: Arc<Mutex<ImportSession>> = Arc::default();
        for change in told {
            tenant.submit(vec![change]).unwrap();
        }
        if what.contains("listing") {
            let ack = tenant.submit_import(vec![end(Listing::Memberships, 0)], &session).unwrap();
            assert_eq!(ack.refused, [], "{what}");
        }
        let lines = dump(&tenant);
        let found: Vec<&str> = lines.lines().filter(|line| !line.starts_with(r#"{"k":"complete""#)).collect();
        assert_eq!(found, expected, "{what}");
        // However its lines are cut into batches.
        for seed in 0..12 {
            let loaded = Loaded::of(&lines, &mut Rng::with_seed(seed));
            assert_eq!(dump(&loaded.tenant), lines, "{what}, seed {seed}");
        }
    }
}

#[test]
fn a_dump_that_lost_a_line_is_not_loaded_as_a_whole_one() {
    let dir = directory();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&TenantId::parse("acme").unwrap()).unwrap();
    let facts = vec![principal("anna", "generic.group"), rel("anna", "groups", "a"), ticket(1, &[("group", "a")])];
    tenant.submit(facts).unwrap();
    let lines = dump(&tenant);
    let listed = lines.lines().filter(|line| line.starts_with(r#"{"k":"complete""#)).count();
    assert_eq!(listed, 5, "{lines}");
    for lost in 0..lines.lines().count() - listed {
        let rest: Vec<&str> = lines.lines().enumerate().filter(|(at, _)| *at != lost).map(|(_, line)| line).collect();
        let tenant = engine.create_tenant(&TenantId::parse(&format!("lost-{lost}")).unwrap()).unwrap();
        let ack = tenant.submit_import(parse(rest.join("\n").as_bytes()), &Arc::default()).unwrap();
        assert!(!ack.refused.is_empty(), "without line {lost}");
    }
}
