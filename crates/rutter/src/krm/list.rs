//! A ResourceList, taken apart at lines.
//!
//! Hosts write it in block style, where a line with no more indentation than `items:` ends the items and one that starts
//! with `-` at their indentation begins the next: whatever stands inside an item is indented further (YAML 1.2.2, 8.2).
//! So items need not be parsed to be told apart, and those that are not the package's come out as the very bytes that
//! went in, comments included. A list in flow style, such as JSON, is parsed and its items are written anew.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::stream::MAX_BYTES;
use crate::yaml::{self, INVALID_VALUE, Node, Value, WRONG_TYPE, YAML_FEATURE, YAML_LIMIT};
use crate::{Diagnostic, Position};

/// A ResourceList.
#[derive(Debug)]
pub(super) struct List<'a> {
    fields: Vec<Field<'a>>,
    /// The spaces before the `-` of an item.
    indent: usize,
    /// Its items, in order.
    pub(super) items: Vec<Item<'a>>,
    /// The results of earlier functions, as lines of a YAML list.
    results: String,
    /// What the host configures the function with.
    pub(super) function_config: Option<Node>,
}

/// A top-level field: its key, and its lines as they stand. The first has no key and holds what stands before all.
#[derive(Debug)]
struct Field<'a> {
    key: &'a str,
    text: Cow<'a, str>,
    first_line: u32,
}

/// An item of the list: its lines, those of comments directly before it included.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) text: Cow<'a, str>,
    first_line: u32,
    /// Where in its text its `-` stands.
    dash: usize,
}

/// An item of the list that is written.
#[derive(Debug)]
pub(super) enum NewItem<'a> {
    /// As it was read.
    Kept(&'a Item<'a>),
    /// A YAML document without `---`.
    Written(Cow<'a, str>),
}

impl<'a> List<'a> {
    /// Takes a text apart.
    ///
    /// # Errors
    ///
    /// If it is no ResourceList, or one of a version that is not known.
    pub(super) fn read(text: &'a str) -> Result<Self, Vec<Diagnostic>> {
        if text.len() > MAX_BYTES {
            let message = format!("the input is larger than the {} MiB accepted", MAX_BYTES >> 20);
            return Err(vec![Diagnostic::new(&YAML_LIMIT, "", message)]);
        }
        let list = match cut(text) {
            Some(fields) => Self::of_lines(fields)?,
            None => None,
        };
        match list {
            Some(list) => Ok(list),
            None => Self::of_tree(text),
        }
    }

    /// The list whose fields these are, unless its items are not in block style.
    fn of_lines(fields: Vec<Field<'a>>) -> Result<Option<Self>, Vec<Diagnostic>> {
        let parsed = |key: &str| -> Result<Option<Node>, Vec<Diagnostic>> {
            let Some(field) = fields.iter().find(|field| field.key == key) else {
                return Ok(None);
            };
            let node = yaml::parse(&field.text, 0, field.first_line)?;
            Ok(node.and_then(|node| node.get(key).cloned()))
        };
        check(parsed("apiVersion")?.as_ref(), parsed("kind")?.as_ref())?;
        let function_config = parsed("functionConfig")?.filter(|node| !node.is_null());
        let results = list_of(parsed("results")?.as_ref());
        let items = match fields.iter().find(|field| field.key == "items") {
            Some(field) => items(field),
            None => Some((0, Vec::new())),
        };
        Ok(items.map(|(indent, items)| Self {
            fields,
            indent,
            items,
            results,
            function_config,
        }))
    }

