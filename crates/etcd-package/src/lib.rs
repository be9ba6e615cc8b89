//! The etcd package: it renders the values of an etcd cluster as Kubernetes manifests, and plans changes of a cluster.
//!
//! Data flows one way, from [`values`] to [`cluster`] to [`manifests`]. [`values`] are what a user wrote. A [`cluster`]
//! is complete: every default is applied, and every rule is checked. [`manifests`] are functions of a cluster, which
//! neither decide nor fail. `render` runs the three, `plan` finds the steps from one cluster to another, and [`etcd`]
//! holds facts about etcd itself. Nothing here does I/O.

pub mod cert_manager;
pub mod cluster;
pub mod codes;
pub mod etcd;
pub mod manifests;
mod plan;
pub mod prometheus_operator;
mod render;
pub mod values;

use rutter::{
    ChangeRequest, Description, Diagnostic, DocumentedCode, ObjectKind, Package, Plan, Rendering, Request, State,
};

#[doc(hidden)]
pub use plan::{Action, Planned, PlannedStep, difference, disposable, lines, planned};
use render::{ParsedValues, Rendered};

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
        rutter::compressed!("values.schema.json")
    }

    fn defaults(&self) -> String {
        rutter::compressed!("values.yaml")
    }

    fn codes(&self) -> Vec<DocumentedCode> {
        serde_json::from_str(&rutter::compressed!("codes.json")).unwrap_or_default()
    }

    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>> {
        let Rendered {
            cluster,
            manifests,
            mut warnings,
        } = ParsedValues::read(request)?.render(|_| {})?;
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
