use std::collections::{BTreeMap, BTreeSet};

use model::{FieldDecl, Schema, SchemaDecl, TextClass, fold};
use text::analysis::words;

use super::*;
use crate::{
    TextChanges, TextState,
    scene::{PEOPLE, Scene, Ticket, part},
};

fn schema() -> Schema {
    let field = |name: &str, kind, many| FieldDecl { name: name.into(), kind, many };
    let fields = vec![
        field("product", FieldKind::Keyword, true),
        field("reviewer", FieldKind::Principal, true),
        field("region", FieldKind::Tree, false),
        field("urgent", FieldKind::Flag, false),
        field("weight", FieldKind::Number, false),
    ];
    let mut schema = Schema::builtin();
    schema.declare(&SchemaDecl { fields, ..SchemaDecl::default() }).unwrap();
    schema
}

const VALUES: [&str; 10] = [
    "Billing",
    "billing team",
    "B\u{e9}ta",
    "Stra\u{df}e 1",
    "zoo",
    "Zoo-logic",
    "x",
    "anna",
    "\u{6f22}\u{5b57}",
    "a b",
];
const IDS: [&str; 6] = ["anna", "u2", "u3", "hidden-hand", "u4", "zed@ex.test"];
const WORDS: [&str; 9] = ["billing", "B\u{e9}ta", "beta", "zoo", "zoom", "x", "anna", "\u{6f22}\u{5b57}", "wi-fi"];

fn random_ticket(rng: &mut fastrand::Rng, schema: &Schema, ord: usize) -> Ticket {
    let mut values = vec![
        (fields::LIFE, vec![if rng.u8(..8) == 0 { "spam" } else { "live" }]),
        (fields::GROUP, vec![if rng.u8(..3) == 0 { "g2" } else { "g1" }]),
        (fields::BRAND, vec![if rng.bool() { "b1" } else { "b2" }]),
    ];
    for field in schema.fields().iter().filter(|def| def.kind.is_keyword()) {
        if values.iter().any(|(id, _)| *id == field.id) || rng.u8(..3) == 0 {
            continue;
        }
        let from: &[&str] = match field.kind {
            FieldKind::Principal => &IDS,
            FieldKind::Flag => &["true", "false"],
            _ => &VALUES,
        };
        let count = if field.many { rng.usize(1..3) } else { 1 };
        let mut chosen: Vec<&str> = (0..count).map(|_| from[rng.usize(..from.len())]).collect();
        chosen.sort_unstable();
        chosen.dedup();
        values.push((field.id, chosen));
    }
    let mut parts = Vec::new();
    for number in 0..rng.usize(..4) {
        let class = TextClass::ALL[rng.usize(..5)];
        let mut body: Vec<&str> = (0..rng.usize(..5)).map(|_| WORDS[rng.usize(..WORDS.len())]).collect();
        let secret = format!("secret{}", ord % 3);
        if !class.is_public() {
            body.push(&secret);
        }
        parts.push(part(&format!("p{number}"), class, None, &body.join(" ")));
    }
    Ticket { values, parts }
}

fn begins(text: &str, prefix: &str) -> bool {
    let (text, prefix): (Vec<char>, Vec<char>) = (fold(text).chars().collect(), fold(prefix.trim()).chars().collect());
    let is_start = |at: usize| at == 0 || (text[at].is_alphanumeric() && !text[at - 1].is_alphanumeric());
    (0..text.len()).any(|at| is_start(at) && text[at..].starts_with(&prefix))
}

fn named(id: &str, prefix: &str) -> bool {
    let person = PEOPLE.iter().find(|(known, ..)| *known == id);
    let (name, email) = person.map_or((None, None), |(_, name, email)| (*name, *email));
    begins(id, prefix)
        || name.is_some_and(|name| begins(name, prefix))
        || email.is_some_and(|email| fold(email) == fold(prefix.trim()))
}

