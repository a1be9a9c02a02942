use ticketscope_model::{
    Change, Complete, ExprSource, Fact, FieldDecl, FieldKind, FieldPatch, GroupFlags, Listing, Member, PrincipalFact,
    RawValue, RelFact, RoleFact, SchemaDecl, TenantRelFact, TextClass, TextPart, TicketKey, TicketPatch, Timestamp,
    ValueFact,
};

use super::{lines, one};
use crate::Format::{self, Events, ScopeJsonl, Tickets};

fn ok(line: &str, format: Format) -> Change {
    one(line, format).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn patch(key: i64, fields: Vec<(&str, FieldPatch)>) -> TicketPatch {
    let fields = fields.into_iter().map(|(name, patch)| (name.into(), patch)).collect();
    TicketPatch { key: TicketKey::Int(key), fields, replace: false, text: Vec::new() }
}

fn text(text: &str) -> RawValue {
    RawValue::Text(text.into())
}

fn part(part: &str, class: TextClass, body: &str) -> TextPart {
    TextPart { part: part.into(), class, lang: None, body: body.into(), author: None, at: None }
}

#[test]
fn every_kind_of_line_is_read() {
    let flags = GroupFlags { public: Some(false), active: None, shared: Some(true) };
    let principal = PrincipalFact {
        id: "7".into(),
        role: Some("agent".into()),
        active: true,
        name: None,
        email: Some("a@ex.test".into()),
        locale: None,
        time_zone: Some("Europe/Paris".into()),
    };
    let bare = PrincipalFact { role: None, email: None, time_zone: None, ..principal.clone() };
    let rel = |value: &str, level: Option<&str>| {
        Fact::Rel(RelFact {
            principal: "ann".into(),
            rel: "groups".into(),
            value: value.into(),
            level: level.map(Into::into),
        })
    };
    let note = TextPart {
        lang: Some("de".into()),
        author: Some("9".into()),
        at: Some(Timestamp(0)),
        ..part("n", TextClass::Private, "Hallo")
    };
    for (line, fact) in [
        (
            r#"{"k":"schema","fields":[{"name":"region","kind":"tree"},{"kind":"number","many":true,"name":"n"}],"relations":["desks"],"languages":["en","pl"]}"#,
            Fact::Schema(SchemaDecl {
                fields: vec![
                    FieldDecl { name: "region".into(), kind: FieldKind::Tree, many: false },
                    FieldDecl { name: "n".into(), kind: FieldKind::Number, many: true },
                ],
                relations: vec!["desks".into()],
                languages: vec!["en".into(), "pl".into()],
            }),
        ),
        (
            r#"{"k":"role","id":"r","view":"all","view_private":{"any": [ 1 ]},"reply":["x"]}"#,
            Fact::Role(RoleFact {
                id: "r".into(),
                verbs: vec![
                    ("view".into(), ExprSource::Text("all".into())),
                    ("view_private".into(), ExprSource::Json(r#"{"any": [ 1 ]}"#.into())),
                    ("reply".into(), ExprSource::Json(r#"["x"]"#.into())),
                ],
            }),
        ),
        (
            r#"{"k":"group","id":3,"parent":null,"public":false,"active":null,"shared":true}"#,
            Fact::Value(ValueFact { field: "group".into(), id: "3".into(), parent: None, flags }),
        ),
        (
            r#"{"id":"b","parent":"a","k":"department"}"#,
            Fact::Value(ValueFact {
                field: "department".into(),
                id: "b".into(),
                parent: Some("a".into()),
                flags: GroupFlags::default(),
            }),
        ),
        (
            r#"{"k":"value","field":"region","id":"b","parent":"a"}"#,
            Fact::Value(ValueFact {
                field: "region".into(),
                id: "b".into(),
                parent: Some("a".into()),
                flags: GroupFlags::default(),
            }),
        ),
        (
            r#"{"k":"tenant_rel","rel":"public_groups","value":18446744073709551615}"#,
            Fact::TenantRel(TenantRelFact { rel: "public_groups".into(), value: "18446744073709551615".into() }),
        ),
        (
            r#"{"k":"principal","id":7,"role":"agent","active":true,"name":"","email":"a@ex.test","locale":null,"time_zone":"Europe/Paris"}"#,
            Fact::Principal(principal),
        ),
        (r#"{"k":"principal","id":"7"}"#, Fact::Principal(bare.clone())),
        (
            r#"{"k":"principal","id":"7","active":false,"role":""}"#,
            Fact::Principal(PrincipalFact { active: false, ..bare }),
        ),
        (r#"{"k":"rel","principal":"ann","rel":"groups","value":" 1"}"#, rel(" 1", None)),
        (r#"{"k":"rel","principal":"ann","rel":"groups","value":1,"level":null}"#, rel("1", None)),
        (r#"{"k":"rel","principal":"ann","rel":"groups","value":1,"level":"full"}"#, rel("1", Some("full"))),
        (r#"{"k":"member","group":"a","user":5}"#, Fact::Member(Member { group: "a".into(), user: "5".into() })),
        (
            r#"{"k":"ticket","id":"567588278875213824","group":2,"tags":["a",null],"body":"x","n":1.5,"big":99999999999999999999,"life":null}"#,
            Fact::Ticket(patch(
                567_588_278_875_213_824,
                vec![
                    ("group", FieldPatch::Set(RawValue::Int(2))),
                    ("tags", FieldPatch::Set(RawValue::List(vec![text("a"), RawValue::Null]))),
                    ("body", FieldPatch::Set(text("x"))),
                    ("n", FieldPatch::Set(RawValue::Float(1.5))),
                    ("big", FieldPatch::Set(text("99999999999999999999"))),
                    ("life", FieldPatch::Set(RawValue::Null)),
                ],
            )),
        ),
        (
            r#"{"k":"text","ticket":1,"part":"n","class":"private","lang":"de","body":"Hallo","author":9,"at":"1970-01-01"}"#,
            Fact::Text { ticket: TicketKey::Int(1), part: note },
        ),
        (
            r#"{"k":"text","ticket":1,"part":4,"class":"side","body":"","author":"","at":""}"#,
            Fact::Text { ticket: TicketKey::Int(1), part: part("4", TextClass::Side, "") },
        ),
        (r#"{"k":"del","ticket":"01"}"#, Fact::Del(TicketKey::Text("01".into()))),
        (
            r#"{"k":"complete","what":"memberships","count":0}"#,
            Fact::Complete(Complete { what: Listing::Memberships, count: 0 }),
        ),
    ] {
        assert_eq!(ok(line, ScopeJsonl), Change::state(fact), "{line}");
    }
}

#[test]
fn any_line_may_carry_a_revision_and_a_removal_needs_only_the_identity() {
    for (line, rev, gone) in [
        (r#"{"k":"member","group":"a","user":5,"rev":-3}"#, Some(-3), false),
        (r#"{"k":"member","group":"a","user":5,"gone":true,"rev":9223372036854775807}"#, Some(i64::MAX), true),
        (r#"{"gone":true,"k":"role","id":"r"}"#, None, true),
        (r#"{"gone":true,"k":"group","id":"r"}"#, None, true),
        (r#"{"gone":true,"k":"principal","id":"r"}"#, None, true),
        (r#"{"gone":false,"k":"principal","id":"r"}"#, None, false),
    ] {
        let change = ok(line, ScopeJsonl);
        assert_eq!((change.rev, change.gone), (rev, gone), "{line}");
    }
    let removed = ok(r#"{"k":"text","ticket":1,"part":"n","gone":true}"#, ScopeJsonl);
    let fact = Fact::Text { ticket: TicketKey::Int(1), part: part("n", TextClass::Private, "") };
    assert_eq!(removed, Change::remove(fact));
}

#[test]
fn a_ticket_that_is_gone_is_erased() {
    let erased = Change { rev: Some(4), gone: false, fact: Fact::Del(TicketKey::Int(1)) };
    assert_eq!(ok(r#"{"k":"ticket","id":1,"gone":true,"rev":4,"status":"open"}"#, ScopeJsonl), erased);
    assert_eq!(ok(r#"{"id":1,"gone":true,"rev":4,"subject":"s"}"#, Tickets), erased);
}

#[test]
fn a_plain_ticket_replaces_fields_and_text() {
    let line = r#"{"id":1,"subject":"S","body":"B","comments":[{"author":"ann","public":true,"body":"c0","at":"1970-01-01T00:00:01Z"},{"body":""},{"public":false,"body":"c2"},{"body":"c3","author":4},{"body":"c4","public":null}],"status":"open","tags":[],"rev":2}"#;
    let first = TextPart {
        author: Some("ann".into()),
        at: Some(Timestamp(1000)),
        ..part("comment:0", TextClass::Public, "c0")
    };
    let fourth = TextPart { author: Some("4".into()), ..part("comment:3", TextClass::Private, "c3") };
    let ticket = TicketPatch {
        replace: true,
        text: vec![
            part("subject", TextClass::Subject, "S"),
            part("description", TextClass::Description, "B"),
            first,
            part("comment:2", TextClass::Private, "c2"),
            fourth,
            part("comment:4", TextClass::Private, "c4"),
        ],
        ..patch(
            1,
            vec![("status", FieldPatch::Set(text("open"))), ("tags", FieldPatch::Set(RawValue::List(Vec::new())))],
        )
    };
    assert_eq!(ok(line, Tickets), Change { rev: Some(2), gone: false, fact: Fact::Ticket(ticket) });
}

#[test]
fn empty_text_gives_no_parts() {
    for line in [r#"{"id":1}"#, r#"{"id":1,"subject":"","body":null,"comments":[]}"#, r#"{"id":1,"comments":null}"#] {
        let ticket = TicketPatch { replace: true, ..patch(1, Vec::new()) };
        assert_eq!(ok(line, Tickets), Change::state(Fact::Ticket(ticket)), "{line}");
    }
}

#[test]
fn an_event_sets_one_value_and_adds_to_or_removes_from_many() {
    let event = |rest: &str| format!(r#"{{"at":"2026-01-05T09:00:00Z","ticket":1,{rest}}}"#);
    for (rest, fields) in [
        (r#""field":"status","from":"a","to":"b""#, vec![("status", FieldPatch::Set(text("b")))]),
        (r#""field":"status","to":null,"by":"x""#, vec![("status", FieldPatch::Set(RawValue::Null))]),
        (r#""field":"tags","from":null,"to":"b""#, vec![("tags", FieldPatch::Add(text("b")))]),
        (r#""field":"cc","from":7,"to":"""#, vec![("cc", FieldPatch::Remove(RawValue::Int(7)))]),
        (
            r#""field":"cc","from":"a","to":"b""#,
            vec![("cc", FieldPatch::Remove(text("a"))), ("cc", FieldPatch::Add(text("b")))],
        ),
        (r#""field":"body","from":"","to":"b""#, vec![("description", FieldPatch::Set(text("b")))]),
        (r#""field":"subject","to":"b""#, vec![("subject", FieldPatch::Set(text("b")))]),
    ] {
        assert_eq!(ok(&event(rest), Events), Change::state(Fact::Ticket(patch(1, fields))), "{rest}");
    }
}

#[test]
fn bad_lines_are_refused_by_code_and_column() {
    type Row = (&'static str, &'static str, usize);
    let table: &[(Format, &[Row])] = &[
        (
            ScopeJsonl,
            &[
                ("nothing", "invalid_json", 1),
                (r#"{"k":"del","ticket":1"#, "invalid_json", 22),
                (r#"{"k":"del","ticket":1} x"#, "invalid_json", 24),
                (r#"{"k":"del","ticket":1,}"#, "invalid_json", 23),
                (r#"{"k":"del","ticket":}"#, "invalid_json", 21),
                (r#"{"k":"del","ticket":01}"#, "invalid_json", 22),
                (r#"{"k":"del","ticket":"\ud800"}"#, "invalid_json", 28),
                ("{\"k\":\"del\",\"ticket\":\"a\u{1}\"}", "invalid_json", 23),
                ("[1]", "not_an_object", 1),
                (" 1", "not_an_object", 2),
                ("null", "not_an_object", 1),
                ("true", "not_an_object", 1),
                ("tru", "invalid_json", 1),
                ("{}", "missing_key", 1),
                (r#"{"ticket":1}"#, "missing_key", 1),
                (r#"{"k":1}"#, "wrong_type", 6),
                (r#"{"k":"tickets"}"#, "unknown_kind", 6),
                (r#"{"k":"DEL","ticket":1}"#, "unknown_kind", 6),
                (r#"{"k":"del"}"#, "missing_key", 1),
                (r#"{"k":"del","ticket":1,"id":1}"#, "unknown_key", 23),
                (r#"{"k":"del","ticket":1,"ticket":1}"#, "duplicate_key", 23),
                (r#"{"k":"del","ticket":1,"k":"del"}"#, "duplicate_key", 23),
                (r#"{"k":"del","ticket":1,"\u006b":"del"}"#, "duplicate_key", 23),
                (r#"{"k":"del","ticket":1,"rev":1,"rev":1}"#, "duplicate_key", 31),
                (r#"{"k":"del","ticket":1,"rev":"1"}"#, "wrong_type", 29),
                (r#"{"k":"del","ticket":1,"rev":1.0}"#, "wrong_type", 29),
                (r#"{"k":"del","ticket":1,"rev":null}"#, "wrong_type", 29),
                (r#"{"k":"del","ticket":1,"rev":9223372036854775808}"#, "wrong_type", 29),
                (r#"{"k":"del","ticket":1,"gone":1}"#, "wrong_type", 30),
                (r#"{"k":"del","ticket":1,"gone":null}"#, "wrong_type", 30),
                (r#"{"k":"del","ticket":1,"gone":true}"#, "gone_not_allowed", 1),
                (r#"{"k":"complete","what":"tickets","count":1,"gone":true}"#, "gone_not_allowed", 1),
                (r#"{"k":"del","ticket":1.0}"#, "wrong_type", 21),
                (r#"{"k":"del","ticket":1e3}"#, "wrong_type", 21),
                (r#"{"k":"del","ticket":true}"#, "wrong_type", 21),
                (r#"{"k":"del","ticket":null}"#, "wrong_type", 21),
                (r#"{"k":"del","ticket":[1]}"#, "wrong_type", 21),
                (r#"{"k":"del","ticket":""}"#, "bad_ticket_id", 21),
                (r#"{"k":"ticket"}"#, "missing_key", 1),
                (r#"{"k":"ticket","gone":true}"#, "missing_key", 1),
                (r#"{"k":"ticket","id":1,"comments":[]}"#, "misplaced_comments", 33),
                (r#"{"k":"ticket","id":1,"group":{"id":2}}"#, "wrong_type", 30),
                (r#"{"k":"ticket","id":1,"tags":[["a"]]}"#, "wrong_type", 30),
                (r#"{"k":"ticket","id":1,"n":1e999}"#, "number_out_of_range", 26),
                (r#"{"k":"ticket","id":1,"tags":[],"tags":[]}"#, "duplicate_key", 32),
                (r#"{"k":"principal","role":"a"}"#, "missing_key", 1),
                (r#"{"k":"principal","id":""}"#, "empty_id", 23),
                (r#"{"k":"principal","id":1.5}"#, "wrong_type", 23),
                (r#"{"k":"principal","id":1,"active":null}"#, "wrong_type", 34),
                (r#"{"k":"principal","id":1,"active":"true"}"#, "wrong_type", 34),
                (r#"{"k":"principal","id":1,"email":5}"#, "wrong_type", 33),
                (r#"{"k":"principal","id":1,"groups":[]}"#, "unknown_key", 25),
                (r#"{"k":"rel","principal":1,"rel":"groups"}"#, "missing_key", 1),
                (r#"{"k":"rel","principal":1,"rel":"groups","gone":true}"#, "missing_key", 1),
                (r#"{"k":"rel","principal":1,"rel":"groups","value":""}"#, "empty_id", 49),
                (r#"{"k":"rel","principal":1,"rel":"","value":1}"#, "empty_id", 32),
                (r#"{"k":"rel","principal":1,"rel":5,"value":1}"#, "wrong_type", 32),
                (r#"{"k":"rel","principal":1,"rel":"groups","value":1,"level":""}"#, "empty_id", 59),
                (r#"{"k":"rel","principal":1,"rel":"groups","value":1,"levels":"x"}"#, "unknown_key", 51),
                (r#"{"k":"member","group":1}"#, "missing_key", 1),
                (r#"{"k":"tenant_rel","rel":"a"}"#, "missing_key", 1),
                (r#"{"k":"tenant_rel","rel":"a","value":null}"#, "wrong_type", 37),
                (r#"{"k":"group","id":1,"public":"yes"}"#, "wrong_type", 30),
                (r#"{"k":"group","id":1,"name":"yes"}"#, "unknown_key", 21),
                (r#"{"k":"group","id":1,"field":"x"}"#, "unknown_key", 21),
                (r#"{"k":"value","id":1}"#, "missing_key", 1),
                (r#"{"k":"value","id":1,"field":""}"#, "empty_id", 29),
                (r#"{"k":"role","view":"all"}"#, "missing_key", 1),
                (r#"{"k":"role","id":"r","view":null}"#, "wrong_type", 29),
                (r#"{"k":"role","id":"r","view":true}"#, "wrong_type", 29),
                (r#"{"k":"role","id":"r","view":"all","view":"none"}"#, "duplicate_key", 35),
                (r#"{"k":"schema","fields":{}}"#, "wrong_type", 24),
                (r#"{"k":"schema","fields":["a"]}"#, "wrong_type", 25),
                (r#"{"k":"schema","fields":[{"name":"a"}]}"#, "missing_key", 25),
                (r#"{"k":"schema","fields":[{"kind":"tree"}]}"#, "missing_key", 25),
                (r#"{"k":"schema","fields":[{"name":"a","kind":"string"}]}"#, "unknown_word", 44),
                (r#"{"k":"schema","fields":[{"name":"a","kind":"tree","multi":true}]}"#, "unknown_key", 51),
                (r#"{"k":"schema","relations":[1]}"#, "wrong_type", 28),
                (r#"{"k":"text","ticket":1,"part":"a","body":"b"}"#, "missing_key", 1),
                (r#"{"k":"text","ticket":1,"part":"a","class":"public"}"#, "missing_key", 1),
                (r#"{"k":"text","ticket":1,"part":"","class":"public","body":"b"}"#, "empty_id", 31),
                (r#"{"k":"text","ticket":1,"part":"a","class":"internal","body":"b"}"#, "unknown_word", 43),
                (r#"{"k":"text","ticket":1,"part":"a","class":"public","body":null}"#, "wrong_type", 59),
                (r#"{"k":"text","ticket":1,"part":"a","class":"public","body":"b","at":"now"}"#, "bad_date", 68),
                (r#"{"k":"text","ticket":1,"part":"a","class":"public","body":"b","at":5}"#, "wrong_type", 68),
                (r#"{"k":"complete","what":"ticket","count":1}"#, "unknown_word", 24),
                (r#"{"k":"complete","what":"tickets"}"#, "missing_key", 1),
                (r#"{"k":"complete","what":"tickets","count":-1}"#, "wrong_type", 42),
                (r#"{"k":"complete","what":"tickets","count":1.0}"#, "wrong_type", 42),
            ],
        ),
        (
            Tickets,
            &[
                (r#"{"subject":"a"}"#, "missing_key", 1),
                (r#"{"id":1,"k":"ticket"}"#, "mixed_formats", 9),
                (r#"{"id":null}"#, "wrong_type", 7),
                (r#"{"id":1.5}"#, "wrong_type", 7),
                (r#"{"id":1,"subject":5}"#, "wrong_type", 19),
                (r#"{"id":1,"body":"a","description":"b"}"#, "duplicate_key", 20),
                (r#"{"id":1,"body":"","description":""}"#, "duplicate_key", 19),
                (r#"{"id":1,"comments":{}}"#, "wrong_type", 20),
                (r#"{"id":1,"comments":["a"]}"#, "wrong_type", 21),
                (r#"{"id":1,"comments":[{"body":5}]}"#, "wrong_type", 29),
                (r#"{"id":1,"comments":[{"public":"true"}]}"#, "wrong_type", 31),
                (r#"{"id":1,"comments":[{"private":true}]}"#, "unknown_key", 22),
                (r#"{"id":1,"comments":[{"at":"x"}]}"#, "bad_date", 27),
                (r#"{"id":1,"comments":[{"body":"a","body":"b"}]}"#, "duplicate_key", 33),
                (r#"{"id":1,"group":{}}"#, "wrong_type", 17),
                (r#"{"id":1,"gone":"no"}"#, "wrong_type", 16),
            ],
        ),
        (
            Events,
            &[
                (r#"{"ticket":1,"field":"a","to":1}"#, "missing_key", 1),
                (r#"{"at":"2026-01-01","field":"a","to":1}"#, "missing_key", 1),
                (r#"{"at":"2026-01-01","ticket":1,"to":1}"#, "missing_key", 1),
                (r#"{"at":"2026-01-01","ticket":1,"field":"status","from":1}"#, "missing_key", 1),
                (r#"{"at":"2026-01-01","ticket":1,"field":"tags","from":null,"to":null}"#, "empty_event", 1),
                (r#"{"at":"2026-01-01","ticket":1,"field":"tags"}"#, "empty_event", 1),
                (r#"{"at":"2026-13-01","ticket":1,"field":"a","to":1}"#, "bad_date", 7),
                (r#"{"at":null,"ticket":1,"field":"a","to":1}"#, "wrong_type", 7),
                (r#"{"at":"2026-01-01","ticket":1,"field":"a","to":[1]}"#, "wrong_type", 48),
                (r#"{"at":"2026-01-01","ticket":1,"field":"a","to":1,"rev":1}"#, "unknown_key", 50),
                (r#"{"at":"2026-01-01","ticket":1,"field":"a","to":1,"by":[]}"#, "wrong_type", 55),
                (r#"{"at":"2026-01-01","ticket":1,"field":"a","field":"b","to":1}"#, "duplicate_key", 43),
            ],
        ),
    ];
    for (format, lines) in table {
        for (line, code, column) in *lines {
            let error = one(line, *format).map(|change| panic!("{line}: {change:?}")).unwrap_err();
            assert_eq!((error.code(), error.column), (*code, *column), "{line}: {error}");
            assert!(!error.to_string().ends_with('.'), "{error}");
        }
    }
}

#[test]
fn messages_say_what_where_and_what_to_do() {
    for (line, message) in [
        (
            r#"{"k":"text","ticket":1,"part":"a","class":"internal","body":"b"}"#,
            "line 1, column 43: `class` cannot be `internal`; use `subject`, `description`, `public`, `private`, `side`",
        ),
        (r#"{"k":"member","group":1,"usr":2}"#, "line 1, column 25: member: unknown key `usr`; use `group`, `user`"),
        (
            r#"{"k":"del","ticket":1.5}"#,
            "line 1, column 21: `ticket` takes a string or an integer, found a number with a fraction or exponent",
        ),
    ] {
        assert_eq!(one(line, ScopeJsonl).unwrap_err().to_string(), message);
    }
}

#[test]
fn messages_are_short_and_steer_no_terminal() {
    let line = format!(r#"{{"k":"del","ticket":1,"\u001b[2J{}":1}}"#, "x".repeat(10_000));
    let message = one(&line, ScopeJsonl).unwrap_err().to_string();
    assert!(message.len() < 300 && !message.contains('\u{1b}'), "{message}");
}

#[test]
fn a_ticket_id_is_bounded_on_both_sides() {
    let line = |length: usize| format!(r#"{{"k":"del","ticket":"{}"}}"#, "x".repeat(length));
    assert!(one(&line(512), ScopeJsonl).is_ok());
    assert_eq!(one(&line(513), ScopeJsonl).unwrap_err().code(), "bad_ticket_id");
}

#[test]
fn a_line_that_is_not_utf8_spoils_no_other() {
    let input =
        b"{\"k\":\"del\",\"ticket\":1}\n{\"k\":\"del\",\"ticket\":\"\xff\"}\n{\"k\":\"del\",\"ticket\":\"\xc3\xa9\"}\n";
    let lines = lines(input, ScopeJsonl);
    assert!(lines[0].change.is_ok() && lines[2].change.is_ok());
    let error = lines[1].change.clone().unwrap_err();
    assert_eq!((error.code(), error.line, error.column), ("not_utf8", 2, 22));
}
