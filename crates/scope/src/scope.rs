use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, OnceLock},
};

use ticketscope_model::{TicketFields, fields};

use crate::{
    ValueSet,
    resolved::{Folded, Resolved},
};

/// What one principal may do one thing to, with everything about the principal worked out: the only key to tickets.
///
/// Its contents are private and only this crate makes one, so whoever holds a `Scope` got it from
/// [`crate::Directory::scope_of`] or from [`crate::Directory::preview`], or asked for [`Scope::admin`] by name. Equal scopes see the same tickets.
/// Cloning copies nothing.
#[derive(Debug, Clone)]
pub struct Scope {
    sight: Sight,
    gate: Option<ValueSet>,
    /// A hash of the other two, so that finding a scope of many values does not read them all. It never decides that two
    /// scopes are equal.
    fingerprint: u64,
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.sight == other.sight && self.gate == other.gate
    }
}

impl Eq for Scope {}

impl Hash for Scope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.fingerprint);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Sight {
    Nothing,
    Everything,
    Only(Arc<Resolved>),
}

/// What a scope lets through its life gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeView<'a> {
    /// No ticket.
    Nothing,
    /// Every ticket.
    Unrestricted,
    /// The tickets for which the rule holds.
    Restricted(&'a Resolved),
}

/// Whether a rule that says nothing about `life` is about live and archived tickets only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultGate {
    /// It is: the meaning of every role.
    LiveAndArchived,
    /// It is about every ticket: the bare rule, as conformance vectors mean it.
    Off,
}

/// The values of `life` that a rule is about if it does not say.
pub const DEFAULT_LIFE: [&str; 2] = ["archived", "live"];

impl Scope {
    /// Every live and archived ticket: for administrators of the service itself. Whoever calls this answers
    /// for it; no role and no principal leads here.
    pub fn admin() -> Self {
        Self::new(Sight::Everything, Some(default_gate()))
    }

    fn new(sight: Sight, gate: Option<ValueSet>) -> Self {
        let mut hasher = DefaultHasher::new();
        (&sight, &gate).hash(&mut hasher);
        Self { sight, gate, fingerprint: hasher.finish() }
    }

    /// The scope of those who see nothing.
    pub fn nothing() -> Self {
        Self::new(Sight::Nothing, None)
    }

    /// The scope of a resolved rule. One that names `life` is its own gate: a top-level condition on `life` is split
    /// off, anywhere else it stays in the rule.
    pub(crate) fn of(rule: Folded, names_life: bool, default: DefaultGate) -> Self {
        let (rule, gate) = match (names_life, default) {
            (true, _) => split_gate(rule),
            (false, DefaultGate::LiveAndArchived) => (rule, Some(default_gate())),
            (false, DefaultGate::Off) => (rule, None),
        };
        Self::with_gate(rule, gate)
    }

    fn with_gate(rule: Folded, gate: Option<ValueSet>) -> Self {
        if gate.as_ref().is_some_and(ValueSet::is_empty) {
            return Self::nothing();
        }
        match rule {
            Folded::Nothing => Self::nothing(),
            Folded::Everything => Self::new(Sight::Everything, gate),
            Folded::Only(rule) => Self::new(Sight::Only(Arc::new(rule)), gate),
        }
    }

    /// What both scopes see.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        // Both gates as conditions, because a ticket may have several values of `life` where a schema says so.
        let rule = Folded::all([self.ungated(), other.ungated()]);
        let (gate, rule) = match (&self.gate, &other.gate) {
            (None, gate) | (gate, None) => (gate.clone(), rule),
            (Some(gate), Some(same)) if gate == same => (Some(gate.clone()), rule),
            (Some(gate), Some(second)) => {
                (Some(gate.clone()), Folded::all([rule, Folded::of_values(fields::LIFE, second.clone())]))
            }
        };
        Self::with_gate(rule, gate)
    }

    fn ungated(&self) -> Folded {
        match &self.sight {
            Sight::Nothing => Folded::Nothing,
            Sight::Everything => Folded::Everything,
            Sight::Only(rule) => Folded::Only((**rule).clone()),
        }
    }

    /// What it lets through its gate.
    pub fn view(&self) -> ScopeView<'_> {
        match &self.sight {
            Sight::Nothing => ScopeView::Nothing,
            Sight::Everything => ScopeView::Unrestricted,
            Sight::Only(rule) => ScopeView::Restricted(rule),
        }
    }

    /// The values of `life` it is about: a ticket must have one of them. Nothing if `life` does not matter, or only
    /// inside the rule.
    pub fn gate(&self) -> Option<&ValueSet> {
        self.gate.as_ref()
    }

    /// Whether it sees no ticket, whatever the tickets are.
    pub fn is_nothing(&self) -> bool {
        matches!(self.sight, Sight::Nothing)
    }

    /// Whether it sees one ticket. Allocates nothing.
    pub fn matches(&self, ticket: &dyn TicketFields) -> bool {
        let rule = || match &self.sight {
            Sight::Nothing => false,
            Sight::Everything => true,
            Sight::Only(rule) => rule.matches(ticket),
        };
        let gate = self.gate.as_ref();
        gate.is_none_or(|gate| ticket.any_value(fields::LIFE, &mut |life| gate.contains(life))) && rule()
    }
}

fn default_gate() -> ValueSet {
    static GATE: OnceLock<ValueSet> = OnceLock::new();
    GATE.get_or_init(|| DEFAULT_LIFE.into_iter().map(Into::into).collect()).clone()
}

/// Takes one condition on `life` off the top of a rule.
fn split_gate(rule: Folded) -> (Folded, Option<ValueSet>) {
    match rule {
        Folded::Only(Resolved::In { field: fields::LIFE, values }) => (Folded::Everything, Some(values)),
        Folded::Only(Resolved::All(mut operands)) => {
            let found = operands.iter().position(|operand| matches!(operand, Resolved::In { field: fields::LIFE, .. }));
            let gate = found.map(|at| operands.remove(at)).and_then(|operand| match operand {
                Resolved::In { values, .. } => Some(values),
                _ => None,
            });
            (Folded::all(operands.into_iter().map(Folded::Only)), gate)
        }
        other => (other, None),
    }
}
