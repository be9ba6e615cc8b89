//! The command `diff`: what would change between two inputs, object by object.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use rutter::stream::{self, Part};
use rutter::yaml::{self, Node, Value};
use rutter::{Description, Manifest, printable};
use rutter_host::Package;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use crate::args::{Diff, Input, OutputFormat, PlanFormat, Warnings};
use crate::failure::{Failure, Located};
use crate::inputs::{self, RenderedInput};
use crate::output::{self, Style};
use crate::report::Report;
use crate::sources::Sources;
use crate::{files, json, kubernetes, package, reader, report};

/// Runs `diff`.
pub(crate) fn run(args: &Diff) -> Result<ExitCode, Failure> {
    // As JSON, the diagnostics of both sides are one array.
    let diagnostics = RefCell::new(Report::new(OutputFormat::Json));
    let verdict = compare(args, &diagnostics);
    diagnostics.into_inner().write_to_stderr(None);
    match verdict {
        Ok(Verdict::Same) => Ok(ExitCode::SUCCESS),
        Ok(Verdict::Different) => Ok(ExitCode::from(1)),
        Err(Reported) => Err(Failure::Reported(2)),
    }
}

enum Verdict {
    Same,
    Different,
}

/// Something failed, and is reported already: each side has sources of its own for its diagnostics.
struct Reported;

fn compare(args: &Diff, diagnostics: &RefCell<Report>) -> Result<Verdict, Reported> {
    let reported = |failure: Failure| {
        report::failure(&failure, &Sources::default(), args.output.of_diagnostics(), "");
        Reported
    };
    if reader::is_stdin(&args.old) && reader::is_stdin(&args.new) {
        let error = anyhow!("only one of the two can be standard input");
        return Err(reported(Failure::BadCommandLine(error)));
    }
    let loaded = package::load(&args.source);
    let package = loaded.map_err(|error| reported(Failure::Host(error)))?;
    let description = package.describe().map_err(|error| reported(error.into()))?;
    let mut sides = [&args.old, &args.new].map(|path| Side::new(path, args, diagnostics));
    // Both, whatever becomes of the first: all that is wrong is said at once.
    let [old, new] = sides.each_mut().map(Side::read);
    old.and(new)?;
    // A name is for the side that has values. If neither has, it is refused, as by the other commands.
    let are_objects = sides.each_ref().map(|side| side.is_objects(&description));
    if are_objects != [true, true] {
        let of_objects = sides
            .iter_mut()
            .zip(are_objects)
            .filter(|(_, are_objects)| *are_objects);
        of_objects.for_each(|(side, _)| side.input.installation.name = None);
    }
    let [old, new] = sides.each_ref().map(|side| side.render(&package, &description));
    let (old, new) = (old?, new?);
    let changes = Changes::between(&old, &new);
    let written = match args.output {
        PlanFormat::Text => output::coloured_to_stdout(&changes.to_text(args.context.into(), Style::for_stdout())),
        PlanFormat::Json => output::to_stdout(&(json::to_text(&changes.to_json()) + "\n")),
    };
    written.map_err(|error| reported(Failure::Host(error)))?;
    if args.output == PlanFormat::Text {
        report::to_stderr(&format!("rutter: {}", changes.summary()));
    }
    Ok(if changes.differences.is_empty() {
        Verdict::Same
    } else {
        Verdict::Different
    })
}

/// One of the two inputs.
struct Side<'r> {
    name: String,
    input: Input,
    sources: Sources,
    format: OutputFormat,
    /// The place of diagnostics that are written as JSON.
    diagnostics: &'r RefCell<Report>,
}

impl<'r> Side<'r> {
    fn new(path: &Path, args: &Diff, diagnostics: &'r RefCell<Report>) -> Self {
        Self {
            name: if reader::is_stdin(path) {
                "standard input".to_owned()
            } else {
                printable::path(path)
            },
            input: Input::of_file(path.to_owned(), args.installation.clone()),
            sources: Sources::default(),
            format: args.output.of_diagnostics(),
            diagnostics,
        }
    }

