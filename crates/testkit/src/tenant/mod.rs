//! One large, plausible tenant for measurements, the same for the same seed.
//!
//! The distribution follows what public sets of real tickets show (a busiest group with 15% of all tickets, a long tail
//! of small ones); *w* is the weight of the value with rank *r* = 0, 1, ...:
//!
//! | what | how many, and how they are drawn |
//! |---|---|
//! | ids | ascending from 1,000, each 1 to 4 above the one before |
//! | `created_at` | over four years to 2026-01-01, in the order of ids; `updated_at` up to 60 days later, most of them soon |
//! | `group` | 500, *w* = 1/(*r* + 1); none in 2% |
//! | `department` | 40 in a tree in which each has up to three children; fixed by the group, none without one |
//! | `assignee` | 2,000, each in one group, larger groups with more; none in 25% and without a group; 3% are outside the group |
//! | `requester` | a third as many as tickets, *w* = 1/(*r* + 50) |
//! | `organization` | 1 for every 250 tickets, up to 20,000, *w* = 1/(*r* + 4); fixed by the requester; none in 10% |
//! | `brand` | 4: 55, 25, 15, 5% |
//! | `status` | closed 50, solved 17, open 15, pending 10, new 5, hold 3% |
//! | `priority` | normal 50, none 20, low 15, high 12, urgent 3% |
//! | `type` | question 50, incident 25, none and task 10, problem 5% |
//! | `channel` | email 45, web 25, chat 15, phone 10, api 5% |
//! | `life` | archived 60% of the closed; of all others 1% spam, 1% deleted |
//! | `tags` | 0 to 5 of 2,000, *w* = 1/(*r* + 5) |
//! | `cc` | 1 or 2 of the assignees, in 10% |
//! | `subject`, `description` | on demand: 4 to 8 and 12 to 60 of 5,000 words, *w* = 1/(*r* + 3) |
//!
//! The people are listed at [`Tenant::directory`].

mod directory;
mod lines;
mod table;
mod tickets;
mod words;

use std::sync::Arc;

pub use lines::{NotALine, write_line};
use table::Table;
pub use tickets::{Draft, Drafts};
use tickets::{FIELDS, days};
use ticketscope_model::Change;

pub(crate) const GROUPS: usize = 500;
const DEPARTMENTS: usize = 40;
const ASSIGNEES: usize = 2_000;
const TAGS: usize = 2_000;
const MAX_ORGANIZATIONS: u64 = 20_000;
const VOCABULARY: usize = 5_000;

/// What a large tenant is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Another seed is another tenant.
    pub seed: u64,
    /// How many tickets; at least 1.
    pub tickets: u64,
    /// Whether tickets have a subject and a description.
    pub text: bool,
}

/// A large tenant: its tables of names and weights. The tickets are made as they are asked for and kept nowhere.
#[derive(Debug)]
pub struct Tenant {
    shape: Shape,
    groups: Table,
    requesters: Table,
    organizations: Table,
    tags: Table,
    words: Table,
    vocabulary: Vec<String>,
    /// First assignee of each group, and the end of the last.
    crews: Vec<usize>,
    names: Names,
}

/// Values that occur often, made once.
#[derive(Debug)]
struct Names {
    fields: [Arc<str>; FIELDS.len()],
    days: Vec<String>,
    groups: Vec<Arc<str>>,
    departments: Vec<Arc<str>>,
    organizations: Vec<Arc<str>>,
    assignees: Vec<Arc<str>>,
    tags: Vec<Arc<str>>,
}

impl Tenant {
    /// Prepares a tenant; takes memory for its organizations and requesters, not for its tickets.
    pub fn new(shape: Shape) -> Self {
        let organizations = count(shape.tickets / 250, MAX_ORGANIZATIONS);
        let groups = Table::new(GROUPS, 1);
        let crews = crews(&groups);
        let numbered = |name: &str, count: usize| (1..=count).map(|at| format!("{name}-{at}").into()).collect();
        Self {
            requesters: Table::new(count(shape.tickets / 3, u64::from(u32::MAX)), 50),
            organizations: Table::new(organizations, 4),
            tags: Table::new(TAGS, 5),
            words: Table::new(VOCABULARY, 3),
            vocabulary: words::vocabulary(VOCABULARY),
            names: Names {
                fields: FIELDS.map(Into::into),
                days: days(),
                groups: numbered("group", GROUPS),
                departments: numbered("department", DEPARTMENTS),
                organizations: numbered("organization", organizations),
                assignees: numbered("agent", ASSIGNEES),
                tags: numbered("tag", TAGS),
            },
            crews,
            groups,
            shape,
        }
    }

    /// The tickets in their compact form, in the order of their ids.
    pub fn drafts(&self) -> Drafts<'_> {
        Drafts::new(self)
    }

    /// The directory and then the tickets, as changes.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        self.directory().into_iter().chain(self.drafts().map(|draft| self.change(&draft)))
    }

    /// The department that handles the tickets of a group.
    fn department_of(group: usize) -> usize {
        // 7 has no divisor in common with 40, so that the largest groups fall into different departments.
        group * 7 % DEPARTMENTS
    }
}

/// A number of things, at least 1 and at most `limit`.
fn count(wanted: u64, limit: u64) -> usize {
    usize::try_from(wanted.clamp(1, limit)).expect("the limits fit the machine")
}

/// Hands the assignees out to the groups: one each, and the others by the groups' shares of tickets.
fn crews(groups: &Table) -> Vec<usize> {
    let more = ASSIGNEES - GROUPS;
    let mut first = Vec::with_capacity(GROUPS + 1);
    let mut share = 0.0;
    for group in 0..GROUPS {
        first.push(group + portion(share, more));
        share += groups.share(group);
    }
    first.push(ASSIGNEES);
    first
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a small number"
)]
fn portion(share: f64, of: usize) -> usize {
    ((share * of as f64) as usize).min(of)
}
