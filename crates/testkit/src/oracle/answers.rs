//! What one asker is told.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use ticketscope_model::{TicketKey, Timestamp, Value};

use super::{
    Position, Query, Row, Rule, Sort, World,
    text::{Found, Reading},
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// An agent or customer, in the scope of its role.
    Principal(String),
    /// Nobody in particular, who sees every live and archived ticket and is not `me` to any of them.
    Admin,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Page<'a> {
    /// From this many tickets after the first one on.
    From(usize),
    /// From the first ticket that comes after this place on.
    After(Position<'a>),
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// How many tickets match, on this page and elsewhere.
    pub total: usize,
    /// The tickets of the page, in order.
    pub keys: Vec<TicketKey>,
}

/// How many matching tickets hold each value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facet {
    /// Values and counts, the greatest count first, then the smallest value. A ticket counts once for each value.
    pub values: Vec<(String, usize)>,
    /// How many have no value.
    pub none: usize,
}

/// The answers to one asker at one moment.
#[derive(Debug)]
pub struct Answers<'w> {
    world: &'w World,
    asker: Asker,
    now: Timestamp,
    visible: BTreeMap<&'w TicketKey, &'w Row>,
    /// Remembers what [`Answers::is_held_exactly`] found: it is asked anew for every ticket.
    held: RefCell<BTreeMap<(String, String), bool>>,
    /// The text, read as soon as a query asks for words.
    pub(super) reading: OnceCell<Reading<'w>>,
    /// Remembers what the words of the last query found: several questions are asked about one query.
    found: RefCell<Option<(Query, Rc<Found>)>>,
}

impl World {
    /// What `asker` is told at the moment `now`.
    pub fn answers(&self, asker: Asker, now: Timestamp) -> Answers<'_> {
        let rule = match &asker {
            Asker::Principal(id) => self.rule(id, "view"),
            Asker::Admin => Rule::default_gate(),
        };
        let visible = self.tickets().filter(|(_, row)| rule.covers(row)).collect();
        let (held, reading, found) = (RefCell::default(), OnceCell::new(), RefCell::default());
        Answers { world: self, asker, now, visible, held, reading, found }
    }

    /// The rule by which `verb` is decided for a principal.
    pub fn rule(&self, principal: &str, verb: &str) -> Rule {
        self.expression(principal, verb).map_or(Rule::Nothing, |expr| Rule::bind(self, &expr, principal))
    }

    /// Whether a principal sees a ticket; one that does not exist is seen by nobody.
    pub fn sees(&self, principal: &str, ticket: &TicketKey) -> bool {
        self.may(principal, "view", ticket)
    }

    /// Whether a principal may do `verb` to a ticket.
    pub fn may(&self, principal: &str, verb: &str, ticket: &TicketKey) -> bool {
        self.ticket(ticket).is_some_and(|row| self.rule(principal, verb).covers(row))
    }

    /// The principals who see a ticket.
    pub fn who(&self, ticket: &TicketKey) -> BTreeSet<String> {
        let all = self.principals().map(|principal| principal.id.to_string());
        all.filter(|principal| self.sees(principal, ticket)).collect()
    }
}

impl<'w> Answers<'w> {
    /// The tickets that the asker sees.
    pub fn visible(&self) -> impl Iterator<Item = &'w TicketKey> {
        self.visible.keys().copied()
    }

    /// The visible tickets that match, by key.
    pub fn hits(&self, query: &Query) -> Vec<&'w TicketKey> {
        self.matching(query).map(|(key, _)| key).collect()
    }

    /// How many visible tickets match.
    pub fn count(&self, query: &Query) -> usize {
        self.matching(query).count()
    }

    /// A page of at most `limit` of the matching tickets.
    pub fn list(&self, query: &Query, sort: &Sort, limit: usize, page: Page<'_>) -> Listed {
        let mut hits: Vec<_> = self.matching(query).map(|(key, row)| sort.position(self.world, key, row)).collect();
        hits.sort_by(|a, b| sort.compare(a, b));
        let total = hits.len();
        let keys = hits.into_iter().enumerate().filter(|(at, hit)| match page {
            Page::From(offset) => *at >= offset,
            Page::After(place) => sort.compare(hit, &place).is_gt(),
        });
        Listed { total, keys: keys.take(limit).map(|(_, hit)| hit.key.clone()).collect() }
    }

    /// How many matching tickets hold each value of each of `fields`, by the names given. Numbers and dates count by
    /// their text form.
    pub fn facets(&self, query: &Query, fields: &[&str]) -> BTreeMap<String, Facet> {
        fields.iter().map(|field| ((*field).to_owned(), self.facet(query, field))).collect()
    }

    fn facet(&self, query: &Query, field: &str) -> Facet {
        let field = self.world.canonical_field(field);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut none = 0;
        for (_, row) in self.matching(query) {
            let values = row.values(&field);
            none += usize::from(values.is_empty());
            for value in values {
                let text = match value {
                    Value::Keyword(text) => text.to_string(),
                    Value::Number(number) => number.to_string(),
                    Value::Date(moment) => moment.to_string(),
                };
                *counts.entry(text).or_default() += 1;
            }
        }
        let mut values: Vec<_> = counts.into_iter().collect();
        // Stable: equal counts stay in the order of their values.
        values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Facet { values, none }
    }

    pub(super) fn matching(&self, query: &Query) -> impl Iterator<Item = (&'w TicketKey, &'w Row)> {
        self.matching_at(query).map(|(_, key, row)| (key, row))
    }

    /// [`Answers::matching`] with the place of each among all visible tickets.
    pub(super) fn matching_at(&self, query: &Query) -> impl Iterator<Item = (usize, &'w TicketKey, &'w Row)> {
        let found = self.found(query);
        let visible = self.visible.iter().enumerate().map(|(at, (key, row))| (at, *key, *row));
        visible.filter(move |(at, _, row)| found.matches[*at] && self.matches(query, row))
    }

    pub(super) fn found(&self, query: &Query) -> Rc<Found> {
        if let Some((_, found)) = self.found.borrow().as_ref().filter(|(last, _)| last == query) {
            return Rc::clone(found);
        }
        let found = Rc::new(self.find(query));
        *self.found.borrow_mut() = Some((query.clone(), Rc::clone(&found)));
        found
    }

    /// Whether any visible ticket holds exactly this string in the field.
    pub(super) fn is_held_exactly(&self, field: &str, value: &str) -> bool {
        *self
            .held
            .borrow_mut()
            .entry((field.to_owned(), value.to_owned()))
            .or_insert_with(|| self.visible.values().any(|row| row.keywords(field).any(|held| held == value)))
    }

    pub(super) fn world(&self) -> &'w World {
        self.world
    }

    /// The visible tickets that `verb`, too, covers.
    pub(super) fn covered(&self, verb: &str) -> BTreeSet<TicketKey> {
        let rule = self.me().map_or(Rule::All, |me| self.world.rule(me, verb));
        self.visible.iter().filter(|(_, row)| rule.covers(row)).map(|(key, _)| (*key).clone()).collect()
    }

    pub(super) fn me(&self) -> Option<&str> {
        match &self.asker {
            Asker::Principal(id) => Some(id),
            Asker::Admin => None,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }
}
