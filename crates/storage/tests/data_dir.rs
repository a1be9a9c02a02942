//! The data directory: lock, format version, tenants that come and go, leftovers of crashes.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path, thread, time::Duration};

use ticketscope_model::Opstamp;
use ticketscope_storage::{Batch, CreateError, DataDir, DataDirError, DeleteError, OpenError, Row, Table, TenantId};

fn id(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

#[test]
fn only_one_opening_at_a_time_and_stores_keep_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    assert!(matches!(DataDir::open(dir.path()), Err(DataDirError::Locked(_))));
    let store = data.create(&id("acme")).unwrap();
    drop(data);
    assert!(matches!(DataDir::open(dir.path()), Err(DataDirError::Locked(_))));
    drop(store);
    DataDir::open(dir.path()).unwrap();
}

#[test]
fn whoever_waits_for_a_tenant_can_open_it_as_soon_as_it_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    data.wait_until_free(&id("acme"), Duration::MAX);
    let store = data.create(&id("acme")).unwrap();
    data.wait_until_free(&id("acme"), Duration::ZERO);
    assert!(matches!(data.open_tenant(&id("acme")), Err(OpenError::AlreadyOpen(_))));
    thread::scope(|scope| {
        let opened = scope.spawn(|| {
            data.wait_until_free(&id("acme"), Duration::from_mins(2));
            data.open_tenant(&id("acme")).map(drop)
        });
        // Others that are let go do not count.
        drop(data.create(&id("other")).unwrap());
        drop(store);
        opened.join().unwrap().unwrap();
    });
}

#[test]
fn tenants_are_created_listed_opened_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path().join("not/yet/there")).unwrap().with_cache_bytes(1 << 20);
    assert_eq!(data.tenants().unwrap(), []);
    assert!(matches!(data.open_tenant(&id("acme")), Err(OpenError::NoSuchTenant(_))));
    assert!(matches!(data.delete(&id("acme")), Err(DeleteError::NoSuchTenant(_))));
    assert_eq!(data.tenants().unwrap(), [], "opening makes nothing");

    let acme = data.create(&id("acme")).unwrap();
    let zeta = data.create(&id("zeta")).unwrap();
    assert_ne!(acme.uuid(), zeta.uuid());
    assert_eq!(data.tenants().unwrap(), [id("acme"), id("zeta")]);
    let unlocked = DataDir::tenants_at(dir.path().join("not/yet/there"));
    assert_eq!(unlocked.unwrap(), [id("acme"), id("zeta")], "also while it is in use");
    assert!(matches!(data.create(&id("acme")), Err(CreateError::Exists(_))));
    assert!(matches!(data.open_tenant(&id("acme")), Err(OpenError::AlreadyOpen(_))));
    assert!(matches!(data.delete(&id("acme")), Err(DeleteError::Open(_))));

    let row = Row { table: Table::Facts, key: b"k".to_vec(), value: Some(b"v".to_vec()) };
    acme.commit(&Batch { log: vec![(Opstamp(1), Vec::new())], rows: vec![row] }).unwrap();
    let uuid = acme.uuid();
    drop(acme);
    assert!(matches!(data.create(&id("acme")), Err(CreateError::Exists(_))));
    let acme = data.open_tenant(&id("acme")).unwrap();
    assert_eq!((acme.uuid(), acme.applied()), (uuid, Opstamp(1)));
    assert_eq!(zeta.get(Table::Facts, b"k").unwrap(), None, "tenants are apart");
    drop(acme);
    data.delete(&id("acme")).unwrap();
    assert!(!data.exists(&id("acme")) && data.exists(&id("zeta")));

    let again = data.create(&id("acme")).unwrap();
    assert_eq!((again.applied(), again.get(Table::Facts, b"k").unwrap()), (Opstamp(0), None));
    assert_ne!(again.uuid(), uuid);
}

#[test]
fn leftovers_of_a_crash_are_removed_at_open() {
    let dir = tempfile::tempdir().unwrap();
    drop(DataDir::open(dir.path()).unwrap().create(&id("acme")).unwrap());
    let tenants = dir.path().join("tenants");
    for leftover in [".create-half", ".trash-gone"] {
        fs::create_dir(tenants.join(leftover)).unwrap();
        fs::write(tenants.join(leftover).join("state.redb"), b"half").unwrap();
    }
    let data = DataDir::open(dir.path()).unwrap();
    assert_eq!(names(&tenants), ["acme"]);
    assert_eq!(data.tenants().unwrap(), [id("acme")]);
    assert!(data.open_tenant(&id("acme")).is_ok());
}

#[test]
fn leftovers_of_a_failed_attempt_do_not_stop_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    for leftover in [".create-acme", ".trash-acme"] {
        let leftover = dir.path().join("tenants").join(leftover);
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("state.redb"), b"half").unwrap();
    }
    drop(data.create(&id("acme")).unwrap());
    data.delete(&id("acme")).unwrap();
    assert_eq!(names(&dir.path().join("tenants")), <[String; 0]>::default());
}

#[test]
fn directories_that_are_no_tenants_are_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    drop(data.create(&id("acme")).unwrap());
    fs::create_dir(dir.path().join("tenants/lost+found")).unwrap();
    fs::write(dir.path().join("tenants/file"), b"").unwrap();
    assert_eq!(data.tenants().unwrap(), [id("acme")]);
}

#[test]
fn other_formats_are_refused_with_a_message_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    drop(DataDir::open(dir.path()).unwrap());
    let format = dir.path().join("FORMAT");
    assert_eq!(fs::read(&format).unwrap(), b"ticketscope data 2\n");
    fs::write(&format, b"ticketscope data 3\n").unwrap();
    let newer = DataDir::open(dir.path()).unwrap_err();
    assert!(matches!(newer, DataDirError::Newer { found: 3, known: 2, .. }));
    assert!(newer.to_string().contains("newer version"), "{newer}");
    fs::write(&format, b"ticketscope data 1\n").unwrap();
    let older = DataDir::open(dir.path()).unwrap_err();
    assert!(matches!(older, DataDirError::Older { found: 1, known: 2, .. }));
    assert!(older.to_string().contains("is of format 1"), "{older}");
    for other in [&b""[..], b"ticketscope data 0\n", b"ticketscope data 2", b"ticketscope data x\n", b"1\n", b"\xff\n"]
    {
        fs::write(&format, other).unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(DataDirError::NotADataDir(_))), "{other:?}");
    }
    fs::remove_file(&format).unwrap();
    assert!(matches!(DataDir::open(dir.path()), Err(DataDirError::NotADataDir(_))));
    fs::remove_dir(dir.path().join("tenants")).unwrap();
    DataDir::open(dir.path()).unwrap();
}
