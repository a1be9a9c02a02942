//! Fixed hostile requests: each is answered with an error of the client's in the one form of errors, or the connection is
//! closed; nothing goes wrong inside, and no file outside the data directory is touched.

use std::{
    collections::BTreeSet,
    fs, iter,
    path::{Path, PathBuf},
    thread,
};

use ticketscope_fuzz::loopback::{Loopback, Reply};
use ticketscope_server::Limits;

/// What a hostile request comes to.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// An error of ours with this code.
    Code(&'static str),
    /// It is no request to the HTTP library: a bare refusal, or none.
    Unreadable,
}
use Outcome::{Code, Unreadable};

/// Request line and headers that every case shares.
fn request(server: &Loopback, line: &str, headers: &str, body: &str) -> Vec<u8> {
    let admin = &server.admin;
    format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {admin}\r\n{headers}\r\n{body}")
        .into_bytes()
}

fn get(server: &Loopback, path: &str) -> Vec<u8> {
    request(server, &format!("GET /v1/tenants/acme/{path}"), "", "")
}

fn post(server: &Loopback, path: &str, body: &str) -> Vec<u8> {
    let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    request(server, &format!("POST /v1/tenants/acme/{path}"), &headers, body)
}

fn headed(server: &Loopback, headers: &str) -> Vec<u8> {
    request(server, "GET /v1/tenants/acme/count?as_admin=true", headers, "")
}

/// What the one answer must be, if there is one.
fn check(name: &str, replies: &[Reply], outcome: Outcome) {
    assert!(replies.len() <= 1, "{name}: {replies:?}");
    let Some(reply) = replies.first() else {
        assert!(matches!(outcome, Unreadable), "{name}: the connection is closed");
        return;
    };
    assert!((400..500).contains(&reply.status), "{name}: {reply:?}");
    match outcome {
        Code(code) => {
            let error = reply.json();
            assert_eq!(error["code"], code, "{name}: {} {error}", reply.head);
            assert_eq!(error["link"], format!("/v1/errors#{code}"), "{name}");
            assert!(error["message"].is_string() && error["request_id"].is_string(), "{name}: {error}");
        }
        Unreadable => assert!(reply.body.is_empty(), "{name}: {reply:?}"),
    }
}

