//! Rendering: values are read, resolved to a cluster, and written as manifests.

use std::collections::{BTreeMap, BTreeSet};

use rutter::report::Report;
use rutter::yaml::{self, Node, Place};
use rutter::{Diagnostic, Diagnostics, Manifest, Position, Request};

use crate::cluster::{self, Cluster};
use crate::values::{FOREIGN_FIELDS, Values};
use crate::{codes, manifests};

/// The values of a request, which can be rendered with a few changes.
pub(crate) struct ParsedValues<'a> {
    request: &'a Request,
    /// The values as they were parsed.
    pub(crate) document: Node,
    values: Values,
    diagnostics: Diagnostics,
}

/// The result of rendering values.
pub(crate) struct Rendered {
    pub(crate) cluster: Cluster,
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl<'a> ParsedValues<'a> {
    /// Reads the values of a request.
    pub(crate) fn read(request: &'a Request) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Diagnostics::default();
        let document = yaml::parse(&request.values, 0, 1)?.unwrap_or_else(nothing);
        let values = yaml::read(&document, &mut diagnostics);
        diagnostics.explain_foreign_fields(FOREIGN_FIELDS);
        Ok(Self {
            request,
            document,
            values,
            diagnostics,
        })
    }

    /// Renders the values with this change.
    pub(crate) fn render(&self, change: impl FnOnce(&mut Values)) -> Result<Rendered, Vec<Diagnostic>> {
        self.render_keeping(change, BTreeMap::new())
    }

    /// Renders the values with this change, and keeps settings that only pods of an earlier template read.
    pub(crate) fn render_keeping(
        &self,
        change: impl FnOnce(&mut Values),
        kept: BTreeMap<String, String>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let mut values = self.values.clone();
        change(&mut values);
        let mut diagnostics = self.diagnostics.clone();
        let mut report = Report::new(&self.document, &mut diagnostics);
        let cluster = cluster::resolve(&self.request.name, &self.request.namespace, values, &mut report);
        let Some(mut cluster) = cluster.filter(|_| !report.has_errors()) else {
            return Err(diagnostics.into_vec());
        };
        cluster.bootstrap.kept = kept;
        let manifests = manifests::all(&cluster)?;
        refuse_duplicates(&manifests, &cluster, &mut report);
        if report.has_errors() {
            return Err(diagnostics.into_vec());
        }
        Ok(Rendered {
            cluster,
            manifests,
            warnings: diagnostics.into_vec(),
        })
    }
}

/// Refuses two objects of one name, because the second would overwrite the first.
///
/// The package's own objects have different names, so the second is always one of `extraManifests`. An object without a
/// namespace is applied to that of the cluster.
fn refuse_duplicates(manifests: &[Manifest], cluster: &Cluster, report: &mut Report<'_>) {
    let ours = manifests.len() - cluster.extra_manifests.len();
    let default = cluster.names.namespace.to_string();
    let mut seen = BTreeSet::new();
    for (index, manifest) in manifests.iter().enumerate() {
        let Manifest {
            api_version,
            kind,
            namespace,
            name,
            ..
        } = manifest;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let namespace = namespace.as_ref().unwrap_or(&default);
        if !seen.insert((group, kind, namespace, name)) {
            let path = format!("extraManifests[{}].metadata.name", index.saturating_sub(ours));
            report
                .add(
                    &codes::INVALID_MANIFEST,
                    &path,
                    format!("the {kind} {name:?} is rendered already"),
                )
                .help("rename it, or leave it out");
        }
    }
}

/// Returns the document of values that are not given.
fn nothing() -> Node {
    Node::empty(Place {
        source: 0,
        position: Position { line: 1, column: 1 },
    })
}
