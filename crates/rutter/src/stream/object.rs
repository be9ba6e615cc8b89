//! An object of the package's kind, taken apart into what is asked for and what is wrong around it.

use std::collections::BTreeMap;

use super::Names;
use super::guard::is_within;
use crate::suggest::remedy;
use crate::yaml::{Entry, INVALID_VALUE, MISSING_FIELD, Node, SourceMap, UNKNOWN_FIELD, WRONG_TYPE, join};
use crate::{Description, Diagnostic, Manifest, Position, Rendering, Request};

/// The fields of Kubernetes' `ObjectMeta`. Of these only name and namespace mean anything here; the others are what tools
/// and API servers add.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// By this annotation an object says what is installed in its place: Kubernetes objects, as text. Where it is given, what
/// cannot safely be applied over them at once is refused.
pub const CURRENT: &str = "rutter.dev/current";

/// An object of the package's kind, taken apart.
#[derive(Debug)]
pub struct Object {
    /// What to render, its `values` being the object's `spec`.
    pub request: Request,
    /// Its annotations, by which hosts say what they need to know of what takes its place.
    pub annotations: BTreeMap<String, String>,
    /// Where each part of these values stands in the stream.
    map: SourceMap,
    /// What is wrong with the object around its `spec`.
    pub(crate) problems: Vec<Diagnostic>,
    /// Where its name stands, or should.
    name: Position,
    /// Where its namespace stands, or should.
    namespace: Position,
}

/// What an object was rendered to.
#[derive(Debug, Default)]
pub struct Answer {
    /// What takes its place; nothing if it was refused.
    pub manifests: Vec<Manifest>,
    /// What there is to say about it, located in the stream. An error among these means that it was refused.
    pub diagnostics: Vec<Diagnostic>,
}

impl Object {
    /// Takes `node` apart, which is of the package's kind.
    pub(crate) fn new(node: &Node, package: &Description, namespace: &str) -> Self {
        let mut problems = Vec::new();
        let api_version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        if api_version != package.api_version {
            let message = format!("found {api_version:?}; this package renders {}", package.api_version);
            problems.push(
                Diagnostic::new(&INVALID_VALUE, "apiVersion", message)
                    .help(format!("write apiVersion: {}", package.api_version))
                    .at(node.locate("apiVersion").map(|place| place.position)),
            );
        }
        for entry in node.entries().unwrap_or_default() {
            let key = entry.key.scalar.text.as_str();
            if !["apiVersion", "kind", "metadata", "spec", "status"].contains(&key) {
                problems.push(
                    Diagnostic::new(&UNKNOWN_FIELD, key, format!("there is no field `{key}` here"))
                        .help(format!("the values of {} stand under `spec`", package.kind))
                        .at(Some(entry.key.place.position)),
                );
            }
        }
        let metadata = node.get("metadata").filter(|metadata| !metadata.is_null());
        if let Some(metadata) = metadata.filter(|metadata| metadata.entries().is_none()) {
            let message = format!("expected a mapping, found {}", metadata.describe());
            problems.push(Diagnostic::new(&WRONG_TYPE, "metadata", message).at(Some(metadata.place.position)));
        }
        for entry in metadata.and_then(Node::entries).unwrap_or_default() {
            let key = entry.key.scalar.text.as_str();
            if !METADATA.contains(&key) {
                problems.push(
                    Diagnostic::new(
                        &UNKNOWN_FIELD,
                        format!("metadata.{key}"),
                        format!("there is no field `{key}` here"),
                    )
                    .help(remedy(key, &METADATA))
                    .at(Some(entry.key.place.position)),
                );
            }
        }
        let mut text_of = |field: &str| {
            let value = metadata
                .and_then(|metadata| metadata.get(field))
                .filter(|value| !value.is_null())?;
            if value.as_str().is_none() {
                let message = format!("expected a string, found {}", value.describe());
                problems.push(
                    Diagnostic::new(&WRONG_TYPE, format!("metadata.{field}"), message).at(Some(value.place.position)),
                );
            }
            Some(value.as_str().unwrap_or(&package.name).to_owned())
        };
        let name = text_of("name");
        let namespace = text_of("namespace").unwrap_or_else(|| namespace.to_owned());
        if name.is_none() {
            problems.push(
                Diagnostic::new(&MISSING_FIELD, "metadata.name", "the name is required")
                    .help(format!("such as {}", package.name))
                    .at(Some(node.locate("metadata.name").unwrap_or(node.place).position)),
            );
        }
        let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
        problems.extend(annotations.and_then(check_annotations));
        let annotations = annotations.and_then(Node::entries).unwrap_or_default().iter();
        for entry in annotations.clone() {
            problems.extend(check_annotation(entry));
        }
        let annotations: BTreeMap<String, String> = annotations
            .filter_map(|entry| Some((entry.key.scalar.text.clone(), entry.value.as_str()?.to_owned())))
            .collect();
        let empty = Node::empty(node.place);
        let spec = node.get("spec").filter(|spec| !spec.is_null()).unwrap_or(&empty);
        let (values, map) = spec.to_text();
        Self {
            request: Request {
                name: name.unwrap_or_else(|| package.name.clone()),
                namespace,
                values,
                release: None,
                capabilities: None,
                installed: annotations.get(CURRENT).filter(|text| !text.trim().is_empty()).cloned(),
            },
            annotations,
            map,
            problems,
            name: node.locate("metadata.name").unwrap_or(node.place).position,
            namespace: node.locate("metadata.namespace").unwrap_or(node.place).position,
        }
    }

