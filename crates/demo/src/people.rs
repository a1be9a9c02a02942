//! Agents and customers.

use std::{collections::HashSet, sync::Arc};

use fastrand::Rng;
use ticketscope_model::fold;

use crate::{
    cast::{NORA, cast},
    data::{Data, data},
    draw::{Weights, one, source, weighted},
    language::{ENGLISH, Language, SHARES, WRITTEN},
    records::Group,
};

/// Somebody who answers tickets.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) person: Person,
    pub(crate) role: &'static str,
    /// The numbers of the groups he is in, his own first.
    pub(crate) groups: Vec<usize>,
    /// The numbers of the brands he is limited to, where his role is.
    pub(crate) brands: Vec<usize>,
}

/// Somebody who asks.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) person: Person,
    /// The number of the organization, if any.
    pub(crate) organization: Option<usize>,
}

/// What agents and customers have in common.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) id: Arc<str>,
    pub(crate) given: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) email: Arc<str>,
    pub(crate) language: Language,
    pub(crate) in_cast: bool,
}

impl Person {
    /// The same person, as who answers tickets.
    pub(crate) fn crew_member(&self) -> CrewMember {
        CrewMember { id: Arc::clone(&self.id), given: Arc::clone(&self.given) }
    }
}

/// Somebody to whom tickets are assigned.
#[derive(Debug, Clone)]
pub(crate) struct CrewMember {
    pub(crate) id: Arc<str>,
    pub(crate) given: Arc<str>,
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct People {
    /// Those who are not in the cast.
    pub(crate) agents: Vec<Agent>,
    pub(crate) customers: Vec<Customer>,
    /// For each group, who may be assigned its tickets.
    pub(crate) crews: Vec<Vec<CrewMember>>,
    /// For each organization, its customers.
    of_organization: Vec<Circle>,
    /// For each language, the customers without an organization.
    private: Vec<Circle>,
    /// Employees who ask the internal groups.
    staff: Circle,
}

/// Customers with neighbouring numbers, the first the busiest.
#[derive(Debug)]
struct Circle {
    first: usize,
    weights: Weights,
}

impl Circle {
    fn draw(&self, rng: &mut Rng) -> usize {
        self.first + self.weights.draw(rng)
    }
}

/// The roles of agents of public groups, apart from the cast.
const ROLES: [(u32, &str); 5] = [
    (62, "generic.group"),
    (14, "liveagent.agent"),
    (10, "zendesk.groups_public"),
    (8, "generic.restricted"),
    (6, "freshdesk.group"),
];

/// How many employees ask the internal groups.
const STAFF: usize = 60;

/// What everybody sees who asks.
pub(crate) const CUSTOMER_ROLE: &str = "zendesk.end_user";

impl People {
    /// Everybody of the desk with this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut making = Making { data: data(), rng: source(seed, 0, 0), ids: HashSet::new() };
        making.ids.extend(cast().iter().map(|member| member.id.to_owned()));
        let agents = making.agents();
        let mut customers = Vec::new();
        let of_organization = making.customers(&mut customers);
        let private = Language::all().map(|language| making.private_customers(language, &mut customers)).collect();
        let staff = making.staff(&mut customers);
        let crews = crews(making.data, &agents);
        Self { agents, customers, crews, of_organization, private, staff }
    }

    /// The number of a customer of an organization.
    pub(crate) fn customer_of(&self, organization: usize, rng: &mut Rng) -> usize {
        self.of_organization[organization].draw(rng)
    }

    /// The number of the busiest customer of an organization.
    pub(crate) fn first_customer_of(&self, organization: usize) -> usize {
        self.of_organization[organization].first
    }

    /// The number of a customer without an organization.
    pub(crate) fn private_customer(&self, language: Language, rng: &mut Rng) -> usize {
        self.private[language.0].draw(rng)
    }

    /// The number of an employee.
    pub(crate) fn employee(&self, rng: &mut Rng) -> usize {
        self.staff.draw(rng)
    }
}

struct Making {
    data: &'static Data,
    rng: Rng,
    ids: HashSet<String>,
}

