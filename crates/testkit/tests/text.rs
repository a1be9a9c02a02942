//! What words find and how tickets are ranked, each rule by a small example.

mod common;

use std::rc::Rc;

use common::*;
use ticketscope_model::{
    Change, ExprSource, Fact, FieldDecl, FieldKind, RoleFact, SchemaDecl,
    TextClass::{self, Description, Private, Public, Side, Subject},
    TicketKey, Timestamp,
};
use ticketscope_testkit::oracle::{
    Answers, Asker, Expr, Query, Term, WordPattern, WordScope, World,
    text::{Library, Ranked},
};

fn word(word: &str) -> Term {
    Term::words(WordPattern::Word(word.to_owned()))
}

fn phrase(text: &str) -> Term {
    Term::words(WordPattern::Phrase(text.to_owned()))
}

fn prefix(prefix: &str) -> Term {
    Term::words(WordPattern::Prefix(prefix.to_owned()))
}

fn within(scope: &WordScope, word: &str) -> Term {
    Term::words_in(scope.clone(), WordPattern::Word(word.to_owned()))
}

fn number(id: i64) -> Term {
    Term::Id { negated: false, id }
}

/// Everybody's tickets are in group `a` unless they are in `b`: anna sees `a` and no private text, lena sees `a`, its
/// private text and side conversations, bert sees everything but reads private text in `b` alone.
fn setup(tickets: &[Change]) -> World {
    let mut world = World::new();
    let (a, b) = (Expr::one_of("group", &["a"]), Expr::one_of("group", &["b"]));
    for expr in [&a, &b, &Expr::All] {
        world.teach(expr);
    }
    let role = |id: &str, verbs: &[(&str, &Expr)]| {
        let source = |expr: &Expr| ExprSource::Text(expr.to_string().into());
        let verbs = verbs.iter().map(|(verb, expr)| ((*verb).into(), source(expr))).collect();
        Change::state(Fact::Role(RoleFact { id: id.into(), verbs }))
    };
    let diagnosis = FieldDecl { name: "diagnosis".into(), kind: FieldKind::Text, many: false };
    apply(
        &mut world,
        &[
            Change::state(Fact::Schema(SchemaDecl { fields: vec![diagnosis], ..SchemaDecl::default() })),
            role("agent", &[("view", &a)]),
            role("lead", &[("view", &a), ("view_private", &Expr::All), ("view_side", &a)]),
            role("auditor", &[("view", &Expr::All), ("view_private", &b)]),
            principal("anna", "agent"),
            principal("lena", "lead"),
            principal("bert", "auditor"),
        ],
    );
    apply(&mut world, tickets);
    world
}

/// A ticket of group `a` with text: class and body of each part.
fn letter(key: i64, parts: &[(TextClass, &str)]) -> Vec<Change> {
    letter_in("a", key, parts)
}

fn letter_in(group: &str, key: i64, parts: &[(TextClass, &str)]) -> Vec<Change> {
    let parts = parts.iter().enumerate().map(|(at, (class, body))| text(key, &format!("p{at}"), *class, "", body));
    std::iter::once(ticket(key, &[("group", group)])).chain(parts).collect()
}

fn ask<'w>(world: &'w World, asker: &str) -> Answers<'w> {
    world.answers(Asker::Principal(asker.to_owned()), Timestamp(0))
}

fn ints<'k>(keys: impl IntoIterator<Item = &'k TicketKey>) -> Vec<i64> {
    let int = |key: &TicketKey| if let TicketKey::Int(key) = key { *key } else { unreachable!("only numbers") };
    keys.into_iter().map(int).collect()
}

fn hits(world: &World, asker: &str, terms: Vec<Term>) -> Vec<i64> {
    ints(ask(world, asker).hits(&Query::of(terms)))
}

#[test]
fn all_words_must_match_by_stem_case_and_accents_aside_one_here_and_another_there() {
    let world = setup(
        &[
            letter(1, &[(Subject, "Refund"), (Public, "the printer")]),
            letter(2, &[(Subject, "REFUNDED printers")]),
            letter(3, &[(Description, "re\u{301}fund"), (Public, "fund")]),
            letter(4, &[(Public, "printer")]),
            letter(5, &[]),
        ]
        .concat(),
    );
    assert_eq!(hits(&world, "anna", vec![word("refunds")]), [1, 2, 3]);
    assert_eq!(hits(&world, "anna", vec![word("refunds"), word("PRINTER")]), [1, 2]);
    assert_eq!(hits(&world, "anna", vec![word("refunds"), word("printer").negate()]), [3]);
    assert_eq!(hits(&world, "anna", vec![word("refunds").negate()]), [4, 5]);
    assert_eq!(hits(&world, "anna", vec![word("refunds"), Term::is("group", "b")]), [0; 0]);
    assert_eq!(hits(&world, "anna", vec![word("missing")]), [0; 0]);
}

