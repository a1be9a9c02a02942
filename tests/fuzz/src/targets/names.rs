//! Tenant ids, which name directories; ticket ids; dates and numbers.

use std::path::{Component, Path};

use ticketscope_bitmap::{number_from_key, number_key};
use ticketscope_model::{FieldKind, RawValue, TicketKey, Timestamp, Value};
use ticketscope_storage::TenantId;

/// Each name is read by its rule alone, and reads back as what it was read as.
pub(crate) fn names(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    tenant(text);
    ticket(text);
    moment(text);
    number(text);
}

/// Whatever is a tenant id is one plain name of a directory, the same on systems that ignore case.
fn tenant(text: &str) {
    let well_formed = (1..=63).contains(&text.len())
        && !text.starts_with(['-', '_'])
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    match TenantId::parse(text) {
        Ok(id) => {
            assert!(well_formed && id.as_str() == text, "{text:?} is taken");
            let parts: Vec<_> = Path::new(id.as_str()).components().collect();
            assert!(matches!(parts[..], [Component::Normal(name)] if name == text), "{parts:?}");
        }
        Err(error) => {
            let device = ["con", "prn", "aux", "nul", "com", "lpt"].iter().any(|device| text.starts_with(device));
            assert!(!well_formed || device, "{text:?} is refused: {error}");
        }
    }
}

fn ticket(text: &str) {
    if let Ok(key) = TicketKey::parse(text) {
        assert_eq!(key.to_string(), text, "a ticket id is kept as it is written");
        assert_eq!(TicketKey::parse(&key.to_string()), Ok(key));
    }
}

/// A moment prints as a text that is read as the same moment; an offset that was written is never dropped.
fn moment(text: &str) {
    let Ok(moment) = Timestamp::parse(text) else { return };
    assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment), "{text:?} is {moment}");
    let Some((civil, offset)) = offset(text) else { return };
    let utc = Timestamp::parse(&format!("{civil}Z"));
    assert!(
        utc.as_ref().is_ok_and(|utc| utc.0 - moment.0 == offset) || utc.is_err(),
        "{text:?} is {moment}, which is not {utc:?} less its offset"
    );
}

/// What stands before `+HH:MM` or `-HH:MM` behind a time of the day, and the offset in milliseconds.
fn offset(text: &str) -> Option<(&str, i64)> {
    let (civil, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let [sign, h1, h2, b':', m1, m2] = offset.as_bytes() else { return None };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let minutes = (digit(h1)? * 10 + digit(h2)?) * 60 + digit(m1)? * 10 + digit(m2)?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    civil.contains(':').then_some((civil, sign * minutes * 60_000))
}

/// A number is finite and keeps its place when it is kept as an integer.
fn number(text: &str) {
    let Ok(value) = Value::read(FieldKind::Number, &RawValue::Text(text.into())) else { return };
    let Value::Number(number) = value else { panic!("{text:?} is {value:?}") };
    assert!(number.is_finite(), "{text:?} is {number}");
    let key = number_key(number);
    assert_eq!(number_from_key(key).to_bits(), number.to_bits(), "{text:?}");
    for (other, order) in [(number - 1.0, number > number - 1.0), (number / 2.0, number > number / 2.0)] {
        assert_eq!(key > number_key(other + 0.0), order, "{number} against {other}");
    }
}
