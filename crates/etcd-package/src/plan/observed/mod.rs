//! The observed cluster: what its objects show of it, whatever has made them.
//!
//! Adopting, planning and diagnosing start from here. Nothing is guessed: what the objects do not show is unknown.

mod earlier;
mod health;
mod mounts;
mod options;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use rutter::quantity::Quantity;
use rutter::yaml::Node;

pub(super) use self::earlier::Earlier;
pub(super) use self::health::{Health, Strategy, scalers};
use self::mounts::Mounts;
pub(super) use self::mounts::{Location, SecretKey, Storage};
use self::options::MEMBER;
pub(super) use self::options::{Options, Setting};
use super::fact::Fact;
use super::objects::{Id, Object, Objects, is_dns_name, items, scalar};
use crate::cluster::OWNERSHIP_LABEL;
use crate::etcd::Version;
use crate::values::TlsVersion;

/// A cluster of etcd, as its objects show it.
#[derive(Clone, Debug)]
pub(super) struct ObservedCluster {
    /// The name of the StatefulSet.
    pub(super) fullname: String,
    pub(super) namespace: String,
    /// The number of members. It is that of the bootstrap list if the StatefulSet is scaled to none.
    pub(super) replicas: u32,
    /// The name of the container that etcd runs in.
    pub(super) container: String,
    /// The release that its image names.
    pub(super) version: Fact<Version>,
    /// The release that only a label names, which anyone can change.
    pub(super) labelled_version: Option<Version>,
    /// The URL at which members reach each other. Each has its own.
    peer_url: Fact<String>,
    pub(super) client_scheme: Fact<&'static str>,
    /// The keys of the listener for clients: certificate, private key, CA.
    pub(super) client_files: TlsFiles,
    pub(super) token: Fact<String>,
    pub(super) peer_tls: Fact<PeerTls>,
    pub(super) data: Fact<Location>,
    pub(super) wal: Fact<Location>,
    /// The claims of each member.
    pub(super) claims: Vec<Claim>,
    /// The Certificates, by the Secrets that they fill.
    pub(super) certificates: BTreeMap<String, Certificate>,
    /// The labels that select the pods.
    pub(super) selector: BTreeMap<String, String>,
    pub(super) options: Options,
    pub(super) health: Health,
    /// Whether this package has made it.
    pub(super) is_own: bool,
    /// The controller that owns the StatefulSet: its kind and name.
    pub(super) controller: Option<String>,
    /// Whether it comes from an API server.
    pub(super) is_live: bool,
    /// The members whose pods are of an earlier template, where an update has not reached all.
    pub(super) earlier: Fact<Vec<Earlier>>,
    /// The way in which etcdctl in the container finds its member.
    pub(super) etcdctl: Etcdctl,
    pub(super) set: Object,
}

/// The way in which members trust each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PeerTls {
    Plain,
    Auto,
    /// By certificates in files.
    Identity(TlsFiles),
}

/// The files of a TLS listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsFiles {
    pub(super) certificate: Fact<SecretKey>,
    pub(super) private_key: Fact<SecretKey>,
    pub(super) ca: Fact<SecretKey>,
}

impl TlsFiles {
    /// The Secret that holds the certificate.
    pub(super) fn secret(&self) -> Option<&str> {
        Some(&self.certificate.known()?.secret)
    }

    /// The keys that are known.
    pub(super) fn keys(&self) -> impl Iterator<Item = &SecretKey> {
        [&self.certificate, &self.private_key, &self.ca]
            .into_iter()
            .filter_map(Fact::known)
    }
}

/// The way in which etcdctl in a member's container finds its member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Etcdctl {
    /// By variables of the container.
    Environment,
    /// By these flags.
    Flags(Vec<String>),
}

/// A certificate that cert-manager makes.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    /// Kind, group and name of who signs it.
    pub(super) issuer: String,
    pub(super) object: Object,
}

/// A template of claims.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) name: String,
    pub(super) size: Option<Quantity>,
    pub(super) class: Option<String>,
    pub(super) modes: Vec<String>,
}

impl ObservedCluster {
    /// Observes the cluster of the StatefulSet of that name, if there is one.
    pub(super) fn of(objects: &Objects, namespace: &str, fullname: &str) -> Option<Self> {
        let mut cluster = Self::of_set(objects.named("apps", "StatefulSet", namespace, fullname)?, objects);
        cluster.earlier = cluster.find_earlier(objects);
        Some(cluster)
    }

