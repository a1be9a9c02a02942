//! What queries find and how answers are shaped, each rule by a small example.

mod common;

use common::*;
use ticketscope_model::{Change, Fact, FieldDecl, FieldKind, SchemaDecl, TicketKey, Timestamp};
use ticketscope_testkit::oracle::{Answers, Asker, Op, Page, Query, Sort, SortBy, Term, Test, Unit, World};

const NOW: &str = "2026-01-10T12:00:00Z";

fn answers<'w>(world: &'w World, asker: &str) -> Answers<'w> {
    world.answers(Asker::Principal(asker.to_owned()), Timestamp::parse(NOW).expect("the constant is a date"))
}

/// anna sees group `a`, bob everything.
fn setup(tickets: &[Change]) -> World {
    let mut world = world(&[
        principal("anna", "generic.group"),
        rel("anna", "groups", "a"),
        principal("bob", "zendesk.all"),
        rel("bob", "brands", "x"),
    ]);
    let fields = vec![FieldDecl { name: "score".into(), kind: FieldKind::Number, many: false }];
    apply(&mut world, &[Change::state(Fact::Schema(SchemaDecl { fields, ..SchemaDecl::default() }))]);
    apply(&mut world, tickets);
    world
}

fn in_a(key: i64, fields: &[(&str, &str)]) -> Change {
    let mut all = vec![("group", "a"), ("brand", "x")];
    all.extend_from_slice(fields);
    ticket(key, &all)
}

fn ints(keys: &[TicketKey]) -> Vec<i64> {
    keys.iter()
        .map(|key| if let TicketKey::Int(number) = key { *number } else { unreachable!("only numbers") })
        .collect()
}

fn hits(world: &World, terms: Vec<Term>) -> Vec<i64> {
    let found: Vec<_> = answers(world, "anna").hits(&Query::of(terms)).into_iter().cloned().collect();
    ints(&found)
}

#[test]
fn repeating_a_key_is_or_different_keys_are_and() {
    let world = setup(&[
        in_a(1, &[("tags", "gold"), ("status", "open")]),
        in_a(2, &[("tags", "silver"), ("status", "open")]),
        in_a(3, &[("tags", "silver"), ("status", "new")]),
        in_a(4, &[("status", "open")]),
    ]);
    let tag = |value| Term::is("tags", value);
    assert_eq!(hits(&world, vec![]), [1, 2, 3, 4]);
    assert_eq!(hits(&world, vec![tag("gold"), tag("silver")]), [1, 2, 3]);
    assert_eq!(hits(&world, vec![tag("gold"), Term::is("status", "open"), tag("silver")]), [1, 2]);
    assert_eq!(hits(&world, vec![tag("gold").negate(), tag("silver").negate()]), [4]);
    assert_eq!(hits(&world, vec![tag("gold"), Term::field("tags", Test::None)]), [1, 4]);
    assert_eq!(hits(&world, vec![Term::field("tags", Test::Any)]), [1, 2, 3]);
    assert_eq!(hits(&world, vec![Term::field("tags", Test::Any).negate()]), [4]);
    assert_eq!(hits(&world, vec![Term::Id { negated: false, id: 2 }]), [2]);
    assert_eq!(hits(&world, vec![Term::Id { negated: true, id: 2 }, tag("silver")]), [3]);
    assert_eq!(hits(&world, vec![tag("bronze")]), Vec::<i64>::new());
}

#[test]
fn aliases_of_one_field_are_one_key() {
    let world = setup(&[in_a(1, &[("organization", "o")]), in_a(2, &[("organization", "p")])]);
    assert_eq!(hits(&world, vec![Term::is("org", "o"), Term::is("organization", "p")]), [1, 2]);
}

#[test]
fn comparisons_of_one_key_make_a_range() {
    let world =
        setup(&[in_a(1, &[("score", "1")]), in_a(2, &[("score", "9")]), in_a(3, &[("score", "10")]), in_a(4, &[])]);
    let score = |op, with| Term::compare("score", op, with);
    assert_eq!(hits(&world, vec![score(Op::Greater, "1"), score(Op::AtMost, "10")]), [2, 3]);
    assert_eq!(hits(&world, vec![score(Op::Less, "10"), score(Op::AtLeast, "1")]), [1, 2]);
    assert_eq!(hits(&world, vec![Term::is("score", "10.0")]), [3]);
    assert_eq!(hits(&world, vec![score(Op::Greater, "1").negate()]), [1, 4]);
}