#[test]
fn hostile_requests_are_refused_by_name_and_nothing_goes_wrong_inside() {
    let server = Loopback::default();
    let deep = |open: &str, close: &str| format!("{{\"query\":{}{}}}", open.repeat(20_000), close.repeat(20_000));
    let typed = |kind: &str| {
        let headers = format!("content-type: {kind}\r\ncontent-length: 2\r\n");
        request(&server, "POST /v1/tenants/acme/count", &headers, "{}")
    };
    let length = |headers: &str| {
        request(&server, "POST /v1/tenants/acme/count", &format!("content-type: application/json\r\n{headers}"), "{}")
    };
    let keys = (0..5000).map(|key| format!("\"k{key}\":1,")).collect::<Vec<_>>().concat();
    let cases: Vec<(&str, Vec<u8>, Outcome)> = vec![
        // Bodies that are no JSON, or not the right one.
        ("an empty body", post(&server, "count", ""), Code("bad_body")),
        ("an open object", post(&server, "count", "{"), Code("bad_body")),
        ("two values", post(&server, "count", "{} {}"), Code("bad_body")),
        ("a list", post(&server, "count", "[\"a\"]"), Code("bad_body")),
        ("a comma too many", post(&server, "count", "{\"query\":\"a\",}"), Code("bad_body")),
        ("single quotes", post(&server, "count", "{'query':'a'}"), Code("bad_body")),
        ("a comment", post(&server, "count", "{/**/}"), Code("bad_body")),
        ("a byte order mark", post(&server, "count", "\u{feff}{}"), Code("bad_body")),
        ("not a number", post(&server, "search", "{\"limit\":NaN}"), Code("bad_body")),
        ("an infinite number", post(&server, "search", "{\"limit\":1e999}"), Code("bad_body")),
        ("a lone surrogate", post(&server, "count", "{\"query\":\"\\ud800\"}"), Code("bad_body")),
        ("a raw control character", post(&server, "count", "{\"query\":\"\u{1}\"}"), Code("bad_body")),
        (
            "a number of 10,000 digits",
            post(&server, "search", &format!("{{\"limit\":{}}}", "9".repeat(10_000))),
            Code("bad_body"),
        ),
        ("a negative limit", post(&server, "search", "{\"limit\":-1}"), Code("bad_parameter")),
        ("a limit beyond 32 bits", post(&server, "search", "{\"limit\":4294967296}"), Code("bad_parameter")),
        ("a fraction for a limit", post(&server, "search", "{\"limit\":1.5}"), Code("bad_parameter")),
        ("deep lists", post(&server, "count", &deep("[", "]")), Code("bad_parameter")),
        ("deep lists that never end", post(&server, "count", &deep("[", "")), Code("bad_parameter")),
        (
            "deep objects",
            post(&server, "count", &format!("{{\"query\":{}", "{\"a\":".repeat(12_000))),
            Code("bad_parameter"),
        ),
        ("deep fields", post(&server, "facets", &format!("{{\"field\":{}", "[".repeat(60_000))), Code("bad_parameter")),
        ("a key twice", post(&server, "count", "{\"query\":\"a\",\"query\":\"b\"}"), Code("bad_parameter")),
        ("5,000 keys", post(&server, "count", &format!("{{{keys}\"x\":1}}")), Code("bad_parameter")),
        ("an unknown key", post(&server, "count", "{\"__proto__\":{}}"), Code("bad_parameter")),
        ("null for a text", post(&server, "count", "{\"query\":null}"), Code("bad_parameter")),
        ("an empty ticket id", post(&server, "check", "{\"ticket\":\"\",\"as\":\"ann\"}"), Code("bad_parameter")),
        ("a body too large", post(&server, "count", &"x".repeat((64 << 10) + 1)), Code("body_too_large")),
        // Content types, none of which a form of another site may send.
        ("plain text", typed("text/plain"), Code("unsupported_media_type")),
        ("a form", typed("application/x-www-form-urlencoded"), Code("unsupported_media_type")),
        ("several parts", typed("multipart/form-data; boundary=x"), Code("unsupported_media_type")),
        ("nearly JSON", typed("application/json5"), Code("unsupported_media_type")),
        (
            "no content type",
            request(&server, "POST /v1/tenants/acme/count", "content-length: 2\r\n", "{}"),
            Code("unsupported_media_type"),
        ),
        (
            "parameters twice",
            request(
                &server,
                "POST /v1/tenants/acme/count?query=a",
                "content-type: application/json\r\ncontent-length: 2\r\n",
                "{}",
            ),
            Code("bad_parameter"),
        ),
        // Query strings.
        ("a parameter twice", get(&server, "count?as=ann&query=a&query=b"), Code("bad_parameter")),
        ("an asker twice", get(&server, "count?as=ann&as=bob"), Code("bad_parameter")),
        ("no UTF-8", get(&server, "count?as=ann&query=%ff%fe"), Code("bad_parameter")),
        ("an overlong slash", get(&server, "count?as=ann&query=%c0%af"), Code("bad_parameter")),
        ("an encoded surrogate", get(&server, "count?as=ann&query=%ed%a0%80"), Code("bad_parameter")),
        ("an encoded key", get(&server, "count?as=ann&%00=1"), Code("bad_parameter")),
        ("a list of lists", get(&server, "facets?as=ann&field[]=a"), Code("bad_parameter")),
        ("a huge number", get(&server, "search?as=ann&limit=99999999999999999999"), Code("bad_parameter")),
        ("a signed number", get(&server, "search?as=ann&limit=-1"), Code("bad_parameter")),
        ("a flag that is none", get(&server, "count?as_admin=1"), Code("bad_parameter")),
        ("a query too long", get(&server, &format!("count?as=ann&query={}", "x".repeat(2049))), Code("bad_query")),
        ("10,000 parentheses", get(&server, &format!("count?as=ann&query={}", "(".repeat(10_000))), Code("bad_query")),
        ("33 facets", get(&server, &format!("facets?as=ann{}", "&field=status".repeat(33))), Code("bad_parameter")),
        ("a cursor of another shape", get(&server, "search?as=ann&page_after=%f0%9f%98%80"), Code("bad_cursor")),
        (
            "a cursor of one's own",
            get(&server, &format!("search?as=ann&page_after={}", "0".repeat(4000))),
            Code("bad_cursor"),
        ),
        ("a ticket id too long", get(&server, &format!("tickets/{}?as=ann", "x".repeat(600))), Code("no_such_ticket")),
        // Headers.
        ("two credentials", headed(&server, "authorization: Bearer x\r\n"), Code("unauthenticated")),
        ("two askers", headed(&server, "x-ticketscope-as: ann\r\nx-ticketscope-as: bob\r\n"), Code("two_askers")),
        ("a position of one's own", headed(&server, "x-ticketscope-position: zz\r\n"), Code("bad_position")),
        ("a position of another script", headed(&server, "x-ticketscope-position: \u{e9}\r\n"), Code("bad_position")),
        ("headers too long", headed(&server, &format!("x: {}\r\n", "y".repeat(17 << 10))), Unreadable),
        ("headers too many", headed(&server, &"x: y\r\n".repeat(65)), Unreadable),
        ("a header without a name", headed(&server, ": x\r\n"), Unreadable),
        ("a header with a blank in its name", headed(&server, "a b: c\r\n"), Unreadable),
        ("a header with a NUL", headed(&server, "x: a\0b\r\n"), Unreadable),
        ("a folded header", headed(&server, "x: a\r\n b\r\n"), Unreadable),
        ("two lengths", length("content-length: 2\r\ncontent-length: 3\r\n"), Unreadable),
        ("a negative length", length("content-length: -1\r\n"), Unreadable),
        ("a length beyond 64 bits", length("content-length: 99999999999999999999999\r\n"), Unreadable),
        ("an unknown transfer coding", length("transfer-encoding: gzip\r\n"), Unreadable),
        // Bodies that are not what their headers say.
        ("a body that never comes", length("content-length: 3\r\n"), Code("body_timeout")),
        ("a chunk that is none", length("transfer-encoding: chunked\r\n"), Code("bad_body")),
        (
            "a compressed batch",
            request(&server, "POST /v1/tenants/acme/changes", "content-encoding: gzip\r\ncontent-length: 2\r\n", "{}"),
            Code("unsupported_encoding"),
        ),
        (
            "a batch that announces too much",
            request(&server, "POST /v1/tenants/acme/changes", "content-length: 1099511627776\r\n", ""),
            Code("body_too_large"),
        ),
        (
            "a long idempotency key",
            request(
                &server,
                "POST /v1/tenants/acme/changes",
                &format!("idempotency-key: {}\r\ncontent-length: 0\r\n", "x".repeat(256)),
                "",
            ),
            Code("bad_idempotency_key"),
        ),
        // Request lines.
        ("no method", b"\r\n\r\n\r\n".to_vec(), Unreadable),
        ("a method with a NUL", b"G\0T / HTTP/1.1\r\n\r\n".to_vec(), Unreadable),
        ("another protocol", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), Unreadable),
        ("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Unreadable),
        ("a version that is none", b"GET / HTTP/9.9\r\n\r\n".to_vec(), Unreadable),
        ("a path with a blank", request(&server, "GET /v1/tenants/ac me/count", "", ""), Unreadable),
        ("a path that is none", request(&server, "GET v1", "", ""), Code("no_such_route")),
        (
            "a method that is no route's",
            request(&server, "BREW /v1/tenants/acme/count", "", ""),
            Code("method_not_allowed"),
        ),
        ("a path that is no route", request(&server, "GET /v1/tenants/acme/count/", "", ""), Code("no_such_route")),
    ];
    assert!(cases.len() >= 60);
    for (name, bytes, outcome) in &cases {
        check(name, &server.exchange(bytes), *outcome);
    }
    assert_eq!(server.faults(), []);
    assert_eq!(server.exchange(&get(&server, "count?as_admin=true"))[0].json()["count"], 5, "it still answers");
}

