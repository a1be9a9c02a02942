//! One tenant.

use ticketscope_engine::{
    Engine, InspectError, TextInspection, inspect,
    storage::{Damaged, InspectedTenant, Inspection, RejectedSnapshot, TenantFiles, TenantId},
};

use super::finding::Finding;
use crate::{
    failure::{Failure, chain},
    output::counted,
};

/// What to do about rows that cannot be trusted.
fn restore(id: &TenantId) -> String {
    format!(
        "restore a backup beside it (`ticketscope restore --tenant {id} --rename {id}-restored FROM`), or import its data \
         into a new tenant; then `ticketscope tenant delete {id} --yes`"
    )
}

/// A tenant that nobody has open, as the next opening will find it.
pub(super) fn look(inspection: &Inspection, id: &TenantId) -> Result<Vec<Finding>, Failure> {
    let files = inspection.files(id)?;
    let mut findings = of_files(id, &files);
    let place = format!("tenant {id}");
    let tenant = match inspection.open(id) {
        Ok(tenant) => tenant,
        Err(error) => {
            findings.push(Finding::damage("opens", place, chain(&error)).todo(restore(id)));
            return Ok(findings);
        }
    };
    findings.push(if tenant.was_clean() {
        Finding::fine("closed", &place, "it was closed well")
    } else {
        Finding::fine(
            "closed",
            &place,
            "it was not closed well: the next opening checks every page, which takes longer",
        )
    });
    if tenant.check_was_interrupted() {
        findings.push(Finding::fine(
            "closed",
            &place,
            "a check of it was interrupted; the next opening makes it again",
        ));
    }
    let intact = rows(id, &tenant, &mut findings);
    snapshots(id, &tenant, &mut findings);
    if intact {
        follows(id, &tenant, &files, &mut findings);
    }
    Ok(findings)
}

fn of_files(id: &TenantId, files: &TenantFiles) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in &files.temporary {
        let what = format!("being written when a process ended; the next opening of tenant {id} removes it");
        findings.push(Finding::fine("leftover", path.display().to_string(), what));
    }
    for path in &files.unknown {
        let todo = format!("move {} away", path.display());
        findings.push(Finding::warning("unknown", path.display().to_string(), "nothing reads it").todo(todo));
    }
    if files.has_text_aside {
        let what = "a text index that could not be used was put aside; it goes once another one stands";
        findings.push(Finding::fine("text", format!("tenant {id}"), what));
    }
    findings
}

/// Whether every row is whole.
fn rows(id: &TenantId, tenant: &InspectedTenant, findings: &mut Vec<Finding>) -> bool {
    let place = format!("tenant {id}");
    match tenant.verify() {
        Ok(verified) if verified.damaged.is_empty() => {
            let (rows, log_rows) = (counted(verified.rows, "row"), counted(verified.log_rows, "log row"));
            let what = format!("{rows} and {log_rows} are whole, up to opstamp {}", verified.applied);
            findings.push(Finding::fine("rows", place, what));
            true
        }
        Ok(verified) => {
            let what = verified.damaged.iter().map(Damaged::to_string).collect::<Vec<_>>().join("; ");
            findings.push(Finding::damage("rows", place, what).todo(restore(id)));
            false
        }
        Err(error) => {
            findings.push(Finding::damage("rows", place, chain(&error)).todo(restore(id)));
            false
        }
    }
}

fn snapshots(id: &TenantId, tenant: &InspectedTenant, findings: &mut Vec<Finding>) {
    let (count, rejected) = tenant.check_snapshots();
    for RejectedSnapshot { path, defect, .. } in &rejected {
        let what = format!("{}; it is not used, and another one is written in its place", chain(defect));
        let todo =
            format!("nothing is lost; look at the disk, then `ticketscope stats --tenant {id}` opens the tenant");
        findings.push(Finding::warning("snapshot", path.display().to_string(), what).todo(todo));
    }
    if rejected.is_empty() {
        findings.push(Finding::fine(
            "snapshot",
            format!("tenant {id}"),
            format!("{}, intact", counted(count, "mapped snapshot")),
        ));
    }
}

