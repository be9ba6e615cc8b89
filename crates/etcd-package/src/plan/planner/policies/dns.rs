//! Members and jobs that look up names. The pods of DNS are in another namespace, and rarely what policies select by themselves.

use std::collections::BTreeSet;

use super::peers::{Cidr, Direction, Peer, PeerId, Policies, Policy, Port, Rule, Time};
use super::reach::{Access, Reach};
use super::selectors::Labels;

/// The ports at which pods of DNS listen. The second is that of OpenShift.
const PORTS: [u16; 2] = [53, 5353];

/// The namespaces that they are in: that of kubeadm and of most clouds, and that of OpenShift.
const NAMESPACES: [&str; 2] = ["kube-system", "openshift-dns"];

/// Labels that they have in the first of these: those of kubeadm and of most clouds, and of CoreDNS's own chart. The pods of a cache
/// on each node have the node's address, and no policy of labels includes them.
const LABELS: [&[(&str, &str)]; 2] = [
    &[("k8s-app", "kube-dns")],
    &[("k8s-app", "coredns"), ("app.kubernetes.io/name", "coredns")],
];

/// The address of a cache of DNS on each node (`nodelocaldns`).
const OF_NODE: &str = "169.254.20.10/32";

/// The access to DNS by the policies of a namespace.
pub(super) struct Dns {
    /// For each policy, by its place, what its rules let pass.
    of_policies: Vec<Access>,
}

impl Dns {
    pub(super) fn of(policies: &Policies<'_>) -> Self {
        Self {
            of_policies: policies.all.iter().map(|policy| of_policy(policies, policy)).collect(),
        }
    }

    /// Whether a pod can ask DNS.
    pub(super) fn of_pod(&self, reach: &Reach<'_>, time: Time, pod: usize) -> Access {
        let mut restricting = reach.restricting(time, Direction::Egress, pod).peekable();
        if restricting.peek().is_none() {
            return Access::Yes;
        }
        let mut maybe = BTreeSet::new();
        for (place, _) in restricting {
            match &self.of_policies[place] {
                Access::Yes => return Access::Yes,
                Access::Maybe(peers) => maybe.extend(peers),
                Access::No => {}
            }
        }
        Access::by(maybe)
    }
}

fn of_policy(policies: &Policies<'_>, policy: &Policy<'_>) -> Access {
    let mut maybe: BTreeSet<PeerId> = BTreeSet::new();
    for rule in policy.rules(Direction::Egress).unwrap_or_default() {
        if !has_port(rule) {
            continue;
        }
        if rule.peers.is_empty() {
            return Access::Yes;
        }
        let is_about_dns = rule.ports.iter().any(|ports| !matches!(ports.port, Port::Any));
        for peer in &rule.peers {
            match includes_dns(&policies.peers[*peer], policies.namespace, is_about_dns) {
                Some(true) => return Access::Yes,
                Some(false) => {}
                None => {
                    maybe.insert(*peer);
                }
            }
        }
    }
    Access::by(maybe)
}

/// Whether a rule is about a port of DNS.
fn has_port(rule: &Rule) -> bool {
    let is_of_dns = |port: &Port| match port {
        // A name is one of the ports of these pods.
        Port::Any | Port::Name(_) => true,
        Port::Numbers(first, last) => PORTS.iter().any(|port| (*first..=*last).contains(port)),
    };
    rule.ports.is_empty()
        || rule
            .ports
            .iter()
            .any(|ports| ports.protocol == "UDP" && is_of_dns(&ports.port))
}

/// Whether the pods of DNS are among a rule's peers; none if that is not known. A rule that names its port is about DNS, wherever
/// that may be.
fn includes_dns(peer: &Peer, own_namespace: &str, is_about_dns: bool) -> Option<bool> {
    match peer {
        Peer::Block {
            cidr,
            except,
            is_of_family,
        } => {
            let of_node = Cidr::of(OF_NODE);
            let is_elsewhere = |text: &String| {
                Cidr::of(text).is_some_and(|block| {
                    block.is_of_no_pod() && of_node.as_ref().is_some_and(|of_node| !block.contains(of_node))
                })
            };
            if is_elsewhere(cidr) && !is_about_dns {
                return Some(false);
            }
            let is_all = Cidr::of(cidr).is_some_and(|block| block.is_all());
            (*is_of_family && is_all && except.iter().all(is_elsewhere)).then_some(true)
        }
        Peer::Pods { pods, namespaces } => {
            let namespaces = match namespaces {
                Some(namespaces) => match NAMESPACES.map(|name| namespaces.selects_namespace(name)) {
                    // Most clusters have it there, and the other namespace does not exist.
                    [Some(true), _] => Some(true),
                    [Some(false), Some(false)] => Some(false),
                    _ => None,
                },
                None => Some(NAMESPACES.contains(&own_namespace)),
            };
            let is_known = |labels: &[(&str, &str)]| {
                let labels: Labels = labels
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect();
                pods.as_ref().is_none_or(|pods| pods.matches(&labels))
            };
            match namespaces {
                Some(true) => LABELS.iter().any(|labels| is_known(labels)).then_some(true),
                Some(false) if !is_about_dns || is_own(peer) => Some(false),
                _ => None,
            }
        }
    }
}

/// Whether these are pods of the policy's own namespace.
fn is_own(peer: &Peer) -> bool {
    matches!(peer, Peer::Pods { namespaces: None, .. })
}
