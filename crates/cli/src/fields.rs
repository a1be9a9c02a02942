use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_query::fields;

use crate::{
    args::FieldsArgs,
    ask::access_of,
    audit::{asked_as, record},
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet},
};

pub(crate) fn run(data: &Data, args: &FieldsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.tenant)?;
    record(data, asked_as(data.entry(Action::Fields), &args.asker, &args.tenant))?;
    let snapshot = tenant.snapshot();
    let (access, _) = access_of(&snapshot, &args.asker)?;
    let held = fields(&snapshot, access);
    let fields = held.into_iter().filter_map(|id| snapshot.schema().by_id(id));
    if out.wants_json() {
        let rows: Value = fields
            .map(|field| json!({ "name": &*field.name, "kind": field.kind.name(), "many": field.many }))
            .collect();
        out.json(&json!({ "fields": rows }))?;
        return Ok(Exit::Done);
    }
    let mut sheet = Sheet::new(["field", "kind", "values"].map(|name| (name, Align::Left)));
    for field in fields {
        let values = if field.many { "many" } else { "one" };
        sheet.row([field.name.to_string(), field.kind.name().to_owned(), values.to_owned()]);
    }
    out.sheet(&sheet)?;
    Ok(Exit::Done)
}
