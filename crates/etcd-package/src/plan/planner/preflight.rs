//! Checks of what a plan needs, before its first step.

use std::collections::BTreeSet;

use rutter::Manifest;

use super::super::action::{Action, Permission};
use super::super::observed::ObservedCluster;
use super::certificates::TLS_KEYS;
use super::{PlannedStep, Planner};
use crate::cluster::Cluster;

impl Planner<'_> {
    /// The checks before the first step.
    pub(super) fn preflight(&self, steps: &[PlannedStep]) -> Vec<Action> {
        if steps.is_empty() {
            return Vec::new();
        }
        let mut actions = of_manifests(steps, self.to);
        actions.extend(self.has_replicas(steps));
        actions.extend(self.new_classes());
        let claims = self
            .rendered
            .manifests
            .iter()
            .filter(|manifest| manifest.kind == "PersistentVolumeClaim");
        let mut classes = BTreeSet::new();
        for claim in claims {
            let object = super::Object::of_manifest(claim, &self.from.namespace);
            let is_new = object
                .as_ref()
                .is_some_and(|object| self.installed.get(&object.id).is_none());
            let class = object.and_then(|object| object.text("spec.storageClassName"));
            classes.extend(class.filter(|class| is_new && !class.is_empty()));
        }
        actions.extend(classes.into_iter().map(|name| Action::StorageClass { name }));
        actions.extend(secrets(self.to, &self.rendered.cluster));
        let keeps_fields = |manifest: &Manifest| self.take_over(manifest).is_some();
        actions.extend(dry_runs(steps, &self.from.fullname, keeps_fields));
        actions
    }

    /// Checks that the cluster is in one of the states of the plan.
    fn has_replicas(&self, steps: &[PlannedStep]) -> Option<Action> {
        let mut all = BTreeSet::new();
        let mut is_deleted = false;
        for action in steps.iter().flat_map(|step| &step.actions) {
            if let Action::HasReplicas {
                counts, may_be_missing, ..
            } = action
            {
                all.extend(counts.iter().copied());
                is_deleted |= may_be_missing;
            }
        }
        (!all.is_empty()).then(|| Action::HasReplicas {
            set: self.from.fullname.clone(),
            counts: all.into_iter().collect(),
            may_be_missing: is_deleted,
        })
    }
}

/// The permissions and the kinds that the steps need.
pub(super) fn of_manifests(steps: &[PlannedStep], to: &ObservedCluster) -> Vec<Action> {
    let manifests = || steps.iter().flat_map(|step| &step.manifests);
    let resources: BTreeSet<String> = manifests()
        .filter(|manifest| manifest.namespace.as_deref() == Some(&*to.namespace))
        .filter_map(resource)
        .collect();
    let mut actions: Vec<Action> = Vec::new();
    actions.extend(
        resources
            .iter()
            .filter(|resource| resource.contains("cert-manager.io") || resource.contains("monitoring.coreos.com"))
            .map(|resource| Action::Served {
                resource: resource.clone(),
            }),
    );
    // What a manifest is alone is asked by way of an update (`replace --dry-run=server`).
    let of_manifest = ["get", "create", "patch", "update"];
    let of_manifests = resources
        .iter()
        .flat_map(|resource| of_manifest.map(|verb| (verb, resource.clone())));
    let of_actions = steps.iter().flat_map(|step| &step.actions).flat_map(Action::needs);
    let needs: BTreeSet<Permission> = of_manifests.chain(of_actions).collect();
    for verb in ["get", "list", "watch", "create", "patch", "update", "delete"] {
        let of_verb = needs.iter().filter(|(other, _)| *other == verb);
        let resources: Vec<String> = of_verb.map(|(_, resource)| resource.clone()).collect();
        if !resources.is_empty() {
            actions.push(Action::Allowed {
                verb: verb.to_owned(),
                resources,
            });
        }
    }
    actions
}

/// Checks that Secrets hold what members read of them, unless cert-manager fills them.
pub(super) fn secrets(to: &ObservedCluster, cluster: &Cluster) -> Vec<Action> {
    let names: BTreeSet<&String> = cluster.tls.identities().map(|identity| &identity.secret).collect();
    let given = names.into_iter().filter(|name| !to.certificates.contains_key(*name));
    given
        .map(|secret| Action::SecretHasKeys {
            secret: secret.clone(),
            keys: TLS_KEYS.map(str::to_owned).to_vec(),
        })
        .collect()
}

/// Has the API server try the manifests of each step.
///
/// An apply of a manifest over the installed object may keep fields that are gone by the time of its step. `keeps_fields` says
/// so.
pub(super) fn dry_runs(steps: &[PlannedStep], fullname: &str, keeps_fields: impl Fn(&Manifest) -> bool) -> Vec<Action> {
    let mut is_recreated = false;
    let mut actions = Vec::new();
    for (number, step) in (1..).zip(steps) {
        is_recreated |= step
            .actions
            .iter()
            .any(|action| matches!(action, Action::DeleteSetOnly { .. }));
        if step.manifests.is_empty() {
            continue;
        }
        let set = step
            .manifests
            .iter()
            .find(|manifest| manifest.kind == "StatefulSet" && manifest.name == fullname);
        // Over the installed StatefulSet it is refused, and by then that is deleted.
        let except = set.filter(|_| is_recreated).map(|set| set.file_name.clone());
        let replaced = step.manifests.iter().filter(|manifest| keeps_fields(manifest));
        actions.push(Action::DryRun {
            directory: format!("{number:02}-{}", step.name),
            replaced: replaced
                .map(|manifest| manifest.file_name.clone())
                .filter(|file| except.as_ref() != Some(file))
                .collect(),
            except,
        });
    }
    actions
}

/// The resource of a manifest, for kinds that the package renders. Others are the user's own.
fn resource(manifest: &Manifest) -> Option<String> {
    Some(
        match &*manifest.kind {
            "Certificate" => "certificates.cert-manager.io",
            "ConfigMap" => "configmaps",
            "CronJob" => "cronjobs.batch",
            "Issuer" => "issuers.cert-manager.io",
            "NetworkPolicy" => "networkpolicies.networking.k8s.io",
            "PersistentVolumeClaim" => "persistentvolumeclaims",
            "PodDisruptionBudget" => "poddisruptionbudgets.policy",
            "PodMonitor" => "podmonitors.monitoring.coreos.com",
            "PrometheusRule" => "prometheusrules.monitoring.coreos.com",
            "Service" => "services",
            "ServiceAccount" => "serviceaccounts",
            "ServiceMonitor" => "servicemonitors.monitoring.coreos.com",
            "StatefulSet" => "statefulsets.apps",
            _ => return None,
        }
        .to_owned(),
    )
}