    /// Observes the cluster of a StatefulSet, whose pods are all of its template.
    fn of_set(set: &Object, objects: &Objects) -> Self {
        let (namespace, fullname) = (&*set.id.namespace, &*set.id.name);
        let template = set.node.at("spec.template");
        let pod = set.node.at("spec.template.spec");
        let containers = items(pod.and_then(|pod| pod.get("containers")));
        let nothing = Node::empty(set.node.place);
        let container = member_containers(containers).first().copied().or(containers.first());
        let container = container.unwrap_or(&nothing);
        let options = Options::of(container, template, namespace, objects);
        let claims = claims(&set.node);
        let names: Vec<String> = claims.iter().map(|claim| claim.name.clone()).collect();
        let mounts = Mounts::of(container, pod, &names, &options, namespace, objects);
        let file = |flag: &str| options.get(flag).and_then(|file| mounts.secret_key(&file));
        let files = |certificate: &str, private_key: &str, ca: &str| TlsFiles {
            certificate: file(certificate),
            private_key: file(private_key),
            ca: file(ca),
        };
        let data_dir = options.get("data-dir");
        let wal_dir = match options.get("wal-dir") {
            Fact::Absent => data_dir.clone().map(|data| format!("{data}/member/wal")),
            known => known,
        };
        let replicas = replicas(set, &options);
        let is_own = is_own(set, fullname);
        Self {
            fullname: fullname.to_owned(),
            namespace: namespace.to_owned(),
            replicas: replicas.unwrap_or_default(),
            container: text(container, "name")
                .filter(|name| is_dns_name(name))
                .unwrap_or_else(|| "etcd".to_owned()),
            version: image_version(container),
            labelled_version: labelled_version(set),
            peer_url: options.get("initial-advertise-peer-urls").and_then(peer_url),
            client_scheme: options
                .get("listen-client-urls")
                .map(|urls| if urls.contains("https://") { "https" } else { "http" }),
            client_files: files("cert-file", "key-file", "trusted-ca-file"),
            token: options.get("initial-cluster-token"),
            peer_tls: peer_tls(
                &options,
                files("peer-cert-file", "peer-key-file", "peer-trusted-ca-file"),
            ),
            // etcd's files are below `member`.
            data: data_dir.and_then(|data| mounts.whole(&data, "member", wal_dir.known().map(String::as_str))),
            wal: wal_dir.and_then(|wal| mounts.whole(&wal, "", None)),
            claims,
            certificates: certificates(objects, namespace),
            selector: map(set.node.at("spec.selector.matchLabels")),
            health: Health::of(set, objects, replicas),
            is_own,
            controller: controller(set),
            is_live: set.node.at("metadata.uid").is_some() || set.node.get("status").is_some(),
            etcdctl: etcdctl(&options),
            earlier: Fact::Absent,
            options,
            set: set.clone(),
        }
    }

    /// Whether etcd is known to have the names of their pods for members. Its default is the same for all.
    pub(super) fn is_named_by_pod(&self) -> bool {
        self.options.get("name").known().is_some_and(|name| name == MEMBER)
    }

    /// Whether members are known to show each other certificates in files.
    pub(super) fn has_peer_certificates(&self) -> bool {
        matches!(self.peer_tls, Fact::Known(PeerTls::Identity(_)))
    }

    /// A member and its pod.
    pub(super) fn member(&self, ordinal: u32) -> String {
        format!("{}-{ordinal}", self.fullname)
    }

    /// The labels of pods of the template.
    pub(super) fn pod_labels(&self) -> BTreeMap<String, String> {
        map(self.set.node.at("spec.template.metadata.labels"))
    }

    /// Whether a selector selects one of so many members. The revision of a pod is not known, and counts as selected.
    pub(super) fn is_selected(&self, selector: &BTreeMap<String, String>, replicas: u32) -> bool {
        let labels = self.pod_labels();
        // Values for one member that are for different ones select none.
        let ordinals = selector.iter().filter_map(|(key, value)| match key.as_str() {
            POD_NAME => Some(
                value
                    .strip_prefix(&self.fullname)
                    .and_then(|rest| rest.strip_prefix('-')),
            ),
            POD_INDEX => Some(Some(value.as_str())),
            _ => None,
        });
        let ordinals: BTreeSet<Option<u32>> = ordinals.map(|ordinal| ordinal?.parse().ok()).collect();
        let is_member = match ordinals.first() {
            None => true,
            Some(first) => ordinals.len() == 1 && first.is_some_and(|ordinal| ordinal < replicas),
        };
        is_member
            && selector
                .iter()
                .filter(|(key, _)| ![POD_NAME, POD_INDEX, POD_REVISION].contains(&key.as_str()))
                .all(|(key, value)| labels.get(key) == Some(value))
    }

