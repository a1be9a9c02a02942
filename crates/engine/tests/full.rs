//! A tenant whose files find no room, in a process that may not make files longer than it says.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use ticketscope_engine::{
    Engine, Full, Options, RecoverError, SubmitError, Tenant,
    storage::{ReadError, TenantId},
};
use ticketscope_model::{Change, Fact, TextClass, TicketKey};
use ticketscope_query::{
    self as query, Access,
    parse::{Context, parse},
};
use ticketscope_testkit::{
    limited::{alone, limit_files},
    plain,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn ticket(number: i64, status: &str, rev: i64) -> Change {
    Change { rev: Some(rev), ..plain::ticket(number, status) }
}

/// A text of that many bytes, in words that are rarely the same.
fn text(number: i64, len: usize, seed: u64) -> Change {
    let mut rng = fastrand::Rng::with_seed(seed);
    let body: String = (0..len).map(|at| if at % 9 == 0 { ' ' } else { rng.lowercase() }).collect();
    plain::text(number, &format!("p{seed}"), TextClass::Public, &format!("otter {body}"))
}

fn principal(id: &str) -> Change {
    Change::state(Fact::Principal(plain::principal(id, None)))
}

fn rel(principal: &str, value: &str) -> Change {
    Change::state(Fact::Rel(plain::rel(principal, "groups", value)))
}

fn count(tenant: &Tenant, text: &str) -> u32 {
    let snapshot = tenant.snapshot();
    let query = parse(text, &Context::new(snapshot.schema(), ticketscope_model::Timestamp(0))).unwrap();
    query::count(&snapshot, Access::admin(), &query).unwrap()
}

/// How many parts the text of a ticket has, by a question's way and by an admin's: as soon as the database is open again,
/// which waits for whoever reads.
fn parts(tenant: &Tenant, number: i64) -> usize {
    let until = Instant::now() + PATIENCE;
    loop {
        let view = tenant.view().unwrap();
        let ord = view.snapshot().index().find(&TicketKey::Int(number)).unwrap();
        match view.parts(ord) {
            Err(RecoverError::Read(ReadError::Full)) if Instant::now() < until => std::thread::yield_now(),
            parts => {
                let parts = parts.unwrap();
                assert_eq!(tenant.text(&TicketKey::Int(number)).unwrap(), parts);
                return parts.len();
            }
        }
    }
}

#[test]
fn a_tenant_without_room_answers_refuses_batches_and_takes_them_again_in_the_same_process() {
    let name = "a_tenant_without_room_answers_refuses_batches_and_takes_them_again_in_the_same_process";
    alone(name, tenant_without_room).unwrap();
}

fn tenant_without_room() {
    let dir = tempfile::tempdir().unwrap();
    let file: PathBuf = dir.path().join("tenants/acme/state.redb");
    // Only the limit refuses, wherever this runs.
    let options = Options { reserve_bytes: 0, ..Options::default() };
    let engine = Engine::open_with(dir.path(), options).unwrap();
    let tenant = engine.create_tenant(&id()).unwrap();
    tenant.submit(vec![principal("ann"), rel("ann", "a"), ticket(1, "open", 1), text(1, 100, 0)]).unwrap();
    // Larger than any other file of the tenant will be.
    tenant.submit((2..40).map(|seed| text(1, 20_000, seed)).collect()).unwrap();
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE));
    let (mut tickets, mut texts, mut number) = (1, 39, 1000_i64);
    for round in 0..3 {
        limit_files(Some(fs::metadata(&file).unwrap().len())).unwrap();
        let before = loop {
            let before = tenant.snapshot().opstamp();
            number += 1;
            let grown = text(1, 50_000, number.unsigned_abs());
            match tenant.submit(vec![grown, ticket(number, "open", 5), principal(&format!("agent {number}"))]) {
                Ok(_) => (tickets, texts) = (tickets + 1, texts + 1),
                Err(SubmitError::Full(Full::Disk)) => break before,
                Err(error) => panic!("round {round}: {error:?}"),
            }
        };
        assert_eq!((tenant.closed(), tenant.full()), (None, Some(Full::Disk)));
        assert_eq!(engine.fatal(), None);
        // The disk is as full as before, and everything is answered, texts included.
        let snapshot = tenant.snapshot();
        assert_eq!(snapshot.opstamp(), before, "round {round}");
        assert_eq!((count(&tenant, ""), count(&tenant, "otter")), (tickets, 1), "round {round}");
        assert_eq!(parts(&tenant, 1), texts, "round {round}");
        let ghost = format!("agent {number}");
        assert!(snapshot.access(&ghost).is_err() && snapshot.access("ann").is_ok());
        limit_files(None).unwrap();
        // Of an older revision than the one that was refused, and for somebody who came with it.
        let until = Instant::now() + PATIENCE;
        let ack = loop {
            match tenant.submit(vec![ticket(number, "solved", 3), rel("ann", &ghost)]) {
                Err(SubmitError::Full(Full::Disk)) if Instant::now() < until => std::thread::yield_now(),
                outcome => break outcome.unwrap(),
            }
        };
        tickets += 1;
        assert_eq!((count(&tenant, ""), count(&tenant, "status:solved")), (tickets, round + 1));
        assert_eq!((tenant.snapshot().opstamp(), tenant.full()), (ack.opstamp, None));
        assert!(tenant.snapshot().access(&ghost).is_err());
        assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
    }
    let opstamp = tenant.snapshot().opstamp();
    drop(tenant);
    engine.close().unwrap();
    drop(engine);
    let engine = Engine::open_with(dir.path(), options).unwrap();
    let tenant = engine.tenant(&id()).unwrap();
    assert_eq!((tenant.snapshot().opstamp(), count(&tenant, "")), (opstamp, tickets));
    assert_eq!(parts(&tenant, 1), texts);
    assert!(tenant.verify_files().unwrap().is_intact());
}
