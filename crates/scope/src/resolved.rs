use std::collections::BTreeSet;

use ticketscope_model::{FieldId, TicketFields};

use crate::ValueSet;

/// A rule with every set replaced by its values: what is left to ask is only of the ticket.
///
/// It is in a normal form, so that principals with the same relations get equal values, which serve as cache keys:
/// `All` and `Any` hold two or more operands, sorted, without repeats and never directly inside themselves; `Any` asks
/// for each field's values in one `In`; there is no empty `In` and no double `Not`. Rules that come out as everything or
/// nothing are no `Resolved` at all, see [`crate::ScopeView`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolved {
    /// Some value of the field is one of these.
    In {
        /// The field.
        field: FieldId,
        /// The values, at least one.
        values: ValueSet,
    },
    /// The ticket has no value of the field.
    Unset(FieldId),
    /// The operand does not hold.
    Not(Box<Resolved>),
    /// Every operand holds.
    All(Vec<Resolved>),
    /// Some operand holds.
    Any(Vec<Resolved>),
}

impl Resolved {
    /// Whether the rule holds for one ticket. Allocates nothing.
    pub fn matches(&self, ticket: &dyn TicketFields) -> bool {
        match self {
            Self::In { field, values } => ticket.any_value(*field, &mut |value| values.contains(value)),
            Self::Unset(field) => ticket.is_unset(*field),
            Self::Not(inner) => !inner.matches(ticket),
            Self::All(operands) => operands.iter().all(|operand| operand.matches(ticket)),
            Self::Any(operands) => operands.iter().any(|operand| operand.matches(ticket)),
        }
    }

    /// The fields it depends on: a change of any other field changes nothing.
    pub fn fields(&self) -> BTreeSet<FieldId> {
        let mut found = BTreeSet::new();
        self.collect_fields(&mut found);
        found
    }

    fn collect_fields(&self, found: &mut BTreeSet<FieldId>) {
        match self {
            Self::In { field, .. } | Self::Unset(field) => {
                found.insert(*field);
            }
            Self::Not(inner) => inner.collect_fields(found),
            Self::All(operands) | Self::Any(operands) => {
                for operand in operands {
                    operand.collect_fields(found);
                }
            }
        }
    }
}

/// A rule while it is being resolved: it may still turn out to be everything or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Folded {
    Everything,
    Nothing,
    Only(Resolved),
}

impl Folded {
    /// `field in values`
    pub(crate) fn of_values(field: FieldId, values: ValueSet) -> Self {
        if values.is_empty() { Self::Nothing } else { Self::Only(Resolved::In { field, values }) }
    }

    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Everything => Self::Nothing,
            Self::Nothing => Self::Everything,
            Self::Only(Resolved::Not(inner)) => Self::Only(*inner),
            Self::Only(inner) => Self::Only(Resolved::Not(Box::new(inner))),
        }
    }

    /// Every operand; everything if there are none.
    pub(crate) fn all(operands: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for operand in operands {
            match operand {
                Self::Everything => {}
                Self::Nothing => return Self::Nothing,
                Self::Only(Resolved::All(inner)) => kept.extend(inner),
                Self::Only(inner) => kept.push(inner),
            }
        }
        Self::sorted(kept, Self::Everything, Resolved::All)
    }

    /// Some operand; nothing if there are none.
    pub(crate) fn any(operands: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for operand in operands {
            match operand {
                Self::Nothing => {}
                Self::Everything => return Self::Everything,
                Self::Only(Resolved::Any(inner)) => kept.extend(inner),
                Self::Only(inner) => kept.push(inner),
            }
        }
        Self::sorted(unite_values(kept), Self::Nothing, Resolved::Any)
    }

    fn sorted(mut kept: Vec<Resolved>, empty: Self, join: fn(Vec<Resolved>) -> Resolved) -> Self {
        kept.sort_unstable();
        kept.dedup();
        match kept.len() {
            0 => empty,
            1 => Self::Only(kept.swap_remove(0)),
            _ => Self::Only(join(kept)),
        }
    }
}

/// Operands of a union with all `In` of one field made one.
fn unite_values(operands: Vec<Resolved>) -> Vec<Resolved> {
    let mut by_field: std::collections::BTreeMap<FieldId, Vec<ValueSet>> = std::collections::BTreeMap::new();
    let mut united = Vec::new();
    for operand in operands {
        match operand {
            Resolved::In { field, values } => by_field.entry(field).or_default().push(values),
            other => united.push(other),
        }
    }
    for (field, mut sets) in by_field {
        let values = match sets.len() {
            1 => sets.swap_remove(0),
            _ => sets.iter().flat_map(ValueSet::iter).cloned().collect(),
        };
        united.push(Resolved::In { field, values });
    }
    united
}
