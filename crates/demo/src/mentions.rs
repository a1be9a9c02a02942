//! What the text of one ticket speaks of: its numbers, the same in every part.

use std::fmt::Write;

use fastrand::Rng;
use ticketscope_model::Timestamp;

use crate::{
    calendar::{self, DAY},
    draw::{Weights, one},
    records::Names,
};

/// A slot that is filled from the ticket rather than from a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mention {
    Order,
    Invoice,
    Amount,
    Code,
    Version,
    Serial,
    Parcel,
    Customer,
    Agent,
    /// A small number, 2 to 40, another one each time.
    Count,
    /// A day shortly before the ticket was made, another one each time.
    Day,
    /// A day after it was made, another one each time.
    Soon,
    /// Somebody, another one each time.
    Person,
}

impl Mention {
    /// The mention that a slot names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "order" => Self::Order,
            "invoice" => Self::Invoice,
            "amount" => Self::Amount,
            "code" => Self::Code,
            "version" => Self::Version,
            "serial" => Self::Serial,
            "parcel" => Self::Parcel,
            "customer" => Self::Customer,
            "agent" => Self::Agent,
            "count" => Self::Count,
            "day" => Self::Day,
            "soon" => Self::Soon,
            "person" => Self::Person,
            _ => return None,
        })
    }
}

/// The ticket's own values of the mentions.
#[derive(Debug)]
pub(crate) struct Mentions<'t> {
    pub(crate) order: u32,
    pub(crate) invoice: u32,
    /// Hundredths.
    pub(crate) cents: u32,
    code: u32,
    version: [u32; 3],
    serial: (u32, [char; 2], u32),
    parcel: u32,
    created: Timestamp,
    customer: &'t str,
    agent: &'t str,
    names: &'t Names,
}

/// How many error codes the products have.
const CODES: u32 = 400;

impl<'t> Mentions<'t> {
    /// Draws the numbers of a ticket that `customer` wrote to `agent`; `names` are those of third persons.
    pub(crate) fn draw(
        rng: &mut Rng,
        codes: &Weights,
        created: Timestamp,
        [customer, agent]: [&'t str; 2],
        names: &'t Names,
    ) -> Self {
        let rank = u32::try_from(codes.draw(rng)).expect("there are few codes");
        Self {
            order: rng.u32(100_000..1_000_000),
            invoice: rng.u32(100_000..1_000_000),
            // Small amounts are more frequent than large ones.
            cents: rng.u32(500..20_000) * rng.u32(1..12),
            // Starting with E-4021, spread over E-1000 to E-9999; 389 is prime to their number.
            code: 1_000 + (3_021 + rank * 389) % 9_000,
            version: [rng.u32(3..12), rng.u32(..10), rng.u32(..10)],
            serial: (rng.u32(10..100), [rng.uppercase(), rng.uppercase()], rng.u32(1_000..10_000)),
            parcel: rng.u32(10_000_000..100_000_000),
            created,
            customer,
            agent,
            names,
        }
    }

    /// The weights of the error codes.
    pub(crate) fn codes() -> Weights {
        Weights::falling(CODES as usize, 3)
    }

    /// The number of the ticket's order, as it is written.
    pub(crate) fn order(&self) -> String {
        format!("FW-{}", self.order)
    }

    /// Writes `mention`.
    pub(crate) fn write(&self, mention: Mention, rng: &mut Rng, out: &mut String) {
        let Self { invoice, cents, code, version, serial, parcel, .. } = self;
        let written = match mention {
            Mention::Order => write!(out, "FW-{}", self.order),
            Mention::Invoice => write!(out, "INV-{invoice}"),
            Mention::Amount => write!(out, "{}.{:02} EUR", cents / 100, cents % 100),
            Mention::Code => write!(out, "E-{code}"),
            Mention::Version => write!(out, "{}.{}.{}", version[0], version[1], version[2]),
            Mention::Serial => {
                let (batch, [first, second], number) = serial;
                write!(out, "SN-{batch}{first}{second}-{number}")
            }
            Mention::Parcel => write!(out, "PX{parcel}"),
            Mention::Customer => out.write_str(self.customer),
            Mention::Agent => out.write_str(self.agent),
            Mention::Count => write!(out, "{}", rng.u32(2..=40)),
            Mention::Day => {
                self.day(-rng.i64(1..=12), out);
                Ok(())
            }
            Mention::Soon => {
                self.day(rng.i64(3..=25), out);
                Ok(())
            }
            Mention::Person => {
                let (given, family) = (one(rng, &self.names.given), one(rng, &self.names.family));
                write!(out, "{given} {family}")
            }
        };
        debug_assert!(written.is_ok(), "strings take everything");
    }

    /// The day so many days after the ticket was made.
    fn day(&self, after: i64, out: &mut String) {
        calendar::day(Timestamp(self.created.0.saturating_add(after * DAY)), out);
    }
}
