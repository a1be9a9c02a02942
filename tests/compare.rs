//! Whether a tenant is what another account of it says.

use std::{collections::BTreeMap, path::Path};

use ticketscope_engine::{Tenant, query::Snapshot};
use ticketscope_model::{Opstamp, TicketKey, TicketOrd, Value};
use ticketscope_query::{FieldValue, hit};
use ticketscope_storage::{DataDir, ReadError, Table, TenantId};
use ticketscope_testkit::oracle::World;

/// The verbs that random roles name.
pub const VERBS: [&str; 3] = ["view", "view_private", "edit"];

/// Field name to values.
type Fields = BTreeMap<String, Vec<Value>>;

/// Every ticket of a snapshot.
pub fn tickets(snapshot: &Snapshot) -> BTreeMap<TicketKey, Fields> {
    let read = |ord: u32| {
        let hit = hit(snapshot, ord);
        let fields = hit.fields.into_iter().map(|(id, values)| {
            let name = snapshot.schema().by_id(id).unwrap().name.to_string();
            (name, values.iter().map(value).collect())
        });
        (hit.key, fields.collect())
    };
    snapshot.index().universe().iter().map(read).collect()
}

fn value(value: &FieldValue<'_>) -> Value {
    match *value {
        FieldValue::Keyword(text) => Value::Keyword(text.into()),
        FieldValue::Number(number) => Value::Number(number),
        FieldValue::Date(moment) => Value::Date(moment),
        FieldValue::Flag(flag) => Value::Keyword(flag.to_string().into()),
    }
}

/// The tickets that a principal may `verb`, from the cached set; none for somebody unknown.
pub fn visible(snapshot: &Snapshot, principal: &str, verb: &str) -> Vec<TicketKey> {
    let Ok(scope) = snapshot.scope(principal, verb) else { return Vec::new() };
    let set = snapshot.visible(&scope);
    let mut keys: Vec<_> = set.set().iter().map(|ord| snapshot.index().key(TicketOrd(ord))).collect();
    keys.sort();
    keys
}

/// Asserts that the tenant holds exactly what the oracle holds: tickets, text, people, and who sees what.
pub fn assert_is_world(tenant: &Tenant, world: &World, askers: &[&str], context: &str) {
    let snapshot = tenant.snapshot();
    let found = tickets(&snapshot);
    let expected: BTreeMap<_, _> = world.tickets().map(|(key, row)| (key.clone(), row.fields.clone())).collect();
    assert!(found.keys().eq(expected.keys()), "{context}: other tickets");
    for (key, fields) in &expected {
        assert_eq!(&found[key], fields, "{context}: ticket {key}");
    }
    for (key, row) in world.tickets() {
        let parts = tenant.text(key).unwrap();
        assert!(parts.iter().eq(row.parts.values()), "{context}: text of {key}: {parts:?} {:?}", row.parts);
    }
    let people: BTreeMap<_, _> = snapshot.directory().principals().map(|p| (p.id.clone(), p.clone())).collect();
    let expected: BTreeMap<_, _> = world.principals().map(|p| (p.id.clone(), p.clone())).collect();
    assert_eq!(people, expected, "{context}");
    for principal in askers {
        // Of the presets the oracle knows `view` alone.
        let role = world.principals().find(|fact| *fact.id == **principal).and_then(|fact| fact.role.clone());
        let preset = role.is_some_and(|role| role.contains('.'));
        for verb in VERBS.into_iter().filter(|verb| !preset || *verb == "view") {
            // Private text is read at most where the ticket is viewed.
            let rules = match verb {
                "view_private" => vec![world.rule(principal, "view"), world.rule(principal, verb)],
                _ => vec![world.rule(principal, verb)],
            };
            let covered = world.tickets().filter(|(_, row)| rules.iter().all(|rule| rule.covers(row)));
            let expected: Vec<_> = covered.map(|(key, _)| key.clone()).collect();
            assert_eq!(visible(&snapshot, principal, verb), expected, "{context}: {principal} {verb}");
        }
    }
}

/// Asserts that two tenants hold the same.
pub fn assert_same(found: &Tenant, expected: &Tenant, askers: &[&str], context: &str) {
    let (found_now, expected_now) = (found.snapshot(), expected.snapshot());
    assert_eq!(found_now.opstamp(), expected_now.opstamp(), "{context}");
    let (tickets, expected_tickets) = (tickets(&found_now), tickets(&expected_now));
    assert_eq!(tickets, expected_tickets, "{context}");
    for key in tickets.keys() {
        assert_eq!(found.text(key).unwrap(), expected.text(key).unwrap(), "{context}: text of {key}");
    }
    for principal in askers {
        for verb in VERBS {
            let (found, expected) = (visible(&found_now, principal, verb), visible(&expected_now, principal, verb));
            assert_eq!(found, expected, "{context}: {principal} {verb}");
        }
    }
}

/// Asserts that the published index is the one that the state's rows alone lead to.
pub fn assert_is_rebuilt(tenant: &Tenant, context: &str) {
    let published = tenant.snapshot();
    let index = tenant.rebuilt_index().unwrap();
    assert_eq!(published.index().ordinals(), index.ordinals(), "{context}");
    let directory = published.directory().clone();
    let rebuilt = Snapshot::new(published.opstamp(), published.schema().clone(), index, directory, [0; 32]);
    assert_eq!(tickets(&published), tickets(&rebuilt), "{context}");
    for field in ticketscope_bitmap::ORDERED {
        let order = |snapshot: &Snapshot| -> Vec<u32> {
            snapshot.index().order(field).map_or_else(Vec::new, |order| order.iter_from(0).collect())
        };
        assert_eq!(order(&published), order(&rebuilt), "{context}: order by {field:?}");
    }
}

/// What a tenant's database holds, without what is random in every tenant.
#[derive(Debug, PartialEq)]
pub struct Rows {
    pub applied: Opstamp,
    pub state: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    pub log: BTreeMap<u64, Vec<u8>>,
}

/// The key of the row that holds the secret of cursors, the one random row.
const SECRET_KEY: &[u8] = &[0, 1];

/// Reads the rows of a tenant that nobody has open.
#[must_use]
pub fn rows(dir: &Path, id: &TenantId) -> Rows {
    let data = DataDir::open(dir).unwrap();
    let store = data.open_tenant(id).unwrap();
    let mut rows = Rows { applied: store.applied(), state: BTreeMap::new(), log: BTreeMap::new() };
    for table in Table::ALL {
        store
            .scan::<ReadError>(table, |key, value| {
                if (table, key) != (Table::Facts, SECRET_KEY) {
                    rows.state.insert((table, key.to_vec()), value.to_vec());
                }
                Ok(())
            })
            .unwrap();
    }
    store
        .log_after::<ReadError>(store.log_start(), |opstamp, body| {
            rows.log.insert(opstamp.0, body.to_vec());
            Ok(())
        })
        .unwrap();
    rows
}
