//! What was measured, as a table for people and as one JSON document.

use std::{io, thread::available_parallelism, time::Duration};

use serde_json::{Value, json};
use ticketscope_engine::storage::TenantId;
use ticketscope_query::Snapshot;

use super::{
    askers::{Asker, UNRESTRICTED},
    sample::Sample,
    subject::Subject,
};
use crate::{
    failure::Failure,
    output::{Align, Output, Sheet, counted, grouped},
};

/// The row of openings.
pub(super) const OPENING: &str = "opening, to the first count";

/// What is kept from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing, but for the files in the memory of the system.
    Cold,
    /// The same was asked before.
    Warm,
}

/// What a row is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Title {
    what: &'static str,
    state: Option<State>,
    /// The kind of the words.
    words: Option<&'static str>,
}

/// What a single run came to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    Time(Duration),
    /// So many tickets in the time.
    Rate(u32, Duration),
}

/// A measured number.
#[derive(Debug)]
struct Row {
    title: Title,
    /// The kind of the asker.
    who: Option<&'static str>,
    unit: Unit,
    sample: Sample,
    /// Times the median of who is in nobody's scope.
    of_unrestricted: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Microseconds,
    TicketsPerSecond,
}

/// Rows as they come, and what they are about.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
    tickets: u32,
    principals: usize,
    askers: Vec<(&'static str, Option<String>, u32)>,
    filter: Option<(String, u32)>,
    facet: Option<String>,
    beginning: Option<String>,
    words: Vec<(&'static str, String, u32)>,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Microseconds => "us",
            Self::TicketsPerSecond => "tickets/s",
        }
    }

    fn shown(self, number: f64) -> String {
        match self {
            Self::Microseconds => shown(number),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tickets in a second are few")]
            Self::TicketsPerSecond => format!("{}/s", grouped(number.round() as u64)),
        }
    }
}

impl Title {
    pub(super) fn of(what: &'static str, state: State) -> Self {
        Self { what, state: Some(state), words: None }
    }

    pub(super) fn for_words(self, kind: &'static str) -> Self {
        Self { words: Some(kind), ..self }
    }

    /// For people.
    fn text(&self) -> String {
        self.words.map_or_else(|| self.what.to_owned(), |words| format!("{}, {words} word", self.what))
    }
}

impl Report {
    /// What was run once.
    pub(super) fn once(&mut self, what: &'static str, clock: Clock) {
        let (unit, number) = match clock {
            Clock::Time(time) => (Unit::Microseconds, time.as_secs_f64() * 1e6),
            Clock::Rate(tickets, time) => (Unit::TicketsPerSecond, f64::from(tickets) / time.as_secs_f64().max(1e-9)),
        };
        let sample = Sample { median: number, p99: number, runs: 1 };
        let title = Title { what, state: None, words: None };
        self.rows.push(Row { title, who: None, unit, sample, of_unrestricted: None });
    }

    /// What nobody asks.
    pub(super) fn times(&mut self, what: &'static str, times: Vec<Duration>) {
        let title = Title { what, state: None, words: None };
        let unit = Unit::Microseconds;
        let row = |sample| Row { title, who: None, unit, sample, of_unrestricted: None };
        self.rows.extend(Sample::of(times).map(row));
    }

    /// The times of all askers.
    pub(super) fn by_asker(&mut self, title: Title, askers: &[Asker], samples: &[Option<Sample>]) {
        let of_kind = |kind| askers.iter().zip(samples).find(|(asker, _)| asker.kind == kind);
        let free = of_kind(UNRESTRICTED).and_then(|(_, sample)| *sample).map(|sample| sample.median);
        for (asker, sample) in askers.iter().zip(samples) {
            let Some(sample) = *sample else { continue };
            let of_unrestricted = free.filter(|free| asker.kind != UNRESTRICTED && *free > 0.0);
            let of_unrestricted = of_unrestricted.map(|free| sample.median / free);
            let (who, unit) = (Some(asker.kind), Unit::Microseconds);
            self.rows.push(Row { title, who, unit, sample, of_unrestricted });
        }
    }

    /// Who asked for what, in which tenant.
    pub(super) fn about(&mut self, snapshot: &Snapshot, askers: &[Asker], subject: &Subject) {
        self.tickets = snapshot.index().universe().len();
        self.principals = snapshot.directory().counts().principals;
        self.askers = askers.iter().map(|asker| (asker.kind, asker.principal.clone(), asker.visible)).collect();
        self.filter = subject.filter.as_ref().map(|filter| (filter.text.clone(), filter.tickets));
        self.facet = subject.facet.as_ref().map(|(_, name)| name.clone());
        self.beginning.clone_from(&subject.beginning);
        self.words = subject.words.iter().map(|word| (word.kind, word.text.clone(), word.tickets)).collect();
    }

    /// Prints it; `tenant` is whose it is, or nothing for the made-up one.
    pub(super) fn print(&self, tenant: Option<&TenantId>, out: &mut Output) -> Result<(), Failure> {
        if out.wants_json() {
            return Ok(out.json(&self.to_json(tenant))?);
        }
        Ok(self.to_people(tenant, out)?)
    }

