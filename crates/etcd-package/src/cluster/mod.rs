//! What values mean: one etcd cluster, every default applied, every name derived, every rule checked.
//!
//! [`resolve`] is the only step that can refuse values, and it reports every problem. A [`Cluster`] is right: after it
//! no module decides, parses or fails.

mod bootstrap;
mod compaction;
mod extra;
mod extra_manifests;
mod flags;
mod image;
mod jobs;
mod monitoring;
mod names;
mod network_policy;
mod paths;
mod pod;
mod pod_own;
mod resources;
mod restore;
mod safety;
mod server;
mod service;
mod storage;
mod tls;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, ResourceRequirements};
use kubernetes_validation::codes::NAME_COLLISION;
use rutter::report::Report;

pub use bootstrap::Bootstrap;
pub use compaction::Compaction;
pub use extra_manifests::ExtraManifest;
pub use image::Image;
pub use jobs::{Backup, JOB_LABEL, JobPods, Jobs, Schedule};
pub(crate) use names::text;
pub use names::{Names, OWNERSHIP_LABEL};
pub use restore::Restore;
pub use service::{ClientService, Services};
pub use storage::{Claim, ClaimTemplate, HELPER_VOLUME, RESTORE_VOLUME, Storage, Volumes};
pub use tls::{
    AllowedPeers, Authority, Certificates, ClientTls, Identity, IssuerRef, Issuers, Leaf, PeerTls, Policy, Purpose, Tls,
};

use bootstrap::Nslookup;

use crate::codes::{
    END_OF_LIFE, EVEN_REPLICAS, INVALID_REPLICAS, MANY_REPLICAS, OUTDATED_VERSION, PORT_COLLISION, UNSAFE_VERSION,
    UNUSED_VALUE,
};
use crate::etcd::Version;
use crate::values::{
    DisruptionBudget, Monitoring, NetworkPolicy, Pod, Ports, Probes, Scheduling, ServiceAccount,
    UnhealthyPodEvictionPolicy, Update, UpdateType, Values,
};

/// Most members that are rendered. etcd has no limit of its own; without one, a slip of the keyboard would render
/// certificates with millions of names.
const MAX_REPLICAS: u32 = 100;

/// An etcd cluster on Kubernetes.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Names of everything.
    pub names: Names,
    /// Labels by which pods are found.
    pub selector: BTreeMap<String, String>,
    /// Labels of every object and of the pods, those of the selector among them.
    pub labels: BTreeMap<String, String>,
    /// Annotations of every object.
    pub annotations: BTreeMap<String, String>,
    /// How many members there are: 1 to 100.
    pub replicas: u32,
    /// The release of etcd.
    pub version: Version,
    /// The container image.
    pub image: Image,
    /// An image with a shell.
    pub helper_image: String,
    /// The ports, all different.
    pub ports: Ports,
    /// How members find each other on their first start.
    pub bootstrap: Bootstrap,
    /// The volumes.
    pub storage: Storage,
    /// Encryption and authentication.
    pub tls: Tls,
    /// The removal of old revisions, unless it is off.
    pub compaction: Option<Compaction>,
    /// Flags of etcd that nothing else depends on.
    pub server_flags: Vec<String>,
    /// More environment variables.
    pub extra_env: Vec<EnvVar>,
    /// ConfigMaps and Secrets with more of them.
    pub extra_env_from: Vec<EnvFromSource>,
    /// Where the members run.
    pub scheduling: Scheduling,
    /// The pods, beyond what makes them members.
    pub pod: Pod,
    /// The times of the probes.
    pub probes: Probes,
    /// Compute resources, if any are said.
    pub resources: Option<ResourceRequirements>,
    /// The Services.
    pub services: Services,
    /// The ServiceAccount.
    pub service_account: ServiceAccount,
    /// How a change reaches the members.
    pub update: Update,
    /// The disruption budget, if there is one.
    pub disruption_budget: Option<Budget>,
    /// The network policy, if there is one.
    pub network_policy: Option<NetworkPolicy>,
    /// What the Prometheus operator is told.
    pub monitoring: Monitoring,
    /// What is done by the clock.
    pub jobs: Jobs,
    /// What a new cluster starts from, if not from nothing.
    pub restore: Option<Restore>,
    /// Objects of the user's own.
    pub extra_manifests: Vec<ExtraManifest>,
}

/// What a drain may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many members may be down while the rest keep quorum.
    pub max_unavailable: u32,
    /// Whether members that are not ready count.
    pub unhealthy_pod_eviction_policy: Option<UnhealthyPodEvictionPolicy>,
}

impl Cluster {
    /// The members' ordinals.
    pub fn members(&self) -> impl Iterator<Item = u32> {
        0..self.replicas
    }

    /// The URL at which the other members reach a member.
    #[must_use]
    pub fn peer_url(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.tls.peer_scheme(), self.ports.peer)
    }

    /// The URL at which clients reach a member.
    #[must_use]
    pub fn client_url(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.tls.client_scheme(), self.ports.client)
    }

    /// etcd's `--initial-cluster`: every member and its peer URL.
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

