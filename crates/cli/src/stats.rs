use std::time::Duration;

use serde_json::{Value, json};
use ticketscope_audit::Action;
use ticketscope_bitmap::PartBytes;
use ticketscope_engine::{Scrubbed, Stats, Tenant};
use ticketscope_query::Snapshot;

use crate::{
    args::StatsArgs,
    audit::record,
    data::Data,
    exit::Exit,
    failure::Failure,
    open,
    output::{Align, Output, Sheet, bytes, grouped},
};

/// How long the text index may take to be opened.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of one field.
struct FieldStats<'s> {
    name: &'s str,
    kind: &'static str,
    /// Tickets that have a value.
    tickets: u32,
    /// Values that some ticket has; nothing for dates and numbers, which are not counted apart.
    distinct: Option<u32>,
    /// Heap bytes of dictionary, posting lists and column.
    heap: [usize; 3],
}

pub(crate) fn run(data: &Data, args: &StatsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let tenant = open::tenant(data, &args.tenant)?;
    record(data, data.entry(Action::Stats).of_tenant(args.tenant.as_str()))?;
    // The text index is opened and checked behind the tenant; a large one may take longer and is then told as not ready.
    tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE);
    let (snapshot, stats) = (tenant.snapshot(), tenant.stats()?);
    let fields = fields(&snapshot, &stats);
    if out.wants_json() {
        out.json(&to_json(&tenant, &snapshot, &stats, &fields))?;
    } else {
        out.sheet(&overview(&tenant, &snapshot, &stats))?;
        out.line("")?;
        out.sheet(&by_part(&stats, snapshot.index().universe().len()))?;
        out.line("")?;
        out.sheet(&by_field(&fields))?;
    }
    Ok(Exit::Done)
}

fn fields<'s>(snapshot: &'s Snapshot, stats: &Stats) -> Vec<FieldStats<'s>> {
    let heap_of = |field| {
        let found = stats.index.fields.iter().find(|(id, _)| *id == field);
        found.map_or([0; 3], |(_, parts)| parts.map(|part| part.heap))
    };
    let known = snapshot.index().fields();
    known
        .filter_map(|(id, column)| {
            let def = snapshot.schema().by_id(id)?;
            let distinct = def.kind.is_keyword().then(|| {
                let held = (0..column.codes()).filter(|code| column.tickets_len(*code) > 0);
                u32::try_from(held.count()).unwrap_or(u32::MAX)
            });
            let (tickets, heap) = (column.has().len(), heap_of(id));
            Some(FieldStats { name: &def.name, kind: def.kind.name(), tickets, distinct, heap })
        })
        .collect()
}

/// Heap and disk bytes for each ticket, rounded.
fn per_ticket(total: u64, tickets: u32) -> u64 {
    total / u64::from(tickets.max(1))
}

fn overview(tenant: &Tenant, snapshot: &Snapshot, stats: &Stats) -> Sheet {
    let tickets = snapshot.index().universe().len();
    let counts = snapshot.directory().counts();
    let heap = stats.index.total().heap as u64;
    let mut sheet = Sheet::new([("what", Align::Left), ("how much", Align::Right)]);
    let mut row = |name: &str, value: String| sheet.row([name.to_owned(), value]);
    row("tenant", tenant.id().to_string());
    row("tickets", grouped(tickets.into()));
    row("principals", grouped(counts.principals as u64));
    row("custom roles", grouped(counts.roles as u64));
    row("relations of principals", grouped(counts.relations as u64));
    row("members of groups", grouped(counts.members as u64));
    row("opstamp", grouped(stats.opstamp.0));
    row("opstamp of the mapped snapshot", grouped(stats.snapshot.0));
    row("log rows", grouped(stats.log_rows));
    row("disk: database", bytes(stats.disk.database_bytes));
    row("disk: mapped snapshots", bytes(stats.disk.snapshot_bytes));
    row("disk: text index", bytes(stats.disk.text_bytes));
    row("disk: text index put aside", bytes(stats.disk.text_aside_bytes));
    row("disk: temporary files", bytes(stats.disk.temporary_bytes));
    row("disk: all", bytes(stats.disk.total()));
    row("text: tickets indexed", grouped(stats.text.tickets.into()));
    row("text: tickets waiting", grouped(stats.text.pending.into()));
    row("text: opstamp of the index", grouped(stats.text.position.0));
    if let Some(why) = &stats.text.put_aside {
        row("text: index put aside and made anew", why.clone());
    }
    if let Some(full) = &stats.full {
        row("batches: refused for the moment", full.to_string());
    }
    if let Some(why) = &stats.checkpoint_failure {
        row("disk: mapped snapshot not written", why.clone());
    }
    if let Some(why) = &stats.text.failure {
        row("text: not indexed", why.clone());
    }
    row("read again: passes ended", grouped(stats.scrub.passes));
    if let (Some(ago), Some(last)) = (stats.scrub.ended_ago, &stats.scrub.last) {
        row("read again: last pass ended, seconds ago", grouped(ago.as_secs()));
        row("read again: bytes of the last pass", bytes(last.bytes));
    }
    for what in stats.scrub.last.iter().chain([&stats.scrub.current]).flat_map(|pass| &pass.found) {
        row("read again: damaged", what.clone());
    }
    row("cached scopes", grouped(stats.cached_scopes.scopes as u64));
    row("heap bytes of the index per ticket", grouped(per_ticket(heap, tickets)));
    let recovery = tenant.recovery();
    row("log rows replayed when opened", grouped(recovery.replayed));
    row("mapped snapshots rejected when opened", grouped(recovery.rejected.len() as u64));
    sheet
}

