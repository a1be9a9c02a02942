mod footprint;
mod members;
mod multimap;
mod principals;
mod relations;
mod values;

use std::sync::Arc;

use rpds::RedBlackTreeMapSync;
use thiserror::Error;
use ticketscope_model::{
    Member, PrincipalFact, RelFact, RelationSide, RoleFact, Schema, TenantRelFact, TicketFields, ValueFact,
};

use crate::{
    DefaultGate, Expr, NameError, Role, RoleError, Scope, check, expr,
    preset::preset,
    resolve::resolve,
    verb::{VIEW, VIEW_PRIVATE, VIEW_SIDE},
};

use self::{members::Members, multimap::Multimap, principals::Principals, relations::Relations, values::Values};

/// Everything that decides who sees what, apart from the tickets: principals, roles, relations, group members, flags
/// and trees of values.
///
/// It is persistent: a clone is O(1) and shares everything with the original, a change is O(log n) and leaves clones as
/// they were, so every published snapshot keeps its own.
#[derive(Debug, Clone)]
pub struct Directory {
    schema: Arc<Schema>,
    roles: RedBlackTreeMapSync<Arc<str>, Arc<Role>>,
    principals: Principals,
    pub(crate) relations: Relations,
    pub(crate) tenant: Multimap,
    pub(crate) members: Members,
    pub(crate) values: Values,
}

/// No principal has this id: neither a scope that sees nothing nor any other answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no principal `{0}`")]
pub struct UnknownPrincipal(pub Arc<str>);

/// How many facts of each kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Agents and customers.
    pub principals: usize,
    /// Custom roles.
    pub roles: usize,
    /// Values held by principals, over all relations; one held at several levels counts once.
    pub relations: usize,
    /// Values of the tenant's relations that are stated directly.
    pub tenant_relations: usize,
    /// Pairs of a group and a user.
    pub members: usize,
    /// Values of fields with flags or a parent.
    pub values: usize,
}

