use std::path::Path;

use storage::disk::{Disk, DiskFile, Opening, SystemDisk};
use ticketscope_storage as storage;

use super::*;

fn at(path: &str) -> &Path {
    Path::new(path)
}

fn make(disk: &SimDisk, path: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = disk.open(at(path), Opening::New).unwrap();
    file.write_at(0, bytes).unwrap();
    file
}

/// A file that is durable, name and all.
fn durable(disk: &SimDisk, path: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = make(disk, path, bytes);
    file.sync().unwrap();
    disk.sync_dir(at(path).parent().unwrap()).unwrap();
    file
}

fn now(disk: &SimDisk) -> Moment {
    let mut replay = disk.replay();
    let count = replay.operations().len();
    replay.advance_to(count).clone()
}

/// Every disk that a power cut now may leave, as far as `read` tells them apart.
fn outcomes<T: Ord>(disk: &SimDisk, read: impl Fn(&SimDisk) -> T) -> Vec<T> {
    let moment = now(disk);
    let mut choices = vec![Choice::None, Choice::All];
    choices.extend((0..moment.pending_count()).map(Choice::Without));
    choices.extend((0..moment.torn_sectors()).map(Choice::Torn));
    choices.extend((0..300).map(Choice::Random));
    let mut outcomes: Vec<T> = choices.into_iter().map(|choice| read(&moment.crash(choice))).collect();
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

fn read(path: &'static str) -> impl Fn(&SimDisk) -> Option<Vec<u8>> {
    move |disk| disk.read(at(path)).ok()
}

#[test]
fn what_was_synced_is_there_after_every_crash() {
    let disk = SimDisk::default();
    disk.make_dir(at("/d")).unwrap();
    disk.sync_dir(at("/")).unwrap();
    durable(&disk, "/d/f", b"bytes");
    assert_eq!(outcomes(&disk, read("/d/f")), [Some(b"bytes".to_vec())]);
}

#[test]
fn what_was_not_synced_may_be_there_or_not() {
    let disk = SimDisk::default();
    let file = durable(&disk, "/f", b"old");
    file.write_at(0, b"new").unwrap();
    assert_eq!(disk.read(at("/f")).unwrap(), b"new");
    assert_eq!(outcomes(&disk, read("/f")), [Some(b"new".to_vec()), Some(b"old".to_vec())]);
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, read("/f")), [Some(b"new".to_vec())]);
}

#[test]
fn a_name_is_not_durable_by_a_sync_of_its_file() {
    let disk = SimDisk::default();
    make(&disk, "/f", b"bytes").sync().unwrap();
    assert_eq!(outcomes(&disk, read("/f")), [None, Some(b"bytes".to_vec())]);
    disk.sync_dir(at("/")).unwrap();
    assert_eq!(outcomes(&disk, read("/f")), [Some(b"bytes".to_vec())]);
}

#[test]
fn a_durable_name_may_be_of_a_file_without_its_bytes() {
    let disk = SimDisk::default();
    let file = make(&disk, "/f", b"bytes");
    disk.sync_dir(at("/")).unwrap();
    assert_eq!(outcomes(&disk, read("/f")), [Some(Vec::new()), Some(b"bytes".to_vec())]);
    file.set_size(2).unwrap();
    let found = outcomes(&disk, read("/f"));
    assert_eq!(found, [&b""[..], b"\0\0", b"by", b"bytes"].map(|bytes| Some(bytes.to_vec())));
}

#[test]
fn a_file_below_a_directory_without_a_durable_name_may_be_gone() {
    let disk = SimDisk::default();
    disk.make_dir(at("/d")).unwrap();
    durable(&disk, "/d/f", b"bytes");
    assert_eq!(outcomes(&disk, read("/d/f")), [None, Some(b"bytes".to_vec())]);
}

#[test]
fn a_rename_is_one_step_and_durable_with_its_directory() {
    let disk = SimDisk::default();
    durable(&disk, "/f", b"old");
    durable(&disk, "/f.tmp", b"new");
    disk.rename(at("/f.tmp"), at("/f")).unwrap();
    let names = |disk: &SimDisk| (disk.names(at("/")).unwrap(), disk.read(at("/f")).unwrap());
    let (before, after) = ((vec!["f".into(), "f.tmp".into()], b"old".to_vec()), (vec!["f".into()], b"new".to_vec()));
    assert_eq!(outcomes(&disk, names), [after.clone(), before]);
    disk.sync_dir(at("/")).unwrap();
    assert_eq!(outcomes(&disk, names), [after]);
}

