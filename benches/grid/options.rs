//! What the command line asks for.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{data::Data, timing::Budget};

/// The sides that can be chosen, as `--sides` names them.
pub(crate) const SIDES: [&str; 4] = ["ours", "tantivy", "postgres", "sqlite"];

/// A run of the grid.
#[derive(Debug)]
pub(crate) struct Options {
    /// The tickets.
    pub(crate) data: Data,
    /// Which of [`SIDES`] are measured. Ours is always one of them.
    pub(crate) sides: Vec<String>,
    /// Where the files go; a temporary directory without it.
    pub(crate) place: Option<PathBuf>,
    /// Where the figures go.
    pub(crate) json: PathBuf,
    /// Where the plot goes.
    pub(crate) svg: PathBuf,
    /// How often each cell is run.
    pub(crate) budget: Budget,
    /// How often each scope is opened cold.
    pub(crate) cold_rounds: usize,
    /// Whether it is the small check that tests run: nothing is written.
    pub(crate) is_check: bool,
}

const BUDGET: Budget = Budget { runs: 101, patience: Duration::from_millis(300) };
const QUICK: Budget = Budget { runs: 11, patience: Duration::from_millis(50) };
const CHECK: Budget = Budget { runs: 1, patience: Duration::ZERO };

/// Tickets of the small check.
const CHECKED: u64 = 3_000;

impl Options {
    /// Reads the arguments of the program; relative paths are taken from the root of the project. Without `--bench`, which
    /// `cargo bench` adds, it is a check.
    ///
    /// # Errors
    /// For an argument that says nothing.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        // `cargo bench` runs it in the folder of the package; who types a path means the one of the project.
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = project.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        let mut options = Self {
            data: Data::Fitted { tickets: 100_000 },
            sides: SIDES.map(str::to_owned).to_vec(),
            place: None,
            json: target.join("ticketscope-bench.json"),
            svg: target.join("ticketscope-bench.svg"),
            budget: BUDGET,
            cold_rounds: 3,
            is_check: false,
        };
        let (mut is_bench, mut is_test) = (false, false);
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "--bench" => is_bench = true,
                "--test" => is_test = true,
                "--quick" => (options.budget, options.cold_rounds) = (QUICK, 1),
                "--tickets" => {
                    let tickets = value()?.replace('_', "").parse().context("--tickets is a number")?;
                    options.data = Data::Fitted { tickets };
                }
                "--lines" => options.data = Data::Lines(project.join(value()?)),
                "--sides" => options.sides = value()?.split(',').map(str::to_owned).collect(),
                "--place" => options.place = Some(project.join(value()?)),
                "--json" => options.json = project.join(value()?),
                "--svg" => options.svg = project.join(value()?),
                other => bail!(
                    "unknown argument {other}: --tickets N, --lines FILE, --sides {}, --place DIR, --json FILE, \
                     --svg FILE, --quick",
                    SIDES.join(",")
                ),
            }
        }
        if let Some(unknown) = options.sides.iter().find(|side| !SIDES.contains(&side.as_str())) {
            bail!("no side {unknown}: there are {}", SIDES.join(", "));
        }
        if is_test || !is_bench {
            // The sides that need no other program.
            let sides = ["ours", "tantivy", "sqlite"].map(str::to_owned).to_vec();
            let data = Data::Fitted { tickets: CHECKED };
            options = Self { data, sides, budget: CHECK, cold_rounds: 1, place: None, is_check: true, ..options };
        }
        Ok(options)
    }
}
