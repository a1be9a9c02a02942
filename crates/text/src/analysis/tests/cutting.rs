//! Where words begin and end, and where they stand.

use super::*;
use crate::analysis::{MAX_WORD_BYTES, Word};

/// A list of surfaces at the positions 0, 1, 2, ...
fn in_a_row(surfaces: &[&str]) -> Vec<(u32, String)> {
    (0..).zip(surfaces.iter().map(|surface| (*surface).to_owned())).collect()
}

#[test]
fn words_are_folded_runs_of_letters_and_digits() {
    for (text, expected) in [
        ("", &[] as &[&str]),
        (" ,.!? --", &[]),
        ("Hello, World!", &["hello", "world"]),
        ("don't e-mail me@example.com", &["don", "t", "e", "mail", "me", "example", "com"]),
        ("snake_case 3.14 ABC-123", &["snake", "case", "3", "14", "abc", "123"]),
        ("Stra\u{df}e STRASSE stra\u{1e9e}e", &["strasse", "strasse", "strasse"]),
        ("\u{141}\u{f3}d\u{17a} lo\u{301}dz\u{301}", &["lodz", "lodz"]),
        ("\u{c6}r\u{f8} \u{152}uvre \u{130}stanbul", &["aero", "oeuvre", "istanbul"]),
        ("\u{fb01}ne \u{2167}", &["fine", "viii"]),
        ("Windows\u{2122} 10", &["windows", "10"]),
        ("\u{1f600}happy\u{1f600}days\u{1f1f5}\u{1f1f1}", &["happy", "days"]),
        (
            "\u{661}\u{662}\u{663} \u{645}\u{64e}\u{631}\u{62d}\u{628}\u{627}",
            &["\u{661}\u{662}\u{663}", "\u{645}\u{631}\u{62d}\u{628}\u{627}"],
        ),
        ("\u{5e9}\u{5dc}\u{5d5}\u{5dd}\u{202e}x", &["\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "x"]),
        ("\u{301}\u{308} \u{301}a\u{301}", &["a"]),
    ] {
        assert_eq!(surfaces(text), in_a_row(expected), "{text:?}");
    }
}

#[test]
fn a_character_that_folds_into_several_words_is_several_words() {
    assert_eq!(surfaces("3\u{bd} cups"), in_a_row(&["31", "2", "cups"]));
    assert_eq!(surfaces("x\u{3220}y"), in_a_row(&["x", "\u{4e00}", "y"]));
}

#[test]
fn a_span_is_the_word_as_written() {
    let text = "\u{c9}t\u{e9}: e\u{301}te\u{301}! \u{6771}\u{4eac} 3\u{bd}";
    let mut written = Vec::new();
    words(text, |Word { position, text: surface, span }| {
        written.push((position, surface.to_owned(), &text[span]));
    });
    let expected = [
        (0, "ete", "\u{c9}t\u{e9}"),
        (1, "ete", "e\u{301}te\u{301}"),
        (2, "\u{6771}", "\u{6771}"),
        (2, "\u{6771}\u{4eac}", "\u{6771}\u{4eac}"),
        (3, "\u{4eac}", "\u{4eac}"),
        (4, "31", "3\u{bd}"),
        (5, "2", "3\u{bd}"),
    ];
    assert_eq!(written, expected.map(|(position, surface, span)| (position, surface.to_owned(), span)));
}

#[test]
fn each_cjk_character_is_a_word_and_each_pair_a_bigram_at_the_first() {
    let found: Vec<_> = surfaces("iPhone\u{624b}\u{673a}\u{58f3}\u{3001}\u{6771} ok");
    let expected = [
        (0, "iphone"),
        (1, "\u{624b}"),
        (1, "\u{624b}\u{673a}"),
        (2, "\u{673a}"),
        (2, "\u{673a}\u{58f3}"),
        (3, "\u{58f3}"),
        (4, "\u{6771}"),
        (5, "ok"),
    ];
    let mut found_sorted = found.clone();
    found_sorted.sort();
    assert_eq!(found_sorted, expected.map(|(position, surface)| (position, surface.to_owned())));
}

#[test]
fn words_come_in_ascending_order_and_a_character_before_its_bigram() {
    let found = surfaces("\u{624b}\u{673a}\u{58f3} a");
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(found, sorted);
}

#[test]
fn cjk_words_are_equal_in_every_normalization_form_and_width() {
    for (one, other) in [
        ("\u{d55c}\u{ad6d}\u{c5b4}", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}\u{110b}\u{1165}"),
        ("\u{304c}\u{304e}", "\u{304b}\u{3099}\u{304d}\u{3099}"),
        ("\u{30ac}\u{30e9}\u{30b9}", "\u{ff76}\u{ff9e}\u{ff97}\u{ff7d}"),
        ("\u{845b}\u{e0100}\u{57ce}", "\u{845b}\u{57ce}"),
        ("\u{f900}\u{57ce}", "\u{8c48}\u{57ce}"),
        ("\u{30ff}", "\u{30b3}\u{30c8}"),
    ] {
        assert_eq!(surfaces(one), surfaces(other), "{one} {other}");
    }
    assert_ne!(surfaces("\u{304b}"), surfaces("\u{304c}"), "voicing tells words apart");
}

#[test]
fn a_word_is_cut_after_128_bytes_at_a_character_boundary() {
    let cyrillic = |letters: usize| "\u{436}".repeat(letters);
    for (text, kept) in [
        ("a".repeat(MAX_WORD_BYTES), MAX_WORD_BYTES),
        ("a".repeat(MAX_WORD_BYTES + 1), MAX_WORD_BYTES),
        (cyrillic(MAX_WORD_BYTES / 2), MAX_WORD_BYTES),
        (cyrillic(MAX_WORD_BYTES / 2 + 1), MAX_WORD_BYTES),
        (format!("a{}", cyrillic(MAX_WORD_BYTES / 2)), MAX_WORD_BYTES - 1),
        ("\u{df}".repeat(MAX_WORD_BYTES / 2), MAX_WORD_BYTES),
    ] {
        let mut count = 0;
        words(&text, |word| {
            count += 1;
            assert_eq!((word.text.len(), word.span), (kept, 0..text.len()));
        });
        assert_eq!(count, 1, "{text}");
    }
}

#[test]
fn a_long_word_and_its_beginning_share_a_stem() {
    let mut analyzer = Analyzer::new(Languages::default());
    let long = "connection".repeat(20);
    for len in MAX_WORD_BYTES - 1..=MAX_WORD_BYTES + 1 {
        let asked = analyzer.query_stems(&long[..len]).unwrap();
        let found = stems(&mut analyzer, &long, Languages::default());
        let shared = found.iter().any(|(_, stem)| asked.contains(stem));
        assert_eq!(shared, len >= MAX_WORD_BYTES, "{len}");
    }
}

#[test]
fn hostile_texts_of_a_megabyte_take_linear_time() {
    let mut analyzer = Analyzer::new(Languages::from_iter(crate::analysis::Language::ALL));
    for unit in [
        "a",
        "\u{e9}",
        "\u{301}",
        "e\u{301}\u{323}",
        "\u{4e00}",
        "\u{1100}",
        "\u{304b}\u{3099}",
        "\u{ff9e}",
        "\u{bd}",
        "\u{fdfa}",
        "\u{202e}\u{627}",
    ] {
        let text = unit.repeat((1 << 20) / unit.len());
        let begun = std::time::Instant::now();
        let mut counted = 0;
        words(&text, |_| counted += 1);
        let languages = analyzer.languages_of(None, &text);
        analyzer.stems(&text, languages, |_, _| counted += 1);
        assert!(counted <= 36 * text.len(), "{unit:?} {counted}");
        // A quadratic step over a megabyte takes minutes.
        assert!(begun.elapsed().as_secs() < 20, "{unit:?} {:?}", begun.elapsed());
    }
}
