//! The state of what is installed, before anything changes.

use rutter::{Diagnostic, Diagnostics};

use super::super::fact::Fact;
use super::super::observed::{Health, Strategy};
use super::Planner;
use crate::codes::CLUSTER_NOT_HEALTHY;
use crate::values::UpdateType;

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
}
