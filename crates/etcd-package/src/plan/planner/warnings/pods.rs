//! Pods of members that cannot be evicted, or that may not be created again.

use super::super::super::objects::{Id, Object};
use super::super::super::observed::{POD_INDEX, POD_NAME, map, quoted, shortened};
use super::super::Planner;
use super::super::policies::Selector;
use crate::codes::{DRAINS_BLOCKED, PODS_NOT_ADMITTED};

impl Planner<'_> {
    /// Warns of budgets that select the same member.
    pub(super) fn warn_of_budgets(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        let desired = self.desired.of_kind("policy", "PodDisruptionBudget");
        let installed = self.installed.of_kind("policy", "PodDisruptionBudget");
        let staying = installed.filter(|budget| self.desired.get(&budget.id).is_none() && !self.is_pruned(budget));
        let of_namespace = |budget: &&Object| budget.id.namespace == self.to.namespace;
        let budgets: Vec<(&str, Selector)> = desired
            .chain(staying)
            .filter(of_namespace)
            // One without a selector selects no pods.
            .filter_map(|budget| Some((&*budget.id.name, Selector::of(budget.node.at("spec.selector")?))))
            .collect();
        let names_of = |ordinal: u32| -> Vec<String> {
            let mut labels = self.to.pod_labels();
            labels.insert(POD_NAME.to_owned(), self.to.member(ordinal));
            labels.insert(POD_INDEX.to_owned(), ordinal.to_string());
            let selecting = budgets.iter().filter(|(_, selector)| selector.matches(&labels));
            selecting.map(|(name, _)| quoted(name)).collect()
        };
        let several = (0..self.to.replicas).map(names_of).find(|names| names.len() > 1);
        if let Some(names) = several {
            warn(
                &DRAINS_BLOCKED,
                "disruptionBudget",
                format!(
                    "the PodDisruptionBudgets {} select the same member, and Kubernetes evicts no pod with more than one: a drain \
                     of its node waits forever",
                    shortened(&names, MOST_NAMES)
                ),
                "keep members out of the others' selectors, or leave out the cluster's own (disruptionBudget: {enabled: false})",
            );
        }
    }

    /// Warns of new limits for the pods of the namespace, where pods of members end or are created.
    pub(super) fn warn_of_limits(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        if !self.ends_pods() {
            return;
        }
        for object in &self.changes.objects {
            let field = if object.id.kind == "Namespace" {
                "metadata.labels"
            } else {
                "spec"
            };
            let is_changed = object
                .changes
                .as_ref()
                .is_none_or(|changes| changes.iter().any(|change| change.path.starts_with(field)));
            let Some(limit) = self.limit(&object.id).filter(|_| is_changed) else {
                continue;
            };
            warn(
                &PODS_NOT_ADMITTED,
                "extraManifests",
                format!(
                    "the {} {:?} {limit}: a pod that it refuses does not come back after a restart",
                    object.id.kind, object.id.name
                ),
                "make sure that it admits the pods of all members, as they are and as they will be, or apply it by itself",
            );
        }
    }

    /// Returns the limit that an object sets for the pods of the namespace, if any.
    fn limit(&self, id: &Id) -> Option<String> {
        let of_namespace = id.group.is_empty() && id.namespace == self.to.namespace;
        match &*id.kind {
            "ResourceQuota" if of_namespace => Some("limits what all pods of the namespace request".to_owned()),
            "LimitRange" if of_namespace => Some("limits what each pod of the namespace requests".to_owned()),
            "Namespace" if id.group.is_empty() && id.name == self.to.namespace => {
                let labels = map(self.desired.get(id)?.node.at("metadata.labels"));
                let level = labels.get(POD_SECURITY).filter(|level| *level != "privileged")?;
                Some(format!("enforces the pod security standard {}", quoted(level)))
            }
            _ => None,
        }
    }
}

/// The label of a namespace with the pod security standard that its pods have to meet.
const POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";

/// Most names of budgets that a message lists.
const MOST_NAMES: usize = 4;
