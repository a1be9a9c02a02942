use std::{fs, net::SocketAddr, path::PathBuf};

use ticketscope_server::{OperatorFile, OperatorFileError, OperatorKey};

use crate::{ask::moment, data::Data, exit::Exit, failure::Failure, output::Output};

/// Where the server of a data directory is written down.
pub(crate) fn file(data: &Data) -> PathBuf {
    data.join("server.json")
}

/// A server that commands can find: while this lives, once it says where it is.
#[derive(Debug)]
pub(crate) struct Announced {
    path: PathBuf,
    key: OperatorKey,
    is_there: bool,
}

impl Announced {
    /// One with a key of its own, which nobody can find yet.
    pub(crate) fn new(data: &Data) -> Result<Self, Failure> {
        let key = OperatorKey::generate()?;
        Ok(Self { path: file(data), key, is_there: false })
    }

    /// What commands have to show.
    pub(crate) fn key(&self) -> &OperatorKey {
        &self.key
    }

    /// Says that the server listens on `address`. One that cannot be found serves all the same, and says so.
    pub(crate) fn announce(&mut self, address: SocketAddr) {
        match OperatorFile::new(address, moment(None), self.key.clone()).write(&self.path) {
            Ok(()) => self.is_there = true,
            Err(error) => {
                let because = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                Output::warn(format!("commands will not find this server: {error}{because}"));
            }
        }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // One that cannot be removed is found out to be stale.
        if self.is_there {
            drop(fs::remove_file(&self.path));
        }
    }
}

impl From<OperatorFileError> for Failure {
    fn from(error: OperatorFileError) -> Self {
        let (exit, kind) = match error {
            OperatorFileError::NoRandomness => (Exit::Internal, "no_randomness"),
            OperatorFileError::File(_) | OperatorFileError::Malformed { .. } => (Exit::Data, "server_file"),
        };
        Self::of(exit, kind, &error)
    }
}
