//! What an operator does with a data directory: copies, moves, looks after it.

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use serde_json::{Value, json};

use crate::{
    desk::{Desk, Ran, many_tickets},
    serving::{Serving, shell},
};

/// Everything in a directory: path to length, moment of the last change and bytes.
type Tree = BTreeMap<String, (SystemTime, Vec<u8>)>;

fn tree(dir: &Path) -> Tree {
    let mut found = Tree::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let changed = path.metadata().expect("a file").modified().expect("a moment");
        let name = path.to_str().expect("a UTF-8 path").to_owned();
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(name, (changed, Vec::new()));
        } else {
            found.insert(name, (changed, fs::read(&path).expect("a file")));
        }
    }
    found
}

/// All that a tenant answers to the admin.
fn answers(desk: &Desk, tenant: &str) -> (Value, Value) {
    let list = desk.json(&["search", "--tenant", tenant, "--as-admin", "--limit", "1000"]);
    let facets = desk.json(&["facets", "--tenant", tenant, "--as-admin"]);
    (list["hits"].clone(), facets)
}

fn serve(desk: &Desk) -> Serving {
    let mut serving = Serving::start(desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    serving.address();
    serving
}

#[cfg(unix)]
fn mode(path: &str) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).expect("a file").permissions()) & 0o777
}

