//! Who sees what, preset by preset, as a table that people can check.

use std::fs;

use crate::{matrix::matrix, world::directory};

const TENANT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/policy/tenant.jsonl");
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/policy/visibility.txt");

#[test]
fn every_preset_shows_what_the_table_says() {
    let (data, lines) = (directory(), fs::read_to_string(TENANT).unwrap());
    let (found, table) = (matrix(&lines, data.path()), fs::read_to_string(TABLE).unwrap());
    let differing: Vec<String> = found
        .lines()
        .zip(table.lines())
        .filter(|(found, table)| found != table)
        .map(|(found, table)| format!("found {found}\ntable {table}"))
        .collect();
    let how = "if the new one is right, write it with `cargo run -p ticketscope-tests --example visibility`";
    assert!(differing.is_empty(), "{}\n{how}", differing.join("\n"));
    assert_eq!(found.lines().count(), table.lines().count(), "{how}");
}

/// A table in which nothing is hidden or nothing is shown would prove little.
#[test]
fn the_table_tells_presets_and_tickets_apart() {
    let table = fs::read_to_string(TABLE).unwrap();
    let (_, rows) = table.rsplit_once("\n\n").unwrap();
    let rows: Vec<&str> = rows.lines().skip(2).filter_map(|line| line.get(37..)).collect();
    let tickets = rows.iter().map(|row| row.len()).max().unwrap();
    for ticket in 0..tickets {
        let letters: Vec<u8> = rows.iter().filter_map(|row| row.as_bytes().get(ticket).copied()).collect();
        assert!(letters.contains(&b'.'), "every preset shows ticket {}", ticket + 1);
    }
    let different: std::collections::BTreeSet<&&str> = rows.iter().collect();
    assert!(different.len() > 30, "only {} of the rows differ", different.len());
}
