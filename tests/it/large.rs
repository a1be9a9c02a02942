//! Tenants that are large enough for every form of a set and every way to follow a batch.

use fastrand::Rng;
use ticketscope_model::{Change, Timestamp};
use ticketscope_testkit::oracle::{Asker, Op, Query, Sort, SortBy, Term, Test};

use crate::{
    answers::{Published, Questions, compare},
    changes::{del, group, member, principal, rel, ticket},
    oracle::{kept_is_fresh, published_is_rebuilt},
    world::Twin,
};

/// A tenant of many tickets with consecutive ids.
pub(crate) struct Large {
    pub(crate) twin: Twin,
    pub(crate) now: Timestamp,
    size: i64,
}

const PEOPLE: &[(&str, &str)] = &[
    ("global", "zendesk.all"),
    ("groups", "zendesk.groups"),
    ("public", "zendesk.groups_public"),
    ("assigned", "generic.restricted"),
    ("boss", "voximplant.supervisor"),
    ("unassigned", "intercom.me_unassigned"),
    ("except", "intercom.all_except"),
];

const STATUSES: &[&str] = &["new", "open", "pending", "hold", "solved", "closed"];

impl Large {
    /// A tenant of `size` tickets.
    pub(crate) fn new(rng: &mut Rng, size: i64) -> Self {
        let mut twin = Twin::new();
        let mut setup: Vec<Change> = PEOPLE.iter().map(|(id, role)| principal(id, role)).collect();
        for (id, _) in PEOPLE {
            setup.push(rel(id, "brands", "b0"));
            setup.extend(["g0", "g3", "g7"].map(|group| rel(id, "groups", group)));
            setup.push(rel(id, "led_groups", "g1"));
            setup.push(rel(id, "excluded_teams", "t1"));
        }
        setup.extend([group("g2", "public"), group("g3", "!public"), member("g1", "assigned"), member("g1", "a5")]);
        twin.submit(&setup).unwrap();
        let mut large = Self { twin, now: Timestamp::parse("2026-03-31T12:00:00Z").unwrap(), size };
        let tickets: Vec<Change> = (1..=size).map(|id| large.random(rng, id)).collect();
        for batch in tickets.chunks(30_000) {
            large.submit(batch);
        }
        large
    }

    pub(crate) fn askers() -> Vec<String> {
        PEOPLE.iter().map(|(id, _)| (*id).to_owned()).collect()
    }

    /// A batch of which nothing is refused: no copy of the world is kept for going back.
    pub(crate) fn submit(&mut self, batch: &[Change]) {
        self.twin.begin_import();
        self.twin.import(batch).unwrap();
    }

    fn random(&self, rng: &mut Rng, id: i64) -> Change {
        let group = format!("g{}", rng.u32(..10));
        let team = format!("t{}", rng.u32(..4));
        let assignee = match rng.u32(..10) {
            0 => "assigned".to_owned(),
            1..=4 => format!("a{}", rng.u32(..50)),
            _ => String::new(),
        };
        let second = rng.i64(0..2_000_000);
        let updated = Timestamp(self.now.0 - second * 1000).to_string();
        let created = Timestamp(self.now.0 - (second + rng.i64(0..100)) * 1000).to_string();
        let tags = match rng.u32(..200) {
            0 => "rare,common",
            1..=100 => "common",
            _ => "",
        };
        let cc = if rng.u32(..50) == 0 { "groups,a1" } else { "" };
        ticket(
            id,
            &[
                ("group", if rng.u32(..8) == 0 { "" } else { &group }),
                ("team", if rng.bool() { &team } else { "" }),
                ("brand", if rng.u32(..5) == 0 { "b1" } else { "b0" }),
                ("assignee", &assignee),
                ("status", STATUSES[rng.usize(..STATUSES.len())]),
                ("priority", ["low", "normal", "high", "urgent", ""][rng.usize(..5)]),
                ("tags", tags),
                ("cc", cc),
                ("life", if rng.u32(..40) == 0 { "deleted" } else { "live" }),
                ("updated_at", if rng.u32(..100) == 0 { "" } else { &updated }),
                ("created_at", &created),
            ],
        )
    }

    /// `count` random ids.
    fn some(&self, rng: &mut Rng, count: usize) -> Vec<i64> {
        let mut ids: Vec<i64> = (1..=self.size).collect();
        rng.shuffle(&mut ids);
        ids.truncate(count);
        ids
    }

    /// Changes `count` tickets in one batch, in one of several ways.
    fn change(&mut self, rng: &mut Rng, count: usize) {
        let ids = self.some(rng, count);
        let way = rng.u32(..5);
        let batch: Vec<Change> = ids
            .into_iter()
            .map(|id| match way {
                0 => ticket(id, &[("group", ["g0", "g1", "g2", ""][rng.usize(..4)])]),
                1 => ticket(id, &[("assignee", ["assigned", "", "a5"][rng.usize(..3)]), ("status", "open")]),
                2 => del(id),
                3 => ticket(id, &[("updated_at", "2026-03-31T11:00:00Z"), ("tags", "rare")]),
                _ => self.random(rng, id),
            })
            .collect();
        self.submit(&batch);
    }

    /// Compares the tenant with the oracle.
    fn compare(&self, rng: &mut Rng, queries: usize) {
        let questions = Questions { askers: Self::askers(), queries, query: &question, judged: 60, rows: false };
        let found = Published::new(self.twin.tenant(), self.now);
        compare(&found, &self.twin.world, self.now, rng, &questions).unwrap();
    }
}

