//! The state of what is installed, before anything changes.

use rutter::{Diagnostic, Diagnostics};

use super::super::fact::Fact;
use super::super::objects::items;
use super::super::observed::{Health, Strategy, text};
use super::{Planner, Rollout};
use crate::codes::{CLUSTER_NOT_HEALTHY, UNSAFE_CHANGE};
use crate::values::UpdateType;

/// The port that `connections` of the prelude asks.
const METRICS_PORT: &str = "etcd-metrics";

impl Planner<'_> {
    /// Refuses to change a cluster that is not healthy.
    pub(super) fn check_health(&self, is_nothing: bool, diagnostics: &mut Diagnostics) {
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
    pub(super) fn finishes_update(&self) -> bool {
        let update = &self.rendered.cluster.update;
        matches!(self.from.health, Health::Partly(_))
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
