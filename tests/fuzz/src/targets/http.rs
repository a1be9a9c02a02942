//! Requests, as a real server reads them from a connection.

use serde_json::Value;

use crate::{
    choices::{Choices, tampered},
    desk::HIDDEN,
    loopback::{Loopback, Reply},
};

thread_local! {
    static SERVER: Loopback = Loopback::default();
}

/// An answer is one, or an error of the client's in the one form of errors; only the HTTP library itself refuses without a
/// body what it cannot read as a request.
fn check(reply: &Reply) {
    let Reply { status, head, body } = reply;
    assert!(*status < 500, "{head}{}", String::from_utf8_lossy(body));
    if *status < 400 || body.is_empty() {
        return;
    }
    let error = reply.json();
    for key in ["code", "message", "type", "link", "request_id"] {
        assert!(error[key].is_string(), "an error without {key}: {error}");
    }
    assert!(error["message"].as_str().is_some_and(|message| message.len() < 4000), "{error}");
}

/// A question: its first line is `METHOD ROUTE?PARAMETERS`, what follows is the body; a `!` before it makes it an admin's.
/// Nothing hidden from ann is in an answer to her.
pub(crate) fn question(bytes: &[u8]) {
    let (admin, bytes) = bytes.strip_prefix(b"!").map_or((false, bytes), |rest| (true, rest));
    let (line, body) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()));
    let body = body.get(1..).unwrap_or_default();
    let Some((method, path)) = str::from_utf8(line).ok().and_then(|line| line.split_once(' ')) else { return };
    // Batches are read by another target, and stay in force.
    if path.contains("changes") || !matches!(method, "GET" | "POST" | "HEAD" | "OPTIONS" | "PATCH") {
        return;
    }
    SERVER.with(|server| {
        let credential = if admin { &server.admin } else { &server.ann };
        let length = body.len();
        let head = format!(
            "{method} /v1/tenants/acme/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {credential}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        let replies = server.exchange(&[head.as_bytes(), body].concat());
        replies.iter().filter(|_| method != "HEAD").for_each(check);
        for reply in replies.iter().filter(|reply| reply.status == 200 && !admin) {
            for (text, answer) in answers(reply) {
                let text = text.to_lowercase();
                let leaked = HIDDEN.iter().find(|word| text.contains(**word));
                assert_eq!(leaked, None, "{method} {path} answers {text}");
                total_is_kept(&answer);
            }
        }
    });
}

/// What is answered: all of it, or each answer to one of several questions that is no error, which may quote its question.
fn answers(reply: &Reply) -> Vec<(String, Value)> {
    let whole = reply.json();
    match whole["answers"].as_array() {
        Some(answers) => {
            assert!(
                answers.iter().all(|answer| answer["status"].as_u64().is_some_and(|status| status < 500)),
                "{whole}"
            );
            let found = answers.iter().filter(|answer| answer["status"] == 200).map(|answer| &answer["body"]);
            found.map(|body| (body.to_string(), body.clone())).collect()
        }
        None => vec![(String::from_utf8_lossy(&reply.body).into_owned(), whole)],
    }
}

/// Ann sees three tickets, so no number of tickets in an answer to her is greater.
fn total_is_kept(answer: &Value) {
    for key in ["total", "count"] {
        assert!(answer[key].as_u64().is_none_or(|number| number <= 3), "{answer}");
    }
}

/// Header lines. They hold no key, so nothing is counted for them.
pub(crate) fn head(bytes: &[u8]) {
    SERVER.with(|server| {
        let line = &b"GET /v1/tenants/acme/count HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"[..];
        for reply in server.exchange(&[line, bytes, b"\r\n\r\n"].concat()) {
            check(&reply);
            assert!(reply.json()["count"].is_null(), "{reply:?}");
        }
    });
}

/// A header value after the blanks around it are gone.
fn trimmed(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    &value[start..end]
}

fn count(server: &Loopback, credential: &[u8], position: &[u8]) -> Option<Reply> {
    if [credential, position].concat().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return None;
    }
    let request = [
        &b"GET /v1/tenants/acme/count HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: "[..],
        credential,
        b"\r\nx-ticketscope-position: ",
        position,
        b"\r\n\r\n",
    ]
    .concat();
    let replies = server.exchange(&request);
    replies.iter().for_each(check);
    replies.into_iter().next()
}

/// No position but one that the server gave is taken.
pub(crate) fn position(bytes: &[u8]) {
    SERVER.with(|server| {
        let text = tampered(server.position.as_bytes(), Choices::new(bytes));
        let ann = format!("Bearer {}", server.ann);
        let Some(reply) = count(server, ann.as_bytes(), &text) else { return };
        let genuine = trimmed(&text) == server.position.as_bytes();
        assert_eq!(reply.status == 200, genuine, "{:?}: {}", String::from_utf8_lossy(&text), reply.head);
        assert!(genuine || reply.body.is_empty() || reply.json()["code"] == "bad_position", "{}", reply.json());
    });
}

/// No key and no token is taken but those that were given out, and whatever is wrong is answered alike.
pub(crate) fn credential(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    SERVER.with(|server| {
        let genuine = [&server.ann, &server.search, &server.admin][choices.below(3)];
        let text = tampered(format!("Bearer {genuine}").as_bytes(), choices);
        let Some(reply) = count(server, &text, server.position.as_bytes()) else { return };
        let said = String::from_utf8_lossy(trimmed(&text)).into_owned();
        let secret = said.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let given = [&server.ann, &server.search, &server.admin];
        let known = secret.is_some_and(|(_, secret)| given.iter().any(|given| *given == secret.trim()));
        // A key that names nobody is refused otherwise: it was recognized.
        let unauthenticated = reply.status == 401;
        assert!(known || unauthenticated || reply.body.is_empty(), "{said:?}: {} {}", reply.head, reply.json());
        if unauthenticated {
            let mut answer = reply.json();
            answer["request_id"] = Value::Null;
            let code = &answer["code"];
            assert_eq!(code, "unauthenticated", "{answer}");
            assert!(!answer.to_string().contains(genuine.as_str()), "an error shows a secret");
        }
    });
}
