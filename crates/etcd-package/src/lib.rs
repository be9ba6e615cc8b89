//! The etcd package: an etcd cluster's values in, its Kubernetes manifests out.
//!
//! Data flows one way. [`values`] is what a person wrote; [`cluster`] is what it means, every default applied and every
//! rule checked; [`manifests`] are functions of that, which neither decide nor fail. [`etcd`] is what etcd itself knows.
//! Nothing here does I/O.

pub mod cert_manager;
pub mod cluster;
pub mod codes;
mod custom_resource;
pub mod etcd;
pub mod manifests;
pub mod prometheus_operator;
pub mod values;

use std::collections::BTreeSet;

use rutter::yaml::{self, Node, Place};
use rutter::{Description, Diagnostic, Diagnostics, Manifest, Package, Position, Rendering, Request};

use cluster::Cluster;
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
        }
    }

    fn schema(&self) -> String {
        include_str!("../generated/values.schema.json").to_owned()
    }

    fn defaults(&self) -> String {
        include_str!("../generated/values.yaml").to_owned()
    }

    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>> {
        let mut diagnostics = Diagnostics::default();
        let cluster = resolve(request, &mut diagnostics);
        match cluster {
            Some(cluster) if !diagnostics.has_errors() => {
                let manifests = manifests::all(&cluster)?;
                refuse_duplicates(&manifests)?;
                Ok(Rendering {
                    manifests,
                    warnings: diagnostics.into_vec(),
                    notes: manifests::notes(&cluster),
                })
            }
            _ => Err(diagnostics.into_vec()),
        }
    }
}

/// Of two objects of one name the later would overwrite the former. Ours differ by construction, so one is an extra one.
fn refuse_duplicates(manifests: &[Manifest]) -> Result<(), Vec<Diagnostic>> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for Manifest {
        api_version,
        kind,
        namespace,
        name,
        ..
    } in manifests
    {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if !seen.insert((group, kind, namespace, name)) {
            let message = format!("the {kind} {name:?} is rendered already");
            problems.push(
                Diagnostic::new(&codes::INVALID_MANIFEST, "extraManifests", message).help("rename it, or leave it out"),
            );
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The cluster that a request asks for, unless an error is added to `diagnostics`.
fn resolve(request: &Request, diagnostics: &mut Diagnostics) -> Option<Cluster> {
    let document = match yaml::parse(&request.values, 0, 1) {
        Ok(document) => document.unwrap_or_else(nothing),
        Err(problems) => {
            diagnostics.extend(problems);
            return None;
        }
    };
    let values: Values = yaml::read(&document, diagnostics);
    let mut report = cluster::Report::new(&document, diagnostics);
    cluster::resolve(&request.name, &request.namespace, values, &mut report)
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
