//! What is hidden makes no difference to any command that asks for a principal.

use crate::desk::Desk;

/// An agent of one group who reads no notes, somebody suspended, and an admin.
const VISIBLE: &str = r#"{"k":"role","id":"agent","view":"group in my.groups"}
{"k":"principal","id":"ana","role":"agent"}
{"k":"principal","id":"sue","role":"agent","active":false}
{"k":"principal","id":"root","role":"generic.admin"}
{"k":"rel","principal":"ana","rel":"groups","value":"g"}
{"k":"rel","principal":"sue","rel":"groups","value":"g"}
{"k":"ticket","id":1,"group":"g","status":"open","priority":"high","subject":"Printer on fire","tags":["vat"],"updated_at":"2026-01-01"}
{"k":"ticket","id":2,"group":"g","status":"solved","subject":"A parcel","tags":["late"],"updated_at":"2026-01-02"}
{"k":"text","ticket":1,"part":"c1","class":"public","body":"The printer burns"}
"#;

/// Hidden tickets and notes about a word.
fn hidden(word: &str, tickets: u32) -> String {
    let ticket = |id: u32| {
        format!(
            "{{\"k\":\"ticket\",\"id\":{id},\"group\":\"{word}\",\"status\":\"open\",\"subject\":\"printer {word}\",\
             \"tags\":[\"{word}\",\"vat\"],\"assignee\":\"{word}\",\"updated_at\":\"2026-01-03\"}}\n\
             {{\"k\":\"text\",\"ticket\":{id},\"part\":\"n\",\"class\":\"private\",\"body\":\"{word}\"}}\n"
        )
    };
    let note =
        format!("{{\"k\":\"text\",\"ticket\":1,\"part\":\"n\",\"class\":\"private\",\"body\":\"printer {word}\"}}\n");
    (900..900 + tickets).map(ticket).collect::<String>() + &note
}

/// Everything that a command says and how it ends, but for the time it took.
fn told(desk: &Desk, asker: &str, args: &[&str]) -> String {
    let (command, rest) = args.split_first().expect("a command");
    let ran = desk.run(&[&["--json", command, "--tenant", "desk", "--as", asker], rest].concat());
    let timed = |text: &str| match text.split_once("\"took_us\":") {
        Some((before, after)) => format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => text.to_owned(),
    };
    format!("{} {} {}", ran.code, timed(&ran.out), timed(&ran.err))
}

const QUESTIONS: [&[&str]; 20] = [
    &["count", "--", ""],
    &["count", "--", "id:900"],
    &["count", "--", "900"],
    &["count", "--", "tags:vat"],
    &["count", "--", "-tags:quarterhorse"],
    &["count", "--", "quarterhorse"],
    &["search", "--", "printer"],
    &["search", "--", "printer -quarterhorse"],
    &["search", "--", "prin*"],
    &["search", "--limit", "1", "--sort", "id:asc", "--", ""],
    &["search", "--", "id:900"],
    &["search", "--", "group:quarterhorse"],
    &["search", "--", "quarterhorse:1"],
    &["search", "--", "\"quarterhorse"],
    &["facets", "--field", "tags", "--field", "group", "--", ""],
    &["facets", "--field", "assignee", "--", "status:open"],
    &["facets", "--field", "quarterhorse", "--", ""],
    &["suggest", "q"],
    &["suggest", "--field", "tags", "q"],
    &["suggest", "--field", "assignee", ""],
];

#[test]
fn no_command_tells_a_principal_of_what_is_hidden() {
    let bare = Desk::with_lines(VISIBLE);
    let full = Desk::with_lines(&(VISIBLE.to_owned() + &hidden("quarterhorse", 5)));
    let mut differ_for_admin = 0;
    for question in QUESTIONS {
        for asker in ["ana", "sue"] {
            let expected = cursorless(&told(&bare, asker, question));
            assert_eq!(cursorless(&told(&full, asker, question)), expected, "{asker}: {question:?}");
        }
        differ_for_admin += usize::from(told(&bare, "root", question) != told(&full, "root", question));
    }
    assert!(differ_for_admin > 10, "{differ_for_admin} questions differ for who sees it all");
    assert_eq!((full.count("ana", ""), full.count("root", "")), (2, 7));
}

/// Without the text of a cursor, which is another one in every tenant.
fn cursorless(told: &str) -> String {
    match told.split_once("\"next\":\"") {
        Some((before, after)) => format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_hexdigit())),
        None => told.to_owned(),
    }
}
