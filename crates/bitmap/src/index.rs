use std::{cmp::Ordering, ops::Range, sync::Arc};

use model::{FieldId, Schema, TicketFields, TicketKey, TicketOrd, fields};
use ticketscope_model as model;

use crate::{
    field::{FieldIndex, FieldSets},
    keys::Keys,
    order::Order,
    part_bytes::PartBytes,
    range::ValueRange,
    set::TicketSet,
    state::{Record, TICKETS_PER_RECORD},
};

/// The fields whose newest-first order is kept.
pub const ORDERED: [FieldId; 2] = [fields::UPDATED_AT, fields::CREATED_AT];

/// Everything about the tickets of one tenant but their text: an immutable value whose clone is cheap and whose writer
/// copies only what a batch touches.
#[derive(Debug, Clone)]
pub struct Index {
    pub(crate) universe: TicketSet,
    pub(crate) keys: Arc<Keys>,
    pub(crate) fields: Vec<(FieldId, Arc<FieldIndex>)>,
    /// Newest first by [`ORDERED`], tickets without a date last, then by key.
    pub(crate) orders: [Order; 2],
}

/// What becomes of tickets in one batch: final states, so that applying a batch again changes nothing more.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TicketBatch {
    /// Keys of new tickets; they get the next ordinals, in order.
    pub created: Vec<TicketKey>,
    /// Ordinals of erased tickets, ascending. They are in none of `sets`.
    pub erased: Vec<u32>,
    /// New values per field, fields ascending.
    pub sets: Vec<(FieldId, FieldSets)>,
}

/// What a batch touched, for whoever must write or follow it.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    /// Ordinals, ascending: created, erased and changed tickets.
    pub ords: Vec<u32>,
    /// Fields with new values, and the first new code of each.
    pub values: Vec<(FieldId, u32)>,
    /// Fields in which any ticket changed, ascending.
    pub fields: Vec<FieldId>,
    /// Records of the state that say something else now, ascending; of some of them nothing is left.
    pub records: Vec<Record>,
}

/// Bytes of an index by part.
#[derive(Debug, Clone, Default)]
pub struct IndexBytes {
    /// Keys and the way back.
    pub keys: PartBytes,
    /// Orders.
    pub orders: PartBytes,
    /// Per field: dictionary, posting lists, column.
    pub fields: Vec<(FieldId, [PartBytes; 3])>,
}

impl Touched {
    /// Whether tickets were made or erased.
    pub fn changes_universe(&self) -> bool {
        // Records of keys come first.
        matches!(self.records.first(), Some(Record::Keys { .. }))
    }
}

impl IndexBytes {
    /// All of it.
    pub fn total(&self) -> PartBytes {
        self.keys + self.orders + self.fields.iter().flat_map(|(_, parts)| parts).copied().sum()
    }

    /// Dictionaries, posting lists and columns of all fields.
    pub fn of_fields(&self) -> [PartBytes; 3] {
        [0, 1, 2].map(|part| self.fields.iter().map(|(_, parts)| parts[part]).sum())
    }
}

/// [`Order::remove_all`] or [`Order::insert_all`].
type ChangeOrder = fn(&mut Order, &mut [u32], &dyn Fn(u32, u32) -> Ordering);

impl Index {
    /// The index of no tickets.
    pub fn new() -> Self {
        Self {
            universe: TicketSet::empty(),
            keys: Arc::new(Keys::new()),
            fields: Vec::new(),
            orders: [Order::new(), Order::new()],
        }
    }

    /// All tickets there are.
    pub fn universe(&self) -> &TicketSet {
        &self.universe
    }

    /// How many ordinals were given out; erased tickets keep theirs.
    pub fn ordinals(&self) -> u32 {
        self.keys.len()
    }

    /// The ticket with this key, if there is one. Logarithmic.
    pub fn find(&self, key: &TicketKey) -> Option<TicketOrd> {
        self.keys.find(key).filter(|ord| self.universe.contains(*ord))
    }

    /// The key of a ticket of the universe.
    pub fn key(&self, ord: TicketOrd) -> TicketKey {
        self.keys.get(ord.0)
    }

    /// Orders two tickets by key.
    #[inline]
    pub fn compare_keys(&self, a: TicketOrd, b: TicketOrd) -> Ordering {
        self.keys.compare(a.0, b.0)
    }

    /// Orders a ticket by key against `key`.
    pub fn compare_key_to(&self, ord: TicketOrd, key: &TicketKey) -> Ordering {
        self.keys.compare_to(ord.0, key)
    }

    /// Every ordinal that was given out, in the order of the keys, or those whose keys come after `after`: erased tickets
    /// too, and a key that was erased and came back once for each of its ordinals. Each takes a comparison for each sorted run
    /// of keys, of which there are logarithmically many.
    pub fn ords_by_key<'a>(&'a self, after: Option<&'a TicketKey>) -> impl Iterator<Item = TicketOrd> + 'a {
        self.keys.ascending(after).map(TicketOrd)
    }

