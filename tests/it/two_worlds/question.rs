//! Requests that somebody who is no admin may send, right and wrong ones.

use std::fmt::{self, Write as _};

use fastrand::Rng;
use serde_json::{Map, Value, json};
use ticketscope_model::{FieldDef, FieldKind};
use ticketscope_testkit::arb::Scene;

/// The tenant of every world, and one that is in none.
pub(super) const TENANT: &str = "desk";
const NO_TENANT: &str = "nobodys";

/// The route of several questions at once.
pub(super) const MULTI: &str = "multi";

/// Routes that can be asked for there by their name.
const ASKED_TOGETHER: [&str; 6] = ["search", "count", "facets", "suggest", "check", "fields"];

/// Beginnings of words, values and people of the random worlds.
const PREFIXES: [&str; 16] =
    ["re", "ref", "refund", "f", "pa", "o", "a", "1", "4", "zw", "\u{624b}", "", "b", "t", "no", "secret"];

/// What queries get wrong.
const BROKEN: [&str; 14] = [
    "gruop:1",
    "status:",
    "\"open",
    "created<yesterday",
    "score>many",
    "re*fund",
    "a*",
    "???",
    "-",
    "tags:a tags<b",
    "order_by:nothing",
    "sort:up",
    "status<wrong",
    "team:\u{0}",
];

/// One request, but for its credential.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    /// In whose name.
    pub(super) principal: String,
    tenant: &'static str,
    /// The path below the tenant.
    pub(super) route: String,
    pub(super) params: Map<String, Value>,
    posted: bool,
    headers: Vec<(&'static str, String)>,
    /// Whether each page is asked for again, unless it is as it was.
    pub(super) asks_again: bool,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = if self.posted { "POST" } else { "GET" };
        write!(f, "{method} {}/{} {} {:?}", self.tenant, self.route, Value::Object(self.params.clone()), self.headers)
    }
}