/// Bytes by part, in all and for each ticket.
fn by_part(stats: &Stats, tickets: u32) -> Sheet {
    let mut sheet = Sheet::new([
        ("memory", Align::Left),
        ("heap", Align::Right),
        ("mapped", Align::Right),
        ("heap bytes per ticket", Align::Right),
        ("mapped bytes per ticket", Align::Right),
    ]);
    for (part, of) in stats.memory() {
        let (heap, mapped) = (of.heap as u64, of.mapped as u64);
        let each = [per_ticket(heap, tickets), per_ticket(mapped, tickets)].map(grouped);
        let [heap_each, mapped_each] = each;
        sheet.row([part.to_owned(), bytes(heap), bytes(mapped), heap_each, mapped_each]);
    }
    sheet
}

fn memory(stats: &Stats, tickets: u32) -> Vec<Value> {
    let part = |(part, of): (&str, PartBytes)| {
        json!({
            "part": part,
            "heap": of.heap,
            "mapped": of.mapped,
            "heap_per_ticket": per_ticket(of.heap as u64, tickets),
            "mapped_per_ticket": per_ticket(of.mapped as u64, tickets),
        })
    };
    stats.memory().into_iter().map(part).collect()
}

fn by_field(fields: &[FieldStats<'_>]) -> Sheet {
    let mut sheet = Sheet::new([
        ("field", Align::Left),
        ("kind", Align::Left),
        ("tickets", Align::Right),
        ("values", Align::Right),
        ("heap", Align::Right),
    ]);
    for field in fields {
        sheet.row([
            field.name.to_owned(),
            field.kind.to_owned(),
            grouped(field.tickets.into()),
            field.distinct.map_or_else(String::new, |distinct| grouped(distinct.into())),
            bytes(field.heap.iter().sum::<usize>() as u64),
        ]);
    }
    sheet
}

fn scrubbed(pass: &Scrubbed) -> Value {
    json!({
        "rows": pass.rows,
        "log_rows": pass.log_rows,
        "snapshots": pass.snapshots,
        "text_files": pass.text_files,
        "bytes": pass.bytes,
        "found": pass.found,
    })
}

fn to_json(tenant: &Tenant, snapshot: &Snapshot, stats: &Stats, fields: &[FieldStats<'_>]) -> Value {
    let tickets = snapshot.index().universe().len();
    let counts = snapshot.directory().counts();
    let recovery = tenant.recovery();
    let heap = stats.index.total().heap as u64;
    let disk = stats.disk.total();
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| {
            let [dictionary, postings, column] = field.heap;
            json!({
                "field": field.name,
                "kind": field.kind,
                "tickets": field.tickets,
                "values": field.distinct,
                "heap": { "dictionary": dictionary, "postings": postings, "column": column },
            })
        })
        .collect();
    json!({
        "tenant": tenant.id().as_str(),
        "tickets": tickets,
        "ordinals": snapshot.index().ordinals(),
        "principals": counts.principals,
        "roles": counts.roles,
        "relations": counts.relations,
        "members": counts.members,
        "opstamp": stats.opstamp.0,
        "snapshot_opstamp": stats.snapshot.0,
        "log_rows": stats.log_rows,
        "full": stats.full.map(|full| full.to_string()),
        "checkpoint_failure": stats.checkpoint_failure,
        "disk": {
            "database": stats.disk.database_bytes,
            "snapshots": stats.disk.snapshot_bytes,
            "text": stats.disk.text_bytes,
            "text_aside": stats.disk.text_aside_bytes,
            "temporary": stats.disk.temporary_bytes,
            "total": disk,
        },
        "scrub": {
            "passes": stats.scrub.passes,
            "ended_seconds_ago": stats.scrub.ended_ago.map(|ago| ago.as_secs()),
            "last": stats.scrub.last.as_ref().map(scrubbed),
            "current": scrubbed(&stats.scrub.current),
        },
        "text": {
            "ready": stats.text.ready,
            "position": stats.text.position.0,
            "tickets": stats.text.tickets,
            "pending": stats.text.pending,
            "segments": stats.text.segments,
            "heap_bytes": stats.text.heap_bytes,
            "put_aside": stats.text.put_aside,
            "failure": stats.text.failure,
        },
        "heap": { "keys": stats.index.keys.heap, "orders": stats.index.orders.heap, "total": heap },
        "memory": memory(stats, tickets),
        "heap_bytes_per_ticket": per_ticket(heap, tickets),
        "disk_bytes_per_ticket": per_ticket(disk, tickets),
        "cached_scopes": { "count": stats.cached_scopes.scopes, "bytes": stats.cached_scopes.total() },
        "recovery": {
            "snapshot_opstamp": recovery.snapshot.map(|opstamp| opstamp.0),
            "replayed": recovery.replayed,
            "rejected": recovery.rejected,
        },
        "fields": fields,
    })
}
