//! The values that a user writes: `EtcdCluster.spec`, with one module for each field or group of fields.
//!
//! These types define what each field accepts and its default. Rules between fields are in [`cluster`](crate::cluster).
//! The JSON Schema, the commented defaults and the reference are generated from these types.

mod backup;
mod bootstrap;
mod cert_manager;
mod compaction;
mod defrag;
mod disruption_budget;
mod extra_args;
mod foreign_fields;
mod image;
mod jobs;
mod literal;
mod logging;
mod metrics;
mod monitoring;
mod naming;
mod network_policy;
mod pod;
mod ports;
mod probes;
mod resources;
mod restore;
mod scheduling;
mod service;
mod service_account;
mod storage;
mod tls;
mod update;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

pub use backup::Backup;
pub use bootstrap::{Bootstrap, BootstrapState, Discovery};
pub use cert_manager::{
    CertManager, ClientCertificate, Issuer, IssuerType, KeyAlgorithm, KeyEncoding, PrivateKey, RotationPolicy, Subject,
};
pub use compaction::{Compaction, CompactionMode};
pub use defrag::Defrag;
pub use disruption_budget::{DisruptionBudget, UnhealthyPodEvictionPolicy};
pub use extra_args::FlagValue;
pub use foreign_fields::FOREIGN_FIELDS;
pub use image::{Image, PullPolicy};
pub use jobs::{JobResources, Jobs};
pub use logging::{Log, LogFormat, LogLevel};
pub use metrics::Metrics;
pub use monitoring::{Monitor, Monitoring, Rules};
pub use naming::Naming;
pub use network_policy::NetworkPolicy;
pub use pod::Pod;
pub use ports::Ports;
pub use probes::{LivenessProbe, Probes, ReadinessProbe, StartupProbe};
pub use resources::Resources;
pub use restore::Restore;
pub use scheduling::{AntiAffinity, Scheduling};
pub use service::{
    ClientService, ExternalTrafficPolicy, HeadlessService, IpFamily, IpFamilyPolicy, Service, ServiceType,
};
pub use service_account::ServiceAccount;
pub use storage::{AccessMode, Claim, Ephemeral, Retention, RetentionPolicy, Storage};
pub use tls::{ClientTls, PeerTls, PeerTlsMode, Tls, TlsMode, TlsVersion};
pub use update::{Update, UpdateType};

use rutter::duration::Duration;
use rutter::names::{DomainName, LabelKey, LabelValue};
use rutter::quantity::Quantity;
use rutter::yaml::AnyMap;

use crate::etcd::Version;
use literal::literal;

/// The values of an etcd cluster. All are optional; without any, three members of a current etcd release run as is
/// safe in production.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(title = "EtcdCluster.spec")]
pub struct Values {
    /// The number of members, 1 to 100. Odd sizes are advised: an even one tolerates no more failures than the odd one
    /// below it. More than 7 slow each write down. To change the size of a cluster that runs takes steps, for etcd has to
    /// be told of each member first, one at a time; otherwise new members would form a second cluster behind the same
    /// Service, and ones that go would count as failed. `rutter plan` writes the steps down: see docs/operations.md.
    #[schemars(range(min = 1, max = 100))]
    #[serde(deserialize_with = "number_of_members")]
    pub replicas: u32,

    /// The etcd release, such as 3.6.14. It decides which flags exist, so it is needed whatever the image is called.
    /// Upgrade one minor version at a time; from 3.5 by 3.6 to 3.7 a snapshot must come in between, or members of 3.7 do
    /// not start. `rutter plan` writes the steps down: see docs/operations.md.
    pub version: Version,

    /// The container image.
    pub image: Image,

    /// An image with a static `busybox`, for what etcd's image, which has no shell, cannot do: to wait for SRV records,
    /// to delete old snapshots, to restore one.
    pub helper_image: String,

    /// The DNS domain of the Kubernetes cluster.
    pub cluster_domain: DomainName,

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

    /// The largest database, at which etcd refuses writes until it is compacted and defragmented. It must fit the data
    /// volume. etcd's default is 2Gi; more than 8Gi is advised against.
    #[schemars(example = &"4Gi")]
    pub quota: Option<Quantity>,

    /// Writes after which etcd makes a snapshot of its state and drops the log before it. etcd's default is 100000, and
    /// 10000 since 3.6.
    #[schemars(example = 10000)]
    pub snapshot_count: Option<NonZeroU32>,

    /// How often the leader says that it is there, in whole milliseconds: about the round-trip time between members.
    pub heartbeat_interval: Duration,

    /// How long members wait for the leader before they elect another, in whole milliseconds: ten times the round-trip
    /// time, at least 5 × `heartbeatInterval` and at most 50s.
    pub election_timeout: Duration,

    /// The largest request. etcd's default is 1.5 MiB; more than 10Mi is advised against.
    #[schemars(example = &"4Mi")]
    pub max_request_bytes: Option<Quantity>,

    /// The most operations in one transaction. etcd's default is 128.
    #[schemars(example = 256)]
    pub max_txn_ops: Option<NonZeroU32>,

    /// What etcd writes about itself.
    pub log: Log,

    /// How much the metrics port tells.
    pub metrics: Metrics,

    /// Features of etcd to switch on or off, by name. Since etcd 3.6; older releases have `experimental-…` flags, for
    /// `extraArgs`.
    #[schemars(example = serde_json::json!({"InitialCorruptCheck": true}))]
    pub feature_gates: BTreeMap<String, bool>,