    /// The members of so many, from the lowest ordinal on.
    pub(super) fn members(&self, replicas: u32) -> Vec<String> {
        (0..replicas).map(|ordinal| self.member(ordinal)).collect()
    }

    /// The URL at which the other members reach a member.
    pub(super) fn peer_url(&self, ordinal: u32) -> Fact<String> {
        self.peer_url.clone().map(|url| of_member(&url, &self.member(ordinal)))
    }

    /// The claims of a member.
    pub(super) fn claims_of(&self, ordinal: u32) -> Vec<String> {
        let member = self.member(ordinal);
        self.claims.iter().map(|claim| claim_of(&claim.name, &member)).collect()
    }

    /// The claims of a member that hold etcd's files. Others that the StatefulSet has templates of are not the planner's.
    pub(super) fn data_claims_of(&self, ordinal: u32) -> Vec<String> {
        let member = self.member(ordinal);
        let claims = self.claims.iter().filter(|claim| self.holds_data(&claim.name));
        claims.map(|claim| claim_of(&claim.name, &member)).collect()
    }

    /// Whether etcd's files are in the claims of a template.
    pub(super) fn holds_data(&self, template: &str) -> bool {
        let is_in = |place: &Fact<Location>| {
            place
                .known()
                .is_some_and(|place| matches!(&place.volume, Storage::Claim(name) if name == template))
        };
        is_in(&self.data) || is_in(&self.wal)
    }

    /// The release that it runs, as far as anything names it.
    pub(super) fn running(&self) -> Option<Version> {
        self.version.known().copied().or(self.labelled_version)
    }

    /// The lowest and the highest version of TLS that its members take, as far as that is known.
    pub(super) fn tls_versions(&self) -> Option<(TlsVersion, TlsVersion)> {
        let version = |flag: &str, default: TlsVersion| match self.options.get(flag) {
            Fact::Known(text) if text == "TLS1.2" => Some(TlsVersion::Tls12),
            Fact::Known(text) if text == "TLS1.3" => Some(TlsVersion::Tls13),
            Fact::Known(text) if !text.is_empty() => None,
            Fact::Known(_) | Fact::Absent => Some(default),
            Fact::Unknown(_) => None,
        };
        // Releases without the flag end at TLS 1.2.
        let has_flag = self.running()?.has_flag("tls-max-version");
        let highest = if has_flag { TlsVersion::Tls13 } else { TlsVersion::Tls12 };
        Some((
            version("tls-min-version", TlsVersion::Tls12)?,
            version("tls-max-version", highest)?,
        ))
    }

    /// The container of etcd.
    pub(super) fn etcd(&self) -> Option<&Node> {
        let containers = items(self.set.node.at("spec.template.spec.containers"));
        containers
            .iter()
            .find(|container| text(container, "name").as_deref() == Some(&*self.container))
    }

    /// The options of its pods, if these are the ConfigMaps and Secrets that they read.
    pub(super) fn options_among(&self, objects: &Objects) -> Options {
        let nothing = Node::empty(self.set.node.place);
        let template = self.set.node.at("spec.template");
        Options::of(self.etcd().unwrap_or(&nothing), template, &self.namespace, objects)
    }

    /// The names of the containers that a member may run in. There is one if it is known.
    pub(super) fn candidates(&self) -> Vec<String> {
        let containers = items(self.set.node.at("spec.template.spec.containers"));
        let name = |container: &&Node| text(container, "name").unwrap_or_default();
        member_containers(containers).iter().map(name).collect()
    }

    /// The endpoints that etcdctl in the container asks by its variables, unless it is the pod's own member.
    pub(super) fn other_endpoints(&self) -> Option<String> {
        match self.options.variable(ENDPOINTS)? {
            Fact::Known(endpoints) if is_own_endpoint(endpoints) => None,
            Fact::Known(endpoints) => Some(quoted(&Options::readable(endpoints))),
            Fact::Unknown(reason) => Some(format!("endpoints that are not known: {reason}")),
            Fact::Absent => None,
        }
    }

    /// Whether the image decides what runs, and may change the options on the way.
    pub(super) fn runs_entrypoint(&self) -> bool {
        self.program().is_none()
    }

