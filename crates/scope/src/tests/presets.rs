use std::collections::BTreeSet;

use super::expr;
use crate::{Expr, VERBS, VIEW, preset, presets};

/// The rules as the reference states them, apart from the preset files.
fn reference() -> Vec<(&'static str, String)> {
    let zendesk = |base: &str| {
        format!(
            "life in {{live, archived}} & ( (({base}) | requester = me) & brand in my.brands | cc has me | follower has me )"
        )
    };
    let own = |text: &str| text.to_owned();
    let live = |text: &str| format!("life in {{live, archived}} & {text}");
    vec![
        ("zendesk.all", zendesk("all")),
        ("zendesk.groups", zendesk("group in my.groups")),
        ("zendesk.groups_public", zendesk("group in my.groups + tenant.public_groups | no group")),
        ("zendesk.organization", zendesk("org in my.orgs")),
        ("zendesk.assigned", zendesk("assignee = me")),
        (
            "zendesk.groups.req_as_end_user",
            live("( ((group in my.groups)) & brand in my.brands | cc has me | follower has me )"),
        ),
        ("liveagent.agent", live("group in my.groups")),
        ("generic.group", live("(group in my.groups | assignee = me)")),
        ("generic.restricted", live("assignee = me")),
        ("freshdesk.group", live("(group in my.groups | assignee = me | team in my.groups | internal_agent = me)")),
        ("freshdesk.restricted", live("(assignee = me | internal_agent = me | mention has me)")),
        (
            "freshdesk.group.edit",
            live(
                "(group in my.groups_graded[write] | assignee = me | team in my.groups_graded[write] \
                 | internal_agent = me)",
            ),
        ),
        ("zammad.search", own("group in my.groups_graded[read] & group in tenant.active_groups")),
        (
            "zammad.agent_customer",
            own("group in my.groups_graded[read] & group in tenant.active_groups | requester = me \
                 | org in my.shared_orgs"),
        ),
        (
            "zammad.edit",
            own("group in my.groups_graded[change] & group in tenant.active_groups \
                 | (requester = me | org in my.shared_orgs) \
                 & !(group in my.groups_graded[read] & group in tenant.active_groups)"),
        ),
        ("voximplant.agent", own("assignee = me")),
        ("voximplant.supervisor", own("assignee in members(my.led_groups) | queue in my.led_queues")),
        ("chatwoot.unassigned", own("inbox in my.inboxes & (no assignee | assignee = me)")),
        ("chatwoot.participating", own("inbox in my.inboxes & (assignee = me | participant has me)")),
        ("libredesk.typical", own("assignee = me | team in my.teams & no assignee | no assignee & no team")),
        ("libredesk.team_all", own("assignee = me | team in my.teams")),
        ("intercom.me_unassigned", own("assignee = me | no assignee & no team")),
        ("intercom.teams", own("assignee = me | team in my.teams")),
        ("intercom.all_except", own("assignee = me | !(team in my.excluded_teams)")),
        (
            "osticket.full",
            own("(state in {open} & (assignee = me | ref_agent has me | team in my.teams | ref_team in my.teams)) \
                 | dept in under(my.depts) + my.managed_depts | ref_dept in under(my.depts) + my.managed_depts"),
        ),
        (
            "osticket.assigned_only",
            own("state in {open} & (assignee = me | ref_agent has me | team in my.teams | ref_team in my.teams)"),
        ),
        (
            "frappe.restricted_nogroup_visible",
            own("requester = me | submitter = me | assignee = me | team in my.teams | no team"),
        ),
        ("servicenow.ess", own("requester = me | submitter = me | cc has me")),
        ("servicenow.private_groups", own("no group | !(group in tenant.private_groups) | group in my.groups")),
        (
            "jira.security",
            own("no level | level in my.levels | level in tenant.levels_reporter & requester = me \
                 | level in tenant.levels_assignee & assignee = me"),
        ),
    ]
}

#[test]
fn the_thirty_reference_presets_are_the_reference_expressions() {
    let reference = reference();
    assert_eq!(reference.len(), 30);
    for (id, text) in reference {
        let preset = preset(id).unwrap_or_else(|| panic!("no preset {id}"));
        assert_eq!(preset.role().verb(VIEW), Some(&expr(&text)), "{id}");
    }
}