    /// Refuses it for the namespace that it does not name, where the host has no default for it.
    pub(crate) fn require_namespace(&mut self, help: &str) {
        "default".clone_into(&mut self.request.namespace);
        self.problems.push(
            Diagnostic::new(&MISSING_FIELD, "metadata.namespace", "the namespace is required")
                .help(help)
                .at(Some(self.namespace)),
        );
    }

    /// A line of the stream on which some field of it stands, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.name.line
    }

    /// Turns diagnostics about the request's values into diagnostics about the stream.
    #[must_use]
    pub fn relocate(&self, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let relocate = |mut diagnostic: Diagnostic| {
            diagnostic.path = match diagnostic.path.as_str() {
                Diagnostic::NAME => return at("metadata.name", self.name, diagnostic),
                Diagnostic::NAMESPACE => return at("metadata.namespace", self.namespace, diagnostic),
                "" => "spec".to_owned(),
                path if path.starts_with('[') => format!("spec{path}"),
                path => format!("spec.{path}"),
            };
            diagnostic.position = diagnostic
                .position
                .and_then(|position| self.map.origin(position))
                .map(|place| place.position)
                // What was not written has no place of its own; its object's name says at least whose it is.
                .or(Some(self.name));
            diagnostic
        };
        diagnostics.into_iter().map(relocate).collect()
    }

    /// Renders it with `render`, whose own failure is not a refusal of values. What is wrong around its values is told once.
    ///
    /// # Errors
    ///
    /// Those of `render`.
    pub fn render<E>(
        &mut self,
        render: impl FnOnce(&Request) -> Result<Result<Rendering, Vec<Diagnostic>>, E>,
    ) -> Result<Answer, E> {
        let (manifests, about_values) = match render(&self.request)? {
            Ok(rendering) => (rendering.manifests, rendering.warnings),
            Err(problems) => (Vec::new(), problems),
        };
        let mut diagnostics = std::mem::take(&mut self.problems);
        diagnostics.extend(self.relocate(about_values));
        Ok(Answer { manifests, diagnostics })
    }

    /// Says which of its manifests another object has given already.
    pub fn refuse_overlap(&self, manifests: &[Manifest], names: &mut Names) -> Vec<Diagnostic> {
        names
            .add(manifests)
            .into_iter()
            .map(|Manifest { kind, name, .. }| {
                let message = format!("the {kind} {name:?} is rendered for another object in this stream already");
                Diagnostic::new(&INVALID_VALUE, "metadata.name", message)
                    .help("rename one of the two, or let only one of them render it")
                    .at(Some(self.name))
            })
            .collect()
    }
}

/// Refuses annotations that are no mapping: what they say would be lost.
fn check_annotations(annotations: &Node) -> Option<Diagnostic> {
    if annotations.is_null() || annotations.entries().is_some() {
        return None;
    }
    let message = format!("expected a mapping, found {}", annotations.describe());
    Some(Diagnostic::new(&WRONG_TYPE, "metadata.annotations", message).at(Some(annotations.place.position)))
}

/// Refuses an annotation that is meant to be [`CURRENT`] and does not say what is installed: the object would be rendered
/// as if nothing were.
fn check_annotation(entry: &Entry) -> Option<Diagnostic> {
    const PREFIX: &str = "rutter.dev/";
    let key = entry.key.scalar.text.as_str();
    let path = join("metadata.annotations", key);
    if key != CURRENT {
        let is_meant = key.starts_with(PREFIX) || is_within(key, CURRENT, 2);
        let problem = || {
            Diagnostic::new(&UNKNOWN_FIELD, path, format!("there is no annotation `{key}`"))
                .help(remedy(key, &[CURRENT]))
                .at(Some(entry.key.place.position))
        };
        return is_meant.then(problem);
    }
    let problem = match entry.value.as_str() {
        Some(text) if !text.trim().is_empty() => return None,
        None if !entry.value.is_null() => {
            let message = format!("expected a string, found {}", entry.value.describe());
            Diagnostic::new(&WRONG_TYPE, path, message)
                .help("write the installed objects as one text, such as `|` and YAML below it")
        }
        _ => Diagnostic::new(&INVALID_VALUE, path, "an empty text does not say what is installed")
            .help("write the installed objects as `kubectl get -o yaml` prints them, or leave the annotation out"),
    };
    Some(problem.at(Some(entry.value.place.position)))
}

fn at(path: &str, position: Position, mut diagnostic: Diagnostic) -> Diagnostic {
    path.clone_into(&mut diagnostic.path);
    diagnostic.at(Some(position))
}
