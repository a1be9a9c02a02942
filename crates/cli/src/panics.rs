//! Panics that are told once, and only if they end the command.
//!
//! The storage crate turns panics of the database on damaged files into errors; told by the standard hook they would
//! look like faults of this program.

use std::sync::Mutex;

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps what panics say instead of printing it.
pub(crate) fn keep() {
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut last) = LAST.lock() {
            *last = Some(info.to_string());
        }
    }));
}

/// What the last panic said.
pub(crate) fn last() -> String {
    let last = LAST.lock().ok().and_then(|mut last| last.take());
    last.unwrap_or_else(|| "a panic that left no message".to_owned())
}
