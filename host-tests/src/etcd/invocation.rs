//! The command of a container, and the same command for one member on this machine.
//!
//! Flags are rewritten by name, whatever the package renders: listeners and advertised URLs to ports on 127.0.0.1,
//! files into a directory, and the cluster to this one member.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVarSource, HTTPGetAction, PodTemplateSpec};
use rutter::Rendering;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{CertificateAuthority, Subject};
use crate::kubelet::{Pod, expand};

/// The command of the container `etcd`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Invocation {
    /// `--name` or `--name=value`.
    pub flags: Vec<String>,
    /// The environment.
    pub variables: BTreeMap<String, String>,
    /// The paths of the probes at the metrics listener.
    pub probes: BTreeSet<String>,
    /// The mounted Secrets, by directory.
    pub secrets: BTreeMap<String, Subject>,
}

/// The directory and the ports of a member on this machine.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory in place of the root of the container's file system.
    pub directory: PathBuf,
    /// The port for members.
    pub peer: u16,
    /// The port for clients.
    pub client: u16,
    /// The port for clients with HTTP, if it is another.
    pub http: u16,
    /// The port for metrics and probes.
    pub metrics: u16,
}

impl Place {
    /// Returns a place that does not exist. An invocation there can be compared and moved, but not run.
    #[must_use]
    pub fn nowhere() -> Self {
        Self {
            directory: "/".into(),
            peer: 0,
            client: 0,
            http: 0,
            metrics: 0,
        }
    }

    /// Returns the path for a path in the container.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        self.directory.join(path.trim_start_matches('/')).display().to_string()
    }
}

impl Invocation {
    /// Returns the command of the first member, as the kubelet would start it.
    ///
    /// # Errors
    ///
    /// If there is no container `etcd`, or the kubelet would not start it.
    pub fn of_first_member(rendering: &Rendering) -> Result<Self> {
        Self::of_container(rendering, "etcd")
    }

    /// Returns the command of a container or init container of the first member. A container without a command runs
    /// etcd.
    ///
    /// # Errors
    ///
    /// If there is no such container, or the kubelet would not start it.
    pub fn of_container(rendering: &Rendering, name_of_container: &str) -> Result<Self> {
        let stateful_sets: Vec<StatefulSet> = objects(rendering, "StatefulSet")?;
        let config_maps: Vec<ConfigMap> = objects(rendering, "ConfigMap")?;
        let stateful_set = stateful_sets.first().context("a StatefulSet")?;
        let name = stateful_set.metadata.name.as_deref().unwrap_or_default();
        let template = &stateful_set.spec.as_ref().context("a spec")?.template;
        let mut container = container(template, name_of_container)?.clone();
        if let Some(variables) = &mut container.env {
            variables.retain(|variable| variable.value_from.as_ref().is_none_or(is_known));
        }
        let pod = Pod {
            name: &format!("{name}-0"),
            namespace: stateful_set.metadata.namespace.as_deref().unwrap_or_default(),
            template,
            config_maps: &config_maps,
        };
        let variables = pod.environment(&container)?;
        // The container of etcd has no command of its own, or etcd under another name.
        let command = container
            .command
            .iter()
            .flatten()
            .filter(|_| name_of_container != "etcd");
        let words = command.chain(container.args.iter().flatten());
        let flags = words.map(|word| expand(word, &variables));
        Ok(Self {
            flags: flags.collect(),
            probes: probes(&container),
            secrets: secrets(rendering, template, &container)?,
            variables,
        })
    }

