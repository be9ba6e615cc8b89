//! The settings of etcd in a pod, as etcd reads them from the container's arguments and variables.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::live::list;
use crate::kubelet::expand;

/// A release: its minor version and its patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release {
    pub(super) minor: u32,
    pub(super) patch: u32,
}

/// A URL of a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Url {
    pub(super) is_tls: bool,
    pub(super) host: String,
    pub(super) port: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").with_context(|| format!("{text} is not a URL"))?;
        let (host, port) = rest.rsplit_once(':').with_context(|| format!("{text} has no port"))?;
        Ok(Self {
            is_tls: match scheme {
                "https" => true,
                "http" => false,
                _ => bail!("the scheme of {text}"),
            },
            host: host.to_owned(),
            port: port.trim_end_matches('/').to_owned(),
        })
    }
}

/// A volume of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Volume {
    /// The claim of this template.
    Claim(String),
    /// A volume that ends with the pod.
    Ephemeral(String),
}

/// The volume and path of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) volume: Volume,
    pub(super) path: String,
}

/// A key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SecretKey {
    pub(super) secret: String,
    pub(super) key: String,
}

/// The TLS settings of a listener, and of clients that connect to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    Plain,
    /// A self-signed certificate, which nothing verifies.
    Auto,
    Files {
        certificate: SecretKey,
        ca: Option<SecretKey>,
        /// The allowed common names; empty if any name is allowed.
        allowed: Vec<String>,
    },
}

/// The source of the members' URLs for a member without data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bootstrap {
    Urls(BTreeMap<String, String>),
    /// The records of the headless Service.
    Srv,
}

/// The settings of etcd in a pod, as far as the model uses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) release: Release,
    pub(super) data: Place,
    pub(super) wal: Place,
    pub(super) advertised: Url,
    pub(super) listens: Url,
    pub(super) bootstrap: Bootstrap,
    pub(super) is_new: bool,
    pub(super) peer: Tls,
    pub(super) client: Tls,
    /// The lowest and the highest minor version of TLS 1.
    pub(super) tls: (u32, u32),
    pub(super) suites: BTreeSet<String>,
    pub(super) heartbeat: u64,
    pub(super) election: u64,
    pub(super) snapshot_count: u64,
    /// The CA and the certificate of etcdctl in the container; none without TLS.
    pub(super) etcdctl: Option<(Option<SecretKey>, Option<SecretKey>)>,
    /// All Secrets in volumes of the pod.
    pub(super) secrets: BTreeSet<String>,
    /// Whether a container restores a snapshot before etcd starts.
    pub(super) restores: bool,
}

/// Flags without an effect on the model.
const WITHOUT_EFFECT: [&str; 40] = [
    "advertise-client-urls",
    "auto-compaction-mode",
    "auto-compaction-retention",
    "backend-batch-interval",
    "backend-batch-limit",
    "client-cert-allowed-hostname",
    "compact-hash-check-time",
    "corrupt-check-time",
    "cors",
    "enable-grpc-gateway",
    "enable-pprof",
    "experimental-compact-hash-check-enabled",
    "experimental-corrupt-check-time",
    "experimental-initial-corrupt-check",
    "experimental-peer-skip-client-san-verification",
    "experimental-warning-apply-duration",
    "feature-gates",
    "grpc-keepalive-interval",
    "grpc-keepalive-min-time",
    "grpc-keepalive-timeout",
    "host-whitelist",
    "initial-cluster-token",
    "initial-election-tick-advance",
    "key-file",
    "listen-client-urls",
    "listen-metrics-urls",
    "log-level",
    "log-outputs",
    "logger",
    "max-concurrent-streams",
    "max-request-bytes",
    "max-snapshots",
    "max-txn-ops",
    "max-wals",
    "metrics",
    "name",
    "peer-key-file",
    "pre-vote",
    "quota-backend-bytes",
    "strict-reconfig-check",
];

/// Flags that the model reads.
const READ: [&str; 23] = [
    "cert-file",
    "cipher-suites",
    "client-cert-auth",
    "data-dir",
    "discovery-srv",
    "election-timeout",
    "heartbeat-interval",
    "initial-advertise-peer-urls",
    "initial-cluster",
    "initial-cluster-state",
    "listen-peer-urls",
    "peer-auto-tls",
    "auto-tls",
    "peer-cert-allowed-cn",
    "peer-cert-allowed-hostname",
    "peer-cert-file",
    "peer-client-cert-auth",
    "peer-trusted-ca-file",
    "snapshot-count",
    "tls-max-version",
    "tls-min-version",
    "trusted-ca-file",
    "wal-dir",
];

/// The cipher suites of TLS 1.2 that Go offers by default (`crypto/tls/defaults.go`).
const DEFAULT_SUITES: [&str; 10] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

