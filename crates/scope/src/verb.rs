use ticketscope_model::nearest;

/// What a role may allow on a ticket. Each verb of a role is an expression of its own; a verb that a role does not name
/// is allowed on no ticket.
pub const VERBS: [&str; 21] = [
    VIEW,
    VIEW_PRIVATE,
    VIEW_SIDE,
    "comment_private",
    "comment_public",
    "edit",
    "tag",
    "assign_self",
    "assign_in_scope",
    "assign_out_of_scope",
    "merge",
    "close",
    "reopen",
    "delete",
    "restore",
    "view_deleted",
    "manage_spam",
    "redact",
    "export",
    "side_write",
    "manage_views_shared",
];

/// Sees the ticket: its fields and its public text.
pub const VIEW: &str = "view";

/// Reads its internal notes, of tickets that it also views.
pub const VIEW_PRIVATE: &str = "view_private";

/// Reads its side conversations, of tickets that it also views.
pub const VIEW_SIDE: &str = "view_side";

/// The verb called `name` (`solve` is another name of `close`), or the known one it looks like.
pub(crate) fn verb(name: &str) -> Result<&'static str, Option<String>> {
    let name = if name == "solve" { "close" } else { name };
    VERBS.into_iter().find(|verb| *verb == name).ok_or_else(|| nearest(name, VERBS).map(str::to_owned))
}
