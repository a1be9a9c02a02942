//! From the words of a query to sets of tickets, and to what they score, both inside an access.

use std::sync::Arc;

use bitmap::{SetExpr, TicketSet};
use model::{Schema, TicketKey, TicketOrd};
use text::{
    Alternative, Best, Form, Leaf, Pattern, ScoredClause, Section, Statistics, TextField, TextView, WeighedLeaf,
    analysis::query_words, custom_word, key_score,
};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_text as text;

use crate::{
    Access, AnswerError, CachedScope, Snapshot,
    ast::{Clause, Query, Test, WordClause, WordPattern, WordScope},
};

/// Sets with so many tickets for each that is visible are cut down to those before they are united.
const CUT_FIRST: u64 = 2;

/// Who may read a field: the class whose scope covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Public,
    Private,
    Side,
}

fn class_of(field: TextField) -> Class {
    match field {
        TextField::Public | TextField::Subject => Class::Public,
        TextField::Private | TextField::Custom => Class::Private,
        TextField::Side => Class::Side,
    }
}

/// The texts that one asker may read, as sets of tickets.
#[derive(Debug)]
pub(crate) struct Readable<'a> {
    view: &'a TextView,
    number: u64,
    /// Whether the text of some tickets may be read no more, though they are seen.
    masked: bool,
    /// By [`Class`]: the scope, and its tickets whose words may be found.
    classes: [(Arc<CachedScope>, TicketSet); 3],
}

/// One clause as leaves.
#[derive(Debug)]
pub(crate) struct AskedClause {
    negated: bool,
    alternatives: Vec<AskedAlternative>,
}

#[derive(Debug, Default)]
struct AskedAlternative {
    /// For each field its leaves.
    fields: Vec<Vec<Leaf>>,
    named: Option<TicketOrd>,
}

