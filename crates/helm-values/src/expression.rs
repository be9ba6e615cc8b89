//! The syntax of `--set` and similar options: `a.b[0]=1,c={x,y}`.
//!
//! The parser changes values while it reads, like Helm's. Parsing depends on the current values: each expression sees
//! the results of earlier ones, and `a[0].b=1` has another meaning if `a` is already a list.

use rutter::yaml::{Entry, Key, MAX_KEY, Node, Place, Scalar, Value, is_long_key};
use rutter::{Code, Diagnostic, Position};

use crate::json;
use crate::{MAX_DEPTH, MAX_GAPS, SET_CONFLICT, SET_LIMIT, SET_SYNTAX, find, merge};

/// The maximum index, because it allocates a list of that length.
const MAX_INDEX: usize = 65_536;

/// The maximum number of names in a path that follow another name.
const MAX_INNER_NAMES: usize = 30;

/// The kinds of expressions, in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Values are JSON.
    Json,
    /// Values are whole numbers, booleans, `null` or strings.
    Typed,
    /// Values are strings.
    String,
    /// Values are the contents of the files that they name.
    File,
    /// The text after the first `=` is one string, without special characters.
    Literal,
}

impl Kind {
    /// Returns the command-line option for expressions of this kind.
    pub fn option(self) -> &'static str {
        match self {
            Self::Json => "--set-json",
            Self::Typed => "--set",
            Self::String => "--set-string",
            Self::File => "--set-file",
            Self::Literal => "--set-literal",
        }
    }
}

/// An expression of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Expression<'a> {
    /// The kind, which determines how its values are read.
    pub kind: Kind,
    /// The number of its text among all sources of values.
    pub source: u32,
    /// The expression itself.
    pub text: &'a str,
}

impl Expression<'_> {
    pub(crate) fn apply<E: From<Diagnostic>>(
        &self,
        entries: &mut Vec<Entry>,
        gaps: &mut usize,
        read_file: &mut dyn FnMut(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        let mut cursor = Cursor::new(self.text, self.source);
        cursor.skip_blanks();
        if self.kind == Kind::Json && cursor.peek() == Some('{') {
            let node = json::read(&mut cursor)?;
            cursor.skip_blanks();
            if cursor.peek().is_some() {
                return Err(syntax(cursor.place(), "unexpected text after the JSON object").into());
            }
            if let Value::Mapping(over) = node.value {
                merge(entries, over);
            }
            return Ok(());
        }
        let mut parser = Parser {
            kind: self.kind,
            cursor: Cursor::new(self.text, self.source),
            gaps,
            read_file,
        };
        while parser.cursor.peek().is_some() {
            parser.assignment(entries, Depth::default())?;
        }
        Ok(())
    }
}

/// The rest of a text, and its position.
pub(crate) struct Cursor<'a> {
    rest: &'a str,
    place: Place,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str, source: u32) -> Self {
        Self {
            rest: text,
            place: Place {
                source,
                position: Position { line: 1, column: 1 },
            },
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.place.position.line += 1;
            self.place.position.column = 1;
        } else {
            self.place.position.column += 1;
        }
        Some(c)
    }

    pub(crate) fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.next();
        }
        found
    }

    pub(crate) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }
}

pub(crate) fn syntax(place: Place, message: impl Into<String>) -> Diagnostic {
    problem(&SET_SYNTAX, place, message)
}

fn problem(code: &Code, place: Place, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, "", message).at(Some(place.position))
}

/// The numbers of names and steps in a path.
#[derive(Clone, Copy, Default)]
struct Depth {
    names: usize,
    steps: usize,
}

struct Parser<'a, 'f, E> {
    kind: Kind,
    cursor: Cursor<'a>,
    gaps: &'f mut usize,
    read_file: &'f mut dyn FnMut(&str) -> Result<String, E>,
}

/// The end of an assignment.
#[derive(PartialEq, Eq)]
enum Ended {
    /// The assignment has a value.
    Value,
    /// The expression ends after `=`. The value is an empty string.
    Nothing,
}

