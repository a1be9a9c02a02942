use axum::http::StatusCode;

/// Whose fault an error is, as `type` in its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request is wrong and stays wrong.
    InvalidRequest,
    /// Who asks is not known, or may not.
    Auth,
    /// There is no such thing, or not for this asker.
    NotFound,
    /// The request clashes with what is there.
    Conflict,
    /// The same request may succeed later.
    Busy,
    /// The asker asked for more than is granted.
    RateLimit,
    /// The server or its disk is at fault.
    Internal,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Auth => "auth",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Busy => "busy",
            Self::RateLimit => "rate_limit",
            Self::Internal => "internal",
        }
    }
}

/// Every error that this server answers. The only list of them: bodies, statuses and the page of errors follow from it.
///
/// `Internal` stays last: [`Code::ALL`] counts by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BadQuery,
    NoWords,
    PageSize,
    BadCursor,
    NoFacets,
    UnknownField,
    BadOrder,
    TwoOrders,
    BadParameter,
    BadBody,
    AskerMissing,
    TwoAskers,
    BadTimeZone,
    BadTenantId,
    ChangesRejected,
    BadPosition,
    BadIdempotencyKey,
    MethodNotAllowed,
    BodyTimeout,
    BodyTooLarge,
    TooManyChanges,
    UnsupportedMediaType,
    UnsupportedEncoding,
    Unauthenticated,
    WrongClass,
    NotYourPrincipal,
    UnknownPrincipal,
    ForeignHost,
    ForeignOrigin,
    NoSuchRoute,
    NoSuchTenant,
    NoSuchTicket,
    NoSuchPrincipal,
    TenantInUse,
    IdempotencyMismatch,
    IdempotencyInProgress,
    OverBudget,
    OverShare,
    Busy,
    PositionNotReached,
    TextNotReady,
    Timeout,
    NotReady,
    AuditUnavailable,
    DiskFull,
    Storage,
    Damaged,
    Internal,
}

/// What belongs to a code.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) kind: Kind,
    /// What it means and what to do, for the page of errors.
    pub(crate) about: &'static str,
}

impl Code {
    /// Every code, in the order of the enum.
    pub(crate) const ALL: [Self; Self::Internal as usize + 1] = [
        Self::BadQuery,
        Self::NoWords,
        Self::PageSize,
        Self::BadCursor,
        Self::NoFacets,
        Self::UnknownField,
        Self::BadOrder,
        Self::TwoOrders,
        Self::BadParameter,
        Self::BadBody,
        Self::AskerMissing,
        Self::TwoAskers,
        Self::BadTimeZone,
        Self::BadTenantId,
        Self::ChangesRejected,
        Self::BadPosition,
        Self::BadIdempotencyKey,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::TooManyChanges,
        Self::UnsupportedMediaType,
        Self::UnsupportedEncoding,
        Self::Unauthenticated,
        Self::WrongClass,
        Self::NotYourPrincipal,
        Self::UnknownPrincipal,
        Self::ForeignHost,
        Self::ForeignOrigin,
        Self::NoSuchRoute,
        Self::NoSuchTenant,
        Self::NoSuchTicket,
        Self::NoSuchPrincipal,
        Self::TenantInUse,
        Self::IdempotencyMismatch,
        Self::IdempotencyInProgress,
        Self::OverBudget,
        Self::OverShare,
        Self::Busy,
        Self::PositionNotReached,
        Self::TextNotReady,
        Self::Timeout,
        Self::NotReady,
        Self::AuditUnavailable,
        Self::DiskFull,
        Self::Storage,
        Self::Damaged,
        Self::Internal,
    ];

