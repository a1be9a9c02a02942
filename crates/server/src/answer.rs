//! The bodies of answers: exactly what may be told, field by field, in the shapes of the command line's `--json`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    failure::Rejected,
    reply::{Answer, Beside},
};

/// How many visible tickets match.
#[derive(Debug, Serialize)]
pub(crate) struct Counted {
    pub(crate) count: u32,
    /// [`ticketscope_query::Query::is_plain`]
    #[serde(skip)]
    pub(crate) is_plain: bool,
}

/// A page of visible tickets. It names no plan: the choice of one depends on the size of the whole tenant.
#[derive(Debug, Serialize)]
pub(crate) struct Search {
    pub(crate) total: u32,
    pub(crate) hits: Vec<Hit>,
    #[serde(skip)]
    pub(crate) next: Option<String>,
    #[serde(skip)]
    pub(crate) took_us: u64,
    /// [`ticketscope_query::Query::is_plain`]
    #[serde(skip)]
    pub(crate) is_plain: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Hit {
    pub(crate) id: Value,
    /// How well it matches the words; nothing in a list by another order.
    pub(crate) score: Option<f32>,
    pub(crate) fields: Map<String, Value>,
    /// Nothing without words, and where none of them stands in a part that the asker may read.
    pub(crate) snippet: Option<Snippet>,
}

/// The stretch of a ticket's text that shows best why it matches.
#[derive(Debug, Serialize)]
pub(crate) struct Snippet {
    pub(crate) class: &'static str,
    pub(crate) text: String,
    /// Starts and ends, in Unicode characters of `text`.
    pub(crate) highlights: Vec<[usize; 2]>,
    pub(crate) cut_before: bool,
    pub(crate) cut_after: bool,
}

/// What a beginning may become.
#[derive(Debug, Serialize)]
pub(crate) struct Suggestions {
    pub(crate) suggestions: Vec<Suggestion>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Suggestion {
    pub(crate) text: String,
    /// `word`, `tag`, `person` or the name of the field.
    pub(crate) kind: String,
    /// Visible tickets that have it.
    pub(crate) count: u32,
    /// The name of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// How a list was found. For admins alone: estimates and postings are of the whole tenant.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    /// The query as it was understood.
    pub(crate) query: String,
    /// Visible tickets.
    pub(crate) visible: u32,
    pub(crate) filters: Vec<ExplainedFilter>,
    pub(crate) words: Vec<ExplainedWord>,
    pub(crate) total: u32,
    pub(crate) chosen: &'static str,
    pub(crate) plans: Vec<ExplainedPlan>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExplainedFilter {
    pub(crate) clause: String,
    pub(crate) estimate: Estimate,
    pub(crate) visible: u32,
}

/// Tickets of the tenant that pass, as the planner bounds their number.
#[derive(Debug, Serialize)]
pub(crate) struct Estimate {
    pub(crate) at_least: u32,
    pub(crate) at_most: u32,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExplainedWord {
    pub(crate) negated: bool,
    pub(crate) leaves: Vec<ExplainedLeaf>,
}

/// One posting list or phrase.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainedLeaf {
    pub(crate) field: &'static str,
    pub(crate) section: &'static str,
    /// `stem`, `surface`, `phrase`, `prefix` or `any`.
    pub(crate) pattern: &'static str,
    /// What is looked for, as the index writes it.
    pub(crate) text: String,
    /// Tickets of the tenant that hold it.
    pub(crate) postings: u32,
    /// Tickets in which the asker may find it.
    pub(crate) readable: u32,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExplainedPlan {
    pub(crate) plan: &'static str,
    pub(crate) estimate_us: Option<f64>,
    pub(crate) took_us: f64,
    pub(crate) scored: Option<u64>,
    pub(crate) offered: Option<u64>,
}

/// One visible ticket.
#[derive(Debug, Serialize)]
pub(crate) struct Ticket {
    /// An integer where the key is one.
    pub(crate) id: Value,
    /// By name: a value, or a list where the field holds many.
    pub(crate) fields: Map<String, Value>,
}

/// Values of fields among the visible tickets that match.
#[expect(clippy::struct_field_names, reason = "the wire calls the list so")]
#[derive(Debug, Serialize)]
pub(crate) struct Facets {
    pub(crate) total: u32,
    /// In the order asked for.
    #[serde(serialize_with = "as_map")]
    pub(crate) facets: Vec<(String, Vec<FacetRow>)>,
    /// How many further values a field has that are left out, of fields where some are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) more: BTreeMap<String, u32>,
    /// [`ticketscope_query::Query::is_plain`]
    #[serde(skip)]
    pub(crate) is_plain: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct FacetRow {
    pub(crate) value: Option<String>,
    pub(crate) count: u32,
}

fn as_map<S: serde::Serializer>(facets: &[(String, Vec<FacetRow>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(facets.iter().map(|(name, rows)| (name, rows)))
}

/// The fields that visible tickets hold.
#[derive(Debug, Serialize)]
pub(crate) struct Fields {
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Whether a ticket may hold several values.
    pub(crate) many: bool,
}

/// Whether a ticket is visible.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    pub(crate) visible: bool,
}

impl Answer for Counted {
    fn is_missing_something(&self) -> bool {
        self.count == 0 || !self.is_plain
    }
}

impl Answer for Search {
    fn is_missing_something(&self) -> bool {
        self.total == 0 || !self.is_plain
    }

    fn beside(&self) -> Option<Beside<'_>> {
        Some(Beside { next: self.next.as_deref(), took_us: self.took_us })
    }
}

impl Answer for Facets {
    fn is_missing_something(&self) -> bool {
        self.total == 0 || !self.is_plain
    }
}

impl Answer for Suggestions {
    fn is_missing_something(&self) -> bool {
        true
    }
}

impl Answer for Fields {
    fn is_missing_something(&self) -> bool {
        true
    }
}

impl Answer for Checked {
    fn is_missing_something(&self) -> bool {
        !self.visible
    }
}

/// One that is not found is no answer.
impl Answer for Ticket {
    fn is_missing_something(&self) -> bool {
        false
    }
}

/// Why a principal sees a ticket or does not.
#[derive(Debug, Serialize)]
pub(crate) struct Why {
    pub(crate) visible: bool,
    pub(crate) reason: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) expr: Value,
    pub(crate) holds: Value,
    pub(crate) found: Value,
}

/// Who sees a ticket.
#[derive(Debug, Serialize)]
pub(crate) struct Who {
    pub(crate) count: usize,
    pub(crate) principals: Vec<String>,
    pub(crate) next: Option<String>,
}

/// What a principal may see, and by which rule.
#[derive(Debug, Serialize)]
pub(crate) struct ScopeShown {
    pub(crate) principal: String,
    pub(crate) role: Option<String>,
    pub(crate) active: bool,
    pub(crate) verbs: Map<String, Value>,
    pub(crate) scope: ScopeWire,
    pub(crate) relations: BTreeMap<String, Vec<String>>,
    pub(crate) visible: u32,
}

#[derive(Debug, Serialize)]
pub(crate) struct ScopeWire {
    pub(crate) sees: &'static str,
    pub(crate) rule: Value,
    pub(crate) life: Option<Vec<String>>,
}

/// The tenants of the server.
#[derive(Debug, Serialize)]
pub(crate) struct Tenants {
    pub(crate) tenants: Vec<String>,
}

/// A tenant that is there now.
#[derive(Debug, Serialize)]
pub(crate) struct Made {
    pub(crate) tenant: String,
    pub(crate) created: bool,
}

/// A tenant that is gone.
#[derive(Debug, Serialize)]
pub(crate) struct Deleted {
    pub(crate) deleted: String,
}

/// Who was signed out.
#[derive(Debug, Serialize)]
pub(crate) struct SignedOut {
    /// Nothing for everybody.
    pub(crate) signed_out: Option<String>,
}

/// What became of a batch of changes.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    /// For admins alone: it counts the batches of everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opstamp: Option<u64>,
    pub(crate) position: String,
    /// Whether its words are found already; only where that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) searchable: Option<bool>,
    pub(crate) lines: u64,
    pub(crate) applied: u64,
    /// The first thousand.
    pub(crate) rejected: Vec<Rejected>,
}

/// Sizes and positions of a tenant.
#[derive(Debug, Serialize)]
pub(crate) struct Stats {
    pub(crate) tenant: String,
    pub(crate) tickets: u32,
    pub(crate) ordinals: u32,
    pub(crate) principals: usize,
    pub(crate) roles: usize,
    pub(crate) relations: usize,
    pub(crate) members: usize,
    pub(crate) opstamp: u64,
    pub(crate) snapshot_opstamp: u64,
    pub(crate) log_rows: u64,
    /// Why batches are not taken for the moment, if so.
    pub(crate) full: Option<String>,
    /// Why the last mapped snapshot was not written, if so.
    pub(crate) checkpoint_failure: Option<String>,
    pub(crate) disk: Disk,
    pub(crate) scrub: Scrub,
    pub(crate) heap: Heap,
    /// By part: everything that the tenant takes, each byte once.
    pub(crate) memory: Vec<PartMemory>,
    pub(crate) heap_bytes_per_ticket: u64,
    pub(crate) disk_bytes_per_ticket: u64,
    pub(crate) cached_scopes: CachedScopes,
    pub(crate) recovery: Recovery,
    pub(crate) text: TextStats,
    pub(crate) fields: Vec<FieldStats>,
}

/// How far the text index is.
#[derive(Debug, Serialize)]
pub(crate) struct TextStats {
    pub(crate) ready: bool,
    /// The opstamp up to which the text is durable in the index.
    pub(crate) position: u64,
    pub(crate) tickets: u32,
    /// Tickets whose changed text is not in the index yet.
    pub(crate) pending: u32,
    pub(crate) segments: usize,
    pub(crate) heap_bytes: usize,
    pub(crate) put_aside: Option<String>,
    pub(crate) failure: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Disk {
    pub(crate) database: u64,
    pub(crate) snapshots: u64,
    pub(crate) text: u64,
    /// A text index that could not be used, until another one stands.
    pub(crate) text_aside: u64,
    pub(crate) temporary: u64,
    pub(crate) total: u64,
}

/// How the reading of everything on the disk again goes.
#[derive(Debug, Serialize)]
pub(crate) struct Scrub {
    /// Since the tenant was opened.
    pub(crate) passes: u64,
    pub(crate) ended_seconds_ago: Option<u64>,
    pub(crate) last: Option<Scrubbed>,
    pub(crate) current: Scrubbed,
}

/// What one pass read, and what of it was damaged.
#[derive(Debug, Serialize)]
pub(crate) struct Scrubbed {
    pub(crate) rows: u64,
    pub(crate) log_rows: u64,
    pub(crate) snapshots: u64,
    pub(crate) text_files: u64,
    pub(crate) bytes: u64,
    pub(crate) found: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Heap {
    pub(crate) keys: usize,
    pub(crate) orders: usize,
    pub(crate) total: u64,
}

/// Bytes of one part of a tenant. Of mapped ones, those are in memory that were read.
#[derive(Debug, Serialize)]
pub(crate) struct PartMemory {
    pub(crate) part: &'static str,
    pub(crate) heap: usize,
    pub(crate) mapped: usize,
    pub(crate) heap_per_ticket: u64,
    pub(crate) mapped_per_ticket: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct CachedScopes {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Recovery {
    pub(crate) snapshot_opstamp: Option<u64>,
    pub(crate) replayed: u64,
    pub(crate) rejected: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct FieldStats {
    pub(crate) field: String,
    pub(crate) kind: &'static str,
    pub(crate) tickets: u32,
    pub(crate) values: Option<u64>,
    pub(crate) heap: FieldHeap,
}

#[derive(Debug, Serialize)]
pub(crate) struct FieldHeap {
    pub(crate) dictionary: usize,
    pub(crate) postings: usize,
    pub(crate) column: usize,
}
