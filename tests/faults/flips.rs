//! One bit, anywhere: a damaged truth is refused or answers as before; what is derived always answers as before.

use std::{
    any::Any,
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use fastrand::Rng;
use parking_lot::Mutex;

use crate::{
    amount::{number, seed},
    specimen::{Found, PAGE_BYTES, Part, Specimen, specimens},
    watchdog::Watchdog,
};

/// Bits in each part in a short run, which takes one thread.
const SHORT: usize = 1_000;

/// Bytes at the beginning of the database of which a long run flips every bit: one page.
const HEADER_BYTES: u64 = PAGE_BYTES as u64;

/// A bit of a file.
#[derive(Debug)]
struct Bit<'s> {
    specimen: &'s Specimen,
    path: PathBuf,
    at: u64,
    mask: u8,
}

impl Bit<'_> {
    fn flip(&self, dir: &Path) {
        let path = dir.join(&self.path);
        let mut bytes = fs::read(&path).unwrap();
        bytes[usize::try_from(self.at).unwrap()] ^= self.mask;
        fs::write(&path, bytes).unwrap();
    }
}

/// A bit of a part of a specimen: half of the files by their number, half by their length; of a database mostly in pages that
/// are in use, and mostly in bytes that are not 0, for much of them is unused too.
fn draw(rng: &mut Rng, part: Part) -> Bit<'static> {
    let specimen = &specimens()[rng.usize(..specimens().len())];
    let files: Vec<_> = specimen.files_of(part).collect();
    let all: u64 = files.iter().map(|(_, len)| len).sum();
    let mut place = rng.u64(..all);
    let by_length = files.iter().find(|(_, len)| {
        let is_here = place < *len;
        place = place.wrapping_sub(*len);
        is_here
    });
    let (path, len) = if rng.bool() { files[rng.usize(..files.len())] } else { *by_length.unwrap() };
    let mut at = rng.u64(..len);
    if part == Part::Log && rng.u32(..10) > 0 {
        let pages = specimen.live_pages();
        // A page begins with what says where everything in it stands, and is seldom full.
        let near = (0..3).map(|_| rng.u64(..PAGE_BYTES as u64)).min().unwrap_or(0);
        at = pages[rng.usize(..pages.len())] + near * near / PAGE_BYTES as u64;
    }
    if rng.u32(..5) > 0 {
        let bytes = fs::read(specimen.dir().path().join(path)).unwrap();
        at = (0..len).map(|step| (at + step) % len).find(|at| bytes[usize::try_from(*at).unwrap()] != 0).unwrap_or(at);
    }
    Bit { specimen, path: path.to_owned(), at, mask: 1 << rng.u32(..8) }
}

/// Every bit of what stands first in a database, or of what says where everything stands in a snapshot.
fn headers(part: Part) -> Vec<Bit<'static>> {
    let mut bits = Vec::new();
    let specimen = &specimens()[0];
    // Of snapshots the newest, which is the one that is read.
    let (path, len) = specimen.files_of(part).last().unwrap();
    let places: Vec<u64> = match part {
        Part::Log => (0..HEADER_BYTES.min(len)).collect(),
        Part::Snapshots => {
            let bytes = fs::read(specimen.dir().path().join(path)).unwrap();
            // Where the section table begins; see the layout of mapped snapshots.
            let table = u64::from_le_bytes(bytes[40..48].try_into().unwrap());
            (0..64).chain(table..len).collect()
        }
        Part::Text => Vec::new(),
    };
    for at in places {
        bits.extend((0..8).map(|bit| Bit { specimen, path: path.to_owned(), at, mask: 1 << bit }));
    }
    bits
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "what the flips led to is what a long run is for")]
fn flip_all(part: Part) {
    let seed = seed() + 4;
    let count = number("TICKETSCOPE_FLIPS", SHORT);
    let mut rng = Rng::with_seed(seed);
    let mut bits: Vec<_> = (0..count).map(|_| draw(&mut rng, part)).collect();
    let threads = if count > SHORT {
        bits.extend(headers(part));
        rng.shuffle(&mut bits);
        std::thread::available_parallelism().map_or(1, usize::from)
    } else {
        1
    };
    let outcomes: Mutex<BTreeMap<&str, usize>> = Mutex::default();
    let failures: Mutex<Vec<String>> = Mutex::default();
    let watchdog = Watchdog::new();
    let try_some = |bits: &[Bit<'_>]| {
        for bit in bits {
            let context =
                format!("seed {seed}, {:?} of script {}", (&bit.path, bit.at, bit.mask), bit.specimen.script.seed());
            let trial = || bit.specimen.damaged(part, |dir| bit.flip(dir), &context);
            let found = watchdog.watch(&context, || catch_unwind(AssertUnwindSafe(trial)));
            let outcome = match found {
                Ok(Found::Account { put_aside, .. }) if put_aside.is_empty() => "the same, and nothing was put aside",
                Ok(Found::Account { .. }) => "the same, from what was left",
                Ok(Found::Damage(_) | Found::Refusal(_)) => "refused",
                Err(panic) => {
                    failures.lock().push(format!("{context}: {}", message(&*panic)));
                    "failed"
                }
            };
            *outcomes.lock().entry(outcome).or_default() += 1;
        }
    };
    std::thread::scope(|scope| {
        for bits in bits.chunks(bits.len().div_ceil(threads).max(1)) {
            scope.spawn(|| try_some(bits));
        }
    });
    let (outcomes, failures) = (outcomes.into_inner(), failures.into_inner());
    println!("{} bits of {part:?}: {outcomes:?}", bits.len());
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), bits.len(), failures.join("\n"));
    let noticed: usize = outcomes.iter().filter(|(name, _)| !name.contains("nothing")).map(|(_, count)| count).sum();
    // Of those that are drawn: most of a header is room for what is not there.
    assert!(noticed * 4 > count, "most flips are noticed: {outcomes:?}");
}

#[test]
fn no_bit_of_the_log_and_state_changes_an_answer() {
    flip_all(Part::Log);
}

#[test]
fn no_bit_of_a_mapped_snapshot_changes_an_answer() {
    flip_all(Part::Snapshots);
}

#[test]
fn no_bit_of_the_text_index_changes_an_answer() {
    flip_all(Part::Text);
}
