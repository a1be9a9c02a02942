//! Batches of changes: scope-jsonl lines to the engine, and what became of each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value};
use ticketscope_engine::{Ack, Engine, ImportSession, Refusal, SubmitError, storage::TenantId};
use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_model::{Change, Opstamp};

use super::tenants;
use crate::{
    code::Code,
    failure::{Failure, Rejected},
    position::{self, Life},
};

/// Rejected lines that an answer names; the others are counted.
const MAX_NAMED: usize = 1000;

/// What happens to a batch of which a line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnRefusal {
    /// Nothing of it takes effect.
    #[default]
    Reject,
    /// The other lines take effect.
    Skip,
}

/// The lines of a batch, taken apart.
#[derive(Debug)]
pub(crate) struct Batch {
    changes: Vec<Change>,
    /// The number of the line behind each change.
    numbers: Vec<u64>,
    /// How many lines are not blank.
    lines: u64,
    rejected: Rejections,
}

/// Lines that are rejected: the first by name, all in number.
#[derive(Debug, Default)]
struct Rejections {
    named: Vec<Rejected>,
    count: u64,
}

/// What became of a batch.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "it counts what was applied, as its answer calls it")]
pub(crate) struct Applied {
    pub(crate) opstamp: Opstamp,
    pub(crate) life: Life,
    pub(crate) lines: u64,
    pub(crate) applied: u64,
    pub(crate) rejected: Vec<Rejected>,
}

impl Rejections {
    fn add(&mut self, line: u64, code: &'static str, message: impl FnOnce() -> String) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(Rejected { line, code, message: message() });
        }
    }

    /// The refused changes of a batch join the lines that state none.
    fn extend(&mut self, refused: &[(usize, Refusal)], numbers: &[u64]) {
        for (at, refusal) in refused {
            self.add(numbers[*at], refusal.code(), || refusal.to_string());
        }
        self.named.sort_by_key(|rejected| rejected.line);
    }

    /// The failure of a batch of which nothing took effect.
    fn failure(self, lines: u64) -> Failure {
        let message = format!("{} of {lines} lines are rejected, and nothing of the batch took effect", self.count);
        let mend = "mend the lines that `rejected` names, or send the batch with on_refusal=skip to apply the others";
        Failure::new(Code::ChangesRejected, message).hint(mend).rejecting(self.named)
    }
}

impl Batch {
    /// Takes a body apart. Linear in its length.
    ///
    /// # Errors
    /// [`Code::UnsupportedEncoding`] for compressed lines, [`Code::TooManyChanges`] for more than `max_lines`.
    pub(crate) fn parse(body: &[u8], max_lines: usize) -> Result<Self, Failure> {
        // What expands a thousandfold is not bounded by the limit on bodies.
        if body.starts_with(&ZSTD_MAGIC) {
            return Err(Failure::of(Code::UnsupportedEncoding));
        }
        let broken = |error: ticketscope_import::ReadError| Failure::hidden(Code::Internal, &error);
        let parser = Parser::new(Format::ScopeJsonl, &|_| false);
        let mut batch = Self { changes: Vec::new(), numbers: Vec::new(), lines: 0, rejected: Rejections::default() };
        for chunk in Chunks::new(body).map_err(broken)? {
            for line in parser.lines(&chunk.map_err(broken)?) {
                batch.lines += 1;
                if batch.lines > max_lines as u64 {
                    return Err(Failure::new(Code::TooManyChanges, format!("a batch has at most {max_lines} lines")));
                }
                match line.change {
                    Ok(change) => {
                        batch.changes.push(change);
                        batch.numbers.push(line.number);
                    }
                    Err(error) => batch
                        .rejected
                        .add(line.number, error.code(), || format!("column {}: {}", error.column, error.problem)),
                }
            }
        }
        Ok(batch)
    }
}

impl Batch {
    /// How many changes of each kind, if any of them may change what somebody sees without changing a ticket.
    pub(crate) fn permissions(&self) -> Option<Map<String, Value>> {
        if !self.changes.iter().any(|change| change.fact.is_permission()) {
            return None;
        }
        let mut kinds = BTreeMap::<_, u64>::new();
        for change in &self.changes {
            *kinds.entry(change.fact.kind().to_owned()).or_default() += 1;
        }
        Some(kinds.into_iter().map(|(kind, count)| (kind, count.into())).collect())
    }
}

/// Waits until the words of everything up to `opstamp` are found; whether they are, after `patience` at the latest.
/// Blocks.
///
/// # Errors
/// [`Code::NoSuchTenant`], [`Code::Storage`].
pub(crate) fn wait_for_text(
    engine: &Engine,
    tenant: &TenantId,
    opstamp: Opstamp,
    patience: Duration,
) -> Result<bool, Failure> {
    Ok(tenants::open(engine, tenant)?.wait_for_text(opstamp, patience))
}

/// In which of its lives the tenant is.
///
/// # Errors
/// [`Code::NoSuchTenant`], [`Code::Storage`].
pub(crate) fn life(engine: &Engine, tenant: &TenantId) -> Result<Life, Failure> {
    Ok(position::life(tenants::open(engine, tenant)?.uuid()))
}

/// What zstd data begins with.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Applies a batch. When this returns it is durable and in force.
///
/// # Errors
/// [`Code::ChangesRejected`], [`Code::NoSuchTenant`], [`Code::Busy`], [`Code::Storage`].
pub(crate) fn apply(engine: &Engine, tenant: &TenantId, batch: Batch, how: OnRefusal) -> Result<Applied, Failure> {
    let tenant = tenants::open(engine, tenant)?;
    let Batch { changes, numbers, lines, mut rejected } = batch;
    if how == OnRefusal::Reject && rejected.count > 0 {
        return Err(rejected.failure(lines));
    }
    let submitted = match how {
        OnRefusal::Reject => tenant.submit(changes),
        OnRefusal::Skip => tenant.submit_import(changes, &Arc::new(Mutex::new(ImportSession::new()))),
    };
    match submitted {
        Ok(Ack { opstamp, refused }) => {
            rejected.extend(&refused, &numbers);
            let life = position::life(tenant.uuid());
            Ok(Applied { opstamp, life, lines, applied: lines - rejected.count, rejected: rejected.named })
        }
        Err(SubmitError::Refused(refused)) => {
            rejected.extend(&refused, &numbers);
            Err(rejected.failure(lines))
        }
        Err(error) => Err(error.into()),
    }
}