impl Question {
    fn new(principal: &str, route: impl Into<String>, params: &[(&str, Value)]) -> Self {
        let mut map: Map<String, Value> = [("as".to_owned(), json!(principal))].into_iter().collect();
        map.extend(
            params
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let principal = principal.to_owned();
        Self {
            principal,
            tenant: TENANT,
            route: route.into(),
            params: map,
            posted: false,
            headers: Vec::new(),
            asks_again: false,
        }
    }

    /// A random one.
    pub(super) fn draw(scene: &Scene, principal: &str, rng: &mut Rng) -> Self {
        let mut question = if rng.u32(..16) == 0 {
            let parts: Vec<Self> = (0..rng.usize(1..6)).map(|_| Self::any(scene, principal, rng)).collect();
            Self::several(principal, &parts)
        } else {
            Self::any(scene, principal, rng)
        };
        question.asks_again = rng.u32(..6) == 0;
        question.posted |= !question.route.contains('/') && question.route != "fields" && rng.bool();
        if rng.u32(..8) == 0 {
            let language = ["en", "de-DE", "fr;q=0.8, *;q=0.1", "xx"][rng.usize(..4)];
            question.headers.push(("Accept-Language", language.to_owned()));
        }
        if rng.u32(..60) == 0 {
            question.tenant = NO_TENANT;
        }
        question
    }

    /// Those of `parts` that can be asked together, in one request.
    pub(super) fn several(principal: &str, parts: &[Self]) -> Self {
        let parts: Vec<Value> = parts.iter().filter_map(Self::as_part).collect();
        Self { posted: true, ..Self::new(principal, MULTI, &[("questions", json!(parts))]) }
    }

    /// The question as one of several; nothing if it has to be asked alone.
    pub(super) fn as_part(&self) -> Option<Value> {
        let mut part = self.params.clone();
        part.remove("as");
        if let Some(id) = self.route.strip_prefix("tickets/") {
            part.insert("ask".to_owned(), json!("ticket"));
            part.insert("id".to_owned(), json!(unescaped(id)));
        } else {
            let name = ASKED_TOGETHER.into_iter().find(|name| *name == self.route)?;
            part.insert("ask".to_owned(), json!(name));
        }
        Some(Value::Object(part))
    }

    pub(super) fn any(scene: &Scene, principal: &str, rng: &mut Rng) -> Self {
        let query = query(scene, rng);
        // Most queries are asked as of the moment at which the world was made, or nothing would be an hour old.
        let now = if rng.u32(..20) == 0 { Value::Null } else { json!(scene.now.to_string()) };
        let key = |rng: &mut Rng| match rng.u32(..8) {
            0 => "absent-1".to_owned(),
            1 => "404".to_owned(),
            _ => scene.keys[rng.usize(..scene.keys.len())].to_string(),
        };
        match rng.u32(..100) {
            0..=39 => {
                let limit = [json!(1), json!(2), json!(3), json!(7), Value::Null, json!(1000), json!(0)]
                    [rng.usize(..7)]
                .clone();
                let sort = if rng.u32(..4) == 0 { json!(sort(scene, rng)) } else { Value::Null };
                let rank = if rng.u32(..6) == 0 { json!(rng.u32(..6)) } else { Value::Null };
                Self::new(
                    principal,
                    "search",
                    &[("query", json!(query)), ("limit", limit), ("sort", sort), ("rank", rank), ("now", now)],
                )
            }
            40..=51 => Self::new(principal, "count", &[("query", json!(query)), ("now", now)]),
            52..=65 => {
                let fields = fields(scene, rng);
                let names: Vec<&str> = (0..rng.usize(..4)).map(|_| &*fields[rng.usize(..fields.len())].name).collect();
                let top = if rng.bool() { json!(rng.u32(..4)) } else { Value::Null };
                let names = if names.is_empty() { Value::Null } else { json!(names) };
                Self::new(principal, "facets", &[("query", json!(query)), ("field", names), ("top", top), ("now", now)])
            }
            66..=82 => {
                let prefix = match rng.u32(..4) {
                    0 => query.chars().filter(|c| c.is_alphanumeric()).take(rng.usize(1..4)).collect(),
                    _ => PREFIXES[rng.usize(..PREFIXES.len())].to_owned(),
                };
                let fields = fields(scene, rng);
                let field = if rng.bool() { json!(*fields[rng.usize(..fields.len())].name) } else { Value::Null };
                let limit = if rng.bool() { json!(rng.u32(1..5)) } else { json!(100) };
                Self::new(principal, "suggest", &[("prefix", json!(prefix)), ("field", field), ("limit", limit)])
            }
            83 => Self::new(principal, "fields", &[]),
            84..=88 => Self::new(principal, "check", &[("ticket", json!(key(rng)))]),
            89..=94 => Self::new(principal, format!("tickets/{}", percent(&key(rng))), &[]),
            _ => Self::refused(scene, principal, rng),
        }
    }

    /// What is refused whatever there is: questions of admins, and parameters that mean nothing.
    fn refused(scene: &Scene, principal: &str, rng: &mut Rng) -> Self {
        let key = json!(scene.keys[rng.usize(..scene.keys.len())].to_string());
        let person = json!(scene.people[rng.usize(..scene.people.len())]);
        match rng.u32(..9) {
            0 => Self::new(principal, "why", &[("principal", person), ("ticket", key)]),
            1 => Self::new(principal, "who", &[("ticket", key)]),
            2 => Self::new(principal, "stats", &[]),
            3 => Self::new(principal, format!("scopes/{}", percent(person.as_str().unwrap_or_default())), &[]),
            4 => Self::new(principal, "explain", &[("query", json!("refund"))]),
            5 => Self::new(principal, "search", &[("page_after", json!("00ff"))]),
            6 => Self::new(principal, "count", &[("query", json!("refund")), ("as_admin", json!(true))]),
            7 => Self::new(principal, "search", &[("query", json!("")), ("scope", json!("all"))]),
            _ => Self::new(principal, "nothing", &[]),
        }
    }

    /// The same question for the page after a cursor.
    pub(super) fn after(&self, cursor: &str) -> Self {
        let mut next = self.clone();
        // The cursor remembers the moment, and a rank is where the first page began.
        next.params.remove("now");
        next.params.remove("rank");
        next.params.insert("page_after".to_owned(), json!(cursor));
        next
    }

    /// The same question, if its answer is not the one with this tag.
    pub(super) fn unless(&self, tag: &str) -> Self {
        let mut again = self.clone();
        again.headers.push(("If-None-Match", tag.to_owned()));
        again
    }

    /// The same question of an admin, of everything.
    pub(super) fn of_everything(&self) -> Self {
        let mut all = self.clone();
        // A cursor is its asker's alone.
        all.params.remove("page_after");
        all.params.remove("as");
        all.params.insert("as_admin".to_owned(), json!(true));
        all
    }

    /// Smaller questions that may show the same.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        for name in self.params.keys().filter(|name| *name != "as" && *name != "now") {
            let mut question = self.clone();
            question.params.remove(name);
            smaller.push(question);
        }
        if let Some(Value::Array(parts)) = self.params.get("questions") {
            for left_out in 0..parts.len() {
                let mut question = self.clone();
                let kept = parts.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, part)| part.clone());
                question.params.insert("questions".to_owned(), kept.collect());
                smaller.push(question);
            }
        }
        if let Some(Value::String(query)) = self.params.get("query") {
            let words: Vec<&str> = query.split(' ').collect();
            for left_out in 0..words.len() {
                let kept: Vec<&str> =
                    words.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, word)| *word).collect();
                let mut question = self.clone();
                question.params.insert("query".to_owned(), json!(kept.join(" ")));
                smaller.push(question);
            }
        }
        if !self.headers.is_empty() {
            smaller.push(Self { headers: Vec::new(), ..self.clone() });
        }
        smaller
    }

    /// The request as bytes.
    pub(super) fn request(&self, credential: &str) -> Vec<u8> {
        let path = format!("/v1/tenants/{}/{}", self.tenant, self.route);
        let mut headers = format!("host: localhost\r\nauthorization: {credential}\r\n");
        for (name, value) in &self.headers {
            write!(headers, "{name}: {value}\r\n").expect("a string takes everything");
        }
        if self.posted {
            let body = Value::Object(self.params.clone()).to_string();
            let about = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
            return format!("POST {path} HTTP/1.1\r\n{headers}{about}\r\n{body}").into_bytes();
        }
        let mut pairs = Vec::new();
        for (name, value) in &self.params {
            let one = |value: &Value| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", percent(&text))
            };
            match value {
                Value::Array(values) => pairs.extend(values.iter().map(one)),
                value => pairs.push(one(value)),
            }
        }
        format!("GET {path}?{} HTTP/1.1\r\n{headers}\r\n", pairs.join("&")).into_bytes()
    }
}

