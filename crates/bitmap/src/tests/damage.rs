use fastrand::Rng;
use ticketscope_model::{FieldId, TicketKey, Value, fields};

use super::{
    for_seeds,
    model::{Rows, schema, sections},
};
use crate::{Index, TicketBatch, sections::SECTION_FOLDED};

/// Tickets enough for every form of a posting list: inline, list and blocks.
fn large() -> Index {
    let tickets = 5000;
    let keyword =
        |ord: u32| Value::Keyword(if ord.is_multiple_of(500) { format!("v{ord}") } else { "all".into() }.into());
    let mut index = Index::new();
    index.apply(
        &schema(),
        &TicketBatch {
            created: (0..i64::from(tickets)).map(TicketKey::Int).collect(),
            erased: vec![],
            sets: vec![
                (fields::GROUP, (0..tickets).map(|ord| (ord, vec![keyword(ord)])).collect()),
                (fields::STATUS, (0..tickets / 9).map(|ord| (ord, vec![keyword(ord + 1)])).collect()),
            ],
        },
    );
    index
}

fn small(rng: &mut Rng) -> Index {
    let schema = schema();
    let (mut index, mut rows) = (Index::new(), Rows::default());
    while rows.keys.len() < 60 {
        index.apply(&schema, &rows.batch(&schema, 40, rng));
    }
    index
}

#[test]
fn every_section_that_ends_too_early_is_refused() {
    for_seeds(2, |rng| {
        let (schema, sections) = (schema(), sections(&small(rng)));
        for (number, bytes) in &sections {
            for len in (0..bytes.len()).filter(|len| *len < 400 || len % 37 == 0 || bytes.len() - len < 64) {
                let cut =
                    |id: u32| sections.get(&id).map(|of| if id == *number { of.slice(..len) } else { of.clone() });
                assert!(
                    Index::read(&schema, cut).is_err(),
                    "section {number:#x} cut to {len} of {} bytes",
                    bytes.len()
                );
            }
            let without = Index::read(&schema, |id| sections.get(&id).filter(|_| id != *number).cloned());
            assert_eq!(without.is_ok(), *number == SECTION_FOLDED, "without section {number:#x}");
        }
    });
}

#[test]
fn flipped_bits_are_refused_or_read_but_never_panic() {
    for_seeds(2, |rng| {
        let schema = schema();
        for (index, tries) in [(small(rng), 20_000), (large(), 3000)] {
            let sections = sections(&index);
            let numbers: Vec<u32> = sections.keys().copied().collect();
            let mut refused = 0;
            for _ in 0..tries {
                let number = numbers[rng.usize(..numbers.len())];
                let mut bytes = sections[&number].to_vec();
                // Heads and tables come first or last.
                let at = match rng.u8(..3) {
                    0 => rng.usize(..bytes.len().min(200)),
                    1 => bytes.len() - 1 - rng.usize(..bytes.len().min(200)),
                    _ => rng.usize(..bytes.len()),
                };
                bytes[at] = if rng.bool() { bytes[at] ^ 1 << rng.u8(..8) } else { rng.u8(..) };
                let damaged: bytes::Bytes = bytes.into();
                let section = |id| if id == number { Some(damaged.clone()) } else { sections.get(&id).cloned() };
                refused += usize::from(Index::read(&schema, section).is_err());
            }
            assert!(refused > tries / 20, "damage to lengths and tables is seen: {refused} of {tries}");
        }
    });
}

#[test]
fn a_schema_that_does_not_fit_is_refused() {
    let sections = sections(&small(&mut Rng::with_seed(1)));
    let read = |schema: &ticketscope_model::Schema| Index::read(schema, |id| sections.get(&id).cloned());
    assert!(read(&schema()).is_ok());
    let unknown = read(&ticketscope_model::Schema::builtin()).unwrap_err();
    assert_eq!(unknown.what, "the schema does not know a field");
    // The posting lists of one field in the place of another's.
    let swapped = |id: u32| {
        let other = crate::stored::section_of(FieldId(fields::CREATED_AT.0), id & 1);
        sections.get(if id >> 8 == u32::from(fields::GROUP.0) { &other } else { &id }).cloned()
    };
    let refused = Index::read(&schema(), swapped).unwrap_err();
    assert_eq!(refused.what, "the field is of another kind than the schema says");
}
