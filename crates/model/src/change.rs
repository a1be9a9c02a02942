use std::sync::Arc;

use crate::{FieldKind, RawValue, TextPart, TicketKey};

/// One change of a tenant, as an importer or a client states it: not yet checked against the tenant.
///
/// A change with a `rev` takes effect only if no higher `rev` was seen for the same fact, so that changes may arrive
/// in any order and twice; a change without one takes effect in order of arrival.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The source's number of this state of the fact.
    pub rev: Option<i64>,
    /// Whether the fact is removed rather than stated.
    pub gone: bool,
    /// The fact.
    pub fact: Fact,
}

impl Change {
    /// A change without a revision that states `fact`.
    pub fn state(fact: Fact) -> Self {
        Self { rev: None, gone: false, fact }
    }

    /// A change without a revision that removes `fact`.
    pub fn remove(fact: Fact) -> Self {
        Self { rev: None, gone: true, fact }
    }
}

/// What a change is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// Custom fields and relations.
    Schema(SchemaDecl),
    /// A custom role.
    Role(RoleFact),
    /// Flags and parent of a group, department, organization, brand or value of a custom field.
    Value(ValueFact),
    /// A relation of the tenant.
    TenantRel(TenantRelFact),
    /// An agent or customer.
    Principal(PrincipalFact),
    /// A relation of a principal.
    Rel(RelFact),
    /// A member of a group, for `members()`.
    Member(Member),
    /// Fields of a ticket.
    Ticket(TicketPatch),
    /// One part of a ticket's text.
    Text {
        /// The ticket, which must exist.
        ticket: TicketKey,
        /// The part; only its id matters where the change removes it.
        part: TextPart,
    },
    /// A ticket and its text are erased.
    Del(TicketKey),
    /// The end of a full listing.
    Complete(Complete),
}

impl Fact {
    /// What scope-jsonl calls it: the `k` of its line.
    pub fn kind(&self) -> &str {
        match self {
            Self::Schema(_) => "schema",
            Self::Role(_) => "role",
            Self::Value(value) => &value.field,
            Self::TenantRel(_) => "tenant_rel",
            Self::Principal(_) => "principal",
            Self::Rel(_) => "rel",
            Self::Member(_) => "member",
            Self::Ticket(_) => "ticket",
            Self::Text { .. } => "text",
            Self::Del(_) => "del",
            Self::Complete(_) => "complete",
        }
    }

    /// Whether it may change what somebody sees without changing a ticket.
    pub fn is_permission(&self) -> bool {
        !matches!(self, Self::Ticket(_) | Self::Text { .. } | Self::Del(_))
    }
}

/// Custom fields and relations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaDecl {
    /// Fields.
    pub fields: Vec<FieldDecl>,
    /// Names of relations.
    pub relations: Vec<Arc<str>>,
    /// Languages that the tenant's people write in, by their codes; see [`crate::LANGUAGES`]. They add up.
    pub languages: Vec<Arc<str>>,
}

/// A custom field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDecl {
    /// Its name.
    pub name: Arc<str>,
    /// What its values are.
    pub kind: FieldKind,
    /// Whether a ticket may hold several.
    pub many: bool,
}

/// A scope expression as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprSource {
    /// In the text form.
    Text(Arc<str>),
    /// In the JSON form, as JSON text.
    Json(Arc<str>),
}

/// A custom role: verb to expression. A verb not named is `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleFact {
    /// Its name; names with a dot are reserved for presets.
    pub id: Arc<str>,
    /// Its verbs.
    pub verbs: Vec<(Arc<str>, ExprSource)>,
}

/// Flags of a value; absent ones say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupFlags {
    /// Feeds `tenant.public_groups` (`true`) and `tenant.private_groups` (`false`).
    pub public: Option<bool>,
    /// Feeds `tenant.active_groups` unless `false`.
    pub active: Option<bool>,
    /// Feeds `tenant.shared_organizations` (`true`).
    pub shared: Option<bool>,
}

/// A fact about one value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueFact {
    /// The canonical name of the field: `group`, `department`, `organization`, `brand`, or a custom field.
    pub field: Arc<str>,
    /// The value.
    pub id: Arc<str>,
    /// Its parent in the field's tree.
    pub parent: Option<Arc<str>>,
    /// Its flags.
    pub flags: GroupFlags,
}

/// One value of a relation of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRelFact {
    /// The relation.
    pub rel: Arc<str>,
    /// The value.
    pub value: Arc<str>,
}

/// An agent or customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalFact {
    /// Its id, which is also its value in principal fields.
    pub id: Arc<str>,
    /// Its role; none or an unknown one sees nothing.
    pub role: Option<Arc<str>>,
    /// `false` sees nothing.
    pub active: bool,
    /// For people to read.
    pub name: Option<Arc<str>>,
    /// For people to read.
    pub email: Option<Arc<str>>,
    /// BCP 47.
    pub locale: Option<Arc<str>>,
    /// IANA name, for bare dates in its queries.
    pub time_zone: Option<Arc<str>>,
}

/// One value of a relation of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelFact {
    /// Whose.
    pub principal: Arc<str>,
    /// The relation.
    pub rel: Arc<str>,
    /// The value.
    pub value: Arc<str>,
    /// The level at which it is held, where the product grades it. Removing without a level removes every level.
    pub level: Option<Arc<str>>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The group.
    pub group: Arc<str>,
    /// The principal.
    pub user: Arc<str>,
}

/// Fields of one ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketPatch {
    /// The ticket; made if it does not exist.
    pub key: TicketKey,
    /// Field name and what becomes of it.
    pub fields: Vec<(Arc<str>, FieldPatch)>,
    /// Whether fields and text that the patch does not name are unset rather than kept.
    pub replace: bool,
    /// The whole text of the ticket, with `replace`; empty otherwise.
    pub text: Vec<TextPart>,
}

/// What becomes of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldPatch {
    /// It holds exactly this; `null`, `""` and `[]` unset it.
    Set(RawValue),
    /// It holds this too; of a single-valued field, only this.
    Add(RawValue),
    /// It no longer holds this.
    Remove(RawValue),
}

/// Which facts a full listing covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listing {
    /// Relations of principals and members of groups.
    Memberships,
    /// Facts about groups.
    Groups,
    /// Facts about organizations.
    Organizations,
    /// Principals.
    Principals,
    /// Tickets.
    Tickets,
}

/// The end of a full listing: facts of this kind that were not stated since the import began are removed, if the
/// count of those that were is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complete {
    /// What was listed.
    pub what: Listing,
    /// How many facts were.
    pub count: u64,
}
