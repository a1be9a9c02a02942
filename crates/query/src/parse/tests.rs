use std::{fmt::Write as _, time::Duration, time::Instant};

use ticketscope_model::{FieldDecl, SchemaDecl, TicketKey};

use super::*;

fn schema() -> Schema {
    let mut schema = Schema::builtin();
    let field = |name: &str, kind, many| FieldDecl { name: name.into(), kind, many };
    let decl = SchemaDecl {
        fields: vec![
            field("custom_field_360", FieldKind::Keyword, false),
            field("custom_field_12", FieldKind::Number, false),
            field("custom_field_13", FieldKind::Date, false),
            field("custom_field_14", FieldKind::Flag, false),
            field("custom_field_15", FieldKind::Text, false),
            field("reviewer", FieldKind::Principal, true),
            field("region", FieldKind::Tree, false),
        ],
        ..SchemaDecl::default()
    };
    schema.declare(&decl).unwrap();
    schema
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

const NOW: &str = "2026-03-10T12:00:00Z";

/// Parses as `ana`, at [`NOW`], in UTC.
fn try_read(text: &str) -> Result<Query, QueryError> {
    let schema = schema();
    parse(text, &Context::new(&schema, at(NOW)).asked_by("ana"))
}

fn read(text: &str) -> Query {
    try_read(text).unwrap_or_else(|error| panic!("{text}: {error}\n{}", error.span.underline(text))).without_spans()
}

fn refused(text: &str) -> QueryError {
    match try_read(text) {
        Ok(query) => panic!("{text} was read as {query:?}"),
        Err(error) => error,
    }
}

fn field(name: &str) -> FieldId {
    schema().field(name).unwrap().id
}

fn unquoted(text: &str) -> Pattern {
    Pattern::Value(ValuePattern { text: text.into(), quoted: false })
}

fn literal(text: &str) -> Pattern {
    Pattern::Value(ValuePattern::literal(text))
}

fn only(clause: Clause) -> Query {
    Query::everything().and(clause)
}

fn word(scope: WordScope, text: &str) -> WordClause {
    WordClause::new(scope, WordPattern::Word(text.into()))
}

fn during(name: &str, from: &str, until: &str) -> Query {
    only(Clause::one_of(field(name), vec![Pattern::During { from: at(from), until: at(until) }]))
}

fn later(from: &str) -> Interval {
    Interval { lo: Bound::Excluded(Point::Date(at(from))), ..Interval::ALL }
}

#[test]
fn nothing_asks_for_everything() {
    for text in ["", " ", "\u{0}\t\n", "\u{202e}\u{200f}", "*", "\"\"", "type:ticket"] {
        assert_eq!(read(text), Query::everything(), "{text:?}");
    }
}

#[test]
fn punctuation_alone_is_refused_and_beside_something_else_ignored() {
    for text in ["( ) - , ... !", "???", "\"--\"", "-..."] {
        assert_eq!(refused(text).kind, QueryErrorKind::NoWords, "{text:?}");
    }
    assert_eq!(read("status:open ... !"), read("status:open"));
}

#[test]
fn every_keyword_of_the_help_desk_names_its_field() {
    for (key, name) in [
        ("status", "status"),
        ("custom_status_id", "custom_status"),
        ("ticket_type", "type"),
        ("type", "type"),
        ("support_type", "support_type"),
        ("priority", "priority"),
        ("group", "group"),
        ("organization", "organization"),
        ("org", "organization"),
        ("tags", "tags"),
        ("via", "channel"),
        ("channel", "channel"),
        ("assignee", "assignee"),
        ("submitter", "submitter"),
        ("requester", "requester"),
        ("commenter", "commenter"),
        ("cc", "cc"),
        ("brand", "brand"),
        ("form", "form"),
        ("recipient", "recipient"),
        ("satisfaction", "satisfaction"),
        ("custom_field_360", "custom_field_360"),
        ("region", "region"),
        ("department", "department"),
        ("STATUS", "status"),
    ] {
        assert_eq!(read(&format!("{key}:7x")), only(Clause::one_of(field(name), vec![unquoted("7x")])), "{key}");
        assert_eq!(read(&format!("{key}:\"a b\"")), only(Clause::is(field(name), "a b")), "{key}");
        assert_eq!(read(&format!("{key}:none")), only(Clause::unset(field(name))), "{key}");
        assert_eq!(read(&format!("-{key}:*")), only(Clause::any(field(name)).negate()), "{key}");
    }
    for (key, name) in [
        ("created", "created_at"),
        ("created_at", "created_at"),
        ("updated", "updated_at"),
        ("solved", "solved_at"),
        ("due_date", "due_at"),
        ("commented", "commented_at"),
        ("custom_field_13", "custom_field_13"),
    ] {
        let expected = only(Clause::within(field(name), later("2026-01-05")));
        assert_eq!(read(&format!("{key}>2026-01-05")), expected, "{key}");
    }
    for (key, scope) in [
        ("subject", WordScope::Subject),
        ("description", WordScope::Description),
        ("body", WordScope::Description),
        ("comment", WordScope::Comment),
        ("note", WordScope::Note),
        ("attachment_name", WordScope::AttachmentName),
        ("custom_field_15", WordScope::Field(field("custom_field_15"))),
    ] {
        assert_eq!(read(&format!("{key}:foto")), Query::everything().and_word(word(scope, "foto")), "{key}");
    }
    let shoes = Test::AnyCustomField(vec![ValuePattern { text: "shoes".into(), quoted: false }]);
    assert_eq!(read("fieldvalue:shoes"), only(Clause::new(shoes)));
}

#[test]
fn a_repeated_key_is_or_and_a_repeated_exclusion_is_and() {
    let tags = field("tags");
    let merged = Clause::one_of(tags, vec![unquoted("a"), literal("b c"), Pattern::Unset]);
    let open = Clause::one_of(field("status"), vec![unquoted("open")]);
    assert_eq!(read("tags:a status:open tags:\"b c\" tags:none"), only(merged).and(open));
    let not = |text| Clause::one_of(tags, vec![unquoted(text)]).negate();
    assert_eq!(read("-tags:a -tags:b"), only(not("a")).and(not("b")));
    let among = Clause::one_of(tags, vec![unquoted("c"), unquoted("d")]);
    assert_eq!(read("-tags:a tags:c -tags:b tags:d"), only(not("a")).and(among).and(not("b")));
    let about = |text| word(WordScope::Subject, text);
    let either =
        WordClause { any_of: vec![WordPattern::Word("c3".into()), WordPattern::Word("d4".into())], ..about("") };
    let query = Query::everything().and_word(about("a1").negate()).and_word(either).and_word(about("b2").negate());
    assert_eq!(read("-subject:a1 subject:c3 -subject:b2 subject:d4"), query);
    assert_eq!(read("id:1 id:x-1 id:\"*\""), only(Clause::keys(vec![1.into(), key("x-1"), key("*")])));
    let subject = WordClause {
        any_of: vec![WordPattern::Word("a1".into()), WordPattern::Prefix("b2".into())],
        ..word(WordScope::Subject, "")
    };
    assert_eq!(read("subject:a1 subject:b2*"), Query::everything().and_word(subject));
}

fn key(text: &str) -> TicketKey {
    TicketKey::parse(text).unwrap()
}

#[test]
fn comparisons_on_one_key_are_and() {
    let created = field("created");
    let between = Interval {
        lo: Bound::Excluded(Point::Date(at("2026-01-05"))),
        hi: Bound::Excluded(Point::Date(at("2026-02-02"))),
    };
    let query = read("created>2026-01-05 created<=2026-02-01 created>=2026-01-02 created<=2026-03-01");
    assert_eq!(query, only(Clause::within(created, between)));
    let same_start = read("created>=2026-01-05 created>2026-01-05");
    assert_eq!(same_start, only(Clause::within(created, later("2026-01-05"))));
    assert_eq!(read("created>2026-01-05 created>=2026-01-05"), same_start);
    let closed = read("created<=2026-01-05 created<2026-01-05");
    assert_eq!(closed, read("created<2026-01-05 created<=2026-01-05"));
    assert_eq!(closed, read("created<2026-01-05"));
    let not_early = Clause::within(created, later("2026-01-05")).negate();
    let not_late = Clause::within(created, later("2026-02-01")).negate();
    assert_eq!(read("-created>2026-01-05 -created>2026-02-01"), only(not_early).and(not_late));
}

#[test]
fn at_most_a_day_includes_the_day_and_at_most_a_moment_ends_with_it() {
    let created = field("created");
    let until = |hi| only(Clause::within(created, Interval { hi, ..Interval::ALL }));
    let next_day = Bound::Excluded(Point::Date(at("2026-01-06")));
    assert_eq!(read("created<=2026-01-05"), until(next_day));
    assert_eq!(read("created<=\"2026-01-05\""), until(next_day));
    let first_moment = Bound::Included(Point::Date(at("2026-01-05")));
    assert_eq!(read("created<=2026-01-05T00:00:00Z"), until(first_moment));
    assert_eq!(read("created<=2026-01-05").to_text(&schema()), "created_at<2026-01-06T00:00:00Z");
}

#[test]
fn ranks_and_numbers_compare() {
    let above = |point| Interval { lo: Bound::Included(point), ..Interval::ALL };
    let below = |point| Interval { hi: Bound::Excluded(point), ..Interval::ALL };
    assert_eq!(read("priority>=High"), only(Clause::within(field("priority"), above(Point::Rank(2)))));
    assert_eq!(read("status<pending"), only(Clause::within(field("status"), below(Point::Rank(2)))));
    let price = field("custom_field_12");
    assert_eq!(read("custom_field_12<\"-0.5\""), only(Clause::within(price, below(Point::Number(-0.5)))));
    assert_eq!(read("custom_field_12:1e2"), only(Clause::one_of(price, vec![Pattern::Number(100.0)])));
}

#[test]
fn me_is_the_asker_on_principals_only_and_quotes_make_everything_literal() {
    let me = Pattern::Me("ana".into());
    for name in ["assignee", "requester", "submitter", "commenter", "cc", "reviewer"] {
        assert_eq!(read(&format!("{name}:me")), only(Clause::one_of(field(name), vec![me.clone()])), "{name}");
        assert_eq!(read(&format!("{name}:\"me\"")), only(Clause::is(field(name), "me")), "{name}");
    }
    assert_eq!(read("tags:me"), only(Clause::one_of(field("tags"), vec![unquoted("me")])));
    assert_eq!(read("group:\"none\""), only(Clause::is(field("group"), "none")));
    assert_eq!(read("tags:\"*\""), only(Clause::is(field("tags"), "*")));
    assert_eq!(read(r#"tags:"a \"b\" \\ c:\d""#), only(Clause::is(field("tags"), r#"a "b" \ c:\d"#)));
    assert_eq!(read("tags:\"\""), only(Clause::is(field("tags"), "")));
    let schema = schema();
    let error = parse("assignee:me", &Context::new(&schema, at(NOW))).unwrap_err();
    assert_eq!(error, QueryErrorKind::NobodyAsks.at(Span::new(9, 11)));
}

#[test]
fn dates_mean_days_seconds_milliseconds_or_ranges() {
    for (text, from, until) in [
        ("2026-01-05", "2026-01-05", "2026-01-06"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z", "2026-01-05T09:00:01Z"),
        ("2026-01-05T09:00:00", "2026-01-05T09:00:00Z", "2026-01-05T09:00:01Z"),
        ("2026-01-05T11:00:00+02:00", "2026-01-05T09:00:00Z", "2026-01-05T09:00:01Z"),
        ("2026-01-05T09:00:00.25Z", "2026-01-05T09:00:00.25Z", "2026-01-05T09:00:00.251Z"),
        ("\"2026-01-05 09:00\"", "2026-01-05T09:00:00Z", "2026-01-05T09:00:01Z"),
        ("2026-01-05T09:00:00Z/2026-02-01T00:00:00Z", "2026-01-05T09:00:00Z", "2026-02-01"),
        ("2026-01-05T10:00:00+01:00[Europe/Paris]", "2026-01-05T09:00:00Z", "2026-01-05T09:00:01Z"),
    ] {
        assert_eq!(read(&format!("created:{text}")), during("created", from, until), "{text}");
    }
}

#[test]
fn a_compared_day_means_its_first_moment_but_at_most_a_day_includes_it() {
    for (operator, interval) in [
        (">", Interval { lo: Bound::Excluded(Point::Date(at("2026-01-05"))), ..Interval::ALL }),
        (">=", Interval { lo: Bound::Included(Point::Date(at("2026-01-05"))), ..Interval::ALL }),
        ("<", Interval { hi: Bound::Excluded(Point::Date(at("2026-01-05"))), ..Interval::ALL }),
        ("<=", Interval { hi: Bound::Excluded(Point::Date(at("2026-01-06"))), ..Interval::ALL }),
    ] {
        let query = read(&format!("due_date{operator}2026-01-05"));
        assert_eq!(query, only(Clause::within(field("due_at"), interval)), "{operator}");
    }
}

#[test]
fn a_written_date_is_rounded_like_a_stored_one() {
    for text in ["1969-12-31T23:59:59.9995Z", "1970-01-01T00:00:00.0005Z", "2026-01-05T09:00:00.1239Z"] {
        let from = at(text);
        let expected = Clause::one_of(field("created"), vec![Pattern::During { from, until: Timestamp(from.0 + 1) }]);
        assert_eq!(read(&format!("created:{text}")), only(expected), "{text}");
    }
}

#[test]
fn days_and_ages_follow_the_askers_zone() {
    let schema = schema();
    let zone = TimeZone::get("Europe/Paris").unwrap();
    // Summer time began at 02:00 on 29 March 2026.
    let context = Context::new(&schema, at("2026-03-29T12:00:00Z")).in_zone(zone);
    let read = |text| parse(text, &context).unwrap().without_spans();
    assert_eq!(read("created:2026-03-29"), during("created", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"));
    assert_eq!(read("created:2026-03-30T00:00:00"), during("created", "2026-03-29T22:00:00Z", "2026-03-29T22:00:01Z"));
    let ago = |text| only(Clause::within(field("created"), later(text)));
    assert_eq!(read("created>24hours"), ago("2026-03-28T12:00:00Z"));
    assert_eq!(read("created>1day"), ago("2026-03-28T13:00:00Z"));
}

#[test]
fn ages_count_back_from_now() {
    for (age, then) in [
        ("30minutes", "2026-03-10T11:30:00Z"),
        ("1minute", "2026-03-10T11:59:00Z"),
        ("4hours", "2026-03-10T08:00:00Z"),
        ("1hour", "2026-03-10T11:00:00Z"),
        ("0days", NOW),
        ("1day", "2026-03-09T12:00:00Z"),
        ("2weeks", "2026-02-24T12:00:00Z"),
        ("1week", "2026-03-03T12:00:00Z"),
        ("1month", "2026-02-10T12:00:00Z"),
        ("13months", "2025-02-10T12:00:00Z"),
        ("1year", "2025-03-10T12:00:00Z"),
        ("2years", "2024-03-10T12:00:00Z"),
    ] {
        assert_eq!(read(&format!("created>{age}")), only(Clause::within(field("created"), later(then))), "{age}");
    }
}

#[test]
fn dates_that_are_none_are_refused_where_they_stand() {
    for text in [
        "yesterday",
        "2026-13-01",
        "2026-02-30",
        "05/01/2026",
        "2026",
        "2026-01",
        "20260105",
        "none1",
        "4fortnights",
        "4",
        "-4hours",
        "hours",
        "2026-01-05T25:00:00Z",
        "2026-01-05T09:00:00-99:00",
        "2026-01-05T",
        "2026-01-05/2026-01-06",
        "\u{661}hours",
        "\"none\"",
    ] {
        let error = refused(&format!("created>{text}"));
        assert!(matches!(error.kind, QueryErrorKind::NotADate { .. }), "{text}: {error:?}");
        assert_eq!(error.span, Span::new(8, 8 + text.len()), "{text}");
    }
    for text in [
        "999999999999years",
        "99999999999999999999999999999hours",
        "9223372036854775807minutes",
        "20000years",
        "9223372036854775807days",
        "9223372036854775807weeks",
        "9223372036854775807months",
    ] {
        let error = refused(&format!("created>{text}"));
        assert!(matches!(error.kind, QueryErrorKind::DateOutOfRange { .. }), "{text}: {error:?}");
    }
    assert!(matches!(refused("created:9999-12-31").kind, QueryErrorKind::DateOutOfRange { .. }));
    assert!(matches!(refused("created:4hours").kind, QueryErrorKind::AgeWithoutDirection { .. }));
    assert!(matches!(
        refused("created>2026-01-05T09:00:00Z/2026-02-01T00:00:00Z").kind,
        QueryErrorKind::RangeCompared { .. }
    ));
}

#[test]
fn free_words_are_kept_as_written() {
    use WordScope::{Anywhere, Note, Subject};
    let phrase = |words: &[&str]| WordPattern::Phrase(words.iter().map(|word| Arc::from(*word)).collect());
    let query = Query::everything()
        .and_word(word(Anywhere, "printer"))
        .and_word(word(Anywhere, "fire").negate())
        .and_word(WordClause::new(Anywhere, phrase(&["on", "the", "desk"])))
        .and_word(WordClause::new(Anywhere, phrase(&["spam"])).negate())
        .and_word(WordClause::new(Anywhere, WordPattern::Prefix("photo".into())))
        .and_word(WordClause::new(Subject, phrase(&["a1", "b2"])).negate())
        .and_word(WordClause::new(Note, WordPattern::Any));
    let text = "printer -fire \"on the\tdesk\" -\"spam\" photo* -subject:\"a1 -- b2\" note:*";
    assert_eq!(read(text), query);
    assert_eq!(read("-note:none"), Query::everything().and_word(WordClause::new(Note, WordPattern::Any)));
    for text in
        ["12:30", "http://x/?a=b", "Error:timeout", "(printer)", "a-b", "Vec<u8>", "x@y.z", "caf\u{e9}", ".status:open"]
    {
        assert_eq!(read(text), Query::everything().and_word(word(Anywhere, text)), "{text}");
    }
    assert_eq!(read("foo\"bar baz\"").words.len(), 2);
    assert_eq!(read("Re:\"bar baz\"").words.len(), 2);
}

#[test]
fn invisible_marks_separate_and_joiners_do_not() {
    for mark in [
        "\u{0}", "\u{200f}", "\u{202e}", "\u{2066}", "\u{feff}", "\u{200b}", "\u{2060}", "\u{a0}", "\u{3000}", "\u{85}",
    ] {
        let query = read(&format!("tags:a{mark}status:b"));
        assert_eq!(query.filter.len(), 2, "{mark:?}");
        assert_eq!(read(&format!("ab{mark}cd")).words.len(), 2, "{mark:?}");
    }
    let family = "\u{1f468}\u{200d}\u{1f469}";
    assert_eq!(read(&format!("tags:{family}")), only(Clause::one_of(field("tags"), vec![unquoted(family)])));
}

#[test]
fn a_bare_integer_is_a_ticket_or_a_word() {
    for (text, number) in [("123", 123), ("#123", 123), ("0", 0), ("9223372036854775807", i64::MAX)] {
        assert_eq!(read(text), only(Clause::new(Test::NumberOrWord(number))), "{text}");
    }
    assert_eq!(read("-7"), only(Clause::new(Test::NumberOrWord(7)).negate()));
    for text in ["007", "9223372036854775808", "1.5", "+7"] {
        assert_eq!(read(text), Query::everything().and_word(word(WordScope::Anywhere, text)), "{text}");
    }
    assert_eq!(read("id:-7"), only(Clause::keys(vec![TicketKey::Int(-7)])));
}

#[test]
fn flags_are_true_or_false() {
    for (text, value) in [("true", "true"), ("FALSE", "false"), ("\"true\"", "true")] {
        let expected = only(Clause::one_of(field("has_attachment"), vec![unquoted(value)]));
        assert_eq!(read(&format!("has_attachment:{text}")), expected);
    }
    assert!(matches!(refused("custom_field_14:maybe").kind, QueryErrorKind::NotAFlag { .. }));
}

#[test]
fn the_result_type_is_not_the_ticket_type() {
    for kind in ["user", "organization", "group", "topic"] {
        assert_eq!(refused(&format!("type:{kind}")).kind, QueryErrorKind::ResultType { kind: kind.into() });
        assert_eq!(read(&format!("ticket_type:{kind}")), only(Clause::one_of(field("type"), vec![unquoted(kind)])));
        assert_eq!(read(&format!("type:\"{kind}\"")), only(Clause::is(field("type"), kind)));
    }
    assert!(matches!(refused("-type:ticket").kind, QueryErrorKind::Negated { .. }));
    assert_eq!(read("type:\"ticket\""), only(Clause::is(field("type"), "ticket")));
    assert_eq!(read("type:incident"), only(Clause::one_of(field("type"), vec![unquoted("incident")])));
}

#[test]
fn lists_are_ordered_as_asked() {
    let sort = |name: &str, direction| Some(Sort { by: SortKey::Field(field(name)), direction });
    for (key, name) in [
        ("created", "created_at"),
        ("created_at", "created_at"),
        ("updated", "updated_at"),
        ("updated_at", "updated_at"),
        ("commented", "commented_at"),
        ("priority", "priority"),
        ("status", "status"),
        ("ticket_type", "type"),
        ("custom_field_12", "custom_field_12"),
    ] {
        assert_eq!(read(&format!("order_by:{key}")).order, sort(name, Direction::Descending), "{key}");
        assert_eq!(read(&format!("sort:asc order_by:{key}")).order, sort(name, Direction::Ascending), "{key}");
        assert_eq!(parse_sort(&schema(), &format!("{key}:asc")).ok(), sort(name, Direction::Ascending), "{key}");
        assert_eq!(parse_sort(&schema(), key).ok(), sort(name, Direction::Descending), "{key}");
    }
    assert_eq!(read("sort:asc").order, sort("updated_at", Direction::Ascending));
    assert_eq!(read("order_by:id").order, Some(Sort { by: SortKey::Key, direction: Direction::Descending }));
    assert!(matches!(refused("order_by:status order_by:status").kind, QueryErrorKind::Repeated { .. }));
    assert!(matches!(refused("sort:asc sort:asc").kind, QueryErrorKind::Repeated { .. }));
    assert!(matches!(refused("-sort:asc").kind, QueryErrorKind::Negated { .. }));
    assert!(matches!(refused("sort:up").kind, QueryErrorKind::Direction { .. }));
    for many in ["tags", "subject", "comment", "sort"] {
        assert!(matches!(refused(&format!("order_by:{many}")).kind, QueryErrorKind::NotSortable { .. }), "{many}");
    }
    let error = refused("order_by:statsu");
    assert_eq!(error.span, Span::new(9, 15));
    assert!(matches!(error.kind, QueryErrorKind::UnknownKey { near: Some(_), .. }));
    assert_eq!(parse_sort(&schema(), "status:up").unwrap_err().span, Span::new(7, 9));
    assert!(parse_sort(&schema(), "").is_err());
}

#[test]
fn errors_point_at_what_is_wrong_and_say_what_to_do() {
    for (text, span, message) in [
        (
            "tags:a gruop:b",
            (7, 12),
            "unknown field `gruop`, did you mean `group`? To search for it as text, put it in quotes",
        ),
        ("weather:fine", (0, 7), "unknown field `weather`; to search for it as text, put it in quotes"),
        (
            "status:",
            (0, 7),
            "`status` has no value: write it right after the operator, without a blank, or `none` for no value",
        ),
        (
            "status: open",
            (0, 7),
            "`status` has no value: write it right after the operator, without a blank, or `none` for no value",
        ),
        (
            "status :open",
            (7, 12),
            "a blank stands between `status` and its operator: write them together, or quote what is text",
        ),
        (
            "created > 2026-01-01",
            (8, 9),
            "a blank stands between `created` and its operator: write them together, or quote what is text",
        ),
        ("a \"b", (2, 3), "this quote is never closed: add a `\"` at the end, or write `\\\"` inside quotes"),
        (
            "tags:a\"b\"",
            (6, 7),
            "a quote inside a value: put the whole value in quotes and write `\\\"` for a quote in it",
        ),
        ("tags:\"a\"\u{e9}", (8, 10), "the value ends at its closing quote: put a blank after it"),
        (
            "created:>2026-01-01",
            (8, 9),
            "`:` is followed by another operator: write `created>` without `:`, or quote the value",
        ),
        (
            "created:<=2026-01-01",
            (8, 10),
            "`:` is followed by another operator: write `created<=` without `:`, or quote the value",
        ),
        ("created>none", (8, 12), "nothing is smaller or larger than `none`: write `created:none`"),
        ("custom_field_12<x", (16, 17), "`x` is no number, and `custom_field_12` holds numbers"),
        (
            "status>bogus",
            (7, 12),
            "`bogus` has no place in the order of `status`: new < open < pending < hold < solved < closed",
        ),
        (
            "tags:pho*",
            (5, 9),
            "values of `tags` match whole, without `*`: write the whole value, or quote it if the `*` belongs to it",
        ),
        ("fieldvalue:none", (11, 15), "`fieldvalue` takes a value, not `none`"),
        ("id:*", (3, 4), "`id` takes a value, not `*`"),
        ("*foo", (0, 4), "`*` can only stand at the end of a word: write `word*`, or quote it as text"),
        ("-*", (0, 2), "`*` can only stand at the end of a word: write `word*`, or quote it as text"),
        ("f*", (0, 2), "a prefix needs at least 2 letters before its `*`"),
        ("--force", (0, 7), "`--` is no operator: write one `-` to exclude, or quote it as text"),
        (
            "(status:open status:new)",
            (0, 12),
            "queries have no parentheses: everything written must hold, and a repeated key means either value",
        ),
        ("id:\"\"", (3, 5), "a ticket id must not be empty"),
    ] {
        let error = refused(text);
        assert_eq!(error.to_string(), message, "{text}");
        assert_eq!((error.span.start, error.span.end), span, "{text}");
    }
}

#[test]
fn only_what_has_an_order_is_compared() {
    for key in ["tags", "assignee", "group", "region", "has_attachment", "subject", "note", "id", "fieldvalue", "sort"]
    {
        let error = refused(&format!("{key}>1"));
        let QueryErrorKind::NotComparable { key: named, comparable } = error.kind else { panic!("{key}: {error:?}") };
        assert_eq!(&*named, key);
        assert!(comparable.iter().any(|name| &**name == "created_at"), "{comparable:?}");
        assert!(comparable.iter().any(|name| &**name == "priority"), "{comparable:?}");
        assert!(!comparable.iter().any(|name| &**name == "tags"), "{comparable:?}");
    }
}

#[test]
fn a_value_nobody_has_is_no_error() {
    for text in ["status:bogus", "assignee:nobody", "group:\"x y\"", "tags:(a)", "priority:1e400"] {
        assert_eq!(read(text).filter.len(), 1, "{text}");
    }
}

#[test]
fn limits_hold_on_both_sides() {
    let schema = schema();
    let within = |limits: Limits, text: &str| {
        parse(text, &Context::new(&schema, at(NOW)).within(limits)).map_err(|error| error.kind)
    };
    let limits = Limits::default();
    let long = |bytes: usize| format!("tags:{}", "x".repeat(bytes - 5));
    assert!(within(limits, &long(2048)).is_ok());
    assert_eq!(within(limits, &long(2049)), Err(QueryErrorKind::TooLong { bytes: 2049, max: 2048 }));

    let repeat = |count: usize, term: &str| format!("{term} ").repeat(count);
    assert!(within(limits, &repeat(128, "-tags:a")).is_ok());
    assert_eq!(within(limits, &repeat(129, "-tags:a")), Err(QueryErrorKind::TooManyClauses { max: 128 }));
    assert!(within(limits, &repeat(200, "tags:a")).is_ok(), "alternatives are one clause");

    for (word, words) in [("ab", 1), ("-ab", 1), ("a-b", 2), ("\"a b\"", 2), ("note:ab", 1), ("ab*", 1), ("7", 1)] {
        assert!(within(limits, &repeat(64 / words, word)).is_ok(), "{word}");
        let over = within(limits, &repeat(64 / words + 1, word));
        assert_eq!(over, Err(QueryErrorKind::TooManyWords { max: 64 }), "{word}");
    }
    assert_eq!(within(limits, &format!("\"{}\"", repeat(65, "a"))), Err(QueryErrorKind::TooManyWords { max: 64 }));

    assert!(within(limits, "ab* -cd* \"ab\"").is_ok());
    assert_eq!(within(limits, "a*"), Err(QueryErrorKind::ShortPrefix { min: 2 }));

    let wide = Limits { bytes: 1 << 20, ..limits };
    for term in ["id:1", "tags:a", "fieldvalue:a", "created>4hours"] {
        assert!(within(wide, &repeat(1024, term)).is_ok(), "{term}");
        assert_eq!(within(wide, &repeat(1025, term)), Err(QueryErrorKind::TooManyValues { max: 1024 }), "{term}");
    }
}

/// Terms that random queries are made of, good ones and bad ones.
const PIECES: &[&str] = &[
    "tags:a",
    "-tags:b",
    "tags:\"a b\"",
    "tags:none",
    "tags:\"none\"",
    "tags:*",
    "tags:\"q\\\"\\\\\"",
    "status:open",
    "status>=open",
    "-status<closed",
    "status<hold",
    "assignee:me",
    "assignee:\"me\"",
    "-assignee:none",
    "type:ticket",
    "type:\"ticket\"",
    "ticket_type:user",
    "type:incident",
    "created>4hours",
    "created<=2026-01-05",
    "created:2026-01-05",
    "created:2026-01-05T09:00:00Z",
    "created:2026-01-05T09:00:00.25Z",
    "created:2026-01-05T09:00:00.000Z",
    "-updated>=1month",
    "custom_field_12:1e3",
    "custom_field_12>-0.1",
    "custom_field_12:1e300",
    "custom_field_14:true",
    "custom_field_15:abc",
    "custom_field_360:*",
    "region:x",
    "has_attachment:false",
    "id:1",
    "id:abc",
    "id:\"a b\"",
    "-id:-3",
    "id:\"none\"",
    "fieldvalue:x",
    "fieldvalue:\"y z\"",
    "12",
    "-13",
    "#14",
    "printer",
    "-fire",
    "\"on the desk\"",
    "-\"x\"",
    "pho*",
    "-pho*",
    "subject:abc",
    "subject:\"a b\"",
    "-subject:de*",
    "note:*",
    "note:none",
    "comment:x:y",
    "subject:status:open",
    "attachment_name:a.pdf",
    "http://x",
    "12:30",
    "Error:timeout",
    ".status:open",
    "status",
    ":open",
    ":",
    ">",
    "(",
    ")",
    "-",
    "*",
    "**",
    "--x",
    "\"",
    "\\",
    "\u{202e}",
    "\u{0}",
    "\u{e9}t\u{e9}",
    "\u{1f600}",
    "order_by:created",
    "sort:asc",
    "order_by:id",
    "(status:open",
    "unknown:x",
    "created:>1",
    "created>999999999999years",
    "Re:\"a b\"",
    "a\"b c\"",
    "subject:none",
    "STATUS:Open",
    "reviewer:me",
    "tags:>x",
    "tags:\">x\"",
    "created:9999-12-31",
    "=",
    "<=",
    "status:",
];

fn random_text(random: &mut fastrand::Rng) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(0..8) {
        text.push_str(PIECES[random.usize(..PIECES.len())]);
        if random.u8(..8) > 0 {
            text.push(' ');
        }
    }
    text
}

fn round_trip(text: &str, seed: u64) -> bool {
    let schema = schema();
    let context = Context::new(&schema, at(NOW)).asked_by("ana");
    let Ok(query) = parse(text, &context) else { return false };
    let query = query.without_spans();
    assert_eq!(query.check(&schema, &context.limits), Ok(()), "seed {seed}: {text:?}");
    let printed = query.to_text(&schema);
    // A printed date is longer than an age: the text may outgrow the default limit.
    let wide = Context { now: at("2030-01-01"), ..context.within(Limits { bytes: 1 << 20, ..Limits::default() }) };
    let again = parse(&printed, &wide);
    let again = again.unwrap_or_else(|error| panic!("seed {seed}: {text:?} printed as {printed:?}: {error}"));
    assert_eq!(again.without_spans(), query, "seed {seed}: {text:?} printed as {printed:?}");
    true
}

#[test]
fn a_printed_query_reads_as_the_same_query() {
    let mut read = 0;
    for seed in 0..20_000 {
        let text = random_text(&mut fastrand::Rng::with_seed(seed));
        read += usize::from(round_trip(&text, seed));
    }
    assert!(read > 4_000, "only {read} of the random queries were valid");
    for piece in PIECES {
        round_trip(piece, 0);
    }
}

#[test]
fn a_built_query_prints_as_itself_or_as_what_does_not_parse() {
    let schema = schema();
    let context = Context::new(&schema, at(NOW)).asked_by("ana");
    let built = only(Clause::is(field("tags"), "a \"b\" \u{0} *"))
        .and(Clause::unset(field("group")).negate())
        .and(Clause::keys(vec![key("x y"), 7.into()]))
        .and_word(WordClause::new(WordScope::Note, WordPattern::Phrase(vec!["a\\".into(), "\"b".into()])))
        .ordered(Sort { by: SortKey::Key, direction: Direction::Ascending });
    assert_eq!(parse(&built.to_text(&schema), &context).unwrap().without_spans(), built);

    let lazy = |name, text| only(Clause::one_of(field(name), vec![unquoted(text)]));
    for (name, text) in [("assignee", "me"), ("tags", "none"), ("tags", "a b"), ("tags", "*"), ("tags", "")] {
        let printed = lazy(name, text).to_text(&schema);
        let meant = only(Clause::is(field(name), text));
        assert_eq!(parse(&printed, &context).unwrap().without_spans(), meant, "{printed}");
    }

    let text = Query::everything().and_word(word(WordScope::Anywhere, "status:open")).to_text(&schema);
    assert_eq!(text, "\"status:open\"");

    let between = Interval { hi: Bound::Included(Point::Date(at(NOW))), ..later("2026-01-01") };
    let outside = only(Clause::within(field("created"), between).negate()).to_text(&schema);
    assert!(parse(&outside, &context).is_err(), "{outside}");
    let stranger = only(Clause::any(FieldId(9999))).to_text(&schema);
    assert!(parse(&stranger, &context).is_err(), "{stranger}");
}

#[test]
fn random_bytes_and_mutations_never_panic() {
    let schema = schema();
    let context = Context::new(&schema, at(NOW)).asked_by("ana");
    for seed in 0..100_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = if random.bool() {
            random_text(&mut random).into_bytes()
        } else {
            (0..random.usize(0..40)).map(|_| random.u8(..)).collect()
        };
        for _ in 0..random.usize(0..4) {
            let place = random.usize(..=bytes.len());
            match random.u8(..3) {
                0 => bytes.insert(place, b":<>=-\"*\\( #\0"[random.usize(..12)]),
                1 if place < bytes.len() => bytes[place] = random.u8(..),
                _ => bytes.truncate(place),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match parse(&text, &context) {
            Ok(_) => {
                round_trip(&text, seed);
            }
            Err(error) => {
                assert!(text.get(error.span.start..error.span.end).is_some(), "seed {seed}: {text:?}: {error:?}");
                assert!(!error.to_string().contains(char::is_control), "seed {seed}: {error:?}");
            }
        }
    }
}

#[test]
fn hostile_queries_take_linear_time() {
    let schema = schema();
    let wide = Limits { bytes: 1 << 24, clauses: usize::MAX, words: usize::MAX, values: usize::MAX };
    let context = Context::new(&schema, at(NOW)).within(wide);
    let fill = |unit: &str| unit.repeat((1 << 21) / unit.len());
    let mut distinct = String::new();
    for number in 0..100_000 {
        write!(distinct, "-tags:{number} ").unwrap();
    }
    for text in [
        fill("("),
        fill("NOT "),
        fill("-"),
        fill("\""),
        fill("\\"),
        fill("\"\\"),
        fill("a* "),
        fill("*"),
        fill("tags:a "),
        fill("subject:ab "),
        fill(":"),
        fill("x:"),
        fill("<"),
        fill("\u{200d}"),
        fill("\u{202e}"),
        fill("\u{0}"),
        fill("1"),
        format!("\"{}\"", fill("a ")),
        format!("{}:x", fill("a")),
        format!("created>{}years", fill("9")),
        format!("created:{}", fill("2026-01-05T")),
        format!("created:{}", fill("1/")),
        distinct,
    ] {
        let start = Instant::now();
        let outcome = parse(&text, &context);
        let took = start.elapsed();
        // A quadratic pass over two million characters takes minutes.
        assert!(took < Duration::from_secs(10), "{:?}... took {took:?}", &text.chars().take(20).collect::<String>());
        drop(outcome);
    }
}