#[test]
fn what_was_removed_may_be_back_until_its_directory_is_synced() {
    let disk = SimDisk::default();
    durable(&disk, "/f", b"bytes");
    disk.remove(at("/f")).unwrap();
    assert!(!disk.exists(at("/f")).unwrap());
    assert_eq!(outcomes(&disk, read("/f")), [None, Some(b"bytes".to_vec())]);
    disk.sync_dir(at("/")).unwrap();
    assert_eq!(outcomes(&disk, read("/f")), [None]);
}

#[test]
fn a_write_tears_at_sectors_and_nowhere_else() {
    let disk = SimDisk::default();
    let file = durable(&disk, "/f", &[0; 2048]);
    file.write_at(100, &[1; 1000]).unwrap();
    let found = outcomes(&disk, read("/f"));
    for bytes in &found {
        let bytes = bytes.as_ref().unwrap();
        let parts = [&bytes[100..512], &bytes[512..1024], &bytes[1024..1100]];
        assert!(parts.iter().all(|part| part.iter().all(|byte| *byte == part[0])), "torn inside a sector");
        assert!(bytes[..100].iter().chain(&bytes[1100..]).all(|byte| *byte == 0));
    }
    assert_eq!(found.len(), 8, "any of the three sectors may be missing");
    assert_eq!(now(&disk).torn_sectors(), 3);
    let torn = |sectors| now(&disk).crash(Choice::Torn(sectors)).read(at("/f")).unwrap();
    assert_eq!(torn(0), [0; 2048]);
    assert_eq!((&torn(1)[100..512], &torn(1)[512..]), (&[1; 412][..], &[0; 1536][..]));
    assert_eq!(torn(3), disk.read(at("/f")).unwrap());
}

#[test]
fn a_kill_loses_nothing_and_makes_nothing_durable() {
    let disk = SimDisk::default();
    let file = durable(&disk, "/f", b"old");
    file.write_at(0, b"new").unwrap();
    let killed = now(&disk).kill();
    assert_eq!(killed.read(at("/f")).unwrap(), b"new");
    assert_eq!(outcomes(&killed, read("/f")), [Some(b"new".to_vec()), Some(b"old".to_vec())]);
    // The old name for it is as good as the new one: a sync makes durable what others wrote.
    killed.open(at("/f"), Opening::Existing).unwrap().sync().unwrap();
    assert_eq!(outcomes(&killed, read("/f")), [Some(b"new".to_vec())]);
}

fn fail(disk: &SimDisk, reason: Reason, lasting: bool) {
    let at = disk.call_count(Calls::Changes);
    disk.fail(Fault { calls: Calls::Changes, at, reason, lasting });
}

#[test]
fn after_a_failed_sync_only_what_is_written_again_becomes_durable() {
    let disk = SimDisk::default();
    let file = durable(&disk, "/f", &[0; 3 * 4096]);
    for page in 0..3 {
        file.write_at(page * 4096, &[1; 4096]).unwrap();
    }
    fail(&disk, Reason::Io, false);
    assert!(file.sync().is_err());
    file.write_at(4096, &[2]).unwrap();
    file.sync().unwrap();
    let pages = |disk: &SimDisk| {
        let bytes = disk.read(at("/f")).unwrap();
        [bytes[1], bytes[4096], bytes[4097], bytes[8193]]
    };
    assert_eq!(pages(&disk), [1, 2, 1, 1], "the cache has it all");
    assert_eq!(outcomes(&disk, pages), [[0, 2, 1, 0], [0, 2, 1, 1], [1, 2, 1, 0], [1, 2, 1, 1]]);
}

