//! Many tenants in one directory, none of which knows of another.

use ticketscope_engine::{Engine, TenantError, storage::TenantId};
use ticketscope_model::{TextClass, TicketKey};
use ticketscope_storage::CreateError;

use crate::{changes, compare, world::directory};

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

#[test]
fn tenants_are_made_listed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    assert!(matches!(engine.tenant(&id("acme")), Err(TenantError::NoSuchTenant(_))));
    assert!(matches!(engine.delete_tenant(&id("acme")), Err(TenantError::NoSuchTenant(_))));
    for name in ["zebra", "acme", "b2"] {
        engine.create_tenant(&id(name)).unwrap();
    }
    assert_eq!(engine.tenants().unwrap(), [id("acme"), id("b2"), id("zebra")]);
    let again = engine.create_tenant(&id("acme"));
    assert!(matches!(again, Err(TenantError::Create(CreateError::Exists(_)))), "{again:?}");
    assert_eq!(engine.tenant_or_create(&id("acme")).unwrap().snapshot().opstamp().0, 1);
    engine.delete_tenant(&id("b2")).unwrap();
    assert!(!engine.has_tenant(&id("b2")));
    assert_eq!(engine.tenants().unwrap(), [id("acme"), id("zebra")]);
    drop(engine);
    let engine = Engine::open(dir.path()).unwrap();
    assert_eq!(engine.tenants().unwrap(), [id("acme"), id("zebra")]);
}

#[test]
fn a_tenant_in_use_is_not_deleted_and_a_new_one_of_its_name_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let held = engine.create_tenant(&id("acme")).unwrap();
    held.submit(vec![changes::ticket(1, &[("status", "open")])]).unwrap();
    assert!(matches!(engine.delete_tenant(&id("acme")), Err(TenantError::InUse(_))));
    held.submit(vec![changes::ticket(2, &[("status", "open")])]).unwrap();
    assert_eq!(engine.tenant(&id("acme")).unwrap().snapshot().index().universe().len(), 2);
    // A snapshot in somebody's hand is no hold on the tenant.
    let snapshot = held.snapshot();
    drop(held);
    engine.delete_tenant(&id("acme")).unwrap();
    assert_eq!(snapshot.index().universe().len(), 2);
    let new = engine.create_tenant(&id("acme")).unwrap();
    assert!(new.snapshot().index().universe().is_empty());
    assert_eq!(new.text(&TicketKey::Int(1)).unwrap(), []);
}

#[test]
fn the_same_ids_in_two_tenants_never_mix() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let mut expected = Vec::new();
    for (name, group) in [("left", "a"), ("right", "b")] {
        let tenant = engine.create_tenant(&id(name)).unwrap();
        let role = changes::role("agent", &[("view", &format!("group in {{{group}}}"))]);
        let mut batch = vec![role, changes::principal("anna", "agent")];
        for key in 0..50 {
            let held = if (key % 2 == 0) == (name == "left") { group } else { "c" };
            batch.push(changes::ticket(key, &[("group", held), ("status", name)]));
            batch.push(changes::text(key, "subject", TextClass::Subject, &format!("{name} {key}")));
        }
        tenant.submit(batch).unwrap();
        expected.push((name, group, compare::visible(&tenant.snapshot(), "anna", "view")));
    }
    assert_eq!(expected[0].2.len(), 25);
    assert!(expected[0].2.iter().all(|key| !expected[1].2.contains(key)));
    engine.close().unwrap();
    for (name, _, visible) in expected {
        let tenant = engine.tenant(&id(name)).unwrap();
        assert_eq!(compare::visible(&tenant.snapshot(), "anna", "view"), visible);
        for fields in compare::tickets(&tenant.snapshot()).values() {
            assert_eq!(format!("{:?}", fields["status"]), format!("[Keyword({name:?})]"));
        }
        assert_eq!(*tenant.text(&TicketKey::Int(7)).unwrap()[0].body, *format!("{name} 7"));
    }
}

#[test]
fn two_thousand_tiny_tenants_are_made_and_opened_again() {
    const TENANTS: i64 = 2_000;
    let dir = directory();
    let name = |number: i64| id(&format!("tenant-{number:04}"));
    let engine = Engine::open(dir.path()).unwrap();
    for number in 0..TENANTS {
        let tenant = engine.create_tenant(&name(number)).unwrap();
        tenant.submit(vec![changes::ticket(number, &[("status", "open")])]).unwrap();
    }
    assert_eq!(engine.tenants().unwrap().len(), 2_000);
    drop(engine);
    let engine = Engine::open(dir.path()).unwrap();
    for number in (0..TENANTS).rev() {
        let tenant = engine.tenant(&name(number)).unwrap();
        let keys: Vec<_> = compare::tickets(&tenant.snapshot()).into_keys().collect();
        assert_eq!(keys, [TicketKey::Int(number)]);
    }
}