    /// Returns the same command for a place on this machine.
    ///
    /// # Errors
    ///
    /// If it has no name or no peer URL.
    pub fn at(&self, place: &Place) -> Result<Self> {
        let name = self.value("name").context("--name")?;
        let peer = self
            .value("initial-advertise-peer-urls")
            .context("--initial-advertise-peer-urls")?;
        let mut flags: Vec<String> = self.flags.iter().filter_map(|flag| move_flag(flag, place)).collect();
        // However members find each other in the cluster, this member is alone.
        flags.push(format!("--initial-cluster={name}={}", local(peer, place.peer)));
        let variables = self.variables.iter().map(|(name, value)| {
            let value = match name.as_str() {
                "ETCDCTL_ENDPOINTS" => local(value, place.client),
                _ if name.starts_with("ETCDCTL_") && value.starts_with('/') => place.path(value),
                _ => value.clone(),
            };
            (name.clone(), value)
        });
        let secrets = self.secrets.iter();
        Ok(Self {
            flags,
            variables: variables.collect(),
            probes: self.probes.clone(),
            secrets: secrets
                .map(|(directory, subject)| (place.path(directory), subject.clone()))
                .collect(),
        })
    }

    /// Replaces the flags and variables of the same names.
    #[must_use]
    pub fn with(mut self, flags: &[String], variables: &BTreeMap<String, String>) -> Self {
        let replaced: Vec<&str> = flags.iter().map(|flag| split(flag).0).collect();
        self.flags.retain(|flag| !replaced.contains(&split(flag).0));
        self.flags.extend_from_slice(flags);
        self.variables.extend(variables.clone());
        self
    }

    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self
            .flags
            .iter()
            .map(|flag| split(flag))
            .filter(|(flag, _)| *flag == name);
        values.next_back().map(|(_, value)| value)
    }

    /// Creates the directories that would be mounted, with their content.
    ///
    /// # Errors
    ///
    /// If they cannot be created.
    pub fn provide(&self, authority: &CertificateAuthority) -> Result<()> {
        for (directory, subject) in &self.secrets {
            authority.issue(subject, Path::new(directory))?;
        }
        for directory in ["data-dir", "wal-dir"].iter().filter_map(|name| self.value(name)) {
            if let Some(volume) = Path::new(directory).parent() {
                fs::create_dir_all(volume)?;
            }
        }
        Ok(())
    }
}

/// Returns the objects of a kind, with Kubernetes' type.
fn objects<T: DeserializeOwned>(rendering: &Rendering, kind: &str) -> Result<Vec<T>> {
    let manifests = rendering.manifests.iter().filter(|manifest| manifest.kind == kind);
    manifests
        .map(|manifest| Ok(serde_yaml::from_str(&manifest.document)?))
        .collect()
}

/// Whether a variable's value is known from the manifests. Values from Secrets, from the node and from the pod's status
/// are not.
fn is_known(source: &EnvVarSource) -> bool {
    let field = source.field_ref.as_ref();
    source.config_map_key_ref.is_some() || field.is_some_and(|field| field.field_path.starts_with("metadata."))
}

fn container<'t>(template: &'t PodTemplateSpec, name: &str) -> Result<&'t Container> {
    let spec = template.spec.as_ref().context("a pod")?;
    let mut containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let container = containers.find(|container| container.name == name);
    container.with_context(|| format!("a container {name}"))
}

/// Returns the Secrets that a container mounts: with the subjects of rendered Certificates, or else this machine's.
fn secrets(
    rendering: &Rendering,
    template: &PodTemplateSpec,
    container: &Container,
) -> Result<BTreeMap<String, Subject>> {
    let certificates: Vec<Value> = objects(rendering, "Certificate")?;
    let volumes = template.spec.iter().filter_map(|spec| spec.volumes.as_ref()).flatten();
    let mut secrets = BTreeMap::new();
    for volume in volumes {
        let Some(secret) = volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref()) else {
            continue;
        };
        let certificate = certificates
            .iter()
            .find(|object| object["spec"]["secretName"] == secret);
        let subject = certificate.map_or_else(this_machine, |object| subject(&object["spec"]));
        let mounts = container.volume_mounts.iter().flatten();
        for mount in mounts.filter(|mount| mount.name == volume.name) {
            secrets.insert(mount.mount_path.clone(), subject.clone());
        }
    }
    Ok(secrets)
}

fn this_machine() -> Subject {
    Subject {
        common_name: None,
        names: ["localhost", "127.0.0.1"].map(str::to_owned).into(),
    }
}

