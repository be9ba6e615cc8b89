//! What the contract asks of an answer beyond its type. A package is not trusted to keep to it: a file name is where
//! somebody will write, and a document goes into a stream next to others.

use std::collections::BTreeSet;
use std::fmt;

use rutter::{Command, Diagnostic, File, Manifest, ObjectKind, Plan, Rendering, Severity};

/// How a package's answer breaks the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Breach {
    /// The file name of a manifest is not one plain name that is valid everywhere.
    FileName(String),
    /// Two manifests have this file name, as file systems compare that ignore case.
    DuplicateFileName(String),
    /// The document in the manifest with this file name does not end with a line feed.
    UnfinishedDocument(String),
    /// The document in the manifest with this file name is several, or starts with a marker.
    DocumentMarker(String),
    /// This text of a plan is shown or run as one line, and has several or characters that command a terminal.
    SeveralLines(String),
    /// The prelude of a plan has control characters other than line feeds.
    Prelude,
    /// This group or plural name of a resource is not a DNS name.
    Resource(String),
    /// The diagnostic with this code, beside a rendering or a plan, is an error.
    ErrorAmongWarnings(String),
    /// The values are refused without any error that says why.
    RefusalWithoutError,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileName(name) => write!(f, "{name:?} is not a plain file name"),
            Self::DuplicateFileName(name) => write!(f, "two manifests have the file name {name:?}"),
            Self::UnfinishedDocument(name) => write!(f, "the document in {name:?} does not end with a line feed"),
            Self::DocumentMarker(name) => write!(f, "the document in {name:?} has a `---` or `...` line"),
            Self::SeveralLines(text) => write!(f, "{text:?} in a plan is not one plain line"),
            Self::Prelude => f.write_str("the prelude of a plan has control characters"),
            Self::Resource(name) => write!(f, "{name:?} is not the name of a resource"),
            Self::ErrorAmongWarnings(code) => write!(f, "the error `{code}` stands among the warnings of an answer"),
            Self::RefusalWithoutError => f.write_str("the values are refused without an error that says why"),
        }
    }
}

impl std::error::Error for Breach {}

/// Checks a successful render.
pub(crate) fn check_rendering(rendering: &Rendering) -> Result<(), Breach> {
    check_manifests(&rendering.manifests)?;
    check_warnings(&rendering.warnings)
}

/// Checks a plan.
pub(crate) fn check_plan(plan: &Plan) -> Result<(), Breach> {
    let mut names = BTreeSet::new();
    check_lines(
        [&plan.name, &plan.namespace, &plan.summary]
            .into_iter()
            .chain(texts(&plan.preflight)),
    )?;
    if plan.prelude.contains(|c: char| c.is_control() && c != '\n') {
        return Err(Breach::Prelude);
    }
    check_lines(plan.differences.iter().flat_map(|difference| {
        [
            &difference.object,
            &difference.path,
            &difference.installed,
            &difference.desired,
        ]
    }))?;
    for step in plan.change.steps() {
        if !is_plain_file_name(&step.name) {
            return Err(Breach::FileName(step.name.clone()));
        }
        if !names.insert(step.name.to_lowercase()) {
            return Err(Breach::DuplicateFileName(step.name.clone()));
        }
        check_manifests(&step.manifests)?;
        check_files(&step.files)?;
        let lines = [&step.title, &step.reason].into_iter().chain(&step.effects);
        check_lines(lines.chain(texts(&step.commands)))?;
    }
    check_warnings(&plan.warnings)
}

fn texts(commands: &[Command]) -> impl Iterator<Item = &String> {
    commands
        .iter()
        .flat_map(|command| [&command.purpose, &command.line].into_iter().chain(&command.unless))
}

/// Checks texts that a person reads as one line each: a line with several could not be shown as what is run.
fn check_lines<'a>(mut texts: impl Iterator<Item = &'a String>) -> Result<(), Breach> {
    match texts.find(|text| text.contains(char::is_control)) {
        Some(text) => Err(Breach::SeveralLines(text.clone())),
        None => Ok(()),
    }
}

fn check_files(files: &[File]) -> Result<(), Breach> {
    let mut names = BTreeSet::new();
    for file in files {
        if !is_plain_file_name(&file.name) {
            return Err(Breach::FileName(file.name.clone()));
        }
        if !names.insert(file.name.to_lowercase()) {
            return Err(Breach::DuplicateFileName(file.name.clone()));
        }
    }
    Ok(())
}

