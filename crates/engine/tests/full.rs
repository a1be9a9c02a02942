//! A tenant whose files find no room, in a process that may not make files longer than it says.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    env, fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use ticketscope_engine::{
    Engine, Full, Options, RecoverError, SubmitError, Tenant,
    storage::{ReadError, TenantId},
};
use ticketscope_model::{
    Change, Fact, FieldPatch, PrincipalFact, RawValue, RelFact, TextClass, TextPart, TicketKey, TicketPatch,
};
use ticketscope_query::{
    self as query, Access,
    parse::{Context, parse},
};

/// Says that this process is the one that the limit is set in.
const LIMITED: &str = "TICKETSCOPE_TEST_LIMITED";

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs the test of this name alone, in a process that is not killed for a file that would become too long.
fn in_a_process_of_its_own(test: &str) {
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(env::current_exe().unwrap())
        .arg(test)
        .env(LIMITED, "1")
        .status();
    assert!(status.unwrap().success(), "{test} failed in its process");
}

fn limit_files(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
}

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn ticket(number: i64, status: &str, rev: i64) -> Change {
    let fields = vec![("status".into(), FieldPatch::Set(RawValue::Text(status.into())))];
    let patch = TicketPatch { key: TicketKey::Int(number), fields, replace: false, text: Vec::new() };
    Change { rev: Some(rev), ..Change::state(Fact::Ticket(patch)) }
}

/// A text of that many bytes, in words that are rarely the same.
fn text(number: i64, len: usize, seed: u64) -> Change {
    let mut rng = fastrand::Rng::with_seed(seed);
    let body: String = (0..len).map(|at| if at % 9 == 0 { ' ' } else { rng.lowercase() }).collect();
    let part = TextPart {
        part: format!("p{seed}").into(),
        class: TextClass::Public,
        lang: None,
        body: format!("otter {body}").into(),
        author: None,
        at: None,
    };
    Change::state(Fact::Text { ticket: TicketKey::Int(number), part })
}

fn principal(id: &str) -> Change {
    Change::state(Fact::Principal(PrincipalFact {
        id: id.into(),
        role: None,
        active: true,
        name: None,
        email: None,
        locale: None,
        time_zone: None,
    }))
}

fn rel(principal: &str, value: &str) -> Change {
    Change::state(Fact::Rel(RelFact {
        principal: principal.into(),
        rel: "groups".into(),
        value: value.into(),
        level: None,
    }))
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
    if env::var_os(LIMITED).is_none() {
        return in_a_process_of_its_own(
            "a_tenant_without_room_answers_refuses_batches_and_takes_them_again_in_the_same_process",
        );
    }
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
        limit_files(Some(fs::metadata(&file).unwrap().len()));
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
        limit_files(None);
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
