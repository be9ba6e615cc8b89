//! Network policies: who reaches the members, and whether members reach each other while some of them have changed.

mod dns;
mod jobs;
mod peers;
mod pods;
mod reach;
mod selectors;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use rutter::{Diagnostic, Diagnostics};

use self::dns::Dns;
use self::peers::{Direction, Family, PeerId, Policies, Policy, Time, Times};
use self::pods::{MOST_TOLD_APART, Members, Stage};
use self::reach::{Access, Both, Reach};
pub(super) use self::selectors::Selector;
use super::super::changes::resource;
use super::super::objects::{Object, Objects, items, scalar};
use super::super::observed::{ObservedCluster, port_of};
use super::Planner;
use crate::cluster::OWNERSHIP_LABEL;
use crate::codes::UNSAFE_CHANGE;

/// A port that members listen on.
struct Port {
    what: &'static str,
    before: u16,
    after: u16,
}

const CLIENTS: &str = "clients";
const PEERS: &str = "peers";

/// The policies of the namespace, which are read once.
#[derive(Default)]
pub(in crate::plan) struct ReadPolicies<'a>(OnceCell<Policies<'a>>);

impl<'a> Planner<'a> {
    /// Returns the policies of the namespace, installed and desired.
    fn policies(&self) -> &Policies<'a> {
        self.policies.0.get_or_init(|| {
            let of_namespace = |policy: &&Object| policy.id.namespace == self.from.namespace;
            let desired = self.desired.of_kind("networking.k8s.io", "NetworkPolicy");
            let desired = desired.filter(of_namespace).map(|policy| {
                let times = Times {
                    before: false,
                    during: true,
                    after: true,
                };
                (policy, times)
            });
            let installed = self.installed.of_kind("networking.k8s.io", "NetworkPolicy");
            let installed = installed.filter(of_namespace).map(|policy| {
                let stays = self.desired.get(&policy.id).is_none();
                let times = Times {
                    before: true,
                    during: stays,
                    after: stays && !self.is_pruned(policy),
                };
                (policy, times)
            });
            Policies::of(&self.from.namespace, self.family(), desired.chain(installed))
        })
    }
}

