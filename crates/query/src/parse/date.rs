//! Dates as queries write them.

use jiff::{Span, civil, tz::TimeZone};
use ticketscope_model::Timestamp;

/// What a written date means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// A bare date: its day. `<=` means before `until`, the other comparisons mean `from`.
    Day { from: Timestamp, until: Timestamp },
    /// A full date: its second, or its millisecond if a fraction was written. Comparisons mean `from`.
    Moment { from: Timestamp, until: Timestamp },
    /// `from/until`, both full dates.
    Range { from: Timestamp, until: Timestamp },
    /// An age: this long before now.
    Ago(Timestamp),
}

/// Why a text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Shape,
    OutOfRange,
}

/// Reads a date. Bare dates and times without an offset are in `zone`.
pub(super) fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Written, Fault> {
    if let Some((amount, unit)) = age(text) {
        return ago(amount, unit, now, zone).map(Written::Ago);
    }
    // A zone in brackets may hold a `/` of its own.
    if let Some((from, until)) = text.split_once('/').filter(|_| !text.contains('[')) {
        return Ok(Written::Range { from: moment(from, zone)?, until: moment(until, zone)? });
    }
    if is_bare(text) {
        let day: civil::Date = text.parse().ok().ok_or(Fault::Shape)?;
        let from = first_moment(day, zone)?;
        let until = first_moment(day.tomorrow().ok().ok_or(Fault::OutOfRange)?, zone)?;
        return Ok(Written::Day { from, until });
    }
    let from = moment(text, zone)?;
    let length = if text.contains(['.', ',']) { 1 } else { 1000 };
    // The end must be a moment that can be written, too.
    let until = from.0.checked_add(length).filter(|until| jiff::Timestamp::from_millisecond(*until).is_ok());
    let until = until.map(Timestamp).ok_or(Fault::OutOfRange)?;
    Ok(Written::Moment { from, until })
}

/// `YYYY-MM-DD`; jiff would read more shapes as a date, some of them times whose time it drops.
fn is_bare(text: &str) -> bool {
    matches!(text.as_bytes(), [y @ .., b'-', m1, m2, b'-', d1, d2]
        if y.len() == 4 && y.iter().chain([m1, m2, d1, d2]).all(u8::is_ascii_digit))
}

fn first_moment(day: civil::Date, zone: &TimeZone) -> Result<Timestamp, Fault> {
    let zoned = day.to_zoned(zone.clone()).ok().ok_or(Fault::OutOfRange)?;
    Ok(Timestamp(zoned.timestamp().as_millisecond()))
}

/// A full date and time, rounded to milliseconds as the values of tickets are.
fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Fault> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(at.as_millisecond()));
    }
    // What has an offset that could not be read must not be taken for a time without one.
    let time = text.get(10..).filter(|time| time.len() > 1).ok_or(Fault::Shape)?;
    if !is_bare(text.get(..10).unwrap_or_default()) || time.contains(['Z', 'z', '+', '-', '[']) {
        return Err(Fault::Shape);
    }
    let civil: civil::DateTime = text.parse().ok().ok_or(Fault::Shape)?;
    let zoned = civil.to_zoned(zone.clone()).ok().ok_or(Fault::OutOfRange)?;
    Ok(Timestamp(zoned.timestamp().as_millisecond()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

/// The amount and unit of an age like `4hours`; the amount is missing if it does not fit.
fn age(text: &str) -> Option<(Option<i64>, Unit)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
    let (amount, unit) = text.split_at_checked(end)?;
    let unit = match unit {
        "minute" | "minutes" => Unit::Minutes,
        "hour" | "hours" => Unit::Hours,
        "day" | "days" => Unit::Days,
        "week" | "weeks" => Unit::Weeks,
        "month" | "months" => Unit::Months,
        "year" | "years" => Unit::Years,
        _ => return None,
    };
    Some((amount.parse().ok(), unit))
}

/// Days and longer units are those of the calendar in `zone`.
fn ago(amount: Option<i64>, unit: Unit, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Fault> {
    let amount = amount.ok_or(Fault::OutOfRange)?;
    let span = match unit {
        Unit::Minutes => Span::new().try_minutes(amount),
        Unit::Hours => Span::new().try_hours(amount),
        Unit::Days => Span::new().try_days(amount),
        Unit::Weeks => Span::new().try_weeks(amount),
        Unit::Months => Span::new().try_months(amount),
        Unit::Years => Span::new().try_years(amount),
    };
    let span = span.ok().ok_or(Fault::OutOfRange)?;
    let now = jiff::Timestamp::from_millisecond(now.0).ok().ok_or(Fault::OutOfRange)?;
    let then = now.to_zoned(zone.clone()).checked_sub(span).ok().ok_or(Fault::OutOfRange)?;
    Ok(Timestamp(then.timestamp().as_millisecond()))
}
