use serde_json::{Map, Value, json};
use ticketscope_query::scope::{Preset, presets};

use crate::{
    exit::Exit,
    failure::Failure,
    output::{Align, Output, Sheet},
};

pub(super) fn run(out: &mut Output) -> Result<Exit, Failure> {
    if out.wants_json() {
        let all: Vec<Value> = presets().map(to_json).collect();
        out.json(&json!({ "presets": all }))?;
        return Ok(Exit::Done);
    }
    let mut sheet = Sheet::new(["role", "verified", "note"].map(|name| (name, Align::Left)));
    for preset in presets() {
        sheet.row([preset.id().to_string(), preset.verified().name().to_owned(), preset.note().to_string()]);
    }
    out.sheet(&sheet)?;
    Ok(Exit::Done)
}

fn to_json(preset: &Preset) -> Value {
    let verbs: Map<String, Value> =
        preset.sources().iter().map(|(verb, expr)| (verb.to_string(), json!(&**expr))).collect();
    json!({
        "role": &**preset.id(),
        "product": &**preset.product(),
        "verified": preset.verified().name(),
        "note": &**preset.note(),
        "verbs": verbs,
    })
}
