use std::{fmt::Write, sync::Arc};

use serde_json::{Map, Value, json};
use thiserror::Error;
use ticketscope_model::{RelationSide, Schema};

use super::{
    Expr, MAX_ATOMS, MAX_BYTES, MAX_DEPTH, MAX_VALUES, NameError, ParseError, Set, Widening, fail_closed, names, parse,
    tree_of,
};

/// Why a JSON text is no expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{kind}", if .path.is_empty() { String::new() } else { format!("at {path}: ") })]
pub struct JsonError {
    /// The place: keys and indexes from the outside in, as in `view.all[1].in.set`.
    pub path: String,
    /// What is wrong with it.
    pub kind: JsonErrorKind,
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonErrorKind {
    /// No JSON at all, or nested deeper than a JSON reader accepts.
    #[error("not readable as JSON: {0}")]
    Syntax(String),
    /// Something else stands where only this can.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What can stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A parameter of the vendor's role that we do not know; leaving it out would grant what it withholds.
    #[error("conditions (`if`) are not evaluated; make a role for each setting")]
    Condition,
    /// A name that may not stand there.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A mistake that would show more tickets.
    #[error(transparent)]
    Widens(#[from] Widening),
    /// A JSON string that is not the text form.
    #[error(transparent)]
    Text(#[from] ParseError),
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
    /// More than [`MAX_VALUES`], which only repeated `"view"` can reach.
    #[error("an expression must not hold more than {MAX_VALUES} values")]
    TooManyValues,
}

const NODE: &str = "`all`, `any`, `not`, `in`, `unset` or \"view\"";
const SET: &str = "a set: `my`, `tenant`, `const`, `union`, `diff`, `members`, `under` or \"me\"";

/// Reads `json`; `root` names it in errors, `view` is what `"view"` stands for.
pub(super) fn read(json: &str, root: &str, schema: &Schema, view: Option<&Expr>) -> Result<Expr, JsonError> {
    let fail = |kind| JsonError { path: root.to_owned(), kind };
    if json.len() > MAX_BYTES {
        return Err(fail(JsonErrorKind::TooLong(json.len())));
    }
    let value: Value = serde_json::from_str(json).map_err(|e| fail(JsonErrorKind::Syntax(e.to_string())))?;
    if let Value::String(text) = &value {
        return parse::parse(text, schema, view).map_err(|e| fail(e.into()));
    }
    let mut reader =
        Reader { schema, view, path: root.to_owned(), tree: "".into(), depth: 0, atoms: 0, values: 0, widens: false };
    let expr = reader.node(&value)?;
    if expr.height() > MAX_DEPTH {
        return Err(fail(JsonErrorKind::TooDeep));
    }
    Ok(expr)
}

/// The JSON form of `expr`.
pub(super) fn write(expr: &Expr) -> Value {
    let list = |operands: &[Expr]| operands.iter().map(write).collect::<Vec<_>>();
    match expr {
        Expr::All => json!({ "all": [] }),
        Expr::None => json!({ "any": [] }),
        Expr::In { field, set } => json!({ "in": { "field": &*field.name, "set": write_set(set) } }),
        Expr::Unset(field) => json!({ "unset": &*field.name }),
        Expr::Not(inner) => json!({ "not": write(inner) }),
        Expr::And(operands) => json!({ "all": list(operands) }),
        Expr::Or(operands) => json!({ "any": list(operands) }),
    }
}

fn write_set(set: &Set) -> Value {
    match set {
        Set::Me => json!("me"),
        Set::My { rel, level: None } => json!({ "my": &**rel }),
        Set::My { rel, level: Some(level) } => json!({ "my": &**rel, "level": &**level }),
        Set::Tenant { rel } => json!({ "tenant": &**rel }),
        Set::Const(values) => json!({ "const": values.iter().map(|value| &**value).collect::<Vec<_>>() }),
        Set::Members(inner) => json!({ "members": write_set(inner) }),
        Set::Under { set, .. } => json!({ "under": write_set(set) }),
        Set::Union(terms) => json!({ "union": terms.iter().map(write_set).collect::<Vec<_>>() }),
        Set::Diff(left, right) => json!({ "diff": [write_set(left), write_set(right)] }),
    }
}

struct Reader<'a> {
    schema: &'a Schema,
    view: Option<&'a Expr>,
    path: String,
    /// Where `under` looks for descendants at this place.
    tree: Arc<str>,
    depth: usize,
    atoms: usize,
    values: usize,
    /// Whether an empty set at this place would show more tickets.
    widens: bool,
}

type Read<T> = Result<T, JsonError>;

impl Reader<'_> {
    fn node(&mut self, value: &Value) -> Read<Expr> {
        if value == "view" {
            return self.reference();
        }
        let (key, operand) = self.only_key(value, NODE)?;
        self.at_key(key, |reader| match key {
            "all" => Ok(Expr::and(reader.operands(operand)?)),
            "any" => Ok(Expr::or(reader.operands(operand)?)),
            "not" => {
                let inner = reader.negated(|reader| reader.nested(|reader| reader.node(operand)))?;
                Ok(Expr::Not(Box::new(inner)))
            }
            "in" => reader.membership(operand),
            "unset" => {
                reader.count(1)?;
                let name = reader.text(operand, "the name of a field")?;
                Ok(Expr::Unset(names::field(reader.schema, name).map_err(|e| reader.fail(e.into()))?))
            }
            "if" => Err(reader.fail(JsonErrorKind::Condition)),
            _ => Err(reader.expected(NODE, value)),
        })
    }

    /// The operands of `all` or `any`; without any, the node is itself an atom.
    fn operands(&mut self, value: &Value) -> Read<Vec<Expr>> {
        if value.as_array().is_some_and(Vec::is_empty) {
            self.count(1)?;
            return Ok(Vec::new());
        }
        self.nested(|reader| reader.list(value, Self::node))
    }

    fn reference(&mut self) -> Read<Expr> {
        let view = self.view.ok_or_else(|| self.fail(JsonErrorKind::View))?;
        fail_closed::expr(view, self.widens).map_err(|e| self.fail(e.into()))?;
        self.count(view.atoms())?;
        self.values += view.values();
        if self.values > MAX_VALUES {
            return Err(self.fail(JsonErrorKind::TooManyValues));
        }
        Ok(view.clone())
    }

    fn membership(&mut self, value: &Value) -> Read<Expr> {
        let Value::Object(keys) = value else {
            return Err(self.expected("`field` and `set`", value));
        };
        let (Some(name), Some(set), 2) = (keys.get("field"), keys.get("set"), keys.len()) else {
            return Err(self.expected("`field` and `set`, and nothing else", value));
        };
        let field = self.at_key("field", |reader| {
            let name = reader.text(name, "the name of a field")?;
            names::field(reader.schema, name).map_err(|e| reader.fail(e.into()))
        })?;
        self.tree = tree_of(&field.name).into();
        let set = self.at_key("set", |reader| reader.set(set))?;
        Ok(Expr::In { field, set })
    }

    fn set(&mut self, value: &Value) -> Read<Set> {
        if value == "me" {
            self.count(1)?;
            return Ok(Set::Me);
        }
        if let Value::Object(keys) = value
            && keys.len() == 2
            && let (Some(rel), Some(level)) = (keys.get("my"), keys.get("level"))
        {
            return self.my(rel, Some(level));
        }
        let (key, operand) = self.only_key(value, SET)?;
        if key == "my" {
            return self.my(operand, None);
        }
        self.at_key(key, |reader| match key {
            "tenant" => {
                reader.count(1)?;
                let rel = reader.relation(operand, RelationSide::Tenant)?;
                Ok(Set::Tenant { rel })
            }
            "const" => reader.constant(operand),
            "union" => {
                if operand.as_array().is_some_and(Vec::is_empty) {
                    return reader.constant(operand);
                }
                Ok(Set::union(reader.nested(|reader| reader.list(operand, Self::set))?))
            }
            "diff" => reader.difference(operand),
            "members" => {
                let outer = std::mem::replace(&mut reader.tree, "group".into());
                let inner = reader.nested(|reader| reader.set(operand))?;
                reader.tree = outer;
                Ok(Set::Members(Box::new(inner)))
            }
            "under" => {
                let set = Box::new(reader.nested(|reader| reader.set(operand))?);
                Ok(Set::Under { tree: Arc::clone(&reader.tree), set })
            }
            _ => Err(reader.expected(SET, value)),
        })
    }

    fn my(&mut self, rel: &Value, level: Option<&Value>) -> Read<Set> {
        self.count(1)?;
        let rel = self.at_key("my", |reader| reader.relation(rel, RelationSide::My))?;
        let level = level.map(|level| {
            self.at_key("level", |reader| {
                let name = reader.text(level, "the name of a level")?;
                if !names::is_word(name) {
                    return Err(reader.expected("the name of a level", level));
                }
                let name: Arc<str> = name.into();
                fail_closed::level(&name, reader.widens).map_err(|e| reader.fail(e.into()))?;
                Ok(name)
            })
        });
        Ok(Set::My { rel, level: level.transpose()? })
    }

    fn constant(&mut self, value: &Value) -> Read<Set> {
        self.count(1)?;
        let values = self.list(value, |reader, item| match item {
            Value::String(text) => Ok(text.as_str().into()),
            Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string().into()),
            Value::Bool(flag) => Ok(flag.to_string().into()),
            other => Err(reader.expected("a string or an integer", other)),
        })?;
        self.values += values.len();
        fail_closed::constant(values.len(), self.widens).map_err(|e| self.fail(e.into()))?;
        Ok(Set::Const(values))
    }

