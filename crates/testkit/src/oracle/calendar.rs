//! The little of a calendar that relative dates need.

use ticketscope_model::Timestamp;

use super::Unit;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The length of a day in milliseconds: UTC has no longer or shorter ones.
pub(super) fn next_day(from: Timestamp) -> Timestamp {
    Timestamp(from.0 + DAY)
}

/// The moment `amount` units before `now`.
pub(super) fn ago(now: Timestamp, amount: u32, unit: Unit) -> Timestamp {
    let amount = i64::from(amount);
    match unit {
        Unit::Minutes => Timestamp(now.0 - amount * 60_000),
        Unit::Hours => Timestamp(now.0 - amount * 3_600_000),
        Unit::Days => Timestamp(now.0 - amount * DAY),
        Unit::Weeks => Timestamp(now.0 - amount * 7 * DAY),
        Unit::Months => months_ago(now, amount),
        Unit::Years => months_ago(now, amount * 12),
    }
}

fn months_ago(now: Timestamp, months: i64) -> Timestamp {
    let (days, time) = (now.0.div_euclid(DAY), now.0.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let count = year * 12 + (month - 1) - months;
    let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
    Timestamp(days_before(year, month, day.min(length(year, month))) * DAY + time)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date, by counting.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year_length = |year: i64| if is_leap(year) { 366 } else { 365 };
    let years: i64 =
        if year >= 1970 { (1970..year).map(year_length).sum() } else { -(year..1970).map(year_length).sum::<i64>() };
    years + (1..month).map(|month| length(year, month)).sum::<i64>() + day - 1
}

/// Year, month and day of the day that lies `days` after 1970-01-01, by counting.
fn date(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days.div_euclid(366);
    while days_before(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_before(year, month + 1, 1) <= days {
        month += 1;
    }
    (year, month, days - days_before(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_dates_count_back_from_now() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let now = at("2024-03-31T10:00:00Z");
        for (amount, unit, then) in [
            (30, Unit::Minutes, "2024-03-31T09:30:00Z"),
            (11, Unit::Hours, "2024-03-30T23:00:00Z"),
            (31, Unit::Days, "2024-02-29T10:00:00Z"),
            (2, Unit::Weeks, "2024-03-17T10:00:00Z"),
            (1, Unit::Months, "2024-02-29T10:00:00Z"),
            (3, Unit::Months, "2023-12-31T10:00:00Z"),
            (13, Unit::Months, "2023-02-28T10:00:00Z"),
            (1, Unit::Years, "2023-03-31T10:00:00Z"),
            (60, Unit::Years, "1964-03-31T10:00:00Z"),
        ] {
            assert_eq!(ago(now, amount, unit).to_string(), then, "{amount} {unit}");
        }
    }
}
