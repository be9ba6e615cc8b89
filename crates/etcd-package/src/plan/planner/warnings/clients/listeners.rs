//! The listeners of members: their ports, protocols and addresses, and the clients that they trust.

use std::collections::BTreeSet;

use crate::codes::{CLIENTS_CUT_OFF, REACH_CHANGES};
use crate::plan::fact::Fact;
use crate::plan::objects::items;
use crate::plan::observed::{ObservedCluster, Options, host_of, quoted, text};
use crate::plan::planner::Planner;

impl Planner<'_> {
    /// Warns of listeners that clients no longer reach, or that no longer serve them.
    pub(super) fn warn_of_listeners(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        let (from, to) = (self.from, self.to);
        if let (Fact::Known(old), Fact::Known(new)) = (&from.client_scheme, &to.client_scheme)
            && old != new
        {
            warn(
                &CLIENTS_CUT_OFF,
                "tls.client",
                format!("members that have restarted speak {new} with clients, and {old} no longer"),
                "give clients both kinds of endpoints meanwhile, or expect errors until they are changed",
            );
        }
        let secrets = (from.client_files.secret(), to.client_files.secret());
        let has_other_ca = secrets.0.is_some() && secrets.1.is_some() && from.client_files.ca != to.client_files.ca;
        if self.has_new_client_issuer() || has_other_ca || matches!(secrets, (Some(old), Some(new)) if old != new) {
            warn(
                &CLIENTS_CUT_OFF,
                "tls.client",
                "members that have restarted trust the new CA of clients, and the old one no longer".to_owned(),
                "let clients trust both CAs and hold certificates of both meanwhile, or expect errors",
            );
        }
        if let (Some(old), Some(new)) = (client_port(from), client_port(to))
            && old != new
        {
            warn(
                &CLIENTS_CUT_OFF,
                "ports.client",
                format!(
                    "clients that use port {} do not reach members that have restarted with {}",
                    quoted(&old),
                    quoted(&new)
                ),
                "clients that use the Service by its port name go on; change the others first, or expect errors",
            );
        }
        for (flag, default) in CLIENT_INTERFACES {
            let or_default = |value: Fact<String>| match value {
                Fact::Absent => Fact::Known(default.to_owned()),
                value => value,
            };
            let (old, new) = (or_default(from.options.get(flag)), or_default(to.options.get(flag)));
            let (Fact::Known(old), Fact::Known(new)) = (old, new) else {
                continue;
            };
            // Members serve metrics to clients, too.
            let is_further = flag == "listen-metrics-urls" && old.is_empty();
            if old != new && !is_further {
                warn(
                    &REACH_CHANGES,
                    "extraArgs",
                    format!("etcd's flag --{flag} changes from {} to {}", quoted(&old), quoted(&new)),
                    "keep it (extraArgs), or change the clients that depend on it first",
                );
            }
        }
        let hosts = |cluster: &ObservedCluster| {
            let urls = cluster.options.get("advertise-client-urls");
            urls.map(|urls| urls.split(',').map(host_of).collect::<Vec<_>>().join(","))
        };
        if let (Fact::Known(old), Fact::Known(new)) = (hosts(from), hosts(to))
            && old != new
        {
            warn(
                &CLIENTS_CUT_OFF,
                "naming",
                format!(
                    "clients that ask etcd for its members' addresses get {} instead of {}",
                    quoted(&Options::readable(&new)),
                    quoted(&Options::readable(&old))
                ),
                "check that they reach these",
            );
        }
        let host_ports = |cluster: &ObservedCluster| -> BTreeSet<String> {
            let containers = items(cluster.set.node.at("spec.template.spec.containers")).iter();
            let ports = containers.flat_map(|container| items(container.get("ports")));
            ports
                .filter_map(|port| text(port, "hostPort"))
                .filter(|port| port != "0")
                .collect()
        };
        let is_of_host =
            |cluster: &ObservedCluster| cluster.set.text("spec.template.spec.hostNetwork").as_deref() == Some("true");
        let gone: Vec<String> = host_ports(from)
            .difference(&host_ports(to))
            .map(|port| quoted(port))
            .collect();
        if !gone.is_empty() && !is_of_host(to) {
            warn(
                &CLIENTS_CUT_OFF,
                "service",
                format!(
                    "members that have restarted are not reached at the ports of their nodes any more: {}",
                    gone.join(", ")
                ),
                "let clients use a Service first",
            );
        }
        let on = |cluster: &ObservedCluster, flag: &str| cluster.options.is_on(flag) == Fact::Known(true);
        if on(to, "client-cert-auth") && !on(from, "client-cert-auth") && from.client_scheme == to.client_scheme {
            warn(
                &CLIENTS_CUT_OFF,
                "tls.clientAuth",
                "clients without a certificate are refused by members that have restarted".to_owned(),
                "give each client a certificate first (tls.clientCertificates)",
            );
        }
        let hostnames = (
            from.options.get("client-cert-allowed-hostname"),
            to.options.get("client-cert-allowed-hostname"),
        );
        if hostnames.0 != hostnames.1 && matches!(hostnames.1, Fact::Known(_)) {
            warn(
                &CLIENTS_CUT_OFF,
                "tls.client.allowedHostnames",
                "clients whose certificates have none of these names are refused by members that have restarted"
                    .to_owned(),
                "check the certificates of all clients first",
            );
        }
    }
}

/// Flags that decide which clients members serve, and where, and that no value has; with etcd's defaults.
const CLIENT_INTERFACES: [(&str, &str); 7] = [
    ("cors", "*"),
    ("enable-grpc-gateway", "true"),
    ("enable-v2", "false"),
    // Clients that ping more often than that are closed.
    ("grpc-keepalive-min-time", "5s"),
    ("host-whitelist", "*"),
    ("listen-client-http-urls", ""),
    ("listen-metrics-urls", ""),
];

/// The port that clients use.
pub(in crate::plan::planner) fn client_port(cluster: &ObservedCluster) -> Option<String> {
    let urls = cluster.options.get("listen-client-urls");
    let url = urls.known()?.split(',').next()?.to_owned();
    Some(url.rsplit_once(':')?.1.trim_end_matches('/').to_owned())
}
