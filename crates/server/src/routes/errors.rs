//! The page that every error links to, for people and for programs.

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{Html, IntoResponse, Response},
};
use serde::Serialize;

use crate::code::{Code, Entry};

#[derive(Debug, Serialize)]
struct Listed {
    code: &'static str,
    status: u16,
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'static str,
}

#[derive(Debug, Serialize)]
struct Errors {
    errors: Vec<Listed>,
}

pub(super) async fn errors(headers: HeaderMap) -> Response {
    let entries = Code::ALL.into_iter().map(Code::entry);
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        return Html(page(entries)).into_response();
    }
    let listed = entries.map(|Entry { name, status, kind, about }| Listed {
        code: name,
        status: status.as_u16(),
        kind: kind.name(),
        message: about,
    });
    Json(Errors { errors: listed.collect() }).into_response()
}

fn page(entries: impl Iterator<Item = Entry>) -> String {
    let rows = entries.map(|Entry { name, status, kind, about }| {
        let (status, kind) = (status.as_u16(), kind.name());
        format!("<dt id=\"{name}\"><code>{name}</code> ({status}, {kind})</dt><dd>{about}</dd>")
    });
    let rows = rows.collect::<Vec<_>>().join("\n");
    let head = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Errors</title><h1>Errors</h1>";
    format!("{head}<dl>{rows}</dl></html>")
}
