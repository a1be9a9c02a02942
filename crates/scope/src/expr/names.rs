use std::sync::Arc;

use thiserror::Error;
use ticketscope_model::{FieldKind, RelationSide, Schema, nearest};

use super::FieldRef;

/// Why a name may not stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Neither built in nor declared.
    #[error("unknown field `{name}`{}", did_you_mean(near.as_deref()))]
    UnknownField {
        /// As it was written.
        name: String,
        /// A known name that looks like it.
        near: Option<String>,
    },
    /// A field that has no set of values to compare with.
    #[error(
        "field `{field}` is a {kind} field; an expression can only ask for keyword, principal, tree and flag fields"
    )]
    NotKeyword {
        /// The field.
        field: Arc<str>,
        /// What its values are.
        kind: FieldKind,
    },
    /// Neither built in nor declared.
    #[error("unknown relation `{name}`{}", did_you_mean(near.as_deref()))]
    UnknownRelation {
        /// As it was written.
        name: String,
        /// A known name that looks like it.
        near: Option<String>,
    },
    /// A relation of principals after `tenant.`, or one of the tenant after `my.`.
    #[error("`{rel}` is a relation of {}", if *.side == RelationSide::My {
        "principals: write `my.`" } else { "the tenant: write `tenant.`" })]
    Side {
        /// The relation.
        rel: Arc<str>,
        /// Where it may stand.
        side: RelationSide,
    },
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// What an error shows of a name: enough to find it, never all of a hostile one.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

/// How many bytes of `text` are a name, from its beginning. Letters that no known name has are read as well, so that
/// an error shows the name as it was meant.
pub(super) fn word_len(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Whether `text` is a name and nothing else.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && word_len(text) == text.len()
}

pub(super) fn field(schema: &Schema, name: &str) -> Result<FieldRef, NameError> {
    let Some(def) = schema.field(name) else {
        let known = schema.fields().iter().filter(|field| field.kind.is_keyword()).map(|field| &*field.name);
        return Err(NameError::UnknownField { name: shown(name), near: nearest(name, known).map(str::to_owned) });
    };
    if !def.kind.is_keyword() {
        return Err(NameError::NotKeyword { field: Arc::clone(&def.name), kind: def.kind });
    }
    Ok(FieldRef { id: def.id, name: Arc::clone(&def.name) })
}

/// The canonical name of a relation that may stand on `side`.
pub(crate) fn relation(schema: &Schema, name: &str, side: RelationSide) -> Result<Arc<str>, NameError> {
    let Some((rel, known)) = schema.relation(name) else {
        let all = schema.relations();
        let near = nearest(name, all.iter().map(|(rel, _)| &**rel)).map(str::to_owned);
        return Err(NameError::UnknownRelation { name: shown(name), near });
    };
    if known != RelationSide::Both && known != side {
        return Err(NameError::Side { rel, side: known });
    }
    Ok(rel)
}
