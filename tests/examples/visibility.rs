//! Writes `fixtures/policy/visibility.txt` anew from `fixtures/policy/tenant.jsonl`:
//! `cargo run -p ticketscope-tests --example visibility`. Read the difference before keeping it.

use std::fs;

#[path = "../it/matrix.rs"]
mod matrix;

fn main() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/policy/");
    let lines = fs::read_to_string(format!("{fixtures}tenant.jsonl")).expect("the tenant is there");
    let data = tempfile::tempdir().expect("a directory can be made");
    fs::write(format!("{fixtures}visibility.txt"), matrix::matrix(&lines, data.path())).expect("the table is written");
}
