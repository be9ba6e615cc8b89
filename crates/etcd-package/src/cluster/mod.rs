//! The etcd cluster that values ask for: every default is applied, every name is derived, and every rule is checked.
//!
//! [`resolve`] is the only step that can refuse values, and it reports every problem. A [`Cluster`] is complete: the
//! modules that render it decide nothing, parse nothing and do not fail.

mod bootstrap;
mod compaction;
mod disruption_budget;
mod extra_args;
mod flags;
mod image;
mod jobs;
mod monitoring;
mod names;
mod network_policy;
mod paths;
mod pod;
mod ports;
mod probes;
mod replicas;
mod reserved;
mod resources;
mod restore;
mod safety;
mod scheduling;
mod security_context;
mod server_flags;
mod service;
mod service_account;
mod storage;
mod tls;
mod update;
mod version;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, ResourceRequirements};
use rutter::manifests::ExtraManifest;
use rutter::report::Report;

pub use bootstrap::{Bootstrap, Discovery, INITIAL_CLUSTER, INITIAL_CLUSTER_SIZE, INITIAL_CLUSTER_STATE};
pub use compaction::Compaction;
pub use disruption_budget::DisruptionBudget;
pub use image::Image;
pub use jobs::{Backup, JOB_LABEL, JobPods, Jobs, Schedule};
pub use monitoring::{Monitor, Monitoring, Rules};
pub use names::{Names, OWNERSHIP_LABEL};
pub use network_policy::{IngressRule, NetworkPolicy};
pub use pod::Pod;
pub use ports::Ports;
pub use probes::{HealthCheck, Probe, Probes};
pub use restore::Restore;
pub use scheduling::Scheduling;
pub use service::{ClientService, Services};
pub use service_account::ServiceAccount;
pub use storage::{Claim, ClaimTemplate, HELPER_VOLUME, RESTORE_VOLUME, Storage, Volumes};
pub use tls::{
    AllowedPeers, CertificateAuthority, Certificates, ClientTls, Identity, Issuers, Leaf, PeerTls, Policy, Purpose, Tls,
};
pub use update::UpdateStrategy;

use bootstrap::Nslookup;

use crate::etcd::Version;
use crate::values::Values;

/// An etcd cluster on Kubernetes.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The names of the cluster and its objects.
    pub names: Names,
    /// Labels that select the pods.
    pub selector: BTreeMap<String, String>,
    /// Labels of every object and of the pods, including those of the selector.
    pub labels: BTreeMap<String, String>,
    /// Annotations of every object.
    pub annotations: BTreeMap<String, String>,
    /// The number of members: 1 to 100.
    pub replicas: u32,
    /// The release of etcd.
    pub version: Version,
    /// The container image.
    pub image: Image,
    /// An image with a shell.
    pub helper_image: String,
    /// The ports, all different.
    pub ports: Ports,
    /// The settings with which members find each other on their first start.
    pub bootstrap: Bootstrap,
    /// The volumes.
    pub storage: Storage,
    /// Encryption and authentication.
    pub tls: Tls,
    /// The removal of old revisions, if it is on.
    pub compaction: Option<Compaction>,
    /// Flags of etcd that nothing else in the cluster depends on.
    pub server_flags: Vec<String>,
    /// More environment variables.
    pub extra_env: Vec<EnvVar>,
    /// ConfigMaps and Secrets with more environment variables.
    pub extra_env_from: Vec<EnvFromSource>,
    /// The nodes on which members run.
    pub scheduling: Scheduling,
    /// The pods, beyond what makes them members.
    pub pod: Pod,
    /// The health checks.
    pub probes: Probes,
    /// Compute resources, if there are any.
    pub resources: Option<ResourceRequirements>,
    /// The Services.
    pub services: Services,
    /// The ServiceAccount.
    pub service_account: ServiceAccount,
    /// The update strategy of the StatefulSet.
    pub update: UpdateStrategy,
    /// The disruption budget, if there is one.
    pub disruption_budget: Option<DisruptionBudget>,
    /// The network policy, if there is one.
    pub network_policy: Option<NetworkPolicy>,
    /// The objects for the Prometheus operator.
    pub monitoring: Monitoring,
    /// The CronJobs.
    pub jobs: Jobs,
    /// The snapshot that a new cluster starts from.
    pub restore: Option<Restore>,
    /// The user's own objects.
    pub extra_manifests: Vec<ExtraManifest>,
}

