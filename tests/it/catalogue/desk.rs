//! The help desk that the catalogue asks: two tenants, six principals, and a vault that only one of them sees.
//!
//! What must make no difference is passed as changes beside the desk: two desks with different changes are two worlds that
//! differ in hidden things alone, so everybody but the admin must be told the same of both.

use std::fmt::Write;

use serde_json::{Value, json};
use ticketscope_model::{Change, Fact, FieldKind, PrincipalFact, TextClass, TextPart, TicketKey};

use crate::{
    changes::{field, principal, rel, role, suspended, text, ticket},
    http::{Client, Reply, Served},
};

pub(super) const ACME: &str = "acme";
pub(super) const OTHER: &str = "zeta";

/// Sees everything, by role.
pub(super) const ADMIN: &str = "root";
/// Sees the tickets of the group `support`, with notes and side conversations.
pub(super) const GROUP_AGENT: &str = "gil";
/// Sees the tickets of an organization.
pub(super) const ORGANIZATION_AGENT: &str = "ora";
/// Sees what is assigned to them.
pub(super) const ASSIGNED: &str = "ash";
/// Sees what they requested.
pub(super) const CUSTOMER: &str = "cus";
/// Is of the group `support`, and suspended.
pub(super) const SUSPENDED: &str = "sue";

/// Everybody to whom something is hidden.
pub(super) const RESTRICTED: [&str; 5] = [GROUP_AGENT, ORGANIZATION_AGENT, ASSIGNED, CUSTOMER, SUSPENDED];

/// Those of them who read no notes and no side conversations.
pub(super) const WITHOUT_NOTES: [&str; 4] = [ORGANIZATION_AGENT, ASSIGNED, CUSTOMER, SUSPENDED];

/// Tickets of the desk, `1..=TICKETS`.
pub(super) const TICKETS: i64 = 24;

/// Words of the public texts.
pub(super) const WORDS: [&str; 6] = ["refund", "invoice", "parcel", "printer", "refused", "invited"];

fn pick<T: Copy>(from: &[T], number: i64) -> T {
    from[usize::try_from(number).unwrap() % from.len()]
}

/// Whether somebody sees a ticket of the desk: what the roles below come to.
pub(super) fn sees(who: &str, number: i64) -> bool {
    match who {
        ADMIN => true,
        GROUP_AGENT => number % 2 == 0,
        ORGANIZATION_AGENT => number % 3 == 0,
        ASSIGNED => number % 4 == 1,
        CUSTOMER => number % 5 == 0,
        _ => false,
    }
}

/// The tickets of the desk that somebody sees.
pub(super) fn visible(who: &str) -> Vec<i64> {
    (1..=TICKETS).filter(|number| sees(who, *number)).collect()
}

fn person(id: &str, role: &str, name: &str, email: &str) -> Change {
    let Change { fact: Fact::Principal(fact), .. } = principal(id, role) else { panic!("a principal") };
    Change::state(Fact::Principal(PrincipalFact { name: Some(name.into()), email: Some(email.into()), ..fact }))
}

/// The people, and what the roles of the six come to.
pub(super) fn people() -> Vec<Change> {
    vec![
        field("weight", FieldKind::Number, false),
        field("reviewed_at", FieldKind::Date, false),
        role(
            "group_agent",
            &[
                ("view", "group in my.groups"),
                ("view_private", "group in my.groups"),
                ("view_side", "group in my.groups"),
            ],
        ),
        role("organization_agent", &[("view", "organization in my.organizations")]),
        role("assigned_only", &[("view", "assignee = me")]),
        role("end_user", &[("view", "requester = me")]),
        principal(ADMIN, "generic.admin"),
        person(GROUP_AGENT, "group_agent", "Gil Group", "gil@desk.example"),
        rel(GROUP_AGENT, "groups", "support"),
        person(ORGANIZATION_AGENT, "organization_agent", "Ora Org", "ora@desk.example"),
        rel(ORGANIZATION_AGENT, "organizations", "initech"),
        person(ASSIGNED, "assigned_only", "Ash Assigned", "ash@desk.example"),
        person(CUSTOMER, "end_user", "Cus Customer", "cus@home.example"),
        suspended(principal(SUSPENDED, "group_agent")),
        rel(SUSPENDED, "groups", "support"),
    ]
}