#[test]
fn a_backup_is_restored_under_another_name_and_into_another_directory() {
    let desk = Desk::with_fixture();
    let to = desk.file("backup");
    let told = desk.json(&["backup", "--tenant", "desk", &to]);
    assert_eq!((&told["backup"], &told["tenants"][0]["tenant"]), (&json!(to), &json!("desk")));
    assert!(told["bytes"].as_u64().expect("bytes") > 0 && told["tenants"][0]["rows"].as_u64().expect("rows") > 0);
    #[cfg(unix)]
    assert_eq!((mode(&to), mode(&format!("{to}/BACKUP")), mode(&format!("{to}/desk.rows"))), (0o700, 0o600, 0o600));
    desk.import(r#"{"k":"ticket","id":4711,"status":"late"}"#, &[]).expect(0);

    let told = desk.json(&["restore", "--rename", "copy", &to]);
    assert_eq!((&told["tenants"][0]["tenant"], &told["tenants"][0]["tickets"]), (&json!("copy"), &json!(6)), "{told}");
    let other = Desk::empty();
    other.run(&["restore", &to]).expect(0);
    assert_eq!(answers(&desk, "copy"), answers(&other, "desk"));
    assert_eq!(
        desk.count("ana", ""),
        desk.json(&["count", "--tenant", "copy", "--as", "ana"])["count"].as_u64().unwrap_or(0)
    );
    assert_ne!(answers(&desk, "desk"), answers(&other, "desk"), "what came later is not in it");
    for name in ["desk", "copy"] {
        desk.run(&["verify", "--tenant", name, "--questions", "50", "--full"]).expect(0);
    }
    assert_eq!(desk.run(&["doctor"]).expect(0).out.lines().last(), Some("nothing is wrong"));
}

#[test]
fn nothing_is_written_over_and_nothing_half_done_is_left() {
    let desk = Desk::with_fixture();
    let to = desk.file("backup");
    assert_eq!(desk.json_error(&["backup", "--tenant", "dsek", &to], 3)["type"], "no_such_tenant");
    assert!(!Path::new(&to).exists() && !Path::new(&format!("{to}.partial")).exists());
    desk.run(&["backup", "--tenant", "desk", &to]).expect(0);
    let before = tree(Path::new(&to));
    assert_eq!(desk.json_error(&["backup", "--all", &to], 2)["type"], "backup_exists");
    assert_eq!(desk.json_error(&["restore", &to], 2)["type"], "tenant_exists");
    assert_eq!(desk.json_error(&["restore", "--tenant", "other", &to], 3)["type"], "no_such_tenant");
    assert_eq!(tree(Path::new(&to)), before);
    // What an interruption left is in the way, and says so.
    fs::create_dir(format!("{to}2.partial")).expect("a directory");
    let error = desk.json_error(&["backup", "--all", &format!("{to}2")], 2);
    assert!(error["message"].as_str().expect("a message").contains(".partial"), "{error}");
    for args in [&["backup", to.as_str()][..], &["backup", "--tenant", "desk", "--all", &to], &["backup", "--all", "/"]]
    {
        desk.run(args).expect(2);
    }
    assert_eq!(desk.json_error(&["restore", &desk.file("absent")], 4)["type"], "file");
}

#[test]
fn all_tenants_are_backed_up_together_and_restored_together_or_one_of_them() {
    let desk = Desk::with_fixture();
    desk.run(&["tenant", "create", "empty"]).expect(0);
    desk.run(&["import", "--tenant", "north", &crate::desk::fixture("tickets.jsonl")]).expect(0);
    let to = desk.file("backup");
    assert_eq!(desk.json(&["backup", "--all", &to])["tenants"].as_array().map(Vec::len), Some(3));
    let other = Desk::empty();
    assert_eq!(other.json_error(&["restore", "--rename", "x", &to], 2)["type"], "one_name");
    other.run(&["restore", "--tenant", "north", &to]).expect(0);
    assert_eq!(other.json(&["tenant", "list"]), json!({"tenants": ["north"]}));
    // All or none: one of them is there.
    assert_eq!(other.json_error(&["restore", &to], 2)["type"], "tenant_exists");
    assert_eq!(other.json(&["tenant", "list"]), json!({"tenants": ["north"]}));
    let third = Desk::empty();
    third.run(&["restore", &to]).expect(0);
    for name in ["desk", "empty", "north"] {
        assert_eq!(answers(&third, name), answers(&desk, name));
    }
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_no_tenant() {
    let desk = Desk::with_fixture();
    let to = desk.file("backup");
    desk.run(&["backup", "--tenant", "desk", &to]).expect(0);
    for (name, newer) in [("BACKUP", false), ("desk.rows", false), ("BACKUP", true)] {
        let path = Path::new(&to).join(name);
        let whole = fs::read(&path).expect("a file");
        let mut bytes = whole.clone();
        if newer {
            bytes = b"ticketscope backup 99\n{}\n".to_vec();
        } else {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        }
        fs::write(&path, bytes).expect("a file");
        let error = desk.json_error(&["restore", "--rename", "copy", &to], 4);
        assert_eq!(error["type"], if newer { "newer_format" } else { "damaged_backup" }, "{name}: {error}");
        assert_eq!(desk.json(&["tenant", "list"]), json!({"tenants": ["desk"]}));
        fs::write(&path, whole).expect("a file");
    }
    desk.run(&["restore", "--rename", "copy", &to]).expect(0);
}

#[test]
fn a_server_backs_up_restores_dumps_and_loads_what_it_holds_from_where_the_command_is_run() {
    let desk = Desk::with_fixture();
    let serving = serve(&desk);
    let run = |args: &[&str]| {
        let mut command = desk.command(&[&["--json"], args].concat());
        command.current_dir(Path::new(&desk.file(".")));
        Ran::from(command.output().expect("the binary runs"))
    };
    let told = run(&["backup", "--all", "from-the-server"]).expect(0).json();
    assert_eq!(told["tenants"][0]["tenant"], "desk");
    assert!(Path::new(&desk.file("from-the-server")).join("desk.rows").is_file());
    assert_eq!(run(&["backup", "--all", "from-the-server"]).expect(2).out, "");
    run(&["restore", "--rename", "copy", "from-the-server"]).expect(0);
    run(&["dump", "--tenant", "copy", "--out", "copy.jsonl.zst"]).expect(0);
    assert!(run(&["dump", "--tenant", "copy"]).expect(2).err.contains("--out"));
    run(&["load", "--tenant", "loaded", "copy.jsonl.zst"]).expect(0);
    let again = run(&["load", "--tenant", "loaded", "copy.jsonl.zst"]).expect(2);
    assert!(again.err.contains("tenant_not_empty"), "{}", again.err);
    for name in ["copy", "loaded"] {
        assert_eq!(answers(&desk, name), answers(&desk, "desk"));
    }
    let found = run(&["doctor"]).expect(0).json();
    assert_eq!(
        (&found["damaged"], &found["warnings"], &found["tenants"]),
        (&json!(0), &json!(0), &json!(3)),
        "{found}"
    );
    assert_eq!(serving.end(), 0);
    for name in ["desk", "copy", "loaded"] {
        desk.run(&["verify", "--tenant", name, "--questions", "50", "--full"]).expect(0);
    }
}

#[test]
fn a_dump_is_loaded_as_an_equal_tenant_whose_dump_is_the_same() {
    let desk = Desk::with_fixture();
    desk.run(&[
        "import",
        "--tenant",
        "desk",
        &crate::desk::fixture("tickets.jsonl"),
        &crate::desk::fixture("events.jsonl"),
    ])
    .expect(0);
    let lines = desk.run(&["dump", "--tenant", "desk"]).expect(0).out;
    let (plain, packed) = (desk.file("desk.jsonl"), desk.file("desk.jsonl.zst"));
    let told = desk.json(&["dump", "--tenant", "desk", "--out", &plain]);
    assert_eq!((&told["omitted"], &told["bytes"]), (&json!(0), &json!(lines.len())));
    assert_eq!(told["lines"], json!(lines.lines().count()));
    desk.run(&["dump", "--tenant", "desk", "--out", &packed]).expect(0);
    assert_eq!(fs::read_to_string(&plain).expect("a file"), lines);
    assert!(fs::metadata(&packed).expect("a file").len() < lines.len() as u64 / 2);
    #[cfg(unix)]
    assert_eq!(mode(&plain), 0o600);
    assert_eq!(desk.json_error(&["dump", "--tenant", "desk", "--out", &plain], 2)["type"], "file_exists");
    for (name, file) in [("a", &plain), ("b", &packed)] {
        desk.run(&["load", "--tenant", name, file]).expect(0);
        assert_eq!(answers(&desk, name), answers(&desk, "desk"));
        assert_eq!(desk.run(&["dump", "--tenant", name]).expect(0).out, lines);
        desk.run(&["verify", "--tenant", name, "--questions", "50"]).expect(0);
    }
    assert_eq!(desk.json_error(&["load", "--tenant", "desk", &plain], 2)["type"], "tenant_not_empty");
}

#[test]
fn a_compressed_dump_of_which_a_bit_flipped_is_refused_or_still_says_the_same() {
    const FLIPS: usize = 40;
    let desk = Desk::with_fixture();
    let (plain, packed) = (desk.run(&["dump", "--tenant", "desk"]).expect(0).out, desk.file("desk.jsonl.zst"));
    desk.run(&["dump", "--tenant", "desk", "--out", &packed]).expect(0);
    let whole = fs::read(&packed).expect("a file");
    // Everywhere, and in each of the last bytes, which are the checksum.
    let everywhere = (0..FLIPS).map(|number| number * whole.len() / FLIPS);
    let mut refused = 0;
    for (number, at) in everywhere.chain(whole.len() - 4..whole.len()).enumerate() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (number % 8);
        let (name, file) = (format!("flipped-{number}"), desk.write("flipped.jsonl.zst", bytes));
        let loaded = desk.run(&["load", "--tenant", &name, &file]);
        if loaded.code == 0 {
            // The format has bits that mean nothing.
            assert_eq!(desk.run(&["dump", "--tenant", &name]).expect(0).out, plain, "byte {at} of {}", whole.len());
        } else {
            loaded.expect(2);
            refused += 1;
        }
    }
    assert!(refused >= FLIPS, "{refused}");
}

#[test]
fn a_part_of_a_dump_is_not_taken_for_a_whole_one() {
    let desk = Desk::with_fixture();
    let lines = desk.run(&["dump", "--tenant", "desk"]).expect(0).out;
    let whole: Vec<&str> = lines.lines().collect();
    let person = whole.iter().position(|line| line.contains(r#""k":"principal""#)).expect("a principal");
    let lost = [&whole[..person], &whole[person + 1..]].concat().join("\n");
    for (name, part) in [("cut", whole[..whole.len() - 1].join("\n")), ("lost", lost)] {
        let file = desk.write(name, part);
        // What was applied before is told, too.
        let ran = desk.run(&["--json", "load", "--tenant", name, &file]).expect(2);
        let told = ran.err.lines().last().expect("an error");
        let error: Value = serde_json::from_str(told).expect("JSON on stderr");
        let kind = if name == "cut" { "not_whole" } else { "rejected" };
        assert_eq!(error["error"]["type"], kind, "{name}: {told}");
    }
    // A tenant that was made and never told anything takes a dump.
    desk.run(&["tenant", "create", "made"]).expect(0);
    let file = desk.write("whole", lines);
    desk.run(&["load", "--tenant", "made", &file]).expect(0);
}

#[test]
fn what_no_line_can_say_ends_a_dump_or_is_named_and_left_out() {
    // A line has at most 64 MiB; that of the ticket fits, and that of its text alone is longer by some keys.
    let desk = Desk::empty();
    let beginning = r#"{"id":1,"body":""#;
    let line = format!("{beginning}{}\"}}\n{{\"id\":2}}\n", "x".repeat((64 << 20) - beginning.len() - 2));
    let tickets = desk.write("tickets.jsonl", line);
    desk.run(&["import", "--tenant", "desk", &tickets]).expect(0);
    let file = desk.file("dump.jsonl");
    let error = desk.json_error(&["dump", "--tenant", "desk", "--out", &file], 1);
    assert_eq!(error["type"], "inexpressible");
    assert!(error["message"].as_str().expect("a message").contains("part `description` of ticket 1"), "{error}");
    assert!(!Path::new(&file).exists() && !Path::new(&format!("{file}.partial")).exists());
    let ran = desk.run(&["dump", "--tenant", "desk", "--out", &file, "--keep-going"]).expect(1);
    assert!(ran.err.contains("left out: part `description` of ticket 1") && ran.err.contains("1 fact"), "{}", ran.err);
    assert!(desk.run(&["load", "--tenant", "other", &file]).expect(2).err.contains("no whole dump"));
}

#[test]
fn a_doctor_changes_nothing_whatever_it_finds() {
    let desk = Desk::with_lines(&many_tickets(2000, 100));
    desk.run(&["key", "create", "--class", "search", "--tenant", "desk"]).expect(0);
    // A server that is killed leaves what a crash leaves.
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    serving.address();
    desk.import(r#"{"k":"ticket","id":1,"status":"late","subject":"walrus"}"#, &[]).expect(0);
    drop(serving);
    let tenant = desk.data().join("tenants/desk");
    fs::write(tenant.join("snapshot.tmp"), "half").expect("a file");
    let before = tree(&desk.data());
    let found = desk.json(&["doctor"]);
    assert_eq!(tree(&desk.data()), before, "{found}");
    assert_eq!((&found["damaged"], &found["warnings"]), (&json!(0), &json!(0)), "{found}");
    let told = |check: &str| -> Vec<String> {
        let all = found["findings"].as_array().expect("findings").iter();
        all.filter(|finding| finding["check"] == check).map(|finding| finding["what"].to_string()).collect()
    };
    assert!(told("closed")[0].contains("not closed well") && told("server")[0].contains("ended without"), "{found}");
    assert!(told("leftover")[0].contains("removes it") && told("keys")[0].contains("1 key"), "{found}");
    assert!(told("state")[0].contains("2,000 tickets") && told("rows")[0].contains("whole"), "{found}");
    assert_eq!(
        found["findings"].as_array().map(Vec::len),
        Some(desk.run(&["doctor"]).expect(0).out.lines().count() - 1)
    );

    // What it says happens.
    assert_eq!(desk.count("ana", "status:late"), 0);
    assert!(!tenant.join("snapshot.tmp").exists());
    assert_eq!(desk.run(&["doctor", "--tenant", "desk"]).expect(0).err, "");
    assert_eq!(desk.json_error(&["doctor", "--tenant", "dsek"], 3)["type"], "no_such_tenant");
    assert_eq!(Desk::empty().json_error(&["doctor"], 3)["type"], "no_data_dir");
}

#[test]
fn a_doctor_names_damage_what_it_means_and_what_to_do() {
    let finding = |desk: &Desk, code: i32, check: &str, severity: &str| {
        let ran = desk.run(&["--json", "doctor"]).expect(code);
        let found = ran.json();
        let all = found["findings"].as_array().expect("findings").clone();
        let one = all.into_iter().find(|finding| finding["check"] == check && finding["severity"] == severity);
        let one = one.unwrap_or_else(|| panic!("no {severity} of {check}: {found}"));
        assert!(one["todo"].is_string(), "{one}");
        one["what"].as_str().expect("words").to_owned()
    };
    let change = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).expect("a file");
        change(&mut bytes);
        fs::write(path, bytes).expect("a file");
    };
    let turn = |bytes: &mut Vec<u8>| {
        let half = bytes.len() / 2;
        bytes[half..].iter_mut().for_each(|byte| *byte = !*byte);
    };
    let snapshot = |desk: &Desk| {
        let names = fs::read_dir(desk.data().join("tenants/desk")).expect("a directory");
        let mut paths = names.map(|entry| entry.expect("an entry").path());
        paths.find(|path| path.extension().is_some_and(|it| it == "tsnap")).expect("a snapshot")
    };

    let desk = Desk::with_lines(&many_tickets(2000, 100));
    change(&desk.data().join("tenants/desk/state.redb"), &turn);
    let before = tree(&desk.data());
    let ran = desk.run(&["--json", "doctor"]).expect(4).json();
    assert!(ran["damaged"].as_u64().expect("a number") >= 1, "{ran}");
    assert_eq!(tree(&desk.data()), before);

    let desk = Desk::with_lines(&many_tickets(2000, 0));
    change(&snapshot(&desk), &turn);
    assert!(finding(&desk, 1, "snapshot", "warning").contains("another one is written"));
    let desk = Desk::with_lines(&many_tickets(200, 0));
    // Behind the magic of eight bytes stands the version.
    change(&snapshot(&desk), &|bytes| bytes[8] = 99);
    assert!(finding(&desk, 1, "snapshot", "warning").contains("newer version"));
    assert_eq!(desk.count("ana", ""), 100, "it is made anew");

    let desk = Desk::with_fixture();
    let text = fs::read_dir(desk.data().join("tenants/desk/text")).expect("a directory");
    let file =
        text.map(|entry| entry.expect("an entry").path()).find(|path| path.extension().is_some_and(|it| it == "idx"));
    change(&file.expect("an index"), &turn);
    assert!(finding(&desk, 1, "text", "warning").contains("anew"));

    let desk = Desk::with_fixture();
    desk.run(&["key", "create", "--class", "search", "--tenant", "desk"]).expect(0);
    change(&desk.data().join("keys.json"), &|bytes| *bytes = b"{\"version\":99}".to_vec());
    assert!(finding(&desk, 4, "keys", "damage").contains("keys.json"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(desk.data().join("keys.json"), fs::Permissions::from_mode(0o644)).expect("a file");
        assert!(finding(&desk, 1, "keys", "warning").contains("644"));
    }

    let desk = Desk::with_fixture();
    fs::write(desk.data().join("tenants/desk/notes.txt"), "mine").expect("a file");
    fs::create_dir(desk.data().join("tenants/Old")).expect("a directory");
    let found = desk.run(&["doctor"]).expect(1);
    assert!(
        found.out.contains("notes.txt")
            && found.out.contains("tenants/Old")
            && found.out.ends_with("2 to look after\n"),
        "{}",
        found.out
    );
    assert!(desk.data().join("tenants/Old").exists());

    let desk = Desk::with_fixture();
    fs::write(desk.data().join("FORMAT"), "ticketscope data 99\n").expect("a file");
    assert_eq!(desk.json_error(&["doctor"], 4)["type"], "newer_format");
}

#[test]
fn a_doctor_beside_a_server_names_the_tenant_that_the_server_found_damaged_and_no_other() {
    let desk = Desk::with_fixture();
    desk.run(&["tenant", "create", "north"]).expect(0);
    let mut serving = Serving::start(&desk, &["serve", "--dev", "--listen", "127.0.0.1:0"]);
    let address = serving.address();
    let ask = |tenant: &str| shell(&format!("curl -sS 'http://{address}/v1/tenants/{tenant}/count?as_admin=true'")).out;
    let found = desk.run(&["--json", "doctor"]).expect(0).json();
    assert_eq!((&found["damaged"], &found["warnings"]), (&json!(0), &json!(0)), "{found}");
    let state = desk.data().join("tenants/desk/state.redb");
    let mut bytes = fs::read(&state).expect("a file");
    let half = bytes.len() / 2;
    bytes[half..].iter_mut().for_each(|byte| *byte = !*byte);
    fs::write(&state, bytes).expect("a file");
    assert!(ask("desk").contains("\"damaged\""), "{}", ask("desk"));
    assert!(ask("north").contains("\"count\":0"));

    let found = desk.run(&["--json", "doctor"]).expect(4).json();
    let damage: Vec<&Value> = found["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["severity"] == "damage")
        .collect();
    assert_eq!((damage.len(), &found["damaged"], &found["tenants"]), (1, &json!(1), &json!(2)), "{found}");
    assert_eq!((&damage[0]["check"], &damage[0]["place"]), (&json!("opens"), &json!("tenant desk")));
    let told = |name: &str| damage[0][name].as_str().expect("words").to_owned();
    assert!(told("what").starts_with("the server found it damaged: "), "{}", told("what"));
    assert_eq!(told("todo"), "stop the server, then `ticketscope doctor --tenant desk`");
    desk.run(&["doctor", "--tenant", "desk"]).expect(4);
    desk.run(&["doctor", "--tenant", "north"]).expect(0);
    assert_eq!(serving.end(), 0);
    desk.run(&["doctor", "--tenant", "desk"]).expect(4);
}

#[test]
fn a_full_verification_says_what_it_looked_at() {
    let desk = Desk::with_fixture();
    let found = desk.json(&["verify", "--tenant", "desk", "--questions", "20", "--full"]);
    assert_eq!(found["snapshots_checked"], json!(1), "{found}");
    let text = &found["text_checked"];
    assert!(text["files"].as_u64().expect("files") > 3 && text["words"].as_u64().expect("words") > 10, "{found}");
    assert_eq!(text["tickets"], json!(4));
    let out = desk.run(&["verify", "--tenant", "desk", "--questions", "20", "--full"]).expect(0).out;
    assert!(out.contains("text: ") && out.contains("are indexed as their texts say"), "{out}");
    assert_eq!(desk.json(&["verify", "--tenant", "desk", "--questions", "1"])["text_checked"], json!(null));
}

#[test]
fn stats_tell_what_every_part_takes_on_the_disk() {
    let desk = Desk::with_fixture();
    let usage = desk.json(&["stats", "--tenant", "desk"])["disk"].clone();
    let part = |name: &str| usage[name].as_u64().expect("bytes");
    let parts = ["database", "snapshots", "text", "text_aside", "temporary"].map(part);
    assert_eq!(parts.iter().sum::<u64>(), part("total"));
    assert!(parts[..3].iter().all(|bytes| *bytes > 0) && parts[3..] == [0, 0], "{usage}");
    let out = desk.run(&["stats", "--tenant", "desk"]).expect(0).out;
    assert!(out.contains("disk: text index put aside") && out.contains("disk: all"), "{out}");
}
