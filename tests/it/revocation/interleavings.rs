//! The interleavings that a race may miss, one after the other.

use ticketscope_engine::{Engine, View};

use super::{
    reading::{Seen, read_viewers},
    ways::{Kind, Way, shared, way},
};
use crate::{answers::PATIENCE, changes::ticket, http::id, world::directory};

fn read(view: &View, way: &Way, old_cursor: Option<&str>) -> Seen {
    let mut seen = super::reading::read(view, way, old_cursor);
    read_viewers(view, way, &mut seen);
    seen
}

/// Whoever holds a snapshot from before a revocation may go on asking it, before, between and after all others: what they
/// work out is never told to who asks a later snapshot, and an old cursor leads nowhere.
#[test]
fn a_late_reader_of_an_old_snapshot_spoils_no_later_one() {
    let dir = directory();
    let engine = Engine::open(dir.path()).unwrap();
    let tenant = engine.create_tenant(&id("acme")).unwrap();
    let mut setup = shared(Kind::ALL.len());
    let ways: Vec<Way> = Kind::ALL.into_iter().enumerate().map(|(at, kind)| way(kind, at, &mut setup)).collect();
    let ack = tenant.submit(setup).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(tenant.wait_for_text(ack.opstamp, PATIENCE));
    for way in &ways {
        // The old snapshot is asked first, or not before the later one was.
        for is_warm in [true, false] {
            for waits_for_text in [false, true] {
                let place = format!("{:?}, warm {is_warm}, text {waits_for_text}", way.kind);
                let old = tenant.view().unwrap();
                let cursor = read(&tenant.view().unwrap(), way, None).cursor;
                if is_warm {
                    assert!(!read(&old, way, None).shown(way).is_empty(), "{place}: granted");
                }
                tenant.submit(way.revoke.clone()).unwrap();
                let new = tenant.view().unwrap();
                if !is_warm {
                    assert_eq!(read(&new, way, cursor.as_deref()).shown(way), Vec::<&str>::new(), "{place}: revoked");
                }
                assert!(!read(&old, way, None).shown(way).is_empty(), "{place}: the old snapshot is as it was");
                assert_eq!(
                    read(&new, way, cursor.as_deref()).shown(way),
                    Vec::<&str>::new(),
                    "{place}: after the late"
                );
                // A batch that touches nothing of it carries what is kept over to the next snapshot.
                tenant.submit(vec![ticket(100_000, &[("status", "open")])]).unwrap();
                assert!(!read(&old, way, None).shown(way).is_empty(), "{place}: the old snapshot once more");
                if waits_for_text {
                    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "{place}");
                }
                let next = tenant.view().unwrap();
                assert_eq!(read(&next, way, cursor.as_deref()).shown(way), Vec::<&str>::new(), "{place}: carried over");
                tenant.submit(way.grant.clone()).unwrap();
                assert_eq!(read(&next, way, None).shown(way), Vec::<&str>::new(), "{place}: granted later");
                assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE), "{place}");
                let again = read(&tenant.view().unwrap(), way, cursor.as_deref());
                assert_eq!(again.missing(), Vec::<&str>::new(), "{place}: granted again");
                assert!(again.words.iter().all(|(_, shown)| *shown), "{place}: {:?}", again.words);
            }
        }
    }
}
