use std::fmt::{self, Display, Formatter, Write};

use super::{Expr, Set};

impl Display for Expr {
    /// The text form; reading it gives an equal expression.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::None => f.write_str("none"),
            Self::In { field, set: Set::Me } => write!(f, "{} = me", field.name),
            Self::In { field, set } => write!(f, "{} in {set}", field.name),
            Self::Unset(field) => write!(f, "no {}", field.name),
            Self::Not(inner) => {
                f.write_char('!')?;
                operand(inner, matches!(**inner, Self::And(_) | Self::Or(_) | Self::In { .. }), f)
            }
            Self::And(operands) if operands.is_empty() => f.write_str("all"),
            Self::Or(operands) if operands.is_empty() => f.write_str("none"),
            Self::And(operands) => {
                joined(operands, " & ", f, |inner, f| operand(inner, matches!(inner, Self::And(_) | Self::Or(_)), f))
            }
            Self::Or(operands) => {
                joined(operands, " | ", f, |inner, f| operand(inner, matches!(inner, Self::Or(_)), f))
            }
        }
    }
}

impl Display for Set {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Me => f.write_str("{me}"),
            Self::My { rel, level: None } => write!(f, "my.{rel}"),
            Self::My { rel, level: Some(level) } => write!(f, "my.{rel}[{level}]"),
            Self::Tenant { rel } => write!(f, "tenant.{rel}"),
            Self::Const(values) => {
                f.write_char('{')?;
                joined(values, ", ", f, |value, f| literal(value, f))?;
                f.write_char('}')
            }
            Self::Members(inner) => write!(f, "members({inner})"),
            Self::Under { set, .. } => write!(f, "under({set})"),
            Self::Union(terms) if terms.is_empty() => f.write_str("{}"),
            Self::Union(terms) => {
                for (at, term) in terms.iter().enumerate() {
                    if at > 0 {
                        f.write_str(" + ")?;
                    }
                    // `+` and `-` bind to the left, so only the first term may be a difference as it stands.
                    let closed = matches!(term, Self::Union(_)) || at > 0 && matches!(term, Self::Diff(..));
                    operand(term, closed, f)?;
                }
                Ok(())
            }
            Self::Diff(left, right) => {
                write!(f, "{left} - ")?;
                operand(&**right, matches!(**right, Self::Union(_) | Self::Diff(..)), f)
            }
        }
    }
}

fn operand(inner: &impl Display, parentheses: bool, f: &mut Formatter<'_>) -> fmt::Result {
    if parentheses { write!(f, "({inner})") } else { write!(f, "{inner}") }
}

fn joined<T>(
    items: &[T],
    separator: &str,
    f: &mut Formatter<'_>,
    write: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        write(item, f)?;
    }
    Ok(())
}

/// A value as a set writes it: bare where it reads back as itself, else quoted.
fn literal(value: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
    let bare = value != "me"
        && value.as_bytes().first().is_some_and(|first| first.is_ascii_alphanumeric() || *first == b'_')
        && value.bytes().all(inner);
    if bare {
        return f.write_str(value);
    }
    f.write_char('"')?;
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}