impl Settings {
    /// Reads the settings of a pod of this name, with these claims of the StatefulSet's templates.
    ///
    /// # Errors
    ///
    /// If the kubelet or etcd could not start it, or the model does not support a setting.
    pub(super) fn of(
        template: &Value,
        pod: &str,
        namespace: &str,
        claims: &[String],
        maps: &BTreeMap<&str, &Value>,
    ) -> Result<Self> {
        let spec = &template["spec"];
        let containers = list(&spec["containers"]);
        let etcd = containers
            .iter()
            .find(|container| container["name"] == "etcd")
            .or(containers.first())
            .context("no container")?;
        let mut variables = BTreeMap::new();
        for variable in list(&etcd["env"]) {
            let name = variable["name"].as_str().context("a variable's name")?;
            let source = &variable["valueFrom"];
            let value = if source.is_null() {
                expand(variable["value"].as_str().unwrap_or_default(), &variables)
            } else if let Some(path) = source["fieldRef"]["fieldPath"].as_str() {
                field(template, path, pod, namespace)?
            } else {
                let reference = &source["configMapKeyRef"];
                let map = reference["name"]
                    .as_str()
                    .with_context(|| format!("the source of {name}"))?;
                let key = reference["key"].as_str().context("a key")?;
                let map = maps.get(map).with_context(|| format!("no ConfigMap {map}"))?;
                map["data"][key]
                    .as_str()
                    .with_context(|| format!("no key {key}"))?
                    .to_owned()
            };
            variables.insert(name.to_owned(), value);
        }
        let mut flags = BTreeMap::new();
        let words = list(&etcd["command"]).iter().skip(1).chain(list(&etcd["args"]));
        for word in words.filter_map(Value::as_str) {
            let flag = word
                .strip_prefix("--")
                .with_context(|| format!("{word} is not a flag"))?;
            let (flag, value) = flag.split_once('=').unwrap_or((flag, "true"));
            let value = expand(value, &variables);
            ensure!(flags.insert(flag.to_owned(), value).is_none(), "--{flag} is set twice");
        }
        for (name, value) in &variables {
            if let Some(name) = name.strip_prefix("ETCD_") {
                let flag = name.to_lowercase().replace('_', "-");
                ensure!(
                    flags.insert(flag.clone(), value.clone()).is_none(),
                    "etcd exits: both --{flag} and ETCD_{name} are set"
                );
            }
        }
        for flag in flags.keys() {
            ensure!(
                READ.contains(&flag.as_str()) || WITHOUT_EFFECT.contains(&flag.as_str()),
                "the model does not support --{flag}"
            );
        }
        let flag = |name: &str| flags.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let mounts = Mounts {
            mounts: list(&etcd["volumeMounts"]),
            volumes: list(&spec["volumes"]),
            claims,
        };
        let file = |path: Option<&str>| path.map(|path| mounts.secret_key(path)).transpose();
        let tls = |auto: &str, certificate: &str, ca: &str, allowed: &[&str]| -> Result<Tls> {
            if flag(auto).is_some_and(|value| value != "false") {
                return Ok(Tls::Auto);
            }
            let allowed = allowed
                .iter()
                .filter_map(|name| flag(name))
                .flat_map(|names| names.split(','));
            Ok(match file(flag(certificate))? {
                None => Tls::Plain,
                Some(certificate) => Tls::Files {
                    certificate,
                    ca: file(flag(ca))?,
                    allowed: allowed.map(str::to_owned).collect(),
                },
            })
        };
        let number = |name: &str, default: u64| flag(name).map_or(Ok(default), str::parse);
        let version = |name: &str, default: u32| match flag(name) {
            None => Ok(default),
            Some("TLS1.2") => Ok(2),
            Some("TLS1.3") => Ok(3),
            Some(other) => bail!("the version {other} of TLS"),
        };
        let data = flag("data-dir").context("no --data-dir")?;
        let wal = flag("wal-dir").map_or_else(|| format!("{data}/member/wal"), str::to_owned);
        let urls = |name: &str| Url::parse(flag(name).with_context(|| format!("no --{name}"))?);
        let variable = |name: &str| variables.get(name).map(String::as_str);
        let uses_tls = variable("ETCDCTL_CACERT").is_some()
            || variable("ETCDCTL_CERT").is_some()
            || variable("ETCDCTL_ENDPOINTS").is_some_and(|urls| urls.contains("https://"));
        let etcdctl = uses_tls
            .then(|| Ok::<_, anyhow::Error>((file(variable("ETCDCTL_CACERT"))?, file(variable("ETCDCTL_CERT"))?)));
        Ok(Self {
            release: release(etcd["image"].as_str().context("an image")?)?,
            data: mounts.place(data)?,
            wal: mounts.place(&wal)?,
            advertised: urls("initial-advertise-peer-urls")?,
            listens: urls("listen-peer-urls")?,
            bootstrap: match (flag("initial-cluster"), flag("discovery-srv")) {
                (_, Some(_)) => Bootstrap::Srv,
                (list, None) => Bootstrap::Urls(
                    list.unwrap_or_default()
                        .split(',')
                        .filter_map(|member| member.split_once('='))
                        .map(|(name, url)| (name.to_owned(), url.to_owned()))
                        .collect(),
                ),
            },
            is_new: match flag("initial-cluster-state") {
                None | Some("new") => true,
                Some("existing") => false,
                Some(other) => bail!("the state {other}"),
            },
            peer: tls(
                "peer-auto-tls",
                "peer-cert-file",
                "peer-trusted-ca-file",
                &["peer-cert-allowed-cn", "peer-cert-allowed-hostname"],
            )?,
            client: tls("auto-tls", "cert-file", "trusted-ca-file", &[])?,
            tls: (version("tls-min-version", 2)?, version("tls-max-version", 3)?),
            suites: match flag("cipher-suites") {
                Some(list) => list.split(',').map(str::to_owned).collect(),
                None => DEFAULT_SUITES.map(str::to_owned).into(),
            },
            heartbeat: number("heartbeat-interval", 100)?,
            election: number("election-timeout", 1000)?,
            snapshot_count: number("snapshot-count", 10_000)?,
            etcdctl: etcdctl.transpose()?,
            secrets: mounts.secrets(),
            restores: list(&spec["initContainers"])
                .iter()
                .any(|container| container["name"].as_str().is_some_and(|name| name.contains("restore"))),
        })
    }
}

