//! What the tests of the whole, in `it/`, share with the process that they kill and with the program that writes golden
//! files.

pub mod golden;
pub mod stream;
