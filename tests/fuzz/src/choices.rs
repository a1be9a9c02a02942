//! What the bytes of an input decide.

/// Decisions spelled by bytes. Behind the end all are 0, so that every input decides everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_over(self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is not 0. A digit is its own number, so that inputs can be written by hand.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let byte = self.byte();
        usize::from(if byte.is_ascii_digit() { byte - b'0' } else { byte }) % end
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Bytes of one edit: what, where (three bytes), and with which value.
const EDIT: usize = 5;

/// What the input makes of something genuine: after `=` the input is all of it, after any other byte it is `genuine` with
/// edits: `s`et, `x`or, `i`nsert, `d`elete or cu`t`, each with a place and a value.
pub(crate) fn tampered(genuine: &[u8], mut input: Choices<'_>) -> Vec<u8> {
    if input.byte() == b'=' {
        return input.rest().to_vec();
    }
    edited(genuine, input.rest())
}

/// `genuine` after the edits.
pub(crate) fn edited(genuine: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = genuine.to_vec();
    for edit in edits.chunks_exact(EDIT) {
        let &[what, high, middle, low, value] = edit else { continue };
        let place = u32::from_be_bytes([0, high, middle, low]) as usize;
        let Some(at) = place.checked_rem(bytes.len()) else { break };
        match what {
            b'i' => bytes.insert(at, value),
            b'd' => drop(bytes.remove(at)),
            b't' => bytes.truncate(at),
            b's' => bytes[at] = value,
            _ => bytes[at] ^= value.max(1),
        }
    }
    bytes
}
