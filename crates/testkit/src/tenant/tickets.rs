//! The tickets.

use std::{fmt::Write, sync::Arc};

use fastrand::Rng;
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketKey, TicketPatch, Timestamp};

use super::{ASSIGNEES, GROUPS, Tenant};

/// What a ticket holds, in the order in which it is written.
pub(super) const FIELDS: [&str; 17] = [
    "group",
    "department",
    "assignee",
    "requester",
    "organization",
    "brand",
    "status",
    "priority",
    "type",
    "channel",
    "life",
    "tags",
    "cc",
    "created_at",
    "updated_at",
    "subject",
    "description",
];

/// The span over which tickets are created, in seconds: from 2022-01-01 to 2026-01-01.
const FIRST_MOMENT: i64 = 1_640_995_200;
const LAST_MOMENT: i64 = 1_767_225_600;
const LONGEST_UPDATE: i64 = 60 * 86_400;

const STATUSES: &[(u32, &str)] =
    &[(50, "closed"), (17, "solved"), (15, "open"), (10, "pending"), (5, "new"), (3, "hold")];
const PRIORITIES: &[(u32, &str)] = &[(50, "normal"), (20, ""), (15, "low"), (12, "high"), (3, "urgent")];
const TYPES: &[(u32, &str)] = &[(50, "question"), (25, "incident"), (10, ""), (10, "task"), (5, "problem")];
const CHANNELS: &[(u32, &str)] = &[(45, "email"), (25, "web"), (15, "chat"), (10, "phone"), (5, "api")];
const BRANDS: &[(u32, &str)] = &[(55, "brand-1"), (25, "brand-2"), (15, "brand-3"), (5, "brand-4")];

/// One ticket, its values as ranks. Texts that are unset are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its id.
    pub id: i64,
    /// The rank of its group among the 500.
    pub group: Option<usize>,
    /// The rank of its assignee among the 2,000.
    pub assignee: Option<usize>,
    /// Whether the agent `single` has it instead: the case of the first ticket.
    pub single: bool,
    /// The rank of its requester.
    pub requester: usize,
    /// The rank of its organization.
    pub organization: Option<usize>,
    /// Its brand.
    pub brand: &'static str,
    /// Its status.
    pub status: &'static str,
    /// Its priority.
    pub priority: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// Its channel.
    pub channel: &'static str,
    /// Where it is in its life.
    pub life: &'static str,
    /// The ranks of its tags.
    pub tags: Vec<usize>,
    /// The ranks of the assignees in copy.
    pub cc: Vec<usize>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it was last changed, in seconds since 1970.
    pub updated: i64,
    /// From which its words are drawn.
    pub text_seed: u64,
}

/// The tickets of a tenant, in the order of their ids.
#[derive(Debug)]
pub struct Drafts<'t> {
    tenant: &'t Tenant,
    rng: Rng,
    made: u64,
    last_id: i64,
}

impl<'t> Drafts<'t> {
    pub(super) fn new(tenant: &'t Tenant) -> Self {
        Self { tenant, rng: Rng::with_seed(tenant.shape.seed), made: 0, last_id: 999 }
    }
}

impl Iterator for Drafts<'_> {
    type Item = Draft;

    fn next(&mut self) -> Option<Draft> {
        let Self { tenant, rng, made, last_id } = self;
        if *made == tenant.shape.tickets {
            return None;
        }
        let created = moment(*made, tenant.shape.tickets);
        let single = *made == 0;
        *made += 1;
        *last_id += rng.i64(1..=4);

        let group = (rng.u32(..100) >= 2).then(|| tenant.groups.at(rng.u64(..)));
        let assignee = group.filter(|_| !single && rng.u32(..100) >= 25).map(|group| {
            let outside = rng.u32(..100) < 3;
            let crew = if outside { 0..ASSIGNEES } else { tenant.crews[group]..tenant.crews[group + 1] };
            rng.usize(crew)
        });
        let requester = tenant.requesters.at(rng.u64(..));
        let status = weighted(rng, STATUSES);
        let life = match (status, rng.u32(..100)) {
            ("closed", ..60) => "archived",
            ("closed", _) => "live",
            (_, 0) => "spam",
            (_, 1) => "deleted",
            _ => "live",
        };
        let mut tags: Vec<_> = (0..rng.usize(..=5)).map(|_| tenant.tags.at(rng.u64(..))).collect();
        tags.sort_unstable();
        tags.dedup();
        let copies = if rng.u32(..100) < 10 { rng.usize(1..=2) } else { 0 };
        Some(Draft {
            id: *last_id,
            group,
            assignee,
            single,
            requester,
            organization: organization_of(tenant, requester),
            brand: weighted(rng, BRANDS),
            status,
            priority: weighted(rng, PRIORITIES),
            kind: weighted(rng, TYPES),
            channel: weighted(rng, CHANNELS),
            life,
            tags,
            cc: (0..copies).map(|_| rng.usize(..ASSIGNEES)).collect(),
            created,
            updated: (created + soon(rng, LONGEST_UPDATE)).min(LAST_MOMENT),
            text_seed: rng.u64(..),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.tenant.shape.tickets - self.made).ok();
        (left.unwrap_or(usize::MAX), left)
    }
}

