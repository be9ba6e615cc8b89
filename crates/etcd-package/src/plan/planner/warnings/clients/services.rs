//! Services that lead clients to the members.

use std::collections::BTreeSet;

use rutter::Diagnostic;
use rutter::yaml::Node;

use super::client_port;
use crate::cluster::OWNERSHIP_LABEL;
use crate::codes::{CLIENTS_CUT_OFF, REACH_CHANGES, SERVICE_STAYS};
use crate::plan::changes::ObjectChange;
use crate::plan::objects::{Object, items, scalar};
use crate::plan::observed::{map, quoted, shortened, text};
use crate::plan::planner::Planner;

impl Planner<'_> {
    /// Warns of Services that go, that change, or that lead further than before.
    pub(super) fn warn_of_services(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
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
        let created = self.changes.objects.iter().filter(|object| object.changes.is_none());
        for object in created.filter(|object| object.id.kind == "Service") {
            if let Some(exposure) = exposure(None, self.desired.get(&object.id)) {
                let message = format!("the new Service {} {}", object.id.name, exposure.shown("is", "has"));
                warn(&REACH_CHANGES, "service", message, RESTRICT);
            }
        }
        for (object, paths) in self.changes.reach().filter(|(object, _)| object.kind == "Service") {
            if let Some(exposure) = exposure(self.installed.get(object), self.desired.get(object)) {
                let exposure = exposure.shown("becomes", "gets");
                let message = format!("the Service {} {exposure}: {paths}", object.name);
                warn(&REACH_CHANGES, "service", message, RESTRICT);
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
        self.warn_of_other_services(warn);
    }

    /// Services of others that lead to the members, before or after.
    fn warn_of_other_services(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
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
}

/// The help about a Service that is reached from outside.
const RESTRICT: &str =
    "restrict access: TLS with clientAuth, loadBalancerSourceRanges, or the annotations of an internal load balancer";

/// A way in which a Service is reached from outside of the Kubernetes cluster.
enum Exposure {
    /// Its type.
    Type(String),
    /// Addresses of its own.
    Addresses(Vec<String>),
}

impl Exposure {
    /// Returns it as the end of a sentence, with the verbs for both ways.
    fn shown(&self, is: &str, has: &str) -> String {
        match self {
            Self::Type(kind) => format!("{is} a {kind}, which is reached from outside of the Kubernetes cluster"),
            Self::Addresses(addresses) => format!(
                "{has} the externalIPs {}, at which it is reached from outside of the Kubernetes cluster",
                shortened(addresses, MOST_ADDRESSES)
            ),
        }
    }
}

/// Most addresses of a Service that a message lists.
const MOST_ADDRESSES: usize = 4;

/// The way in which a Service is reached from outside after a change, and not before it.
fn exposure(installed: Option<&Object>, desired: Option<&Object>) -> Option<Exposure> {
    let outside = |service: &Object| {
        let kind = service.text("spec.type")?;
        ["LoadBalancer", "NodePort"].contains(&&*kind).then_some(kind)
    };
    let addresses = |service: Option<&Object>| -> BTreeSet<String> {
        let addresses = items(service.and_then(|service| service.node.at("spec.externalIPs"))).iter();
        addresses.filter_map(scalar).collect()
    };
    if let (None, Some(kind)) = (installed.and_then(outside), desired.and_then(outside)) {
        return Some(Exposure::Type(kind));
    }
    let added = &addresses(desired) - &addresses(installed);
    let added: Vec<String> = added.iter().map(|address| quoted(address)).collect();
    (!added.is_empty()).then_some(Exposure::Addresses(added))
}
