//! Text to tree, within limits that no honest values document reaches.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Entry, Key, Node, Place, Value, push_key};
use super::scalar::{MAX_KEY, Scalar, excerpt, is_long_key};
use super::{DUPLICATE_KEY, YAML_FEATURE, YAML_LIMIT, YAML_SYNTAX};
use crate::{Diagnostic, Diagnostics, Position};

/// Largest text, in bytes.
const MAX_BYTES: usize = 8 << 20;
/// Deepest nesting; it bounds the recursion of everything that walks a tree.
const MAX_DEPTH: usize = 64;
/// Most nodes of a document after its aliases are expanded: what stops a "billion laughs". Their texts may have
/// [`MAX_BYTES`] together, which stops one long text with many aliases.
const MAX_NODES: usize = 200_000;
/// Most duplicate keys that are told of one document.
const MAX_DUPLICATES: usize = 100;

/// Reads one YAML document, or none.
///
/// `first_line` is the number that the text's first line has in its `source`.
///
/// # Errors
///
/// Everything that is wrong with the text: [`YAML_SYNTAX`], [`YAML_LIMIT`], [`YAML_FEATURE`] and every
/// [`DUPLICATE_KEY`]. A second document is [`YAML_FEATURE`]: a stream of them is split by
/// [`stream`](crate::stream) first.
pub fn parse(text: &str, source: u32, first_line: u32) -> Result<Option<Node>, Vec<Diagnostic>> {
    if text.len() > MAX_BYTES {
        let message = format!("the text has {} bytes; at most {MAX_BYTES} are accepted", text.len());
        let start = Position {
            line: first_line,
            column: 1,
        };
        return Err(vec![Diagnostic::new(&YAML_LIMIT, "", message).at(Some(start))]);
    }
    let mut builder = Builder {
        source,
        first_line,
        anchors: BTreeMap::new(),
        size: Size::default(),
        path: Vec::new(),
        duplicates: 0,
        diagnostics: Diagnostics::default(),
    };
    let document = builder.document(&mut Parser::new_from_str(text));
    let mut diagnostics = builder.diagnostics;
    let document = match document {
        Ok(document) => document,
        Err(Stop(mut diagnostic)) => {
            let index = diagnostic
                .position
                .and_then(|position| position.line.checked_sub(first_line));
            let line = index.and_then(|index| text.lines().nth(usize::try_from(index).ok()?));
            if diagnostic.help.is_none() {
                let help = line.and_then(|line| syntax_help(&diagnostic, line));
                diagnostic.help = help.map(str::to_owned);
            }
            diagnostics.push(diagnostic);
            None
        }
    };
    if diagnostics.has_errors() {
        Err(diagnostics.into_vec())
    } else {
        Ok(document)
    }
}

/// The help about an error, if the line on which reading ended is of a kind that is common. The parser tells its errors
/// apart by their words only.
fn syntax_help(diagnostic: &Diagnostic, line: &str) -> Option<&'static str> {
    let says = |words: &str| diagnostic.message.contains(words);
    let mut values = line.split_inclusive([':', '-', '[', ',']).skip(1);
    if line.contains("{{") {
        Some("templates are not rendered here: write the value, or quote it if it is meant literally")
    } else if diagnostic.code != YAML_SYNTAX.id {
        None
    } else if says("tab") {
        Some("indent with spaces: YAML does not accept tabs")
    } else if values.any(|value| value.starts_with(" *")) {
        Some("quote what starts with `*`: \"*/5 * * * *\"")
    } else if says("mapping values are not allowed") || says("block mapping") || says("block collection") {
        Some("check the indentation: fields of one mapping start in the same column")
    } else {
        None
    }
}

/// The problem after which nothing more can be read.
struct Stop(Diagnostic);

type Events<'a> = Parser<'a, granit_parser::StrInput<'a>>;

struct Builder {
    source: u32,
    first_line: u32,
    anchors: BTreeMap<usize, Node>,
    /// What exists by now, copies for anchors and aliases included.
    size: Size,
    /// The steps from the root to the node being read, for the paths of diagnostics.
    path: Vec<String>,
    duplicates: usize,
    diagnostics: Diagnostics,
}

impl Builder {
    fn document(&mut self, events: &mut Events<'_>) -> Result<Option<Node>, Stop> {
        let mut document = None;
        loop {
            let (event, span) = self.next(events)?;
            match event {
                Event::StreamEnd => return Ok(document),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                // A document without content, such as the one behind a trailing `---`.
                Event::Scalar(text, ScalarStyle::Plain, 0, None) if text.is_empty() => {}
                event if document.is_none() => document = Some(self.node(event, &span, events)?),
                _ => {
                    return Err(self.stop(&YAML_FEATURE, &span, "a second document starts here; one is expected"));
                }
            }
        }
    }

