//! Every way by which somebody may come to see a ticket or to read a part of one, and how it is taken away.

use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use ticketscope_model::{Change, Fact, SchemaDecl, TextClass};

use crate::changes::{del, gone, group, member, principal, rel, role, suspended, tenant_rel, text, ticket, value};

/// One way of one principal to two tickets, granted and revoked again and again, both tickets in one batch.
pub(super) struct Way {
    pub(super) kind: Kind,
    pub(super) agent: String,
    pub(super) tickets: [i64; 2],
    /// A value that these two tickets alone have.
    pub(super) tag: String,
    /// A word that their texts alone hold: for a way to a part, only that part.
    pub(super) word: String,
    pub(super) grant: Vec<Change>,
    pub(super) revoke: Vec<Change>,
    /// Counts the steps: granted, being revoked, revoked, being granted, and round again.
    pub(super) phase: AtomicU64,
    /// Readers that are in the middle of looking at it.
    pub(super) readers: AtomicU64,
    /// The last revocation that a reader was in the middle of, as the phase in which it began.
    pub(super) raced: AtomicU64,
    /// A cursor behind the first of the tickets, from a time when both were seen.
    pub(super) cursor: Mutex<Option<String>>,
}

/// The steps of [`Way::phase`], of which there are this many.
pub(super) const STEPS: u64 = 4;
pub(super) const GRANTED: u64 = 0;
pub(super) const BEING_REVOKED: u64 = 1;
pub(super) const REVOKED: u64 = 2;

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Membership,
    Organization,
    MemberOfLedGroup,
    LedGroup,
    NarrowerRole,
    NoRole,
    RoleExpression,
    RoleRemoved,
    Suspended,
    PrincipalRemoved,
    GroupPrivate,
    GroupInactive,
    TreeMove,
    TreeMoveAbove,
    TenantRelation,
    TicketMoved,
    TicketReassigned,
    CopyRemoved,
    Spam,
    Deleted,
    Erased,
    PartPrivate,
    PartRedacted,
    PartRemoved,
    ViewPrivateNarrowed,
    ViewSideNarrowed,
}

impl Kind {
    pub(super) const ALL: [Self; 26] = [
        Self::Membership,
        Self::Organization,
        Self::MemberOfLedGroup,
        Self::LedGroup,
        Self::NarrowerRole,
        Self::NoRole,
        Self::RoleExpression,
        Self::RoleRemoved,
        Self::Suspended,
        Self::PrincipalRemoved,
        Self::GroupPrivate,
        Self::GroupInactive,
        Self::TreeMove,
        Self::TreeMoveAbove,
        Self::TenantRelation,
        Self::TicketMoved,
        Self::TicketReassigned,
        Self::CopyRemoved,
        Self::Spam,
        Self::Deleted,
        Self::Erased,
        Self::PartPrivate,
        Self::PartRedacted,
        Self::PartRemoved,
        Self::ViewPrivateNarrowed,
        Self::ViewSideNarrowed,
    ];

    /// Whether the tickets stay visible and a part of them does not.
    pub(super) fn is_of_a_part(self) -> bool {
        matches!(
            self,
            Self::PartPrivate
                | Self::PartRedacted
                | Self::PartRemoved
                | Self::ViewPrivateNarrowed
                | Self::ViewSideNarrowed
        )
    }
}

/// Sees everything that is not deleted: hidden from nobody's point of view but its own.
pub(super) const ADMIN: &str = "root";

/// People whose scopes are asked for before anything happens and kept from then on.
pub(super) const WATCHERS: usize = 200;

pub(super) fn watcher(number: usize) -> String {
    format!("watcher-{number}")
}

/// The schema, the roles and the people that all ways share. Watchers see the groups of several ways.
pub(super) fn shared(ways: usize) -> Vec<Change> {
    let relations = vec!["premium".into()];
    let mut changes = vec![
        Change::state(Fact::Schema(SchemaDecl { relations, ..SchemaDecl::default() })),
        role("groups", &[("view", "group in my.groups")]),
        role("organizations", &[("view", "organization in my.organizations")]),
        role("lead", &[("view", "assignee in members(my.led_groups)")]),
        role("blind", &[("view", "none")]),
        role("public", &[("view", "group in tenant.public_groups")]),
        role("active", &[("view", "group in my.groups & group in tenant.active_groups")]),
        role("tree", &[("view", "department in under(my.departments)")]),
        role("premium", &[("view", "group in tenant.premium")]),
        role("own", &[("view", "assignee = me")]),
        role("copied", &[("view", "cc has me")]),
        principal(ADMIN, "generic.admin"),
    ];
    for number in 0..WATCHERS {
        let who = watcher(number);
        changes.push(principal(&who, "groups"));
        changes
            .extend((0..ways).filter(|way| (way + number) % 7 < 3).map(|way| rel(&who, "groups", &format!("g{way}"))));
    }
    changes
}

fn body(word: &str) -> String {
    format!("{word} and a printer")
}

