use fastrand::Rng;
use ticketscope_model::{FieldKind, RelationSide, Schema, Span};

use super::{expr, random};
use crate::{Expr, MAX_ATOMS, MAX_BYTES, MAX_DEPTH, MAX_VALUES, NameError, ParseErrorKind, Widening, expr::ParseError};

fn error(text: &str) -> ParseError {
    Expr::parse(text, &Schema::builtin()).expect_err(text)
}

#[test]
fn what_is_printed_reads_back_as_the_same_tree() {
    let schema = random::schema();
    for seed in 0..3_000 {
        let mut rng = Rng::with_seed(seed);
        let tree = random::expr(&mut rng, &schema, 5, random::Shape::Any);
        let text = tree.to_string();
        assert_eq!(Expr::parse(&text, &schema).as_ref(), Ok(&tree), "seed {seed}: {text}");
    }
}

#[test]
fn not_binds_over_and_and_and_over_or() {
    for (text, meaning) in [
        ("no cc | no team & no group", "no cc | (no team & no group)"),
        ("!no cc & no team", "(!(no cc)) & no team"),
        ("!(no cc & no team)", "! ( no cc&no team )"),
        (
            "group in my.groups + tenant.public_groups | no group",
            "(group in (my.groups + tenant.public_groups)) | (no group)",
        ),
        ("group in my.groups - {1} + {2}", "group in ((my.groups - {1}) + {2})"),
        ("cc has me", "cc in {me}"),
        ("assignee = me", "assignee in {me}"),
        ("org in my.orgs", "organization in my.organizations"),
        ("no cc | (no team | no group)", "no cc | no team | no group"),
        ("\n\tall\r ", "all"),
    ] {
        assert_eq!(expr(text), expr(meaning), "{text}");
    }
    assert_ne!(expr("group in {\"me\"}"), expr("group in {me}"));
    assert_ne!(expr("group in my.groups - ({1} + {2})"), expr("group in my.groups - {1} + {2}"));
}

#[test]
fn the_canonical_text_is_short() {
    for (text, printed) in [
        ("((group in (my.groups)))", "group in my.groups"),
        ("!group in {a}", "!(group in {a})"),
        ("assignee in {a-b, 7, -7, \"x y\", \"q\\\"\\\\\"}", "assignee in {a-b, 7, \"-7\", \"x y\", \"q\\\"\\\\\"}"),
        ("dept in under(my.depts) + my.managed_depts", "department in under(my.departments) + my.managed_departments"),
    ] {
        assert_eq!(expr(text).to_string(), printed);
    }
}

#[test]
fn errors_point_at_the_place_and_say_what_was_expected() {
    for (text, at, message) in [
        ("", 0, "expected an atom such as `all`, `no group` or `group in my.groups`, found the end"),
        ("group in", 8, "expected a set after `in`, found the end"),
        ("group in x", 9, "expected a set after `in`, found `x`"),
        ("group on my.groups", 6, "expected `in`, `= me` or `has me` after the field, found `on`"),
        ("gruop in my.groups", 0, "unknown field `gruop`; did you mean `group`?"),
        ("group in my.gruops", 12, "unknown relation `gruops`; did you mean `groups`?"),
        ("group in my.public_groups", 12, "`public_groups` is a relation of the tenant: write `tenant.`"),
        ("group in tenant.groups", 16, "`groups` is a relation of principals: write `my.`"),
        (
            "no created_at",
            3,
            "field `created_at` is a date field; an expression can only ask for keyword, principal, tree and flag fields",
        ),
        ("assignee = you", 11, "expected `me` after `=`; for other values write `in {..}`, found `you`"),
        ("all none", 4, "expected `&`, `|` or the end, found `none`"),
        ("(all", 4, "expected `)`, `&` or `|`, found the end"),
        ("group in {a b}", 12, "expected `,` or `}`, found `b`"),
        ("group in {a,}", 12, "expected a value; quote values with blanks or signs, found `}`"),
        ("group in {\"a", 10, "expected a closing `\"`, found the end"),
        ("group in {\"\\n\"}", 11, "expected `\\\"` or `\\\\`, found `\\`"),
        ("group in my.groups[]", 19, "expected a level, found `]`"),
        ("no 1group", 3, "expected a field after `no`, found `1group`"),
        ("view & all", 0, "`view` may only stand in the other verbs of a role: it means the role's view expression"),
        ("no caf\u{e9}", 3, "unknown field `caf\u{e9}`"),
    ] {
        let error = error(text);
        assert_eq!((error.span.start, error.kind.to_string().as_str()), (at, message), "{text}");
        assert!(error.span.end <= text.len() && error.span.start <= error.span.end);
    }
}

#[test]
fn an_error_shows_only_the_beginning_of_a_long_name() {
    let error = error(&format!("no {}", "x".repeat(5_000)));
    assert!(error.to_string().len() < 200);
    assert_eq!(error.span, Span::new(3, 5_003));
}

