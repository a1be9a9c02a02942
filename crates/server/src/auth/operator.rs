//! The key of whoever operates this machine: it lives as long as the server, and stands in no list.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use thiserror::Error;
use ticketscope_model::Timestamp;

use super::{
    Caller, Class, bearer,
    key_file::{self, KeyFileError},
};
use crate::hex;

/// The header by which a command says which user of the system runs it. Believed with an operator key alone.
pub const USER_HEADER: &str = "x-ticketscope-user";

/// What the text of an operator key begins with: the prefix of every key, and a class that no file of keys holds.
const PREFIX: &str = "ts_operator_";

/// Characters of a user's name that are kept.
const MAX_USER: usize = 200;

/// What a proof says, so that nobody is made to sign anything else.
const PROOF: &[u8] = b"the server that holds the operator key ";

/// A secret that a server and the commands of its operator share: whoever shows it may do everything, in every tenant.
#[derive(Clone)]
pub struct OperatorKey([u8; 32]);

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorKey(..)")
    }
}

impl OperatorKey {
    /// A new one.
    ///
    /// # Errors
    /// [`OperatorFileError::NoRandomness`].
    pub fn generate() -> Result<Self, OperatorFileError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).or(Err(OperatorFileError::NoRandomness))?;
        Ok(Self(secret))
    }

    /// Its text, to be sent as `Authorization: Bearer`. Show it to nobody.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", hex::encode(&self.0))
    }

    /// A text that nobody has seen before, to be proved.
    ///
    /// # Errors
    /// [`OperatorFileError::NoRandomness`].
    pub fn nonce() -> Result<String, OperatorFileError> {
        Ok(hex::encode(&Self::generate()?.0))
    }

    /// What shows whoever knows the key that the answerer knows it too: they chose `nonce`, and never sent the key.
    pub fn prove(&self, nonce: &str) -> String {
        blake3::keyed_hash(&self.0, &[PROOF, nonce.as_bytes()].concat()).to_hex().to_string()
    }

    fn parse(text: &str) -> Option<Self> {
        let secret = hex::decode(text.strip_prefix(PREFIX)?)?;
        Some(Self(secret.try_into().ok()?))
    }

    /// The caller that shows this key. Takes as long for every credential of its length.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let shown = bearer(headers)?;
        let is_shown = bool::from(shown.as_bytes().ct_eq(self.text().as_bytes()));
        is_shown.then(|| Caller { class: Class::Operator { user: user(headers) }, tenant: None, key: None })
    }
}