/// What stands between a principal and the expression of a verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing<'a> {
    /// Nothing: this role decides.
    Role(&'a Role),
    Inactive,
    NoRole,
    UnknownRole(&'a Arc<str>),
}

impl Directory {
    /// The directory of a tenant about which nothing is stated.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self {
            schema,
            roles: RedBlackTreeMapSync::new_sync(),
            principals: Principals::default(),
            relations: Relations::default(),
            tenant: Multimap::default(),
            members: Members::default(),
            values: Values::default(),
        }
    }

    /// The fields and relations that expressions may name.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Replaces the schema by one that knows the same names and perhaps more.
    pub fn set_schema(&mut self, schema: Arc<Schema>) {
        self.schema = schema;
    }

    /// States a custom role, in place of the one of that name.
    ///
    /// # Errors
    /// [`RoleError`] if the name is reserved, a verb unknown or an expression wrong; nothing has then changed.
    pub fn set_role(&mut self, fact: &RoleFact) -> Result<(), RoleError> {
        let role = self.check_role(fact)?;
        self.roles.insert_mut(Arc::clone(role.id()), Arc::new(role));
        Ok(())
    }

    /// Reads a custom role without stating it.
    ///
    /// # Errors
    /// As [`Self::set_role`].
    pub fn check_role(&self, fact: &RoleFact) -> Result<Role, RoleError> {
        Role::custom(fact, &self.schema)
    }

    /// Removes a custom role; whoever has it sees nothing from then on.
    pub fn remove_role(&mut self, id: &str) {
        self.roles.remove_mut(id);
    }

    /// The role called `id`: a preset or a custom one.
    pub fn role(&self, id: &str) -> Option<&Role> {
        match preset(id) {
            Some(preset) => Some(preset.role()),
            None => self.roles.get(id).map(|role| &**role),
        }
    }

    /// The custom roles, in order of their names.
    pub fn custom_roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values().map(|role| &**role)
    }

    /// States flags and parent of a value, in place of what was stated of it. Parents may form a cycle: its values are
    /// then all under each other.
    pub fn set_value(&mut self, fact: &ValueFact) {
        self.values.set(fact);
    }

    /// Forgets what was stated of a value.
    pub fn remove_value(&mut self, field: &str, id: &str) {
        self.values.remove(field, id);
    }

    /// What is stated of a value.
    pub fn value(&self, field: &str, id: &str) -> Option<&ValueFact> {
        self.values.get(field, id)
    }

    /// The values of a field about which something is stated, in order.
    pub fn values_of(&self, field: &str) -> impl Iterator<Item = &ValueFact> {
        self.values.of_field(field).map(|fact| &**fact)
    }

    /// Adds a value to a relation of the tenant.
    pub fn set_tenant_rel(&mut self, fact: &TenantRelFact) {
        let rel = self.canonical(&fact.rel);
        self.tenant.insert(&rel, &fact.value);
    }

    /// Takes a value out of a relation of the tenant; flags may still put it there.
    pub fn remove_tenant_rel(&mut self, rel: &str, value: &str) {
        let rel = self.canonical(&rel.into());
        self.tenant.remove(&rel, value);
    }

    /// States a principal, in place of the one of that id.
    pub fn set_principal(&mut self, fact: &PrincipalFact) {
        self.principals.set(fact);
    }

    /// Removes a principal. Its relations stay, for facts may arrive in any order; they show nothing by themselves.
    pub fn remove_principal(&mut self, id: &str) {
        self.principals.remove(id);
    }

    /// The principal called `id`.
    pub fn principal(&self, id: &str) -> Option<&PrincipalFact> {
        self.principals.get(id)
    }

    /// Every principal, in order of ids.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalFact> {
        self.principals.iter()
    }

    /// The principals whose id, name or e-mail is `text`, but for case and accents: first the one with exactly this
    /// id, then the others in order of ids.
    pub fn principals_named(&self, text: &str) -> Vec<&PrincipalFact> {
        self.principals.named(text)
    }

    /// Adds a value to a relation of a principal, at a level or without one.
    pub fn set_rel(&mut self, fact: &RelFact) {
        let rel = self.canonical(&fact.rel);
        self.relations.set(&fact.principal, &rel, &fact.value, fact.level.as_ref());
    }

    /// Takes a value out of a relation of a principal: at one level, or altogether.
    pub fn remove_rel(&mut self, principal: &str, rel: &str, value: &str, level: Option<&str>) {
        let rel = self.canonical(&rel.into());
        self.relations.remove(principal, &rel, value, level);
    }

    /// Takes away what a principal holds of a relation without a level; what it holds at levels stays.
    pub fn remove_ungraded_rel(&mut self, principal: &str, rel: &str, value: &str) {
        let rel = self.canonical(&rel.into());
        self.relations.remove_ungraded(principal, &rel, value);
    }

    /// The values of a relation of a principal as they are stated, in order, at whatever level.
    pub fn relation_values(&self, principal: &str, rel: &str) -> impl Iterator<Item = &Arc<str>> {
        let rel = self.canonical(&rel.into());
        self.relations.values(principal, &rel, None)
    }

    /// Makes a user a member of a group.
    pub fn set_member(&mut self, member: &Member) {
        self.members.set(member);
    }

    /// Ends the membership of a user in a group.
    pub fn remove_member(&mut self, member: &Member) {
        self.members.remove(member);
    }

    /// The canonical name of a relation that facts state on `side`.
    ///
    /// # Errors
    /// [`NameError`] if the relation is unknown or stands on the other side only.
    pub fn check_rel_name(&self, rel: &str, side: RelationSide) -> Result<Arc<str>, NameError> {
        expr::relation(&self.schema, rel, side)
    }

    /// How many facts of each kind there are. O(1).
    pub fn counts(&self) -> Counts {
        Counts {
            principals: self.principals.len(),
            roles: self.roles.size(),
            relations: self.relations.len(),
            tenant_relations: self.tenant.len(),
            members: self.members.len(),
            values: self.values.len(),
        }
    }

    /// The scope in which `principal` may do `verb`. A suspended principal, one without a role or with an unknown one,
    /// and a verb that the role does not name, get the scope that sees nothing. Private text and side conversations
    /// are read at most where the ticket is viewed.
    ///
    /// # Errors
    /// [`UnknownPrincipal`]
    ///
    /// # Complexity
    /// Linear in the expression and the values of its sets.
    pub fn scope_of(&self, principal: &str, verb: &str) -> Result<Scope, UnknownPrincipal> {
        let Standing::Role(role) = self.standing(principal)? else {
            return Ok(Scope::nothing());
        };
        let resolved = |verb| match role.verb(verb) {
            Some(expr) => self.resolved(principal, expr, DefaultGate::LiveAndArchived),
            None => Scope::nothing(),
        };
        let scope = resolved(verb);
        Ok(if is_text_class(verb) { resolved(VIEW).intersection(&scope) } else { scope })
    }

    /// The scope in which `principal` would be with this expression: for previews of a role before it is in force. A
    /// suspended principal would see nothing.
    ///
    /// # Errors
    /// [`UnknownPrincipal`]
    pub fn preview(&self, principal: &str, expr: &Expr, gate: DefaultGate) -> Result<Scope, UnknownPrincipal> {
        match self.standing(principal)? {
            Standing::Inactive => Ok(Scope::nothing()),
            Standing::Role(_) | Standing::NoRole | Standing::UnknownRole(_) => Ok(self.resolved(principal, expr, gate)),
        }
    }

    /// Whether `principal` may do `verb` to one ticket, worked out from the expression for this ticket alone: the
    /// second opinion on [`Self::scope_of`], with which it shares nothing but the parsed expression.
    ///
    /// # Errors
    /// [`UnknownPrincipal`]
    pub fn point_check(
        &self,
        principal: &str,
        verb: &str,
        ticket: &dyn TicketFields,
    ) -> Result<bool, UnknownPrincipal> {
        let Standing::Role(role) = self.standing(principal)? else {
            return Ok(false);
        };
        let allows = |verb| role.verb(verb).is_some_and(|expr| check::sees_gated(expr, self, principal, ticket));
        Ok(allows(verb) && (!is_text_class(verb) || allows(VIEW)))
    }

    pub(crate) fn standing(&self, principal: &str) -> Result<Standing<'_>, UnknownPrincipal> {
        let fact = self.principal(principal).ok_or_else(|| UnknownPrincipal(principal.into()))?;
        Ok(match &fact.role {
            _ if !fact.active => Standing::Inactive,
            None => Standing::NoRole,
            Some(id) => self.role(id).map_or(Standing::UnknownRole(id), Standing::Role),
        })
    }

    fn resolved(&self, principal: &str, expr: &Expr, gate: DefaultGate) -> Scope {
        Scope::of(resolve(expr, self, principal), expr.names_life(), gate)
    }

    fn canonical(&self, rel: &Arc<str>) -> Arc<str> {
        self.schema.relation(rel).map_or_else(|| Arc::clone(rel), |(name, _)| name)
    }
}

/// Whether a verb reads a class of text, which nobody does without seeing the ticket.
pub(crate) fn is_text_class(verb: &str) -> bool {
    verb == VIEW_PRIVATE || verb == VIEW_SIDE
}
