//! When tickets are made.

use fastrand::Rng;
use ticketscope_model::Timestamp;

/// Milliseconds.
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The time over which tickets were made, up to now.
const SPAN: i64 = 730 * DAY;

/// How many tickets share one sweep over the span.
const SWEEP: u32 = 1 << SWEEP_BITS;
const SWEEP_BITS: u32 = 20;

/// The first ids: they have seven digits from the first one on.
const FIRST_ID: i64 = 1_000_000;

/// The place of a ticket in a sweep over the span: the bits of its number, reversed.
///
/// Any number of tickets, counted from the first, is then spread evenly over the whole span, although none of them
/// knows how many there are.
fn place(number: u32) -> u32 {
    (number % SWEEP).reverse_bits() >> (u32::BITS - SWEEP_BITS)
}

/// The id of the ticket with this number. Within a sweep ids and moments ascend together.
pub(crate) fn id(number: u32) -> i64 {
    FIRST_ID + i64::from(number / SWEEP) * i64::from(SWEEP) + i64::from(place(number))
}

/// When the ticket with this number was made.
pub(crate) fn created(number: u32, now: Timestamp) -> Timestamp {
    // The desk grows: with time t from 0 to 1, the rate of tickets rises from 1 / 1.4 to 1 / 0.6 of its mean.
    let (place, whole) = (i128::from(place(number)), i128::from(SWEEP));
    let grown = place * (14 * whole - 4 * place) * i128::from(SPAN) / (10 * whole * whole);
    let since = i64::try_from(grown).expect("a part of the span");
    // Days begin at midnight, UTC.
    let start = now.0.saturating_sub(SPAN).div_euclid(DAY).saturating_mul(DAY);
    let (day, time) = (since.div_euclid(DAY), since.rem_euclid(DAY));
    Timestamp(start.saturating_add(day * DAY + busy_hour(time)).min(now.0))
}

/// A time of the day for an evenly spread one, in the same order: a tenth of all tickets before seven, a tenth after
/// seven in the evening.
fn busy_hour(time: i64) -> i64 {
    let (early, late) = (DAY / 10, DAY * 9 / 10);
    if time < early {
        time * (7 * HOUR) / early
    } else if time < late {
        7 * HOUR + (time - early) * (12 * HOUR) / (late - early)
    } else {
        19 * HOUR + (time - late) * (5 * HOUR) / (DAY - late)
    }
}

/// A while between one message and the next: from ten minutes to two days, most of them short.
pub(crate) fn pause(rng: &mut Rng) -> i64 {
    let part = rng.i64(0..1_000);
    10 * MINUTE + part * part / 1_000 * (2 * DAY) / 1_000
}

/// `2026-01-31`, the day of `moment`.
pub(crate) fn day(moment: Timestamp, out: &mut String) {
    out.extend(moment.to_string().chars().take("2026-01-31".len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_780_000_000_000);

    #[test]
    fn ids_are_unique_and_ascend_with_time() {
        let mut made: Vec<_> = (0..5_000).map(|number| (id(number), created(number, NOW))).collect();
        made.sort_unstable();
        for pair in made.windows(2) {
            assert!(pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1, "{pair:?}");
        }
    }

    #[test]
    fn the_second_sweep_goes_on_after_the_first() {
        assert_eq!(id(0), FIRST_ID);
        assert_eq!(id(SWEEP - 1), FIRST_ID + i64::from(SWEEP) - 1);
        assert_eq!(id(SWEEP), FIRST_ID + i64::from(SWEEP));
    }

    #[test]
    fn tickets_fill_the_span_and_become_more() {
        let made: Vec<_> = (0..10_000).map(|number| created(number, NOW).0).collect();
        assert_eq!(made.iter().min(), Some(&((NOW.0 - SPAN) / DAY * DAY)));
        assert!(made.iter().all(|at| *at <= NOW.0));
        assert!(made.iter().any(|at| NOW.0 - at < 2 * DAY));
        let recent = made.iter().filter(|at| NOW.0 - **at < SPAN / 2).count();
        assert!((5_500..7_000).contains(&recent), "{recent} of 10,000 in the second year");
    }

    #[test]
    fn most_of_a_day_is_its_working_hours() {
        assert_eq!((busy_hour(0), busy_hour(DAY / 10), busy_hour(DAY * 9 / 10)), (0, 7 * HOUR, 19 * HOUR));
        assert!(busy_hour(DAY - 1) < DAY);
    }
}
