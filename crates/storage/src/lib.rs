//! The log and state in redb and checksummed mapped snapshots; the only crate that opens files.
