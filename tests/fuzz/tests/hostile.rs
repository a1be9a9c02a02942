//! Inputs of a hostile size or shape, on threads with the stack of a server's.

use std::{
    fmt::Write as _,
    hint::black_box,
    panic::resume_unwind,
    thread,
    time::{Duration, Instant},
};

use ticketscope_fuzz::TARGETS;
use ticketscope_import::{Chunks, Format, MAX_ITEMS, MAX_KEYS, Parser, Problem};
use ticketscope_model::{Schema, Timestamp};
use ticketscope_query::parse::{Context, Limits, QueryErrorKind, parse};
use ticketscope_scope::{Expr, JsonErrorKind, ParseErrorKind, conformance};
use ticketscope_text::analysis::{Analyzer, Languages, query_words, words};

/// The stack of a thread of a server, in bytes.
const STACK: usize = 2 << 20;

/// Runs `work` on a small stack; an overflow ends the process.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK).spawn(work).unwrap();
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

fn target(name: &str) -> fn(&[u8]) {
    TARGETS.iter().find(|(known, _)| *known == name).unwrap().1
}

/// Texts that break what recurses, counts or looks back, by what they are.
fn hostile_texts() -> Vec<(&'static str, String)> {
    let keys = |count: usize| {
        let mut text = String::from("{");
        for key in 0..count {
            write!(text, "\"k{key}\":{key},").unwrap();
        }
        text + "\"k\":0}"
    };
    let million = |unit: &str| unit.repeat(1_000_000 / unit.len());
    vec![
        ("open parentheses", million("(")),
        ("closed parentheses", million("(") + &million(")")),
        ("negations", million("!")),
        ("NOT", "NOT ".repeat(100_000)),
        ("dashes", million("-")),
        ("clauses", "-tags:a ".repeat(100_000)),
        ("alternatives", "no cc | ".repeat(100_000) + "no cc"),
        ("a long phrase", format!("\"{}\"", "a ".repeat(10_000))),
        ("a long number", "9".repeat(10_000)),
        ("a long number of a field", format!("weight:{}", "9".repeat(10_000))),
        ("a long exponent", format!("1e{}", "9".repeat(10_000))),
        ("lone surrogates", "\\ud800".repeat(10_000)),
        ("no numbers", "NaN ".repeat(10_000)),
        ("a key twice", "{\"a\":1,\"a\":2}".to_owned()),
        ("100,000 keys", keys(100_000)),
        ("deep lists", million("[")),
        ("deep closed lists", million("[") + &million("]")),
        ("deep objects", million("{\"a\":")),
        ("deep expressions", million("{\"not\":")),
        ("deep lists of expressions", million("{\"all\":[")),
        ("quotes", million("\"")),
        ("backslashes", million("\\")),
        ("escaped quotes", format!("\"{}", million("\\\""))),
        ("NULs", million("\0")),
        ("byte order marks", million("\u{feff}")),
        ("right to left", million("\u{202e}")),
        ("zero width", million("\u{200d}")),
        ("combining marks", format!("a{}", million("\u{301}"))),
        ("letters that expand", million("\u{fdfa}")),
        ("Chinese", million("\u{9000}\u{6b3e}")),
        ("one word", million("a")),
        ("blanks", million(" ")),
        ("line feeds", million("\n")),
        ("colons", million("a:")),
        ("stars", million("*")),
        ("under", million("under(")),
        ("sets", format!("group in {{{}}}", million("1,"))),
        ("sums of sets", format!("group in my.groups{}", million(" + my.groups"))),
    ]
}

#[test]
fn no_reader_of_text_overflows_its_stack_or_panics() {
    on_a_small_stack(|| {
        let readers = ["query", "expression_text", "expression_json", "role", "vectors", "import", "names"];
        for (_, text) in hostile_texts() {
            for reader in readers {
                target(reader)(text.as_bytes());
            }
            let quoted = serde_json::Value::String(text).to_string();
            target("expression_json")(quoted.as_bytes());
            target("role")(format!("{{\"k\":\"role\",\"id\":\"r\",\"view\":{quoted}}}").as_bytes());
            target("import")(format!("{{\"k\":\"ticket\",\"id\":1,\"a\":{quoted}}}").as_bytes());
            target("vectors")(format!("{{\"presets\":{{\"p\":{quoted}}}}}").as_bytes());
        }
    });
}

#[test]
fn no_text_of_a_ticket_overflows_a_stack_or_takes_more_words_than_it_has_letters() {
    on_a_small_stack(|| {
        let mut analyzer = Analyzer::new(Languages::default());
        for (name, text) in hostile_texts() {
            let text: String = text.chars().take(100_000).collect();
            let mut count = 0;
            words(&text, |_| count += 1);
            // One letter of those that expand stands for a sentence.
            assert!(count <= 4 * text.chars().count(), "{name}: {count} words");
            assert!(query_words(&text).len() <= count, "{name}");
            let languages = analyzer.languages_of(None, &text);
            analyzer.stems(&text, languages, |_, stem| assert!(!stem.is_empty()));
        }
    });
}