fn desk_ticket(number: i64) -> Vec<Change> {
    let weight = (number * 10).to_string();
    let date = format!("2026-10-{number:02}T00:00:00Z");
    let body = format!("{} about the {} of case{number}", pick(&WORDS, number), pick(&WORDS, number * 5 + 2));
    vec![
        ticket(
            number,
            &[
                ("group", if number % 2 == 0 { "support" } else { "sales" }),
                ("organization", if number % 3 == 0 { "initech" } else { "umbrella" }),
                ("assignee", if number % 4 == 1 { ASSIGNED } else { "otto" }),
                ("requester", if number % 5 == 0 { CUSTOMER } else { "rita" }),
                ("status", pick(&["open", "pending", "solved"], number)),
                ("priority", pick(&["low", "normal", "high", "urgent"], number / 2)),
                ("tags", pick(&["vat,paid", "vat", "late"], number / 3)),
                ("weight", &weight),
                ("reviewed_at", &date),
                ("updated_at", &date),
                ("created_at", &date),
            ],
        ),
        text(number, "s", TextClass::Subject, &format!("Case{number} {}", pick(&WORDS, number))),
        text(number, "d", TextClass::Description, &body),
        text(number, "n", TextClass::Private, &format!("goodwill margin {}", pick(&WORDS, number + 1))),
        text(number, "x", TextClass::Side, &format!("supplier courier {}", pick(&WORDS, number + 2))),
    ]
}

/// The desk: people and tickets.
pub(super) fn desk() -> Vec<Change> {
    let mut changes = people();
    changes.extend((1..=TICKETS).flat_map(desk_ticket));
    changes
}

/// What only the admin may know.
#[derive(Debug, Clone)]
pub(super) struct Secret {
    /// A word that stands in every text and value.
    pub(super) word: String,
    pub(super) weight: i64,
    /// A day of October 2026.
    pub(super) day: u32,
    /// How many tickets there are of it.
    pub(super) tickets: i64,
}

impl Secret {
    pub(super) fn new(word: &str, weight: i64, day: u32, tickets: i64) -> Self {
        Self { word: word.to_owned(), weight, day, tickets }
    }
}

/// The first ticket of a vault.
pub(super) const VAULT: i64 = 900;

/// Somebody who stands on hidden tickets alone.
pub(super) fn chief(secret: &Secret) -> String {
    format!("chief-{}", secret.word)
}

/// Hidden tickets: of a group, an organization and a person of their own.
pub(super) fn vault(secret: &Secret) -> Vec<Change> {
    let Secret { word, weight, day, tickets } = secret;
    let (chief, weight, date) = (chief(secret), weight.to_string(), format!("2026-10-{day:02}T12:00:00Z"));
    let mut changes = vec![person(&chief, "end_user", &format!("{word} Chief"), &format!("{word}@vault.example"))];
    for number in VAULT..VAULT + tickets {
        let part = |name: &str, class| {
            let body = format!("{word} refund parcel {word}{number}").into();
            let (part, author) = (format!("{name}-{word}").into(), Some(chief.as_str().into()));
            let part = TextPart { part, class, lang: None, body, author, at: None };
            Change::state(Fact::Text { ticket: TicketKey::Int(number), part })
        };
        changes.push(ticket(
            number,
            &[
                ("group", &format!("{word}-group")),
                ("organization", &format!("{word}-org")),
                ("assignee", &chief),
                ("requester", &chief),
                ("status", "open"),
                ("priority", "urgent"),
                ("tags", &format!("{word},vat,{word}{number}")),
                ("external_id", &format!("{word}-ext")),
                ("weight", &weight),
                ("reviewed_at", &date),
                ("updated_at", &date),
                ("created_at", &date),
            ],
        ));
        changes.push(part("s", TextClass::Subject));
        changes.push(part("d", TextClass::Description));
        changes.push(part("c", TextClass::Public));
        changes.push(part("n", TextClass::Private));
        changes.push(part("x", TextClass::Side));
    }
    changes
}

/// Hidden parts of tickets that everybody sees: notes and side conversations.
pub(super) fn hidden_parts(secret: &Secret) -> Vec<Change> {
    let part = |number: i64, name: &str, class| {
        let body = format!("{} refund printer {}", secret.word, secret.word).into();
        let (part, author) = (format!("{name}-{}", secret.word).into(), Some(chief(secret).into()));
        let part = TextPart { part, class, lang: None, body, author, at: None };
        Change::state(Fact::Text { ticket: TicketKey::Int(number), part })
    };
    let tickets = (1..=TICKETS).take(usize::try_from(secret.tickets).unwrap());
    tickets.flat_map(|number| [part(number, "n", TextClass::Private), part(number, "x", TextClass::Side)]).collect()
}

/// The desk and hidden things, served beside another tenant of the same ids.
pub(super) fn serve(hidden: Vec<Change>) -> Served {
    let foreign = vault(&Secret::new("foreignword", 5, 5, 3));
    Served::new(&[(ACME, [desk(), hidden].concat()), (OTHER, [people(), foreign].concat())])
}

/// Somebody who asks the tenant of the desk.
pub(super) struct Asking {
    client: Client,
    credential: String,
}

