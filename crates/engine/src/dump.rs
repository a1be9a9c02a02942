//! A tenant as the changes that make it: what to state to an empty tenant so that it becomes an equal one.
//!
//! Equal means that it answers every question alike and takes every later change alike, old ones with a revision
//! included. So the revisions that were seen are stated with what holds, and what was removed by a revision is removed
//! again. Three things need more than one statement:
//!
//! - What was stated without a revision after one had been seen: the revision first, by a removal, then what holds.
//! - The levels of a relation that were removed up to a revision: that removal before the levels that came later.
//! - An erased ticket of which a part was removed by a later revision: the ticket, the removal, and the erasure again.
//!
//! The order depends on nothing but what the tenant holds, so that equal tenants are stated alike.

use std::{collections::BTreeMap, sync::Arc};

use model::{
    Change, Complete, Fact, FieldDef, FieldId, FieldKind, FieldPatch, GroupFlags, Listing, Member, PrincipalFact,
    RawValue, RelFact, RoleFact, TenantRelFact, TextClass, TextPart, TicketKey, TicketOrd, TicketPatch, Value,
    ValueFact, fields,
};
use storage::Table;
use ticketscope_model as model;
use ticketscope_storage as storage;

use crate::{
    RecoverError, View,
    facts::{FactCell, FactKey, Facts, State},
    resolve::stored_values,
    revs::{Cell, TicketRevs, read_key},
    session::belongs,
    state::{ORDINALS_KEY, SECRET_KEY},
    texts::{self, Parts},
    wire,
};

/// The listings that end a dump, the tickets last: whoever reads that knows that the end is not missing.
const LISTINGS: [Listing; 5] =
    [Listing::Memberships, Listing::Groups, Listing::Organizations, Listing::Principals, Listing::Tickets];

/// The largest integer up to which a 64-bit float holds every other one.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl View {
    /// States everything that the tenant holds, in an order that depends on nothing else, and closes every listing.
    /// Stated to an empty tenant, as one import, it makes an equal one. Linear in the tenant; the keys of all tickets
    /// are in memory.
    ///
    /// # Errors
    /// [`RecoverError`] if a row cannot be read, or what `each` answers, which ends it. No listing is closed if the index
    /// turns out to be partly a file that has rotted, or the tenant was closed meanwhile, as it is where that was found.
    pub fn statements<E: From<RecoverError>>(&self, each: impl FnMut(Change) -> Result<(), E>) -> Result<(), E> {
        let mut statements = Statements { view: self, each, counts: [0; LISTINGS.len()] };
        statements.facts()?;
        statements.living()?;
        statements.erased()?;
        self.check()?;
        statements.listings()
    }
}

struct Statements<'v, F> {
    view: &'v View,
    each: F,
    /// Facts stated of each of [`LISTINGS`].
    counts: [u64; LISTINGS.len()],
}