/// Who runs the command, as its header says.
fn user(headers: &HeaderMap) -> String {
    let named = headers.get(USER_HEADER).map_or(&b""[..], |value| value.as_bytes());
    let name: String = String::from_utf8_lossy(named).chars().filter(|c| !c.is_control()).take(MAX_USER).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

impl Caller {
    /// The user of the system who runs the command, if it shows the operator key.
    pub(crate) fn operator(&self) -> Option<&str> {
        match &self.class {
            Class::Operator { user } => Some(user),
            _ => None,
        }
    }
}

/// Where commands find the server that holds a data directory: a file of mode 0600, there while it serves.
///
/// It proves nothing. A server may have died and left it behind, and another program may listen on its port: let the
/// answerer [prove](OperatorKey::prove) that it knows the key, and send the key only then.
#[derive(Debug, Clone)]
pub struct OperatorFile {
    /// Where it is reached from this machine.
    pub address: SocketAddr,
    /// The process that serves.
    pub pid: u32,
    /// When it began.
    pub started: Timestamp,
    /// What it asks of commands.
    pub key: OperatorKey,
}

/// Why there is no operator key or no file with one.
#[derive(Debug, Error)]
pub enum OperatorFileError {
    /// The file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The file holds something else.
    #[error("read where the server is in {}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no randomness to be had.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    address: SocketAddr,
    pid: u32,
    started: String,
    key: String,
}

const VERSION: u32 = 1;

impl OperatorFile {
    /// Of this process, which listens on `address` since `started`.
    pub fn new(address: SocketAddr, started: Timestamp, key: OperatorKey) -> Self {
        Self { address: reachable(address), pid: std::process::id(), started, key }
    }

    /// What the file at `path` says; nothing if there is none.
    ///
    /// # Errors
    /// [`OperatorFileError`], in particular that others than its owner may read the file.
    pub fn read(path: &Path) -> Result<Option<Self>, OperatorFileError> {
        let Some((text, _)) = key_file::read(path)? else { return Ok(None) };
        let malformed = |problem: String| OperatorFileError::Malformed { path: path.to_owned(), problem };
        if let Some(newer) = key_file::newer(&text, VERSION) {
            return Err(malformed(newer));
        }
        // The text of an error of the parser could quote the key.
        let stored: Stored = serde_json::from_str(&text).or(Err(malformed("it is no JSON of that kind".to_owned())))?;
        if stored.version != VERSION {
            return Err(malformed(format!("it is of version {}", stored.version)));
        }
        let started = Timestamp::parse(&stored.started).map_err(|error| malformed(error.to_string()))?;
        let key = OperatorKey::parse(&stored.key).ok_or_else(|| malformed("it holds no operator key".to_owned()))?;
        Ok(Some(Self { address: stored.address, pid: stored.pid, started, key }))
    }

    /// Puts it in place of the file at `path`, as a whole.
    ///
    /// # Errors
    /// [`OperatorFileError`].
    pub fn write(&self, path: &Path) -> Result<(), OperatorFileError> {
        let Self { address, pid, started, key } = self;
        let (address, pid, started) = (*address, *pid, started.to_string());
        let stored = Stored { version: VERSION, address, pid, started, key: key.text() };
        let unwritable = |error: serde_json::Error| KeyFileError::Io {
            action: "write",
            path: path.to_owned(),
            source: io::Error::from(error),
        };
        key_file::replace(path, &serde_json::to_string_pretty(&stored).map_err(unwritable)?)?;
        Ok(())
    }
}

/// Where whoever listens on `address` is reached: on loopback if on every address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn key() -> OperatorKey {
        OperatorKey::generate().unwrap()
    }

    fn showing(text: &str, user: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([
            (axum::http::header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {text}")).unwrap()),
            (USER_HEADER.parse().unwrap(), HeaderValue::from_bytes(user).unwrap()),
        ])
    }

    #[test]
    fn only_the_key_itself_is_believed_and_names_the_user() {
        let key = key();
        let user = |text: &str, name: &[u8]| {
            key.caller(&showing(text, name)).and_then(|caller| caller.operator().map(str::to_owned))
        };
        assert_eq!(user(&key.text(), b"ana (uid 7)").as_deref(), Some("ana (uid 7)"));
        assert_eq!(user(&key.text(), b"").as_deref(), Some("unknown"));
        assert_eq!(user(&key.text(), "\u{e9}va".as_bytes()).as_deref(), Some("\u{e9}va"));
        assert_eq!(user(&key.text(), &[b'x'; 500]).map(|name| name.len()), Some(MAX_USER));
        for other in [&*OperatorKey::generate().unwrap().text(), "", PREFIX, &key.text()[..70], &(key.text() + "0")] {
            assert_eq!(user(other, b"ana"), None, "{other}");
        }
    }

    #[test]
    fn a_proof_is_of_one_key_and_one_nonce() {
        let (one, other) = (key(), key());
        assert_eq!(one.prove("a"), OperatorKey::parse(&one.text()).unwrap().prove("a"));
        assert_ne!(one.prove("a"), one.prove("b"));
        assert_ne!(one.prove("a"), other.prove("a"));
        assert!(!one.text().contains(&one.prove("")) && !format!("{one:?}").contains(&one.text()[PREFIX.len()..]));
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        for (listens, reached) in [
            ("0.0.0.0:7700", "127.0.0.1:7700"),
            ("[::]:7700", "[::1]:7700"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.7:9", "192.0.2.7:9"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()), reached.parse().unwrap());
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_read_back_and_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.json");
        assert!(OperatorFile::read(&path).unwrap().is_none());
        let written = OperatorFile::new("0.0.0.0:7700".parse().unwrap(), Timestamp(1_795_176_000_000), key());
        written.write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = OperatorFile::read(&path).unwrap().unwrap();
        assert_eq!(
            (read.address, read.pid, read.started),
            ("127.0.0.1:7700".parse().unwrap(), written.pid, written.started)
        );
        assert_eq!(read.key.text(), written.key.text());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(OperatorFile::read(&path), Err(OperatorFileError::File(KeyFileError::Exposed { .. }))));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_something_else_is_refused_without_quoting_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.json");
        let good = OperatorFile::new("127.0.0.1:1".parse().unwrap(), Timestamp(0), key());
        good.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let secret = good.key.text();
        for broken in [
            String::new(),
            "{}".to_owned(),
            text.replace("\"version\": 1", "\"version\": 2"),
            text.replace("ts_operator_", "ts_admin_"),
            text.replace("127.0.0.1:1", "nowhere"),
            text.replace("\"key\": \"", "\"key\": [\""),
        ] {
            assert_ne!(broken, text);
            std::fs::write(&path, &broken).unwrap();
            let error = OperatorFile::read(&path).unwrap_err();
            assert!(matches!(error, OperatorFileError::Malformed { .. }), "{broken}");
            assert!(!error.to_string().contains(&secret[PREFIX.len()..]), "{error}");
        }
    }
}
