//! The parsed rule: a tree over fields of a ticket and relations of a principal.

mod fail_closed;
mod json;
mod names;
mod parse;
mod print;

use std::{collections::BTreeSet, sync::Arc};

use ticketscope_model::{ExprSource, FieldId, Schema, fields};

pub use fail_closed::{KNOWN_LEVELS, Widening};
pub use json::{JsonError, JsonErrorKind};
pub use names::NameError;
pub use parse::{ParseError, ParseErrorKind};

pub(crate) use names::relation;

/// The longest expression, in bytes of its text or JSON form.
pub const MAX_BYTES: usize = 64 * 1024;

/// The deepest nesting: of parentheses, `!` and functions in the text form, and of composite nodes in the tree. At this
/// depth the JSON form still fits into the 128 levels that JSON readers accept.
pub const MAX_DEPTH: usize = 60;

/// The most atoms of an expression; an atom over a set counts once for each term of the set.
pub const MAX_ATOMS: usize = 1024;

/// The most values in the constant sets of an expression: as many as fit into its text. Only an expression that repeats
/// `view` could hold more.
pub const MAX_VALUES: usize = MAX_BYTES / 2;

/// A scope expression: which tickets, seen from one principal. Two expressions are equal if they are the same tree,
/// however they were written.
///
/// The readers build `And` and `Or` with at least two operands and never directly inside themselves. An `And` of
/// nothing would be everything, an `Or` of nothing would be nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expr {
    /// `all`: every ticket.
    All,
    /// `none`: no ticket.
    None,
    /// `field in set`: some value of the field is in the set.
    In {
        /// The field.
        field: FieldRef,
        /// The set.
        set: Set,
    },
    /// `no field`: the ticket has no value of the field.
    Unset(FieldRef),
    /// `!x`
    Not(Box<Expr>),
    /// `x & y`
    And(Vec<Expr>),
    /// `x | y`
    Or(Vec<Expr>),
}

/// A field that the schema knew when the expression was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// Its number.
    pub id: FieldId,
    /// Its canonical name.
    pub name: Arc<str>,
}

/// A set of values that depends on who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Set {
    /// `{me}`: the principal's own id.
    Me,
    /// `my.rel` or `my.rel[level]`.
    My {
        /// The canonical name of the relation.
        rel: Arc<str>,
        /// Only values held at this level or at `full`.
        level: Option<Arc<str>>,
    },
    /// `tenant.rel`
    Tenant {
        /// The canonical name of the relation.
        rel: Arc<str>,
    },
    /// `{a, b}`: these values.
    Const(Vec<Arc<str>>),
    /// `members(set)`: users who belong to any group of the set.
    Members(Box<Set>),
    /// `under(set)`: the set and every descendant of its values.
    Under {
        /// The field in whose tree the descendants are looked up.
        tree: Arc<str>,
        /// The set.
        set: Box<Set>,
    },
    /// `a + b`
    Union(Vec<Set>),
    /// `a - b`
    Diff(Box<Set>, Box<Set>),
}

