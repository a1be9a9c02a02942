//! The reference presets, each written out as a tree.

use super::{Expr, Set};

fn live() -> Expr {
    Expr::one_of("life", &["live", "archived"])
}

fn my(field: &str, rel: &str) -> Expr {
    Expr::is_in(field, Set::my(rel))
}

fn me(field: &str) -> Expr {
    Expr::is_me(field)
}

fn has(field: &str) -> Expr {
    Expr::HasMe(field.to_owned())
}

fn no(field: &str) -> Expr {
    Expr::unset(field)
}

/// A Zendesk role whose base is `base`, on the agent's brands, and what copies of a ticket reveal.
fn zendesk(base: Expr) -> Expr {
    live().and(base.and(my("brand", "brands")).or(has("cc")).or(has("follower")))
}

fn zendesk_agent(base: Expr) -> Expr {
    zendesk(base.or(me("requester")))
}

/// Groups in which the agent may do what `level` allows, if they are active.
fn zammad(level: &str) -> Expr {
    let graded = Expr::is_in("group", Set::my_at("groups_graded", level));
    graded.and(Expr::is_in("group", Set::tenant("active_groups")))
}

fn osticket_assigned() -> Expr {
    let own = me("assignee").or(has("ref_agent")).or(my("team", "teams")).or(my("ref_team", "teams"));
    Expr::one_of("state", &["open"]).and(own)
}

/// Name and `view` of every reference preset.
pub fn all() -> Vec<(&'static str, Expr)> {
    let departments = || Set::my("departments").under().plus(Set::my("managed_departments"));
    vec![
        ("zendesk.all", zendesk_agent(Expr::All)),
        ("zendesk.groups", zendesk_agent(my("group", "groups"))),
        (
            "zendesk.groups_public",
            zendesk_agent(Expr::is_in("group", Set::my("groups").plus(Set::tenant("public_groups"))).or(no("group"))),
        ),
        ("zendesk.organization", zendesk_agent(my("organization", "organizations"))),
        ("zendesk.assigned", zendesk_agent(me("assignee"))),
        ("zendesk.groups.req_as_end_user", zendesk(my("group", "groups"))),
        ("liveagent.agent", live().and(my("group", "groups"))),
        ("generic.group", live().and(my("group", "groups").or(me("assignee")))),
        ("generic.restricted", live().and(me("assignee"))),
        (
            "freshdesk.group",
            live().and(my("group", "groups").or(me("assignee")).or(my("team", "groups")).or(me("internal_agent"))),
        ),
        ("freshdesk.restricted", live().and(me("assignee").or(me("internal_agent")).or(has("mention")))),
        (
            "freshdesk.group.edit",
            live().and(
                Expr::is_in("group", Set::my_at("groups_graded", "write"))
                    .or(me("assignee"))
                    .or(Expr::is_in("team", Set::my_at("groups_graded", "write")))
                    .or(me("internal_agent")),
            ),
        ),
        ("zammad.search", zammad("read")),
        ("zammad.agent_customer", zammad("read").or(me("requester")).or(my("organization", "shared_organizations"))),
        (
            "zammad.edit",
            zammad("change")
                .or(me("requester").or(my("organization", "shared_organizations")).and(zammad("read").complement())),
        ),
        ("voximplant.agent", me("assignee")),
        (
            "voximplant.supervisor",
            Expr::is_in("assignee", Set::my("led_groups").members()).or(my("queue", "led_queues")),
        ),
        ("chatwoot.unassigned", my("inbox", "inboxes").and(no("assignee").or(me("assignee")))),
        ("chatwoot.participating", my("inbox", "inboxes").and(me("assignee").or(has("participant")))),
        (
            "libredesk.typical",
            me("assignee").or(my("team", "teams").and(no("assignee"))).or(no("assignee").and(no("team"))),
        ),
        ("libredesk.team_all", me("assignee").or(my("team", "teams"))),
        ("intercom.me_unassigned", me("assignee").or(no("assignee").and(no("team")))),
        ("intercom.teams", me("assignee").or(my("team", "teams"))),
        ("intercom.all_except", me("assignee").or(my("team", "excluded_teams").complement())),
        (
            "osticket.full",
            osticket_assigned().or(Expr::is_in("department", departments())).or(Expr::is_in("ref_dept", departments())),
        ),
        ("osticket.assigned_only", osticket_assigned()),
        (
            "frappe.restricted_nogroup_visible",
            me("requester").or(me("submitter")).or(me("assignee")).or(my("team", "teams")).or(no("team")),
        ),
        ("servicenow.ess", me("requester").or(me("submitter")).or(has("cc"))),
        (
            "servicenow.private_groups",
            no("group").or(Expr::is_in("group", Set::tenant("private_groups")).complement()).or(my("group", "groups")),
        ),
        (
            "jira.security",
            no("level")
                .or(my("level", "levels"))
                .or(Expr::is_in("level", Set::tenant("levels_reporter")).and(me("requester")))
                .or(Expr::is_in("level", Set::tenant("levels_assignee")).and(me("assignee"))),
        ),
    ]
}

/// What a reference preset lets its principals do: `view`, `view_private` or `view_side`; nothing if it does not name the
/// verb. The other verbs of presets are not known here.
pub fn verb(preset: &str, verb: &str) -> Option<Expr> {
    let view = all().into_iter().find(|(name, _)| *name == preset).map(|(_, view)| view)?;
    match (verb, preset) {
        ("view_private", "servicenow.ess") => None,
        ("view_private", "zammad.agent_customer") => Some(zammad("read")),
        ("view_private", "zammad.edit") => Some(zammad("change")),
        ("view" | "view_private", _) => Some(view),
        ("view_side", _) => (preset.starts_with("zendesk.") || preset.starts_with("generic.")).then_some(view),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ticketscope_model::Schema;

    use super::*;

    #[test]
    fn thirty_presets_name_only_what_every_tenant_knows() {
        let presets = all();
        assert_eq!(presets.len(), 30);
        for (name, expr) in presets {
            assert_eq!(expr.check(&Schema::builtin()), Ok(()), "{name}");
        }
    }

    #[test]
    fn who_reads_private_text_reads_it_in_tickets() {
        let names = |asked: &str| all().into_iter().filter(|(name, _)| verb(name, asked).is_some()).count();
        assert_eq!(["view", "view_private", "view_side", "edit"].map(names), [30, 29, 8, 0]);
        assert_eq!(verb("zammad.edit", "view_private"), Some(zammad("change")));
        assert_eq!(verb("nobody.knows", "view"), None);
    }
}
