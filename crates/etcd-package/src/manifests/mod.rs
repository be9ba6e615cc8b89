//! The objects of a cluster, with one module for each kind. They are functions of [`Cluster`], which decide nothing and
//! do not fail.

mod certificate;
mod config_map;
mod cron_job;
mod env;
mod init_containers;
mod issuer;
mod metadata;
mod monitoring;
mod network_policy;
mod non_empty;
mod persistent_volume_claim;
mod pod_disruption_budget;
mod pod_template;
mod service;
mod service_account;
mod stateful_set;
mod volume;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};
use rutter::{Diagnostic, Manifest, yaml};
use serde::Serialize;

use crate::cluster::{Certificates, Cluster, ExtraManifest, Issuers, ServiceAccount};

/// Returns all objects in an order in which they can be applied: objects come after those that they refer to.
///
/// # Errors
///
/// Returns an error if YAML cannot express an object. No such object is known.
pub fn all(cluster: &Cluster) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
    let mut manifests = Manifests::default();
    if let Some(certificates) = &cluster.tls.certificates {
        manifests.add_certificates(cluster, certificates);
    }
    manifests.add(&config_map::bootstrap(cluster));
    manifests.add(&service::headless(cluster));
    if let Some(client_service) = &cluster.services.client {
        manifests.add(&service::client(cluster, client_service));
    }
    if let ServiceAccount::Rendered { name, annotations } = &cluster.service_account {
        manifests.add(&service_account::service_account(cluster, name, annotations));
    }
    if let Some(policy) = &cluster.network_policy {
        manifests.add(&network_policy::network_policy(cluster, policy));
    }
    if let Some(budget) = cluster.disruption_budget {
        manifests.add(&pod_disruption_budget::pod_disruption_budget(cluster, budget));
    }
    manifests.add(&stateful_set::stateful_set(cluster));
    if let Some(schedule) = &cluster.jobs.defrag {
        manifests.add(&cron_job::defrag(cluster, schedule));
    }
    if let Some(backup) = &cluster.jobs.backup {
        if let Some(claim) = &backup.claim {
            manifests.add(&persistent_volume_claim::backup(cluster, &backup.claim_name, claim));
        }
        manifests.add(&cron_job::backup(cluster, backup));
    }
    if let Some(monitor) = &cluster.monitoring.service_monitor {
        manifests.add(&monitoring::service_monitor(cluster, monitor));
    }
    if let Some(monitor) = &cluster.monitoring.pod_monitor {
        manifests.add(&monitoring::pod_monitor(cluster, monitor));
    }
    if let Some(rules) = &cluster.monitoring.rules {
        manifests.add(&monitoring::prometheus_rule(cluster, rules));
    }
    for manifest in &cluster.extra_manifests {
        manifests.add_extra(manifest);
    }
    manifests.into_result()
}

/// Returns the next steps for the user after the manifests are applied.
#[must_use]
pub fn notes(cluster: &Cluster) -> String {
    let namespace = &cluster.names.namespace;
    let fullname = &cluster.names.fullname;
    let mut notes = format!(
        "\
Wait until all {replicas} members are ready:
  kubectl -n {namespace} rollout status statefulset/{fullname}
Ask them who they are:
  kubectl -n {namespace} exec {fullname}-0 -- etcdctl member list
",
        replicas = cluster.replicas
    );
    if cluster.bootstrap.joins_existing {
        let member = cluster.names.member(cluster.replicas - 1);
        let url = cluster.peer_url(&cluster.names.member_host(cluster.replicas - 1));
        notes.push_str(&format!(
            "\
Before a new member starts, the others must know of it, one at a time:
  kubectl -n {namespace} exec {fullname}-0 -- etcdctl member add {member} --peer-urls={url}
"
        ));
    }
    if cluster.restore.is_some() {
        notes.push_str("Then remove `restore` from the values, before anything else changes.\n");
    }
    notes
}

#[derive(Default)]
struct Manifests {
    manifests: Vec<Manifest>,
    problems: Vec<Diagnostic>,
}

impl Manifests {
    fn add_certificates(&mut self, cluster: &Cluster, certificates: &Certificates) {
        match &certificates.issuers {
            Issuers::Ca {
                self_signed,
                authorities,
            } => {
                self.add(&issuer::self_signed(cluster, self_signed));
                for ca in authorities {
                    self.add(&certificate::ca(cluster, ca, self_signed));
                    self.add(&issuer::ca(cluster, ca));
                }
            }
            Issuers::SelfSigned {
                cluster_issuer,
                create: true,
            } => self.add(&issuer::cluster_self_signed(cluster, cluster_issuer)),
            Issuers::SelfSigned { create: false, .. } | Issuers::Existing => {}
        }
        for leaf in &certificates.leaves {
            self.add(&certificate::leaf(cluster, certificates, leaf));
        }
    }

    fn add<T: Resource + Metadata<Ty = ObjectMeta> + Serialize>(&mut self, object: &T) {
        let metadata = object.metadata();
        let name = metadata.name.clone().unwrap_or_default();
        let file_name = format!("{}-{name}.yaml", T::KIND.to_lowercase());
        self.write(
            T::API_VERSION,
            T::KIND,
            metadata.namespace.clone(),
            name,
            file_name,
            object,
        );
    }

    /// Adds the user's own object. Objects of other kinds or namespaces may have the same name.
    fn add_extra(&mut self, manifest: &ExtraManifest) {
        let ExtraManifest {
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
