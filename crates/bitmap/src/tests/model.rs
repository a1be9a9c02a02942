use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use fastrand::Rng;
use model::{FieldDecl, FieldId, FieldKind, Schema, SchemaDecl, TicketFields, TicketKey, TicketOrd, Timestamp, Value};
use ticketscope_model as model;

use crate::{Index, ORDERED, TicketBatch, TicketSet, Touched, number_key};

/// The built-in fields, a custom number and a custom tree of several values.
pub(super) fn schema() -> Schema {
    let mut schema = Schema::builtin();
    let field = |name: &str, kind, many| FieldDecl { name: name.into(), kind, many };
    let fields = vec![field("cost", FieldKind::Number, false), field("region", FieldKind::Tree, true)];
    schema.declare(&SchemaDecl { fields, ..SchemaDecl::default() }).unwrap();
    schema
}

/// The fields that random tickets use.
pub(super) fn used(schema: &Schema) -> Vec<FieldId> {
    let names =
        ["group", "status", "requester", "tags", "cc", "has_attachment", "created_at", "updated_at", "cost", "region"];
    let mut ids: Vec<FieldId> = names.iter().map(|name| schema.field(name).unwrap().id).collect();
    ids.sort_unstable();
    ids
}

type Row = BTreeMap<FieldId, Vec<Value>>;

/// The tickets as plain rows, by ordinal; nothing where a ticket was erased.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) keys: Vec<TicketKey>,
    pub(super) rows: Vec<Option<Row>>,
}

pub(super) fn texts(values: &[Value]) -> impl Iterator<Item = &str> {
    values.iter().map(|value| match value {
        Value::Keyword(text) => &**text,
        _ => panic!("a keyword field holds keywords"),
    })
}

pub(super) fn number(value: &Value) -> i64 {
    match value {
        Value::Date(at) => at.0,
        Value::Number(number) => number_key(*number),
        Value::Keyword(_) => panic!("a number field holds numbers"),
    }
}

impl Rows {
    pub(super) fn live(&self) -> Vec<u32> {
        (0..).zip(&self.rows).filter(|(_, row)| row.is_some()).map(|(ord, _)| ord).collect()
    }

    pub(super) fn values(&self, ord: u32, field: FieldId) -> &[Value] {
        self.rows[ord as usize].as_ref().and_then(|row| row.get(&field)).map_or(&[], Vec::as_slice)
    }

    fn newest_first(&self, field: FieldId) -> Vec<u32> {
        let mut ords = self.live();
        ords.sort_by_key(|ord| (Reverse(self.values(*ord, field).first().map(number)), &self.keys[*ord as usize]));
        ords
    }

    fn apply(&mut self, batch: &TicketBatch) {
        self.keys.extend(batch.created.iter().cloned());
        self.rows.resize(self.keys.len(), Some(Row::new()));
        for ord in &batch.erased {
            self.rows[*ord as usize] = None;
        }
        for (field, sets) in &batch.sets {
            for (ord, values) in sets {
                let row = self.rows[*ord as usize].as_mut().expect("batches set values of live tickets");
                row.insert(*field, values.clone());
            }
        }
    }