fn subject(certificate: &Value) -> Subject {
    let names = ["dnsNames", "ipAddresses"]
        .iter()
        .filter_map(|list| certificate[list].as_array());
    Subject {
        common_name: certificate["commonName"].as_str().map(str::to_owned),
        names: names
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
    }
}

fn probes(container: &Container) -> BTreeSet<String> {
    let probes = [
        &container.startup_probe,
        &container.readiness_probe,
        &container.liveness_probe,
    ];
    let gets = probes.into_iter().flatten().filter_map(|probe| probe.http_get.as_ref());
    gets.filter_map(|HTTPGetAction { path, .. }| path.clone()).collect()
}

fn split(flag: &str) -> (&str, &str) {
    let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
    (name.trim_start_matches('-'), value)
}

/// Returns a flag for `place`, if it is used there.
fn move_flag(flag: &str, place: &Place) -> Option<String> {
    let (name, value) = split(flag);
    let value = match name {
        "listen-peer-urls" | "initial-advertise-peer-urls" => local(value, place.peer),
        "listen-client-urls" | "advertise-client-urls" => local(value, place.client),
        "listen-client-http-urls" => local(value, place.http),
        "listen-metrics-urls" => local(value, place.metrics),
        // There is no cluster that this member could join.
        "initial-cluster-state" => "new".to_owned(),
        "initial-cluster" => return None,
        _ if name.starts_with("discovery") => return None,
        _ if value.starts_with('/') => place.path(value),
        _ => return Some(flag.to_owned()),
    };
    Some(format!("--{name}={value}"))
}

/// Returns a URL with another port on this machine, with the same scheme. One replaces all, because the listeners of
/// two address families would be the same on 127.0.0.1.
fn local(urls: &str, port: u16) -> String {
    match urls.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://127.0.0.1:{port}"),
        None => format!("127.0.0.1:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_every_kind_of_flag() -> Result<()> {
        let invocation = Invocation {
            flags: [
                "--name=a-0",
                "--listen-peer-urls=https://0.0.0.0:2380,https://[::]:2380",
                "--initial-advertise-peer-urls=https://a-0.a.default.svc:2380",
                "--listen-client-urls=http://[::]:2379",
                "--advertise-client-urls=http://a-0.a.default.svc:2379",
                "--listen-metrics-urls=http://0.0.0.0:8080",
                "--discovery-srv=a.default.svc",
                "--discovery-srv-name=a",
                "--initial-cluster-state=existing",
                "--data-dir=/data",
                "--peer-auto-tls",
            ]
            .map(str::to_owned)
            .into(),
            variables: [
                ("ETCDCTL_ENDPOINTS", "a-0.a.default.svc:2379"),
                ("ETCDCTL_KEY", "/tls/tls.key"),
                ("A", "/b"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            probes: BTreeSet::new(),
            secrets: [("/tls".to_owned(), this_machine())].into(),
        };
        let place = Place {
            directory: "/tmp/x".into(),
            peer: 1,
            client: 2,
            http: 3,
            metrics: 4,
        };
        let moved = invocation.at(&place)?;
        assert_eq!(
            moved.flags,
            [
                "--name=a-0",
                "--listen-peer-urls=https://127.0.0.1:1",
                "--initial-advertise-peer-urls=https://127.0.0.1:1",
                "--listen-client-urls=http://127.0.0.1:2",
                "--advertise-client-urls=http://127.0.0.1:2",
                "--listen-metrics-urls=http://127.0.0.1:4",
                "--initial-cluster-state=new",
                "--data-dir=/tmp/x/data",
                "--peer-auto-tls",
                "--initial-cluster=a-0=https://127.0.0.1:1",
            ]
        );
        let variables: Vec<_> = moved.variables.values().map(String::as_str).collect();
        assert_eq!(variables, ["/b", "127.0.0.1:2", "/tmp/x/tls/tls.key"]);
        assert_eq!(moved.secrets, [("/tmp/x/tls".to_owned(), this_machine())].into());
        // An invocation at no place can be moved to any.
        assert_eq!(invocation.at(&Place::nowhere())?.at(&place)?, moved);
        Ok(())
    }
}
