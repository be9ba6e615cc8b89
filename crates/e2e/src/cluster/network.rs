//! Addresses, and the cluster's own network.
//!
//! All addresses are from ranges that are reserved for tests and documentation (RFC 2544, 5737 and 4193), so nobody
//! else has them. Only [`MACHINE`] and [`API`] are visible outside of the cluster's network namespace.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::process;

/// The machine's address on the link to the cluster.
pub(crate) const MACHINE: &str = "198.51.100.1/30";
/// The cluster's address on the link, where its API server listens.
pub(crate) const API: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
/// The first address of Services: the API server's Service.
pub(crate) const KUBERNETES_SERVICE: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);
/// The gateway of all pods, where DNS listens, too.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
pub(crate) const GATEWAY_6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x198, 0x18, 0, 0, 0, 0, 1);
const PODS: &str = "198.18.0.0/16";
const PODS_6: &str = "fd00:198:18::/64";
const SERVICES: &str = "198.19.0.0/16";
const SERVICES_6: &str = "fd00:198:19::/112";
/// The bridge that connects all pods.
pub(crate) const BRIDGE: &str = "pods0";

/// The address families of a cluster: IPv4, or both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Families {
    six: bool,
}

impl Families {
    /// Returns the families that this machine supports.
    pub(crate) fn here() -> Self {
        Self {
            six: Path::new("/proc/net/if_inet6").exists(),
        }
    }

    /// Whether IPv6 is supported.
    pub(crate) fn is_dual(self) -> bool {
        self.six
    }

    fn of(self, four: &str, six: &str) -> String {
        if self.six {
            format!("{four},{six}")
        } else {
            four.to_owned()
        }
    }

    pub(crate) fn pods(self) -> String {
        self.of(PODS, PODS_6)
    }

    pub(crate) fn services(self) -> String {
        self.of(SERVICES, SERVICES_6)
    }

    /// Returns the addresses of DNS.
    pub(crate) fn dns(self) -> Vec<IpAddr> {
        let mut addresses = vec![GATEWAY.into()];
        addresses.extend(self.six.then_some(IpAddr::from(GATEWAY_6)));
        addresses
    }

    /// Returns the addresses of a node, counted from 1.
    pub(crate) fn node(self, number: u8) -> Vec<IpAddr> {
        let mut addresses = vec![IpAddr::from(Ipv4Addr::new(203, 0, 113, number))];
        addresses.extend(
            self.six
                .then(|| IpAddr::from(Ipv6Addr::new(0xfd00, 0x203, 0, 0, 0, 0, 0, number.into()))),
        );
        addresses
    }

    /// Returns the CNI configuration with the addresses of a node's pods.
    pub(crate) fn cni(self, node: u8, state: &Path) -> serde_json::Value {
        let mut ranges = vec![serde_json::json!([{
            "subnet": PODS,
            "rangeStart": format!("198.18.{node}.1"),
            "rangeEnd": format!("198.18.{node}.254"),
            "gateway": GATEWAY,
        }])];
        let mut routes = vec![serde_json::json!({"dst": "0.0.0.0/0"})];
        if self.six {
            ranges.push(serde_json::json!([{
                "subnet": PODS_6,
                "rangeStart": format!("fd00:198:18::{node}:1"),
                "rangeEnd": format!("fd00:198:18::{node}:fffe"),
                "gateway": GATEWAY_6,
            }]));
            routes.push(serde_json::json!({"dst": "::/0"}));
        }
        serde_json::json!({
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [{
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": true,
                // A pod may reach itself through a Service.
                "hairpinMode": true,
                "ipam": {"type": "host-local", "dataDir": state, "ranges": ranges, "routes": routes},
            }],
        })
    }

    /// Configures the cluster's side, in its network namespace.
    pub(crate) fn set_up(self, nodes: u8) -> Result<()> {
        ip(&["link", "set", "lo", "up"])?;
        ip(&["link", "add", BRIDGE, "type", "bridge"])?;
        ip(&["address", "add", &format!("{GATEWAY}/16"), "dev", BRIDGE])?;
        ip(&["link", "add", "nodes0", "type", "bridge"])?;
        if self.six {
            // Without duplicate address detection, which takes a second, and never ends on a bridge without ports.
            ip(&[
                "-6",
                "address",
                "add",
                &format!("{GATEWAY_6}/64"),
                "dev",
                BRIDGE,
                "nodad",
            ])?;
            fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")?;
        }
        fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        for node in 1..=nodes {
            for address in self.node(node) {
                let (length, detection) = if address.is_ipv6() {
                    (128, Some("nodad"))
                } else {
                    (32, None)
                };
                let address = format!("{address}/{length}");
                let mut command = Command::new("ip");
                command
                    .args(["address", "add", &address, "dev", "nodes0"])
                    .args(detection);
                process::run(&mut command)?;
            }
        }
        ip(&["link", "set", "nodes0", "up"])?;
        ip(&["link", "set", BRIDGE, "up"])
    }
}

/// Creates the link between the machine and the network namespace of the process `of`. It is removed with the
/// namespace.
///
/// # Errors
///
/// If this machine already has an address of that range.
pub(crate) fn connect(of: u32) -> Result<()> {
    let addresses = process::read(Command::new("ip").args(["-oneline", "address"]))?;
    ensure!(
        !addresses.contains(" 198.51.100."),
        "this machine has an address in 198.51.100.0/24, by which it is to reach the cluster"
    );
    let namespace = of.to_string();
    ip(&[
        "link",
        "add",
        "rutter-e2e",
        "type",
        "veth",
        "peer",
        "name",
        "machine0",
        "netns",
        &namespace,
    ])?;
    ip(&["address", "add", MACHINE, "dev", "rutter-e2e"])?;
    ip(&["link", "set", "rutter-e2e", "up"])?;
    let inside = |args: &[&str]| {
        process::run(
            Command::new("nsenter")
                .args(["--target", &namespace, "--net", "--", "ip"])
                .args(args),
        )
    };
    inside(&["address", "add", &format!("{API}/30"), "dev", "machine0"])?;
    inside(&["link", "set", "machine0", "up"])
}

fn ip(args: &[&str]) -> Result<()> {
    process::run(Command::new("ip").args(args))
}
