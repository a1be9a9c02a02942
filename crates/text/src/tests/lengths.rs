use std::sync::Arc;

use bitmap::TicketSet;
use tantivy::{
    BitSet, SegmentReader,
    directory::{OwnedBytes, RamDirectory},
    fastfield::{AliveBitSet, write_alive_bitset},
};
use ticketscope_bitmap as bitmap;

use super::{Parts, by_library, random_parts, seeds};
use crate::{
    analysis::{Analyzer, Languages},
    fields::{self, Form, ROW, TextField},
    segment::Segment,
};

/// The documents `alive` of `max_doc`, as a segment reads them.
fn alive_bitset(alive: &[u32], max_doc: u32) -> AliveBitSet {
    let mut bits = BitSet::with_max_value(max_doc);
    for doc in alive {
        bits.insert(*doc);
    }
    let mut bytes = Vec::new();
    write_alive_bitset(&bits, &mut bytes).unwrap();
    AliveBitSet::open(OwnedBytes::new(bytes))
}

/// At most one live document of each ticket, and as many others deleted as `rng` wills.
fn random_alive(rng: &mut fastrand::Rng, rows: &[u32]) -> Vec<u32> {
    let deletes = rng.u8(..=100);
    let mut alive: Vec<u32> = Vec::new();
    for (doc, row) in (0..).zip(rows) {
        let is_second = alive.last().is_some_and(|last| rows[*last as usize] == *row);
        if !is_second && rng.u8(..100) >= deletes {
            alive.push(doc);
        }
    }
    alive
}

#[test]
fn the_length_of_any_tickets_is_the_sum_of_those_of_their_documents() {
    let (mut few, mut most, mut twins) = (0, 0, 0);
    for seed in seeds() {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (index, fields) = fields::open(RamDirectory::create()).unwrap();
        let mut ord = rng.u32(..3);
        let mut tickets: Vec<(u32, Parts)> = Vec::new();
        // In some segments a row of tickets, in some with gaps, in some with tickets that have two documents.
        let steps = rng.choice([1..2, 1..4, 0..3]).unwrap();
        for _ in 0..rng.usize(1..80) {
            tickets.push((ord, random_parts(&mut rng)));
            ord += match tickets.len() {
                len if len > 1 && tickets[len - 2].0 == ord => 1,
                _ => rng.u32(steps.clone()),
            };
        }
        let segment = by_library::write(&index, &fields, &mut Analyzer::new(Languages::default()), &tickets);
        let max_doc = segment.meta().max_doc();
        if max_doc == 0 {
            continue;
        }
        let column = SegmentReader::open(&segment).unwrap().fast_fields().u64(ROW).unwrap();
        let rows: Vec<u32> = (0..max_doc).map(|doc| column.first(doc).unwrap().try_into().unwrap()).collect();
        twins += usize::from(rows.windows(2).any(|pair| pair[0] == pair[1]));
        // What is known of the segment is shared by whoever opens it with other deletions.
        let mut known = None;
        for _ in 0..4 {
            let alive = random_alive(&mut rng, &rows);
            let deletes = alive_bitset(&alive, max_doc);
            let reader = SegmentReader::open_with_custom_alive_set(&segment, Some(deletes)).unwrap();
            let view = Segment::open(reader, fields, known.as_ref()).unwrap();
            known = Some(Arc::clone(view.base()));
            for _ in 0..6 {
                let share = rng.u8(..=100);
                let scope: Vec<u32> = (0..ord + 3).filter(|_| rng.u8(..100) < share).collect();
                let here: Vec<u32> = alive.iter().copied().filter(|doc| scope.contains(&rows[*doc as usize])).collect();
                let is_most = here.len() > max_doc as usize / 2;
                (few, most) = (few + usize::from(!is_most), most + usize::from(is_most));
                for (field, form) in
                    TextField::ALL.into_iter().flat_map(|field| [(field, Form::Stem), (field, Form::Surface)])
                {
                    let lengths = view.lengths(field, form).unwrap();
                    let plain: u64 = here.iter().map(|doc| u64::from(lengths.fieldnorm(*doc))).sum();
                    let length = view.length(field, form, &TicketSet::from_sorted(&scope)).unwrap();
                    assert_eq!(length, plain, "seed {seed}: {field:?} {form:?} of {scope:?}, {alive:?} of {rows:?}");
                }
            }
        }
    }
    assert!(few > 0 && most > 0 && twins > 0, "{few} sums of few, {most} of most, {twins} segments with twins");
}