#[test]
fn private_and_side_text_is_read_where_it_is_covered_and_the_ticket_is_seen() {
    let world = setup(
        &[
            letter(1, &[(Private, "refund")]),
            letter(2, &[(Side, "refund")]),
            letter(3, &[(Public, "refund")]),
            letter_in("b", 4, &[(Private, "refund")]),
            letter_in("b", 5, &[(Side, "refund")]),
        ]
        .concat(),
    );
    let refund = || vec![word("refund")];
    assert_eq!(hits(&world, "anna", refund()), [3]);
    assert_eq!(hits(&world, "lena", refund()), [1, 2, 3]);
    assert_eq!(hits(&world, "bert", refund()), [3, 4]);
    assert_eq!(hits(&world, "nobody", refund()), [0; 0]);
    assert_eq!(ints(world.answers(Asker::Admin, Timestamp(0)).hits(&Query::of(refund()))), [1, 2, 3, 4, 5]);
    let unwanted = || vec![word("refund").negate()];
    assert_eq!(hits(&world, "anna", unwanted()), [1, 2]);
    assert_eq!(hits(&world, "bert", unwanted()), [1, 2, 5]);
}

#[test]
fn a_scope_limits_words_to_its_classes() {
    let world = setup(
        &[
            letter(1, &[(Subject, "fax")]),
            letter(2, &[(Description, "fax")]),
            letter(3, &[(Public, "fax")]),
            letter(4, &[(Private, "fax")]),
            letter(5, &[(Side, "fax")]),
            vec![ticket(6, &[("group", "a"), ("diagnosis", "fax")])],
        ]
        .concat(),
    );
    let field = WordScope::Field("diagnosis".to_owned());
    for (scope, expected) in [
        (WordScope::Anywhere, &[1, 2, 3, 4, 5, 6][..]),
        (WordScope::Subject, &[1]),
        (WordScope::Description, &[2, 3]),
        (WordScope::Comment, &[3]),
        (WordScope::Note, &[4, 6]),
        (field.clone(), &[6]),
        (WordScope::Field("other".to_owned()), &[]),
    ] {
        for pattern in [WordPattern::Word("FAXES".to_owned()), WordPattern::Phrase("fax".to_owned())] {
            assert_eq!(hits(&world, "lena", vec![Term::words_in(scope.clone(), pattern)]), expected, "{scope}");
        }
        if scope != WordScope::Anywhere {
            assert_eq!(
                hits(&world, "lena", vec![Term::words_in(scope.clone(), WordPattern::Any)]),
                expected,
                "{scope}"
            );
        }
    }
    for scope in [WordScope::Note, field] {
        assert_eq!(hits(&world, "anna", vec![within(&scope, "fax")]), [0; 0], "{scope}");
        let any = Term::words_in(scope.clone(), WordPattern::Any);
        assert_eq!(hits(&world, "anna", vec![any.negate()]), [1, 2, 3, 4, 5, 6], "{scope}");
    }
}

#[test]
fn a_repeated_scope_is_or_and_free_words_are_and() {
    let world = setup(
        &[letter(1, &[(Subject, "fax")]), letter(2, &[(Subject, "ink")]), letter(3, &[(Subject, "fax ink")])].concat(),
    );
    let subject = |text| within(&WordScope::Subject, text);
    assert_eq!(hits(&world, "anna", vec![subject("fax"), subject("ink")]), [1, 2, 3]);
    assert_eq!(hits(&world, "anna", vec![word("fax"), word("ink")]), [3]);
    assert_eq!(hits(&world, "anna", vec![subject("fax").negate(), subject("ink").negate()]), [0; 0]);
    assert_eq!(hits(&world, "anna", vec![subject("fax"), subject("ink").negate()]), [1]);
    assert_eq!(hits(&world, "anna", vec![subject("fax"), within(&WordScope::Comment, "ink")]), [0; 0]);
}