impl<E: From<Diagnostic>> Parser<'_, '_, E> {
    /// Reads `NAME=VALUE`, `NAME.PATH` or `NAME[INDEX]PATH`, and the comma after it.
    fn assignment(&mut self, entries: &mut Vec<Entry>, depth: Depth) -> Result<Ended, E> {
        let place = self.cursor.place();
        let (name, stop) = self.until(&['=', '[', ',', '.']);
        if name.is_empty() && stop.is_some_and(|stop| stop != ',') {
            return Err(syntax(place, "expected a name").into());
        }
        check_name(&name, place)?;
        match stop {
            Some('=') => {
                let (node, ended) = self.assigned()?;
                set(entries, name, place, node);
                Ok(ended)
            }
            Some('[') => {
                let depth = self.step(depth, place)?;
                let index = self.index()?;
                match find(entries, &name) {
                    Some(node) => match &mut node.value {
                        Value::Sequence(items) => self.item(items, index, depth),
                        _ => Err(conflict(&name, node, "a list", place).into()),
                    },
                    None => {
                        let mut items = Vec::new();
                        let ended = self.item(&mut items, index, depth)?;
                        let value = Value::Sequence(items);
                        set(entries, name, place, Node { value, place });
                        Ok(ended)
                    }
                }
            }
            Some('.') => {
                let mut depth = self.step(depth, place)?;
                depth.names += 1;
                if depth.names > MAX_INNER_NAMES {
                    let message = format!("expected at most {} names in a path", MAX_INNER_NAMES + 1);
                    return Err(problem(&SET_LIMIT, place, message).into());
                }
                match find(entries, &name) {
                    Some(node) => match &mut node.value {
                        Value::Mapping(inner) => self.assignment(inner, depth),
                        _ => Err(conflict(&name, node, "a mapping", place).into()),
                    },
                    None => {
                        let mut inner = Vec::new();
                        let ended = self.assignment(&mut inner, depth)?;
                        let value = Value::Mapping(inner);
                        set(entries, name, place, Node { value, place });
                        Ok(ended)
                    }
                }
            }
            _ => Err(syntax(place, format!("{name:?} has no value")).into()),
        }
    }

    /// Reads the text after `[INDEX]`.
    fn item(&mut self, items: &mut Vec<Node>, index: usize, depth: Depth) -> Result<Ended, E> {
        let place = self.cursor.place();
        let (rest, stop) = self.until(&['[', '.', '=']);
        if !rest.is_empty() {
            return Err(syntax(
                place,
                format!("expected `=`, `.` or `[` after an index, found {rest:?}"),
            )
            .into());
        }
        match stop {
            Some('=') => {
                let (node, _) = self.assigned()?;
                self.set_index(items, index, node)?;
                Ok(Ended::Value)
            }
            Some('[') => {
                let depth = self.step(depth, place)?;
                let inner_index = self.index()?;
                let inner = match items.get_mut(index) {
                    Some(node) if !node.is_null() => node,
                    _ => {
                        let value = Value::Sequence(Vec::new());
                        self.set_index(items, index, Node { value, place })?
                    }
                };
                match &mut inner.value {
                    Value::Sequence(items) => self.item(items, inner_index, depth),
                    _ => Err(conflict("", inner, "a list", place).into()),
                }
            }
            Some('.') => {
                let depth = self.step(depth, place)?;
                let known = items.len() > index;
                let inner = match items.get_mut(index) {
                    Some(node) if node.entries().is_some() => node,
                    _ => self.set_index(items, index, Node::empty(place))?,
                };
                let Value::Mapping(entries) = &mut inner.value else {
                    return Err(conflict("", inner, "a mapping", place).into());
                };
                let ended = self.assignment(entries, depth)?;
                if ended == Ended::Nothing && !known {
                    // Helm drops the whole item.
                    let message = "the first value of a new list item must not be empty";
                    return Err(syntax(self.cursor.place(), message).into());
                }
                Ok(ended)
            }
            _ => Err(syntax(place, "expected a value").into()),
        }
    }

