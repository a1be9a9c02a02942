use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use ticketscope_engine::storage::TenantId;
use ticketscope_model::Timestamp;

use super::{
    Caller, Class,
    key_file::{self, KeyFileError, Stamp},
    moment::Moment,
    sign_out::SignOuts,
    token::{Disbelief, Identity},
};
use crate::hex;

/// What the text of every key begins with.
pub(crate) const PREFIX: &str = "ts_";

/// The longest time for which the previous secret of a key stays good beside a new one.
pub const MAX_KEY_OVERLAP: Duration = Duration::from_hours(7 * 24);

/// What a key lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyClass {
    /// Everything.
    Admin,
    /// Changes, and nothing else.
    Ingest,
    /// Questions, each for a principal that the holder names: for a backend that knows its users.
    Search,
    /// The metrics of the server, and nothing else: they count what happens in every tenant.
    Metrics,
}

impl KeyClass {
    const ALL: [Self; 4] = [Self::Admin, Self::Ingest, Self::Search, Self::Metrics];

    /// Its name in key texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ingest => "ingest",
            Self::Search => "search",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for KeyClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no class of keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no class of keys: use admin, ingest, search or metrics")]
pub struct UnknownClass(String);

impl FromStr for KeyClass {
    type Err = UnknownClass;

    fn from_str(name: &str) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| class.name() == name).ok_or_else(|| UnknownClass(name.to_owned()))
    }
}

/// A key that was just made. Its text is not kept anywhere.
#[derive(Clone)]
pub struct NewKey {
    /// Names the key where it is listed and revoked.
    pub id: String,
    /// `ts_<class>_<id>_<secret>`, to be given to the holder.
    pub text: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// What it lets its holder do.
    pub class: KeyClass,
    /// The one tenant it is good for; nothing for all.
    pub tenant: Option<TenantId>,
    /// Until when the secret before its last rotation is good too.
    pub previous_until: Option<Timestamp>,
}

/// Why keys cannot be had or changed.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The file of keys.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The file holds something else than keys.
    #[error("read keys in {}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no randomness to be had.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The previous secret of a key was to stay good for too long.
    #[error("a previous secret stays good for at most {} hours, not {}", MAX_KEY_OVERLAP.as_secs() / 3600, .0.as_secs() / 3600)]
    Overlap(Duration),
}

/// The keys of a server: SHA-256 hashes in a file of mode 0600, or in memory alone.
///
/// A key is made, rotated and revoked; a standby secret would be one more secret that is not in use, so there is none. The
/// file also says which agents were signed out, since it is what every process that checks tokens reads again and again.
///
/// The file may be changed by another process; [`Self::refresh`] sees that.
#[derive(Debug)]
pub struct Keys {
    path: Option<PathBuf>,
    stored: RwLock<Stored>,
    /// What the file looked like when it was last read, and the one at a time that changes it.
    seen: Mutex<Option<Stamp>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// Seals positions, so that they outlive a restart.
    secret: Hex32,
    keys: BTreeMap<String, StoredKey>,
    #[serde(default, skip_serializing_if = "SignOuts::is_empty")]
    signed_out: SignOuts,
    /// Whether it is what the file says; a file that cannot be read may have revoked anything.
    #[serde(skip, default = "is_known")]
    is_known: bool,
}

fn is_known() -> bool {
    true
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    class: KeyClass,
    tenant: Option<String>,
    sha256: Hex32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<PreviousSecret>,
}

/// What a key was before its last rotation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviousSecret {
    sha256: Hex32,
    /// From then on it is not good any more.
    until: Moment,
}

impl StoredKey {
    /// Whether `hash` is that of its secret, or of its previous one at `now`. Takes as long for every hash.
    fn is_of(&self, hash: &[u8; 32], now: Timestamp) -> bool {
        let previous = self.previous.as_ref().filter(|previous| now < previous.until.0);
        let previous = previous.map_or(subtle::Choice::from(0), |previous| previous.sha256.0.ct_eq(hash));
        bool::from(self.sha256.0.ct_eq(hash) | previous)
    }
}

