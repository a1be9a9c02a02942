//! What is asked for is what is there.

use super::*;
use crate::analysis::{Language, query_words};

fn asked(text: &str) -> Vec<(u32, String)> {
    query_words(text).into_iter().map(|word| (word.offset, word.text)).collect()
}

#[test]
fn cjk_runs_are_asked_for_by_bigrams_and_everything_else_by_surfaces() {
    for (text, expected) in [
        ("", &[] as &[(u32, &str)]),
        ("?!", &[]),
        ("Foo-B\u{e1}r", &[(0, "foo"), (1, "bar")]),
        ("\u{624b}", &[(0, "\u{624b}")]),
        ("\u{624b}\u{673a}", &[(0, "\u{624b}\u{673a}")]),
        ("\u{624b}\u{673a}\u{58f3}", &[(0, "\u{624b}\u{673a}"), (1, "\u{673a}\u{58f3}")]),
        ("a\u{624b}\u{673a}b \u{58f3} c", &[(0, "a"), (1, "\u{624b}\u{673a}"), (3, "b"), (4, "\u{58f3}"), (5, "c")]),
        ("\u{624b}\u{673a} \u{58f3}\u{6771}", &[(0, "\u{624b}\u{673a}"), (2, "\u{58f3}\u{6771}")]),
    ] {
        assert_eq!(
            asked(text),
            expected.iter().map(|(at, word)| (*at, (*word).to_owned())).collect::<Vec<_>>(),
            "{text}"
        );
    }
}

#[test]
fn every_text_contains_itself_and_its_words_cover_every_position_once() {
    for seed in 0..4_000 {
        let text = random_text(&mut fastrand::Rng::with_seed(seed), 30);
        let (asked, held) = (asked(&text), surfaces(&text));
        assert!(asked.iter().all(|word| held.contains(word)), "seed {seed}: {text:?}");
        assert!(asked.is_sorted_by(|a, b| a.0 < b.0), "seed {seed}: {asked:?}");
        for (position, surface) in &held {
            let covered = asked.iter().any(|(at, word)| {
                (at == position && word.starts_with(surface.as_str()))
                    || (at + 1 == *position && word.ends_with(surface.as_str()))
            });
            assert!(covered, "seed {seed}: {text:?} leaves out {surface}");
        }
    }
}

#[test]
fn a_query_word_is_stemmed_in_all_languages_of_the_tenant_at_once() {
    let mut analyzer = Analyzer::new([Language::English, Language::French].into_iter().collect());
    let found = analyzer.query_stems("Op\u{e9}rations").unwrap();
    assert_eq!(found, ["oper", "operat"]);
    let mut polish = Analyzer::new([Language::English, Language::Polish].into_iter().collect());
    let found = polish.query_stems("zwrotu").unwrap();
    assert!(
        found.is_sorted() && found.contains(&"zwrot".to_owned()) && found.contains(&"zwrotu".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_query_word_may_be_nothing_or_a_phrase() {
    let mut analyzer = Analyzer::new(Languages::default());
    for (word, stems) in [
        ("", Some(vec![])),
        ("--", Some(vec![])),
        ("\u{301}", Some(vec![])),
        ("(refunds)", Some(vec!["refund"])),
        ("e-mails", None),
        ("\u{624b}", Some(vec!["\u{624b}"])),
        ("\u{624b}\u{673a}", None),
        ("a\u{624b}", None),
        ("MP3s", Some(vec!["mp3s"])),
    ] {
        let stems = stems.map(|stems| stems.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(analyzer.query_stems(word), stems, "{word}");
    }
}

#[test]
fn a_part_is_stemmed_in_its_declared_language_or_in_the_one_it_is_written_in() {
    use Language::{English, French, Polish, Spanish};
    let set = |languages: &[Language]| languages.iter().copied().collect::<Languages>();
    let (english, several) = (Analyzer::new(set(&[English])), Analyzer::new(set(&[English, French, Spanish])));
    let french = "Bonjour, je n'ai toujours pas re\u{e7}u le remboursement de ma commande, pouvez-vous m'aider s'il vous pla\u{ee}t ?";
    for (analyzer, lang, body, expected) in [
        (&english, None, french, set(&[English])),
        (&english, Some("en-GB"), french, set(&[English])),
        (&english, Some("fr"), french, set(&[English, French])),
        (&english, Some("ja"), french, set(&[English])),
        (&several, Some("fr"), "hello", set(&[French])),
        (&several, Some("pl"), french, set(&[English, French, Spanish, Polish])),
        (&several, None, french, set(&[French])),
        (&several, Some("xx"), french, set(&[French])),
        (&several, None, "ok", set(&[English, French, Spanish])),
        (&several, None, "", set(&[English, French, Spanish])),
        (&several, None, "\u{6771}\u{4eac}\u{304b}\u{3089}", set(&[English, French, Spanish])),
        (&several, None, "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}", set(&[English, French, Spanish])),
    ] {
        assert_eq!(analyzer.languages_of(lang, body), expected, "{lang:?} {body}");
    }
}

#[test]
fn detection_looks_at_the_beginning_of_a_text_and_never_fails() {
    let analyzer = Analyzer::new(Languages::from_iter(Language::ALL));
    for seed in 0..2_000 {
        let text = random_text(&mut fastrand::Rng::with_seed(seed), 200);
        let found = analyzer.languages_of(None, &text);
        assert!(found.len() == 1 || found == analyzer.languages(), "seed {seed}: {found:?}");
    }
    for padding in 2_040..2_056 {
        let text = format!("{}{}", "a".repeat(padding), "\u{e9}".repeat(10));
        assert!(!analyzer.languages_of(None, &text).is_empty());
    }
}
