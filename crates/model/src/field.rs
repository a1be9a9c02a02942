use std::{fmt, str::FromStr, sync::Arc};

/// The number of a field inside a tenant's schema: built-in fields below [`crate::FIRST_CUSTOM_FIELD`], the same in
/// every tenant and for ever; custom fields from there on, in order of declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u16);

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// An exact string.
    Keyword,
    /// The id of an agent or customer.
    Principal,
    /// A keyword whose values have parents, for `under()`.
    Tree,
    /// A finite 64-bit float.
    Number,
    /// A moment.
    Date,
    /// `true` or `false`.
    Flag,
    /// Words. Kept as a text part, never as a value.
    Text,
}

impl FieldKind {
    /// Every kind, in the order of its number on disk.
    pub const ALL: [Self; 7] =
        [Self::Keyword, Self::Principal, Self::Tree, Self::Number, Self::Date, Self::Flag, Self::Text];

    /// Its name in schema lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Principal => "principal",
            Self::Tree => "tree",
            Self::Number => "number",
            Self::Date => "date",
            Self::Flag => "flag",
            Self::Text => "text",
        }
    }

    /// Whether its values are strings with a posting list each, rather than numbers in a column.
    pub fn is_keyword(self) -> bool {
        matches!(self, Self::Keyword | Self::Principal | Self::Tree | Self::Flag)
    }
}

impl FromStr for FieldKind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(())
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One field of a tenant's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDef {
    /// Its number.
    pub id: FieldId,
    /// Its canonical name.
    pub name: Arc<str>,
    /// What its values are.
    pub kind: FieldKind,
    /// Whether a ticket may hold several values of it.
    pub many: bool,
    /// For a keyword field whose values have a natural order (`status`, `priority`): the values, lowest first.
    pub order: &'static [&'static str],
}

impl FieldDef {
    /// The place of `value` in the field's natural order.
    pub fn rank(&self, value: &str) -> Option<usize> {
        self.order.iter().position(|known| *known == value)
    }
}
