//! One run: build the sides, compare them, time them.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use ticketscope_benches::Planned;

use crate::{
    census::Census,
    check::{Truth, agreement},
    cluster::Cluster,
    cold,
    data::Data,
    machine,
    options::Options,
    ours::{Ours, page, query},
    postgres_side::{self, Guard, Postgres},
    question::Question,
    reach::{self, Reach},
    results::{Cell, Participant, PlannedCell, Results},
    shelf::Shelf,
    side::{Failure, Side, TOP, Task},
    sqlite_side::Sqlite,
    tantivy_side::{Filter, Tantivy},
    timing::{Budget, Took},
    words::Cutter,
};

/// A side with the seconds that it took to build it; the first of one family has them all.
struct Built {
    side: Box<dyn Side>,
    seconds: f64,
}

/// The sides beside ours, those that are missing, and what is known of them.
#[derive(Default)]
struct Peers {
    sides: Vec<Built>,
    left_out: Vec<(&'static str, String)>,
    postgres: Option<String>,
    shelf: Option<Rc<Shelf>>,
}

impl Peers {
    fn build(names: &[String], data: &Data, place: &Path, census: &Arc<Census>) -> Result<Self> {
        let mut peers = Self::default();
        let wants = |side: &str| names.iter().any(|name| name == side);
        if wants("tantivy") {
            let began = Instant::now();
            let shelf = Rc::new(Shelf::build(data, &place.join("tantivy"), Arc::clone(census))?);
            let seconds = began.elapsed().as_secs_f64();
            for filter in Filter::ALL {
                let side = Box::new(Tantivy::new(Rc::clone(&shelf), filter));
                peers.sides.push(Built { side, seconds });
            }
            peers.shelf = Some(shelf);
        }
        if wants("postgres") {
            match Cluster::start() {
                Ok(cluster) => peers.add_postgres(cluster, data, census)?,
                Err(why) => peers.leave_out("postgres", &why),
            }
        }
        if wants("sqlite") {
            let began = Instant::now();
            let side = Box::new(Sqlite::build(data, &place.join("sqlite"), Arc::clone(census))?);
            peers.sides.push(Built { side, seconds: began.elapsed().as_secs_f64() });
        }
        Ok(peers)
    }

    fn add_postgres(&mut self, cluster: Cluster, data: &Data, census: &Arc<Census>) -> Result<()> {
        let began = Instant::now();
        postgres_side::load(&cluster, data, census)?;
        let seconds = began.elapsed().as_secs_f64();
        let cluster = Rc::new(cluster);
        for guard in [Guard::Where, Guard::Policy] {
            let mut side = Box::new(Postgres::new(Rc::clone(&cluster), guard, Arc::clone(census))?);
            self.postgres = Some(side.version()?);
            self.sides.push(Built { side, seconds });
        }
        Ok(())
    }

