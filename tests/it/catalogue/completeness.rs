//! The table of published leaks is complete, and what it names is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Rows of the catalogue, and designs of tests beside T0.
const ROWS: u32 = 89;
const DESIGNS: u32 = 17;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/leaks.md");

/// What a row says beside its number.
#[derive(Debug)]
struct Row<'a> {
    number: u32,
    published: &'a str,
    leaked: &'a str,
    surface: &'a str,
    caught: &'a str,
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The rows of the leaks.
fn rows(table: &str) -> Vec<Row<'_>> {
    let numbered =
        |line: &&str| line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let row = |line| match cells(line)[..] {
        [number, published, leaked, surface, caught] => {
            Row { number: number.parse().unwrap_or_else(|_| panic!("{line}")), published, leaked, surface, caught }
        }
        _ => panic!("a row has five cells: {line}"),
    };
    table.lines().filter(numbered).map(row).collect()
}

/// The designs by name, with the tests of each.
fn designs(table: &str) -> BTreeMap<&str, &str> {
    let named = table.lines().filter(|line| line.starts_with("| T"));
    let design = |line| match cells(line)[..] {
        [name, _, tests] => (name, tests),
        _ => panic!("a design has three cells: {line}"),
    };
    named.map(design).collect()
}

/// What stands between backticks.
fn paths(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of designs in a cell.
fn cited(cell: &str) -> impl Iterator<Item = &str> {
    let words = cell.split([' ', ',', '`']);
    words.filter(|word| {
        word.strip_prefix('T').is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
    })
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The tests of a source, by name.
fn tests_of(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim_start();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
            return None;
        }
        let (_, rest) = line.split_once("fn ").filter(|_| is_test)?;
        is_test = false;
        rest.split('(').next()
    })
}

/// The paths of every test of the workspace and of every module that holds one, as they may end: `module::name`, and in
/// front of that the directories that lead there.
fn known_tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut files, mut known) = (Vec::new(), BTreeSet::new());
    for part in ["crates", "tests"] {
        sources(&root.join(part), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(root).unwrap().with_extension("");
        let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
        // `crates/server/src/tests/hidden` is `server::tests::hidden`, `tests/it/catalogue/mod` is `catalogue`.
        let parts = parts.into_iter().skip(1).filter(|part| !["it", "src", "mod", "main", "lib"].contains(part));
        let module = parts.collect::<Vec<_>>().join("::");
        let mut is_empty = true;
        for name in tests_of(&text) {
            known.insert(format!("{module}::{name}"));
            is_empty = false;
        }
        if !is_empty {
            known.insert(module);
        }
    }
    known
}

#[test]
fn every_published_leak_is_mapped_to_a_test_that_exists() {
    let table = fs::read_to_string(TABLE).unwrap();
    let (rows, designs, known) = (rows(&table), designs(&table), known_tests());
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>(), "every row once, in order");
    let expected: BTreeSet<String> = (0..=DESIGNS).map(|number| format!("T{number}")).collect();
    assert_eq!(designs.keys().map(ToString::to_string).collect::<BTreeSet<_>>(), expected, "every design once");
    for (name, tests) in &designs {
        assert!(paths(tests).next().is_some(), "{name} has a test");
    }
    let mut used = BTreeSet::new();
    for row in &rows {
        for (what, text) in [("name", row.published), ("leak", row.leaked), ("surface", row.surface)] {
            assert!(!text.is_empty(), "row {} has a {what}", row.number);
        }
        if let Some(why) = row.caught.strip_prefix("does not concern us:") {
            assert!(!why.trim().is_empty(), "row {} says why", row.number);
            continue;
        }
        assert!(paths(row.caught).next().is_some(), "row {} names a test", row.number);
        for design in cited(row.caught) {
            let tests = designs.get(design).unwrap_or_else(|| panic!("row {}: there is no {design}", row.number));
            let is_named = paths(tests).any(|test| paths(row.caught).any(|path| path == test));
            assert!(is_named, "row {} cites {design} and none of its tests", row.number);
            used.insert(design);
        }
    }
    assert_eq!(used.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), expected, "every design catches a row");
    for path in designs.values().copied().chain(rows.iter().map(|row| row.caught)).flat_map(paths) {
        assert!(known.contains(path), "there is no test `{path}`");
    }
    // What the catalogue has is in the table.
    let (catalogued, all): (Vec<&String>, Vec<&str>) =
        (known.iter().filter(|path| path.starts_with("catalogue::t")).collect(), designs.values().copied().collect());
    for path in catalogued.iter().filter(|path| path.matches("::").count() == 1) {
        assert!(
            all.iter().any(|tests| paths(tests).any(|test| test == path.as_str())),
            "the table leaves out `{path}`"
        );
    }
    assert!(catalogued.len() >= 2 * 16, "{catalogued:?}");
}

#[test]
fn what_is_looked_for_in_sources_and_tables_is_found() {
    let text = "#[test]\nfn one() {}\nfn helper() {}\n#[tokio::test(flavor = \"x\")]\n#[ignore]\nasync fn two() {}\n";
    assert_eq!(tests_of(text).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(paths("T1 `a::b`, T2 `c`").collect::<Vec<_>>(), ["a::b", "c"]);
    assert_eq!(cited("T1 `a::b`, T12 `c`, Tea").collect::<Vec<_>>(), ["T1", "T12"]);
    let table = "| # | a |\n|---|---|\n| 1 | CVE | what | where | T1 `x` |\n| T1 | asks | `x` |\n";
    assert_eq!(rows(table)[0].caught, "T1 `x`");
    assert_eq!(designs(table)["T1"], "`x`");
    for path in ["two_worlds", "catalogue::t01_get_by_id", "server::tests::hidden"] {
        assert!(known_tests().contains(path), "{path}");
    }
}