impl Making {
    fn person(&mut self, language: Language, domain: &str) -> Person {
        let names = &self.data.names[language.0];
        let (given, family) = (*one(&mut self.rng, &names.given), *one(&mut self.rng, &names.family));
        let plain: String = fold(&format!("{given}.{family}")).split(' ').collect();
        let (mut id, mut namesakes) = (plain.clone(), 1);
        while !self.ids.insert(id.clone()) {
            namesakes += 1;
            id = format!("{plain}{namesakes}");
        }
        Person {
            email: format!("{id}@{domain}").into(),
            name: format!("{given} {family}").into(),
            given: given.into(),
            id: id.into(),
            language,
            in_cast: false,
        }
    }

    fn agents(&mut self) -> Vec<Agent> {
        let languages = Weights::new(SHARES);
        let groups = &self.data.groups;
        let public: Vec<usize> = (0..groups.len()).filter(|at| groups[*at].public).collect();
        let mut agents = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            for _ in 0..group.agents {
                let language = Language(languages.draw(&mut self.rng));
                let person = self.person(language, "ferrowick.example");
                // Whoever is in a private group is in no other one, and in a role that his group alone decides.
                let role = if group.public { weighted(&mut self.rng, &ROLES) } else { "generic.group" };
                let mut own = vec![at];
                if group.public && self.rng.u32(..4) == 0 {
                    let second = *one(&mut self.rng, &public);
                    own.extend(Some(second).filter(|second| *second != at));
                }
                let mut brands = Vec::new();
                if role == "zendesk.groups_public" {
                    brands.extend((0..self.data.brands.len()).filter(|_| self.rng.bool()));
                    if brands.is_empty() {
                        brands.push(0);
                    }
                }
                agents.push(Agent { person, role, groups: own, brands });
            }
        }
        agents
    }

    fn customers(&mut self, customers: &mut Vec<Customer>) -> Vec<Circle> {
        let data = self.data;
        let mut ranks = [0_usize; WRITTEN.len()];
        let mut circles = Vec::with_capacity(data.organizations.len());
        for (at, organization) in data.organizations.iter().enumerate() {
            let rank = &mut ranks[organization.language.0];
            *rank += 1;
            let (first, count) = (customers.len(), 10 + 45 / *rank);
            if let Some(nora) = cast().iter().find(|member| member.id == NORA)
                && nora.related("shared_organizations").any(|id| id == &*organization.id)
            {
                let person = Person {
                    id: nora.id.into(),
                    given: nora.given().into(),
                    name: nora.name.into(),
                    email: nora.email().into(),
                    language: organization.language,
                    in_cast: true,
                };
                customers.push(Customer { person, organization: Some(at) });
            }
            while customers.len() < first + count {
                let person = self.person(organization.language, &format!("{}.example", organization.id));
                customers.push(Customer { person, organization: Some(at) });
            }
            circles.push(Circle { first, weights: Weights::falling(count, 3) });
        }
        circles
    }

    fn private_customers(&mut self, language: Language, customers: &mut Vec<Customer>) -> Circle {
        let (first, count) = (customers.len(), if language == ENGLISH { 120 } else { 30 });
        for _ in 0..count {
            let person = self.person(language, "mail.example");
            customers.push(Customer { person, organization: None });
        }
        Circle { first, weights: Weights::falling(count, 5) }
    }

    fn staff(&mut self, customers: &mut Vec<Customer>) -> Circle {
        let first = customers.len();
        for _ in 0..STAFF {
            let person = self.person(ENGLISH, "ferrowick.example");
            customers.push(Customer { person, organization: None });
        }
        Circle { first, weights: Weights::falling(STAFF, 5) }
    }
}

/// For each group, those who answer its tickets: the cast first.
fn crews(data: &Data, agents: &[Agent]) -> Vec<Vec<CrewMember>> {
    let crew = |(at, group): (usize, &Group)| {
        let of_cast = cast()
            .iter()
            .filter(|member| member.answers() && member.related("groups").any(|id| id == &*group.id))
            .map(|member| CrewMember { id: member.id.into(), given: member.given().into() });
        let own = agents.iter().filter(|agent| agent.groups.first() == Some(&at));
        of_cast.chain(own.map(|agent| agent.person.crew_member())).collect()
    };
    data.groups.iter().enumerate().map(crew).collect()
}
