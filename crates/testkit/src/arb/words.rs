//! The values that occur.

/// Values of keyword fields: 18 digits, twins in case and accents, words of the languages, and every character that a
/// parser may trip over.
pub(super) const VALUES: &[&str] = &[
    "1",
    "2",
    "3",
    "01",
    "-1",
    "567588278875213824",
    "billing",
    "Billing",
    "R\u{e9}clamation",
    "reclamation",
    "re\u{301}clamation",
    "Stra\u{df}e",
    "STRASSE",
    "Tier 2",
    " tier 2",
    "say \"hi\"",
    "it's",
    "a,b",
    "x:y",
    "back\\slash",
    "(p) | q & !r",
    "{v} + w - [z]",
    "none",
    "None",
    "me",
    "all",
    "my",
    "no",
    "*",
    "pre*",
    "<3",
    "-x",
    "t\u{ea}te-\u{e0}-t\u{ea}te",
    "\u{6771}\u{4eac}",
    "\u{1f4a1}",
    "line\nbreak",
];

/// Ids of agents and customers.
pub(super) const PEOPLE: &[&str] = &[
    "7",
    "8",
    "9",
    "567588278875213825",
    "anna",
    "Anna",
    "\u{e5}nna",
    "bob@example.org",
    "o'neil",
    "dora the agent",
    "none",
    "me",
];

/// Ids of tickets, as they are written.
pub(super) const KEYS: &[&str] = &[
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "10",
    "42",
    "0",
    "-7",
    "567588278875213824",
    "9223372036854775807",
    "9223372036854775808",
    "01",
    "T-1",
    "t-1",
    "\u{e9}t\u{e9} 3",
];

/// Dates as they are written, on both sides of seconds, days, months and years.
pub(super) const DATES: &[&str] = &[
    "2025-12-31T23:59:59.999Z",
    "2026-01-01T00:00:00Z",
    "2026-01-04T23:59:59.999Z",
    "2026-01-05",
    "2026-01-05T00:00:00.001Z",
    "2026-01-05T09:00:00Z",
    "2026-01-05T09:00:00.999Z",
    "2026-01-05T11:00:00+02:00",
    "2026-01-05T23:59:59.999Z",
    "2026-01-06T00:00:00Z",
    "2026-01-31T12:00:00Z",
    "2026-02-28T12:00:00Z",
    "2026-03-31T08:00:00Z",
    "2026-03-31T11:59:59.999Z",
];

/// The moment at which queries are asked; several of [`DATES`] lie a whole unit before it.
pub(super) const NOW: &str = "2026-03-31T12:00:00Z";

/// Numbers, as they are written.
pub(super) const NUMBERS: &[f64] = &[-1.5, 0.0, 1.0, 9.0, 10.0, 1e9, 0.1];

/// Words of text parts. None is a number: a bare number in a query may also mean a word.
pub(super) const TEXT: &[&str] = &["printer", "reset", "password", "na\u{ef}ve", "fire", "PASSWORD"];

/// Levels of graded relations.
pub(super) const LEVELS: &[&str] = &["read", "change", "write", "full"];

/// Ids of custom roles.
pub(super) const ROLES: &[&str] = &["agent", "lead", "viewer", "auditor"];
