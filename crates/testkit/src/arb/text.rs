//! Random text, and queries for its words.

use std::{collections::BTreeMap, sync::Arc};

use fastrand::Rng;
use ticketscope_model::{
    ExprSource, Fact, FieldPatch, PrincipalFact, RawValue, RoleFact, SchemaDecl, TextClass, TextPart, TicketKey,
    TicketPatch, fold,
};

use super::{History, Scene, chance, pick, word, words::ROLES};
use crate::oracle::{Expr, Query, Term, WordPattern, WordScope};

/// What texts are put together from: inflected forms, twins in case and accents, several languages and scripts, words in a
/// row that other texts hold in another order, numbers that are also ticket ids, and texts without words.
const CHUNKS: &[&str] = &[
    "refund",
    "Refunds",
    "the refund was refunded",
    "password reset",
    "reset password reset",
    "PASSWORD Reset!",
    "passwords",
    "r\u{e9}clamation",
    "re\u{301}clamations",
    "RECLAMATION",
    "facture",
    "les factures",
    "op\u{e9}rations",
    "operation",
    "reembolso",
    "reembolsos",
    "zwrot",
    "zwrotu",
    "Rechnungen",
    "Rechnung",
    "Stra\u{df}e",
    "STRASSE 7",
    "na\u{ef}ve",
    "\u{624b}\u{673a}",
    "\u{624b}\u{673a}\u{58f3}",
    "\u{673a}",
    "\u{6771}\u{4eac} reset",
    "iPhone\u{624b}\u{673a}",
    "\u{d55c}\u{ad6d}",
    "\u{30ab}\u{3099}\u{30b9}",
    "e-mail",
    "foo-bar",
    "bar foo",
    "42",
    "7",
    "T-1",
    "v2",
    "3\u{bd}",
    "\u{1f4a1}",
    "...",
    "\u{e35}",
    "Hello, I would like to know when I will get my refund, because this is the third time that I ask.",
    "Bonjour, je voudrais savoir quand mes factures seront rembours\u{e9}es, c'est la troisi\u{e8}me fois que je vous \u{e9}cris.",
    "Dzie\u{144} dobry, chcia\u{142}bym wiedzie\u{107}, kiedy otrzymam zwroty, poniewa\u{17c} pisz\u{119} ju\u{17c} trzeci raz.",
    "Guten Tag, ich warte immer noch auf die Rechnungen und m\u{f6}chte wissen, wann ich sie endlich bekomme.",
];

const SEPARATORS: &[&str] = &[" ", " ", " ", ", ", "\n", "-", "\u{3002}", ""];

/// Part ids; the first two with a class of their own.
const PARTS: &[&str] = &["subject", "description", "c1", "c2", "c3", "c4"];

impl Scene {
    /// [`Scene::setup`] with roles that read, and people who have them: most of them see much, some of them private text
    /// and side conversations. Half of the tenants declare languages.
    pub fn text_setup(&self, rng: &mut Rng) -> History {
        let mut history = self.setup(rng);
        for id in ROLES {
            let role = self.reader(rng, id);
            history.push_role(None, false, role);
        }
        for person in self.people.iter().skip(1) {
            if let (30.., Fact::Principal(fact)) = (rng.u32(..100), self.principal(rng, person)) {
                let role = Some((*pick(rng, ROLES)).into());
                history.push(None, false, Fact::Principal(PrincipalFact { role, active: true, ..fact }));
            }
        }
        if rng.bool() {
            let mut languages = vec!["en", "fr", "de", "pl", "es"];
            languages.retain(|_| rng.bool());
            let languages = languages.into_iter().map(Arc::from).collect();
            history.push(None, false, Fact::Schema(SchemaDecl { languages, ..SchemaDecl::default() }));
        }
        history
    }