/// Way `number` of a tenant, and what makes it possible.
pub(super) fn way(kind: Kind, number: usize, setup: &mut Vec<Change>) -> Way {
    let (agent, group_id, own_role) = (format!("agent-{number}"), format!("g{number}"), format!("role-{number}"));
    let (leaf, middle, root) = (format!("leaf{number}"), format!("middle{number}"), format!("root{number}"));
    let (led, user, organization) = (format!("led{number}"), format!("user{number}"), format!("org{number}"));
    let (tag, word) = (format!("tag{number:04}x"), format!("secret{number:04}word"));
    let first = i64::try_from(number).unwrap() * 2;
    let tickets = [first, first + 1];
    let fields = [
        ("group", &*group_id),
        ("organization", &*organization),
        ("department", &*leaf),
        ("assignee", &*user),
        ("tags", &*tag),
        ("status", "open"),
    ];
    let word_of_all = if kind.is_of_a_part() { "plain".to_owned() } else { body(&word) };
    let both = |make: &dyn Fn(i64) -> Change| tickets.map(make).to_vec();
    let part = |class: TextClass, words: String| both(&|id| text(id, "part", class, &words));
    let patch = |name: &'static str, value: &str| both(&|id| ticket(id, &[(name, value)]));
    let make = || {
        let mut changes = both(&|id| ticket(id, &fields));
        changes.extend(both(&|id| text(id, "subject", TextClass::Subject, &word_of_all)));
        changes
    };
    setup.extend(make());
    let is = |role: &str| principal(&agent, role);
    let joins = rel(&agent, "groups", &group_id);
    let one = |change: Change| vec![change];
    let (begin, grant, revoke): (Vec<Change>, Vec<Change>, Vec<Change>) = match kind {
        Kind::Membership => (one(is("groups")), one(joins.clone()), one(gone(joins))),
        Kind::Organization => {
            let belongs = rel(&agent, "organizations", &organization);
            (one(is("organizations")), one(belongs.clone()), one(gone(belongs)))
        }
        Kind::MemberOfLedGroup => {
            let leads = rel(&agent, "led_groups", &led);
            (vec![is("lead"), leads], one(member(&led, &user)), one(gone(member(&led, &user))))
        }
        Kind::LedGroup => {
            let leads = rel(&agent, "led_groups", &led);
            (vec![is("lead"), member(&led, &user)], one(leads.clone()), one(gone(leads)))
        }
        Kind::NarrowerRole => (one(joins), one(is("groups")), one(is("blind"))),
        Kind::NoRole => (one(joins), one(is("groups")), one(is(""))),
        Kind::RoleExpression => {
            let rule = |view| one(role(&own_role, &[("view", view)]));
            (vec![is(&own_role), joins], rule("group in my.groups"), rule("group in my.groups & assignee = me"))
        }
        Kind::RoleRemoved => {
            let rule = role(&own_role, &[("view", "group in my.groups")]);
            (vec![is(&own_role), joins], one(rule.clone()), one(gone(rule)))
        }
        Kind::Suspended => (one(joins), one(is("groups")), one(suspended(is("groups")))),
        Kind::PrincipalRemoved => (Vec::new(), vec![is("groups"), joins], one(gone(is("groups")))),
        Kind::GroupPrivate => (one(is("public")), one(group(&group_id, "public")), one(group(&group_id, "!public"))),
        Kind::GroupInactive => {
            (vec![is("active"), joins], one(group(&group_id, "active")), one(group(&group_id, "!active")))
        }
        Kind::TreeMove | Kind::TreeMoveAbove => {
            let moves = if kind == Kind::TreeMove { &leaf } else { &middle };
            let below = |parent: &str| one(value("department", moves, parent, ""));
            let above = if kind == Kind::TreeMove { vec![] } else { one(value("department", &leaf, &middle, "")) };
            ([vec![is("tree"), rel(&agent, "departments", &root)], above].concat(), below(&root), below("elsewhere"))
        }
        Kind::TenantRelation => {
            let premium = tenant_rel("premium", &group_id);
            (one(is("premium")), one(premium.clone()), one(gone(premium)))
        }
        Kind::TicketMoved => (vec![is("groups"), joins], patch("group", &group_id), patch("group", "elsewhere")),
        Kind::TicketReassigned => (one(is("own")), patch("assignee", &agent), patch("assignee", &user)),
        Kind::CopyRemoved => (one(is("copied")), patch("cc", &agent), patch("cc", "")),
        Kind::Spam => (vec![is("groups"), joins], patch("life", "live"), patch("life", "spam")),
        Kind::Deleted => (vec![is("groups"), joins], patch("life", "live"), patch("life", "deleted")),
        Kind::Erased => (vec![is("groups"), joins], make(), both(&del)),
        Kind::PartPrivate => {
            (vec![is("groups"), joins], part(TextClass::Public, body(&word)), part(TextClass::Private, body(&word)))
        }
        Kind::PartRedacted => (
            vec![is("groups"), joins],
            part(TextClass::Public, body(&word)),
            part(TextClass::Public, "redacted".into()),
        ),
        Kind::PartRemoved => {
            let there = part(TextClass::Public, body(&word));
            (vec![is("groups"), joins], there.clone(), there.into_iter().map(gone).collect())
        }
        Kind::ViewPrivateNarrowed | Kind::ViewSideNarrowed => {
            let (class, verb) = match kind {
                Kind::ViewPrivateNarrowed => (TextClass::Private, "view_private"),
                _ => (TextClass::Side, "view_side"),
            };
            let rule = |expr| one(role(&own_role, &[("view", "group in my.groups"), (verb, expr)]));
            let begin = [vec![is(&own_role), joins], part(class, body(&word))].concat();
            (begin, rule("group in my.groups"), rule("assignee = me"))
        }
    };
    // A role is there before the principal who has it.
    setup.extend(grant.iter().cloned());
    setup.extend(begin);
    Way {
        kind,
        agent,
        tickets,
        tag,
        word,
        grant,
        revoke,
        phase: AtomicU64::new(0),
        readers: AtomicU64::new(0),
        raced: AtomicU64::new(0),
        cursor: Mutex::default(),
    }
}
