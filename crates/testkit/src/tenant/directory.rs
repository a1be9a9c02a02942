//! The people, and what relates them.

use std::{ops::Range, sync::Arc};

use fastrand::Rng;
use ticketscope_model::{Change, ExprSource, Fact, GroupFlags, Member, RelFact, RoleFact, ValueFact};

use super::{ASSIGNEES, DEPARTMENTS, GROUPS, Tenant, tickets::requester_name};
use crate::{
    oracle::{Expr, Set},
    plain,
};

impl Tenant {
    /// The roles of the directory, and what they see.
    pub fn roles() -> Vec<(&'static str, Expr)> {
        let my = |field: &str, rel: &str| Expr::is_in(field, Set::my(rel));
        vec![
            ("admin", Expr::All),
            ("group_agent", my("group", "groups").or(Expr::is_me("assignee"))),
            ("organization_agent", my("organization", "organizations")),
            ("department_agent", Expr::is_in("department", Set::my("departments").under())),
            ("assigned_only", Expr::is_me("assignee")),
            ("supervisor", Expr::is_in("assignee", Set::my("led_groups").members())),
            (
                "brand_agent",
                my("group", "groups").or(Expr::unset("group")).and(my("brand", "brands")).or(Expr::HasMe("cc".into())),
            ),
            ("customer", Expr::is_me("requester")),
        ]
    }

    /// Roles, the trees of departments and groups, and the people:
    ///
    /// | principal | role | sees |
    /// |---|---|---|
    /// | `admin` | admin | everything |
    /// | `agent-1` ... `agent-2000` | group agent | its group and what it is assigned |
    /// | `groups-1` ... `groups-20` | group agent | that many groups, chosen at random |
    /// | `tiny` | group agent | the smallest group |
    /// | `half` | group agent | the largest groups that have half of the tickets |
    /// | `all-but-one` | group agent | every group but the tenth |
    /// | `organization-agent-1` ... `-4` | organization agent | the largest, the 10th, the 100th and the smallest one |
    /// | `department-agent-1` ... `-4` | department agent | the root, a branch of it, a smaller one and a leaf |
    /// | `assigned-only` | assigned only | nothing: it has no tickets |
    /// | `single` | assigned only | one ticket, the first |
    /// | `supervisor-1` ... `-4` | supervisor | what the members of 1, 5, 20 and 100 groups are assigned |
    /// | `brand-agent-1` ... `-4` | brand agent | 10 groups, on 1 to 4 brands |
    /// | `customer-1`, `customer-1000` | customer | its own tickets |
    pub fn directory(&self) -> Vec<Change> {
        let mut rng = Rng::with_seed(!self.shape.seed);
        let mut directory = Directory { tenant: self, changes: Vec::new() };
        directory.roles_and_trees();
        directory.principal("admin", "admin");
        directory.crews();
        for count in 1..=20 {
            let groups = sample(&mut rng, count);
            directory.group_agent(&format!("groups-{count}"), groups);
        }
        directory.group_agent("tiny", [GROUPS - 1]);
        directory.group_agent("half", 0..self.groups_of_half());
        directory.group_agent("all-but-one", (0..GROUPS).filter(|group| *group != 9));
        let organizations = self.names.organizations.len();
        for (at, rank) in [0, 9, 99, organizations - 1].into_iter().enumerate() {
            let id = format!("organization-agent-{}", at + 1);
            directory.principal(&id, "organization_agent");
            directory.rel(&id, "organizations", &self.names.organizations[rank.min(organizations - 1)]);
        }
        for (at, rank) in [0, 1, 4, DEPARTMENTS - 1].into_iter().enumerate() {
            let id = format!("department-agent-{}", at + 1);
            directory.principal(&id, "department_agent");
            directory.rel(&id, "departments", &self.names.departments[rank]);
        }
        directory.principal("assigned-only", "assigned_only");
        directory.principal("single", "assigned_only");
        for (at, count) in [1, 5, 20, 100].into_iter().enumerate() {
            let id = format!("supervisor-{}", at + 1);
            directory.principal(&id, "supervisor");
            for group in sample(&mut rng, count) {
                directory.rel(&id, "led_groups", &self.names.groups[group]);
            }
        }
        for brands in 1..=4 {
            let id = format!("brand-agent-{brands}");
            directory.principal(&id, "brand_agent");
            for group in sample(&mut rng, 10) {
                directory.rel(&id, "groups", &self.names.groups[group]);
            }
            for brand in 1..=brands {
                directory.rel(&id, "brands", &format!("brand-{brand}").into());
            }
        }
        for rank in [0, 999] {
            directory.principal(&requester_name(rank), "customer");
        }
        directory.changes
    }

    /// How many of the largest groups it takes to have half of the tickets.
    fn groups_of_half(&self) -> usize {
        let mut share = 0.0;
        (0..GROUPS)
            .find(|group| {
                share += self.group_share(*group);
                share >= 0.5
            })
            .map_or(GROUPS, |last| last + 1)
    }

    fn crew(&self, group: usize) -> Range<usize> {
        self.crews[group]..self.crews[group + 1]
    }
}

/// Different groups, each with the same chance.
fn sample(rng: &mut Rng, count: usize) -> Vec<usize> {
    let mut groups: Vec<_> = (0..GROUPS).collect();
    rng.shuffle(&mut groups);
    groups.truncate(count);
    groups
}

struct Directory<'t> {
    tenant: &'t Tenant,
    changes: Vec<Change>,
}

impl Directory<'_> {
    fn state(&mut self, fact: Fact) {
        self.changes.push(Change::state(fact));
    }

    fn roles_and_trees(&mut self) {
        for (id, view) in Tenant::roles() {
            let verbs = vec![("view".into(), ExprSource::Text(view.to_string().into()))];
            self.state(Fact::Role(RoleFact { id: id.into(), verbs }));
        }
        let names = &self.tenant.names;
        for (at, id) in names.departments.iter().enumerate() {
            let parent = at.checked_sub(1).map(|before| Arc::clone(&names.departments[before / 3]));
            self.value("department", id, parent);
        }
        for id in &names.groups {
            self.value("group", id, None);
        }
    }

    /// The assignees, each in its group.
    fn crews(&mut self) {
        let tenant = self.tenant;
        for (group, name) in tenant.names.groups.iter().enumerate() {
            for assignee in tenant.crew(group) {
                let id = &tenant.names.assignees[assignee];
                self.group_agent(id, [group]);
                self.state(Fact::Member(Member { group: Arc::clone(name), user: Arc::clone(id) }));
            }
        }
        debug_assert_eq!(tenant.crews[GROUPS], ASSIGNEES, "every assignee has a group");
    }

    fn group_agent(&mut self, id: &str, groups: impl IntoIterator<Item = usize>) {
        self.principal(id, "group_agent");
        for group in groups {
            let group = Arc::clone(&self.tenant.names.groups[group]);
            self.rel(id, "groups", &group);
        }
    }

    fn principal(&mut self, id: &str, role: &str) {
        self.state(Fact::Principal(plain::principal(id, Some(role))));
    }

    fn rel(&mut self, principal: &str, rel: &str, value: &Arc<str>) {
        let (principal, rel, value) = (principal.into(), rel.into(), Arc::clone(value));
        self.state(Fact::Rel(RelFact { principal, rel, value, level: None }));
    }

    fn value(&mut self, field: &str, id: &Arc<str>, parent: Option<Arc<str>>) {
        let (field, id) = (field.into(), Arc::clone(id));
        self.state(Fact::Value(ValueFact { field, id, parent, flags: GroupFlags::default() }));
    }
}
