//! Names of answers, by which a client that has one asks whether it still holds.
//!
//! A tag is a keyed hash of who asks, of the tenant, of the question as it is written and of the answer, but for the time
//! it took and for the text of its cursor, which names the moment of the question. So it is a function of what is visible:
//! equal worlds give equal tags, and a tag of another asker, tenant or question matches nothing. It is compared with the
//! answer to the question asked anew, in the scope of now: nothing is confirmed that is not visible any more.
//!
//! Only questions by GET are tagged, and their answers may be kept by the asker's own cache, which has to ask before it
//! shows them again (`private, no-cache`). Whatever else is answered is not stored at all.

use axum::http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use subtle::ConstantTimeEq;
use ticketscope_engine::storage::TenantId;

use crate::{auth::Asker, code::Code, failure::Failure, hex};

/// What separates the key of tags from other uses of the secret.
const CONTEXT: &str = "ticketscope 2026-11-22 tags of answers";

/// Bytes of a tag.
const TAG: usize = 16;

/// Makes tags.
#[derive(Clone)]
pub(crate) struct Tags {
    key: [u8; 32],
}

impl std::fmt::Debug for Tags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tags").finish_non_exhaustive()
    }
}

/// A question that is to be tagged, with the tags that its asker has.
#[derive(Debug)]
pub(crate) struct Tagging {
    hasher: blake3::Hasher,
    held: Vec<HeaderValue>,
}

impl Tags {
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self { key: blake3::derive_key(CONTEXT, &secret) }
    }

    /// Begins the tag of a question; nothing for one that is not tagged.
    pub(crate) fn begin(&self, parts: &Parts, tenant: &TenantId, asker: &Asker) -> Option<Tagging> {
        if parts.method != Method::GET {
            return None;
        }
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        let (kind, principal) = match asker {
            Asker::Admin => ("admin", ""),
            Asker::Principal(id) => ("principal", id.as_str()),
        };
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        for part in [tenant.as_str(), kind, principal, path, query] {
            add(&mut hasher, part.as_bytes());
        }
        Some(Tagging { hasher, held: held(&parts.headers) })
    }
}

impl Tagging {
    /// The tag of the answer, and whether the asker has it already.
    ///
    /// # Errors
    /// [`Code::Internal`].
    pub(crate) fn finish(mut self, answer: &[u8], has_next: bool) -> Result<(HeaderValue, bool), Failure> {
        add(&mut self.hasher, answer);
        add(&mut self.hasher, &[u8::from(has_next)]);
        let hash = self.hasher.finalize();
        // Weak: two answers of one tag may differ in the time they took.
        let tag = format!("W/\"{}\"", hex::encode(&hash.as_bytes()[..TAG]));
        let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
        let own = opaque(tag.as_bytes());
        let is_held = self
            .held
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|held| bool::from(opaque(held.trim_ascii()).ct_eq(&own)));
        let tag = HeaderValue::from_str(&tag).map_err(|error| Failure::hidden(Code::Internal, &error))?;
        Ok((tag, is_held))
    }
}

fn held(headers: &HeaderMap) -> Vec<HeaderValue> {
    headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect()
}

/// The length first, so that no part runs into the next.
fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn tag(secret: u8, tenant: &str, asker: &Asker, uri: &str, answer: &str) -> String {
        let (parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        let tagging = Tags::new([secret; 32]).begin(&parts, &TenantId::parse(tenant).unwrap(), asker).unwrap();
        tagging.finish(answer.as_bytes(), false).unwrap().0.to_str().unwrap().to_owned()
    }

    fn ann() -> Asker {
        Asker::Principal("ann".to_owned())
    }

    #[test]
    fn every_part_of_question_asker_and_answer_changes_the_tag_and_nothing_else_does() {
        let first = tag(1, "acme", &ann(), "/count?query=a", "{}");
        assert_eq!(tag(1, "acme", &ann(), "/count?query=a", "{}"), first);
        let others = [
            tag(2, "acme", &ann(), "/count?query=a", "{}"),
            tag(1, "acm", &ann(), "/count?query=a", "{}"),
            tag(1, "acme", &Asker::Principal("an".to_owned()), "/count?query=a", "{}"),
            tag(1, "acme", &Asker::Admin, "/count?query=a", "{}"),
            tag(1, "acme", &Asker::Principal("admin".to_owned()), "/count?query=a", "{}"),
            tag(1, "acme", &ann(), "/search?query=a", "{}"),
            tag(1, "acme", &ann(), "/count?query=b", "{}"),
            tag(1, "acme", &ann(), "/count", "{}"),
            tag(1, "acme", &ann(), "/count?query=a", "{ }"),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, first, "{at}");
            assert!(!others[..at].contains(other), "{at}");
        }
    }

    #[test]
    fn a_tag_is_found_among_those_that_are_held_and_a_wildcard_is_none() {
        let own = tag(1, "acme", &ann(), "/count", "{}");
        let holds = |held: &[&str]| {
            let mut request = Request::get("/count");
            for value in held {
                request = request.header("if-none-match", *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let tagging = Tags::new([1; 32]).begin(&parts, &TenantId::parse("acme").unwrap(), &ann()).unwrap();
            tagging.finish(b"{}", false).unwrap().1
        };
        let strong = own.strip_prefix("W/").unwrap();
        for held in [&[&*own][..], &[strong], &["\"a\"", &own], &[&format!("\"a\" , {own},\"b\"")]] {
            assert!(holds(held), "{held:?}");
        }
        for held in [&[][..], &["*"], &["\"a\""], &[""], &[&own[..own.len() - 2]], &[&own.to_uppercase()]] {
            assert!(!holds(held), "{held:?}");
        }
    }

    #[test]
    fn only_what_is_asked_by_get_is_tagged() {
        let (parts, ()) = Request::post("/count").body(()).unwrap().into_parts();
        assert!(Tags::new([1; 32]).begin(&parts, &TenantId::parse("acme").unwrap(), &ann()).is_none());
    }
}