    fn set_index<'i>(
        &mut self,
        items: &'i mut Vec<Node>,
        index: usize,
        node: Node,
    ) -> Result<&'i mut Node, Diagnostic> {
        let place = node.place;
        if let Some(gap) = index.checked_sub(items.len()) {
            *self.gaps += gap;
            if *self.gaps > MAX_GAPS {
                let message = format!("expected at most {MAX_GAPS} list items that are not set");
                return Err(problem(&SET_LIMIT, place, message));
            }
            items.resize(index + 1, scalar(Scalar::plain("null"), place));
        }
        match items.get_mut(index) {
            Some(item) => {
                *item = node;
                Ok(item)
            }
            None => Err(problem(&SET_LIMIT, place, format!("the index {index} is too large"))),
        }
    }

    fn step(&self, mut depth: Depth, place: Place) -> Result<Depth, Diagnostic> {
        // The limit includes indices. Helm does not limit them, but the parser of values does.
        depth.steps += 1;
        if depth.steps < MAX_DEPTH {
            Ok(depth)
        } else {
            Err(problem(
                &SET_LIMIT,
                place,
                format!("expected at most {MAX_DEPTH} names and indices in a path"),
            ))
        }
    }

    /// Reads `INDEX]`.
    fn index(&mut self) -> Result<usize, Diagnostic> {
        let place = self.cursor.place();
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Err(syntax(place, "expected `]` after this index"));
        }
        match text.parse::<i64>() {
            Ok(index) if index < 0 => Err(syntax(place, format!("expected an index of 0 or more, found {index}"))),
            Ok(index) => match usize::try_from(index) {
                Ok(index) if index <= MAX_INDEX => Ok(index),
                _ => {
                    let message = format!("expected an index of at most {MAX_INDEX}, found {index}");
                    Err(problem(&SET_LIMIT, place, message))
                }
            },
            Err(_) => Err(syntax(place, format!("{text:?} is not an index"))),
        }
    }

    /// Reads the value after `=`, and the comma after it.
    fn assigned(&mut self) -> Result<(Node, Ended), E> {
        let place = self.cursor.place();
        match self.kind {
            Kind::Json => {
                self.cursor.skip_blanks();
                let node = match self.cursor.peek() {
                    None | Some(',') => scalar(Scalar::plain("null"), place),
                    Some(_) => json::read(&mut self.cursor)?,
                };
                self.cursor.skip_blanks();
                self.cursor.eat(',');
                Ok((node, Ended::Value))
            }
            Kind::Literal => {
                let (text, _) = self.until(&[]);
                Ok((scalar(Scalar::quoted(text), place), Ended::Value))
            }
            Kind::Typed | Kind::String | Kind::File => {
                if self.cursor.peek().is_none() {
                    return Ok((scalar(Scalar::quoted(""), place), Ended::Nothing));
                }
                if self.cursor.eat('{') {
                    return Ok((self.list(place)?, Ended::Value));
                }
                let (text, _) = self.until(&[',']);
                Ok((self.scalar(&text, place)?, Ended::Value))
            }
        }
    }

    /// Reads `A,B}`, and the comma after it. `{}` is a list of one empty string, as in Helm.
    fn list(&mut self, place: Place) -> Result<Node, E> {
        let mut items = Vec::new();
        loop {
            let item = self.cursor.place();
            let (text, stop) = self.until(&[',', '}']);
            if stop.is_none() {
                return Err(syntax(place, "expected `}` at the end of this list").into());
            }
            items.push(self.scalar(&text, item)?);
            if stop == Some('}') {
                self.cursor.eat(',');
                let value = Value::Sequence(items);
                return Ok(Node { value, place });
            }
        }
    }

    fn scalar(&mut self, text: &str, place: Place) -> Result<Node, E> {
        let meaning = match self.kind {
            Kind::File => Scalar::quoted((self.read_file)(text)?),
            Kind::Typed => typed(text),
            Kind::Json | Kind::String | Kind::Literal => Scalar::quoted(text),
        };
        Ok(scalar(meaning, place))
    }

    /// Reads the text up to one of `stops`, and returns both. A backslash before a character removes its special
    /// meaning.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let literal = self.kind == Kind::Literal;
        let mut text = String::new();
        while let Some(c) = self.cursor.next() {
            match c {
                ',' if literal => text.push(c),
                c if stops.contains(&c) => return (text, Some(c)),
                '\\' if !literal => text.extend(self.cursor.next()),
                c => text.push(c),
            }
        }
        (text, None)
    }
}

/// Refuses a name that the parser of values would refuse.
pub(crate) fn check_name(name: &str, place: Place) -> Result<(), Diagnostic> {
    if is_long_key(name) {
        let message = format!("expected a name of at most {MAX_KEY} characters, including escapes");
        return Err(problem(&SET_LIMIT, place, message));
    }
    Ok(())
}

/// Returns the type that Helm gives to a text without quotes. `3.10` and `007` are strings.
fn typed(text: &str) -> Scalar {
    for word in ["true", "false", "null"] {
        if text.eq_ignore_ascii_case(word) {
            return Scalar::plain(word);
        }
    }
    match text.parse::<i64>() {
        Ok(number) if text == "0" || !text.starts_with('0') => Scalar::plain(number.to_string()),
        _ => Scalar::quoted(text),
    }
}

pub(crate) fn scalar(scalar: Scalar, place: Place) -> Node {
    Node {
        value: Value::Scalar(scalar),
        place,
    }
}

pub(crate) fn set(entries: &mut Vec<Entry>, name: String, place: Place, node: Node) {
    match find(entries, &name) {
        Some(old) => *old = node,
        None => entries.push(Entry {
            key: Key {
                scalar: Scalar::quoted(name),
                place,
            },
            value: node,
        }),
    }
}

fn conflict(name: &str, found: &Node, needed: &str, place: Place) -> Diagnostic {
    let what = if name.is_empty() {
        "the item".to_owned()
    } else {
        format!("`{name}`")
    };
    let message = format!("{what} is {}, but this expression requires {needed}", found.describe());
    problem(&SET_CONFLICT, place, message)
}
