//! T16: after any history of updates the index holds what a model that indexes nothing says, and no set on the way to a
//! permission is approximate.

use fastrand::Rng;
use ticketscope_model::TicketOrd;
use ticketscope_testkit::arb::Scene;

use crate::{
    compare,
    world::{Twin, seeds},
};

/// Plays a random history and holds the tenant against its shadow, through reopenings.
fn shadow(seed: u64) -> Result<usize, String> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let scene = Scene::new(rng);
    let mut twin = Twin::new();
    let mut judged = 0;
    for history in [scene.setup(rng), scene.history(rng, 40), scene.history(rng, 40)] {
        let askers: Vec<&str> = scene.askers().collect();
        let place = format!("TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1");
        // What is kept from one batch to the next is asked for after each.
        twin.play(rng, &history, &mut |twin, _| {
            judged += each_by_each(twin, &askers, &place)?;
            Ok(())
        })?;
        for in_order in [rng.bool(), true] {
            compare::assert_is_world(twin.tenant(), &twin.world, &askers, &place);
            compare::assert_is_rebuilt(twin.tenant(), &place);
            judged += each_by_each(&twin, &askers, &place)?;
            twin.reopen(in_order);
        }
    }
    Ok(judged)
}

/// Sets, point checks and the shadow agree about every pair of a principal and a ticket.
fn each_by_each(twin: &Twin, askers: &[&str], place: &str) -> Result<usize, String> {
    let snapshot = twin.tenant().snapshot();
    let mut judged = 0;
    for who in askers {
        let Ok(scope) = snapshot.scope(who, "view") else { continue };
        let (kept, evaluated) = (snapshot.visible(&scope), snapshot.evaluate(&scope));
        for ord in snapshot.index().universe().iter().map(TicketOrd) {
            let key = snapshot.index().key(ord);
            let expected = twin.world.sees(who, &key);
            let found = [
                kept.set().contains(ord),
                evaluated.contains(ord),
                snapshot.covers(&scope, ord),
                snapshot.sees(who, "view", &key).map_err(|error| error.to_string())?,
            ];
            if found != [expected; 4] {
                return Err(format!("{place}: whether {who} sees {key}: {found:?}, the model says {expected}"));
            }
            judged += 1;
        }
    }
    Ok(judged)
}

#[test]
fn t16_random_updates_leave_what_a_model_without_an_index_says() {
    let judged: usize = seeds(15).map(|seed| shadow(seed).unwrap_or_else(|difference| panic!("{difference}"))).sum();
    assert!(judged > 0, "nobody was asked about any ticket");
}
