//! Objects of the cluster that are rendered no longer, and the signs by which they are known to be its own.

use std::collections::BTreeSet;

use super::super::foreign::refers_to;
use super::super::objects::{Object, items};
use super::super::observed::ObservedCluster;
use super::super::reliance::Needs;
use super::{Comparison, resource};
use crate::cluster::OWNERSHIP_LABEL;

impl Comparison<'_> {
    /// Own objects that are rendered no longer, and that nothing needs. Only kinds that hold no data and that only this cluster
    /// uses are among them.
    pub(super) fn surplus(&self) -> Vec<(String, String)> {
        let (gone, other): (Vec<&Object>, Vec<&Object>) = self
            .installed
            .iter()
            .filter(|object| self.desired.get(&object.id).is_none())
            .partition(|object| self.is_own(object));
        let is_near = |object: &&Object| object.id.namespace.is_empty() || object.id.namespace == self.from.namespace;
        let staying: Vec<&Object> = self.desired.iter().chain(other).filter(is_near).collect();
        let mut needed = Needs::default();
        for object in &staying {
            needed.add_pods_of(object);
        }
        // Whether Secrets that pods read are renewed without the Certificate is another question.
        let mut needed = needed.without_secrets();
        for object in &staying {
            needed.add_sources_of(object);
        }
        let filled: BTreeSet<String> = staying.iter().filter_map(|object| filled_secret(object)).collect();
        let is_replaced = |object: &Object| filled_secret(object).is_some_and(|secret| filled.contains(&secret));
        needed.follow(gone.iter().copied().filter(|object| !is_replaced(object)));
        gone.into_iter()
            .filter(|object| is_replaced(object) || !needed.include(object))
            .map(|object| (resource(&object.id), object.id.name.clone()))
            .collect()
    }

    fn is_own(&self, object: &Object) -> bool {
        let names = (&*object.id.group, &*object.id.kind);
        object.id.namespace == self.from.namespace
            && DISPOSABLE.contains(&names)
            && items(object.node.at("metadata.ownerReferences")).is_empty()
            && match object.label(OWNERSHIP_LABEL) {
                // `kubectl expose` copies the labels of a Service to one of another name, and so does a person who copies a
                // manifest.
                Some(owner) => {
                    owner == self.from.fullname
                        && (has_own_name(self.from, object) || is_named_by_values(self.from, object))
                }
                None => self.from.is_own && is_own_before_the_label(self.from, object),
            }
    }
}

/// The Secret that a Certificate fills.
fn filled_secret(object: &Object) -> Option<String> {
    let is_certificate = (&*object.id.group, &*object.id.kind) == ("cert-manager.io", "Certificate");
    object.text("spec.secretName").filter(|_| is_certificate)
}

/// Whether an object has a name that the values give: that of a client's certificate, or of what the pods refer to.
fn is_named_by_values(from: &ObservedCluster, object: &Object) -> bool {
    let rest = object.id.name.strip_prefix(&from.fullname);
    let is_of_client = object.id.kind == "Certificate" && rest.is_some_and(|rest| rest.starts_with("-user."));
    is_of_client || refers_to(from, object)
}

/// Whether an object without the label of ownership is of a release of this package that did not have it: it has the name
/// of this cluster and one of the endings that the package gives to its kind.
pub(in crate::plan) fn is_own_before_the_label(from: &ObservedCluster, object: &Object) -> bool {
    let name = object.label("app.kubernetes.io/name");
    // Hosts rewrite `managed-by`, and `instance` on what they apply.
    name.as_deref() == Some("etcd") && has_own_name(from, object)
}

/// Whether an object has the name of this cluster and one of the endings that the package gives.
fn has_own_name(from: &ObservedCluster, object: &Object) -> bool {
    let ending = object.id.name.strip_prefix(&from.fullname);
    let service = from.set.text("spec.serviceName");
    ending.is_some_and(|ending| ENDINGS.contains(&ending)) || service.as_ref() == Some(&object.id.name)
}

/// Kinds that are deleted once they are no longer rendered. Neither claims, which hold data, nor what the whole
/// Kubernetes cluster shares are among them.
pub(in crate::plan) const DISPOSABLE: [(&str, &str); 11] = [
    ("batch", "CronJob"),
    ("cert-manager.io", "Certificate"),
    ("cert-manager.io", "Issuer"),
    ("monitoring.coreos.com", "PodMonitor"),
    ("monitoring.coreos.com", "PrometheusRule"),
    ("monitoring.coreos.com", "ServiceMonitor"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
    ("", "ConfigMap"),
    ("", "Service"),
    ("", "ServiceAccount"),
];

/// Suffixes of the names of own objects, after the name of the cluster.
const ENDINGS: [&str; 9] = [
    "",
    "-backup",
    "-bootstrap",
    "-client",
    "-client-ca",
    "-defrag",
    "-selfsigned",
    "-server",
    "-server-ca",
];
