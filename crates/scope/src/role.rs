use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use thiserror::Error;
use ticketscope_model::{ExprSource, FieldId, RoleFact, Schema};

use crate::{
    expr::{Expr, ExprError},
    verb::{VIEW, verb},
};

/// A role as it is in force: every verb it names, read and checked. In the other verbs, `view` has become the view
/// expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    id: Arc<str>,
    verbs: BTreeMap<&'static str, Expr>,
}

/// Why a role is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RoleError {
    /// The empty string names no role.
    #[error("a role must have a name")]
    Unnamed,
    /// A name that presets keep for themselves.
    #[error("role `{0}`: names with a dot are reserved for presets; leave out the dot")]
    Reserved(Arc<str>),
    /// No such verb.
    #[error("role `{role}`: unknown verb `{verb}`{}", near.as_deref().map_or_else(String::new, |n| format!("; did you mean `{n}`?")))]
    UnknownVerb {
        /// The role.
        role: Arc<str>,
        /// As it was written.
        verb: Arc<str>,
        /// A known verb that looks like it.
        near: Option<String>,
    },
    /// The same verb twice.
    #[error("role `{role}` names the verb `{verb}` twice")]
    Twice {
        /// The role.
        role: Arc<str>,
        /// The verb.
        verb: &'static str,
    },
    /// One of its expressions.
    #[error("role `{role}`, verb `{verb}`")]
    Expr {
        /// The role.
        role: Arc<str>,
        /// The verb.
        verb: &'static str,
        /// What is wrong, and where in the expression.
        source: Box<ExprError>,
    },
}

impl Role {
    /// Reads a custom role.
    ///
    /// # Errors
    /// [`RoleError`] names the verb and the place in its expression.
    pub fn custom(fact: &RoleFact, schema: &Schema) -> Result<Self, RoleError> {
        if fact.id.is_empty() {
            return Err(RoleError::Unnamed);
        }
        if fact.id.contains('.') {
            return Err(RoleError::Reserved(Arc::clone(&fact.id)));
        }
        Self::read(fact, schema)
    }

    /// Reads any role: the view expression first, because the other verbs may refer to it.
    pub(crate) fn read(fact: &RoleFact, schema: &Schema) -> Result<Self, RoleError> {
        let role = &fact.id;
        let mut sources: BTreeMap<&'static str, &ExprSource> = BTreeMap::new();
        for (name, source) in &fact.verbs {
            let verb = verb(name).map_err(|near| {
                let (role, verb) = (Arc::clone(role), name.chars().take(64).collect::<String>().into());
                RoleError::UnknownVerb { role, verb, near }
            })?;
            if sources.insert(verb, source).is_some() {
                return Err(RoleError::Twice { role: Arc::clone(role), verb });
            }
        }
        let read = |verb, source, view: Option<&Expr>| {
            let failed = |error| RoleError::Expr { role: Arc::clone(role), verb, source: Box::new(error) };
            Expr::read(source, verb, schema, view).map_err(failed)
        };
        let view = match sources.remove(VIEW) {
            Some(source) => read(VIEW, source, None)?,
            None => Expr::None,
        };
        let mut verbs = BTreeMap::new();
        for (verb, source) in sources {
            verbs.insert(verb, read(verb, source, Some(&view))?);
        }
        verbs.insert(VIEW, view);
        Ok(Self { id: Arc::clone(role), verbs })
    }

    /// Its name.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The expression of a verb; nothing if the role does not name the verb, which then is allowed on no ticket.
    pub fn verb(&self, verb: &str) -> Option<&Expr> {
        let name = crate::verb::verb(verb).ok()?;
        self.verbs.get(name)
    }

    /// Its verbs and their expressions, in order of their names.
    pub fn verbs(&self) -> impl Iterator<Item = (&'static str, &Expr)> {
        self.verbs.iter().map(|(verb, expr)| (*verb, expr))
    }

    /// The fields that its expressions ask for.
    pub fn fields(&self) -> BTreeSet<FieldId> {
        self.verbs.values().flat_map(Expr::fields).collect()
    }

    /// The relations that its expressions ask for, by canonical name.
    pub fn relations(&self) -> BTreeSet<Arc<str>> {
        self.verbs.values().flat_map(Expr::relations).collect()
    }
}
