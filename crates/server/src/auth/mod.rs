//! Who asks, and what that lets them do.
//!
//! A key says what kind of program holds it; a token says which principal a person is. Neither says what may be seen:
//! that is worked out from the tenant's own roles and relations at every request, so that a change of membership is in
//! force for tokens that were issued before it.

mod dev;
mod key_file;
mod keys;
mod moment;
mod operator;
mod payer;
mod sign_out;
mod token;

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use ticketscope_engine::storage::TenantId;
use ticketscope_model::Timestamp;

pub(crate) use self::{dev::check_local, payer::Payer};
pub use self::{
    key_file::KeyFileError,
    keys::{KeyClass, KeyInfo, Keys, KeysError, MAX_KEY_OVERLAP, NewKey, UnknownClass},
    operator::{OperatorFile, OperatorFileError, OperatorKey, USER_HEADER},
    token::{
        IssueError, MAX_TOKEN_LIFETIME, TokenKeyInfo, TokenKeyPair, TokenKeyState, TokenPolicy, TokenRequest,
        VerificationKeys, VerificationKeysError, issue_token,
    },
};
use crate::{code::Code, failure::Failure};

/// The header by which a program names the principal it asks for.
pub(crate) const AS_HEADER: &str = "x-ticketscope-as";

/// The longest header that is looked at, in bytes.
const MAX_CREDENTIAL_BYTES: usize = 4096;

/// Who may use the server.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everybody on this machine may do everything, and names the principal that asks. For development; refused on any
    /// address that is not loopback.
    Dev,
    /// Holders of keys and, if there is a policy for them, of agent tokens.
    Checked {
        /// The keys.
        keys: Arc<Keys>,
        /// Which tokens are believed.
        tokens: Option<Arc<TokenPolicy>>,
    },
}

/// What the asker of a request proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) class: Class,
    /// The one tenant it is good for; nothing for all.
    pub(crate) tenant: Option<TenantId>,
    /// The id of its key; nothing for a token, and where none is asked for.
    pub(crate) key: Option<Arc<str>>,
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Class {
    /// Everything.
    Admin,
    /// Everything, and the commands of this machine's operator.
    Operator {
        /// The user of the system who runs the command.
        user: String,
    },
    /// Changes only.
    Ingest,
    /// Questions, for a principal that it names.
    Search,
    /// The metrics only.
    Metrics,
    /// Questions, for itself.
    Agent {
        /// Its id.
        principal: String,
    },
}

/// In whose scope a question is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asker {
    /// In nobody's.
    Admin,
    /// In that of the principal with this id.
    Principal(String),
}

impl Access {
    /// The caller that the headers prove.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`], always the same whatever is wrong.
    pub(crate) fn caller(&self, headers: &HeaderMap, now: Timestamp) -> Result<Caller, Failure> {
        let Self::Checked { keys, tokens } = self else {
            return Ok(Caller { class: Class::Admin, tenant: None, key: None });
        };
        let refused = || Failure::of(Code::Unauthenticated);
        let credential = bearer(headers).ok_or_else(refused)?;
        if credential.starts_with(keys::PREFIX) {
            return keys.check(credential, now).ok_or_else(refused);
        }
        let policy = tokens.as_ref().ok_or_else(refused)?;
        let believed = policy.verify(credential, now).and_then(|identity| {
            keys.check_signed_in(&identity)?;
            Ok(identity)
        });
        let identity = believed.map_err(|reason| refused().caused_by(reason.to_string()))?;
        Ok(Caller { class: Class::Agent { principal: identity.principal }, tenant: Some(identity.tenant), key: None })
    }
}

/// The credential of the one `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|value| value.len() <= MAX_CREDENTIAL_BYTES)?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, credential) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(credential)
}

impl Caller {
    /// Whether it may read what is nobody's scope.
    pub(crate) fn is_admin(&self) -> bool {
        matches!(self.class, Class::Admin | Class::Operator { .. })
    }

