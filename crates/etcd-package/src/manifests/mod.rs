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

use rutter::Manifests;

use crate::cluster::{Certificates, Cluster, Issuers, ServiceAccount};

/// Returns all objects in an order in which they can be applied: objects come after those that they refer to.
#[must_use]
pub fn all(cluster: &Cluster) -> Manifests {
    let mut manifests = Manifests::new();
    if let Some(certificates) = &cluster.tls.certificates {
        add_certificates(&mut manifests, cluster, certificates);
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
    manifests
}

fn add_certificates(manifests: &mut Manifests, cluster: &Cluster, certificates: &Certificates) {
    match &certificates.issuers {
        Issuers::Ca {
            self_signed,
            authorities,
        } => {
            manifests.add(&issuer::self_signed(cluster, self_signed));
            for ca in authorities {
                manifests.add(&certificate::ca(cluster, ca, self_signed));
                manifests.add(&issuer::ca(cluster, ca));
            }
        }
        Issuers::SelfSigned {
            cluster_issuer,
            create: true,
        } => manifests.add(&issuer::cluster_self_signed(cluster, cluster_issuer)),
        Issuers::SelfSigned { create: false, .. } | Issuers::Existing => {}
    }
    for leaf in &certificates.leaves {
        manifests.add(&certificate::leaf(cluster, certificates, leaf));
    }
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
