use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{canary::Canary, guard::Guard};

const VERSION: u32 = 1;

/// Why the file of canaries cannot be read or written.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The system refuses.
    #[error("{action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error("{} has mode {mode:o} and must be its owner's alone: chmod 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It was there before. Whoever removes canaries leaves a file that says so.
    #[error("{} is gone: put it back, or restart to go on without the canaries that were in it", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else than canaries.
    #[error("read canaries in {}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Which canaries are planted in which tenants of a data directory: a file of mode 0600, which is not there before there
/// is one, and stays when there are none any more.
///
/// Whoever changes it waits until others have, in this process or another, and begins with what they left; a file beside
/// it that is locked meanwhile sees to that. [`Self::refresh`] sees what others put there.
#[derive(Debug)]
pub struct Canaries {
    path: PathBuf,
    /// What the file looked like when it was last read, and the one at a time that changes it.
    seen: Mutex<Option<Stamp>>,
    known: RwLock<Known>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    tenants: BTreeMap<String, Vec<Canary>>,
    guard: Arc<Guard>,
}

/// What every version says of itself.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    tenants: BTreeMap<String, Vec<Canary>>,
}

/// By what a replaced file is told from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    len: u64,
    inode: u64,
}

impl Canaries {
    /// The canaries in the file at `path`; none if it is not there.
    ///
    /// # Errors
    /// [`RegistryError`], in particular that others than its owner may read it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RegistryError> {
        let canaries = Self { path: path.into(), seen: Mutex::new(None), known: RwLock::default() };
        canaries.refresh()?;
        Ok(canaries)
    }

    /// Every canary, by tenant.
    pub fn list(&self) -> BTreeMap<String, Vec<Canary>> {
        self.known.read().tenants.clone()
    }

    /// What looks out for them.
    pub fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.known.read().guard)
    }

    /// Adds canaries to those of a tenant, durably.
    ///
    /// # Errors
    /// [`RegistryError`]; then they are not there.
    pub fn add(&self, tenant: &str, canaries: &[Canary]) -> Result<(), RegistryError> {
        self.change(|tenants| {
            tenants.entry(tenant.to_owned()).or_default().extend_from_slice(canaries);
            true
        })
    }

    /// Forgets every canary of a tenant, durably; does nothing if there are none.
    ///
    /// # Errors
    /// [`RegistryError`]; then they are still there.
    pub fn forget(&self, tenant: &str) -> Result<(), RegistryError> {
        if !self.known.read().tenants.contains_key(tenant) && stamp(&self.path)?.is_none() {
            return Ok(());
        }
        self.change(|tenants| tenants.remove(tenant).is_some())
    }

    /// Reads the file again if it was changed.
    ///
    /// # Errors
    /// [`RegistryError`], in particular that the file is gone; those that were known stay known.
    pub fn refresh(&self) -> Result<(), RegistryError> {
        let mut seen = self.seen.lock();
        let stamp = stamp(&self.path)?;
        if stamp == *seen {
            return Ok(());
        }
        if stamp.is_none() {
            return Err(RegistryError::Gone { path: self.path.clone() });
        }
        *self.known.write() = self.know(self.read()?)?;
        *seen = stamp;
        Ok(())
    }

    /// Makes a change of what is in the file now, if `change` says that it is one.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<Canary>>) -> bool) -> Result<(), RegistryError> {
        let _turn = self.turn()?;
        let mut seen = self.seen.lock();
        let mut stamp = stamp(&self.path)?;
        // A file that is gone comes back with what was known.
        let mut tenants = if stamp.is_some() { self.read()? } else { self.known.read().tenants.clone() };
        let is_changed = change(&mut tenants);
        let known = self.know(tenants)?;
        if is_changed {
            stamp = self.write(&known.tenants)?;
        }
        if stamp.is_some() {
            *seen = stamp;
        }
        *self.known.write() = known;
        Ok(())
    }

    /// The turn of whoever changes the file, until it is dropped. Not of the file itself, which is replaced.
    fn turn(&self) -> Result<File, RegistryError> {
        let path = self.path.with_extension("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| failed("open", &path, error))?;
        file.lock().map_err(|error| failed("lock", &path, error))?;
        Ok(file)
    }

    fn know(&self, tenants: BTreeMap<String, Vec<Canary>>) -> Result<Known, RegistryError> {
        let all = tenants.iter().flat_map(|(tenant, list)| list.iter().map(move |canary| (tenant.as_str(), canary)));
        if let Some((tenant, _)) = all.clone().find(|(_, canary)| canary.word_is_missing()) {
            return Err(self.malformed(format!("a canary of tenant `{tenant}` lacks its words")));
        }
        let guard = Guard::new(all).map_err(|error| self.malformed(error.to_string()))?;
        Ok(Known { tenants, guard: Arc::new(guard) })
    }

    fn read(&self) -> Result<BTreeMap<String, Vec<Canary>>, RegistryError> {
        let path = &self.path;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            let metadata = fs::metadata(path).map_err(|error| failed("look at", path, error))?;
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(RegistryError::Exposed { path: path.clone(), mode });
            }
        }
        let text = fs::read_to_string(path).map_err(|error| failed("read", path, error))?;
        if let Ok(Versioned { version: found }) = serde_json::from_str(&text)
            && found > VERSION
        {
            let problem = format!("it was written by a newer version (format {found}, this program knows {VERSION})");
            return Err(self.malformed(format!("{problem}; update the program")));
        }
        let stored: Stored = serde_json::from_str(&text).map_err(|error| self.malformed(error.to_string()))?;
        if stored.version != VERSION {
            return Err(self.malformed(format!("version {} is not {VERSION}", stored.version)));
        }
        Ok(stored.tenants)
    }

    /// Puts the canaries in place of the file, durably. None are written down, too: a file that is gone says nothing.
    fn write(&self, tenants: &BTreeMap<String, Vec<Canary>>) -> Result<Option<Stamp>, RegistryError> {
        let path = &self.path;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let stored = Stored { version: VERSION, tenants: tenants.clone() };
        let text = serde_json::to_string_pretty(&stored).map_err(|error| self.malformed(error.to_string()))?;
        // It is made for its owner alone, and gone again if anything below fails.
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(|error| failed("create a file in", dir, error))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all());
        written.map_err(|error| failed("write", path, error))?;
        file.persist(path).map_err(|error| failed("replace", path, error.error))?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| failed("sync", dir, error))?;
        stamp(path)
    }

    fn malformed(&self, problem: String) -> RegistryError {
        RegistryError::Malformed { path: self.path.clone(), problem }
    }
}

