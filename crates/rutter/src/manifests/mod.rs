//! The manifests of a rendering.

mod custom_resource;
mod extra;

use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "package")]
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
#[cfg(feature = "package")]
use k8s_openapi::{Metadata, Resource};
use serde::Serialize;

use crate::report::Report;
use crate::yaml::{self, YAML_FEATURE};
use crate::{Diagnostic, Manifest};

pub use extra::ExtraManifest;

crate::codes! {
    pub CODES
    Error INVALID_MANIFEST = "invalid-manifest", "the object lacks what every Kubernetes object has";
    Error LABEL_TAKEN = "label-taken", "the label is the package's";
}

/// The manifests of a rendering, in the order in which they are added. It should be one in which they can be applied:
/// objects come after those that they refer to.
#[derive(Debug, Default)]
pub struct Manifests {
    manifests: Vec<Manifest>,
    /// The paths in the values of the user's own objects, by their indices in the list.
    paths: BTreeMap<usize, String>,
    problems: Vec<Diagnostic>,
}

impl Manifests {
    /// Returns an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object of the package's own.
    #[cfg(feature = "package")]
    pub fn add<T: Resource + Metadata<Ty = ObjectMeta> + Serialize>(&mut self, object: &T) {
        let metadata = object.metadata();
        let name = metadata.name.clone().unwrap_or_default();
        let file_name = format!("{}-{name}.yaml", T::KIND.to_lowercase());
        let namespace = metadata.namespace.clone();
        self.write(T::API_VERSION, T::KIND, namespace, name, file_name, object);
    }

    /// Adds the user's own object. Objects of other kinds or namespaces may have the same name.
    pub fn add_extra(&mut self, manifest: &ExtraManifest) {
        let ExtraManifest {
            path,
            api_version,
            kind,
            namespace,
            name,
            object,
        } = manifest;
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-.".contains(c) {
                c
            } else {
                '-'
            }
        };
        let name_in_file: String = name.chars().map(plain).take(100).collect();
        let file_name = format!(
            "extra-{}-{}-{name_in_file}.yaml",
            self.manifests.len(),
            kind.to_lowercase()
        );
        self.paths.insert(self.manifests.len(), path.clone());
        self.write(api_version, kind, namespace.clone(), name.clone(), file_name, object);
    }

    fn write(
        &mut self,
        api_version: &str,
        kind: &str,
        namespace: Option<String>,
        name: String,
        file_name: String,
        object: &impl Serialize,
    ) {
        match yaml::to_string(object) {
            Ok(document) => self.manifests.push(Manifest {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                namespace,
                file_name,
                name,
                document,
            }),
            Err(error) => {
                let message = format!("{kind} {name:?} cannot be written: {error}");
                self.problems.push(Diagnostic::new(&YAML_FEATURE, "", message));
            }
        }
    }

    /// Returns the manifests of an installation in `namespace`. Reports objects that YAML cannot express, and two objects of
    /// one name.
    #[must_use]
    pub fn finish(mut self, namespace: &str, report: &mut Report<'_>) -> Vec<Manifest> {
        report.extend(std::mem::take(&mut self.problems));
        self.refuse_duplicates(namespace, report);
        self.manifests
    }

    /// Refuses two objects of one name, because the second would overwrite the first. An object without a namespace is
    /// applied to that of the installation.
    fn refuse_duplicates(&self, default: &str, report: &mut Report<'_>) {
        let mut seen = BTreeSet::new();
        for (index, manifest) in self.manifests.iter().enumerate() {
            let Manifest {
                api_version,
                kind,
                namespace,
                name,
                ..
            } = manifest;
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let namespace = namespace.as_deref().unwrap_or(default);
            if seen.insert((group, kind, namespace, name)) {
                continue;
            }
            let path = self.paths.get(&index);
            let path = path.map(|path| format!("{path}.metadata.name")).unwrap_or_default();
            let message = format!("the {kind} {name:?} is rendered already");
            report
                .add(&INVALID_MANIFEST, &path, message)
                .help("rename it, or leave it out");
        }
    }
}

/// Refuses the user's label at `path`, which is the ownership label of the package.
pub fn refuse_ownership(ownership_label: &str, path: &str, report: &mut Report<'_>) {
    let message = format!(
        "the label {ownership_label} names the installation that an object belongs to; only the package sets it"
    );
    report.add(&LABEL_TAKEN, path, message).help("leave it out");
}

#[cfg(feature = "package")]
impl crate::Request {
    /// Returns the metadata of an object of the installation: this name, the namespace, and the
    /// [ownership label](crate::Description::ownership_label).
    #[must_use]
    pub fn metadata(&self, ownership_label: &str, name: impl Into<String>) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.into()),
            namespace: Some(self.namespace.clone()),
            labels: Some([(ownership_label.to_owned(), self.name.clone())].into()),
            ..ObjectMeta::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{AnyMap, Node, parse, read};
    use crate::{Diagnostics, Position};

    const LABEL: &str = "example.dev/name";

    /// Renders these objects, which the values have in a list.
    fn run(objects: &str) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
        let document: Node = parse(objects, 0, 1).unwrap().unwrap();
        let mut diagnostics = Diagnostics::default();
        let objects: Vec<AnyMap> = read(&document, &mut diagnostics);
        let mut report = Report::new(&document, &mut diagnostics);
        let mut manifests = Manifests::new();
        for extra in ExtraManifest::read_all(objects, "", LABEL, &mut report) {
            manifests.add_extra(&extra);
        }
        let manifests = manifests.finish("shop", &mut report);
        if report.has_errors() {
            return Err(diagnostics.into_vec());
        }
        Ok(manifests)
    }

    fn object(rest: &str) -> String {
        format!("- {{apiVersion: v1, kind: Role, {rest}}}\n")
    }

    #[test]
    fn two_objects_of_one_name_are_refused() {
        let first = object("metadata: {name: a}");
        for other in [
            object("metadata: {name: b}"),
            object("metadata: {name: a, namespace: other}"),
            first.replace("Role", "Service"),
            first.replace("v1", "apps/v1"),
        ] {
            assert_eq!(run(&format!("{first}{other}")).unwrap().len(), 2, "{other}");
        }
        for same in [first.clone(), object("metadata: {name: a, namespace: shop}")] {
            let problems = run(&format!("{first}{same}")).unwrap_err();
            let position = Some(Position { line: 2, column: 49 });
            let problem = Diagnostic::new(
                &INVALID_MANIFEST,
                "[1].metadata.name",
                "the Role \"a\" is rendered already",
            );
            assert_eq!(problems, [problem.at(position).help("rename it, or leave it out")]);
        }
    }

    #[test]
    fn file_names_are_plain() {
        let manifests = run(&object("metadata: {name: 'system:a'}")).unwrap();
        assert_eq!(manifests[0].file_name, "extra-0-role-system-a.yaml");
        assert_eq!(manifests[0].name, "system:a");
    }

    #[test]
    fn objects_with_the_ownership_label_are_refused() {
        let problems = run(&object("metadata: {name: a, labels: {example.dev/name: a}}")).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path, "[0].metadata.labels[\"example.dev/name\"]");
    }
}