    /// Flags of etcd that have no value of their own here, without `--`. They must exist in this etcd release. In their
    /// values the kubelet expands `$(HOSTNAME)` and other variables of the container; `$$` stands for `$`.
    #[schemars(example = serde_json::json!({"max-snapshots": 3}))]
    pub extra_args: BTreeMap<String, FlagValue>,

    /// More environment variables of the etcd container, as Kubernetes has them. etcd takes `ETCD_MAX_WALS` for the flag
    /// `max-wals`: variables that start with `ETCD_` must stand for a flag of this etcd release which nothing else sets.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_env: Vec<EnvVar>,

    /// ConfigMaps and Secrets whose entries become environment variables of the etcd container.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_env_from: Vec<EnvFromSource>,

    /// Where the members run.
    pub scheduling: Scheduling,

    /// The health checks, which ask the metrics port, so that they need no client certificate.
    pub probes: Probes,

    /// Compute resources of the etcd container, and of what runs before it. etcd's guide advises 2 to 4 cores and 8 GB of memory for usual loads.
    pub resources: Resources,

    /// The pods, beyond what makes them members.
    pub pod: Pod,

    /// The ServiceAccount of the pods.
    pub service_account: ServiceAccount,

    /// How a change reaches the members that run.
    pub update: Update,

    /// The Services. The headless one is always there: members find each other by it.
    pub service: Service,

    /// The PodDisruptionBudget, which lets drains take only as many members at once as leaves a quorum. There is none
    /// for a single member, because it would block every drain; that of two members does, too.
    pub disruption_budget: DisruptionBudget,

    /// A NetworkPolicy for what comes in. Members always reach each other, and the pods of `defrag` and `backup` reach
    /// members. It takes a network plugin that enforces policies.
    pub network_policy: NetworkPolicy,

    /// Objects for the Prometheus operator, whose resource definitions must be in the Kubernetes cluster.
    pub monitoring: Monitoring,

    /// Regular defragmentation by a CronJob. A cluster that is compacted reuses the space of what it removed, so it
    /// takes this only where much was removed for good. A member answers nothing while it is defragmented, so members
    /// take turns. If etcd's own authentication is on, the job needs `tls.clientAuth`, and the user that the certificate's
    /// common name is needs the role root.
    #[schemars(example = serde_json::json!({"schedule": "30 3 * * 0"}))]
    pub defrag: Option<Defrag>,

    /// Regular snapshots by a CronJob. If etcd's own authentication is on, the job needs `tls.clientAuth`, and the user that
    /// the certificate's common name is needs the role root.
    #[schemars(example = serde_json::json!({"schedule": "0 * * * *", "keep": 48}))]
    pub backup: Option<Backup>,

    /// A snapshot that a new cluster starts from. It is for a cluster that does not exist yet: members with data keep
    /// them, and do not join those that start from the snapshot. Remove it when the cluster runs, and before `replicas`
    /// change, and write the token that the warning shows as `bootstrap.token`. Otherwise a member that lost its volume, or
    /// was added, starts from the snapshot again.
    #[schemars(example = serde_json::json!({"claimName": "etcd-snapshots", "snapshot": "etcd-backup-29370000-x7k2p.db"}))]
    pub restore: Option<Restore>,

    /// The pods of `defrag` and `backup`.
    pub jobs: Jobs,

    /// Names and labels of what is rendered. Change them only to adopt a cluster that something else has made: a
    /// StatefulSet cannot change them later.
    pub naming: Naming,

    /// Labels of every object, pods included.
    pub common_labels: BTreeMap<LabelKey, LabelValue>,

    /// Annotations of every object, pods not included.
    pub common_annotations: BTreeMap<LabelKey, String>,

    /// Further objects, rendered as they are after all others.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_manifests: Vec<AnyMap>,
}

/// Reads any whole number. Its range is a rule of the cluster, which has better words than the range of a type.
fn number_of_members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = i64::deserialize(deserializer)?;
    Ok(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

impl Default for Values {
    fn default() -> Self {
        Self {
            replicas: 3,
            version: Version::DEFAULT,
            image: Image::default(),
            helper_image: "docker.io/library/busybox:1.37.0-musl".to_owned(),
            cluster_domain: literal("cluster.local"),
            ports: Ports::default(),
            bootstrap: Bootstrap::default(),
            storage: Storage::default(),
            tls: Tls::default(),
            compaction: Compaction::default(),
            quota: None,
            snapshot_count: None,
            heartbeat_interval: literal("100ms"),
            election_timeout: literal("1s"),
            max_request_bytes: None,
            max_txn_ops: None,
            log: Log::default(),
            metrics: Metrics::default(),
            feature_gates: BTreeMap::new(),
            extra_args: BTreeMap::new(),
            extra_env: Vec::new(),
            extra_env_from: Vec::new(),
            scheduling: Scheduling::default(),
            probes: Probes::default(),
            resources: Resources::default(),
            pod: Pod::default(),
            service_account: ServiceAccount::default(),
            update: Update::default(),
            service: Service::default(),
            disruption_budget: DisruptionBudget::default(),
            network_policy: NetworkPolicy::default(),
            monitoring: Monitoring::default(),
            defrag: None,
            backup: None,
            restore: None,
            jobs: Jobs::default(),
            naming: Naming::default(),
            common_labels: BTreeMap::new(),
            common_annotations: BTreeMap::new(),
            extra_manifests: Vec::new(),
        }
    }
}