#[test]
fn ordered_keywords_compare_by_rank_and_values_without_one_never_match() {
    let world = setup(&[
        in_a(1, &[("status", "new")]),
        in_a(2, &[("status", "hold")]),
        in_a(3, &[("status", "closed")]),
        in_a(4, &[("status", "zzz")]),
        in_a(5, &[]),
    ]);
    let status = |op, with| vec![Term::compare("status", op, with)];
    assert_eq!(hits(&world, status(Op::Less, "solved")), [1, 2]);
    assert_eq!(hits(&world, status(Op::AtLeast, "hold")), [2, 3]);
    assert_eq!(hits(&world, status(Op::Greater, "closed")), Vec::<i64>::new());
    assert_eq!(hits(&world, status(Op::AtMost, "zzz")), Vec::<i64>::new());
}

#[test]
fn a_bare_date_is_a_day_at_most_it_includes_it_and_other_comparisons_take_its_first_moment() {
    let world = setup(&[
        in_a(1, &[("created_at", "2026-01-04T23:59:59.999Z")]),
        in_a(2, &[("created_at", "2026-01-05T00:00:00Z")]),
        in_a(3, &[("created_at", "2026-01-05T23:59:59.999Z")]),
        in_a(4, &[("created_at", "2026-01-06T00:00:00Z")]),
        in_a(5, &[]),
    ]);
    let day = |op| vec![Term::compare("created", op, "2026-01-05")];
    assert_eq!(hits(&world, vec![Term::is("created", "2026-01-05")]), [2, 3]);
    assert_eq!(hits(&world, day(Op::Less)), [1]);
    assert_eq!(hits(&world, day(Op::AtMost)), [1, 2, 3]);
    assert_eq!(hits(&world, day(Op::Greater)), [3, 4]);
    assert_eq!(hits(&world, day(Op::AtLeast)), [2, 3, 4]);
    let second = |text| vec![Term::is("created", text)];
    assert_eq!(hits(&world, second("2026-01-05T23:59:59Z")), [3]);
    assert_eq!(hits(&world, second("2026-01-05T23:59:59.998Z")), Vec::<i64>::new());
}

#[test]
fn relative_dates_count_back_from_now() {
    let world = setup(&[
        in_a(1, &[("created_at", "2026-01-10T08:00:00Z")]),
        in_a(2, &[("created_at", "2026-01-10T08:00:00.001Z")]),
        in_a(3, &[("created_at", "2025-12-10T11:59:59Z")]),
    ]);
    assert_eq!(hits(&world, vec![Term::ago("created", Op::Greater, 4, Unit::Hours)]), [2]);
    assert_eq!(hits(&world, vec![Term::ago("created", Op::AtMost, 4, Unit::Hours)]), [1, 3]);
    assert_eq!(hits(&world, vec![Term::ago("created", Op::Less, 1, Unit::Months)]), [3]);
}

#[test]
fn quoted_keywords_are_values_and_me_is_the_asker() {
    let world =
        setup(&[in_a(1, &[("tags", "none"), ("cc", "me")]), in_a(2, &[("cc", "anna")]), in_a(3, &[("cc", "Anna")])]);
    assert_eq!(hits(&world, vec![Term::is("tags", "none")]), [1]);
    assert_eq!(hits(&world, vec![Term::field("tags", Test::None)]), [2, 3]);
    assert_eq!(hits(&world, vec![Term::is("cc", "me")]), [1]);
    assert_eq!(hits(&world, vec![Term::field("cc", Test::Me)]), [2]);
    let admin = world.answers(Asker::Admin, Timestamp::parse(NOW).unwrap());
    assert_eq!(admin.count(&Query::of(vec![Term::field("cc", Test::Me)])), 0);
}

#[test]
fn folding_helps_only_where_no_visible_ticket_holds_the_exact_value() {
    let hidden = ticket(3, &[("group", "b"), ("brand", "x"), ("tags", "CAFE")]);
    let world = setup(&[in_a(1, &[("tags", "Caf\u{e9}")]), in_a(2, &[("tags", "cafe")]), hidden]);
    let found = |asker, value| {
        let query = Query::of(vec![Term::is("tags", value)]);
        ints(&answers(&world, asker).hits(&query).into_iter().cloned().collect::<Vec<_>>())
    };
    assert_eq!(found("anna", "cafe"), [2]);
    assert_eq!(found("anna", "CAF\u{c9}"), [1, 2]);
    // The ticket that anna does not see makes no difference to her, but does to bob.
    assert_eq!(found("anna", "CAFE"), [1, 2]);
    assert_eq!(found("bob", "CAFE"), [3]);
}