/// 32 bytes, as text in files.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hex32([u8; 32]);

impl fmt::Debug for Hex32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl TryFrom<String> for Hex32 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let bytes = hex::decode(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("expected 64 lower-case hexadecimal digits")
    }
}

impl From<Hex32> for String {
    fn from(bytes: Hex32) -> Self {
        hex::encode(&bytes.0)
    }
}

const VERSION: u32 = 1;

impl Keys {
    /// The keys in the file at `path`, which is made without any if it is not there.
    ///
    /// # Errors
    /// [`KeysError`], in particular that others than its owner may read the file.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeysError> {
        let path = path.into();
        if let Some((text, stamp)) = key_file::read(&path)? {
            let stored = parse(&path, &text)?;
            return Ok(Self { path: Some(path), stored: RwLock::new(stored), seen: Mutex::new(Some(stamp)) });
        }
        {
            let _lock = key_file::lock(&path)?;
            if key_file::stamp(&path)?.is_none() {
                let keys = Self { path: Some(path), ..Self::in_memory()? };
                let stored = keys.stored.read().clone();
                keys.store(&mut keys.seen.lock(), stored)?;
                return Ok(keys);
            }
        }
        // Another process made it meanwhile.
        Self::open(path)
    }

    /// No keys, and none that are kept.
    ///
    /// # Errors
    /// [`KeysError::NoRandomness`].
    pub fn in_memory() -> Result<Self, KeysError> {
        let (keys, signed_out) = (BTreeMap::new(), SignOuts::default());
        let stored = Stored { version: VERSION, secret: Hex32(random()?), keys, signed_out, is_known: true };
        Ok(Self { path: None, stored: RwLock::new(stored), seen: Mutex::new(None) })
    }

    /// Makes a key, good for one tenant or for all. Nobody can read its text again.
    ///
    /// # Errors
    /// [`KeysError`]; then there is no such key.
    pub fn create(&self, class: KeyClass, tenant: Option<TenantId>) -> Result<NewKey, KeysError> {
        let id = hex::encode(&random::<8>()?);
        let text = key_text(class, &id, &random()?);
        self.change(|stored| {
            let tenant = tenant.map(|tenant| tenant.as_str().to_owned());
            let key = StoredKey { class, tenant, sha256: Hex32(sha256(&text)), previous: None };
            stored.keys.insert(id.clone(), key);
            true
        })?;
        Ok(NewKey { id, text })
    }

    /// Gives a key a new secret; nothing if there is none of that id. The secret that it had stays good for `overlap` from
    /// `now` on, at most [`MAX_KEY_OVERLAP`], so that its holders can be given the new one; an even older one is not good
    /// any more.
    ///
    /// # Errors
    /// [`KeysError`]; then the key is as it was.
    pub fn rotate(&self, id: &str, overlap: Duration, now: Timestamp) -> Result<Option<NewKey>, KeysError> {
        if overlap > MAX_KEY_OVERLAP {
            return Err(KeysError::Overlap(overlap));
        }
        let until = Moment(Timestamp(now.0.saturating_add(i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX))));
        let secret = random::<32>()?;
        let mut made = None;
        self.change(|stored| {
            let Some(key) = stored.keys.get_mut(id) else { return false };
            let text = key_text(key.class, id, &secret);
            key.previous = Some(PreviousSecret { sha256: key.sha256, until });
            key.sha256 = Hex32(sha256(&text));
            made = Some(NewKey { id: id.to_owned(), text });
            true
        })?;
        Ok(made)
    }

    /// Takes back the previous secret of a key before its time; `false` if there is no such key or it has none.
    ///
    /// # Errors
    /// [`KeysError`]; then the secret is as good as it was.
    pub fn revoke_previous(&self, id: &str) -> Result<bool, KeysError> {
        self.change(|stored| stored.keys.get_mut(id).is_some_and(|key| key.previous.take().is_some()))
    }

    /// Takes a key back with all its secrets; `false` if there is none of that id.
    ///
    /// # Errors
    /// [`KeysError`]; then the key is still good.
    pub fn revoke(&self, id: &str) -> Result<bool, KeysError> {
        self.change(|stored| stored.keys.remove(id).is_some())
    }

    /// Signs `principal`, or without one everybody, of a tenant out everywhere: agent tokens issued until `now` are refused
    /// when this returns, and within a second by other processes. So are those issued in the seconds by which clocks may
    /// differ: whoever signs in again meanwhile has to do it once more.
    ///
    /// # Errors
    /// [`KeysError`]; then the tokens are still good.
    pub fn sign_out(&self, tenant: &TenantId, principal: Option<&str>, now: Timestamp) -> Result<(), KeysError> {
        self.change(|stored| {
            stored.signed_out.add(tenant, principal, now);
            true
        })?;
        Ok(())
    }

    /// Every key, by id.
    pub fn list(&self) -> Vec<KeyInfo> {
        let stored = self.stored.read();
        let tenant = |key: &StoredKey| key.tenant.as_deref().and_then(|tenant| TenantId::parse(tenant).ok());
        let info = |(id, key): (&String, &StoredKey)| KeyInfo {
            id: id.clone(),
            class: key.class,
            tenant: tenant(key),
            previous_until: key.previous.as_ref().map(|previous| previous.until.0),
        };
        stored.keys.iter().map(info).collect()
    }

    /// Reads the file again if another process has changed it.
    ///
    /// # Errors
    /// [`KeysError`]; until the file can be read again no key and no token is good.
    pub fn refresh(&self) -> Result<(), KeysError> {
        let read = self.reread(&mut self.seen.lock());
        if read.is_err() {
            let mut stored = self.stored.write();
            stored.keys.clear();
            stored.is_known = false;
        }
        read
    }

    /// The secret that seals positions.
    pub(crate) fn position_secret(&self) -> [u8; 32] {
        self.stored.read().secret.0
    }

    /// What the holder of a key may do at `now`; nothing if there is no such key. Ids are no secrets; hashes of secrets are
    /// compared in constant time.
    pub(crate) fn check(&self, text: &str, now: Timestamp) -> Option<Caller> {
        let id = text.strip_prefix(PREFIX)?.split('_').nth(1)?;
        let hash = sha256(text);
        let stored = self.stored.read();
        let (id, key) = stored.keys.get_key_value(id)?;
        if !key.is_of(&hash, now) {
            return None;
        }
        let tenant = match &key.tenant {
            None => None,
            Some(tenant) => Some(TenantId::parse(tenant).ok()?),
        };
        let class = match key.class {
            KeyClass::Admin => Class::Admin,
            KeyClass::Ingest => Class::Ingest,
            KeyClass::Search => Class::Search,
            KeyClass::Metrics => Class::Metrics,
        };
        Some(Caller { class, tenant, key: Some(id.as_str().into()) })
    }

    /// Whether the bearer of a token was not signed out since it was issued.
    ///
    /// # Errors
    /// [`Disbelief::SignedOut`], also while it cannot be known.
    pub(crate) fn check_signed_in(&self, identity: &Identity) -> Result<(), Disbelief> {
        let stored = self.stored.read();
        if stored.is_known && !stored.signed_out.covers(identity) { Ok(()) } else { Err(Disbelief::SignedOut) }
    }

    /// Makes a change unless it says that there is nothing to change, on disk before in force; what it said.
    fn change(&self, change: impl FnOnce(&mut Stored) -> bool) -> Result<bool, KeysError> {
        let mut seen = self.seen.lock();
        let _lock = self.path.as_deref().map(key_file::lock).transpose()?;
        self.reread(&mut seen)?;
        let mut stored = self.stored.read().clone();
        let changed = change(&mut stored);
        if changed {
            self.store(&mut seen, stored)?;
        }
        Ok(changed)
    }

    fn reread(&self, seen: &mut Option<Stamp>) -> Result<(), KeysError> {
        let Some(path) = &self.path else { return Ok(()) };
        if seen.is_some() && *seen == key_file::stamp(path)? {
            return Ok(());
        }
        // Until it is read well again, it was not seen.
        *seen = None;
        let gone = || KeysError::Malformed { path: path.clone(), problem: "the file is gone".to_owned() };
        let (text, stamp) = key_file::read(path)?.ok_or_else(gone)?;
        *self.stored.write() = parse(path, &text)?;
        *seen = Some(stamp);
        Ok(())
    }

    /// Puts `stored` in force once it is on disk.
    fn store(&self, seen: &mut Option<Stamp>, stored: Stored) -> Result<(), KeysError> {
        if let Some(path) = &self.path {
            let malformed = |error: serde_json::Error| malformed(path, &error);
            let text = serde_json::to_string_pretty(&stored).map_err(malformed)?;
            *seen = Some(key_file::replace(path, &text)?);
        }
        *self.stored.write() = stored;
        Ok(())
    }
}

