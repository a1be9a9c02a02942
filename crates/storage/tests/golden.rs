//! The golden files of every format version still open and hold what was written; today's writer writes the same.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, fs, path::Path};

use ticketscope_model::Opstamp;
use ticketscope_storage::{DataDir, ReadError, Store, Table};

#[path = "../examples/golden/content.rs"]
mod content;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() { copy(&from, &to) } else { fs::copy(from, to).map(|_| ()).unwrap() }
    }
}

/// All that a tenant answers.
#[derive(Debug, PartialEq)]
struct Answers {
    tables: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
    log: Vec<(Opstamp, Vec<u8>)>,
    snapshot: Vec<(u32, Vec<u8>)>,
}

impl Answers {
    fn of(store: &Store) -> Self {
        let table = |table: Table| {
            let mut rows = BTreeMap::new();
            let visit = |key: &[u8], value: &[u8]| {
                rows.insert(key.to_vec(), value.to_vec());
                Ok::<_, ReadError>(())
            };
            store.scan(table, visit).unwrap();
            rows
        };
        let tables = Table::ALL.into_iter().map(table).collect();
        let mut log = Vec::new();
        let visit = |opstamp, body: &[u8]| {
            log.push((opstamp, body.to_vec()));
            Ok::<_, ReadError>(())
        };
        store.log_after(content::CUT, visit).unwrap();
        let choice = store.open_snapshot().unwrap();
        assert!(choice.rejected.is_empty(), "{:?}", choice.rejected);
        let snapshot = choice.snapshot.unwrap();
        assert_eq!(snapshot.opstamp(), content::SNAPSHOT);
        let snapshot = snapshot.ids().map(|id| (id, snapshot.section(id).unwrap().to_vec())).collect();
        Self { tables, log, snapshot }
    }

    fn expected() -> Self {
        let mut tables = vec![BTreeMap::new(); Table::ALL.len()];
        let mut log = Vec::new();
        for batch in content::batches() {
            log.extend(batch.log);
            for row in batch.rows {
                let table = &mut tables[Table::ALL.iter().position(|table| *table == row.table).unwrap()];
                match row.value {
                    Some(value) => table.insert(row.key, value),
                    None => table.remove(&row.key),
                };
            }
        }
        log.retain(|(opstamp, _)| *opstamp > content::CUT);
        Self { tables, log, snapshot: content::sections() }
    }
}

#[test]
fn a_data_directory_of_version_2_opens_and_holds_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    copy(Path::new(content::DIR), dir.path());
    let data = DataDir::open(dir.path()).unwrap();
    let store = data.open_tenant(&content::id().unwrap()).unwrap();
    assert_eq!((store.uuid(), store.applied(), store.log_start()), (content::UUID, Opstamp(3), content::CUT));
    assert_eq!(Answers::of(&store), Answers::expected());
    let verification = store.verify().unwrap();
    assert!(verification.is_intact(), "{verification:?}");
}

#[test]
fn the_same_snapshot_written_today_has_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = content::write_tenant(&DataDir::open(dir.path()).unwrap()).unwrap();
    assert_eq!(Answers::of(&store), Answers::expected());
    let file = "tenants/golden/snapshot-00000000000000000001.tsnap";
    assert_eq!(fs::read(dir.path().join(file)).unwrap(), fs::read(Path::new(content::DIR).join(file)).unwrap());
    assert_eq!(fs::read(dir.path().join("FORMAT")).unwrap(), fs::read(Path::new(content::DIR).join("FORMAT")).unwrap());
}