    fn next<'a>(&self, events: &mut Events<'a>) -> Result<(Event<'a>, Span), Stop> {
        match events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let position = self.position(error.marker());
                Err(Stop(
                    Diagnostic::new(&YAML_SYNTAX, self.path(), error.info().to_string()).at(Some(position)),
                ))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node<'a>(&mut self, event: Event<'a>, span: &Span, events: &mut Events<'a>) -> Result<Node, Stop> {
        if self.path.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(self.stop(&YAML_LIMIT, span, message));
        }
        let place = self.place(span);
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = self.scalar(text.into_owned(), style, tag.as_deref(), span)?;
                (Value::Scalar(scalar), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                (Value::Sequence(self.sequence(events)?), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                (Value::Mapping(self.mapping(events)?), anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(self.stop(&YAML_FEATURE, span, "an alias inside the node that it stands for"));
                };
                let (size, node) = (Size::of(node), node.clone());
                self.count(size, span)?;
                return Ok(node);
            }
            _ => return Err(self.stop(&YAML_SYNTAX, span, "a value was expected here")),
        };
        self.count(Size::of_value(&value), span)?;
        let node = Node { value, place };
        if anchor != 0 {
            self.count(Size::of(&node), span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, events: &mut Events<'_>) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next(events)?;
            if event == Event::SequenceEnd {
                return Ok(items);
            }
            self.path.push(format!("[{}]", items.len()));
            items.push(self.node(event, &span, events)?);
            self.path.pop();
        }
    }

    fn mapping(&mut self, events: &mut Events<'_>) -> Result<Vec<Entry>, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merges: Vec<Node> = Vec::new();
        let mut seen: BTreeMap<String, Place> = BTreeMap::new();
        loop {
            let (event, span) = self.next(events)?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.key(event, &span)?;
            let (event, value_span) = self.next(events)?;
            let mut step = String::new();
            push_key(&mut step, &key.scalar.text);
            self.path.push(step);
            let value = self.node(event, &value_span, events)?;
            if key.scalar.plain && key.scalar.text == "<<" {
                self.path.pop();
                merges.push(value);
                continue;
            }
            match seen.get(&key.scalar.text) {
                Some(_) if self.duplicates >= MAX_DUPLICATES => {}
                Some(first) => {
                    self.duplicates += 1;
                    let message = format!("the key `{}` stands here again", excerpt(&key.scalar.text));
                    let help = format!("it already stands in line {}: keep one of the two", first.position.line);
                    let diagnostic = Diagnostic::new(&DUPLICATE_KEY, self.path(), message)
                        .help(help)
                        .at(Some(key.place.position));
                    self.diagnostics.push(diagnostic);
                }
                None => {
                    seen.insert(key.scalar.text.clone(), key.place);
                    entries.push(Entry { key, value });
                }
            }
            self.path.pop();
        }
        for merge in merges {
            self.merge(merge, &mut entries, &mut seen)?;
        }
        Ok(entries)
    }

    /// Adds what `<<` stands for: the entries of a mapping, or of several of which the first wins. What stands in the
    /// mapping itself wins over both.
    fn merge(&self, merge: Node, entries: &mut Vec<Entry>, seen: &mut BTreeMap<String, Place>) -> Result<(), Stop> {
        match merge.value {
            Value::Mapping(merged) => {
                for entry in merged {
                    if !seen.contains_key(&entry.key.scalar.text) {
                        seen.insert(entry.key.scalar.text.clone(), entry.key.place);
                        entries.push(entry);
                    }
                }
                Ok(())
            }
            Value::Sequence(items) if items.iter().all(|item| item.entries().is_some()) => {
                items.into_iter().try_for_each(|item| self.merge(item, entries, seen))
            }
            _ => Err(Stop(
                Diagnostic::new(
                    &YAML_FEATURE,
                    self.path(),
                    "`<<` merges a mapping or a list of mappings",
                )
                .help("quote the key if it is meant literally: \"<<\"")
                .at(Some(merge.place.position)),
            )),
        }
    }

    fn key(&mut self, event: Event<'_>, span: &Span) -> Result<Key, Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = self.scalar(text.into_owned(), style, tag.as_deref(), span)?;
                let place = self.place(span);
                self.check_key(&scalar, span)?;
                if anchor != 0 {
                    let value = Value::Scalar(scalar.clone());
                    self.count(Size::of_value(&value), span)?;
                    self.anchors.insert(anchor, Node { value, place });
                }
                Ok(Key { scalar, place })
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).map(|node| &node.value) {
                Some(Value::Scalar(scalar)) => {
                    let scalar = scalar.clone();
                    self.check_key(&scalar, span)?;
                    Ok(Key {
                        scalar,
                        place: self.place(span),
                    })
                }
                _ => Err(self.stop(&YAML_FEATURE, span, "a key must be a string")),
            },
            _ => Err(self.stop(&YAML_FEATURE, span, "a key must be a string, not a list or a mapping")),
        }
    }

    fn scalar(&self, text: String, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Result<Scalar, Stop> {
        let plain = style == ScalarStyle::Plain;
        let plain = match tag.map(|tag| (tag.core_suffix(), tag)) {
            None => plain,
            Some((Some("str"), _)) => false,
            Some((Some("int" | "float" | "bool" | "null"), _)) => true,
            // kpt writes it in front of `<<`, which means it anyway.
            Some((None, tag))
                if text == "<<" && tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() == Some("merge") =>
            {
                plain
            }
            // The non-specific tag `!` makes any scalar a string.
            Some((None, tag)) if tag.handle().is_empty() && tag.suffix() == "!" => false,
            Some((_, tag)) => return Err(self.unsupported_tag(tag, span)),
        };
        Ok(Scalar { text, plain })
    }

    fn check_tag(&self, tag: Option<&Tag>, accepted: &str, span: &Span) -> Result<(), Stop> {
        match tag {
            Some(tag) if tag.core_suffix() != Some(accepted) => Err(self.unsupported_tag(tag, span)),
            _ => Ok(()),
        }
    }

    fn unsupported_tag(&self, tag: &Tag, span: &Span) -> Stop {
        let message = format!("the tag `{}` means nothing here", excerpt(&tag.original()));
        self.stop(&YAML_FEATURE, span, message)
    }

    fn check_key(&mut self, key: &Scalar, span: &Span) -> Result<(), Stop> {
        if is_long_key(&key.text) {
            let message = format!("a key of more than {MAX_KEY} characters, escapes counted");
            return Err(self.stop(&YAML_LIMIT, span, message));
        }
        let bytes = key.text.len();
        self.count(Size { nodes: 0, bytes }, span)
    }

    /// Counts what now exists.
    fn count(&mut self, added: Size, span: &Span) -> Result<(), Stop> {
        self.size.nodes += added.nodes;
        self.size.bytes += added.bytes;
        let too_much = if self.size.nodes > MAX_NODES {
            format!("{MAX_NODES} nodes")
        } else if self.size.bytes > MAX_BYTES {
            format!("{MAX_BYTES} bytes of text")
        } else {
            return Ok(());
        };
        let message = format!("more than {too_much}, aliases expanded");
        Err(self.stop(&YAML_LIMIT, span, message))
    }

    fn stop(&self, code: &'static crate::Code, span: &Span, message: impl Into<String>) -> Stop {
        Stop(Diagnostic::new(code, self.path(), message).at(Some(self.place(span).position)))
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        path
    }

    fn place(&self, span: &Span) -> Place {
        Place {
            source: self.source,
            position: self.position(&span.start),
        }
    }

    fn position(&self, marker: &granit_parser::Marker) -> Position {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position {
            line: number(marker.line()).saturating_sub(1).saturating_add(self.first_line),
            column: number(marker.col()).saturating_add(1),
        }
    }
}

