//! The phrases of one language, ready to be written.

use std::collections::HashMap;

use crate::{data::DataError, mentions::Mention, sections::Section};

/// What a ticket is about: a number among the topics of all groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Topic(pub(crate) usize);

/// The number of a section inside its [`Phrases`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SectionId(pub(crate) usize);

/// The sections of one language, those of `shared.txt` included.
#[derive(Debug)]
pub(crate) struct Phrases {
    sections: Vec<PhraseList>,
    /// For each topic, if the language has phrases for it.
    topics: Vec<Option<TopicSections>>,
    pub(crate) letter: LetterSections,
    /// Messages to suppliers and their answers, and unwanted mail: in the desk's own language only.
    pub(crate) side: Option<SectionId>,
    pub(crate) spam: Option<SpamSections>,
    /// What a ticket's `product` is taken from.
    pub(crate) product: SectionId,
}

/// Phrases of which one is drawn.
#[derive(Debug)]
pub(crate) struct PhraseList {
    /// Whether a ticket uses one of them throughout.
    pub(crate) once: bool,
    pub(crate) lines: Vec<Vec<Piece>>,
}

/// A part of a phrase.
#[derive(Debug)]
pub(crate) enum Piece {
    Words(&'static str),
    Mention(Mention),
    Section(SectionId),
}

/// What is said about one topic. Subjects, openings and first replies go together, line by line: each is a matter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TopicSections {
    /// How many matters there are.
    pub(crate) matters: usize,
    pub(crate) subject: SectionId,
    pub(crate) open: SectionId,
    pub(crate) detail: SectionId,
    pub(crate) reply: SectionId,
    pub(crate) note: SectionId,
}

/// What is said about any topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LetterSections {
    pub(crate) hello: SectionId,
    pub(crate) bye: SectionId,
    pub(crate) ask: SectionId,
    pub(crate) reply_open: SectionId,
    pub(crate) reply: SectionId,
    pub(crate) followup: SectionId,
    pub(crate) solved: SectionId,
    pub(crate) note: SectionId,
}

/// Unwanted mail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpamSections {
    pub(crate) subject: SectionId,
    pub(crate) body: SectionId,
}

impl Phrases {
    /// Reads the sections of one language's file; `shared` are those that every language has.
    pub(crate) fn read(
        file: &'static str,
        own: &[Section],
        shared: &[Section],
        topics: &[&'static str],
    ) -> Result<Self, DataError> {
        let all: Vec<&Section> = own.iter().chain(shared).collect();
        let ids: HashMap<&str, SectionId> =
            all.iter().enumerate().map(|(at, section)| (section.name, SectionId(at))).collect();
        let mut sections = Vec::with_capacity(all.len());
        for section in &all {
            let lines = section.lines.iter().map(|line| pieces(file, line, &ids)).collect::<Result<_, _>>()?;
            sections.push(PhraseList { once: section.once, lines });
        }
        let id = |name: &str| {
            ids.get(name).copied().ok_or_else(|| DataError::MissingSection { file, section: name.to_owned() })
        };
        let topic = |topic: &&'static str| -> Result<Option<TopicSections>, DataError> {
            let topic = *topic;
            let part = |part| id(&format!("{topic}.{part}"));
            if part("subject").is_err() {
                return Ok(None);
            }
            let (subject, open, reply) = (part("subject")?, part("open")?, part("reply")?);
            let [matters, openings, replies] = [subject, open, reply].map(|id| sections[id.0].lines.len());
            if matters != openings || matters != replies {
                return Err(DataError::Matters { file, topic });
            }
            Ok(Some(TopicSections { matters, subject, open, detail: part("detail")?, reply, note: part("note")? }))
        };
        let spam = match (id("spam.subject"), id("spam.body")) {
            (Ok(subject), Ok(body)) => Some(SpamSections { subject, body }),
            _ => None,
        };
        Ok(Self {
            topics: topics.iter().map(topic).collect::<Result<_, _>>()?,
            letter: LetterSections {
                hello: id("hello")?,
                bye: id("bye")?,
                ask: id("ask")?,
                reply_open: id("reply.open")?,
                reply: id("reply")?,
                followup: id("followup")?,
                solved: id("solved")?,
                note: id("note")?,
            },
            side: id("side").ok(),
            spam,
            product: id("product")?,
            sections,
        })
    }

    /// What the language says about a topic, if it does.
    pub(crate) fn topic(&self, topic: Topic) -> Option<&TopicSections> {
        self.topics.get(topic.0)?.as_ref()
    }

    /// The phrases of a section.
    pub(crate) fn list(&self, id: SectionId) -> &PhraseList {
        &self.sections[id.0]
    }

    /// How many sections there are.
    pub(crate) fn len(&self) -> usize {
        self.sections.len()
    }
}

fn pieces(file: &'static str, line: &'static str, ids: &HashMap<&str, SectionId>) -> Result<Vec<Piece>, DataError> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((words, slot)) = rest.split_once('{') {
        if !words.is_empty() {
            pieces.push(Piece::Words(words));
        }
        let (name, after) = slot.split_once('}').ok_or(DataError::Slot { file, line })?;
        let mention = Mention::named(name).map(Piece::Mention);
        let piece = mention.or_else(|| ids.get(name).copied().map(Piece::Section));
        pieces.push(piece.ok_or(DataError::Slot { file, line })?);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_mention_or_a_section() {
        let ids = HashMap::from([("part", SectionId(3))]);
        let read = pieces("f", "the {part} of {order}.", &ids).unwrap();
        assert!(matches!(
            read.as_slice(),
            [
                Piece::Words("the "),
                Piece::Section(SectionId(3)),
                Piece::Words(" of "),
                Piece::Mention(Mention::Order),
                Piece::Words(".")
            ]
        ));
    }

    #[test]
    fn an_unknown_or_open_slot_is_refused() {
        for line in ["the {prat}", "the {part"] {
            assert!(matches!(pieces("f", line, &HashMap::new()), Err(DataError::Slot { .. })), "{line}");
        }
    }
}
