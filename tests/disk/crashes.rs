//! Power cuts and kills at every moment of a story, also while what an earlier one left is being opened.

use std::{ops::RangeInclusive, time::Instant};

use fastrand::Rng;
use parking_lot::Mutex;
use ticketscope_testkit::simdisk::{Choice, Moment, Replay, SimDisk};

use crate::story::{Mark, Plot, Story, batches, id, number, open, play, submit};

const DEFAULT_STATES: u64 = 5_000;

/// Moments of each story that are looked at, and ways in which each of them ends.
const PLACES: usize = 40;
const ENDS: usize = 5;

const BATCHES: u64 = 12;

/// Disks of a kind that are looked at for one moment: operations lost one by one, sectors of the last write, random ones.
const OF_A_KIND: usize = 4;

/// A chain of crashes is at most so long.
const MAX_DEPTH: u32 = 3;

/// What was looked at.
#[derive(Debug, Default)]
struct Tally {
    stories: u64,
    operations: usize,
    states: u64,
    kills: u64,
    of_recoveries: u64,
    without_the_tenant: u64,
    with_the_batch_in_flight: u64,
    replayed: u64,
}

/// How a moment ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Kill,
    Cut(Choice),
}

impl End {
    fn of(self, moment: &Moment) -> SimDisk {
        match self {
            Self::Kill => moment.kill(),
            Self::Cut(choice) => moment.crash(choice),
        }
    }
}

/// What must be true of a disk.
#[derive(Debug, Clone)]
struct Truth {
    has_tenant: bool,
    batches: RangeInclusive<u64>,
}

struct Player<'p> {
    plot: &'p Plot,
    rng: Rng,
    tally: Tally,
    /// How the disk that is being looked at came about.
    path: Vec<String>,
}

#[test]
#[expect(clippy::print_stdout, reason = "what was looked at is what a long run is for")]
fn after_any_crash_the_tenant_is_exactly_what_was_acknowledged_or_one_batch_more() {
    let began = Instant::now();
    let tallies = Mutex::new(Vec::new());
    let states = play(number("TICKETSCOPE_CRASH_STATES", DEFAULT_STATES), |seed| {
        let plot = Plot::new(seed, BATCHES + u64::from(MAX_DEPTH) + 1);
        let mut rng = Rng::with_seed(seed);
        let story = Story::tell(&plot, &mut rng, BATCHES);
        let mut player = Player { plot: &plot, rng, tally: Tally::default(), path: Vec::new() };
        player.play(&story).map_err(|error| format!("{}: {error}", player.path.join(", then ")))?;
        let states = player.tally.states;
        tallies.lock().push(player.tally);
        Ok(states)
    });
    let sum = tallies.into_inner().iter().fold(Tally::default(), Tally::add);
    println!("{states} states in {:?}: {sum:?}", began.elapsed());
    let is_varied = sum.of_recoveries > 0 && sum.kills > 0 && sum.with_the_batch_in_flight > 0 && sum.replayed > 0;
    assert!(is_varied || states < DEFAULT_STATES, "{sum:?}");
}

impl Tally {
    fn add(self, other: &Self) -> Self {
        Self {
            stories: self.stories + 1,
            operations: self.operations + other.operations,
            states: self.states + other.states,
            kills: self.kills + other.kills,
            of_recoveries: self.of_recoveries + other.of_recoveries,
            without_the_tenant: self.without_the_tenant + other.without_the_tenant,
            with_the_batch_in_flight: self.with_the_batch_in_flight + other.with_the_batch_in_flight,
            replayed: self.replayed + other.replayed,
        }
    }
}

