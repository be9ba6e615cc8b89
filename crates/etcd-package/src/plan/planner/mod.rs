//! The steps from the installed to the desired cluster, and their order.
//!
//! First what concerns where members are and how they reach each other, at the version that runs. Then one version after
//! the other. Then one member after the other. All other changes come with the first step that restarts the pods. What only
//! the desired state has (a partition, the bootstrap state) comes with the last step.

mod certificates;
mod install;
mod members;
mod policies;
mod preflight;
mod storage;
mod summary;
mod version;
mod warnings;

pub(super) use self::install::install;

use std::num::NonZeroU32;

use rutter::yaml::Node;
use rutter::{Diagnostic, Diagnostics, File, Manifest};

use super::action::Action;
use super::changes::{Changes, get_mut, resource, take_over};
use super::difference::differences;
use super::fact::Fact;
use super::objects::{Object, Objects};
use super::observed::{Health, ObservedCluster, Strategy};
use super::refusal;
use crate::codes::{CLUSTER_NOT_HEALTHY, REFUSED_ON_THE_WAY, UNKNOWN_CLUSTER, UNSAFE_CHANGE};
use crate::etcd::{Version, needs_snapshot};
use crate::values::{BootstrapState, CertManager, PeerTlsMode, TlsMode, TlsVersion, UpdateType, Values};
use crate::{Rendered, Source};

/// Two clusters, and the changes between them.
pub(super) struct Planner<'a> {
    pub(super) source: &'a Source<'a>,
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
    /// Diagnostics about the change.
    pub warnings: Vec<Diagnostic>,
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
        let is_other = |action: &Action| !matches!(action, Action::Healthy { .. });
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

/// A state between two steps.
#[derive(Clone, Copy, Debug)]
struct State {
    version: Version,
    replicas: u32,
    /// Whether a member that starts with nothing joins.
    joins: bool,
    /// Whether members use the Secret in which both CAs are trusted.
    rotates: bool,
    /// Whether members make snapshots as often as they sensibly can.
    snapshots: bool,
    /// The TLS versions, if they are not the desired ones.
    tls: Option<(TlsVersion, TlsVersion)>,
    /// The way in which pods are updated.
    update: Update,
}

/// An apply of a state's manifests.
struct Applying {
    /// The checks and the new certificates that come before it.
    before: Vec<Action>,
    /// The apply itself, and the check of its result.
    then: Vec<Action>,
    /// The files that these actions need, besides the manifests.
    files: Vec<File>,
}

impl Applying {
    /// Returns all actions in their order, and the files.
    fn all(mut self) -> (Vec<Action>, Vec<File>) {
        self.before.extend(self.then);
        (self.before, self.files)
    }
}

#[derive(Clone, Copy, Debug)]
enum Update {
    /// Those of this ordinal and above, by themselves.
    From(u32),
    /// Those that are deleted.
    Deleted,
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
}