    fn difference(&mut self, value: &Value) -> Read<Set> {
        let Some([left, right]) = value.as_array().map(Vec::as_slice) else {
            return Err(self.expected("a list of two sets", value));
        };
        self.nested(|reader| {
            let left = reader.at_index(0, |reader| reader.set(left))?;
            let right = reader.negated(|reader| reader.at_index(1, |reader| reader.set(right)))?;
            Ok(Set::Diff(Box::new(left), Box::new(right)))
        })
    }

    fn relation(&mut self, value: &Value, side: RelationSide) -> Read<Arc<str>> {
        let name = self.text(value, "the name of a relation")?;
        names::relation(self.schema, name, side).map_err(|e| self.fail(e.into()))
    }

    fn list<T>(&mut self, value: &Value, mut read: impl FnMut(&mut Self, &Value) -> Read<T>) -> Read<Vec<T>> {
        let Value::Array(items) = value else {
            return Err(self.expected("a list", value));
        };
        items.iter().enumerate().map(|(at, item)| self.at_index(at, |reader| read(reader, item))).collect()
    }

    /// The one key of an object; a node with a second one means something we would not evaluate.
    fn only_key<'v>(&self, value: &'v Value, expected: &'static str) -> Read<(&'v str, &'v Value)> {
        let one = |keys: &'v Map<String, Value>| keys.iter().next().filter(|_| keys.len() == 1);
        match value {
            Value::Object(keys) if keys.contains_key("if") => Err(self.fail(JsonErrorKind::Condition)),
            Value::Object(keys) => {
                one(keys).map(|(key, operand)| (key.as_str(), operand)).ok_or_else(|| self.expected(expected, value))
            }
            _ => Err(self.expected(expected, value)),
        }
    }

    fn text<'v>(&self, value: &'v Value, expected: &'static str) -> Read<&'v str> {
        value.as_str().ok_or_else(|| self.expected(expected, value))
    }

    fn negated<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.widens = !self.widens;
        let inner = read(self)?;
        self.widens = !self.widens;
        Ok(inner)
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fail(JsonErrorKind::TooDeep));
        }
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn count(&mut self, atoms: usize) -> Read<()> {
        self.atoms += atoms;
        if self.atoms > MAX_ATOMS { Err(self.fail(JsonErrorKind::TooManyAtoms)) } else { Ok(()) }
    }

    fn at_key<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let len = self.path.len();
        if len > 0 {
            self.path.push('.');
        }
        self.path.push_str(&names::shown(key));
        let inner = read(self)?;
        self.path.truncate(len);
        Ok(inner)
    }

    fn at_index<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let len = self.path.len();
        // Writing to a string cannot fail.
        let _infallible: std::fmt::Result = write!(self.path, "[{index}]");
        let inner = read(self)?;
        self.path.truncate(len);
        Ok(inner)
    }

    fn expected(&self, expected: &'static str, found: &Value) -> JsonError {
        let text = found.to_string();
        let shown = names::shown(&text);
        let found = if shown.len() < text.len() { format!("{shown}...") } else { shown };
        self.fail(JsonErrorKind::Expected { expected, found })
    }

    fn fail(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { path: self.path.clone(), kind }
    }
}
