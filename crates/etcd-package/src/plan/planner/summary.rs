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
    /// The differences behind a step, in one line.
    pub(super) fn reason(&self, template: &[String]) -> String {
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
