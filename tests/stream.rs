//! The load of the crash tests: batches that follow from a seed and their number alone, so that the process that is
//! killed, the one that looks at what is left, and the reference all know the same ones.

use std::ops::Range;

use fastrand::Rng;
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketKey, TicketPatch};
use ticketscope_testkit::{
    arb::{History, Scene},
    oracle::World,
};

/// The ticket that every batch changes last, so that every batch moves the tenant on by exactly one position.
pub const MARKER: TicketKey = TicketKey::Int(77);

pub(crate) const FIRST_BULK_KEY: i64 = 1_000_000;

/// One batch of the load.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The changes; some are refused.
    pub history: History,
}

impl Batch {
    /// Applies the batch to the reference, as an import of its own.
    pub fn apply_to(&self, world: &mut World) {
        world.begin_import();
        self.history.apply_to(world);
    }
}

/// How much there is in the batches of a load.
#[derive(Debug)]
struct Size {
    /// Bulk batches stay among this many tickets, so that the reference stays small.
    bulk_keys: i64,
    /// Tickets of a bulk batch.
    bulk: Range<i64>,
    /// Changes of a batch of many.
    many: Range<usize>,
    /// Whether half of those are about texts.
    texts: bool,
}

/// Every batch of one load.
#[derive(Debug)]
pub struct Load {
    seed: u64,
    size: Size,
    scene: Scene,
    setup: History,
    templates: Vec<TicketPatch>,
}

impl Load {
    /// The load of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::of(seed, Size { bulk_keys: 2_000, bulk: 100..1_000, many: 2..60, texts: false }, Scene::setup)
    }

    /// The load of a seed with few tickets and more to do with their words, for a reference that is compared often.
    #[must_use]
    pub fn small(seed: u64) -> Self {
        Self::of(seed, Size { bulk_keys: 60, bulk: 10..60, many: 2..12, texts: true }, Scene::text_setup)
    }

    fn of(seed: u64, size: Size, setup: impl FnOnce(&Scene, &mut Rng) -> History) -> Self {
        let mut rng = Rng::with_seed(seed);
        let scene = Scene::new(&mut rng);
        let setup = setup(&scene, &mut rng);
        let templates = setup.changes.iter().filter_map(|change| match &change.fact {
            Fact::Ticket(patch) => Some(patch.clone()),
            _ => None,
        });
        let templates = templates.collect();
        Self { seed, size, scene, setup, templates }
    }

    /// What the tenant is about.
    #[must_use]
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// The batch with this number, counted from 0.
    #[must_use]
    pub fn batch(&self, number: u64) -> Batch {
        let mut rng = Rng::with_seed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let mut history = match rng.u32(..10) {
            _ if number == 0 => self.setup.clone(),
            0 => self.bulk(&mut rng),
            1..=4 => self.scene.history(&mut rng, 1),
            _ => {
                let length = rng.usize(self.size.many.clone());
                if self.size.texts && rng.bool() {
                    self.scene.text_history(&mut rng, length)
                } else {
                    self.scene.history(&mut rng, length)
                }
            }
        };
        history.changes.push(marker(number));
        Batch { history }
    }

    /// Many tickets at once: made, changed or erased.
    fn bulk(&self, rng: &mut Rng) -> History {
        let mut history = History::default();
        let first = rng.i64(0..self.size.bulk_keys);
        let end = (first + rng.i64(self.size.bulk.clone())).min(self.size.bulk_keys);
        let erase = rng.u32(..5) == 0;
        for number in first..end {
            let key = TicketKey::Int(FIRST_BULK_KEY + number);
            history.changes.push(Change::state(match self.templates.get(rng.usize(..self.templates.len().max(1))) {
                Some(template) if !erase => Fact::Ticket(TicketPatch { key, ..template.clone() }),
                _ => Fact::Del(key),
            }));
        }
        history
    }
}

pub(crate) fn marker(number: u64) -> Change {
    let value = FieldPatch::Set(RawValue::Text(number.to_string().into()));
    let fields = vec![("external_id".into(), value)];
    Change::state(Fact::Ticket(TicketPatch { key: MARKER, fields, replace: false, text: Vec::new() }))
}
