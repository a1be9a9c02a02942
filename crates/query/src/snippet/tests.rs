use std::{fmt::Write as _, ops::Range, slice};

use model::{FieldDecl, FieldKind, Schema, SchemaDecl, fields};
use text::analysis::{Languages, query_words, words};

use super::*;
use crate::{
    TextChanges,
    ast::{Clause, Test, WordClause},
    scene::{Scene, Ticket, part},
};

const SEEN: [(model::FieldId, &[&str]); 2] = [(fields::LIFE, &["live"]), (fields::GROUP, &["g1"])];

fn ticket(values: &[(model::FieldId, &'static str)], parts: Vec<TextPart>) -> Ticket {
    let seen = SEEN.map(|(field, values)| (field, values.to_vec()));
    let values = seen.into_iter().chain(values.iter().map(|(field, value)| (*field, vec![*value]))).collect();
    Ticket { values, parts }
}

fn word(word: &str) -> WordPattern {
    WordPattern::Word(word.into())
}

fn phrase(words: &str) -> WordPattern {
    WordPattern::Phrase(words.split(' ').map(Into::into).collect())
}

fn prefix(word: &str) -> WordPattern {
    WordPattern::Prefix(word.into())
}

fn query(patterns: impl IntoIterator<Item = (WordScope, WordPattern)>) -> Query {
    patterns
        .into_iter()
        .fold(Query::everything(), |query, (scope, pattern)| query.and_word(WordClause::new(scope, pattern)))
}

fn anywhere(patterns: impl IntoIterator<Item = WordPattern>) -> Query {
    query(patterns.into_iter().map(|pattern| (WordScope::Anywhere, pattern)))
}

fn first(scene: &Scene, ticket: &Ticket, query: &Query) -> Option<Snippet> {
    Snippets::new(&scene.snapshot, &scene.anna(), query)?.of(TicketOrd(0), &ticket.parts)
}

/// The snippet with its highlights in brackets and dots where it is cut.
fn marked(snippet: &Snippet) -> String {
    let mut line = if snippet.cut_before { "...".to_owned() } else { String::new() };
    for (at, c) in snippet.text.chars().chain(['$']).enumerate() {
        for range in &snippet.highlights {
            if range.end == at {
                line.push(']');
            }
        }
        for range in &snippet.highlights {
            if range.start == at {
                line.push('[');
            }
        }
        line.push(c);
    }
    line.pop();
    if snippet.cut_after {
        line.push_str("...");
    }
    line
}

fn of_body(body: &str, patterns: impl IntoIterator<Item = WordPattern>) -> Option<String> {
    let ticket = ticket(&[], vec![part("d", TextClass::Description, None, body)]);
    let scene = Scene::new(Schema::builtin(), slice::from_ref(&ticket));
    first(&scene, &ticket, &anywhere(patterns)).as_ref().map(marked)
}

#[test]
fn words_are_marked_by_their_stems_and_phrases_and_prefixes_by_what_is_written() {
    for (body, patterns, line) in [
        ("The printers\n\n are Printing", vec![word("printed")], "The printers are [Printing]"),
        ("paper jam, paper  Jam and jam", vec![phrase("paper jam")], "[paper jam], [paper Jam] and jam"),
        ("paper jam", vec![word("paper"), word("jam")], "[paper] [jam]"),
        ("a wi-fi. wi fi, fi wi", vec![word("wi-fi")], "a [wi-fi]. [wi fi], fi wi"),
        ("Strass stra\u{df}e", vec![prefix("STRASS")], "[Strass] [stra\u{df}e]"),
        ("the paper jammed", vec![prefix("paper ja")], "the [paper jammed]"),
        ("\u{6f22}\u{5b57}\u{6f22}", vec![word("\u{6f22}")], "[\u{6f22}]\u{5b57}[\u{6f22}]"),
        ("x \u{6f22}\u{5b57}\u{8a9e}", vec![word("\u{6f22}\u{5b57}")], "x [\u{6f22}\u{5b57}]\u{8a9e}"),
        ("one \u{bd} two", vec![phrase("1 2")], "one [\u{bd}] two"),
        ("jam jam jam", vec![phrase("jam jam")], "[jam jam jam]"),
    ] {
        assert_eq!(of_body(body, patterns).as_deref(), Some(line), "{body:?}");
    }
}

#[test]
fn a_bare_number_is_marked_as_a_word_and_a_negated_clause_is_not() {
    let ticket = ticket(&[], vec![part("d", TextClass::Description, None, "order 42 paid")]);
    let scene = Scene::new(Schema::builtin(), slice::from_ref(&ticket));
    let number = Query::everything().and(Clause::new(Test::NumberOrWord(42)));
    assert_eq!(first(&scene, &ticket, &number).as_ref().map(marked).as_deref(), Some("order [42] paid"));
    let negated = Query::everything().and(Clause::new(Test::NumberOrWord(42)).negate());
    let negated = negated.and_word(WordClause::new(WordScope::Anywhere, word("paid")).negate());
    assert!(Snippets::new(&scene.snapshot, &scene.anna(), &negated).is_none());
    assert!(Snippets::new(&scene.snapshot, &scene.anna(), &anywhere([WordPattern::Any])).is_none());
    assert!(Snippets::new(&scene.snapshot, &scene.anna(), &Query::everything()).is_none());
}

#[test]
fn there_is_no_snippet_while_the_text_is_not_open() {
    let scene = Scene::new(Schema::builtin(), &[]);
    let opening = scene.snapshot.with_text(crate::TextState::opening());
    assert!(Snippets::new(&scene.snapshot, &scene.anna(), &anywhere([word("a")])).is_some());
    assert!(Snippets::new(&opening, &scene.anna(), &anywhere([word("a")])).is_none());
}

#[test]
fn a_snippet_is_at_most_as_long_as_it_may_be_and_cut_between_words() {
    for filler in 0..120 {
        let body = format!("{} needle{} end.", "abcde fgh, ".repeat(filler), " \u{fc}ber".repeat(filler));
        let part = part("d", TextClass::Description, None, &body);
        let mut analyzer = Analyzer::new(Languages::default());
        let sought = Sought::new(&mut analyzer, &word("needle")).unwrap();
        let marks = marks::find(&mut analyzer, &part, vec![Seeker::new(0, &sought)]);
        let snippet = window::show(&part, &window::best(marks, 1).unwrap());
        let len = snippet.text.chars().count();
        assert!(len <= 200, "{filler}: {len}");
        let whole = body.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(snippet.cut_before || snippet.cut_after, whole.chars().count() > 200, "{filler}");
        if snippet.cut_before || snippet.cut_after {
            assert!(len > 185, "{filler}: {len}");
        }
        assert!(
            snippet
                .text
                .split([' ', ',', '.'])
                .all(|word| { ["abcde", "fgh", "needle", "\u{fc}ber", "end", ""].contains(&word) })
        );
    }
}

#[test]
fn a_word_longer_than_a_snippet_is_shown_by_its_beginning() {
    let long = "x".repeat(1_000);
    let snippet = of_body(&format!("so {long} it"), [prefix("xx")]);
    assert_eq!(snippet, Some(format!("...[{}]...", "x".repeat(200))));
    let far = format!("paper {} jam", "-".repeat(500));
    let snippet = of_body(&far, [phrase("paper jam")]);
    assert_eq!(snippet, Some(format!("[paper {}]...", "-".repeat(194))));
}

#[test]
fn a_word_that_just_fits_is_shown_with_the_other_and_one_further_is_not() {
    for (gap, both) in [(192, true), (193, false)] {
        let body = format!("up {} near {} far {} on", "- ".repeat(120), "-".repeat(gap - 1), "- ".repeat(120));
        let shown = of_body(&body, [word("near"), word("far")]).unwrap();
        assert_eq!(shown.contains("[near]") && shown.contains("[far]"), both, "{gap}: {shown}");
    }
}

#[test]
fn each_scope_of_words_marks_only_its_own_parts() {
    let mut schema = Schema::builtin();
    let cause = FieldDecl { name: "cause".into(), kind: FieldKind::Text, many: false };
    schema.declare(&SchemaDecl { fields: vec![cause], ..SchemaDecl::default() }).unwrap();
    let field = schema.field("cause").unwrap().id;
    let parts = vec![
        part("s", TextClass::Subject, None, "jam subject"),
        part("d", TextClass::Description, None, "jam description"),
        part("c", TextClass::Public, None, "jam comment"),
        part("field:cause", TextClass::Private, Some(1), "jam cause"),
        part("field:other", TextClass::Private, Some(2), "jam other"),
        part("n", TextClass::Private, None, "jam note"),
        part("o", TextClass::Side, None, "jam side"),
    ];
    let whole = ticket(&[(fields::ASSIGNEE, "anna"), (fields::BRAND, "b1")], parts);
    let scene = Scene::new(schema, slice::from_ref(&whole));
    for (scope, shown) in [
        (WordScope::Anywhere, vec!["description", "comment", "note", "cause", "other", "side", "subject"]),
        (WordScope::Subject, vec!["subject"]),
        (WordScope::Description, vec!["description", "comment"]),
        (WordScope::Comment, vec!["comment"]),
        (WordScope::Note, vec!["note", "cause", "other"]),
        (WordScope::Field(field), vec!["cause"]),
        (WordScope::AttachmentName, vec![]),
    ] {
        let mut left = whole.clone();
        for expected in shown {
            let snippet = first(&scene, &left, &query([(scope, word("jam"))])).unwrap();
            assert_eq!(snippet.text, format!("jam {expected}"), "{scope:?}");
            left.parts.retain(|part| !part.body.ends_with(expected));
        }
        assert_eq!(first(&scene, &left, &query([(scope, word("jam"))])), None, "{scope:?}");
    }
}

#[test]
fn a_custom_field_shows_nothing_to_whom_its_words_are_not_found() {
    let mut schema = Schema::builtin();
    let cause = FieldDecl { name: "cause".into(), kind: FieldKind::Text, many: false };
    schema.declare(&SchemaDecl { fields: vec![cause], ..SchemaDecl::default() }).unwrap();
    let asked = query([(WordScope::Field(schema.field("cause").unwrap().id), word("jam"))]);
    for class in [TextClass::Private, TextClass::Public] {
        let hidden = ticket(&[], vec![part("field:cause", class, None, "jam cause")]);
        let scene = Scene::new(schema.clone(), slice::from_ref(&hidden));
        assert_eq!(first(&scene, &hidden, &asked), None, "{class}");
    }
}

#[test]
fn a_part_made_private_just_now_is_not_shown() {
    let mut now = ticket(&[], vec![part("c", TextClass::Public, None, "jam secret")]);
    let scene = Scene::new(Schema::builtin(), slice::from_ref(&now));
    let jam = anywhere([word("jam")]);
    assert!(first(&scene, &now, &jam).is_some());
    now.parts[0].class = TextClass::Private;
    assert_eq!(first(&scene, &now, &jam), None, "the class of the part decides, not that of its indexed words");
    now.parts[0].class = TextClass::Public;
    let masked = scene.snapshot.text().after(&TextChanges { changed: vec![0], masked: vec![0] });
    let snapshot = scene.snapshot.with_text(masked);
    let mut snippets = Snippets::new(&snapshot, &scene.anna(), &jam).unwrap();
    assert_eq!(snippets.of(TicketOrd(0), &now.parts), None, "a masked ticket shows nothing, not even its old parts");
}

const TEXT: [&str; 14] = [
    "printer",
    "Printers",
    "print",
    "jam",
    "jammed",
    "paper",
    "42",
    "caf\u{e9}",
    "\u{6f22}\u{5b57}",
    "the",
    "wi-fi",
    "\u{bd}",
    "x",
    "imprimantes",
];
const GAPS: [&str; 7] = [" ", " ", " ", "\n\n", "\t\u{7} ", ", ", " -- "];

fn random_body(rng: &mut fastrand::Rng, secret: Option<u32>) -> String {
    let most = [3, 30, 300][rng.usize(..3)];
    let mut body = String::new();
    for _ in 0..rng.usize(..most) {
        // Rare enough that most windows differ.
        let common = rng.u8(..10) > 0;
        body.push_str(if common { "lorem" } else { TEXT[rng.usize(..TEXT.len())] });
        body.push_str(GAPS[rng.usize(..GAPS.len())]);
        if let Some(number) = secret
            && rng.u8(..3) == 0
        {
            write!(body, "secret{number} ").unwrap();
        }
    }
    body
}

fn random_ticket(rng: &mut fastrand::Rng, ord: u32) -> Ticket {
    let values = vec![
        (fields::LIFE, vec![if rng.u8(..8) == 0 { "spam" } else { "live" }]),
        (fields::GROUP, vec![if rng.u8(..4) == 0 { "g2" } else { "g1" }]),
        (fields::ASSIGNEE, vec![if rng.bool() { "anna" } else { "u2" }]),
        (fields::BRAND, vec![if rng.bool() { "b1" } else { "b2" }]),
    ];
    let mut parts = Vec::new();
    for number in 0..rng.usize(1..6) {
        let class = TextClass::ALL[rng.usize(..5)];
        let secret = (!class.is_public()).then_some(ord);
        let at = rng.bool().then(|| rng.i64(..3));
        parts.push(part(&format!("p{number}"), class, at, &random_body(rng, secret)));
    }
    Ticket { values, parts }
}

fn random_pattern(rng: &mut fastrand::Rng) -> WordPattern {
    match rng.u8(..4) {
        0 => prefix(["pri", "j", "wi-f", "\u{6f22}", "lor"][rng.usize(..5)]),
        1 => phrase(["paper jam", "lorem lorem", "jam lorem", "1 2", "lorem the"][rng.usize(..5)]),
        _ => word(TEXT[rng.usize(..TEXT.len())]),
    }
}

fn random_query(rng: &mut fastrand::Rng) -> Query {
    let scopes = [WordScope::Anywhere, WordScope::Subject, WordScope::Description, WordScope::Comment, WordScope::Note];
    (0..rng.usize(1..4)).fold(Query::everything(), |query, _| {
        let scope = scopes[if rng.bool() { 0 } else { rng.usize(..5) }];
        let any_of = (0..rng.usize(1..3)).map(|_| random_pattern(rng)).collect();
        query.and_word(WordClause { any_of, ..WordClause::new(scope, WordPattern::Any) })
    })
}

/// A text on one line, as a list of characters.
fn line(body: &str) -> Vec<char> {
    let blanked: String = body.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    blanked.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect()
}

/// The marks of one pattern, looked for from every word of the line anew.
fn naive_marks(analyzer: &mut Analyzer, body: &str, pattern: &WordPattern) -> Vec<Range<usize>> {
    let text: String = line(body).into_iter().collect();
    let chars = |bytes: usize| text[..bytes].chars().count();
    let mut found: Vec<(u32, String, Range<usize>)> = Vec::new();
    words(&text, |word| {
        found.push((word.position, word.text.to_owned(), chars(word.span.start)..chars(word.span.end)));
    });
    let (asked, open) = match pattern {
        WordPattern::Word(word) => match analyzer.query_stems(word) {
            Some(stems) => {
                let languages = analyzer.languages_of(None, body);
                let mut at = Vec::new();
                analyzer.stems(&text, languages, |position, stem| {
                    if stems.iter().any(|asked| asked == stem) {
                        at.push(position);
                    }
                });
                let place = |at: &u32| found.iter().find(|(position, ..)| position == at).unwrap().2.clone();
                return at.iter().map(place).collect();
            }
            None => (query_words(word), false),
        },
        WordPattern::Phrase(words) => (query_words(&words.join(" ")), false),
        WordPattern::Prefix(word) => (query_words(word), true),
        WordPattern::Any => (vec![], false),
    };
    let is = |number: usize, text: &str| {
        let word = &asked[number].text;
        if open && number + 1 == asked.len() { text.starts_with(word) } else { text == word }
    };
    let mut marks = Vec::new();
    for (base, text, place) in &found {
        let mut end = is(0, text).then_some(place.end);
        for (number, word) in asked.iter().enumerate().skip(1) {
            let next = found.iter().find(|(at, text, _)| *at == base + word.offset && is(number, text));
            end = end.and_then(|end| Some(next?.2.end.max(end)));
        }
        marks.extend(end.map(|end| place.start..end));
    }
    marks
}

fn looks_at(scope: WordScope, class: TextClass) -> bool {
    match scope {
        WordScope::Anywhere => true,
        WordScope::Subject => class == TextClass::Subject,
        WordScope::Description => matches!(class, TextClass::Description | TextClass::Public),
        WordScope::Comment => class == TextClass::Public,
        WordScope::Note => class == TextClass::Private,
        WordScope::AttachmentName | WordScope::Field(_) => false,
    }
}

type Marks = std::collections::BTreeSet<(usize, usize, usize)>;

/// The best stretch of a part: its score and marks, by trying every window of the line.
fn naive_stretch(analyzer: &mut Analyzer, part: &TextPart, query: &Query) -> Option<((usize, usize), Marks)> {
    let mut marks = Marks::new();
    for (clause, asked) in query.words.iter().enumerate().filter(|(_, asked)| looks_at(asked.scope, part.class)) {
        for pattern in &asked.any_of {
            let places = naive_marks(analyzer, &part.body, pattern);
            marks.extend(places.into_iter().map(|place| (place.start, place.end, clause)));
        }
    }
    let mut best: Option<((usize, usize), Marks)> = None;
    for start in 0..line(&part.body).len() {
        let inside: Marks = marks.iter().copied().filter(|mark| mark.0 >= start && mark.1 <= start + 200).collect();
        let clauses: std::collections::BTreeSet<usize> = inside.iter().map(|mark| mark.2).collect();
        let score = (clauses.len(), inside.len());
        if score.1 > 0 && best.as_ref().is_none_or(|(other, _)| score > *other) {
            best = Some((score, inside));
        }
    }
    best
}

#[test]
fn a_snippet_is_the_best_window_of_the_parts_that_may_be_read() {
    let order = [TextClass::Description, TextClass::Public, TextClass::Private, TextClass::Side, TextClass::Subject];
    let (mut shown, mut cut, mut hidden) = (0, 0, 0);
    for seed in 0..25 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let tickets: Vec<Ticket> = (0..8).map(|ord| random_ticket(&mut rng, ord)).collect();
        let scene = Scene::new(Schema::builtin(), &tickets);
        let mut analyzer = Analyzer::new(scene.snapshot.text().view().unwrap().languages());
        for round in 0..4 {
            let query = random_query(&mut rng);
            let mut snippets = Snippets::new(&scene.snapshot, &scene.anna(), &query).unwrap();
            for (ord, ticket) in (0..).zip(&tickets) {
                let at = format!("seed {seed}, round {round}, ticket {ord}: {query:?}");
                let mut readable: Vec<&TextPart> =
                    ticket.parts.iter().filter(|part| ticket.is_read(part.class)).collect();
                readable.sort_by_key(|part| {
                    (order.iter().position(|class| *class == part.class), part.at, part.part.to_string())
                });
                hidden += ticket.parts.len() - readable.len();
                let mut best: Option<(&TextPart, (usize, usize), Marks)> = None;
                for part in readable {
                    if let Some((score, marks)) = naive_stretch(&mut analyzer, part, &query)
                        && best.as_ref().is_none_or(|(_, other, _)| score > *other)
                    {
                        best = Some((part, score, marks));
                    }
                }
                let snippet = snippets.of(TicketOrd(ord), &ticket.parts);
                let (Some((part, _, marks)), Some(snippet)) = (&best, &snippet) else {
                    assert!(best.is_none() && snippet.is_none(), "{at}: {best:?} but {snippet:?}");
                    continue;
                };
                shown += 1;
                let text: Vec<char> = snippet.text.chars().collect();
                assert!(text.len() <= 200, "{at}");
                assert_eq!(snippet.class, part.class, "{at}");
                if !ticket.is_read(part.class) || part.class.is_public() {
                    assert!(!snippet.text.contains("secret"), "{at}");
                }
                let line = line(&part.body);
                let covered = |from: usize| -> Vec<usize> {
                    let inside = |at: &usize| marks.iter().any(|mark| (mark.0..mark.1).contains(&(from + at)));
                    (0..text.len()).filter(inside).collect()
                };
                let lit: Vec<usize> = snippet.highlights.iter().cloned().flatten().collect();
                let first = marks.first().unwrap().0;
                let from = (0..=line.len() - text.len()).find(|from| {
                    line[*from..].starts_with(&text)
                        && *from <= first
                        && covered(*from) == lit
                        && marks.iter().all(|mark| mark.1 <= from + text.len())
                });
                let from = from.unwrap_or_else(|| panic!("{at}: {snippet:?}, not {marks:?} of {part:?}"));
                assert_eq!(snippet.cut_before, from > 0, "{at}");
                assert_eq!(snippet.cut_after, from + text.len() < line.len(), "{at}");
                cut += usize::from(snippet.cut_before) + usize::from(snippet.cut_after);
                words(&line.iter().collect::<String>(), |word| {
                    let line: String = line.iter().collect();
                    let place = line[..word.span.start].chars().count()..line[..word.span.end].chars().count();
                    let is_bigram = word.text.chars().count() == 2 && !word.text.is_ascii();
                    for edge in [from, from + text.len()] {
                        assert!(is_bigram || edge <= place.start || edge >= place.end, "{at}: cut in {word:?}");
                    }
                });
            }
        }
    }
    assert!(shown > 200 && cut > 100 && hidden > 200, "{shown} shown, {cut} cut, {hidden} hidden");
}

#[test]
fn a_long_body_of_nothing_but_marks_is_shown_by_its_beginning() {
    let body = "jam printer ".repeat(50_000);
    let shown = of_body(&body, [phrase("printer jam"), word("jam"), prefix("pri")]).unwrap();
    assert!(shown.starts_with("[jam] [printer jam] [printer jam]") && shown.ends_with("..."), "{shown}");
}