fn question(rng: &mut Rng) -> (Query, Sort) {
    let terms = [
        Term::is("status", STATUSES[rng.usize(..STATUSES.len())]),
        Term::is("status", STATUSES[rng.usize(..STATUSES.len())]).negate(),
        Term::is("group", ["g0", "g1", "g9", "G3"][rng.usize(..4)]),
        Term::is("tags", ["rare", "common", "COMMON"][rng.usize(..3)]),
        Term::field("assignee", [Test::None, Test::Any][rng.usize(..2)].clone()),
        Term::compare("priority", [Op::Greater, Op::AtMost][rng.usize(..2)], "normal"),
        Term::compare("created", [Op::Less, Op::AtMost, Op::AtLeast][rng.usize(..3)], "2026-03-20"),
        Term::Id { negated: true, id: 17 },
    ];
    let terms: Vec<Term> = terms.into_iter().filter(|_| rng.u32(..5) == 0).collect();
    let by = match rng.u32(..5) {
        0 => SortBy::Key,
        1 => SortBy::Field("created_at".into()),
        2 => SortBy::Field("priority".into()),
        3 => SortBy::Field("group".into()),
        _ => SortBy::Field("updated_at".into()),
    };
    (Query::of(terms), Sort { by, descending: rng.bool() })
}

fn askers() -> Vec<Asker> {
    Large::askers().into_iter().map(Asker::Principal).chain([Asker::Admin]).collect()
}

/// Changes the tenant in batches of these sizes, and checks what is kept after each.
fn follow(rng: &mut Rng, large: &mut Large, sizes: &[usize]) {
    let askers = askers();
    let now = large.now;
    kept_is_fresh(&large.twin.tenant().snapshot(), &askers, now).unwrap();
    for size in sizes {
        large.change(rng, *size);
        let kept = kept_is_fresh(&large.twin.tenant().snapshot(), &askers, now);
        kept.unwrap_or_else(|difference| panic!("after {size} changes: {difference}"));
    }
}

#[test]
fn five_thousand_tickets_answer_as_the_oracle_does_while_batches_of_all_sizes_follow() {
    let mut rng = Rng::with_seed(3);
    let mut large = Large::new(&mut rng, 5_200);
    large.compare(&mut rng, 3);
    // On both sides of the number from which a batch is followed as a whole.
    follow(&mut rng, &mut large, &[1, 17, 1023, 1024, 1025, 1200, 3, 4000, 1024, 1025, 200]);
    large.compare(&mut rng, 3);
    published_is_rebuilt(&large.twin).unwrap();
    large.twin.reopen(false);
    follow(&mut rng, &mut large, &[5, 1500]);
    large.compare(&mut rng, 2);
    large.twin.reopen(true);
    follow(&mut rng, &mut large, &[1100, 5]);
    large.compare(&mut rng, 2);
    published_is_rebuilt(&large.twin).unwrap();
}

/// A value's tickets are kept as a list up to 4,096 and as blocks above.
#[test]
fn a_value_that_crosses_the_length_of_a_list_keeps_its_tickets() {
    let mut rng = Rng::with_seed(4);
    let mut large = Large::new(&mut rng, 100);
    let brand = |ids: std::ops::RangeInclusive<i64>, brand: &str| -> Vec<Change> {
        ids.map(|id| ticket(id, &[("brand", brand), ("assignee", "assigned")])).collect()
    };
    large.submit(&brand(101..=4_195, "edge"));
    let askers = askers();
    for (ids, to) in [
        (4_196..=4_196, "edge"),
        (4_197..=4_197, "edge"),
        (4_198..=4_198, "edge"),
        (4_198..=4_198, ""),
        (4_197..=4_198, "x"),
        (4_196..=4_197, ""),
        (4_190..=4_260, "edge"),
    ] {
        large.submit(&brand(ids.clone(), to));
        kept_is_fresh(&large.twin.tenant().snapshot(), &askers, large.now).unwrap();
        published_is_rebuilt(&large.twin).unwrap_or_else(|difference| panic!("{ids:?} to {to}: {difference}"));
        let found = Published::new(large.twin.tenant(), large.now);
        let questions = Questions {
            askers: vec!["assigned".into()],
            queries: 1,
            query: &|_| (Query::of(vec![Term::is("brand", "edge")]), Sort::default()),
            judged: 5,
            rows: false,
        };
        compare(&found, &large.twin.world, large.now, &mut rng, &questions).unwrap();
    }
}

/// Sets are kept in blocks of 65,536 ordinals.
#[test]
fn seventy_thousand_tickets_answer_as_the_oracle_does_across_the_border_of_a_block() {
    let mut rng = Rng::with_seed(5);
    let mut large = Large::new(&mut rng, 65_500);
    let askers = askers();
    kept_is_fresh(&large.twin.tenant().snapshot(), &askers, large.now).unwrap();
    // One by one over the border, and then many at once.
    for ids in [65_501..=65_534, 65_535..=65_535, 65_536..=65_536, 65_537..=65_537, 65_538..=65_540, 65_541..=68_000] {
        let batch: Vec<Change> = ids.map(|id| large.random(&mut rng, id)).collect();
        large.submit(&batch);
        large.size += i64::try_from(batch.len()).unwrap();
        kept_is_fresh(&large.twin.tenant().snapshot(), &askers, large.now).unwrap();
    }
    follow(&mut rng, &mut large, &[1, 1024, 1025, 9_000]);
    large.compare(&mut rng, 1);
    published_is_rebuilt(&large.twin).unwrap();
    large.twin.reopen(true);
    follow(&mut rng, &mut large, &[700]);
    large.compare(&mut rng, 1);
}