    /// What happens to the text of a tenant that was [set up](Scene::text_setup): parts that come, change, change their
    /// class and go, deletions and new lives of tickets, and now and then a move or another role. Some changes are refused.
    pub fn text_history(&self, rng: &mut Rng, length: usize) -> History {
        let mut history = History::default();
        let mut stated: BTreeMap<(TicketKey, Arc<str>), TextPart> = BTreeMap::new();
        for _ in 0..length {
            let ticket = self.key(rng);
            match rng.u32(..100) {
                0..=54 => {
                    let part = text_part(rng);
                    stated.insert((ticket.clone(), Arc::clone(&part.part)), part.clone());
                    history.push(None, false, Fact::Text { ticket, part });
                }
                kind @ 55..=76 if !stated.is_empty() => {
                    let at = rng.usize(..stated.len());
                    let Some(((ticket, _), part)) = stated.iter_mut().nth(at) else { continue };
                    let gone = kind > 69;
                    if !gone {
                        part.class = *pick(rng, &TextClass::ALL);
                    }
                    history.push(None, gone, Fact::Text { ticket: ticket.clone(), part: part.clone() });
                }
                55..=80 => {
                    let patch = TicketPatch { key: ticket, ..self.patch(rng, 6, true) };
                    history.push(None, false, Fact::Ticket(patch));
                }
                81..=86 => {
                    let field = *pick(rng, &["subject", "description", "diagnosis"]);
                    if self.schema.field(field).is_some() {
                        let body = FieldPatch::Set(RawValue::Text(body(rng)));
                        let fields = vec![(field.into(), body)];
                        let patch = TicketPatch { key: ticket, fields, replace: false, text: Vec::new() };
                        history.push(None, false, Fact::Ticket(patch));
                    }
                }
                87..=90 => {
                    let text = (0..rng.usize(..4)).map(|_| text_part(rng)).collect::<Vec<_>>();
                    let text = beside_fields(text);
                    let patch = TicketPatch { key: ticket, text, ..self.replacement(rng) };
                    history.push(None, false, Fact::Ticket(patch));
                }
                91..=94 => history.push(None, false, Fact::Del(ticket)),
                95..=96 => {
                    let id = *pick(rng, ROLES);
                    let role = self.reader(rng, id);
                    history.push_role(None, false, role);
                }
                _ => {
                    let rel = self.rel(rng);
                    history.push(None, rng.bool(), rel);
                }
            }
        }
        history
    }

    /// A query for one to three words, phrases, prefixes or numbers, some of them unwanted, some in one class of text, some
    /// with tests on fields around them.
    pub fn text_query(&self, rng: &mut Rng) -> Query {
        let mut terms = Vec::new();
        if chance(rng, 20) {
            terms.extend(self.query(rng).terms);
        }
        for _ in 0..*pick(rng, &[1, 1, 1, 2, 2, 3]) {
            let scope = self.word_scope(rng);
            for _ in 0..*pick(rng, &[1, 1, 1, 2]) {
                let term = match rng.u32(..100) {
                    0..=7 => Term::Id { negated: false, id: *pick(rng, &[7, 42, 1, 2, 3, 77]) },
                    8..=13 if scope != WordScope::Anywhere => Term::words_in(scope.clone(), WordPattern::Any),
                    14..=35 => Term::words_in(scope.clone(), WordPattern::Phrase(phrase(rng))),
                    36..=53 => Term::words_in(scope.clone(), WordPattern::Prefix(prefix(rng))),
                    _ => Term::words_in(scope.clone(), WordPattern::Word(free_word(rng))),
                };
                terms.push(if chance(rng, 15) { term.negate() } else { term });
            }
        }
        if chance(rng, 20) {
            terms.extend(self.query(rng).terms);
        }
        Query::of(terms)
    }

    fn word_scope(&self, rng: &mut Rng) -> WordScope {
        match rng.u32(..10) {
            0 => WordScope::Subject,
            1 => WordScope::Description,
            2 => WordScope::Comment,
            3 => WordScope::Note,
            4 if self.schema.field("diagnosis").is_some() => WordScope::Field("diagnosis".to_owned()),
            _ => WordScope::Anywhere,
        }
    }

