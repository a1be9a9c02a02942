//! Backups that were changed by somebody who seals them anew.

use std::{fs, sync::LazyLock};

use ticketscope_model::Timestamp;
use ticketscope_storage::{Backup, BackupWriter, DataDir, RestoreError, Store};
use xxhash_rust::xxh3::xxh3_128;

use super::storage::{Content, fill, id};
use crate::{
    choices::{Choices, edited},
    desk::directory,
};

/// Where the compressed rows begin in their file.
const FRAME_AT: usize = 16;

/// A backup: what it says of itself, the rows, and what they are.
struct Genuine {
    manifest: String,
    rows: Vec<u8>,
    content: Content,
}

static GENUINE: LazyLock<Genuine> = LazyLock::new(|| {
    let dir = directory();
    let store = fill(&dir.path().join("data"));
    let to = dir.path().join("backup");
    let mut writer = BackupWriter::begin(&to).expect("there is none yet");
    writer.add(&id(), &store).expect("it is written");
    writer.finish(Timestamp(0)).expect("it is written");
    Genuine {
        manifest: fs::read_to_string(to.join("BACKUP")).expect("it was written"),
        rows: fs::read(to.join("acme.rows")).expect("it was written"),
        content: Content::read(&store).expect("what was written is read"),
    }
});

/// What the backup says of itself if these are its rows.
fn sealed(genuine: &Genuine, rows: &[u8]) -> String {
    let digest = |bytes: &[u8]| format!("{:032x}", xxh3_128(bytes));
    let manifest = genuine.manifest.replace(&digest(&genuine.rows), &digest(rows));
    let manifest = manifest.replace(&format!("\"bytes\":{}", genuine.rows.len()), &format!("\"bytes\":{}", rows.len()));
    let end = manifest.rfind("xxh3 ").expect("it has a checksum");
    format!("{}xxh3 {}\n", &manifest[..end], digest(&manifest.as_bytes()[..end]))
}

/// The rows, edited before they were compressed.
fn recompressed(genuine: &Genuine, edits: &[u8]) -> Vec<u8> {
    let (header, frame) = genuine.rows.split_at(FRAME_AT);
    let stream = zstd::decode_all(frame).expect("it was compressed");
    let frame = zstd::encode_all(&edited(&stream, edits)[..], 1).expect("it fits into memory");
    [header, &frame].concat()
}

/// A changed backup is refused by a typed error and leaves nothing, or is restored as what was backed up. The first byte
/// chooses what is changed: what the backup says of itself, the file of rows, or the rows before they were compressed.
pub(crate) fn backup(bytes: &[u8]) {
    let genuine = &*GENUINE;
    let mut choices = Choices::new(bytes);
    let (manifest, rows) = match choices.below(3) {
        0 => (edited(genuine.manifest.as_bytes(), choices.rest()), genuine.rows.clone()),
        what => {
            let rows = match what {
                1 => edited(&genuine.rows, choices.rest()),
                _ => recompressed(genuine, choices.rest()),
            };
            (sealed(genuine, &rows).into_bytes(), rows)
        }
    };
    let is_same = manifest == genuine.manifest.as_bytes();
    let dir = directory();
    let from = dir.path().join("backup");
    fs::create_dir(&from).expect("it can be made");
    fs::write(from.join("BACKUP"), manifest).expect("it can be written");
    fs::write(from.join("acme.rows"), rows).expect("it can be written");
    let data = DataDir::open(dir.path().join("data")).expect("it can be made");
    let restore = || -> Result<Store, RestoreError> {
        let backup = Backup::open(&from)?;
        let restoring = data.restore(&backup, backup.find(&id())?, &id())?;
        let store = restoring.open().expect("what was checked opens");
        assert!(store.verify().expect("it can be read").is_intact());
        drop(store);
        restoring.finish()?;
        Ok(data.open_tenant(&id()).expect("what was opened opens again"))
    };
    match restore() {
        Ok(store) => {
            let content = Content::read(&store).expect("what was verified is read");
            assert_eq!(content, genuine.content, "a changed backup is restored as something else");
        }
        Err(error) => {
            assert!(!is_same, "what was backed up is restored: {error}");
            assert_eq!(data.tenants().expect("it can be listed"), [], "{error}");
        }
    }
}
