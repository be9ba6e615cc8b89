//! The steps from the installed to the desired cluster, and their order.
//!
//! First what concerns where members are and how they reach each other, at the version that runs. Then one version after
//! the other. Then one member after the other. All other changes come with the first step that restarts the pods. What only
//! the desired state has (a partition, the bootstrap state) comes with the last step.

mod apply;
mod certificates;
mod earlier;
mod guards;
mod health;
mod install;
mod members;
mod ownership;
mod policies;
mod preflight;
mod state;
mod storage;
mod summary;
mod tls;
mod version;
mod warnings;

pub(super) use self::install::install;
pub(super) use self::policies::ReadPolicies;

use self::apply::Applying;
use self::state::{State, Update};

use rutter::{Diagnostic, Diagnostics, Difference, File, Manifest};

use super::action::Action;
use super::changes::{Changes, get_mut};
use super::difference::differences;
use super::objects::{Object, Objects};
use super::observed::ObservedCluster;
use super::{extra, refusal};
use crate::codes::UNKNOWN_CLUSTER;
use crate::etcd::Version;
use crate::render::{ParsedValues, Rendered};
use crate::values::UpdateType;

/// Two clusters, and the changes between them.
pub(super) struct Planner<'a> {
    pub(super) source: &'a ParsedValues<'a>,
    /// The desired values, rendered.
    pub(super) rendered: &'a Rendered,
    pub(super) installed: &'a Objects,
    pub(super) desired: &'a Objects,
    pub(super) from: &'a ObservedCluster,
    pub(super) to: &'a ObservedCluster,
    pub(super) changes: Changes,
    /// Whether a snapshot comes before what cannot be undone.
    pub(super) snapshot: bool,
    /// Differences that the person has accepted.
    pub(super) accepted: &'a [String],
    pub(super) policies: ReadPolicies<'a>,
}

/// A plan, before it becomes lines of a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The change as a whole, in one line.
    pub summary: String,
    /// Checks before the first step.
    pub preflight: Vec<Action>,
    /// The steps.
    pub steps: Vec<PlannedStep>,
    /// Whether the one step is a plain apply.
    pub is_one_apply: bool,
    /// The differences between the installed and the desired objects.
    pub differences: Vec<Difference>,
    /// The checks of its commands that an apply by other tools lacks.
    pub(in crate::plan) guards: Vec<Guard>,
    /// Diagnostics about the change.
    pub warnings: Vec<Diagnostic>,
}

/// Something that the commands of a plan make sure of before an apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Guard {
    /// No database is larger than the new quota.
    Quota,
    /// The members run the release that only a label names.
    Version,
    /// kubectl removes the fields that go of objects that another tool has made.
    Fields,
}

/// A step, before it becomes lines of a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// Its name.
    pub name: String,
    /// The effect, in one line.
    pub title: String,
    /// Why it is a step.
    pub reason: String,
    /// The members that restart, in this order.
    pub restarts: Vec<String>,
    /// All manifests after the step; none if it applies nothing.
    pub manifests: Vec<Manifest>,
    /// Further files.
    pub files: Vec<File>,
    /// Its actions.
    pub actions: Vec<Action>,
}

impl PlannedStep {
    /// Inserts a check before everything but the first wait for members that serve.
    fn insert_behind_health(&mut self, check: Option<Action>) {
        let is_other = |action: &Action| !matches!(action, Action::Healthy { .. } | Action::Ready { .. });
        let at = self.actions.iter().position(is_other).unwrap_or(0);
        self.actions.splice(at..at, check);
    }
}

/// The way in which pods come to be what their template is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rollout {
    /// They restart one after the other, with their data.
    Restart,
    /// They restart one after the other, and etcd learns another peer URL each time.
    UpdatePeerUrl,
    /// The data cannot come along: members are removed and added again, one after the other.
    ReplaceMember,
}

/// Steps as they are found.
#[derive(Default)]
struct Steps {
    steps: Vec<PlannedStep>,
    /// The manifests of the last step that has any.
    applied: Vec<Manifest>,
}

