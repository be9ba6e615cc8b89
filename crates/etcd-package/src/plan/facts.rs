//! A cluster as far as a change of it depends on what it is: read from its StatefulSet, be that of this package or not.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use rutter::quantity::Quantity;
use rutter::yaml::Node;

use super::objects::{Id, Object, Objects, is_plain, items, scalar};
use crate::etcd::Version;

/// What stands for the name of a member in what all members have in common.
const MEMBER: &str = "\u{0}";

/// What is known of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) fullname: String,
    pub(super) namespace: String,
    pub(super) replicas: u32,
    /// The container that etcd runs in.
    pub(super) container: String,
    /// The release, unless neither the image's tag nor a label names one that is known.
    pub(super) version: Option<Version>,
    /// The URL at which members reach each other, of which each has its own.
    peer_url: Option<String>,
    pub(super) client_scheme: Option<&'static str>,
    /// The Secret of the listener for clients.
    pub(super) client_secret: Option<String>,
    pub(super) token: Option<String>,
    pub(super) peer_tls: PeerTls,
    /// The database's folder, and the log's, where they are known.
    pub(super) data: Option<Folder>,
    pub(super) wal: Option<Folder>,
    /// The claims of each member.
    pub(super) claims: Vec<Claim>,
    /// The Certificates, by the Secrets that they fill.
    pub(super) certificates: BTreeMap<String, Certificate>,
    /// The labels that select the pods.
    pub(super) selector: BTreeMap<String, String>,
    /// The StatefulSet.
    pub(super) set: Object,
}

/// How members trust each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PeerTls {
    Plain,
    Auto,
    /// By certificates in this Secret, if it is known.
    Identity(Option<String>),
}

/// Where a folder of etcd's is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// The claim that holds it; none if it dies with its pod.
    pub(super) claim: Option<String>,
    /// Its path in the volume.
    path: String,
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

impl Facts {
    /// Reads the StatefulSet of that name, if there is one.
    pub(super) fn of(objects: &Objects, namespace: &str, fullname: &str) -> Option<Self> {
        let set = objects.get(&Id {
            group: "apps".to_owned(),
            kind: "StatefulSet".to_owned(),
            namespace: namespace.to_owned(),
            name: fullname.to_owned(),
        })?;
        let containers = items(set.node.at("spec.template.spec.containers"));
        let container = containers
            .iter()
            .find(|container| text(container, "name").as_deref() == Some("etcd"))
            .or(containers.first());
        let options = container.map(|container| Options::of(container, set, namespace));
        let option = |flag| options.as_ref().and_then(|options| options.get(flag));
        let has = |flag| option(flag).is_some_and(|value| value != "false");
        let mounts = mounts(container, &set.node);
        let data = option("data-dir");
        let claims = claims(&set.node);
        Some(Self {
            fullname: fullname.to_owned(),
            namespace: namespace.to_owned(),
            // What Kubernetes takes if it is not said.
            replicas: set
                .text("spec.replicas")
                .and_then(|text| text.parse().ok())
                .unwrap_or(1),
            container: container
                .and_then(|container| text(container, "name"))
                .filter(|name| is_plain(name))
                .unwrap_or_else(|| "etcd".to_owned()),
            version: version(set, container),
            peer_url: option("initial-advertise-peer-urls"),
            client_scheme: option("listen-client-urls")
                .map(|urls| if urls.contains("https://") { "https" } else { "http" }),
            client_secret: option("cert-file").and_then(|file| secret(&file, &mounts)),
            token: option("initial-cluster-token"),
            peer_tls: if has("peer-auto-tls") {
                PeerTls::Auto
            } else if has("peer-cert-file") {
                let file = option("peer-cert-file").unwrap_or_default();
                PeerTls::Identity(secret(&file, &mounts))
            } else {
                PeerTls::Plain
            },
            wal: option("wal-dir")
                .or_else(|| Some(format!("{}/member/wal", data.as_ref()?)))
                .and_then(|wal| folder(&wal, &mounts, &claims)),
            data: data.and_then(|data| folder(&data, &mounts, &claims)),
            claims,
            certificates: certificates(objects, namespace),
            selector: map(set.node.at("spec.selector.matchLabels")),
            set: set.clone(),
        })
    }

    /// A member and its pod.
    pub(super) fn member(&self, ordinal: u32) -> String {
        format!("{}-{ordinal}", self.fullname)
    }

    /// The URL at which the other members reach a member, if it is known.
    pub(super) fn peer_url(&self, ordinal: u32) -> Option<String> {
        Some(self.peer_url.as_ref()?.replace(MEMBER, &self.member(ordinal)))
    }

    /// The claims of a member.
    pub(super) fn claims_of(&self, ordinal: u32) -> Vec<String> {
        let member = self.member(ordinal);
        let name = |claim: &Claim| format!("{}-{member}", claim.name);
        self.claims.iter().map(name).collect()
    }

    /// Whether some pods are of another template than others, so that what they run is not all known.
    pub(super) fn is_rolling(&self) -> bool {
        let revision = |field: &str| self.set.text(&format!("status.{field}Revision"));
        matches!((revision("current"), revision("update")), (Some(current), Some(update)) if current != update)
    }

    /// The pods' template.
    pub(super) fn template(&self) -> Option<&Node> {
        self.set.node.at("spec.template")
    }
}

