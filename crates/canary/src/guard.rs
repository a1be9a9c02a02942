use std::{collections::BTreeSet, sync::Arc};

use aho_corasick::{AhoCorasick, BuildError};
use ticketscope_model::TicketKey;

use crate::canary::{Canary, Part};

/// A word of a canary, found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sighting {
    /// The tenant whose canary it is.
    pub tenant: Arc<str>,
    /// The canary's ticket.
    pub ticket: TicketKey,
    /// Which of its words.
    pub part: Part,
}

/// Finds the words of canaries in bytes, in upper or lower case.
#[derive(Debug, Default)]
pub struct Guard {
    /// Nothing without canaries.
    words: Option<AhoCorasick>,
    /// What each word tells, and the word.
    sightings: Vec<(Sighting, Arc<str>)>,
}

impl Guard {
    /// Looks out for the canaries of these tenants.
    ///
    /// # Errors
    /// [`BuildError`] for more words than one search can hold.
    pub(crate) fn new<'c>(canaries: impl IntoIterator<Item = (&'c str, &'c Canary)>) -> Result<Self, BuildError> {
        let (mut words, mut sightings) = (Vec::new(), Vec::new());
        for (tenant, canary) in canaries {
            let tenant: Arc<str> = tenant.into();
            for part in Part::ALL {
                words.push(canary.word(part));
                let sighting = Sighting { tenant: Arc::clone(&tenant), ticket: canary.key(), part };
                sightings.push((sighting, canary.word(part).into()));
            }
        }
        if words.is_empty() {
            return Ok(Self::default());
        }
        let words = AhoCorasick::builder().ascii_case_insensitive(true).build(words)?;
        Ok(Self { words: Some(words), sightings })
    }

    /// Whether there is anything to find.
    pub fn is_armed(&self) -> bool {
        self.words.is_some()
    }

    /// What is found in any of `texts`, each once. Every byte is looked at, whatever is found: one pass.
    pub fn find(&self, texts: &[&[u8]]) -> BTreeSet<Sighting> {
        let Some(words) = &self.words else { return BTreeSet::new() };
        let matches = texts.iter().flat_map(|text| words.find_overlapping_iter(*text));
        matches.map(|found| self.sightings[found.pattern().as_usize()].0.clone()).collect()
    }

    /// The word that was found; nothing if this guard does not look out for it. Linear in the canaries.
    pub fn word(&self, found: &Sighting) -> Option<&str> {
        self.sightings.iter().find(|(sighting, _)| sighting == found).map(|(_, word)| &**word)
    }
}

#[cfg(test)]
mod tests {
    use ticketscope_model::Timestamp;

    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand_and_nothing_else_is() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let canaries: Vec<_> = (0..5).map(|_| Canary::new(Timestamp(0)).unwrap()).collect();
            let tenants = ["a", "b"];
            let planted: Vec<_> = canaries.iter().map(|canary| (tenants[rng.usize(..2)], canary)).collect();
            let guard = Guard::new(planted.iter().copied()).unwrap();
            let (mut text, mut expected) = (String::new(), BTreeSet::new());
            for _ in 0..rng.usize(..30) {
                let (tenant, canary) = planted[rng.usize(..planted.len())];
                let part = Part::ALL[rng.usize(..3)];
                let word = canary.word(part);
                if rng.bool() {
                    // Not a whole word: one letter is missing or another.
                    let cut = rng.usize(..word.len());
                    text.push_str(&word[..cut]);
                    text.push('x');
                    text.push_str(&word[cut + 1..]);
                } else {
                    text.push_str(&if rng.bool() { word.to_uppercase() } else { word.to_owned() });
                    expected.insert(Sighting { tenant: tenant.into(), ticket: canary.key(), part });
                }
                text.push_str(["", " ", "\\n", "\u{17c}", "x"][rng.usize(..5)]);
            }
            assert_eq!(guard.find(&[b"", text.as_bytes()]), expected, "seed {seed}: {text}");
            for (tenant, canary) in &planted {
                for part in Part::ALL {
                    let sighting = Sighting { tenant: (*tenant).into(), ticket: canary.key(), part };
                    assert_eq!(guard.word(&sighting), Some(canary.word(part)), "seed {seed}");
                    assert_eq!(guard.word(&Sighting { tenant: "c".into(), ..sighting }), None, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn without_canaries_nothing_is_looked_for() {
        let guard = Guard::new([]).unwrap();
        assert!(!guard.is_armed());
        assert!(guard.find(&[b"anything"]).is_empty());
    }
}
