//! A comparison that cannot fail would be worth nothing: these plant a difference.

use std::{collections::BTreeSet, io::Write, sync::Arc, time::Duration};

use tempfile::{NamedTempFile, TempDir};
use ticketscope_bitmap::{Index, TicketBatch};
use ticketscope_engine::{Engine, View, storage::TenantId};
use ticketscope_model::{
    Change, ExprSource, Fact, FieldPatch, Opstamp, RawValue, RoleFact, Schema, TextClass, TextPart, TicketKey,
    TicketOrd, TicketPatch, Timestamp, Value, fields,
};
use ticketscope_query::{index_of, scope::Directory};
use ticketscope_testkit::{
    oracle::{Query, Term, WordPattern, WordScope},
    plain,
};

use super::*;

fn keyword(text: &str) -> Vec<Value> {
    vec![Value::Keyword(text.into())]
}

/// Twenty tickets, the first ten of `first`, the others of group `b`.
fn tickets(first: &str) -> Index {
    let all = |value: &dyn Fn(u32) -> Vec<Value>| (0..20).map(|ord| (ord, value(ord))).collect::<Vec<_>>();
    let group = |ord: u32| keyword(if ord < 10 { first } else { "b" });
    let sets = vec![
        (fields::LIFE, all(&|_| keyword("live"))),
        (fields::GROUP, all(&group)),
        (fields::UPDATED_AT, all(&|ord| vec![Value::Date(Timestamp(i64::from(ord) * 1000))])),
    ];
    let created = (0..20).map(TicketKey::Int).collect();
    index_of(&Schema::builtin(), &TicketBatch { created, erased: Vec::new(), sets })
}

fn snapshot(index: Index) -> Snapshot {
    let schema = Arc::new(Schema::builtin());
    let mut directory = Directory::new(Arc::clone(&schema));
    directory.set_principal(&plain::principal("ana", Some("generic.group")));
    directory.set_rel(&plain::rel("ana", "groups", "a"));
    Snapshot::new(Opstamp(1), schema, index, directory, [0; 32])
}

/// No ticket has text.
#[expect(clippy::unnecessary_wraps, reason = "as texts are read")]
fn nothing(_: TicketOrd) -> Result<Vec<TextPart>, RecoverError> {
    Ok(Vec::new())
}

fn exam(about: About, drawn: u32) -> Exam {
    Exam { seed: 1, about, drawn, written: Vec::new() }
}

#[test]
fn an_index_with_another_value_is_noticed() {
    let (snapshot, exam) = (snapshot(tickets("a")), exam(About::Anything, 200));
    let findings = compare(&snapshot, &tickets("c"), &nothing, &exam, &ProgressBar::hidden()).expect("scopes");
    assert_eq!((findings.passed, findings.failed), (0, 1));
    assert!(findings.differences[0].contains("field #2"), "{:?}", findings.differences);
}

/// Hands an examiner of `who`, by its place, to `ask`, with the oracle's rows from `rows` and its texts from `texts`.
fn examine<T>(
    snapshot: &Snapshot,
    rows: &Index,
    texts: &Texts<'_>,
    who: usize,
    ask: impl for<'e> FnOnce(&dyn Fn() -> Examiner<'e>) -> T,
) -> T {
    let everybody = askers::everybody(snapshot).expect("scopes");
    let world = rows::world(snapshot, rows, texts, &everybody).expect("readable texts");
    let library = Library::of(&world);
    let vocabulary = Vocabulary::of(&world, &library);
    let data = Data { snapshot, rebuilt: rows, world: &world, library: &library, vocabulary: &vocabulary };
    ask(&|| Examiner::new(data, &everybody[who]))
}

#[test]
fn answers_that_differ_from_the_rows_are_noticed() {
    examine(&snapshot(tickets("a")), &tickets("c"), &nothing, 1, |ana| {
        let examiner = ana();
        assert_eq!(examiner.visible_set().len(), 2, "oracle and point check both disagree with the list");
        let question = |examiner: &Examiner<'_>, seed| examiner.question(seed, About::Anything).differences;
        let wrong: Vec<_> = (0..50).filter(|seed| !question(&examiner, *seed).is_empty()).collect();
        assert!(!wrong.is_empty());
        let again = ana();
        let same = |seed: &u64| question(&again, *seed) == question(&examiner, *seed);
        assert!(wrong.iter().all(same), "a seed asks the same again");
        let told = format!("--seed {} --questions 1: ana asks", wrong[0]);
        assert!(question(&examiner, wrong[0])[0].starts_with(&told));
    });
}

