/// The languages that the desk declares, BCP 47.
pub const LANGUAGES: &[&str] = &["en", "es", "fr", "de", "pl", "it", "pt", "nl"];

/// The languages that tickets are written in: the declared ones, and Japanese, which no stemmer reads.
pub const WRITTEN: &[&str] = &["en", "es", "fr", "de", "pl", "it", "pt", "nl", "ja"];

/// The number of a language in [`WRITTEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language(pub(crate) usize);

/// The language of the desk itself, in which every topic has phrases.
pub(crate) const ENGLISH: Language = Language(0);

/// Of 1,000 customers who may choose, how many write in each of [`WRITTEN`]. Some topics have phrases in English only,
/// which brings English to about 60% of all tickets.
pub(crate) const SHARES: [u32; WRITTEN.len()] = [500, 100, 90, 90, 65, 55, 45, 30, 25];

impl Language {
    /// Every language.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..WRITTEN.len()).map(Self)
    }

    /// The language with this tag.
    pub(crate) fn tagged(tag: &str) -> Option<Self> {
        WRITTEN.iter().position(|known| *known == tag).map(Self)
    }

    /// Its tag.
    pub(crate) fn tag(self) -> &'static str {
        WRITTEN[self.0]
    }
}