#[test]
fn a_phrase_stands_in_a_row_in_one_part_by_surfaces() {
    let world = setup(
        &[
            letter(1, &[(Public, "my Pass\u{e9}word: RESET now")]),
            letter(2, &[(Public, "my password"), (Public, "reset now")]),
            letter(3, &[(Public, "reset my password")]),
            letter(4, &[(Public, "passwords reset")]),
        ]
        .concat(),
    );
    assert_eq!(hits(&world, "anna", vec![phrase("passeword reset")]), [1]);
    assert_eq!(hits(&world, "anna", vec![phrase("my password")]), [2, 3]);
    assert_eq!(hits(&world, "anna", vec![phrase("passwords")]), [4]);
    assert_eq!(hits(&world, "anna", vec![phrase("now my")]), [0; 0]);
    assert_eq!(hits(&world, "anna", vec![word("password-reset")]), [0; 0]);
    assert_eq!(hits(&world, "anna", vec![word("my:password")]), [2, 3]);
}

#[test]
fn a_prefix_begins_a_surface_and_may_end_a_phrase() {
    let world = setup(
        &[
            letter(1, &[(Public, "refunds")]),
            letter(2, &[(Public, "a R\u{e9}fund, e-mailed")]),
            letter(3, &[(Public, "fund mail e")]),
        ]
        .concat(),
    );
    assert_eq!(hits(&world, "anna", vec![prefix("Ref")]), [1, 2]);
    assert_eq!(hits(&world, "anna", vec![prefix("refunds")]), [1]);
    assert_eq!(hits(&world, "anna", vec![prefix("e-mai")]), [2]);
    assert_eq!(hits(&world, "anna", vec![prefix("fund-")]), [3]);
}

#[test]
fn cjk_is_found_by_character_by_bigram_and_in_a_row() {
    let world = setup(
        &[
            letter(1, &[(Public, "\u{624b}\u{673a}\u{58f3}\u{6253}")]),
            letter(2, &[(Public, "\u{673a}\u{624b}")]),
            letter(3, &[(Public, "\u{624b}\u{673a} ok")]),
        ]
        .concat(),
    );
    assert_eq!(hits(&world, "anna", vec![word("\u{624b}")]), [1, 2, 3]);
    assert_eq!(hits(&world, "anna", vec![word("\u{624b}\u{673a}")]), [1, 3]);
    assert_eq!(hits(&world, "anna", vec![word("\u{624b}\u{673a}\u{58f3}")]), [1]);
    assert_eq!(hits(&world, "anna", vec![word("\u{624b}\u{673a}\u{6253}")]), [0; 0]);
    assert_eq!(hits(&world, "anna", vec![phrase("\u{624b}\u{673a} ok")]), [3]);
    assert_eq!(hits(&world, "anna", vec![prefix("\u{624b}\u{673a}")]), [1, 3]);
}

#[test]
fn a_bare_number_is_a_key_or_a_word() {
    let world = setup(&[letter(7, &[]), letter(8, &[(Public, "7 seven")]), letter(9, &[(Private, "7")])].concat());
    assert_eq!(hits(&world, "anna", vec![number(7)]), [7, 8]);
    assert_eq!(hits(&world, "lena", vec![number(7)]), [7, 8, 9]);
    assert_eq!(hits(&world, "anna", vec![number(7).negate()]), [9]);
    assert_eq!(hits(&world, "anna", vec![number(7), word("seven")]), [8]);
}

#[test]
fn words_without_letters_are_ignored_beside_others_and_have_no_answer_alone() {
    let world = setup(&letter(1, &[(Public, "fax")]));
    let (mark, answers) = ("\u{e35}", ask(&world, "anna"));
    for (terms, wordless) in [
        (vec![word(mark)], true),
        (vec![word(mark).negate(), phrase(mark), prefix(mark)], true),
        (vec![word(mark), word("fax")], false),
        (vec![word(mark).negate(), number(1)], false),
        (vec![Term::is("group", "a")], false),
        (vec![], false),
    ] {
        let query = Query::of(terms);
        assert_eq!(answers.is_wordless(&query), wordless, "{query}");
        assert_eq!(answers.count(&query), usize::from(!wordless), "{query}");
    }
    assert!(answers.is_wordless(&Query::of(vec![word(mark), Term::is("group", "a")])));
}

#[test]
fn only_wanted_words_rank() {
    for (terms, ranked) in [
        (vec![word("fax")], true),
        (vec![Term::is("group", "a"), number(1)], true),
        (vec![Term::words_in(WordScope::Subject, WordPattern::Any)], true),
        (vec![word("fax").negate(), number(1).negate()], false),
        (vec![Term::is("group", "a")], false),
        (vec![], false),
    ] {
        assert_eq!(Query::of(terms.clone()).is_ranked(), ranked, "{}", Query::of(terms));
    }
}