#[test]
fn questions_differ() {
    examine(&snapshot(tickets("a")), &tickets("c"), &nothing, 0, |admin| {
        let examiner = admin();
        let asked: BTreeSet<_> =
            (0..100).flat_map(|seed| examiner.question(seed, About::Anything).differences).collect();
        assert!(asked.len() > 20, "{asked:?}");
    });
}

/// A tenant with text, in its directory.
struct Desk {
    _dir: TempDir,
    _engine: Engine,
    view: View,
    rebuilt: Index,
}

const TEXTS: &[(TextClass, &str)] = &[
    (TextClass::Subject, "Printer refunds"),
    (TextClass::Description, "The printer prints nothing, and I want a refund: 7 times I asked"),
    (TextClass::Public, "Refunded. Is the printer working again?"),
    (TextClass::Private, "known fraud case, refund denied"),
    (TextClass::Side, "supplier: printers of that kind break"),
    (TextClass::Public, "na\u{ef}ve caf\u{e9}, don't reset passwords"),
];

impl Desk {
    fn new() -> Self {
        Self::with(TEXTS)
    }

    /// Thirty tickets, each with one to four of `texts`; those with an even key are in group `a`. Ana sees group `a` and no
    /// private text, lena sees and reads everything, pia nothing.
    fn with(texts: &[(TextClass, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = Engine::open(dir.path()).expect("an engine");
        let tenant = engine.create_tenant(&TenantId::parse("desk").expect("a name")).expect("a tenant");
        let verb = |verb: &str, expr: &str| (verb.into(), ExprSource::Text(expr.into()));
        let role = |id: &str, verbs| Fact::Role(RoleFact { id: id.into(), verbs });
        let mut facts = vec![
            role("agent", vec![verb("view", "group in my.groups")]),
            role("lead", vec![verb("view", "all"), verb("view_private", "all"), verb("view_side", "all")]),
            Fact::Principal(plain::principal("ana", Some("agent"))),
            Fact::Principal(plain::principal("lena", Some("lead"))),
            Fact::Principal(plain::principal("pia", Some("agent"))),
            Fact::Rel(plain::rel("ana", "groups", "a")),
        ];
        for key in 1..=30_u8 {
            let group = if key % 2 == 0 { "a" } else { "b" };
            let parts = texts.iter().cycle().skip(key.into()).take(1 + usize::from(key) % 4).enumerate();
            let part = |(at, (class, body)): (usize, &(TextClass, &str))| TextPart {
                part: format!("p{at}").into(),
                class: *class,
                lang: None,
                body: format!("{body} {key}").into(),
                author: None,
                at: None,
            };
            facts.push(Fact::Ticket(TicketPatch {
                key: TicketKey::Int(key.into()),
                fields: vec![("group".into(), FieldPatch::Set(RawValue::Text(group.into())))],
                replace: false,
                text: parts.map(part).collect(),
            }));
        }
        let ack = tenant.submit(facts.into_iter().map(Change::state).collect()).expect("a batch");
        assert!(tenant.wait_for_text(ack.opstamp, Duration::from_mins(1)), "the text is indexed");
        let view = tenant.view().expect("a view");
        let rebuilt = tenant.rebuilt_index().expect("an index");
        Self { _dir: dir, _engine: engine, view, rebuilt }
    }

    /// Compares the tenant with an oracle whose texts went through `change`.
    fn compare(&self, exam: &Exam, change: impl Fn(&mut Vec<TextPart>)) -> Findings {
        let texts = |ord| {
            let mut parts = self.view.parts(ord)?;
            change(&mut parts);
            Ok(parts)
        };
        compare(self.view.snapshot(), &self.rebuilt, &texts, exam, &ProgressBar::hidden()).expect("scopes and texts")
    }
}

#[test]
fn equal_data_passes_every_comparison() {
    for (texts, about) in [(TEXTS, About::Words), (TEXTS, About::Anything), (&[], About::Anything)] {
        let findings = Desk::with(texts).compare(&exam(about, 400), |_| {});
        assert_eq!((findings.passed, findings.differences), (405, Vec::new()), "index, four visible sets, questions");
        assert!((100..400).contains(&findings.with_hits), "{} questions with hits", findings.with_hits);
    }
}

/// Changes the first note of the ticket whose number stands in it.
fn note_of(ticket: &str, parts: &mut [TextPart], change: impl Fn(&mut TextPart)) {
    let is_meant = |part: &&mut TextPart| part.class == TextClass::Private && part.body.ends_with(ticket);
    parts.iter_mut().find(is_meant).into_iter().for_each(change);
}

#[test]
fn one_note_that_became_public_is_noticed() {
    let exam = exam(About::Words, 400);
    let findings = Desk::new().compare(&exam, |parts| note_of(" 9", parts, |note| note.class = TextClass::Public));
    assert!(findings.failed > 0 && findings.passed > 0, "{findings:?}");
    let told = &findings.differences[0];
    assert!(told.starts_with("--seed ") && told.contains(" --words 1: "), "{told}");
}

#[test]
fn one_word_more_in_a_note_shows_in_scores_of_those_who_read_it() {
    let longer = |parts: &mut Vec<TextPart>| {
        note_of(" 9", parts, |note| note.body = format!("{} again", note.body).into());
    };
    let differences = Desk::new().compare(&exam(About::Words, 400), longer).differences;
    let by_score = |told: &String| told.contains("page from rank 0 by Seek") && told.contains('=');
    assert!(differences.iter().any(by_score), "{differences:?}");
    assert!(differences.iter().all(|told| !told.contains(": ana asks")), "{differences:?}");
}

#[test]
fn the_index_of_another_language_is_noticed() {
    let german = |parts: &mut Vec<TextPart>| parts.iter_mut().for_each(|part| part.lang = Some("de".into()));
    // German is no language of the tenant, so that such texts are not stemmed.
    assert!(Desk::new().compare(&exam(About::Words, 400), german).failed > 0);
}

#[test]
fn without_words_none_can_be_asked_for() {
    let (snapshot, exam) = (snapshot(tickets("a")), exam(About::Words, 1));
    let asked = compare(&snapshot, &tickets("a"), &nothing, &exam, &ProgressBar::hidden());
    let failure = asked.expect_err("there are no words");
    assert!(format!("{failure:?}").contains("no_words"), "{failure:?}");
}

/// The queries of a file with these lines.
fn read(lines: &str) -> Result<Vec<Written>, Failure> {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(lines.as_bytes()).expect("room");
    written::read(file.path(), &Schema::builtin())
}

#[test]
fn queries_of_a_file_are_asked_by_one_asker_of_each_kind() {
    let written = read(
        "{\"query\":\"refund\"}\n\n{\"query\":\"+printer -\\\"fraud case\\\" subject:pri*\",\"df\":3}\n{\"query\":\"7\"}\n",
    )
    .expect("three queries");
    let terms = [
        vec![Term::words(WordPattern::Word("refund".to_owned()))],
        vec![
            Term::words(WordPattern::Word("+printer".to_owned())),
            Term::words(WordPattern::Phrase("fraud case".to_owned())).negate(),
            Term::words_in(WordScope::Subject, WordPattern::Prefix("pri".to_owned())),
        ],
        vec![Term::Id { negated: false, id: 7 }],
    ];
    let expected: Vec<_> = [1, 3, 4].into_iter().zip(terms.map(Query::of)).collect();
    assert_eq!(written.iter().map(|written| (written.line, written.query.clone())).collect::<Vec<_>>(), expected);
    let desk = Desk::new();
    let exam = Exam { seed: 1, about: About::Words, drawn: 0, written };
    let findings = desk.compare(&exam, |_| {});
    // The admin, ana and lena: pia sees nothing.
    assert_eq!((findings.passed, findings.differences), (1 + 3 + 9, Vec::new()));
    let private = |parts: &mut Vec<TextPart>| parts.iter_mut().for_each(|part| part.class = TextClass::Private);
    let findings = desk.compare(&exam, private);
    assert!(findings.differences.iter().any(|told| told.starts_with("query of line 1: ana asks `refund`: ")));
}

#[test]
fn a_line_that_holds_no_query_of_words_is_refused_by_its_number() {
    for (line, told) in [
        ("refund", "no JSON"),
        ("[]", "there is no `query`"),
        ("{\"query\":7}", "there is no `query`"),
        ("{\"query\":\"\\\"open\"}", "quot"),
        ("{\"query\":\"refund status:open\"}", "only words"),
        ("{\"query\":\"refund order_by:id\"}", "only words"),
    ] {
        let failure = read(&format!("{{\"query\":\"fine\"}}\n{line}\n")).expect_err(line);
        let failure = format!("{failure:?}");
        assert!(failure.contains("line 2: ") && failure.contains(told), "{failure}");
    }
}
