//! A change in one line, and what each step does to members and volumes.

use super::super::action::Action;
use super::{PlannedStep, Planner};

impl PlannedStep {
    /// Returns the restarts, creations and deletions, one a line.
    #[must_use]
    pub fn effects(&self) -> Vec<String> {
        let mut effects = Vec::new();
        if !self.restarts.is_empty() {
            effects.push(format!("restarts {}", self.restarts.join(", ")));
        }
        for action in &self.actions {
            effects.extend(match action {
                Action::AddLearner { member, .. } => Some(format!("adds the member {member}")),
                Action::Remove { member, .. } => Some(format!("removes the member {member}")),
                Action::RemoveReplaced { member, .. } => Some(format!("replaces the member {member}")),
                Action::DeleteClaims { claims } | Action::DeleteReplacedClaims { claims, .. } => {
                    Some(format!("deletes the volumes {}", claims.join(", ")))
                }
                Action::DeleteSetOnly { set } => {
                    Some(format!("deletes and creates the StatefulSet {set}, not its pods"))
                }
                Action::GrowClaim { claim, size } => Some(format!("grows {claim} to {size}")),
                Action::Prune { resource, name } => Some(format!("deletes {resource} {name}")),
                Action::Snapshot { member, path, .. } => Some(format!("saves a snapshot in {member}: {path}")),
                _ => None,
            });
        }
        effects
    }
}

impl Planner<'_> {
    /// The change as a whole: `default/etcd: 3 → 5 members, 2 volumes created, 0 restarts, 0 volumes deleted`.
    pub(super) fn summary(&self, steps: &[PlannedStep]) -> String {
        let (from, to) = (self.from, self.to);
        let place = format!("{}/{}", from.namespace, from.fullname);
        let members = if from.replicas == to.replicas {
            counted(to.replicas, "member")
        } else {
            format!("{} → {}", from.replicas, counted(to.replicas, "member"))
        };
        if steps.is_empty() {
            return format!("{place}: {members}, no change");
        }
        let version = match (from.running(), to.running()) {
            (Some(old), Some(new)) if old != new => format!(", etcd {old} → {new}"),
            _ => String::new(),
        };
        let (mut created, mut deleted, mut restarts) = (0, 0, 0);
        for step in steps {
            restarts += step.restarts.len();
            for action in &step.actions {
                match action {
                    Action::AddLearner { .. } | Action::AddReplacement { .. } => created += to.claims.len(),
                    Action::DeleteClaims { claims } | Action::DeleteReplacedClaims { claims, .. } => {
                        deleted += claims.len()
                    }
                    _ => {}
                }
            }
        }
        format!(
            "{place}: {members}{version}, {} created, {}, {} deleted",
            counted(created, "volume"),
            counted(restarts, "restart"),
            counted(deleted, "volume")
        )
    }
}

fn counted(count: impl TryInto<u64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
