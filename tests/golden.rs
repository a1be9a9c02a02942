//! The tiny tenant of the golden files, and the accounts of a tenant that are compared with them.

use std::{fmt::Write, path::Path, sync::Arc};

use ticketscope_engine::{RecoverError, Tenant, query::hit, storage::TenantId};
use ticketscope_import::write_change;
use ticketscope_model::{
    Change, ExprSource, Fact, FieldDecl, FieldKind, FieldPatch, GroupFlags, Member, PrincipalFact, RawValue, RelFact,
    RoleFact, SchemaDecl, TenantRelFact, TextClass, TextPart, TicketKey, TicketOrd, TicketPatch, Timestamp, ValueFact,
};
use ticketscope_storage::{DataDir, ReadError, Table};

/// Where the golden files of format version 2 stand.
pub const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/format/v2/engine");
/// In [`DIR`]: a data directory.
pub const DATA: &str = "data";
/// In [`DIR`]: [`account`] of its tenant.
pub const ACCOUNT: &str = "account.txt";
/// In [`DIR`]: [`bytes`] of its tenant.
pub const BYTES: &str = "bytes.txt";

/// In [`DIR`]: a backup of it.
pub const BACKUP: &str = "backup";
/// In [`DIR`]: [`dump`] of it.
pub const DUMP: &str = "dump.jsonl";

/// The key of the row with the secret of cursors, which is random.
const SECRET_KEY: &[u8] = &[0, 1];

/// The id of the golden tenant.
///
/// # Panics
/// Never: it is one.
#[must_use]
pub fn id() -> TenantId {
    TenantId::parse("golden").expect("the constant is an id")
}

/// What the golden tenant was told, batch by batch: every kind of fact and value, revisions, removals, replacements,
/// text of every class, and a ticket that was erased and came back.
#[must_use]
pub fn batches() -> Vec<Vec<Change>> {
    let text = |text: &str| RawValue::Text(text.into());
    let patch = |key: &str, fields: Vec<(&str, FieldPatch)>| TicketPatch {
        key: TicketKey::parse(key).expect("the constants are keys"),
        fields: fields.into_iter().map(|(name, change)| (name.into(), change)).collect(),
        replace: false,
        text: Vec::new(),
    };
    let ticket = |key: &str, fields: Vec<(&str, FieldPatch)>| Change::state(Fact::Ticket(patch(key, fields)));
    let part = |id: &str, class, body: &str, author: Option<&str>, at: Option<i64>| TextPart {
        part: id.into(),
        class,
        lang: at.map(|_| "fr".into()),
        body: body.into(),
        author: author.map(Into::into),
        at: at.map(Timestamp),
    };
    let say = |key: &str, part| {
        Change::state(Fact::Text { ticket: TicketKey::parse(key).expect("the constants are keys"), part })
    };
    let principal = |id: &str, role: Option<&str>, active| {
        Change::state(Fact::Principal(PrincipalFact {
            id: id.into(),
            role: role.map(Into::into),
            active,
            name: Some("Zo\u{eb}".into()),
            email: None,
            locale: Some("fr-CA".into()),
            time_zone: None,
        }))
    };
    let rel = |principal: &str, rel: &str, value: &str, level: Option<&str>| {
        Change::state(Fact::Rel(RelFact {
            principal: principal.into(),
            rel: rel.into(),
            value: value.into(),
            level: level.map(Into::into),
        }))
    };
    let value = |field: &str, id: &str, parent: Option<&str>, public| {
        Change::state(Fact::Value(ValueFact {
            field: field.into(),
            id: id.into(),
            parent: parent.map(Into::into),
            flags: GroupFlags { public, active: Some(true), shared: None },
        }))
    };
    let declared = |name: &str, kind, many| FieldDecl { name: name.into(), kind, many };
    let at_rev = |rev, change: Change| Change { rev: Some(rev), ..change };
    let gone = |change: Change| Change { gone: true, ..change };
    let view = "group in my.groups | department in under(my.departments) | group in tenant.public_groups";
    let role = RoleFact {
        id: "agent".into(),
        verbs: vec![
            ("view".into(), ExprSource::Text(view.into())),
            ("edit".into(), ExprSource::Text("assignee = me".into())),
        ],
    };
    vec![
        vec![
            Change::state(Fact::Schema(SchemaDecl {
                fields: vec![
                    declared("plan", FieldKind::Keyword, true),
                    declared("score", FieldKind::Number, false),
                    declared("vip", FieldKind::Flag, false),
                    declared("renewal", FieldKind::Date, false),
                ],
                relations: vec!["regions".into()],
                ..SchemaDecl::default()
            })),
            Change::state(Fact::Role(role)),
            principal("anna", Some("agent"), true),
            principal("bob", Some("zendesk.groups"), true),
            principal("carl", None, false),
            rel("anna", "groups", "billing", None),
            rel("anna", "groups_graded", "returns", Some("read")),
            rel("anna", "departments", "1", None),
            rel("bob", "groups", "returns", None),
            value("group", "returns", None, Some(true)),
            value("department", "2", Some("1"), None),
            Change::state(Fact::TenantRel(TenantRelFact { rel: "levels_reporter".into(), value: "3".into() })),
            Change::state(Fact::Member(Member { group: "billing".into(), user: "bob".into() })),
        ],
        vec![
            ticket(
                "1",
                vec![
                    ("status", FieldPatch::Set(text("open"))),
                    ("group", FieldPatch::Set(text("billing"))),
                    ("tags", FieldPatch::Set(RawValue::List(vec![text("a,b"), text("r\u{e9}clamation")]))),
                    ("plan", FieldPatch::Set(RawValue::List(vec![text("gold"), text("iron")]))),
                    ("score", FieldPatch::Set(RawValue::Float(-1.5))),
                    ("vip", FieldPatch::Set(RawValue::Bool(true))),
                    ("renewal", FieldPatch::Set(text("2026-01-05T09:00:00Z"))),
                    ("created_at", FieldPatch::Set(text("2025-12-31T23:59:59.999Z"))),
                    ("subject", FieldPatch::Set(text("The printer is on fire"))),
                ],
            ),
            ticket("567588278875213824", vec![("department", FieldPatch::Set(text("2")))]),
            ticket(
                "T-7",
                vec![("group", FieldPatch::Set(text("returns"))), ("assignee", FieldPatch::Set(text("anna")))],
            ),
            ticket("9223372036854775808", vec![]),
        ],
        vec![
            say("1", part("c1", TextClass::Public, "Have you tried water?", Some("anna"), Some(1_767_571_200_000))),
            say("1", part("n1", TextClass::Private, "He has not.", None, None)),
            at_rev(7, say("T-7", part("s1", TextClass::Side, &"long words ".repeat(30), None, None))),
            at_rev(3, ticket("T-7", vec![("status", FieldPatch::Set(text("pending")))])),
            at_rev(2, ticket("T-7", vec![("status", FieldPatch::Set(text("too late")))])),
            gone(rel("bob", "groups", "returns", None)),
            at_rev(5, gone(rel("bob", "groups_graded", "returns", None))),
        ],
        vec![
            Change::state(Fact::Del(TicketKey::Int(1))),
            at_rev(9, Change::state(Fact::Del(TicketKey::Int(5)))),
            ticket("1", vec![("status", FieldPatch::Set(text("new"))), ("life", FieldPatch::Set(text("archived")))]),
            Change::state(Fact::Ticket(TicketPatch {
                replace: true,
                text: vec![part("subject", TextClass::Subject, "replaced", None, None)],
                ..patch("567588278875213824", vec![("department", FieldPatch::Set(text("1")))])
            })),
        ],
    ]
}