    fn leave_out(&mut self, side: &'static str, why: &anyhow::Error) {
        eprintln!("left out: {side}, because {why:#}");
        self.left_out.push((side, format!("{why:#}")));
    }
}

/// Builds everything, compares, times.
///
/// # Errors
/// If a side cannot be built or answers otherwise than ours.
pub(crate) fn measure(options: &Options) -> Result<Results> {
    let (place, _temporary) = place(options)?;
    let ours_place = place.join("ours");
    let began = Instant::now();
    let (mut ours, mut census) = Ours::build(&options.data, &ours_place)?;
    let built = began.elapsed().as_secs_f64();
    let mut cutter = Cutter::new();
    let questions = Question::choose(&census, &mut cutter);
    census.forget_words();
    let census = Arc::new(census);
    let worded: Vec<&Question> = questions.iter().filter(|question| question.has_words()).collect();
    let reaches = reach::grid(&census, 0);
    let variants: Vec<Vec<Reach>> = (1..=worded.len()).map(|variant| reach::grid(&census, variant)).collect();
    ours.hire(&reaches, 0)?;
    for (variant, reaches) in (1..).zip(&variants) {
        ours.hire(reaches, variant)?;
    }
    // Opened again, so that nothing of the import is left in memory.
    ours.close()?;
    let mut ours = Ours::open(&ours_place)?;
    let segments = ours.segments()?;
    if !options.is_check {
        println!("ours: {built:.0} s to import with its history, segments (documents, deleted) {segments:?}");
    }
    let Peers { mut sides, left_out, postgres, shelf } = Peers::build(&options.sides, &options.data, &place, &census)?;
    let shelf_segments = shelf.as_ref().map(|shelf| shelf.segments());
    if let Some(segments) = shelf_segments.as_ref().filter(|_| !options.is_check) {
        println!("tantivy: segments (documents, deleted) {segments:?}");
    }
    let Warm { cells, planned, agreement } = warm(&mut ours, &mut sides, &reaches, &questions, options)?;
    let mut participants = vec![Participant { name: ours.name(), is_restricted: true, built }];
    participants.extend(sides.iter().map(|Built { side, seconds }| Participant {
        name: side.name(),
        is_restricted: side.is_restricted(),
        built: *seconds,
    }));
    drop((sides, shelf));
    ours.close()?;
    let cold = cold::measure(&ours_place, &reaches, &variants, &worded, options.cold_rounds)?;
    Ok(Results {
        machine: machine::facts(postgres.as_deref()),
        data: json!({
            "name": options.data.name(),
            "tickets": census.tickets,
            "groups": census.groups.counts().len(),
            "tags": census.tags.counts().len(),
            "words_of_the_first_200000_tickets": census.words,
            "ours_segments": segments,
            "tantivy_segments": shelf_segments,
        }),
        reaches,
        questions,
        sides: participants,
        left_out,
        cells,
        cold,
        planned,
        agreement,
    })
}

/// What is measured while everything is warm.
struct Warm {
    cells: Vec<Cell>,
    planned: Vec<PlannedCell>,
    agreement: Vec<(usize, usize)>,
}

/// Compares and times every cell, the unrestricted ones first: that is where a side without a scope is compared.
fn warm(
    ours: &mut Ours,
    sides: &mut [Built],
    reaches: &[Reach],
    questions: &[Question],
    options: &Options,
) -> Result<Warm> {
    let mut warm = Warm { cells: Vec::new(), planned: Vec::new(), agreement: Vec::new() };
    for (at, reach) in reaches.iter().enumerate().rev() {
        for (asked, question) in questions.iter().enumerate() {
            let compared = compare(ours, sides, reach, question)?;
            for task in Task::ALL.into_iter().filter(|task| task.suits(question)) {
                let took = time(ours, sides, &compared, task, options.budget)?;
                warm.cells.push(Cell { reach: at, question: asked, task, found: compared.found, took });
            }
            // After what is compared with others: it asks ours much more often.
            if question.has_words() {
                let access = ours.access(reach, 0)?;
                let planned = Planned::measure(ours.snapshot(), &access, &query(question), &page(TOP));
                warm.planned.push(PlannedCell { reach: at, question: asked, planned });
                if reach.groups.is_none() {
                    warm.agreement.extend(agreed(ours, sides)?.map(|same| (asked, same)));
                }
            }
        }
        if !options.is_check {
            eprintln!("{}: measured", reach.label);
        }
    }
    warm.cells.sort_by_key(|cell| (cell.question, cell.reach, cell.task));
    Ok(warm)
}

/// Where the files go. The temporary directory is removed when it is dropped.
fn place(options: &Options) -> Result<(PathBuf, Option<TempDir>)> {
    if let Some(place) = &options.place {
        ensure!(!place.join("ours").exists(), "{} holds the files of another run: name another place", place.display());
        std::fs::create_dir_all(place).with_context(|| format!("make {}", place.display()))?;
        return Ok((place.clone(), None));
    }
    let dir = tempfile::Builder::new().prefix("grid-").tempdir()?;
    Ok((dir.path().to_owned(), Some(dir)))
}

/// What was learned while the sides were compared.
struct Compared {
    found: u64,
    /// Tasks that took a side too long, by its place.
    too_long: Vec<Vec<Task>>,
}

/// Prepares every side for a question in a scope and holds its answers against ours.
fn compare(ours: &mut Ours, sides: &mut [Built], reach: &Reach, question: &Question) -> Result<Compared> {
    let place = || format!("in the scope {} ({} tickets)", reach.label, reach.tickets);
    let mut truth = Truth::of(ours, reach, question).with_context(place)?;
    truth.check(ours, question).with_context(place)?;
    let mut too_long = Vec::with_capacity(sides.len());
    for Built { side, .. } in sides {
        side.prepare(reach, question)
            .map_err(anyhow::Error::from)
            .with_context(|| format!("{} is prepared for {} {}", side.name(), question.label, place()))?;
        let is_comparable = side.is_restricted() || reach.groups.is_none();
        too_long.push(if is_comparable { truth.check(&mut **side, question).with_context(place)? } else { Vec::new() });
    }
    Ok(Compared { found: truth.total(), too_long })
}

fn time(ours: &mut Ours, sides: &mut [Built], compared: &Compared, task: Task, budget: Budget) -> Result<Vec<Took>> {
    let mut took = vec![Took::measure(budget, || ours.answer(task))?];
    for (Built { side, .. }, too_long) in sides.iter_mut().zip(&compared.too_long) {
        took.push(if too_long.contains(&task) {
            Took::TooLong
        } else {
            Took::measure(budget, || side.answer(task)).with_context(|| side.name())?
        });
    }
    Ok(took)
}

/// How many of the ten best are the same as tantivy's, where it is there.
fn agreed(ours: &mut Ours, sides: &mut [Built]) -> Result<Option<usize>, Failure> {
    let Some(Built { side, .. }) = sides.iter_mut().find(|built| !built.side.is_restricted()) else { return Ok(None) };
    Ok(agreement(&ours.answer(Task::Top)?, &side.answer(Task::Top)?))
}
