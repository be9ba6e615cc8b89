//! A stream of YAML documents, cut at lines.
//!
//! `kubectl get` writes one list with many items. Whatever is in an item is indented further than its dash (YAML 1.2.2,
//! 8.2), so that items are told apart without being parsed. Each is then parsed on its own: where the cut was wrong, such as
//! inside of a quoted text, none of the parts is YAML.

use std::io::{self, BufRead, BufReader, Read};

use rutter::yaml::{self, MISSING_FIELD, Node, Value, WRONG_TYPE, YAML_FEATURE, YAML_LIMIT, YAML_SYNTAX};
use rutter::{Diagnostic, Position, stream};

use super::{Kept, Problem, WHOLE};

/// Reads all documents.
pub(super) fn read(reader: impl Read, kept: &mut Kept<'_>) -> Result<(), Problem> {
    let mut reader = BufReader::new(reader);
    let mut document = Document::new(1);
    let mut line = Vec::new();
    for number in 1_u32.. {
        line.clear();
        // One byte more than is accepted.
        let most = u64::try_from(WHOLE + 1).unwrap_or(u64::MAX);
        let count = reader.by_ref().take(most).read_until(b'\n', &mut line);
        if count.map_err(Problem::Unreadable)? == 0 {
            break;
        }
        let text = stream::decode(&line).map_err(|_| {
            let position = Position {
                line: number,
                column: 1,
            };
            Diagnostic::new(&YAML_SYNTAX, "", "the text is not UTF-8")
                .help("save the file as UTF-8")
                .at(Some(position))
        })?;
        let text = if number == 1 {
            text.trim_start_matches('\u{feff}')
        } else {
            text
        };
        if is_marker(text) {
            document.finish(kept)?;
            document = Document::new(number);
        }
        document.add(text, number, kept)?;
    }
    document.finish(kept)
}

/// Whether a line begins or ends a document, wherever it is (YAML 1.2.2, 9.1.2).
fn is_marker(line: &str) -> bool {
    let rest = line.strip_prefix("---").or(line.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// The document that is being read.
struct Document {
    /// All of it but the items.
    head: Part,
    items: Items,
    item: Option<Part>,
}

/// Where the items of a document are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Items {
    /// There were none yet.
    Before,
    /// They begin, or have this indentation.
    In(Option<usize>),
    /// They have ended.
    After,
}

impl Document {
    fn new(first_line: u32) -> Self {
        Self {
            head: Part::new(first_line),
            items: Items::Before,
            item: None,
        }
    }

    fn add(&mut self, line: &str, number: u32, kept: &mut Kept<'_>) -> Result<(), Problem> {
        if let Items::In(indent) = self.items {
            let content = line.trim_start_matches(' ');
            let width = line.len() - content.len();
            let content = content.trim_end();
            let is_item = (content == "-" || content.starts_with("- ")) && indent.is_none_or(|indent| width == indent);
            let is_inside =
                indent.is_some_and(|indent| width > indent) || content.is_empty() || content.starts_with('#');
            if is_item {
                self.finish_item(kept)?;
                self.items = Items::In(Some(width));
                self.item = Some(Part::new(number));
            }
            if is_item || is_inside {
                return self.item.as_mut().map_or(Ok(()), |item| item.add(line));
            }
            self.finish_item(kept)?;
            self.items = Items::After;
        }
        let rest = line.strip_prefix("items:").map(str::trim);
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#')) {
            if self.items == Items::After {
                let position = Position {
                    line: number,
                    column: 1,
                };
                let problem = Diagnostic::new(&YAML_SYNTAX, "items", "the list has items twice");
                return Err(problem.at(Some(position)).into());
            }
            self.items = Items::In(None);
            // Lines keep their numbers.
            return self.head.add("\n");
        }
        self.head.add(line)
    }

    fn finish_item(&mut self, kept: &mut Kept<'_>) -> Result<(), Problem> {
        let Some(item) = self.item.take() else {
            return Ok(());
        };
        self.head.add(&"\n".repeat(item.text.matches('\n').count()))?;
        match item.parse()?.map(|node| (node.place, node.value)) {
            Some((_, Value::Sequence(nodes))) if nodes.len() == 1 => {
                nodes.into_iter().try_for_each(|node| add(node, kept))
            }
            _ => Err(Problem::from(
                Diagnostic::new(&YAML_SYNTAX, "items", "the items cannot be told apart").at(Some(Position {
                    line: item.first_line,
                    column: 1,
                })),
            )),
        }
    }

    fn finish(&mut self, kept: &mut Kept<'_>) -> Result<(), Problem> {
        self.finish_item(kept)?;
        let node = self.head.parse()?.filter(|node| !node.is_null());
        if self.items == Items::Before {
            return node.map_or(Ok(()), |node| add(node, kept));
        }
        let kind = node.as_ref().and_then(|node| node.get("kind")).and_then(Node::as_str);
        if node.as_ref().is_some_and(|node| node.get("items").is_some()) {
            let problem = Diagnostic::new(&YAML_SYNTAX, "items", "the list has items twice");
            return Err(problem.into());
        }
        check_list(kind, self.head.first_line)
    }
}