impl<'a> Readable<'a> {
    /// What may be read of the text of `snapshot`, if it has any.
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        access: &Access,
        visible: &Arc<CachedScope>,
    ) -> Result<Option<Self>, AnswerError> {
        let state = snapshot.text();
        let Some(view) = state.view() else {
            return if state.is_somewhere() { Err(AnswerError::TextOpening) } else { Ok(None) };
        };
        let readable = |scope: Arc<CachedScope>| {
            let tickets = scope.text_readable(state.number(), state.masked());
            (scope, tickets)
        };
        let classes = [
            readable(Arc::clone(visible)),
            readable(snapshot.visible(&access.private)),
            readable(snapshot.visible(&access.side)),
        ];
        Ok(Some(Self { view, number: state.number(), masked: !state.masked().is_empty(), classes }))
    }

    pub(crate) fn view(&self) -> &'a TextView {
        self.view
    }

    fn class(&self, field: TextField) -> &(Arc<CachedScope>, TicketSet) {
        match class_of(field) {
            Class::Public => &self.classes[0],
            Class::Private => &self.classes[1],
            Class::Side => &self.classes[2],
        }
    }

    /// The tickets in which the asker may read `field`.
    pub(crate) fn tickets(&self, field: TextField) -> &TicketSet {
        &self.class(field).1
    }

    /// The tickets in which the asker may find a leaf.
    pub(crate) fn find(&self, leaf: &Leaf) -> Result<TicketSet, AnswerError> {
        Ok(self.view.find(leaf)?.and(self.tickets(leaf.field)))
    }

    /// The word clauses of a query as leaves; nothing for those that hold no word.
    pub(crate) fn read(&self, snapshot: &Snapshot, query: &Query) -> Result<Vec<Option<AskedClause>>, AnswerError> {
        let clauses: Vec<_> = query.words.iter().map(|clause| self.read_clause(snapshot.schema(), clause)).collect();
        match query.words.first() {
            Some(first) if clauses.iter().all(Option::is_none) && numbers(query).next().is_none() => {
                Err(AnswerError::NoWords { span: first.span })
            }
            _ => Ok(clauses),
        }
    }

    fn read_clause(&self, schema: &Schema, clause: &WordClause) -> Option<AskedClause> {
        let read = |pattern: &WordPattern| {
            let fields: Vec<Vec<Leaf>> = places(clause.scope)
                .iter()
                .map(|(field, section)| {
                    let patterns = self.patterns(schema, clause.scope, pattern);
                    patterns.into_iter().map(|pattern| Leaf { field: *field, section: *section, pattern }).collect()
                })
                .collect();
            let has_words = fields.iter().any(|leaves| !leaves.is_empty()) || fields.is_empty();
            has_words.then_some(AskedAlternative { fields, named: None })
        };
        let alternatives: Vec<AskedAlternative> = clause.any_of.iter().filter_map(read).collect();
        (!alternatives.is_empty()).then_some(AskedClause { negated: clause.negated, alternatives })
    }

    /// The patterns of one word or phrase, any of which will do; none if it holds no letter or digit.
    fn patterns(&self, schema: &Schema, scope: WordScope, pattern: &WordPattern) -> Vec<Pattern> {
        // Every word of a custom field stands behind the field's name.
        let name = match scope {
            WordScope::Field(id) => schema.by_id(id).map(|def| Arc::clone(&def.name)),
            _ => None,
        };
        let placed = |word: String| match &name {
            Some(name) => custom_word(name, &word).into(),
            None => word.into_boxed_str(),
        };
        match pattern {
            WordPattern::Word(word) => match self.view.query_stems(word) {
                Some(stems) => stems.into_iter().map(|stem| Pattern::Term(Form::Stem, placed(stem))).collect(),
                None => phrase(word, false, placed),
            },
            WordPattern::Phrase(words) => phrase(&words.join(" "), false, placed),
            WordPattern::Prefix(word) => phrase(word, true, placed),
            WordPattern::Any => {
                vec![Pattern::Any(name.map_or_else(Box::default, |name| custom_word(&name, "").into()))]
            }
        }
    }

    /// The clause of a bare number: the ticket of that key, or any with the number as a word.
    pub(crate) fn number_clause(&self, snapshot: &Snapshot, negated: bool, number: i64) -> AskedClause {
        let word = WordPattern::Word(number.to_string().into());
        let clause = WordClause::new(WordScope::Anywhere, word);
        let mut alternatives =
            self.read_clause(snapshot.schema(), &clause).map_or_else(Vec::new, |clause| clause.alternatives);
        if alternatives.is_empty() {
            alternatives.push(AskedAlternative::default());
        }
        let named = snapshot.index().find(&TicketKey::Int(number));
        let visible = self.classes[0].0.set();
        if let Some(first) = alternatives.first_mut() {
            first.named = named.filter(|ord| visible.contains(*ord));
        }
        AskedClause { negated, alternatives }
    }

    /// Whether a field may be read wherever a ticket is seen.
    fn is_seen_whole(&self, field: TextField) -> bool {
        !self.masked && Arc::ptr_eq(&self.class(field).0, &self.classes[0].0)
    }

    /// The tickets that match a clause, as a formula that is true of the visible ones alone.
    pub(crate) fn lower(&self, clause: &AskedClause) -> Result<SetExpr, AnswerError> {
        let mut sets = Vec::new();
        for alternative in &clause.alternatives {
            for leaf in alternative.fields.iter().flatten() {
                if self.is_seen_whole(leaf.field) {
                    sets.push(TicketSet::clone(&*self.view.find(leaf)?));
                } else if self.found(leaf)? > 0 {
                    sets.push(self.find(leaf)?);
                }
            }
            sets.extend(alternative.named.map(|ord| TicketSet::from_sorted(&[ord.0])));
        }
        let (visible, postings) = (self.classes[0].0.set().len(), sets.iter().map(TicketSet::len));
        let found = if sets.len() == 1 {
            SetExpr::Set(sets.remove(0))
        } else if postings.map(u64::from).sum::<u64>() / CUT_FIRST > u64::from(visible) {
            SetExpr::Or(sets.into_iter().map(SetExpr::Set).collect())
        } else {
            SetExpr::Set(TicketSet::union(&sets))
        };
        Ok(if clause.negated { SetExpr::Not(Box::new(found)) } else { found })
    }

    /// What a clause scores by the statistics of the asker's own scopes; nothing if it is negated.
    pub(crate) fn weigh(&self, clause: &AskedClause) -> Result<Option<ScoredClause>, AnswerError> {
        if clause.negated {
            return Ok(None);
        }
        let tickets = self.classes[0].0.set().len();
        let mut scored = Vec::with_capacity(clause.alternatives.len());
        for alternative in &clause.alternatives {
            let mut fields = Vec::with_capacity(alternative.fields.len());
            for leaves in &alternative.fields {
                let mut weighed = Vec::with_capacity(leaves.len());
                for leaf in leaves {
                    weighed.extend(WeighedLeaf::new(leaf.clone(), self.statistics(leaf, tickets)?));
                }
                if let Some(first) = weighed.first() {
                    let field = first.leaf().field;
                    let readable = (!self.is_seen_whole(field)).then(|| self.tickets(field).clone());
                    fields.push(Best { readable, leaves: weighed });
                }
            }
            let named = alternative.named.map(|ord| (ord, key_score(tickets)));
            scored.push(Alternative { fields, named });
        }
        Ok(Some(scored))
    }

    /// In how many tickets the asker may find a leaf.
    fn found(&self, leaf: &Leaf) -> Result<u32, AnswerError> {
        let (scope, readable) = self.class(leaf.field);
        scope.text_found(self.number, leaf, || Ok(self.view.find(leaf)?.and_len(readable)))
    }

    fn statistics(&self, leaf: &Leaf, tickets: u32) -> Result<Statistics, AnswerError> {
        let (scope, readable) = self.class(leaf.field);
        let found = self.found(leaf)?;
        let form = leaf.pattern.form();
        let length = scope.text_length(self.number, (leaf.field, form), || {
            Ok::<_, AnswerError>(self.view.length(leaf.field, form, readable)?)
        })?;
        Ok(Statistics { tickets, found, length })
    }
}