    /// A batch that makes sense after what there is, applied to the rows.
    pub(super) fn batch(&mut self, schema: &Schema, size: usize, rng: &mut Rng) -> TicketBatch {
        let live = self.live();
        let mut batch = TicketBatch::default();
        if rng.u8(..3) > 0 {
            batch.erased =
                live.iter().copied().filter(|_| rng.usize(..live.len() * 4) < size.min(live.len())).collect();
        }
        let taken = |keys: &[TicketKey], key: &TicketKey| {
            let held =
                live.iter().any(|ord| self.keys[*ord as usize] == *key && batch.erased.binary_search(ord).is_err());
            held || keys.contains(key)
        };
        let next = i64::try_from(self.keys.len()).unwrap();
        for at in 0..rng.usize(..=size) {
            let fresh = TicketKey::Int(1000 + next + i64::try_from(at).unwrap());
            // Whether a key is taken is looked up one by one: a plain model, but only for small batches.
            if size > 2000 {
                batch.created.push(fresh);
                continue;
            }
            let key = match rng.u8(..8) {
                0 => TicketKey::Text(format!("T-{}", rng.u32(..5000)).into()),
                1 => TicketKey::Int(rng.i64(..)),
                2 if !self.keys.is_empty() => self.keys[rng.usize(..self.keys.len())].clone(),
                _ => fresh,
            };
            if !taken(&batch.created, &key) {
                batch.created.push(key);
            }
        }
        let created = u32::try_from(self.keys.len() + batch.created.len()).unwrap();
        let first = u32::try_from(self.keys.len()).unwrap();
        let settable: Vec<u32> =
            live.iter().copied().filter(|ord| batch.erased.binary_search(ord).is_err()).chain(first..created).collect();
        for field in used(schema) {
            let share = [0, 1, 4, 8][rng.usize(..4)];
            let def = schema.by_id(field).unwrap();
            let chosen = settable.iter().filter(|ord| rng.u8(..8) < share || **ord >= first && rng.bool());
            let sets: Vec<_> = chosen.copied().collect();
            let sets: Vec<_> = sets.into_iter().map(|ord| (ord, values(def.kind, def.many, rng))).collect();
            if !sets.is_empty() {
                batch.sets.push((field, sets));
            }
        }
        self.apply(&batch);
        batch
    }
}

fn values(kind: FieldKind, many: bool, rng: &mut Rng) -> Vec<Value> {
    if rng.u8(..6) == 0 {
        return Vec::new();
    }
    let count = if many { rng.usize(1..5) } else { 1 };
    let mut values: Vec<Value> = (0..count).map(|_| value(kind, rng)).collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values.dedup();
    values
}

fn value(kind: FieldKind, rng: &mut Rng) -> Value {
    let floats = [f64::MIN, f64::MAX, 0.0, -1.5, f64::MIN_POSITIVE, 1e300];
    match kind {
        FieldKind::Number if rng.bool() => Value::Number(floats[rng.usize(..floats.len())]),
        FieldKind::Number => Value::Number(f64::from(rng.i16(..))),
        FieldKind::Date => Value::Date(Timestamp(1_700_000_000_000 + rng.i64(0..60) * [1, 86_400_000][rng.usize(..2)])),
        FieldKind::Flag => Value::Keyword(rng.bool().to_string().into()),
        _ if rng.u8(..4) > 0 => Value::Keyword(Arc::from(["Open", "open", "\u{d6}pen", "b"][rng.usize(..4)])),
        _ => Value::Keyword(format!("v{}", rng.u16(..700)).into()),
    }
}

/// Compares everything that an index says about its tickets with the rows.
pub(super) fn assert_is(index: &Index, rows: &Rows, schema: &Schema, rng: &mut Rng) {
    let live = rows.live();
    assert!(index.universe().iter().eq(live.iter().copied()), "universe");
    assert_eq!(index.ordinals() as usize, rows.keys.len());
    for ord in &live {
        let key = &rows.keys[*ord as usize];
        assert_eq!(index.find(key), Some(TicketOrd(*ord)), "{key}");
        assert_eq!(index.key(TicketOrd(*ord)), *key);
        let other = live[rng.usize(..live.len())];
        let expected = key.cmp(&rows.keys[other as usize]);
        assert_eq!(index.compare_keys(TicketOrd(*ord), TicketOrd(other)), expected);
        assert_eq!(index.compare_key_to(TicketOrd(*ord), &rows.keys[other as usize]), expected);
    }
    for (key, _) in rows.keys.iter().zip(&rows.rows).filter(|(_, row)| row.is_none()) {
        let again = live.iter().rev().find(|ord| rows.keys[**ord as usize] == *key);
        assert_eq!(index.find(key), again.map(|ord| TicketOrd(*ord)), "{key}");
    }
    for field in ORDERED {
        assert!(index.order(field).unwrap().iter_from(0).eq(rows.newest_first(field)), "{field:?}");
    }
    assert!(index.fields().map(|(id, _)| id).is_sorted());
    for field in used(schema) {
        assert_field(index, rows, field, schema.by_id(field).unwrap().kind);
    }
}