impl<E: From<RecoverError>, F: FnMut(Change) -> Result<(), E>> Statements<'_, F> {
    fn facts(&mut self) -> Result<(), E> {
        let facts = self.view.facts()?;
        let floor_of = |key: &FactKey| match key {
            FactKey::Rel(principal, rel, value, _) => {
                let floor = FactKey::RelFloor(Arc::clone(principal), Arc::clone(rel), Arc::clone(value));
                facts.get(&floor).and_then(|cell| cell.rev)
            }
            _ => None,
        };
        // What is removed at every level goes before what is held at one, and after the schema, which names relations.
        let rank = |key: &FactKey| match key {
            FactKey::RelFloor(..) => 1,
            FactKey::Rel(..) => 2,
            FactKey::Member(..) => 3,
            _ => 0,
        };
        let mut ordered: Vec<_> = facts.iter().collect();
        ordered.sort_by_key(|(key, _)| rank(key));
        for (key, FactCell { rev, state }) in ordered {
            let Some(fact) = fact(key, state.as_ref()) else { continue };
            let rev = rev.filter(|rev| Some(*rev) > floor_of(key));
            match (state, rev) {
                (Some(_), _) => self.stated(key, rev, fact)?,
                (None, None) => {}
                // Removed with its revision, it would take its levels along.
                (None, Some(_)) if matches!(key, FactKey::Rel(_, _, _, None)) => {
                    self.stated(key, rev, fact.clone())?;
                    (self.each)(Change { rev: None, gone: true, fact })?;
                }
                (None, Some(_)) => (self.each)(Change { rev, gone: true, fact })?,
            }
        }
        Ok(())
    }

    fn stated(&mut self, key: &FactKey, rev: Option<i64>, fact: Fact) -> Result<(), E> {
        for (count, _) in self.counts.iter_mut().zip(LISTINGS).filter(|(_, listing)| belongs(key, *listing)) {
            *count += 1;
        }
        (self.each)(Change { rev, gone: false, fact })
    }

    fn ticket(&mut self, rev: Option<i64>, key: &TicketKey, fields: Fields) -> Result<(), E> {
        let fact = Fact::Ticket(TicketPatch { key: key.clone(), fields, replace: false, text: Vec::new() });
        (self.each)(Change { rev, gone: false, fact })
    }

    fn count_ticket(&mut self) {
        for (count, _) in self.counts.iter_mut().zip(LISTINGS).filter(|(_, listing)| *listing == Listing::Tickets) {
            *count += 1;
        }
    }

    fn living(&mut self) -> Result<(), E> {
        let index = self.view.snapshot().index();
        let mut tickets: Vec<(TicketKey, TicketOrd)> =
            index.universe().iter().map(|ord| (index.key(TicketOrd(ord)), TicketOrd(ord))).collect();
        tickets.sort_unstable();
        let uses_revs = self.view.read(|reader| Ok(reader.count(Table::Revs)?))? > 0;
        let mut revs_rows = self.view.read(|reader| Ok(reader.rows(Table::Revs)?))?;
        let mut text_rows = self.view.read(|reader| Ok(reader.rows(Table::Texts)?))?;
        for (key, ord) in tickets {
            let revs = if uses_revs {
                let row_key = TicketRevs::row_key(&key);
                self.view.read(|_| Ok(revs_rows.get(&row_key, TicketRevs::decode)?.transpose()?))?.unwrap_or_default()
            } else {
                TicketRevs::default()
            };
            let row_key = texts::row_key(ord.0);
            let parts =
                self.view.read(|_| Ok(text_rows.get(&row_key, texts::decode)?.transpose()?))?.unwrap_or_default();
            self.of_ticket(&key, ord, &revs, &parts)?;
        }
        Ok(())
    }

    fn of_ticket(&mut self, key: &TicketKey, ord: TicketOrd, revs: &TicketRevs, parts: &Parts) -> Result<(), E> {
        if let Some(floor) = revs.floor {
            (self.each)(Change { rev: Some(floor), gone: false, fact: Fact::Del(key.clone()) })?;
        }
        let mut by_rev: BTreeMap<Option<i64>, Fields> = BTreeMap::new();
        let snapshot = Arc::clone(self.view.snapshot());
        for def in snapshot.schema().fields() {
            if def.id == fields::COMMENTER || def.kind == FieldKind::Text {
                continue;
            }
            let values = stored_values(snapshot.index(), def, ord.0);
            let rev = above_floor(revs, &Cell::Field(def.id));
            if rev.is_some() || !is_unstated(def.id, &values, revs) {
                by_rev.entry(rev).or_default().push((Arc::clone(&def.name), FieldPatch::Set(raw(def, &values))));
            }
        }
        // The statement that it exists comes first, so that others of lower revisions find it.
        let founding = revs.exists.filter(|exists| Some(*exists) > revs.floor);
        self.count_ticket();
        let first = by_rev.remove(&founding).unwrap_or_default();
        self.ticket(founding, key, first)?;
        let unrevised = by_rev.remove(&None);
        for (rev, fields) in by_rev {
            self.ticket(rev, key, fields)?;
        }
        if let Some(fields) = unrevised {
            self.ticket(None, key, fields)?;
        }
        let mut ids: Vec<&Arc<str>> = parts.keys().collect();
        ids.extend(revs.cells.keys().filter_map(|cell| match cell {
            Cell::Part(id) => Some(id),
            Cell::Field(_) => None,
        }));
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let rev = above_floor(revs, &Cell::Part(Arc::clone(id)));
            let part = parts.get(id);
            // A removal says nothing about the ticket; a statement of its revision would say that it exists.
            let by_removal = rev.is_some() && (part.is_none() || rev > revs.exists);
            if by_removal {
                self.removed_part(key, id, rev)?;
            }
            if let Some(part) = part {
                let fact = Fact::Text { ticket: key.clone(), part: part.clone() };
                (self.each)(Change { rev: rev.filter(|_| !by_removal), gone: false, fact })?;
            }
        }
        Ok(())
    }

    fn removed_part(&mut self, key: &TicketKey, id: &Arc<str>, rev: Option<i64>) -> Result<(), E> {
        let part = TextPart {
            part: Arc::clone(id),
            class: TextClass::Private,
            lang: None,
            body: Arc::default(),
            author: None,
            at: None,
        };
        (self.each)(Change { rev, gone: true, fact: Fact::Text { ticket: key.clone(), part } })
    }

    /// Tickets that are gone, as far as revisions of them were seen.
    fn erased(&mut self) -> Result<(), E> {
        let index = self.view.snapshot().index();
        let mut erased: BTreeMap<TicketKey, TicketRevs> = BTreeMap::new();
        self.view.read(|reader| {
            reader.scan::<RecoverError>(Table::Revs, |row_key, row| {
                let key = read_key(&mut wire::Reader::new(row_key))?;
                if index.find(&key).is_none() {
                    erased.insert(key, TicketRevs::decode(row)?);
                }
                Ok(())
            })
        })?;
        for (key, revs) in erased {
            let parts: Vec<_> = revs
                .cells
                .iter()
                .filter_map(|(cell, rev)| match cell {
                    Cell::Part(id) if Some(*rev) > revs.floor => Some((id, *rev)),
                    _ => None,
                })
                .collect();
            let floor = revs.floor.max(revs.exists);
            if parts.is_empty() && floor.is_none() {
                continue;
            }
            if !parts.is_empty() {
                self.count_ticket();
                self.ticket(None, &key, Vec::new())?;
            }
            for (id, rev) in parts {
                self.removed_part(&key, id, Some(rev))?;
            }
            (self.each)(Change { rev: floor, gone: false, fact: Fact::Del(key) })?;
        }
        Ok(())
    }

    fn listings(&mut self) -> Result<(), E> {
        for (what, count) in LISTINGS.into_iter().zip(self.counts) {
            (self.each)(Change::state(Fact::Complete(Complete { what, count })))?;
        }
        Ok(())
    }
}

