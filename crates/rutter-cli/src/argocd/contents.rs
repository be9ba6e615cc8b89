//! The contents of an Application's directory: values, objects, and everything else.

use rutter::stream::{self, Document, Input};
use rutter::yaml::{INVALID_VALUE, YAML_FEATURE, YAML_LIMIT};
use rutter::{Description, Diagnostic, Position};

use super::directory::{Directory, File};
use crate::failure::{Failure, Located};
use crate::sources::Sources;

/// The name of a file with bare values.
pub(super) fn values_file(description: &Description) -> String {
    format!("{}-values.yaml", description.name)
}

/// Whether a file holds an object of the package's kind, or means to: what is wrong with it, the generation says.
pub(super) fn concerns(bytes: &[u8], description: &Description) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let group = description.api_version.split('/').next().unwrap_or_default();
    if !text.contains(group) {
        return false;
    }
    match stream::read(&text, description, "default") {
        Ok(Input::Stream(documents)) => documents
            .iter()
            .any(|document| matches!(document, Document::Ours(_) | Document::Refused(_))),
        Ok(Input::Values(_)) => false,
        Err(_) => true,
    }
}

/// Reads the directory's files, which together are as large as one input may be.
pub(super) fn read_all(directory: &Directory, sources: &mut Sources) -> Result<Vec<(u32, String)>, Failure> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut left = stream::MAX_BYTES;
    for name in directory.names() {
        match directory.read(name, left) {
            File::Text(bytes) => {
                let problem = stream::decode(&bytes).err();
                let source = sources.add(name.shown.as_str(), String::from_utf8_lossy(&bytes));
                problems.extend(Located::all(source, problem.into_iter().collect()));
                left = left.saturating_sub(bytes.len());
                files.push((source, name.shown.clone()));
            }
            File::TooLarge => {
                let message = format!(
                    "with this file the directory is larger than the {} MiB accepted",
                    stream::MAX_BYTES >> 20
                );
                let problem = Diagnostic::new(&YAML_LIMIT, "", message)
                    .help("move what is not of this Application to another directory");
                problems.extend(whole_file(sources.add(name.shown.as_str(), ""), vec![problem]));
                break;
            }
            File::Refused(message) => {
                let problem = Diagnostic::new(&INVALID_VALUE, "", message)
                    .help("put the file itself into the directory, or take it away");
                problems.extend(whole_file(sources.add(name.shown.as_str(), ""), vec![problem]));
            }
        }
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(Failure::Refused(problems))
    }
}

/// Diagnostics of a file. Those about the whole file are at its start, so that they name it.
pub(super) fn whole_file(source: u32, diagnostics: Vec<Diagnostic>) -> Vec<Located> {
    let start = Position { line: 1, column: 1 };
    let place = |diagnostic: Diagnostic| {
        let position = diagnostic.position.unwrap_or(start);
        diagnostic.at(Some(position))
    };
    Located::all(source, diagnostics.into_iter().map(place).collect())
}

/// A document that parameters can apply to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Bare values in this file.
    Values(String),
    /// An object in this file.
    Object(String),
}

impl Target {
    pub(super) fn file(&self) -> &str {
        match self {
            Self::Values(file) | Self::Object(file) => file,
        }
    }
}

pub(super) fn targets(
    files: &[(u32, String)],
    description: &Description,
    namespace: &str,
    sources: &Sources,
) -> Result<Vec<Target>, Vec<Located>> {
    let mut targets = Vec::new();
    let mut problems = Vec::new();
    for (source, name) in files {
        let text = sources.get(*source).map_or("", |source| source.text.as_str());
        match read(name, text, description, namespace) {
            Ok(Input::Values(_)) if *name == values_file(description) => targets.push(Target::Values(name.clone())),
            Ok(Input::Values(_)) => {}
            Ok(Input::Stream(documents)) => {
                for document in documents {
                    match document {
                        Document::Foreign(_) => {}
                        Document::Ours(_) => targets.push(Target::Object(name.clone())),
                        Document::Refused(diagnostics) => problems.extend(whole_file(*source, diagnostics)),
                    }
                }
            }
            Err(diagnostics) => problems.extend(whole_file(*source, diagnostics)),
        }
    }
    if problems.is_empty() {
        Ok(targets)
    } else {
        Err(problems)
    }
}

/// Takes a file apart, which holds values if that is its name, and objects, or nothing, if not.
pub(super) fn read<'a>(
    name: &str,
    text: &'a str,
    description: &Description,
    namespace: &str,
) -> Result<Input<'a>, Vec<Diagnostic>> {
    let values = values_file(description);
    let problem = |message: String, help: String| Err(vec![Diagnostic::new(&YAML_FEATURE, "", message).help(help)]);
    match stream::read(text, description, namespace)? {
        Input::Stream(_) if name == values => problem(
            format!("{values} holds Kubernetes objects, where bare values are expected"),
            "rename the file, or leave only what stands under `spec` in it".to_owned(),
        ),
        Input::Values(text) if name != values && !text.is_empty() => problem(
            "this is no Kubernetes object".to_owned(),
            format!("name the file {values} if it holds values, or .{name} if it is not to be applied"),
        ),
        input => Ok(input),
    }
}
