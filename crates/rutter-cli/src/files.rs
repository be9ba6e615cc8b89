//! The files that a rendered stream becomes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rutter::stream::Part;
use rutter::yaml::{self, INVALID_VALUE, MISSING_FIELD, Node, WRONG_TYPE};
use rutter::{Code, Diagnostic};

use crate::sources::Sources;

/// Whether a file of this name in a folder holds manifests, as `kubectl` and Argo CD take them. What is hidden belongs to
/// an editor or to the system.
pub(crate) fn is_manifest(name: &str) -> bool {
    !name.starts_with('.') && [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// A file to be written.
#[derive(Debug)]
pub(crate) struct NewFile<'a> {
    /// One plain name that no other file of the stream has, nor one that differs in case only.
    pub(crate) name: Cow<'a, str>,
    pub(crate) text: &'a str,
}

/// One file for each object of a stream: a manifest's as its package names it, `kind-name.yaml` for all others.
///
/// # Errors
///
/// Every object that has no such name, and every name that is taken.
pub(crate) fn of<'a>(parts: &'a [Part<'_>], sources: &Sources) -> Result<Vec<NewFile<'a>>, Vec<Diagnostic>> {
    let mut files = Files::default();
    // Manifests come first, so that of two that want one name it is the written one that is told of, with its place.
    for part in parts {
        if let Part::Manifests(manifests) = part {
            for manifest in manifests {
                files.add((&manifest.file_name).into(), &manifest.document, None);
            }
        }
    }
    let mut lines = sources.lines();
    for part in parts {
        if let Part::Foreign(text) = part {
            files.add_foreign(text, lines.start_of(text));
        }
    }
    if files.problems.is_empty() {
        Ok(files.files)
    } else {
        Err(files.problems)
    }
}

#[derive(Default)]
struct Files<'a> {
    files: Vec<NewFile<'a>>,
    names: BTreeSet<String>,
    problems: Vec<Diagnostic>,
}

impl<'a> Files<'a> {
    fn add_foreign(&mut self, text: &'a str, line: u32) {
        match yaml::parse(text, 0, line) {
            Ok(Some(node)) if !node.is_null() => match file_name(&node) {
                Ok(name) => self.add(name.into(), without_marker(text), Some(&node)),
                Err(problem) => self.problems.push(problem),
            },
            // Comments and separators, which are about the stream.
            Ok(_) => {}
            Err(problems) => self
                .problems
                .extend(problems.into_iter().map(|problem| problem.help(INSTEAD))),
        }
    }

    /// Adds a file, unless its name is taken. `foreign` is what it holds, where that is not the package's.
    fn add(&mut self, name: Cow<'a, str>, text: &'a str, foreign: Option<&Node>) {
        if self.names.insert(name.to_lowercase()) {
            self.files.push(NewFile { name, text });
            return;
        }
        let message = format!("two objects would be written to {name}");
        self.problems.push(match foreign {
            Some(object) => problem(object, "metadata.name", &INVALID_VALUE, message),
            None => Diagnostic::new(&INVALID_VALUE, "", message).help(INSTEAD),
        });
    }
}

const INSTEAD: &str = "leave `-o` out and write the whole stream";

/// What is wrong with a field of an object that is not the package's.
fn problem(object: &Node, path: &str, code: &Code, message: impl Into<String>) -> Diagnostic {
    let place = object.locate(path).unwrap_or(object.place);
    Diagnostic::new(code, path, message)
        .help(INSTEAD)
        .at(Some(place.position))
}

/// The file name of an object that is not the package's.
fn file_name(object: &Node) -> Result<String, Diagnostic> {
    let text_at = |path: &str, node: Option<&Node>| match node {
        Some(node) => node.as_str().map(str::to_owned).ok_or_else(|| {
            let message = format!("expected a string to name a file after, found {}", node.describe());
            problem(object, path, &WRONG_TYPE, message)
        }),
        None => {
            let message = format!("there is no `{path}` to name a file after");
            Err(problem(object, path, &MISSING_FIELD, message))
        }
    };
    let kind = text_at("kind", object.get("kind"))?;
    let metadata = object.get("metadata");
    let name = text_at("metadata.name", metadata.and_then(|metadata| metadata.get("name")))?;
    let file_name = format!("{}-{name}.yaml", kind.to_lowercase());
    if rutter_host::is_plain_file_name(&file_name) {
        Ok(file_name)
    } else {
        let message = format!("{file_name:?} is not a file name that is valid everywhere");
        Err(problem(object, "metadata.name", &INVALID_VALUE, message))
    }
}

/// A document without the line that separates it from the one before. Where that line says more, it stays.
pub(crate) fn without_marker(document: &str) -> &str {
    match document.split_once('\n') {
        Some((line, rest)) if line.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty()) => rest,
        _ => document,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_separators_are_left_out() {
        for (document, rest) in [
            ("---\na: 1\n", "a: 1\n"),
            ("--- \t\r\na: 1\r\n", "a: 1\r\n"),
            ("---\n# b\n\na: 1", "# b\n\na: 1"),
            ("a: 1\n", "a: 1\n"),
            ("--- {a: 1}\n", "--- {a: 1}\n"),
            ("--- # b\na: 1\n", "--- # b\na: 1\n"),
            ("%YAML 1.2\n---\na: 1\n", "%YAML 1.2\n---\na: 1\n"),
            ("----\n", "----\n"),
        ] {
            assert_eq!(without_marker(document), rest);
        }
    }
}