#[test]
fn a_list_is_newest_first_then_by_key_and_tickets_without_a_value_come_last() {
    let world = setup(&[
        in_a(3, &[("updated_at", "2026-01-02")]),
        in_a(1, &[("updated_at", "2026-01-02")]),
        in_a(2, &[]),
        in_a(4, &[("updated_at", "2026-01-03")]),
        ticket(5, &[("group", "b"), ("updated_at", "2026-01-09")]),
    ]);
    let anna = answers(&world, "anna");
    let page = |limit, from| anna.list(&Query::default(), &Sort::default(), limit, Page::From(from));
    assert_eq!(ints(&page(10, 0).keys), [4, 1, 3, 2]);
    assert_eq!(ints(&page(2, 1).keys), [1, 3]);
    assert_eq!(page(2, 1).total, 4);
    assert_eq!(ints(&page(2, 4).keys), Vec::<i64>::new());

    let one = TicketKey::Int(1);
    let place = Sort::default().position(&world, &one, world.ticket(&one).unwrap());
    let after = anna.list(&Query::default(), &Sort::default(), 10, Page::After(place));
    assert_eq!(ints(&after.keys), [3, 2]);
    let oldest = anna.list(&Query::default(), &Sort::by_field("updated", false), 10, Page::From(0));
    assert_eq!(ints(&oldest.keys), [1, 3, 4, 2]);
}

#[test]
fn orders_follow_rank_then_text_and_the_smallest_of_many_values() {
    let world = setup(&[
        in_a(1, &[("status", "solved"), ("type", "b"), ("score", "9")]),
        in_a(2, &[("status", "open"), ("type", "B"), ("score", "10")]),
        in_a(3, &[("status", "aaa"), ("type", "a"), ("score", "-1")]),
        in_a(4, &[]),
    ]);
    let listed = |sort: Sort| ints(&answers(&world, "anna").list(&Query::default(), &sort, 10, Page::From(0)).keys);
    assert_eq!(listed(Sort::by_field("status", false)), [2, 1, 3, 4]);
    assert_eq!(listed(Sort::by_field("status", true)), [3, 1, 2, 4]);
    assert_eq!(listed(Sort::by_field("type", false)), [2, 3, 1, 4]);
    assert_eq!(listed(Sort::by_field("score", true)), [2, 1, 3, 4]);
    assert_eq!(listed(Sort { by: SortBy::Key, descending: true }), [4, 3, 2, 1]);
    assert_eq!(Sort::by_field("priority", true).to_string(), "order_by:priority sort:desc");

    let add = |key, value| {
        let mut change = ticket(key, &[]);
        if let Fact::Ticket(patch) = &mut change.fact {
            patch.fields.push(("tags".into(), ticketscope_model::FieldPatch::Add(raw(value))));
        }
        change
    };
    let world = setup(&[in_a(1, &[("tags", "c")]), in_a(2, &[("tags", "d")]), add(2, "b"), in_a(3, &[("tags", "a")])]);
    let listed = |sort: Sort| ints(&answers(&world, "anna").list(&Query::default(), &sort, 10, Page::From(0)).keys);
    assert_eq!(listed(Sort::by_field("tags", false)), [3, 2, 1]);
    assert_eq!(listed(Sort::by_field("tags", true)), [1, 2, 3]);
}

#[test]
fn facets_count_visible_tickets_and_those_without_a_value() {
    let world = setup(&[
        in_a(1, &[("status", "open")]),
        in_a(2, &[("status", "new")]),
        in_a(3, &[("status", "new")]),
        in_a(4, &[("status", "hold")]),
        in_a(5, &[]),
        ticket(6, &[("group", "b"), ("status", "open")]),
    ]);
    let anna = answers(&world, "anna");
    let facet = &anna.facets(&Query::default(), &["status"])["status"];
    let counts: Vec<_> = facet.values.iter().map(|(value, count)| (value.as_str(), *count)).collect();
    assert_eq!(counts, [("new", 2), ("hold", 1), ("open", 1)]);
    assert_eq!(facet.none, 1);
    let sum: usize = facet.values.iter().map(|(_, count)| count).sum();
    assert_eq!(sum + facet.none, anna.count(&Query::default()));
}
