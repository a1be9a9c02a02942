//! The engine against a slow oracle, on the live data.
//!
//! The oracle's rows and texts come from the state on disk, read row by row, and not from the indexes in force. It holds
//! every ticket as a plain row (some KiB each) and its text word by word, and answers each question by looking at all of
//! them, so this takes its time. Three things are compared: the index in force with the one rebuilt from the state; for
//! every asker the visible set with the oracle's and with the point check of each ticket; and the answers to questions,
//! random ones and those of a file: counts, lists by every plan with the bits of their scores, and facets.

mod askers;
mod draw;
mod questions;
mod rows;
mod words;
mod written;

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
};

use fastrand::Rng;
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde_json::json;
use ticketscope_audit::Action;
use ticketscope_bitmap::{Index, differences};
use ticketscope_engine::{
    RecoverError, Tenant, TextVerification,
    storage::{Damaged, RejectedSnapshot, Verification},
};
use ticketscope_query::Snapshot;
use ticketscope_testkit::oracle::text::Library;

use self::{
    askers::Who,
    questions::{Data, Examiner, Outcome},
    rows::Texts,
    words::Vocabulary,
    written::Written,
};
use crate::{
    args::VerifyArgs,
    ask,
    audit::record,
    data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Output, counted},
};

/// Differences that are told; the others are counted.
const TOLD: usize = 50;

/// Questions of one asker that one core asks in a row.
const IN_A_ROW: usize = 32;

/// What random questions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// Fields and, where there are words, words.
    Anything,
    /// Words, also beside fields.
    Words,
}

impl About {
    /// The option that asks for such questions.
    fn option(self) -> &'static str {
        match self {
            Self::Anything => "questions",
            Self::Words => "words",
        }
    }
}

/// Which questions are asked.
#[derive(Debug)]
struct Exam {
    seed: u64,
    about: About,
    /// How many random ones.
    drawn: u32,
    /// Asked by one asker of each kind.
    written: Vec<Written>,
}

/// A question.
#[derive(Debug, Clone, Copy)]
enum Question<'e> {
    /// The one of this seed.
    Drawn(u64),
    Written(&'e Written),
}

/// What was compared.
#[derive(Debug, Default)]
struct Findings {
    passed: u64,
    failed: u64,
    /// Questions that find any ticket: the others prove less.
    with_hits: u64,
    /// What differed, some for each failed comparison.
    differences: Vec<String>,
}

impl Findings {
    /// One comparison, which passed if nothing differed.
    fn of(differences: Vec<String>) -> Self {
        let failed = u64::from(!differences.is_empty());
        Self { passed: 1 - failed, failed, with_hits: 0, differences }
    }

    /// One question.
    fn of_question(outcome: Outcome) -> Self {
        Self { with_hits: u64::from(outcome.has_hits), ..Self::of(outcome.differences) }
    }

    fn and(mut self, other: Self) -> Self {
        self.passed += other.passed;
        self.failed += other.failed;
        self.with_hits += other.with_hits;
        self.differences.extend(other.differences);
        self
    }
}

