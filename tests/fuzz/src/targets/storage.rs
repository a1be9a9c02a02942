//! Files of a tenant that were changed by somebody else.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use tempfile::TempDir;
use ticketscope_storage::{Batch, DataDir, ReadError, Row, Store, Table, TenantId, TenantUuid};

use crate::{
    choices::edited,
    desk::{directory, files},
};

/// The memory that redb may use for pages, in bytes.
const CACHE_BYTES: usize = 1 << 20;

pub(super) fn id() -> TenantId {
    TenantId::parse("acme").expect("the name is right")
}

/// What a store holds: rows, log and the sections of its newest mapped snapshot.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Content {
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    log: BTreeMap<u64, Vec<u8>>,
}

impl Content {
    pub(super) fn read(store: &Store) -> Result<Self, ReadError> {
        let mut content = Self::default();
        for table in Table::ALL {
            store.scan::<ReadError>(table, |key, value| {
                content.rows.insert((table, key.to_vec()), value.to_vec());
                Ok(())
            })?;
        }
        store.log_after::<ReadError>(store.log_start(), |opstamp, body| {
            content.log.insert(opstamp.0, body.to_vec());
            Ok(())
        })?;
        Ok(content)
    }
}

fn sections(store: &Store) -> Option<Vec<(u32, Vec<u8>)>> {
    let snapshot = store.open_snapshot().ok()?.snapshot?;
    Some(snapshot.ids().filter_map(|id| Some((id, snapshot.section(id)?.to_vec()))).collect())
}

/// A store that was closed in order: its files, what it holds, and where its database is not zero.
struct Closed {
    files: Vec<(String, Vec<u8>)>,
    content: Content,
    sections: Vec<(u32, Vec<u8>)>,
    used: Vec<u32>,
}

impl Closed {
    /// The snapshot file.
    fn snapshot(&self) -> &(String, Vec<u8>) {
        self.files.iter().find(|(name, _)| name.contains("/snapshot-")).expect("there is a snapshot")
    }
}

const DATABASE: &str = "tenants/acme/state.redb";

pub(super) fn fill(dir: &Path) -> Store {
    let data = DataDir::open(dir).expect("the directory is ours").with_cache_bytes(CACHE_BYTES);
    let store = data.create_as(&id(), TenantUuid([5; 16])).expect("there is no tenant yet");
    for round in 0_u8..4 {
        let row = |number: u8, length: usize| Row {
            table: Table::ALL[usize::from(number) % 5],
            key: vec![round, number],
            value: Some([b"row ", &[number][..], "text ".repeat(length).as_bytes()].concat()),
        };
        // Long values are compressed.
        let rows = (0..6).map(|number| row(number, usize::from(number) * 40)).collect();
        store.commit(&Batch { log: vec![(store.applied().next(), vec![round; 30])], rows }).expect("it is written");
    }
    let mut writer = store.begin_snapshot(store.applied()).expect("nobody else writes one");
    for (id, length) in [(1_u8, 100), (7, 0), (2, 64), (3, 1)] {
        writer.section(id.into(), &vec![0x40 | id; length]).expect("it is written");
    }
    writer.finish().expect("it is written");
    store.mark_clean().expect("it is written");
    store
}

static CLOSED: LazyLock<Closed> = LazyLock::new(|| {
    let dir = directory();
    let store = fill(dir.path());
    let content = Content::read(&store).expect("what was written is read");
    let sections = sections(&store).expect("what was written is read");
    drop(store);
    let files = files(dir.path());
    let database = &files.iter().find(|(name, _)| name == DATABASE).expect("there is a database").1;
    let used = database.iter().zip(0_u32..).filter(|(byte, _)| **byte != 0).map(|(_, at)| at).collect();
    Closed { files, content, sections, used }
});

/// A changed database is opened with what it held, or refused by a typed error when it is opened or read. Of each edit a
/// capital letter counts its place among the bytes that are not zero.
pub(crate) fn database(bytes: &[u8]) {
    let closed = &*CLOSED;
    let mut edits = bytes.to_vec();
    for edit in edits.chunks_exact_mut(5) {
        if let [what @ b'A'..=b'Z', high, middle, low, _] = edit {
            let place = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
            [_, *high, *middle, *low] = closed.used[place % closed.used.len()].to_be_bytes();
            *what = what.to_ascii_lowercase();
        }
    }
    let dir = directory();
    let mut is_same = true;
    for (name, bytes) in &closed.files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("it can be made");
        if name == DATABASE {
            let changed = edited(bytes, &edits);
            is_same = changed == *bytes;
            fs::write(&path, changed).expect("it can be written");
        } else {
            fs::write(&path, bytes).expect("it can be written");
        }
    }
    let data = DataDir::open(dir.path()).expect("the directory itself is whole").with_cache_bytes(CACHE_BYTES);
    let store = match data.open_tenant(&id()) {
        Ok(store) => store,
        Err(error) => {
            assert!(!is_same, "what was written is opened: {error}");
            return;
        }
    };
    match Content::read(&store) {
        Ok(content) => assert_eq!(content, closed.content, "damage changes what is read"),
        Err(error) => assert!(!is_same, "what was written is read: {error}"),
    }
    if let Some(sections) = sections(&store) {
        assert_eq!(sections, closed.sections, "damage changes the mapped snapshot");
    }
}

/// A store that stays open while its snapshot file is exchanged.
struct Open {
    store: Store,
    path: PathBuf,
    _dir: TempDir,
}

thread_local! {
    static OPEN: Open = {
        let dir = directory();
        let store = fill(dir.path());
        let (name, _) = CLOSED.snapshot();
        Open { store, path: dir.path().join(name), _dir: dir }
    };
}

/// A changed snapshot file is refused, and the same one is mapped.
pub(crate) fn snapshot_file(bytes: &[u8]) {
    let (_, genuine) = CLOSED.snapshot();
    let changed = if let Some(whole) = bytes.strip_prefix(b"=") { whole.to_vec() } else { edited(genuine, bytes) };
    OPEN.with(|open| {
        // Under another name first, for the file before it may still be mapped.
        let other = open.path.with_extension("other");
        fs::write(&other, &changed).expect("it can be written");
        fs::rename(&other, &open.path).expect("it can be renamed");
        let found = sections(&open.store);
        if changed == *genuine {
            assert_eq!(found.as_ref(), Some(&CLOSED.sections), "what was written is mapped");
        } else {
            assert_eq!(found, None, "a changed snapshot is refused");
        }
    });
}
