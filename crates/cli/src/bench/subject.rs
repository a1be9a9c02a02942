//! What is asked for: words, a value and a field of the tenant itself.

use std::collections::{BTreeSet, HashMap};

use ticketscope_bitmap::FieldIndex;
use ticketscope_engine::View;
use ticketscope_model::{FieldId, TicketOrd, Timestamp, fields};
use ticketscope_query::{
    Access, Query, Snapshot,
    ast::Clause,
    count,
    parse::{Context, parse},
};

use crate::failure::Failure;

/// Tickets whose texts are read for words, spread evenly over the tenant.
const READ: u32 = 2_000;

/// Letters of a word that is asked for.
const LETTERS: std::ops::RangeInclusive<usize> = 3..=24;

/// Words of one of the tickets that were read, of which the rarest is asked for.
const RARE_CANDIDATES: usize = 20;

/// Letters of the beginning that suggestions are asked for.
const BEGINNING: usize = 3;

/// Values of the field that is counted by, at most.
const MAX_VALUES: usize = 1_000;

/// A word of the tenant's texts.
#[derive(Debug)]
pub(super) struct Word {
    /// How frequent it is, among the others.
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) query: Query,
    /// Live and archived tickets that have it.
    pub(super) tickets: u32,
}

/// A filter by one value.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) text: String,
    pub(super) query: Query,
    /// Live and archived tickets that pass.
    pub(super) tickets: u32,
}

/// What is asked for. A tenant may lack any of it.
#[derive(Debug)]
pub(super) struct Subject {
    /// By falling frequency.
    pub(super) words: Vec<Word>,
    /// The value nearest to one ticket in four.
    pub(super) filter: Option<Filter>,
    /// The field with the most values, up to a thousand.
    pub(super) facet: Option<(FieldId, String)>,
    /// What somebody may have typed of the word in the middle.
    pub(super) beginning: Option<String>,
}

impl Subject {
    pub(super) fn of(view: &View, now: Timestamp) -> Result<Self, Failure> {
        let words = words(view, now)?;
        let beginning = words.get(words.len() / 2).map(|word| word.text.chars().take(BEGINNING).collect());
        Ok(Self { words, filter: filter(view.snapshot())?, facet: facet(view.snapshot()), beginning })
    }
}

/// A word that most tickets have, a rare one, and one in the middle between both in orders of magnitude.
fn words(view: &View, now: Timestamp) -> Result<Vec<Word>, Failure> {
    let frequencies = frequencies(view)?;
    let context = Context::new(view.snapshot().schema(), now);
    let word = |kind, text: &str| -> Result<Option<Word>, Failure> {
        let Some(query) = parse(text, &context).ok().filter(Query::asks_for_words) else { return Ok(None) };
        let tickets = count(view.snapshot(), Access::admin(), &query)?;
        Ok((tickets > 0).then(|| Word { kind, text: text.to_owned(), query, tickets }))
    };
    let mut common = None;
    for (text, _) in &frequencies {
        common = word("very common", text)?;
        if common.is_some() {
            break;
        }
    }
    let Some(common) = common else { return Ok(Vec::new()) };
    let mut rare: Option<Word> = None;
    for (text, _) in frequencies.iter().rev().take(RARE_CANDIDATES) {
        let found = word("rare", text)?.filter(|word| word.text != common.text);
        if let Some(found) = found
            && rare.as_ref().is_none_or(|rare| found.tickets < rare.tickets)
        {
            rare = Some(found);
        }
    }
    let Some(rare) = rare else { return Ok(vec![common]) };
    // What was read is a part of the tenant: only places in the order are compared, by the numbers of this part.
    let read = |text: &str| frequencies.iter().find(|(word, _)| word == text).map_or(1, |(_, tickets)| *tickets);
    let target = f64::midpoint(f64::from(read(&common.text)).ln(), f64::from(read(&rare.text)).ln());
    let distance = |tickets: u32| (f64::from(tickets).ln() - target).abs();
    let others = frequencies.iter().filter(|(text, _)| *text != common.text && *text != rare.text);
    let middle = others.min_by(|(_, a), (_, b)| distance(*a).total_cmp(&distance(*b)));
    let middle = middle.map(|(text, _)| word("middling", text)).transpose()?.flatten();
    Ok([Some(common), middle, Some(rare)].into_iter().flatten().collect())
}

/// The words of some tickets with how many of these have them, the most frequent first.
fn frequencies(view: &View) -> Result<Vec<(String, u32)>, Failure> {
    let tickets = view.snapshot().index().universe();
    let step = (tickets.len() / READ).max(1) as usize;
    let mut frequencies: HashMap<String, u32> = HashMap::new();
    for ord in tickets.iter().step_by(step) {
        let parts = view.parts(TicketOrd(ord))?;
        let words = parts.iter().flat_map(|part| part.body.split(|c: char| !c.is_alphanumeric()));
        let is_word = |word: &&str| word.chars().all(char::is_alphabetic) && LETTERS.contains(&word.chars().count());
        let words: BTreeSet<String> = words.filter(is_word).map(str::to_lowercase).collect();
        for word in words {
            *frequencies.entry(word).or_default() += 1;
        }
    }
    // Where words are not set apart, what stands between two stops is a sentence: it is asked for if there is nothing else.
    let is_cased = |word: &str| word.chars().all(char::is_lowercase);
    let has_cased = frequencies.keys().any(|word| is_cased(word));
    let mut frequencies: Vec<(String, u32)> =
        frequencies.into_iter().filter(|(word, _)| !has_cased || is_cased(word)).collect();
    frequencies.sort_by(|(a_word, a), (b_word, b)| b.cmp(a).then_with(|| a_word.cmp(b_word)));
    Ok(frequencies)
}

/// Fields with values to choose from, and how many tickets have each value.
fn columns(snapshot: &Snapshot) -> impl Iterator<Item = (FieldId, &FieldIndex)> {
    let has_values = |id| snapshot.schema().by_id(id).is_some_and(|def| def.kind.is_keyword());
    // Almost all tickets live.
    snapshot.index().fields().filter(move |(id, _)| *id != fields::LIFE && has_values(*id))
}

fn filter(snapshot: &Snapshot) -> Result<Option<Filter>, Failure> {
    let quarter = snapshot.index().universe().len() / 4;
    let values =
        columns(snapshot).flat_map(|(field, column)| (0..column.codes()).map(move |code| (field, column, code)));
    let used = values.filter(|(_, column, code)| column.tickets_len(*code) > 0);
    let nearest = used.min_by_key(|(_, column, code)| column.tickets_len(*code).abs_diff(quarter));
    let Some((field, column, code)) = nearest else { return Ok(None) };
    let query = Query::everything().and(Clause::is(field, column.value_of(code)));
    let tickets = count(snapshot, Access::admin(), &query)?;
    Ok(Some(Filter { text: query.to_text(snapshot.schema()), query, tickets }))
}

fn facet(snapshot: &Snapshot) -> Option<(FieldId, String)> {
    let used = |column: &FieldIndex| (0..column.codes()).filter(|code| column.tickets_len(*code) > 0).count();
    let counted = columns(snapshot).map(|(field, column)| (field, used(column)));
    let (field, _) = counted.filter(|(_, values)| *values <= MAX_VALUES).max_by_key(|(_, values)| *values)?;
    Some((field, snapshot.schema().by_id(field)?.name.to_string()))
}
