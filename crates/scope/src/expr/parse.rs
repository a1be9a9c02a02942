use std::sync::Arc;

use thiserror::Error;
use ticketscope_model::{RelationSide, Schema, Span};

use super::{
    Expr, FieldRef, MAX_ATOMS, MAX_BYTES, MAX_DEPTH, MAX_VALUES, NameError, Set, Widening, fail_closed, names, tree_of,
};

/// Why a text is no expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at byte {}: {kind}", .span.start)]
pub struct ParseError {
    /// The part of the text that is meant.
    pub span: Span,
    /// What is wrong with it.
    pub kind: ParseErrorKind,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseErrorKind {
    /// Something else stands where only this can.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What can stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A name that may not stand there.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A mistake that would show more tickets.
    #[error(transparent)]
    Widens(#[from] Widening),
    /// `view` in the view expression itself, or outside a role.
    #[error("`view` may only stand in the other verbs of a role: it means the role's view expression")]
    View,
    /// Longer than [`MAX_BYTES`].
    #[error("an expression must not be longer than {MAX_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// Deeper than [`MAX_DEPTH`].
    #[error("an expression must not be nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// More than [`MAX_ATOMS`].
    #[error("an expression must not have more than {MAX_ATOMS} atoms and set terms")]
    TooManyAtoms,
    /// More than [`MAX_VALUES`], which only repeated `view` can reach.
    #[error("an expression must not hold more than {MAX_VALUES} values")]
    TooManyValues,
}

/// Reads `text`; `view` is what the atom `view` stands for, where it may stand.
pub(super) fn parse(text: &str, schema: &Schema, view: Option<&Expr>) -> Result<Expr, ParseError> {
    let whole = Span::new(0, text.len());
    if text.len() > MAX_BYTES {
        return Err(ParseError { span: whole, kind: ParseErrorKind::TooLong(text.len()) });
    }
    let mut parser =
        Parser { text, at: 0, schema, view, tree: "".into(), depth: 0, atoms: 0, values: 0, widens: false };
    let expr = parser.union()?;
    parser.blank();
    if parser.at < text.len() {
        return Err(parser.expected("`&`, `|` or the end"));
    }
    if expr.height() > MAX_DEPTH {
        return Err(ParseError { span: whole, kind: ParseErrorKind::TooDeep });
    }
    Ok(expr)
}

/// Recursive descent, one function for each line of the grammar. Every recursion passes [`Parser::nested`], every leaf
/// [`Parser::count`], and no character is read more than a few times, so hostile text costs no more than its length.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    schema: &'a Schema,
    view: Option<&'a Expr>,
    /// Where `under()` looks for descendants at this place.
    tree: Arc<str>,
    depth: usize,
    atoms: usize,
    values: usize,
    /// Whether an empty set at this place would show more tickets.
    widens: bool,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn union(&mut self) -> Parsed<Expr> {
        let mut operands = vec![self.intersection()?];
        while self.eat(b'|') {
            operands.push(self.intersection()?);
        }
        Ok(Expr::or(operands))
    }

    fn intersection(&mut self) -> Parsed<Expr> {
        let mut operands = vec![self.factor()?];
        while self.eat(b'&') {
            operands.push(self.factor()?);
        }
        Ok(Expr::and(operands))
    }

    fn factor(&mut self) -> Parsed<Expr> {
        if self.eat(b'!') {
            self.widens = !self.widens;
            let inner = self.nested(Self::factor)?;
            self.widens = !self.widens;
            return Ok(Expr::Not(Box::new(inner)));
        }
        if self.eat(b'(') {
            let inner = self.nested(Self::union)?;
            self.expect(b')', "`)`, `&` or `|`")?;
            return Ok(inner);
        }
        self.atom()
    }

    fn atom(&mut self) -> Parsed<Expr> {
        let (word, span) = self.word("an atom such as `all`, `no group` or `group in my.groups`")?;
        match word {
            "all" => self.leaf(Expr::All),
            "none" => self.leaf(Expr::None),
            "no" => {
                let field = self.field("a field after `no`")?;
                self.leaf(Expr::Unset(field))
            }
            "view" if !self.comparison_follows() => self.reference(span),
            name => {
                let field = names::field(self.schema, name).map_err(|e| at(span, e.into()))?;
                self.comparison(field)
            }
        }
    }

    /// The atom `view`: the whole expression it stands for, at this place.
    fn reference(&mut self, span: Span) -> Parsed<Expr> {
        let view = self.view.ok_or_else(|| at(span, ParseErrorKind::View))?;
        fail_closed::expr(view, self.widens).map_err(|e| at(span, e.into()))?;
        self.count(view.atoms())?;
        self.values += view.values();
        if self.values > MAX_VALUES {
            return Err(at(span, ParseErrorKind::TooManyValues));
        }
        Ok(view.clone())
    }

    fn comparison(&mut self, field: FieldRef) -> Parsed<Expr> {
        if self.eat(b'=') {
            return self.me(field, "`me` after `=`; for other values write `in {..}`");
        }
        let start = self.at;
        match self.word("`in`, `= me` or `has me` after the field")?.0 {
            "in" => {
                self.tree = tree_of(&field.name).into();
                let set = self.set("a set after `in`")?;
                Ok(Expr::In { field, set })
            }
            "has" => self.me(field, "`me` after `has`; for other values write `in {..}`"),
            _ => {
                self.at = start;
                Err(self.expected("`in`, `= me` or `has me` after the field"))
            }
        }
    }

    fn me(&mut self, field: FieldRef, expected: &'static str) -> Parsed<Expr> {
        let start = self.at;
        if self.word(expected)?.0 != "me" {
            self.at = start;
            return Err(self.expected(expected));
        }
        self.leaf(Expr::In { field, set: Set::Me })
    }

    fn set(&mut self, expected: &'static str) -> Parsed<Set> {
        let mut left = vec![self.set_term(expected)?];
        let mut differences = 0;
        loop {
            if self.eat(b'+') {
                left.push(self.set_term("a set after `+`")?);
            } else if self.eat(b'-') {
                // A chain of differences leans to the left and is as deep as it is long.
                differences += 1;
                if self.depth + differences > MAX_DEPTH {
                    return Err(self.here(ParseErrorKind::TooDeep));
                }
                self.widens = !self.widens;
                let right = self.set_term("a set after `-`")?;
                self.widens = !self.widens;
                left = vec![Set::Diff(Box::new(Set::union(left)), Box::new(right))];
            } else {
                return Ok(Set::union(left));
            }
        }
    }

    fn set_term(&mut self, expected: &'static str) -> Parsed<Set> {
        if self.eat(b'(') {
            let inner = self.nested(|parser| parser.set("a set"))?;
            self.expect(b')', "`)`, `+` or `-`")?;
            return Ok(inner);
        }
        if self.eat(b'{') {
            return self.literals();
        }
        let start = self.at;
        match self.word(expected)?.0 {
            "my" => {
                let rel = self.relation(RelationSide::My)?;
                let level = self.level()?;
                self.count(1)?;
                Ok(Set::My { rel, level })
            }
            "tenant" => {
                let rel = self.relation(RelationSide::Tenant)?;
                self.count(1)?;
                Ok(Set::Tenant { rel })
            }
            "members" => {
                let outer = std::mem::replace(&mut self.tree, "group".into());
                let inner = self.argument()?;
                self.tree = outer;
                Ok(Set::Members(inner))
            }
            "under" => Ok(Set::Under { set: self.argument()?, tree: Arc::clone(&self.tree) }),
            _ => {
                self.at = start;
                Err(self.expected(expected))
            }
        }
    }

    fn argument(&mut self) -> Parsed<Box<Set>> {
        self.expect(b'(', "`(`")?;
        let set = self.nested(|parser| parser.set("a set"))?;
        self.expect(b')', "`)`, `+` or `-`")?;
        Ok(Box::new(set))
    }

    fn relation(&mut self, side: RelationSide) -> Parsed<Arc<str>> {
        self.expect(b'.', "`.` and a relation")?;
        let (name, span) = self.word("a relation")?;
        names::relation(self.schema, name, side).map_err(|e| at(span, e.into()))
    }

    fn level(&mut self) -> Parsed<Option<Arc<str>>> {
        if !self.eat(b'[') {
            return Ok(None);
        }
        let (name, span) = self.word("a level")?;
        self.expect(b']', "`]`")?;
        let level = name.into();
        fail_closed::level(&level, self.widens).map_err(|e| at(span, e.into()))?;
        Ok(Some(level))
    }

    /// The values between `{` and `}`. Bare `me` is the principal; `"me"` is a value.
    fn literals(&mut self) -> Parsed<Set> {
        let open = self.at - 1;
        let mut values = Vec::new();
        let mut me = false;
        if !self.eat(b'}') {
            loop {
                self.blank();
                if self.peek() == Some(b'"') {
                    values.push(self.quoted()?);
                } else {
                    match self.bare()? {
                        "me" => me = true,
                        value => values.push(value.into()),
                    }
                }
                if self.eat(b'}') {
                    break;
                }
                self.expect(b',', "`,` or `}`")?;
            }
        }
        if !me {
            fail_closed::constant(values.len(), self.widens).map_err(|e| at(Span::new(open, self.at), e.into()))?;
        }
        self.values += values.len();
        let constant = (!values.is_empty() || !me).then_some(Set::Const(values));
        let terms: Vec<_> = constant.into_iter().chain(me.then_some(Set::Me)).collect();
        self.count(terms.len())?;
        Ok(Set::union(terms))
    }

    fn bare(&mut self) -> Parsed<&'a str> {
        let rest = &self.text[self.at..];
        let signed = rest.strip_prefix('-').is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
        let first = |c: char| c.is_alphanumeric() || c == '_';
        if !signed && !rest.starts_with(first) {
            return Err(self.expected("a value; quote values with blanks or signs"));
        }
        let len = rest.find(|c: char| !first(c) && !matches!(c, '.' | '-')).unwrap_or(rest.len());
        self.at += len;
        Ok(&rest[..len])
    }

