//! Real faults on real files: kills at system calls, I/O errors, power cuts, flipped bits, files of another life.
//!
//! Whatever happens to the process or to its files, what is there afterwards is exactly the batches up to some position,
//! at least all that were acknowledged and at most one more, with the answers that the oracle gives for them; or, for
//! damage of the truth alone, a refusal that says so.
//!
//! | variable | meaning | short |
//! |---|---|---|
//! | `TICKETSCOPE_KILL_POINTS` | kills at system calls, or `all` | 200 |
//! | `TICKETSCOPE_KILL_SHARE` | which part of these calls, as `1/10` | the whole |
//! | `TICKETSCOPE_KILL_RECOVERIES` | crash images whose recovery is killed at every call, or, up to 4, at 10 of them | 4 |
//! | `TICKETSCOPE_CALL_ERRORS` | system calls that fail, or `all` | 100 |
//! | `TICKETSCOPE_POWER_CUTS` | power cuts | 10 |
//! | `TICKETSCOPE_FLIPS` | flipped bits in each of log, snapshots and text | 1,000 |
//! | `TICKETSCOPE_MAPPED_CUTS` | mapped snapshots cut short below a running process | 4 |
//! | `TICKETSCOPE_SEED` | another sample | 0 |
//!
//! What needs a tool that is missing is skipped with a line on standard error that begins with `SKIPPED`.

mod acts;
mod amount;
mod errors;
mod flips;
mod generations;
mod image;
mod kills;
mod loop_mount;
mod mapped;
mod power;
mod processes;
mod reference;
mod specimen;
mod survey;
mod trace;
mod truncations;
mod victim;
mod watchdog;
