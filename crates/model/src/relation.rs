/// On which side of a rule a relation may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelationSide {
    /// `my.NAME`: a fact about one principal.
    My,
    /// `tenant.NAME`: a fact about the tenant.
    Tenant,
    /// Declared by the tenant's schema: either.
    Both,
}

pub(crate) const MY_RELATIONS: &[&str] = &[
    "groups",
    "groups_graded",
    "departments",
    "organizations",
    "brands",
    "teams",
    "inboxes",
    "queues",
    "campaigns",
    "projects",
    "workspaces",
    "levels",
    "led_groups",
    "led_queues",
    "led_campaigns",
    "managed_departments",
    "excluded_groups",
    "excluded_teams",
    "shared_organizations",
    "public_inboxes",
    "show_queues",
];

pub(crate) const TENANT_RELATIONS: &[&str] = &[
    "public_groups",
    "active_groups",
    "private_groups",
    "shared_organizations",
    "levels_reporter",
    "levels_assignee",
    "levels_participants",
    "owner_show_queues",
    "requestor_show_queues",
    "cc_show_queues",
    "admincc_show_queues",
];

/// The canonical name behind an alias of a relation.
pub(crate) fn canonical(name: &str) -> &str {
    match name {
        "orgs" => "organizations",
        "depts" => "departments",
        "managed_depts" => "managed_departments",
        "shared_orgs" => "shared_organizations",
        other => other,
    }
}
