//! The pods that policies are asked about.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rutter::yaml::Node;

use super::peers::{Peer, Policies};
use super::selectors::{Labels, Selector};
use crate::plan::objects::{Object, items};
use crate::plan::observed::{ObservedCluster, POD_INDEX, POD_NAME, POD_REVISION, text};
use crate::plan::planner::Planner;

/// A pod, as far as a policy sees it.
pub(super) struct Pod {
    pub(super) labels: Labels,
    /// The numbers of its named ports.
    pub(super) ports: BTreeMap<String, u16>,
}

impl Pod {
    fn of_template(template: Option<&Node>, labels: Labels) -> Self {
        let containers = items(template.and_then(|template| template.at("spec.containers"))).iter();
        let ports = containers.flat_map(|container| items(container.get("ports")));
        Self {
            labels,
            ports: ports
                .filter_map(|port| Some((text(port, "name")?, text(port, "containerPort")?.parse().ok()?)))
                .collect(),
        }
    }

    /// The pod of a member of a cluster.
    pub(super) fn of(cluster: &ObservedCluster, ordinal: u32) -> Self {
        let mut labels = cluster.pod_labels();
        labels.insert(POD_NAME.to_owned(), cluster.member(ordinal));
        labels.insert(POD_INDEX.to_owned(), ordinal.to_string());
        Self::of_template(cluster.set.node.at("spec.template"), labels)
    }

    /// A pod of a CronJob. The controller of jobs gives it labels whose values are not known before
    /// (`pkg/controller/job/job_controller.go` of Kubernetes).
    pub(super) fn of_job(job: &Object) -> Self {
        let mut labels = job.labels_of_pods();
        for label in ["job-name", "controller-uid"] {
            labels.insert(label.to_owned(), job.id.name.clone());
            labels.insert(format!("batch.kubernetes.io/{label}"), job.id.name.clone());
        }
        Self::of_template(job.pod_template(), labels)
    }
}

/// A state of the pods of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The pod of the member that is there; of one that is added, that of the last.
    Installed,
    /// With the labels of a new selector, which pods that run get first.
    Relabelled,
    Desired,
}

/// The members that policies tell apart, and their pods.
pub(super) struct Members {
    pub(super) ordinals: Vec<u32>,
    /// Those of each stage after the other.
    pub(super) pods: Vec<Pod>,
}

impl Members {
    pub(super) fn of(from: &ObservedCluster, to: &ObservedCluster, ordinals: Vec<u32>) -> Self {
        let last = from.replicas.saturating_sub(1);
        let installed = ordinals.iter().map(|ordinal| Pod::of(from, *ordinal.min(&last)));
        let relabelled = ordinals.iter().map(|ordinal| {
            let mut pod = Pod::of(from, *ordinal);
            pod.labels.extend(to.selector.clone());
            pod
        });
        let desired = ordinals.iter().map(|ordinal| Pod::of(to, *ordinal));
        Self {
            pods: installed.chain(relabelled).chain(desired).collect(),
            ordinals,
        }
    }

    /// The places of their pods of a stage.
    pub(super) fn at(&self, stage: Stage) -> Range<usize> {
        let count = self.ordinals.len();
        let first = match stage {
            Stage::Installed => 0,
            Stage::Relabelled => count,
            Stage::Desired => 2 * count,
        };
        first..first + count
    }
}

impl Planner<'_> {
    /// The ordinals of members that policies tell apart by labels of the StatefulSet's controller, and one each of those that
    /// stay and that are added; one if they tell none apart. None if there are too many, or a policy depends on what no plan
    /// knows.
    pub(super) fn told_apart(&self, policies: &Policies<'_>) -> Option<Vec<u32>> {
        let most = self.from.replicas.max(self.to.replicas);
        let mut named = BTreeSet::new();
        let mut tells_apart = false;
        let (old, new) = (self.from.pod_labels(), self.to.pod_labels());
        let mut relabelled = old.clone();
        relabelled.extend(self.to.selector.clone());
        let may_match = |selector: &&Selector| {
            let pods = [&old, &relabelled, &new];
            pods.iter()
                .any(|labels| selector.matches_without(labels, &OF_CONTROLLER))
        };
        let of_peers = policies.peers.iter().filter_map(|peer| match peer {
            Peer::Pods { pods, .. } => pods.as_ref(),
            Peer::Block { .. } => None,
        });
        let selectors = policies.all.iter().map(|policy| &policy.pods).chain(of_peers);
        for selector in selectors.filter(may_match) {
            if selector.asked(POD_REVISION).is_some() {
                return None;
            }
            for values in [POD_NAME, POD_INDEX].iter().filter_map(|label| selector.asked(label)) {
                tells_apart = true;
                let ordinal = |value: &str| {
                    let index = value
                        .strip_prefix(&self.from.fullname)
                        .and_then(|rest| rest.strip_prefix('-'));
                    index.unwrap_or(value).parse::<u32>().ok()
                };
                named.extend(values.into_iter().filter_map(ordinal).filter(|ordinal| *ordinal < most));
            }
            if named.len() > MOST_TOLD_APART {
                return None;
            }
        }
        if !tells_apart {
            return Some(vec![0]);
        }
        // Two of them, so that they form a pair.
        let others = |range: Range<u32>| range.filter(|ordinal| !named.contains(ordinal)).take(2);
        let unnamed: Vec<u32> = others(0..self.from.replicas)
            .chain(others(self.from.replicas..self.to.replicas))
            .collect();
        named.extend(unnamed);
        Some(named.into_iter().collect())
    }
}

/// Labels that the controller of a StatefulSet gives to pods, and that tell members apart.
const OF_CONTROLLER: [&str; 3] = [POD_NAME, POD_INDEX, POD_REVISION];

/// Most members that policies may tell apart. Their pods at each stage, and those of jobs, fit in a
/// [`PodSet`](super::reach::PodSet).
pub(super) const MOST_TOLD_APART: usize = 16;
