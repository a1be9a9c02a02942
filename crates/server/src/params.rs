//! The parameters of every question. Names not listed here are refused; `as` and `as_admin` say in whose scope.

use std::fmt;

use axum::http::{HeaderMap, Method, Uri, header};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use ticketscope_model::{TicketKey, Timestamp};

use crate::{ask::OnRefusal, code::Code, failure::Failure};

/// Parameters that may be repeated in a query string: then they are lists in JSON.
const LISTS: [&str; 1] = ["field"];

/// Parameters that are numbers in JSON.
const NUMBERS: [&str; 3] = ["limit", "rank", "top"];

/// Parameters that are `true` or `false`.
const FLAGS: [&str; 1] = ["as_admin"];

/// In whose scope a question says it is asked.
pub(crate) trait Scoped {
    fn named(&self) -> Option<&str>;
    fn as_admin(&self) -> bool;
    fn wait(&self) -> Option<Wait>;
}

macro_rules! scoped {
    ($($params:ident: $wait:expr),* $(,)?) => {$(
        impl Scoped for $params {
            fn named(&self) -> Option<&str> {
                self.named.as_deref()
            }

            fn as_admin(&self) -> bool {
                self.as_admin
            }

            fn wait(&self) -> Option<Wait> {
                let wait: fn(&Self) -> Option<Wait> = $wait;
                wait(self)
            }
        }
    )*};
}

scoped!(
    CountParams: |params| params.wait,
    SearchParams: |params| params.wait,
    FacetsParams: |params| params.wait,
    SuggestParams: |params| params.wait,
    ExplainParams: |params| params.wait,
    CheckParams: |_| None,
    TicketParams: |_| None,
    FieldsParams: |_| None,
);

/// For what a request waits beyond what it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wait {
    /// Until the words of a batch are found: its own, or that of the position it sends.
    Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CountParams {
    #[serde(rename = "as")]
    named: Option<String>,
    as_admin: bool,
    wait: Option<Wait>,
    /// Without one, every visible ticket.
    pub(crate) query: String,
    /// The moment from which ages count back, instead of now.
    pub(crate) now: Option<Moment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SearchParams {
    #[serde(rename = "as")]
    named: Option<String>,
    as_admin: bool,
    wait: Option<Wait>,
    pub(crate) query: String,
    pub(crate) now: Option<Moment>,
    pub(crate) limit: Option<u32>,
    /// The cursor of the page before.
    pub(crate) page_after: Option<String>,
    /// Rank of the first ticket, from 0.
    pub(crate) rank: Option<u32>,
    /// `KEY:asc` or `KEY:desc`.
    pub(crate) sort: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FacetsParams {
    #[serde(rename = "as")]
    named: Option<String>,
    as_admin: bool,
    wait: Option<Wait>,
    pub(crate) query: String,
    pub(crate) now: Option<Moment>,
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) field: Vec<String>,
    pub(crate) top: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuggestParams {
    #[serde(default, rename = "as")]
    named: Option<String>,
    #[serde(default)]
    as_admin: bool,
    #[serde(default)]
    wait: Option<Wait>,
    /// What was typed.
    pub(crate) prefix: String,
    /// The one field whose values are suggested.
    #[serde(default)]
    pub(crate) field: Option<String>,
    #[serde(default)]
    pub(crate) limit: Option<u32>,
}

/// Of `/explain`: those of a search, but for the cursor.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExplainParams {
    #[serde(rename = "as")]
    named: Option<String>,
    as_admin: bool,
    wait: Option<Wait>,
    pub(crate) query: String,
    pub(crate) now: Option<Moment>,
    pub(crate) limit: Option<u32>,
    pub(crate) rank: Option<u32>,
    pub(crate) sort: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckParams {
    #[serde(default, rename = "as")]
    named: Option<String>,
    #[serde(default)]
    as_admin: bool,
    pub(crate) ticket: Key,
}

/// Of `/tickets/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TicketParams {
    #[serde(rename = "as")]
    named: Option<String>,
    as_admin: bool,
}

/// Of `/fields`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FieldsParams {
    #[serde(rename = "as")]
    named: Option<String>,
    as_admin: bool,
}

/// Of `/multi`: who asks, once for all questions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MultiParams {
    #[serde(default, rename = "as")]
    pub(crate) named: Option<String>,
    #[serde(default)]
    pub(crate) as_admin: bool,
    pub(crate) questions: Vec<Written>,
}

/// A question of several, as it was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Written {
    params: Map<String, Value>,
    /// The first name that is given more than once.
    twice: Option<String>,
}

impl Written {
    /// Its parameters by name.
    ///
    /// # Errors
    /// [`Code::BadParameter`] if one is given twice.
    pub(crate) fn params(&self) -> Result<&Map<String, Value>, Failure> {
        match &self.twice {
            Some(key) => Err(twice(key)),
            None => Ok(&self.params),
        }
    }