fn parse(path: &Path, text: &str) -> Result<Stored, KeysError> {
    let wrong = |problem: String| KeysError::Malformed { path: path.to_owned(), problem };
    if let Some(newer) = key_file::newer(text, VERSION) {
        return Err(wrong(newer));
    }
    let stored: Stored = serde_json::from_str(text).map_err(|error| malformed(path, &error))?;
    if stored.version != VERSION {
        return Err(wrong(format!("version {} is not {VERSION}", stored.version)));
    }
    for (id, key) in &stored.keys {
        // A tenant that cannot be one must not read as "all tenants".
        if let Some(Err(error)) = key.tenant.as_deref().map(TenantId::parse) {
            return Err(wrong(format!("key {id}: {error}")));
        }
    }
    Ok(stored)
}

fn malformed(path: &Path, error: &serde_json::Error) -> KeysError {
    KeysError::Malformed { path: path.to_owned(), problem: error.to_string() }
}

fn random<const N: usize>() -> Result<[u8; N], KeysError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).or(Err(KeysError::NoRandomness))?;
    Ok(bytes)
}

fn key_text(class: KeyClass, id: &str, secret: &[u8; 32]) -> String {
    format!("{PREFIX}{class}_{id}_{}", hex::encode(secret))
}

fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn after(passed: Duration) -> Timestamp {
        Timestamp(NOW.0 + i64::try_from(passed.as_millis()).unwrap())
    }

    fn acme() -> TenantId {
        TenantId::parse("acme").unwrap()
    }

    #[test]
    fn a_key_is_good_as_it_was_made_and_in_no_other_form() {
        let keys = Keys::in_memory().unwrap();
        let expected = [Class::Admin, Class::Ingest, Class::Search, Class::Metrics];
        for (class, expected) in KeyClass::ALL.into_iter().zip(expected) {
            assert_eq!(class.name().parse(), Ok(class));
            let NewKey { id, text } = keys.create(class, Some(acme())).unwrap();
            assert_eq!(text.len(), format!("ts_{class}_{id}_").len() + 64);
            let caller = Caller { class: expected, tenant: Some(acme()), key: Some(id.as_str().into()) };
            assert_eq!(keys.check(&text, NOW), Some(caller));
            for at in 0..text.len() {
                let mut changed = text.clone().into_bytes();
                changed[at] ^= 1;
                assert_eq!(keys.check(&String::from_utf8(changed).unwrap(), NOW), None, "{at}");
            }
            for other in [&text[..text.len() - 1], &format!("{text}0"), "ts_", "ts_admin", "ts_admin_", ""] {
                assert_eq!(keys.check(other, NOW), None, "{other}");
            }
            assert!(keys.revoke(&id).unwrap());
            assert_eq!(keys.check(&text, NOW), None);
            assert!(!keys.revoke(&id).unwrap());
        }
        assert!(keys.list().is_empty());
    }

    #[test]
    fn keys_and_the_secret_of_positions_outlive_the_process_and_texts_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let keys = Keys::open(&path).unwrap();
        let made = keys.create(KeyClass::Search, Some(acme())).unwrap();
        let secret = keys.position_secret();
        drop(keys);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(made.text.rsplit('_').next().unwrap()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let keys = Keys::open(&path).unwrap();
        assert_eq!(keys.position_secret(), secret);
        assert_eq!(
            keys.list(),
            [KeyInfo { id: made.id, class: KeyClass::Search, tenant: Some(acme()), previous_until: None }]
        );
        assert!(keys.check(&made.text, NOW).is_some());
    }

    #[test]
    fn a_change_by_another_process_is_seen_and_an_unreadable_file_lets_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let (here, there) = (Keys::open(&path).unwrap(), Keys::open(&path).unwrap());
        let made = there.create(KeyClass::Admin, None).unwrap();
        assert_eq!(here.check(&made.text, NOW), None);
        here.refresh().unwrap();
        assert!(here.check(&made.text, NOW).is_some());
        // Both add keys, and neither loses the other's.
        let second = here.create(KeyClass::Admin, None).unwrap();
        assert!(there.revoke(&made.id).unwrap());
        here.refresh().unwrap();
        assert_eq!(here.check(&made.text, NOW), None);
        assert!(here.check(&second.text, NOW).is_some());
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "{").unwrap();
        assert!(here.refresh().is_err());
        assert_eq!(here.check(&second.text, NOW), None);
        assert!(here.refresh().is_err());
        std::fs::write(&path, whole).unwrap();
        here.refresh().unwrap();
        assert!(here.check(&second.text, NOW).is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(here.refresh().is_err());
        assert_eq!(here.check(&second.text, NOW), None);
    }

    #[test]
    fn the_secret_before_a_rotation_is_good_until_its_end_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let keys = Keys::open(&path).unwrap();
        let first = keys.create(KeyClass::Search, Some(acme())).unwrap();
        let hour = Duration::from_hours(1);
        let second = keys.rotate(&first.id, hour, NOW).unwrap().unwrap();
        assert_eq!(second.id, first.id);
        let end = after(hour);
        let last = Timestamp(end.0 - 1);
        for keys in [&keys, &Keys::open(&path).unwrap()] {
            assert_eq!(keys.check(&first.text, last), keys.check(&second.text, last));
            assert!(keys.check(&first.text, last).is_some());
            assert_eq!(keys.check(&first.text, end), None);
            assert!(keys.check(&second.text, end).is_some());
            assert_eq!(keys.list()[0].previous_until, Some(end));
        }
        // The one before the one before dies with the next rotation.
        let third = keys.rotate(&first.id, hour, NOW).unwrap().unwrap();
        assert_eq!(keys.check(&first.text, NOW), None);
        assert!(keys.check(&second.text, NOW).is_some() && keys.check(&third.text, NOW).is_some());
        assert!(keys.revoke_previous(&first.id).unwrap());
        assert!(!keys.revoke_previous(&first.id).unwrap());
        assert_eq!(keys.check(&second.text, NOW), None);
        assert!(keys.check(&third.text, NOW).is_some());
        let fourth = keys.rotate(&first.id, Duration::ZERO, NOW).unwrap().unwrap();
        assert_eq!(keys.check(&third.text, NOW), None);
        keys.rotate(&first.id, hour, NOW).unwrap().unwrap();
        assert!(keys.revoke(&first.id).unwrap());
        assert_eq!(keys.check(&fourth.text, NOW), None);
    }

    #[test]
    fn an_overlap_has_a_limit_and_an_unknown_key_has_no_other_secret() {
        let keys = Keys::in_memory().unwrap();
        let made = keys.create(KeyClass::Admin, None).unwrap();
        assert!(keys.rotate(&made.id, MAX_KEY_OVERLAP, NOW).unwrap().is_some());
        let beyond = keys.rotate(&made.id, MAX_KEY_OVERLAP + Duration::from_millis(1), NOW);
        assert!(matches!(beyond, Err(KeysError::Overlap(_))));
        assert!(keys.rotate("0", Duration::ZERO, NOW).unwrap().is_none());
        assert!(!keys.revoke_previous("0").unwrap());
    }

    #[test]
    fn whom_another_process_signs_out_is_signed_out_here_and_while_nobody_knows_all_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let (here, there) = (Keys::open(&path).unwrap(), Keys::open(&path).unwrap());
        let ann = Identity { tenant: acme(), principal: "ann".to_owned(), issued: NOW };
        assert_eq!(here.check_signed_in(&ann), Ok(()));
        there.sign_out(&acme(), Some("ann"), NOW).unwrap();
        assert_eq!(there.check_signed_in(&ann), Err(Disbelief::SignedOut));
        here.refresh().unwrap();
        assert_eq!(here.check_signed_in(&ann), Err(Disbelief::SignedOut));
        let later = Identity { issued: after(Duration::from_secs(6)), ..ann };
        assert_eq!(here.check_signed_in(&later), Ok(()));
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "{").unwrap();
        assert!(here.refresh().is_err());
        assert_eq!(here.check_signed_in(&later), Err(Disbelief::SignedOut));
        std::fs::write(&path, whole).unwrap();
        here.refresh().unwrap();
        assert_eq!(here.check_signed_in(&later), Ok(()));
    }

    #[test]
    fn no_change_of_many_processes_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        drop(Keys::open(&path).unwrap());
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    let keys = Keys::open(&path).unwrap();
                    for _ in 0..10 {
                        keys.create(KeyClass::Search, None).unwrap();
                    }
                });
            }
        });
        assert_eq!(Keys::open(&path).unwrap().list().len(), 40);
    }

    #[test]
    fn a_file_written_before_keys_were_rotated_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let text = format!("ts_search_0123456789abcdef_{}", "a".repeat(64));
        let stored = format!(
            r#"{{"version":1,"secret":"{}","keys":{{"0123456789abcdef":{{"class":"search","tenant":null,"sha256":"{}"}}}}}}"#,
            "0".repeat(64),
            hex::encode(&sha256(&text)),
        );
        key_file::replace(&path, &stored).unwrap();
        assert!(Keys::open(&path).unwrap().check(&text, NOW).is_some());
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused_by_name_whatever_else_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        key_file::replace(&path, &format!(r#"{{"version":{},"vault":{{}}}}"#, VERSION + 1)).unwrap();
        let error = Keys::open(&path).unwrap_err().to_string();
        assert!(error.contains("newer version (format 2, this program knows 1); update the program"), "{error}");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        drop(Keys::open(&path).unwrap());
        for mode in [0o640, 0o604, 0o644, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Keys::open(&path), Err(KeysError::File(KeyFileError::Exposed { .. }))), "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert!(Keys::open(&path).is_ok());
    }

    #[test]
    fn a_tenant_that_cannot_be_one_does_not_read_as_all_tenants() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let made = Keys::open(&path).unwrap().create(KeyClass::Search, Some(acme())).unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replace("\"acme\"", "\"\"");
        std::fs::write(&path, text).unwrap();
        let error = Keys::open(&path).unwrap_err().to_string();
        assert!(error.contains(&made.id), "{error}");
    }

    #[test]
    fn no_debug_output_holds_a_secret() {
        let keys = Keys::in_memory().unwrap();
        let made = keys.create(KeyClass::Admin, None).unwrap();
        let secret = made.text.rsplit('_').next().unwrap().to_owned();
        let shown = format!("{keys:?} {made:?}");
        assert!(!shown.contains(&secret) && !shown.contains(&hex::encode(&keys.position_secret())), "{shown}");
    }
}
