//! The forms of log and state rows: what is written is read back, and nothing that a disk may hold makes reading panic. And
//! what becomes of a tenant when something fails.

mod checking;
mod failing;
mod interrupted;
mod random;
mod records;
mod rotten_dump;

use std::fmt::Debug;

use fastrand::Rng;
use ticketscope_model::TextClass;

use crate::{
    delta::Delta,
    facts::{FactCell, FactKey},
    revs::{self, TicketRevs},
    texts,
    wire::{Malformed, Reader, Writer},
};

const ROUNDS: u64 = 400;

/// Holds a form against random values: each comes back from its bytes; no beginning of the bytes is taken for another
/// value; and flipped bits and noise end in a value or an error.
fn hold<T: PartialEq + Debug>(
    make: impl Fn(&mut Rng) -> T,
    encode: impl Fn(&T) -> Vec<u8>,
    decode: impl Fn(&[u8]) -> Result<T, Malformed>,
    whole: bool,
) {
    for seed in 0..ROUNDS {
        let mut rng = Rng::with_seed(seed);
        let value = make(&mut rng);
        let bytes = encode(&value);
        assert_eq!(decode(&bytes).as_ref(), Ok(&value), "seed {seed}");
        for len in 0..bytes.len().min(300) {
            let cut = decode(&bytes[..len]);
            assert!(!whole || cut.is_err(), "seed {seed}: the first {len} bytes are {cut:?}");
            if let Err(Malformed { at }) = cut {
                assert!(at <= len, "seed {seed}: an error at {at} of {len}");
            }
        }
        if whole {
            let longer = [&bytes[..], &[0]].concat();
            assert!(decode(&longer).is_err(), "seed {seed}: a byte too many");
        }
        for _ in 0..200 {
            let mut flipped = bytes.clone();
            if flipped.is_empty() {
                break;
            }
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..flipped.len());
                flipped[at] ^= 1 << rng.u32(..8);
            }
            // Whatever it is now, it is read without a panic, and what is read can be written.
            if let Ok(other) = decode(&flipped) {
                encode(&other);
            }
        }
        let noise: Vec<u8> = (0..rng.usize(..80)).map(|_| if rng.bool() { rng.u8(..) } else { rng.u8(..4) }).collect();
        if let Ok(other) = decode(&noise) {
            encode(&other);
        }
    }
}

#[test]
fn log_rows_come_back() {
    hold(random::delta, Delta::encode, Delta::decode, true);
}

#[test]
fn fact_keys_come_back() {
    // The level of a relation stands last and may be missing, so that a key cut there is another one.
    hold(random::fact_key, FactKey::encode, FactKey::decode, false);
}

#[test]
fn facts_come_back() {
    hold(random::fact_cell, FactCell::encode, FactCell::decode, true);
}

#[test]
fn revisions_come_back() {
    hold(random::ticket_revs, TicketRevs::encode, TicketRevs::decode, true);
}

#[test]
fn text_comes_back() {
    // A row is one part after another, so that a row cut between two is a shorter one.
    hold(random::parts, texts::encode, texts::decode, false);
}

#[test]
fn the_subject_is_that_of_the_parts() {
    for seed in 0..ROUNDS {
        let mut rng = Rng::with_seed(seed);
        let row = texts::encode(&random::parts(&mut rng));
        let parts = texts::decode(&row).unwrap();
        let first = parts.values().find(|part| part.class == TextClass::Subject);
        assert_eq!(texts::subject(&row), Ok(first.map(|part| &*part.body)), "seed {seed}");
        // A row that is cut off has a subject or an error, never none where the whole row has one.
        for len in 0..row.len().min(300) {
            let cut = texts::subject(&row[..len]);
            let whole_parts = texts::decode(&row[..len]).is_ok();
            assert!(cut.is_err() || whole_parts || cut == texts::subject(&row), "seed {seed}: the first {len} bytes");
        }
    }
}

#[test]
fn ticket_keys_come_back() {
    let encode = |key: &_| {
        let mut out = Writer::default();
        revs::write_key(&mut out, key);
        out.0
    };
    hold(random::ticket_key, encode, |row| revs::read_key(&mut Reader::new(row)), false);
}

#[test]
fn numbers_come_back_on_both_sides_of_every_limit() {
    let mut numbers: Vec<u64> = (0..64).flat_map(|shift| [(1u64 << shift) - 1, 1 << shift, (1 << shift) + 1]).collect();
    numbers.push(u64::MAX);
    for number in numbers {
        let mut out = Writer::default();
        out.number(number);
        out.signed(number.cast_signed());
        out.signed(number.cast_signed().wrapping_neg());
        let mut input = Reader::new(&out.0);
        assert_eq!(input.number(), Ok(number));
        assert_eq!(input.signed(), Ok(number.cast_signed()));
        assert_eq!(input.signed(), Ok(number.cast_signed().wrapping_neg()));
        assert!(input.is_empty());
    }
    for signed in [i64::MIN, -1, 0, 1, i64::MAX] {
        let mut out = Writer::default();
        out.signed(signed);
        assert_eq!(Reader::new(&out.0).signed(), Ok(signed));
    }
}

#[test]
fn a_count_of_more_than_there_is_allocates_nothing() {
    let mut out = Writer::default();
    out.number(u64::MAX);
    assert_eq!(Reader::new(&out.0).count(), Err(Malformed { at: 10 }));
    let mut out = Writer::default();
    out.number(2);
    out.byte(0);
    assert_eq!(Reader::new(&out.0).count(), Err(Malformed { at: 1 }));
    out.byte(0);
    assert_eq!(Reader::new(&out.0).count(), Ok(2));
    // Eleven bytes that all say that more follow.
    assert!(Reader::new(&[0xff; 11]).number().is_err());
}

#[test]
fn a_log_row_of_another_version_is_refused() {
    let mut row = Delta::default().encode();
    row[0] += 1;
    assert!(Delta::decode(&row).is_err());
}
