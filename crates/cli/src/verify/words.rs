//! Words to ask for: those that stand in the tenant's texts, as they stand there.

use fastrand::Rng;
use ticketscope_model::{FieldKind, Schema, TextClass, TextPart, TicketKey, fields};
use ticketscope_testkit::oracle::{Query, Term, WordPattern, WordScope, World, text::Library};

use super::pick;

/// Longer words are not asked for, as a query may have only so many runs of letters and digits.
const MAX_WORD_BYTES: usize = 64;

/// Longer phrases are not asked for.
const MAX_PHRASE_BYTES: usize = 200;

/// So many of the most frequent words are asked for as often as all others that are not drawn from a passage.
const HEAD: usize = 50;

/// The words of a tenant.
#[derive(Debug)]
pub(super) struct Vocabulary<'w> {
    /// The most frequent first.
    surfaces: Vec<&'w str>,
    /// Parts with letters or digits, and their tickets, by ascending key.
    passages: Vec<(&'w TicketKey, &'w TextPart)>,
    /// Custom fields of kind text.
    fields: Vec<&'w str>,
}

impl<'w> Vocabulary<'w> {
    /// The words of `world`, whose library is `library`.
    pub(super) fn of(world: &'w World, library: &'w Library) -> Self {
        let parts = world.tickets().flat_map(|(key, row)| row.parts.values().map(move |part| (key, part)));
        let passages = parts.filter(|(_, part)| part.body.contains(char::is_alphanumeric)).collect();
        let surfaces = library.surfaces().into_iter().map(|(surface, _)| surface).filter(|word| is_plain(word));
        Self { surfaces: surfaces.collect(), passages, fields: text_fields(world.schema()) }
    }

    /// Whether there are no words at all.
    pub(super) fn is_empty(&self) -> bool {
        self.surfaces.is_empty() || self.passages.is_empty()
    }

    /// One to three words, phrases and prefixes, some of them unwanted, some in one class of text, most of them of one
    /// ticket, which for the most part is among the `visible` ones; none if there are no words.
    pub(super) fn terms(&self, rng: &mut Rng, visible: &[&TicketKey]) -> Vec<Term> {
        let mut terms = Vec::new();
        if self.is_empty() {
            return terms;
        }
        let passage = self.passage(rng, visible);
        for _ in 0..pick(rng, &[1, 1, 1, 2, 2, 3]) {
            let scope = self.scope(rng, passage);
            let again = if scope == WordScope::Anywhere { 1 } else { pick(rng, &[1, 1, 1, 2]) };
            for _ in 0..again {
                let term = self.term(rng, &scope, passage);
                terms.push(if rng.u32(..7) == 0 { term.negate() } else { term });
            }
        }
        terms
    }

