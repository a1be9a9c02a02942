//! The languages whose inflection is known.

use std::fmt;

use frostem::Algorithm;
use whatlang::Lang;

/// A language whose stemmer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// `en`
    English,
    /// `es`
    Spanish,
    /// `fr`
    French,
    /// `de`
    German,
    /// `pl`
    Polish,
    /// `it`
    Italian,
    /// `pt`
    Portuguese,
    /// `nl`
    Dutch,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::English,
        Self::Spanish,
        Self::French,
        Self::German,
        Self::Polish,
        Self::Italian,
        Self::Portuguese,
        Self::Dutch,
    ];

    /// The primary language subtag, in lower case.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::German => "de",
            Self::Polish => "pl",
            Self::Italian => "it",
            Self::Portuguese => "pt",
            Self::Dutch => "nl",
        }
    }

    /// The language of a BCP 47 tag, by its primary subtag in any case (`pt-BR` is Portuguese); none if its inflection is
    /// not known. The older spelling with an underscore (`pt_BR`) is read too.
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    pub(super) fn algorithm(self) -> Algorithm {
        match self {
            Self::English => Algorithm::English,
            Self::Spanish => Algorithm::Spanish,
            Self::French => Algorithm::French,
            Self::German => Algorithm::German,
            Self::Polish => Algorithm::Polish,
            Self::Italian => Algorithm::Italian,
            Self::Portuguese => Algorithm::Portuguese,
            Self::Dutch => Algorithm::Dutch,
        }
    }

    pub(super) fn detected(self) -> Lang {
        match self {
            Self::English => Lang::Eng,
            Self::Spanish => Lang::Spa,
            Self::French => Lang::Fra,
            Self::German => Lang::Deu,
            Self::Polish => Lang::Pol,
            Self::Italian => Lang::Ita,
            Self::Portuguese => Lang::Por,
            Self::Dutch => Lang::Nld,
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A set of languages; by default English alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Languages(u16);

impl Languages {
    /// No language: every word is its own stem.
    pub const EMPTY: Self = Self(0);

    /// The set as bits that keep their meaning for ever: the place of a language in [`Language::ALL`] is its bit.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The set that [`Languages::bits`] wrote; none if a bit stands for no language.
    pub fn from_bits(bits: u16) -> Option<Self> {
        let known = Language::ALL.into_iter().collect::<Self>();
        (bits & !known.0 == 0).then_some(Self(bits))
    }

    /// Whether `language` is in the set.
    pub fn contains(self, language: Language) -> bool {
        self.0 & language.bit() != 0
    }

    /// Adds a language.
    pub fn insert(&mut self, language: Language) {
        self.0 |= language.bit();
    }

    /// The languages of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The languages, in the order of [`Language::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Language> {
        Language::ALL.into_iter().filter(move |language| self.contains(*language))
    }

    /// How many.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Default for Languages {
    fn default() -> Self {
        Language::English.into()
    }
}

impl From<Language> for Languages {
    fn from(language: Language) -> Self {
        Self(language.bit())
    }
}

impl FromIterator<Language> for Languages {
    fn from_iter<I: IntoIterator<Item = Language>>(languages: I) -> Self {
        languages.into_iter().fold(Self::EMPTY, |set, language| set.union(language.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_by_its_primary_subtag_in_any_case() {
        for (tag, language) in [
            ("en", Some(Language::English)),
            ("pt-BR", Some(Language::Portuguese)),
            ("PT_br", Some(Language::Portuguese)),
            ("De-Latn-DE-1996", Some(Language::German)),
            ("ja", None),
            ("eng", None),
            ("e", None),
            ("-en", None),
            ("", None),
            ("\u{e9}n", None),
        ] {
            assert_eq!(Language::parse(tag), language, "{tag}");
        }
    }

    #[test]
    fn every_language_is_read_from_its_code() {
        for language in Language::ALL {
            assert_eq!(Language::parse(language.code()), Some(language));
        }
    }

    #[test]
    fn what_a_tenant_may_declare_is_what_has_a_stemmer() {
        assert_eq!(Language::ALL.map(Language::code), ticketscope_model::LANGUAGES);
    }

    #[test]
    fn every_set_survives_its_bits_and_nothing_else_is_a_set() {
        for bits in 0..=u16::MAX {
            match Languages::from_bits(bits) {
                Some(set) => {
                    assert_eq!((set.bits(), set.len()), (bits, set.iter().count()));
                    assert_eq!(set.iter().collect::<Languages>(), set);
                    assert_eq!(set.is_empty(), bits == 0);
                }
                None => assert!(bits >= 1 << Language::ALL.len(), "{bits}"),
            }
        }
    }

    #[test]
    fn the_bits_never_change_their_meaning() {
        let bits = Language::ALL.map(|language| (language.code(), Languages::from(language).bits()));
        let written = [("en", 1), ("es", 2), ("fr", 4), ("de", 8), ("pl", 16), ("it", 32), ("pt", 64), ("nl", 128)];
        assert_eq!(bits, written);
    }

    #[test]
    fn english_is_the_default() {
        assert_eq!(Languages::default().iter().collect::<Vec<_>>(), [Language::English]);
    }
}