/// Compares one field of every ticket with the rows, both ways.
pub(super) fn assert_field(index: &Index, rows: &Rows, id: FieldId, kind: FieldKind) {
    let live = rows.live();
    let with: Vec<u32> = live.iter().copied().filter(|ord| !rows.values(*ord, id).is_empty()).collect();
    let Some(field) = index.field(id) else {
        assert_eq!(with, [0; 0], "{id:?} has no values");
        return;
    };
    assert!(field.has().iter().eq(with), "has {id:?}");
    let mut postings: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for ord in (0..).take(rows.keys.len()) {
        let values = rows.values(ord, id);
        let ticket = index.ticket(TicketOrd(ord));
        assert_eq!(ticket.is_unset(id), values.is_empty());
        let mut codes = Vec::new();
        field.for_each_code(ord, |code| codes.push(code));
        if !kind.is_keyword() {
            assert_eq!(field.number(ord), values.first().map(number), "{id:?} of {ord}");
            assert_eq!(codes, [0; 0]);
            assert!(!ticket.any_value(id, &mut |_| true));
            continue;
        }
        assert!(codes.is_sorted_by(|a, b| a < b), "codes ascend");
        let mut found: Vec<&str> = codes.iter().map(|code| field.value_of(*code)).collect();
        found.sort_unstable();
        assert!(found.iter().copied().eq(texts(values)), "{id:?} of {ord}");
        for text in texts(values) {
            postings.entry(text).or_default().push(ord);
            assert!(ticket.any_value(id, &mut |value| value == text));
        }
        assert!(!ticket.any_value(id, &mut |value| value == "never"));
    }
    let mut counts = vec![0; field.codes() as usize];
    field.count_into(index.universe(), &mut counts);
    for (code, count) in (0..).zip(counts) {
        let text = field.value_of(code);
        let expected = postings.remove(text).unwrap_or_default();
        assert_eq!(field.code_of(text), Some(code));
        assert!(field.codes_folded(&text.to_uppercase()).contains(&code));
        assert_eq!((field.tickets_len(code) as usize, count as usize), (expected.len(), expected.len()), "{text}");
        assert_eq!(field.tickets(code), TicketSet::from_sorted(&expected), "{text}");
    }
    assert!(postings.is_empty(), "every value has a code");
    assert_eq!(field.code_of("never"), None);
}

/// What a batch touches, from the batch alone and the codes before.
pub(super) fn assert_touched(touched: &Touched, batch: &TicketBatch, before: &Index, after: &Index) {
    let created = (before.ordinals()..after.ordinals()).chain(batch.erased.iter().copied());
    let set = batch.sets.iter().flat_map(|(_, sets)| sets.iter().map(|(ord, _)| *ord));
    let expected: TicketSet = created.chain(set).collect();
    assert!(expected.iter().eq(touched.ords.iter().copied()), "touched tickets");
    for (id, field) in after.fields() {
        let old = before.field(id).map_or(0, crate::FieldIndex::codes);
        let new = touched.values.iter().find(|(field, _)| *field == id).map(|(_, first)| *first);
        assert_eq!(new, (field.codes() > old).then_some(old), "new values of {id:?}");
        let changed = batch.sets.iter().any(|(field, sets)| {
            *field == id && (before.field(id).is_some() || sets.iter().any(|(_, values)| !values.is_empty()))
        });
        let erased =
            before.field(id).is_some_and(|old| batch.erased.iter().any(|ord| old.has().contains(TicketOrd(*ord))));
        assert_eq!(touched.fields.contains(&id), changed || erased, "{id:?} touched");
    }
    assert!(touched.fields.is_sorted_by(|a, b| a < b));
}

/// The sections of an index, as a file holds them.
pub(super) fn sections(index: &Index) -> BTreeMap<u32, bytes::Bytes> {
    let mut sections = BTreeMap::new();
    index
        .write(|id, bytes| {
            assert!(sections.insert(id, bytes.to_vec().into()).is_none(), "section {id} is written once");
            Ok::<(), crate::SectionTooLarge>(())
        })
        .unwrap();
    sections
}

pub(super) fn read_again(index: &Index, schema: &Schema) -> Index {
    let sections = sections(index);
    Index::read(schema, |id| sections.get(&id).cloned()).unwrap()
}
