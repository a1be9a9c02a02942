//! A text index whose writer was killed: what the next process removes must not be wanted by what a power cut brings back.

use std::{path::Path, sync::Arc};

use ticketscope_model::{Opstamp, TextClass, TextPart};
use ticketscope_query::text::{TextDefect, TextIdentity, TextIndex, TextMark, analysis::Languages};
use ticketscope_storage::disk::Disk;
use ticketscope_testkit::simdisk::{Choice, SimDisk};

const DIR: &str = "/text";
const TICKETS: u32 = 8;

fn open(disk: &SimDisk) -> Result<TextIndex, TextDefect> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
    TextIndex::open_on(&disk, Path::new(DIR), identity)
}

/// Replaces the texts of all tickets, as the batch of this number.
fn commit(index: &mut TextIndex, number: u64) {
    let part = |ord: u32| TextPart {
        part: "s".into(),
        class: TextClass::Subject,
        lang: None,
        body: format!("word{number} of{ord}").into(),
        author: None,
        at: None,
    };
    let texts: Vec<(u32, Vec<TextPart>)> = (0..TICKETS).map(|ord| (ord, vec![part(ord)])).collect();
    let ords: Vec<u32> = (0..TICKETS).collect();
    index.write(&ords, texts.as_slice()).unwrap();
    index.commit(TextMark { position: Opstamp(number), history: 0 }).unwrap();
}

#[test]
fn after_a_kill_and_a_power_cut_the_index_is_that_of_one_commit_or_the_other() {
    let disk = SimDisk::default();
    disk.make_dir(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let mut index = open(&disk).unwrap();
    commit(&mut index, 1);
    let begun = disk.operation_count();
    commit(&mut index, 2);
    drop(index);
    let mut replay = disk.replay();
    let end = replay.operations().len();
    let mut seen = [0; 3];
    for place in begun..=end {
        let killed = replay.advance_to(place).kill();
        drop(open(&killed).unwrap());
        let mut replay = killed.replay();
        let last = replay.operations().len();
        let moment = replay.advance_to(last).clone();
        let one_by_one = (0..moment.pending_count()).map(Choice::Without);
        for choice in [Choice::None, Choice::All].into_iter().chain(one_by_one).chain((0..8).map(Choice::Random)) {
            let left = open(&moment.crash(choice));
            let context = format!("killed after {place} of {end} operations, then {choice:?}");
            let position = left.unwrap_or_else(|defect| panic!("{context}: {defect:?}")).view().position();
            let slot = usize::try_from(position.0).unwrap();
            assert!((1..=2).contains(&slot), "{context}: {position:?}");
            seen[slot] += 1;
        }
    }
    assert!(seen[1] > 0 && seen[2] > 0, "{seen:?}");
}
