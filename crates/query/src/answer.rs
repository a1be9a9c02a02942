use std::{cell::OnceCell, cmp::Reverse, sync::Arc};

use bitmap::{Index, SetExpr, TicketSet};
use model::{FieldId, Span, TicketKey, TicketOrd, Timestamp};
use text::TextError;
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_text as text;

use crate::{
    Access, CachedScope, CursorError, Snapshot,
    ast::{Direction, Query, Sort, SortKey},
    cache::count as count_values,
    cursor::Cursor,
    lower::lower_filter,
    plan::{ListPlan, PageCut},
    relevance::{self, Scored},
    rows::{Hit, rows},
    sort::{SortValue, Sorter},
    suggest::{MAX_PREFIX_BYTES, MAX_SUGGESTIONS},
    value_counts::ValueCounts,
    words::{AskedClause, Readable, numbers},
};

/// Rows of a page at most.
pub const MAX_PAGE: u32 = 1000;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// The query asks for words, and the snapshot was made without a text index.
    #[error("this index holds no text: leave out the words and phrases and filter by fields instead")]
    Words {
        /// The first word.
        span: Span,
    },
    /// None of the words and phrases holds a letter or a digit.
    #[error("nothing to search for: no word here holds a letter or a digit")]
    NoWords {
        /// The first of them.
        span: Span,
    },
    /// The query asks for words while the text index is being opened or made anew.
    #[error("the text of this tenant is being made ready; try again in a moment")]
    TextOpening,
    /// The text index cannot be read.
    #[error("{message}")]
    Text {
        /// What failed.
        message: String,
    },
    /// A page of no rows or of too many.
    #[error("a page has 1 to {MAX_PAGE} rows, not {0}")]
    PageSize(u32),
    /// The plan is none of [`plans`].
    #[error("the plan {0:?} cannot answer this query")]
    Plan(ListPlan),
    /// Not a cursor of this question.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Facets of a field without values to count.
    #[error("field `{0}` has no facets: only keyword, principal, tree and flag fields do")]
    NoFacets(String),
    /// No suggestions, or too many of them, are asked for.
    #[error("ask for 1 to {MAX_SUGGESTIONS} suggestions, not {0}")]
    SuggestionLimit(usize),
    /// Suggestions are asked for with a beginning longer than [`MAX_PREFIX_BYTES`].
    #[error("the beginning of a word or value may have at most {MAX_PREFIX_BYTES} bytes, this one has {0}")]
    PrefixTooLong(usize),
}

impl From<TextError> for AnswerError {
    fn from(error: TextError) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::Text { message }
    }
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Start {
    /// With the first ticket.
    #[default]
    First,
    /// After the page that gave this cursor.
    After(String),
    /// With the ticket of this rank, counted from 0.
    Rank(u32),
}

/// Which rows of a list are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it begins.
    pub start: Start,
    /// How many rows, 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// Who asks, as the cursor is bound to them.
    pub asker: String,
    /// When the query was read; a cursor keeps it for the pages that follow.
    pub now: Timestamp,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<'a> {
    /// How many tickets the list has in all; exact.
    pub total: u32,
    /// The rows.
    pub hits: Vec<Hit<'a>>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
    /// How it was answered. For admins alone: the choice depends on the size of the whole tenant.
    pub plan: ListPlan,
}

/// A page of a list, as keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyListing {
    /// How many tickets the list has in all; exact.
    pub total: u32,
    /// The keys of the rows.
    pub keys: Vec<TicketKey>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
    /// How it was answered. For admins alone: the choice depends on the size of the whole tenant.
    pub plan: ListPlan,
}

/// How many of the tickets have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetRow {
    /// The value; nothing for the tickets that have none.
    pub value: Option<String>,
    /// Exact; never 0 but for the row without a value.
    pub count: u32,
}

/// The values of a field among the tickets of a query: most frequent first, then by value; the row without a value
/// last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// The field.
    pub field: FieldId,
    /// Its rows.
    pub rows: Vec<FacetRow>,
    /// Values that were left out, being less frequent.
    pub more: u32,
}

