/// A range of dates or numbers, as a column holds them: both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueRange {
    /// Smallest value inside.
    pub low: i64,
    /// Largest value inside.
    pub high: i64,
}

impl ValueRange {
    /// Whether `value` lies inside.
    pub fn contains(self, value: i64) -> bool {
        self.low <= value && value <= self.high
    }
}
