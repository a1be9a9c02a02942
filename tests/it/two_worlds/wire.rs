//! One connection to a server, kept alive, and answers without what may differ between two worlds.

use std::{
    fmt::{self, Write as _},
    io::{BufRead, BufReader, Read, Write as _},
    net::{SocketAddr, TcpStream},
};

use super::question::{MULTI, Question};

/// Headers that tell when, and which request, was answered. The length is checked and then left out: it counts the digits
/// of a time and the characters of a cursor.
const OWN_HEADERS: [&str; 3] = ["date", "x-request-id", "content-length"];

/// Members of a JSON answer whose value may differ: what stands in their place.
const OWN_MEMBERS: [(&str, &str); 3] = [("\"took_us\":", "0"), ("\"next\":\"", "cursor"), ("\"request_id\":\"", "id")];

/// Most pages that are followed.
const PAGES: usize = 400;

/// What a client gets, but for what names the request, tells time or is opaque by design.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// The cursor of the next page.
    pub(super) next: Option<String>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        writeln!(f, "{}", self.body)
    }
}

/// A keep-alive connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: BufReader<TcpStream>,
    /// The header that says who asks.
    credential: String,
}

impl Wire {
    pub(super) fn connect(address: SocketAddr, credential: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream: BufReader::new(stream), credential: credential.to_owned() }
    }

    /// Everything that the server says to a question: all its pages, one after the other.
    pub(super) fn transcript(&mut self, question: &Question) -> String {
        self.transcript_with(question, |_, answer| answer)
    }

    /// [`Self::transcript`] of a server that does something to its answers.
    pub(super) fn transcript_with(
        &mut self,
        question: &Question,
        mut spoil: impl FnMut(&Question, Answer) -> Answer,
    ) -> String {
        let mut told = String::new();
        let mut page = question.clone();
        for _ in 0..PAGES {
            let mut answer = self.ask(&page);
            answer = spoil(&page, answer);
            let tag = answer.header("etag").map(str::to_owned);
            if page != *question {
                // A tag is of the question, too, and this one holds a cursor.
                answer.headers.retain(|(name, _)| name != "etag");
            }
            write!(told, "{answer}").expect("a string takes everything");
            if let Some(tag) = tag.filter(|_| question.asks_again) {
                let again = spoil(&page, self.ask(&page.unless(&tag)));
                write!(told, "{} {}", again.status, again.body).expect("a string takes everything");
            }
            // The cursors of several answers lead on from none of them alone.
            match answer.next.filter(|_| question.route != MULTI) {
                Some(next) => page = question.after(&next),
                None => return told,
            }
        }
        panic!("{question} has no end");
    }

    /// The answer to one question.
    pub(super) fn ask(&mut self, question: &Question) -> Answer {
        let request = question.request(&self.credential);
        self.stream.get_mut().write_all(&request).expect("the server reads");
        self.answer().unwrap_or_else(|problem| panic!("{question}: {problem}"))
    }

    fn answer(&mut self) -> Result<Answer, String> {
        let mut line = String::new();
        let mut next_line = |stream: &mut BufReader<TcpStream>| {
            line.clear();
            stream.read_line(&mut line).map_err(|error| error.to_string())?;
            line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| format!("a line that ends early: {line:?}"))
        };
        let status = next_line(&mut self.stream)?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no status")?;
        let (mut headers, mut length) = (Vec::new(), None);
        loop {
            let header = next_line(&mut self.stream)?;
            let Some((name, value)) = header.split_once(':') else { break };
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
            if name == "content-length" {
                length = value.parse().ok();
            }
            if !OWN_HEADERS.contains(&&*name) {
                headers.push((name, value));
            }
        }
        let bodiless = status == 304;
        let mut body = vec![0; length.or(bodiless.then_some(0)).ok_or("no length")?];
        self.stream.read_exact(&mut body).map_err(|error| error.to_string())?;
        let body = String::from_utf8(body).map_err(|error| error.to_string())?;
        let next = member(&body, "\"next\":\"").map(str::to_owned);
        let body = OWN_MEMBERS.iter().fold(body, |body, (name, instead)| replaced(&body, name, instead));
        headers.sort();
        Ok(Answer { status, headers, body, next })
    }
}

/// The value that follows `name`, up to the end of its text or number. A text of a ticket cannot look like a name: its
/// quotes are escaped.
fn member<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let rest = &body[body.find(name)? + name.len()..];
    let end = if name.ends_with('"') { rest.find('"') } else { rest.find(|c: char| !c.is_ascii_digit()) };
    Some(&rest[..end?])
}

/// The body with `instead` for every value of that name: several answers have one each.
fn replaced(mut body: &str, name: &str, instead: &str) -> String {
    let mut whole = String::new();
    while let Some(value) = member(body, name) {
        let at = body.find(name).map_or(0, |at| at + name.len());
        whole += &body[..at];
        whole += instead;
        body = &body[at + value.len()..];
    }
    whole + body
}

#[test]
fn only_what_names_a_request_or_tells_time_is_left_out() {
    let body = r#"{"total":2,"hits":[{"id":7,"subject":"\"next\":\"a\" \"took_us\":5"}],"next":"6a2f","took_us":1234}"#;
    let said = OWN_MEMBERS.iter().fold(body.to_owned(), |body, (name, instead)| replaced(&body, name, instead));
    let expected =
        r#"{"total":2,"hits":[{"id":7,"subject":"\"next\":\"a\" \"took_us\":5"}],"next":"cursor","took_us":0}"#;
    assert_eq!(said, expected);
    assert_eq!(replaced(r#"[{"took_us":12},{"took_us":3}]"#, "\"took_us\":", "0"), r#"[{"took_us":0},{"took_us":0}]"#);
    assert_eq!(replaced(r#"{"next":null}"#, "\"next\":\"", "cursor"), r#"{"next":null}"#);
}
