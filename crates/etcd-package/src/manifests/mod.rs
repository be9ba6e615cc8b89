//! The objects of a cluster: one module each, one function of [`Cluster`] each. Nothing here decides or fails.

mod certificate;
mod config_map;
mod issuer;
mod pod_disruption_budget;
mod pod_template;
mod service;
mod service_account;
mod stateful_set;

use std::collections::BTreeMap;
use std::fmt::Display;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};
use rutter::{Diagnostic, Manifest, yaml};
use serde::Serialize;

use crate::cluster::{Authority, Cluster, text};

/// All objects, in an order in which they can be applied: what others refer to comes first.
///
/// # Errors
///
/// None that is known: an object that YAML cannot express would be one.
pub fn all(cluster: &Cluster) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
    let mut manifests = Manifests::default();
    if let Some(certificates) = &cluster.tls.certificates {
        match &certificates.authority {
            Authority::Ca => {
                manifests.add(&issuer::self_signed(cluster));
                for leaf in &certificates.leaves {
                    manifests.add(&certificate::authority(cluster, leaf));
                    manifests.add(&issuer::authority(cluster, leaf));
                }
            }
            Authority::SelfSigned {
                cluster_issuer,
                create: true,
            } => {
                manifests.add(&issuer::cluster_self_signed(cluster, cluster_issuer));
            }
            Authority::SelfSigned { create: false, .. } => {}
        }
        for leaf in &certificates.leaves {
            manifests.add(&certificate::leaf(cluster, certificates, leaf));
        }
    }
    manifests.add(&config_map::bootstrap(cluster));
    manifests.add(&service::headless(cluster));
    if let Some(client_service) = &cluster.client_service {
        manifests.add(&service::client(cluster, client_service));
    }
    if cluster.service_account.create {
        manifests.add(&service_account::service_account(cluster));
    }
    if let Some(max_unavailable) = cluster.max_unavailable {
        manifests.add(&pod_disruption_budget::pod_disruption_budget(cluster, max_unavailable));
    }
    manifests.add(&stateful_set::stateful_set(cluster));
    manifests.into_result()
}

/// What to do after the manifests are applied.
#[must_use]
pub fn notes(cluster: &Cluster) -> String {
    let namespace = &cluster.names.namespace;
    let fullname = &cluster.names.fullname;
    format!(
        "\
Wait until all {replicas} members are ready:
  kubectl -n {namespace} rollout status statefulset/{fullname}
Ask them who they are:
  kubectl -n {namespace} exec {fullname}-0 -- etcdctl member list
",
        replicas = cluster.replicas
    )
}

#[derive(Default)]
struct Manifests {
    manifests: Vec<Manifest>,
    problems: Vec<Diagnostic>,
}

impl Manifests {
    fn add<T: Resource + Metadata<Ty = ObjectMeta> + Serialize>(&mut self, object: &T) {
        let name = object.metadata().name.clone().unwrap_or_default();
        match yaml::to_string(object) {
            Ok(document) => self.manifests.push(Manifest {
                api_version: T::API_VERSION.to_owned(),
                kind: T::KIND.to_owned(),
                namespace: object.metadata().namespace.clone(),
                file_name: format!("{}-{name}.yaml", T::KIND.to_lowercase()),
                name,
                document,
            }),
            Err(error) => {
                let message = format!("{} {name:?} cannot be written: {error}", T::KIND);
                self.problems.push(Diagnostic::new(&yaml::YAML_FEATURE, "", message));
            }
        }
    }

    fn into_result(self) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
        if self.problems.is_empty() {
            Ok(self.manifests)
        } else {
            Err(self.problems)
        }
    }
}

/// The metadata of an object in the cluster's namespace.
fn metadata(cluster: &Cluster, name: String) -> ObjectMeta {
    ObjectMeta {
        namespace: Some(cluster.names.namespace.to_string()),
        ..cluster_metadata(cluster, name)
    }
}

/// The metadata of an object of the whole Kubernetes cluster.
fn cluster_metadata(cluster: &Cluster, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        labels: Some(cluster.labels.clone()),
        annotations: some(&cluster.annotations),
        ..ObjectMeta::default()
    }
}

/// The annotations of an object that has some of its own.
fn annotated<K: Display, V: Display>(cluster: &Cluster, own: &BTreeMap<K, V>) -> Option<BTreeMap<String, String>> {
    let mut annotations = cluster.annotations.clone();
    annotations.extend(text(own));
    some(&annotations)
}

/// A map that is left out if it is empty.
fn some<K, V>(map: &BTreeMap<K, V>) -> Option<BTreeMap<K, V>>
where
    BTreeMap<K, V>: Clone,
{
    (!map.is_empty()).then(|| map.clone())
}

/// A list that is left out if it is empty.
fn list<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    (!items.is_empty()).then(|| items.to_vec())
}