    /// The list that a text is, in whatever style.
    fn of_tree(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let node = yaml::parse(text, 0, 1)?;
        check(
            node.as_ref().and_then(|node| node.get("apiVersion")),
            node.as_ref().and_then(|node| node.get("kind")),
        )?;
        let mut list = Self {
            fields: Vec::new(),
            indent: 0,
            items: Vec::new(),
            results: String::new(),
            function_config: None,
        };
        for entry in node.as_ref().and_then(Node::entries).unwrap_or_default() {
            let first_line = entry.value.place.position.line;
            match (entry.key.scalar.text.as_str(), &entry.value.value) {
                ("items", Value::Sequence(items)) => {
                    list.items.extend(items.iter().map(|item| Item {
                        text: format!("- {}\n", item.to_text().0).into(),
                        first_line: item.place.position.line,
                        dash: 0,
                    }));
                }
                ("items", _) if !entry.value.is_null() => {
                    let message = format!("expected a list, found {}", entry.value.describe());
                    let place = entry.value.place;
                    return Err(vec![
                        Diagnostic::new(&WRONG_TYPE, "items", message).at(Some(place.position)),
                    ]);
                }
                ("items", _) => {}
                ("results", _) => list.results = list_of(Some(&entry.value)),
                (key, _) => {
                    let alone = Node {
                        value: Value::Mapping(vec![entry.clone()]),
                        place: entry.value.place,
                    };
                    let line = alone.to_text().0;
                    // Without its braces it is a line of a block mapping.
                    let line = line.strip_prefix('{').and_then(|line| line.strip_suffix('}'));
                    list.fields.push(Field {
                        key: "",
                        text: format!("{}\n", line.unwrap_or_default()).into(),
                        first_line,
                    });
                    if key == "functionConfig" && !entry.value.is_null() {
                        list.function_config = Some(entry.value.clone());
                    }
                }
            }
        }
        Ok(list)
    }

    /// The list with other items, and with results, which are a YAML list without indentation, or nothing.
    pub(super) fn write(&self, items: &[NewItem<'_>], results: &str) -> String {
        let mut text = String::new();
        let mut written = false;
        for Field { key, text: field, .. } in &self.fields {
            match *key {
                "items" => {
                    // With the comment that it may have.
                    let head = field.split_inclusive('\n').next().filter(|head| !head.contains('['));
                    self.write_items(items, head.unwrap_or("items:\n"), &mut text);
                    written = true;
                }
                "results" => {}
                _ => push(&mut text, field),
            }
        }
        if !written {
            self.write_items(items, "items:\n", &mut text);
        }
        let results = format!("{}{results}", self.results);
        if !results.is_empty() {
            push(&mut text, "results:\n");
            push(&mut text, &results);
        }
        text
    }

    fn write_items(&self, items: &[NewItem<'_>], head: &str, text: &mut String) {
        push(text, if items.is_empty() { "items: []\n" } else { head });
        let spaces = " ".repeat(self.indent);
        for item in items {
            match item {
                NewItem::Kept(item) => push(text, &item.text),
                NewItem::Written(document) => {
                    push(text, "");
                    for (number, line) in document.split_inclusive('\n').enumerate() {
                        // Blanks may be what a block scalar holds.
                        if number == 0 || !line.trim_end_matches(['\r', '\n']).is_empty() {
                            text.push_str(&spaces);
                            text.push_str(if number == 0 { "- " } else { "  " });
                        }
                        text.push_str(line);
                    }
                }
            }
        }
    }
}

/// The elements of a list, one a line of a YAML list.
fn list_of(node: Option<&Node>) -> String {
    let Some(Value::Sequence(items)) = node.map(|node| &node.value) else {
        return String::new();
    };
    items.iter().map(|item| format!("- {}\n", item.to_text().0)).collect()
}

/// Adds lines to a text. What is last may lack its line end, and keeps lacking it: it can be part of a block scalar.
fn push(text: &mut String, lines: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(lines);
}

impl Item<'_> {
    /// The object that it is.
    ///
    /// # Errors
    ///
    /// What is wrong with its YAML.
    pub(super) fn parse(&self) -> Result<Node, Vec<Diagnostic>> {
        let place = yaml::Place {
            source: 0,
            position: Position {
                line: self.first_line,
                column: 1,
            },
        };
        let mut alone = self.text.clone().into_owned();
        alone.replace_range(self.dash..=self.dash, " ");
        Ok(yaml::parse(&alone, 0, self.first_line)?.unwrap_or(Node::empty(place)))
    }
}

/// Cuts a text into the fields of the mapping that it is, unless that is not in block style.
fn cut(text: &str) -> Option<Vec<Field<'_>>> {
    // Where each field starts, its key and its line.
    let mut starts = vec![(0, "", 1)];
    let mut keys = BTreeSet::new();
    let mut offset = 0;
    let mut end = text.len();
    for (line, number) in text.split_inclusive('\n').zip(1u32..) {
        let in_head = starts.len() == 1;
        let content = line.trim_start_matches('\u{feff}').trim_end();
        match content.chars().next() {
            None | Some('#' | ' ' | '\t') => {}
            Some('%') if in_head => {}
            Some('-') if in_head && (content == "---" || content.starts_with("--- #")) => {}
            Some('-' | '.') if ["---", "..."].contains(&content) => {
                // A second document would be lost.
                let rest = &text[offset..];
                if !rest.lines().all(|line| ["---", "...", ""].contains(&line.trim_end())) {
                    return None;
                }
                end = offset;
                break;
            }
            Some('-') if !in_head && (content == "-" || content.starts_with("- ")) => {}
            _ => {
                let key = key(content)?;
                if !keys.insert(key) {
                    return None;
                }
                starts.push((offset, key, number));
            }
        }
        offset += line.len();
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|(start, ..)| *start).chain([end]).collect();
    let field = |((start, key, first_line), end): ((usize, _, _), usize)| Field {
        key,
        text: Cow::Borrowed(&text[start..end]),
        first_line,
    };
    Some(starts.into_iter().zip(ends).map(field).collect())
}

