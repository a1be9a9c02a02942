//! The words of subjects and descriptions.

/// Words of help desks, the most common first.
const COMMON: &[&str] = &[
    "the",
    "to",
    "and",
    "my",
    "is",
    "not",
    "it",
    "in",
    "of",
    "for",
    "on",
    "with",
    "please",
    "help",
    "account",
    "login",
    "password",
    "error",
    "order",
    "email",
    "after",
    "update",
    "cannot",
    "invoice",
    "payment",
    "reset",
    "refund",
    "app",
    "screen",
    "phone",
    "broken",
    "again",
    "since",
    "yesterday",
    "customer",
    "delivery",
    "address",
    "change",
    "missing",
    "printer",
    "network",
    "slow",
    "install",
    "version",
    "license",
    "expired",
    "subscription",
    "cancel",
    "question",
    "urgent",
    "server",
    "backup",
    "restore",
    "export",
    "import",
    "report",
    "wrong",
    "amount",
    "charged",
    "twice",
];

const STARTS: &[&str] = &["ba", "cor", "del", "fi", "gra", "ho", "kel", "lum", "mer", "no", "pra", "qui", "ro", "sta"];
const MIDDLES: &[&str] = &["ba", "de", "fo", "gi", "lu", "man", "ni", "po", "ra", "ser", "ti", "vo", "xa", "zen"];
const ENDS: &[&str] = &["", "n", "t", "ble", "der", "fer", "ing", "ist", "ler", "lor", "men", "ner", "sion", "tor"];

/// `count` different words: the common ones, and then made-up ones that can be spoken.
pub(super) fn vocabulary(count: usize) -> Vec<String> {
    let made_up = STARTS.iter().flat_map(|start| {
        MIDDLES.iter().flat_map(move |middle| {
            MIDDLES.iter().flat_map(move |other| ENDS.iter().map(move |end| format!("{start}{middle}{other}{end}")))
        })
    });
    let mut words: Vec<_> = COMMON.iter().map(|word| (*word).to_owned()).collect();
    words.extend(made_up.take(count.saturating_sub(words.len())));
    words.truncate(count);
    words
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_words_are_as_many_as_asked_for_and_different() {
        let words = vocabulary(5_000);
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), 5_000);
    }
}