    pub(crate) fn entry(self) -> Entry {
        let entry = |name, status, kind, about| Entry { name, status, kind, about };
        let wrong = |name, about| entry(name, StatusCode::BAD_REQUEST, Kind::InvalidRequest, about);
        let auth = |name, about| entry(name, StatusCode::FORBIDDEN, Kind::Auth, about);
        let missing = |name, about| entry(name, StatusCode::NOT_FOUND, Kind::NotFound, about);
        let conflict = |name, about| entry(name, StatusCode::CONFLICT, Kind::Conflict, about);
        let busy = |name, about| entry(name, StatusCode::SERVICE_UNAVAILABLE, Kind::Busy, about);
        let internal = |name, about| entry(name, StatusCode::INTERNAL_SERVER_ERROR, Kind::Internal, about);
        match self {
            Self::BadQuery => {
                wrong("bad_query", "The query cannot be read. `span` is the range of bytes of the query that is wrong.")
            }
            Self::NoWords => wrong("no_words", "The query asks for words, and none of them holds a letter or a digit."),
            Self::PageSize => wrong("page_size", "A page has 1 to 1000 rows, and a list of suggestions 1 to 100."),
            Self::BadCursor => wrong(
                "bad_cursor",
                "The cursor was not made for this asker, query and order. Ask for the first page again.",
            ),
            Self::NoFacets => wrong("no_facets", "Values of this kind of field are not counted one by one."),
            Self::UnknownField => wrong("unknown_field", "No field of that name is built in or declared."),
            Self::BadOrder => wrong("bad_order", "An order is KEY:asc or KEY:desc, by a field with one value."),
            Self::TwoOrders => wrong("two_orders", "The order stands in the query and in `sort`. Keep one of them."),
            Self::BadParameter => {
                wrong("bad_parameter", "A parameter is unknown, missing, repeated, of another type or out of range.")
            }
            Self::BadBody => wrong("bad_body", "The body is not the JSON object that this route takes."),
            Self::AskerMissing => wrong(
                "asker_missing",
                "There is no default principal. Name one with the header X-Ticketscope-As or with `as`; an admin key \
                 may say `as_admin` instead.",
            ),
            Self::TwoAskers => wrong("two_askers", "The request names more than one asker. Name one."),
            Self::BadTimeZone => {
                wrong("bad_time_zone", "The principal's time zone is none. Import it with an IANA name.")
            }
            Self::BadTenantId => wrong(
                "bad_tenant_id",
                "A tenant id is a-z and 0-9, after the first character also - and _, at most 63.",
            ),
            Self::ChangesRejected => wrong(
                "changes_rejected",
                "Lines of the batch are rejected, and nothing of it took effect. `rejected` names them.",
            ),
            Self::BadPosition => {
                wrong("bad_position", "The position is not one that this server gave for this tenant.")
            }
            Self::BadIdempotencyKey => {
                wrong("bad_idempotency_key", "An idempotency key is 1 to 255 visible ASCII characters, sent once.")
            }
            Self::MethodNotAllowed => entry(
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                Kind::InvalidRequest,
                "The path exists, but not with this method. The header Allow names the methods it takes.",
            ),
            Self::BodyTimeout => entry(
                "body_timeout",
                StatusCode::REQUEST_TIMEOUT,
                Kind::InvalidRequest,
                "The body came too slowly or broke off. Nothing was done.",
            ),
            Self::BodyTooLarge => entry(
                "body_too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                Kind::InvalidRequest,
                "The body is longer than this route takes.",
            ),
            Self::TooManyChanges => entry(
                "too_many_changes",
                StatusCode::PAYLOAD_TOO_LARGE,
                Kind::InvalidRequest,
                "The batch has more lines than one batch may. Split it.",
            ),
            Self::UnsupportedMediaType => entry(
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Kind::InvalidRequest,
                "A question in a body is JSON and says so: Content-Type: application/json.",
            ),
            Self::UnsupportedEncoding => entry(
                "unsupported_encoding",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Kind::InvalidRequest,
                "Bodies are not taken compressed. Send the lines as they are.",
            ),
            Self::Unauthenticated => entry(
                "unauthenticated",
                StatusCode::UNAUTHORIZED,
                Kind::Auth,
                "The request carries no key or token, or none that is valid here and now.",
            ),
            Self::WrongClass => auth("wrong_class", "A key or token of this class may not do this."),
            Self::NotYourPrincipal => auth("not_your_principal", "An agent token asks for its own subject alone."),
            Self::UnknownPrincipal => auth(
                "unknown_principal",
                "The tenant has no principal of the id that asks. Import the principal first.",
            ),
            Self::ForeignHost => {
                auth("foreign_host", "In development mode the server answers to loopback names alone.")
            }
            Self::ForeignOrigin => {
                auth("foreign_origin", "In development mode pages of other sites may not use the server.")
            }
            Self::NoSuchRoute => missing("no_such_route", "The server has no such path."),
            Self::NoSuchTenant => {
                missing("no_such_tenant", "There is no such tenant, or the key or token is not for it.")
            }
            Self::NoSuchTicket => missing("no_such_ticket", "There is no such ticket among those the asker may see."),
            Self::NoSuchPrincipal => missing("no_such_principal", "The tenant has no principal of the id asked about."),
            Self::TenantInUse => conflict("tenant_in_use", "Requests still use the tenant. Try again."),
            Self::IdempotencyMismatch => {
                conflict("idempotency_mismatch", "The idempotency key was used for another batch. Take a new key.")
            }
            Self::IdempotencyInProgress => {
                conflict("idempotency_in_progress", "A batch with this idempotency key is still being applied.")
            }
            Self::OverBudget => entry(
                "over_budget",
                StatusCode::TOO_MANY_REQUESTS,
                Kind::RateLimit,
                "The key or the agent asked for more than is granted in the time. Ask again after the time in \
                 Retry-After.",
            ),
            Self::OverShare => entry(
                "over_share",
                StatusCode::TOO_MANY_REQUESTS,
                Kind::RateLimit,
                "The key or the agent has its share of the memory for batches that are sent, or for long answers that are not \
                 read yet; the rest is for others. Send fewer at once, read what was answered, and try again after the time \
                 in Retry-After.",
            ),
            Self::Busy => busy("busy", "Too much is being asked at once. Try again after the time in Retry-After."),
            Self::PositionNotReached => {
                busy("position_not_reached", "The tenant has not come to the position that was asked for.")
            }
            Self::TextNotReady => busy(
                "text_not_ready",
                "The words asked for cannot be found yet: the text of the tenant is being indexed. Filters on fields are \
                 answered meanwhile.",
            ),
            Self::Timeout => busy(
                "timeout",
                "The request took too long. A batch may have been applied: send it again with the same idempotency key.",
            ),
            Self::NotReady => busy("not_ready", "The server cannot answer questions now."),
            Self::AuditUnavailable => busy(
                "audit_unavailable",
                "What was asked has to be recorded in the audit log, and cannot be. Nothing was done.",
            ),
            Self::DiskFull => entry(
                "disk_full",
                StatusCode::INSUFFICIENT_STORAGE,
                Kind::Busy,
                "There is no room on the server's disk. Nothing of the batch took effect; questions are answered as before. \
                 Try again after the time in Retry-After. Batches that only remove or erase are taken a while longer.",
            ),
            Self::Damaged => internal(
                "damaged",
                "The tenant's data on disk cannot be read or trusted, and nothing of it is answered. The operator's log says \
                 what is wrong; other tenants are not touched.",
            ),
            Self::Storage => internal(
                "storage",
                "The tenant's data cannot be read or written. Whether a batch took effect shows when it is sent again.",
            ),
            Self::Internal => internal("internal", "A fault of the server. Please report it with the request id."),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_listed_once_with_a_name_of_its_own() {
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at, "{code:?} is out of place");
        }
        let names: BTreeSet<_> = Code::ALL.into_iter().map(|code| code.entry().name).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn statuses_agree_with_whose_fault_it_is() {
        for code in Code::ALL {
            let Entry { name, status, kind, about } = code.entry();
            let expected = match kind {
                Kind::Internal => status == 500,
                Kind::Busy => status == 503 || name == "disk_full" && status == 507,
                Kind::RateLimit => status == 429,
                Kind::Conflict => status == 409,
                Kind::NotFound => status == 404,
                Kind::Auth => status == 401 || status == 403,
                Kind::InvalidRequest => [400, 405, 408, 413, 415].contains(&status.as_u16()),
            };
            assert!(expected, "{name}: {status} for {}", kind.name());
            assert!(about.ends_with('.'), "{name}");
        }
    }
}