pub(crate) fn run(data: &data::Data, args: &VerifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.tenant)?;
    record(data, data.entry(Action::Verify).of_tenant(args.tenant.as_str()))?;
    let files = if args.full { Some(tenant.verify_files()?) } else { None };
    if let Some(damage) = files.as_ref().and_then(damage) {
        return Err(damage);
    }
    ask::wait_for_text(data, &tenant)?;
    let text = if args.full { Some(verify_text(&tenant)?) } else { None };
    let view = tenant.view().map_err(RecoverError::from)?;
    let snapshot = view.snapshot();
    let rebuilt = tenant.rebuilt_index()?;
    let (about, drawn) = match args.words {
        Some(words) => (About::Words, words),
        None => (About::Anything, args.questions),
    };
    let written = match &args.queries {
        Some(path) => written::read(path, snapshot.schema())?,
        None => Vec::new(),
    };
    let exam = Exam { seed: args.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)), about, drawn, written };
    let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let findings = compare(snapshot, &rebuilt, &|ord| view.parts(ord), &exam, &bar);
    bar.finish_and_clear();
    let findings = findings?;
    let told = &findings.differences[..findings.differences.len().min(TOLD)];
    if out.wants_json() {
        out.json(&json!({
            "passed": findings.passed,
            "failed": findings.failed,
            "seed": exam.seed,
            "questions": exam.drawn,
            "queries": exam.written.len(),
            "with_hits": findings.with_hits,
            "tickets": rebuilt.universe().len(),
            "rows_checked": files.as_ref().map(|files| files.rows + files.log_rows),
            "snapshots_checked": files.as_ref().map(|files| files.snapshots),
            "text_checked": text.as_ref().map(|text| json!({
                "files": text.files, "bytes": text.bytes, "tickets": text.tickets, "words": text.words,
            })),
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
        if let Some(text) = &text {
            let (files, tickets) = (counted(text.files, "file"), counted(text.tickets, "ticket"));
            let words = counted(text.words, "word");
            out.line(format!("text: {files} intact; {words} of {tickets} are indexed as their texts say"))?;
        }
        out.line(format!("seed {}, {}", exam.seed, counted(rebuilt.universe().len().into(), "ticket")))?;
        out.line(format!("{} passed, {} failed", findings.passed, findings.failed))?;
    }
    Ok(if findings.failed == 0 { Exit::Done } else { Exit::No })
}

/// Whether the text index is whole and says what the texts say; it is a failure if not.
fn verify_text(tenant: &Tenant) -> Result<TextVerification, Failure> {
    let scratch = tempfile::tempdir()?;
    let text = tenant.verify_text(scratch.path()).map_err(|error| Failure::of(Exit::Data, "text", &error))?;
    if text.differences.is_empty() {
        return Ok(text);
    }
    let message = format!("the tenant's text index is damaged: {}", text.differences.join("; "));
    Err(Failure::new(Exit::Data, "damaged", message)
        .hint("nothing is lost: it is made anew when the tenant is opened again"))
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

/// Compares everything that `snapshot` answers with what follows from `rebuilt` and `texts`.
fn compare(
    snapshot: &Snapshot,
    rebuilt: &Index,
    texts: &Texts<'_>,
    exam: &Exam,
    bar: &ProgressBar,
) -> Result<Findings, Failure> {
    let findings = Findings::of(differences(snapshot.index(), rebuilt));
    if findings.failed > 0 {
        // With another index every answer differs, which would say nothing more.
        return Ok(findings);
    }
    let everybody = askers::everybody(snapshot)?;
    let world = rows::world(snapshot, rebuilt, texts, &everybody)?;
    let library = Library::of(&world);
    let vocabulary = Vocabulary::of(&world, &library);
    if exam.about == About::Words && vocabulary.is_empty() {
        let message = "the tickets of this tenant have no words to ask for";
        return Err(Failure::new(Exit::Usage, "no_words", message).hint("ask --questions instead of --words"));
    }
    let data = Data { snapshot, rebuilt, world: &world, library: &library, vocabulary: &vocabulary };
    let by_asker = by_asker(snapshot, &everybody, exam);
    bar.set_length(by_asker.values().map(|questions| questions.len() as u64).sum());
    let turns: Vec<Turn<'_>> = by_asker
        .iter()
        .flat_map(|(asker, questions)| {
            let who = &everybody[*asker];
            let turn = move |(at, questions)| Turn { who, is_first: at == 0, about: exam.about, questions };
            questions.chunks(IN_A_ROW).enumerate().map(turn)
        })
        .collect();
    let asked = turns.into_par_iter().map(|turn| turn.ask(&Examiner::new(data, turn.who), bar));
    Ok(asked.reduce(Findings::default, Findings::and).and(findings))
}

/// The questions of each asker, by its place among everybody.
fn by_asker<'e>(snapshot: &Snapshot, everybody: &[Who], exam: &'e Exam) -> BTreeMap<usize, Vec<Question<'e>>> {
    let mut by_asker: BTreeMap<usize, Vec<Question<'e>>> = BTreeMap::new();
    let of_each_kind = askers::of_each_kind(snapshot, everybody);
    // Each question has its own random numbers, so that it can be asked again alone.
    for number in 0..u64::from(exam.drawn) {
        let seed = exam.seed.wrapping_add(number);
        let mut rng = Rng::with_seed(seed);
        // Where most principals are customers, the others are asked too.
        let asker = if rng.u32(..4) == 0 { pick(&mut rng, &of_each_kind) } else { rng.usize(..everybody.len()) };
        by_asker.entry(asker).or_default().push(Question::Drawn(seed));
    }
    if !exam.written.is_empty() {
        for asker in of_each_kind {
            by_asker.entry(asker).or_default().extend(exam.written.iter().map(Question::Written));
        }
    }
    by_asker
}

/// Some questions of one asker.
struct Turn<'t> {
    who: &'t Who,
    /// Whether it is the asker's first turn, in which its visible set is compared too.
    is_first: bool,
    about: About,
    questions: &'t [Question<'t>],
}

impl Turn<'_> {
    fn ask(&self, examiner: &Examiner<'_>, bar: &ProgressBar) -> Findings {
        let visible = if self.is_first { Findings::of(examiner.visible_set()) } else { Findings::default() };
        self.questions.iter().fold(visible, |findings, question| {
            bar.inc(1);
            findings.and(Findings::of_question(match question {
                Question::Drawn(seed) => examiner.question(*seed, self.about),
                Question::Written(written) => examiner.written(written),
            }))
        })
    }
}

/// One of a list that is not empty.
fn pick<T: Copy>(rng: &mut Rng, list: &[T]) -> T {
    list[rng.usize(..list.len())]
}

#[cfg(test)]
mod tests;