impl Asking {
    /// As a principal, by a token.
    pub(super) fn new(served: &Served, principal: &str) -> Self {
        Self { client: served.client(), credential: served.token(ACME, principal) }
    }

    /// A question with parameters in a body.
    pub(super) fn post(&mut self, route: &str, parameters: &Value) -> Reply {
        self.client.post(&self.credential, &format!("/v1/tenants/{ACME}/{route}"), parameters)
    }

    /// A question with parameters in the query string.
    pub(super) fn get(&mut self, path: &str) -> Reply {
        self.client.get(&self.credential, &format!("/v1/tenants/{ACME}/{path}"))
    }

    pub(super) fn count(&mut self, query: &str) -> u64 {
        let reply = self.post("count", &json!({"query": query}));
        reply.json()["count"].as_u64().unwrap_or_else(|| panic!("{query}: {}", reply.text))
    }

    /// All pages of a list, each as it is told.
    pub(super) fn pages(&mut self, parameters: &Value) -> (Vec<String>, String) {
        let (mut ids, mut told, mut parameters) = (Vec::new(), String::new(), parameters.clone());
        loop {
            let reply = self.post("search", &parameters);
            told += &reply.told();
            told.push('\n');
            if reply.status != 200 {
                return (ids, told);
            }
            ids.extend(reply.ids());
            match reply.next() {
                Some(next) => parameters["page_after"] = Value::from(next),
                None => return (ids, told),
            }
        }
    }

    /// The answers of every route to a query, a page being of `limit` tickets.
    pub(super) fn all_of(&mut self, query: &str, limit: u32) -> String {
        let (_, mut told) = self.pages(&json!({"query": query, "limit": limit}));
        told += &self.post("count", &json!({"query": query})).told();
        told.push('\n');
        let facets = json!({
            "query": query, "top": 1000,
            "field": ["status", "priority", "group", "organization", "assignee", "requester", "tags", "external_id"],
        });
        told += &self.post("facets", &facets).told();
        told.push('\n');
        told
    }
}

/// Everything that somebody is told about a list of queries and suggestions.
pub(super) fn transcript(served: &Served, principal: &str, queries: &[String], prefixes: &[String]) -> String {
    let mut asking = Asking::new(served, principal);
    let mut told = String::new();
    for query in queries {
        write!(told, "{principal} asks {query}\n{}", asking.all_of(query, 3)).unwrap();
    }
    for prefix in prefixes {
        writeln!(told, "{principal} types {prefix}").unwrap();
        told += &asking.post("suggest", &json!({"prefix": prefix, "limit": 100})).told();
        for name in ["tags", "group", "organization", "assignee", "requester", "external_id"] {
            told += &asking.post("suggest", &json!({"prefix": prefix, "field": name, "limit": 100})).told();
        }
        told.push('\n');
    }
    told
}

/// The first line in which two transcripts differ.
#[track_caller]
pub(super) fn assert_same(left: &str, right: &str, what: &str) {
    let first = left.lines().zip(right.lines()).find(|(left, right)| left != right);
    assert!(first.is_none() && left == right, "{what}: {first:#?}");
}

/// All beginnings of a word, itself included.
pub(super) fn beginnings(word: &str) -> Vec<String> {
    word.char_indices().map(|(at, letter)| word[..at + letter.len_utf8()].to_owned()).collect()
}

/// Queries of every kind about a word that may be hidden.
pub(super) fn queries_about(word: &str) -> Vec<String> {
    let mut queries: Vec<String> = ["", "status:open", "tags:vat", "refund", "parcel -invoice", "in*", "\"about the\""]
        .map(str::to_owned)
        .to_vec();
    queries.extend([
        word.to_owned(),
        format!("-{word}"),
        format!("refund {word}"),
        format!("refund -{word}"),
        format!("{word} refund status:open"),
        format!("\"{word} refund\""),
        format!("{}*", &word[..4]),
        format!("note:{word}"),
        format!("subject:{word}"),
        format!("tags:{word}"),
        format!("-tags:{word}"),
        format!("tags:{}", word.to_uppercase()),
        format!("group:{word}-group"),
        format!("-group:{word}-group"),
        format!("organization:{word}-org"),
        format!("assignee:chief-{word}"),
        format!("-assignee:chief-{word}"),
        format!("external_id:{word}-ext"),
        "external_id:none".to_owned(),
        "external_id:*".to_owned(),
        "weight>100 weight<1000".to_owned(),
        "-weight>100".to_owned(),
        "reviewed_at>2026-10-10 order_by:weight sort:desc".to_owned(),
        "order_by:priority sort:desc".to_owned(),
        "order_by:external_id sort:asc".to_owned(),
        "order_by:id sort:desc".to_owned(),
        format!("{VAULT}"),
        format!("id:{VAULT}"),
    ]);
    queries
}
