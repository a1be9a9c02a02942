//! Checks of all files of a text index, by an admin and by the pass in the background: they share the thread that has the
//! index, and one at a time goes through the files.

use std::{thread, time::Duration};

use tempfile::TempDir;
use ticketscope_model::TextClass;
use ticketscope_storage::TenantId;
use ticketscope_testkit::plain;

use crate::{Engine, Options, Tenant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// More steps than a pass over so little takes before the text index.
const STEPS: usize = 200;

/// A tenant with a text index of one segment, which is checked only when a test says so; and its files.
fn tenant(dir: &TempDir) -> (Engine, std::sync::Arc<Tenant>, u64) {
    let engine =
        Engine::open_with(dir.path(), Options { scrub_interval: Duration::ZERO, ..Options::default() }).unwrap();
    let tenant = engine.create_tenant(&TenantId::parse("acme").unwrap()).unwrap();
    let texts = (1..50).flat_map(|number| {
        [plain::ticket(number, "open"), plain::text(number, "s", TextClass::Subject, &format!("otter {number}"))]
    });
    let ack = tenant.submit(texts.collect()).unwrap();
    assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
    let files = tenant.scrub().text_files;
    assert!(files > 3, "{files}");
    (engine, tenant, files)
}

fn verified_files(tenant: &Tenant) -> u64 {
    let scratch = tempfile::tempdir().unwrap();
    let verified = tenant.verify_text(scratch.path()).unwrap();
    assert_eq!(verified.differences, Vec::<String>::new());
    verified.files
}

#[test]
fn while_somebody_checks_all_files_the_pass_reads_none_and_then_begins_with_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (_engine, tenant, files) = tenant(&dir);
    for read_before in [0, 1, files - 1] {
        while tenant.stats().unwrap().scrub.current.text_files < read_before {
            assert!(!tenant.scrub_step().is_end);
        }
        let checking = tenant.shared().text.checking.lock();
        for _ in 0..STEPS {
            let step = tenant.scrub_step();
            assert!(!step.is_end && !step.is_closed);
        }
        assert_eq!(tenant.stats().unwrap().scrub.current.text_files, read_before);
        drop(checking);
        while !tenant.scrub_step().is_end {}
        let read = tenant.stats().unwrap().scrub.last.unwrap();
        assert_eq!((read.text_files, read.found), (read_before + files, Vec::new()));
    }
}

#[test]
fn a_check_between_two_steps_of_the_pass_reads_every_file_and_so_does_the_pass() {
    let dir = tempfile::tempdir().unwrap();
    let (_engine, tenant, files) = tenant(&dir);
    while tenant.stats().unwrap().scrub.current.text_files < 2 {
        assert!(!tenant.scrub_step().is_end);
    }
    assert_eq!(verified_files(&tenant), files);
    while !tenant.scrub_step().is_end {}
    assert_eq!(tenant.stats().unwrap().scrub.last.unwrap().text_files, 2 + files);
}

#[test]
fn checks_of_several_threads_each_read_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let (_engine, tenant, files) = tenant(&dir);
    thread::scope(|scope| {
        let scrub = scope.spawn(|| tenant.scrub());
        let verifications: Vec<_> = (0..3).map(|_| scope.spawn(|| verified_files(&tenant))).collect();
        for verified in verifications {
            assert_eq!(verified.join().unwrap(), files);
        }
        let scrubbed = scrub.join().unwrap();
        assert!(scrubbed.text_files >= files && scrubbed.found.is_empty(), "{scrubbed:?}");
    });
}
