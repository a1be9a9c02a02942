//! Canaries: tickets that nobody without an unrestricted scope may see, full of words that stand nowhere else. If one of
//! these words leaves in an answer to anybody else, something leaks.
//!
//! A [`Canary`] is the changes that plant it and remove it again. [`Canaries`] is the file of a data directory that knows
//! which are planted where; a [`Guard`] finds their words in bytes.
//!
//! It does **not** decide who may see what: whoever finds a [`Sighting`] asks the scope of whoever was to get the bytes.
//! A canary proves a leak and never that there is none.
//!
//! ```
//! use ticketscope_canary::{Canaries, Canary, Part};
//! use ticketscope_model::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let canary = Canary::new(Timestamp(1_795_176_000_000))?;
//! let canaries = Canaries::open(dir.path().join("canaries.json"))?;
//! canaries.add("acme", std::slice::from_ref(&canary))?;
//! let answer = format!(r#"{{"suggestions":["{}"]}}"#, canary.public.to_uppercase());
//! let sightings = canaries.guard().find(&[answer.as_bytes()]);
//! let seen: Vec<_> = sightings.iter().map(|sighting| (&*sighting.tenant, sighting.part)).collect();
//! assert_eq!(seen, [("acme", Part::Public)]);
//! assert!(canaries.guard().find(&[br#"{"suggestions":[]}"#]).is_empty());
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod canary;
mod guard;
mod registry;

pub use canary::{Canary, Part, RandomError};
pub use guard::{Guard, Sighting};
pub use registry::{Canaries, RegistryError};
