//! One of several questions that come in one request: what it asks, what that costs, and its answer.
//!
//! A question names its route and has the parameters that the route takes. It means, costs and is answered what it would
//! mean, cost and be answered alone.

use serde_json::Value;
use ticketscope_audit::Action;
use ticketscope_model::{TicketKey, Timestamp};

use crate::{
    answer::Ticket,
    ask::Reader,
    auth::Asker,
    code::Code,
    cost::Costed,
    failure::Failure,
    params::{
        CheckParams, CountParams, FacetsParams, FieldsParams, Scoped, SearchParams, SuggestParams, TicketParams,
        Written, of_map,
    },
    reply::{self, Answer},
};

/// The parameter that names the route.
pub(crate) const ASK: &str = "ask";

/// The parameter of [`Question::Ticket`] that stands in the path of its route.
const ID: &str = "id";

/// What each may ask.
pub(crate) const ASKS: [&str; 7] = ["search", "count", "facets", "suggest", "check", "ticket", "fields"];

/// A question.
#[derive(Debug)]
pub(crate) enum Question {
    Search(SearchParams),
    Count(CountParams),
    Facets(FacetsParams),
    Suggest(SuggestParams),
    Check(CheckParams),
    /// With the key, unless no ticket can have it.
    Ticket(TicketParams, Option<TicketKey>),
    Fields(FieldsParams),
}

/// The answer to a question.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The body of the answer.
    pub(crate) body: Result<Vec<u8>, Failure>,
    /// Whether its time could tell what the answer does not.
    pub(crate) could_tell: bool,
}

impl Question {
    /// Reads a question.
    ///
    /// # Errors
    /// [`Code::BadParameter`].
    pub(crate) fn read(written: &Written) -> Result<Self, Failure> {
        let mut params = written.params()?.clone();
        let ask = params.shift_remove(ASK);
        Ok(match ask.as_ref().and_then(Value::as_str) {
            Some("search") => Self::Search(of_map(params)?),
            Some("count") => Self::Count(of_map(params)?),
            Some("facets") => Self::Facets(of_map(params)?),
            Some("suggest") => Self::Suggest(of_map(params)?),
            Some("check") => Self::Check(of_map(params)?),
            Some("ticket") => {
                let id = match params.shift_remove(ID) {
                    Some(Value::String(id)) => id,
                    Some(Value::Number(id)) => id.to_string(),
                    _ => return Err(Failure::new(Code::BadParameter, "`id` is a ticket id, an integer or a text")),
                };
                Self::Ticket(of_map(params)?, TicketKey::parse(&id).ok())
            }
            Some("fields") => Self::Fields(of_map(params)?),
            _ => {
                return Err(Failure::new(Code::BadParameter, format!("`{ASK}` is one of {}", ASKS.join(", "))));
            }
        })
    }

    /// What its record says was done.
    pub(crate) fn action(&self) -> Action {
        match self {
            Self::Search(_) => Action::Search,
            Self::Count(_) => Action::Count,
            Self::Facets(_) => Action::Facets,
            Self::Suggest(_) => Action::Suggest,
            Self::Check(_) => Action::Check,
            Self::Ticket(..) => Action::Ticket,
            Self::Fields(_) => Action::Fields,
        }
    }

    /// In whose scope it says it is asked.
    pub(crate) fn scoped(&self) -> &dyn Scoped {
        match self {
            Self::Search(params) => params,
            Self::Count(params) => params,
            Self::Facets(params) => params,
            Self::Suggest(params) => params,
            Self::Check(params) => params,
            Self::Ticket(params, _) => params,
            Self::Fields(params) => params,
        }
    }

    /// Its answer from `reader`.
    pub(crate) fn answer(&self, reader: &Reader, asker: &Asker, now: Timestamp) -> Answered {
        let could_time = reply::could_time(asker);
        match self {
            Self::Search(params) => answered(reader.search(asker, params, now), could_time),
            Self::Count(params) => answered(reader.count(asker, params, now), could_time),
            Self::Facets(params) => answered(reader.facets(asker, params, now), could_time),
            Self::Suggest(params) => answered(reader.suggest(asker, params), could_time),
            Self::Check(params) => answered(reader.check(asker, &params.ticket.0), could_time),
            Self::Ticket(_, key) => {
                let found: Result<Ticket, Failure> = match key {
                    Some(key) => reader.ticket(asker, key),
                    None => reader.no_ticket(asker),
                };
                answered(found, could_time)
            }
            Self::Fields(_) => answered(reader.fields(asker), could_time),
        }
    }
}

impl Costed for Question {
    fn cost(&self) -> u32 {
        match self {
            Self::Search(params) => params.cost(),
            Self::Count(params) => params.cost(),
            Self::Facets(params) => params.cost(),
            Self::Suggest(params) => params.cost(),
            Self::Check(params) => params.cost(),
            Self::Ticket(params, _) => params.cost(),
            Self::Fields(params) => params.cost(),
        }
    }
}

fn answered(found: Result<impl Answer, Failure>, could_time: bool) -> Answered {
    let could_tell = reply::could_tell(&found);
    Answered { body: found.and_then(|answer| reply::body(&answer, could_time)), could_tell }
}