#[test]
fn a_query_without_limits_is_read_without_recursion() {
    on_a_small_stack(|| {
        let schema = Schema::builtin();
        let wide = Limits { bytes: usize::MAX, clauses: usize::MAX, words: usize::MAX, values: usize::MAX };
        let context = Context::new(&schema, Timestamp(0)).asked_by("ann");
        for (name, text) in hostile_texts() {
            drop(black_box(parse(&text, &context.clone().within(wide))));
            if text.len() > context.limits.bytes {
                let error = parse(&text, &context).unwrap_err();
                assert!(matches!(error.kind, QueryErrorKind::TooLong { .. }), "{name}: {error}");
            }
        }
    });
}

#[test]
fn what_is_too_large_is_refused_by_the_limit_that_it_breaks() {
    on_a_small_stack(|| {
        let schema = Schema::builtin();
        let expression = |text: &str| Expr::parse(text, &schema).unwrap_err().kind;
        let json = |text: &str| Expr::from_json(text, &schema).unwrap_err().kind;
        assert!(matches!(expression(&"(".repeat(1_000_000)), ParseErrorKind::TooLong(1_000_000)));
        assert!(matches!(expression(&"(".repeat(60_000)), ParseErrorKind::TooDeep));
        assert!(matches!(expression(&"!".repeat(60_000)), ParseErrorKind::TooDeep));
        assert!(matches!(expression(&"no cc|".repeat(10_000)), ParseErrorKind::TooManyAtoms));
        assert!(matches!(json(&"{\"not\":".repeat(1_000_000)), JsonErrorKind::TooLong(7_000_000)));
        assert!(matches!(json(&"{\"not\":".repeat(9_000)), JsonErrorKind::Syntax(_)));
        let file = |value: &str| format!("{{\"tenant\":{value}}}");
        assert!(conformance::run(&file(&"[".repeat(1_000_000))).is_err());

        let many = |_: &str| false;
        let parser = Parser::new(Format::ScopeJsonl, &many);
        let problem = |line: &str| {
            let mut chunks = Chunks::new(line.as_bytes()).unwrap();
            let lines = parser.lines(&chunks.next().unwrap().unwrap());
            lines[0].change.as_ref().map(|_| ()).map_err(|error| error.problem.clone())
        };
        let ticket = |value: &str| format!("{{\"k\":\"ticket\",\"id\":1,\"a\":{value}}}");
        let keys = |count: usize| {
            let keys = (2..count).map(|key| format!(",\"k{key}\":1")).collect::<Vec<_>>().concat();
            format!("{{\"k\":\"ticket\",\"id\":1{keys}}}")
        };
        let list = |count: usize| ticket(&format!("[{}1]", "1,".repeat(count - 1)));
        let role = |depth: usize| {
            format!("{{\"k\":\"role\",\"id\":\"r\",\"view\":{}{}}}", "[".repeat(depth), "]".repeat(depth))
        };
        assert_eq!(problem(&keys(MAX_KEYS)), Ok(()));
        assert_eq!(problem(&keys(MAX_KEYS + 1)), Err(Problem::TooManyKeys));
        assert_eq!(problem(&keys(100_000)), Err(Problem::TooManyKeys));
        assert_eq!(problem(&list(MAX_ITEMS)), Ok(()));
        assert_eq!(problem(&list(MAX_ITEMS + 1)), Err(Problem::TooManyItems));
        assert_eq!(problem(&role(1_000_000)), Err(Problem::TooDeep));
        assert_eq!(problem(&ticket(&"9".repeat(10_000))), Err(Problem::Number));
        assert!(matches!(problem(&ticket("NaN")), Err(Problem::Json(_))));
        assert!(matches!(problem(&ticket("\"\\ud800\"")), Err(Problem::Json(_))));
    });
}

/// What reads a text.
type Work<'w> = &'w dyn Fn(&str);

/// The best of some runs of `work` on `text`.
fn best(work: Work<'_>, text: &str) -> Duration {
    let time = |_| {
        let began = Instant::now();
        work(text);
        began.elapsed()
    };
    (0..7).map(time).min().unwrap()
}

/// A clock decides here, so it is not among the tests of every day: `cargo test -p ticketscope-fuzz --test hostile -- --ignored`.
#[test]
#[ignore = "compares times, which a busy machine makes long"]
fn twice_the_text_takes_about_twice_the_time() {
    let schema = Schema::builtin();
    let wide = Limits { bytes: usize::MAX, clauses: usize::MAX, words: usize::MAX, values: usize::MAX };
    let query = |text: &str| drop(black_box(parse(text, &Context::new(&schema, Timestamp(0)).within(wide))));
    let import = |text: &str| {
        let many = |_: &str| false;
        let parser = Parser::new(Format::ScopeJsonl, &many);
        let chunks = Chunks::new(text.as_bytes()).unwrap();
        chunks.for_each(|chunk| drop(black_box(parser.lines(&chunk.unwrap()))));
    };
    let cut = |text: &str| words(text, |word| assert!(!word.text.is_empty()));
    let readers: [(&str, Work<'_>); 3] = [("query", &query), ("import", &import), ("words", &cut)];
    for (name, text) in hostile_texts() {
        let text: String = text.chars().take(250_000).collect();
        for (reader, work) in readers {
            let (once, twice) = (best(work, &text), best(work, &text.repeat(2)));
            // A quadratic reader takes four times as long. What takes no time at all is not compared.
            let is_linear = twice < once * 3 || twice < Duration::from_millis(2);
            assert!(is_linear, "{reader} of {name}: {once:?}, twice the text {twice:?}");
        }
    }
}