/// A schema line that declares languages.
fn languages(codes: &[&str]) -> Change {
    let languages = codes.iter().map(|code| (*code).into()).collect();
    Change::state(Fact::Schema(SchemaDecl { languages, ..SchemaDecl::default() }))
}

#[test]
fn stems_are_those_of_the_tenants_languages() {
    let mut world = setup(&[letter(1, &[(Public, "zwrotu")]), letter(2, &[(Public, "zwrot")])].concat());
    assert_eq!(hits(&world, "anna", vec![word("zwrot")]), [2]);
    let english = Rc::new(Library::of(&world));
    apply(&mut world, &[languages(&["pl"])]);
    assert_eq!(hits(&world, "anna", vec![word("zwrot")]), [1, 2]);
    let answers = ask(&world, "anna").with_library(english);
    assert_eq!(ints(answers.hits(&Query::of(vec![word("zwrot")]))), [2]);
}

#[test]
fn a_library_can_be_lent_and_lists_its_surfaces_by_tickets() {
    let world = setup(
        &[
            letter(1, &[(Public, "fax Ink fax"), (Private, "Toner")]),
            letter(2, &[(Public, "INK faxes")]),
            letter(3, &[(Subject, "ink")]),
        ]
        .concat(),
    );
    let library = Library::of(&world);
    // By stems `fax` would stand in two.
    assert_eq!(library.surfaces(), [("ink", 3), ("fax", 1), ("faxes", 1), ("toner", 1)]);
    let answers = ask(&world, "anna").with_lent_library(&library);
    for (terms, expected) in [(vec![word("fax")], 2), (vec![word("ink")], 3), (vec![word("fax").negate()], 1)] {
        let query = Query::of(terms);
        assert_eq!(answers.count(&query), expected, "{query}: another query than the last one");
        assert_eq!(answers.hits(&query), ask(&world, "anna").hits(&query));
    }
}

/// Key and score of every hit, best first.
fn ranked(world: &World, asker: &str, terms: Vec<Term>) -> Vec<(i64, f32)> {
    let ranked = ask(world, asker).ranked(&Query::of(terms));
    ranked.into_iter().map(|Ranked { key, score }| (ints([key])[0], score)).collect()
}

fn assert_ranked(found: &[(i64, f32)], expected: &[(i64, f64)]) {
    let close = |((key, score), (expected_key, expected)): (&(i64, f32), &(i64, f64))| {
        key == expected_key && (f64::from(*score) - expected).abs() < 1e-5
    };
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(close), "{found:?} is not {expected:?}");
}

/// The textbook's formula in double precision.
fn bm25(tickets: f64, found: f64, count: f64, length: f64, mean: f64) -> f64 {
    idf(tickets, found) * 2.2 * count / (count + 1.2 * (0.25 + 0.75 * length / mean))
}

fn idf(tickets: f64, found: f64) -> f64 {
    (1.0 + (tickets - found + 0.5) / (found + 0.5)).ln()
}

#[test]
fn scores_are_bm25_by_what_is_visible_and_readable() {
    let world = setup(
        &[
            letter(1, &[(Subject, "fax"), (Public, "fax ink fax")]),
            letter(2, &[(Public, "fax")]),
            letter(3, &[(Public, "ink"), (Private, "fax fax")]),
            letter_in("b", 4, &[(Public, "fax fax fax fax")]),
        ]
        .concat(),
    );
    // anna sees 1, 2 and 3, of public lengths 4, 1 and 1.
    let (one, two) = (bm25(3.0, 2.0, 3.0, 4.0, 2.0), bm25(3.0, 2.0, 1.0, 1.0, 2.0));
    assert_ranked(&ranked(&world, "anna", vec![word("fax")]), &[(1, one), (2, two)]);
    // lena reads the note of 3 as well; the lengths of notes are 0, 0 and 2.
    let three = bm25(3.0, 1.0, 2.0, 2.0, 2.0 / 3.0);
    let mut expected = [(1, one), (2, two), (3, three)];
    expected.sort_by(|a, b| b.1.total_cmp(&a.1));
    assert_ranked(&ranked(&world, "lena", vec![word("fax")]), &expected);
    // bert sees all four, and of the notes none.
    let four = bm25(4.0, 3.0, 4.0, 4.0, 2.5);
    let found = ranked(&world, "bert", vec![word("fax")]);
    assert_ranked(&found, &[(4, four), (1, bm25(4.0, 3.0, 3.0, 4.0, 2.5)), (2, bm25(4.0, 3.0, 1.0, 1.0, 2.5))]);
    // Clauses add up.
    let ink = bm25(3.0, 2.0, 1.0, 4.0, 2.0);
    assert_ranked(&ranked(&world, "anna", vec![word("fax"), word("ink")]), &[(1, one + ink)]);
    assert_ranked(&ranked(&world, "anna", vec![word("fax"), word("ink").negate()]), &[(2, two)]);
}