    /// Written anew as JSON, so that no escape hides a letter.
    pub(crate) fn to_json(&self) -> String {
        Value::Object(self.params.clone()).to_string()
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Questions;

        impl<'de> Visitor<'de> for Questions {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a question, which is an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let mut written = Written::default();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if written.params.contains_key(&key) {
                        written.twice.get_or_insert(key);
                    } else {
                        written.params.insert(key, value);
                    }
                }
                Ok(written)
            }
        }

        deserializer.deserialize_map(Questions)
    }
}

/// Of `/sign-out`: either of the two.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SignOutParams {
    pub(crate) principal: Option<String>,
    pub(crate) everybody: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhyParams {
    pub(crate) principal: String,
    pub(crate) ticket: Key,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhoParams {
    pub(crate) ticket: Key,
    /// Principals of a page.
    #[serde(default)]
    pub(crate) limit: Option<u32>,
    /// The principal after whom the page begins.
    #[serde(default)]
    pub(crate) page_after: Option<String>,
}

/// Of the proof that the server knows the operator key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofParams {
    pub(crate) nonce: String,
}

/// Of questions without any.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

/// Of `POST /changes`, in the query string; the body is the batch.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChangesParams {
    pub(crate) on_refusal: OnRefusal,
    pub(crate) wait: Option<Wait>,
}

/// A text, or a list of texts.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Texts;

    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(vec![text.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = list.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }

    deserializer.deserialize_any(Texts)
}

/// A ticket key: an integer or a text.
#[derive(Debug, Clone)]
pub(crate) struct Key(pub(crate) TicketKey);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl Visitor<'_> for Keys {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a ticket id, an integer or a text")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Key, E> {
                Ok(Key(number.into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Key, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
                TicketKey::parse(text).map(Key).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Keys)
    }
}

/// A moment, as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).map(Moment).map_err(Error::custom)
    }
}

/// The parameters in the query string.
///
/// # Errors
/// [`Code::BadParameter`].
pub(crate) fn of_uri<P: DeserializeOwned>(uri: &Uri) -> Result<P, Failure> {
    of_map(pairs(uri.query().unwrap_or_default())?)
}

/// The parameters that these are.
///
/// # Errors
/// [`Code::BadParameter`].
pub(crate) fn of_map<P: DeserializeOwned>(map: Map<String, Value>) -> Result<P, Failure> {
    serde_json::from_value(Value::Object(map))
        .map_err(|error| Failure::new(Code::BadParameter, shown(&error.to_string())))
}

/// The parameters in a JSON body.
///
/// # Errors
/// [`Code::BadBody`] if it is no JSON, [`Code::BadParameter`] if it is JSON that means nothing.
pub(crate) fn of_body<P: DeserializeOwned>(body: &[u8]) -> Result<P, Failure> {
    // A list would be taken for the fields of an object in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Failure::of(Code::BadBody));
    }
    serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() { Code::BadParameter } else { Code::BadBody };
        Failure::new(code, shown(&error.to_string()))
    })
}

/// Whether the parameters are in the body. Then there are none in the query string, and the body says that it is JSON: a
/// page of another site cannot say so without asking first.
///
/// # Errors
/// [`Code::BadParameter`], [`Code::UnsupportedMediaType`].
pub(crate) fn are_in_body(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<bool, Failure> {
    if method != Method::POST {
        return Ok(false);
    }
    if uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(Failure::new(Code::BadParameter, "a POST has its parameters in the body, not in the query string"));
    }
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content.and_then(|content| content.split(';').next()).map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => Ok(true),
        _ => Err(Failure::of(Code::UnsupportedMediaType)),
    }
}

/// The parameters in the query string as they are written; none of one that cannot be read.
pub(crate) fn written_in_uri(uri: &Uri) -> Map<String, Value> {
    pairs(uri.query().unwrap_or_default()).unwrap_or_default()
}

/// The parameters in a JSON body as they are written; none of one that cannot be read.
pub(crate) fn written_in_body(body: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(body).unwrap_or_default()
}

fn pairs(query: &str) -> Result<Map<String, Value>, Failure> {
    let wrong = |message: String| Failure::new(Code::BadParameter, message);
    let mut map = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        // One pair at a time, so that the check below knows the bytes behind each.
        for (key, value) in form_urlencoded::parse(pair.as_bytes()) {
            let replaced = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
            if (replaced(&key) || replaced(&value)) && !pair.to_ascii_uppercase().contains("%EF%BF%BD") {
                return Err(wrong("the query string is not UTF-8".to_owned()));
            }
            let is_list = LISTS.contains(&&*key);
            let value = if NUMBERS.contains(&&*key) {
                let number = value.parse::<u64>().ok();
                number.map(Value::from).ok_or_else(|| wrong(format!("`{key}` takes a number")))?
            } else if FLAGS.contains(&&*key) {
                let flag = value.parse::<bool>().ok();
                flag.map(Value::from).ok_or_else(|| wrong(format!("`{key}` takes true or false")))?
            } else {
                Value::from(value.into_owned())
            };
            match map.get_mut(&*key) {
                Some(Value::Array(values)) => values.push(value),
                Some(first) if is_list => *first = Value::Array(vec![first.take(), value]),
                Some(_) => return Err(twice(&key)),
                None => {
                    map.insert(key.into_owned(), value);
                }
            }
        }
    }
    Ok(map)
}

