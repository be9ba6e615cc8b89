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

/// The values of an etcd cluster. All are optional. Without any, three members run a current etcd release, with
/// settings that are safe in production.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(title = "EtcdCluster.spec")]
pub struct Values {
    /// The number of members, 1 to 100. Use an odd number: an even number tolerates no more failures than the odd
    /// number below it. More than 7 members slow down every write. Changing the size of a running cluster takes several
    /// steps, because etcd must know each member before it starts, one at a time. If you apply a new number directly,
    /// added members form a second cluster behind the same Service, and removed members count as failed. `rutter plan`
    /// prints the steps: see docs/operations.md.
    #[schemars(range(min = 1, max = 100))]
    #[serde(deserialize_with = "number_of_members")]
    pub replicas: u32,

    /// The etcd release, such as 3.6.14. It determines which flags exist, and is not derived from the image tag.
    /// Upgrade one minor version at a time. Each member must write a snapshot between the upgrade to 3.6 and the
    /// upgrade to 3.7, or it does not start with 3.7. `rutter plan` prints the steps: see docs/operations.md.
    pub version: Version,

    /// The container image of etcd.
    pub image: Image,

    /// An image with a statically linked `busybox`. It runs the tasks that require a shell, which etcd's own image does
    /// not have: waiting for SRV records, deleting old snapshots and restoring a snapshot.
    pub helper_image: String,

    /// The DNS domain of the Kubernetes cluster.
    pub cluster_domain: DomainName,

    /// The ports that etcd listens on. All must be different.
    pub ports: Ports,

    /// The settings with which members find each other on their first start. etcd does not read them again.
    pub bootstrap: Bootstrap,

    /// The volumes of the members.
    pub storage: Storage,

    /// Encryption and authentication between clients and members, and between members (peers). Each side is configured
    /// separately.
    pub tls: Tls,

    /// The automatic removal of old revisions. Without it, the database grows until it reaches its quota, and etcd
    /// refuses writes.
    pub compaction: Compaction,

    /// The maximum size of the database in bytes, as a Kubernetes quantity. At this size etcd refuses writes until the
    /// database is compacted and defragmented. It must fit the data volume. etcd's default is 2Gi. More than 8Gi is not
    /// recommended.
    #[schemars(example = &"4Gi")]
    pub quota: Option<Quantity>,

    /// The number of writes after which etcd saves a snapshot of its state and removes the log entries before it.
    /// etcd's default is 100000, or 10000 since 3.6.
    #[schemars(example = 10000)]
    pub snapshot_count: Option<NonZeroU32>,

    /// The interval between the leader's heartbeats, a duration in whole milliseconds. Use about the round-trip time
    /// between members.
    pub heartbeat_interval: Duration,

    /// The time without a heartbeat after which members elect another leader, a duration in whole milliseconds. Use ten
    /// times the round-trip time between members. It must be at least 5 × `heartbeatInterval` and at most 50s.
    pub election_timeout: Duration,

    /// The maximum size of a request in bytes, as a Kubernetes quantity. etcd's default is 1.5 MiB. More than 10Mi is
    /// not recommended.
    #[schemars(example = &"4Mi")]
    pub max_request_bytes: Option<Quantity>,

    /// The maximum number of operations in one transaction. etcd's default is 128.
    #[schemars(example = 256)]
    pub max_txn_ops: Option<NonZeroU32>,

    /// The log of etcd.
    pub log: Log,

    /// The detail of the metrics that etcd exports.
    pub metrics: Metrics,

    /// The feature gates of etcd, by name. `true` enables a feature, `false` disables it. Requires etcd 3.6 or later.
    /// Older releases have flags `experimental-…` instead, which belong in `extraArgs`.
    #[schemars(example = serde_json::json!({"InitialCorruptCheck": true}))]
    pub feature_gates: BTreeMap<String, bool>,