#[test]
fn every_role_of_every_product_is_there() {
    let further = [
        ("generic.global", "life in {live, archived}"),
        ("generic.admin", "life in {live, archived}"),
        ("generic.owner", "life in {live, archived}"),
        ("generic.unrestricted", "life in {live, archived}"),
        ("liveagent.admin", "life in {live, archived}"),
        ("liveagent.owner", "life in {live, archived}"),
        ("zendesk.admin", "life in {live, archived}"),
        ("zendesk.end_user", "life in {live, archived} & (requester = me | cc has me | org in my.shared_orgs)"),
        ("desku.owner", "life in {live, archived}"),
        ("desku.admin", "life in {live, archived}"),
        ("desku.unrestricted", "life in {live, archived}"),
        ("desku.agent.all", "life in {live, archived}"),
        ("desku.agent.team", "life in {live, archived} & (group in my.groups | assignee = me)"),
        ("desku.agent.assigned", "life in {live, archived} & assignee = me"),
        ("voximplant.manager", "all"),
        ("voximplant.administrator", "all"),
        ("voximplant.owner", "all"),
        ("freshdesk.global", "life in {live, archived}"),
        ("zammad.overview", "group in my.groups_graded[overview] & group in tenant.active_groups"),
        ("zammad.customer", "requester = me | org in my.shared_orgs"),
        ("chatwoot.admin", "all"),
        ("chatwoot.agent", "inbox in my.inboxes"),
        ("chatwoot.conversation_manage", "inbox in my.inboxes"),
        ("libredesk.read_all", "all"),
        ("libredesk.read_assigned", "assignee = me"),
        ("libredesk.read_team_all", "team in my.teams"),
        ("libredesk.read_team_inbox", "team in my.teams & no assignee"),
        ("libredesk.read_unassigned", "no assignee & no team"),
        ("frappe.admin", "all"),
        ("frappe.agent", "all"),
        ("frappe.restricted_nogroup_hidden", "requester = me | submitter = me | assignee = me | team in my.teams"),
        ("intercom.all", "all"),
        ("intercom.me", "assignee = me"),
        ("intercom.teams_unassigned", "assignee = me | team in my.teams | no assignee & no team"),
        ("helpscout.user", "inbox in my.inboxes"),
        ("helpscout.light", "inbox in my.inboxes"),
        ("front.teammate", "inbox in my.inboxes + my.public_inboxes"),
        (
            "jira.agent",
            "project in my.projects & (no level | level in my.levels \
             | level in tenant.levels_reporter & requester = me | level in tenant.levels_assignee & assignee = me \
             | level in tenant.levels_participants & participant has me)",
        ),
        ("servicenow.itil", "all"),
        ("uvdesk.level1", "all"),
        ("uvdesk.level2", "assignee = me | group in my.groups | team in my.teams"),
        ("uvdesk.level3", "assignee = me | team in my.teams"),
        ("uvdesk.level4", "assignee = me"),
        ("rt.superuser", "all"),
        (
            "rt.user",
            "queue in my.show_queues | queue in tenant.owner_show_queues & assignee = me \
             | queue in tenant.requestor_show_queues & requester has me | queue in tenant.cc_show_queues & cc has me \
             | queue in tenant.admincc_show_queues & admincc has me",
        ),
    ];
    let light = ["all", "groups", "groups_public", "organization"].map(|base| format!("zendesk.light.{base}"));
    let known: BTreeSet<&str> = presets().map(|preset| &**preset.id()).collect();
    let expected: BTreeSet<&str> = reference()
        .iter()
        .map(|(id, _)| *id)
        .chain(further.iter().map(|(id, _)| *id))
        .chain(light.iter().map(String::as_str))
        .collect();
    assert_eq!(known, expected);
    let view = |id: &str| preset(id).and_then(|preset| preset.role().verb(VIEW)).cloned();
    for (id, text) in further {
        assert_eq!(view(id), Some(expr(text)), "{id}");
    }
    for id in &light {
        assert_eq!(view(id), view(&id.replace("light.", "")), "{id}");
    }
}

#[test]
fn private_text_is_for_agents_and_only_on_the_agents_path() {
    for id in ["zendesk.end_user", "servicenow.ess", "zammad.customer", "zammad.overview"] {
        assert_eq!(preset(id).unwrap().role().verb("view_private"), None, "{id}");
    }
    let mixed = ["zammad.agent_customer", "zammad.edit", "rt.user"];
    let customers = ["zendesk.end_user", "servicenow.ess", "zammad.customer", "zammad.overview"];
    for preset in presets() {
        let role = preset.role();
        if !mixed.contains(&&**preset.id()) && !customers.contains(&&**preset.id()) {
            assert_eq!(role.verb("view_private"), role.verb(VIEW), "{}", preset.id());
        }
    }
    let agent = preset("zammad.agent_customer").unwrap().role().verb("view_private").cloned();
    assert_eq!(agent, Some(expr("group in my.groups_graded[read] & group in tenant.active_groups")));
}

#[test]
fn a_preset_says_what_it_is_and_names_only_known_verbs() {
    for preset in presets() {
        assert!(preset.note().ends_with('.') && preset.note().len() > 10, "{}", preset.id());
        assert!(preset.id().starts_with(&format!("{}.", preset.product())));
        for (verb, expr) in preset.role().verbs() {
            assert!(VERBS.contains(&verb));
            assert_ne!(expr, &Expr::None, "{}: leave `{verb}` out", preset.id());
        }
        assert!(preset.sources().iter().any(|(verb, _)| &**verb == VIEW));
    }
    assert!(preset("generic").is_none() && preset("group_agent").is_none() && preset("zendesk.nobody").is_none());
}
