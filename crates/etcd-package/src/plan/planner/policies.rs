//! Network policies: who reaches the members, and whether members reach each other while some of them have changed.

use std::collections::{BTreeMap, BTreeSet};

use rutter::yaml::{Entry, Node};
use rutter::{Diagnostic, Diagnostics};

use super::super::changes::resource;
use super::super::objects::{Object, items, scalar};
use super::super::observed::{ObservedCluster, POD_INDEX, POD_NAME, POD_REVISION, map, port_of, quoted, text};
use super::Planner;
use crate::cluster::OWNERSHIP_LABEL;
use crate::codes::UNSAFE_CHANGE;

type Labels = BTreeMap<String, String>;

/// A pod, as far as a policy sees it.
struct Pod {
    labels: Labels,
    /// The numbers of its named ports.
    ports: BTreeMap<String, u16>,
    namespace: String,
    /// The labels that make it a member.
    selector: Labels,
}

/// A direction of traffic.
#[derive(Clone, Copy)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::Egress => "Egress",
        }
    }

    /// The fields of a policy's rules, and of a rule's peers.
    fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Ingress => ("spec.ingress", "from"),
            Self::Egress => ("spec.egress", "to"),
        }
    }
}

/// Whether traffic passes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    Yes,
    /// If one of these clauses lets it: their addresses and namespaces are not known.
    Maybe(BTreeSet<String>),
    No,
}

impl Access {
    /// Adds what another policy lets pass.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, other) | (other, Self::No) => other,
            (Self::Maybe(mut all), Self::Maybe(more)) => {
                all.extend(more);
                Self::Maybe(all)
            }
        }
    }

    /// Whether what passed before still passes.
    fn is_kept_as(&self, after: &Self) -> bool {
        match (self, after) {
            // Policies that nobody enforces.
            (Self::No, _) | (_, Self::Yes) => true,
            (Self::Maybe(before), Self::Maybe(after)) => before.is_subset(after),
            (Self::Yes | Self::Maybe(_), _) => false,
        }
    }
}

/// Whether a pod reaches another: the policies of both have to let the traffic pass.
#[derive(Clone)]
struct Reach {
    egress: Access,
    ingress: Access,
}

impl Reach {
    /// Whether a connection that was possible before still is.
    fn is_kept_as(&self, after: &Self) -> bool {
        let was_closed = self.egress == Access::No || self.ingress == Access::No;
        was_closed || self.egress.is_kept_as(&after.egress) && self.ingress.is_kept_as(&after.ingress)
    }
}

/// A port that members listen on.
struct Port {
    what: &'static str,
    before: u16,
    after: u16,
}

impl Pod {
    /// The pod of a member of a cluster.
    fn of(cluster: &ObservedCluster, ordinal: u32) -> Self {
        let containers = items(cluster.set.node.at("spec.template.spec.containers")).iter();
        let ports = containers.flat_map(|container| items(container.get("ports")));
        let mut labels = cluster.pod_labels();
        labels.insert(POD_NAME.to_owned(), cluster.member(ordinal));
        labels.insert(POD_INDEX.to_owned(), ordinal.to_string());
        Self {
            labels,
            ports: ports
                .filter_map(|port| Some((text(port, "name")?, text(port, "containerPort")?.parse().ok()?)))
                .collect(),
            namespace: cluster.namespace.clone(),
            selector: cluster.selector.clone(),
        }
    }
}

/// A member, and its pods as a policy sees them.
struct Member {
    ordinal: u32,
    /// The pod of the member that is there; of one that is added, that of the last.
    installed: Pod,
    /// With the labels of a new selector, which pods that run get first.
    relabelled: Pod,
    desired: Pod,
}