impl Planner<'_> {
    /// Refuses a change during which policies keep members from each other.
    pub(super) fn check_policies(&self, diagnostics: &mut Diagnostics) {
        let (Some(old_port), Some(new_port)) = (
            self.from.peer_url(0).known().and_then(|url| port_of(url)),
            self.to.peer_url(0).known().and_then(|url| port_of(url)),
        ) else {
            return;
        };
        if self.from.replicas.max(self.to.replicas) < 2 || self.changes.is_empty() {
            return;
        }
        let policies = self.policies();
        let Some(members) = self.members_told_apart(policies) else {
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
        let reach = Reach::of(policies, &members.pods);
        // Members know each other by names, which they look up for each new connection.
        if self.dns(policies, &members, &reach).any(|access| access == Access::No) {
            let message = "network policies would keep members from DNS (port 53), and they find each other by names at each new \
                           connection";
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "networkPolicy", message)
                    .help("let members out to the pods of DNS, at port 53 of UDP and TCP, in the same change"),
            );
        }
        let installed = members.at(Stage::Installed);
        let before = Both::of(&reach, Time::Before, old_port);
        let during = [(Stage::Relabelled, old_port), (Stage::Desired, new_port)]
            .map(|(stage, port)| (members.at(stage), Both::of(&reach, Time::During, port)));
        let mut pairs = during
            .iter()
            .flat_map(|(from, _)| during.iter().map(move |(to, both)| (from, to, both)));
        let closed = pairs.find_map(|(from, to, both)| before.closed([&installed; 2], both, [from, to]));
        let Some((direction, pod)) = closed else {
            if self.is_closed_after(&members, &before, &Both::of(&reach, Time::After, new_port)) {
                let message = "the members reach each other by a network policy that would be deleted, while another one closes them";
                diagnostics.push(
                    Diagnostic::new(&UNSAFE_CHANGE, "networkPolicy", message).help(
                        "keep the policy (networkPolicy), or have another one let members reach each other first",
                    ),
                );
            }
            return;
        };
        if let Some((_, policy)) = reach.restricting(Time::During, direction, pod).next() {
            diagnostics.push(self.closing(policy, old_port, new_port));
        }
    }

    /// The error about a policy that keeps members from each other.
    fn closing(&self, policy: &Policy<'_>, old_port: u16, new_port: u16) -> Diagnostic {
        let name = &policy.object.id.name;
        let (path, message) = if old_port == new_port {
            (
                "networkPolicy",
                format!(
                    "the NetworkPolicy {name:?} would keep members that have changed and members that have not from each other, at \
                     the peer port {old_port}"
                ),
            )
        } else {
            (
                "ports.peer",
                format!(
                    "the NetworkPolicy {name:?} does not let in both peer ports {old_port} and {new_port}, and members use both \
                     while the port changes"
                ),
            )
        };
        let is_own = policy.object.label(OWNERSHIP_LABEL).as_ref() == Some(&self.to.fullname);
        let help = if is_own {
            "plan the change without the policy (networkPolicy: {enabled: false}), and then with it"
        } else {
            "let the policy admit members with the labels and ports of before and of after first"
        };
        Diagnostic::new(&UNSAFE_CHANGE, path, message).help(help)
    }

    /// Whether members that stay are kept from each other once the last objects are deleted.
    fn is_closed_after(&self, members: &Members, before: &Both, after: &Both) -> bool {
        let staying = members.ordinals.iter().filter(|at| **at < self.to.replicas).count();
        // They are in the order of their ordinals.
        let [installed, desired] = [Stage::Installed, Stage::Desired].map(|stage| {
            let places = members.at(stage);
            places.start..places.start + staying
        });
        self.to.replicas > 1 && before.closed([&installed; 2], after, [&desired; 2]).is_some()
    }

    /// Whether each member that may ask DNS before the change can ask it from the first apply on, where policies no longer let
    /// it as before.
    fn dns(&self, policies: &Policies<'_>, members: &Members, reach: &Reach<'_>) -> impl Iterator<Item = Access> {
        let dns = Dns::of(policies);
        let installed = members.at(Stage::Installed);
        let changed = [Stage::Relabelled, Stage::Desired].map(|stage| members.at(stage));
        let mut found = Vec::new();
        for (index, place) in installed.enumerate() {
            let before = dns.of_pod(reach, Time::Before, place);
            for (places, time) in changed
                .iter()
                .flat_map(|places| [Time::During, Time::After].map(|time| (places, time)))
            {
                let after = dns.of_pod(reach, time, places.start + index);
                if !before.is_kept_as(&after) {
                    found.push(after);
                }
            }
        }
        found.into_iter()
    }

    /// The peers to which policies let members out at the port of DNS, if DNS may not be among them any more.
    pub(super) fn doubtful_dns(&self) -> Option<String> {
        let policies = self.policies();
        let members = self.members_told_apart(policies)?;
        let reach = Reach::of(policies, &members.pods);
        let doubtful = self.dns(policies, &members, &reach).find_map(|access| match access {
            Access::Maybe(peers) => Some(peers),
            Access::Yes | Access::No => None,
        })?;
        let shown = doubtful
            .iter()
            .map(|peer| policies.peers[*peer].shown(&self.to.selector));
        let shown: BTreeSet<String> = shown.collect();
        Some(listed(shown.iter().map(String::as_str), shown.len()))
    }

    /// The change of who reaches which port of the members, if it changes.
    pub(super) fn reach_change(&self) -> Option<String> {
        let policies = self.policies();
        let Some(members) = self.members_told_apart(policies) else {
            // The change of a cluster of several is refused.
            let mut all = policies.all.iter();
            let changes = !self.template_changes().is_empty() || all.any(|policy| policy.times.is_other_after());
            return changes.then(|| "they select pods by their revision, which is not known".to_owned());
        };
        let reach = Reach::of(policies, &members.pods);
        let texts = Texts::of(policies, [self.from, self.to]);
        let [installed, desired] = [Stage::Installed, Stage::Desired].map(|stage| members.at(stage));
        let pods = members.ordinals.iter().zip(installed.zip(desired));
        let kept: Vec<_> = pods.filter(|(ordinal, _)| **ordinal < self.kept()).collect();
        let mut parts = Vec::new();
        for port in self.listened_ports() {
            let changes: Vec<_> = kept
                .iter()
                .map(|(_, (old, new))| {
                    let was = reach.who_reaches(Time::Before, *old, port.before);
                    let is = reach.who_reaches(Time::After, *new, port.after);
                    (texts.of_peers(0, was), texts.of_peers(1, is))
                })
                .collect();
            let is_of_all = changes.windows(2).all(|pair| pair[0] == pair[1]);
            for ((ordinal, _), (was, is)) in kept.iter().zip(&changes) {
                if was == is {
                    continue;
                }
                let of = if is_of_all {
                    String::new()
                } else {
                    format!(" of {}", self.from.member(**ordinal))
                };
                parts.push(format!(
                    "port {} ({}){of} is open to {} before, and to {} after",
                    port.after,
                    port.what,
                    texts.listed(was.as_ref()),
                    texts.listed(is.as_ref())
                ));
                if is_of_all {
                    break;
                }
            }
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Policies of other pods that let these reach the members before the change and not after it: name and port.
    pub(super) fn policies_of_clients(&self) -> Vec<(String, u16)> {
        let mut found = BTreeSet::new();
        let policies = self.policies();
        let Some(members) = self.members_told_apart(policies) else {
            return Vec::new();
        };
        let reach = Reach::of(policies, &members.pods);
        let [installed, desired] = [Stage::Installed, Stage::Desired].map(|stage| members.at(stage));
        let pods = members.ordinals.iter().zip(installed.zip(desired));
        for (_, (old, new)) in pods.filter(|(ordinal, _)| **ordinal < self.kept()) {
            for policy in policies.all.iter().filter(|policy| policy.is_at(Time::After)) {
                // Whether members reach each other is checked by itself.
                if policy.pods.matches(&members.pods[new].labels) || policy.rules(Direction::Egress).is_none() {
                    continue;
                }
                for port in self.listened_ports().into_iter().filter(|port| port.what != PEERS) {
                    let was = reach.lets_out(policy, old, port.before);
                    let is = reach.lets_out(policy, new, port.after);
                    if !was.is_kept_as(&is) {
                        found.insert((policy.object.id.name.clone(), port.before));
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

    fn members_told_apart(&self, policies: &Policies<'_>) -> Option<Members> {
        let ordinals = self.told_apart(policies)?;
        Some(Members::of(self.from, self.to, ordinals))
    }

    /// The family in which pods reach each other: IPv6 if any Service or pod of the namespace has it first.
    fn family(&self) -> Family {
        let is_ipv6 = |object: &Object| {
            let first = items(object.node.at("spec.ipFamilies")).first().and_then(scalar);
            let addresses = [object.text("spec.clusterIP"), object.text("status.podIP")];
            first.as_deref() == Some("IPv6") || addresses.iter().flatten().any(|address| address.contains(':'))
        };
        let of = |objects: &Objects| {
            let all = objects.of_kind("", "Service").chain(objects.of_kind("", "Pod"));
            all.filter(|object| object.id.namespace == self.from.namespace)
                .any(is_ipv6)
        };
        if of(self.installed) || of(self.desired) {
            Family::IPv6
        } else {
            Family::IPv4
        }
    }

    /// Whether an object goes with the change.
    pub(super) fn is_pruned(&self, object: &Object) -> bool {
        let pruned = (resource(&object.id), object.id.name.clone());
        self.changes.surplus.contains(&pruned)
    }
}

/// The peers of policies as texts, by their order. Those of two clusters can have the same text.
struct Texts {
    all: Vec<String>,
    /// For each cluster, the texts of the peers by their places in `all`.
    of_clusters: [Vec<usize>; 2],
}

impl Texts {
    fn of(policies: &Policies<'_>, clusters: [&ObservedCluster; 2]) -> Self {
        let shown = clusters.map(|cluster| -> Vec<String> {
            let peers = policies.peers.iter();
            peers.map(|peer| peer.shown(&cluster.selector)).collect()
        });
        let all: BTreeSet<String> = shown.iter().flatten().cloned().collect();
        let all: Vec<String> = all.into_iter().collect();
        let places = |texts: Vec<String>| {
            let places = texts.iter().map(|text| all.partition_point(|other| other < text));
            places.collect()
        };
        let of_clusters = shown.map(places);
        Self { all, of_clusters }
    }

    fn of_peers(&self, cluster: usize, peers: Option<BTreeSet<PeerId>>) -> Option<BTreeSet<usize>> {
        let texts = &self.of_clusters[cluster];
        Some(peers?.into_iter().map(|peer| texts[peer]).collect())
    }

    /// Returns some of them for a message. None are everyone.
    fn listed(&self, texts: Option<&BTreeSet<usize>>) -> String {
        let Some(texts) = texts else {
            return "everyone".to_owned();
        };
        if texts.is_empty() {
            return "nobody".to_owned();
        }
        listed(texts.iter().map(|text| &*self.all[*text]), texts.len())
    }
}

/// Returns as many texts as a message has room for.
fn listed<'a>(texts: impl Iterator<Item = &'a str>, count: usize) -> String {
    const MOST: usize = 6;
    let mut shown: Vec<&str> = texts.take(MOST).collect();
    let more = format!("{} more", count.saturating_sub(MOST));
    if count > MOST {
        shown.push(&more);
    }
    shown.join(", ")
}
