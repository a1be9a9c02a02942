//! One target under libFuzzer, the one that `TICKETSCOPE_FUZZ_TARGET` names.
#![no_main]

use std::{env, panic, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use ticketscope_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    // libFuzzer's own hook aborts at every panic, also at one that the code under test catches and turns into an error.
    // One that nobody catches ends the process anyway.
    drop(panic::take_hook());
    let name = env::var("TICKETSCOPE_FUZZ_TARGET").expect("TICKETSCOPE_FUZZ_TARGET names a target");
    let known = TARGETS.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("there is no target {name}")).1
});

fuzz_target!(|bytes: &[u8]| (*TARGET)(bytes));
