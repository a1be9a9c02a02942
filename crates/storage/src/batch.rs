use ticketscope_model::Opstamp;

use crate::Table;

/// One state row to write or delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where.
    pub table: Table,
    /// At most [`crate::MAX_KEY_BYTES`].
    pub key: Vec<u8>,
    /// At most [`crate::MAX_VALUE_BYTES`]; `None` deletes the row, which need not exist.
    pub value: Option<Vec<u8>>,
}

/// What one commit makes durable, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Log rows; their opstamps are consecutive and start after [`crate::Store::applied`].
    pub log: Vec<(Opstamp, Vec<u8>)>,
    /// State rows, in this order: of two with one key the later one stays.
    pub rows: Vec<Row>,
}
