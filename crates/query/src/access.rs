use scope::{Scope, UnknownPrincipal, VIEW, VIEW_PRIVATE, VIEW_SIDE};
use ticketscope_scope as scope;

use crate::Snapshot;

/// What one asker may see: the tickets, and in which of them notes and side conversations too. Without it nothing is
/// answered.
///
/// A [`Scope`] alone is an access to tickets and their public text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The tickets, with everything in them that is public.
    pub view: Scope,
    /// The tickets whose private notes may be read; of those in `view`.
    pub private: Scope,
    /// The tickets whose side conversations may be read; of those in `view`.
    pub side: Scope,
}

impl Access {
    /// Access to every text of every live and archived ticket. Whoever makes it answers for the asker's right to it.
    pub fn admin() -> Self {
        Self { view: Scope::admin(), private: Scope::admin(), side: Scope::admin() }
    }
}

impl From<Scope> for Access {
    fn from(view: Scope) -> Self {
        Self { view, private: Scope::nothing(), side: Scope::nothing() }
    }
}

impl From<&Scope> for Access {
    fn from(view: &Scope) -> Self {
        view.clone().into()
    }
}

impl From<&Self> for Access {
    fn from(access: &Self) -> Self {
        access.clone()
    }
}

impl Snapshot {
    /// What `principal` may see, from this snapshot's directory.
    ///
    /// # Errors
    /// [`UnknownPrincipal`]: nobody of that id.
    pub fn access(&self, principal: &str) -> Result<Access, UnknownPrincipal> {
        Ok(Access {
            view: self.scope(principal, VIEW)?,
            private: self.scope(principal, VIEW_PRIVATE)?,
            side: self.scope(principal, VIEW_SIDE)?,
        })
    }
}