impl Planner<'_> {
    fn at(&self, ordinal: u32) -> Member {
        let mut relabelled = Pod::of(self.from, ordinal);
        relabelled.labels.extend(self.to.selector.clone());
        Member {
            ordinal,
            installed: Pod::of(self.from, ordinal.min(self.from.replicas.saturating_sub(1))),
            relabelled,
            desired: Pod::of(self.to, ordinal),
        }
    }

    /// Refuses a change during which policies keep members from each other.
    pub(super) fn check_policies(&self, diagnostics: &mut Diagnostics) {
        let (Some(old_port), Some(new_port)) = (
            self.from.peer_url(0).known().and_then(|url| port_of(url)),
            self.to.peer_url(0).known().and_then(|url| port_of(url)),
        ) else {
            return;
        };
        if self.from.replicas.max(self.to.replicas) < 2 {
            return;
        }
        let (before, during) = (self.policies_before(), self.policies_after());
        let Some(ordinals) = self.told_apart(before.iter().chain(&during)) else {
            let message = format!(
                "network policies tell more than {MOST_TOLD_APART} members apart, or select pods by their revision: who reaches \
                 which member after the change is not known"
            );
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "networkPolicy", message)
                    .help("let the policies select all members by labels of their template first"),
            );
            return;
        };
        let members: Vec<Member> = ordinals.iter().map(|ordinal| self.at(*ordinal)).collect();
        // Members know each other by names, which they look up for each new connection.
        let closes_dns = |policies: &[&Object]| {
            members.iter().any(|member| {
                let is_closed = |pod: &Pod| dns(policies, pod) == Access::No;
                dns(&before, &member.installed) != Access::No
                    && (is_closed(&member.relabelled) || is_closed(&member.desired))
            })
        };
        let desired = self.policies_desired();
        if closes_dns(&during) || closes_dns(&desired) {
            let message = "network policies would keep members from DNS (port 53), and they find each other by names at each new \
                           connection";
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "networkPolicy", message)
                    .help("let members out to the pods of DNS, at port 53 of UDP and TCP, in the same change"),
            );
        }
        let pairs: Vec<(&Member, &Member)> = members
            .iter()
            .flat_map(|from| members.iter().map(move |to| (from, to)))
            .filter(|(from, to)| from.ordinal != to.ordinal || members.len() == 1)
            .collect();
        let is_there = |member: &Member| member.ordinal < self.from.replicas;
        let reach = |(from, to): &(&Member, &Member)| reaches(&before, &from.installed, &to.installed, old_port);
        // A member that is added has to reach others as those that are there do.
        let mut there = members.iter().filter(|member| is_there(member));
        let first = there.next();
        let usual = first.zip(there.next().or(first)).as_ref().map(reach);
        let reached: Vec<(&Member, &Member, Reach)> = pairs
            .into_iter()
            .map(|pair| match &usual {
                Some(usual) if !(is_there(pair.0) && is_there(pair.1)) => (pair.0, pair.1, usual.clone()),
                _ => (pair.0, pair.1, reach(&pair)),
            })
            .collect();
        let is_kept = |policies: &[&Object]| {
            reached.iter().all(|(from, to, before)| {
                let pods = [
                    (&from.relabelled, &to.relabelled, old_port),
                    (&from.relabelled, &to.desired, new_port),
                    (&from.desired, &to.relabelled, old_port),
                    (&from.desired, &to.desired, new_port),
                ];
                pods.iter()
                    .all(|(from, to, port)| before.is_kept_as(&reaches(policies, from, to, *port)))
            })
        };
        // What is deleted last leaves the members as they are desired.
        let is_left = |policies: &[&Object]| {
            let stay = reached
                .iter()
                .filter(|(from, to, _)| from.ordinal.max(to.ordinal) < self.to.replicas);
            stay.into_iter()
                .all(|(from, to, before)| before.is_kept_as(&reaches(policies, &from.desired, &to.desired, new_port)))
        };
        if is_kept(&during) {
            if !is_left(&desired) {
                let message = "the members reach each other by a network policy that would be deleted, while another one closes them";
                diagnostics.push(
                    Diagnostic::new(&UNSAFE_CHANGE, "networkPolicy", message).help(
                        "keep the policy (networkPolicy), or have another one let members reach each other first",
                    ),
                );
            }
            return;
        }
        let Some(policy) = during.iter().find(|policy| !is_kept(&[**policy])) else {
            return;
        };
        let is_own = policy.label(OWNERSHIP_LABEL).as_ref() == Some(&self.to.fullname);
        let (path, message) = if old_port == new_port {
            (
                "networkPolicy",
                format!(
                    "the NetworkPolicy {:?} would keep members that have changed and members that have not from each other, at \
                     the peer port {old_port}",
                    policy.id.name
                ),
            )
        } else {
            (
                "ports.peer",
                format!(
                    "the NetworkPolicy {:?} does not let in both peer ports {old_port} and {new_port}, and members use both while the \
                     port changes",
                    policy.id.name
                ),
            )
        };
        let help = if is_own {
            "plan the change without the policy (networkPolicy: {enabled: false}), and then with it"
        } else {
            "let the policy admit members with the labels and ports of before and of after first"
        };
        diagnostics.push(Diagnostic::new(&UNSAFE_CHANGE, path, message).help(help));
    }

    /// The change of who reaches which port of the members, if it changes.
    pub(super) fn reach_change(&self) -> Option<String> {
        let (before, after) = (self.policies_before(), self.policies_desired());
        // Where more are told apart, the change is refused.
        let ordinals = self.told_apart(before.iter().chain(&after)).unwrap_or_default();
        let kept: Vec<u32> = ordinals.into_iter().filter(|at| *at < self.kept()).collect();
        let mut parts = Vec::new();
        for ordinal in kept.iter().copied() {
            let (old, new) = (Pod::of(self.from, ordinal), Pod::of(self.to, ordinal));
            for port in self.listened_ports() {
                let was = who_reaches(&before, &old, port.before);
                let is = who_reaches(&after, &new, port.after);
                if was == is {
                    continue;
                }
                let of = if kept.len() == 1 {
                    String::new()
                } else {
                    format!(" of {}", self.from.member(ordinal))
                };
                parts.push(format!(
                    "port {} ({}){of} is open to {} before, and to {} after",
                    port.after,
                    port.what,
                    listed(&was),
                    listed(&is)
                ));
            }
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The ordinals of members that policies tell apart by labels of the StatefulSet's controller, and one each of those that
    /// stay and that are added; one if they tell none apart. None if there are too many, or a policy depends on what no plan
    /// knows.
    fn told_apart<'p>(&self, policies: impl Iterator<Item = &'p &'p Object>) -> Option<Vec<u32>> {
        let most = self.from.replicas.max(self.to.replicas);
        let mut named = BTreeSet::new();
        let mut tells_apart = false;
        let own = [self.from.pod_labels(), self.to.pod_labels()];
        for selector in policies.flat_map(|policy| pod_selectors(policy)) {
            let labels = selected_labels(selector);
            let may_match = labels.iter().all(|(key, values)| {
                [POD_NAME, POD_INDEX, POD_REVISION].contains(&key.as_str())
                    || values.is_empty()
                    || own
                        .iter()
                        .any(|own: &Labels| own.get(key).is_some_and(|value| values.contains(value)))
                    || self
                        .to
                        .pod_labels()
                        .get(key)
                        .is_some_and(|value| values.contains(value))
            });
            for (key, values) in labels.into_iter().filter(|_| may_match) {
                match key.as_str() {
                    POD_REVISION => return None,
                    POD_NAME | POD_INDEX => tells_apart = true,
                    _ => continue,
                }
                let ordinal = |value: &String| {
                    let index = value
                        .strip_prefix(&self.from.fullname)
                        .and_then(|rest| rest.strip_prefix('-'));
                    index.unwrap_or(value).parse::<u32>().ok()
                };
                named.extend(values.iter().filter_map(ordinal).filter(|ordinal| *ordinal < most));
            }
            if named.len() > MOST_TOLD_APART {
                return None;
            }
        }
        if !tells_apart {
            return Some(vec![0]);
        }
        // Two of them, so that they form a pair.
        let others = |range: std::ops::Range<u32>| range.filter(|ordinal| !named.contains(ordinal)).take(2);
        let unnamed: Vec<u32> = others(0..self.from.replicas)
            .chain(others(self.from.replicas..self.to.replicas))
            .collect();
        named.extend(unnamed);
        Some(named.into_iter().collect())
    }

    /// Policies of other pods that let these reach the members before the change and not after it: name and port.
    pub(super) fn policies_of_clients(&self) -> Vec<(String, u16)> {
        let mut found = BTreeSet::new();
        let policies = self.policies_desired();
        let ordinals = self.told_apart(policies.iter()).unwrap_or_default();
        for ordinal in ordinals.into_iter().filter(|at| *at < self.kept()) {
            let (old, new) = (Pod::of(self.from, ordinal), Pod::of(self.to, ordinal));
            for policy in &policies {
                // Whether members reach each other is checked by itself.
                if selects(policy, &new) || !has_type(policy, Direction::Egress) {
                    continue;
                }
                for port in self.listened_ports().into_iter().filter(|port| port.what != PEERS) {
                    let was = passes(policy, Direction::Egress, &old, &old, port.before);
                    let is = passes(policy, Direction::Egress, &new, &new, port.after);
                    if was != Access::No && !was.is_kept_as(&is) {
                        found.insert((policy.id.name.clone(), port.before));
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    fn listened_ports(&self) -> Vec<Port> {
        let of_option = |cluster: &ObservedCluster, option: &str| {
            let urls = cluster.options.get(option);
            port_of(urls.known()?.split(',').next()?)
        };
        let both = |option: &str| Some((of_option(self.from, option)?, of_option(self.to, option)?));
        let ports = [
            (CLIENTS, both("listen-client-urls")),
            (PEERS, both("listen-peer-urls")),
            ("metrics", both("listen-metrics-urls")),
        ];
        ports
            .into_iter()
            .filter_map(|(what, ports)| {
                let (before, after) = ports?;
                Some(Port { what, before, after })
            })
            .collect()
    }

    /// The installed policies.
    fn policies_before(&self) -> Vec<&Object> {
        let installed = self.installed.of_kind("networking.k8s.io", "NetworkPolicy");
        installed
            .filter(|policy| policy.id.namespace == self.from.namespace)
            .collect()
    }

    /// The policies from the first apply on. What is deleted goes last.
    fn policies_after(&self) -> Vec<&Object> {
        let desired = self.desired.of_kind("networking.k8s.io", "NetworkPolicy");
        let stay = self.policies_before().into_iter();
        desired
            .filter(|policy| policy.id.namespace == self.from.namespace)
            .chain(stay.filter(|policy| self.desired.get(&policy.id).is_none()))
            .collect()
    }

    /// The policies after the last step.
    fn policies_desired(&self) -> Vec<&Object> {
        let mut policies = self.policies_after();
        policies.retain(|policy| self.desired.get(&policy.id).is_some() || !self.is_pruned(policy));
        policies
    }

    /// Whether an object goes with the change.
    pub(super) fn is_pruned(&self, object: &Object) -> bool {
        let pruned = (resource(&object.id), object.id.name.clone());
        self.changes.surplus.contains(&pruned)
    }
}

/// Most members that policies may tell apart: each pair of them is looked at.
const MOST_TOLD_APART: usize = 16;

/// The selectors of pods in a policy.
fn pod_selectors(policy: &Object) -> Vec<&Node> {
    let peers = [("spec.ingress", "from"), ("spec.egress", "to")]
        .into_iter()
        .flat_map(|(rules, peers)| {
            items(policy.node.at(rules))
                .iter()
                .flat_map(move |rule| items(rule.get(peers)))
        });
    let of_peers = peers.filter_map(|peer| peer.get("podSelector"));
    policy.node.at("spec.podSelector").into_iter().chain(of_peers).collect()
}

/// The labels that a selector asks for, with their values.
fn selected_labels(selector: &Node) -> Vec<(String, Vec<String>)> {
    let labels = map(selector.get("matchLabels"))
        .into_iter()
        .map(|(key, value)| (key, vec![value]));
    let requirements = items(selector.get("matchExpressions"))
        .iter()
        .filter_map(|requirement| {
            let values = items(requirement.get("values")).iter().filter_map(scalar).collect();
            Some((text(requirement, "key")?, values))
        });
    labels.chain(requirements).collect()
}

const CLIENTS: &str = "clients";
const PEERS: &str = "peers";

/// Whether a pod reaches another.
fn reaches(policies: &[&Object], from: &Pod, to: &Pod, port: u16) -> Reach {
    let passes_all = |direction: Direction, pod: &Pod| {
        let mut selecting = policies
            .iter()
            .filter(|policy| has_type(policy, direction) && selects(policy, pod))
            .peekable();
        if selecting.peek().is_none() {
            return Access::Yes;
        }
        selecting.fold(Access::No, |found, policy| {
            found.or(passes(policy, direction, from, to, port))
        })
    };
    Reach {
        egress: passes_all(Direction::Egress, from),
        ingress: passes_all(Direction::Ingress, to),
    }
}

/// The ports at which pods of DNS listen. The second is that of OpenShift.
const DNS: [u16; 2] = [53, 5353];

/// Whether a pod can ask DNS, whose pods are in another namespace.
fn dns(policies: &[&Object], pod: &Pod) -> Access {
    let mut selecting = policies
        .iter()
        .filter(|policy| has_type(policy, Direction::Egress) && selects(policy, pod))
        .peekable();
    if selecting.peek().is_none() {
        return Access::Yes;
    }
    let has_dns = |rule: &&Node| {
        let ports = items(rule.get("ports"));
        ports.is_empty()
            || ports.iter().any(|entry| {
                let number = |field: &str| text(entry, field).and_then(|port| port.parse::<u16>().ok());
                let is_udp = text(entry, "protocol").as_deref() == Some("UDP");
                // A name is one of the ports of these pods.
                let has = match (text(entry, "port"), number("port")) {
                    (None, _) | (Some(_), None) => true,
                    (_, Some(first)) => {
                        let ports = first..=number("endPort").unwrap_or(first);
                        DNS.iter().any(|port| ports.contains(port))
                    }
                };
                is_udp && has
            })
    };
    let mut maybe = BTreeSet::new();
    for rule in selecting
        .flat_map(|policy| items(policy.node.at("spec.egress")))
        .filter(has_dns)
    {
        let peers = items(rule.get("to"));
        if peers.is_empty() {
            return Access::Yes;
        }
        for peer in peers {
            let is_block = peer.get("ipBlock").is_some_and(|block| !block.is_null());
            let is_elsewhere = peer
                .get("namespaceSelector")
                .is_some_and(|selector| !selector.is_null());
            if is_block || is_elsewhere {
                maybe.insert(shown_peer(peer, pod));
            }
        }
    }
    if maybe.is_empty() {
        Access::No
    } else {
        Access::Maybe(maybe)
    }
}

/// Whether a policy has rules for a direction (`networking/v1`, `NetworkPolicySpec.PolicyTypes`).
fn has_type(policy: &Object, direction: Direction) -> bool {
    let types = items(policy.node.at("spec.policyTypes"));
    if types.is_empty() {
        return match direction {
            Direction::Ingress => true,
            Direction::Egress => !items(policy.node.at("spec.egress")).is_empty(),
        };
    }
    types.iter().filter_map(scalar).any(|kind| kind == direction.name())
}

/// Whether a policy selects a pod, as far as it can be told: what is not known to miss it selects it.
fn selects(policy: &Object, pod: &Pod) -> bool {
    policy
        .node
        .at("spec.podSelector")
        .is_none_or(|selector| matches(selector, &pod.labels))
}

/// Whether a selector matches labels. An operator that is not known matches.
fn matches(selector: &Node, labels: &Labels) -> bool {
    let wanted = selector.get("matchLabels").and_then(Node::entries).unwrap_or_default();
    let has_label = |entry: &Entry| {
        let value = scalar(&entry.value);
        value.is_none() || labels.get(&entry.key.scalar.text) == value.as_ref()
    };
    let is_met = |requirement: &Node| {
        let Some(key) = text(requirement, "key") else {
            return true;
        };
        let value = labels.get(&key);
        let is_in = || {
            let values = items(requirement.get("values"));
            value.is_some_and(|value| values.iter().filter_map(scalar).any(|other| other == *value))
        };
        match text(requirement, "operator").as_deref() {
            Some("In") => is_in(),
            Some("NotIn") => !is_in(),
            Some("Exists") => value.is_some(),
            Some("DoesNotExist") => value.is_none(),
            _ => true,
        }
    };
    wanted.iter().all(has_label) && items(selector.get("matchExpressions")).iter().all(is_met)
}

/// Whether a rule is about a port of a pod.
fn has_port(rule: &Node, pod: &Pod, port: u16) -> bool {
    let ports = items(rule.get("ports"));
    ports.is_empty()
        || ports.iter().any(|entry| {
            let is_tcp = text(entry, "protocol").is_none_or(|protocol| protocol == "TCP");
            let first = text(entry, "port");
            let last = text(entry, "endPort").and_then(|port| port.parse::<u16>().ok());
            is_tcp
                && first.is_none_or(|first| match first.parse::<u16>() {
                    Ok(number) => (number..=last.unwrap_or(number)).contains(&port),
                    Err(_) => pod.ports.get(&first) == Some(&port),
                })
        })
}

/// Whether the rules of a policy let traffic between two pods pass.
fn passes(policy: &Object, direction: Direction, from: &Pod, to: &Pod, port: u16) -> Access {
    let (rules, peers) = direction.fields();
    let other = match direction {
        Direction::Ingress => from,
        Direction::Egress => to,
    };
    let mut maybe = BTreeSet::new();
    for rule in items(policy.node.at(rules)) {
        if !has_port(rule, to, port) {
            continue;
        }
        let peers = items(rule.get(peers));
        if peers.is_empty() {
            return Access::Yes;
        }
        for peer in peers {
            match is_peer(peer, other) {
                Some(true) => return Access::Yes,
                Some(false) => {}
                None => {
                    maybe.insert(shown_peer(peer, other));
                }
            }
        }
    }
    if maybe.is_empty() {
        Access::No
    } else {
        Access::Maybe(maybe)
    }
}

/// Whether a pod is one of a rule's peers; none if its address or the labels of its namespace decide.
fn is_peer(peer: &Node, pod: &Pod) -> Option<bool> {
    if let Some(block) = peer.get("ipBlock").filter(|block| !block.is_null()) {
        let is_all = text(block, "cidr").is_some_and(|cidr| cidr == "0.0.0.0/0" || cidr == "::/0");
        return (is_all && items(block.get("except")).is_empty()).then_some(true);
    }
    let pods = peer.get("podSelector").filter(|selector| !selector.is_null());
    if pods.is_some_and(|selector| !matches(selector, &pod.labels)) {
        return Some(false);
    }
    let Some(namespaces) = peer.get("namespaceSelector").filter(|selector| !selector.is_null()) else {
        return pods.map(|_| true);
    };
    let is_empty =
        map(namespaces.get("matchLabels")).is_empty() && items(namespaces.get("matchExpressions")).is_empty();
    if is_empty {
        return Some(true);
    }
    // The API server gives every namespace the label of its name.
    let name = map(namespaces.get("matchLabels")).remove("kubernetes.io/metadata.name");
    name.filter(|name| *name != pod.namespace).map(|_| false)
}

/// Returns the peers that reach a port of a pod, as text.
fn who_reaches(policies: &[&Object], pod: &Pod, port: u16) -> BTreeSet<String> {
    let mut selecting = policies
        .iter()
        .filter(|policy| has_type(policy, Direction::Ingress) && selects(policy, pod))
        .peekable();
    if selecting.peek().is_none() {
        return [EVERYONE.to_owned()].into();
    }
    let mut found = BTreeSet::new();
    for policy in selecting {
        for rule in items(policy.node.at("spec.ingress")) {
            if !has_port(rule, pod, port) {
                continue;
            }
            let peers = items(rule.get("from"));
            if peers.is_empty() {
                return [EVERYONE.to_owned()].into();
            }
            found.extend(peers.iter().map(|peer| shown_peer(peer, pod)));
        }
    }
    found
}

const EVERYONE: &str = "everyone";

/// Most peers that a message lists.
const MOST: usize = 6;

fn listed(peers: &BTreeSet<String>) -> String {
    let mut shown: Vec<&str> = peers.iter().take(MOST).map(String::as_str).collect();
    let more = format!("{} more", peers.len().saturating_sub(MOST));
    if peers.len() > MOST {
        shown.push(&more);
    }
    if shown.is_empty() {
        "nobody".to_owned()
    } else {
        shown.join(", ")
    }
}

/// A peer of a rule, as a person calls it.
fn shown_peer(peer: &Node, pod: &Pod) -> String {
    if let Some(block) = peer.get("ipBlock").filter(|block| !block.is_null()) {
        let cidr = plain(&text(block, "cidr").unwrap_or_default());
        let except: Vec<String> = items(block.get("except"))
            .iter()
            .filter_map(scalar)
            .map(|text| plain(&text))
            .collect();
        return if except.is_empty() {
            cidr
        } else {
            format!("{cidr} without {}", except.join(" and "))
        };
    }
    let pods = match peer.get("podSelector").filter(|selector| !selector.is_null()) {
        Some(selector) if map(selector.get("matchLabels")) == pod.selector && !pod.selector.is_empty() => {
            "the members".to_owned()
        }
        Some(selector) => shown_selector("pods", selector),
        None => "all pods".to_owned(),
    };
    match peer.get("namespaceSelector").filter(|selector| !selector.is_null()) {
        Some(namespaces) => format!("{pods} in {}", shown_selector("namespaces", namespaces)),
        None if pods == "all pods" => format!("{pods} of the namespace"),
        None => pods,
    }
}

fn shown_selector(what: &str, selector: &Node) -> String {
    let labels = map(selector.get("matchLabels"));
    let mut parts: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{}={}", plain(key), plain(value)))
        .collect();
    parts.extend(items(selector.get("matchExpressions")).iter().map(|requirement| {
        let word = |field: &str| plain(&text(requirement, field).unwrap_or_default());
        let values: Vec<String> = items(requirement.get("values"))
            .iter()
            .filter_map(scalar)
            .map(|text| plain(&text))
            .collect();
        format!("{} {} {}", word("key"), word("operator"), values.join("|"))
            .trim_end()
            .to_owned()
    }));
    if parts.is_empty() {
        format!("all {what}")
    } else {
        format!("{what} with {}", parts.join(" and "))
    }
}

/// A text from outside: as it is if it is a plain word, else quoted.
fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if text.len() <= 80 && !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}
