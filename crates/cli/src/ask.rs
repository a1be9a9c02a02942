//! A question of a principal or an admin: the parsed query and the scope it is asked in.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jiff::tz::TimeZone;
use ticketscope_engine::{RecoverError, SubmitError, Tenant, View};
use ticketscope_model::Timestamp;
use ticketscope_query::{
    Access, AnswerError, Query, Snapshot,
    ast::Sort,
    fields,
    parse::{Context, QueryError, parse},
    scope::{Directory, Scope, UnknownPrincipal, VIEW},
};

use crate::{
    args::{AskArgs, AskerArgs},
    data::Data,
    exit::Exit,
    failure::Failure,
};

/// How often it looks whether the index has failed.
const TEXT_LOOK: Duration = Duration::from_secs(2);

/// What is asked, ready to be answered.
#[derive(Debug)]
pub(crate) struct Question {
    /// As it was written.
    pub(crate) text: String,
    pub(crate) query: Query,
    pub(crate) access: Access,
    /// Who asks: what cursors are bound to.
    pub(crate) asker: String,
    /// The moment from which ages count back.
    pub(crate) now: Timestamp,
}

impl Question {
    /// Reads the query of `args` as asked at `now`.
    pub(crate) fn read(snapshot: &Snapshot, args: &AskArgs, now: Timestamp) -> Result<Self, Failure> {
        let text = args.query.join(" ");
        let (access, asker) = access_of(snapshot, &args.asker)?;
        let query = parsed(snapshot, &access, &text, context(snapshot, &args.asker, now)?);
        let query = query.map_err(|error| refused(&error, &text))?;
        Ok(Self { text, query, access, asker, now })
    }

    /// The newest snapshot that can answer the question: if it asks for words, one whose text is indexed.
    pub(crate) fn snapshot(&self, data: &Data, tenant: &Tenant) -> Result<Arc<Snapshot>, Failure> {
        self.wait_for_text(data, tenant)?;
        Ok(tenant.snapshot())
    }

    /// [`Self::snapshot`] with the texts of its tickets.
    pub(crate) fn view(&self, data: &Data, tenant: &Tenant) -> Result<View, Failure> {
        self.wait_for_text(data, tenant)?;
        Ok(tenant.view().map_err(RecoverError::from)?)
    }

    fn wait_for_text(&self, data: &Data, tenant: &Tenant) -> Result<(), Failure> {
        if self.query.asks_for_words() { wait_for_text(data, tenant) } else { Ok(()) }
    }

    /// Turns an answer's error into one that shows the place in the query.
    pub(crate) fn failed(&self, error: AnswerError) -> Failure {
        let span = match &error {
            AnswerError::Words { span } | AnswerError::NoWords { span } => Some(*span),
            _ => None,
        };
        let failure = Failure::from(error);
        match span {
            Some(span) => failure.marked(&self.text, span),
            None => failure,
        }
    }

    /// Orders the list by `KEY:asc|desc`, unless the query itself says how.
    pub(crate) fn order_by(&mut self, snapshot: &Snapshot, args: &AskerArgs, written: &str) -> Result<(), Failure> {
        if self.query.order.is_some() {
            let message = "the order is given twice: in the query and with --sort";
            return Err(Failure::new(Exit::Usage, "two_orders", message).hint("keep one of them"));
        }
        self.query.order = Some(read_order(written, snapshot, &self.access, context(snapshot, args, self.now)?)?);
        Ok(())
    }
}

/// Waits until the text of everything acknowledged can be found.
pub(crate) fn wait_for_text(data: &Data, tenant: &Tenant) -> Result<(), Failure> {
    let until = Instant::now() + data.text_patience();
    let text = loop {
        if tenant.wait_for_text(tenant.snapshot().opstamp(), TEXT_LOOK) {
            return Ok(());
        }
        if let Some(closed) = tenant.closed() {
            return Err(SubmitError::Closed(closed).into());
        }
        let text = tenant.stats()?.text;
        if text.failure.is_some() || Instant::now() >= until {
            break text;
        }
    };
    let message = match text.failure {
        Some(failure) => format!("the text of this tenant cannot be indexed: {failure}"),
        None => format!("the text of this tenant is still being indexed: {} tickets to go", text.pending),
    };
    Err(Failure::new(Exit::Data, "text_not_ready", message))
}