#[test]
fn a_fault_comes_at_its_call_once_or_until_it_is_healed() {
    for lasting in [false, true] {
        let disk = SimDisk::default();
        let file = durable(&disk, "/f", b"old");
        disk.fail(Fault {
            calls: Calls::Changes,
            at: disk.call_count(Calls::Changes) + 1,
            reason: Reason::Io,
            lasting,
        });
        file.write_at(0, b"new").unwrap();
        let error = file.write_at(0, &[7; 2048]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        assert_eq!(disk.len(at("/f")).unwrap(), 1024, "half of it was written");
        assert_eq!(file.write_at(0, b"new").is_err(), lasting);
        assert!(!disk.heal(), "it came");
        file.write_at(0, b"new").unwrap();
    }
    let disk = SimDisk::default();
    disk.fail(Fault { calls: Calls::Reads, at: 1, reason: Reason::Io, lasting: false });
    let file = durable(&disk, "/f", b"old");
    file.read_at(0, &mut [0; 3]).unwrap();
    assert!(disk.heal(), "it is still to come");
    disk.fail(Fault { calls: Calls::Reads, at: 1, reason: Reason::Io, lasting: false });
    assert!(disk.read(at("/f")).is_err());
    assert_eq!(disk.read(at("/f")).unwrap(), b"old");
}

#[test]
fn a_full_disk_refuses_what_needs_space_and_nothing_else() {
    let disk = SimDisk::default();
    let file = durable(&disk, "/f", b"old");
    fail(&disk, Reason::Full, true);
    let error = file.write_at(0, b"new").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(disk.open(at("/g"), Opening::New).is_err());
    assert!(disk.make_dir(at("/d")).is_err());
    file.sync().unwrap();
    disk.rename(at("/f"), at("/g")).unwrap();
    disk.remove(at("/g")).unwrap();
    disk.sync_dir(at("/")).unwrap();
    assert!(!disk.heal());
    disk.make_dir(at("/d")).unwrap();
}

/// What every call answers, in words.
fn account(disk: &dyn Disk, root: &Path) -> Vec<String> {
    let mut account = Vec::new();
    let mut say = |text: String| account.push(text);
    let kind = |result: std::io::Result<()>| result.map_err(|error| error.kind());
    let (dir, file, other) = (root.join("d"), root.join("d/f"), root.join("d/g"));
    say(format!("{:?} {:?}", disk.exists(&dir).unwrap(), disk.is_dir(&dir)));
    say(format!("{:?}", kind(disk.open(&file, Opening::New).map(drop))));
    say(format!("{:?} {:?}", kind(disk.make_dir(&dir)), kind(disk.make_dir(&dir))));
    say(format!("{:?} {:?}", disk.exists(&dir).unwrap(), disk.is_dir(&dir)));
    say(format!("{:?}", kind(disk.open(&file, Opening::Existing).map(drop))));
    let open = disk.open(&file, Opening::New).unwrap();
    say(format!("{:?}", kind(disk.open(&file, Opening::New).map(drop))));
    open.write_at(3, b"bytes").unwrap();
    let mut out = [9; 4];
    say(format!("{:?} {out:?}", kind(open.read_at(2, &mut out))));
    say(format!("{:?}", kind(open.read_at(5, &mut out))));
    open.set_size(6).unwrap();
    open.set_size(10).unwrap();
    say(format!("{:?} {:?} {:?}", disk.read(&file).unwrap(), open.size().unwrap(), disk.len(&file).unwrap()));
    let map = disk.map(&file).unwrap();
    disk.rename(&file, &other).unwrap();
    say(format!("{:?} {:?}", disk.names(&dir).unwrap(), kind(disk.rename(&file, &other))));
    disk.open(&file, Opening::Emptied).unwrap().write_at(0, b"new").unwrap();
    say(format!("{:?} {:?}", disk.names(&dir).unwrap(), disk.read(&file).unwrap()));
    disk.rename(&file, &other).unwrap();
    say(format!("{:?} {:?} {:?}", disk.names(&dir).unwrap(), disk.read(&other).unwrap(), &map[..]));
    open.sync().unwrap();
    say(format!("{:?}", open.size().unwrap()));
    disk.open(&other, Opening::Emptied).unwrap();
    say(format!("{:?}", disk.map(&other).unwrap().len()));
    disk.remove(&other).unwrap();
    say(format!("{:?} {:?}", kind(disk.remove(&other)), kind(disk.read(&other).map(drop))));
    disk.open(&file, Opening::New).unwrap();
    disk.remove_tree(&dir).unwrap();
    say(format!("{:?} {:?}", kind(disk.names(&dir).map(drop)), kind(disk.sync_dir(&dir))));
    disk.sync_dir(root).unwrap();
    let lock = disk.lock(&root.join("lock")).unwrap();
    say(format!("{:?} {:?}", lock.is_some(), disk.lock(&root.join("lock")).unwrap().is_some()));
    drop(lock);
    say(format!("{:?}", disk.lock(&root.join("lock")).unwrap().is_some()));
    account
}

#[test]
fn it_answers_what_the_disk_of_the_system_answers() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(account(&SimDisk::default(), at("/")), account(&SystemDisk, dir.path()));
}
