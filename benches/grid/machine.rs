//! What the figures were measured on.

use std::process::Command;

use serde_json::{Value as Json, json};

/// Processor, cores, compiler and the versions of the peers.
pub(crate) fn facts(postgres: Option<&str>) -> Json {
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    json!({
        "processor": processor,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "rustc": rustc,
        "optimized": !cfg!(debug_assertions),
        "tantivy": tantivy::version_string(),
        "postgresql": postgres,
        "sqlite": rusqlite::version(),
    })
}
