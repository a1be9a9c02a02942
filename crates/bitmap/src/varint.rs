//! Numbers of one to ten bytes, seven bits each, lowest first; signed ones in zigzag form.

pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, (number << 1 ^ number >> 63).cast_unsigned());
}

pub(crate) fn take(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        if shift == 63 && *byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(crate) fn take_signed(input: &mut &[u8]) -> Option<i64> {
    take(input).map(|number| (number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
}

pub(crate) fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

pub(crate) fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = input.split_first()?;
    *input = rest;
    Some(*byte)
}

pub(crate) fn take_mask<const WORDS: usize>(input: &mut &[u8]) -> Option<[u64; WORDS]> {
    let mut mask = [0; WORDS];
    for word in &mut mask {
        let (bytes, rest) = input.split_first_chunk::<8>()?;
        *input = rest;
        *word = u64::from_le_bytes(*bytes);
    }
    Some(mask)
}
