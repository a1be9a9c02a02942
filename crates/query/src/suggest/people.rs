use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use bitmap::TicketSet;
use model::FieldKind;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;

use super::{Asked, Suggestion, SuggestionKind};

/// On how many tickets somebody stands, as far as the counts of the fields tell.
#[derive(Debug, Default)]
struct Standing {
    fields: u32,
    /// Over the fields, so that a ticket on which they stand twice counts twice.
    sum: u32,
}

impl Asked<'_> {
    /// Whether the person of this id goes by a name that begins as asked, or by that e-mail address. No answer shows an
    /// address, so that only who sees everything finds it by its beginning: others could spell it out letter by letter.
    pub(super) fn is_of_person(&self, id: &str) -> bool {
        let Some(person) = self.snapshot.directory().principal(id) else { return false };
        let by_address =
            |text: &str| if self.is_unrestricted { self.beginning.is_of(text) } else { self.beginning.is_whole(text) };
        person.name.as_deref().is_some_and(|name| self.beginning.is_of(name))
            || person.email.as_deref().is_some_and(by_address)
    }

    /// The name of the person of this id.
    pub(super) fn name_of(&self, id: &str) -> Option<String> {
        self.snapshot.directory().principal(id)?.name.as_deref().map(str::to_owned)
    }

    /// The best people over all principal fields.
    pub(super) fn people(&self) -> Vec<Suggestion> {
        let mut standings: HashMap<&str, Standing> = HashMap::new();
        for def in self.snapshot.schema().fields().iter().filter(|def| def.kind == FieldKind::Principal) {
            self.for_each_value(def, |id, count| {
                let standing = standings.entry(id).or_default();
                standing.fields += 1;
                standing.sum = standing.sum.saturating_add(count);
            });
        }
        // No person stands on more tickets than the sum says: who cannot reach the page any more is not counted.
        let mut candidates: BinaryHeap<(u32, Reverse<&str>, bool)> =
            standings.into_iter().map(|(id, Standing { fields, sum })| (sum, Reverse(id), fields == 1)).collect();
        let mut best: Vec<(Reverse<u32>, &str)> = Vec::new();
        while let Some((most, Reverse(id), exact)) = candidates.pop() {
            if best.len() == self.limit && best.last().is_some_and(|last| *last < (Reverse(most), id)) {
                break;
            }
            let found = (Reverse(if exact { most } else { self.tickets_of(id) }), id);
            best.insert(best.partition_point(|other| *other < found), found);
            best.truncate(self.limit);
        }
        best.into_iter()
            .map(|(Reverse(count), id)| Suggestion {
                text: id.to_owned(),
                label: self.name_of(id),
                kind: SuggestionKind::Person,
                count,
            })
            .collect()
    }

    /// On how many visible tickets somebody stands in any principal field.
    fn tickets_of(&self, id: &str) -> u32 {
        let index = self.snapshot.index();
        let fields = self.snapshot.schema().fields().iter().filter(|def| def.kind == FieldKind::Principal);
        let sets: Vec<TicketSet> = fields
            .filter_map(|def| index.field(def.id))
            .filter_map(|column| Some(column.tickets(column.code_of(id)?)))
            .collect();
        TicketSet::union(&sets).and_len(self.visible.set())
    }
}
