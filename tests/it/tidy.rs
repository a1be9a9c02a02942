//! The repository tests itself: directions, map, links, letters, machine paths.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Which of our crates each crate may use, development dependencies apart. The arrows point one way; `scope`, `bitmap`
/// and `storage` do not know each other; `text` knows the sets of the one and the disk of the other.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("scope", &["model"]),
    ("bitmap", &["model"]),
    ("storage", &["model"]),
    ("text", &["model", "bitmap", "storage"]),
    ("query", &["model", "scope", "bitmap", "text"]),
    ("engine", &["model", "scope", "bitmap", "storage", "text", "query"]),
    ("import", &["model"]),
    ("audit", &[]),
    ("canary", &["model"]),
    ("server", &["model", "scope", "query", "engine", "import", "audit", "canary"]),
    ("demo", &["model"]),
    ("testkit", &["model", "storage", "text"]),
    (
        "cli",
        &[
            "model", "scope", "bitmap", "storage", "text", "query", "engine", "import", "audit", "canary", "server",
            "demo", "testkit",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Files that git knows, or would know.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(output.status.success(), "git lists the files");
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().map(|name| root().join(name)).filter(|path| path.is_file()).collect()
}

fn texts() -> impl Iterator<Item = (PathBuf, String)> {
    files().into_iter().filter_map(|path| Some((path.clone(), fs::read_to_string(&path).ok()?)))
}

fn section<'a>(manifest: &'a str, name: &str) -> BTreeSet<&'a str> {
    let lines = manifest.lines().skip_while(|line| *line != name).skip(1).take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.strip_prefix("ticketscope-")?.split(['.', ' ', '=']).next()).collect()
}

#[test]
fn dependencies_point_one_way() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let dir = entry.unwrap().path();
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
        let allowed = DIRECTIONS.iter().find(|(known, _)| *known == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("crate {name} is not in the table of directions"));
        for used in section(&manifest, "[dependencies]") {
            assert!(allowed.contains(&used), "{name} must not use {used}");
        }
        found.insert(name);
    }
    for (name, _) in DIRECTIONS {
        assert!(found.contains(*name), "the table of directions names {name}, which is gone");
    }
}

#[test]
fn the_readme_maps_every_crate() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for (name, _) in DIRECTIONS {
        assert!(readme.contains(&format!("crates/{name}")), "README.md does not say what crates/{name} is");
    }
}

#[test]
fn links_of_the_readme_resolve() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut links = 0;
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if !link.starts_with("http") && !link.starts_with('#') {
            let path = link.split('#').next().unwrap();
            assert!(root().join(path).exists(), "README.md links {link}, which does not exist");
            links += 1;
        }
    }
    assert!(links > 0, "README.md links its files");
}

#[test]
fn sources_are_ascii() {
    for (path, text) in texts().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs")) {
        for (line, text) in text.lines().enumerate() {
            assert!(text.is_ascii(), "{}:{}: write other letters as escapes", path.display(), line + 1);
        }
    }
}

#[test]
fn no_file_names_a_place_on_some_machine() {
    // Built from parts, so that this file passes its own test.
    let places = ["/wo", "/ro", "/ho"].into_iter().zip(["rk/", "ot/", "me/"]).map(|(a, b)| format!("{a}{b}"));
    let places: Vec<String> = places.collect();
    for (path, text) in texts() {
        for place in &places {
            let found = text.lines().position(|line| line.contains(place.as_str()));
            assert!(found.is_none(), "{}:{}: names {place}", path.display(), found.unwrap_or(0) + 1);
        }
    }
}

#[test]
fn only_storage_may_hold_unsafe_code() {
    for (name, _) in DIRECTIONS.iter().filter(|(name, _)| *name != "storage") {
        let dir = root().join("crates").join(name).join("src");
        let lib = [dir.join("lib.rs"), dir.join("main.rs")].into_iter().find(|path| path.exists()).unwrap();
        let text = fs::read_to_string(&lib).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{} does not forbid unsafe code", lib.display());
    }
}
