use super::{random_body, random_languages, seeds};
use crate::analysis::{Analyzer, Lexicon, words};

/// What a lexicon says of a text: surfaces, and stems in the order of their bytes.
fn told(lexicon: &mut Lexicon, lang: Option<&str>, body: &str) -> [Vec<(u32, String)>; 2] {
    let mut lexemes = Vec::new();
    lexicon.tokens(lang, body, |position, lexeme| lexemes.push((position, lexeme)));
    let (mut surfaces, mut stems) = (Vec::new(), Vec::new());
    for (position, lexeme) in lexemes {
        surfaces.push((position, lexicon.word(lexicon.surface(lexeme)).to_owned()));
        let mut of_word: Vec<_> =
            lexicon.stems(lexeme).iter().map(|stem| (position, lexicon.word(*stem).to_owned())).collect();
        of_word.sort_unstable();
        stems.extend(of_word);
    }
    [surfaces, stems]
}

#[test]
fn a_lexicon_says_of_every_text_what_an_analyzer_says_also_of_words_it_knows() {
    for seed in seeds() {
        let mut rng = fastrand::Rng::with_seed(seed);
        let languages = random_languages(&mut rng);
        let (mut lexicon, mut analyzer) = (Lexicon::new(languages), Analyzer::new(languages));
        for round in 0..40 {
            let body = random_body(&mut rng);
            let lang = rng.choice([None, Some("de"), Some("en"), Some("xx")]).flatten();
            let (mut surfaces, mut stems) = (Vec::new(), Vec::new());
            words(&body, |word| surfaces.push((word.position, word.text.to_owned())));
            let languages = analyzer.languages_of(lang, &body);
            analyzer.stems(&body, languages, |position, stem| stems.push((position, stem.to_owned())));
            assert_eq!(told(&mut lexicon, lang, &body), [surfaces, stems], "seed {seed}, round {round}: {body:?}");
        }
    }
}

#[test]
fn a_prefix_stands_before_word_and_stems_alike() {
    let mut lexicon = Lexicon::new(crate::analysis::Languages::default());
    let mut lexemes = Vec::new();
    lexicon.tokens(None, "Invoices", |_, lexeme| lexemes.push(lexeme));
    for prefix in ["a:", "b:", "a:"] {
        let lexeme = lexicon.with_prefix(prefix, lexemes[0]);
        assert_eq!(lexicon.word(lexicon.surface(lexeme)), format!("{prefix}invoices"));
        let stems: Vec<_> = lexicon.stems(lexeme).iter().map(|stem| lexicon.word(*stem).to_owned()).collect();
        assert_eq!(stems, [format!("{prefix}invoic")]);
    }
}

#[test]
fn a_lexicon_that_forgot_takes_no_room_and_says_the_same() {
    let mut lexicon = Lexicon::new(crate::analysis::Languages::default());
    let before = told(&mut lexicon, None, "two refunds, \u{6f22}\u{5b57}");
    assert!(lexicon.heap_bytes() > 0);
    lexicon.clear();
    assert_eq!((lexicon.heap_bytes(), lexicon.len()), (0, 0));
    assert_eq!(told(&mut lexicon, None, "two refunds, \u{6f22}\u{5b57}"), before);
}