    fn to_people(&self, tenant: Option<&TenantId>, out: &mut Output) -> io::Result<()> {
        let whose = tenant.map_or_else(|| "a made-up help desk".to_owned(), |id| format!("the tenant `{id}`"));
        out.line(format!(
            "ticketscope {} on {}: {whose} of {} and {}",
            env!("CARGO_PKG_VERSION"),
            counted(cores() as u64, "core"),
            counted(self.tickets.into(), "ticket"),
            counted(self.principals as u64, "principal"),
        ))?;
        out.line("")?;
        let mut sheet = Sheet::new([("who", Align::Left), ("principal", Align::Left), ("sees", Align::Right)]);
        for (kind, principal, visible) in &self.askers {
            let principal = principal.clone().unwrap_or_default();
            sheet.row([(*kind).to_owned(), principal, grouped((*visible).into())]);
        }
        out.sheet(&sheet)?;
        out.line("")?;
        let mut sheet = Sheet::new([("asked for", Align::Left), ("", Align::Left), ("tickets", Align::Right)]);
        for (kind, word, tickets) in &self.words {
            sheet.row([format!("{kind} word"), word.clone(), grouped((*tickets).into())]);
        }
        if let Some((filter, tickets)) = &self.filter {
            sheet.row(["filter".to_owned(), filter.clone(), grouped((*tickets).into())]);
        }
        for (what, text) in [("facet", &self.facet), ("suggestions for", &self.beginning)] {
            if let Some(text) = text {
                sheet.row([what.to_owned(), text.clone(), String::new()]);
            }
        }
        out.sheet(&sheet)?;
        out.line("")?;
        let mut sheet = Sheet::new([
            ("what", Align::Left),
            ("state", Align::Left),
            ("who", Align::Left),
            ("median", Align::Right),
            ("p99", Align::Right),
            ("runs", Align::Right),
            ("x unrestricted", Align::Right),
        ]);
        for row in &self.rows {
            sheet.row([
                row.title.text(),
                row.title.state.map_or("", State::name).to_owned(),
                row.who.unwrap_or_default().to_owned(),
                row.unit.shown(row.sample.median),
                row.unit.shown(row.sample.p99),
                row.sample.runs.to_string(),
                row.of_unrestricted.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            ]);
        }
        out.sheet(&sheet)
    }

    fn to_json(&self, tenant: Option<&TenantId>) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "what": row.title.what,
                "state": row.title.state.map(State::name),
                "words": row.title.words,
                "who": row.who,
                "unit": row.unit.name(),
                "median": rounded(row.sample.median),
                "p99": rounded(row.sample.p99),
                "runs": row.sample.runs,
                "of_unrestricted": row.of_unrestricted.map(rounded),
            })
        });
        let askers = self
            .askers
            .iter()
            .map(|(kind, principal, visible)| json!({ "who": kind, "principal": principal, "visible": visible }));
        let words =
            self.words.iter().map(|(kind, word, tickets)| json!({ "words": kind, "word": word, "tickets": tickets }));
        json!({
            "machine": {
                "cores": cores(),
                "os": std::env::consts::OS,
                "arch": std::env::consts::ARCH,
                "version": env!("CARGO_PKG_VERSION"),
            },
            "tenant": tenant.map(TenantId::as_str),
            "made_up": tenant.is_none(),
            "tickets": self.tickets,
            "principals": self.principals,
            "askers": askers.collect::<Value>(),
            "words": words.collect::<Value>(),
            "filter": self.filter.as_ref().map(|(query, tickets)| json!({ "query": query, "tickets": tickets })),
            "facet": self.facet,
            "prefix": self.beginning,
            "rows": rows.collect::<Value>(),
        })
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Three decimals: nothing is measured more exactly.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

/// Microseconds with three digits, in a unit in which they are easy to read.
fn shown(micros: f64) -> String {
    let (value, unit) = match micros {
        ..1.0 => (micros * 1e3, "ns"),
        ..1e3 => (micros, "us"),
        ..1e6 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    let digits = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_with_three_digits_in_the_unit_that_fits() {
        for (micros, text) in [
            (0.07, "70.0 ns"),
            (1.0, "1.00 us"),
            (12.34, "12.3 us"),
            (999.0, "999 us"),
            (1_500.0, "1.50 ms"),
            (2_000_000.0, "2.00 s"),
        ] {
            assert_eq!(shown(micros), text);
        }
        assert_eq!(Unit::TicketsPerSecond.shown(12_345.6), "12,346/s");
    }

    #[test]
    fn a_ratio_is_of_the_median_of_who_is_unrestricted() {
        let asker = |kind| Asker { kind, principal: None, access: ticketscope_query::Access::admin(), visible: 1 };
        let sample = |median| Some(Sample { median, p99: median, runs: 9 });
        let mut report = Report::default();
        let askers = [asker("fewest"), asker(UNRESTRICTED)];
        report.by_asker(Title::of("count", State::Warm), &askers, &[sample(5.0), sample(10.0)]);
        let ratios: Vec<_> = report.rows.iter().map(|row| row.of_unrestricted).collect();
        assert_eq!(ratios, [Some(0.5), None]);
    }
}
