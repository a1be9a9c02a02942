use serde_json::json;

use crate::desk::Desk;

#[test]
fn every_command_has_help_on_stdout() {
    let desk = Desk::empty();
    for command in [
        &[][..],
        &["import"],
        &["count"],
        &["search"],
        &["facets"],
        &["fields"],
        &["key", "rotate"],
        &["key", "revoke"],
        &["signing-key", "--token-keys", "x", "create"],
        &["signing-key", "--token-keys", "x", "promote"],
        &["sign-out"],
        &["why"],
        &["who"],
        &["scope"],
        &["scope", "check"],
        &["scope", "show"],
        &["scope", "presets"],
        &["stats"],
        &["tenant"],
        &["tenant", "create"],
        &["tenant", "list"],
        &["tenant", "delete"],
        &["verify"],
        &["bench"],
        &["audit"],
        &["audit", "show"],
        &["audit", "verify"],
        &["canary"],
        &["canary", "plant"],
        &["canary", "list"],
        &["canary", "remove"],
    ] {
        let ran = desk.run(&[command, &["--help"]].concat()).expect(0);
        assert!(ran.out.contains("Usage: ticketscope"), "{command:?}: {}", ran.out);
        assert_eq!(ran.err, "");
    }
    assert!(desk.run(&["--help"]).expect(0).out.contains("Exit codes: 0 done"));
    assert!(desk.run(&["--version"]).expect(0).out.starts_with("ticketscope "));
}

#[test]
fn wrong_usage_is_told_on_stderr() {
    let desk = Desk::empty();
    for args in
        [&[][..], &["serve-tea"], &["count", "--frob"], &["count", "--tenant", "../x", "--as", "ana"], &["scope"]]
    {
        let ran = desk.run(args).expect(2);
        assert_eq!(ran.out, "", "{args:?}");
        assert!(ran.err.contains("Usage: ") || ran.err.contains("error: "), "{args:?}: {}", ran.err);
    }
    let error = desk.json_error(&["count", "--tenant", "desk"], 2);
    assert_eq!(error["type"], "usage");
    assert_eq!(error["message"], "the following required arguments were not provided: <--as <PRINCIPAL>|--as-admin>");
    assert_eq!(desk.json_error(&["scope"], 2)["message"], "a subcommand is missing; --help lists them");
    assert!(!desk.data().exists(), "wrong usage makes no data directory");
}

#[test]
fn a_query_that_is_taken_for_an_option_is_told_where_it_goes() {
    let desk = Desk::with_fixture();
    let hint = "a query that begins with - goes after --";
    for command in ["count", "search", "facets"] {
        let args = [command, "--tenant", "desk", "--as", "ana", "-tags:spam"];
        let ran = desk.run(&args).expect(2);
        assert!(ran.err.contains("unexpected argument '-t'") && ran.err.contains(hint), "{}", ran.err);
        let error = desk.json_error(&args, 2);
        assert_eq!((&error["message"], &error["hint"]), (&json!("unexpected argument '-t' found"), &json!(hint)));
        desk.run(&[command, "--tenant", "desk", "--as", "ana", "--", "-tags:spam"]).expect(0);
    }
    for args in [&["stats", "--tenant", "desk", "-t"][..], &["count", "--tenant", "desk", "--as", "ana", "--frob"]] {
        let ran = desk.run(args).expect(2);
        assert!(ran.err.contains("unexpected argument") && !ran.err.contains(hint), "{}", ran.err);
        assert_eq!(desk.json_error(args, 2)["hint"], json!(null));
    }
}

#[test]
fn global_flags_stand_before_or_after_the_command() {
    let desk = Desk::with_fixture();
    let before = desk.run(&["--json", "count", "--tenant", "desk", "--as", "ana"]).expect(0).out;
    let after = desk.run(&["count", "--tenant", "desk", "--as", "ana", "--json"]).expect(0).out;
    assert_eq!(before, "{\"count\":3}\n");
    assert_eq!(before, after);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ticketscope"));
    command.args(["count", "--tenant", "desk", "--as", "ana"]);
    let by_flag = command.arg("--data").arg(desk.data()).output().expect("the binary runs");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ticketscope"));
    command.args(["count", "--tenant", "desk", "--as", "ana"]).env("TICKETSCOPE_DATA", desk.data());
    let by_variable = command.output().expect("the binary runs");
    assert_eq!(by_flag.stdout, b"3\n");
    assert_eq!(by_variable.stdout, b"3\n");
}
