//! The files that a rendered stream becomes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use anyhow::Result;
use rutter::yaml::{self, INVALID_VALUE, MISSING_FIELD, Node, WRONG_TYPE};
use rutter::{Code, Diagnostic, Manifest};

use crate::output::{NewFile, Spool};
use crate::sink::Sink;

/// One file for each object of a stream: a manifest's as its package names it, `kind-name.yaml` for all others.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) files: Vec<NewFile>,
    /// Their texts, one after the other.
    pub(crate) texts: Spool,
    /// The names in lower case, and where the object is that has it, unless that is a manifest of the package.
    names: HashMap<String, Option<(Arc<str>, u32)>>,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            files: Vec::new(),
            texts: Spool::new(),
            names: HashMap::new(),
        }
    }

    fn write(&mut self, name: String, text: &str) -> Result<()> {
        self.files.push(NewFile {
            name,
            length: u64::try_from(text.len())?,
        });
        self.texts.write(text)
    }
}

impl Sink for Files {
    fn foreign(&mut self, file: &Arc<str>, text: &str, line: u32) -> Result<Vec<Diagnostic>> {
        let node = match yaml::parse(text, 0, line) {
            Ok(Some(node)) if !node.is_null() => node,
            // Comments and separators, which are about the stream.
            Ok(_) => return Ok(Vec::new()),
            Err(problems) => return Ok(problems.into_iter().map(|problem| problem.help(INSTEAD)).collect()),
        };
        let name = match file_name(&node) {
            Ok(name) => name,
            Err(problem) => return Ok(vec![problem]),
        };
        match self.names.entry(name.to_lowercase()) {
            Entry::Occupied(_) => Ok(vec![problem(&node, "metadata.name", &INVALID_VALUE, taken(&name))]),
            Entry::Vacant(entry) => {
                entry.insert(Some((Arc::clone(file), line)));
                self.write(name, without_marker(text))?;
                Ok(Vec::new())
            }
        }
    }

    fn manifests(&mut self, manifests: &[Manifest]) -> Result<Vec<Diagnostic>> {
        let mut problems = Vec::new();
        for manifest in manifests {
            let name = &manifest.file_name;
            match self.names.entry(name.to_lowercase()) {
                Entry::Occupied(entry) => {
                    let message = match entry.get() {
                        Some((file, line)) => format!("{}, one of them is on line {line} of {file}", taken(name)),
                        None => taken(name),
                    };
                    problems.push(Diagnostic::new(&INVALID_VALUE, "", message).help(INSTEAD));
                }
                Entry::Vacant(entry) => {
                    entry.insert(None);
                    self.write(name.clone(), &manifest.document)?;
                }
            }
        }
        Ok(problems)
    }
}

fn taken(name: &str) -> String {
    format!("two objects would be written to {name}")
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
