use std::collections::HashMap;

use foldhash::fast::RandomState;
use model::{FieldId, TicketKey, Value};
use ticketscope_model as model;

use super::draft::Draft;

/// Drafts for which room is made before there are any.
const MOST_ROOM: usize = 1 << 20;

/// The drafts of a batch in order of appearance, which is the order of new ordinals.
///
/// A bulk change makes one for every ticket it touches: they lie in one list, and only their places are hashed.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    list: Vec<(TicketKey, Draft)>,
    places: HashMap<TicketKey, usize, RandomState>,
}

impl Drafts {
    /// No drafts, and room for as many as a batch of `changes` is likely to make.
    pub(super) fn with_room_for(changes: usize) -> Self {
        let most = changes.min(MOST_ROOM);
        Self { list: Vec::with_capacity(most), places: HashMap::with_capacity_and_hasher(most, RandomState::default()) }
    }

    fn place(&self, key: &TicketKey) -> Option<usize> {
        // Most questions are about the draft that was just made.
        match self.list.last() {
            Some((last, _)) if last == key => Some(self.list.len() - 1),
            _ => self.places.get(key).copied(),
        }
    }

    pub(super) fn get(&self, key: &TicketKey) -> Option<&Draft> {
        self.place(key).and_then(|at| self.list.get(at)).map(|(_, draft)| draft)
    }

    pub(super) fn get_mut(&mut self, key: &TicketKey) -> Option<&mut Draft> {
        self.place(key).and_then(|at| self.list.get_mut(at)).map(|(_, draft)| draft)
    }

    pub(super) fn contains_key(&self, key: &TicketKey) -> bool {
        self.place(key).is_some()
    }

    /// Adds the draft of a ticket that has none.
    pub(super) fn insert(&mut self, key: TicketKey, draft: Draft) {
        debug_assert!(!self.contains_key(&key), "a ticket has one draft");
        self.places.insert(key.clone(), self.list.len());
        self.list.push((key, draft));
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &TicketKey> {
        self.list.iter().map(|(key, _)| key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Draft> {
        self.list.iter().map(|(_, draft)| draft)
    }

    pub(super) fn into_list(self) -> Vec<(TicketKey, Draft)> {
        self.list
    }
}

/// New values by field, fields ascending. A list, because most drafts have few fields and there are many drafts.
#[derive(Debug, Default)]
pub(super) struct NewValues(Vec<(FieldId, Vec<Value>)>);

impl NewValues {
    fn find(&self, field: FieldId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&field, |(field, _)| *field)
    }

    pub(super) fn get(&self, field: FieldId) -> Option<&Vec<Value>> {
        self.find(field).ok().map(|at| &self.0[at].1)
    }

    pub(super) fn contains_key(&self, field: FieldId) -> bool {
        self.find(field).is_ok()
    }

    pub(super) fn insert(&mut self, field: FieldId, values: Vec<Value>) {
        match self.find(field) {
            Ok(at) => self.0[at].1 = values,
            Err(at) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (field, values));
            }
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &FieldId> {
        self.0.iter().map(|(field, _)| field)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl IntoIterator for NewValues {
    type Item = (FieldId, Vec<Value>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
