//! What holds for every text.

use ticketscope_model::fold;
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::analysis::Language;

const ROUNDS: u64 = 4_000;

fn each_random_text(check: impl Fn(&str, &mut fastrand::Rng)) {
    for seed in 0..ROUNDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let text = random_text(&mut rng, 40);
        println!("seed {seed}: {text:?}");
        check(&text, &mut rng);
    }
}

fn is_cjk(c: char) -> bool {
    crate::analysis::cjk::is_cjk(c)
}

#[test]
fn the_words_of_a_folded_text_are_the_words_of_the_text() {
    each_random_text(|text, _| {
        // A symbol that is no letter is a gap, also where its folded form would be letters.
        let text: String = text.chars().filter(|c| !fold(&c.to_string()).chars().any(is_cjk) && !is_cjk(*c)).collect();
        let text: String = text
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || fold(&c.to_string()).chars().all(|f| !f.is_alphanumeric()) { c } else { ' ' }
            })
            .collect();
        assert_eq!(surfaces(&fold(&text)), surfaces(&text));
    });
}

#[test]
fn case_and_normalization_form_do_not_count() {
    each_random_text(|text, _| {
        for other in
            [text.nfc().collect(), text.nfd().collect(), text.chars().flat_map(char::to_lowercase).collect::<String>()]
        {
            assert_eq!(surfaces(&other), surfaces(text), "{other:?}");
        }
    });
}

#[test]
fn a_surface_is_never_cut_again_whatever_character_it_came_from() {
    for c in '\0'..=char::MAX {
        for text in [c.to_string(), format!("a{c}b"), format!("{c}{c}")] {
            words(&text, |word| {
                assert!(!word.text.is_empty(), "{text:?}");
                assert!(text.get(word.span.clone()).is_some_and(|span| !span.is_empty()), "{text:?}");
                let again = surfaces(word.text);
                let bigram = word.text.chars().all(is_cjk) && word.text.chars().count() == 2;
                let whole = again.iter().any(|(position, surface)| *position == 0 && surface == word.text);
                assert!(whole && again.len() == if bigram { 3 } else { 1 }, "{text:?}: {again:?}");
            });
        }
    }
}

#[test]
fn positions_count_up_without_holes() {
    each_random_text(|text, _| {
        let mut next = 0;
        for (position, surface) in surfaces(text) {
            if position == next {
                next += 1;
            } else {
                assert_eq!((position + 1, surface.chars().count()), (next, 2), "{surface}");
            }
        }
    });
}

/// Texts whose words have the same surfaces: other case, other accents.
fn disguised(text: &str, rng: &mut fastrand::Rng) -> String {
    text.chars()
        .flat_map(|c| {
            match rng.u8(0..4) {
                0 => c.to_uppercase().collect::<String>(),
                1 if c.is_ascii_alphabetic() => format!("{c}\u{301}"),
                2 if c.is_ascii_alphabetic() => format!("{c}\u{308}"),
                _ => c.to_string(),
            }
            .chars()
            .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn words_of_one_surface_share_a_stem_in_every_language() {
    let vocabulary = "reclamaciones facturas zwrotami Rechnungen chevaux andando bezahlen connections betalingen prenotazioni \
        ueber kwotami nacional strasse";
    let mut analyzer = Analyzer::new(Languages::from_iter(Language::ALL));
    for seed in 0..ROUNDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let text = if seed % 2 == 0 { vocabulary.to_owned() } else { random_text(&mut rng, 30) };
        let other = disguised(&text, &mut rng);
        if surfaces(&text) != surfaces(&other) {
            assert_eq!(seed % 2, 1, "{other}");
            continue;
        }
        for language in Language::ALL {
            let (here, there) =
                (stems(&mut analyzer, &text, language.into()), stems(&mut analyzer, &other, language.into()));
            for (position, _) in surfaces(&text) {
                let shared = here.iter().any(|stem| stem.0 == position && there.contains(stem));
                assert!(shared, "seed {seed}, {language}: {text:?} {other:?}");
            }
        }
    }
}

#[test]
fn stems_ascend_and_are_distinct_and_no_word_is_without() {
    let mut languages = Languages::EMPTY;
    for language in Language::ALL {
        languages.insert(language);
        let mut analyzer = Analyzer::new(languages);
        for seed in 0..ROUNDS / 4 {
            let text = random_text(&mut fastrand::Rng::with_seed(seed), 60);
            let found = stems(&mut analyzer, &text, languages);
            assert!(found.is_sorted_by(|a, b| a < b), "seed {seed}: {found:?}");
            assert!(found.iter().all(|(_, stem)| !stem.is_empty()), "seed {seed}: {found:?}");
            let positions: Vec<_> = surfaces(&text).into_iter().map(|(position, _)| position).collect();
            assert!(positions.iter().all(|position| found.iter().any(|stem| stem.0 == *position)), "seed {seed}");
        }
    }
}

#[test]
fn a_memory_changes_no_stem() {
    let mut remembering = Analyzer::new(Languages::from_iter(Language::ALL));
    for seed in 0..ROUNDS / 4 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let text = random_text(&mut rng, 60);
        let languages = Languages::from_bits(rng.u16(0..256)).unwrap();
        let found = stems(&mut remembering, &text, languages);
        let fresh = stems(&mut remembering.clone(), &text, languages);
        assert_eq!(found, fresh, "seed {seed}");
    }
}

#[test]
fn without_languages_every_word_is_its_own_stem() {
    let mut analyzer = Analyzer::new(Languages::EMPTY);
    each_random_text(|text, _| {
        let mut expected = surfaces(text);
        expected.dedup();
        assert_eq!(stems(&mut Analyzer::new(Languages::EMPTY), text, Languages::EMPTY), expected);
    });
    assert_eq!(analyzer.query_stems("Running"), Some(vec!["running".to_owned()]));
}
