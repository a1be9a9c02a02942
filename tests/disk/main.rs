//! Whether a tenant survives its disk: power cuts that lose, tear and reorder what was not made durable, calls that fail,
//! disks that are full. On a simulated disk, so that every moment can be tried; what is left is compared with the oracle.
//!
//! `TICKETSCOPE_CRASH_STATES=200000 TICKETSCOPE_DISK_FAULTS=all cargo test -p ticketscope-tests --test disk` is the long
//! version; with `MALLOC_TRIM_THRESHOLD_=2000000000 MALLOC_MMAP_THRESHOLD_=2000000000` it takes half the time. A failure names
//! its seed: `TICKETSCOPE_SEED` begins with it.

mod crashes;
mod expected;
mod faults;
mod names;
mod store;
mod story;
mod text;
