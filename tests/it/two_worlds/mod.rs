//! Nothing hidden has a say: every answer to somebody is, byte for byte, that of a tenant that never held what this one
//! may not see.
//!
//! Three worlds are compared over HTTP. The *whole* one is a random tenant with its history. The *pruned* one was made
//! without the tickets, notes and people that the asker could not know of, in other batches and another order, so that its
//! ordinals, segments and dictionaries differ. In the *disturbed* one, what is hidden was altered, erased and multiplied.
//! `TICKETSCOPE_QUESTIONS` says how many questions each asker puts to all three (64 by default), `TICKETSCOPE_ROUNDS` in
//! how many tenants. `library` compares forced plans, which HTTP does not show.

mod leak;
mod library;
mod question;
mod stage;
mod together;
mod wire;

use std::env;

use fastrand::Rng;
use ticketscope_model::Change;
use ticketscope_testkit::{
    arb::{Worlds, smallest},
    oracle::World,
};

use self::{
    leak::Leak,
    question::Question,
    stage::{Credentials, Stage},
    wire::Wire,
};
use crate::world::seeds;

/// Length of a history.
const CHANGES: usize = 70;
/// People of each tenant who ask.
const ASKERS: usize = 4;

/// What was compared.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    tenants: u64,
    askers: u64,
    questions: u64,
    /// Those that found something.
    found: u64,
}

/// A question to which two worlds say different things.
#[derive(Debug)]
struct Difference {
    seed: u64,
    leak: Option<Leak>,
    worlds: Worlds,
    question: Question,
    told: String,
}

impl Difference {
    /// The same with as little history and as small a question as show it still; nothing if it takes the whole history
    /// and all questions before it to show this.
    fn shrunk(&self, credentials: &Credentials) -> Option<(Question, Vec<Change>)> {
        let mut question = self.question.clone();
        let differs = |changes: &[Change], question: &Question| {
            self.is_shown_by(&self.worlds.after(changes), question, credentials)
        };
        if !differs(&self.worlds.changes, &question) {
            return None;
        }
        let changes = smallest(&self.worlds.changes, |changes| differs(changes, &question));
        while let Some(smaller) = question.smaller().into_iter().find(|smaller| differs(&changes, smaller)) {
            question = smaller;
        }
        Some((question, changes))
    }

    /// Whether a question alone is answered differently by the whole, the pruned and the disturbed world.
    fn is_shown_by(&self, worlds: &Worlds, question: &Question, credentials: &Credentials) -> bool {
        let mut rng = Rng::with_seed(self.seed);
        let world = worlds.world();
        let pruned = worlds.pruned(&world, &question.principal, &mut rng);
        let whole = Stage::raise(&worlds.changes, credentials, &mut rng);
        let other = Stage::raise(&pruned, credentials, &mut rng);
        let without = other.connect(credentials).transcript(question);
        let ask = || {
            transcript(self.leak, &mut whole.connect(credentials), &mut whole.connect_as_admin(credentials), question)
        };
        let before = ask();
        whole.change(&worlds.unnoticed(&world, &question.principal, &mut rng));
        let after = ask();
        whole.strike();
        other.strike();
        before != without || before != after
    }

    fn report(&self, credentials: &Credentials) -> String {
        let Self { seed, question, told, .. } = self;
        let again = format!("TICKETSCOPE_SEED={seed} TICKETSCOPE_ROUNDS=1");
        let whole = format!("{question} asked by {}:\n{told}\n{again}", question.principal);
        match self.shrunk(credentials) {
            Some((question, changes)) => format!("{whole}\nshown by {question} after {changes:#?}"),
            None => whole,
        }
    }
}

/// Everything that a server says to a question, with its leak if it has one.
fn transcript(leak: Option<Leak>, wire: &mut Wire, admin: &mut Wire, question: &Question) -> String {
    match leak {
        Some(leak) => leak.transcript(wire, admin, question),
        None => wire.transcript(question),
    }
}

/// How many questions each asker puts.
fn questions() -> usize {
    env::var("TICKETSCOPE_QUESTIONS").map_or(64, |text| text.parse().expect("TICKETSCOPE_QUESTIONS is a number"))
}

/// Compares the worlds of some people of one random tenant, the whole one with a leak in it if there is one.
fn play(seed: u64, credentials: &Credentials, leak: Option<Leak>, asked: &mut Asked) -> Result<(), Box<Difference>> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let worlds = Worlds::draw(rng, CHANGES);
    let world = worlds.world();
    let whole = Stage::raise(&worlds.changes, credentials, rng);
    let mut people: Vec<String> = worlds.scene.askers().map(str::to_owned).collect();
    rng.shuffle(&mut people);
    // Who sees nothing is told nothing: one of them is enough.
    let mut is_blind = |principal: &String| world.pruned(principal, worlds.scene.now).is_empty();
    let (blind, mut askers): (Vec<_>, Vec<_>) = people.into_iter().partition(&mut is_blind);
    askers.truncate(ASKERS);
    askers.extend(blind.into_iter().take(usize::from(rng.u32(..8) == 0)));
    asked.tenants += 1;
    let mut result = Ok(());
    for principal in &askers {
        result = compare(
            &Cast { seed, worlds: &worlds, world: &world, principal, whole: &whole, credentials, leak },
            asked,
            rng,
        );
        if result.is_err() {
            break;
        }
    }
    whole.strike();
    result
}