    /// A part of a ticket, visible or not: whoever does not see it is to find nothing.
    fn passage(&self, rng: &mut Rng, visible: &[&TicketKey]) -> &'w TextPart {
        if !visible.is_empty() && rng.u32(..5) > 0 {
            let ticket = pick(rng, visible);
            let before = self.passages.partition_point(|(key, _)| *key < ticket);
            let until = self.passages.partition_point(|(key, _)| *key <= ticket);
            if before < until {
                return pick(rng, &self.passages[before..until]).1;
            }
        }
        pick(rng, &self.passages).1
    }

    /// Anywhere for the most part, else the class of the passage or any other.
    fn scope(&self, rng: &mut Rng, passage: &TextPart) -> WordScope {
        match rng.u32(..16) {
            0 => WordScope::Subject,
            1 => WordScope::Description,
            2 => WordScope::Comment,
            3 => WordScope::Note,
            4 if !self.fields.is_empty() => WordScope::Field(pick(rng, &self.fields).to_owned()),
            5..=7 => match passage.class {
                TextClass::Subject => WordScope::Subject,
                TextClass::Description => WordScope::Description,
                TextClass::Public => WordScope::Comment,
                TextClass::Private => WordScope::Note,
                TextClass::Side => WordScope::Anywhere,
            },
            _ => WordScope::Anywhere,
        }
    }

    fn term(&self, rng: &mut Rng, scope: &WordScope, passage: &TextPart) -> Term {
        match rng.u32(..100) {
            0..=19 => Term::words_in(scope.clone(), WordPattern::Phrase(self.phrase(rng, passage))),
            20..=35 => Term::words_in(scope.clone(), WordPattern::Prefix(self.prefix(rng, passage))),
            36..=39 if *scope != WordScope::Anywhere => Term::words_in(scope.clone(), WordPattern::Any),
            40..=42 => word_term(scope, format!("zq{}", rng.u32(..))),
            _ => word_term(scope, self.word(rng, passage)),
        }
    }

    /// A word of the passage, in the form that it has there, or one that is frequent, less so or rare.
    fn word(&self, rng: &mut Rng, passage: &TextPart) -> String {
        if rng.bool() {
            let words = passage.body.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
            let words: Vec<&str> = words.filter(|word| is_plain(word)).collect();
            if !words.is_empty() {
                return pick(rng, &words).to_owned();
            }
        }
        let all = self.surfaces.len();
        let rank = match rng.u32(..3) {
            0 => rng.usize(..all.min(HEAD)),
            1 => middle(rng, all),
            _ => rng.usize(..all),
        };
        self.surfaces[rank].to_owned()
    }

    /// Two to four words in a row, or one that is meant as it is written.
    fn phrase(&self, rng: &mut Rng, passage: &TextPart) -> String {
        let words: Vec<&str> = passage.body.split_whitespace().collect();
        let length = pick(rng, &[1, 2, 2, 3, 3, 4]).min(words.len());
        let from = rng.usize(..=words.len() - length);
        let phrase = words[from..from + length].join(" ");
        let is_good = phrase.len() <= MAX_PHRASE_BYTES && phrase.contains(char::is_alphanumeric);
        if is_good { phrase } else { self.word(rng, passage) }
    }

    /// One to four letters or digits with which a word begins.
    fn prefix(&self, rng: &mut Rng, passage: &TextPart) -> String {
        let length = pick(rng, &[1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
        self.word(rng, passage).chars().filter(|c| c.is_alphanumeric()).take(length).collect()
    }
}

/// Whether a query asks for a prefix of fewer than `least` letters and digits.
pub(super) fn has_short_prefix(query: &Query, least: usize) -> bool {
    query.terms.iter().any(|term| match term {
        Term::Words { pattern: WordPattern::Prefix(prefix), .. } => {
            prefix.chars().filter(|c| c.is_alphanumeric()).count() < least
        }
        Term::Words { .. } | Term::Id { .. } | Term::Field { .. } => false,
    })
}

/// A place in the middle: each tenfold of ranks has the same chance.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a number of words is no larger than one of bytes in memory"
)]
fn middle(rng: &mut Rng, all: usize) -> usize {
    ((all as f64).powf(rng.f64()) as usize).min(all - 1)
}

/// The custom fields of kind text.
fn text_fields(schema: &Schema) -> Vec<&str> {
    let is_custom = |id| id != fields::SUBJECT && id != fields::DESCRIPTION;
    let of_text = schema.fields().iter().filter(|field| field.kind == FieldKind::Text && is_custom(field.id));
    of_text.map(|field| &*field.name).collect()
}

/// A word as a term: a bare number is also the id of a ticket, and `none` in one class asks for tickets without text.
fn word_term(scope: &WordScope, word: String) -> Term {
    match TicketKey::parse(&word) {
        Ok(TicketKey::Int(id @ 0..)) if *scope == WordScope::Anywhere => Term::Id { negated: false, id },
        _ if word == "none" => Term::words_in(scope.clone(), WordPattern::Phrase(word)),
        _ => Term::words_in(scope.clone(), WordPattern::Word(word)),
    }
}

/// Whether a word means itself where it stands alone in a query.
fn is_plain(word: &str) -> bool {
    let means_more = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '*' | ':' | '<' | '>' | '(' | ')')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
    };
    word.len() <= MAX_WORD_BYTES && word.starts_with(char::is_alphanumeric) && !word.contains(means_more)
}

#[cfg(test)]
mod tests {
    use ticketscope_model::{Change, Fact, TicketPatch};

    use super::*;

    const BODIES: [(TextClass, &str); 4] = [
        (TextClass::Subject, "Refunds again: 7"),
        (TextClass::Description, "I don't know why \"my\" refund -- of last week -- isn't there"),
        (TextClass::Public, "(refunded) a Caf\u{e9}"),
        (TextClass::Private, "none of that"),
    ];