/// Works out the cluster that `values` ask for, or reports why there is none.
pub fn resolve(name: &str, namespace: &str, values: Values, report: &mut Report<'_>) -> Option<Cluster> {
    let replicas = replicas(values.replicas, report);
    let version = values.version;
    check_version(version, report);
    let names = names::resolve(name, namespace, &values, report);
    names::check_labels(&values, report);
    let server_flags = server::resolve(&values, report);
    pod::check(&values, report);
    safety::check(&values, report);
    let image = image::resolve(&values, report);
    image::check_reference(&values.helper_image, "helperImage", report);
    check_ports(&values.ports, report);
    let storage = storage::resolve(values.storage.clone(), &values.naming, report);
    let compaction = compaction::resolve(&values.compaction, report);
    let resources = resources::resolve(values.resources.clone(), report);
    let services = service::resolve(values.service.clone(), report);
    check_update(&values.update, report);
    check_unused(&values, report);
    network_policy::check(&values, report);
    monitoring::check(&values.monitoring, report);
    let extra_manifests = extra_manifests::resolve(values.extra_manifests.clone(), report);
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
    if restore.is_some() {
        restore::check_bootstrap(&bootstrap, report);
    }
    let labels = names::labels(&names, &values);
    let jobs = jobs::resolve(&values, &names, &labels.selector, report);
    Some(Cluster {
        selector: labels.selector,
        labels: labels.all,
        annotations: text(&values.common_annotations),
        replicas,
        version,
        image: image?,
        helper_image: values.helper_image,
        ports: values.ports,
        bootstrap,
        storage,
        tls: tls?,
        compaction: compaction?,
        server_flags,
        extra_env: values.extra_env,
        extra_env_from: values.extra_env_from,
        scheduling: values.scheduling,
        pod: values.pod,
        probes: values.probes,
        resources,
        services,
        service_account: values.service_account,
        update: values.update,
        disruption_budget: budget(values.disruption_budget, replicas),
        network_policy: values.network_policy.enabled.then_some(values.network_policy),
        monitoring: values.monitoring,
        jobs,
        restore,
        extra_manifests,
        names,
    })
}

fn budget(values: DisruptionBudget, replicas: u32) -> Option<Budget> {
    (values.enabled && replicas > 1).then(|| Budget {
        max_unavailable: (replicas - 1) / 2,
        unhealthy_pod_eviction_policy: values.unhealthy_pod_eviction_policy,
    })
}

fn replicas(replicas: u32, report: &mut Report<'_>) -> u32 {
    match replicas {
        0 => report
            .add(&INVALID_REPLICAS, "replicas", "a cluster has at least one member")
            .help("write 1, 3 or 5"),
        1 | 3 | 5 | 7 => {}
        2 | 4 | 6 => report
            .add(
                &EVEN_REPLICAS,
                "replicas",
                if replicas == 2 {
                    "2 members stop when either is down, so the disruption budget lets no drain pass".to_owned()
                } else {
                    format!("{replicas} members tolerate no more failures than {}", replicas - 1)
                },
            )
            .help(format!("write {} or {}", replicas - 1, replicas + 1)),
        8..=MAX_REPLICAS => report
            .add(
                &MANY_REPLICAS,
                "replicas",
                format!("each write waits for a majority of {replicas} members"),
            )
            .help("etcd's maintainers advise at most 7"),
        _ => report
            .add(
                &INVALID_REPLICAS,
                "replicas",
                format!("{replicas} members are more than the {MAX_REPLICAS} accepted"),
            )
            .help("etcd's maintainers advise at most 7"),
    }
    replicas.min(MAX_REPLICAS)
}

fn check_version(version: Version, report: &mut Report<'_>) {
    if !version.minor().is_maintained() {
        report
            .add(
                &END_OF_LIFE,
                "version",
                format!("etcd {} gets no more fixes", version.minor()),
            )
            .help(format!(
                "plan the upgrade to {}, one minor version at a time",
                Version::DEFAULT
            ));
    }
    if version.corrupts_data() {
        report
            .add(
                &UNSAFE_VERSION,
                "version",
                format!("etcd {version} can corrupt its data when it is killed"),
            )
            .help(format!("write 3.5.33 or {}", Version::DEFAULT));
    } else if version.is_outdated() {
        report
            .add(
                &OUTDATED_VERSION,
                "version",
                format!("the etcd project advises against {version}"),
            )
            .help("take the newest release of the same minor version, at least 3.4.22 or 3.5.6");
    }
}

fn check_ports(ports: &Ports, report: &mut Report<'_>) {
    for (path, port, others) in [
        ("ports.peer", ports.peer, &[("client", ports.client)][..]),
        (
            "ports.metrics",
            ports.metrics,
            &[("client", ports.client), ("peer", ports.peer)],
        ),
    ] {
        for (other, _) in others.iter().filter(|(_, other)| *other == port) {
            report
                .add(&PORT_COLLISION, path, format!("{port} is the {other} port already"))
                .help("give each listener a port of its own: 2379, 2380 and 8080 are usual");
        }
    }
}

/// What is switched off has nothing beside it that someone could wait for.
fn check_unused(values: &Values, report: &mut Report<'_>) {
    let account = &values.service_account;
    let budget = &values.disruption_budget;
    if account.create && account.name.as_deref() == Some("default") {
        report
            .add(
                &NAME_COLLISION,
                "serviceAccount.name",
                "every namespace has an account called default already",
            )
            .help("write another name, or create: false");
    }
    for (path, unused, what) in [
        (
            "serviceAccount.annotations",
            !account.create && !account.annotations.is_empty(),
            "with create: false",
        ),
        (
            "disruptionBudget.unhealthyPodEvictionPolicy",
            !budget.enabled && budget.unhealthy_pod_eviction_policy.is_some(),
            "with enabled: false",
        ),
    ] {
        if unused {
            report
                .add(
                    &UNUSED_VALUE,
                    path,
                    format!("{what}, nothing is rendered that could have it"),
                )
                .help("leave it out");
        }
    }
}

fn check_update(update: &Update, report: &mut Report<'_>) {
    if update.kind == UpdateType::OnDelete && update.partition > 0 {
        report
            .add(
                &UNUSED_VALUE,
                "update.partition",
                "with the type OnDelete no member is restarted anyway",
            )
            .help("write type: RollingUpdate, or leave it out");
    }
}
