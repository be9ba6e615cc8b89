//! The user's own objects, which are rendered unchanged.

use super::{INVALID_MANIFEST, refuse_ownership};
use crate::names::DnsSubdomain;
use crate::report::Report;
use crate::yaml::{Any, AnyMap, join};

/// The user's own object.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtraManifest {
    /// Its path in the values.
    pub path: String,
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its `metadata.namespace`.
    pub namespace: Option<String>,
    /// Its `metadata.name`.
    pub name: String,
    /// The whole object.
    pub object: AnyMap,
}

impl ExtraManifest {
    /// Reads the objects that the values have at `path`. Reports those that are not Kubernetes objects, and those that have the
    /// ownership label of the package.
    pub fn read_all(objects: Vec<AnyMap>, path: &str, ownership_label: &str, report: &mut Report<'_>) -> Vec<Self> {
        let objects = objects.into_iter().enumerate();
        let read = |(index, object)| read(object, format!("{path}[{index}]"), ownership_label, report);
        objects.filter_map(read).collect()
    }
}

fn read(object: AnyMap, path: String, ownership_label: &str, report: &mut Report<'_>) -> Option<ExtraManifest> {
    let metadata = match object.get("metadata") {
        Some(Any::Map(metadata)) => Some(metadata),
        _ => None,
    };
    let namespace = metadata.and_then(|metadata| metadata.get("namespace"));
    if let Some(Any::Map(labels)) = metadata.and_then(|metadata| metadata.get("labels"))
        && labels.get(ownership_label).is_some()
    {
        // A plan would treat the object as one of the package's, and delete it when it is no longer rendered.
        let path = join(&format!("{path}.metadata.labels"), ownership_label);
        refuse_ownership(ownership_label, &path, report);
    }
    let api_version = text(
        object.get("apiVersion"),
        &format!("{path}.apiVersion"),
        "such as v1",
        report,
    );
    let kind = text(object.get("kind"), &format!("{path}.kind"), "such as ConfigMap", report);
    let name = text(
        metadata.and_then(|metadata| metadata.get("name")),
        &format!("{path}.metadata.name"),
        "give the object a name",
        report,
    );
    let namespace = match namespace {
        None => None,
        given => Some(text(
            given,
            &format!("{path}.metadata.namespace"),
            "the name of a namespace, or leave it out",
            report,
        )?),
    };
    let (api_version, kind, name) = (api_version?, kind?, name?);
    if !kind.bytes().all(|b| b.is_ascii_alphanumeric()) || kind.len() > 63 {
        report
            .add(
                &INVALID_MANIFEST,
                &format!("{path}.kind"),
                "a kind is a word of letters and digits",
            )
            .help("such as ConfigMap");
        return None;
    }
    if let Err(refusal) = name.parse::<DnsSubdomain>() {
        // Roles and a few other objects have names with colons. Every name must be part of a URL's path.
        if name.contains(['/', '%']) || name == "." || name == ".." {
            report
                .add(&INVALID_MANIFEST, &format!("{path}.metadata.name"), refusal.message)
                .help("use lower-case letters, digits, `-` and `.`");
        }
    }
    Some(ExtraManifest {
        path,
        api_version,
        kind,
        namespace,
        name,
        object,
    })
}

fn text(value: Option<&Any>, path: &str, help: &str, report: &mut Report<'_>) -> Option<String> {
    match value {
        Some(Any::String(text)) if !text.is_empty() => Some(text.clone()),
        _ => {
            report
                .add(&INVALID_MANIFEST, path, "a Kubernetes object has a string here")
                .help(help);
            None
        }
    }
}
