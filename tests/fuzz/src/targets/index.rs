//! Bitmaps and columns: the sections of a mapped snapshot, and the records of the state.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use fastrand::Rng;
use ticketscope_bitmap::{
    Index, ORDERED, Record, Restore, SectionTooLarge, StateError, TICKETS_PER_RECORD, TicketBatch, VALUES_PER_RECORD,
};
use ticketscope_model::{FieldId, TicketKey, TicketOrd, Timestamp, Value, fields};

use crate::{
    choices::{Choices, tampered},
    desk::SCHEMA,
};

type Sections = BTreeMap<u32, Bytes>;

/// Tickets enough for several records and for inline and listed posting lists, some of them erased.
static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut rng = Rng::with_seed(1);
    let count = 200;
    let key = |ord: u32| if ord % 50 == 7 { TicketKey::Text(format!("K-{ord}").into()) } else { i64::from(ord).into() };
    let mut each = |percent: u32, value: &mut dyn FnMut(&mut Rng, u32) -> Vec<Value>| -> Vec<(u32, Vec<Value>)> {
        let chosen: Vec<u32> = (0..count).filter(|_| rng.u32(..100) < percent).collect();
        chosen.into_iter().map(|ord| (ord, value(&mut rng, ord))).collect()
    };
    let keyword = |text: String| vec![Value::Keyword(text.into())];
    let mut sets = vec![
        (fields::GROUP, each(90, &mut |rng, _| keyword(format!("g{}", rng.u32(..3))))),
        (
            fields::TAGS,
            each(40, &mut |rng, ord| {
                vec![Value::Keyword("t".into()), Value::Keyword(format!("u{}", ord % (rng.u32(..40) + 1)).into())]
            }),
        ),
        (fields::EXTERNAL_ID, each(10, &mut |_, ord| keyword(format!("external {ord}")))),
        (fields::UPDATED_AT, each(95, &mut |rng, _| vec![Value::Date(Timestamp(rng.i64(..1 << 40)))])),
        (FieldId(256), each(20, &mut |rng, _| vec![Value::Number(f64::from(rng.i32(-9..9)) / 4.0)])),
    ];
    sets.sort_by_key(|(field, _)| *field);
    let mut index = Index::new();
    index.apply(&SCHEMA, &TicketBatch { created: (0..count).map(key).collect(), erased: vec![], sets });
    index.apply(&SCHEMA, &TicketBatch { created: vec![], erased: vec![3, 77, 160], sets: vec![] });
    index
});

static SECTIONS: LazyLock<Sections> = LazyLock::new(|| written(&INDEX).expect("the index is small"));

/// What an index writes, of which nothing is too large.
fn written(index: &Index) -> Result<Sections, SectionTooLarge> {
    let mut sections = Sections::new();
    index.write::<SectionTooLarge>(|id, bytes| {
        sections.insert(id, Bytes::copy_from_slice(bytes));
        Ok(())
    })?;
    Ok(sections)
}

/// Sections of which one was tampered with are refused, or taken: posting lists and columns stay views of them, whose bytes
/// the checksums of the mapped snapshot vouch for. What was written is read, can be asked everything and is written the same.
pub(crate) fn sections(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let numbers: Vec<u32> = SECTIONS.keys().copied().collect();
    let number = numbers[choices.below(numbers.len())];
    let other: Bytes = tampered(&SECTIONS[&number], choices).into();
    let is_same = other == SECTIONS[&number];
    let section = |id: u32| if id == number { Some(other.clone()) } else { SECTIONS.get(&id).cloned() };
    match Index::read(&SCHEMA, section) {
        Ok(index) if is_same => {
            ask(&index);
            assert_eq!(written(&index).ok().as_ref(), Some(&*SECTIONS), "what was read is written the same");
        }
        Ok(_) => {}
        Err(error) => assert!(!is_same, "what was written is read: {error}"),
    }
}

/// Everything that answers ask of an index.
fn ask(index: &Index) {
    let universe = index.universe();
    let mut seen = 0_u64;
    for ord in universe.iter().take(2000) {
        seen += u64::from(ord);
        let key = (ord < index.ordinals()).then(|| index.key(TicketOrd(ord)));
        seen += u64::from(key.and_then(|key| index.find(&key)).is_some());
    }
    for (_, field) in index.fields() {
        for code in 0..field.codes().min(100) {
            seen += u64::from(field.code_of(field.value_of(code)).is_some());
            seen += u64::from(field.tickets(code).len());
        }
        for ord in 0..index.ordinals().min(1000) {
            field.for_each_code(ord, |code| seen += u64::from(code));
            seen += u64::from(field.number(ord).is_some());
        }
        let mut counts = vec![0; field.codes().min(1 << 20) as usize];
        if counts.len() == field.codes() as usize {
            field.count_into(universe, &mut counts);
        }
    }
    for field in ORDERED {
        let order = index.order(field).map_or(0, |order| order.iter_from(0).take(2000).count());
        seen += order as u64;
    }
    std::hint::black_box(seen);
}

/// The state of an index: records of values and of tickets.
#[derive(Debug, Clone, PartialEq)]
struct State {
    values: BTreeMap<(FieldId, u32), Vec<u8>>,
    tickets: BTreeMap<Record, Vec<u8>>,
    ordinals: u32,
}

static STATE: LazyLock<State> = LazyLock::new(|| State::of(&INDEX));

impl State {
    fn of(index: &Index) -> Self {
        let mut values = BTreeMap::new();
        for (id, field) in index.fields() {
            for number in 0..field.codes().div_ceil(VALUES_PER_RECORD) {
                values.insert((id, number), index.value_record(id, number));
            }
        }
        let numbers = 0..index.ordinals().div_ceil(TICKETS_PER_RECORD);
        let records = numbers.flat_map(|number| {
            let fields = index.fields().map(move |(field, _)| Record::Field { field, number });
            fields.chain([Record::Keys { number }])
        });
        let tickets = records.filter_map(|record| Some((record, index.ticket_record(record)?))).collect();
        Self { values, tickets, ordinals: index.ordinals() }
    }

    fn restore(&self) -> Result<Index, StateError> {
        let mut restore = Restore::new();
        for ((field, number), record) in &self.values {
            restore.values(*field, *number, record)?;
        }
        for (record, bytes) in &self.tickets {
            restore.tickets(&SCHEMA, *record, bytes)?;
        }
        restore.finish(&SCHEMA, self.ordinals)
    }
}

/// Records that are taken, though one was tampered with, give an index whose records give the same index.
pub(crate) fn records(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut state = STATE.clone();
    let at = choices.below(state.values.len() + state.tickets.len());
    let record = state.values.values_mut().chain(state.tickets.values_mut()).nth(at).expect("the place is one");
    *record = tampered(record, choices);
    let Ok(index) = state.restore() else {
        assert_ne!(state, *STATE, "what was written is read");
        return;
    };
    ask(&index);
    let written = State::of(&index);
    let again = written.restore().expect("what was written is read");
    assert_eq!(State::of(&again), written);
}
