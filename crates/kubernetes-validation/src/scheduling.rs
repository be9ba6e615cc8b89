//! Scheduling of pods (`ValidateTolerations`, `validateTopologySpreadConstraints`, `validateAffinity`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, PodAffinityTerm, Toleration, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use rutter::names::{DnsLabel, LabelKey, LabelValue};

use crate::codes::NAME_COLLISION;
use crate::field::{Field, given};
use crate::selector;

/// Checks the tolerations in the list `name`. The operators `Lt` and `Gt` are behind a feature gate that is off.
pub fn tolerations(field: &mut Field<'_, '_>, name: &str, tolerations: &[Toleration]) {
    field.each(name, tolerations, |field, toleration| {
        let operator = given(toleration.operator.as_ref());
        field.parsed::<LabelKey>("key", toleration.key.as_deref());
        field.word("operator", operator, &["Exists", "Equal"]);
        field.word(
            "effect",
            given(toleration.effect.as_ref()),
            &["NoSchedule", "PreferNoSchedule", "NoExecute"],
        );
        if operator == Some("Exists") {
            if given(toleration.value.as_ref()).is_some() {
                field.at("value").conflict(
                    "the operator Exists takes no value",
                    "leave it out, or write operator: Equal",
                );
            }
        } else {
            field.parsed::<LabelValue>("value", toleration.value.as_deref());
            if given(toleration.key.as_ref()).is_none() {
                field.missing(
                    "without a key only the operator Exists has a meaning",
                    "write key: …, or operator: Exists",
                );
            }
        }
        if toleration.toleration_seconds.is_some() && toleration.effect.as_deref() != Some("NoExecute") {
            field.at("tolerationSeconds").conflict(
                "only the effect NoExecute has a time",
                "write effect: NoExecute, or leave it out",
            );
        }
    });
}

/// Checks the topology spread constraints in the list `name`. One without a selector gets one with the labels `own`.
pub fn topology_spread(
    field: &mut Field<'_, '_>,
    name: &str,
    constraints: &[TopologySpreadConstraint],
    own: &BTreeSet<&str>,
) {
    let mut taken = BTreeSet::new();
    field.each(name, constraints, |field, constraint| {
        field.required_range("maxSkew", constraint.max_skew, 1..=i64::MAX);
        field.name::<LabelKey>("topologyKey", &constraint.topology_key);
        let action = &constraint.when_unsatisfiable;
        field.required_word("whenUnsatisfiable", action, &["DoNotSchedule", "ScheduleAnyway"]);
        field.range("minDomains", constraint.min_domains, 1..=i64::MAX);
        if constraint.min_domains.is_some() && action == "ScheduleAnyway" {
            field.at("minDomains").conflict(
                "minDomains goes with DoNotSchedule",
                "leave it out, or write whenUnsatisfiable: DoNotSchedule",
            );
        }
        for (name, policy) in [
            ("nodeAffinityPolicy", &constraint.node_affinity_policy),
            ("nodeTaintsPolicy", &constraint.node_taints_policy),
        ] {
            field.word(name, policy.as_deref(), &["Honor", "Ignore"]);
        }
        field.with("labelSelector", constraint.label_selector.as_ref(), selector::labels);
        let selected = constraint.label_selector.as_ref().map_or_else(|| own.clone(), selected);
        label_keys(
            field,
            "matchLabelKeys",
            constraint.match_label_keys.as_deref(),
            &selected,
        );
        if !constraint.topology_key.is_empty() && !taken.insert((&constraint.topology_key, action)) {
            let message = format!(
                "there is a constraint of {} and {action} already",
                constraint.topology_key
            );
            field.refuse(&NAME_COLLISION, message).help("make one of the two");
        }
    });
}