impl AskedClause {
    /// Its leaves.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        self.alternatives.iter().flat_map(|alternative| &alternative.fields).flatten()
    }

    pub(crate) fn is_negated(&self) -> bool {
        self.negated
    }
}

/// The fields, and the stretches of them, that a scope of words looks at.
fn places(scope: WordScope) -> &'static [(TextField, Section)] {
    match scope {
        WordScope::Anywhere => &[
            (TextField::Public, Section::Whole),
            (TextField::Private, Section::Whole),
            (TextField::Side, Section::Whole),
        ],
        WordScope::Subject => &[(TextField::Subject, Section::Whole)],
        WordScope::Description => &[(TextField::Public, Section::AfterSubject)],
        WordScope::Comment => &[(TextField::Public, Section::Comments)],
        WordScope::Note => &[(TextField::Private, Section::Whole)],
        // No importer brings names of attachments yet: no ticket has one.
        WordScope::AttachmentName => &[],
        WordScope::Field(_) => &[(TextField::Custom, Section::Whole)],
    }
}

fn phrase(text: &str, open: bool, placed: impl Fn(String) -> Box<str>) -> Vec<Pattern> {
    let mut words: Vec<(u32, Box<str>)> =
        query_words(text).into_iter().map(|word| (word.offset, placed(word.text))).collect();
    match (words.len(), open) {
        (0, _) => Vec::new(),
        (1, false) => vec![Pattern::Term(Form::Surface, words.remove(0).1)],
        (1, true) => vec![Pattern::Prefix(words.remove(0).1)],
        _ => vec![Pattern::Phrase { words: words.into(), open }],
    }
}

/// The bare numbers among the clauses of a query.
pub(crate) fn numbers(query: &Query) -> impl Iterator<Item = (bool, i64)> {
    query.filter.iter().filter_map(|Clause { negated, test, .. }| match test {
        Test::NumberOrWord(number) => Some((*negated, *number)),
        Test::Field { .. } | Test::Key(_) | Test::AnyCustomField(_) => None,
    })
}

/// Whether a query asks for words that can be scored.
pub(crate) fn has_scored_words(query: &Query) -> bool {
    query.words.iter().any(|clause| !clause.negated) || numbers(query).any(|(negated, _)| !negated)
}
