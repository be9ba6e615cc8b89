//! The nodes on which members run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, PodAffinityTerm, Toleration, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::names::text;
use crate::values::{self, AntiAffinity};

/// The nodes on which members run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduling {
    /// The user's affinity, and the anti-affinity between members.
    pub affinity: Option<Affinity>,
    /// The user's constraints, each with a selector.
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that members tolerate.
    pub tolerations: Vec<Toleration>,
    /// The PriorityClass, if not the default one.
    pub priority_class_name: Option<String>,
    /// The scheduler, if not the default one.
    pub scheduler_name: Option<String>,
    /// The RuntimeClass, if not the default one.
    pub runtime_class_name: Option<String>,
}

/// Resolves where the pods run that `selector` selects.
pub(super) fn resolve(scheduling: values::Scheduling, selector: &BTreeMap<String, String>) -> Scheduling {
    let name = |name: Option<rutter::names::DnsSubdomain>| name.as_ref().map(ToString::to_string);
    let constraints = scheduling.topology_spread.into_iter();
    Scheduling {
        topology_spread_constraints: constraints
            .map(|constraint| with_selector(constraint, selector))
            .collect(),
        affinity: affinity(
            scheduling.affinity,
            scheduling.anti_affinity,
            &scheduling.topology_key,
            selector,
        ),
        node_selector: text(&scheduling.node_selector),
        tolerations: scheduling.tolerations,
        priority_class_name: name(scheduling.priority_class_name),
        scheduler_name: name(scheduling.scheduler_name),
        runtime_class_name: name(scheduling.runtime_class_name),
    }
}

/// Returns the constraint, which is about this cluster's pods unless it has a selector.
fn with_selector(
    constraint: TopologySpreadConstraint,
    selector: &BTreeMap<String, String>,
) -> TopologySpreadConstraint {
    let own = || LabelSelector {
        match_labels: Some(selector.clone()),
        ..LabelSelector::default()
    };
    TopologySpreadConstraint {
        label_selector: Some(constraint.label_selector.unwrap_or_else(own)),
        ..constraint
    }
}

/// Adds the anti-affinity between members to the user's affinity.
fn affinity(
    affinity: Option<Affinity>,
    anti_affinity: AntiAffinity,
    topology_key: &str,
    selector: &BTreeMap<String, String>,
) -> Option<Affinity> {
    let requirement = |(key, value): (&String, &String)| LabelSelectorRequirement {
        key: key.clone(),
        operator: "In".to_owned(),
        values: Some(vec![value.clone()]),
    };
    let term = PodAffinityTerm {
        label_selector: Some(LabelSelector {
            match_expressions: Some(selector.iter().map(requirement).collect()),
            ..LabelSelector::default()
        }),
        topology_key: topology_key.to_owned(),
        ..PodAffinityTerm::default()
    };
    let is_required = match anti_affinity {
        AntiAffinity::Disabled => return affinity,
        AntiAffinity::Required => true,
        AntiAffinity::Preferred => false,
    };
    let mut affinity = affinity.unwrap_or_default();
    let terms = affinity.pod_anti_affinity.get_or_insert_default();
    if is_required {
        let required = &mut terms.required_during_scheduling_ignored_during_execution;
        required.get_or_insert_default().push(term);
    } else {
        let preferred = &mut terms.preferred_during_scheduling_ignored_during_execution;
        preferred.get_or_insert_default().push(WeightedPodAffinityTerm {
            pod_affinity_term: term,
            weight: 100,
        });
    }
    Some(affinity)
}