fn twice(key: &str) -> Failure {
    Failure::new(Code::BadParameter, format!("`{}` is given twice", shown(key)))
}

/// A text with words of the asker in it, as an error shows it.
fn shown(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(query: &str) -> Result<SearchParams, Failure> {
        of_uri(&format!("/?{query}").parse().unwrap())
    }

    #[test]
    fn a_query_string_means_what_the_same_json_means() {
        let get = search("query=status%3Aopen+tags%3Aa&limit=3&sort=id:asc&as=ann&rank=2").unwrap();
        let post: SearchParams =
            of_body(br#"{"query":"status:open tags:a","limit":3,"sort":"id:asc","as":"ann","rank":2}"#).unwrap();
        assert_eq!(format!("{get:?}"), format!("{post:?}"));
        let get: FacetsParams = of_uri(&"/?field=a&field=b&top=1&as_admin=true".parse().unwrap()).unwrap();
        let post: FacetsParams = of_body(br#"{"field":["a","b"],"top":1,"as_admin":true}"#).unwrap();
        assert_eq!(format!("{get:?}"), format!("{post:?}"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for query in [
            "nothing=1",
            "query=a&query=b",
            "limit=",
            "limit=-1",
            "limit=x",
            "limit=4294967296",
            "as_admin=1",
            "as=a&as=a",
            "query=%ff",
            "now=yesterday",
        ] {
            assert_eq!(search(query).unwrap_err().code, Code::BadParameter, "{query}");
        }
        assert_eq!(search("query=%EF%BF%BD").unwrap().query, "\u{fffd}");
        assert_eq!(search("").unwrap().query, "");
    }

    #[test]
    fn bodies_are_one_json_object_with_known_keys_once() {
        let code = |body: &[u8]| of_body::<CountParams>(body).unwrap_err().code;
        for body in [&b""[..], b"{", b"{} {}", b"\xff", b"{\"query\":\"\xff\"}", b"[]", b"1", b" [\"a\"]"] {
            assert_eq!(code(body), Code::BadBody, "{body:?}");
        }
        for body in [&br#"{"nothing":1}"#[..], br#"{"query":1}"#, br#"{"query":"a","query":"b"}"#, br#"{"query":null}"#]
        {
            assert_eq!(code(body), Code::BadParameter, "{}", String::from_utf8_lossy(body));
        }
        let deep = format!("{{\"deep\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(code(deep.as_bytes()), Code::BadParameter);
    }

    #[test]
    fn a_ticket_id_is_the_same_as_number_and_as_text() {
        let key = |body: &str| of_body::<CheckParams>(body.as_bytes()).map(|params| params.ticket.0);
        assert_eq!(key(r#"{"ticket":7}"#).unwrap(), TicketKey::Int(7));
        assert_eq!(key(r#"{"ticket":"7"}"#).unwrap(), TicketKey::Int(7));
        assert_eq!(key(r#"{"ticket":-7}"#).unwrap(), TicketKey::Int(-7));
        assert_eq!(key(r#"{"ticket":"A-7"}"#).unwrap(), TicketKey::Text("A-7".into()));
        assert_eq!(key(r#"{"ticket":18446744073709551615}"#).unwrap(), TicketKey::Text("18446744073709551615".into()));
        for body in [r#"{"ticket":1.5}"#, r#"{"ticket":""}"#, r#"{"ticket":null}"#, r#"{"ticket":[1]}"#, "{}"] {
            assert_eq!(key(body).unwrap_err().code, Code::BadParameter, "{body}");
        }
    }

    #[test]
    fn a_body_must_say_that_it_is_json_and_stand_alone() {
        let check = |method: Method, uri: &str, content: Option<&str>| {
            let headers = content.map(|content| (header::CONTENT_TYPE, content.parse().unwrap()));
            are_in_body(&method, &uri.parse().unwrap(), &headers.into_iter().collect()).map_err(|failure| failure.code)
        };
        assert_eq!(check(Method::GET, "/?query=a", None), Ok(false));
        assert_eq!(check(Method::POST, "/", Some("application/json")), Ok(true));
        assert_eq!(check(Method::POST, "/", Some("Application/JSON; charset=utf-8")), Ok(true));
        assert_eq!(check(Method::POST, "/?query=a", Some("application/json")), Err(Code::BadParameter));
        for content in [None, Some("text/plain"), Some("application/jsonp"), Some("")] {
            assert_eq!(check(Method::POST, "/", content), Err(Code::UnsupportedMediaType), "{content:?}");
        }
    }
}
