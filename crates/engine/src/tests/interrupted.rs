use std::fs;

use model::{Change, Fact, FieldPatch, RawValue, TicketPatch, Timestamp};
use storage::{Backup, BackupError, RestoreError, TenantId};
use ticketscope_model as model;
use ticketscope_storage as storage;

use crate::{Engine, TenantBackupError, TenantRestoreError};

fn ticket(number: i64) -> Change {
    let fields = vec![("status".into(), FieldPatch::Set(RawValue::Text("open".into())))];
    Change::state(Fact::Ticket(TicketPatch { key: number.into(), fields, replace: false, text: Vec::new() }))
}

#[test]
fn an_engine_that_is_interrupted_copies_nothing_more_and_takes_batches_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let id = |name| TenantId::parse(name).unwrap();
    let engine = Engine::open(dir.path().join("data")).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    tenant.submit(vec![ticket(1)]).unwrap();
    let (before, after) = (dir.path().join("before"), dir.path().join("after"));
    engine.back_up(&[id("acme")], &before, Timestamp(0)).unwrap();
    assert!(!engine.is_interrupted());
    engine.interrupt();
    assert!(engine.is_interrupted());

    let one = engine.back_up(&[id("acme")], &after, Timestamp(0));
    assert!(matches!(one, Err(TenantBackupError::Copy { source: BackupError::Interrupted, .. })), "{one:?}");
    let all = engine.back_up_all(&after, Timestamp(0));
    assert!(matches!(all, Err(TenantBackupError::Backup(BackupError::Interrupted))), "{all:?}");
    let backup = Backup::open(&before).unwrap();
    let restored = engine.restore(&backup, backup.find(&id("acme")).unwrap(), &id("copy"));
    assert!(matches!(restored, Err(TenantRestoreError::Restore(RestoreError::Interrupted))), "{restored:?}");
    let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["before", "data"]);
    assert_eq!(fs::read_dir(dir.path().join("data/tenants")).unwrap().count(), 1);

    tenant.submit(vec![ticket(2)]).unwrap();
    assert_eq!(tenant.snapshot().index().universe().len(), 2);
}
