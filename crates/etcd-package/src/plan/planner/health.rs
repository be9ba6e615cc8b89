//! The state of what is installed, before anything changes.

use rutter::{Diagnostic, Diagnostics};

use super::super::changes::Change;
use super::super::objects::items;
use super::super::observed::{Health, text};
use super::super::refusal;
use super::super::rules::Meaning;
use super::{Planner, Rollout};
use crate::codes::{CLUSTER_NOT_HEALTHY, UNSAFE_CHANGE};
use crate::etcd::Version;
use crate::values::UpdateType;

/// The port that `connections` of the prelude asks.
const METRICS_PORT: &str = "etcd-metrics";

impl Planner<'_> {
    /// Refuses to change a cluster that is not healthy.
    pub(super) fn check_health(&self, is_nothing: bool, diagnostics: &mut Diagnostics) {
        match &self.from.health {
            Health::Unhealthy(problems) => diagnostics.extend(problems.iter().map(|problem| {
                let mut diagnostic =
                    Diagnostic::new(&CLUSTER_NOT_HEALTHY, "", problem.message.clone()).help(problem.help.clone());
                if is_nothing {
                    diagnostic.severity = rutter::Severity::Warning;
                }
                diagnostic
            })),
            Health::PartlyUpdated(strategy) => self.check_earlier(*strategy, is_nothing, diagnostics),
            Health::Healthy | Health::Unknown | Health::Stopped => {}
        }
    }

    /// Refuses the hooks of pods that end, unless they are understood.
    pub(super) fn check_hooks(&self, diagnostics: &mut Diagnostics) {
        if !self.ends_pods() {
            return;
        }
        refusal::check_hooks(self.from, self.accepted, diagnostics);
        for earlier in self.from.earlier.known().into_iter().flatten() {
            refusal::check_hooks(&earlier.cluster, self.accepted, diagnostics);
        }
    }

    /// Whether pods of members end.
    pub(super) fn ends_pods(&self) -> bool {
        !self.template_changes().is_empty()
            || self.from.replicas != self.to.replicas
            || self.is_recreated()
            || self.finishes_update()
            || self.is_rotated()
            || self.has_new_client_issuer()
    }

    /// Why members that are stopped have to run before the change, if they have to: nothing shows what they had when they ran
    /// last, unless it stays.
    pub(super) fn why_started(&self, versions: &[Version], is_one_apply: bool) -> Option<String> {
        if self.from.health != Health::Stopped {
            return None;
        }
        if self.is_ephemeral() {
            return Some("its data were in volumes that have gone with its pods: it would start empty".to_owned());
        }
        if !is_one_apply {
            return Some("the change takes steps".to_owned());
        }
        let running = self.from.version.known();
        if running.is_none_or(|running| versions.iter().any(|version| version.minor() != running.minor())) {
            return Some("nothing shows which release has written its data".to_owned());
        }
        let text = |path: &str| self.from.set.text(path);
        let is_rolling = text("spec.updateStrategy.type").is_none_or(|kind| kind == "RollingUpdate");
        let partition = text("spec.updateStrategy.rollingUpdate.partition");
        if !is_rolling || partition.is_some_and(|partition| partition != "0") {
            return Some("its members may have been of earlier templates".to_owned());
        }
        let restarts = |change: &&Change| matches!(change.meaning, Meaning::Nothing | Meaning::Restart);
        let mut of_template = self.changes.of_set().iter().filter(|change| change.is_in_template);
        let other = of_template.find(|change| !restarts(change))?;
        Some(format!(
            "nothing shows what its members had before the change of {}",
            other.path
        ))
    }

    /// Whether an apply goes on with an update that has reached some pods only.
    pub(super) fn finishes_update(&self) -> bool {
        let update = &self.rendered.cluster.update;
        matches!(self.from.health, Health::PartlyUpdated(_))
            && update.kind == UpdateType::RollingUpdate
            && u32::from(update.partition) < self.from.replicas
    }

    /// Refuses to change the peer URLs of two members of which the installed template shows no connections: whether the
    /// second still reaches the first, which has moved, nobody could ask before it moves as well. Of more members a second
    /// one shows it while the others have the quorum.
    pub(super) fn check_connections(&self, diagnostics: &mut Diagnostics) {
        let containers = items(self.from.set.node.at("spec.template.spec.containers")).iter();
        let mut ports = containers.flat_map(|container| items(container.at("ports")));
        let shows_connections = ports.any(|port| text(port, "name").as_deref() == Some(METRICS_PORT));
        if self.from.replicas == 2 && self.rollout() == Rollout::UpdatePeerUrl && !shows_connections {
            diagnostics.push(
                Diagnostic::new(
                    &UNSAFE_CHANGE,
                    "replicas",
                    format!(
                        "the peer URLs of two members change, and their pods have no port {METRICS_PORT} that shows whether \
                         they still reach each other; without that the quorum is lost"
                    ),
                )
                .help(
                    "keep the peer URLs as they are in this change (names, ports.peer, tls.peer), and change them in a plan \
                     of their own after it",
                ),
            );
        }
    }
}
