//! Who asks: principals whose scopes reach from one ticket to all of them.

use ticketscope_engine::query::Snapshot;

/// A principal, and how much of the tenant it sees.
#[derive(Debug, Clone)]
pub struct Person {
    /// The size that it stands for.
    pub label: &'static str,
    /// Its id.
    pub id: String,
    /// How many tickets it sees in this tenant.
    pub tickets: u32,
}

/// The scopes that are measured: by name where the tenant has such a principal, else the agent whose scope comes
/// nearest to the share, one in so many thousands.
const GRID: &[(&str, Who)] = &[
    ("1 ticket", Who::Named("single")),
    ("0.03%", Who::Agent(0.0003)),
    ("0.2%", Who::Agent(0.002)),
    ("1%", Who::Agent(0.01)),
    ("15%", Who::Agent(0.15)),
    ("50%", Who::Named("half")),
    ("all but one group", Who::Named("all-but-one")),
    ("unrestricted", Who::Named("admin")),
];

enum Who {
    Named(&'static str),
    Agent(f64),
}

/// The principals of the grid, smallest scope first. Evaluates many scopes and caches none.
pub fn grid(snapshot: &Snapshot) -> Vec<Person> {
    let seen = |id: &str| {
        let scope = snapshot.scope(id, "view").expect("the generated tenant has this principal");
        snapshot.evaluate(&scope).len()
    };
    let agents: Vec<(String, u32)> = (1..=2_000)
        .map(|number| format!("agent-{number}"))
        .map(|id| {
            let tickets = seen(&id);
            (id, tickets)
        })
        .collect();
    let all = f64::from(snapshot.index().universe().len());
    let nearest = |share: f64| {
        let distance = |tickets: u32| (f64::from(tickets) - share * all).abs();
        let found = agents.iter().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        found.expect("there are agents").clone()
    };
    GRID.iter()
        .map(|(label, who)| {
            let (id, tickets) = match who {
                Who::Named(id) => ((*id).to_owned(), seen(id)),
                Who::Agent(share) => nearest(*share),
            };
            Person { label, id, tickets }
        })
        .collect()
}
