use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use ticketscope_model::{
    Change, Fact, FieldDef, FieldKind, FieldPatch, GroupFlags, PrincipalFact, RawValue, Schema, TextClass, TextPart,
    TicketKey, TicketPatch, Timestamp, ValueFact, fields,
};

/// The letters of words: no vowels, so that nothing is taken for a word of a language or cut to its stem.
const LETTERS: &[u8; 16] = b"bcdfghjklmnpqrtv";

/// Letters of a word: 80 random bits, so that none is ever met by chance.
const WORD_LETTERS: usize = 20;

/// Which of a canary's words: they stand in texts that are read by different rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// In its fields and public text: for whoever sees the ticket.
    Public,
    /// In its private note and its custom text fields.
    Private,
    /// In its side conversation.
    Side,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Public, Self::Private, Self::Side];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Side => "side",
        }
    }
}

/// The system gives no random numbers.
#[derive(Debug, Error)]
#[error("the system gives no random numbers")]
pub struct RandomError(#[source] getrandom::Error);

/// A hidden ticket and its words, each of 20 lower-case letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The id of the ticket.
    pub ticket: String,
    /// Stands in the id, in every field that holds text, and in subject, description and public comment.
    pub public: String,
    /// Stands in the private note and in custom text fields.
    pub private: String,
    /// Stands in the side conversation.
    pub side: String,
    /// When it was made, in milliseconds since 1970 UTC.
    pub planted: i64,
}

impl Canary {
    /// A canary that nobody knows yet, made at `now`.
    ///
    /// # Errors
    /// [`RandomError`].
    pub fn new(now: Timestamp) -> Result<Self, RandomError> {
        let public = word()?;
        let ticket = format!("canary-{public}");
        Ok(Self { ticket, public, private: word()?, side: word()?, planted: now.0 })
    }

    /// The word of a part.
    pub fn word(&self, part: Part) -> &str {
        match part {
            Part::Public => &self.public,
            Part::Private => &self.private,
            Part::Side => &self.side,
        }
    }

    /// The key of its ticket.
    pub fn key(&self) -> TicketKey {
        TicketKey::Text(self.ticket.as_str().into())
    }

    /// What plants it in a tenant of this schema: a live ticket in whose every field stands a value that nobody else has,
    /// so that no rule about a value or about a missing one covers it, in a private and inactive group of its own.
    pub fn plant(&self, schema: &Schema) -> Vec<Change> {
        let named = |def: &FieldDef| Some((Arc::clone(&def.name), FieldPatch::Set(self.value(def)?)));
        let ticket = TicketPatch {
            key: self.key(),
            fields: schema.fields().iter().filter_map(named).collect(),
            replace: false,
            text: Vec::new(),
        };
        let group = GroupFlags { public: Some(false), active: Some(false), shared: Some(false) };
        let text = |part: &str, class: TextClass, word: &str| Fact::Text {
            ticket: self.key(),
            part: TextPart {
                part: part.into(),
                class,
                lang: None,
                body: sentence(word),
                author: Some(self.public.as_str().into()),
                at: Some(Timestamp(self.planted)),
            },
        };
        let facts = [
            self.group(group),
            self.requester(),
            Fact::Ticket(ticket),
            text("comment", TextClass::Public, &self.public),
            text("note", TextClass::Private, &self.private),
            text("side", TextClass::Side, &self.side),
        ];
        facts.into_iter().map(Change::state).collect()
    }

    /// What removes everything that planting it made.
    pub fn remove(&self) -> Vec<Change> {
        let facts = [self.group(GroupFlags::default()), self.requester()].into_iter().map(Change::remove);
        std::iter::once(Change::state(Fact::Del(self.key()))).chain(facts).collect()
    }

    /// What a field of the ticket holds; nothing if it cannot hold a word.
    fn value(&self, def: &FieldDef) -> Option<RawValue> {
        let text = |text: &str| RawValue::Text(text.into());
        let value = match (def.id, def.kind) {
            // Those who commented follow from the texts.
            (fields::COMMENTER, _) => return None,
            (fields::LIFE, _) => text("live"),
            (fields::CREATED_AT | fields::UPDATED_AT, _) => text(&Timestamp(self.planted).to_string()),
            (fields::SUBJECT | fields::DESCRIPTION, _) => RawValue::Text(sentence(&self.public)),
            (_, FieldKind::Text) => RawValue::Text(sentence(&self.private)),
            (_, FieldKind::Keyword | FieldKind::Principal | FieldKind::Tree) => text(&self.public),
            (_, FieldKind::Number | FieldKind::Date | FieldKind::Flag) => return None,
        };
        Some(if def.many { RawValue::List(vec![value]) } else { value })
    }

    fn group(&self, flags: GroupFlags) -> Fact {
        Fact::Value(ValueFact { field: "group".into(), id: self.public.as_str().into(), parent: None, flags })
    }

    /// Somebody without a role, so that lists of people have something to leak.
    fn requester(&self) -> Fact {
        Fact::Principal(PrincipalFact {
            id: self.public.as_str().into(),
            role: None,
            active: false,
            name: Some(sentence(&self.public)),
            email: None,
            locale: None,
            time_zone: None,
        })
    }
}

/// What whoever is shown a canary reads.
fn sentence(word: &str) -> Arc<str> {
    format!("canary {word}: hidden on purpose, to tell if it is ever shown to somebody who may not see it").into()
}

fn word() -> Result<String, RandomError> {
    let mut bytes = [0; WORD_LETTERS];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 16)])).collect())
}