    fn read(&mut self) -> Result<(), Reported> {
        inputs::read(&self.input.files, &self.input.set, &mut self.sources).map_err(|failure| self.tell(&failure))
    }

    /// Whether this is a stream of Kubernetes objects, not values.
    fn is_objects(&self, description: &Description) -> bool {
        let text = self.sources.get(0).map_or("", |source| &source.text);
        let read = stream::read(text, description, &self.input.installation.namespace);
        matches!(read, Ok(stream::Input::Stream(_)))
    }

    fn render(&self, package: &Package, description: &Description) -> Result<Vec<Object>, Reported> {
        let rendered = inputs::render(package, description, &self.input, &self.sources);
        let RenderedInput { parts, warnings, .. } = rendered.map_err(|failure| self.tell(&failure))?;
        if !warnings.is_empty() {
            let conclusion = format!("rutter: {} is accepted", self.name);
            match self.format {
                OutputFormat::Json => self.add(&warnings),
                OutputFormat::Yaml => {
                    let mut report = Report::counting(&Warnings::default(), self.format);
                    // It is reported as far as there is room to hold it.
                    let _ = report.add(&warnings, &self.sources);
                    report.write_to_stderr(Some(&conclusion));
                }
            }
        }
        Ok(Object::all(&parts))
    }

    fn tell(&self, failure: &Failure) -> Reported {
        let refused = format!("rutter: {} is refused", self.name);
        match (failure, self.format) {
            (Failure::Refused(diagnostics), OutputFormat::Json) => self.add(diagnostics),
            _ => report::failure(failure, &self.sources, self.format, &refused),
        }
        Reported
    }

    fn add(&self, diagnostics: &[Located]) {
        // It is reported as far as there is room to hold it.
        let _ = self.diagnostics.borrow_mut().add(diagnostics, &self.sources);
    }
}

/// A rendered object.
struct Object {
    identity: Identity,
    text: String,
}

/// What makes two objects the same one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    Named {
        api_version: String,
        kind: String,
        namespace: Option<String>,
        name: String,
    },
    /// Of a document without a name that is all it has.
    Unnamed(String),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named {
                kind,
                namespace: Some(namespace),
                name,
                ..
            } => write!(f, "{kind} {namespace}/{name}"),
            Self::Named { kind, name, .. } => write!(f, "{kind} {name}"),
            Self::Unnamed(_) => f.write_str("a document without a name"),
        }
    }
}

