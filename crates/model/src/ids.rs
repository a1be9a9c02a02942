use std::fmt;

/// The dense number of a ticket inside one tenant: `0..=u32::MAX - 1`, given out in order of arrival, never reused.
///
/// Ordinals are internal: no answer to a user holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketOrd(pub u32);

/// The number of an applied batch of changes, strictly increasing inside one tenant; 0 is the empty tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Opstamp(pub u64);

impl Opstamp {
    /// The opstamp of the next batch.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Opstamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
