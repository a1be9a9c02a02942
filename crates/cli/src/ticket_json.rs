//! Tickets and their values as answers show them.

use serde_json::{Map, Value, json};
use ticketscope_model::{FieldId, TicketKey};
use ticketscope_query::{FieldValue, Hit, Snapshot};

/// The integers that every JSON reader takes exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A ticket key: integers are JSON integers.
pub(crate) fn key(key: &TicketKey) -> Value {
    match key {
        TicketKey::Int(number) => json!(number),
        TicketKey::Text(text) => json!(&**text),
    }
}

/// The fields of a ticket by name: a value, or a list where the field holds many.
pub(crate) fn fields(snapshot: &Snapshot, hit: &Hit<'_>) -> Map<String, Value> {
    let named = hit.fields.iter().filter_map(|(field, values)| {
        let def = snapshot.schema().by_id(*field)?;
        let mut values: Vec<Value> = values.iter().map(value).collect();
        let value = if def.many { Value::Array(values) } else { values.pop()? };
        Some((def.name.to_string(), value))
    });
    named.collect()
}

/// The values of one field of a ticket for people.
pub(crate) fn text(hit: &Hit<'_>, field: FieldId) -> String {
    let values = hit.fields.iter().filter(|(id, _)| *id == field).flat_map(|(_, values)| values);
    let shown: Vec<String> = values
        .map(|value| match value {
            FieldValue::Keyword(text) => (*text).to_owned(),
            FieldValue::Number(number) => number.to_string(),
            FieldValue::Date(moment) => moment.to_string(),
            FieldValue::Flag(flag) => flag.to_string(),
        })
        .collect();
    shown.join(", ")
}

fn value(value: &FieldValue<'_>) -> Value {
    match value {
        FieldValue::Keyword(text) => json!(text),
        FieldValue::Number(number) => number_value(*number),
        FieldValue::Date(moment) => json!(moment.to_string()),
        FieldValue::Flag(flag) => json!(flag),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the number is an integer within the range of i64")]
fn number_value(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT { json!(number as i64) } else { json!(number) }
}
