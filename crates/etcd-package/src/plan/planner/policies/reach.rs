//! Pods that reach each other. Whether a rule lets traffic pass is found for all pods at once, so that the work grows with the
//! number of rules, and not with that of pairs of pods.

use std::collections::BTreeSet;
use std::ops::Range;

use super::peers::{Direction, PeerId, Policies, Policy, Time};
use super::pods::Pod;

/// Pods by their places, as the bits of a number.
pub(super) type PodSet = u128;

/// Whether traffic passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Yes,
    /// If one of these peers lets it: their addresses and namespaces are not known.
    Maybe(BTreeSet<PeerId>),
    No,
}

impl Access {
    /// Returns the access by any of these peers.
    pub(super) fn by(peers: BTreeSet<PeerId>) -> Self {
        if peers.is_empty() { Self::No } else { Self::Maybe(peers) }
    }

    /// Whether what passed before still passes.
    pub(super) fn is_kept_as(&self, after: &Self) -> bool {
        match (self, after) {
            // Policies that nobody enforces.
            (Self::No, _) | (_, Self::Yes) => true,
            (Self::Maybe(before), Self::Maybe(after)) => before.is_subset(after),
            (Self::Yes | Self::Maybe(_), _) => false,
        }
    }
}

/// Pods under the policies of their namespace.
pub(super) struct Reach<'a> {
    policies: &'a Policies<'a>,
    pods: &'a [Pod],
    /// The pods that each policy selects.
    selected: Vec<PodSet>,
    /// The pods that each peer includes, and those that it may include.
    included: Vec<(PodSet, PodSet)>,
}

/// The traffic that passes in a direction at a time and a port: from each pod, or to it.
pub(super) struct Traffic {
    /// For each pod, the others with which it passes.
    open: Vec<PodSet>,
    /// Those with which it passes or may pass.
    possible: Vec<PodSet>,
    /// Those with which it may pass, by the peers that decide it.
    perhaps: Vec<Perhaps>,
}

struct Perhaps {
    peer: PeerId,
    pods: PodSet,
    others: PodSet,
}

impl<'a> Reach<'a> {
    pub(super) fn of(policies: &'a Policies<'a>, pods: &'a [Pod]) -> Self {
        let included = policies.peers.iter().map(|peer| {
            let verdicts: Vec<Option<bool>> = pods
                .iter()
                .map(|pod| peer.includes(&pod.labels, policies.namespace))
                .collect();
            let those = |wanted: Option<bool>| set(&verdicts, |verdict| *verdict == wanted);
            (those(Some(true)), those(None))
        });
        Self {
            policies,
            pods,
            selected: policies
                .all
                .iter()
                .map(|policy| set(pods, |pod| policy.pods.matches(&pod.labels)))
                .collect(),
            included: included.collect(),
        }
    }

    /// The policies that hold at a time, and the pods that they select.
    fn at(&self, time: Time) -> impl Iterator<Item = (&'a Policy<'a>, PodSet)> {
        let selected = self.selected.iter().copied();
        let all = self.policies.all.iter().zip(selected);
        all.filter(move |(policy, selected)| policy.is_at(time) && *selected != 0)
    }

    /// The policies that hold at a time and have rules for a direction of a pod's traffic, and their places.
    pub(super) fn restricting(
        &self,
        time: Time,
        direction: Direction,
        pod: usize,
    ) -> impl Iterator<Item = (usize, &'a Policy<'a>)> {
        let all = self.policies.all.iter().enumerate().zip(&self.selected);
        let selecting = all.filter(move |(_, selected)| has(**selected, pod));
        let selecting = selecting.map(|(policy, _)| policy);
        selecting.filter(move |(_, policy)| policy.is_at(time) && policy.rules(direction).is_some())
    }

    pub(super) fn traffic(&self, time: Time, direction: Direction, port: u16) -> Traffic {
        let all = set(self.pods, |_| true);
        let mut restricted = 0;
        let mut open = vec![0; self.pods.len()];
        let mut perhaps: Vec<Perhaps> = Vec::new();
        for (policy, selected) in self.at(time) {
            let Some(rules) = policy.rules(direction) else {
                continue;
            };
            restricted |= selected;
            for rule in rules {
                // The port is always that of the pod to which the traffic goes.
                let have_port = set(self.pods, |pod| rule.has_port(pod, port));
                let (pods, others) = match direction {
                    Direction::Ingress => (selected & have_port, all),
                    Direction::Egress => (selected, have_port),
                };
                if pods == 0 || others == 0 {
                    continue;
                }
                let mut passing = if rule.peers.is_empty() { all } else { 0 };
                for peer in &rule.peers {
                    let (is, may_be) = self.included[*peer];
                    passing |= is;
                    if may_be & others != 0 {
                        perhaps.push(Perhaps {
                            peer: *peer,
                            pods,
                            others: may_be & others,
                        });
                    }
                }
                add(&mut open, pods, passing & others);
            }
        }
        add(&mut open, all & !restricted, all);
        let mut possible = open.clone();
        for perhaps in &perhaps {
            add(&mut possible, perhaps.pods, perhaps.others);
        }
        perhaps.sort_by_key(|perhaps| perhaps.peer);
        Traffic {
            open,
            possible,
            perhaps,
        }
    }

    /// The peers of the rules that let others reach a port of a pod; none if everyone reaches it.
    pub(super) fn who_reaches(&self, time: Time, pod: usize, port: u16) -> Option<BTreeSet<PeerId>> {
        let restricting = self.restricting(time, Direction::Ingress, pod);
        let mut rules = restricting
            .filter_map(|(_, policy)| policy.rules(Direction::Ingress))
            .peekable();
        rules.peek()?;
        let mut found = BTreeSet::new();
        for rule in rules.flatten().filter(|rule| rule.has_port(&self.pods[pod], port)) {
            if rule.peers.is_empty() {
                return None;
            }
            found.extend(rule.peers.iter().copied());
        }
        Some(found)
    }

