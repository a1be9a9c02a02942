use serde_json::{Value, json};

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// As it should be, or of no consequence.
    Fine,
    /// Somebody should do something.
    Warning,
    /// Something is lost, or cannot be used.
    Damage,
}

/// Something that was looked at, and how it was found.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// What was looked at: the same word in every run.
    check: &'static str,
    /// Where: a file or a tenant.
    place: String,
    /// How it was found.
    what: String,
    /// What to do next: a command, where there is one.
    todo: Option<String>,
}

impl Finding {
    pub(super) fn fine(check: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Fine, check, place: place.into(), what: what.into(), todo: None }
    }

    pub(super) fn warning(check: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::fine(check, place, what) }
    }

    pub(super) fn damage(check: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Damage, ..Self::fine(check, place, what) }
    }

    /// The same, with what to do next.
    pub(super) fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "severity": self.severity.name(),
            "check": self.check,
            "place": self.place,
            "what": self.what,
            "todo": self.todo,
        })
    }

    /// As people read it.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{:<8} {}: {}", self.severity.name(), self.place, self.what)];
        lines.extend(self.todo.iter().map(|todo| format!("         do: {todo}")));
        lines
    }
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Damage => "damage",
        }
    }
}
