//! Clients that a change cuts off, or that it lets in.

use std::collections::BTreeSet;

use rutter::Diagnostic;
use rutter::yaml::Node;

use super::super::super::changes::ObjectChange;
use super::super::super::fact::Fact;
use super::super::super::objects::{Id, Object, Objects, items};
use super::super::super::observed::{Certificate, ObservedCluster, Options, host_of, map, quoted, shortened, text};
use super::super::Planner;
use super::super::certificates::{certified_names, covers};
use super::quota;
use crate::cluster::OWNERSHIP_LABEL;
use crate::codes::{CLIENTS_CUT_OFF, REACH_CHANGES, SERVICE_STAYS};

impl Planner<'_> {
    pub(super) fn warn_of_clients(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
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
        let gone = self
            .changes
            .surplus
            .iter()
            .filter(|(resource, _)| resource == "service");
        for (_, name) in gone {
            warn(
                &CLIENTS_CUT_OFF,
                "service.client",
                format!(
                    "the Service {} is deleted, and clients that use it find no member",
                    quoted(name)
                ),
                "let clients use another address first",
            );
        }
        let reach_change = self.reach_change();
        let is_outside = |kind: Option<&str>| matches!(kind, Some("LoadBalancer" | "NodePort"));
        let type_of = |objects: &Objects, id: &Id| objects.get(id).and_then(|service| service.text("spec.type"));
        let created = self.changes.objects.iter().filter(|object| object.changes.is_none());
        for object in created.filter(|object| object.id.kind == "Service") {
            let kind = type_of(self.desired, &object.id);
            if is_outside(kind.as_deref()) {
                warn(
                    &REACH_CHANGES,
                    "service",
                    format!(
                        "the new Service {} is a {}, which is reached from outside of the Kubernetes cluster",
                        object.id.name,
                        kind.unwrap_or_default()
                    ),
                    RESTRICT,
                );
            }
        }
        for (object, paths) in self.changes.reach() {
            if object.kind != "Service" {
                if reach_change.is_none() {
                    warn(
                        &CLIENTS_CUT_OFF,
                        "networkPolicy",
                        format!(
                            "the NetworkPolicy {} changes who reaches the members: {paths}",
                            object.name
                        ),
                        "check that clients, members and jobs are still let in",
                    );
                }
                continue;
            }
            let (was, is) = (type_of(self.installed, object), type_of(self.desired, object));
            if is_outside(is.as_deref()) && !is_outside(was.as_deref()) {
                warn(
                    &REACH_CHANGES,
                    "service",
                    format!(
                        "the Service {} becomes a {}, which is reached from outside of the Kubernetes cluster: {paths}",
                        object.name,
                        is.unwrap_or_default()
                    ),
                    RESTRICT,
                );
            } else if paths.split(", ").all(|path| path.starts_with("metadata.annotations")) {
                warn(
                    &REACH_CHANGES,
                    "service",
                    format!(
                        "the annotations of the Service {} change, by which load balancers and DNS are set up: {paths}",
                        object.name
                    ),
                    "check that clients reach it at the same address, and that nobody else does",
                );
            } else {
                warn(
                    &CLIENTS_CUT_OFF,
                    "service",
                    format!(
                        "the Service {} changes how clients reach the members: {paths}",
                        object.name
                    ),
                    "check that clients, members and jobs still reach it",
                );
            }
        }
        if let Some(change) = reach_change {
            warn(
                &REACH_CHANGES,
                "networkPolicy",
                format!("network policies change who reaches the members: {change}"),
                "let in who is missing (networkPolicy.clients, networkPolicy.metrics); TLS keeps out who should not be served",
            );
        }
        for (policy, port) in self.policies_of_clients() {
            warn(
                &CLIENTS_CUT_OFF,
                "networkPolicy",
                format!(
                    "the NetworkPolicy {policy:?} lets its pods out to the members at port {port}, and no longer after the change"
                ),
                "let it admit the ports and labels of the members before and after first",
            );
        }
        self.warn_of_services(warn);
        self.warn_of_certificates(warn);
        if let (Some(old), Some(new)) = (quota(from), quota(to))
            && new < old
        {
            warn(
                &crate::codes::SMALLER_QUOTA,
                "quota",
                format!(
                    "the quota shrinks from {old} to {new} bytes; a member whose database is larger takes no writes"
                ),
                "the plan asks for the size of the database first; compact and defragment it if it is larger",
            );
        }
    }

    /// Services of others that lead to the members, before or after.
    fn warn_of_services(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        let ports = (client_port(self.from), client_port(self.to));
        for service in self.installed.of_kind("", "Service") {
            let selector = map(service.node.at("spec.selector"));
            if service.id.namespace != self.from.namespace
                || selector.is_empty()
                || self.desired.get(&service.id).is_some()
                || self.is_pruned(service)
            {
                continue;
            }
            let name = &service.id.name;
            let selected = [(self.from, self.kept()), (self.to, self.to.replicas)];
            let [was, is] = selected.map(|(cluster, replicas)| cluster.is_selected(&selector, replicas));
            match (was, is) {
                (true, true) => {}
                (true, false) => warn(
                    &CLIENTS_CUT_OFF,
                    "pod.labels",
                    format!(
                        "the Service {name:?} does not select members that have restarted, and clients that use it find none"
                    ),
                    "change its selector first, or keep the label that it selects",
                ),
                (false, true) => warn(
                    &CLIENTS_CUT_OFF,
                    "pod.labels",
                    format!("the Service {name:?} would lead its clients to the members"),
                    "write labels that it does not select",
                ),
                (false, false) => continue,
            }
            let is_pinned = |entry: &Node| {
                let target = text(entry, "targetPort").or_else(|| text(entry, "port"));
                target.is_some() && target == ports.0
            };
            if ports.0 != ports.1 && items(service.node.at("spec.ports")).iter().any(is_pinned) {
                warn(
                    &CLIENTS_CUT_OFF,
                    "ports.client",
                    format!(
                        "the Service {name:?} leads to the port {} of the members, which is another one after the change",
                        ports.0.as_deref().unwrap_or_default()
                    ),
                    "write the name of the port as its targetPort first",
                );
            }
        }
    }

    /// Services that lead to the members and that the values do not have, although the client Service has changed its name
    /// or is gone.
    pub(in crate::plan::planner) fn services_stay(&self) -> Option<Diagnostic> {
        let client_service = self.rendered.cluster.names.client_service.to_string();
        let is_new = |object: &ObjectChange| {
            object.id.kind == "Service" && object.id.name == client_service && object.changes.is_none()
        };
        let is_renamed = self.changes.objects.iter().any(is_new);
        let is_off = self.rendered.cluster.services.client.is_none();
        let clusters = [self.from, self.to];
        let stays = |service: &&Object| {
            let selector = map(service.node.at("spec.selector"));
            let is_own = service.label(OWNERSHIP_LABEL).as_ref() == Some(&self.from.fullname);
            service.id.namespace == self.from.namespace
                && !selector.is_empty()
                && clusters.iter().all(|cluster| cluster.is_selected(&selector, self.kept()))
                && self.desired.get(&service.id).is_none()
                && !self.is_pruned(service)
                // Others may have made one that has nothing to do with the change.
                && (is_renamed || is_off && is_own)
        };
        let names: Vec<String> = self
            .installed
            .of_kind("", "Service")
            .filter(stays)
            .map(|service| format!("{:?}", service.id.name))
            .collect();
        let message = format!(
            "the values do not have the Service {}, which stays: clients that use it still reach the members, and no plan changes \
             or deletes it",
            names.join(" and ")
        );
        let warning = Diagnostic::new(&SERVICE_STAYS, "naming.clientService", message).help(
            "keep it by its name (naming.clientService), or let clients use another address and delete it (kubectl delete \
             service)",
        );
        (!names.is_empty()).then_some(warning)
    }

    /// Certificates that lose names, or that nobody renews any more.
    fn warn_of_certificates(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        let (from, to) = (self.from, self.to);
        if let (Some(old), Some(new)) = (shown_to_clients(from), shown_to_clients(to)) {
            let has = certified_names(new);
            let is_gone = |name: &String| {
                let first = name.split('.').next().unwrap_or_default();
                let ordinal = first
                    .strip_prefix(&*from.fullname)
                    .and_then(|rest| rest.strip_prefix('-')?.parse::<u32>().ok());
                // Members and Services that go are reported by themselves.
                let goes = ordinal.is_some_and(|ordinal| ordinal >= to.replicas)
                    || self.changes.surplus.contains(&("service".to_owned(), first.to_owned()));
                !goes && !has.iter().any(|other| covers(other, name))
            };
            let gone: Vec<String> = certified_names(old).into_iter().filter(is_gone).collect();
            if !gone.is_empty() {
                let gone: Vec<String> = gone.iter().map(|name| quoted(name)).collect();
                warn(
                    &CLIENTS_CUT_OFF,
                    "tls.certManager",
                    format!(
                        "the members' certificate for clients loses the names {}, and clients that use them refuse it",
                        shortened(&gone, MOST_NAMES)
                    ),
                    "let clients use another name first, or keep these (tls.certManager.extraDnsNames, extraIpAddresses)",
                );
            }
        }
        if to.client_scheme == Fact::Known("http") {
            return;
        }
        let listeners = [from.peer_secret(), from.client_files.secret()];
        for (secret, certificate) in &from.certificates {
            let object = &certificate.object;
            let has_other_secret = self
                .desired
                .get(&object.id)
                .is_some_and(|desired| desired.text("spec.secretName").as_ref() != Some(secret));
            if !(self.is_pruned(object) || has_other_secret)
                || object.text("spec.isCA").as_deref() == Some("true")
                || listeners.contains(&Some(secret.as_str()))
                || to.certificates.contains_key(secret)
            {
                continue;
            }
            warn(
                &CLIENTS_CUT_OFF,
                "tls.clientCertificates",
                format!(
                    "nobody renews the Secret {} of the Certificate {:?} any more: clients that show it are refused once it expires",
                    quoted(secret),
                    object.id.name
                ),
                "let its clients use another certificate before it expires, or keep it in tls.clientCertificates",
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

/// The help about a Service that is reached from outside.
const RESTRICT: &str =
    "restrict access: TLS with clientAuth, loadBalancerSourceRanges, or the annotations of an internal load balancer";

/// Most names of a certificate that a message lists.
const MOST_NAMES: usize = 8;

/// The port that clients use.
pub(in crate::plan::planner) fn client_port(cluster: &ObservedCluster) -> Option<String> {
    let urls = cluster.options.get("listen-client-urls");
    let url = urls.known()?.split(',').next()?.to_owned();
    Some(url.rsplit_once(':')?.1.trim_end_matches('/').to_owned())
}

/// The Certificate that members show to clients.
fn shown_to_clients(cluster: &ObservedCluster) -> Option<&Certificate> {
    cluster.certificates.get(cluster.client_files.secret()?)
}
