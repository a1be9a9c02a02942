//! How far a ticket got, by its age.

use fastrand::Rng;

use crate::{
    calendar::DAY,
    draw::{chance, weighted},
};

/// A stage of work on a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    New,
    Open,
    Pending,
    Hold,
    Solved,
    Closed,
}

use Status::{Closed, Hold, New, Open, Pending, Solved};

const FIRST_DAY: [(u32, Status); 4] = [(35, New), (45, Open), (10, Pending), (10, Solved)];
const FIRST_WEEK: [(u32, Status); 5] = [(5, New), (32, Open), (18, Pending), (5, Hold), (40, Solved)];
const FIRST_MONTH: [(u32, Status); 5] = [(9, Open), (7, Pending), (3, Hold), (61, Solved), (20, Closed)];
const LATER: [(u32, Status); 5] = [(2, Open), (2, Pending), (1, Hold), (8, Solved), (87, Closed)];

impl Status {
    /// The status of a ticket that is `age` milliseconds old.
    pub(crate) fn at_age(age: i64, rng: &mut Rng) -> Self {
        match age / DAY {
            0 => weighted(rng, &FIRST_DAY),
            1..7 => weighted(rng, &FIRST_WEEK),
            7..30 => weighted(rng, &FIRST_MONTH),
            _ => weighted(rng, &LATER),
        }
    }

    /// Its value in the field.
    pub(crate) fn name(self) -> &'static str {
        match self {
            New => "new",
            Open => "open",
            Pending => "pending",
            Hold => "hold",
            Solved => "solved",
            Closed => "closed",
        }
    }

    /// Whether the work is done.
    pub(crate) fn is_done(self) -> bool {
        matches!(self, Solved | Closed)
    }
}

/// The value of `life` for a ticket that is no spam: closed tickets go to the archive after half a year.
pub(crate) fn life(status: Status, age: i64, rng: &mut Rng) -> &'static str {
    if rng.u32(..1_000) < 7 {
        "deleted"
    } else if status == Closed && age > 180 * DAY && chance(rng, 80) {
        "archived"
    } else {
        "live"
    }
}