impl Object {
    fn all(parts: &[Part<'_>]) -> Vec<Self> {
        let mut objects = Vec::new();
        for part in parts {
            match part {
                Part::Manifests(manifests) => objects.extend(manifests.iter().map(Self::from)),
                Part::Foreign(document) => objects.extend(Self::foreign(document)),
            }
        }
        objects
    }

    /// The object of a document that passed through, unless that is blank.
    fn foreign(document: &str) -> Option<Self> {
        let text = files::without_marker(document);
        let unnamed = || Identity::Unnamed(text.to_owned());
        let identity = match yaml::parse(text, 0, 1) {
            Ok(node) => identity(&node.filter(|node| !node.is_null())?).unwrap_or_else(unnamed),
            Err(_) => unnamed(),
        };
        Some(Self::new(identity, text))
    }

    fn new(identity: Identity, text: &str) -> Self {
        let text = format!("{}\n", text.strip_suffix('\n').unwrap_or(text));
        Self { identity, text }
    }

    /// What it says, if that is plain YAML.
    fn tree(&self) -> Option<Node> {
        yaml::parse(&self.text, 0, 1).ok()?
    }
}

impl From<&Manifest> for Object {
    fn from(manifest: &Manifest) -> Self {
        let identity = Identity::Named {
            api_version: manifest.api_version.clone(),
            kind: manifest.kind.clone(),
            namespace: manifest.namespace.clone(),
            name: manifest.name.clone(),
        };
        Self::new(identity, &manifest.document)
    }
}

fn identity(object: &Node) -> Option<Identity> {
    // As it is spelt: whether `n` is a name or a boolean is for those to say who apply it.
    let text = |node: Option<&Node>| match node.map(|node| &node.value) {
        Some(Value::Scalar(scalar)) if !scalar.is_null() => Some(scalar.text.clone()),
        _ => None,
    };
    let metadata = object.get("metadata")?;
    Some(Identity::Named {
        api_version: text(object.get("apiVersion"))?,
        kind: text(object.get("kind"))?,
        namespace: text(metadata.get("namespace")),
        name: text(metadata.get("name"))?,
    })
}

/// What becomes of one object.
enum Difference<'a> {
    Added(&'a Object),
    Changed(&'a Object, &'a Object),
    Removed(&'a Object),
}

impl Difference<'_> {
    /// With both objects whole. One that is not plain YAML is a string.
    fn to_json(&self) -> serde_json::Value {
        let (change, old, new) = match self {
            Self::Added(new) => ("added", None, Some(*new)),
            Self::Changed(old, new) => ("changed", Some(*old), Some(*new)),
            Self::Removed(old) => ("removed", Some(*old), None),
        };
        let mut object = json!({"change": change});
        if let Some(Identity::Named {
            api_version,
            kind,
            namespace,
            name,
        }) = old.or(new).map(|object| &object.identity)
        {
            object["apiVersion"] = json!(api_version);
            object["kind"] = json!(kind);
            object["namespace"] = json!(namespace);
            object["name"] = json!(name);
        }
        let value = |object: &Object| json::from_node(object.tree().as_ref()?).ok();
        let values = (old.and_then(value), new.and_then(value));
        if let (Some(old), Some(new)) = &values {
            let mut fields = Vec::new();
            compare_fields("", Some(old), Some(new), &mut fields);
            object["fields"] = json!(fields);
            object["notes"] = json!(kubernetes::notes(old, new));
        }
        for (side, value, whole) in [("old", values.0, old), ("new", values.1, new)] {
            if let Some(whole) = whole {
                object[side] = value.unwrap_or_else(|| json!(whole.text));
            }
        }
        object
    }
}

/// Adds the paths at which two values differ, each with the values. One that is absent is left out.
fn compare_fields(
    path: &str,
    old: Option<&serde_json::Value>,
    new: Option<&serde_json::Value>,
    fields: &mut Vec<serde_json::Value>,
) {
    use serde_json::Value::{Array, Object};

    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Object(old)), Some(Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                compare_fields(&yaml::join(path, key), old.get(key), new.get(key), fields);
            }
        }
        (Some(Array(old)), Some(Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                compare_fields(&format!("{path}[{index}]"), old.get(index), new.get(index), fields);
            }
        }
        (old, new) => {
            let mut field = json!({"path": path});
            for (side, value) in [("old", old), ("new", new)] {
                if let Some(value) = value {
                    field[side] = value.clone();
                }
            }
            fields.push(field);
        }
    }
}

/// All differences: those of new objects in the order of the new ones, then those that are gone.
struct Changes<'a> {
    differences: Vec<Difference<'a>>,
    unchanged: usize,
}

impl<'a> Changes<'a> {
    fn between(old: &'a [Object], new: &'a [Object]) -> Self {
        // A stream may have the same object several times: the first belongs to the first.
        let mut left: BTreeMap<&Identity, Vec<usize>> = BTreeMap::new();
        for (index, object) in old.iter().enumerate().rev() {
            left.entry(&object.identity).or_default().push(index);
        }
        let mut changes = Self {
            differences: Vec::new(),
            unchanged: 0,
        };
        for new in new {
            let same = left.get_mut(&new.identity).and_then(Vec::pop);
            match same.map(|index| &old[index]) {
                Some(old) if old.text == new.text => changes.unchanged += 1,
                Some(old) => changes.differences.push(Difference::Changed(old, new)),
                None => changes.differences.push(Difference::Added(new)),
            }
        }
        let mut gone: Vec<usize> = left.into_values().flatten().collect();
        gone.sort_unstable();
        let removed = gone.into_iter().map(|index| Difference::Removed(&old[index]));
        changes.differences.extend(removed);
        changes
    }