    /// # Errors
    /// [`Code::WrongClass`] unless it may ask questions in a scope.
    pub(crate) fn may_ask(&self) -> Result<(), Failure> {
        match self.class {
            Class::Admin | Class::Operator { .. } | Class::Search | Class::Agent { .. } => Ok(()),
            Class::Ingest | Class::Metrics => Err(Failure::of(Code::WrongClass)),
        }
    }

    /// # Errors
    /// [`Code::WrongClass`] unless it may change a tenant.
    pub(crate) fn may_change(&self) -> Result<(), Failure> {
        match self.class {
            Class::Admin | Class::Operator { .. } | Class::Ingest => Ok(()),
            Class::Search | Class::Metrics | Class::Agent { .. } => Err(Failure::of(Code::WrongClass)),
        }
    }

    /// # Errors
    /// [`Code::WrongClass`] unless it may do everything.
    pub(crate) fn may_administer(&self) -> Result<(), Failure> {
        if self.is_admin() { Ok(()) } else { Err(Failure::of(Code::WrongClass)) }
    }

    /// # Errors
    /// [`Code::WrongClass`] unless it may know what happens in every tenant.
    pub(crate) fn may_observe(&self) -> Result<(), Failure> {
        match (&self.class, &self.tenant) {
            (Class::Admin | Class::Operator { .. } | Class::Metrics, None) => Ok(()),
            _ => Err(Failure::of(Code::WrongClass)),
        }
    }

    /// # Errors
    /// [`Code::WrongClass`] unless it may run the operator's commands.
    pub(crate) fn may_operate(&self) -> Result<(), Failure> {
        if self.operator().is_some() { Ok(()) } else { Err(Failure::of(Code::WrongClass)) }
    }

    /// The tenant called `text`, if there may be one for this caller. A foreign tenant, an impossible name and a tenant
    /// that does not exist are the same answer, and for the first two nothing is looked up.
    ///
    /// # Errors
    /// [`Code::NoSuchTenant`].
    pub(crate) fn tenant(&self, text: &str) -> Result<TenantId, Failure> {
        let id = TenantId::parse(text).ok().filter(|id| self.tenant.as_ref().is_none_or(|own| own == id));
        id.ok_or_else(|| Failure::of(Code::NoSuchTenant))
    }

