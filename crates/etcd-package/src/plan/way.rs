//! Which steps lead there, and in which order.
//!
//! First what has to do with where members are and how they reach each other, at the version that runs; then one version
//! after the other; then one member after the other. Whatever else changes comes with the first step that renews the
//! pods, and what only the desired state has (a partition, the bootstrap state) with the last.

mod certificates;
mod members;
mod storage;
mod version;
mod warnings;

use std::num::NonZeroU32;

use rutter::{Change, Diagnostic, Diagnostics, Manifest, Plan, Step};

use super::difference;
use super::facts::Facts;
use super::line::Lines;
use super::objects::Objects;
use super::refusal;
use crate::codes::REFUSED_ON_THE_WAY;
use crate::etcd::{Version, needs_snapshot};
use crate::values::{BootstrapState, CertManager, PeerTlsMode, TlsMode, UpdateType, Values};
use crate::{Rendered, Source};

/// Two clusters, and what lies between them.
pub(super) struct Way<'a> {
    pub(super) source: &'a Source<'a>,
    /// What is desired.
    pub(super) wanted: &'a Rendered,
    pub(super) from: &'a Facts,
    pub(super) to: &'a Facts,
    /// What becomes of the objects, in words.
    pub(super) changes: Vec<String>,
    /// Kinds and names of what is rendered no longer.
    pub(super) surplus: Vec<(String, String)>,
}

/// How pods come to be what their template says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    /// They restart one after the other, on the data that they have.
    Restart,
    /// They restart one after the other, and etcd is told of another URL each time.
    Move,
    /// The data cannot come along: members are removed and added anew, one after the other.
    Replace,
}

/// A state on the way.
#[derive(Clone, Copy, Debug)]
struct Stop {
    version: Version,
    replicas: u32,
    /// Whether a member that starts with nothing joins.
    joins: bool,
    /// Whether members use the Secret in which both authorities are trusted.
    rotates: bool,
    /// Whether members make snapshots as often as they sensibly can.
    snapshots: bool,
    /// How pods are renewed.
    update: Update,
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
    steps: Vec<Step>,
    /// What was applied last.
    applied: Vec<Manifest>,
}

impl Steps {
    fn push(&mut self, step: Step) {
        if !step.manifests.is_empty() {
            self.applied.clone_from(&step.manifests);
        }
        self.steps.push(step);
    }
}