/// Checks the affinity to nodes and to pods.
pub fn affinity(field: &mut Field<'_, '_>, affinity: &Affinity) {
    field.with("nodeAffinity", affinity.node_affinity.as_ref(), node_affinity);
    field.with("podAffinity", affinity.pod_affinity.as_ref(), |field, affinity| {
        let preferred = affinity.preferred_during_scheduling_ignored_during_execution.as_deref();
        pod_affinity(
            field,
            affinity.required_during_scheduling_ignored_during_execution.as_deref(),
            preferred,
        );
    });
    field.with(
        "podAntiAffinity",
        affinity.pod_anti_affinity.as_ref(),
        |field, affinity| {
            let preferred = affinity.preferred_during_scheduling_ignored_during_execution.as_deref();
            pod_affinity(
                field,
                affinity.required_during_scheduling_ignored_during_execution.as_deref(),
                preferred,
            );
        },
    );
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn node_affinity(field: &mut Field<'_, '_>, affinity: &NodeAffinity) {
    field.with(
        REQUIRED,
        affinity.required_during_scheduling_ignored_during_execution.as_ref(),
        |field, required| {
            if required.node_selector_terms.is_empty() {
                field.missing(
                    "the field `nodeSelectorTerms` is required",
                    "write nodeSelectorTerms: […]",
                );
            }
            field.each(
                "nodeSelectorTerms",
                &required.node_selector_terms,
                selector::required_node,
            );
        },
    );
    let preferred = affinity
        .preferred_during_scheduling_ignored_during_execution
        .iter()
        .flatten();
    field.each(PREFERRED, preferred, |field, term| {
        field.required_range("weight", term.weight, 1..=100);
        selector::preferred_node(&mut field.at("preference"), &term.preference);
    });
}

fn pod_affinity(
    field: &mut Field<'_, '_>,
    required: Option<&[PodAffinityTerm]>,
    preferred: Option<&[WeightedPodAffinityTerm]>,
) {
    field.each(REQUIRED, required.unwrap_or_default(), pod_affinity_term);
    field.each(PREFERRED, preferred.unwrap_or_default(), |field, term| {
        field.required_range("weight", term.weight, 1..=100);
        pod_affinity_term(&mut field.at("podAffinityTerm"), &term.pod_affinity_term);
    });
}

fn pod_affinity_term(field: &mut Field<'_, '_>, term: &PodAffinityTerm) {
    field.name::<LabelKey>("topologyKey", &term.topology_key);
    field.with("labelSelector", term.label_selector.as_ref(), selector::labels);
    field.with("namespaceSelector", term.namespace_selector.as_ref(), selector::labels);
    field.each("namespaces", term.namespaces.iter().flatten(), |field, namespace| {
        field.parse::<DnsLabel>(namespace);
    });
    let matched = term.match_label_keys.as_deref().unwrap_or_default();
    let mismatched = term.mismatch_label_keys.as_deref().unwrap_or_default();
    if term.label_selector.is_none() && matched.len() + mismatched.len() > 0 {
        field.missing(
            "matchLabelKeys and mismatchLabelKeys add to a labelSelector",
            "write labelSelector: …",
        );
    }
    let selected = term.label_selector.as_ref().map(selected).unwrap_or_default();
    label_keys(field, "matchLabelKeys", Some(matched), &selected);
    let matched = matched.iter().map(String::as_str).collect();
    label_keys(field, "mismatchLabelKeys", Some(mismatched), &matched);
}

/// Checks keys of labels whose values must equal those of the pod. A pod, unlike a pod template, is refused if a key is
/// in `taken`, which has the keys that are already compared.
fn label_keys(field: &mut Field<'_, '_>, name: &str, keys: Option<&[String]>, taken: &BTreeSet<&str>) {
    field.each(name, keys.unwrap_or_default(), |field, key| {
        field.parse::<LabelKey>(key);
        if taken.contains(key.as_str()) {
            field.conflict(
                format!("the label {key} is compared already"),
                "leave it out here or there",
            );
        }
    });
}

/// Returns the keys of the labels in a selector.
fn selected(selector: &LabelSelector) -> BTreeSet<&str> {
    let labels = selector.match_labels.iter().flatten().map(|(key, _)| key);
    let expressions = selector
        .match_expressions
        .iter()
        .flatten()
        .map(|expression| &expression.key);
    labels.chain(expressions).map(String::as_str).collect()
}
