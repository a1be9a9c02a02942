//! From changes as they are stated to what becomes of tickets and facts.

mod draft;
mod drafts;
mod fact;
mod reads;
mod ticket;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use bitmap::{FieldSets, Index, TicketBatch};
use model::{Change, Fact, FieldId, Schema, TicketOrd, fields};
use query::TextChanges;
use rayon::prelude::*;
use scope::Directory;
use storage::{Store, Table};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_scope as scope;
use ticketscope_storage as storage;

use crate::{
    delta::Delta,
    facts::{FactCell, FactKey, Facts},
    refusal::Refusal,
    session::ImportSession,
    texts,
    writer::WriteError,
};

pub(crate) use draft::stored_values;
pub(crate) use reads::Reads;

use draft::holds_values;
use drafts::Drafts;

/// Rows to be written: a later one of the same key stands.
pub(crate) type Rows = BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>;

/// The newest state of a tenant, of which the published snapshot is a copy.
#[derive(Debug)]
pub(crate) struct Working {
    pub(crate) schema: Arc<Schema>,
    pub(crate) index: Index,
    pub(crate) directory: Directory,
    pub(crate) facts: Facts,
    /// Whether any ticket has a row of revisions.
    pub(crate) revs_used: bool,
}

/// What a batch comes to.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) delta: Delta,
    pub(crate) rows: Rows,
    pub(crate) texts: TextChanges,
    pub(crate) directory_changed: bool,
}

/// The ticket that a change is about, as it stood before the batch; nothing if there was none.
type Known = Option<TicketOrd>;

/// Changes of a batch from which their tickets are found by several threads, ahead of taking the changes in.
const LOOK_AHEAD: usize = 4096;