    /// A field that any ticket ever had a value of.
    pub fn field(&self, id: FieldId) -> Option<&FieldIndex> {
        self.fields.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| &*self.fields[at].1)
    }

    /// Every field that any ticket ever had a value of, ascending.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, &FieldIndex)> {
        self.fields.iter().map(|(id, field)| (*id, &**field))
    }

    /// All tickets, newest first by one of [`ORDERED`]; nothing for other fields.
    pub fn order(&self, field: FieldId) -> Option<&Order> {
        ORDERED.iter().position(|ordered| *ordered == field).map(|at| &self.orders[at])
    }

    /// The ranks in `order`, which orders some tickets newest first by `field`, of those whose date lies in `range`.
    /// Logarithmic.
    pub fn ranks_in(&self, field: FieldId, order: &Order, range: ValueRange) -> Range<u32> {
        let column = self.field(field);
        let place = |is_before: &dyn Fn(i64) -> bool| {
            order.rank_of(|ord| match column.and_then(|column| column.number(ord)) {
                Some(number) if is_before(number) => Ordering::Less,
                _ => Ordering::Greater,
            })
        };
        let first = place(&|number| number > range.high);
        first..place(&|number| number >= range.low).max(first)
    }

    /// Sorts `tickets` as [`Self::order`] does: newest first by `field`, tickets without it last, then by key.
    pub fn sort_newest_first(&self, field: FieldId, tickets: &TicketSet) -> Order {
        // Picking many tickets out of the order of all is cheaper than sorting them.
        if tickets.len() > self.universe.len() / 32
            && let Some(order) = self.order(field).filter(|order| order.len() == self.universe.len())
        {
            let picked = order.iter_from(0).filter(|ord| tickets.contains(TicketOrd(*ord)));
            return Order::from_sorted(&picked.collect::<Vec<_>>());
        }
        let mut ords = Vec::with_capacity(tickets.len() as usize);
        tickets.for_each(|ord| ords.push(ord));
        self.sort_newest(field, &mut ords);
        Order::from_sorted(&ords)
    }

    /// One ticket, for rules that are judged ticket by ticket.
    pub fn ticket(&self, ord: TicketOrd) -> TicketRef<'_> {
        TicketRef { index: self, ord: ord.0 }
    }

    /// Applies a batch. `schema` knows every field of it.
    pub fn apply(&mut self, schema: &Schema, batch: &TicketBatch) -> Touched {
        let first = self.keys.len();
        if !batch.created.is_empty() {
            Arc::make_mut(&mut self.keys).append(&batch.created);
        }
        let created: Vec<u32> = (first..self.keys.len()).collect();
        let mut touched = Touched::default();
        touched.ords.extend_from_slice(&created);
        touched.ords.extend_from_slice(&batch.erased);
        for (_, sets) in &batch.sets {
            touched.ords.extend(sets.iter().map(|(ord, _)| *ord));
        }
        touched.ords.sort_unstable();
        touched.ords.dedup();
        let mut born_or_gone = numbers(batch.erased.iter().chain(&created).copied());
        born_or_gone.sort_unstable();
        born_or_gone.dedup();
        touched.records.extend(born_or_gone.into_iter().map(|number| Record::Keys { number }));

        let mut fields: Vec<FieldId> = batch.sets.iter().map(|(field, _)| *field).collect();
        if !batch.erased.is_empty() {
            fields.extend(self.fields.iter().map(|(id, _)| *id));
        }
        fields.extend_from_slice(&ORDERED);
        fields.sort_unstable();
        fields.dedup();
        for id in fields {
            self.apply_field(schema, batch, id, &created, &mut touched);
        }
        self.universe = self.universe.updated(&created, &batch.erased);
        touched
    }

    fn apply_field(
        &mut self,
        schema: &Schema,
        batch: &TicketBatch,
        id: FieldId,
        created: &[u32],
        touched: &mut Touched,
    ) {
        let Some(def) = schema.by_id(id) else { return };
        let mut sets = match batch.sets.binary_search_by_key(&id, |(field, _)| *field) {
            Ok(at) => std::borrow::Cow::Borrowed(&batch.sets[at].1),
            Err(_) => std::borrow::Cow::Owned(Vec::new()),
        };
        if let Some(field) = self.field(id) {
            let lost: FieldSets = batch
                .erased
                .iter()
                .filter(|ord| field.has().contains(TicketOrd(**ord)))
                .map(|ord| (*ord, Vec::new()))
                .collect();
            if !lost.is_empty() {
                let all = sets.to_mut();
                all.extend(lost);
                all.sort_by_key(|(ord, _)| *ord);
            }
        }
        let order = ORDERED.iter().position(|ordered| *ordered == id);
        if let Some(order) = order {
            let mut leaving: Vec<u32> = sets.iter().map(|(ord, _)| *ord).chain(batch.erased.iter().copied()).collect();
            leaving.retain(|ord| self.universe.contains(TicketOrd(*ord)));
            leaving.sort_unstable();
            leaving.dedup();
            self.reorder(order, id, &mut leaving, Order::remove_all);
        }
        // A field that never had a value stays unborn.
        if self.field(id).is_some() && !sets.is_empty() || sets.iter().any(|(_, values)| !values.is_empty()) {
            let at = self.fields.binary_search_by_key(&id, |(id, _)| *id).unwrap_or_else(|at| {
                self.fields.insert(at, (id, Arc::new(FieldIndex::new(def))));
                at
            });
            let field = Arc::make_mut(&mut self.fields[at].1);
            field.widen(def);
            let before = field.codes();
            field.apply(&sets);
            if field.codes() > before {
                touched.values.push((id, before));
            }
            touched.fields.push(id);
            let numbers = numbers(sets.iter().map(|(ord, _)| *ord));
            touched.records.extend(numbers.into_iter().map(|number| Record::Field { field: id, number }));
        }
        if let Some(order) = order {
            let mut entering: Vec<u32> = sets
                .iter()
                .map(|(ord, _)| *ord)
                .filter(|ord| batch.erased.binary_search(ord).is_err())
                .chain(created.iter().copied())
                .collect();
            entering.sort_unstable();
            entering.dedup();
            self.reorder(order, id, &mut entering, Order::insert_all);
        }
    }

    fn reorder(&mut self, order: usize, id: FieldId, ords: &mut [u32], change: ChangeOrder) {
        if ords.is_empty() {
            return;
        }
        let mut moved = std::mem::replace(&mut self.orders[order], Order::new());
        self.sort_newest(id, ords);
        change(&mut moved, ords, &self.newest_first(id));
        self.orders[order] = moved;
    }

    /// Newest first by `field`, tickets without it last, then by key.
    #[inline]
    pub fn compare_newest(&self, field: FieldId, a: u32, b: u32) -> Ordering {
        self.newest_first(field)(a, b)
    }

    /// [`Self::compare_newest`] with the field looked up once.
    fn newest_first(&self, field: FieldId) -> impl Fn(u32, u32) -> Ordering {
        let column = self.field(field);
        let number = move |ord| column.and_then(|column| column.number(ord));
        move |a, b| number(b).cmp(&number(a)).then_with(|| self.keys.compare(a, b))
    }

    /// Sorts ordinals by [`Self::compare_newest`], reading each date once.
    fn sort_newest(&self, field: FieldId, ords: &mut [u32]) {
        let column = self.field(field);
        let number = |ord: u32| column.and_then(|column| column.number(ord));
        let mut rows: Vec<(Option<i64>, u32)> = ords.iter().map(|ord| (number(*ord), *ord)).collect();
        rows.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| self.keys.compare(a.1, b.1)));
        for (slot, (_, ord)) in ords.iter_mut().zip(rows) {
            *slot = ord;
        }
    }

    /// Keeps an order of some tickets current: takes `leaving` out as they stood in `before`, puts `entering` in as they
    /// stand here.
    pub fn follow(
        &self,
        before: &Self,
        field: FieldId,
        order: &Order,
        leaving: &mut [u32],
        entering: &mut [u32],
    ) -> Order {
        let mut order = order.clone();
        order.remove_all(leaving, &before.newest_first(field));
        order.insert_all(entering, &self.newest_first(field));
        order
    }

    /// Bytes by part. Linear in the size of the index.
    pub fn part_bytes(&self) -> IndexBytes {
        IndexBytes {
            keys: self.keys.part_bytes() + self.universe.part_bytes(),
            orders: self.orders.iter().map(Order::part_bytes).sum(),
            fields: self.fields.iter().map(|(id, field)| (*id, field.part_bytes())).collect(),
        }
    }

    pub(crate) fn from_parts(universe: TicketSet, keys: Keys, fields: Vec<(FieldId, Arc<FieldIndex>)>) -> Self {
        let mut index = Self { universe, keys: Arc::new(keys), fields, orders: [Order::new(), Order::new()] };
        index.orders = ORDERED.map(|field| index.sort_newest_first(field, &index.universe));
        index
    }
}

/// The records in which ascending ordinals stand.
fn numbers(ords: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = ords.map(|ord| ord / TICKETS_PER_RECORD).collect();
    numbers.dedup();
    numbers
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

/// One ticket of an index.
#[derive(Debug, Clone, Copy)]
pub struct TicketRef<'a> {
    index: &'a Index,
    ord: u32,
}

impl TicketFields for TicketRef<'_> {
    fn any_value(&self, field: FieldId, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let Some(field) = self.index.field(field) else { return false };
        let mut any = false;
        field.for_each_code(self.ord, |code| any = any || test(field.value_of(code)));
        any
    }

    fn is_unset(&self, field: FieldId) -> bool {
        !self.index.field(field).is_some_and(|field| field.has().contains(TicketOrd(self.ord)))
    }
}