impl Way<'_> {
    /// The plan, or why there is none.
    pub(super) fn find(&self) -> Result<Plan, Vec<Diagnostic>> {
        let mut diagnostics = Diagnostics::default();
        refusal::check(self.from, self.to, &self.wanted.cluster, &mut diagnostics);
        let versions = self.versions(&mut diagnostics);
        // Of a cluster that is not understood this would only be noise.
        if !diagnostics.has_errors() {
            self.check_storage(&mut diagnostics);
            self.check_rotation(&mut diagnostics);
        }
        let (Some(versions), Some(running), false) = (versions, self.from.version, diagnostics.has_errors()) else {
            return Err(diagnostics.into_vec());
        };
        let change = if self.is_one_apply(&versions, running) {
            self.apply()
        } else {
            Change::Steps(self.steps(&versions, running)?)
        };
        if change != Change::Nothing {
            diagnostics.extend(self.warnings(&versions, matches!(change, Change::Steps(_))));
        }
        Ok(Plan {
            name: self.source.request.name.clone(),
            namespace: self.from.namespace.clone(),
            summary: String::new(),
            prelude: String::new(),
            preflight: Vec::new(),
            change,
            warnings: diagnostics.into_vec(),
        })
    }

    /// Whether anything that is fixed in a StatefulSet changes.
    fn is_recreated(&self) -> bool {
        let fixed = [
            "spec.selector",
            "spec.serviceName",
            "spec.podManagementPolicy",
            "spec.volumeClaimTemplates",
        ];
        fixed.iter().any(|path| self.differs(path))
    }

    fn differs(&self, path: &str) -> bool {
        match (self.from.set.node.at(path), self.to.set.node.at(path)) {
            (Some(from), Some(to)) => !difference::between(from, to).is_empty(),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    /// Members that are there before and after.
    fn kept(&self) -> u32 {
        self.from.replicas.min(self.to.replicas)
    }

    fn is_moved(&self) -> bool {
        self.from.peer_url(0) != self.to.peer_url(0)
    }

    fn renewal(&self) -> Renewal {
        if self.why_replaced().is_some() || self.is_ephemeral() {
            Renewal::Replace
        } else if self.is_moved() {
            Renewal::Move
        } else {
            Renewal::Restart
        }
    }

    /// Whether pods restart for another version.
    fn is_restarted(&self) -> bool {
        self.from.version != self.to.version
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
            && !self.is_moved()
            && !self.is_rotated()
            && !self.has_new_client_issuer();
        let keeps_data = self.why_replaced().is_none() && !(self.is_ephemeral() && self.differs("spec.template"));
        one_hop && stays && keeps_data
    }

    fn lines(&self) -> Lines<'_> {
        Lines::of(self.from)
    }

    /// One apply, if there is anything to apply.
    fn apply(&self) -> Change {
        if self.changes.is_empty() && self.surplus.is_empty() {
            return Change::Nothing;
        }
        let lines = self.lines();
        let replicas = self.from.replicas;
        let renewed = self.template_changes();
        let mut commands = vec![];
        if !renewed.is_empty() {
            commands.push(lines.healthy(replicas));
        }
        commands.push(lines.apply());
        let update = &self.wanted.cluster.update;
        let title = if renewed.is_empty() || update.partition > 0 && u32::from(update.partition) >= replicas {
            "apply, which restarts no member".to_owned()
        } else if update.kind == UpdateType::OnDelete {
            "apply; members get the change when their pods are deleted".to_owned()
        } else {
            commands.push(lines.rolled_out(replicas));
            commands.push(lines.healthy(replicas));
            "apply, which restarts the members one after the other".to_owned()
        };
        commands.extend(self.pruned());
        Change::Apply(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: "apply".to_owned(),
            title,
            reason: self.reason(&renewed),
            manifests: self.wanted.manifests.clone(),
            commands,
        })
    }

    /// What changes in the pods' template.
    fn template_changes(&self) -> Vec<String> {
        match (self.from.template(), self.to.template()) {
            (Some(from), Some(to)) => difference::between(from, to),
            _ => vec![String::new()],
        }
    }

    fn reason(&self, renewed: &[String]) -> String {
        const MOST: usize = 4;
        let mut parts = self.changes.clone();
        parts.extend(self.surplus.iter().map(|(kind, name)| format!("deletes {kind} {name}")));
        if !renewed.is_empty() {
            let shown = renewed
                .iter()
                .take(MOST)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            let more = renewed.len().saturating_sub(MOST);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            parts.push(format!("the pods' template differs in {shown}{more}"));
        }
        parts.join("; ")
    }

    fn pruned(&self) -> impl Iterator<Item = rutter::Command> {
        self.surplus.iter().map(|(kind, name)| self.lines().prune(kind, name))
    }

    /// The manifests of a state on the way.
    fn render(&self, stop: Stop) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
        let desired = self.wanted.cluster.version;
        let largest = self.from.replicas.max(self.to.replicas);
        let change = |values: &mut Values| {
            values.replicas = stop.replicas;
            if stop.version != desired {
                values.version = stop.version;
                // They are those of the desired version.
                values.image.tag = None;
                values.image.digest = None;
            }
            if stop.rotates {
                values.tls.peer.mode = PeerTlsMode::Secret;
                values.tls.peer.secret_name = certificates::rotation_secret(self.from).parse().ok();
                // They are those of the new certificate, and members show the old one as well.
                values.tls.peer.allowed_common_names.clear();
                values.tls.peer.allowed_hostnames.clear();
                if values.tls.client.mode != TlsMode::CertManager {
                    values.tls.cert_manager = CertManager::default();
                }
            }
            if stop.snapshots {
                values.snapshot_count = NonZeroU32::new(version::SNAPSHOT_COUNT);
            }
            if stop.joins {
                values.bootstrap.state = BootstrapState::Existing;
            }
            match stop.update {
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
                    let message = format!("on the way, at etcd {}: {}", stop.version, problem.message);
                    Diagnostic::new(&REFUSED_ON_THE_WAY, problem.path, message)
                        .help("plan the new version alone first, and then these values")
                        .at(problem.position)
                })
                .collect()),
        }
    }

    fn steps(&self, versions: &[Version], running: Version) -> Result<Vec<Step>, Vec<Diagnostic>> {
        let mut steps = Steps::default();
        self.grow(&mut steps);
        let here = Stop {
            version: running,
            replicas: self.from.replicas,
            joins: false,
            rotates: false,
            snapshots: false,
            update: Update::From(0),
        };
        let renewal = self.renewal();
        if self.is_recreated() || renewal == Renewal::Move || self.why_replaced().is_some() {
            self.settle(here, renewal, &mut steps)?;
        } else if self.is_rotated() {
            self.rotate(here, &mut steps)?;
        } else if versions.is_empty() || self.has_new_client_issuer() {
            self.update(here, &mut steps)?;
        }
        let mut at = here;
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

    /// Brings pods to where the desired values have them, at the version that runs.
    fn settle(&self, here: Stop, renewal: Renewal, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let replicas = here.replicas;
        if self.is_recreated() {
            let first = Stop {
                joins: renewal == Renewal::Replace,
                update: match renewal {
                    Renewal::Restart => Update::From(0),
                    Renewal::Move => Update::From(replicas),
                    Renewal::Replace => Update::Deleted,
                },
                ..here
            };
            let manifests = self.render(first)?;
            let mut commands = vec![lines.healthy(replicas), lines.orphan()];
            let missing: Vec<String> = self
                .to
                .selector
                .iter()
                .filter(|(key, value)| self.from.selector.get(*key) != Some(value))
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            if !missing.is_empty() {
                commands.push(lines.label(replicas, &missing.join(" ")));
            }
            commands.push(lines.apply());
            if renewal == Renewal::Restart {
                commands.push(lines.of_new_set(replicas));
                commands.push(lines.rolled_out(replicas));
                commands.push(lines.healthy(replicas));
            }
            steps.push(Step {
                effects: Vec::new(),
                files: Vec::new(),
                name: "recreate-statefulset".to_owned(),
                title: "make the StatefulSet anew around its pods".to_owned(),
                reason: "Kubernetes refuses to change its selector, serviceName, podManagementPolicy and \
                         volumeClaimTemplates; pods and claims stay, and the new one takes them over"
                    .to_owned(),
                manifests,
                commands,
            });
        } else if renewal == Renewal::Replace {
            self.let_join(here, steps)?;
        }
        match renewal {
            Renewal::Restart => {}
            Renewal::Move => self.move_all(here, steps)?,
            Renewal::Replace => self.replace_all(here, steps)?,
        }
        Ok(())
    }

    /// Applies everything else that changes pods or certificates, before members come or go.
    fn update(&self, here: Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let manifests = self.render(here)?;
        let objects = Objects::of(&manifests, &self.from.namespace)?;
        let Some(state) = Facts::of(&objects, &self.from.namespace, &self.from.fullname) else {
            return Ok(());
        };
        let renewed = match (self.from.template(), state.template()) {
            (Some(from), Some(to)) => difference::between(from, to),
            _ => Vec::new(),
        };
        let has_new_issuer = self.has_new_client_issuer();
        if renewed.is_empty() && !has_new_issuer {
            return self.certify(&manifests, steps);
        }
        if self.is_ephemeral() {
            self.let_join(here, steps)?;
            return self.replace_all(here, steps);
        }
        let lines = self.lines();
        let replicas = here.replicas;
        // Once the certificates are there, etcdctl is let in by no member that has not restarted: also not on a second run.
        let healthy = (!has_new_issuer).then(|| lines.healthy(replicas));
        let mut commands: Vec<_> = healthy.into_iter().chain([lines.apply()]).collect();
        commands.extend(self.certified(&manifests));
        // Members that were faster than the certificates restart once more.
        commands.extend(has_new_issuer.then(|| lines.restart()));
        commands.extend([lines.rolled_out(replicas), lines.healthy(replicas)]);
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: "update".to_owned(),
            title: "apply what changes for the members that stay".to_owned(),
            reason: format!("{}; they restart one after the other", self.reason(&renewed)),
            manifests,
            commands,
        });
        Ok(())
    }

    /// Applies what is desired, unless that is there already, and takes away what is no longer part of it.
    fn finish(&self, steps: &mut Steps) {
        let pruned: Vec<_> = self.pruned().collect();
        if steps.applied == self.wanted.manifests {
            if let Some(last) = steps.steps.last_mut() {
                last.commands.extend(pruned);
            }
            return;
        }
        let lines = self.lines();
        let replicas = self.to.replicas;
        let mut commands = vec![lines.apply()];
        if self.wanted.cluster.update.kind == UpdateType::RollingUpdate {
            commands.push(lines.rolled_out(replicas));
        }
        commands.push(lines.healthy(replicas));
        commands.extend(pruned);
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: "finish".to_owned(),
            title: "apply what is desired".to_owned(),
            reason: "what was different for the steps before (a bootstrap state, an update strategy, names in certificates) \
                     is as the values say; no member restarts"
                .to_owned(),
            manifests: self.wanted.manifests.clone(),
            commands,
        });
    }
}