impl View {
    /// Every fact that was stated, and those that were removed.
    fn facts(&self) -> Result<Facts, RecoverError> {
        let mut facts = Facts::new();
        self.read(|reader| {
            reader.scan::<RecoverError>(Table::Facts, |key, row| {
                if key != ORDINALS_KEY && key != SECRET_KEY {
                    facts.insert(FactKey::decode(key)?, FactCell::decode(row)?);
                }
                Ok(())
            })
        })?;
        Ok(facts)
    }
}

/// Names and new values of fields.
type Fields = Vec<(Arc<str>, FieldPatch)>;

/// The revision of a cell, unless an erasure or a replacement said as much of all of them.
fn above_floor(revs: &TicketRevs, cell: &Cell) -> Option<i64> {
    revs.cells.get(cell).copied().filter(|rev| Some(*rev) > revs.floor)
}

/// Whether a field that no revision speaks of is as it is where nobody says anything.
fn is_unstated(field: FieldId, values: &[Value], revs: &TicketRevs) -> bool {
    if field != fields::LIFE {
        return values.is_empty();
    }
    // Where nothing was removed up to a revision, whatever is said of it later holds, stated or not.
    let is_live = matches!(values, [Value::Keyword(life)] if **life == *"live");
    is_live && (revs.life_is_default || revs.floor.is_none())
}

/// What to state of a fact, or of which fact to state that it is gone.
fn fact(key: &FactKey, state: Option<&State>) -> Option<Fact> {
    Some(match (key, state) {
        (FactKey::Schema, Some(State::Schema(declared))) => Fact::Schema(declared.clone()),
        (FactKey::Schema, _) => return None,
        (FactKey::Role(_), Some(State::Role(role))) => Fact::Role(role.clone()),
        (FactKey::Role(id), _) => Fact::Role(RoleFact { id: Arc::clone(id), verbs: Vec::new() }),
        (FactKey::Value(..), Some(State::Value(value))) => Fact::Value(value.clone()),
        (FactKey::Value(field, id), _) => {
            let (field, id) = (Arc::clone(field), Arc::clone(id));
            Fact::Value(ValueFact { field, id, parent: None, flags: GroupFlags::default() })
        }
        (FactKey::TenantRel(rel, value), _) => {
            Fact::TenantRel(TenantRelFact { rel: Arc::clone(rel), value: Arc::clone(value) })
        }
        (FactKey::Principal(_), Some(State::Principal(principal))) => Fact::Principal(principal.clone()),
        (FactKey::Principal(id), _) => Fact::Principal(PrincipalFact {
            id: Arc::clone(id),
            role: None,
            active: true,
            name: None,
            email: None,
            locale: None,
            time_zone: None,
        }),
        (FactKey::Rel(principal, rel, value, level), _) => Fact::Rel(RelFact {
            principal: Arc::clone(principal),
            rel: Arc::clone(rel),
            value: Arc::clone(value),
            level: level.clone(),
        }),
        (FactKey::RelFloor(principal, rel, value), _) => Fact::Rel(RelFact {
            principal: Arc::clone(principal),
            rel: Arc::clone(rel),
            value: Arc::clone(value),
            level: None,
        }),
        (FactKey::Member(group, user), _) => Fact::Member(Member { group: Arc::clone(group), user: Arc::clone(user) }),
    })
}

/// Values as a line writes them.
fn raw(def: &FieldDef, values: &[Value]) -> RawValue {
    let one = |value: &Value| match value {
        Value::Keyword(text) if def.kind == FieldKind::Flag => RawValue::Bool(**text == *"true"),
        Value::Keyword(text) => RawValue::Text(Arc::clone(text)),
        Value::Number(number) => raw_number(*number),
        Value::Date(moment) => RawValue::Text(moment.to_string().into()),
    };
    match values {
        [] => RawValue::Null,
        [value] if !def.many => one(value),
        values => RawValue::List(values.iter().map(one).collect()),
    }
}

/// A number as an integer where it is one.
#[expect(clippy::cast_possible_truncation, reason = "an integer of this size fits")]
fn raw_number(number: f64) -> RawValue {
    if number.fract() == 0.0 && number.abs() <= EXACT { RawValue::Int(number as i64) } else { RawValue::Float(number) }
}