impl Tenant {
    /// A ticket as a change.
    pub fn change(&self, draft: &Draft) -> Change {
        let [
            group,
            department,
            assignee,
            requester,
            organization,
            brand,
            status,
            priority,
            kind,
            channel,
            life,
            tags,
            cc,
            created_at,
            updated_at,
            subject,
            description,
        ] = &self.names.fields;
        let mut fields = Vec::with_capacity(FIELDS.len());
        let mut set = |name: &Arc<str>, raw: RawValue| fields.push((Arc::clone(name), FieldPatch::Set(raw)));
        let known = |name: &Arc<str>| RawValue::Text(Arc::clone(name));
        if let Some(rank) = draft.group {
            set(group, known(&self.names.groups[rank]));
            set(department, known(&self.names.departments[Self::department_of(rank)]));
        }
        if draft.single {
            set(assignee, RawValue::Text("single".into()));
        } else if let Some(rank) = draft.assignee {
            set(assignee, known(&self.names.assignees[rank]));
        }
        set(requester, RawValue::Text(requester_name(draft.requester)));
        if let Some(rank) = draft.organization {
            set(organization, known(&self.names.organizations[rank]));
        }
        for (name, value) in [
            (brand, draft.brand),
            (status, draft.status),
            (priority, draft.priority),
            (kind, draft.kind),
            (channel, draft.channel),
            (life, draft.life),
        ] {
            if !value.is_empty() {
                set(name, RawValue::Text(value.into()));
            }
        }
        if !draft.tags.is_empty() {
            set(tags, RawValue::List(draft.tags.iter().map(|rank| known(&self.names.tags[*rank])).collect()));
        }
        if !draft.cc.is_empty() {
            set(cc, RawValue::List(draft.cc.iter().map(|rank| known(&self.names.assignees[*rank])).collect()));
        }
        set(created_at, RawValue::Text(date(&self.names.days, draft.created)));
        set(updated_at, RawValue::Text(date(&self.names.days, draft.updated)));
        if self.shape.text {
            let mut rng = Rng::with_seed(draft.text_seed);
            set(subject, RawValue::Text(self.sentence(&mut rng, 4, 8)));
            set(description, RawValue::Text(self.sentence(&mut rng, 12, 60)));
        }
        let patch = TicketPatch { key: TicketKey::Int(draft.id), fields, replace: false, text: Vec::new() };
        Change::state(Fact::Ticket(patch))
    }

    fn sentence(&self, rng: &mut Rng, least: usize, most: usize) -> Arc<str> {
        let mut text = String::with_capacity(most * 8);
        for at in 0..rng.usize(least..=most) {
            if at > 0 {
                text.push(' ');
            }
            text.push_str(&self.vocabulary[self.words.at(rng.u64(..))]);
        }
        text.into()
    }

    /// How many of all tickets fall into the group with this rank, as a part of 1.
    pub fn group_share(&self, rank: usize) -> f64 {
        debug_assert!(rank < GROUPS, "there are {GROUPS} groups");
        self.groups.share(rank) * 0.98
    }
}

pub(super) fn requester_name(rank: usize) -> Arc<str> {
    let mut name = String::with_capacity(16);
    // Writing to a string cannot fail.
    let written = write!(name, "customer-{}", rank + 1);
    debug_assert!(written.is_ok(), "strings take everything");
    name.into()
}

/// The organization of a requester is always the same one: a tenth of the requesters has none.
fn organization_of(tenant: &Tenant, requester: usize) -> Option<usize> {
    let mut rng = Rng::with_seed(tenant.shape.seed ^ (requester as u64 + 1));
    (rng.u32(..10) > 0).then(|| tenant.organizations.at(rng.u64(..)))
}

/// When the ticket with this number, of so many, was made.
fn moment(number: u64, of: u64) -> i64 {
    let span = u128::from((LAST_MOMENT - FIRST_MOMENT).unsigned_abs());
    let after = u128::from(number) * span / u128::from(of);
    FIRST_MOMENT + i64::try_from(after).expect("a part of the span")
}

/// From 0 to `most`, half of them below a sixteenth of it.
fn soon(rng: &mut Rng, most: i64) -> i64 {
    let part = rng.i64(0..=1_000);
    let squared = part * part;
    most * (squared / 1_000) / 1_000 * (squared / 1_000) / 1_000
}

fn weighted(rng: &mut Rng, choices: &'static [(u32, &'static str)]) -> &'static str {
    let mut left = rng.u32(..100);
    for (percent, value) in choices {
        if left < *percent {
            return value;
        }
        left -= percent;
    }
    ""
}

/// Every day on which tickets are made or changed, as `2022-01-01T`.
pub(super) fn days() -> Vec<String> {
    let days = (FIRST_MOMENT..=LAST_MOMENT).step_by(86_400);
    days.map(|seconds| Timestamp(seconds * 1_000).to_string().chars().take("2022-01-01T".len()).collect()).collect()
}

/// `2022-01-01T00:00:00Z`, from the table of days: there are two in every ticket.
fn date(days: &[String], seconds: i64) -> Arc<str> {
    let after = (seconds - FIRST_MOMENT).unsigned_abs();
    let (day, time) = (after / 86_400, after % 86_400);
    let mut text = String::with_capacity("2022-01-01T00:00:00Z".len());
    text.push_str(&days[usize::try_from(day).expect("there are few days")]);
    for (value, end) in [(time / 3_600, ':'), (time / 60 % 60, ':'), (time % 60, 'Z')] {
        text.push(digit(value / 10));
        text.push(digit(value % 10));
        text.push(end);
    }
    text.into()
}

/// The digit for a number below 10.
fn digit(number: u64) -> char {
    char::from(b"0123456789"[usize::try_from(number % 10).expect("below 10")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_from_the_table_are_those_of_the_model() {
        let days = days();
        for seconds in [FIRST_MOMENT, FIRST_MOMENT + 86_399, FIRST_MOMENT + 68_169_845, LAST_MOMENT - 1, LAST_MOMENT] {
            assert_eq!(*date(&days, seconds), *Timestamp(seconds * 1_000).to_string());
        }
    }
}
