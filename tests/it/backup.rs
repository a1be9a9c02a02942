//! Whether what is backed up while it is written to is a tenant of one moment, and is that again when it is restored.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use fastrand::Rng;
use ticketscope_engine::{Engine, Tenant, TenantRestoreError, storage::TenantId};
use ticketscope_model::{Opstamp, TicketKey, Timestamp, Value};
use ticketscope_storage::{Backup, RestoreError};
use ticketscope_testkit::arb::Scene;

use crate::{
    changes::{del, text, ticket},
    compare::{assert_is_rebuilt, assert_is_world, rows, tickets},
    dump::dump,
    world::{Twin, copy_tree, directory, seeds},
};

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// Restores the one tenant of a backup into a new data directory.
fn restored(backup: &Path, to: &Path) -> (Engine, Arc<Tenant>) {
    let engine = Engine::open(to).unwrap();
    let backup = Backup::open(backup).unwrap();
    let restored = engine.restore(&backup, &backup.manifest().tenants[0], &id("restored")).unwrap();
    assert_eq!(restored.id, id("restored"));
    let tenant = engine.tenant(&id("restored")).unwrap();
    assert_eq!(tenant.snapshot().opstamp(), restored.opstamp);
    (engine, tenant)
}

#[test]
fn a_restored_tenant_is_the_one_that_was_backed_up_and_goes_on_from_there() {
    for seed in seeds(12) {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let mut twin = Twin::new();
        for history in [scene.setup(&mut rng), scene.history(&mut rng, 60)] {
            twin.play(&mut rng, &history, &mut |_, _| Ok(())).unwrap();
        }
        if rng.bool() {
            twin.tenant().checkpoint().unwrap();
        }
        let (dir, lines) = (directory(), dump(twin.tenant()));
        let to = dir.path().join("backup");
        let manifest = twin.engine().back_up(&[twin.tenant().id().clone()], &to, Timestamp(0)).unwrap();
        assert_eq!(manifest.tenants[0].opstamp, twin.tenant().snapshot().opstamp());
        // What happens after the backup is not in it.
        twin.tenant().submit(vec![ticket(424_242, &[("status", "late")])]).unwrap();

        let (engine, tenant) = restored(&to, &dir.path().join("data"));
        let context = format!("seed {seed}");
        assert_eq!(dump(&tenant), lines, "{context}");
        let askers: Vec<&str> = scene.askers().collect();
        assert_is_world(&tenant, &twin.world, &askers, &context);
        assert_is_rebuilt(&tenant, &context);
        assert!(tenant.verify_files().unwrap().is_intact(), "{context}");

        let more = scene.history(&mut rng, 30);
        twin.teach(&more);
        twin.begin_import();
        twin.import(&more.changes).unwrap();
        tenant.submit_import(more.changes, &Arc::default()).unwrap();
        assert_is_world(&tenant, &twin.world, &askers, &format!("{context}, gone on"));
        drop(tenant);
        engine.close().unwrap();
    }
}

#[test]
fn a_backup_made_while_the_tenant_is_written_to_is_of_one_moment() {
    let dir = directory();
    let engine = Engine::open(dir.path().join("data")).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0;
            while !is_over.load(Relaxed) {
                // Two tickets of every batch say the same, and one that was made is erased.
                let status = format!("s{written}");
                let batch = vec![
                    ticket(1, &[("status", &status)]),
                    ticket(2, &[("status", &status)]),
                    ticket(10 + written, &[("status", &status)]),
                    text(1, "subject", ticketscope_model::TextClass::Subject, &status),
                    del(9 + written),
                ];
                tenant.submit(batch).unwrap();
                if written % 16 == 15 {
                    tenant.checkpoint().unwrap();
                }
                written += 1;
            }
            written
        });
        let mut stamps = Vec::new();
        for round in 0..12 {
            while tenant.snapshot().opstamp() < Opstamp(3 + stamps.last().map_or(0, |last: &Opstamp| last.0)) {
                thread::yield_now();
            }
            let to = dir.path().join(format!("backup-{round}"));
            let manifest = engine.back_up(&[id("acme")], &to, Timestamp(round)).unwrap();
            let (engine, restored) = restored(&to, &dir.path().join(format!("data-{round}")));
            let now = restored.snapshot();
            assert_eq!(now.opstamp(), manifest.tenants[0].opstamp);
            let held = tickets(&now);
            let status = |key: i64| held[&TicketKey::Int(key)]["status"].clone();
            assert_eq!(status(1), status(2), "round {round}");
            // The opstamp of a batch says which it was: the first is that of the tenant's beginning.
            let newest = i64::try_from(now.opstamp().0).unwrap() - 2;
            assert_eq!(status(1), [Value::Keyword(format!("s{newest}").into())], "round {round}");
            assert_eq!(status(10 + newest), status(1), "round {round}");
            assert_eq!(held.len(), 3, "round {round}");
            assert_eq!(*restored.text(&TicketKey::Int(1)).unwrap()[0].body, format!("s{newest}"));
            assert_is_rebuilt(&restored, &format!("round {round}"));
            stamps.push(now.opstamp());
            drop((now, restored));
            engine.close().unwrap();
        }
        is_over.store(true, Relaxed);
        assert!(writer.join().unwrap() > 30, "the writer went on");
        assert!(stamps.windows(2).all(|two| two[0] < two[1]), "{stamps:?}");
    });
}

