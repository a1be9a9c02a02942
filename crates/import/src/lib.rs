//! Help desk exports to changes.