/// etcd's options: flags, and the variables that stand for them.
struct Options {
    flags: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl Options {
    fn of(container: &Node, set: &Object, namespace: &str) -> Self {
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        for variable in items(container.get("env")) {
            let Some(name) = text(variable, "name") else { continue };
            let value = match text(variable, "valueFrom.fieldRef.fieldPath").as_deref() {
                Some("metadata.name") => Some(MEMBER.to_owned()),
                Some("metadata.namespace") => Some(namespace.to_owned()),
                // `metadata.annotations['a']`, of the pod.
                Some(path) => set.text(&format!("spec.template.{}", path.replace('\'', "\""))),
                None => text(variable, "value").map(|value| expand(&value, &variables)),
            };
            variables.extend(value.map(|value| (name, value)));
        }
        let mut flags = BTreeMap::new();
        let words = items(container.get("command"))
            .iter()
            .chain(items(container.get("args")));
        let words: Vec<String> = words.filter_map(scalar).collect();
        for (index, word) in words.iter().enumerate() {
            let Some(flag) = word.strip_prefix("--").or(word.strip_prefix('-')) else {
                continue;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, value),
                // `--name etcd-0`, or a switch.
                None => match words.get(index + 1).filter(|next| !next.starts_with('-')) {
                    Some(next) => (flag, next.as_str()),
                    None => (flag, "true"),
                },
            };
            flags.insert(name.to_owned(), expand(value, &variables));
        }
        Self { flags, variables }
    }

    fn get(&self, flag: &str) -> Option<String> {
        let variable = format!("ETCD_{}", flag.replace('-', "_").to_uppercase());
        self.flags.get(flag).or_else(|| self.variables.get(&variable)).cloned()
    }
}

/// Replaces `$(VARIABLE)` by its value, as the kubelet does: unknown ones stay.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = text.to_owned();
    for (name, value) in variables {
        expanded = expanded.replace(&format!("$({name})"), value);
    }
    expanded
}

/// A volume in the container.
struct Mount {
    path: String,
    volume: String,
    secret: Option<String>,
}

fn mounts(container: Option<&Node>, set: &Node) -> Vec<Mount> {
    let volumes = items(set.at("spec.template.spec.volumes"));
    let mounts = items(container.and_then(|container| container.get("volumeMounts")));
    let mut mounts: Vec<Mount> = mounts
        .iter()
        .filter_map(|mount| {
            let volume = text(mount, "name")?;
            let source = volumes.iter().find(|node| text(node, "name").as_ref() == Some(&volume));
            Some(Mount {
                path: text(mount, "mountPath")?,
                secret: source.and_then(|source| text(source, "secret.secretName")),
                volume,
            })
        })
        .collect();
    // Of two that hold a file it is in the inner one.
    mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
    mounts
}

/// The Secret that holds a file.
fn secret(file: &str, mounts: &[Mount]) -> Option<String> {
    let mount = mounts.iter().find(|mount| is_in(file, &mount.path))?;
    mount.secret.clone()
}

fn folder(path: &str, mounts: &[Mount], claims: &[Claim]) -> Option<Folder> {
    let mount = mounts.iter().find(|mount| is_in(path, &mount.path))?;
    let claim = claims.iter().find(|claim| claim.name == mount.volume);
    Some(Folder {
        claim: claim.map(|claim| claim.name.clone()),
        path: path
            .strip_prefix(mount.path.trim_end_matches('/'))?
            .trim_matches('/')
            .to_owned(),
    })
}

fn is_in(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn claims(set: &Node) -> Vec<Claim> {
    let templates = items(set.at("spec.volumeClaimTemplates")).iter();
    let claim = |template: &Node| {
        let size = text(template, "spec.resources.requests.storage");
        Some(Claim {
            name: text(template, "metadata.name").filter(|name| is_plain(name))?,
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

/// The release that the image's tag names, or else the label that Kubernetes recommends.
fn version(set: &Object, container: Option<&Node>) -> Option<Version> {
    let image = container.and_then(|container| text(container, "image"));
    let tag = image.as_deref().and_then(|image| {
        let image = image.split('@').next()?;
        image.rsplit('/').next()?.split_once(':').map(|(_, tag)| tag.to_owned())
    });
    let of_tag = tag.and_then(|tag| {
        let (major, minor, patch) = Version::of_tag(&tag)?;
        format!("{major}.{minor}.{patch}").parse().ok()
    });
    let label = |path: &str| set.text(path)?.parse().ok();
    of_tag
        .or_else(|| label("spec.template.metadata.labels[\"app.kubernetes.io/version\"]"))
        .or_else(|| label("metadata.labels[\"app.kubernetes.io/version\"]"))
}

fn certificates(objects: &Objects, namespace: &str) -> BTreeMap<String, Certificate> {
    let certificates = objects.of_kind("cert-manager.io", "Certificate");
    let of_namespace = certificates.filter(|certificate| certificate.id.namespace == namespace);
    of_namespace
        .filter_map(|object| {
            let issuer = |field: &str| object.text(&format!("spec.issuerRef.{field}"));
            let group = issuer("group").unwrap_or_else(|| "cert-manager.io".to_owned());
            let kind = issuer("kind").unwrap_or_else(|| "Issuer".to_owned());
            let certificate = Certificate {
                issuer: format!("{kind}.{group} {}", issuer("name")?),
                object: object.clone(),
            };
            Some((object.text("spec.secretName")?, certificate))
        })
        .collect()
}

fn map(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.and_then(Node::entries).unwrap_or_default().iter();
    entries
        .filter_map(|entry| Some((entry.key.scalar.text.clone(), scalar(&entry.value)?)))
        .collect()
}

fn text(node: &Node, path: &str) -> Option<String> {
    scalar(node.at(path)?)
}
