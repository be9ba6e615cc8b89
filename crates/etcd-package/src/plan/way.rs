//! Which steps lead there, and in which order.
//!
//! First what has to do with where members are and how they reach each other, at the version that runs; then one version
//! after the other; then one member after the other. Whatever else changes comes with the first step that renews the
//! pods, and what only the desired state has (a partition, the bootstrap state) with the last.

use rutter::{Change, Diagnostic, Diagnostics, Manifest, Plan, Step};

use super::difference;
use super::facts::{Facts, PeerTls};
use super::line::Lines;
use super::objects::Objects;
use super::refusal;
use crate::codes::{
    CLIENTS_CUT_OFF, NO_DOWNGRADE, PREPARE_SECRET, REFUSED_ON_THE_WAY, SINGLE_MEMBER, UNKNOWN_CLUSTER, UNSAFE_CHANGE,
    WRITES_WAIT,
};
use crate::etcd::{NoWay, Version, hops};
use crate::values::{BootstrapState, PeerTlsMode, TlsMode, UpdateType, Values};
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
            diagnostics.extend(self.warnings(&versions));
        }
        Ok(Plan {
            change,
            warnings: diagnostics.into_vec(),
        })
    }

    fn versions(&self, diagnostics: &mut Diagnostics) -> Option<Vec<Version>> {
        let (from, to) = (self.from.version?, self.wanted.cluster.version);
        match hops(from, to) {
            Ok(versions) => Some(versions),
            Err(NoWay::Below(oldest)) => {
                let message = format!("etcd {from} cannot go back to {to}: its procedure ends at {oldest}");
                diagnostics.push(Diagnostic::new(&NO_DOWNGRADE, "version", message).help(format!(
                    "write a version from {oldest} on, or restore a snapshot in a new cluster of {to}"
                )));
                None
            }
        }
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

    /// Why members cannot keep their data, if they cannot.
    fn why_replaced(&self) -> Option<&'static str> {
        let (from, to) = (self.from, self.to);
        if from.data != to.data || from.wal != to.wal {
            return Some("etcd's files are to be in another volume or folder, and a member cannot take them along");
        }
        for old in &from.claims {
            let Some(new) = to.claims.iter().find(|new| new.name == old.name) else {
                continue;
            };
            if old.class != new.class {
                return Some("a claim keeps its storage class, so that members get new claims");
            }
            if old.modes != new.modes {
                return Some("a claim keeps its access modes, so that members get new claims");
            }
            if let (Some(old), Some(new)) = (&old.size, &new.size)
                && new.value() < old.value()
            {
                return Some("a claim cannot shrink, so that members get new claims");
            }
        }
        None
    }

    /// Whether a pod that is made anew has lost its data.
    fn is_ephemeral(&self) -> bool {
        self.from.data.as_ref().is_some_and(|data| data.claim.is_none())
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

    /// Refuses to replace a member that no other has the data of.
    fn check_storage(&self, diagnostics: &mut Diagnostics) {
        let reason = self.why_replaced();
        let dies = self.is_ephemeral() && (self.is_restarted() || self.differs("spec.template"));
        let (Some(path), true) = (
            if reason.is_some() || dies {
                Some("storage")
            } else {
                None
            },
            self.renewal() == Renewal::Replace,
        ) else {
            return;
        };
        let reason = reason.unwrap_or("the data die with their pod, so that a member that restarts has to be replaced");
        if self.kept() == 1 || self.from.replicas == 1 {
            diagnostics.push(
                Diagnostic::new(
                    &UNSAFE_CHANGE,
                    path,
                    format!("{reason}; there is no other member to get the data from"),
                )
                .help("plan the change to replicas: 3 first, then this one; or restore a snapshot in a new cluster"),
            );
        } else if self.is_moved() {
            diagnostics.push(
                Diagnostic::new(
                    &UNSAFE_CHANGE,
                    path,
                    format!("{reason}; a member that is added needs to reach the others as they are now"),
                )
                .help("change the peers' URLs (tls.peer, ports.peer, names) in a plan of its own, before or after this one"),
            );
        }
    }

    /// Whether pods restart for another version.
    fn is_restarted(&self) -> bool {
        self.from.version != self.to.version
    }

    /// Claims that are to grow, and to what.
    fn grown(&self) -> Vec<(Vec<String>, String)> {
        if self.why_replaced().is_some() {
            return Vec::new();
        }
        let from = self.from.claims.iter();
        from.filter_map(|old| {
            let new = self.to.claims.iter().find(|new| new.name == old.name)?;
            let (was, size) = (old.size.as_ref()?, new.size.as_ref()?);
            let claims = (0..self.kept()).map(|ordinal| format!("{}-{}", old.name, self.from.member(ordinal)));
            (size.value() > was.value()).then(|| (claims.collect(), size.to_string()))
        })
        .collect()
    }

    /// Whether applying the desired manifests does all, safely.
    fn is_one_apply(&self, versions: &[Version], running: Version) -> bool {
        let one_hop = match versions {
            [] => true,
            [only] => only.minor() >= running.minor(),
            _ => false,
        };
        let stays = self.from.replicas == self.to.replicas && !self.is_recreated() && !self.is_moved();
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
        let title = if renewed.is_empty() && self.has_new_client_issuer() {
            commands.extend(self.certified(&self.wanted.manifests));
            commands.extend([lines.restart(), lines.rolled_out(replicas), lines.healthy(replicas)]);
            "apply, and restart the members one after the other".to_owned()
        } else if renewed.is_empty() {
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
            name: "apply".to_owned(),
            title,
            reason: self.reason(&renewed),
            manifests: self.wanted.manifests.clone(),
            commands,
        })
    }

    /// Whether clients and members get certificates of another authority in the Secret that they have.
    fn has_new_client_issuer(&self) -> bool {
        let issuer = |facts: &Facts| facts.issuers.get(facts.client_secret.as_ref()?).cloned();
        match (issuer(self.from), issuer(self.to)) {
            (Some(old), Some(new)) => self.from.client_secret == self.to.client_secret && old != new,
            _ => false,
        }
    }

    /// Waits for the Certificates among these manifests, if there are any.
    fn certified(&self, manifests: &[Manifest]) -> Option<rutter::Command> {
        let certificates = manifests.iter().filter(|manifest| manifest.kind == "Certificate");
        let names: Vec<&str> = certificates.map(|manifest| manifest.name.as_str()).collect();
        (!names.is_empty()).then(|| self.lines().certified(&names))
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
            update: Update::From(0),
        };
        let renewal = self.renewal();
        if self.is_recreated() || renewal == Renewal::Move || self.why_replaced().is_some() {
            self.settle(here, renewal, &mut steps)?;
        } else if versions.is_empty() {
            self.update(here, &mut steps)?;
        }
        let mut at = here;
        for version in versions {
            self.change_version(&mut at, *version, &mut steps)?;
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

    /// Grows the claims that are there; what a StatefulSet says of claims counts for those that it makes.
    fn grow(&self, steps: &mut Steps) {
        let grown = self.grown();
        if grown.is_empty() {
            return;
        }
        let lines = self.lines();
        let commands = grown
            .iter()
            .flat_map(|(claims, size)| lines.grow(claims, size))
            .collect();
        steps.push(Step {
            name: "grow-claims".to_owned(),
            title: "grow the claims that are there".to_owned(),
            reason:
                "what a StatefulSet says of claims counts only for those that it makes; this is refused, and nothing \
                     has happened, unless the storage class has allowVolumeExpansion: true"
                    .to_owned(),
            manifests: Vec::new(),
            commands,
        });
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
                commands.push(lines.rolled_out(replicas));
                commands.push(lines.healthy(replicas));
            }
            steps.push(Step {
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

    /// Applies a template that pods get when they are deleted.
    fn let_join(&self, stop: Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        steps.push(Step {
            name: format!("prepare-{}", stop.version),
            title: "apply what members are to be once they are replaced".to_owned(),
            reason: "with updateStrategy OnDelete no pod restarts before its member was replaced".to_owned(),
            manifests: self.render(Stop {
                joins: true,
                update: Update::Deleted,
                ..stop
            })?,
            commands: vec![lines.healthy(stop.replicas), lines.apply()],
        });
        Ok(())
    }

    fn replace_all(&self, stop: Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let reason = self
            .why_replaced()
            .unwrap_or("the data die with their pod, so that a member that restarts has to be replaced");
        for ordinal in (0..stop.replicas).rev() {
            let member = self.from.member(ordinal);
            let mut commands = Vec::new();
            // The old claims go; those of the same names that it gets are new.
            let url = self.url(ordinal)?;
            commands.extend(lines.replace(ordinal, &url, &self.from.claims_of(ordinal)));
            commands.push(lines.healthy(stop.replicas));
            commands.push(lines.voters(stop.replicas));
            steps.push(Step {
                name: format!("replace-{member}-{}", stop.version),
                title: format!("replace {member}"),
                reason: format!("{reason}; it gets the data from the others, which keep the quorum"),
                manifests: Vec::new(),
                commands,
            });
        }
        Ok(())
    }

    fn move_all(&self, stop: Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        for ordinal in (0..stop.replicas).rev() {
            let member = self.from.member(ordinal);
            let (old, url) = (self.from.peer_url(ordinal).unwrap_or_default(), self.url(ordinal)?);
            steps.push(Step {
                name: format!("move-{member}"),
                title: format!("{member}: from {old} to {url}"),
                reason: match (&self.from.peer_tls, &self.to.peer_tls) {
                    (PeerTls::Plain, PeerTls::Plain) => {
                        "etcd keeps the URLs that members had when they joined, until it is told of others"
                    }
                    _ => {
                        "etcd keeps the URLs that members had when they joined, until it is told of others; members with \
                         TLS reach those without, so that the quorum holds"
                    }
                }
                .to_owned(),
                manifests: self.render(Stop {
                    update: Update::From(ordinal),
                    ..stop
                })?,
                commands: vec![
                    lines.healthy(stop.replicas),
                    lines.update_url(ordinal, &url),
                    lines.apply(),
                    lines.rolled_out(stop.replicas),
                    lines.healthy(stop.replicas),
                ],
            });
        }
        Ok(())
    }

    fn url(&self, ordinal: u32) -> Result<String, Vec<Diagnostic>> {
        self.to.peer_url(ordinal).ok_or_else(|| {
            let message = "the members' URLs are set in a way that cannot be followed";
            vec![Diagnostic::new(&UNKNOWN_CLUSTER, "extraArgs", message).help("leave them to the package")]
        })
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
        if renewed.is_empty() {
            return self.certify(&manifests, steps);
        }
        if self.is_ephemeral() {
            self.let_join(here, steps)?;
            return self.replace_all(here, steps);
        }
        let lines = self.lines();
        let replicas = here.replicas;
        steps.push(Step {
            name: "update".to_owned(),
            title: "apply what changes for the members that stay".to_owned(),
            reason: format!("{}; they restart one after the other", self.reason(&renewed)),
            manifests,
            commands: vec![
                lines.healthy(replicas),
                lines.apply(),
                lines.rolled_out(replicas),
                lines.healthy(replicas),
            ],
        });
        Ok(())
    }

    /// Has certificates made for members that are to come.
    fn certify(&self, manifests: &[Manifest], steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let Some(certified) = self
            .certified(manifests)
            .filter(|_| self.from.replicas < self.to.replicas)
        else {
            return Ok(());
        };
        let lines = self.lines();
        steps.push(Step {
            name: "certify".to_owned(),
            title: "have certificates made that hold for the new members".to_owned(),
            reason: "a member that starts with a certificate without its name is believed by no other".to_owned(),
            manifests: manifests.to_vec(),
            commands: vec![lines.apply(), certified],
        });
        Ok(())
    }

    fn change_version(&self, at: &mut Stop, version: Version, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let replicas = at.replicas;
        let goes_back = version.minor() < at.version.minor();
        let new_minor = version.minor() != at.version.minor();
        let minor = version.minor().to_string();
        let reason = if goes_back {
            format!("etcd goes back one minor version at a time, after it has made its data those of {minor}")
        } else if new_minor {
            format!(
                "etcd takes one minor version at a time, and {} is next",
                version.minor()
            )
        } else if version.minor() == self.wanted.cluster.version.minor() {
            "the release that is desired".to_owned()
        } else {
            format!("{} is too old to work beside the next minor version", at.version)
        };
        at.version = version;
        let mut commands = vec![lines.healthy(replicas)];
        if goes_back {
            commands.extend(lines.enable_downgrade(&minor));
            commands.push(lines.stored_as(replicas, &minor));
        }
        let name = format!("version-{version}");
        let title = format!("etcd {version}");
        if self.is_ephemeral() {
            steps.push(Step {
                name,
                title,
                reason,
                manifests: self.render(Stop {
                    joins: true,
                    update: Update::Deleted,
                    ..*at
                })?,
                commands: [commands, vec![lines.apply()]].concat(),
            });
            return self.replace_all(*at, steps);
        }
        commands.extend([lines.apply(), lines.rolled_out(replicas), lines.healthy(replicas)]);
        // Until all members know that all have it, the next version would be one too many.
        if new_minor && !goes_back && version.tells_storage_version() {
            commands.push(lines.stored_as(replicas, &minor));
        }
        steps.push(Step {
            name,
            title,
            reason,
            manifests: self.render(*at)?,
            commands,
        });
        Ok(())
    }

    fn add(&self, at: Stop, ordinal: u32, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let member = self.from.member(ordinal);
        let url = self.url(ordinal)?;
        let replicas = ordinal + 1;
        let mut commands = vec![lines.healthy_before(ordinal, &url)];
        commands.extend(lines.no_old_claims(ordinal, &url, &self.to.claims_of(ordinal)));
        commands.push(lines.add_learner(ordinal, &url));
        commands.push(lines.apply());
        commands.push(lines.promote(ordinal, &url));
        commands.push(lines.rolled_out(replicas));
        commands.push(lines.healthy(replicas));
        commands.push(lines.voters(replicas));
        steps.push(Step {
            name: format!("add-{member}"),
            title: format!("add {member}"),
            reason:
                "etcd is told of a member before it starts, of one at a time; as a learner it gets the data before its \
                     vote counts, and the others do not restart"
                    .to_owned(),
            manifests: self.render(Stop {
                replicas,
                joins: true,
                ..at
            })?,
            commands,
        });
        Ok(())
    }

    fn remove(&self, at: Stop, ordinal: u32, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let member = self.from.member(ordinal);
        let mut commands = vec![lines.remove(ordinal), lines.apply()];
        commands.extend(lines.clear(ordinal, &self.from.claims_of(ordinal)));
        commands.push(lines.healthy(ordinal));
        commands.push(lines.voters(ordinal));
        steps.push(Step {
            name: format!("remove-{member}"),
            title: format!("remove {member}"),
            reason:
                "etcd is told that a member goes before its pod does, of one at a time and the highest ordinal first, \
                     which is the one that Kubernetes takes away; otherwise it would count as failed"
                    .to_owned(),
            manifests: self.render(Stop {
                replicas: ordinal,
                ..at
            })?,
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
            name: "finish".to_owned(),
            title: "apply what is desired".to_owned(),
            reason: "what was different for the steps before (a bootstrap state, an update strategy, names in certificates) \
                     is as the values say; no member restarts"
                .to_owned(),
            manifests: self.wanted.manifests.clone(),
            commands,
        });
    }

    fn warnings(&self, versions: &[Version]) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        let mut warn = |code, path: &str, message: String, help: &str| {
            warnings.push(Diagnostic::new(code, path, message).help(help));
        };
        let restarts = !versions.is_empty() || !self.template_changes().is_empty();
        if restarts && self.from.replicas <= 2 {
            warn(
                &WRITES_WAIT,
                "replicas",
                format!(
                    "with {} nothing is written while one restarts",
                    if self.from.replicas == 1 {
                        "one member"
                    } else {
                        "2 members"
                    }
                ),
                "plan the change to replicas: 3 first, if clients cannot wait for some seconds",
            );
        }
        if self.to.replicas == 1 && self.from.replicas > 1 {
            warn(
                &SINGLE_MEMBER,
                "replicas",
                "one member alone stops with its node, and its volume is the only copy of the data".to_owned(),
                "write replicas: 3, or take snapshots",
            );
        }
        if let (Some(old), Some(new)) = (self.from.client_scheme, self.to.client_scheme)
            && old != new
        {
            warn(
                &CLIENTS_CUT_OFF,
                "tls.client",
                format!("members that have restarted speak {new} with clients, and {old} no longer"),
                "let clients know both kinds of endpoints meanwhile, or expect errors until they are changed",
            );
        }
        if self.has_new_client_issuer()
            || matches!((&self.from.client_secret, &self.to.client_secret), (Some(old), Some(new)) if old != new)
        {
            warn(
                &CLIENTS_CUT_OFF,
                "tls.client",
                "members that have restarted trust the new authority of clients, and the old one no longer".to_owned(),
                "let clients trust both authorities and hold certificates of both meanwhile, or expect errors",
            );
        }
        if let PeerTls::Identity(Some(secret)) = &self.to.peer_tls
            && self.to.replicas > self.from.replicas
            && !self.to.issuers.contains_key(secret)
        {
            warn(
                &PREPARE_SECRET,
                "tls.peer.secretName",
                format!("the certificate in {secret:?} has to hold for the new members' names"),
                "make it anew for all members, with the same authority, before the first step",
            );
        }
        warnings
    }
}