fn field(template: &Value, path: &str, pod: &str, namespace: &str) -> Result<String> {
    let annotation = path
        .strip_prefix("metadata.annotations['")
        .and_then(|rest| rest.strip_suffix("']"));
    if let Some(key) = annotation {
        let value = template["metadata"]["annotations"][key].as_str();
        return Ok(value.with_context(|| format!("no annotation {key}"))?.to_owned());
    }
    match path {
        "metadata.name" => Ok(pod.to_owned()),
        "metadata.namespace" => Ok(namespace.to_owned()),
        _ => bail!("the field {path}"),
    }
}

/// Returns the release of an image's tag.
fn release(image: &str) -> Result<Release> {
    let name = image.split('@').next().unwrap_or_default();
    let (_, tag) = name.rsplit_once(':').with_context(|| format!("{image} has no tag"))?;
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let numbers: Vec<u32> = tag
        .split(['.', '-'])
        .take(3)
        .map_while(|part| part.parse().ok())
        .collect();
    match numbers.as_slice() {
        [3, minor, patch] => Ok(Release {
            minor: *minor,
            patch: *patch,
        }),
        _ => bail!("the tag of {image}"),
    }
}

struct Mounts<'a> {
    mounts: &'a [Value],
    volumes: &'a [Value],
    claims: &'a [String],
}

impl Mounts<'_> {
    /// Returns the mount that contains a path, the path in its volume, and the volume's source.
    fn around(&self, path: &str) -> Result<(String, String, &Value)> {
        let is_around = |mount: &&Value| {
            let around = mount["mountPath"].as_str().unwrap_or_default().trim_end_matches('/');
            path.strip_prefix(around)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let depth = |mount: &&Value| mount["mountPath"].as_str().map(str::len);
        let mount = self.mounts.iter().filter(is_around).max_by_key(depth);
        let mount = mount.with_context(|| format!("{path} is in no volume"))?;
        ensure!(mount["subPathExpr"].is_null(), "the model does not support subPathExpr");
        let around = mount["mountPath"].as_str().unwrap_or_default().trim_end_matches('/');
        let sub_path = mount["subPath"].as_str().unwrap_or_default();
        let rest = format!("{sub_path}/{}", path.strip_prefix(around).unwrap_or_default());
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        let name = mount["name"].as_str().context("a mount's name")?;
        let source = self
            .volumes
            .iter()
            .find(|volume| volume["name"] == name)
            .unwrap_or(&Value::Null);
        Ok((name.to_owned(), parts.join("/"), source))
    }

    fn place(&self, path: &str) -> Result<Place> {
        let (name, path, source) = self.around(path)?;
        let volume = if self.claims.contains(&name) {
            Volume::Claim(name)
        } else {
            ensure!(
                source["emptyDir"].is_object(),
                "the model does not support the volume {source}"
            );
            Volume::Ephemeral(name)
        };
        Ok(Place { volume, path })
    }

    fn secret_key(&self, file: &str) -> Result<SecretKey> {
        let (_, path, source) = self.around(file)?;
        let secret = &source["secret"];
        let name = secret["secretName"]
            .as_str()
            .with_context(|| format!("{file} is in no Secret"))?;
        let items = list(&secret["items"]);
        let item = items.iter().find(|item| item["path"] == path.as_str());
        Ok(SecretKey {
            secret: name.to_owned(),
            key: match item {
                Some(item) => item["key"].as_str().context("a key")?.to_owned(),
                None => path,
            },
        })
    }

    fn secrets(&self) -> BTreeSet<String> {
        let sources = self.volumes.iter().flat_map(|volume| {
            let projected = list(&volume["projected"]["sources"]);
            [&volume["secret"]["secretName"]]
                .into_iter()
                .chain(projected.iter().map(|source| &source["secret"]["name"]))
        });
        sources.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }
}