/// What a tree takes.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Size {
    /// Of a node and all below it.
    fn of(node: &Node) -> Self {
        let mut size = Self::of_value(&node.value);
        let mut add = |inner: Self| {
            size.nodes += inner.nodes;
            size.bytes += inner.bytes;
        };
        match &node.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => items.iter().map(Self::of).for_each(add),
            Value::Mapping(entries) => {
                for Entry { key, value } in entries {
                    add(Self::of(value));
                    add(Self {
                        nodes: 0,
                        bytes: key.scalar.text.len(),
                    });
                }
            }
        }
        size
    }

    /// Of a node alone.
    fn of_value(value: &Value) -> Self {
        let bytes = match value {
            Value::Scalar(scalar) => scalar.text.len(),
            Value::Sequence(_) | Value::Mapping(_) => 0,
        };
        Self { nodes: 1, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_get_help() {
        for (text, start) in [
            ("a:\n\tb: 1\n", Some("indent with spaces")),
            ("a:\n  b: 1\n\tc: 2\n", Some("indent with spaces")),
            ("a: 1\nb: */5 * * * *\n", Some("quote what starts with `*`")),
            ("a:\n  - */5 * * * *\n", Some("quote what starts with `*`")),
            ("a: {{ .Values.a }}\n", Some("templates are not rendered")),
            ("a: {{ b }} c\n", Some("templates are not rendered")),
            ("a:\n  b: 1\n   c: 2\n", Some("check the indentation")),
            ("a:\n  b: 1\n c: 2\n", Some("check the indentation")),
            ("a: [1\n", None),
        ] {
            let problems = parse(text, 0, 1).expect_err(text);
            let help = problems[0].help.as_deref();
            let is_expected = match start {
                Some(start) => help.is_some_and(|help| help.starts_with(start)),
                None => help.is_none(),
            };
            assert!(is_expected, "{text:?}: {problems:?}");
        }
        let problems = parse("b: */5\n", 0, 7).expect_err("an alias");
        assert!(
            problems[0]
                .help
                .as_deref()
                .is_some_and(|help| help.starts_with("quote"))
        );
    }
}
