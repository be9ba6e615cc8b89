//! The programs of a cluster, and the configuration of each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::cgroups;
use super::images::PAUSE;
use super::network::{self, Families};
use crate::process;

/// The owner of volumes' directories: etcd's user by default.
const VOLUME_OWNER: &str = "65532";

/// A program that runs as long as the cluster.
#[derive(Debug)]
pub(crate) struct Part {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Part {
    /// Returns its process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Checks that the program runs.
    ///
    /// # Errors
    ///
    /// If it has ended, with the end of its log.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!(self.describe_end(&status.to_string())),
        }
    }

    /// Describes its end, with the end of its log.
    pub(crate) fn describe_end(&self, status: &str) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
        format!(
            "{} has ended ({status}); the end of its log:\n{}",
            self.name,
            last.join("\n")
        )
    }
}

/// Starts the parts.
#[derive(Debug)]
pub(crate) struct Starter<'a> {
    /// The directory of the cluster's state.
    pub(crate) state: &'a Path,
    pub(crate) families: Families,
}

impl Starter<'_> {
    fn start(&self, name: &str, command: &mut Command) -> Result<Part> {
        let log = self.state.join("logs").join(format!("{name}.log"));
        let file = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Part {
            name: name.to_owned(),
            log,
            child,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    fn flag(&self, flag: &str, name: &str) -> String {
        format!("--{flag}={}", self.path(name).display())
    }

    /// Starts the API server's own etcd.
    pub(crate) fn etcd(&self) -> Result<Part> {
        self.start(
            "etcd",
            Command::new("etcd-3.6").arg(self.flag("data-dir", "etcd")).args([
                "--listen-client-urls=http://127.0.0.1:2379",
                "--advertise-client-urls=http://127.0.0.1:2379",
                "--listen-peer-urls=http://127.0.0.1:2380",
                // Its data end with the cluster.
                "--unsafe-no-fsync",
                "--log-level=warn",
            ]),
        )
    }

    pub(crate) fn apiserver(&self) -> Result<Part> {
        let mut command = kubernetes("kube-apiserver");
        command
            .args([
                "--etcd-servers=http://127.0.0.1:2379",
                "--secure-port=6443",
                "--authorization-mode=AlwaysAllow",
                "--kubelet-preferred-address-types=InternalIP",
                "--service-account-issuer=https://kubernetes.default.svc",
            ])
            .arg(format!("--advertise-address={}", network::GATEWAY))
            .arg(format!("--service-cluster-ip-range={}", self.families.services()))
            .args([
                self.flag("cert-dir", "apiserver"),
                self.flag("tls-cert-file", "server.crt"),
                self.flag("tls-private-key-file", "server.key"),
                self.flag("token-auth-file", "tokens.csv"),
                self.flag("service-account-key-file", "accounts.pub"),
                self.flag("service-account-signing-key-file", "accounts.key"),
            ]);
        self.start("kube-apiserver", &mut command)
    }

    /// Starts the controllers. The provisioner of volumes creates them as directories of this machine.
    pub(crate) fn controller_manager(&self) -> Result<Part> {
        // A directory belongs to the user of the process. kubelet does not change the owner of a directory of the
        // machine, as it does for volumes of real drivers. So this runs as the volumes' owner, with the permission to
        // read everything.
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", VOLUME_OWNER, "--regid", VOLUME_OWNER, "--clear-groups"])
            .args(["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"])
            .args(["--", "kubernetes", "kube-controller-manager"])
            .args([
                self.flag("kubeconfig", "kubeconfig-inside"),
                self.flag("cert-dir", "controller-manager"),
                self.flag("root-ca-file", "ca.crt"),
                self.flag("service-account-private-key-file", "accounts.key"),
            ])
            .args([
                "--leader-elect=false",
                "--enable-hostpath-provisioner",
                "--use-service-account-credentials=false",
                "--bind-address=127.0.0.1",
                // A lost node is noticed sooner than by default, but not so soon that a busy machine seems lost.
                "--node-monitor-grace-period=20s",
            ]);
        self.start("kube-controller-manager", &mut command)
    }

    pub(crate) fn scheduler(&self) -> Result<Part> {
        let mut command = kubernetes("kube-scheduler");
        command
            .args([
                self.flag("kubeconfig", "kubeconfig-inside"),
                self.flag("cert-dir", "scheduler"),
            ])
            .args(["--leader-elect=false", "--bind-address=127.0.0.1"]);
        self.start("kube-scheduler", &mut command)
    }

    /// Starts the Services' proxy: one for all nodes, which share the machine.
    pub(crate) fn proxy(&self) -> Result<Part> {
        let mut command = kubernetes("kube-proxy");
        command
            .arg(self.flag("kubeconfig", "kubeconfig-inside"))
            .args([
                "--proxy-mode=iptables",
                "--hostname-override=node1",
                // Without this, two pods on one bridge would answer each other without address translation.
                "--masquerade-all",
                "--conntrack-max-per-core=0",
            ])
            .arg(format!("--cluster-cidr={}", self.families.pods()));
        self.start("kube-proxy", &mut command)
    }

    /// Starts DNS, configured like kubeadm's, but without a server outside.
    pub(crate) fn dns(&self) -> Result<Part> {
        let addresses: Vec<_> = self.families.dns().iter().map(ToString::to_string).collect();
        let corefile = format!(
            ".:53 {{
    bind {addresses}
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        ttl 30
    }}
    loadbalance
}}
",
            addresses = addresses.join(" "),
            kubeconfig = self.path("kubeconfig-inside").display(),
        );
        fs::write(self.path("Corefile"), corefile)?;
        self.start(
            "coredns",
            Command::new("coredns").arg("-conf").arg(self.path("Corefile")),
        )
    }

    fn node_path(&self, node: u8) -> PathBuf {
        self.path(&format!("node{node}"))
    }

    fn containerd_socket(&self, node: u8) -> PathBuf {
        self.node_path(node).join("containerd.sock")
    }

    /// Starts the container runtime of a node.
    pub(crate) fn containerd(&self, node: u8) -> Result<Part> {
        let home = self.node_path(node);
        let cni = home.join("cni");
        fs::create_dir_all(&cni)?;
        fs::write(
            cni.join("pods.conflist"),
            self.families.cni(node, &home.join("addresses")).to_string(),
        )?;
        let config = format!(
            r#"version = 2
root = "{home}/containerd"
state = "{home}/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

[grpc]
address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
# Lowering a score takes a right that root has not everywhere.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{cni}"
"#,
            home = home.display(),
            socket = self.containerd_socket(node).display(),
            cni = cni.display(),
        );
        let file = home.join("containerd.toml");
        fs::write(&file, config)?;
        self.start(
            &format!("containerd-{node}"),
            Command::new("containerd").arg("--config").arg(file),
        )
    }

    /// Imports all images into a node.
    pub(crate) fn import(&self, node: u8, archive: &Path) -> Result<()> {
        process::run(
            Command::new("ctr")
                .arg("--address")
                .arg(self.containerd_socket(node))
                .args(["--namespace", "k8s.io", "images", "import"])
                .arg(archive),
        )
    }

    /// Checks that a node's container runtime answers.
    pub(crate) fn containerd_answers(&self, node: u8) -> Result<()> {
        process::run(
            Command::new("ctr")
                .arg("--address")
                .arg(self.containerd_socket(node))
                .arg("version"),
        )
    }

    pub(crate) fn kubelet(&self, node: u8) -> Result<Part> {
        let home = self.node_path(node);
        let addresses: Vec<_> = self.families.node(node).iter().map(ToString::to_string).collect();
        let first = addresses.first().context("a node without an address")?;
        let config = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": first,
            "healthzBindAddress": first,
            "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroups::of_node(node),
            "enforceNodeAllocatable": [],
            "failCgroupV1": false,
            "failSwapOn": false,
            "resolvConf": "",
            "clusterDNS": self.families.dns(),
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": format!("unix://{}", self.containerd_socket(node).display()),
            // How full the machine's disk is says nothing about the cluster.
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            // The delay until a changed Secret is in a pod: a minute by default.
            "syncFrequency": "10s",
            "serializeImagePulls": false,
            // By default all nodes share one directory, and each would remove the logs of the others.
            "podLogsDir": home.join("pod-logs"),
        });
        fs::create_dir_all(&home)?;
        let file = home.join("kubelet.json");
        fs::write(&file, config.to_string())?;
        let mut command = kubernetes("kubelet");
        command
            .arg(self.flag("kubeconfig", "kubeconfig-inside"))
            .arg(format!("--config={}", file.display()))
            .arg(format!("--root-dir={}", home.join("kubelet").display()))
            .arg(format!("--cert-dir={}", home.join("kubelet-pki").display()))
            .arg(format!("--hostname-override=node{node}"))
            .arg(format!("--node-ip={}", addresses.join(",")))
            .arg(format!("--node-labels=topology.kubernetes.io/zone=zone{node}"));
        self.start(&format!("kubelet-{node}"), &mut command)
    }
}

fn kubernetes(program: &str) -> Command {
    let mut command = Command::new("kubernetes");
    command.arg(program);
    command
}
