//! Dumps of a tenant of which the mapped snapshot in use rots.

use std::{
    fs,
    os::unix::fs::FileExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use ticketscope_model::Fact;
use ticketscope_storage::TenantId;
use ticketscope_testkit::plain;

use crate::{Closed, Engine, Options, RecoverError, Tenant};

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

/// A tenant whose index is a mapped snapshot, and the file of that.
fn mapped(dir: &Path) -> (Engine, Arc<Tenant>, PathBuf) {
    let options = Options { scrub_interval: std::time::Duration::ZERO, ..Options::default() };
    let engine = Engine::open_with(dir, options).unwrap();
    let tickets = (1..40).map(|number| plain::ticket(number, ["open", "new"][usize::try_from(number % 2).unwrap()]));
    engine.create_tenant(&id()).unwrap().submit(tickets.collect()).unwrap();
    engine.close().unwrap();
    let tenant = engine.tenant(&id()).unwrap();
    assert!(tenant.recovery().snapshot.is_some());
    let paths = fs::read_dir(dir.join("tenants/acme")).unwrap().map(|entry| entry.unwrap().path());
    let file = paths.into_iter().find(|path| path.extension().is_some_and(|it| it == "tsnap")).unwrap();
    (engine, tenant, file)
}

/// Turns bits of a byte of a file, in place.
fn turn(path: &Path, at: u64, bits: u8) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bits], at).unwrap();
}

/// Dumps a tenant; answers how many listings were closed, and how it ended. `at_first` is called with the first statement.
fn dump(tenant: &Tenant, at_first: impl FnOnce()) -> (u64, Result<(), RecoverError>) {
    let (mut closed, mut at_first) = (0, Some(at_first));
    let ended = tenant.view().unwrap().statements::<RecoverError>(|change| {
        if let Some(at_first) = at_first.take() {
            at_first();
        }
        closed += u64::from(matches!(change.fact, Fact::Complete(_)));
        Ok(())
    });
    (closed, ended)
}

#[test]
fn a_dump_of_what_rotted_is_never_taken_for_whole() {
    for seed in 0..24 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let (engine, tenant, file) = mapped(dir.path());
        let at = rng.u64(..fs::metadata(&file).unwrap().len());
        turn(&file, at, rng.u8(1..));
        // What leads astray altogether may end in a panic.
        let dumped = catch_unwind(AssertUnwindSafe(|| dump(&tenant, || ())));
        if let Ok((closed, ended)) = dumped {
            assert!(closed == 0 && matches!(ended, Err(RecoverError::Mapped(_))), "seed {seed}: byte {at}: {ended:?}");
            assert_eq!(tenant.closed(), Some(Closed::Interrupted), "seed {seed}");
        }
        drop(tenant);
        // One that is still there is found damaged when it is opened.
        engine.close().unwrap();
        let whole = dump(&engine.tenant(&id()).unwrap(), || ());
        assert!(matches!(whole, (5, Ok(()))), "seed {seed}: {whole:?}");
    }
}

#[test]
fn a_dump_of_a_tenant_that_is_closed_meanwhile_is_not_taken_for_whole() {
    for closed_with in [Closed::Interrupted, Closed::Damaged("row 7".into())] {
        let dir = tempfile::tempdir().unwrap();
        let (_engine, tenant, _) = mapped(dir.path());
        let (closed, ended) = dump(&tenant, || tenant.shared().close(closed_with.clone()));
        assert!(
            closed == 0 && matches!(&ended, Err(RecoverError::Closed(found)) if *found == closed_with),
            "{ended:?}"
        );
    }
}
