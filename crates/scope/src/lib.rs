//! Who may see which ticket: roles, scope expressions, presets; never sees a ticket.
