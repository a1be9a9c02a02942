//! Every target on its committed inputs, and on some mutations of each.

use std::{
    collections::BTreeSet,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    thread,
};

use fastrand::Rng;
use ticketscope_fuzz::TARGETS;

/// The stack of a thread that reads hostile input, in bytes: what a thread of a server has.
const STACK: usize = 2 << 20;

/// Files of a corpus at most, and their bytes together.
const MAX_FILES: usize = 64;
const MAX_BYTES: usize = 150 << 10;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a directory in the order of their names; none if there is no such directory.
fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(root().join(kind).join(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn from_env(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Words of the languages, so that mutations stay near to them.
const WORDS: &[&str] = &[
    "\"",
    "\\",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "-",
    "!",
    "&",
    "|",
    "<",
    ">",
    "*",
    "\n",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{200d}",
    "\u{ff21}",
    "null",
    "true",
    "1e400",
    "-0",
    "99999999999999999999",
    "none",
    "me",
    "NaN",
    "\\ud800",
    "%00",
    "%",
    "..",
];

/// `input` changed in one to four places, by itself or by a piece of `other`.
fn mutated(rng: &mut Rng, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..rng.usize(1..5) {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..7) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.u8(..)),
            2 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => {
                let word = WORDS[rng.usize(..WORDS.len())].as_bytes();
                bytes.splice(at..at, word.iter().copied());
            }
            5 if !other.is_empty() => {
                let from = rng.usize(..other.len());
                let piece = &other[from..(from + rng.usize(1..32)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                let end = (at + rng.usize(..16)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Runs `target` on a thread of its own, on every committed input and `rounds` mutations of each.
fn run(name: &'static str, rounds: u64) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).unwrap().1;
    let seed = from_env("TICKETSCOPE_SEED").unwrap_or(1);
    let rounds = from_env("TICKETSCOPE_ROUNDS").unwrap_or(rounds);
    let body = move || {
        let inputs: Vec<_> = ["corpus", "crashes"].into_iter().flat_map(|kind| inputs(kind, name)).collect();
        for (path, bytes) in &inputs {
            let outcome = catch_unwind(|| target(bytes));
            outcome.unwrap_or_else(|panic| {
                eprintln!("target {name} breaks on {}", path.display());
                resume_unwind(panic)
            });
        }
        for seed in seed..seed + rounds {
            let mut rng = Rng::with_seed(seed);
            for (path, bytes) in &inputs {
                let other = &inputs[rng.usize(..inputs.len())].1;
                let bytes = mutated(&mut rng, bytes, other);
                let outcome = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
                outcome.unwrap_or_else(|panic| {
                    let file = path.display();
                    eprintln!("target {name}, TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1, from {file}: {bytes:?}");
                    resume_unwind(panic)
                });
            }
        }
    };
    let thread = thread::Builder::new().stack_size(STACK).spawn(body).unwrap();
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

macro_rules! short_runs {
    ($($target:ident: $rounds:expr),* $(,)?) => {
        $(
            #[test]
            fn $target() {
                run(stringify!($target), $rounds);
            }
        )*

        /// The targets that have a short run.
        const RUN: &[&str] = &[$(stringify!($target)),*];
    };
}

short_runs! {
    query: 300,
    cursor: 100,
    expression_text: 300,
    expression_json: 300,
    role: 100,
    vectors: 100,
    import: 60,
    index_sections: 20,
    index_records: 20,
    database: 4,
    snapshot_file: 40,
    backup: 6,
    text_index: 4,
    words: 100,
    names: 200,
    http_question: 8,
    http_head: 4,
    http_position: 8,
    http_credential: 8,
    engine: 1,
}

#[test]
fn every_target_has_a_short_run_and_a_corpus_and_every_directory_a_target() {
    let targets: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(targets.len(), TARGETS.len(), "names of targets differ");
    assert_eq!(targets, RUN.iter().copied().collect(), "every target is run");
    for target in &targets {
        let corpus = inputs("corpus", target);
        let bytes: usize = corpus.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!((3..=MAX_FILES).contains(&corpus.len()), "corpus/{target} has {} files", corpus.len());
        assert!(bytes <= MAX_BYTES, "corpus/{target} has {bytes} bytes");
        let distinct: BTreeSet<&Vec<u8>> = corpus.iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(distinct.len(), corpus.len(), "corpus/{target} holds an input twice");
    }
    for kind in ["corpus", "crashes"] {
        let Ok(entries) = fs::read_dir(root().join(kind)) else { continue };
        for entry in entries {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(targets.contains(&*name), "{kind}/{name} belongs to no target");
        }
    }
    for entry in fs::read_dir(root().join("dict")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let target = name.strip_suffix(".dict").unwrap();
        assert!(targets.contains(target), "dict/{name} belongs to no target");
    }
}