    fn quoted(&mut self) -> Parsed<Arc<str>> {
        let open = self.at;
        let mut value = String::new();
        let mut chars = self.text[open..].char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = open + offset + 1;
                    return Ok(value.into());
                }
                '\\' => {
                    let Some((_, escaped @ ('"' | '\\'))) = chars.next() else {
                        self.at = open + offset;
                        return Err(self.expected("`\\\"` or `\\\\`"));
                    };
                    value.push(escaped);
                }
                other => value.push(other),
            }
        }
        let kind = ParseErrorKind::Expected { expected: "a closing `\"`", found: "the end".into() };
        Err(at(Span::new(open, self.text.len()), kind))
    }

    fn field(&mut self, expected: &'static str) -> Parsed<FieldRef> {
        let (name, span) = self.word(expected)?;
        names::field(self.schema, name).map_err(|e| at(span, e.into()))
    }

    /// Whether `in`, `has` or `=` comes next, so that the word before is a field.
    fn comparison_follows(&mut self) -> bool {
        let start = self.at;
        let follows = self.eat(b'=') || matches!(self.word(""), Ok(("in" | "has", _)));
        self.at = start;
        follows
    }

    fn leaf(&mut self, expr: Expr) -> Parsed<Expr> {
        self.count(1)?;
        Ok(expr)
    }

    fn count(&mut self, atoms: usize) -> Parsed<()> {
        self.atoms += atoms;
        if self.atoms > MAX_ATOMS { Err(self.here(ParseErrorKind::TooManyAtoms)) } else { Ok(()) }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.here(ParseErrorKind::TooDeep));
        }
        let inner = parse(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn word(&mut self, expected: &'static str) -> Parsed<(&'a str, Span)> {
        self.blank();
        let rest = &self.text[self.at..];
        let len = names::word_len(rest);
        if len == 0 {
            return Err(self.expected(expected));
        }
        let span = Span::new(self.at, self.at + len);
        self.at = span.end;
        Ok((&rest[..len], span))
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, sign: u8) -> bool {
        self.blank();
        let found = self.peek() == Some(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: u8, expected: &'static str) -> Parsed<()> {
        if self.eat(sign) { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// An error about whatever comes next.
    fn expected(&mut self, expected: &'static str) -> ParseError {
        self.blank();
        let rest = &self.text[self.at..];
        let name = |c: char| c.is_alphanumeric() || c == '_';
        let len = match rest.find(|c| !name(c)) {
            Some(0) => rest.chars().next().map_or(0, char::len_utf8),
            Some(len) => len,
            None => rest.len(),
        };
        let found = if len == 0 { "the end".into() } else { format!("`{}`", names::shown(&rest[..len])) };
        at(Span::new(self.at, self.at + len), ParseErrorKind::Expected { expected, found })
    }

    fn here(&self, kind: ParseErrorKind) -> ParseError {
        at(Span::new(self.at, self.at), kind)
    }
}

fn at(span: Span, kind: ParseErrorKind) -> ParseError {
    ParseError { span, kind }
}
