//! What the tests of the whole, in `it/`, share with the process that they kill.

pub mod stream;
