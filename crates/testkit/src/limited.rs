//! Tests in a process of their own, which may not make files longer than it says: the system refuses as a full disk does.

use std::{env, io, process::Command};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Says that this process is the one that the limit is set in.
const LIMITED: &str = "TICKETSCOPE_TEST_LIMITED";

/// Does `body` as the test of this name, alone in a process that is not killed for a file that would become too long.
///
/// # Errors
/// If the process cannot be started, or the test fails there.
pub fn alone(test: &str, body: impl FnOnce()) -> io::Result<()> {
    if env::var_os(LIMITED).is_some() {
        body();
        return Ok(());
    }
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(env::current_exe()?)
        .arg(test)
        .env(LIMITED, "1")
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{test} failed in its process"))) }
}

/// From now on no file of this process becomes longer than `bytes`; nothing for any length.
///
/// # Errors
/// The system's.
pub fn limit_files(bytes: Option<u64>) -> io::Result<()> {
    let maximum = getrlimit(Resource::Fsize).maximum;
    Ok(setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum })?)
}
