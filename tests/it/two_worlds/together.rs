//! Several questions in one request: whatever they are, each is answered as if it had been asked alone.

use fastrand::Rng;
use ticketscope_testkit::arb::Worlds;

use super::{
    CHANGES,
    question::Question,
    stage::{Credentials, Stage},
    wire::Wire,
};
use crate::world::seeds;

/// Requests that each asker sends.
const REQUESTS: usize = 12;

/// Most questions of one request, as the default limits have it.
const MOST: usize = 32;

/// Asks `questions` together and one by one; how many of them found something.
fn compare(wire: &mut Wire, questions: &[Question], together: &Question, about: &str) -> usize {
    let alone: Vec<_> = questions.iter().map(|question| wire.ask(question)).collect();
    let parts: Vec<String> =
        alone.iter().map(|answer| format!("{{\"status\":{},\"body\":{}}}", answer.status, answer.body)).collect();
    let answer = wire.ask(together);
    assert_eq!(answer.status, 200, "{about}: {together}\n{answer}");
    assert_eq!(answer.body, format!("{{\"answers\":[{}]}}", parts.join(",")), "{about}: {together}");
    alone.iter().filter(|answer| answer.status == 200).count()
}

#[test]
fn random_questions_are_answered_together_as_they_are_alone() {
    let credentials = Credentials::new();
    let (mut asked, mut answered) = (0, 0);
    for seed in seeds(8) {
        let rng = &mut Rng::with_seed(seed);
        let worlds = Worlds::draw(rng, CHANGES);
        let stage = Stage::raise(&worlds.changes, &credentials, rng);
        let people: Vec<String> = worlds.scene.askers().map(str::to_owned).collect();
        for principal in people.iter().take(4) {
            let about = format!("TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1: {principal}");
            let mut wires = [stage.connect(&credentials), stage.connect_as(principal, &credentials)];
            let mut admin = stage.connect_as_admin(&credentials);
            for _ in 0..REQUESTS {
                let count = if rng.u32(..8) == 0 { MOST } else { rng.usize(1..8) };
                let any = std::iter::repeat_with(|| Question::any(&worlds.scene, principal, rng));
                let questions: Vec<Question> =
                    any.filter(|question| question.as_part().is_some()).take(count).collect();
                let together = Question::several(principal, &questions);
                for wire in &mut wires {
                    answered += compare(wire, &questions, &together, &about);
                    asked += count;
                }
                // An admin as this principal, and of everything.
                answered += compare(&mut admin, &questions, &together, &about);
                let questions: Vec<Question> = questions.iter().map(Question::of_everything).collect();
                let together = Question::several(principal, &questions).of_everything();
                answered += compare(&mut admin, &questions, &together, &about);
                asked += 2 * count;
            }
        }
        stage.strike();
    }
    assert!(answered * 2 > asked, "{answered} of {asked} questions had an answer");
}