#[test]
fn no_changed_byte_of_a_backup_is_restored() {
    let dir = directory();
    let engine = Engine::open(dir.path().join("data")).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    tenant.submit((1..20).map(|key| ticket(key, &[("status", "open")])).collect()).unwrap();
    let to = dir.path().join("backup");
    engine.back_up(&[id("acme")], &to, Timestamp(0)).unwrap();
    let target = Engine::open(dir.path().join("other")).unwrap();
    let mut rng = Rng::with_seed(5);
    for name in ["BACKUP", "acme.rows"] {
        let whole = fs::read(to.join(name)).unwrap();
        for round in 0..150 {
            let mut bytes = whole.clone();
            match round {
                0 => bytes.clear(),
                1 => bytes.truncate(whole.len() - 1),
                2 => bytes.push(0),
                _ => {
                    let bit = rng.usize(..bytes.len() * 8);
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            }
            fs::write(to.join(name), bytes).unwrap();
            let outcome = Backup::open(&to).map_err(TenantRestoreError::from).and_then(|backup| {
                let acme = backup.find(&id("acme")).map_err(TenantRestoreError::from)?.clone();
                target.restore(&backup, &acme, &id("acme"))
            });
            let error = outcome.expect_err("it is damaged");
            assert!(matches!(error, TenantRestoreError::Restore(_)), "{name}, round {round}: {error:?}");
            assert_eq!(target.tenants().unwrap(), [], "{name}, round {round}");
            assert_eq!(fs::read_dir(dir.path().join("other/tenants")).unwrap().count(), 0, "{name}, round {round}");
        }
        fs::write(to.join(name), whole).unwrap();
    }
    let backup = Backup::open(&to).unwrap();
    target.restore(&backup, backup.find(&id("acme")).unwrap(), &id("acme")).unwrap();
}

#[test]
fn a_tenant_is_never_restored_over_another_and_never_mixed_with_one_of_its_name() {
    let dir = directory();
    let engine = Engine::open(dir.path().join("data")).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    tenant.submit(vec![ticket(1, &[("status", "early")])]).unwrap();
    let to = dir.path().join("backup");
    engine.back_up(&[id("acme")], &to, Timestamp(0)).unwrap();
    let words = |body: &str| text(1, "subject", ticketscope_model::TextClass::Subject, body);
    tenant.submit(vec![words("walrus")]).unwrap();
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), std::time::Duration::from_mins(1)));
    tenant.checkpoint().unwrap();
    let backup = Backup::open(&to).unwrap();
    let acme = backup.find(&id("acme")).unwrap();
    let refused = engine.restore(&backup, acme, &id("acme")).unwrap_err();
    assert!(matches!(refused, TenantRestoreError::Restore(RestoreError::Exists(_))), "{refused:?}");
    drop(tenant);
    engine.close().unwrap();
    drop(engine);

    // The files of the old life, put beside the restored state by hand, are refused and made anew.
    let old = dir.path().join("data/tenants/acme");
    let aside = dir.path().join("aside");
    fs::rename(&old, &aside).unwrap();
    let engine = Engine::open(dir.path().join("data")).unwrap();
    engine.restore(&backup, acme, &id("acme")).unwrap();
    let tenant = engine.tenant(&id("acme")).unwrap();
    // By their opstamps alone the old files could be of this life.
    for key in 2..8 {
        tenant.submit(vec![ticket(key, &[("status", "later")])]).unwrap();
    }
    drop(tenant);
    engine.close().unwrap();
    drop(engine);
    fs::remove_dir_all(old.join("text")).ok();
    copy_tree(&aside.join("text"), &old.join("text"));
    let snapshot = |dir: &Path| {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|it| it == "tsnap")).max().unwrap()
    };
    fs::copy(snapshot(&aside), snapshot(&old)).unwrap();
    let engine = Engine::open(dir.path().join("data")).unwrap();
    let tenant = engine.tenant(&id("acme")).unwrap();
    assert_eq!(tenant.recovery().rejected.len(), 1, "{:?}", tenant.recovery());
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), std::time::Duration::from_mins(1)));
    let stats = tenant.stats().unwrap();
    assert!(stats.text.put_aside.is_some() && stats.text.tickets == 0, "{:?}", stats.text);
    assert_eq!(tickets(&tenant.snapshot())[&TicketKey::Int(1)]["status"], [Value::Keyword("early".into())]);
}

#[test]
fn a_restored_tenant_has_the_rows_of_the_old_one_and_a_uuid_of_its_own() {
    let dir = directory();
    let engine = Engine::open(dir.path().join("data")).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    for key in 1..30 {
        tenant.submit(vec![ticket(key, &[("status", "open")])]).unwrap();
    }
    let to = dir.path().join("backup");
    let manifest = engine.back_up(&[id("acme")], &to, Timestamp(0)).unwrap();
    drop(tenant);
    drop(engine);
    let (engine, tenant) = restored(&to, &dir.path().join("other"));
    let again = engine.back_up(&[id("restored")], &dir.path().join("again"), Timestamp(0)).unwrap();
    assert_ne!(again.tenants[0].uuid, manifest.tenants[0].uuid);
    drop(tenant);
    drop(engine);
    let (old, new) = (rows(&dir.path().join("data"), &id("acme")), rows(&dir.path().join("other"), &id("restored")));
    assert_eq!((&old.state, old.applied), (&new.state, new.applied));
    assert!(new.log.iter().all(|(opstamp, row)| old.log[opstamp] == *row));
}