/// Resolves the changes of one batch, one after the other, against a working state. Facts are changed in place and
/// undone if the batch is given up; tickets are drafts until the end.
pub(crate) struct Resolver<'a> {
    working: &'a mut Working,
    store: &'a Store,
    /// Rows of batches that are resolved but not yet committed.
    pending: &'a Rows,
    /// What was read of the tickets of the index. Keeps what a batch that is given up read, which does no harm.
    reads: &'a mut Reads,
    session: &'a mut ImportSession,
    /// Whether the session must know which tickets were stated.
    notes_tickets: bool,
    /// What [`Self::look_ahead`] found for the changes to come.
    ahead: std::vec::IntoIter<Option<Known>>,
    /// What it found for the change that is being taken in.
    known: Option<Known>,
    drafts: Drafts,
    undo: Vec<(FactKey, Option<FactCell>)>,
    changed: BTreeSet<FactKey>,
    before: (Arc<Schema>, Directory),
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        working: &'a mut Working,
        store: &'a Store,
        pending: &'a Rows,
        reads: &'a mut Reads,
        session: &'a mut ImportSession,
    ) -> Self {
        let before = (Arc::clone(&working.schema), working.directory.clone());
        Self {
            working,
            store,
            pending,
            reads,
            session,
            notes_tickets: true,
            ahead: Vec::new().into_iter(),
            known: None,
            drafts: Drafts::default(),
            undo: Vec::new(),
            changed: BTreeSet::new(),
            before,
        }
    }

    /// Prepares for `changes`, which are the next to be taken in, all of them. `lists` says whether a later batch may close
    /// a listing of what they state.
    pub(crate) fn look_ahead(&mut self, changes: &[Change], lists: bool) {
        self.notes_tickets = lists || changes.iter().any(|change| matches!(change.fact, Fact::Complete(_)));
        self.drafts = Drafts::with_room_for(changes.len());
        if changes.len() >= LOOK_AHEAD {
            let index = &self.working.index;
            let find = |change: &Change| match &change.fact {
                Fact::Ticket(patch) => Some(index.find(&patch.key)),
                _ => None,
            };
            self.ahead = changes.par_iter().map(find).collect::<Vec<_>>().into_iter();
        }
    }

    /// Takes in one change.
    ///
    /// The outer error is the store's and ends the batch; the inner one refuses the change, which then alters nothing.
    pub(crate) fn apply(&mut self, change: Change) -> Result<Result<(), Refusal>, WriteError> {
        let Change { rev, gone, fact } = change;
        self.known = self.ahead.next().flatten();
        Ok(match fact {
            Fact::Schema(_) if gone => Err(Refusal::NotRemovable("schema")),
            Fact::Complete(_) if gone => Err(Refusal::NotRemovable("complete")),
            Fact::Schema(decl) => self.declare(&decl),
            Fact::Role(role) => self.apply_role(rev, gone, role),
            Fact::Value(line) => self.apply_value(rev, gone, line),
            Fact::TenantRel(fact) => self.apply_tenant_rel(rev, gone, &fact),
            Fact::Principal(principal) => self.apply_principal(rev, gone, principal),
            Fact::Rel(fact) => self.apply_rel(rev, gone, fact),
            Fact::Member(member) => {
                self.apply_member(rev, gone, member);
                Ok(())
            }
            Fact::Ticket(patch) if gone => {
                self.erase(rev, &patch.key)?;
                Ok(())
            }
            Fact::Ticket(patch) => return self.apply_patch(rev, patch),
            Fact::Text { ticket, part } => return self.apply_text(rev, gone, &ticket, part),
            Fact::Del(key) => {
                self.erase(rev, &key)?;
                Ok(())
            }
            Fact::Complete(complete) => return self.complete(rev, complete),
        })
    }

    /// Undoes what the batch did to facts.
    pub(crate) fn give_up(self) {
        for (key, cell) in self.undo.into_iter().rev() {
            match cell {
                Some(cell) => self.working.facts.insert(key, cell),
                None => self.working.facts.remove(&key),
            };
        }
        (self.working.schema, self.working.directory) = self.before;
    }

    /// What the batch comes to.
    pub(crate) fn finish(mut self) -> Resolved {
        let mut rows = Rows::new();
        let mut tickets = TicketBatch::default();
        let mut sets: Vec<(FieldId, FieldSets)> = Vec::new();
        let mut changed_texts = Vec::new();
        let mut masked = Vec::new();
        let first = self.working.index.ordinals();
        for (key, mut draft) in std::mem::take(&mut self.drafts).into_list() {
            if draft.revs_changed {
                rows.insert((Table::Revs, crate::revs::TicketRevs::row_key(&key)), Some(draft.revs.encode()));
                self.working.revs_used = true;
            }
            if draft.parts_changed && draft.exists {
                draft.fields.insert(fields::COMMENTER, draft.commenters());
            }
            let fresh = draft.before.is_none() || draft.reborn;
            if let Some(ord) = draft.before.filter(|_| fresh) {
                tickets.erased.push(ord.0);
                rows.insert((Table::Texts, texts::row_key(ord.0).to_vec()), None);
                changed_texts.push(ord.0);
            }
            if !draft.exists {
                continue;
            }
            let ord = match draft.before {
                Some(ord) if !fresh => ord.0,
                _ => {
                    tickets.created.push(key);
                    first
                        + u32::try_from(tickets.created.len() - 1)
                            .expect("a patch is refused before the ordinals run out")
                }
            };
            if let Some(parts) = draft.parts.take().filter(|_| draft.parts_changed) {
                let row = if parts.is_empty() { None } else { Some(texts::encode(&parts)) };
                if row.is_some() || !fresh {
                    rows.insert((Table::Texts, texts::row_key(ord).to_vec()), row);
                    changed_texts.push(ord);
                    masked.extend((draft.masked && !fresh).then_some(ord));
                }
            }
            for (field, values) in draft.fields {
                let same = if fresh {
                    values.is_empty()
                } else {
                    let def = self.working.schema.by_id(field);
                    def.is_some_and(|def| holds_values(&self.working.index, def, ord, &values))
                };
                if same && !fresh {
                    self.reads.note(field, ord);
                }
                if !same {
                    let at = sets.binary_search_by_key(&field, |(field, _)| *field).unwrap_or_else(|at| {
                        sets.insert(at, (field, FieldSets::new()));
                        at
                    });
                    sets[at].1.push((ord, values));
                }
            }
        }
        tickets.erased.sort_unstable();
        changed_texts.sort_unstable();
        changed_texts.dedup();
        masked.sort_unstable();
        tickets.sets = sets;
        tickets.sets.iter_mut().for_each(|(_, sets)| sets.sort_unstable_by_key(|(ord, _)| *ord));
        let mut facts = Vec::with_capacity(self.changed.len());
        for key in &self.changed {
            if let Some(cell) = self.working.facts.get(key) {
                let (key, cell) = (key.encode(), cell.encode());
                rows.insert((Table::Facts, key.clone()), Some(cell.clone()));
                facts.push((key, cell));
            }
        }
        Resolved {
            texts: TextChanges { changed: changed_texts.clone(), masked },
            delta: Delta { tickets, texts: changed_texts, facts },
            rows,
            directory_changed: !self.changed.is_empty(),
        }
    }

    /// A state row as the batch before left it.
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, WriteError> {
        match self.pending.get(&(table, key.to_vec())) {
            Some(row) => Ok(row.clone()),
            None => Ok(self.store.get(table, key)?),
        }
    }

    /// Changes one fact, and the directory with it.
    fn put_fact(&mut self, key: FactKey, cell: FactCell) -> Result<(), scope::RoleError> {
        key.apply(cell.state.as_ref(), &mut self.working.directory)?;
        self.undo.push((key.clone(), self.working.facts.get(&key).cloned()));
        self.changed.insert(key.clone());
        match self.working.facts.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(cell);
            }
            Entry::Occupied(mut entry) => {
                entry.insert(cell);
            }
        }
        Ok(())
    }
}
