//! What one random tenant is about.

use std::collections::BTreeMap;

use fastrand::Rng;
use ticketscope_model::{FieldDecl, FieldDef, FieldKind, Schema, SchemaDecl, TicketKey, Timestamp};

use super::{
    chance, pick, word,
    words::{KEYS, NOW, PEOPLE, ROLES, VALUES},
};
use crate::oracle::presets;

/// What one random tenant is about: its fields and the few values that occur.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The custom fields and relations.
    pub decl: SchemaDecl,
    /// Ids of agents and customers, known and unknown ones.
    pub people: Vec<String>,
    /// Ids of tickets.
    pub keys: Vec<TicketKey>,
    /// The moment at which queries are asked.
    pub now: Timestamp,
    pub(super) schema: Schema,
    pub(super) values: BTreeMap<&'static str, Vec<String>>,
    pub(super) roles: Vec<String>,
}

/// The custom fields that a tenant may declare.
const CUSTOM: &[(&str, FieldKind, bool)] = &[
    ("region", FieldKind::Tree, false),
    ("plan", FieldKind::Keyword, true),
    ("custom_field_12", FieldKind::Keyword, false),
    ("reviewer", FieldKind::Principal, false),
    ("vip", FieldKind::Flag, false),
    ("score", FieldKind::Number, false),
    ("renewal", FieldKind::Date, false),
    ("diagnosis", FieldKind::Text, false),
];

/// The built-in fields that random tickets hold.
const BUILT_IN: &[&str] = &[
    "life",
    "group",
    "team",
    "department",
    "inbox",
    "queue",
    "organization",
    "brand",
    "level",
    "assignee",
    "internal_agent",
    "requester",
    "submitter",
    "cc",
    "follower",
    "participant",
    "mention",
    "ref_agent",
    "ref_team",
    "ref_dept",
    "status",
    "state",
    "priority",
    "type",
    "tags",
    "channel",
    "has_attachment",
    "created_at",
    "updated_at",
    "due_at",
    "external_id",
    "subject",
    "description",
];

/// Fields and relations that share their values with another field.
const SHARED_VALUES: &[(&str, &str)] = &[
    ("team", "group"),
    ("ref_team", "group"),
    ("ref_dept", "department"),
    ("groups", "group"),
    ("groups_graded", "group"),
    ("led_groups", "group"),
    ("excluded_groups", "group"),
    ("teams", "group"),
    ("excluded_teams", "group"),
    ("public_groups", "group"),
    ("private_groups", "group"),
    ("active_groups", "group"),
    ("departments", "department"),
    ("managed_departments", "department"),
    ("organizations", "organization"),
    ("shared_organizations", "organization"),
    ("brands", "brand"),
    ("inboxes", "inbox"),
    ("queues", "queue"),
    ("led_queues", "queue"),
    ("levels", "level"),
    ("levels_reporter", "level"),
    ("levels_assignee", "level"),
    ("regions", "region"),
];

impl Scene {
    /// A scene; the same for the same state of `rng`.
    ///
    /// # Panics
    /// Never: what it declares is well-formed.
    pub fn new(rng: &mut Rng) -> Self {
        let mut fields = Vec::new();
        for (name, kind, many) in CUSTOM {
            if chance(rng, 70) {
                fields.push(FieldDecl { name: (*name).into(), kind: *kind, many: *many });
            }
        }
        if chance(rng, 20) {
            fields.push(FieldDecl { name: "assignee".into(), kind: FieldKind::Principal, many: true });
        }
        let decl = SchemaDecl { fields, relations: vec!["regions".into()], ..SchemaDecl::default() };
        let mut schema = Schema::builtin();
        schema.declare(&decl).expect("the custom fields are well-formed and differ from the built-in ones");

        let mut values = BTreeMap::new();
        for name in BUILT_IN.iter().copied().chain(CUSTOM.iter().map(|(name, ..)| *name)) {
            values.insert(name, field_values(rng, name));
        }
        let mut people: Vec<_> = PEOPLE.iter().map(|id| (*id).to_owned()).collect();
        rng.shuffle(&mut people);
        people.truncate(rng.usize(3..=7));

        let mut keys: Vec<_> = KEYS.iter().filter_map(|key| TicketKey::parse(key).ok()).collect();
        rng.shuffle(&mut keys);
        keys.truncate(rng.usize(4..=KEYS.len()));

        let mut roles: Vec<_> = ROLES.iter().map(|id| (*id).to_owned()).collect();
        let presets = presets::all();
        for _ in 0..4 {
            roles.push(pick(rng, &presets).0.to_owned());
        }
        roles.push("ghost".to_owned());
        let now = Timestamp::parse(NOW).expect("the constant is a date");
        Self { decl, people, keys, now, schema, values, roles }
    }

    /// The fields that tickets of this tenant may hold, text included.
    pub fn fields(&self) -> impl Iterator<Item = &FieldDef> {
        let built_in = BUILT_IN.iter().filter_map(|name| self.schema.field(name));
        built_in.chain(self.schema.custom_fields())
    }

    /// The values that occur in a field, or in the relation of that name.
    pub(super) fn values_of(&self, name: &str) -> &[String] {
        let name = SHARED_VALUES.iter().find(|(sharing, _)| *sharing == name).map_or(name, |(_, with)| with);
        match self.schema.field(name).map(|field| field.kind) {
            Some(FieldKind::Principal) => &self.people,
            _ => self.values.get(name).map_or(&[], Vec::as_slice),
        }
    }

    /// A field that passes `test`.
    pub(super) fn field(&self, rng: &mut Rng, test: impl Fn(&FieldDef) -> bool) -> &FieldDef {
        let fitting: Vec<_> = self.fields().filter(|field| test(field)).collect();
        fitting[rng.usize(..fitting.len())]
    }

    /// One of the relations of principals, or of the tenant.
    pub(super) fn relation(rng: &mut Rng, of_tenant: bool) -> &'static str {
        const MY: &[&str] = &[
            "groups",
            "groups_graded",
            "led_groups",
            "teams",
            "excluded_teams",
            "departments",
            "managed_departments",
            "organizations",
            "shared_organizations",
            "brands",
            "inboxes",
            "queues",
            "led_queues",
            "levels",
            "regions",
        ];
        const TENANT: &[&str] = &[
            "public_groups",
            "private_groups",
            "active_groups",
            "shared_organizations",
            "levels_reporter",
            "levels_assignee",
        ];
        let names = if of_tenant { TENANT } else { MY };
        word(rng, names)
    }
}

/// The few values that occur in a field.
fn field_values(rng: &mut Rng, name: &str) -> Vec<String> {
    let fixed: &[&str] = match name {
        "life" => &["live", "live", "live", "archived", "deleted", "spam"],
        "status" => &["new", "open", "pending", "hold", "solved", "closed", "Open", "on ice"],
        "priority" => &["low", "normal", "high", "urgent", "P1"],
        "state" => &["open", "closed"],
        "has_attachment" | "vip" => &["true", "false"],
        _ => {
            let mut values: Vec<_> = VALUES.iter().map(|value| (*value).to_owned()).collect();
            rng.shuffle(&mut values);
            values.truncate(rng.usize(3..=6));
            return values;
        }
    };
    fixed.iter().map(|value| (*value).to_owned()).collect()
}