/// What follows from the rows.
fn follows(id: &TenantId, tenant: &InspectedTenant, files: &TenantFiles, findings: &mut Vec<Finding>) {
    let place = format!("tenant {id}");
    let found = match inspect(tenant, files.text.as_deref()) {
        Ok(found) => found,
        Err(error @ InspectError::Recover(_)) => {
            findings.push(Finding::damage("state", place, chain(&error)).todo(restore(id)));
            return;
        }
        Err(error) => {
            findings.push(Finding::damage("state", place, chain(&error)));
            return;
        }
    };
    let tickets = counted(found.tickets, "ticket");
    findings.push(match (found.differences.first(), found.recovery.snapshot) {
        (Some(difference), _) => Finding::damage("state", &place, difference.clone()).todo(
            "this is a fault of the program: please report it; removing the files snapshot-*.tsnap of the tenant \
                   makes the index anew from the rows",
        ),
        (None, Some(snapshot)) => {
            let replays = counted(found.recovery.replayed, "log row");
            Finding::fine(
                "state",
                &place,
                format!("{tickets}: the next opening maps opstamp {snapshot} and replays {replays}"),
            )
        }
        (None, None) => {
            Finding::fine("state", &place, format!("{tickets}: the next opening makes the index from the rows"))
        }
    });
    findings.push(match found.text {
        TextInspection::NotNeeded => Finding::fine("text", place, "no text"),
        TextInspection::Missing => Finding::fine("text", place, "no index: the next opening makes it from the rows"),
        TextInspection::Whole(position) => {
            let what = format!("the index is whole, up to opstamp {position} of {}", found.applied);
            Finding::fine("text", place, what)
        }
        TextInspection::Useless(defect) => {
            let what =
                format!("the index cannot be used: {}; the next opening makes it anew from the rows", chain(&defect));
            Finding::warning("text", place, what)
                .todo(format!("nothing is lost; `ticketscope stats --tenant {id}` opens the tenant and waits for it"))
        }
    });
}

/// A tenant of the server that has the directory open: what it knows of it, if it is open there.
pub(super) fn look_in_server(inspection: &Inspection, engine: &Engine, id: &TenantId) -> Result<Vec<Finding>, Failure> {
    let files = inspection.files(id)?;
    // What is being written now is no leftover.
    let mut findings = of_files(id, &TenantFiles { temporary: Vec::new(), ..files });
    let place = format!("tenant {id}");
    if let Some(damage) = engine.known_damage(id) {
        let todo = format!("stop the server, then `ticketscope doctor --tenant {id}`");
        findings.push(Finding::damage("opens", place, format!("the server found it damaged: {damage}")).todo(todo));
        return Ok(findings);
    }
    let Some(tenant) = engine.open_tenant(id) else {
        let what = "not open in the server, so that only its files were looked at";
        findings.push(Finding::fine("opens", place, what));
        return Ok(findings);
    };
    if let Some(closed) = tenant.closed() {
        let todo = format!("stop the server, then `ticketscope doctor --tenant {id}`");
        findings.push(Finding::damage("opens", place, format!("it is closed: {closed}")).todo(todo));
        return Ok(findings);
    }
    if let Some(full) = tenant.full() {
        let what = format!("it takes no batches: {full}");
        findings.push(Finding::warning("disk", &place, what).todo("make room on the disk; it then goes on by itself"));
    }
    let stats = tenant.stats()?;
    findings.push(Finding::fine("opens", &place, format!("open at opstamp {}", stats.opstamp)));
    if let Some(failure) = stats.checkpoint_failure {
        let what = format!("its mapped snapshot is not written: {failure}; openings take longer, and the log grows");
        findings.push(Finding::warning("snapshot", &place, what).todo("make room on the disk, or look at it"));
    }
    if let Some(failure) = stats.text.failure {
        findings.push(
            Finding::warning("text", &place, format!("its text is not indexed: {failure}"))
                .todo("look at the disk, then restart the server"),
        );
    } else if let Some(why) = stats.text.put_aside {
        findings.push(
            Finding::warning("text", &place, format!("its text index was made anew: {why}"))
                .todo("nothing is lost; look at the disk"),
        );
    }
    let scrubbed = stats.scrub.last.iter().chain([&stats.scrub.current]).flat_map(|pass| &pass.found);
    for what in scrubbed {
        findings.push(
            Finding::warning("scrub", &place, format!("found in the background: {what}")).todo("look at the disk"),
        );
    }
    if let Some(ago) = stats.scrub.ended_ago {
        let what = format!("everything was read again {} s ago", ago.as_secs());
        findings.push(Finding::fine("scrub", &place, what));
    }
    Ok(findings)
}