#[test]
fn a_mistake_that_would_widen_is_refused_and_one_that_narrows_is_not() {
    let level = |text: &str| matches!(error(text).kind, ParseErrorKind::Widens(Widening::Level { .. }));
    let empty = |text: &str| matches!(error(text).kind, ParseErrorKind::Widens(Widening::Empty));
    assert!(level("!(group in my.groups[raed])"));
    assert!(level("group in tenant.active_groups - my.groups[raed]"));
    assert!(level("!!!(group in my.groups[raed])"));
    assert!(level("!(assignee in members(under(my.groups[raed])))"));
    assert!(empty("!(group in {})"));
    assert!(empty("group in my.groups - {}"));
    assert!(empty("!(group in my.groups + {})"));
    for fine in [
        "group in my.groups[raed]",
        "!!(group in my.groups[raed])",
        "!(group in my.groups - my.groups[raed])",
        "!(group in my.groups[write])",
        "group in {}",
        "!(group in my.groups - {})",
        "!(group in {me})",
        "!(group in my.excluded_groups)",
    ] {
        expr(fine);
    }
    let at = error("!(group in my.groups[raed])").span;
    assert_eq!(at, Span::new(21, 25));
}

#[test]
fn typed_errors_name_the_field_and_its_kind() {
    assert_eq!(
        error("no subject").kind,
        NameError::NotKeyword { field: "subject".into(), kind: FieldKind::Text }.into()
    );
    assert_eq!(
        error("group in my.active_groups").kind,
        NameError::Side { rel: "active_groups".into(), side: RelationSide::Tenant }.into()
    );
    expr("org in tenant.shared_orgs");
    expr("org in my.shared_orgs");
    expr("has_attachment in {true}");
}

#[test]
fn depth_is_bounded_on_both_sides() {
    let parens = |n: usize| format!("{}all{}", "(".repeat(n), ")".repeat(n));
    let nots = |n: usize| format!("{}all", "!".repeat(n));
    let minus = |n: usize| format!("group in my.groups{}", " - {1}".repeat(n));
    let under = |n: usize| format!("group in {}my.groups{}", "under(".repeat(n), ")".repeat(n));
    let forms: [&dyn Fn(usize) -> String; 4] = [&parens, &nots, &minus, &under];
    for form in forms {
        expr(&form(MAX_DEPTH));
        assert_eq!(error(&form(MAX_DEPTH + 1)).kind, ParseErrorKind::TooDeep, "{}", form(MAX_DEPTH + 1));
    }
    // Two levels of the tree in each pair of parentheses.
    let ladder = |n: usize| format!("{}all{}", "no cc | no team & (".repeat(n), ")".repeat(n));
    expr(&ladder(MAX_DEPTH / 2));
    assert_eq!(error(&ladder(MAX_DEPTH / 2 + 1)).kind, ParseErrorKind::TooDeep);
}

#[test]
fn atoms_and_length_are_bounded_on_both_sides() {
    let atoms = |n: usize| vec!["no cc"; n].join("|");
    expr(&atoms(MAX_ATOMS));
    assert_eq!(error(&atoms(MAX_ATOMS + 1)).kind, ParseErrorKind::TooManyAtoms);
    let terms = |n: usize| format!("cc in {}", vec!["my.groups"; n].join("+"));
    expr(&terms(MAX_ATOMS));
    assert_eq!(error(&terms(MAX_ATOMS + 1)).kind, ParseErrorKind::TooManyAtoms);
    let padded = |n: usize| format!("all{}", " ".repeat(n - 3));
    expr(&padded(MAX_BYTES));
    assert_eq!(error(&padded(MAX_BYTES + 1)).kind, ParseErrorKind::TooLong(MAX_BYTES + 1));
}

#[test]
fn repeating_a_large_view_is_bounded_on_both_sides() {
    let schema = Schema::builtin();
    let view = expr(&format!("cc in {{{}}}", vec!["1"; MAX_VALUES / 2].join(",")));
    assert!(Expr::parse_verb("view | !view", &schema, &view).is_ok());
    let error = Expr::parse_verb("view | !view | view", &schema, &view).unwrap_err();
    assert_eq!((error.span, error.kind), (Span::new(15, 19), ParseErrorKind::TooManyValues));
    let twice = r#"{"any":["view","view","view"]}"#.to_owned();
    let source = ticketscope_model::ExprSource::Json(twice.into());
    assert!(Expr::read(&source, "edit", &schema, Some(&view)).is_err());
    let view = expr(&vec!["no cc"; MAX_ATOMS / 2].join("|"));
    assert!(Expr::parse_verb("view | view", &schema, &view).is_ok());
    assert!(Expr::parse_verb("view | view | all", &schema, &view).is_err());
}

#[test]
fn hostile_text_gets_a_typed_error() {
    for text in
        ["(", "!", "!(", "{", "under(", "members(", "a", "\"", "\\", "group in {\"", "-", "&", "\u{0}", "\u{1f600}"]
    {
        error(&text.repeat(1_000_000 / text.len()));
        error(&text.repeat(MAX_BYTES / text.len()));
        error(&format!("group in {}", text.repeat((MAX_BYTES - 9) / text.len())));
    }
}

#[test]
fn arbitrary_text_never_panics() {
    let words = [
        "group", " in ", "my.", "groups", "(", ")", "{", "}", "!", "&", "|", "-", "+", "\"", "me", "=", "\u{e9}", "[",
        "]", ",",
    ];
    let mut accepted = 0;
    for seed in 0..20_000 {
        let mut rng = Rng::with_seed(seed);
        let text: String = (0..rng.usize(0..14)).map(|_| words[rng.usize(0..words.len())]).collect();
        match Expr::parse(&text, &Schema::builtin()) {
            Ok(tree) => {
                accepted += 1;
                assert_eq!(expr(&tree.to_string()), tree, "seed {seed}: {text}");
            }
            Err(error) => assert!(text.get(error.span.start..error.span.end).is_some(), "seed {seed}: {text}"),
        }
    }
    assert!(accepted > 0);
}