impl Canary {
    /// An empty word would be found everywhere.
    fn word_is_missing(&self) -> bool {
        crate::Part::ALL.into_iter().any(|part| self.word(part).is_empty()) || self.ticket.is_empty()
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> RegistryError {
    RegistryError::Io { action, path: path.to_owned(), source }
}

/// What the file looks like; nothing if there is none.
fn stamp(path: &Path) -> Result<Option<Stamp>, RegistryError> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(|error| failed("look at", path, error))?,
    };
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    let modified = metadata.modified().map_err(|error| failed("look at", path, error))?;
    Ok(Some(Stamp { modified, len: metadata.len(), inode }))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, os::unix::fs::PermissionsExt};

    use ticketscope_model::Timestamp;

    use super::*;

    fn canary() -> Canary {
        Canary::new(Timestamp(7)).unwrap()
    }

    #[test]
    fn what_is_added_is_there_for_another_reader_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("canaries.json");
        let (one, two) = (Canaries::open(&path).unwrap(), Canaries::open(&path).unwrap());
        let (a, b) = (canary(), canary());
        one.add("acme", std::slice::from_ref(&a)).unwrap();
        one.add("other", std::slice::from_ref(&b)).unwrap();
        assert!(!two.guard().is_armed());
        two.refresh().unwrap();
        assert_eq!(two.list(), BTreeMap::from([("acme".into(), vec![a.clone()]), ("other".into(), vec![b.clone()])]));
        assert_eq!(two.guard().find(&[a.side.as_bytes(), b.private.as_bytes()]).len(), 2);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        two.forget("acme").unwrap();
        two.forget("acme").unwrap();
        one.refresh().unwrap();
        assert!(one.guard().find(&[a.public.as_bytes()]).is_empty());
        one.forget("other").unwrap();
        two.refresh().unwrap();
        assert!(!two.guard().is_armed());
        assert!(Canaries::open(&path).unwrap().list().is_empty());
    }

    #[test]
    fn a_file_that_is_gone_disarms_nobody_who_knew_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("canaries.json");
        let (one, two) = (Canaries::open(&path).unwrap(), Canaries::open(&path).unwrap());
        two.refresh().unwrap();
        let (a, b) = (canary(), canary());
        one.add("acme", std::slice::from_ref(&a)).unwrap();
        two.refresh().unwrap();
        fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            assert!(matches!(two.refresh(), Err(RegistryError::Gone { .. })));
            assert_eq!(two.guard().find(&[a.side.as_bytes()]).len(), 1);
        }
        // Whoever plants one more brings back the others.
        one.add("acme", std::slice::from_ref(&b)).unwrap();
        two.refresh().unwrap();
        assert_eq!(two.list(), BTreeMap::from([("acme".into(), vec![a, b])]));
    }

    #[test]
    fn a_file_that_is_none_or_that_others_may_read_is_refused_and_what_was_known_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("canaries.json");
        let canaries = Canaries::open(&path).unwrap();
        let a = canary();
        canaries.add("acme", std::slice::from_ref(&a)).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        for bad in ["", "{}", "[]", &good.replace("\"version\": 1", "\"version\": 2"), &good.replace(&a.side, "")] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(canaries.refresh(), Err(RegistryError::Malformed { .. })), "{bad}");
            assert!(matches!(Canaries::open(&path), Err(RegistryError::Malformed { .. })), "{bad}");
            assert!(canaries.guard().is_armed());
        }
        fs::write(&path, r#"{"version": 2, "nests": []}"#).unwrap();
        let newer = Canaries::open(&path).unwrap_err().to_string();
        assert!(newer.contains("newer version (format 2, this program knows 1); update the program"), "{newer}");
        fs::write(&path, &good).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Canaries::open(&path), Err(RegistryError::Exposed { mode: 0o640, .. })));
    }

    #[test]
    fn changes_of_several_who_opened_the_file_alike_all_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("canaries.json");
        let all: Vec<Canaries> = (0..4).map(|_| Canaries::open(&path).unwrap()).collect();
        all[3].forget("acme").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nobody planted any");
        let planted: Vec<Canary> = (0..40).map(|_| canary()).collect();
        std::thread::scope(|scope| {
            for (canaries, own) in all.iter().zip(planted.chunks(10)) {
                scope
                    .spawn(move || own.iter().for_each(|one| canaries.add("acme", std::slice::from_ref(one)).unwrap()));
            }
        });
        let stays = |canaries: &Canaries| {
            let tickets = |canaries: &[Canary]| canaries.iter().map(|one| one.ticket.clone()).collect::<BTreeSet<_>>();
            assert_eq!(tickets(&canaries.list()["acme"]), tickets(&planted));
        };
        stays(&Canaries::open(&path).unwrap());
        // Whoever knows of none forgets those of others as well, and those of one tenant alone.
        let unaware = || Canaries { path: path.clone(), seen: Mutex::default(), known: RwLock::default() };
        let one = unaware();
        one.forget("other").unwrap();
        stays(&one);
        unaware().forget("acme").unwrap();
        assert!(Canaries::open(&path).unwrap().list().is_empty());
    }

    fn golden() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format/beside/v1/canaries.json");
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_golden_file_says_what_it_said_and_is_written_alike() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("canaries.json");
        fs::write(&path, golden()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let canaries = Canaries::open(&path).unwrap();
        let of = |words: [&str; 3], planted| Canary {
            ticket: format!("canary-{}", words[0].repeat(20)),
            public: words[0].repeat(20),
            private: words[1].repeat(20),
            side: words[2].repeat(20),
            planted,
        };
        let (b, f, j) = (["b", "c", "d"], ["f", "g", "h"], ["j", "k", "l"]);
        let start = 1_795_176_000_000;
        let expected = BTreeMap::from([
            ("acme".into(), vec![of(b, start), of(f, start + 1)]),
            ("zeta".into(), vec![of(j, start)]),
        ]);
        assert_eq!(canaries.list(), expected);
        assert_eq!(canaries.guard().find(&["L".repeat(20).as_bytes()]).len(), 1);
        let again = Canaries::open(dir.path().join("again.json")).unwrap();
        for (tenant, own) in expected {
            again.add(&tenant, &own).unwrap();
        }
        assert_eq!(fs::read_to_string(dir.path().join("again.json")).unwrap(), golden());
    }
}
