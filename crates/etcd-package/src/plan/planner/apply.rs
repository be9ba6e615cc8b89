//! The apply of manifests: what is checked before and after it, and the plan that is one apply.

use rutter::{File, Manifest};

use super::super::action::Action;
use super::super::changes::take_over;
use super::super::difference::differences;
use super::super::objects::{Object, is_same_object};
use super::super::observed::Health;
use super::certificates::certified;
use super::{Guard, PlannedStep, Planner, connected, healthy, ready};
use crate::etcd::{Version, needs_snapshot};
use crate::values::UpdateType;

/// An apply of a state's manifests.
pub(super) struct Applying {
    /// The checks and the new certificates that come before it.
    pub(super) before: Vec<Action>,
    /// The apply itself, and the check of its result.
    pub(super) then: Vec<Action>,
    /// The files that these actions need, besides the manifests.
    pub(super) files: Vec<File>,
}

impl Applying {
    /// Returns all actions in their order, and the files.
    pub(super) fn all(mut self) -> (Vec<Action>, Vec<File>) {
        self.before.extend(self.then);
        (self.before, self.files)
    }
}

/// Whether the live object of a manifest is as it was written, so that the two can be compared. The API server and
/// controllers add to others: their proof could not hold, or would print a Secret.
pub(super) fn is_provable(manifest: &Manifest) -> bool {
    let group = manifest.api_version.split_once('/').map_or("", |(group, _)| group);
    PROVABLE.contains(&(group, manifest.kind.as_str()))
}