impl Cluster {
    /// Returns the ordinals of the members.
    pub fn members(&self) -> impl Iterator<Item = u32> {
        0..self.replicas
    }

    /// Returns the URL at which the other members reach a member.
    #[must_use]
    pub fn peer_url(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.tls.peer_scheme(), self.ports.peer)
    }

    /// Returns the URL at which clients reach a member.
    #[must_use]
    pub fn client_url(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.tls.client_scheme(), self.ports.client)
    }

    /// Returns etcd's `--initial-cluster`: every member and its peer URL.
    #[must_use]
    pub fn initial_cluster(&self) -> String {
        let members: Vec<String> = self
            .members()
            .map(|ordinal| {
                let host = self.names.member_host(ordinal);
                format!("{}={}", self.names.member(ordinal), self.peer_url(&host))
            })
            .collect();
        members.join(",")
    }
}

/// Resolves values to the cluster that they ask for. Returns nothing if a value is refused, and reports why.
pub fn resolve(name: &str, namespace: &str, values: Values, report: &mut Report<'_>) -> Option<Cluster> {
    let replicas = replicas::resolve(values.replicas, report);
    let version = values.version;
    version::check(version, report);
    let names = names::resolve(name, namespace, &values, report);
    names::check_labels(&values, report);
    let server_flags = server_flags::resolve(&values, report);
    pod::check(&values, report);
    safety::check(&values, report);
    let image = image::resolve(&values, report);
    image::check_reference(&values.helper_image, "helperImage", report);
    let ports = ports::resolve(&values.ports, report);
    let storage = storage::resolve(values.storage.clone(), &values.naming, report);
    let compaction = compaction::resolve(&values.compaction, report);
    let resources = resources::resolve(values.resources.clone(), report);
    let services = service::resolve(values.service.clone(), report);
    let update = update::resolve(&values.update, report);
    service_account::check(&values.service_account, report);
    disruption_budget::check(&values.disruption_budget, report);
    network_policy::check(&values, report);
    let monitoring = monitoring::resolve(&values.monitoring, report);
    let extra_manifests = values.extra_manifests.clone();
    let extra_manifests = ExtraManifest::read_all(extra_manifests, "extraManifests", OWNERSHIP_LABEL, report);
    let names = names?;
    let restore = values.restore.clone();
    let restore = restore.map(|restore| restore::resolve(restore, &values, &names, report));
    let context = tls::Context {
        names: &names,
        version,
        replicas,
        has_client_service: services.client.is_some(),
    };
    let tls = tls::resolve(values.tls.clone(), &context, report);
    let nslookup = if values.helper_image == Values::default().helper_image {
        Nslookup::Plain
    } else {
        Nslookup::Unknown
    };
    let bootstrap = bootstrap::resolve(
        values.bootstrap.clone(),
        &names,
        restore.as_ref(),
        (replicas, nslookup),
        report,
    );
    let labels = names::labels(&names, &values);
    let jobs = jobs::resolve(&values, &names, &labels.selector, report);
    Some(Cluster {
        scheduling: scheduling::resolve(values.scheduling, &labels.selector),
        network_policy: network_policy::resolve(values.network_policy, (&names, &ports), &labels.selector, &jobs),
        pod: pod::resolve(values.pod, &labels.all),
        selector: labels.selector,
        labels: labels.all,
        annotations: names::text(&values.common_annotations),
        replicas,
        version,
        image: image?,
        helper_image: values.helper_image,
        ports,
        bootstrap,
        storage,
        tls: tls?,
        compaction: compaction?,
        server_flags,
        extra_env: values.extra_env,
        extra_env_from: values.extra_env_from,
        probes: probes::resolve(&values.probes, version),
        resources,
        services,
        service_account: service_account::resolve(&values.service_account, &names),
        update,
        disruption_budget: disruption_budget::resolve(&values.disruption_budget, replicas),
        monitoring,
        jobs,
        restore,
        extra_manifests,
        names,
    })
}
