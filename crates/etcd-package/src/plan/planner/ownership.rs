//! Objects that go with a change.

use rutter::{Diagnostic, Diagnostics};

use super::super::action::Action;
use super::super::changes::resource;
use super::super::objects::{Object, is_same_object};
use super::super::observed::{Health, quoted};
use super::super::reliance::Reliance;
use super::{PlannedStep, Planner};
use crate::codes::UNSAFE_CHANGE;
use crate::values::UpdateType;

/// Resources that pods refer to, or that renew what they refer to.
const REFERRED_TO: [&str; 4] = [
    "serviceaccount",
    "configmap",
    "certificate.cert-manager.io",
    "issuer.cert-manager.io",
];

impl Planner<'_> {
    /// Refuses to delete what pods of an earlier template refer to while the update leaves some of them.
    pub(super) fn check_pruned(&self, diagnostics: &mut Diagnostics) {
        let update = &self.rendered.cluster.update;
        let leaves_some = update.partition > 0 || update.kind == UpdateType::OnDelete;
        let are_earlier = !self.template_changes().is_empty() || matches!(self.from.health, Health::PartlyUpdated(_));
        let is_referred_to = |(resource, _): &&(String, String)| REFERRED_TO.contains(&&**resource);
        let referred_to = self.changes.surplus.iter().find(is_referred_to);
        if let (true, true, Some((resource, name))) = (leaves_some, are_earlier, referred_to) {
            let message = format!(
                "pods of an earlier template stay, and depend on the {resource} {name:?}, which would be deleted"
            );
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "update", message)
                    .help("write update: {type: RollingUpdate, partition: 0} for this change"),
            );
        }
    }

    /// Refuses to delete a Certificate whose Secret the members go on with: nobody would renew it, and cert-manager may delete
    /// it as well.
    pub(super) fn check_renewed(&self, diagnostics: &mut Diagnostics) {
        let relied_on = Reliance::of(&[self.to], &[self.desired]);
        for certificate in self.installed.of_kind("cert-manager.io", "Certificate") {
            let Some(secret) = certificate.text("spec.secretName") else {
                continue;
            };
            if !self.is_pruned(certificate)
                || !relied_on.has_secret(&secret)
                || self.to.certificates.contains_key(&secret)
            {
                continue;
            }
            let message = format!(
                "the Certificate {:?} would be deleted, and its Secret {} is one that members go on with: nobody would renew it",
                certificate.id.name,
                quoted(&secret)
            );
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "tls", message)
                    .help("keep cert-manager for it, or name a Secret that something else renews"),
            );
        }
    }

    pub(super) fn pruned(&self) -> impl Iterator<Item = Action> {
        self.changes.surplus.iter().map(|(resource, name)| Action::Prune {
            resource: resource.clone(),
            name: name.clone(),
        })
    }

    /// Deletes objects that only the steps between have, such as the budget of two members on the way to one.
    pub(super) fn pruned_between(&self, steps: &[PlannedStep]) -> Vec<Action> {
        let mut actions = Vec::new();
        for manifest in steps.iter().flat_map(|step| &step.manifests) {
            let Some(object) = Object::of_manifest(manifest, &self.from.namespace) else {
                continue;
            };
            let is_desired = self
                .rendered
                .manifests
                .iter()
                .any(|other| is_same_object(manifest, other));
            if is_desired || self.installed.get(&object.id).is_some() {
                continue;
            }
            let action = Action::Prune {
                resource: resource(&object.id),
                name: object.id.name.clone(),
            };
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        actions
    }
}
