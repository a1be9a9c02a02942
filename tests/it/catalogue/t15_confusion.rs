//! T15: a credential is good for its tenant, its principal and its class alone; ids are compared whole, and a scope is
//! nothing that a request could state.

use serde_json::{Value, json};
use ticketscope_model::{Change, Fact, FieldPatch, RawValue};
use ticketscope_server::KeyClass;

use super::desk::{ACME, Asking, GROUP_AGENT, OTHER, Secret, serve, vault, visible};
use crate::{
    changes::{principal, rel, ticket},
    http::{Client, Served, encoded},
};

/// Ids that look like one another, like pieces of a query or of an expression, or like nothing at all.
const ODD: [&str; 22] = [
    "User-1",
    "User-2",
    "user-1",
    "USER-1",
    "User 1",
    "User",
    "1",
    "01",
    "1 ",
    " 1",
    "*",
    "me",
    "none",
    "all",
    "a\" | all | \"b",
    "a OR 1=1",
    "group:vault",
    "-x",
    "a,b",
    "a|b:c#d",
    "\u{fc}ser-1",
    "u\u{308}ser-1",
];

/// A ticket whose group is exactly this text.
fn ticket_in(number: i64, group: &str, assignee: &str) -> Change {
    let mut change = ticket(number, &[]);
    if let Fact::Ticket(patch) = &mut change.fact {
        let set = |text: &str| FieldPatch::Set(RawValue::Text(text.into()));
        patch.fields = vec![("group".into(), set(group)), ("assignee".into(), set(assignee))];
    }
    change
}

/// For each odd id a group agent of the group of that name and somebody who sees what is assigned to them.
fn odd_people() -> Vec<Change> {
    let each = ODD.iter().zip(0i64..).flat_map(|(odd, number)| {
        let (agent, own) = (format!("{odd}/agent"), (*odd).to_owned());
        [
            principal(&agent, "group_agent"),
            rel(&agent, "groups", odd),
            principal(&own, "assigned_only"),
            ticket_in(1000 + number, odd, "otto"),
            ticket_in(2000 + number, "sales", odd),
        ]
    });
    each.collect()
}

fn is_url_safe(text: &str) -> bool {
    !text.is_empty() && text.trim() == text
}

fn assert_odd_ids_are_themselves(served: &Served) {
    let key = served.key(KeyClass::Search, Some(ACME));
    let mut client = served.client();
    for (odd, number) in ODD.iter().zip(0..) {
        for (who, id) in [(format!("{odd}/agent"), 1000 + number), ((*odd).to_owned(), 2000 + number)] {
            let expected = vec![id.to_string()];
            let token = served.token(ACME, &who);
            for query in ["", "-group:vault", "assignee:*", "group:*"] {
                let path = format!("/v1/tenants/{ACME}/search");
                let mut body = json!({"query": query});
                assert_eq!(client.post(&token, &path, &body).ids(), expected, "{who:?} asks {query}");
                body["as"] = Value::from(&*who);
                assert_eq!(client.post(&key, &path, &body).ids(), expected, "as {who:?}: {query}");
            }
            let path = format!("/v1/tenants/{ACME}/count?as={}", encoded(&who));
            assert_eq!(client.get(&key, &path).text, "{\"count\":1}", "as {who:?}");
            if is_url_safe(&who) && who.is_ascii() {
                let headers = [("x-ticketscope-as", &*who)];
                let reply = client.send("GET", &key, &format!("/v1/tenants/{ACME}/count"), &headers, "");
                assert_eq!(reply.text, "{\"count\":1}", "as {who:?}");
            }
            // Asking for the value of another is no way to it either.
            for other in ODD.iter().filter(|other| *other != odd) {
                let quoted = other.replace('\\', "\\\\").replace('"', "\\\"");
                let body = json!({"query": format!("id:{id} group:\"{quoted}\"")});
                let found = client.post(&token, &format!("/v1/tenants/{ACME}/count"), &body).json()["count"].clone();
                assert!(found == 0 || is_folded_alike(odd, other), "{who:?} finds {other:?}: {found}");
            }
        }
    }
}

/// Whether a query that asks for one of these values may be answered with the other, as nobody has the first exactly.
fn is_folded_alike(one: &str, other: &str) -> bool {
    let fold = |text: &str| text.to_lowercase().replace("u\u{308}", "u").replace('\u{fc}', "u");
    fold(one) == fold(other)
}

