use ticketscope_query::{self as query, SuggestionKind};

use super::Reader;
use crate::{
    answer::{Suggestion, Suggestions},
    auth::Asker,
    failure::Failure,
    params::SuggestParams,
};

/// Suggestions if no number is asked for.
const DEFAULT_LIMIT: u32 = 10;

impl Reader {
    /// What the beginning of a word, a name or a value may become among what the asker may read.
    ///
    /// # Errors
    /// [`crate::code::Code::UnknownPrincipal`], [`crate::code::Code::UnknownField`], [`crate::code::Code::NoFacets`],
    /// [`crate::code::Code::PageSize`], [`crate::code::Code::BadParameter`] for a beginning too long,
    /// [`crate::code::Code::TextNotReady`].
    pub(crate) fn suggest(&self, asker: &Asker, params: &SuggestParams) -> Result<Suggestions, Failure> {
        let access = self.access(asker)?;
        let field = params.field.as_deref().map(|name| self.field(asker, name)).transpose()?;
        let limit = params.limit.unwrap_or(DEFAULT_LIMIT) as usize;
        let found = query::suggest(self.snapshot(), access, &params.prefix, field, limit)?;
        let suggestions = found.into_iter().map(|found| Suggestion {
            kind: self.kind(found.kind).to_owned(),
            text: found.text,
            count: found.count,
            label: found.label,
        });
        Ok(Suggestions { suggestions: suggestions.collect() })
    }

    fn kind(&self, kind: SuggestionKind) -> &str {
        match kind {
            SuggestionKind::Word => "word",
            SuggestionKind::Tag => "tag",
            SuggestionKind::Person => "person",
            SuggestionKind::Value { field } => self.name(field),
        }
    }
}