    fn world() -> World {
        let mut world = World::new();
        apply(&mut world, 1, &BODIES);
        world
    }

    fn apply(world: &mut World, key: i64, bodies: &[(TextClass, &str)]) {
        let part = |(at, (class, body)): (usize, &(TextClass, &str))| TextPart {
            part: format!("p{at}").into(),
            class: *class,
            lang: None,
            body: (*body).into(),
            author: None,
            at: None,
        };
        let text = bodies.iter().enumerate().map(part).collect();
        let patch = TicketPatch { key: TicketKey::Int(key), fields: Vec::new(), replace: false, text };
        world.apply(&Change::state(Fact::Ticket(patch))).expect("a ticket");
    }

    fn drawn() -> Vec<Term> {
        let world = world();
        let library = Library::of(&world);
        let vocabulary = Vocabulary::of(&world, &library);
        let mut rng = Rng::with_seed(1);
        (0..3000).flat_map(|_| vocabulary.terms(&mut rng, &[])).collect()
    }

    #[test]
    fn words_are_drawn_as_they_stand_and_without_case_and_accents() {
        let terms = drawn();
        for word in ["Refunds", "refund", "refunded", "don't", "Caf\u{e9}", "cafe"] {
            assert!(terms.contains(&Term::words(WordPattern::Word(word.to_owned()))), "{word}");
        }
        assert!(terms.contains(&Term::Id { negated: false, id: 7 }), "a bare number is an id too");
        let in_notes = |pattern| Term::words_in(WordScope::Note, pattern);
        assert!(terms.contains(&in_notes(WordPattern::Phrase("none".to_owned()))));
        assert!(!terms.contains(&in_notes(WordPattern::Word("none".to_owned()))), "that would mean no notes");
    }

    #[test]
    fn phrases_prefixes_and_unwanted_words_are_drawn_in_every_class() {
        let (mut phrases, mut prefixes, mut scopes) = ([false; 5], [false; 5], Vec::new());
        let (mut unwanted, mut any, mut absent) = (false, false, false);
        for term in drawn() {
            let Term::Words { negated, scope, pattern } = term else { continue };
            unwanted |= negated;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
            match pattern {
                WordPattern::Phrase(text) => {
                    phrases[text.split(' ').count()] = true;
                    assert!(BODIES.iter().any(|(_, body)| body.contains(&text)) || !text.contains(' '), "{text}");
                }
                WordPattern::Prefix(text) => prefixes[text.chars().count()] = true,
                WordPattern::Any => any = true,
                WordPattern::Word(word) => absent |= word.starts_with("zq"),
            }
        }
        assert_eq!((phrases, prefixes), ([false, true, true, true, true], [false, true, true, true, true]));
        assert_eq!(scopes.len(), 5, "{scopes:?}");
        assert!(unwanted && any && absent);
    }

    #[test]
    fn most_passages_are_of_visible_tickets_and_some_of_others() {
        let mut world = world();
        for key in 2..100 {
            apply(&mut world, key, &[(TextClass::Public, "other words")]);
        }
        let library = Library::of(&world);
        let vocabulary = Vocabulary::of(&world, &library);
        let mut rng = Rng::with_seed(1);
        let drawn: Vec<_> = (0..100).map(|_| vocabulary.passage(&mut rng, &[&TicketKey::Int(1)])).collect();
        let visible = drawn.iter().filter(|part| &*part.body != "other words").count();
        assert!((60..100).contains(&visible), "{visible} of 100");
    }

    #[test]
    fn a_prefix_is_short_by_its_letters_and_digits() {
        let prefix = |text: &str| Query::of(vec![Term::words(WordPattern::Prefix(text.to_owned())).negate()]);
        assert!(has_short_prefix(&prefix("a"), 2) && has_short_prefix(&prefix("a'"), 2));
        assert!(!has_short_prefix(&prefix("ab"), 2) && !has_short_prefix(&Query::default(), 2));
    }

    #[test]
    fn ranks_in_the_middle_are_ranks() {
        let mut rng = Rng::with_seed(1);
        for all in [1, 2, 1000] {
            let ranks: Vec<_> = (0..1000).map(|_| middle(&mut rng, all)).collect();
            assert!(ranks.iter().all(|rank| *rank < all), "{all}");
            assert!(ranks.iter().any(|rank| *rank >= all / 2), "{all}");
        }
    }
}