#[test]
fn t15_a_credential_is_good_for_its_tenant_its_principal_and_its_class_alone() {
    let served = serve([vault(&Secret::new("quarterhorse", 777, 17, 3)), odd_people()].concat());
    assert_odd_ids_are_themselves(&served);
    let mut client = served.client();
    let gil = served.token(ACME, GROUP_AGENT);

    // A tenant in the path that is not that of the credential, in any spelling, is a tenant that does not exist.
    let absent = client.get(&gil, "/v1/tenants/absent/count").told();
    for tenant in [OTHER, "ACME", "acme%00", "acme%2f..%2fzeta", "zeta%2Facme", "acme.", "%61cme2", "..", "acme%20"] {
        assert_eq!(client.get(&gil, &format!("/v1/tenants/{tenant}/count")).told(), absent, "{tenant}");
    }
    for class in [KeyClass::Search, KeyClass::Admin] {
        let key = served.key(class, Some(OTHER));
        assert_eq!(client.get(&key, &format!("/v1/tenants/{ACME}/count?as=gil")).told(), absent, "{class:?}");
    }
    // The same principal of the other tenant sees that tenant's tickets, of which there are none for it.
    let there = client.get(&served.token(OTHER, GROUP_AGENT), &format!("/v1/tenants/{OTHER}/count"));
    assert_eq!(there.text, "{\"count\":0}");

    // Two grants on one request: the narrower one, or none.
    let search = served.key(KeyClass::Search, Some(ACME));
    let path = format!("/v1/tenants/{ACME}/count");
    let count = visible(GROUP_AGENT).len();
    for (credential, headers, query, expected) in [
        (&gil, vec![("x-ticketscope-as", "root")], "", Err("not_your_principal")),
        (&gil, vec![], "?as=root", Err("not_your_principal")),
        (&gil, vec![], "?as_admin=true", Err("wrong_class")),
        (&gil, vec![("x-ticketscope-as", GROUP_AGENT)], "?as=gil", Ok(count)),
        (&search, vec![], "?as_admin=true", Err("wrong_class")),
        (&search, vec![("x-ticketscope-as", GROUP_AGENT)], "?as=root", Err("two_askers")),
        (&search, vec![("x-ticketscope-as", GROUP_AGENT), ("x-ticketscope-as", "root")], "", Err("two_askers")),
        (&search, vec![("x-ticketscope-as", GROUP_AGENT)], "?as_admin=true", Err("wrong_class")),
        (&search, vec![], "", Err("asker_missing")),
        (&search, vec![], "?as=gil", Ok(count)),
    ] {
        let reply = client.send("GET", credential, &format!("{path}{query}"), &headers, "");
        match expected {
            Ok(count) => assert_eq!(reply.text, format!("{{\"count\":{count}}}"), "{headers:?} {query}"),
            Err(code) => assert_eq!(reply.code().as_deref(), Some(code), "{headers:?} {query}: {}", reply.text),
        }
    }
    let root = served.token(ACME, "root");
    let double = format!("{gil}\r\nauthorization: Bearer {root}");
    assert_eq!(client.get(&double, &path).code().as_deref(), Some("unauthenticated"), "two credentials");

    // A scope is no parameter.
    for name in
        ["scope", "filter", "filter_by", "view", "role", "groups", "tenant", "principal", "acl", "user", "verb", "AS"]
    {
        let mut body = json!({"query": ""});
        body[name] = Value::from("all");
        let posted = client.post(&gil, &path, &body);
        let got = client.get(&gil, &format!("{path}?{name}=all"));
        for reply in [posted, got] {
            assert_eq!(reply.code().as_deref(), Some("bad_parameter"), "{name}: {}", reply.text);
        }
    }
    for (name, value) in [
        ("x-scope", "all"),
        ("x-ticketscope-scope", "all"),
        ("x-ticketscope-admin", "true"),
        ("x-forwarded-user", "root"),
        ("cookie", "as=root"),
    ] {
        assert_eq!(
            client.send("GET", &gil, &path, &[(name, value)], "").text,
            format!("{{\"count\":{count}}}"),
            "{name}"
        );
    }

    // No character of a cursor, a position or a token may be another one.
    let first = Asking::new(&served, GROUP_AGENT).post("search", &json!({"limit": 1, "query": "refund"}));
    let cursor = first.next().unwrap();
    for at in 0..cursor.len() {
        let mut forged = cursor.clone().into_bytes();
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        let forged = String::from_utf8(forged).unwrap();
        let body = json!({"limit": 1, "query": "refund", "page_after": forged});
        let reply = client.post(&gil, &format!("/v1/tenants/{ACME}/search"), &body);
        assert_eq!(reply.code().as_deref(), Some("bad_cursor"), "{at}: {}", reply.text);
    }
    let position = client.change(&served.key(KeyClass::Ingest, Some(ACME)), ACME, &[rel("cus", "groups", "none")]);
    let position = position.header("x-ticketscope-position").unwrap().to_owned();
    let asked = |client: &mut Client, tenant: &str, credential: &str, position: &str| {
        client.send(
            "GET",
            credential,
            &format!("/v1/tenants/{tenant}/count"),
            &[("x-ticketscope-position", position)],
            "",
        )
    };
    assert_eq!(asked(&mut client, ACME, &gil, &position).status, 200);
    let foreign = asked(&mut client, OTHER, &served.token(OTHER, GROUP_AGENT), &position);
    assert_eq!(foreign.code().as_deref(), Some("bad_position"), "{}", foreign.text);
    for at in 0..position.len() {
        let mut forged = position.clone().into_bytes();
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        let reply = asked(&mut client, ACME, &gil, &String::from_utf8(forged).unwrap());
        assert_eq!(reply.code().as_deref(), Some("bad_position"), "{at}");
    }
    let signed = gil.rsplit_once('.').unwrap().0.len();
    for at in (0..signed).step_by(7) {
        let mut forged = gil.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let reply = client.get(&String::from_utf8(forged).unwrap(), &path);
        assert_eq!(reply.code().as_deref(), Some("unauthenticated"), "{at}");
    }
}