    /// Whether the rules of a policy let the pods that it selects out to a port of a pod.
    pub(super) fn lets_out(&self, policy: &Policy<'_>, pod: usize, port: u16) -> Access {
        let mut maybe = BTreeSet::new();
        let rules = policy.rules(Direction::Egress).unwrap_or_default().iter();
        for rule in rules.filter(|rule| rule.has_port(&self.pods[pod], port)) {
            if rule.peers.is_empty() {
                return Access::Yes;
            }
            for peer in &rule.peers {
                let (is, may_be) = self.included[*peer];
                if has(is, pod) {
                    return Access::Yes;
                }
                if has(may_be, pod) {
                    maybe.insert(*peer);
                }
            }
        }
        Access::by(maybe)
    }
}

impl Traffic {
    /// Whether it passes between a pod and another.
    pub(super) fn access(&self, pod: usize, other: usize) -> Access {
        if has(self.open[pod], other) {
            return Access::Yes;
        }
        let perhaps = self.perhaps.iter();
        let deciding = perhaps.filter(|perhaps| has(perhaps.pods, pod) && has(perhaps.others, other));
        Access::by(deciding.map(|perhaps| perhaps.peer).collect())
    }

    /// For each of the pods, those of the others with which traffic passed before, and may not pass after the change.
    fn lost(
        &self,
        [pods, others]: [&Range<usize>; 2],
        after: &Self,
        [new_pods, new_others]: [&Range<usize>; 2],
    ) -> Vec<PodSet> {
        let mut lost: Vec<PodSet> = self.open[pods.clone()].iter().map(|open| cut(*open, others)).collect();
        let mut rest = after.perhaps.as_slice();
        for before in self.perhaps.chunk_by(|a, b| a.peer == b.peer) {
            let peer = before[0].peer;
            rest = &rest[rest.partition_point(|perhaps| perhaps.peer < peer)..];
            let (same, later) = rest.split_at(rest.partition_point(|perhaps| perhaps.peer == peer));
            rest = later;
            let by_peer = |all: &[Perhaps], pod: usize, others: &Range<usize>| {
                let of_pod = all.iter().filter(|perhaps| has(perhaps.pods, pod));
                of_pod.fold(0, |found, perhaps| found | cut(perhaps.others, others))
            };
            for (lost, (old, new)) in lost.iter_mut().zip(pods.clone().zip(new_pods.clone())) {
                *lost |= by_peer(before, old, others) & !by_peer(same, new, new_others);
            }
        }
        for (lost, open) in lost.iter_mut().zip(&after.open[new_pods.clone()]) {
            *lost &= !cut(*open, new_others);
        }
        lost
    }
}

/// The traffic of both directions. A connection takes both.
pub(super) struct Both {
    egress: Traffic,
    ingress: Traffic,
}

impl Both {
    pub(super) fn of(reach: &Reach<'_>, time: Time, port: u16) -> Self {
        Self {
            egress: reach.traffic(time, Direction::Egress, port),
            ingress: reach.traffic(time, Direction::Ingress, port),
        }
    }

    /// The first pod of a connection that was possible before and may not be after the change, with the direction of its
    /// traffic that no longer passes. Pods are those from which and to which connections go, before and after.
    pub(super) fn closed(
        &self,
        [from, to]: [&Range<usize>; 2],
        after: &Self,
        [new_from, new_to]: [&Range<usize>; 2],
    ) -> Option<(Direction, usize)> {
        let was_possible =
            |from: usize, to: usize| has(self.egress.possible[from], to) && has(self.ingress.possible[to], from);
        // One that policies do not tell from the others stands for a pair of them.
        let is_pair = |one: usize, other: usize| one != other || from.len() == 1;
        let lost = self.egress.lost([from, to], &after.egress, [new_from, new_to]);
        for (index, lost) in lost.into_iter().enumerate() {
            let mut others = (0..to.len()).filter(|other| has(lost, *other) && is_pair(index, *other));
            if others.any(|other| was_possible(from.start + index, to.start + other)) {
                return Some((Direction::Egress, new_from.start + index));
            }
        }
        let lost = self.ingress.lost([to, from], &after.ingress, [new_to, new_from]);
        for (index, lost) in lost.into_iter().enumerate() {
            let mut others = (0..from.len()).filter(|other| has(lost, *other) && is_pair(index, *other));
            if others.any(|other| was_possible(from.start + other, to.start + index)) {
                return Some((Direction::Ingress, new_to.start + index));
            }
        }
        None
    }

    /// Returns the access between two pods, out of the first and into the second.
    pub(super) fn access(&self, from: usize, to: usize) -> [Access; 2] {
        [self.egress.access(from, to), self.ingress.access(to, from)]
    }
}

fn has(pods: PodSet, place: usize) -> bool {
    pods >> place & 1 == 1
}

/// The pods in a range of places, from the first on.
fn cut(pods: PodSet, range: &Range<usize>) -> PodSet {
    (pods >> range.start) & ((1 << range.len()) - 1)
}

/// Adds others to those of each of the pods.
fn add(all: &mut [PodSet], pods: PodSet, others: PodSet) {
    for (place, found) in all.iter_mut().enumerate() {
        if has(pods, place) {
            *found |= others;
        }
    }
}

fn set<T>(all: &[T], is_in: impl Fn(&T) -> bool) -> PodSet {
    let places = all.iter().enumerate().filter(|(_, item)| is_in(item));
    places.fold(0, |found, (place, _)| found | 1 << place)
}