/// The moment at which a question is asked: as given, or now.
pub(crate) fn moment(given: Option<Timestamp>) -> Timestamp {
    given.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // A clock before 1970 is wrong anyway.
        Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    })
}

/// The scope of `principal`, or who might be meant instead.
pub(crate) fn scope_of_principal(snapshot: &Snapshot, principal: &str) -> Result<Scope, Failure> {
    snapshot.scope(principal, VIEW).map_err(|error| unknown(snapshot.directory(), principal, error.into()))
}

/// Adds to a failure about an unknown principal who might be meant: the ids of those with this name or e-mail.
pub(crate) fn unknown(directory: &Directory, principal: &str, failure: Failure) -> Failure {
    let named = directory.principals_named(principal);
    if named.is_empty() {
        return failure;
    }
    let ids: Vec<_> = named.iter().take(5).map(|fact| format!("`{}`", fact.id)).collect();
    failure.hint(format!("principals are called by their id; like that by id, name or e-mail: {}", ids.join(", ")))
}

pub(crate) fn access_of(snapshot: &Snapshot, args: &AskerArgs) -> Result<(Access, String), Failure> {
    match &args.principal {
        Some(principal) => {
            let unknown = |error: UnknownPrincipal| unknown(snapshot.directory(), principal, error.into());
            Ok((snapshot.access(principal).map_err(unknown)?, format!("principal {principal}")))
        }
        None => Ok((Access::admin(), "admin".to_owned())),
    }
}

/// How a query of `args` is read: `me` and the time zone are those of the principal.
fn context<'a>(snapshot: &'a Snapshot, args: &'a AskerArgs, now: Timestamp) -> Result<Context<'a>, Failure> {
    let context = Context::new(snapshot.schema(), now);
    let Some(principal) = &args.principal else { return Ok(context) };
    let context = context.asked_by(principal);
    let zone = snapshot.directory().principal(principal).and_then(|fact| fact.time_zone.as_deref());
    let Some(zone) = zone else { return Ok(context) };
    let zone = TimeZone::get(zone).map_err(|error| {
        let message = format!("principal `{principal}` has the time zone `{zone}`, which is none");
        Failure::new(Exit::Usage, "bad_time_zone", message)
            .caused_by(Some(&error))
            .hint("import the principal with an IANA name like Europe/Berlin")
    })?;
    Ok(context.in_zone(zone))
}

/// Reads a query; what is wrong with it is told with the fields that the asker knows of.
fn parsed(snapshot: &Snapshot, access: &Access, text: &str, context: Context<'_>) -> Result<Query, QueryError> {
    match parse(text, &context) {
        Err(_) => parse(text, &context.naming(&fields(snapshot, access))),
        read => read,
    }
}

fn refused(error: &QueryError, text: &str) -> Failure {
    Failure::of(Exit::Usage, "bad_query", error).marked(text, error.span)
}

/// `KEY:asc` or `KEY:desc`.
fn read_order(written: &str, snapshot: &Snapshot, access: &Access, context: Context<'_>) -> Result<Sort, Failure> {
    let wrong = || {
        let message = format!("`{written}` is no order: write KEY:asc or KEY:desc, like created_at:asc");
        Failure::new(Exit::Usage, "bad_order", message)
    };
    let (key, direction) = written.rsplit_once(':').ok_or_else(wrong)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || !key.chars().all(is_name) || !matches!(direction, "asc" | "desc") {
        return Err(wrong());
    }
    let query = parsed(snapshot, access, &format!("order_by:{key} sort:{direction}"), context)
        .map_err(|error| Failure::of(Exit::Usage, "bad_order", &error))?;
    query.order.ok_or_else(wrong)
}