/// Everything that can be seen of a tenant, for people to read.
///
/// # Panics
/// If the tenant's text cannot be read.
#[must_use]
pub fn account(tenant: &Tenant) -> String {
    let snapshot = tenant.snapshot();
    let mut lines = vec![format!("opstamp {}", snapshot.opstamp().0)];
    for field in snapshot.schema().custom_fields() {
        lines.push(format!("field {} {} many={}", field.name, field.kind.name(), field.many));
    }
    for ord in snapshot.index().universe() {
        let found = hit(&snapshot, ord);
        lines.push(format!("ticket {}", found.key));
        for (field, values) in &found.fields {
            let name = snapshot.schema().by_id(*field).map_or_else(String::new, |field| field.name.to_string());
            lines.push(format!("  {name} {values:?}"));
        }
        for part in tenant.text(&found.key).expect("text can be read") {
            let TextPart { part, class, lang, body, author, at } = part;
            lines.push(format!("  text {part} {class} {lang:?} {author:?} {at:?} {body:?}"));
        }
    }
    let mut principals: Vec<_> = snapshot.directory().principals().collect();
    principals.sort_by_key(|fact| Arc::clone(&fact.id));
    for fact in principals {
        lines.push(format!("{fact:?}"));
        for verb in ["view", "edit"] {
            let scope = snapshot.scope(&fact.id, verb).expect("it is known");
            let seen = snapshot.visible(&scope);
            let keys: Vec<_> = seen.set().iter().map(|ord| snapshot.index().key(TicketOrd(ord)).to_string()).collect();
            lines.push(format!("  may {verb} {}", keys.join(" ")));
        }
    }
    lines.join("\n") + "\n"
}

/// The tenant as scope-jsonl.
///
/// # Panics
/// If the tenant cannot be read, or holds what no line can say.
#[must_use]
pub fn dump(tenant: &Tenant) -> String {
    let mut lines = Vec::new();
    let view = tenant.view().expect("the tenant can be read");
    let stated = view.statements::<RecoverError>(|change| {
        write_change(&change, &mut lines).expect("there is a line for it");
        Ok(())
    });
    stated.expect("the rows can be read");
    String::from_utf8(lines).expect("lines are text")
}

/// Every byte that the engine gave the store of a tenant that nobody has open, in hexadecimal: rows of the state but
/// for the random one, rows of the log, sections of the newest mapped snapshot.
///
/// # Panics
/// If the tenant cannot be read.
#[must_use]
pub fn bytes(dir: &Path) -> String {
    let data = DataDir::open(dir).expect("the directory opens");
    let store = data.open_tenant(&id()).expect("the tenant opens");
    let mut out = String::new();
    for table in Table::ALL {
        let read = store.scan::<ReadError>(table, |key, value| {
            if (table, key) != (Table::Facts, SECRET_KEY) {
                out.extend([table.name(), " ", &hex(key), "\n", &block(value)]);
            }
            Ok(())
        });
        read.expect("the rows can be read");
    }
    let read = store.log_after::<ReadError>(store.log_start(), |opstamp, body| {
        out.extend(["log ", &opstamp.0.to_string(), "\n", &block(body)]);
        Ok(())
    });
    read.expect("the log can be read");
    let snapshot = store.open_snapshot().expect("the snapshots can be read").snapshot.expect("there is one");
    for section in snapshot.ids() {
        let bytes = snapshot.section(section).expect("it is listed");
        out.extend(["section ", &section.to_string(), "\n", &block(&bytes)]);
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        write!(out, "{byte:02x}").expect("strings take everything");
        out
    })
}

/// Lines of 32 bytes.
fn block(bytes: &[u8]) -> String {
    bytes.chunks(32).flat_map(|line| ["  ".to_owned(), hex(line), "\n".to_owned()]).collect()
}
