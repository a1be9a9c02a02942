//! What a text index says of itself: whose it is, and up to where it holds the text.

use model::Opstamp;
use tantivy::IndexMeta;
use ticketscope_model as model;

use crate::{analysis::Languages, error::TextDefect};

/// The version of what is indexed and of the note in each commit. Another one is made anew.
const VERSION: u32 = 2;

/// What tells the text index of one tenant from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextIdentity {
    /// The tenant.
    pub uuid: [u8; 16],
    /// The languages that its words are stemmed in.
    pub languages: Languages,
}

/// What a commit of a text index holds: the text after a batch of one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextMark {
    /// The last batch.
    pub position: Opstamp,
    /// A checksum over all batches up to it. A tenant whose files were put back has two batches of one number: this tells
    /// them apart.
    pub history: u32,
}

/// Note in the library's commits: what the index holds.
pub(crate) fn note(identity: TextIdentity, mark: TextMark) -> String {
    let (uuid, languages) = (u128::from_be_bytes(identity.uuid), identity.languages.bits());
    let TextMark { position, history } = mark;
    let text =
        format!("v{VERSION};uuid={uuid:032x};languages={languages};opstamp={};history={history:08x}", position.0);
    format!("{text};crc={:08x}", crc32fast::hash(text.as_bytes()))
}

fn read_note(note: &str, identity: TextIdentity) -> Option<TextMark> {
    let (opstamp, rest) = note.split_once(";opstamp=")?.1.split_once(";history=")?;
    let position = Opstamp(opstamp.parse().ok()?);
    let history = u32::from_str_radix(rest.split_once(';')?.0, 16).ok()?;
    let mark = TextMark { position, history };
    // One form only: what is not exactly as it would be written is not trusted.
    (self::note(identity, mark) == note).then_some(mark)
}

/// What the last commit holds, by its note.
pub(crate) fn read_mark(meta: &IndexMeta, identity: TextIdentity) -> Result<TextMark, TextDefect> {
    match (&meta.payload, meta.segments.is_empty()) {
        // An index without a commit holds nothing yet.
        (None, true) => Ok(TextMark::default()),
        (None, false) => Err(TextDefect::Foreign),
        (Some(note), _) => read_note(note, identity).ok_or(TextDefect::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_by_its_own_tenant_only() {
        let identity = TextIdentity { uuid: [7; 16], languages: Languages::default() };
        let written = note(identity, TextMark { position: Opstamp(42), history: 0x0bad_cafe });
        assert_eq!(read_note(&written, identity), Some(TextMark { position: Opstamp(42), history: 0x0bad_cafe }));
        let other = TextIdentity { uuid: [8; 16], ..identity };
        assert_eq!(read_note(&written, other), None);
        for at in 0..written.len() {
            let mut bytes = written.clone().into_bytes();
            bytes[at] ^= 1;
            let damaged = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(read_note(&damaged, identity), None, "{damaged}");
        }
    }
}