/// The tickets of a query inside an access, with the scope itself.
pub(crate) struct Found<'a> {
    pub(crate) visible: Arc<CachedScope>,
    pub(crate) filter: SetExpr,
    /// The text that may be read, where the query asks for any.
    pub(crate) readable: Option<Readable<'a>>,
    /// The clauses that look for words, in the query's order, bare numbers last.
    pub(crate) clauses: Vec<AskedClause>,
    /// Whether the query is one clause of words and nothing else.
    pub(crate) is_one_clause: bool,
    hits: OnceCell<TicketSet>,
    total: OnceCell<u32>,
}

pub(crate) fn find<'a>(snapshot: &'a Snapshot, access: &Access, query: &Query) -> Result<Found<'a>, AnswerError> {
    let visible = snapshot.visible(&access.view);
    let readable = if query.asks_for_words() { Readable::new(snapshot, access, &visible)? } else { None };
    let mut clauses = Vec::new();
    let mut formulas = Vec::new();
    match (&readable, query.words.first()) {
        (None, Some(first)) => return Err(AnswerError::Words { span: first.span }),
        (None, None) => {}
        (Some(readable), _) => {
            clauses.extend(readable.read(snapshot, query)?.into_iter().flatten());
            let numbers = numbers(query).map(|(negated, number)| readable.number_clause(snapshot, negated, number));
            clauses.extend(numbers);
            for clause in &clauses {
                formulas.push(readable.lower(clause)?);
            }
        }
    }
    let filter = lower_filter(snapshot, &query.filter, &visible, formulas, readable.is_some());
    let is_one_clause = query.filter.is_empty() && clauses.len() == 1;
    Ok(Found { visible, filter, readable, clauses, is_one_clause, hits: OnceCell::new(), total: OnceCell::new() })
}

impl Found<'_> {
    /// The tickets, as a set that is made at the first call.
    pub(crate) fn hits(&self, index: &Index) -> &TicketSet {
        self.hits.get_or_init(|| match &self.filter {
            SetExpr::All => self.visible.set().clone(),
            filter => index.eval_within(filter, self.visible.set()),
        })
    }

    /// The tickets, if their set was made before.
    pub(crate) fn known_hits(&self) -> Option<&TicketSet> {
        self.hits.get()
    }

    /// How many tickets.
    pub(crate) fn total(&self, index: &Index) -> u32 {
        *self.total.get_or_init(|| match self.hits.get() {
            Some(hits) => hits.len(),
            None => self.visible.count(index, &self.filter),
        })
    }

    /// [`Self::total`] where the tickets themselves are likely to be needed too: makes them unless it is known without.
    pub(crate) fn total_or_hits(&self, index: &Index) -> u32 {
        if self.hits.get().is_some() || self.total.get().is_some() {
            return self.total(index);
        }
        match self.visible.known_count(index, &self.filter) {
            Some(total) => *self.total.get_or_init(|| total),
            // So many that a page of them is found without the others.
            None if index.counts_blockwise(&self.filter, self.visible.set()) => self.total(index),
            None => self.hits(index).len(),
        }
    }

    /// How many have each value of a field, and how many have none.
    fn counts(&self, index: &Index, field: FieldId) -> (Arc<ValueCounts>, u32) {
        let Some(column) = index.field(field) else { return (Arc::default(), self.total(index)) };
        if self.hits.get().is_none()
            && !self.is_whole_scope()
            && let Some(counts) = index.count_values(field, &self.filter, self.visible.set())
        {
            // Of a field of which each has one value at most.
            let without = self.total(index) - counts.iter().sum::<u32>();
            return (Arc::new(ValueCounts::new(&counts)), without);
        }
        let hits = self.hits(index);
        let without = hits.len() - column.has().and_len(hits);
        let counts = if self.is_whole_scope() {
            self.visible.facet(index, field)
        } else {
            Arc::new(count_values(index, field, hits))
        };
        (counts, without)
    }

    pub(crate) fn is_whole_scope(&self) -> bool {
        self.filter == SetExpr::All
    }
}

/// How many visible tickets match.
///
/// # Errors
/// [`AnswerError::Words`].
pub fn count(snapshot: &Snapshot, access: impl Into<Access>, query: &Query) -> Result<u32, AnswerError> {
    let found = find(snapshot, &access.into(), query)?;
    Ok(found.total(snapshot.index()))
}

/// The visible tickets that match, as a set.
///
/// # Errors
/// [`AnswerError::Words`].
pub fn matching(snapshot: &Snapshot, access: impl Into<Access>, query: &Query) -> Result<TicketSet, AnswerError> {
    Ok(find(snapshot, &access.into(), query)?.hits(snapshot.index()).clone())
}

