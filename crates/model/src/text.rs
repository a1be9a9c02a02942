use std::{fmt, str::FromStr, sync::Arc};

use crate::Timestamp;

/// Who may read a part of a ticket's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextClass {
    /// The subject line; read by everybody who sees the ticket.
    Subject,
    /// The first message; read by everybody who sees the ticket.
    Description,
    /// A public comment; read by everybody who sees the ticket.
    Public,
    /// An internal note; read where `view_private` covers the ticket.
    Private,
    /// A side conversation; read where `view_side` covers the ticket.
    Side,
}

impl TextClass {
    /// Every class, in the order of its number on disk.
    pub const ALL: [Self; 5] = [Self::Subject, Self::Description, Self::Public, Self::Private, Self::Side];

    /// Its name in files and queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Description => "description",
            Self::Public => "public",
            Self::Private => "private",
            Self::Side => "side",
        }
    }

    /// Whether everybody who sees the ticket may read it.
    pub fn is_public(self) -> bool {
        matches!(self, Self::Subject | Self::Description | Self::Public)
    }
}

impl FromStr for TextClass {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|class| class.name() == name).ok_or(())
    }
}

impl fmt::Display for TextClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One part of a ticket's text, replaced as a whole by its `part` id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPart {
    /// Names the part inside its ticket.
    pub part: Arc<str>,
    /// Who may read it.
    pub class: TextClass,
    /// Declared language (BCP 47), if any.
    pub lang: Option<Arc<str>>,
    /// The text itself.
    pub body: Arc<str>,
    /// Who wrote it.
    pub author: Option<Arc<str>>,
    /// When it was written.
    pub at: Option<Timestamp>,
}
