//! Forms that people take for one word, in every language.

use super::*;
use crate::analysis::Language;

/// Two forms of a word that must find each other.
const FORMS: &[(Language, &[&str])] = &[
    (Language::English, &["refund", "refunds", "refunded", "Refunding"]),
    (Language::English, &["connection", "connections", "connected"]),
    (Language::English, &["policy", "policies"]),
    (Language::Spanish, &["reembolso", "reembolsos"]),
    (Language::Spanish, &["reclamaci\u{f3}n", "reclamacion", "reclamaciones", "RECLAMACI\u{d3}N"]),
    (Language::Spanish, &["factura", "facturas"]),
    (Language::French, &["facture", "factures"]),
    (Language::French, &["r\u{e9}clamation", "reclamation", "r\u{e9}clamations", "reclamations"]),
    (Language::French, &["remboursement", "remboursements"]),
    (Language::German, &["Rechnung", "Rechnungen"]),
    (Language::German, &["R\u{fc}ckerstattung", "Ruckerstattungen", "R\u{fc}ckerstattungen"]),
    (Language::German, &["Stra\u{df}e", "Strassen", "stra\u{df}en"]),
    (Language::Polish, &["zwrot", "zwrotu", "zwroty"]),
    (Language::Polish, &["faktura", "faktury", "faktur"]),
    (Language::Italian, &["rimborso", "rimborsi"]),
    (Language::Italian, &["fattura", "fatture"]),
    (Language::Portuguese, &["reembolso", "reembolsos"]),
    (Language::Portuguese, &["devolu\u{e7}\u{e3}o", "devolucao"]),
    (Language::Dutch, &["factuur", "facturen"]),
    (Language::Dutch, &["betaling", "betalingen"]),
];

#[test]
fn every_form_of_a_word_finds_every_other_in_its_language() {
    for (language, forms) in FORMS {
        let mut analyzer = Analyzer::new((*language).into());
        for asked in *forms {
            let asked_stems = analyzer.query_stems(asked).unwrap();
            for held in *forms {
                let held_stems = stems(&mut analyzer, held, (*language).into());
                let found = held_stems.iter().any(|(_, stem)| asked_stems.contains(stem));
                assert!(found, "{language}: {asked} {asked_stems:?} does not find {held} {held_stems:?}");
            }
        }
    }
}

#[test]
fn every_form_is_found_also_by_a_tenant_of_many_languages() {
    let all = Languages::from_iter(Language::ALL);
    let mut analyzer = Analyzer::new(all);
    for (language, forms) in FORMS {
        for asked in *forms {
            let asked_stems = analyzer.query_stems(asked).unwrap();
            for held in *forms {
                for languages in [(*language).into(), all] {
                    let held_stems = stems(&mut analyzer, held, languages);
                    let found = held_stems.iter().any(|(_, stem)| asked_stems.contains(stem));
                    assert!(found, "{language}: {asked} {asked_stems:?} does not find {held} {held_stems:?}");
                }
            }
        }
    }
}

#[test]
fn different_words_do_not_find_each_other() {
    for (language, one, other) in [
        (Language::English, "refund", "fund"),
        (Language::English, "ticket", "tick"),
        (Language::French, "facture", "facteur"),
        (Language::Polish, "zwrot", "zlot"),
        (Language::German, "Rechnung", "Ordnung"),
    ] {
        let mut analyzer = Analyzer::new(language.into());
        let (one, other) = (analyzer.query_stems(one).unwrap(), analyzer.query_stems(other).unwrap());
        assert!(one.iter().all(|stem| !other.contains(stem)), "{one:?} {other:?}");
    }
}

#[test]
fn words_with_digits_keep_their_form() {
    let mut analyzer = Analyzer::new(Languages::default());
    let found = stems(&mut analyzer, "MP3s abc123s stations", Languages::default());
    assert_eq!(found, [(0, "mp3s".to_owned()), (1, "abc123s".to_owned()), (2, "station".to_owned())]);
}