#[test]
fn a_second_request_smuggled_into_the_first_is_not_answered() {
    let server = Loopback::default();
    let inner = "GET /v1/tenants HTTP/1.1\r\nhost: x\r\n\r\n";
    for headers in [
        format!("transfer-encoding: chunked\r\ncontent-length: {}\r\n\r\n0\r\n\r\n{inner}", inner.len()),
        format!("content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("x: a\rGET /v1/tenants HTTP/1.1\r\n\r\n{inner}"),
        format!("content-length: 0\r\n\r\n{inner}"),
    ] {
        let replies = server.exchange(&headed(&server, &headers));
        assert!(replies.len() <= 1, "{headers:?}: {replies:?}");
        assert!(replies.iter().all(|reply| !reply.json()["tenants"].is_array()), "{headers:?}: {replies:?}");
    }
    assert_eq!(server.faults(), []);
}

#[test]
fn a_body_without_end_is_cut_off() {
    let server = Loopback::default();
    let piece = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for (path, limit) in [("count", Limits::default().question_bytes), ("changes", Limits::default().batch_bytes)] {
        let head = request(
            &server,
            &format!("POST /v1/tenants/acme/{path}"),
            "content-type: application/json\r\ntransfer-encoding: chunked\r\n",
            "",
        );
        let mut taken = 0;
        let pieces = iter::once(&head[..]).chain(iter::repeat_with(|| {
            taken += 0x4000;
            piece.as_bytes()
        }));
        let replies = server.exchange_pieces(pieces);
        check(path, &replies, Code("body_too_large"));
        // What lies in the buffers of the connection was sent, too.
        assert!(taken < limit + (32 << 20), "{taken} bytes were taken for {path}");
    }
    assert_eq!(server.faults(), []);
}

/// Names that lead somewhere else on some system, once somebody decodes them often enough.
fn traversals() -> BTreeSet<String> {
    let ups = [
        "..",
        ".",
        "...",
        "....",
        "%2e%2e",
        "%2E%2E",
        ".%2e",
        "%2e.",
        "%252e%252e",
        "%25252e%25252e",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "%uff0e%uff0e",
        "%ef%bc%8e%ef%bc%8e",
        "%e2%80%a5",
        "..%00",
        "%00..",
        "..%20",
        "..%09",
        "..;",
        "..%3b",
        "..%0d%0a",
        "~",
        "%7e",
    ];
    let slashes =
        ["/", "%2f", "%2F", "%252f", "%5c", "%255c", "\\", "%c0%af", "%ef%bc%8f", "%e2%88%95", "//", "/./", "%00"];
    let ends = ["", "acme", "secret", "acme%2fstate.redb", "secret%00"];
    let mut all = BTreeSet::new();
    for up in ups {
        all.insert(up.to_owned());
        for slash in slashes {
            for end in ends {
                all.insert(format!("{up}{slash}{end}"));
            }
            for depth in [2, 5] {
                all.insert(format!("{}secret", format!("{up}{slash}").repeat(depth)));
            }
        }
    }
    for alone in [
        "acme%00",
        "acme%20",
        "acme.",
        "acme/",
        "acme%2f",
        "acme%5c..",
        "acme%2f..%2facme",
        "ACME",
        "Acme",
        "con",
        "nul",
        "aux",
        "prn",
        "com1",
        "lpt9",
        "c:",
        "c%3a%5c",
        "%2fetc%2fpasswd",
        "%5c%5chost%5cshare",
        ".create-acme",
        ".trash-acme",
        "acme:stream",
        "%20acme",
        "-acme",
        "_acme",
        "acme%0a",
        "acme%e2%80%ae",
        "%d0%b0cme",
        "%ff",
        "*",
        "acme?%2e",
        "$HOME",
        "%24%7bx%7d",
        "..%2f..%2fLOCK",
        "FORMAT",
        "%EF%BB%BFacme",
        "",
    ] {
        all.insert(alone.to_owned());
    }
    all.insert("x".repeat(64));
    all.insert("x".repeat(10_000));
    all
}

/// The names below a directory.
fn names(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            // What the tenant does in its own directory is its own affair.
            if path.is_dir() && !path.ends_with("tenants/acme") {
                open.push(path.clone());
            }
            found.insert(path);
        }
    }
    found
}

