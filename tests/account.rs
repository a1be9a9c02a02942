//! Everything that a tenant answers, as text: two accounts are equal exactly if nobody can tell the tenants apart.

use std::{
    fmt::{self, Write},
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use thiserror::Error;
use ticketscope_engine::{RecoverError, Tenant, query::Snapshot};
use ticketscope_model::fields;
use ticketscope_query::{Access, Page, Query, Start, count, facets, list, parse};

use crate::{compare, script::Script};

/// How long text may take to be indexed.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked whether the indexing gave up.
const LOOK: Duration = Duration::from_millis(100);

/// Hits of a query that are told one by one.
const HITS: u32 = 50;

/// What one tenant answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Account(String);

/// Why a tenant gives no account.
#[derive(Debug, Error)]
pub enum NoAccount {
    /// Its text cannot be read.
    #[error("read a text")]
    Text(#[from] RecoverError),
    /// Its words cannot be asked for.
    #[error("its text is not indexed: {0}")]
    Words(String),
    /// It was closed after a failed commit.
    #[error("it was closed after a failed commit")]
    Closed,
}

/// Waits until the words of everything acknowledged can be asked for.
///
/// # Errors
/// [`NoAccount`] if the tenant says that this will not be.
pub fn index_text(tenant: &Tenant) -> Result<(), NoAccount> {
    let until = Instant::now() + PATIENCE;
    while !tenant.wait_for_text(tenant.snapshot().opstamp(), LOOK) {
        if tenant.closed().is_some() {
            return Err(NoAccount::Closed);
        }
        let text = tenant.stats().map_err(|error| NoAccount::Words(error.to_string()))?.text;
        if let Some(failure) = text.failure {
            return Err(NoAccount::Words(failure));
        }
        if Instant::now() > until {
            return Err(NoAccount::Words(format!("it is still not: {text:?}")));
        }
    }
    Ok(())
}

impl Account {
    /// The account of a tenant that plays `script`, once its text is indexed.
    ///
    /// # Errors
    /// [`NoAccount`] if it cannot answer.
    pub fn of(tenant: &Tenant, script: &Script) -> Result<Self, NoAccount> {
        index_text(tenant)?;
        let snapshot = tenant.snapshot();
        let mut lines = vec![format!("opstamp {}", snapshot.opstamp().0)];
        for (key, row) in compare::tickets(&snapshot) {
            lines.push(format!("ticket {key} {row:?}"));
            lines.extend(tenant.text(&key)?.iter().map(|part| format!("  text {part:?}")));
        }
        let mut people: Vec<_> = snapshot.directory().principals().map(|person| format!("{person:?}")).collect();
        people.sort();
        lines.extend(people);
        for asker in script.scene().askers() {
            for verb in compare::VERBS {
                lines.push(format!("{asker} may {verb} {:?}", compare::visible(&snapshot, asker, verb)));
            }
            let Ok(access) = snapshot.access(asker) else { continue };
            lines.push(facet_line(&snapshot, &access, asker));
            for query in script.queries() {
                lines.push(format!("{asker} asks {query}: {}", answer(&snapshot, &access, script, asker, query)));
            }
        }
        Ok(Self(lines.join("\n")))
    }

    /// A number that is another one for another account, in all likelihood; the same in every process.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }

    /// Where two accounts first differ.
    #[must_use]
    pub fn difference(&self, expected: &Self) -> String {
        let (mut found, mut lines) = (self.0.lines(), expected.0.lines());
        loop {
            match (found.next(), lines.next()) {
                (None, None) => return "no difference".to_owned(),
                (found, expected) if found == expected => {}
                (found, expected) => return format!("found    {found:?}\nexpected {expected:?}"),
            }
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({:016x})", self.digest())
    }
}

fn facet_line(snapshot: &Snapshot, access: &Access, asker: &str) -> String {
    let counted = facets(snapshot, access, &Query::everything(), &[fields::GROUP, fields::STATUS], usize::MAX);
    format!("{asker} counts {counted:?}")
}

/// The hits of a query for words with their scores, to the bit.
fn answer(
    snapshot: &Snapshot,
    access: &Access,
    script: &Script,
    asker: &str,
    query: &ticketscope_testkit::oracle::Query,
) -> String {
    let now = script.scene().now;
    let context = parse::Context::new(snapshot.schema(), now).asked_by(asker);
    let query = match parse::parse(&format!("{query} order_by:relevance"), &context) {
        Ok(query) => query,
        Err(error) => return error.to_string(),
    };
    let page = Page { start: Start::First, limit: HITS, asker: asker.to_owned(), now };
    let listing = match list(snapshot, access, &query, &page) {
        Ok(listing) => listing,
        Err(error) => return error.to_string(),
    };
    let mut answer = format!("{} {:?}", listing.total, count(snapshot, access, &query));
    for hit in &listing.hits {
        let written = write!(answer, " {}:{:x}", hit.key, hit.score.unwrap_or_default().to_bits());
        written.unwrap_or_else(|_| unreachable!("a text takes everything"));
    }
    answer
}
