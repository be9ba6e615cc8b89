//! The etcd package: an etcd cluster's values in, its Kubernetes manifests out.
//!
//! Data flows one way. [`values`] is what a person wrote; [`cluster`] is what it means, every default applied and every
//! rule checked; [`manifests`] are functions of that, which neither decide nor fail. `plan` is the way from one cluster to
//! another, and [`etcd`] what etcd itself knows.
//! Nothing here does I/O.

pub mod cert_manager;
pub mod cluster;
pub mod codes;
mod custom_resource;
pub mod etcd;
pub mod manifests;
mod plan;
pub mod prometheus_operator;
pub mod values;

use std::collections::{BTreeMap, BTreeSet};

use rutter::report::Report;
use rutter::yaml::{self, Node, Place};
use rutter::{
    ChangeRequest, Description, Diagnostic, Diagnostics, Manifest, ObjectKind, Package, Plan, Position, Rendering,
    Request, State,
};

use cluster::Cluster;
#[doc(hidden)]
pub use plan::{Action, Planned, PlannedStep, difference, lines, planned};
use values::Values;

/// The package itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct EtcdPackage;

impl Package for EtcdPackage {
    fn describe(&self) -> Description {
        Description {
            name: "etcd".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "An etcd cluster as a Kubernetes StatefulSet".to_owned(),
            api_version: "etcd.rutter.dev/v1alpha1".to_owned(),
            kind: "EtcdCluster".to_owned(),
            app_versions: etcd::MINORS.iter().rev().map(|minor| minor.to_string()).collect(),
            ownership_label: cluster::OWNERSHIP_LABEL.to_owned(),
        }
    }

    fn schema(&self) -> String {
        inflate(include_bytes!(concat!(env!("OUT_DIR"), "/values.schema.json.deflate")))
    }

    fn defaults(&self) -> String {
        inflate(include_bytes!(concat!(env!("OUT_DIR"), "/values.yaml.deflate")))
    }

    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>> {
        let Rendered {
            cluster,
            manifests,
            mut warnings,
        } = Source::read(request)?.render(|_| {})?;
        if let Some(installed) = &request.installed {
            for warning in plan::check_apply(installed, request)? {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
        }
        Ok(Rendering {
            manifests,
            warnings,
            notes: manifests::notes(&cluster),
        })
    }

    fn observes(&self) -> Vec<ObjectKind> {
        plan::observes()
    }

    fn plan(&self, installed: &State, desired: &ChangeRequest) -> Result<Plan, Vec<Diagnostic>> {
        plan::plan(installed, desired)
    }
}

/// What the build has compressed.
#[allow(clippy::expect_used, reason = "no user has any part in it, and a test reads both")]
fn inflate(compressed: &[u8]) -> String {
    let text = miniz_oxide::inflate::decompress_to_vec(compressed).expect("what was compressed");
    String::from_utf8(text).expect("a text")
}

/// Values as they were read, from which clusters can be made that differ in a few of them.
struct Source<'a> {
    request: &'a Request,
    document: Node,
    values: Values,
    diagnostics: Diagnostics,
}

/// What values are rendered to.
struct Rendered {
    cluster: Cluster,
    manifests: Vec<Manifest>,
    warnings: Vec<Diagnostic>,
}

impl<'a> Source<'a> {
    fn read(request: &'a Request) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Diagnostics::default();
        let document = yaml::parse(&request.values, 0, 1)?.unwrap_or_else(nothing);
        let values = yaml::read(&document, &mut diagnostics);
        Ok(Self {
            request,
            document,
            values,
            diagnostics,
        })
    }

    /// Renders the values with this change.
    fn render(&self, change: impl FnOnce(&mut Values)) -> Result<Rendered, Vec<Diagnostic>> {
        self.render_keeping(change, BTreeMap::new())
    }

    /// The same with settings that only pods of an earlier template read.
    fn render_keeping(
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

/// Of two objects of one name the later would overwrite the former. Ours differ by construction, so that the later is an
/// extra one; of one without a namespace, the applied one has ours.
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

fn nothing() -> Node {
    Node::empty(Place {
        source: 0,
        position: Position { line: 1, column: 1 },
    })
}

/// A literal of ours as the type that parses it.
///
/// The one place that may panic: it is called with constants only, and a test builds every default.
#[allow(
    clippy::expect_used,
    reason = "constants of this crate, all of them parsed by a test"
)]
fn literal<T: std::str::FromStr>(text: &'static str) -> T {
    text.parse().ok().expect("a literal of this crate parses")
}
