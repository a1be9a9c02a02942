//! The text of a ticket, part by part.

use std::sync::Arc;

use ticketscope_model::{TextClass, TextPart, Timestamp};

use crate::{
    calendar::pause,
    draw::chance,
    phrases::{Phrases, SectionId, SpamSections, TopicSections},
    status::Status,
    writer::Writer,
};

/// How many parts in a hundred say their language.
const DECLARED: u32 = 85;

/// How many tickets in a hundred have a private note, and how many a message to a supplier.
const NOTED: u32 = 20;
const SIDE: u32 = 4;

/// Who speaks in a ticket, and when it began.
#[derive(Debug)]
pub(crate) struct Voices {
    pub(crate) customer: Arc<str>,
    pub(crate) customer_name: Arc<str>,
    /// The customer's organization, to sign with.
    pub(crate) organization: Option<&'static str>,
    /// Who answers: nobody yet, where the ticket has no assignee.
    pub(crate) agent: Option<Arc<str>>,
    pub(crate) language: Arc<str>,
    pub(crate) created: Timestamp,
    pub(crate) now: Timestamp,
}

/// The parts of a ticket, in order of time.
#[derive(Debug)]
pub(crate) struct Conversation<'t> {
    voices: &'t Voices,
    parts: Vec<TextPart>,
    at: Timestamp,
    comments: usize,
}

impl<'t> Conversation<'t> {
    /// Without a word so far.
    pub(crate) fn new(voices: &'t Voices) -> Self {
        Self { voices, parts: Vec::with_capacity(8), at: voices.created, comments: 0 }
    }

    /// The parts, and when the last one was written.
    pub(crate) fn end(self) -> (Vec<TextPart>, Timestamp) {
        (self.parts, self.at)
    }

    /// Subject and description as they are.
    pub(crate) fn opening(&mut self, writer: &mut Writer<'_>, subject: String, description: String) {
        let customer = Some(Arc::clone(&self.voices.customer));
        self.part(writer, "subject".into(), TextClass::Subject, subject, customer.clone());
        self.part(writer, "description".into(), TextClass::Description, description, customer);
    }

    /// The next comment, a while after what was said before.
    pub(crate) fn comment(
        &mut self,
        writer: &mut Writer<'_>,
        class: TextClass,
        body: String,
        author: Option<Arc<str>>,
    ) {
        self.at = Timestamp(self.at.0.saturating_add(pause(&mut writer.rng)).min(self.voices.now.0));
        self.comments += 1;
        let part = format!("c{}", self.comments).into();
        self.part(writer, part, class, body, author);
    }

    fn part(
        &mut self,
        writer: &mut Writer<'_>,
        part: Arc<str>,
        class: TextClass,
        body: String,
        author: Option<Arc<str>>,
    ) {
        let lang = chance(&mut writer.rng, DECLARED).then(|| Arc::clone(&self.voices.language));
        self.parts.push(TextPart { part, class, lang, body: body.into(), author, at: Some(self.at) });
    }

    /// A whole conversation about a topic.
    pub(crate) fn about(&mut self, writer: &mut Writer<'_>, phrases: &Phrases, topic: &TopicSections, status: Status) {
        let (mut subject, mut body) = (String::new(), String::new());
        let matter = writer.rng.usize(..topic.matters);
        writer.this_sentence(topic.subject, matter, &mut subject);
        self.letter(writer, phrases, topic, matter, &mut body);
        self.opening(writer, subject, body);

        let rounds = match status {
            Status::New => 0,
            Status::Open => writer.rng.usize(..=2),
            Status::Pending | Status::Hold => writer.rng.usize(1..=3),
            Status::Solved | Status::Closed => 1 + writer.rng.usize(..=2).min(writer.rng.usize(..=2)),
        };
        let mut notes = if chance(&mut writer.rng, NOTED) { 1 + usize::from(chance(&mut writer.rng, 20)) } else { 0 };
        let agent = self.voices.agent.clone();
        for round in 0..rounds {
            if agent.is_some() {
                self.note(writer, phrases, topic, &mut notes);
                let last = round + 1 == rounds;
                let body = if last && status.is_done() && round > 0 {
                    one_sentence(writer, phrases.letter.solved)
                } else {
                    reply(writer, phrases, (round == 0).then_some((topic, matter)))
                };
                self.say(writer, TextClass::Public, body, agent.clone());
                if last {
                    break;
                }
            }
            let body = one_sentence(writer, phrases.letter.followup);
            self.say(writer, TextClass::Public, body, Some(Arc::clone(&self.voices.customer)));
        }
        while notes > 0 {
            self.note(writer, phrases, topic, &mut notes);
        }
        if let Some(side) = phrases.side.filter(|_| agent.is_some() && chance(&mut writer.rng, SIDE)) {
            let body = one_sentence(writer, side);
            self.say(writer, TextClass::Side, body, agent);
        }
    }

    /// Unwanted mail.
    pub(crate) fn unwanted(&mut self, writer: &mut Writer<'_>, spam: &SpamSections) {
        let (mut subject, mut body) = (String::new(), String::new());
        writer.phrase(spam.subject, &mut subject);
        writer.phrase(spam.body, &mut body);
        self.opening(writer, subject, body);
    }

    /// A customer's first message: greeting, matter, details, wish, signature.
    fn letter(
        &self,
        writer: &mut Writer<'_>,
        phrases: &Phrases,
        topic: &TopicSections,
        matter: usize,
        body: &mut String,
    ) {
        let letter = &phrases.letter;
        writer.phrase(letter.hello, body);
        body.push_str("\n\n");
        writer.this_sentence(topic.open, matter, body);
        for _ in 0..writer.rng.usize(..=2) {
            separate(body);
            writer.sentence(topic.detail, body);
        }
        separate(body);
        writer.sentence(letter.ask, body);
        body.push_str("\n\n");
        writer.phrase(letter.bye, body);
        body.push('\n');
        body.push_str(&self.voices.customer_name);
        if let Some(organization) = self.voices.organization {
            body.push('\n');
            body.push_str(organization);
        }
    }

    /// One of the notes that are still to be written, if any.
    fn note(&mut self, writer: &mut Writer<'_>, phrases: &Phrases, topic: &TopicSections, left: &mut usize) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let section = if chance(&mut writer.rng, 75) { topic.note } else { phrases.letter.note };
        let body = one_sentence(writer, section);
        let author = self.voices.agent.clone();
        self.say(writer, TextClass::Private, body, author);
    }

    /// A comment, unless there was nothing left to say.
    fn say(&mut self, writer: &mut Writer<'_>, class: TextClass, body: String, author: Option<Arc<str>>) {
        if !body.is_empty() {
            self.comment(writer, class, body, author);
        }
    }
}

/// An agent's answer: the first one greets and is about the matter.
fn reply(writer: &mut Writer<'_>, phrases: &Phrases, first: Option<(&TopicSections, usize)>) -> String {
    let mut body = String::new();
    if let Some((topic, matter)) = first {
        writer.phrase(phrases.letter.reply_open, &mut body);
        separate(&mut body);
        writer.this_sentence(topic.reply, matter, &mut body);
    } else {
        writer.sentence(phrases.letter.reply, &mut body);
    }
    body
}

fn one_sentence(writer: &mut Writer<'_>, section: SectionId) -> String {
    let mut body = String::new();
    writer.sentence(section, &mut body);
    body
}

/// Separates two sentences, except where the script does without spaces.
fn separate(body: &mut String) {
    if !body.ends_with('\u{3002}') {
        body.push(' ');
    }
}