    /// Further flags of etcd, by name without `--`. A flag must exist in this etcd release. A flag that has a field of
    /// its own is refused. The kubelet expands `$(HOSTNAME)` and other variables of the container in the values. Write
    /// `$$` for a literal `$`.
    #[schemars(example = serde_json::json!({"max-snapshots": 3}))]
    pub extra_args: BTreeMap<String, FlagValue>,

    /// Further environment variables of the etcd container, as in a container's `env`. etcd reads a variable such as
    /// `ETCD_MAX_WALS` as the flag `max-wals`. So a variable that starts with `ETCD_` must name a flag of this etcd
    /// release that nothing else sets.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_env: Vec<EnvVar>,

    /// ConfigMaps and Secrets whose keys become environment variables of the etcd container, as in a container's
    /// `envFrom`.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_env_from: Vec<EnvFromSource>,

    /// Rules for the nodes on which members run.
    pub scheduling: Scheduling,

    /// The health checks of the etcd container. They use the metrics port, so they require no client certificate.
    pub probes: Probes,

    /// Compute resources of the etcd container and of the containers that run before it. etcd's guide recommends 2 to 4
    /// cores and 8 GB of memory for typical loads.
    pub resources: Resources,

    /// Further settings of the pods.
    pub pod: Pod,

    /// The ServiceAccount of the pods.
    pub service_account: ServiceAccount,

    /// The rollout of changes to running members.
    pub update: Update,

    /// The Services. The headless Service is always rendered, because members find each other through it.
    pub service: Service,

    /// The PodDisruptionBudget. It limits how many members a drain evicts at the same time, so that a quorum remains. A
    /// single member has none, because it would block every drain. With two members, it blocks every drain.
    pub disruption_budget: DisruptionBudget,

    /// A NetworkPolicy for incoming traffic. Traffic between members, and from the pods of `defrag` and `backup` to
    /// members, is always allowed. It requires a network plugin that enforces policies.
    pub network_policy: NetworkPolicy,

    /// Objects for the Prometheus operator. Its custom resource definitions must be installed in the Kubernetes
    /// cluster.
    pub monitoring: Monitoring,

    /// Regular defragmentation by a CronJob. It is useful only if much data was removed permanently, because a
    /// compacted cluster reuses the space that becomes free. A member does not answer while it is defragmented, so
    /// members are defragmented one at a time. If etcd's own authentication is enabled, the job requires
    /// `tls.clientAuth`, and the user with the common name of its certificate requires the role root.
    #[schemars(example = serde_json::json!({"schedule": "30 3 * * 0"}))]
    pub defrag: Option<Defrag>,

    /// Regular snapshots by a CronJob. If etcd's own authentication is enabled, the job requires `tls.clientAuth`, and
    /// the user with the common name of its certificate requires the role root.
    #[schemars(example = serde_json::json!({"schedule": "0 * * * *", "keep": 48}))]
    pub backup: Option<Backup>,

    /// The snapshot from which a new cluster starts. The cluster must not exist yet: members that have data keep it,
    /// and do not join the members that started from the snapshot. When the cluster runs, remove `restore`, and set
    /// `bootstrap.token` to the token that the warning shows. Do this before you change `replicas`. Otherwise a member
    /// that is added, or that lost its volume, starts from the snapshot again.
    #[schemars(example = serde_json::json!({"claimName": "etcd-snapshots", "snapshot": "etcd-backup-29370000-x7k2p.db"}))]
    pub restore: Option<Restore>,

    /// Settings of the jobs of `defrag` and `backup` and of their pods.
    pub jobs: Jobs,

    /// Names and labels of the rendered objects. Change them only to adopt a cluster that was created by other means. A
    /// StatefulSet cannot change them later.
    pub naming: Naming,

    /// Labels of all objects, including pods.
    pub common_labels: BTreeMap<LabelKey, LabelValue>,

    /// Annotations of all objects, except for pods.
    pub common_annotations: BTreeMap<LabelKey, String>,

    /// Further Kubernetes objects. They are rendered unchanged, after all others.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_manifests: Vec<AnyMap>,
}

/// Reads any whole number. The range is checked in [`cluster`](crate::cluster), with a better message.
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
