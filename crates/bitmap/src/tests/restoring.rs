use std::collections::BTreeMap;

use fastrand::Rng;
use model::{FieldId, Schema, TicketKey, Value, fields};
use ticketscope_model as model;

use super::{
    for_seeds,
    model::{Rows, assert_is, schema},
};
use crate::{Index, Record, Restore, StateError, TICKETS_PER_RECORD, TicketBatch, VALUES_PER_RECORD};

/// The state of an index: its records, as a database holds them.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    values: BTreeMap<(FieldId, u32), Vec<u8>>,
    tickets: BTreeMap<Record, Vec<u8>>,
    ordinals: u32,
}

impl State {
    fn of(index: &Index) -> Self {
        let mut state = Self { ordinals: index.ordinals(), ..Self::default() };
        for (id, field) in index.fields() {
            for number in 0..field.codes().div_ceil(VALUES_PER_RECORD) {
                state.values.insert((id, number), index.value_record(id, number));
            }
        }
        for number in 0..index.ordinals().div_ceil(TICKETS_PER_RECORD) {
            let fields = index.fields().map(|(field, _)| Record::Field { field, number });
            for record in fields.chain([Record::Keys { number }]) {
                state.put(index, record);
            }
        }
        state
    }

    fn put(&mut self, index: &Index, record: Record) {
        match index.ticket_record(record) {
            Some(bytes) => self.tickets.insert(record, bytes),
            None => self.tickets.remove(&record),
        };
    }

    /// Only the records that a batch touched are written again.
    fn follow(&mut self, index: &Index, touched: &crate::Touched) {
        self.ordinals = index.ordinals();
        for (id, first) in &touched.values {
            let codes = index.field(*id).unwrap().codes();
            for number in first / VALUES_PER_RECORD..codes.div_ceil(VALUES_PER_RECORD) {
                self.values.insert((*id, number), index.value_record(*id, number));
            }
        }
        assert!(touched.records.is_sorted_by(|a, b| a < b), "{:?}", touched.records);
        touched.records.iter().for_each(|record| self.put(index, *record));
    }

    fn restore(&self, schema: &Schema) -> Result<Index, StateError> {
        let mut restore = Restore::new();
        for ((field, number), record) in &self.values {
            restore.values(*field, *number, record)?;
        }
        for (record, bytes) in &self.tickets {
            restore.tickets(schema, *record, bytes)?;
        }
        restore.finish(schema, self.ordinals)
    }
}

#[test]
fn a_restored_index_equals_the_one_whose_state_it_was() {
    for_seeds(25, |rng| {
        let schema = schema();
        let (mut index, mut rows, mut state) = (Index::new(), Rows::default(), State::default());
        // The largest reach into a second record.
        let size = [3, 40, 400, 1500][rng.usize(..4)];
        for _ in 0..6 {
            let touched = index.apply(&schema, &rows.batch(&schema, size, rng));
            state.follow(&index, &touched);
            assert_eq!(state, State::of(&index), "the touched records are all that changed");
            let mut restored = state.restore(&schema).unwrap();
            assert_eq!(State::of(&restored), state);
            let mut later = rows.clone();
            restored.apply(&schema, &later.batch(&schema, size, rng));
            // Keys of erased tickets are not kept: all else is as it was.
            assert_is(&restored, &later, &schema, rng);
            if rng.u8(..4) == 0 {
                index = state.restore(&schema).unwrap();
            }
        }
    });
}

fn small(rng: &mut Rng) -> (Schema, State) {
    let schema = schema();
    let (mut index, mut rows) = (Index::new(), Rows::default());
    while rows.keys.len() < 100 {
        index.apply(&schema, &rows.batch(&schema, 60, rng));
    }
    (schema, State::of(&index))
}

#[test]
fn a_record_that_is_cut_off_is_refused() {
    for_seeds(2, |rng| {
        let (schema, state) = small(rng);
        for (record, bytes) in &state.tickets {
            for len in 0..bytes.len() {
                let mut cut = state.clone();
                cut.tickets.insert(*record, bytes[..len].to_vec());
                let refused = cut.restore(&schema).unwrap_err();
                assert_eq!(refused.record, record.number(), "{len} of {} bytes: {refused}", bytes.len());
            }
        }
    });
}

