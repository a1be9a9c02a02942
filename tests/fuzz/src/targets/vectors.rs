//! Files of conformance vectors.

use ticketscope_scope::conformance::{EvaluatorKind, run};

/// Whatever a file says, the two evaluators find the same: a decision that fails, fails in both alike.
pub(crate) fn vectors(bytes: &[u8]) {
    let Ok(json) = str::from_utf8(bytes) else { return };
    let Ok(report) = run(json) else { return };
    assert!(report.passed + report.failed > 0, "a file that checks nothing is refused");
    assert_eq!(report.failures.len(), report.failed * 2, "one evaluator is wrong and the other is not: {report:?}");
    for pair in report.failures.chunks(2) {
        let [point, scope] = pair else { panic!("a failure has two evaluators: {pair:?}") };
        assert_eq!((point.evaluator, scope.evaluator), (EvaluatorKind::Point, EvaluatorKind::Scope));
        assert_eq!((&point.missing, &point.surplus), (&scope.missing, &scope.surplus), "{report:?}");
    }
}
