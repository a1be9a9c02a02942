//! Scope expressions, as text and as JSON.

use ticketscope_scope::{Expr, MAX_ATOMS, MAX_DEPTH};

use crate::desk::SCHEMA;

/// An expression that is read prints as a text and as JSON that are read as the same tree; an error of a text lies inside it.
pub(crate) fn text(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match Expr::parse(text, &SCHEMA) {
        Ok(expr) => reads_back(&expr),
        Err(error) => {
            assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
            assert!(error.to_string().len() < 4000);
        }
    }
}

/// The same of the JSON form.
pub(crate) fn json(bytes: &[u8]) {
    let Ok(json) = str::from_utf8(bytes) else { return };
    match Expr::from_json(json, &SCHEMA) {
        Ok(expr) => reads_back(&expr),
        Err(error) => assert!(error.to_string().len() < 40_000),
    }
}

/// Both forms of `expr` are read as `expr`, and it keeps the limits.
pub(crate) fn reads_back(expr: &Expr) {
    assert!(expr.fields().len() <= MAX_ATOMS);
    let text = expr.to_string();
    // The text form nests where the tree does not: below the limit both hold.
    if depth(&text) < MAX_DEPTH {
        let again = Expr::parse(&text, &SCHEMA).unwrap_or_else(|error| panic!("printed as {text:?}: {error}"));
        assert_eq!(again, *expr, "printed as {text:?}");
    }
    let json = expr.to_json().to_string();
    let again = Expr::from_json(&json, &SCHEMA).unwrap_or_else(|error| panic!("printed as {json}: {error}"));
    assert_eq!(again, *expr, "printed as {json}");
}

/// How deep the text may nest at most: its opening brackets and negations.
fn depth(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b'(' | b'!')).count()
}