#[test]
fn damaged_records_are_refused_or_restore_something_and_never_panic() {
    for_seeds(4, |rng| {
        let (schema, state) = small(rng);
        let mut refused = 0;
        for _ in 0..3000 {
            let mut damaged = state.clone();
            let (values, tickets) = (damaged.values.len(), damaged.tickets.len());
            let record = match rng.usize(..values + tickets) {
                at if at < values => damaged.values.values_mut().nth(at),
                at => damaged.tickets.values_mut().nth(at - values),
            };
            let record = record.unwrap();
            for _ in 0..rng.usize(1..4) {
                match rng.u8(..4) {
                    0 => record.truncate(rng.usize(..=record.len())),
                    1 => record.push(rng.u8(..)),
                    _ if record.is_empty() => {}
                    _ => {
                        let at = rng.usize(..record.len());
                        record[at] ^= 1 << rng.u8(..8);
                    }
                }
            }
            refused += usize::from(damaged.restore(&schema).is_err());
        }
        assert!(refused > 500, "most damage to structure is seen: {refused}");
    });
}

#[test]
fn records_out_of_turn_are_refused() {
    let (schema, state) = small(&mut Rng::with_seed(3));
    let (keys, status) = (Record::Keys { number: 0 }, Record::Field { field: fields::STATUS, number: 0 });
    let (group, beyond) = (Record::Field { field: fields::GROUP, number: 0 }, Record::Keys { number: u32::MAX });
    let mut restore = Restore::new();
    for ((field, number), record) in &state.values {
        restore.values(*field, *number, record).unwrap();
    }
    assert!(restore.clone().tickets(&schema, group, &state.tickets[&group]).is_err(), "values before keys");
    restore.tickets(&schema, keys, &state.tickets[&keys]).unwrap();
    assert!(restore.tickets(&schema, keys, &state.tickets[&keys]).is_err(), "twice");
    let (first, second) = (group.min(status), group.max(status));
    restore.tickets(&schema, second, &state.tickets[&second]).unwrap();
    assert!(restore.tickets(&schema, first, &state.tickets[&first]).is_err(), "backwards");
    assert!(restore.tickets(&schema, beyond, &state.tickets[&keys]).is_err(), "beyond all ordinals");
    assert!(Restore::new().values(fields::GROUP, 1, &[]).is_err(), "values without those before");
    let mut no_values = Restore::new();
    no_values.tickets(&schema, keys, &state.tickets[&keys]).unwrap();
    assert!(no_values.tickets(&schema, group, &state.tickets[&group]).is_err(), "codes without values");
}

#[test]
fn what_contradicts_the_schema_or_the_count_of_ordinals_is_refused() {
    let (schema, state) = small(&mut Rng::with_seed(3));
    let fewer = State { ordinals: 20, ..state.clone() };
    assert!(fewer.restore(&schema).is_err());
    assert!(state.restore(&Schema::builtin()).is_err(), "custom fields are unknown");
    let mut restore = Restore::new();
    restore.values(fields::CREATED_AT, 0, &[1, b'x']).unwrap();
    assert!(restore.finish(&schema, 0).is_err(), "dates have no values");
    let mut too_many = Restore::new();
    assert!(too_many.values(fields::GROUP, 0, &[0; 65]).is_err());
    assert!(Restore::new().values(fields::GROUP, 0, &[0; 64]).is_ok());
}

/// What comes of tickets with these ordinals and numbers for keys.
fn of_keys(keys: &[(u32, i64)]) -> Result<Index, StateError> {
    let mut restore = Restore::new();
    for in_record in keys.chunk_by(|a, b| a.0 / TICKETS_PER_RECORD == b.0 / TICKETS_PER_RECORD) {
        let (mut mask, mut steps, mut before) = (vec![0; TICKETS_PER_RECORD as usize / 8], Vec::new(), 0);
        for (ord, key) in in_record {
            let at = *ord as usize % TICKETS_PER_RECORD as usize;
            mask[at / 8] |= 1 << (at % 8);
            steps.push(0);
            crate::varint::put_signed(&mut steps, *key - before);
            before = *key;
        }
        let number = in_record[0].0 / TICKETS_PER_RECORD;
        restore.tickets(&schema(), Record::Keys { number }, &[mask, steps].concat())?;
    }
    restore.finish(&schema(), 3000)
}

#[test]
fn two_tickets_with_one_key_are_refused() {
    assert_eq!(of_keys(&[(3, 7), (4, 6), (1024, 8)]).unwrap().find(&TicketKey::Int(6)), Some(model::TicketOrd(4)));
    for (keys, record) in [([(3, 7), (4, 7), (1024, 8)], 0), ([(3, 7), (4, 6), (2047, 7)], 1)] {
        let refused = of_keys(&keys).unwrap_err();
        assert_eq!((refused.record, refused.what), (record, "a ticket has the key of another"));
    }
}