    /// In whose scope it asks, given who the request names: by header, as `as`, or nobody as `as_admin`.
    ///
    /// # Errors
    /// [`Code::TwoAskers`], [`Code::AskerMissing`]; [`Code::WrongClass`] for `as_admin` of anybody but an admin;
    /// [`Code::NotYourPrincipal`] for an agent who names somebody else.
    pub(crate) fn asker(&self, headers: &HeaderMap, named: Option<&str>, as_admin: bool) -> Result<Asker, Failure> {
        let two = || Failure::of(Code::TwoAskers);
        let mut by_header = headers.get_all(AS_HEADER).iter();
        let header = match by_header.next() {
            Some(_) if by_header.next().is_some() => return Err(two()),
            Some(value) => Some(std::str::from_utf8(value.as_bytes()).or(Err(Failure::of(Code::AskerMissing)))?),
            None => None,
        };
        let named = match (header, named) {
            (Some(header), Some(named)) if header != named => return Err(two()),
            (header, named) => header.or(named),
        };
        match (&self.class, named, as_admin) {
            (Class::Ingest | Class::Metrics, ..) | (Class::Search | Class::Agent { .. }, _, true) => {
                Err(Failure::of(Code::WrongClass))
            }
            (_, Some(_), true) => Err(two()),
            (Class::Admin | Class::Operator { .. }, None, true) => Ok(Asker::Admin),
            (Class::Agent { principal }, Some(named), false) if named != principal => {
                Err(Failure::of(Code::NotYourPrincipal))
            }
            (Class::Agent { principal }, _, false) => Ok(Asker::Principal(principal.clone())),
            (Class::Admin | Class::Operator { .. } | Class::Search, None | Some(""), false) => {
                Err(Failure::of(Code::AskerMissing))
            }
            (Class::Admin | Class::Operator { .. } | Class::Search, Some(named), false) => {
                Ok(Asker::Principal(named.to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(class: Class) -> Caller {
        Caller { class, tenant: None, key: None }
    }

    fn agent() -> Caller {
        let tenant = Some(TenantId::parse("acme").unwrap());
        Caller { class: Class::Agent { principal: "ann".into() }, tenant, key: None }
    }

    fn naming(principal: &str) -> HeaderMap {
        HeaderMap::from_iter([(AS_HEADER.parse().unwrap(), principal.parse().unwrap())])
    }

    #[test]
    fn nobody_asks_by_default_and_an_agent_asks_for_itself_alone() {
        let none = HeaderMap::new();
        let ann = || Asker::Principal("ann".into());
        let code = |asked: Result<Asker, Failure>| asked.unwrap_err().code;
        for class in [Class::Admin, Class::Search] {
            let caller = caller(class);
            assert_eq!(code(caller.asker(&none, None, false)), Code::AskerMissing);
            assert_eq!(code(caller.asker(&naming(""), None, false)), Code::AskerMissing);
            assert_eq!(caller.asker(&naming("ann"), None, false).unwrap(), ann());
            assert_eq!(caller.asker(&none, Some("ann"), false).unwrap(), ann());
            assert_eq!(caller.asker(&naming("ann"), Some("ann"), false).unwrap(), ann());
            assert_eq!(code(caller.asker(&naming("ann"), Some("bob"), false)), Code::TwoAskers);
        }
        assert_eq!(caller(Class::Admin).asker(&none, None, true).unwrap(), Asker::Admin);
        assert_eq!(code(caller(Class::Admin).asker(&none, Some("ann"), true)), Code::TwoAskers);
        assert_eq!(code(caller(Class::Search).asker(&none, None, true)), Code::WrongClass);
        assert_eq!(code(caller(Class::Ingest).asker(&none, Some("ann"), false)), Code::WrongClass);
        assert_eq!(agent().asker(&none, None, false).unwrap(), ann());
        assert_eq!(agent().asker(&naming("ann"), None, false).unwrap(), ann());
        assert_eq!(code(agent().asker(&naming("bob"), None, false)), Code::NotYourPrincipal);
        assert_eq!(code(agent().asker(&none, Some("bob"), false)), Code::NotYourPrincipal);
        assert_eq!(code(agent().asker(&none, None, true)), Code::WrongClass);
    }

    #[test]
    fn two_names_in_headers_are_refused_even_if_alike() {
        let mut headers = naming("ann");
        headers.append(AS_HEADER, "ann".parse().unwrap());
        assert_eq!(caller(Class::Search).asker(&headers, None, false).unwrap_err().code, Code::TwoAskers);
    }

    #[test]
    fn classes_do_what_they_are_for() {
        let may = |caller: &Caller| {
            let (ask, change) = (caller.may_ask().is_ok(), caller.may_change().is_ok());
            (ask, change, caller.may_administer().is_ok(), caller.may_observe().is_ok())
        };
        assert_eq!(may(&caller(Class::Admin)), (true, true, true, true));
        assert_eq!(may(&caller(Class::Ingest)), (false, true, false, false));
        assert_eq!(may(&caller(Class::Search)), (true, false, false, false));
        assert_eq!(may(&caller(Class::Metrics)), (false, false, false, true));
        assert_eq!(may(&agent()), (true, false, false, false));
        let own = Caller { class: Class::Admin, ..agent() };
        assert_eq!(may(&own), (true, true, true, false));
    }

    #[test]
    fn a_credential_is_taken_from_one_bearer_header_only() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(with(&["Bearer x"]).as_deref(), Some("x"));
        assert_eq!(with(&["bearer x"]).as_deref(), Some("x"));
        for values in [&[][..], &["Basic x"], &["Bearer"], &["x"], &["Bearer x", "Bearer x"]] {
            assert_eq!(with(values), None, "{values:?}");
        }
        let longest = "x".repeat(MAX_CREDENTIAL_BYTES - "Bearer ".len());
        assert!(with(&[&format!("Bearer {longest}")]).is_some());
        assert_eq!(with(&[&format!("Bearer {longest}x")]), None);
    }
}
