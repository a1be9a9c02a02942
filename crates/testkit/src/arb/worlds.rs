//! The worlds between which somebody must not be able to tell.

use std::collections::BTreeSet;

use fastrand::Rng;
use ticketscope_model::{Change, Fact, FieldKind, RelFact, TextClass, TextPart, TicketKey, TicketPatch, Value};

use super::{Scene, chance, pick, text::text_part};
use crate::oracle::{Expr, World};

/// Everything that happened to a random tenant, from which its other worlds are made.
///
/// Each change stands for itself: it is to be offered alone, and one that is refused is left out.
#[derive(Debug, Clone)]
pub struct Worlds {
    /// What the tenant is about.
    pub scene: Scene,
    /// What happened, in order.
    pub changes: Vec<Change>,
    expressions: Vec<Expr>,
}

impl Worlds {
    /// A tenant and `length` changes of its text and tickets; the same for the same state of `rng`.
    pub fn draw(rng: &mut Rng, length: usize) -> Self {
        let scene = Scene::new(rng);
        let (mut all, later) = (scene.text_setup(rng), scene.text_history(rng, length));
        all.changes.extend(later.changes);
        all.expressions.extend(later.expressions);
        Self { scene, changes: all.changes, expressions: all.expressions }
    }

    /// The tenant if only `changes` had happened.
    #[must_use]
    pub fn after(&self, changes: &[Change]) -> Self {
        Self { changes: changes.to_vec(), ..self.clone() }
    }

    /// The tenant as the oracle sees it.
    pub fn world(&self) -> World {
        let mut world = World::new();
        self.expressions.iter().for_each(|expr| world.teach(expr));
        for change in &self.changes {
            offer(&mut world, change);
        }
        world
    }

    /// The world that never held what `principal` may not see: neither tickets nor notes nor people nor values that they
    /// could not know of, in another order, among tickets and texts that came and went.
    pub fn pruned(&self, world: &World, principal: &str, rng: &mut Rng) -> Vec<Change> {
        let mut tickets = world.pruned(principal, self.scene.now);
        let (people, values) = (held(world, &tickets, true), held(world, &tickets, false));
        let is_known = |change: &&Change| match &change.fact {
            Fact::Ticket(_) | Fact::Text { .. } | Fact::Del(_) => false,
            Fact::Principal(fact) => *fact.id == *principal || people.contains(&*fact.id),
            // A value that no visible ticket has may stand between two of a tree that do.
            Fact::Value(fact) => fact.parent.is_some() || values.contains(&*fact.id),
            _ => true,
        };
        let mut changes: Vec<Change> = self.changes.iter().filter(is_known).cloned().collect();
        for decoy in 0..rng.i64(..4) {
            let key = TicketKey::Int(900_000 + decoy);
            let patch = TicketPatch { key: key.clone(), fields: Vec::new(), replace: false, text: Vec::new() };
            let part = TextPart { class: TextClass::Public, ..text_part(rng) };
            changes.push(Change::state(Fact::Ticket(patch)));
            changes.push(Change::state(Fact::Text { ticket: key.clone(), part }));
            changes.push(Change::state(Fact::Del(key)));
        }
        rng.shuffle(&mut tickets);
        for mut ticket in tickets {
            let mut parts = ticket.split_off(1);
            rng.shuffle(&mut parts);
            changes.append(&mut ticket);
            changes.append(&mut parts);
        }
        changes
    }

    /// What may happen to `world` without `principal` being able to tell: hidden tickets and notes are altered, erased
    /// and multiplied, and others, or they themselves, are given and taken what shows them nothing else.
    pub fn unnoticed(&self, world: &World, principal: &str, rng: &mut Rng) -> Vec<Change> {
        let scene = &self.scene;
        let seen = world.pruned(principal, scene.now);
        let mut candidates = scene.text_history(rng, 30).changes;
        candidates.retain(|change| !matches!(change.fact, Fact::Principal(_) | Fact::Schema(_) | Fact::Role(_)));
        for copy in 0..12 {
            let twin = TicketKey::parse(&format!("twin-{copy}")).unwrap_or(TicketKey::Int(800_000 + copy));
            candidates.extend(world.copy(pick(rng, &scene.keys), &twin).into_iter().flatten());
            candidates.push(Change::state(Fact::Text { ticket: twin, part: text_part(rng) }));
        }
        for key in &scene.keys {
            if chance(rng, 20) {
                candidates.push(Change::state(Fact::Del(key.clone())));
            }
        }
        for _ in 0..10 {
            let rel = scene.rel(rng);
            let rel = match rel {
                Fact::Rel(rel) if chance(rng, 50) => Fact::Rel(RelFact { principal: principal.into(), ..rel }),
                other => other,
            };
            candidates.push(Change { rev: None, gone: chance(rng, 40), fact: rel });
            candidates.push(Change { rev: None, gone: chance(rng, 40), fact: scene.member(rng) });
            candidates.push(Change { rev: None, gone: chance(rng, 30), fact: scene.value(rng) });
        }
        rng.shuffle(&mut candidates);
        let mut world = world.clone();
        candidates.retain(|change| {
            let mut next = world.clone();
            let stays = offer(&mut next, change) && next.pruned(principal, scene.now) == seen;
            if stays {
                world = next;
            }
            stays
        });
        candidates
    }
}

/// Applies a change alone; whether it was taken.
fn offer(world: &mut World, change: &Change) -> bool {
    world.begin_import();
    world.apply(change).is_ok()
}

/// What tickets hold in their fields: people, or values.
fn held(world: &World, tickets: &[Vec<Change>], of_people: bool) -> BTreeSet<String> {
    let is_person = |name: &str| world.schema().field(name).is_some_and(|def| def.kind == FieldKind::Principal);
    let keys = tickets.iter().flatten().filter_map(|change| match &change.fact {
        Fact::Ticket(patch) => Some(&patch.key),
        _ => None,
    });
    let rows = keys.filter_map(|key| world.ticket(key));
    let fields = rows.flat_map(|row| &row.fields).filter(|(name, _)| is_person(name) == of_people);
    let values = fields.flat_map(|(_, values)| values).filter_map(|value| match value {
        Value::Keyword(text) => Some(text.to_string()),
        Value::Number(_) | Value::Date(_) => None,
    });
    values.collect()
}