/// Who asks which world.
struct Cast<'a> {
    seed: u64,
    worlds: &'a Worlds,
    world: &'a World,
    principal: &'a str,
    whole: &'a Stage,
    credentials: &'a Credentials,
    leak: Option<Leak>,
}

fn compare(cast: &Cast<'_>, asked: &mut Asked, rng: &mut Rng) -> Result<(), Box<Difference>> {
    let Cast { seed, worlds, world, principal, whole, credentials, leak } = *cast;
    let other = Stage::raise(&worlds.pruned(world, principal, rng), credentials, rng);
    let has_token = rng.bool();
    let connect = |stage: &Stage| {
        if has_token { stage.connect_as(principal, credentials) } else { stage.connect(credentials) }
    };
    let (mut wire, mut other_wire) = (connect(whole), connect(&other));
    let mut admin = whole.connect_as_admin(credentials);
    let differs = |question: &Question, told: String| {
        Err(Box::new(Difference { seed, leak, worlds: worlds.clone(), question: question.clone(), told }))
    };
    let mut put = Vec::new();
    let mut result = Ok(());
    asked.askers += 1;
    for _ in 0..questions() {
        let question = Question::draw(&worlds.scene, principal, rng);
        let said = transcript(leak, &mut wire, &mut admin, &question);
        let without = other_wire.transcript(&question);
        asked.questions += 1;
        asked.found += u64::from(has_found(&said));
        if said != without {
            result = differs(&question, format!("the whole world says\n{said}the pruned one\n{without}"));
            break;
        }
        put.push((question, said));
    }
    // Where there is a leak to be caught, nothing else is done to the world of others.
    if result.is_ok() && leak.is_none() && rng.u32(..2) == 0 {
        // The world goes on as it was for everybody else, so that only the last of them is disturbed.
        let changes = worlds.unnoticed(world, principal, rng);
        let disturbed = Stage::raise(&worlds.changes, credentials, rng);
        disturbed.change(&changes);
        let mut wire = connect(&disturbed);
        for (question, said) in &put {
            let now = wire.transcript(question);
            asked.questions += 1;
            asked.found += u64::from(has_found(&now));
            if now != *said {
                let told = format!("it said\n{said}and when hidden things changed\n{now}{changes:#?}");
                result = differs(question, told);
                break;
            }
        }
        drop(wire);
        disturbed.strike();
    }
    drop((wire, admin, other_wire));
    other.strike();
    result
}

/// Whether something visible was found.
fn has_found(said: &str) -> bool {
    let nothing = ["\"total\":0", "\"count\":0}", "\"suggestions\":[]", "\"visible\":false"];
    said.starts_with("200") && nothing.iter().all(|nothing| !said.contains(nothing))
}

#[test]
fn no_byte_of_any_answer_tells_of_what_is_hidden() {
    let credentials = Credentials::new();
    let mut asked = Asked::default();
    for seed in seeds(44) {
        if let Err(difference) = play(seed, &credentials, None, &mut asked) {
            panic!("{}", difference.report(&credentials));
        }
    }
    println!("{asked:?}");
    let is_told = ["TICKETSCOPE_ROUNDS", "TICKETSCOPE_QUESTIONS"].iter().any(|name| env::var_os(name).is_some());
    assert!(is_told || asked.questions >= 10_000, "{asked:?}");
    assert!(asked.found * 3 > asked.questions, "few of the questions found anything: {asked:?}");
}

#[test]
fn a_leak_on_any_surface_is_caught() {
    let credentials = Credentials::new();
    for leak in Leak::ALL {
        let mut asked = Asked::default();
        let caught = (1..=20).find(|seed| play(*seed, &credentials, Some(leak), &mut asked).is_err());
        assert!(caught.is_some(), "{leak:?} passes {asked:?}");
    }
}

#[test]
fn a_leak_is_shown_by_a_short_history_and_a_small_question() {
    let credentials = Credentials::new();
    let found = (1..20).find_map(|seed| play(seed, &credentials, Some(Leak::Count), &mut Asked::default()).err());
    let difference = found.expect("a leak is caught");
    let (question, changes) = difference.shrunk(&credentials).expect("one question shows it");
    // A principal and a hidden ticket are all that it takes.
    assert!(changes.len() <= 3, "{question} after {changes:#?}");
    assert!(changes.len() < difference.worlds.changes.len());
}
