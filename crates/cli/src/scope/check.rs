use std::{collections::BTreeMap, error::Error, path::Path, sync::Arc};

use serde_json::{Value, json};
use ticketscope_bitmap::{Index, TicketBatch};
use ticketscope_model::{FieldId, Opstamp, TicketKey, TicketOrd};
use ticketscope_query::{
    Snapshot, index_of,
    scope::{
        Scope,
        conformance::{EvaluatorKind, Failure as Wrong, Report, VectorError, Vectors},
    },
};

use crate::{exit::Exit, failure::Failure, output::Output, ticket_json};

pub(super) fn run(path: &Path, out: &mut Output) -> Result<Exit, Failure> {
    let json = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read {}", path.display());
        Failure::new(Exit::Usage, "input", message).caused_by(Some(&error))
    })?;
    let report = decide(&json).map_err(|failure| malformed(path, &failure))?;
    if out.wants_json() {
        let failures: Vec<Value> = report.failures.iter().map(failure_json).collect();
        out.json(&json!({ "passed": report.passed, "failed": report.failed, "failures": failures }))?;
    } else {
        for wrong in &report.failures {
            out.line(failure_text(wrong))?;
        }
        out.line(format!("{} passed, {} failed", report.passed, report.failed))?;
    }
    Ok(if report.failed == 0 { Exit::Done } else { Exit::No })
}

/// Decides every vector with the point check and with bitmaps of the file's tickets.
fn decide(json: &str) -> Result<Report, VectorError> {
    let vectors = Vectors::parse(json)?;
    let index = indexed(&vectors);
    // Nothing is paged, so no cursor needs a secret.
    let schema = Arc::clone(vectors.schema());
    let snapshot = Snapshot::new(Opstamp::default(), schema, index, vectors.directory().clone(), [0; 32]);
    Ok(vectors.run(|scope: &Scope| {
        let visible = snapshot.evaluate(scope);
        visible.iter().map(|ord| snapshot.index().key(TicketOrd(ord))).collect()
    }))
}

/// The tickets of the file as an index.
fn indexed(vectors: &Vectors) -> Index {
    let mut sets: BTreeMap<FieldId, Vec<_>> = BTreeMap::new();
    for (ord, ticket) in (0..).zip(vectors.tickets()) {
        for (field, values) in &ticket.fields {
            sets.entry(*field).or_default().push((ord, values.clone()));
        }
    }
    let created = vectors.tickets().iter().map(|ticket| ticket.key.clone()).collect();
    index_of(vectors.schema(), &TicketBatch { created, erased: Vec::new(), sets: sets.into_iter().collect() })
}

fn malformed(path: &Path, error: &dyn Error) -> Failure {
    let message = format!("{} is no file of vectors", path.display());
    Failure::new(Exit::Usage, "bad_vectors", message).caused_by(Some(error))
}

fn evaluator(kind: EvaluatorKind) -> &'static str {
    match kind {
        EvaluatorKind::Point => "point check",
        EvaluatorKind::Scope => "bitmaps",
    }
}

fn failure_text(wrong: &Wrong) -> String {
    let who = format!("preset {}, agent {}, {}:", wrong.preset, wrong.agent, evaluator(wrong.evaluator));
    let kinds = [("missing", &wrong.missing), ("surplus", &wrong.surplus)].into_iter();
    let found = kinds.filter(|(_, keys)| !keys.is_empty()).map(|(what, keys)| {
        let keys: Vec<_> = keys.iter().map(TicketKey::to_string).collect();
        format!("{what} {}", keys.join(", "))
    });
    std::iter::once(who).chain(found).collect::<Vec<_>>().join(" ")
}

fn failure_json(wrong: &Wrong) -> Value {
    let keys = |keys: &[TicketKey]| keys.iter().map(ticket_json::key).collect::<Value>();
    json!({
        "preset": &*wrong.preset,
        "agent": &*wrong.agent,
        "evaluator": evaluator(wrong.evaluator),
        "missing": keys(&wrong.missing),
        "surplus": keys(&wrong.surplus),
    })
}