#[test]
fn a_value_that_stands_in_its_field_twice_is_refused() {
    let of = |values: &[String]| {
        let mut restore = Restore::new();
        for (number, values) in (0..).zip(values.chunks(VALUES_PER_RECORD as usize)) {
            let record: Vec<u8> = values
                .iter()
                .flat_map(|value| [&[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat())
                .collect();
            restore.values(fields::GROUP, number, &record)?;
        }
        restore.finish(&schema(), 0)
    };
    let values: Vec<String> = (0..=VALUES_PER_RECORD).map(|value| format!("v{value}")).collect();
    assert_eq!(of(&values).unwrap().field(fields::GROUP).unwrap().code_of("v64"), Some(64));
    for (at, record) in [(1, 0), (63, 0), (64, 1)] {
        let mut doubled = values.clone();
        doubled[at].clone_from(&values[0]);
        let refused = of(&doubled).unwrap_err();
        assert_eq!((refused.record, refused.what), (record, "a value stands among those of its field twice"));
    }
    // One value in two fields is none too many.
    let mut restore = Restore::new();
    restore.values(fields::GROUP, 0, &[1, b'x']).unwrap();
    restore.values(fields::STATUS, 0, &[1, b'x']).unwrap();
    assert!(restore.finish(&schema(), 0).is_ok());
}

#[test]
fn a_record_in_the_form_of_another_kind_of_field_is_refused() {
    let (schema, state) = small(&mut Rng::with_seed(3));
    for (field, forms) in [(fields::GROUP, [1, 2, 3]), (fields::CREATED_AT, [0, 1, 3])] {
        let record = Record::Field { field, number: 0 };
        for form in forms {
            let mut other = state.clone();
            other.tickets.get_mut(&record).unwrap()[0] = form;
            assert!(other.restore(&schema).is_err(), "{field:?} as {form}");
        }
    }
}

#[test]
fn the_form_of_records_of_tickets_does_not_change() {
    let mut index = Index::new();
    let keyword = |text: &str| Value::Keyword(text.into());
    let date = |at| vec![Value::Date(model::Timestamp(at))];
    index.apply(
        &Schema::builtin(),
        &TicketBatch {
            created: vec![TicketKey::Int(-1), TicketKey::Text("AB".into()), TicketKey::Int(1)],
            erased: vec![],
            sets: vec![
                (fields::GROUP, vec![(1, vec![keyword("x")])]),
                (fields::TAGS, vec![(0, vec![keyword("y"), keyword("z")])]),
                (fields::CREATED_AT, vec![(0, date(-64)), (2, date(-63))]),
            ],
        },
    );
    let record = |head: &[u8], mask: u8, tail: &[u8]| Some([head, &[mask], &[0; 127], tail].concat());
    let field = |field| index.ticket_record(Record::Field { field, number: 0 });
    let keys = [0, /* -1 */ 1, 2, b'A', b'B', 0, /* -1 + 2 */ 4];
    assert_eq!(index.ticket_record(Record::Keys { number: 0 }), record(&[], 0b111, &keys));
    assert_eq!(field(fields::GROUP), record(&[0], 0b010, &[0]));
    assert_eq!(field(fields::TAGS), record(&[1], 0b001, &[2, 0, 1]));
    assert_eq!(field(fields::CREATED_AT), record(&[2], 0b101, &[127, 2]));
    assert_eq!(field(fields::STATUS), None);
    assert_eq!(index.ticket_record(Record::Keys { number: 1 }), None);
    assert_eq!(index.value_record(fields::TAGS, 0), [1, b'y', 1, b'z']);
}

#[test]
fn the_last_record_there_can_be_has_the_last_ordinals() {
    let last = u32::MAX / TICKETS_PER_RECORD;
    let mask = [0; crate::state::MASK_WORDS - 1].into_iter().chain([u64::MAX >> 1]);
    let mask: Vec<u64> = mask.collect();
    let ords: Vec<u32> =
        crate::state::members(mask.as_slice().try_into().unwrap(), last * TICKETS_PER_RECORD).collect();
    assert_eq!((ords.len(), ords.last()), (63, Some(&(u32::MAX - 1))));
    let mut restore = Restore::new();
    assert!(restore.tickets(&schema(), Record::Keys { number: last + 1 }, &[0; 128]).is_err());
}
