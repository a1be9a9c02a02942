//! Small tenants to be damaged, and what they answer.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use tempfile::TempDir;
use ticketscope_engine::{Engine, RecoverError, Tenant, TenantError, TenantOpenError};
use ticketscope_storage::{CommitError, DataDir, OpenError, ReadError, SnapshotError};
use ticketscope_tests::{
    account::{Account, NoAccount, index_text},
    compare,
    script::{Script, Step},
};

use crate::{
    image,
    reference::{id, submit},
};

/// Seeds, batches, and whether the tenant is closed, or left as a kill leaves it.
const SPECIMENS: [(u64, u64, bool); 3] = [(101, 7, true), (102, 12, false), (103, 18, true)];

/// Bytes of a page of the database.
pub(crate) const PAGE_BYTES: usize = 4096;

/// A part of a tenant's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Log and state, which are the truth.
    Log,
    /// Mapped snapshots.
    Snapshots,
    /// The text index.
    Text,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Log, Self::Snapshots, Self::Text];

    fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("redb") => Some(Self::Log),
            Some("tsnap") => Some(Self::Snapshots),
            _ => path.components().any(|part| part.as_os_str() == "text").then_some(Self::Text),
        }
    }
}

/// A data directory with one tenant, and what it answers.
#[derive(Debug)]
pub(crate) struct Specimen {
    dir: TempDir,
    pub(crate) script: Script,
    pub(crate) account: Account,
    /// The tenant's files, relative to the data directory, with their parts and lengths.
    pub(crate) files: Vec<(PathBuf, Part, u64)>,
    live_pages: OnceLock<Vec<u64>>,
}

/// What became of an opening.
#[derive(Debug)]
pub(crate) enum Found {
    /// An account, and what was not used of what is derived.
    Account { account: Account, put_aside: Vec<String> },
    /// A refusal that names damage.
    Damage(String),
    /// Any other refusal.
    Refusal(String),
}

/// The specimens, which are made once.
pub(crate) fn specimens() -> &'static [Specimen] {
    static MADE: OnceLock<Vec<Specimen>> = OnceLock::new();
    MADE.get_or_init(|| SPECIMENS.map(|(seed, batches, close)| Specimen::new(seed, 0..batches, close)).into())
}

impl Specimen {
    /// Plays some batches of a script, in a new directory or, not from the beginning, on what another left.
    pub(crate) fn new(seed: u64, batches: std::ops::Range<u64>, close: bool) -> Self {
        Self::after(&image::directory(), seed, batches, close)
    }

    /// Plays some batches of a script on a copy of a data directory.
    pub(crate) fn after(before: &TempDir, seed: u64, batches: std::ops::Range<u64>, close: bool) -> Self {
        let (script, dir) = (Script::new(seed), image::copy_of(before.path()));
        let engine = Engine::open(dir.path()).unwrap();
        let tenant = engine.tenant_or_create(&id()).unwrap();
        for number in batches {
            submit(&tenant, &script, number);
            for step in script.steps_after(number) {
                match step {
                    Step::IndexText => index_text(&tenant).unwrap(),
                    Step::Checkpoint => tenant.checkpoint().unwrap(),
                    Step::Reopen | Step::Neighbour => {}
                }
            }
        }
        let account = Account::of(&tenant, &script).unwrap();
        // The files as they are while the tenant is open are what a kill leaves.
        let dir = if close { dir } else { image::copy_of(dir.path()) };
        drop(tenant);
        engine.close().unwrap();
        drop(engine);
        let mut files = Vec::new();
        list(dir.path(), Path::new(""), &mut files);
        files.sort();
        let files = files.into_iter().filter_map(|(path, len)| Some((Part::of(&path)?, path, len)));
        let files = files.map(|(part, path, len)| (path, part, len)).collect();
        Self { dir, script, account, files, live_pages: OnceLock::new() }
    }

    /// The data directory, which nobody may change.
    pub(crate) fn dir(&self) -> &TempDir {
        &self.dir
    }

    /// Files of a part that hold something.
    pub(crate) fn files_of(&self, part: Part) -> impl Iterator<Item = (&Path, u64)> {
        let of_part =
            move |(path, of, len): &'_ (PathBuf, Part, u64)| *of == part && *len > 0 && !path.ends_with("LOCK");
        self.files.iter().filter(move |file| of_part(file)).map(|(path, _, len)| (path.as_path(), *len))
    }

