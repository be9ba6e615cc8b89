//! Objects of the cluster that are rendered no longer, and by what they are known as its own.

use super::super::foreign::{pod_refers_to, refers_to};
use super::super::objects::{Object, items};
use super::super::observed::{ObservedCluster, issuer_name, issuer_of_certificate};
use super::{Comparison, resource};
use crate::cluster::OWNERSHIP_LABEL;

impl Comparison<'_> {
    /// Own objects that are rendered no longer. Only kinds that hold no data and that only this cluster uses are among them.
    pub(super) fn surplus(&self) -> Vec<(String, String)> {
        let gone = self
            .installed
            .iter()
            .filter(|object| self.is_own(object))
            .filter(|object| self.desired.get(&object.id).is_none())
            .filter(|object| !self.is_used_by_others(object));
        gone.map(|object| (resource(&object.id), object.id.name.clone()))
            .collect()
    }

    /// The objects after the change, as far as they are known: those desired, and those installed that are not among them.
    fn after(&self) -> impl Iterator<Item = &Object> {
        let installed = self
            .installed
            .iter()
            .filter(|object| self.desired.get(&object.id).is_none());
        self.desired.iter().chain(installed)
    }

    /// Whether pods or certificates of others refer to an object.
    fn is_used_by_others(&self, object: &Object) -> bool {
        if object.id.kind == "Issuer" {
            let name = issuer_name(&object.id);
            let mut certificates = self
                .after()
                .filter(|other| other.id.kind == "Certificate" && !self.is_own(other));
            return certificates.any(|other| {
                other.id.namespace == object.id.namespace && issuer_of_certificate(other).as_ref() == Some(&name)
            });
        }
        let referring = ["ServiceAccount", "ConfigMap"];
        referring.contains(&&*object.id.kind)
            && self.after().any(|other| {
                let path = match &*other.id.kind {
                    "StatefulSet" | "Deployment" | "DaemonSet" | "ReplicaSet" | "Job" => "spec.template.spec",
                    "CronJob" => "spec.jobTemplate.spec.template.spec",
                    "Pod" if items(other.node.at("metadata.ownerReferences")).is_empty() => "spec",
                    _ => return false,
                };
                let is_other = other.id != self.from.set.id && !self.is_own(other);
                other.id.namespace == object.id.namespace
                    && is_other
                    && other.node.at(path).is_some_and(|pod| pod_refers_to(pod, object))
            })
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
