//! The script in acts, each played by a process of its own: what there is before each, and the calls that it makes.

use std::{path::Path, sync::OnceLock};

use tempfile::TempDir;
use ticketscope_tests::script::{ACT, LENGTH};

use crate::{
    image,
    reference::reference,
    trace::{self, Aim},
    victim::Ending,
};

/// Some batches played by one process.
#[derive(Debug)]
pub(crate) struct Act {
    before: TempDir,
    /// Batches that there are before.
    pub(crate) from: u64,
    /// Batches that there are afterwards.
    pub(crate) until: u64,
    /// How its process ends.
    pub(crate) ending: Ending,
    /// The calls that it makes.
    pub(crate) aims: Vec<Aim>,
}

impl Act {
    /// The data directory before the act.
    pub(crate) fn before(&self) -> &Path {
        self.before.path()
    }
}

/// Every act, played once, or why they cannot be.
pub(crate) fn acts() -> &'static Result<Vec<Act>, String> {
    static ACTS: OnceLock<Result<Vec<Act>, String>> = OnceLock::new();
    ACTS.get_or_init(|| trace::missing().map_or_else(|| Ok(play()), Err))
}

fn play() -> Vec<Act> {
    let mut acts = Vec::new();
    let mut now = image::directory();
    for from in (0..LENGTH).step_by(usize::try_from(ACT).unwrap()) {
        let until = from + ACT;
        let ending = if reference().script.closes_at(until) { Ending::Close } else { Ending::Leave };
        let before = now;
        now = image::copy_of(before.path());
        let (ended, aims) = trace::calls(now.path(), until, ending);
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!((ended.acknowledged, ended.complaints.as_str()), (Some(until), ""));
        acts.push(Act { before, from, until, ending, aims });
    }
    acts
}
