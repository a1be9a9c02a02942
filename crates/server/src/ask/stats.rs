use ticketscope_engine as engine;
use ticketscope_model::FieldId;

use super::Reader;
use crate::{
    answer::{
        CachedScopes, Disk, FieldHeap, FieldStats, Heap, PartMemory, Recovery, Scrub, Scrubbed, Stats, TextStats,
    },
    code::Code,
    failure::Failure,
};

impl Reader {
    /// Sizes and positions of the tenant. Linear in it.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub(crate) fn stats(&self) -> Result<Stats, Failure> {
        let stats = self.tenant.stats().map_err(|error| Failure::hidden(Code::Storage, &error))?;
        let index = self.snapshot().index();
        let tickets = index.universe().len();
        let counts = self.snapshot().directory().counts();
        let recovery = self.tenant.recovery();
        let heap = stats.index.total().heap as u64;
        let disk = stats.disk.total();
        let per_ticket = |total: u64| total / u64::from(tickets.max(1));
        let heap_of = |field: FieldId| stats.index.fields.iter().find(|(id, _)| *id == field).map(|(_, parts)| *parts);
        let fields = index.fields().filter_map(|(id, column)| {
            let def = self.snapshot().schema().by_id(id)?;
            // Dates and numbers are not counted value by value.
            let values = def
                .kind
                .is_keyword()
                .then(|| (0..column.codes()).filter(|code| column.tickets_len(*code) > 0).count() as u64);
            let [dictionary, postings, column_bytes] = heap_of(id).unwrap_or_default().map(|part| part.heap);
            Some(FieldStats {
                field: def.name.to_string(),
                kind: def.kind.name(),
                tickets: column.has().len(),
                values,
                heap: FieldHeap { dictionary, postings, column: column_bytes },
            })
        });
        Ok(Stats {
            tenant: self.tenant.id().to_string(),
            tickets,
            ordinals: index.ordinals(),
            principals: counts.principals,
            roles: counts.roles,
            relations: counts.relations,
            members: counts.members,
            opstamp: stats.opstamp.0,
            snapshot_opstamp: stats.snapshot.0,
            log_rows: stats.log_rows,
            full: stats.full.map(|full| full.to_string()),
            checkpoint_failure: stats.checkpoint_failure.clone(),
            disk: Disk {
                database: stats.disk.database_bytes,
                snapshots: stats.disk.snapshot_bytes,
                text: stats.disk.text_bytes,
                text_aside: stats.disk.text_aside_bytes,
                temporary: stats.disk.temporary_bytes,
                total: disk,
            },
            scrub: Scrub {
                passes: stats.scrub.passes,
                ended_seconds_ago: stats.scrub.ended_ago.map(|ago| ago.as_secs()),
                last: stats.scrub.last.as_ref().map(scrubbed),
                current: scrubbed(&stats.scrub.current),
            },
            heap: Heap { keys: stats.index.keys.heap, orders: stats.index.orders.heap, total: heap },
            memory: memory(&stats, tickets),
            heap_bytes_per_ticket: per_ticket(heap),
            disk_bytes_per_ticket: per_ticket(disk),
            cached_scopes: CachedScopes { count: stats.cached_scopes.scopes, bytes: stats.cached_scopes.total() },
            recovery: Recovery {
                snapshot_opstamp: recovery.snapshot.map(|opstamp| opstamp.0),
                replayed: recovery.replayed,
                rejected: recovery.rejected.clone(),
            },
            text: TextStats {
                ready: stats.text.ready,
                position: stats.text.position.0,
                tickets: stats.text.tickets,
                pending: stats.text.pending,
                segments: stats.text.segments,
                heap_bytes: stats.text.heap_bytes,
                put_aside: stats.text.put_aside,
                failure: stats.text.failure,
            },
            fields: fields.collect(),
        })
    }
}

fn scrubbed(pass: &engine::Scrubbed) -> Scrubbed {
    let engine::Scrubbed { rows, log_rows, snapshots, text_files, bytes, found } = pass.clone();
    Scrubbed { rows, log_rows, snapshots, text_files, bytes, found }
}

/// Bytes by part, in all and for each ticket.
fn memory(stats: &engine::Stats, tickets: u32) -> Vec<PartMemory> {
    let per_ticket = |bytes: usize| bytes as u64 / u64::from(tickets.max(1));
    let parts = stats.memory().into_iter().map(|(part, bytes)| PartMemory {
        part,
        heap: bytes.heap,
        mapped: bytes.mapped,
        heap_per_ticket: per_ticket(bytes.heap),
        mapped_per_ticket: per_ticket(bytes.mapped),
    });
    parts.collect()
}
