//! The engine against a slow oracle, on the live data.
//!
//! The oracle's rows come from the state on disk, rebuilt row by row, and not from the index in force. It holds every
//! ticket as a plain row (some KiB each) and answers each question by looking at all of them, so this takes its time.
//! Three things are compared: the index in force with the one rebuilt from the state; for every asker the visible set
//! with the oracle's and with the point check of each ticket; and the answers to random questions.

mod askers;
mod index;
mod questions;
mod rows;

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    path::Path,
};

use fastrand::Rng;
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde_json::json;
use ticketscope_bitmap::Index;
use ticketscope_engine::storage::{Damaged, RejectedSnapshot, Verification};
use ticketscope_query::Snapshot;

use self::{askers::Who, questions::Examiner};
use crate::{
    args::VerifyArgs,
    exit::Exit,
    failure::Failure,
    open,
    output::{Output, counted},
};

/// Differences that are told; the others are counted.
const TOLD: usize = 50;

/// Questions of one asker that one core asks in a row.
const IN_A_ROW: usize = 32;

/// What was compared.
#[derive(Debug, Default)]
struct Findings {
    passed: u64,
    failed: u64,
    /// What differed, some for each failed comparison.
    differences: Vec<String>,
}

impl Findings {
    /// One comparison, which passed if nothing differed.
    fn of(differences: Vec<String>) -> Self {
        let failed = u64::from(!differences.is_empty());
        Self { passed: 1 - failed, failed, differences }
    }

    fn and(mut self, other: Self) -> Self {
        self.passed += other.passed;
        self.failed += other.failed;
        self.differences.extend(other.differences);
        self
    }
}

pub(crate) fn run(data: &Path, args: &VerifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.tenant)?;
    let files = if args.full { Some(tenant.verify_files()?) } else { None };
    if let Some(damage) = files.as_ref().and_then(damage) {
        return Err(damage);
    }
    let snapshot = tenant.snapshot();
    let rebuilt = tenant.rebuilt_index()?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let bar = if io::stderr().is_terminal() { ProgressBar::new(args.questions.into()) } else { ProgressBar::hidden() };
    let findings = compare(&snapshot, &rebuilt, seed, args.questions, &bar);
    bar.finish_and_clear();
    let findings = findings?;
    let told = &findings.differences[..findings.differences.len().min(TOLD)];
    if out.wants_json() {
        out.json(&json!({
            "passed": findings.passed,
            "failed": findings.failed,
            "seed": seed,
            "questions": args.questions,
            "tickets": rebuilt.universe().len(),
            "rows_checked": files.as_ref().map(|files| files.rows + files.log_rows),
            "differences": told,
        }))?;
    } else {
        for difference in told {
            out.line(difference)?;
        }
        if let Some(files) = &files {
            let (rows, log) = (counted(files.rows, "row"), counted(files.log_rows, "log row"));
            out.line(format!("files: {rows}, {log} and {} intact", counted(files.snapshots, "mapped snapshot")))?;
        }
        out.line(format!("seed {seed}, {}", counted(rebuilt.universe().len().into(), "ticket")))?;
        out.line(format!("{} passed, {} failed", findings.passed, findings.failed))?;
    }
    Ok(if findings.failed == 0 { Exit::Done } else { Exit::No })
}

/// What is wrong with the files, if anything is.
fn damage(files: &Verification) -> Option<Failure> {
    if files.is_intact() {
        return None;
    }
    let rejected = |rejected: &RejectedSnapshot| format!("{}: {}", rejected.path.display(), rejected.defect);
    let found: Vec<String> =
        files.damaged.iter().map(Damaged::to_string).chain(files.rejected.iter().map(rejected)).collect();
    Some(Failure::new(Exit::Data, "damaged", format!("the tenant's files are damaged: {}", found.join("; "))))
}

/// Compares everything that `snapshot` answers with what follows from `rebuilt`.
fn compare(
    snapshot: &Snapshot,
    rebuilt: &Index,
    seed: u64,
    questions: u32,
    bar: &ProgressBar,
) -> Result<Findings, Failure> {
    let findings = Findings::of(index::differences(snapshot.index(), rebuilt));
    if findings.failed > 0 {
        // With another index every answer differs, which would say nothing more.
        return Ok(findings);
    }
    let everybody = askers::everybody(snapshot)?;
    let world = rows::world(snapshot, rebuilt, &everybody);
    // Each question has its own random numbers, so that it can be asked again alone.
    let mut by_asker: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for number in 0..u64::from(questions) {
        let seed = seed.wrapping_add(number);
        by_asker.entry(Rng::with_seed(seed).usize(..everybody.len())).or_default().push(seed);
    }
    let turns: Vec<Turn<'_>> = by_asker
        .iter()
        .flat_map(|(asker, seeds)| {
            let who = &everybody[*asker];
            seeds.chunks(IN_A_ROW).enumerate().map(move |(at, seeds)| Turn { who, is_first: at == 0, seeds })
        })
        .collect();
    let asked = turns.into_par_iter().map(|turn| turn.ask(&Examiner::new(snapshot, rebuilt, &world, turn.who), bar));
    Ok(asked.reduce(Findings::default, Findings::and).and(findings))
}

/// Some questions of one asker.
struct Turn<'t> {
    who: &'t Who,
    /// Whether it is the asker's first turn, in which its visible set is compared too.
    is_first: bool,
    seeds: &'t [u64],
}

impl Turn<'_> {
    fn ask(&self, examiner: &Examiner<'_>, bar: &ProgressBar) -> Findings {
        let visible = if self.is_first { Findings::of(examiner.visible_set()) } else { Findings::default() };
        self.seeds.iter().fold(visible, |findings, seed| {
            bar.inc(1);
            findings.and(Findings::of(examiner.question(*seed)))
        })
    }
}

#[cfg(test)]
mod tests;
