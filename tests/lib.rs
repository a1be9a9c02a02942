//! What the tests of the whole, in `it/` and `faults/`, share with the processes that they kill and with the program that
//! writes golden files.

pub mod account;
pub mod compare;
pub mod golden;
pub mod script;
pub mod stream;
