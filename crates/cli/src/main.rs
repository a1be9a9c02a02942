//! The command line: the binary `ticketscope`.

fn main() {}