    /// A role that reads, and its expressions.
    fn reader(&self, rng: &mut Rng, id: &str) -> (Fact, Vec<Expr>) {
        let mut verbs: Vec<(Arc<str>, ExprSource)> = Vec::new();
        let mut expressions = Vec::new();
        for (verb, often) in [("view", 100), ("view_private", 60), ("view_side", 60)] {
            if chance(rng, often) {
                let expr = if chance(rng, 50) { Expr::All } else { self.expr(rng, 2) };
                verbs.push((verb.into(), ExprSource::Text(expr.to_string().into())));
                expressions.push(expr);
            }
        }
        (Fact::Role(RoleFact { id: id.into(), verbs }), expressions)
    }
}

pub(super) fn text_part(rng: &mut Rng) -> TextPart {
    let part = *pick(rng, PARTS);
    let class = match part {
        "subject" if chance(rng, 90) => TextClass::Subject,
        "description" if chance(rng, 90) => TextClass::Description,
        _ => *pick(rng, &[TextClass::Public, TextClass::Public, TextClass::Private, TextClass::Side]),
    };
    let lang = chance(rng, 40).then(|| (*pick(rng, &["en", "fr", "pl-PL", "DE", "pt_BR", "ja", "x"])).into());
    TextPart { part: part.into(), class, lang, body: body(rng), author: None, at: None }
}

/// The parts of which a whole ticket may consist beside its fields: subject and description are fields, and no part twice.
fn beside_fields(parts: Vec<TextPart>) -> Vec<TextPart> {
    let mut kept: Vec<TextPart> = Vec::new();
    for part in parts {
        let is_field = matches!(&*part.part, "subject" | "description");
        if !is_field && kept.iter().all(|other| other.part != part.part) {
            kept.push(part);
        }
    }
    kept
}

fn body(rng: &mut Rng) -> Arc<str> {
    let mut body = String::new();
    for _ in 0..*pick(rng, &[0, 1, 2, 3, 3, 4, 6, 12, 40]) {
        body.push_str(word(rng, CHUNKS));
        body.push_str(word(rng, SEPARATORS));
    }
    if chance(rng, 3) {
        body.push_str(&long_word(rng));
    }
    body.into()
}

/// A word as long as words can be, or a little longer.
fn long_word(rng: &mut Rng) -> String {
    " ".to_owned() + &"lang\u{e9}".repeat(22) + *pick(rng, &["", "1", "ss", "\u{df}"])
}

/// A chunk that has a letter or a digit, in its own or other letters.
fn chunk(rng: &mut Rng) -> String {
    let text = if chance(rng, 2) { long_word(rng) } else { (*pick(rng, CHUNKS)).to_owned() };
    let text = match rng.u32(..6) {
        0 => text.to_uppercase(),
        1 => fold(&text),
        _ => text,
    };
    if text.contains(char::is_alphanumeric) { text } else { "Refund".to_owned() }
}

fn phrase(rng: &mut Rng) -> String {
    let words = chunk(rng);
    if chance(rng, 25) { words + " " + &chunk(rng) } else { words }
}

/// One word, and not a number.
fn free_word(rng: &mut Rng) -> String {
    let chunk = chunk(rng);
    let words: Vec<_> = chunk.split_whitespace().filter(|word| word.contains(char::is_alphabetic)).collect();
    if words.is_empty() { "refunding".to_owned() } else { (*pick(rng, &words)).to_owned() }
}

/// The beginning of a word, with at least two letters or digits.
fn prefix(rng: &mut Rng) -> String {
    let word = free_word(rng);
    let mut prefix = String::new();
    let least = rng.usize(2..6);
    for letter in word.chars() {
        prefix.push(letter);
        if prefix.chars().filter(|c| c.is_alphanumeric()).count() >= least {
            return prefix;
        }
    }
    if word.chars().filter(|c| c.is_alphanumeric()).count() >= 2 { word } else { "re".to_owned() }
}