impl Player<'_> {
    fn play(&mut self, story: &Story) -> Result<(), String> {
        let mut replay = story.disk.replay();
        self.tally.operations = replay.operations().len();
        let mut places = Vec::new();
        while places.len() < PLACES {
            // Making a tenant takes few operations, each of another kind.
            let upto =
                if places.len().is_multiple_of(10) { story.made.acknowledged } else { replay.operations().len() };
            places.push(self.place(&replay, upto));
        }
        places.sort_unstable();
        for place in places {
            let moment = replay.advance_to(place).clone();
            let truth = Truth { has_tenant: story.made.acknowledged <= place, batches: story.bounds(place) };
            let ends = self.ends(&moment);
            for end in self.rng.choose_multiple(ends, ENDS) {
                self.look(&moment, place, end, &truth, 1)?;
            }
        }
        Ok(())
    }

    /// A moment to end a disk at, among the first ones: as often as not before something becomes durable, when most is pending.
    fn place(&mut self, replay: &Replay, upto: usize) -> usize {
        let operations = replay.operations();
        let mut place = self.rng.usize(..=upto);
        if self.rng.bool() {
            while operations.get(place).is_some_and(|operation| !operation.is_sync()) {
                place += 1;
            }
        }
        place
    }

    /// Different ways to end at a moment.
    fn ends(&mut self, moment: &Moment) -> Vec<End> {
        let mut choices = vec![Choice::None];
        if moment.pending_count() > 0 {
            choices.push(Choice::All);
            let rng = &mut self.rng;
            let lost = rng.choose_multiple(0..moment.pending_count(), OF_A_KIND);
            choices.extend(lost.into_iter().map(Choice::Without));
            let torn = rng.choose_multiple(0..moment.torn_sectors(), OF_A_KIND);
            choices.extend(torn.into_iter().map(Choice::Torn));
            choices.extend((0..OF_A_KIND).map(|_| Choice::Random(rng.u64(..))));
        }
        choices.into_iter().map(End::Cut).chain([End::Kill]).collect()
    }

    /// Ends a disk and looks at what is left, once or, as chance has it, again and again.
    fn look(&mut self, moment: &Moment, place: usize, end: End, truth: &Truth, depth: u32) -> Result<(), String> {
        self.path.push(format!("{end:?} after {place} operations"));
        self.tally.states += 1;
        self.tally.kills += u64::from(matches!(end, End::Kill));
        self.tally.of_recoveries += u64::from(depth > 1);
        let disk = end.of(moment);
        let (opened, written, found) = self.open_and_write(&disk, truth)?;
        if depth < MAX_DEPTH && self.rng.u32(..3) == 0 {
            let mut replay = disk.replay();
            let upto = replay.operations().len();
            let place = self.place(&replay, upto);
            let moment = replay.advance_to(place).clone();
            let truth = if place >= written.acknowledged {
                Truth { has_tenant: true, batches: found + 1..=found + 1 }
            } else if place > written.begun {
                Truth { has_tenant: true, batches: found..=found + 1 }
            } else if place >= opened {
                Truth { has_tenant: true, batches: found..=found }
            } else {
                truth.clone()
            };
            let ends = self.ends(&moment);
            let end = ends[self.rng.usize(..ends.len())];
            self.look(&moment, place, end, &truth, depth + 1)?;
        }
        self.path.pop();
        Ok(())
    }

    /// Opens a disk, compares it with the oracle, writes one batch more, and opens it again. Answers after how many
    /// operations the tenant was open, when the batch was written, and how many batches were there before.
    fn open_and_write(&mut self, disk: &SimDisk, truth: &Truth) -> Result<(usize, Mark, u64), String> {
        let engine = open(disk)?;
        if !engine.has_tenant(&id()) {
            if truth.has_tenant {
                return Err("the tenant is gone".to_owned());
            }
            self.tally.without_the_tenant += 1;
        }
        let tenant = engine.tenant_or_create(&id()).map_err(|error| format!("not opened: {error:?}"))?;
        let (opened, found) = (disk.operation_count(), batches(&tenant));
        if !truth.batches.contains(&found) {
            return Err(format!("there are {found} batches instead of {:?}", truth.batches));
        }
        let rejected = &tenant.recovery().rejected;
        if !rejected.is_empty() {
            return Err(format!("a mapped snapshot was named before it was durable: {rejected:?}"));
        }
        self.tally.with_the_batch_in_flight += u64::from(found > *truth.batches.start());
        self.tally.replayed += u64::from(tenant.recovery().replayed > 0);
        let expected = self.plot.after(found);
        expected.compare(&tenant, &mut self.rng)?;
        if self.rng.bool() {
            expected.compare_words(&tenant)?;
        }
        if self.rng.u32(..20) == 0 {
            expected.compare_all(&tenant, &self.path.join(", then "));
        }

        let (written, ack) = Mark::of(disk, || submit(&tenant, &self.plot.load, found));
        ack.map_err(|error| format!("the next batch is refused: {error:?}"))?;
        let expected = self.plot.after(found + 1);
        if self.rng.bool() {
            expected.compare_words(&tenant).map_err(|error| format!("after the next batch: {error}"))?;
        }
        let text = tenant.stats().map_err(|error| error.to_string())?.text;
        if let Some(why) = text.put_aside {
            return Err(format!("the text index was not usable after the crash: {why}"));
        }
        drop(tenant);
        if self.rng.bool() {
            engine.close().map_err(|error| format!("not closed: {error:?}"))?;
        }
        drop(engine);
        let engine = open(disk)?;
        let tenant = engine.tenant(&id()).map_err(|error| format!("not opened again: {error:?}"))?;
        if batches(&tenant) != found + 1 {
            return Err(format!("opened again there are {} batches instead of {}", batches(&tenant), found + 1));
        }
        expected.compare(&tenant, &mut self.rng).map_err(|error| format!("opened again: {error}"))?;
        Ok((opened, written, found))
    }
}
