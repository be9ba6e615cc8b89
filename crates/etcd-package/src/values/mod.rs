//! What a person writes: `EtcdCluster.spec`, one module a concern.
//!
//! These types know what each field accepts and what it defaults to, and nothing of how fields relate: that is
//! [`cluster`](crate::cluster)'s. The JSON Schema and the commented defaults are generated from them.

mod bootstrap;
mod compaction;
mod image;
mod naming;
mod network;
mod probes;
mod scheduling;
mod storage;
mod tls;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bootstrap::{Bootstrap, BootstrapState};
pub use compaction::{Compaction, CompactionMode};
pub use image::{Image, PullPolicy};
pub use naming::Naming;
pub use network::{ClientService, DisruptionBudget, Ports, Service};
pub use probes::{LivenessProbe, Probes, ReadinessProbe, StartupProbe};
pub use scheduling::{AntiAffinity, Scheduling};
pub use storage::{AccessMode, Claim, Retention, RetentionPolicy, Storage};
pub use tls::{CertManager, Issuer, IssuerType, Tls, TlsMode, TlsSide};

use crate::etcd::Version;
use rutter::names::DnsSubdomain;

/// The values of an etcd cluster. All are optional; without any, three members of a current etcd release run as is
/// safe in production.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(title = "EtcdCluster.spec")]
pub struct Values {
    /// The number of members, 1 to 100. Odd sizes are advised: an even one tolerates no more failures than the odd one
    /// below it. More than 7 slow each write down.
    #[schemars(range(min = 1, max = 100))]
    pub replicas: u32,

    /// The etcd release, such as 3.6.14. It decides which flags exist, so it is needed whatever the image is called.
    pub version: Version,

    /// The container image.
    pub image: Image,

    /// The DNS domain of the Kubernetes cluster.
    pub cluster_domain: DnsSubdomain,

    /// The ports that etcd listens on, all different.
    pub ports: Ports,

    /// How the members find each other on their first start. etcd reads none of this again.
    pub bootstrap: Bootstrap,

    /// The volumes.
    pub storage: Storage,

    /// Encryption and authentication of clients and of peers, each on its own.
    pub tls: Tls,

    /// The automatic removal of old revisions. Without it the database grows until its quota is full and etcd refuses
    /// writes.
    pub compaction: Compaction,

    /// Where the members run.
    pub scheduling: Scheduling,

    /// The health checks, which ask the metrics port, so that they need no client certificate.
    pub probes: Probes,

    /// Compute resources of the etcd container, as in Kubernetes' `ResourceRequirements`. etcd's guide advises 2 to 4
    /// cores and 8 GB of memory for usual loads.
    pub resources: ResourceRequirements,

    /// The Services. The headless one is always there: members find each other by it.
    pub service: Service,

    /// The PodDisruptionBudget, which lets drains take only as many members at once as leaves a quorum. There is none
    /// for a single member, because it would block every drain.
    pub disruption_budget: DisruptionBudget,

    /// Names and labels of what is rendered. Change them only to adopt a cluster that something else has made: a
    /// StatefulSet cannot change them later.
    pub naming: Naming,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            replicas: 3,
            version: Version::DEFAULT,
            image: Image::default(),
            cluster_domain: crate::literal("cluster.local"),
            ports: Ports::default(),
            bootstrap: Bootstrap::default(),
            storage: Storage::default(),
            tls: Tls::default(),
            compaction: Compaction::default(),
            scheduling: Scheduling::default(),
            probes: Probes::default(),
            resources: resources(),
            service: Service::default(),
            disruption_budget: DisruptionBudget::default(),
            naming: Naming::default(),
        }
    }
}

/// Enough to be scheduled anywhere, and not to be the first that a node under pressure evicts, as a pod without
/// requests is. No limits: etcd that is throttled loses its leadership, and etcd killed for memory loses a member.
fn resources() -> ResourceRequirements {
    let requests = [("cpu", "250m"), ("memory", "512Mi")];
    ResourceRequirements {
        requests: Some(
            requests
                .map(|(resource, amount)| (resource.to_owned(), Quantity(amount.to_owned())))
                .into(),
        ),
        ..ResourceRequirements::default()
    }
}
