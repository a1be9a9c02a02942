//! Random lists of changes.

use fastrand::Rng;
use ticketscope_model::{Change, Fact, FieldPatch, RawValue, TicketKey, TicketPatch};

use super::{Scene, chance, words::ROLES};
use crate::oracle::{Expr, Refusal, World};

/// Changes, and the expressions that their role lines write as text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The changes, in order of arrival.
    pub changes: Vec<Change>,
    /// What the oracle must be taught before it can apply them.
    pub expressions: Vec<Expr>,
}

impl History {
    /// Teaches `world` the expressions and applies the changes in order; says what became of each.
    pub fn apply_to(&self, world: &mut World) -> Vec<Result<(), Refusal>> {
        for expr in &self.expressions {
            world.teach(expr);
        }
        self.changes.iter().map(|change| world.apply(change)).collect()
    }

    pub(super) fn push(&mut self, rev: Option<i64>, gone: bool, fact: Fact) {
        self.changes.push(Change { rev, gone, fact });
    }

    pub(super) fn push_role(&mut self, rev: Option<i64>, gone: bool, (fact, expressions): (Fact, Vec<Expr>)) {
        self.push(rev, gone, fact);
        self.expressions.extend(expressions);
    }
}

/// `changes` in another order, and some of them twice or three times.
pub fn shuffled_with_repeats(rng: &mut Rng, changes: &[Change]) -> Vec<Change> {
    let mut all = changes.to_vec();
    for change in changes {
        for _ in 0..2 {
            if chance(rng, 25) {
                all.push(change.clone());
            }
        }
    }
    rng.shuffle(&mut all);
    all
}

impl Scene {
    /// The lines that set the tenant up: schema, roles, people and what relates them, and first states of tickets.
    pub fn setup(&self, rng: &mut Rng) -> History {
        let mut history = History::default();
        history.push(None, false, Fact::Schema(self.decl.clone()));
        for id in ROLES {
            history.push_role(None, false, self.role(rng, id));
        }
        // One of the people stays unknown to the tenant.
        for id in self.people.iter().skip(1) {
            history.push(None, false, self.principal(rng, id));
        }
        for _ in 0..self.people.len() * 6 {
            history.push(None, false, self.rel(rng));
        }
        for _ in 0..rng.usize(..12) {
            history.push(None, false, self.member(rng));
            history.push(None, false, self.value(rng));
        }
        for _ in 0..rng.usize(..4) {
            history.push(None, false, self.tenant_rel(rng));
        }
        for key in &self.keys {
            if chance(rng, 80) {
                let patch = self.patch(rng, 40, false);
                history.push(None, false, Fact::Ticket(TicketPatch { key: key.clone(), ..patch }));
            }
        }
        history
    }

    /// What happens afterwards, in order: moves, additions, replacements, deletions and new lives of tickets, text,
    /// memberships, flags, trees, roles; mostly without revisions; some changes are refused. For a tenant that was
    /// [set up](Scene::setup).
    pub fn history(&self, rng: &mut Rng, length: usize) -> History {
        let mut history = History::default();
        for _ in 0..length {
            let rev = chance(rng, 20).then(|| rng.i64(1..8));
            match rng.u32(..100) {
                0..=2 => {
                    let bad = self.refused(rng);
                    history.push(rev, false, bad);
                }
                3..=40 => {
                    let patch = self.patch(rng, 8, true);
                    history.push(rev, false, Fact::Ticket(patch));
                }
                other => self.any_change(rng, other, rev, &mut history),
            }
        }
        history
    }

    /// Changes that end in the same state in any order and however often each comes, for a tenant that was [set
    /// up](Scene::setup): the first list is to be applied once, in order, and the second as it may come
    /// ([`shuffled_with_repeats`]). Revisions are few, so that many are equal.
    pub fn in_any_order(&self, rng: &mut Rng, length: usize) -> (History, History) {
        // Text is refused where there is no ticket, so that every ticket exists throughout.
        let mut before = History::default();
        for key in &self.keys {
            let patch = TicketPatch { key: key.clone(), fields: Vec::new(), replace: false, text: Vec::new() };
            before.push(Some(1000), false, Fact::Ticket(patch));
        }
        let mut history = History::default();
        for _ in 0..length {
            let rev = Some(rng.i64(1..10));
            match rng.u32(..100) {
                0..=40 => {
                    let patch = self.patch(rng, 8, false);
                    history.push(rev, false, Fact::Ticket(patch));
                }
                other => self.any_change(rng, other, rev, &mut history),
            }
        }
        (before, history)
    }

    /// One change; `kind` is a number from 41 to 99.
    fn any_change(&self, rng: &mut Rng, kind: u32, rev: Option<i64>, history: &mut History) {
        match kind {
            ..=46 => {
                let patch = self.replacement(rng);
                history.push(rev, false, Fact::Ticket(patch));
            }
            47..=51 => {
                let key = self.key(rng);
                history.push(rev, false, Fact::Del(key));
            }
            52..=61 => {
                let gone = chance(rng, 25);
                let text = self.text(rng);
                history.push(rev, gone, text);
            }
            62..=73 => {
                let gone = chance(rng, 40);
                let rel = self.rel(rng);
                history.push(rev, gone, rel);
            }
            74..=79 => {
                let gone = chance(rng, 40);
                let member = self.member(rng);
                history.push(rev, gone, member);
            }
            80..=84 => {
                let gone = chance(rng, 20);
                let id = super::pick(rng, &self.people).clone();
                let principal = self.principal(rng, &id);
                history.push(rev, gone, principal);
            }
            85..=93 => {
                let gone = chance(rng, 25);
                let value = self.value(rng);
                history.push(rev, gone, value);
            }
            94..=96 => {
                let gone = chance(rng, 50);
                let rel = self.tenant_rel(rng);
                history.push(rev, gone, rel);
            }
            _ => {
                let gone = chance(rng, 20);
                let role = self.any_role(rng);
                history.push_role(rev, gone, role);
            }
        }
    }

    /// A fact that every tenant refuses.
    fn refused(&self, rng: &mut Rng) -> Fact {
        let patch = |key: TicketKey, field: &str, raw: RawValue| {
            let fields = vec![(field.into(), FieldPatch::Set(raw))];
            Fact::Ticket(TicketPatch { key, fields, replace: false, text: Vec::new() })
        };
        let key = self.key(rng);
        match rng.u32(..4) {
            0 => patch(key, "gruop", RawValue::Text("1".into())),
            1 => patch(key, "created_at", RawValue::Text("yesterday".into())),
            2 => {
                patch(key, "status", RawValue::List(vec![RawValue::Text("new".into()), RawValue::Text("open".into())]))
            }
            _ => match self.text(rng) {
                Fact::Text { part, .. } => Fact::Text { ticket: TicketKey::Int(404), part },
                other => other,
            },
        }
    }

    /// The people that the tenant may know, for asking in their names.
    pub fn askers(&self) -> impl Iterator<Item = &str> {
        self.people.iter().map(String::as_str)
    }
}
