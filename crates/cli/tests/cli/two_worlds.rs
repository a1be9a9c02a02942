//! What the commands tell a principal is what they tell of a tenant that never held anything hidden, on stdout, on stderr
//! and as exit code.

use std::{env, time::Duration};

use fastrand::Rng;
use ticketscope_engine::{Engine, storage::TenantId};
use ticketscope_model::Change;
use ticketscope_testkit::arb::{Scene, Worlds};

use crate::desk::{Desk, Ran};

/// Questions of each asker; half of them are printed for people.
const QUESTIONS: usize = 12;

/// A data directory with the tenant `desk`, made by changes that are each offered alone, taken or refused.
fn raise(changes: &[Change]) -> Desk {
    let desk = Desk::empty();
    let engine = Engine::open(desk.data()).expect("a data directory");
    let tenant = engine.create_tenant(&TenantId::parse("desk").expect("a name")).expect("a tenant");
    for change in changes {
        drop(tenant.submit(vec![change.clone()]));
    }
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), Duration::from_mins(5)));
    drop(tenant);
    engine.close().expect("a checkpoint");
    desk
}

fn question(scene: &Scene, principal: &str, rng: &mut Rng) -> Vec<String> {
    let mut query = if rng.bool() { scene.query(rng) } else { scene.text_query(rng) };
    if rng.u32(..3) > 0 {
        query.terms.truncate(1);
    }
    let (query, now) = (query.to_string(), scene.now.to_string());
    let fields: Vec<_> = scene.fields().filter(|field| field.kind.is_keyword()).collect();
    let field = fields[rng.usize(..fields.len())].name.to_string();
    let mut args: Vec<String> = if rng.bool() { vec!["--json".into()] } else { Vec::new() };
    let mut add = |list: &[&str]| args.extend(list.iter().map(|arg| (*arg).to_owned()));
    let who = ["--tenant", "desk", "--as", principal];
    match rng.u32(..10) {
        0..=3 => {
            let limit = rng.u32(1..6).to_string();
            add(&[&["search"], &who[..], &["--now", &now, "--limit", &limit, "--", &query]].concat());
        }
        4 | 5 => add(&[&["count"], &who[..], &["--now", &now, "--", &query]].concat()),
        6 | 7 => add(&[&["facets"], &who[..], &["--now", &now, "--field", &field, "--", &query]].concat()),
        8 => match rng.u32(..3) {
            0 => add(&[&["fields"], &who[..]].concat()),
            _ => add(&[&["suggest"], &who[..], &["--", ["re", "f", "1", "zw"][rng.usize(..4)]]].concat()),
        },
        _ => add(&[&["suggest"], &who[..], &["--field", &field, "--", ["b", "t", "a", "1"][rng.usize(..4)]]].concat()),
    }
    args
}

/// What a command says, but for the time that it took and the text of a cursor.
fn said(desk: &Desk, args: &[String]) -> String {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Ran { code, out, err } = desk.run(&args);
    let place = desk.data().to_str().expect("a UTF-8 path").to_owned();
    let text = format!("{code}\n{out}\n{err}").replace(&place, "DATA");
    let mut rest = text.as_str();
    let mut told = String::new();
    for mark in ["\"next\":\"", "--page-after ", "\"took_us\":"] {
        if let Some((before, after)) = rest.split_once(mark) {
            told.push_str(before);
            told.push_str(mark);
            rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        }
    }
    told + rest
}

#[test]
fn commands_tell_nothing_of_what_is_hidden() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let first = number("TICKETSCOPE_SEED").unwrap_or(1);
    let (mut asked, mut found) = (0, 0);
    for seed in first..first + number("TICKETSCOPE_ROUNDS").unwrap_or(6) {
        let mut rng = Rng::with_seed(seed);
        let worlds = Worlds::draw(&mut rng, 60);
        let world = worlds.world();
        let whole = raise(&worlds.changes);
        let sees = |principal: &&str| !world.pruned(principal, worlds.scene.now).is_empty();
        for principal in worlds.scene.askers().filter(sees).take(2) {
            let pruned = raise(&worlds.pruned(&world, principal, &mut rng));
            for _ in 0..QUESTIONS {
                let args = question(&worlds.scene, principal, &mut rng);
                let (of_all, of_seen) = (said(&whole, &args), said(&pruned, &args));
                assert_eq!(of_all, of_seen, "TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1 {args:?}");
                asked += 1;
                found += u32::from(of_all.starts_with('0') && !of_all.contains("\"total\":0"));
            }
        }
    }
    assert!(found * 2 > asked, "{found} of {asked} questions found something");
}