/// Refuses objects inside of what is not a list.
pub(super) fn check_list(kind: Option<&str>, line: u32) -> Result<(), Problem> {
    if kind.is_some_and(|kind| kind.ends_with("List")) {
        return Ok(());
    }
    let message = format!(
        "there are items in an object that is not a list: its kind is {:?}",
        kind.unwrap_or_default()
    );
    let problem = Diagnostic::new(&YAML_FEATURE, "items", message)
        .help("give objects as `kubectl get -o yaml` writes them")
        .at(Some(Position { line, column: 1 }));
    Err(problem.into())
}

/// Adds an object, or the items of a list.
fn add(node: Node, kept: &mut Kept<'_>) -> Result<(), Problem> {
    let place = Some(node.place.position);
    if node.entries().is_none() {
        let message = format!("expected a Kubernetes object, found {}", node.describe());
        return Err(Diagnostic::new(&WRONG_TYPE, "", message).at(place).into());
    }
    for key in ["apiVersion", "kind"] {
        if node.get(key).and_then(Node::as_str).is_none() {
            return Err(missing(key).at(place).into());
        }
    }
    let is_list = node
        .get("kind")
        .and_then(Node::as_str)
        .is_some_and(|kind| kind.ends_with("List"));
    match node.get("items").map(|items| &items.value) {
        Some(Value::Sequence(items)) if is_list => items.iter().cloned().try_for_each(|item| add(item, kept)),
        _ => kept.add(node),
    }
}

/// Refuses an object that does not say what it is.
pub(super) fn missing(key: &str) -> Diagnostic {
    Diagnostic::new(&MISSING_FIELD, key, format!("an object has no `{key}` that is a text"))
        .help("give objects as `kubectl get -o yaml` writes them")
}

/// Some lines.
struct Part {
    text: String,
    first_line: u32,
}

impl Part {
    fn new(first_line: u32) -> Self {
        Self {
            text: String::new(),
            first_line,
        }
    }

    fn add(&mut self, line: &str) -> Result<(), Problem> {
        self.text.push_str(line);
        if self.text.len() > WHOLE {
            return Err(too_large(Some(self.first_line)));
        }
        Ok(())
    }

    fn parse(&self) -> Result<Option<Node>, Problem> {
        Ok(yaml::parse(&self.text, 0, self.first_line)?)
    }
}

/// Refuses an object that is larger than one may be.
pub(super) fn too_large(line: Option<u32>) -> Problem {
    let position = line.map(|line| Position { line, column: 1 });
    let message = format!("an object has more than the {WHOLE} bytes that are accepted");
    Diagnostic::new(&YAML_LIMIT, "", message).at(position).into()
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}
