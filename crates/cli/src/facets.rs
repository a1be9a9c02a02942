use serde_json::{Map, Value, json};
use ticketscope_audit::Action;
use ticketscope_model::{FieldDef, FieldId};
use ticketscope_query::{Access, Facet, Snapshot, facets, nearest_field};

use crate::{
    args::FacetsArgs,
    ask::{Question, moment},
    audit::record_question,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet, counted, grouped},
};

/// What is counted if nothing is asked for.
const DEFAULT_FIELDS: [&str; 4] = ["status", "priority", "group", "assignee"];

pub(crate) fn run(data: &Data, args: &FacetsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.ask.tenant)?;
    record_question(data, Action::Facets, &args.ask)?;
    let question = Question::read(&tenant.snapshot(), &args.ask, moment(args.ask.now))?;
    let snapshot = question.snapshot(data, &tenant)?;
    let fields = fields(&snapshot, &question.access, &args.field)?;
    let (total, facets) = facets(&snapshot, &question.access, &question.query, &fields, args.top)
        .map_err(|error| question.failed(error))?;
    if out.wants_json() {
        let cut = facets.iter().filter(|facet| facet.more > 0);
        let more: Map<String, Value> =
            cut.map(|facet| (name(&snapshot, facet.field).to_owned(), facet.more.into())).collect();
        let facets: Map<String, Value> =
            facets.iter().map(|facet| (name(&snapshot, facet.field).to_owned(), rows(facet))).collect();
        let mut answer = json!({ "total": total, "facets": facets });
        if !more.is_empty() {
            answer["more"] = Value::Object(more);
        }
        out.json(&answer)?;
        return Ok(Exit::Done);
    }
    out.line(counted(total.into(), "ticket"))?;
    for facet in &facets {
        out.line("")?;
        let mut sheet = Sheet::new([(name(&snapshot, facet.field), Align::Left), ("count", Align::Right)]);
        for row in &facet.rows {
            sheet.row([row.value.clone().unwrap_or_else(|| "(none)".to_owned()), grouped(row.count.into())]);
        }
        out.sheet(&sheet)?;
        if facet.more > 0 {
            out.line(format!("and {} (--top for more)", counted(facet.more.into(), "less frequent value")))?;
        }
    }
    Ok(Exit::Done)
}

/// The fields called `names`, each once, or the default ones.
fn fields(snapshot: &Snapshot, access: &Access, names: &[String]) -> Result<Vec<FieldId>, Failure> {
    let names: Vec<&str> =
        if names.is_empty() { DEFAULT_FIELDS.to_vec() } else { names.iter().map(String::as_str).collect() };
    let mut fields = Vec::with_capacity(names.len());
    for name in names {
        let id = field(snapshot, access, name)?;
        if !fields.contains(&id) {
            fields.push(id);
        }
    }
    Ok(fields)
}

/// The field called `name`.
pub(crate) fn field(snapshot: &Snapshot, access: &Access, name: &str) -> Result<FieldId, Failure> {
    let field = snapshot.schema().field(name).ok_or_else(|| {
        let failure = Failure::new(Exit::Usage, "unknown_field", format!("unknown field `{name}`"));
        match nearest_field(snapshot, access, name) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure,
        }
    })?;
    Ok(field.id)
}

fn name(snapshot: &Snapshot, field: FieldId) -> &str {
    snapshot.schema().by_id(field).map_or("", |FieldDef { name, .. }| name)
}

fn rows(facet: &Facet) -> Value {
    facet.rows.iter().map(|row| json!({ "value": row.value, "count": row.count })).collect()
}
