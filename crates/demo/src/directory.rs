//! The desk without its tickets, as changes.

use std::sync::Arc;

use ticketscope_model::{
    Change, Fact, FieldDecl, FieldKind, GroupFlags, Member, PrincipalFact, RelFact, SchemaDecl, ValueFact,
};

use crate::{
    cast::{CastMember, cast},
    data::{Data, data},
    fields::CUSTOM,
    language::LANGUAGES,
    people::{Agent, CUSTOMER_ROLE, Customer, People, Person},
};

/// The schema, custom roles, values, principals and what relates them, in an order in which each may be applied.
pub(crate) fn changes(people: &People) -> Vec<Change> {
    let mut directory = Directory { data: data(), changes: Vec::new() };
    directory.schema();
    for role in &directory.data.roles {
        directory.state(Fact::Role(role.clone()));
    }
    directory.values();
    for member in cast() {
        directory.cast_member(member);
    }
    for agent in &people.agents {
        directory.agent(agent);
    }
    for customer in people.customers.iter().filter(|customer| !customer.person.in_cast) {
        directory.customer(customer);
    }
    directory.changes
}

struct Directory {
    data: &'static Data,
    changes: Vec<Change>,
}

impl Directory {
    fn state(&mut self, fact: Fact) {
        self.changes.push(Change::state(fact));
    }

    fn schema(&mut self) {
        let field = |(name, kind): &(&str, FieldKind)| FieldDecl { name: (*name).into(), kind: *kind, many: false };
        let fields = CUSTOM.iter().map(field).collect();
        let languages = LANGUAGES.iter().map(|tag| (*tag).into()).collect();
        self.state(Fact::Schema(SchemaDecl { fields, relations: Vec::new(), languages }));
    }

    fn values(&mut self) {
        let none = GroupFlags::default();
        for department in &self.data.departments {
            self.value("department", &department.id, department.parent.as_ref(), none);
        }
        for group in &self.data.groups {
            let flags = GroupFlags { public: Some(group.public), active: Some(true), shared: None };
            self.value("group", &group.id, None, flags);
        }
        for organization in &self.data.organizations {
            let flags = GroupFlags { shared: Some(organization.shared), ..none };
            self.value("organization", &organization.id, organization.parent.as_ref(), flags);
        }
        for brand in &self.data.brands {
            self.value("brand", &brand.id, None, none);
        }
    }

    fn value(&mut self, field: &str, id: &Arc<str>, parent: Option<&Arc<str>>, flags: GroupFlags) {
        self.state(Fact::Value(ValueFact { field: field.into(), id: Arc::clone(id), parent: parent.cloned(), flags }));
    }

    fn cast_member(&mut self, member: &CastMember) {
        self.state(Fact::Principal(member.principal()));
        for rel in member.rels() {
            self.state(Fact::Rel(rel));
        }
        for membership in member.members() {
            self.state(Fact::Member(membership));
        }
    }

    fn agent(&mut self, agent: &Agent) {
        let Agent { person, role, groups, brands } = agent;
        self.person(person, role);
        for (rank, group) in groups.iter().enumerate() {
            let group = &self.data.groups[*group].id;
            self.rel(person, "groups", group, None);
            if *role == "freshdesk.group" {
                // What is not his own group he only reads.
                self.rel(person, "groups_graded", group, Some(if rank == 0 { "write" } else { "read" }));
            }
            self.state(Fact::Member(Member { group: Arc::clone(group), user: Arc::clone(&person.id) }));
        }
        for brand in brands {
            self.rel(person, "brands", &self.data.brands[*brand].id, None);
        }
    }

    fn customer(&mut self, customer: &Customer) {
        self.person(&customer.person, CUSTOMER_ROLE);
        if let Some(organization) = customer.organization.map(|at| &self.data.organizations[at]) {
            self.rel(&customer.person, "organizations", &organization.id, None);
            if organization.shared {
                self.rel(&customer.person, "shared_organizations", &organization.id, None);
            }
        }
    }

    fn person(&mut self, person: &Person, role: &str) {
        self.state(Fact::Principal(PrincipalFact {
            id: Arc::clone(&person.id),
            role: Some(role.into()),
            active: true,
            name: Some(Arc::clone(&person.name)),
            email: Some(Arc::clone(&person.email)),
            locale: Some(person.language.tag().into()),
            time_zone: None,
        }));
    }

    fn rel(&mut self, person: &Person, rel: &str, value: &Arc<str>, level: Option<&str>) {
        let (principal, value) = (Arc::clone(&person.id), Arc::clone(value));
        self.state(Fact::Rel(RelFact { principal, rel: rel.into(), value, level: level.map(Arc::from) }));
    }
}
