//! What a backup says of itself: three lines of text.
//!
//! ```text
//! ticketscope backup 1
//! {"made_at":"2026-01-31T09:30:00Z","tenants":[{"tenant":"acme","uuid":"..","opstamp":7,"bytes":9,"xxh3":"..",..}]}
//! xxh3 <XXH3-128 of the two lines before, in hexadecimal>
//! ```
//!
//! The first line comes first in every version, so that a newer one is told from a damaged one.

use std::path::Path;

use serde::{Deserialize, Serialize};
use ticketscope_model::{Opstamp, Timestamp};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    RestoreError, TenantId,
    disk::{SystemDisk, steps},
    files,
};

/// The newest version of a backup, which is what is written.
pub(super) const VERSION: u32 = 1;

/// The file's name in a backup.
pub(super) const FILE: &str = "BACKUP";

/// What stands before the version.
const NAME: &str = "ticketscope backup ";

/// What stands before the checksum.
const CHECKSUM: &str = "xxh3 ";

/// The longest file that is read, in bytes: some hundred thousand tenants.
const MAX_BYTES: u64 = 64 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// When it was finished.
    pub made_at: Timestamp,
    /// The tenants in it, sorted by name.
    pub tenants: Vec<BackedUp>,
}

/// One tenant in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// Its name.
    pub tenant: TenantId,
    /// Its uuid, in hexadecimal. What is restored gets another one.
    pub uuid: String,
    /// The last change that is in the backup.
    pub opstamp: Opstamp,
    /// State rows.
    pub rows: u64,
    /// Log rows.
    pub log_rows: u64,
    /// Length of its file in bytes.
    pub bytes: u64,
    /// XXH3-128 of its file, in hexadecimal.
    pub xxh3: String,
}

/// The second line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    made_at: String,
    tenants: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tenant: String,
    uuid: String,
    opstamp: u64,
    rows: u64,
    log_rows: u64,
    bytes: u64,
    xxh3: String,
}

impl BackedUp {
    /// The name of its file in the backup.
    pub(super) fn file(&self) -> String {
        Self::file_of(&self.tenant)
    }

    /// The name of the file of a tenant.
    pub(super) fn file_of(tenant: &TenantId) -> String {
        format!("{tenant}.rows")
    }
}

impl Manifest {
    /// As the file holds it.
    pub(super) fn to_text(&self) -> Result<String, serde_json::Error> {
        let entry = |of: &BackedUp| Entry {
            tenant: of.tenant.to_string(),
            uuid: of.uuid.clone(),
            opstamp: of.opstamp.0,
            rows: of.rows,
            log_rows: of.log_rows,
            bytes: of.bytes,
            xxh3: of.xxh3.clone(),
        };
        let body = Body { made_at: self.made_at.to_string(), tenants: self.tenants.iter().map(entry).collect() };
        let text = format!("{NAME}{VERSION}\n{}\n", serde_json::to_string(&body)?);
        let checksum = hex(xxh3_128(text.as_bytes()));
        Ok(format!("{text}{CHECKSUM}{checksum}\n"))
    }

    /// Reads the file of the backup in `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, RestoreError> {
        let path = dir.join(FILE);
        let damaged = |what: &'static str| RestoreError::Manifest { path: path.clone(), what };
        if steps::len(&SystemDisk, &path)? > MAX_BYTES {
            return Err(damaged("too long"));
        }
        let bytes = files::read(&path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_at| damaged("not text"))?;
        let rest = text.strip_prefix(NAME).ok_or_else(|| damaged("not that of a backup"))?;
        let (version, rest) = rest.split_once('\n').ok_or_else(|| damaged("cut off"))?;
        match version.parse() {
            Ok(VERSION) => {}
            Ok(found) if found > VERSION => return Err(RestoreError::Newer { path, found, known: VERSION }),
            _ => return Err(damaged("of a version that never was")),
        }
        let (body, checksum) = rest.split_once('\n').ok_or_else(|| damaged("cut off"))?;
        let sealed = &bytes[..bytes.len() - checksum.len()];
        if checksum != format!("{CHECKSUM}{}\n", hex(xxh3_128(sealed))) {
            return Err(damaged("not what its checksum says"));
        }
        let Body { made_at, tenants } = serde_json::from_str(body).map_err(|_error| damaged("malformed"))?;
        let made_at = Timestamp::parse(&made_at).map_err(|_error| damaged("malformed"))?;
        let tenants = tenants.into_iter().map(|entry| {
            Some(BackedUp {
                // A name is part of a path, so that it must be one.
                tenant: TenantId::parse(&entry.tenant).ok()?,
                uuid: entry.uuid,
                opstamp: Opstamp(entry.opstamp),
                rows: entry.rows,
                log_rows: entry.log_rows,
                bytes: entry.bytes,
                xxh3: entry.xxh3,
            })
        });
        let tenants = tenants.collect::<Option<_>>().ok_or_else(|| damaged("malformed"))?;
        Ok(Self { made_at, tenants })
    }
}

/// A digest in hexadecimal.
pub(super) fn hex(digest: u128) -> String {
    format!("{digest:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let tenant = |name: &str| BackedUp {
            tenant: TenantId::parse(name).unwrap(),
            uuid: "07".repeat(16),
            opstamp: Opstamp(42),
            rows: 7,
            log_rows: 3,
            bytes: 1234,
            xxh3: hex(99),
        };
        Manifest { made_at: Timestamp(1_767_571_200_000), tenants: vec![tenant("acme"), tenant("zeta")] }
    }

    fn read(bytes: &[u8]) -> Result<Manifest, RestoreError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), bytes).unwrap();
        Manifest::read(dir.path())
    }

    #[test]
    fn a_manifest_comes_back_and_no_changed_byte_of_it_does() {
        let text = sample().to_text().unwrap();
        assert_eq!(read(text.as_bytes()).unwrap(), sample());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(read(&bytes).is_err(), "byte {at}");
            assert!(read(&text.as_bytes()[..at]).is_err(), "cut at {at}");
        }
        assert!(read(format!("{text}\n").as_bytes()).is_err());
    }

    #[test]
    fn a_newer_manifest_is_refused_by_name_whatever_follows() {
        let newer = read(format!("{NAME}{}\nanything", VERSION + 1).as_bytes()).unwrap_err();
        assert!(matches!(newer, RestoreError::Newer { found, .. } if found == VERSION + 1), "{newer}");
        assert!(newer.to_string().contains("update the program"), "{newer}");
        for version in ["0", "-1", "x", ""] {
            let error = read(format!("{NAME}{version}\nanything").as_bytes()).unwrap_err();
            assert!(matches!(error, RestoreError::Manifest { .. }), "{version}: {error}");
        }
    }
}
