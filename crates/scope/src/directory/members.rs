use std::sync::Arc;

use ticketscope_model::Member;

use super::multimap::Multimap;

/// Who belongs to which group, from both ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    by_group: Multimap,
    by_user: Multimap,
}

impl Members {
    pub(crate) fn set(&mut self, member: &Member) {
        self.by_group.insert(&member.group, &member.user);
        self.by_user.insert(&member.user, &member.group);
    }

    pub(crate) fn remove(&mut self, member: &Member) {
        self.by_group.remove(&member.group, &member.user);
        self.by_user.remove(&member.user, &member.group);
    }

    pub(crate) fn of_group(&self, group: &str) -> impl Iterator<Item = &Arc<str>> + use<'_> {
        self.by_group.of(group)
    }

    pub(crate) fn groups_of(&self, user: &str) -> impl Iterator<Item = &Arc<str>> + use<'_> {
        self.by_user.of(user)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_group.len()
    }
}