    /// The program that the container of etcd runs, if its command names one.
    pub(super) fn program(&self) -> Option<String> {
        items(self.etcd()?.get("command")).first().and_then(scalar)
    }

    /// The Secret of the members' certificates.
    pub(super) fn peer_secret(&self) -> Option<&str> {
        match self.peer_tls.known()? {
            PeerTls::Identity(files) => files.secret(),
            PeerTls::Plain | PeerTls::Auto => None,
        }
    }
}

/// The claim that a member has of a template.
pub(super) fn claim_of(template: &str, member: &str) -> String {
    format!("{template}-{member}")
}

/// The value of an option in the pod of a member.
pub(super) fn of_member(value: &str, member: &str) -> String {
    value.replace(MEMBER, member)
}

/// The containers that a member may run in. Others may run etcd's programs beside it, without a member's options.
fn member_containers(containers: &[Node]) -> Vec<&Node> {
    const FLAGS: [&str; 2] = ["--initial-advertise-peer-urls", "--data-dir"];
    const VARIABLES: [&str; 2] = ["ETCD_INITIAL_ADVERTISE_PEER_URLS", "ETCD_DATA_DIR"];
    let has_options = |container: &&Node| {
        let words = items(container.get("command"))
            .iter()
            .chain(items(container.get("args")));
        let variables = items(container.get("env")).iter();
        words
            .filter_map(scalar)
            .any(|word| FLAGS.iter().any(|flag| word.contains(flag)))
            || variables
                .filter_map(|variable| text(variable, "name"))
                .any(|name| VARIABLES.contains(&&*name))
    };
    let all: Vec<&Node> = containers.iter().filter(|container| runs_etcd(container)).collect();
    let with_options: Vec<&Node> = all.iter().copied().filter(has_options).collect();
    if with_options.is_empty() { all } else { with_options }
}

/// Whether a container is one that etcd runs in: by its name, its program, its image or its variables.
pub(super) fn runs_etcd(container: &Node) -> bool {
    let is_etcd = |path: &str| path.rsplit('/').next() == Some("etcd");
    let command = items(container.get("command")).first().and_then(scalar);
    let image = text(container, "image").unwrap_or_default();
    let image = image.split(['@', ':']).next().unwrap_or_default().to_owned();
    let words = items(container.get("command"))
        .iter()
        .chain(items(container.get("args")));
    let has_variable = |node: &Node| {
        items(node.get("env"))
            .iter()
            .any(|variable| text(variable, "name").is_some_and(|name| name == "ETCD_DATA_DIR" || name == "ETCD_NAME"))
    };
    text(container, "name").as_deref() == Some("etcd")
        || command.is_some_and(|program| is_etcd(&program))
        || text(container, "image").is_some_and(|image| image.split(['/', ':', '@']).any(|part| part == "etcd"))
        || is_etcd(&image)
        || has_variable(container)
        || words
            .filter_map(scalar)
            .any(|word| word.contains("--initial-advertise-peer-urls"))
}

/// Most members that a plan follows: a rendering has no more, and no etcd either.
pub(super) const MOST_MEMBERS: u32 = 1000;

/// The number of members, if a plan can follow so many. A StatefulSet that is scaled to none has those of its bootstrap list,
/// if that is known.
fn replicas(set: &Object, options: &Options) -> Option<u32> {
    // The default of Kubernetes.
    let mut replicas = set.text("spec.replicas").map_or(Some(1), |text| text.parse().ok())?;
    if replicas == 0 {
        let list = options.get("initial-cluster");
        let count = list.known()?.split(',').filter(|member| !member.is_empty()).count();
        replicas = u32::try_from(count).ok()?;
    }
    (1..=MOST_MEMBERS).contains(&replicas).then_some(replicas)
}

fn peer_url(url: String) -> Fact<String> {
    // A list has several URLs for each member, and no plan follows only one of them.
    if url.contains(',') {
        return Fact::Unknown("its members have several peer URLs".to_owned());
    }
    let is_url = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c) || c == '\0';
    let scheme = url.split("://").next().unwrap_or_default();
    if !matches!(scheme, "http" | "https") || !url.chars().all(is_url) {
        return Fact::Unknown(format!(
            "{} is no URL of a peer",
            quoted(&url.replace(MEMBER, "MEMBER"))
        ));
    }
    Fact::Known(url)
}