#[test]
fn no_tenant_id_leads_out_of_the_data_directory() {
    let server = Loopback::default();
    let secret = server.around().join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("state.redb"), "keep out").unwrap();
    let before = names(server.around());
    let traversals = traversals();
    assert!(traversals.len() >= 200, "{}", traversals.len());
    for name in &traversals {
        for line in [
            format!("GET /v1/tenants/{name}/count?as_admin=true"),
            format!("PUT /v1/tenants/{name}"),
            format!("DELETE /v1/tenants/{name}"),
        ] {
            let replies = server.exchange(&request(&server, &line, "content-length: 0\r\n", ""));
            for reply in &replies {
                assert!((400..500).contains(&reply.status), "{line}: {reply:?}");
                let error = reply.json();
                assert!(reply.body.is_empty() || error["code"].is_string(), "{line}: {reply:?}");
                assert!(!error.to_string().contains("secret/"), "{line}: {error}");
            }
        }
    }
    assert_eq!(names(server.around()), before);
    assert_eq!(fs::read_to_string(secret.join("state.redb")).unwrap(), "keep out");
    assert_eq!(server.tenants(), ["acme"]);
    assert_eq!(server.faults(), []);
}

#[test]
fn hostile_requests_from_many_sides_at_once_leave_nothing_behind() {
    let threads: Vec<_> = (0..4_usize)
        .map(|number| {
            thread::spawn(move || {
                let server = Loopback::default();
                for round in 0..50 {
                    let cut = get(&server, "search?as=ann&query=refund");
                    let cut = &cut[..cut.len() - 1 - (round * 7 + number) % 60];
                    assert!(server.exchange(cut).iter().all(|reply| reply.status < 500));
                }
                assert_eq!(server.faults(), []);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
