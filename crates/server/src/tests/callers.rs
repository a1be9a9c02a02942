//! Every route, asked by everybody.

use super::*;
use crate::routes::{May, ROUTES};

/// A path of the route for the tenant acme, with what it needs.
fn path(route: &Route) -> String {
    let path = route.path.replace("{tenant}", "acme").replace("{id}", "1").replace("{principal}", "ann");
    assert!(!path.contains('{'), "{path}");
    path
}

/// Who may use the route, by the table of routes and the names below.
fn may(route: &Route, caller: &str) -> bool {
    match route.may {
        May::Anybody => true,
        May::Observe => ["admin", "metrics"].contains(&caller),
        May::Administer => caller.starts_with("admin"),
        May::Operate => false,
        May::Change => caller.starts_with("admin") || caller.starts_with("ingest"),
        May::Ask => ["admin", "search", "agent"].iter().any(|class| caller.starts_with(class)),
    }
}

#[tokio::test]
async fn every_caller_gets_through_to_what_the_table_says_and_to_nothing_else() {
    let desk = Desk::new();
    let mut callers = vec![("none".to_owned(), String::new()), ("agent".to_owned(), desk.token("acme", "ann"))];
    for class in [KeyClass::Admin, KeyClass::Ingest, KeyClass::Search, KeyClass::Metrics] {
        callers.push((class.name().to_owned(), desk.key(class)));
        callers.push((format!("{class} of acme"), desk.key_of(class, "acme")));
    }
    let mut asked = 0;
    for route in &ROUTES {
        for method in methods(route).into_iter().filter(|method| method != Method::DELETE) {
            for (caller, credential) in &callers {
                let headers = [("authorization", &**credential)];
                let reply = desk.ask(method.clone(), &path(route), &headers, Body::empty()).await;
                let case = format!("{caller}: {} {}", route.path, reply.body);
                let code = reply.body["code"].as_str().unwrap_or_default();
                if may(route, caller) {
                    assert!(
                        !["unauthenticated", "wrong_class", "no_such_tenant", "no_such_route"].contains(&code),
                        "{case}"
                    );
                } else if caller == "none" {
                    assert_eq!((reply.status, code), (StatusCode::UNAUTHORIZED, "unauthenticated"), "{case}");
                } else {
                    assert_eq!((reply.status, code), (StatusCode::FORBIDDEN, "wrong_class"), "{case}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 200, "{asked}");
    // Last, since nothing is left afterwards.
    for (caller, credential) in callers.iter().filter(|(caller, _)| !caller.starts_with("admin")) {
        let headers = [("authorization", &**credential)];
        let reply = desk.ask(Method::DELETE, "/v1/tenants/acme", &headers, Body::empty()).await;
        let expected = if caller == "none" { "unauthenticated" } else { "wrong_class" };
        assert_eq!(reply.code(), expected, "{caller}");
    }
}

#[tokio::test]
async fn a_route_takes_the_methods_of_the_table_and_no_others() {
    let desk = Desk::new();
    let admin = desk.key(KeyClass::Admin);
    for route in &ROUTES {
        let taken: Vec<Method> = ROUTES.iter().filter(|other| other.path == route.path).flat_map(methods).collect();
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            if method == Method::DELETE && taken.contains(&method) {
                continue;
            }
            let headers = [("authorization", &*admin)];
            let reply = desk.ask(method.clone(), &path(route), &headers, Body::empty()).await;
            let refused = reply.status == StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(refused, !taken.contains(&method), "{method} {}: {}", route.path, reply.body);
        }
    }
}

#[tokio::test]
async fn in_development_mode_every_route_is_open_to_this_machine_and_to_no_other() {
    let desk = Desk::dev();
    for route in ROUTES.iter().filter(|route| route.may != May::Operate) {
        for method in methods(route).into_iter().filter(|method| method != Method::DELETE) {
            let reply = desk.ask(method.clone(), &path(route), &[("host", "localhost")], Body::empty()).await;
            assert!(
                reply.status != StatusCode::UNAUTHORIZED && reply.status != StatusCode::FORBIDDEN,
                "{}",
                route.path
            );
            let reply = desk.ask(method, &path(route), &[("host", "evil.example")], Body::empty()).await;
            assert_eq!(reply.code(), "foreign_host", "{}", route.path);
        }
    }
}

#[tokio::test]
async fn of_two_grants_none_is_added_to_the_other() {
    let desk = Desk::new();
    let (admin, search) = (desk.key(KeyClass::Admin), desk.key(KeyClass::Search));
    let (ann, bob) = (desk.token("acme", "ann"), desk.token("acme", "bob"));
    let count = "/v1/tenants/acme/count";
    let ask = async |path: &str, headers: &[(&str, &str)]| desk.ask(Method::GET, path, headers, Body::empty()).await;
    for pair in [[&admin, &ann], [&ann, &admin], [&ann, &bob], [&search, &ann], [&ann, &ann]] {
        let headers = pair.map(|credential| ("authorization", &**credential));
        for route in ROUTES.iter().filter(|route| route.may != May::Anybody && methods(route).contains(&Method::GET)) {
            assert_eq!(ask(&path(route), &headers).await.code(), "unauthenticated", "{}", route.path);
        }
        let comma = pair.map(String::as_str).join(", ");
        assert_eq!(ask(count, &[("authorization", &comma)]).await.code(), "unauthenticated");
    }
    let as_bob = ("x-ticketscope-as", "bob");
    assert_eq!(ask(count, &[("authorization", &ann), as_bob]).await.code(), "not_your_principal");
    assert_eq!(ask(&format!("{count}?as=bob"), &[("authorization", &ann)]).await.code(), "not_your_principal");
    assert_eq!(ask(&format!("{count}?as_admin=true"), &[("authorization", &ann)]).await.code(), "wrong_class");
    assert_eq!(ask(&format!("{count}?as=ann"), &[("authorization", &search), as_bob]).await.code(), "two_askers");
    // A credential elsewhere is not one, and does not widen the one that is.
    let token = ann.strip_prefix("Bearer ").unwrap();
    assert_eq!(ask(&format!("{count}?access_token={token}"), &[]).await.code(), "unauthenticated");
    assert_eq!(ask(&format!("{count}?access_token={token}"), &[("authorization", &bob)]).await.code(), "bad_parameter");
    for header in ["x-api-key", "proxy-authorization", "cookie", "x-forwarded-user", "x-original-url"] {
        let reply = ask(count, &[("authorization", &bob), (header, &admin)]).await;
        assert_eq!(*reply.ok(), json!({"count": 2}), "{header}");
        assert_eq!(ask(count, &[(header, &admin)]).await.code(), "unauthenticated", "{header}");
    }
}

#[tokio::test]
async fn a_position_of_a_batch_is_good_for_every_reader_of_its_tenant_and_for_no_other_tenant() {
    let desk = Desk::new();
    let ingest = desk.key_of(KeyClass::Ingest, "acme");
    let changed = desk.change(&ingest, "", "{\"k\":\"ticket\",\"id\":9,\"group\":\"billing\"}").await;
    changed.ok();
    let position = changed.headers["x-ticketscope-position"].to_str().unwrap();
    let search = desk.key_of(KeyClass::Search, "acme");
    for credential in [&search, &desk.token("acme", "ann"), &desk.key(KeyClass::Admin)] {
        let headers =
            [("authorization", &**credential), ("x-ticketscope-as", "ann"), ("x-ticketscope-position", position)];
        let reply = desk.ask(Method::GET, "/v1/tenants/acme/count", &headers, Body::empty()).await;
        assert_eq!(*reply.ok(), json!({"count": 4}));
    }
    let headers = [
        ("authorization", &*desk.key(KeyClass::Search)),
        ("x-ticketscope-as", "ann"),
        ("x-ticketscope-position", position),
    ];
    let reply = desk.ask(Method::GET, "/v1/tenants/other/count", &headers, Body::empty()).await;
    assert_eq!(reply.code(), "bad_position");
}