/// Why an expression is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// In the text form.
    #[error(transparent)]
    Text(#[from] ParseError),
    /// In the JSON form.
    #[error(transparent)]
    Json(#[from] JsonError),
}

impl Expr {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`ParseError`] points at the place and says what was expected.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self, ParseError> {
        parse::parse(text, schema, None)
    }

    /// Reads the text form of a verb other than `view`, in which the atom `view` stands for `view`.
    ///
    /// # Errors
    /// [`ParseError`] points at the place and says what was expected.
    pub fn parse_verb(text: &str, schema: &Schema, view: &Self) -> Result<Self, ParseError> {
        parse::parse(text, schema, Some(view))
    }

    /// Reads the JSON form, or a JSON string that holds the text form.
    ///
    /// # Errors
    /// [`JsonError`] names the path inside the JSON and says what was expected.
    pub fn from_json(json: &str, schema: &Schema) -> Result<Self, JsonError> {
        json::read(json, "", schema, None)
    }

    /// Reads an expression as a role states it, in the role's `verb`; `view` is what the word `view` stands for.
    ///
    /// # Errors
    /// [`ExprError`] of the form in which it is written.
    pub fn read(source: &ExprSource, verb: &str, schema: &Schema, view: Option<&Self>) -> Result<Self, ExprError> {
        Ok(match source {
            ExprSource::Text(text) => parse::parse(text, schema, view)?,
            ExprSource::Json(json) => json::read(json, verb, schema, view)?,
        })
    }

    /// The JSON form; reading it gives an equal expression.
    pub fn to_json(&self) -> serde_json::Value {
        json::write(self)
    }

    /// The fields it asks for, in order of their numbers.
    pub fn fields(&self) -> BTreeSet<FieldId> {
        let mut found = BTreeSet::new();
        self.visit_atoms(&mut |field, _| {
            found.insert(field.id);
        });
        found
    }

    /// The relations it asks for: `my.` ones and `tenant.` ones, by canonical name.
    pub fn relations(&self) -> BTreeSet<Arc<str>> {
        let mut found = BTreeSet::new();
        self.visit_atoms(&mut |_, set| {
            if let Some(set) = set {
                set.collect_relations(&mut found);
            }
        });
        found
    }

    /// Whether it says anything about `life`, and so sets its own gate.
    pub fn names_life(&self) -> bool {
        self.fields().contains(&fields::LIFE)
    }

    /// The intersection of `operands`: flat, `all` for none of them, the operand itself for one.
    pub(crate) fn and(operands: Vec<Self>) -> Self {
        let nested = |operand: &Self| matches!(operand, Self::And(_));
        let mut flat = flatten(operands, nested, |operand| match operand {
            Self::And(inner) => inner,
            other => vec![other],
        });
        match flat.len() {
            0 => Self::All,
            1 => flat.swap_remove(0),
            _ => Self::And(flat),
        }
    }

    /// The union of `operands`: flat, `none` for none of them, the operand itself for one.
    pub(crate) fn or(operands: Vec<Self>) -> Self {
        let nested = |operand: &Self| matches!(operand, Self::Or(_));
        let mut flat = flatten(operands, nested, |operand| match operand {
            Self::Or(inner) => inner,
            other => vec![other],
        });
        match flat.len() {
            0 => Self::None,
            1 => flat.swap_remove(0),
            _ => Self::Or(flat),
        }
    }

    /// How many atoms it has, as [`MAX_ATOMS`] counts them.
    pub(crate) fn atoms(&self) -> usize {
        match self {
            Self::All | Self::None | Self::Unset(_) => 1,
            Self::In { set, .. } => set.terms(),
            Self::Not(inner) => inner.atoms(),
            Self::And(operands) | Self::Or(operands) => operands.iter().map(Self::atoms).sum(),
        }
    }

    /// How many values its constant sets hold, as [`MAX_VALUES`] counts them.
    pub(crate) fn values(&self) -> usize {
        let mut values = 0;
        self.visit_atoms(&mut |_, set| values += set.map_or(0, Set::constants));
        values
    }

    /// How many composite nodes stand above its deepest leaf.
    pub(crate) fn height(&self) -> usize {
        match self {
            Self::All | Self::None | Self::Unset(_) => 0,
            Self::In { set, .. } => set.height(),
            Self::Not(inner) => 1 + inner.height(),
            Self::And(operands) | Self::Or(operands) => 1 + operands.iter().map(Self::height).fold(0, usize::max),
        }
    }

    fn visit_atoms<'a>(&'a self, visit: &mut dyn FnMut(&'a FieldRef, Option<&'a Set>)) {
        match self {
            Self::All | Self::None => {}
            Self::In { field, set } => visit(field, Some(set)),
            Self::Unset(field) => visit(field, None),
            Self::Not(inner) => inner.visit_atoms(visit),
            Self::And(operands) | Self::Or(operands) => {
                for operand in operands {
                    operand.visit_atoms(visit);
                }
            }
        }
    }
}

impl Set {
    /// The union of `terms`: flat, the empty constant for none of them, the term itself for one.
    pub(crate) fn union(terms: Vec<Self>) -> Self {
        let nested = |term: &Self| matches!(term, Self::Union(_));
        let mut flat = flatten(terms, nested, |term| match term {
            Self::Union(inner) => inner,
            other => vec![other],
        });
        match flat.len() {
            0 => Self::Const(Vec::new()),
            1 => flat.swap_remove(0),
            _ => Self::Union(flat),
        }
    }

    fn terms(&self) -> usize {
        match self {
            Self::Me | Self::My { .. } | Self::Tenant { .. } | Self::Const(_) => 1,
            Self::Members(inner) | Self::Under { set: inner, .. } => inner.terms(),
            Self::Union(terms) => terms.iter().map(Self::terms).sum(),
            Self::Diff(left, right) => left.terms() + right.terms(),
        }
    }

    fn constants(&self) -> usize {
        match self {
            Self::Me | Self::My { .. } | Self::Tenant { .. } => 0,
            Self::Const(values) => values.len(),
            Self::Members(inner) | Self::Under { set: inner, .. } => inner.constants(),
            Self::Union(terms) => terms.iter().map(Self::constants).sum(),
            Self::Diff(left, right) => left.constants() + right.constants(),
        }
    }

    fn height(&self) -> usize {
        match self {
            Self::Me | Self::My { .. } | Self::Tenant { .. } | Self::Const(_) => 0,
            Self::Members(inner) | Self::Under { set: inner, .. } => 1 + inner.height(),
            Self::Union(terms) => 1 + terms.iter().map(Self::height).fold(0, usize::max),
            Self::Diff(left, right) => 1 + left.height().max(right.height()),
        }
    }

    fn collect_relations(&self, found: &mut BTreeSet<Arc<str>>) {
        match self {
            Self::Me | Self::Const(_) => {}
            Self::My { rel, .. } | Self::Tenant { rel } => {
                found.insert(Arc::clone(rel));
            }
            Self::Members(inner) | Self::Under { set: inner, .. } => inner.collect_relations(found),
            Self::Union(terms) => {
                for term in terms {
                    term.collect_relations(found);
                }
            }
            Self::Diff(left, right) => {
                left.collect_relations(found);
                right.collect_relations(found);
            }
        }
    }
}

fn flatten<T>(operands: Vec<T>, nested: impl Fn(&T) -> bool, open: impl Fn(T) -> Vec<T>) -> Vec<T> {
    if operands.iter().any(nested) { operands.into_iter().flat_map(open).collect() } else { operands }
}

/// The tree in which `under()` looks for descendants when it stands in a set of values of `field`: the field's own,
/// except that a referral to a department or a team means a department or a team.
pub(crate) fn tree_of(field: &str) -> &str {
    match field {
        "ref_dept" => "department",
        "ref_team" => "team",
        own => own,
    }
}