/// A page of the visible tickets that match, with their exact number.
///
/// # Errors
/// [`AnswerError`].
pub fn list<'a>(
    snapshot: &'a Snapshot,
    access: impl Into<Access>,
    query: &Query,
    page: &Page,
) -> Result<Listing<'a>, AnswerError> {
    list_by(snapshot, &access.into(), query, page, None)
}

/// [`list`] by a plan that the caller chose among [`plans`]; every one gives the same page.
///
/// # Errors
/// [`AnswerError`].
pub fn list_with<'a>(
    snapshot: &'a Snapshot,
    access: impl Into<Access>,
    query: &Query,
    page: &Page,
    plan: ListPlan,
) -> Result<Listing<'a>, AnswerError> {
    if !plans(query).contains(&plan) {
        return Err(AnswerError::Plan(plan));
    }
    list_by(snapshot, &access.into(), query, page, Some(plan))
}

/// Every plan that could answer a list of this query.
pub fn plans(query: &Query) -> Vec<ListPlan> {
    crate::plan::possible(query)
}

fn list_by<'a>(
    snapshot: &'a Snapshot,
    access: &Access,
    query: &Query,
    page: &Page,
    plan: Option<ListPlan>,
) -> Result<Listing<'a>, AnswerError> {
    let Cut { total, ords, next, plan } = cut(snapshot, access, query, page, plan)?;
    Ok(Listing { total, hits: rows(snapshot, &ords), next, plan })
}

/// [`list`] with the keys of the tickets alone: for a backend that has the tickets itself.
///
/// # Errors
/// [`AnswerError`].
pub fn list_keys(
    snapshot: &Snapshot,
    access: impl Into<Access>,
    query: &Query,
    page: &Page,
) -> Result<KeyListing, AnswerError> {
    let Cut { total, ords, next, plan } = cut(snapshot, &access.into(), query, page, None)?;
    let keys = ords.into_iter().map(|(ord, _)| snapshot.index().key(TicketOrd(ord))).collect();
    Ok(KeyListing { total, keys, next, plan })
}

/// A page as ordinals, with scores where it is ordered by them.
struct Cut {
    total: u32,
    ords: Vec<(u32, Option<f32>)>,
    next: Option<String>,
    plan: ListPlan,
}

fn cut(
    snapshot: &Snapshot,
    access: &Access,
    query: &Query,
    page: &Page,
    plan: Option<ListPlan>,
) -> Result<Cut, AnswerError> {
    if page.limit == 0 || page.limit > MAX_PAGE {
        return Err(AnswerError::PageSize(page.limit));
    }
    let sort = query.sort();
    let question = || question(snapshot, query, sort, &page.asker);
    let after = match &page.start {
        Start::After(text) => Some(Cursor::open(text, snapshot.cursor_secret(), &question())?),
        Start::First | Start::Rank(_) => None,
    };
    let found = find(snapshot, access, query)?;
    let index = snapshot.index();
    let rank = if let Start::Rank(rank) = page.start { rank } else { 0 };
    // One row more tells whether there is another page.
    let want = page.limit as usize + 1;
    let now = after.as_ref().map_or(page.now, |cursor| cursor.now);
    let mut ords: Vec<(u32, Option<f32>)>;
    let (chosen_plan, place, total): (ListPlan, Option<SortValue>, u32);
    if let (SortKey::Relevance, Some(readable)) = (sort.by, &found.readable) {
        let scored = Scored::new(readable, &found, index)?;
        total = scored.total();
        let chosen = plan.unwrap_or_else(|| scored.choose(rank as usize + want));
        let best = scored.best(index, chosen, after.as_ref(), rank, want)?;
        ords = best.into_iter().map(|(score, ord)| (ord, Some(score))).collect();
        chosen_plan = chosen;
        place = ords.get(page.limit as usize - 1).map(|(_, score)| relevance::place(score.unwrap_or_default()));
    } else {
        let sorter = Sorter::new(index, snapshot.schema(), sort);
        let cut = PageCut { index, found: &found, sorter: &sorter, sort, after: after.as_ref(), rank, want };
        let (chosen, rows) = match plan {
            Some(plan) => (plan, cut.execute(plan)),
            None => cut.execute_best(),
        };
        total = found.total_or_hits(index);
        // Without words to score all tickets are equally relevant.
        let score = (sort.by == SortKey::Relevance).then_some(0.0);
        ords = rows.into_iter().map(|ord| (ord, score)).collect();
        chosen_plan = chosen;
        place = ords.get(page.limit as usize - 1).map(|(ord, _)| sorter.place(*ord));
    }
    let more = ords.len() == want;
    ords.truncate(page.limit as usize);
    let next = ords.last().zip(place).filter(|_| more).map(|((ord, _), value)| {
        let cursor = Cursor { now, value, key: index.key(TicketOrd(*ord)) };
        cursor.seal(snapshot.cursor_secret(), &question())
    });
    Ok(Cut { total, ords, next, plan: chosen_plan })
}