    fn summary(&self) -> String {
        let count = |is: fn(&Difference<'_>) -> bool| self.differences.iter().filter(|it| is(it)).count();
        let counts = [
            (count(|it| matches!(it, Difference::Changed(..))), "changed"),
            (count(|it| matches!(it, Difference::Added(_))), "added"),
            (count(|it| matches!(it, Difference::Removed(_))), "removed"),
            (self.unchanged, "unchanged"),
        ];
        counts.map(|(count, what)| format!("{count} {what}")).join(", ")
    }

    fn to_json(&self) -> serde_json::Value {
        let differences: Vec<_> = self.differences.iter().map(Difference::to_json).collect();
        json!({"differences": differences, "unchanged": self.unchanged})
    }

    fn to_text(&self, context: usize, style: Style) -> String {
        let mut text = String::new();
        for difference in &self.differences {
            let (object, became) = match difference {
                Difference::Added(object) => (object, "added"),
                Difference::Changed(_, object) => (object, "changed"),
                Difference::Removed(object) => (object, "removed"),
            };
            let header = format!("{} {became}", object.identity);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", style.bold(&printable::line(&header)));
            match difference {
                Difference::Added(object) => write_whole('+', object, style, &mut text),
                Difference::Changed(old, new) => write_changed(old, new, context, style, &mut text),
                Difference::Removed(object) => write_whole('-', object, style, &mut text),
            }
        }
        text
    }
}

fn write_changed(old: &Object, new: &Object, context: usize, style: Style, text: &mut String) {
    let (old_tree, new_tree) = (old.tree(), new.tree());
    let value = |tree: &Option<Node>| json::from_node(tree.as_ref()?).ok();
    if let (Some(old), Some(new)) = (value(&old_tree), value(&new_tree)) {
        for note in kubernetes::notes(&old, &new) {
            let _ = writeln!(text, "{}", style.yellow(&printable::line(&note)));
        }
    }
    // Of texts that are huge and all different it then finds some difference, not the least one.
    let diff = TextDiff::configure()
        .timeout(Duration::from_secs(5))
        .diff_lines(&old.text, &new.text);
    for hunk in diff.unified_diff().context_radius(context).iter_hunks() {
        let first = hunk.iter_changes().find(|change| change.tag() != ChangeTag::Equal);
        let path = first.and_then(|change| match (change.old_index(), change.new_index()) {
            (Some(index), None) => Some(path_at(old_tree.as_ref()?, index)),
            (_, Some(index)) => Some(path_at(new_tree.as_ref()?, index)),
            (None, None) => None,
        });
        let header = format!("{} {}", hunk.header(), printable::line(&path.unwrap_or_default()));
        let _ = writeln!(text, "{}", style.cyan(header.trim_end()));
        for change in hunk.iter_changes() {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            write_line(sign, change.value().trim_end_matches('\n'), style, text);
        }
    }
}

fn write_whole(sign: char, object: &Object, style: Style, text: &mut String) {
    for line in object.text.lines() {
        write_line(sign, line, style, text);
    }
}

fn write_line(sign: char, line: &str, style: Style, text: &mut String) {
    let line = format!("{sign}{}", printable::source_line(line));
    let _ = match sign {
        '+' => writeln!(text, "{}", style.green(&line)),
        '-' => writeln!(text, "{}", style.red(&line)),
        _ => writeln!(text, "{line}"),
    };
}

/// The field that line `index`, counted from 0, of an object's text belongs to.
fn path_at(tree: &Node, index: usize) -> String {
    let is_before = |line: u32| usize::try_from(line).is_ok_and(|line| line <= index + 1);
    let mut path = String::new();
    let mut node = tree;
    loop {
        node = match &node.value {
            Value::Mapping(entries) => {
                let Some(entry) = entries.iter().rfind(|entry| is_before(entry.key.place.position.line)) else {
                    return path;
                };
                path = yaml::join(&path, &entry.key.scalar.text);
                &entry.value
            }
            Value::Sequence(items) => {
                let before = |item: &&Node| is_before(item.place.position.line);
                let Some((number, item)) = items.iter().enumerate().rfind(|(_, item)| before(item)) else {
                    return path;
                };
                let _ = write!(path, "[{number}]");
                item
            }
            Value::Scalar(_) => return path,
        };
    }
}