/// Every suggestion there is, by looking at every visible ticket and every part that may be read of it.
fn naive(
    schema: &Schema,
    tickets: &[Ticket],
    prefix: &str,
    field: Option<FieldId>,
    masked: &[usize],
) -> Vec<Suggestion> {
    let mut found: BTreeMap<(SuggestionKind, String), BTreeSet<usize>> = BTreeMap::new();
    let mut last_word = None;
    words(prefix, |word| last_word = Some(word.text.to_owned()));
    for (ord, ticket) in tickets.iter().enumerate().filter(|(_, ticket)| ticket.is_seen()) {
        for (id, values) in &ticket.values {
            let def = schema.by_id(*id).unwrap();
            let kind = match def.kind {
                FieldKind::Principal => SuggestionKind::Person,
                FieldKind::Flag if field.is_none() => continue,
                _ if *id == fields::TAGS => SuggestionKind::Tag,
                _ => SuggestionKind::Value { field: *id },
            };
            let unique = ["merged_into", "parent", "problem", "external_id"].contains(&&*def.name);
            if field.map_or(unique, |field| field != *id) {
                continue;
            }
            for value in values {
                if begins(value, prefix) || (kind == SuggestionKind::Person && named(value, prefix)) {
                    found.entry((kind, (*value).to_owned())).or_default().insert(ord);
                }
            }
        }
        let Some(last) = last_word.as_ref().filter(|_| field.is_none() && !masked.contains(&ord)) else { continue };
        for part in ticket.parts.iter().filter(|part| ticket.is_read(part.class)) {
            words(&part.body, |word| {
                if word.text.starts_with(last) {
                    found.entry((SuggestionKind::Word, word.text.to_owned())).or_default().insert(ord);
                }
            });
        }
    }
    let name = |kind, id: &str| {
        let person = PEOPLE.iter().find(|(known, ..)| *known == id && kind == SuggestionKind::Person);
        person.and_then(|(_, name, _)| *name).map(str::to_owned)
    };
    let mut all: Vec<Suggestion> = found
        .into_iter()
        .map(|((kind, text), on)| Suggestion {
            label: name(kind, &text),
            text,
            kind,
            count: u32::try_from(on.len()).unwrap(),
        })
        .collect();
    // Kinds and texts ascend already.
    all.sort_by_key(|suggestion| Reverse(suggestion.count));
    all
}

#[test]
fn suggestions_are_what_a_scan_of_the_visible_tickets_finds() {
    let schema = schema();
    let mut suggested = 0;
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let tickets: Vec<Ticket> = (0..rng.usize(1..60)).map(|ord| random_ticket(&mut rng, &schema, ord)).collect();
        let mut scene = Scene::new(schema.clone(), &tickets);
        let masked: Vec<usize> = if rng.bool() { vec![] } else { vec![0] };
        let changes: Vec<u32> = masked.iter().map(|_| 0).collect();
        let text = scene.snapshot.text().after(&TextChanges { changed: changes.clone(), masked: changes });
        scene.snapshot = scene.snapshot.with_text(text);
        for prefix in [
            "",
            " ",
            "b",
            "Z",
            "a",
            "an",
            "secret",
            "s",
            "x",
            "g",
            "billing t",
            "\u{e9}",
            "\u{6f22}",
            "wi-f",
            "-",
            "1",
            "none such",
        ] {
            let fields = schema.fields().iter().filter(|def| def.kind.is_keyword()).map(|def| Some(def.id));
            for field in fields.chain([None]) {
                let expected = naive(&schema, &tickets, prefix, field, &masked);
                suggested += expected.len();
                for limit in [1, 3, 10, MAX_SUGGESTIONS] {
                    let at = format!("seed {seed}, {prefix:?} in {field:?}, limit {limit}");
                    let found = suggest(&scene.snapshot, scene.anna(), prefix, field, limit).unwrap();
                    assert_eq!(found, expected[..limit.min(expected.len())], "{at}");
                }
            }
        }
    }
    assert!(suggested > 1_000, "{suggested}");
}

#[test]
fn hidden_tickets_change_no_suggestion() {
    let schema = schema();
    for seed in 100..110 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let tickets: Vec<Ticket> = (0..40).map(|ord| random_ticket(&mut rng, &schema, ord)).collect();
        let visible: Vec<Ticket> = tickets.iter().filter(|ticket| ticket.is_seen()).cloned().collect();
        let (with, without) = (Scene::new(schema.clone(), &tickets), Scene::new(schema.clone(), &visible));
        for prefix in ["", "b", "a", "z", "s", "g", "t", "x"] {
            for limit in [1, 4, 100] {
                let ask = |scene: &Scene| suggest(&scene.snapshot, scene.anna(), prefix, None, limit).unwrap();
                assert_eq!(ask(&with), ask(&without), "seed {seed}, {prefix:?}, limit {limit}");
            }
        }
    }
}