impl Planner<'_> {
    /// Finds the steps, or why there are no safe ones.
    pub(super) fn plan(&self, mut diagnostics: Diagnostics) -> Result<Planned, Vec<Diagnostic>> {
        refusal::check(self.from, self.to, self.rendered, self.accepted, &mut diagnostics);
        let versions = self.versions(&mut diagnostics);
        // Of a cluster that is not understood this would only be noise.
        if !diagnostics.has_errors() {
            self.check_storage(&mut diagnostics);
            self.check_rotation(&mut diagnostics);
            self.check_tls_versions(&mut diagnostics);
            self.check_selector(&mut diagnostics);
            self.check_pruned(&mut diagnostics);
            self.check_policies(&mut diagnostics);
        }
        let is_nothing = self.changes.is_empty();
        self.check_health(is_nothing, &mut diagnostics);
        // The hook of a pod runs when the pod ends.
        if !self.template_changes().is_empty() || self.from.replicas != self.to.replicas || self.is_recreated() {
            refusal::check_hooks(self.from, self.accepted, &mut diagnostics);
        }
        let (Some(versions), Some(running), false) = (versions, self.from.running(), diagnostics.has_errors()) else {
            return Err(diagnostics.into_vec());
        };
        let is_one_apply = is_nothing || self.is_one_apply(&versions, running);
        let mut steps = match (is_nothing, is_one_apply) {
            (true, _) => Vec::new(),
            (false, true) => vec![self.apply()],
            (false, false) if self.from.health == Health::Stopped => {
                diagnostics.push(
                    Diagnostic::new(
                        &UNKNOWN_CLUSTER,
                        "",
                        "the cluster is stopped, and the change takes steps",
                    )
                    .help(format!(
                        "start it first: kubectl scale statefulset/{} -n {} --replicas={}",
                        self.from.fullname, self.from.namespace, self.from.replicas
                    )),
                );
                return Err(diagnostics.into_vec());
            }
            (false, false) => self.steps(&versions, running)?,
        };
        self.add_quota_check(&mut steps);
        self.add_version_check(running, &versions, &mut steps);
        self.add_replicas_checks(&mut steps);
        self.add_snapshot(running, &versions, &mut steps);
        if !is_nothing {
            diagnostics.extend(self.warnings(&versions, !is_one_apply));
        }
        Ok(Planned {
            summary: self.summary(&steps),
            preflight: self.preflight(&steps),
            steps,
            is_one_apply,
            warnings: diagnostics.into_vec(),
        })
    }

    /// Refuses to change a cluster that is not healthy.
    fn check_health(&self, is_nothing: bool, diagnostics: &mut Diagnostics) {
        match &self.from.health {
            Health::Sick(problems) => diagnostics.extend(problems.iter().map(|problem| {
                let mut diagnostic =
                    Diagnostic::new(&CLUSTER_NOT_HEALTHY, "", problem.message.clone()).help(problem.help.clone());
                if is_nothing {
                    diagnostic.severity = rutter::Severity::Warning;
                }
                diagnostic
            })),
            Health::Partly(strategy) if !self.template_changes().is_empty() => {
                let (name, namespace) = (&self.from.fullname, &self.from.namespace);
                diagnostics.push(
                    Diagnostic::new(&CLUSTER_NOT_HEALTHY, "", "some pods are of an earlier template").help(
                        match strategy {
                            Strategy::Partition => {
                                "finish the update that is under way first: plan it with update.partition: 0".to_owned()
                            }
                            Strategy::OnDelete => format!(
                                "delete these pods first, one at a time (`kubectl get pods -n {namespace} -L \
                             controller-revision-hash` shows which; the current one is .status.updateRevision of \
                             statefulset/{name})"
                            ),
                        },
                    ),
                );
            }
            Health::Partly(_) if self.finishes_update() && self.is_ephemeral() => diagnostics.push(
                Diagnostic::new(
                    &CLUSTER_NOT_HEALTHY,
                    "",
                    "some pods are of an earlier template, and a member that restarts loses its data",
                )
                .help("an earlier plan has stopped halfway: go on with its run.sh"),
            ),
            Health::Partly(_) if self.finishes_update() => match &self.from.other_pods {
                Fact::Known(others) if others.is_empty() => {}
                Fact::Known(others) => diagnostics.push(
                    Diagnostic::new(
                        &CLUSTER_NOT_HEALTHY,
                        "",
                        format!(
                            "pods of an earlier template would not restart as they are: {}",
                            others.join("; ")
                        ),
                    )
                    .help("an earlier plan has stopped halfway: go on with its run.sh"),
                ),
                Fact::Absent | Fact::Unknown(_) => diagnostics.push(
                    Diagnostic::new(
                        &CLUSTER_NOT_HEALTHY,
                        "",
                        "some pods are of an earlier template, which is not known",
                    )
                    .help("give the pods as well (--live does)"),
                ),
            },
            Health::Healthy | Health::Partly(_) | Health::Unknown | Health::Stopped => {}
        }
    }

    /// Whether an apply goes on with an update that has reached some pods only.
    fn finishes_update(&self) -> bool {
        let update = &self.rendered.cluster.update;
        matches!(self.from.health, Health::Partly(_))
            && update.kind == UpdateType::RollingUpdate
            && u32::from(update.partition) < self.from.replicas
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

    /// Whether applying the desired manifests does all, safely.
    fn is_one_apply(&self, versions: &[Version], running: Version) -> bool {
        let one_hop = match versions {
            [] => true,
            [only] => only.minor() >= running.minor() && !needs_snapshot(running, *only),
            _ => false,
        };
        let stays = self.from.replicas == self.to.replicas
            && !self.is_recreated()
            && !self.has_other_urls()
            && !self.is_rotated()
            && !self.has_new_client_issuer()
            && self.wider_tls().is_none();
        let keeps_data = self.why_replaced().is_none() && (!self.is_ephemeral() || self.template_changes().is_empty());
        one_hop && stays && keeps_data
    }

    /// One apply.
    fn apply(&self) -> PlannedStep {
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
            actions.extend(self.settled(replicas));
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

    /// Waits until all pods are what the StatefulSet says and the members serve and reach each other.
    fn settled(&self, replicas: u32) -> Vec<Action> {
        self.settled_as(replicas, self.from.members(replicas))
    }

    /// The same where only some members reach all others.
    fn settled_as(&self, replicas: u32, reaching: Vec<String>) -> Vec<Action> {
        let rolled_out = Action::RolledOut {
            set: self.from.fullname.clone(),
            replicas,
        };
        let mut actions = vec![rolled_out, healthy(self.from.members(replicas))];
        actions.extend((replicas > 1).then_some(Action::Connected { members: reaching }));
        actions
    }

    /// Applies the manifests of a state, after another that was applied or over what is installed: certificates that are new
    /// first, and each object proven before and after.
    fn applying(&self, manifests: &[Manifest], applied: Option<&[Manifest]>) -> Applying {
        let mut before = Vec::new();
        let changed: Vec<String> = match applied {
            None => manifests
                .iter()
                .filter(|manifest| self.is_changed(manifest))
                .map(|manifest| manifest.file_name.clone())
                .collect(),
            Some(applied) => manifests
                .iter()
                .filter(|manifest| !applied.contains(manifest))
                .map(|manifest| manifest.file_name.clone())
                .collect(),
        };
        // A claim's fields are fixed, and the API server adds some: it cannot be replaced as it was written.
        let proven: Vec<String> = manifests
            .iter()
            .filter(|manifest| manifest.kind != "PersistentVolumeClaim" && changed.contains(&manifest.file_name))
            .map(|manifest| manifest.file_name.clone())
            .collect();
        // kubectl learns of the fields that go when it applies an object for the first time.
        let is_first = |manifest: &&Manifest| {
            let is_same = |other: &Manifest| (&other.kind, &other.name) == (&manifest.kind, &manifest.name);
            changed.contains(&manifest.file_name) && !applied.is_some_and(|applied| applied.iter().any(is_same))
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
        before.extend(self.certified_first(manifests, applied));
        let mut then = vec![Action::Apply];
        if !proven.is_empty() {
            then.push(Action::Applied { files: proven });
        }
        Applying { before, then, files }
    }

    /// The file by which `kubectl apply` learns of the fields of the installed object that a manifest leaves out.
    fn take_over(&self, manifest: &Manifest) -> Option<File> {
        let desired = Object::of_manifest(manifest, &self.from.namespace)?;
        let installed = self.installed.get(&desired.id)?;
        take_over(installed, &desired, self.from.is_live, &manifest.file_name)
    }

    /// Whether an object is to be created or differs from the installed one.
    fn is_changed(&self, manifest: &Manifest) -> bool {
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

    /// The changes of the pods' template.
    fn template_changes(&self) -> Vec<String> {
        let changes = self.changes.of_set().iter();
        changes
            .filter(|change| change.is_in_template)
            .map(|change| change.path.clone())
            .collect()
    }

    fn reason(&self, template: &[String]) -> String {
        const MOST: usize = 4;
        let shown = |paths: &[&str]| {
            let more = paths.len().saturating_sub(MOST);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!("{}{more}", paths[..paths.len().min(MOST)].join(", "))
        };
        // Objects that change at the same paths are named together.
        let mut changes: Vec<(String, Vec<String>)> = Vec::new();
        for object in &self.changes.objects {
            let what = match &object.changes {
                None => "creates".to_owned(),
                Some(changes) => {
                    let paths = changes.iter().filter(|change| !change.is_in_template);
                    let paths: Vec<&str> = paths.map(|change| change.path.as_str()).collect();
                    // Changes of the template come below.
                    if paths.is_empty() {
                        "changes".to_owned()
                    } else {
                        format!("changes {} of", shown(&paths))
                    }
                }
            };
            let name = format!("{} {}", object.id.kind, object.id.name);
            match changes.iter_mut().find(|(other, _)| *other == what) {
                Some((_, names)) => names.push(name),
                None => changes.push((what, vec![name])),
            }
        }
        let mut parts: Vec<String> = changes
            .into_iter()
            .map(|(what, names)| format!("{what} {}", names.join(", ")))
            .collect();
        let surplus = self.changes.surplus.iter();
        parts.extend(surplus.map(|(resource, name)| format!("deletes {resource} {name}")));
        if !template.is_empty() {
            let prefix = "spec.template.";
            let paths = template.iter().map(|path| path.strip_prefix(prefix).unwrap_or(path));
            let paths: Vec<&str> = paths.collect();
            parts.push(format!("the pods' template differs in {}", shown(&paths)));
        }
        parts.join("; ")
    }

    fn pruned(&self) -> impl Iterator<Item = Action> {
        self.changes.surplus.iter().map(|(resource, name)| Action::Prune {
            resource: resource.clone(),
            name: name.clone(),
        })
    }

    /// Deletes objects that only the steps between have, such as the budget of two members on the way to one.
    fn pruned_between(&self, steps: &[PlannedStep]) -> Vec<Action> {
        let is_same =
            |manifest: &Manifest, other: &Manifest| (&manifest.kind, &manifest.name) == (&other.kind, &other.name);
        let mut actions = Vec::new();
        for manifest in steps.iter().flat_map(|step| &step.manifests) {
            let Some(object) = Object::of_manifest(manifest, &self.from.namespace) else {
                continue;
            };
            let is_desired = self.rendered.manifests.iter().any(|other| is_same(manifest, other));
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

    /// The TLS versions that members of both sides take, if the sides have none in common.
    fn wider_tls(&self) -> Option<(TlsVersion, TlsVersion)> {
        let range = |cluster: &ObservedCluster| {
            let version = |flag: &str, default: TlsVersion| match cluster.options.get(flag) {
                Fact::Known(text) if text == "TLS1.2" => Some(TlsVersion::Tls12),
                Fact::Known(text) if text == "TLS1.3" => Some(TlsVersion::Tls13),
                Fact::Known(text) if !text.is_empty() => None,
                Fact::Known(_) | Fact::Absent => Some(default),
                Fact::Unknown(_) => None,
            };
            Some((
                version("tls-min-version", TlsVersion::Tls12)?,
                version("tls-max-version", TlsVersion::Tls13)?,
            ))
        };
        let (old, new) = (range(self.from)?, range(self.to)?);
        let is_12 = |range: (TlsVersion, TlsVersion)| range.1 == TlsVersion::Tls12;
        let is_13 = |range: (TlsVersion, TlsVersion)| range.0 == TlsVersion::Tls13;
        ((is_12(old) && is_13(new)) || (is_13(old) && is_12(new))).then_some((TlsVersion::Tls12, TlsVersion::Tls13))
    }

    /// Refuses TLS versions that have to be widened first, together with what the first restart must not bring along.
    fn check_tls_versions(&self, diagnostics: &mut Diagnostics) {
        let with = [
            (
                self.is_recreated(),
                "a part of the StatefulSet that Kubernetes refuses to change",
            ),
            (self.has_other_urls(), "the peer URLs"),
            (self.is_rotated() || self.has_new_client_issuer(), "a CA"),
            (self.other_secrets(), "the Secrets of certificates"),
            (
                self.why_replaced().is_some() || self.is_ephemeral(),
                "the members' volumes",
            ),
        ];
        let with = with.iter().find(|(is_so, _)| *is_so);
        if let (Some(_), Some((_, what))) = (self.wider_tls(), with) {
            let message = format!(
                "members have no TLS version in common before and after, which takes a restart of its own, and {what} would change \
                 with it"
            );
            diagnostics.push(Diagnostic::new(&UNSAFE_CHANGE, "tls.minVersion", message).help(
                "change tls.minVersion and tls.maxVersion in a plan of their own, with all other values as they are",
            ));
        }
    }

    /// Whether members read a certificate in another Secret.
    fn other_secrets(&self) -> bool {
        self.from.client_files.secret() != self.to.client_files.secret()
            || self.from.peer_secret() != self.to.peer_secret()
    }

    /// Refuses to delete what pods of an earlier template refer to while the update leaves some of them.
    fn check_pruned(&self, diagnostics: &mut Diagnostics) {
        let update = &self.rendered.cluster.update;
        let leaves_some = update.partition > 0 || update.kind == UpdateType::OnDelete;
        let are_earlier = !self.template_changes().is_empty() || matches!(self.from.health, Health::Partly(_));
        let is_referred_to = |(resource, _): &&(String, String)| ["serviceaccount", "configmap"].contains(&&**resource);
        let referred_to = self.changes.surplus.iter().find(is_referred_to);
        if let (true, true, Some((resource, name))) = (leaves_some, are_earlier, referred_to) {
            let message = format!(
                "pods of an earlier template stay, and could not start again without the {resource} {name:?}, which goes"
            );
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "update", message)
                    .help("write update: {type: RollingUpdate, partition: 0} for this change"),
            );
        }
    }

    /// Refuses a selector that the pods of others match: they would be taken for members, or members for them.
    fn check_selector(&self, diagnostics: &mut Diagnostics) {
        if self.from.selector == self.to.selector {
            return;
        }
        let is_other = |object: &&Object| {
            object.id.namespace == self.from.namespace
                && !(object.id.kind == "StatefulSet" && object.id.name == self.from.fullname)
                && ["StatefulSet", "Deployment", "DaemonSet", "CronJob", "Pod"].contains(&&*object.id.kind)
                && !(object.id.kind == "Pod" && self.from.members(self.from.replicas).contains(&object.id.name))
        };
        let matches = |object: &&Object| {
            let path = match &*object.id.kind {
                "Pod" => "metadata.labels",
                "CronJob" => "spec.jobTemplate.spec.template.metadata.labels",
                _ => "spec.template.metadata.labels",
            };
            let labels = object.node.at(path).and_then(Node::entries).unwrap_or_default();
            self.to.selector.iter().all(|(key, value)| {
                let label = labels.iter().find(|entry| entry.key.scalar.text == *key);
                label.and_then(|entry| entry.value.as_str()) == Some(value.as_str())
            })
        };
        if let Some(other) = self.installed.iter().filter(is_other).find(matches) {
            let message = format!(
                "the selector would match pods of the {} {:?}",
                other.id.kind, other.id.name
            );
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "naming.selectorLabels", message)
                    .help("write labels that no other pods of the namespace have"),
            );
        }
    }

    /// The manifests of a state between two steps.
    fn render(&self, state: State) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
        let desired = self.rendered.cluster.version;
        let largest = self.from.replicas.max(self.to.replicas);
        let change = |values: &mut Values| {
            values.replicas = state.replicas;
            if state.version != desired {
                values.version = state.version;
                // They are those of the desired version.
                values.image.tag = None;
                values.image.digest = None;
            }
            if state.rotates {
                values.tls.peer.mode = PeerTlsMode::Secret;
                values.tls.peer.secret_name = certificates::rotation_secret(self.from).parse().ok();
                // They are those of the new certificate, and members show the old one as well.
                values.tls.peer.allowed_common_names.clear();
                values.tls.peer.allowed_hostnames.clear();
                if values.tls.client.mode != TlsMode::CertManager {
                    values.tls.cert_manager = CertManager::default();
                }
            }
            if let Some((min, max)) = state.tls {
                values.tls.min_version = Some(min);
                values.tls.max_version = Some(max);
            }
            if state.snapshots {
                values.snapshot_count = NonZeroU32::new(version::SNAPSHOT_COUNT);
            }
            if state.joins {
                values.bootstrap.state = BootstrapState::Existing;
            }
            match state.update {
                Update::From(ordinal) => {
                    values.update.kind = UpdateType::RollingUpdate;
                    values.update.partition = u16::try_from(ordinal).unwrap_or(u16::MAX);
                }
                Update::Deleted => {
                    values.update.kind = UpdateType::OnDelete;
                    values.update.partition = 0;
                }
            }
            // Certificates that hold for every member that was or will be are made once.
            let makes =
                values.tls.client.mode == TlsMode::CertManager || values.tls.peer.mode == PeerTlsMode::CertManager;
            let planned = values.tls.cert_manager.max_replicas.unwrap_or(0);
            if makes && planned < largest {
                values.tls.cert_manager.max_replicas = Some(largest);
            }
        };
        match self.source.render(change) {
            Ok(rendered) => Ok(rendered.manifests),
            Err(problems) => Err(problems
                .into_iter()
                .filter(|problem| problem.severity == rutter::Severity::Error)
                .map(|problem| {
                    let message = format!("in a step with etcd {}: {}", state.version, problem.message);
                    Diagnostic::new(&REFUSED_ON_THE_WAY, problem.path, message)
                        .help("plan the new version first, with the other values as they are, and then these values")
                        .at(problem.position)
                })
                .collect()),
        }
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

    fn widen_tls(&self, state: State, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        self.restarting(
            state,
            "widen-tls",
            "let members take both TLS versions".to_owned(),
            "members that take only TLS 1.2 and members that take only TLS 1.3 do not reach each other",
            steps,
        )
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
        // Once the certificates are there, etcdctl is let in by no member that has not restarted: also not on a second run.
        let mut actions: Vec<Action> = (!has_new_issuer)
            .then(|| healthy(members.clone()))
            .into_iter()
            .collect();
        let (applying, files) = self.applying(&manifests, steps.before()).all();
        actions.extend(applying);
        actions.extend(self.certified(&manifests));
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

    /// Has the first step ask the members for their release: the cluster may be another one by the time a plan is carried out,
    /// anyone can change a label, and a member whose data another release has written ends in a crash loop. A step that was
    /// interrupted has updated some members.
    fn add_version_check(&self, running: Version, versions: &[Version], steps: &mut [PlannedStep]) {
        let is_needed = self.from.version.known().is_none() || !versions.is_empty();
        // Midway, members do not trust the certificate that etcdctl shows by then.
        if self.from.health == Health::Stopped || self.has_new_client_issuer() && !is_needed {
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

    /// Puts a snapshot of the data before the first thing that cannot be undone.
    fn add_snapshot(&self, running: Version, versions: &[Version], steps: &mut [PlannedStep]) {
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
            super::observed::Storage::Claim(template) => Some(template.clone()),
            super::observed::Storage::Ephemeral | super::observed::Storage::Other(_) => None,
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
            path: format!("{}/rutter-before-change.db", directory.trim_end_matches('/')),
            claim: claim.map(|claim| format!("{claim}-{member}")),
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
                        | Action::FitsQuota { .. }
                        | Action::NoteReplaced { .. }
                )
            })
            .unwrap_or(0);
        step.actions.insert(at, snapshot);
    }

    /// Has each step that applies the StatefulSet check that it has the replicas of the state before, or those of the step
    /// if it was interrupted.
    fn add_replicas_checks(&self, steps: &mut [PlannedStep]) {
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

    /// Has the first step check the databases against a quota that shrinks.
    fn add_quota_check(&self, steps: &mut [PlannedStep]) {
        let Some(step) = steps.first_mut() else { return };
        let check = self.fits_quota(self.staying(step));
        step.insert_behind_health(check);
    }

    /// The replicas of the StatefulSet that a step applies.
    fn replicas_after(&self, step: &PlannedStep) -> Option<u32> {
        let file = self.set_file(&step.manifests)?;
        let manifest = step.manifests.iter().find(|manifest| manifest.file_name == file)?;
        replicas_of(&Object::of_manifest(manifest, &self.from.namespace)?)
    }

    /// The members that are there before a step and after it. One that it removes may be gone when the step is tried again.
    fn staying(&self, step: &PlannedStep) -> Vec<String> {
        let after = self.replicas_after(step).unwrap_or(self.from.replicas);
        self.from.members(self.from.replicas.min(after))
    }

    /// Checks the databases against a quota that shrinks.
    fn fits_quota(&self, members: Vec<String>) -> Option<Action> {
        let (old, new) = (warnings::quota(self.from)?, warnings::quota(self.to)?);
        (new < old && self.from.health != Health::Stopped).then(|| Action::FitsQuota {
            members,
            bytes: u64::try_from(new).unwrap_or(u64::MAX),
        })
    }
}

impl Steps {
    /// The manifests that were applied last.
    fn before(&self) -> Option<&[Manifest]> {
        (!self.applied.is_empty()).then_some(self.applied.as_slice())
    }
}

/// The replicas of a StatefulSet; none if they are no number.
fn replicas_of(set: &Object) -> Option<u32> {
    set.text("spec.replicas").map_or(Some(1), |text| text.parse().ok())
}

fn healthy(members: Vec<String>) -> Action {
    Action::Healthy {
        members,
        before_adding: None,
    }
}

/// Waits until the members reach each other; one has none to reach.
fn connected(members: Vec<String>) -> Option<Action> {
    (members.len() > 1).then_some(Action::Connected { members })
}

fn reversed(mut members: Vec<String>) -> Vec<String> {
    members.reverse();
    members
}