impl Steps {
    fn push(&mut self, step: PlannedStep) {
        if !step.manifests.is_empty() {
            self.applied.clone_from(&step.manifests);
        }
        self.steps.push(step);
    }

    /// The manifests that were applied last.
    fn before(&self) -> Option<&[Manifest]> {
        (!self.applied.is_empty()).then_some(self.applied.as_slice())
    }
}

impl Planner<'_> {
    /// Finds the steps, or why there are no safe ones.
    pub(super) fn plan(&self, mut diagnostics: Diagnostics) -> Result<Planned, Vec<Diagnostic>> {
        refusal::check(self.from, self.to, self.rendered, self.accepted, &mut diagnostics);
        refusal::check_options(self.to, &mut diagnostics);
        let versions = self.versions(&mut diagnostics);
        // Of a cluster that is not understood this would only be noise.
        if !diagnostics.has_errors() {
            self.check_storage(&mut diagnostics);
            self.check_rotation(&mut diagnostics);
            self.check_tls_versions(&mut diagnostics);
            refusal::check_selector(self.installed, Some(self.from), self.to, &mut diagnostics);
            self.check_pruned(&mut diagnostics);
            self.check_renewed(&mut diagnostics);
            self.check_policies(&mut diagnostics);
            self.check_allowed_names(&mut diagnostics);
            self.check_connections(&mut diagnostics);
            self.check_names(&mut diagnostics);
        }
        let is_nothing = self.changes.is_empty() && self.grown().is_empty();
        self.check_health(is_nothing, &mut diagnostics);
        extra::check(self.installed, self.desired, Some(self.from), self.to, &mut diagnostics);
        if !is_nothing {
            self.check_hooks(&mut diagnostics);
        }
        let (Some(versions), Some(running), false) = (versions, self.from.running(), diagnostics.has_errors()) else {
            return Err(diagnostics.into_vec());
        };
        let is_one_apply = is_nothing || self.is_one_apply(&versions, running);
        if is_one_apply {
            self.check_client_port(&mut diagnostics);
        }
        if diagnostics.has_errors() {
            return Err(diagnostics.into_vec());
        }
        if let Some(why) = self.why_started(&versions, is_one_apply) {
            let help = if self.is_ephemeral() {
                "restore a snapshot in a new cluster; or, if it may be empty, delete its StatefulSet and install it again".to_owned()
            } else {
                format!(
                    "start it first: kubectl scale statefulset/{} -n {} --replicas={}",
                    self.from.fullname, self.from.namespace, self.from.replicas
                )
            };
            diagnostics
                .push(Diagnostic::new(&UNKNOWN_CLUSTER, "", format!("the cluster is stopped, and {why}")).help(help));
            return Err(diagnostics.into_vec());
        }
        let mut steps = match (is_nothing, is_one_apply) {
            (true, _) => Vec::new(),
            (false, true) => vec![self.apply()],
            (false, false) => self.steps(&versions, running)?,
        };
        self.add_quota_check(&mut steps);
        self.add_version_check(running, &versions, &mut steps);
        self.add_voters_checks(&mut steps);
        self.add_replicas_checks(&mut steps);
        self.add_snapshot(running, &versions, &mut steps);
        if !is_nothing {
            diagnostics.extend(self.warnings(&versions, !is_one_apply));
        }
        diagnostics.extend(self.services_stay());
        Ok(Planned {
            summary: self.summary(&steps),
            preflight: self.preflight(&steps),
            guards: self.guards(&steps, &versions),
            steps,
            is_one_apply,
            differences: self
                .changes
                .differences()
                .into_iter()
                .chain(self.claim_differences())
                .collect(),
            warnings: diagnostics.into_vec(),
        })
    }

    /// Whether a part of the StatefulSet that it cannot change differs.
    fn is_recreated(&self) -> bool {
        let fixed = [
            "spec.selector",
            "spec.serviceName",
            "spec.podManagementPolicy",
            "spec.volumeClaimTemplates",
        ];
        self.changes
            .of_set()
            .iter()
            .any(|change| fixed.iter().any(|fixed| change.path.starts_with(fixed)))
    }

    /// Members that are there before and after.
    fn kept(&self) -> u32 {
        self.from.replicas.min(self.to.replicas)
    }

    fn has_other_urls(&self) -> bool {
        self.from.peer_url(0).differs(&self.to.peer_url(0))
    }

    fn rollout(&self) -> Rollout {
        if self.why_replaced().is_some() || self.is_ephemeral() {
            Rollout::ReplaceMember
        } else if self.has_other_urls() {
            Rollout::UpdatePeerUrl
        } else {
            Rollout::Restart
        }
    }

    /// Whether pods restart for another version.
    fn has_other_version(&self) -> bool {
        self.from.running() != self.to.running()
    }

    /// The changes of the pods' template.
    fn template_changes(&self) -> Vec<String> {
        let changes = self.changes.of_set().iter();
        changes
            .filter(|change| change.is_in_template)
            .map(|change| change.path.clone())
            .collect()
    }

    fn steps(&self, versions: &[Version], running: Version) -> Result<Vec<PlannedStep>, Vec<Diagnostic>> {
        let mut steps = Steps::default();
        self.grow(&mut steps);
        let start = State {
            version: running,
            replicas: self.from.replicas,
            joins: false,
            rotates: false,
            snapshots: false,
            tls: None,
            update: Update::From(0),
        };
        let rollout = self.rollout();
        if let Some(tls) = self.wider_tls() {
            self.widen_tls(
                State {
                    tls: Some(tls),
                    ..start
                },
                &mut steps,
            )?;
        }
        if self.is_recreated() || rollout == Rollout::UpdatePeerUrl || self.why_replaced().is_some() {
            self.change_members(start, rollout, &mut steps)?;
        } else if self.is_rotated() {
            self.rotate(start, &mut steps)?;
        } else if versions.is_empty() || self.has_new_client_issuer() {
            self.update(start, &mut steps)?;
        }
        let mut at = start;
        for (index, version) in versions.iter().enumerate() {
            self.change_version(&mut at, *version, versions.get(index + 1).copied(), &mut steps)?;
        }
        for ordinal in self.from.replicas..self.to.replicas {
            self.add(at, ordinal, &mut steps)?;
        }
        for ordinal in (self.to.replicas..self.from.replicas).rev() {
            self.remove(at, ordinal, &mut steps)?;
        }
        self.finish(&mut steps);
        Ok(steps.steps)
    }

    /// A step that applies a state and restarts the members one after the other.
    fn restarting(
        &self,
        state: State,
        name: &str,
        title: String,
        reason: &str,
        steps: &mut Steps,
    ) -> Result<(), Vec<Diagnostic>> {
        let manifests = self.render(state)?;
        let replicas = state.replicas;
        let mut actions = vec![healthy(self.from.members(replicas))];
        let (applying, files) = self.applying(&manifests, steps.before()).all();
        actions.extend(applying);
        actions.extend(self.settled(replicas));
        steps.push(PlannedStep {
            name: name.to_owned(),
            title,
            reason: reason.to_owned(),
            restarts: reversed(self.from.members(replicas)),
            manifests,
            files,
            actions,
        });
        Ok(())
    }

    /// Brings pods to where the desired values have them, at the version that runs.
    fn change_members(&self, start: State, rollout: Rollout, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let replicas = start.replicas;
        let members = self.from.members(replicas);
        if self.is_recreated() {
            let first = State {
                joins: rollout == Rollout::ReplaceMember,
                update: match rollout {
                    Rollout::Restart => Update::From(0),
                    Rollout::UpdatePeerUrl => Update::From(replicas),
                    Rollout::ReplaceMember => Update::Deleted,
                },
                ..start
            };
            let manifests = self.render(first)?;
            // The StatefulSet itself is gone when the manifests are applied.
            let set = self.set_file(&manifests);
            let Applying { before, then, files } = self.applying(&manifests, steps.before());
            let mut actions = vec![healthy(members.clone())];
            actions.extend(self.new_classes());
            for mut action in before {
                if let Action::TakeOver { files } | Action::Prove { files } = &mut action {
                    files.retain(|file| Some(file) != set.as_ref());
                    if files.is_empty() {
                        continue;
                    }
                }
                actions.push(action);
            }
            actions.push(Action::DeleteSetOnly {
                set: self.from.fullname.clone(),
            });
            let missing: Vec<(String, String)> = self
                .to
                .selector
                .iter()
                .filter(|(key, value)| self.from.selector.get(*key) != Some(value))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            if !missing.is_empty() {
                actions.push(Action::LabelPods {
                    members: members.clone(),
                    labels: missing,
                });
            }
            actions.extend(then);
            let mut restarts = Vec::new();
            if rollout == Rollout::Restart {
                actions.push(Action::OfNewSet {
                    set: self.from.fullname.clone(),
                    members: members.clone(),
                });
                actions.extend(self.settled(replicas));
                restarts = reversed(members);
            }
            steps.push(PlannedStep {
                name: "recreate-statefulset".to_owned(),
                title: "delete the StatefulSet and create it around its pods".to_owned(),
                reason: "Kubernetes refuses to change its selector, serviceName, podManagementPolicy and \
                         volumeClaimTemplates; pods and claims stay, and the new StatefulSet takes them over"
                    .to_owned(),
                restarts,
                manifests,
                files,
                actions,
            });
        } else if rollout == Rollout::ReplaceMember {
            self.let_join(start, steps)?;
        }
        match rollout {
            Rollout::Restart => {}
            Rollout::UpdatePeerUrl => self.update_peer_urls(start, steps)?,
            Rollout::ReplaceMember => self.replace_all(start, steps)?,
        }
        Ok(())
    }

    /// The file with the StatefulSet.
    fn set_file(&self, manifests: &[Manifest]) -> Option<String> {
        let set = manifests
            .iter()
            .find(|manifest| manifest.kind == "StatefulSet" && manifest.name == self.from.fullname);
        set.map(|set| set.file_name.clone())
    }

    /// Applies all other changes of pods or certificates, before members come or go.
    fn update(&self, start: State, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let manifests = self.render(start)?;
        let template = self.template_changes_to(&manifests);
        let has_new_issuer = self.has_new_client_issuer();
        if template.is_empty() && !has_new_issuer {
            return self.certify(&manifests, steps);
        }
        if self.is_ephemeral() {
            self.let_join(start, steps)?;
            return self.replace_all(start, steps);
        }
        let replicas = start.replicas;
        let members = self.from.members(replicas);
        let mut actions = vec![healthy(members.clone())];
        if has_new_issuer {
            // Once the certificates are issued, no member that has not restarted lets etcdctl in: also not on a second run.
            if steps.steps.is_empty() {
                steps.push(PlannedStep {
                    name: "check-members".to_owned(),
                    title: "check that the members are as the plan expects them".to_owned(),
                    reason: "they cannot be asked while they get certificates of another CA".to_owned(),
                    restarts: Vec::new(),
                    manifests: Vec::new(),
                    files: Vec::new(),
                    actions,
                });
            }
            actions = ready(&members);
        }
        let (applying, files) = self.applying(&manifests, steps.before()).all();
        actions.extend(applying);
        // Members that were faster than the certificates restart once more.
        actions.extend(has_new_issuer.then(|| Action::Restart {
            set: self.from.fullname.clone(),
        }));
        actions.extend(self.settled(replicas));
        steps.push(PlannedStep {
            name: "update".to_owned(),
            title: "apply what changes for the members that stay".to_owned(),
            reason: format!("{}; they restart one after the other", self.reason(&template)),
            restarts: reversed(members),
            manifests,
            files,
            actions,
        });
        Ok(())
    }

    /// The paths at which the installed template differs from that of a state.
    fn template_changes_to(&self, manifests: &[Manifest]) -> Vec<String> {
        let set = manifests
            .iter()
            .find(|manifest| manifest.kind == "StatefulSet" && manifest.name == self.from.fullname);
        let Some(state) = set.and_then(|set| Object::of_manifest(set, &self.from.namespace)) else {
            return Vec::new();
        };
        let mut installed = self.from.set.node.clone();
        // `kubectl rollout restart` notes when it was.
        let annotations = ["spec", "template", "metadata", "annotations"]
            .iter()
            .try_fold(&mut installed, |node, key| get_mut(node, key));
        if let Some(annotations) = annotations
            && let rutter::yaml::Value::Mapping(entries) = &mut annotations.value
        {
            entries.retain(|entry| entry.key.scalar.text != "kubectl.kubernetes.io/restartedAt");
        }
        let found = differences("apps", "StatefulSet", &installed, &state.node);
        let paths = found.iter().map(|difference| difference.path.to_string());
        paths.filter(|path| path.starts_with("spec.template")).collect()
    }

    /// Applies the desired state, unless it is applied already, and deletes what is no longer part of it.
    fn finish(&self, steps: &mut Steps) {
        // Only claims grow.
        if self.changes.is_empty() {
            return;
        }
        let pruned: Vec<Action> = self.pruned().chain(self.pruned_between(&steps.steps)).collect();
        if steps.applied == self.rendered.manifests {
            if let Some(last) = steps.steps.last_mut() {
                last.actions.extend(pruned);
            }
            return;
        }
        let replicas = self.to.replicas;
        let restarts = match steps.before() {
            Some(applied) => self.restarted_between(applied, &self.rendered.manifests, replicas),
            None if self.template_changes().is_empty() => Vec::new(),
            None => reversed(self.from.members(replicas)),
        };
        let (mut actions, files) = self.applying(&self.rendered.manifests, steps.before()).all();
        if self.rendered.cluster.update.kind == UpdateType::RollingUpdate {
            actions.push(Action::RolledOut {
                set: self.from.fullname.clone(),
                replicas,
            });
        }
        let members = self.from.members(replicas);
        actions.push(healthy(members.clone()));
        actions.extend(connected(members));
        actions.extend(pruned);
        let reason = if restarts.is_empty() {
            "what was different for the steps before (a bootstrap state, an update strategy, names in certificates) is as the \
             values say; no member restarts"
        } else {
            "what was different for the steps before is as the values say; the members restart one after the other"
        };
        steps.push(PlannedStep {
            name: "finish".to_owned(),
            title: "apply the desired state".to_owned(),
            reason: reason.to_owned(),
            restarts,
            manifests: self.rendered.manifests.clone(),
            files,
            actions,
        });
    }

    /// The members that restart when one state follows another.
    fn restarted_between(&self, before: &[Manifest], after: &[Manifest], replicas: u32) -> Vec<String> {
        let template = |manifests: &[Manifest]| {
            let file = self.set_file(manifests)?;
            let set = manifests.iter().find(|manifest| manifest.file_name == file)?;
            Object::of_manifest(set, &self.from.namespace)
        };
        let (Some(before), Some(after)) = (template(before), template(after)) else {
            return reversed(self.from.members(replicas));
        };
        let found = differences("apps", "StatefulSet", &before.node, &after.node);
        let restarts = found
            .iter()
            .any(|difference| difference.path.to_string().starts_with("spec.template"));
        if restarts && self.rendered.cluster.update.kind == UpdateType::RollingUpdate {
            reversed(self.from.members(replicas))
        } else {
            Vec::new()
        }
    }
}

fn healthy(members: Vec<String>) -> Action {
    Action::Healthy {
        members,
        before_adding: None,
    }
}

/// Waits until each of the members' pods is ready, without a question to etcd.
fn ready(members: &[String]) -> Vec<Action> {
    let members = members.iter().cloned();
    members.map(|member| Action::Ready { member }).collect()
}

/// Waits until the members reach each other; one has none to reach.
fn connected(members: Vec<String>) -> Option<Action> {
    (members.len() > 1).then_some(Action::Connected { members })
}

fn reversed(mut members: Vec<String>) -> Vec<String> {
    members.reverse();
    members
}