fn peer_tls(options: &Options, files: TlsFiles) -> Fact<PeerTls> {
    let is_auto = || match options.is_on("peer-auto-tls") {
        Fact::Unknown(reason) => Fact::Unknown(reason),
        Fact::Known(true) => Fact::Known(PeerTls::Auto),
        Fact::Known(false) | Fact::Absent => Fact::Known(PeerTls::Plain),
    };
    // With a certificate or a key, etcd makes none of its own (`PeerSelfCert` in `server/embed/config.go`).
    match (options.get("peer-cert-file"), options.get("peer-key-file")) {
        (Fact::Unknown(reason), _) | (_, Fact::Unknown(reason)) => Fact::Unknown(reason),
        (Fact::Absent, Fact::Absent) => is_auto(),
        (certificate, key) => {
            let is_empty = |file: Fact<String>| file.known().is_none_or(String::is_empty);
            if is_empty(certificate) && is_empty(key) {
                is_auto()
            } else {
                Fact::Known(PeerTls::Identity(files))
            }
        }
    }
}

/// The host of a URL.
pub(super) fn host_of(url: &str) -> &str {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// The port of a URL, if it has one.
pub(super) fn port_of(url: &str) -> Option<u16> {
    url.rsplit_once(':')?.1.trim_end_matches('/').parse().ok()
}

/// The variable that etcdctl takes its endpoints from.
const ENDPOINTS: &str = "ETCDCTL_ENDPOINTS";

/// Whether etcdctl asks the member of its own pod, and no other, by this list of endpoints.
fn is_own_endpoint(endpoints: &str) -> bool {
    let host = host_of(endpoints);
    !endpoints.contains(',')
        && (["127.0.0.1", "localhost", "[::1]"].contains(&host)
            || host == MEMBER
            || host.strip_prefix(MEMBER).is_some_and(|rest| rest.starts_with('.')))
}

/// The flags by which etcdctl reaches the member of its own pod, unless variables say it.
fn etcdctl(options: &Options) -> Etcdctl {
    if options.variable(ENDPOINTS).is_some() {
        return Etcdctl::Environment;
    }
    let known = |flag: &str| {
        options
            .get(flag)
            .known()
            .cloned()
            .filter(|value| !value.contains(MEMBER))
    };
    let urls = known("listen-client-urls").unwrap_or_default();
    let port = urls.split(',').find_map(port_of);
    let is_tls = urls.contains("https://");
    let scheme = if is_tls { "https" } else { "http" };
    let mut flags = vec![format!("--endpoints={scheme}://127.0.0.1:{}", port.unwrap_or(2379))];
    if is_tls {
        // The listener's own certificate is what there is to show to it. Its names need not have the loopback address.
        let pairs = [
            ("cacert", "trusted-ca-file"),
            ("cert", "cert-file"),
            ("key", "key-file"),
        ];
        for (flag, option) in pairs {
            flags.extend(known(option).map(|value| format!("--{flag}={value}")));
        }
        if known("trusted-ca-file").is_none() {
            flags.push("--insecure-skip-tls-verify".to_owned());
        }
    }
    // etcdctl ends where a flag and its variable are given (`SetPflagsFromEnv` in `pkg/flags/flag.go`).
    let has_variable = |flag: &String| {
        let name = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
        let variable = format!("ETCDCTL_{}", name.replace('-', "_").to_uppercase());
        options
            .variable(&variable)
            .is_some_and(|value| value.known().is_none_or(|value| !value.is_empty()))
    };
    flags.retain(|flag| !has_variable(flag));
    Etcdctl::Flags(flags)
}

fn claims(set: &Node) -> Vec<Claim> {
    let templates = items(set.at("spec.volumeClaimTemplates")).iter();
    let claim = |template: &Node| {
        let size = text(template, "spec.resources.requests.storage");
        Some(Claim {
            name: text(template, "metadata.name").filter(|name| is_dns_name(name))?,
            size: size.and_then(|size| Quantity::from_str(&size).ok()),
            class: text(template, "spec.storageClassName"),
            modes: items(template.at("spec.accessModes"))
                .iter()
                .filter_map(scalar)
                .collect(),
        })
    };
    templates.filter_map(claim).collect()
}

/// The release that the image's tag names.
fn image_version(container: &Node) -> Fact<Version> {
    let Some(image) = text(container, "image") else {
        return Fact::Unknown("its container has no image".to_owned());
    };
    let name = image.split('@').next().unwrap_or_default();
    let tag = name.rsplit('/').next().and_then(|last| last.split_once(':'));
    let numbers = tag.and_then(|(_, tag)| Version::of_tag(tag));
    let version = numbers.and_then(|(major, minor, patch)| format!("{major}.{minor}.{patch}").parse().ok());
    match version {
        Some(version) => Fact::Known(version),
        None => Fact::Unknown(format!("its image {} does not name a release of etcd", quoted(&image))),
    }
}

fn labelled_version(set: &Object) -> Option<Version> {
    let label = |path: &str| set.text(path)?.parse().ok();
    label("spec.template.metadata.labels[\"app.kubernetes.io/version\"]")
        .or_else(|| label("metadata.labels[\"app.kubernetes.io/version\"]"))
}

/// Whether this package has made a StatefulSet. Those that are older than the label of ownership have a label in their
/// template that hosts leave alone there.
fn is_own(set: &Object, fullname: &str) -> bool {
    match set.label(OWNERSHIP_LABEL) {
        Some(owner) => owner == fullname,
        None => {
            let path = "spec.template.metadata.labels[\"app.kubernetes.io/managed-by\"]";
            set.text(path).as_deref() == Some("rutter")
        }
    }
}

fn controller(set: &Object) -> Option<String> {
    let owners = items(set.node.at("metadata.ownerReferences"));
    let owner = owners.first()?;
    let word = |field: &str| text(owner, field).unwrap_or_default();
    Some(format!("{} {}", quoted(&word("kind")), quoted(&word("name"))))
}

/// The kind, group and name of an issuer, as a [`Certificate`] has them.
pub(super) fn issuer_name(id: &Id) -> String {
    issuer_of(&id.kind, &id.group, &id.name)
}

fn issuer_of(kind: &str, group: &str, name: &str) -> String {
    format!("{kind}.{group} {name}")
}

/// The issuer of a Certificate, as [`issuer_name`] gives it.
pub(super) fn issuer_of_certificate(object: &Object) -> Option<String> {
    let issuer = |field: &str| object.text(&format!("spec.issuerRef.{field}"));
    let group = issuer("group").unwrap_or_else(|| "cert-manager.io".to_owned());
    let kind = issuer("kind").unwrap_or_else(|| "Issuer".to_owned());
    Some(issuer_of(&kind, &group, &issuer("name")?))
}

fn certificates(objects: &Objects, namespace: &str) -> BTreeMap<String, Certificate> {
    let certificates = objects.of_kind("cert-manager.io", "Certificate");
    let of_namespace = certificates.filter(|certificate| certificate.id.namespace == namespace);
    of_namespace
        .filter_map(|object| {
            let certificate = Certificate {
                issuer: issuer_of_certificate(object)?,
                object: object.clone(),
            };
            Some((object.text("spec.secretName")?, certificate))
        })
        .collect()
}

/// Labels that the controller of a StatefulSet gives to pods (`pkg/controller/statefulset/stateful_set_utils.go` of
/// Kubernetes): the name, the ordinal, and the revision of the template.
pub(super) const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
pub(super) const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
pub(super) const POD_REVISION: &str = "controller-revision-hash";

/// Whether labels have all of these.
pub(super) fn has_labels(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// As many texts as a message has room for, and the number of the others.
pub(super) fn shortened(texts: &[impl AsRef<str>], most: usize) -> String {
    let shown: Vec<&str> = texts.iter().take(most).map(AsRef::as_ref).collect();
    let more = match texts.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

pub(super) fn map(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.and_then(Node::entries).unwrap_or_default().iter();
    entries
        .filter_map(|entry| Some((entry.key.scalar.text.clone(), scalar(&entry.value)?)))
        .collect()
}

pub(super) fn text(node: &Node, path: &str) -> Option<String> {
    scalar(node.at(path)?)
}

/// A text from outside, for a message: quoted, escaped and not too long.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

impl Object {
    /// The labels of its pods.
    pub(super) fn labels_of_pods(&self) -> BTreeMap<String, String> {
        map(self.pod_template().and_then(|template| template.at("metadata.labels")))
    }

    /// The value of a label.
    pub(super) fn label(&self, key: &str) -> Option<String> {
        scalar(self.node.at("metadata.labels")?.get(key)?)
    }

    /// The value of an annotation.
    pub(super) fn annotation(&self, key: &str) -> Option<String> {
        scalar(self.node.at("metadata.annotations")?.get(key)?)
    }
}

impl Objects {
    /// The object of that name.
    pub(super) fn named(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        self.get(&Id {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }
}
