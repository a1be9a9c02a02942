use serde::{Deserialize, Serialize};
use ticketscope_model::{Timestamp, TimestampError};

/// A moment, as RFC 3339 text in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Moment(pub(super) Timestamp);

impl TryFrom<String> for Moment {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, TimestampError> {
        Timestamp::parse(&text).map(Self)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.0.to_string()
    }
}
