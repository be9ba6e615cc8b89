//! What a function has to say: for its host, as the `results` of a ResourceList, and for people.
//!
//! Hosts print the texts of results as they are, so that these are made printable here.

use serde::Serialize;

use crate::printable::excerpt;
use crate::{Diagnostic, Severity, yaml};

/// A diagnostic, and the object that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) diagnostic: Diagnostic,
    pub(super) subject: Option<Subject>,
}

/// An object as hosts refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) namespace: String,
}

/// Where an object lies, in the words of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct File {
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u32>,
}

/// An object that something is said of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) reference: Reference,
    pub(super) file: Option<File>,
}

/// An element of `results`, by the functions specification (kustomize's `cmd/config/docs/api-conventions/functions-spec.md`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    message: String,
    severity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_ref: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File>,
    tags: Tags,
}

#[derive(Serialize)]
struct Field {
    path: String,
}

#[derive(Serialize)]
struct Tags {
    code: String,
}

/// Findings as the text of a YAML list; nothing if there are none.
///
/// # Errors
///
/// Says why they have no YAML form, which no text lacks.
pub(super) fn to_yaml(findings: &[Finding]) -> Result<String, String> {
    if findings.is_empty() {
        return Ok(String::new());
    }
    let entries: Vec<Entry> = findings.iter().map(entry).collect();
    yaml::to_string(&entries)
}

fn entry(finding: &Finding) -> Entry {
    let Finding { diagnostic, subject } = finding;
    let message = excerpt(&diagnostic.message);
    let message = match &diagnostic.help {
        Some(help) => format!("{message}; {}", excerpt(help)),
        None => message.into_owned(),
    };
    let path = excerpt(&diagnostic.path).into_owned();
    // A field belongs to an object: without one, hosts have no use for it.
    let (message, field) = match (subject, path.is_empty()) {
        (_, true) => (message, None),
        (None, false) => (format!("{path}: {message}"), None),
        (Some(_), false) => (message, Some(Field { path })),
    };
    Entry {
        message,
        severity: diagnostic.severity.to_string(),
        resource_ref: subject.as_ref().map(|subject| subject.reference.printable()),
        field,
        file: subject
            .as_ref()
            .and_then(|subject| subject.file.as_ref())
            .map(File::printable),
        tags: Tags {
            code: excerpt(&diagnostic.code).into_owned(),
        },
    }
}

impl Reference {
    fn printable(&self) -> Self {
        Self {
            api_version: excerpt(&self.api_version).into_owned(),
            kind: excerpt(&self.kind).into_owned(),
            name: excerpt(&self.name).into_owned(),
            namespace: excerpt(&self.namespace).into_owned(),
        }
    }
}

impl File {
    fn printable(&self) -> Self {
        Self {
            path: excerpt(&self.path).into_owned(),
            index: self.index,
        }
    }
}

impl Finding {
    pub(super) fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }

    /// As text for people. Lines of a ResourceList are no help, for nobody sees it: the object and its file are.
    pub(super) fn to_text(&self) -> String {
        let Self { diagnostic, subject } = self;
        let Some(Subject { reference, file }) = subject else {
            return diagnostic.display("<stdin>").to_string();
        };
        let Reference {
            kind, name, namespace, ..
        } = reference.printable();
        let slash = if namespace.is_empty() { "" } else { "/" };
        let file = file
            .as_ref()
            .map_or(String::new(), |file| format!("{}, ", file.printable().path));
        diagnostic
            .display_in(Some(format!("{file}{kind} {namespace}{slash}{name}")))
            .to_string()
    }
}
