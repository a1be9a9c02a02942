//! What the measurements share: a generated tenant in a directory of its own, the principals and filters that are asked
//! about, changes to tickets, what the planner chose, a server with a client, and percentiles.
//!
//! The tenant is that of `ticketscope_testkit::tenant`: 500 groups with a long tail, four years of tickets. Benches make
//! 100,000 tickets, so that all of them finish in minutes; `TICKETSCOPE_BENCH_TICKETS` makes more or fewer. None of them
//! asserts a time.

pub mod ask;
pub mod client;
pub mod people;
pub mod planned;
pub mod sample;
pub mod served;
pub mod world;

pub use client::Client;
pub use people::{Person, grid};
pub use planned::Planned;
pub use sample::Sample;
pub use served::Served;
pub use world::World;

/// How many tickets a bench makes.
pub fn tickets() -> u64 {
    match std::env::var("TICKETSCOPE_BENCH_TICKETS") {
        Ok(text) => text.parse().expect("TICKETSCOPE_BENCH_TICKETS is a number of tickets"),
        Err(_) => 100_000,
    }
}

/// The seed of every generated tenant.
pub const SEED: u64 = 1;