/// Kinds of which the prelude compares all fields.
const PROVABLE: [(&str, &str); 13] = [
    ("", "ConfigMap"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("cert-manager.io", "Certificate"),
    ("cert-manager.io", "ClusterIssuer"),
    ("cert-manager.io", "Issuer"),
    ("monitoring.coreos.com", "PodMonitor"),
    ("monitoring.coreos.com", "PrometheusRule"),
    ("monitoring.coreos.com", "ServiceMonitor"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
];

/// Waits until the pods of a StatefulSet are there. kubectl follows the rollout of rolling updates only.
pub(super) fn started(set: &str, members: Vec<String>, update: UpdateType) -> Vec<Action> {
    match update {
        UpdateType::OnDelete => ready(&members),
        UpdateType::RollingUpdate => vec![Action::RolledOut {
            set: set.to_owned(),
            replicas: u32::try_from(members.len()).unwrap_or(u32::MAX),
        }],
    }
}

impl Planner<'_> {
    /// Whether applying the desired manifests does all, safely.
    pub(super) fn is_one_apply(&self, versions: &[Version], running: Version) -> bool {
        let one_hop = match versions {
            [] => true,
            [only] => only.minor() >= running.minor() && !needs_snapshot(running, *only),
            _ => false,
        };
        let stays = self.from.replicas == self.to.replicas
            && !self.is_recreated()
            && self.grown().is_empty()
            && !self.has_other_urls()
            && !self.is_rotated()
            && !self.has_new_client_issuer()
            && self.wider_tls().is_none()
            && self.kept_settings().is_empty();
        let keeps_data = self.why_replaced().is_none() && (!self.is_ephemeral() || self.template_changes().is_empty());
        one_hop && stays && keeps_data
    }

    /// One apply.
    pub(super) fn apply(&self) -> PlannedStep {
        let from = self.from;
        let replicas = from.replicas;
        let members = from.members(replicas);
        let template = self.template_changes();
        let is_stopped = from.health == Health::Stopped;
        let mut actions = Vec::new();
        if (!template.is_empty() || self.finishes_update()) && !is_stopped {
            actions.push(healthy(members.clone()));
        }
        let (applying, files) = self.applying(&self.rendered.manifests, None).all();
        actions.extend(applying);
        let update = &self.rendered.cluster.update;
        let waits = update.partition > 0 && u32::from(update.partition) >= replicas;
        let mut restarts = Vec::new();
        let title = if is_stopped {
            actions.extend(started(&from.fullname, members.clone(), update.kind));
            actions.push(healthy(members.clone()));
            actions.extend(connected(members));
            actions.push(Action::Voters {
                asked: from.member(0),
                counts: vec![replicas],
            });
            "apply, which starts the members".to_owned()
        } else if template.is_empty() || waits {
            if self.finishes_update() {
                actions.extend(self.settled(replicas));
                restarts = from.members(replicas).split_off(usize::from(update.partition));
                "apply, which goes on with an update that has reached some members".to_owned()
            } else {
                "apply, which restarts no member".to_owned()
            }
        } else if update.kind == UpdateType::OnDelete {
            "apply; a member gets the change when its pod is deleted".to_owned()
        } else {
            actions.extend(self.settled(replicas));
            restarts = from.members(replicas).split_off(usize::from(update.partition));
            "apply, which restarts the members one after the other".to_owned()
        };
        restarts.reverse();
        actions.extend(self.pruned());
        PlannedStep {
            name: "apply".to_owned(),
            title,
            reason: self.reason(&template),
            restarts,
            manifests: self.rendered.manifests.clone(),
            files,
            actions,
        }
    }

    /// Returns the checks of the steps' commands that an apply by other tools lacks.
    pub(super) fn guards(&self, steps: &[PlannedStep], versions: &[Version]) -> Vec<Guard> {
        let has = |is: fn(&Action) -> bool| steps.iter().flat_map(|step| &step.actions).any(is);
        // The label of an own cluster says what its values said, as does its image.
        let is_assumed = self.from.version.known().is_none() && (!self.from.is_own || !versions.is_empty());
        let guards = [
            (has(|action| matches!(action, Action::FitsQuota { .. })), Guard::Quota),
            (is_assumed && !steps.is_empty(), Guard::Version),
            // Manifests do not show which tool has applied them.
            (
                self.from.is_live && has(|action| matches!(action, Action::TakeOver { .. })),
                Guard::Fields,
            ),
        ];
        guards
            .into_iter()
            .filter_map(|(is, guard)| is.then_some(guard))
            .collect()
    }

    /// Applies the manifests of a state, after another that was applied or over what is installed: certificates that are new
    /// first, and each object proven before and after.
    pub(super) fn applying(&self, manifests: &[Manifest], applied: Option<&[Manifest]>) -> Applying {
        let mut before = Vec::new();
        let is_changed = |manifest: &&Manifest| match applied {
            None => self.is_changed(manifest),
            Some(applied) => !applied.contains(manifest),
        };
        let changed = manifests.iter().filter(is_changed);
        let changed: Vec<String> = changed.map(|manifest| manifest.file_name.clone()).collect();
        let proven: Vec<String> = manifests
            .iter()
            .filter(|manifest| is_provable(manifest) && changed.contains(&manifest.file_name))
            .map(|manifest| manifest.file_name.clone())
            .collect();
        // kubectl learns of the fields that go when it applies an object for the first time.
        let is_first = |manifest: &&Manifest| {
            let was_applied = |applied: &[Manifest]| applied.iter().any(|other| is_same_object(manifest, other));
            changed.contains(&manifest.file_name) && !applied.is_some_and(was_applied)
        };
        let files: Vec<File> = manifests
            .iter()
            .filter(is_first)
            .filter_map(|manifest| self.take_over(manifest))
            .collect();
        if !files.is_empty() {
            before.push(Action::TakeOver {
                files: files.iter().map(|file| file.name.clone()).collect(),
            });
        }
        if !proven.is_empty() {
            before.push(Action::Prove { files: proven.clone() });
        }
        let first = self.new_certificates(manifests, applied);
        let changed_certificates = manifests
            .iter()
            .filter(|manifest| changed.contains(&manifest.file_name) && !first.contains(manifest));
        let issued = certified(changed_certificates);
        before.extend(self.certified_first(manifests, &first));
        let mut then = vec![Action::Apply];
        if !proven.is_empty() {
            then.push(Action::Applied { files: proven });
        }
        then.extend(issued);
        Applying { before, then, files }
    }

    /// The file by which `kubectl apply` learns of the fields of the installed object that a manifest leaves out.
    pub(super) fn take_over(&self, manifest: &Manifest) -> Option<File> {
        let desired = Object::of_manifest(manifest, &self.from.namespace)?;
        let installed = self.installed.get(&desired.id)?;
        take_over(installed, &desired, self.from.is_live, &manifest.file_name)
    }

    /// Whether an object is to be created or differs from the installed one.
    pub(super) fn is_changed(&self, manifest: &Manifest) -> bool {
        let Some(desired) = Object::of_manifest(manifest, &self.from.namespace) else {
            return true;
        };
        match self.installed.get(&desired.id) {
            None => true,
            Some(installed) => {
                !differences(&desired.id.group, &desired.id.kind, &installed.node, &desired.node).is_empty()
            }
        }
    }

    /// Waits until all pods are what the StatefulSet says and the members serve and reach each other.
    pub(super) fn settled(&self, replicas: u32) -> Vec<Action> {
        self.settled_as(replicas, self.from.members(replicas))
    }

    /// The same where only some members reach all others.
    pub(super) fn settled_as(&self, replicas: u32, reaching: Vec<String>) -> Vec<Action> {
        let rolled_out = Action::RolledOut {
            set: self.from.fullname.clone(),
            replicas,
        };
        let mut actions = vec![rolled_out, healthy(self.from.members(replicas))];
        actions.extend((replicas > 1).then_some(Action::Connected { members: reaching }));
        actions
    }
}
