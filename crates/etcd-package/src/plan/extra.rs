//! Manifests of the user that are refused: autoscalers of the members, and objects that pass for a member.

use std::collections::BTreeSet;

use rutter::{Diagnostic, Diagnostics};

use super::objects::{Object, Objects};
use super::observed::{ObservedCluster, has_labels, map, scalers};
use crate::codes::UNSAFE_CHANGE;

/// Refuses autoscalers of the members, and objects that pass for a member.
pub(super) fn check(
    installed: &Objects,
    desired: &Objects,
    from: Option<&ObservedCluster>,
    to: &ObservedCluster,
    diagnostics: &mut Diagnostics,
) {
    check_scalers(desired, to, diagnostics);
    check_intruders(installed, desired, from, to, diagnostics);
}

/// Refuses autoscalers of the members.
fn check_scalers(desired: &Objects, to: &ObservedCluster, diagnostics: &mut Diagnostics) {
    for scaler in scalers(desired, &to.namespace, &to.fullname) {
        let message = format!(
            "the {} {:?} would change the number of members",
            scaler.id.kind, scaler.id.name
        );
        diagnostics.push(
            Diagnostic::new(&UNSAFE_CHANGE, "extraManifests", message)
                .help("leave it out: etcd has to be told of members before they come and go; write replicas"),
        );
    }
}

/// Refuses objects among the user's own that would pass for members, or for what belongs to one.
fn check_intruders(
    installed: &Objects,
    desired: &Objects,
    from: Option<&ObservedCluster>,
    to: &ObservedCluster,
    diagnostics: &mut Diagnostics,
) {
    let clusters = || from.into_iter().chain([to]);
    let most = clusters().map(|cluster| cluster.replicas).max().unwrap_or_default();
    let claims: BTreeSet<String> = clusters()
        .flat_map(|cluster| (0..most).flat_map(|ordinal| cluster.claims_of(ordinal)))
        .collect();
    // Those that members have already stay what they are.
    let own: BTreeSet<String> = from
        .into_iter()
        .flat_map(|from| (0..from.replicas).flat_map(|ordinal| from.claims_of(ordinal)))
        .collect();
    let has_it = |claim: &Object| own.contains(&claim.id.name) && installed.get(&claim.id).is_some();
    let members: BTreeSet<String> = to.members(most).into_iter().collect();
    let is_of_members = |service: &&Object| {
        let selector = map(service.node.at("spec.selector"));
        !selector.is_empty() && to.is_selected(&selector, to.replicas)
    };
    let services: BTreeSet<&str> = desired
        .of_kind("", "Service")
        .filter(is_of_members)
        .map(|service| &*service.id.name)
        .collect();
    for object in desired.iter() {
        if object.id.namespace != to.namespace || object.id == to.set.id {
            continue;
        }
        let labels = object.labels_of_pods();
        let what = match &*object.id.kind {
            // At an install they are there on purpose, such as for volumes that an administrator has made.
            "PersistentVolumeClaim" if from.is_some() && claims.contains(&object.id.name) && !has_it(object) => {
                "has the name of a member's claim, and the member would start on what it holds"
            }
            "Pod" if members.contains(&object.id.name) => "has the name of a member",
            "EndpointSlice" | "Endpoints"
                if object.id.kind == "Endpoints" && services.contains(&*object.id.name)
                    || object
                        .label("kubernetes.io/service-name")
                        .is_some_and(|service| services.contains(&*service)) =>
            {
                "leads clients of a Service of the cluster elsewhere"
            }
            _ if !labels.is_empty() && has_labels(&labels, &to.selector) => {
                "has pods with the labels of members: Services would lead clients to them, and the disruption budget count them"
            }
            _ => continue,
        };
        let message = format!("the {} {:?} {what}", object.id.kind, object.id.name);
        diagnostics.push(
            Diagnostic::new(&UNSAFE_CHANGE, "extraManifests", message)
                .help("give it another name, and labels of its own"),
        );
    }
}