#[test]
fn whoever_sees_nothing_is_suggested_nothing_and_an_admin_everything_alive() {
    let schema = schema();
    let mut rng = fastrand::Rng::with_seed(7);
    let tickets: Vec<Ticket> = (0..40).map(|ord| random_ticket(&mut rng, &schema, ord)).collect();
    let scene = Scene::new(schema, &tickets);
    let nobody = scene.snapshot.access("u2").unwrap();
    assert_eq!(suggest(&scene.snapshot, nobody, "", None, 100).unwrap(), []);
    let groups = suggest(&scene.snapshot, Access::admin(), "g", Some(fields::GROUP), 100).unwrap();
    let counted: u32 = groups.iter().map(|suggestion| suggestion.count).sum();
    let live = tickets.iter().filter(|ticket| ticket.has(fields::LIFE, "live")).count();
    assert_eq!((groups.len(), counted as usize), (2, live));
    let secrets = suggest(&scene.snapshot, Access::admin(), "secret", None, 100).unwrap();
    assert_eq!(secrets.iter().filter(|suggestion| suggestion.kind == SuggestionKind::Word).count(), 3);
}

#[test]
fn notes_count_only_on_tickets_that_are_seen_whatever_an_access_says() {
    let hidden = Ticket {
        values: vec![(fields::LIFE, vec!["live"]), (fields::GROUP, vec!["g2"]), (fields::ASSIGNEE, vec!["anna"])],
        parts: vec![part("n", TextClass::Private, None, "secret")],
    };
    let scene = Scene::new(schema(), &[hidden]);
    let access = Access { private: scope::Scope::admin(), ..scene.anna() };
    assert_eq!(suggest(&scene.snapshot, access, "secret", None, 10).unwrap(), []);
}

#[test]
fn the_limit_is_bounded_on_both_sides() {
    let scene = Scene::new(schema(), &[]);
    let ask = |limit| suggest(&scene.snapshot, scene.anna(), "a", None, limit);
    for limit in [1, MAX_SUGGESTIONS] {
        assert_eq!(ask(limit), Ok(vec![]));
    }
    for limit in [0, MAX_SUGGESTIONS + 1, usize::MAX] {
        assert_eq!(ask(limit), Err(AnswerError::SuggestionLimit(limit)));
    }
}

#[test]
fn a_beginning_is_as_long_as_the_limit_says_and_no_longer() {
    let scene = Scene::new(schema(), &[]);
    let ask = |bytes: usize| suggest(&scene.snapshot, scene.anna(), &"a".repeat(bytes), None, 10);
    assert_eq!(ask(MAX_PREFIX_BYTES), Ok(vec![]));
    assert_eq!(ask(MAX_PREFIX_BYTES + 1), Err(AnswerError::PrefixTooLong(MAX_PREFIX_BYTES + 1)));
}

#[test]
fn fields_without_values_have_no_suggestions() {
    let scene = Scene::new(schema(), &[]);
    let ask = |field| suggest(&scene.snapshot, scene.anna(), "a", Some(field), 10);
    let weight = scene.snapshot.schema().field("weight").unwrap().id;
    for (field, name) in [
        (fields::CREATED_AT, "created_at"),
        (fields::SUBJECT, "subject"),
        (weight, "weight"),
        (FieldId(9_999), "#9999"),
    ] {
        assert_eq!(ask(field), Err(AnswerError::NoFacets(name.to_owned())));
    }
    assert_eq!(ask(fields::HAS_ATTACHMENT), Ok(vec![]));
}

#[test]
fn words_wait_for_the_text_and_values_do_not() {
    let seen = Ticket {
        values: vec![(fields::LIFE, vec!["live"]), (fields::GROUP, vec!["g1"]), (fields::TAGS, vec!["garden"])],
        parts: vec![part("d", TextClass::Description, None, "garage")],
    };
    let scene = Scene::new(schema(), &[seen]);
    let texts = |snapshot: &Snapshot, prefix, field| {
        let found = suggest(snapshot, scene.anna(), prefix, field, 10)?;
        Ok(found.into_iter().map(|suggestion| suggestion.text).collect::<Vec<_>>())
    };
    let opening = scene.snapshot.with_text(TextState::opening());
    let nowhere = scene.snapshot.with_text(TextState::nowhere());
    assert_eq!(texts(&scene.snapshot, "ga", None), Ok(vec!["garden".to_owned(), "garage".to_owned()]));
    assert_eq!(texts(&opening, "ga", None), Err(AnswerError::TextOpening));
    assert_eq!(texts(&opening, "ga", Some(fields::TAGS)), Ok(vec!["garden".to_owned()]));
    assert_eq!(texts(&opening, "", None).map(|found| found.len()), Ok(3));
    assert_eq!(texts(&nowhere, "ga", None), Ok(vec!["garden".to_owned()]));
}