/// The key of a line of a block mapping.
fn key(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let plain = key.trim_matches(['"', '\'']);
    let is_word = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_word && (rest.is_empty() || rest.starts_with([' ', '\t']))).then_some(plain)
}

/// The items of a field, and their indentation, unless they are not in block style.
fn items<'a>(field: &Field<'a>) -> Option<(usize, Vec<Item<'a>>)> {
    let Cow::Borrowed(text) = field.text else { return None };
    let mut lines = text.split_inclusive('\n').zip(field.first_line..);
    let (head, _) = lines.next()?;
    let value = head.split_once(':')?.1.trim();
    if !["", "[]"].contains(&value) && !value.starts_with('#') {
        return None;
    }
    let mut indent = None;
    let mut starts: Vec<Start> = Vec::new();
    // Where the comments start that may belong to the next item.
    let mut comments = None;
    let mut offset = head.len();
    for (line, number) in lines {
        let content = line.trim_start_matches(' ');
        let spaces = line.len() - content.len();
        let content = content.trim_end();
        let is_start = content == "-" || content.starts_with("- ");
        if content.is_empty() {
            comments = None;
        } else if content.starts_with('#') {
            // Those that are indented further stand inside of the item before.
            let is_between = indent.is_none_or(|indent| spaces <= indent);
            comments = comments.or(is_between.then_some((offset, number)));
        } else {
            match indent {
                None if is_start && value != "[]" => indent = Some(spaces),
                Some(indent) if spaces > indent || (spaces == indent && is_start) => {}
                _ => return None,
            }
            if indent == Some(spaces) {
                let (start, first_line) = comments.unwrap_or((offset, number));
                starts.push(Start {
                    start,
                    first_line,
                    dash: offset + spaces - start,
                });
            }
            comments = None;
        }
        offset += line.len();
    }
    let ends = starts.iter().skip(1).map(|next| next.start).chain([text.len()]);
    let items = starts.iter().zip(ends).map(|(start, end)| Item {
        text: Cow::Borrowed(&text[start.start..end]),
        first_line: start.first_line,
        dash: start.dash,
    });
    Some((indent.unwrap_or(0), items.collect()))
}

/// Where an item starts.
struct Start {
    start: usize,
    first_line: u32,
    dash: usize,
}

/// Checks that this is a ResourceList of a version that is known.
fn check(api_version: Option<&Node>, kind: Option<&Node>) -> Result<(), Vec<Diagnostic>> {
    let text = |node: Option<&Node>| node.and_then(Node::as_str).unwrap_or_default().to_owned();
    let position = |node: Option<&Node>| node.map(|node| node.place.position);
    if text(kind) != "ResourceList" {
        let message = match kind.and_then(Node::as_str) {
            Some(kind) => format!("this is a {kind:?}; a function reads a ResourceList"),
            None => "this is no ResourceList, which is what a function reads".to_owned(),
        };
        return Err(vec![
            Diagnostic::new(&YAML_FEATURE, "kind", message)
                .help("leave `krm` out to render values, or a stream of objects")
                .at(position(kind)),
        ]);
    }
    let version = text(api_version);
    if !["config.kubernetes.io/v1", "config.kubernetes.io/v1beta1"].contains(&version.as_str()) {
        let message = format!("found {version:?}; config.kubernetes.io/v1 and config.kubernetes.io/v1beta1 are known");
        return Err(vec![
            Diagnostic::new(&INVALID_VALUE, "apiVersion", message)
                .help("write apiVersion: config.kubernetes.io/v1")
                .at(position(api_version)),
        ]);
    }
    Ok(())
}
