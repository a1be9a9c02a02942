//! Writes that find no room, in a process that may not make files longer than it says.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use ticketscope_model::Opstamp;
use ticketscope_storage::{
    Batch, CommitError, Condition, DataDir, ReadError, ReopenError, Row, Store, Table, TenantId, is_full,
};
use ticketscope_testkit::limited::{alone, limit_files};

struct Bench {
    dir: TempDir,
    store: Store,
    committed: u64,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = DataDir::open(dir.path()).unwrap().create(&id()).unwrap();
        Self { dir, store, committed: 0 }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("tenants/acme/state.redb")
    }

    /// A batch of this many bytes that do not repeat themselves.
    fn commit(&mut self, bytes: usize) -> Result<(), CommitError> {
        let number = self.committed + 1;
        let mut value = vec![0; bytes];
        fastrand::Rng::with_seed(number).fill(&mut value);
        let row = Row { table: Table::Texts, key: number.to_be_bytes().to_vec(), value: Some(value) };
        self.store.commit(&Batch { log: vec![(Opstamp(number), b"x".to_vec())], rows: vec![row] })?;
        self.committed = number;
        Ok(())
    }

    /// Commits until there is no room.
    fn fill(&mut self) -> CommitError {
        loop {
            if let Err(error) = self.commit(60_000) {
                return error;
            }
        }
    }

    fn assert_holds_what_was_committed(&self) {
        assert_eq!(self.store.applied(), Opstamp(self.committed));
        let mut found = 0;
        self.store
            .scan::<ReadError>(Table::Texts, |_, _| {
                found += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(found, self.committed);
    }
}

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn a_write_without_room_changes_nothing_and_the_store_goes_on_when_it_is_reopened() {
    alone("a_write_without_room_changes_nothing_and_the_store_goes_on_when_it_is_reopened", write_without_room)
        .unwrap();
}

fn write_without_room() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.commit(60_000).unwrap();
    }
    let reader = bench.store.reader().unwrap();
    limit_files(Some(len(&bench.file()))).unwrap();
    let error = bench.fill();
    assert!(matches!(&error, CommitError::Full(error) if is_full(error)), "{error:?}");
    assert_eq!(bench.store.condition(), Condition::Full);
    assert!(!bench.store.is_poisoned());
    assert!(matches!(bench.store.reader(), Err(ReadError::Full)));
    assert!(matches!(bench.commit(1), Err(CommitError::NotReopened)));
    let read = reader.get(Table::Texts, &1u64.to_be_bytes());
    assert!(matches!(read, Err(ReadError::Full)), "{read:?}");
    assert!(matches!(bench.store.reopen(), Err(ReopenError::Busy)), "while somebody reads");
    assert_eq!(bench.store.condition(), Condition::Full);
    drop(reader);
    for round in 1..4 {
        // Also while there is no more room than before: what is there can be read.
        bench.store.reopen().unwrap();
        assert_eq!(bench.store.condition(), Condition::Sound);
        bench.assert_holds_what_was_committed();
        limit_files(None).unwrap();
        bench.commit(60_000).unwrap();
        bench.assert_holds_what_was_committed();
        limit_files(Some(len(&bench.file()))).unwrap();
        assert!(matches!(bench.fill(), CommitError::Full(_)), "round {round}");
    }
    limit_files(None).unwrap();
    let Bench { dir, store, committed } = bench;
    drop(store);
    let store = DataDir::open(dir.path()).unwrap().open_tenant(&id()).unwrap();
    assert!(store.verify().unwrap().is_intact());
    assert_eq!(store.applied(), Opstamp(committed));
    store.reopen().unwrap();
}
