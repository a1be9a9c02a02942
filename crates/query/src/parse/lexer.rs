//! Text to terms, in one pass. The shapes are those of the language; which names exist is the parser's business.

use ticketscope_model::Span;

use super::error::{QueryError, QueryErrorKind};

/// What stands between two separators, or in quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term<'t> {
    pub(super) negated: bool,
    pub(super) body: Body<'t>,
    pub(super) span: Span,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body<'t> {
    Word(&'t str),
    Quoted(String),
    Property(Property<'t>),
}

/// `key:value`, whose key has the shape of a name (of either case).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Property<'t> {
    pub(super) key: &'t str,
    pub(super) key_span: Span,
    pub(super) operator: Operator,
    pub(super) value: Written<'t>,
}

/// A value and how it was written; `span` covers the quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written<'t> {
    pub(super) text: std::borrow::Cow<'t, str>,
    pub(super) quoted: bool,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Is,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

impl Operator {
    /// The operator that `text` begins with.
    pub(super) fn leading(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [b':', ..] => Some(Self::Is),
            [b'<', b'=', ..] => Some(Self::LessOrEqual),
            [b'>', b'=', ..] => Some(Self::GreaterOrEqual),
            [b'<', ..] => Some(Self::Less),
            [b'>', ..] => Some(Self::Greater),
            _ => None,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Is => ":",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// Whether `c` separates terms: blanks, control characters, and the invisible marks that set the direction of text.
/// Joiners do not separate: words and emoji are made with them.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether `text` has the shape of a key: `[a-z_][a-z0-9_]*` in either case.
fn is_name(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && text.bytes().next().is_some_and(|c| !c.is_ascii_digit())
}

/// The terms of a text. After an error it yields nothing useful and must be dropped.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Consumes up to the first character that `stop` names, and returns it.
    fn take_until(&mut self, stop: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let taken = rest.find(stop).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += taken.len();
        taken
    }

    pub(super) fn next_term(&mut self) -> Result<Option<Term<'t>>, QueryError> {
        self.take_until(|c| !is_separator(c));
        let start = self.at;
        if self.rest().is_empty() {
            return Ok(None);
        }
        let negated = self.rest().starts_with('-');
        self.at += usize::from(negated);
        let body = self.body()?;
        Ok(Some(Term { negated, body, span: Span::new(start, self.at) }))
    }

    fn body(&mut self) -> Result<Body<'t>, QueryError> {
        if self.rest().starts_with('"') {
            return self.quoted().map(Body::Quoted);
        }
        let start = self.at;
        let run = self.take_until(|c| c == '"' || is_separator(c));
        let Some((key, tail)) = run.find([':', '<', '>']).and_then(|end| run.split_at_checked(end)) else {
            return Ok(Body::Word(run));
        };
        let Some(operator) = Operator::leading(tail).filter(|_| is_name(key)) else {
            return Ok(Body::Word(run));
        };
        let key_span = Span::new(start, start + key.len());
        let value_at = key_span.end + operator.text().len();
        let unquoted = tail.get(operator.text().len()..).unwrap_or_default();
        let at_quote = self.rest().starts_with('"');
        let value = if at_quote && unquoted.is_empty() {
            let text = self.quoted()?.into();
            if let Some(c) = self.rest().chars().next().filter(|c| !is_separator(*c)) {
                return Err(QueryErrorKind::TextAfterQuote.at(Span::new(self.at, self.at + c.len_utf8())));
            }
            Written { text, quoted: true, span: Span::new(value_at, self.at) }
        } else if at_quote {
            return Err(QueryErrorKind::QuoteInValue.at(Span::new(self.at, self.at + 1)));
        } else {
            Written { text: unquoted.into(), quoted: false, span: Span::new(value_at, self.at) }
        };
        Ok(Body::Property(Property { key, key_span, operator, value }))
    }

    /// The text in quotes that begins here. `\"` is a quote, `\\` a backslash, and any other backslash itself.
    fn quoted(&mut self) -> Result<String, QueryError> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(self.take_until(|c| c == '"' || c == '\\'));
            match self.rest().as_bytes() {
                [] => return Err(QueryErrorKind::OpenQuote.at(Span::new(open, open + 1))),
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(text);
                }
                [_, escaped @ (b'"' | b'\\'), ..] => {
                    text.push(char::from(*escaped));
                    self.at += 2;
                }
                _ => {
                    text.push('\\');
                    self.at += 1;
                }
            }
        }
    }
}
