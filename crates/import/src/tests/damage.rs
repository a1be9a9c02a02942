use super::lines;
use crate::{Format, MAX_DEPTH};

const VALID: &[(Format, &str)] = &[
    (
        Format::ScopeJsonl,
        r#"{"k":"schema","fields":[{"name":"region","kind":"tree","many":true}],"relations":["desks"]}"#,
    ),
    (Format::ScopeJsonl, r#"{"k":"role","id":"r","view":"group in my.groups","view_private":{"any":[{"a":[1.5e3]}]}}"#),
    (Format::ScopeJsonl, r#"{"k":"group","id":3,"parent":"a","public":false,"rev":7}"#),
    (Format::ScopeJsonl, r#"{"k":"principal","id":7,"role":"agent","active":true,"email":"a@ex.test","gone":true}"#),
    (Format::ScopeJsonl, r#"{"k":"rel","principal":"ann","rel":"groups","value":1,"level":"full"}"#),
    (
        Format::ScopeJsonl,
        r#"{"k":"ticket","id":567588278875213824,"tags":["a","\ud83d\ude00"],"n":-1.5,"big":99999999999999999999}"#,
    ),
    (
        Format::ScopeJsonl,
        "{\"k\":\"text\",\"ticket\":1,\"part\":\"n\",\"class\":\"private\",\"body\":\"Gr\u{fc}\u{df}e\\n\",\"at\":\"2026-01-05T09:00:00Z\"}",
    ),
    (Format::ScopeJsonl, r#"{"k":"complete","what":"memberships","count":12}"#),
    (
        Format::Tickets,
        r#"{"id":1,"subject":"S","body":"B","comments":[{"author":"ann","public":true,"body":"c","at":"2026-01-05"}],"tags":[]}"#,
    ),
    (Format::Events, r#"{"at":"2026-01-05T09:00:00Z","ticket":1,"field":"tags","from":null,"to":"b","by":"x"}"#),
];

#[test]
fn damaged_lines_never_stop_the_reader_and_leave_no_line_unanswered() {
    let mut refused = 0;
    for seed in 0..100_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (format, line) = rng.choice(VALID).unwrap();
        let mut bytes = line.as_bytes().to_vec();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(0..bytes.len());
            match rng.u8(0..5) {
                0 => bytes[at] ^= 1 << rng.u8(0..8),
                1 => bytes[at] = *rng.choice(b"\"\\{}[],:0-e\n").unwrap(),
                2 => bytes.truncate(at.max(1)),
                3 => drop(bytes.remove(at)),
                _ => bytes.insert(at, rng.u8(..)),
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        let answered = lines(&bytes, *format);
        let expected = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        assert_eq!(answered.len(), expected, "seed {seed}");
        for line in answered {
            if let Err(error) = line.change {
                refused += 1;
                assert!(!error.code().is_empty() && error.column <= bytes.len() + 1, "seed {seed}: {error}");
            }
        }
    }
    assert!(refused > 10_000, "only {refused} lines were refused");
}

#[test]
fn what_is_undamaged_is_read() {
    for (format, line) in VALID {
        assert!(lines(line.as_bytes(), *format)[0].change.is_ok(), "{line}");
    }
}

#[test]
fn depth_bombs_and_huge_numbers_are_refused() {
    let deep = 5_000_000;
    let role = |open: &str, depth: usize, close: &str| {
        format!(r#"{{"k":"role","id":"r","view":{}1{}}}"#, open.repeat(depth), close.repeat(depth))
    };
    for (line, code) in [
        (role("[", deep, "]"), "too_deep"),
        (role("{\"a\":", deep, "}"), "too_deep"),
        (role("[", MAX_DEPTH + 1, "]"), "too_deep"),
        (format!("{}{}", "{\"a\":".repeat(deep), "}".repeat(deep)), "too_deep"),
        (format!(r#"{{"k":"ticket","id":1,"tags":{}}}"#, "[".repeat(deep)), "wrong_type"),
        (format!(r#"{{"k":"ticket","id":{}}}"#, "9".repeat(deep)), "number_out_of_range"),
        (format!(r#"{{"k":"ticket","id":1,"n":0.{}}}"#, "9".repeat(deep)), "number_out_of_range"),
        (format!(r#"{{"k":"ticket","id":1,"n":1e{}}}"#, "9".repeat(deep)), "number_out_of_range"),
        ("[".repeat(deep), "not_an_object"),
    ] {
        let head: String = line.chars().take(40).collect();
        assert_eq!(lines(line.as_bytes(), Format::ScopeJsonl)[0].change.clone().unwrap_err().code(), code, "{head}");
    }
    assert!(lines(role("[", MAX_DEPTH, "]").as_bytes(), Format::ScopeJsonl)[0].change.is_ok());
}
