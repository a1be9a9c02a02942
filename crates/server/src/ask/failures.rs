//! What the crates below refuse, as the wire tells it.

use ticketscope_engine::{Closed, RecoverError, SubmitError, TenantError, storage::ReadError};
use ticketscope_query::{AnswerError, parse::QueryError};

use crate::{code::Code, failure::Failure};

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::new(Code::BadQuery, error.kind.to_string()).at(error.span).hint(QUERY_HINT)
    }
}

/// What a query looks like, for whoever wrote one that is none.
const QUERY_HINT: &str = "a query is words, and fields with values, like refund status:open -tags:spam; phrases and values with blanks stand in quotes";

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        let message = error.to_string();
        match error {
            AnswerError::NoWords { span } => Self::new(Code::NoWords, message).at(span),
            AnswerError::TextOpening => Self::of(Code::TextNotReady),
            AnswerError::Text { .. } => Self::of(Code::Storage).caused_by(message),
            AnswerError::PageSize(_) | AnswerError::SuggestionLimit(_) => Self::new(Code::PageSize, message),
            AnswerError::PrefixTooLong(_) => Self::new(Code::BadParameter, message),
            AnswerError::Cursor(_) => Self::new(Code::BadCursor, message),
            AnswerError::NoFacets(_) => Self::new(Code::NoFacets, message),
            // Nobody who asks chooses the plan, and every tenant has a text index.
            AnswerError::Plan(_) | AnswerError::Words { .. } => Self::of(Code::Internal).caused_by(message),
        }
    }
}

impl From<TenantError> for Failure {
    fn from(error: TenantError) -> Self {
        match &error {
            TenantError::NoSuchTenant(_) => Self::of(Code::NoSuchTenant),
            TenantError::InUse(_) => Self::of(Code::TenantInUse),
            TenantError::Busy(_) => Self::of(Code::Busy).caused_by(error.to_string()),
            TenantError::Full(_) => Self::hidden(Code::DiskFull, &error),
            TenantError::Failed(_) => Self::hidden(Code::Storage, &error),
            TenantError::Open { source, .. } if source.is_damage() => Self::hidden(Code::Damaged, &error),
            TenantError::Open { source, .. } if source.is_full() => Self::hidden(Code::DiskFull, &error),
            TenantError::Open { .. } | TenantError::Create(_) | TenantError::Delete(_) => {
                Self::hidden(Code::Storage, &error)
            }
        }
    }
}

impl From<RecoverError> for Failure {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Read(error) => error.into(),
            // The tenant opens again with the next request.
            RecoverError::Mapped(_) | RecoverError::Closed(Closed::Interrupted) => {
                Self::of(Code::Busy).caused_by(error.to_string())
            }
            other => Self::hidden(Code::Damaged, &other),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match &error {
            // Whoever met it first told why; the tenant opens again, or answers why not, with the next request.
            ReadError::Full | ReadError::Poisoned => Self::of(Code::Busy).caused_by(error.to_string()),
            ReadError::NotInLog { .. } | ReadError::Damaged(_) | ReadError::Database(_) => {
                Self::hidden(Code::Damaged, &error)
            }
        }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        match &error {
            SubmitError::Busy => Self::of(Code::Busy),
            SubmitError::Full(_) => Self::hidden(Code::DiskFull, &error),
            // The tenant opens again with the next request; nothing of this batch was taken.
            SubmitError::Closed(Closed::Interrupted) => Self::of(Code::Busy).caused_by(error.to_string()),
            SubmitError::Closed(Closed::Damaged(_)) => Self::hidden(Code::Damaged, &error),
            SubmitError::Closed(Closed::Failed(_)) => Self::hidden(Code::NotReady, &error),
            SubmitError::Refused(_) => Self::of(Code::ChangesRejected),
            SubmitError::Write(_) => Self::hidden(Code::Storage, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use ticketscope_engine::storage::TenantId;

    use super::*;

    #[test]
    fn what_passes_when_a_tenant_opens_again_is_busy_and_may_be_tried_again() {
        let acme = || TenantId::parse("acme").unwrap();
        for passing in [
            Failure::from(TenantError::Busy(acme())),
            SubmitError::Closed(Closed::Interrupted).into(),
            RecoverError::Closed(Closed::Interrupted).into(),
        ] {
            assert_eq!(passing.code, Code::Busy);
        }
        assert_eq!(Failure::from(TenantError::InUse(acme())).code, Code::TenantInUse);
        assert_eq!(Failure::from(RecoverError::Closed(Closed::Damaged("row 7".into()))).code, Code::Damaged);
    }
}