    /// Where the pages of the database begin that its newest transaction uses, as redb's own check has it: the others are
    /// free, and what stands in them is no part of anything.
    pub(crate) fn live_pages(&self) -> &[u64] {
        self.live_pages.get_or_init(|| {
            let (path, len) = self.files_of(Part::Log).next().unwrap();
            let bytes = fs::read(self.dir.path().join(path)).unwrap();
            let is_live = |page: &u64| {
                let copy = image::copy_of(self.dir.path());
                let mut bytes = bytes.clone();
                // In the number of entries, which no page can be without.
                bytes[usize::try_from(*page).unwrap() + 2] ^= 1;
                fs::write(copy.path().join(path), bytes).unwrap();
                let store = DataDir::open(copy.path()).unwrap().open_tenant(&id());
                store.map_or(true, |store| !store.verify().is_ok_and(|verification| verification.is_intact()))
            };
            (0..len).step_by(PAGE_BYTES).filter(is_live).collect()
        })
    }

    /// What a copy answers after `damage`, which must be what it answered before; a part of the truth may be refused
    /// instead. Answers what was found.
    pub(crate) fn damaged(&self, part: Part, damage: impl FnOnce(&Path), context: &str) -> Found {
        let copy = image::copy_of(self.dir.path());
        damage(copy.path());
        let found = self.open(copy.path(), context);
        match &found {
            Found::Account { account, .. } => {
                assert!(*account == self.account, "{context}: {}", account.difference(&self.account));
            }
            Found::Damage(_) if part == Part::Log => {}
            Found::Damage(why) | Found::Refusal(why) => panic!("{context}: it is refused: {why}"),
        }
        found
    }

    /// Opens the data directory `dir` and takes its account.
    pub(crate) fn open(&self, dir: &Path, context: &str) -> Found {
        let engine = match Engine::open(dir) {
            Ok(engine) => engine,
            Err(error) => return Found::Refusal(chain(&error)),
        };
        let tenant = match engine.tenant(&id()) {
            Ok(tenant) => tenant,
            Err(error) if is_damage(&error) => return Found::Damage(chain(&error)),
            Err(error) => return Found::Refusal(chain(&error)),
        };
        self.account_of(&tenant, context)
    }

    fn account_of(&self, tenant: &Tenant, context: &str) -> Found {
        match Account::of(tenant, &self.script) {
            // A row that nobody has read yet is found now.
            Ok(_)
                if let Err(error) = tenant.rebuilt_index()
                    && is_damaged_state(&error) =>
            {
                Found::Damage(chain(&error))
            }
            Ok(account) => {
                compare::assert_is_rebuilt(tenant, context);
                let text = tenant.stats().unwrap().text.put_aside;
                let put_aside = tenant.recovery().rejected.iter().cloned().chain(text).collect();
                Found::Account { account, put_aside }
            }
            Err(NoAccount::Text(error)) if is_damaged_state(&error) => Found::Damage(chain(&error)),
            // The text thread meets damage of the state as well as anybody.
            Err(NoAccount::Words(failure)) if failure.contains("table `texts`") => Found::Damage(failure),
            Err(error) => Found::Refusal(chain(&error)),
        }
    }
}

fn list(root: &Path, below: &Path, files: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            list(root, &path, files);
        } else {
            files.push((path, entry.metadata().unwrap().len()));
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn is_damage(error: &TenantError) -> bool {
    let TenantError::Open { source, .. } = error else { return false };
    match &**source {
        TenantOpenError::Open(error) => matches!(error, OpenError::Damaged(_)),
        TenantOpenError::Recover(error) => is_damaged_state(error),
        TenantOpenError::Damaged(_) => true,
    }
}

fn is_damaged_state(error: &RecoverError) -> bool {
    matches!(
        error,
        RecoverError::Read(ReadError::Damaged(_))
            | RecoverError::Commit(CommitError::Damaged(_))
            | RecoverError::Snapshot(SnapshotError::Read(ReadError::Damaged(_)))
    )
}