/// Checks the resources that a package reads: their names become arguments of kubectl.
pub(crate) fn check_resources(resources: &[ObjectKind]) -> Result<(), Breach> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    for ObjectKind { group, name, .. } in resources {
        if !is_name(name) {
            return Err(Breach::Resource(name.clone()));
        }
        if !group.is_empty() && !is_name(group) {
            return Err(Breach::Resource(group.clone()));
        }
    }
    Ok(())
}

fn check_manifests(manifests: &[Manifest]) -> Result<(), Breach> {
    let mut names = BTreeSet::new();
    for manifest in manifests {
        let Manifest {
            file_name, document, ..
        } = manifest;
        if !is_plain_file_name(file_name) {
            return Err(Breach::FileName(file_name.clone()));
        }
        if !names.insert(file_name.to_lowercase()) {
            return Err(Breach::DuplicateFileName(file_name.clone()));
        }
        if !document.ends_with('\n') {
            return Err(Breach::UnfinishedDocument(file_name.clone()));
        }
        if has_marker(document) {
            return Err(Breach::DocumentMarker(file_name.clone()));
        }
    }
    Ok(())
}

fn check_warnings(warnings: &[Diagnostic]) -> Result<(), Breach> {
    match warnings.iter().find(|warning| warning.severity == Severity::Error) {
        Some(error) => Err(Breach::ErrorAmongWarnings(error.code.clone().into_owned())),
        None => Ok(()),
    }
}

/// Checks a refusal.
pub(crate) fn check_refusal(diagnostics: &[Diagnostic]) -> Result<(), Breach> {
    if diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
    {
        Ok(())
    } else {
        Err(Breach::RefusalWithoutError)
    }
}

/// Whether `name` names a file in any folder on any system, and nothing else. Every file name in what
/// [`Package::render`](crate::Package::render) gives is such a name.
///
/// A leading dot is refused because it hides the file, a colon because Windows takes it for a drive or a stream, and
/// `nul.yaml` because Windows takes it for a device.
#[must_use]
pub fn is_plain_file_name(name: &str) -> bool {
    const LONGEST: usize = 255;
    !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with('.')
        && !name.ends_with(['.', ' '])
        && !name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'))
        && !is_device(name)
}

/// Whether Windows takes the name for a device, in whatever folder and with whatever extension. The list is that of
/// "Naming Files, Paths, and Namespaces" in Microsoft's documentation of Win32.
fn is_device(name: &str) -> bool {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let stem = stem.trim_end_matches(' ').to_ascii_lowercase();
    let number = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    matches!(&*stem, "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || number.is_some_and(|number| {
            let mut characters = number.chars();
            matches!(characters.next(), Some('0'..='9' | '¹' | '²' | '³')) && characters.next().is_none()
        })
}

fn has_marker(document: &str) -> bool {
    // One character is looked for in many bytes at a time, two are not, and all that is rendered goes through here.
    if document.contains('\r') {
        document.split(['\n', '\r']).any(is_marker)
    } else {
        document.split('\n').any(is_marker)
    }
}

/// Whether a line ends a document or starts one, for YAML.
fn is_marker(line: &str) -> bool {
    ["---", "..."]
        .iter()
        .filter_map(|marker| line.strip_prefix(marker))
        .any(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names() {
        for name in ["service-etcd.yaml", "a", "é.yaml", "a b.yaml"] {
            assert!(is_plain_file_name(name), "{name:?}");
        }
        let long = "a".repeat(256);
        for name in [
            "", ".", "..", ".hidden", "a/b", "/a", "a\\b", "..\\a", "c:a", "a\n", "a\0", "a\u{7f}", "a\u{85}", "a.",
            "a ", "a*", &long,
        ] {
            assert!(!is_plain_file_name(name), "{name:?}");
        }
    }

    #[test]
    fn devices_of_windows_are_not_plain_names() {
        for name in [
            "nul",
            "con.yaml",
            "NUL.yaml",
            "Aux.tar.gz",
            "prn ",
            "prn .yaml",
            "com1",
            "COM9.yaml",
            "lpt0",
            "lpt³.yaml",
            "CONIN$",
            "conout$.yaml",
        ] {
            assert!(!is_plain_file_name(name), "{name:?}");
        }
        for name in [
            "null.yaml",
            "con-etcd.yaml",
            "config.yaml",
            "com.yaml",
            "com10.yaml",
            "coma",
            "a.nul",
            "auxiliary",
        ] {
            assert!(is_plain_file_name(name), "{name:?}");
        }
    }

    #[test]
    fn markers() {
        for line in ["---", "--- a", "...", "---\t"] {
            assert!(is_marker(line), "{line:?}");
        }
        for line in ["", "----", "---a", " ---", "a: ---"] {
            assert!(!is_marker(line), "{line:?}");
        }
    }
}