/// A query, mostly one that can be read.
fn query(scene: &Scene, rng: &mut Rng) -> String {
    let mut query = if rng.u32(..3) == 0 { scene.query(rng) } else { scene.text_query(rng) };
    // Several terms seldom find anything.
    if rng.u32(..3) > 0 {
        query.terms.truncate(1);
    }
    let query = query.to_string();
    match rng.u32(..20) {
        0 => format!("{query} {}", BROKEN[rng.usize(..BROKEN.len())]),
        1 => query.chars().take(rng.usize(..=query.chars().count())).collect(),
        2 => format!("{query} order_by:relevance"),
        3 => {
            let fields = fields(scene, rng);
            format!("{query} order_by:{} sort:asc", fields[rng.usize(..fields.len())].name)
        }
        _ => query,
    }
}

fn sort(scene: &Scene, rng: &mut Rng) -> String {
    let fields: Vec<_> = scene.fields().filter(|field| field.kind != FieldKind::Text && !field.many).collect();
    let key = match rng.u32(..5) {
        0 => "id",
        1 => "relevance",
        _ => &*fields[rng.usize(..fields.len())].name,
    };
    format!("{key}:{}", if rng.bool() { "asc" } else { "desc" })
}

/// The fields with values to be counted one by one, and now and then all of them.
fn fields<'s>(scene: &'s Scene, rng: &mut Rng) -> Vec<&'s FieldDef> {
    let all = rng.u32(..8) == 0;
    scene.fields().filter(|field| all || field.kind.is_keyword()).collect()
}

/// What [`percent`] made of a text, as it was.
fn unescaped(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).expect("two digits follow a percent sign"));
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("it was a text")
}

/// Every byte but letters and digits, percent-encoded.
fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes everything");
        }
    }
    encoded
}