/// The moment at which the query behind a cursor was first read: relative dates of later pages are read with it. The
/// cursor is checked when the page is asked for.
///
/// # Errors
/// [`CursorError`] for what is no cursor of this tenant.
pub fn cursor_clock(snapshot: &Snapshot, cursor: &str) -> Result<Timestamp, CursorError> {
    Cursor::clock(cursor, snapshot.cursor_secret())
}

/// What a cursor is bound to: who asks, for what, in which order.
fn question(snapshot: &Snapshot, query: &Query, sort: Sort, asker: &str) -> String {
    let by = match sort.by {
        SortKey::Field(field) => format!("{}", field.0),
        SortKey::Key => "key".to_owned(),
        SortKey::Relevance => "relevance".to_owned(),
    };
    let direction = if sort.direction == Direction::Ascending { "asc" } else { "desc" };
    // The length first, so that no name of an asker runs into the rest.
    format!("{} {asker}\n{by} {direction}\n{}", asker.len(), query.to_text(snapshot.schema()))
}

/// How many of the visible tickets that match have each value of each of `fields`; the `top` most frequent values of
/// each, and always the row without a value.
///
/// # Errors
/// [`AnswerError`].
pub fn facets(
    snapshot: &Snapshot,
    access: impl Into<Access>,
    query: &Query,
    fields: &[FieldId],
    top: usize,
) -> Result<(u32, Vec<Facet>), AnswerError> {
    for field in fields {
        match snapshot.schema().by_id(*field) {
            Some(def) if def.kind.is_keyword() => {}
            Some(def) => return Err(AnswerError::NoFacets(def.name.to_string())),
            None => return Err(AnswerError::NoFacets(format!("#{}", field.0))),
        }
    }
    let found = find(snapshot, &access.into(), query)?;
    let index = snapshot.index();
    let facets: Vec<Facet> = fields
        .iter()
        .map(|field| {
            let (counts, without) = found.counts(index, *field);
            let (rows, more) = facet_rows(index, *field, &counts, without, top);
            Facet { field: *field, rows, more }
        })
        .collect();
    Ok((found.total(index), facets))
}

/// The rows of a facet, and how many values are in none of them.
fn facet_rows(index: &Index, field: FieldId, counts: &ValueCounts, without: u32, top: usize) -> (Vec<FacetRow>, u32) {
    let value = |code: u32| index.field(field).map_or("", |column| column.value_of(code));
    let mut codes: Vec<(u32, u32)> = counts.iter().collect();
    let more = u32::try_from(codes.len().saturating_sub(top)).unwrap_or(u32::MAX);
    let is_cut = top < codes.len();
    if is_cut {
        let lowest = top.checked_sub(1).map(|at| codes.select_nth_unstable_by_key(at, |row| Reverse(row.1)).1.1);
        codes.retain(|(_, count)| lowest.is_some_and(|lowest| *count >= lowest));
    }
    // Looked up once for each value, not in each comparison: many are counted alike.
    let mut counted: Vec<(u32, &str)> = codes.into_iter().map(|(code, count)| (count, value(code))).collect();
    let compare = |a: &(u32, &str), b: &(u32, &str)| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1));
    if is_cut && top > 0 {
        counted.select_nth_unstable_by(top - 1, compare);
    }
    counted.truncate(top);
    counted.sort_unstable_by(compare);
    let mut rows: Vec<FacetRow> =
        counted.into_iter().map(|(count, value)| FacetRow { value: Some(value.to_owned()), count }).collect();
    rows.push(FacetRow { value: None, count: without });
    (rows, more)
}
