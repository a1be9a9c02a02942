use serde_json::json;
use ticketscope_audit::Action;
use ticketscope_query::count;

use crate::{
    args::CountArgs,
    ask::{Question, moment},
    audit::record_question,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Output, grouped},
};

pub(crate) fn run(data: &Data, args: &CountArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.ask.tenant)?;
    record_question(data, Action::Count, &args.ask)?;
    let question = Question::read(&tenant.snapshot(), &args.ask, moment(args.ask.now))?;
    let snapshot = question.snapshot(data, &tenant)?;
    let counted = count(&snapshot, &question.access, &question.query).map_err(|error| question.failed(error))?;
    if out.wants_json() {
        out.json(&json!({ "count": counted }))?;
    } else {
        out.line(grouped(counted.into()))?;
    }
    Ok(Exit::Done)
}
