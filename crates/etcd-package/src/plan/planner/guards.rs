//! Checks of the steps before they change anything, and the snapshot before what cannot be undone.

use super::super::action::Action;
use super::super::objects::Object;
use super::super::observed::{Health, Storage, claim_of, of_member};
use super::{PlannedStep, Planner, warnings};
use crate::etcd::Version;

impl Planner<'_> {
    /// Has the first step ask the members for their release: the cluster may be another one by the time a plan is carried out,
    /// anyone can change a label, and a member whose data another release has written ends in a crash loop. A step that was
    /// interrupted has updated some members.
    pub(super) fn add_version_check(&self, running: Version, versions: &[Version], steps: &mut [PlannedStep]) {
        if self.from.health == Health::Stopped {
            return;
        }
        let Some(step) = steps.first_mut() else { return };
        let mut accepted = vec![running.to_string()];
        accepted.extend(
            versions
                .first()
                .filter(|_| step.name.starts_with("version-") || step.name == "apply")
                .map(ToString::to_string),
        );
        let check = Action::RunsVersion {
            members: self.staying(step),
            versions: accepted,
        };
        step.insert_behind_health(Some(check));
    }

    /// Has each step that asks the members ask as well whether all of them vote. A voter that no pod is takes part in the
    /// quorum: one of three that restarts would be the second of four that is missing. A plan that was killed may have left
    /// one, or a member that does not vote.
    pub(super) fn add_voters_checks(&self, steps: &mut [PlannedStep]) {
        let mut before = self.from.replicas;
        for step in steps {
            let after = self.replicas_after(step).unwrap_or(before);
            // Those that add or replace a member find it by themselves, also one that an earlier run has added.
            let has_own = |action: &Action| matches!(action, Action::AddLearner { .. } | Action::AddReplacement { .. });
            let asks = matches!(step.actions.first(), Some(Action::Healthy { .. }));
            if asks && !step.actions.iter().any(has_own) {
                let mut counts = vec![before, after];
                counts.dedup();
                step.insert_behind_health(Some(Action::Voters {
                    asked: self.from.member(0),
                    counts,
                }));
            }
            before = after;
        }
    }

    /// Has the first step check the databases against a quota that shrinks.
    pub(super) fn add_quota_check(&self, steps: &mut [PlannedStep]) {
        let Some(step) = steps.first_mut() else { return };
        let check = self.fits_quota(self.staying(step));
        step.insert_behind_health(check);
    }

    /// Checks the databases against a quota that shrinks.
    pub(super) fn fits_quota(&self, members: Vec<String>) -> Option<Action> {
        let (old, new) = (warnings::quota(self.from)?, warnings::quota(self.to)?);
        (new < old && self.from.health != Health::Stopped).then(|| Action::FitsQuota {
            members,
            bytes: u64::try_from(new).unwrap_or(u64::MAX),
        })
    }

    /// Has each step that applies the StatefulSet check that it has the replicas of the state before, or those of the step
    /// if it was interrupted.
    pub(super) fn add_replicas_checks(&self, steps: &mut [PlannedStep]) {
        let Some(mut before) = replicas_of(&self.from.set) else {
            return;
        };
        for step in steps {
            let after = self.replicas_after(step).unwrap_or(before);
            let mut counts = vec![before, after];
            counts.dedup();
            let deletes_it = |action: &Action| matches!(action, Action::DeleteSetOnly { .. });
            let check = Action::HasReplicas {
                set: self.from.fullname.clone(),
                counts,
                may_be_missing: step.actions.iter().any(deletes_it),
            };
            step.actions.insert(0, check);
            before = after;
        }
    }

    /// The replicas of the StatefulSet that a step applies.
    pub(super) fn replicas_after(&self, step: &PlannedStep) -> Option<u32> {
        let file = self.set_file(&step.manifests)?;
        let manifest = step.manifests.iter().find(|manifest| manifest.file_name == file)?;
        replicas_of(&Object::of_manifest(manifest, &self.from.namespace)?)
    }

    /// The members that are there before a step and after it. One that it removes may be gone when the step is tried again.
    pub(super) fn staying(&self, step: &PlannedStep) -> Vec<String> {
        let after = self.replicas_after(step).unwrap_or(self.from.replicas);
        self.from.members(self.from.replicas.min(after))
    }

    /// Puts a snapshot of the data before the first thing that cannot be undone.
    pub(super) fn add_snapshot(&self, running: Version, versions: &[Version], steps: &mut [PlannedStep]) {
        if !self.snapshot {
            return;
        }
        // A release of another minor version changes the format of the data.
        let has_new_minor = versions.iter().any(|version| version.minor() != running.minor());
        let new_minor =
            |step: &PlannedStep| has_new_minor && (step.name.starts_with("version-") || step.name == "apply");
        let Some(step) = steps
            .iter_mut()
            .find(|step| new_minor(step) || step.actions.iter().any(Action::is_irreversible))
        else {
            return;
        };
        let data = self.from.data.known();
        let Some(directory) = self.from.options.get("data-dir").known().cloned() else {
            return;
        };
        let claim = data.and_then(|data| match &data.volume {
            Storage::Claim(template) => Some(template.clone()),
            Storage::Ephemeral | Storage::Other(_) => None,
        });
        // The lowest ordinal is the last that is removed, and the highest the last that is replaced.
        let replaces = step
            .actions
            .iter()
            .any(|action| matches!(action, Action::RemoveReplaced { .. }));
        let member = if replaces {
            self.from.member(self.from.replicas.saturating_sub(1))
        } else {
            self.from.member(0)
        };
        let snapshot = Action::Snapshot {
            path: format!(
                "{}/rutter-before-change.db",
                of_member(&directory, &member).trim_end_matches('/')
            ),
            claim: claim.map(|claim| claim_of(&claim, &member)),
            member,
        };
        let at = step
            .actions
            .iter()
            .position(|action| {
                !matches!(
                    action,
                    Action::HasReplicas { .. }
                        | Action::Healthy { .. }
                        | Action::RunsVersion { .. }
                        | Action::Voters { .. }
                        | Action::FitsQuota { .. }
                        | Action::NoteReplaced { .. }
                )
            })
            .unwrap_or(0);
        step.actions.insert(at, snapshot);
    }
}

/// The replicas of a StatefulSet; none if they are no number.
fn replicas_of(set: &Object) -> Option<u32> {
    set.text("spec.replicas").map_or(Some(1), |text| text.parse().ok())
}
