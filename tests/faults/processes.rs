//! Two processes and one data directory: the second is refused, and has it as soon as the first is dead.

use crate::{
    image,
    reference::reference,
    victim::{Ending, Victim},
};

const ROUNDS: u64 = 20;

#[test]
fn a_second_process_is_refused_until_the_first_is_dead() {
    let dir = image::directory();
    for round in 0..ROUNDS {
        let context = format!("round {round}");
        let mut owner = Victim::start(&[], dir.path(), round, Ending::Answer);
        while owner.acknowledged() != Some(round) {
            assert!(owner.next().is_some(), "{context}: it ended");
        }
        let second = Victim::start(&[], dir.path(), round + 1, Ending::Close).end();
        assert_eq!((second.status.code(), second.acknowledged), (Some(3), None), "{context}: {second:?}");
        assert!(second.complaints.contains("is in use by another process"), "{context}: {second:?}");
        owner.go_on();
        let expected = format!("digest {}", reference().after(round).digest());
        assert_eq!(owner.next(), Some(expected), "{context}: the owner goes on");
        owner.kill();
        drop(owner.end());
        let next = Victim::start(&[], dir.path(), round + 1, Ending::Close).end();
        assert!(next.status.success(), "{context}: {next:?}");
        assert_eq!(next.acknowledged, Some(round + 1), "{context}");
    }
}