#[test]
fn a_limited_scope_counts_inside_it_and_weighs_by_the_whole_public_text() {
    let world = setup(
        &[
            letter(1, &[(Subject, "fax fax"), (Description, "fax"), (Public, "ink")]),
            letter(2, &[(Subject, "fax"), (Public, "ink fax")]),
            letter(3, &[(Subject, "toner")]),
        ]
        .concat(),
    );
    let mean = 8.0 / 3.0;
    let (one, two) = (bm25(3.0, 2.0, 1.0, 4.0, mean), bm25(3.0, 2.0, 1.0, 3.0, mean));
    assert_ranked(&ranked(&world, "anna", vec![within(&WordScope::Description, "fax")]), &[(2, two), (1, one)]);
    assert_ranked(
        &ranked(&world, "anna", vec![within(&WordScope::Comment, "fax")]),
        &[(2, bm25(3.0, 1.0, 1.0, 3.0, mean))],
    );
    // The subject is a text of its own: lengths 2, 1 and 1.
    let subject = |count, length| bm25(3.0, 2.0, count, length, 4.0 / 3.0);
    assert_ranked(
        &ranked(&world, "anna", vec![within(&WordScope::Subject, "fax")]),
        &[(1, subject(2.0, 2.0)), (2, subject(1.0, 1.0))],
    );
    // Alternatives add up.
    let either = vec![within(&WordScope::Subject, "fax"), within(&WordScope::Subject, "toner")];
    let toner = bm25(3.0, 1.0, 1.0, 1.0, 4.0 / 3.0);
    assert_ranked(&ranked(&world, "anna", either), &[(3, toner), (1, subject(2.0, 2.0)), (2, subject(1.0, 1.0))]);
}

#[test]
fn phrases_prefixes_keys_and_any_words_have_scores_of_their_own() {
    let world = setup(
        &[
            letter(1, &[(Public, "red fax"), (Public, "red fax red")]),
            letter(2, &[(Public, "fax red")]),
            letter(3, &[(Public, "3")]),
        ]
        .concat(),
    );
    let mean = 8.0 / 3.0;
    assert_ranked(&ranked(&world, "anna", vec![phrase("red fax")]), &[(1, bm25(3.0, 1.0, 2.0, 5.0, mean))]);
    assert_ranked(&ranked(&world, "anna", vec![prefix("re")]), &[(1, idf(3.0, 2.0)), (2, idf(3.0, 2.0))]);
    let any = Term::words_in(WordScope::Comment, WordPattern::Any);
    assert_ranked(&ranked(&world, "anna", vec![any]), &[(1, 0.0), (2, 0.0), (3, 0.0)]);
    let key = 2.2 * idf(3.0, 1.0);
    assert_ranked(&ranked(&world, "anna", vec![number(2)]), &[(2, key)]);
    assert_ranked(&ranked(&world, "anna", vec![number(3)]), &[(3, key + bm25(3.0, 1.0, 1.0, 1.0, mean))]);
}

#[test]
fn the_best_stem_of_a_word_counts_and_lengths_are_counted_in_stems() {
    let mut world =
        setup(&[letter(1, &[(Public, "op\u{e9}rations fax")]), letter(2, &[(Public, "operations fax")])].concat());
    apply(&mut world, &[languages(&["en", "fr"])]);
    let scores = ranked(&world, "anna", vec![word("op\u{e9}rations")]);
    // Of `oper` and `operat` the first ticket has both and the second `oper` alone, so that their lengths are 3 and 2;
    // `operat` is the rarer.
    assert_ranked(&scores, &[(1, bm25(2.0, 1.0, 1.0, 3.0, 2.5)), (2, bm25(2.0, 2.0, 1.0, 2.0, 2.5))]);
}

#[test]
fn equal_scores_are_ordered_by_key() {
    let world = setup(
        &[letter(10, &[(Public, "fax")]), letter(9, &[(Public, "fax")]), letter(11, &[(Public, "fax")])].concat(),
    );
    let found = ranked(&world, "anna", vec![word("fax")]);
    assert_eq!(found.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [9, 10, 11]);
}
