//! Pieces of text with their highlights, as answers show them.

use serde_json::{Value, json};
use ticketscope_query::Snippet;

/// For people: one line, highlights between asterisks.
pub(crate) fn marked(snippet: &Snippet) -> String {
    let mut text = String::new();
    let mut highlights = snippet.highlights.iter().peekable();
    for (at, letter) in snippet.text.chars().enumerate() {
        while highlights.peek().is_some_and(|range| range.end <= at) {
            highlights.next();
            text.push('*');
        }
        if highlights.peek().is_some_and(|range| range.start == at) {
            text.push('*');
        }
        text.push(letter);
    }
    if highlights.next().is_some() {
        text.push('*');
    }
    let (before, after) = (if snippet.cut_before { ".. " } else { "" }, if snippet.cut_after { " .." } else { "" });
    format!("{before}{text}{after}")
}

/// For programs: the text as it is, and where the highlights stand in it, in Unicode characters.
pub(crate) fn value(snippet: &Snippet) -> Value {
    let highlights: Vec<Value> = snippet.highlights.iter().map(|range| json!([range.start, range.end])).collect();
    json!({
        "class": snippet.class.name(),
        "text": snippet.text,
        "highlights": highlights,
        "cut_before": snippet.cut_before,
        "cut_after": snippet.cut_after,
    })
}
