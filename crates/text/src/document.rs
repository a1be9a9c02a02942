use model::{TextClass, TextPart};
use ticketscope_model as model;

/// Where the classes lie inside the public text of a ticket: positions below `described` are the subject's, those from
/// `commented` on the comments'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) described: u32,
    pub(crate) commented: u32,
    /// Whether the description has a word.
    pub(crate) has_description: bool,
    /// Whether a public comment has a word.
    pub(crate) has_comment: bool,
}

/// Positions that fit into [`Bounds`].
pub(crate) const MAX_POSITION: u32 = (1 << 31) - 1;

impl Bounds {
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.described)
            | u64::from(self.commented) << 31
            | u64::from(self.has_description) << 62
            | u64::from(self.has_comment) << 63
    }

    #[expect(clippy::cast_possible_truncation, reason = "31 bits are kept")]
    pub(crate) fn unpack(packed: u64) -> Self {
        Self {
            described: packed as u32 & MAX_POSITION,
            commented: (packed >> 31) as u32 & MAX_POSITION,
            has_description: packed >> 62 & 1 == 1,
            has_comment: packed >> 63 == 1,
        }
    }
}

/// A part of a ticket's text, as it is indexed.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Its name among the parts of the ticket.
    pub id: &'a str,
    /// Who may find it.
    pub class: TextClass,
    /// The BCP 47 tag of its language, if it was stated.
    pub lang: Option<&'a str>,
    /// What is indexed.
    pub body: &'a str,
}

impl<'a> From<&'a TextPart> for Part<'a> {
    fn from(part: &'a TextPart) -> Self {
        Self { id: &part.part, class: part.class, lang: part.lang.as_deref(), body: &part.body }
    }
}

/// The parts of text fields of a ticket whose id begins so hold the value of a custom field.
pub(crate) const CUSTOM_PART: &str = "field:";

/// The word `word` as [`crate::TextField::Custom`] holds it for the field `name`. With an empty word, what all begin with.
pub fn custom_word(name: &str, word: &str) -> String {
    format!("{name}\u{e000}{word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_survive_packing() {
        for described in [0, 1, 77, MAX_POSITION] {
            for commented in [0, 2, MAX_POSITION] {
                for flags in 0..4 {
                    let bounds =
                        Bounds { described, commented, has_description: flags & 1 == 1, has_comment: flags & 2 == 2 };
                    assert_eq!(Bounds::unpack(bounds.pack()), bounds);
                }
            }
        }
    }
}
