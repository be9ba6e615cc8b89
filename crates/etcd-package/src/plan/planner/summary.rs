//! A change in one line, and what each step does to members and volumes.

use super::super::action::Action;
use super::super::observed::shortened;
use super::{PlannedStep, Planner};

impl PlannedStep {
    /// Returns the restarts, creations and deletions, one a line.
    #[must_use]
    pub fn effects(&self) -> Vec<String> {
        let mut effects = Vec::new();
        if !self.restarts.is_empty() {
            effects.push(format!("restarts {}", self.restarts.join(", ")));
        }
        effects.extend(self.actions.iter().filter_map(|action| effect(action).text));
        effects
    }
}

/// The effect of an action on members, volumes and objects.
#[derive(Default)]
struct Effect {
    text: Option<String>,
    /// Whether a pod with new volumes follows.
    adds_member: bool,
    deleted_volumes: usize,
}

fn effect(action: &Action) -> Effect {
    let only = |text: String| Effect {
        text: Some(text),
        ..Effect::default()
    };
    match action {
        Action::AddLearner { member, .. } => Effect {
            adds_member: true,
            ..only(format!("adds the member {member}"))
        },
        Action::AddReplacement { .. } => Effect {
            adds_member: true,
            ..Effect::default()
        },
        Action::Remove { member, .. } => only(format!("removes the member {member}")),
        Action::RemoveReplaced { member, .. } => only(format!("replaces the member {member}")),
        Action::DeleteClaims { claims } | Action::DeleteReplacedClaims { claims, .. } => Effect {
            deleted_volumes: claims.len(),
            ..only(format!("deletes the volumes {}", claims.join(", ")))
        },
        Action::DeleteSetOnly { set } => only(format!("deletes and creates the StatefulSet {set}, not its pods")),
        Action::GrowClaim { claim, size } => only(format!("grows {claim} to {size}")),
        Action::Prune { resource, name } => only(format!("deletes {resource} {name}")),
        Action::Snapshot { member, path, .. } => only(format!("saves a snapshot in {member}: {path}")),
        // Restarts and applies are told by the step itself.
        Action::Healthy { .. }
        | Action::Connected { .. }
        | Action::Voters { .. }
        | Action::RunsVersion { .. }
        | Action::TakeOver { .. }
        | Action::Prove { .. }
        | Action::Apply
        | Action::ApplyFiles { .. }
        | Action::FitsQuota { .. }
        | Action::Applied { .. }
        | Action::RolledOut { .. }
        | Action::OfNewSet { .. }
        | Action::Ready { .. }
        | Action::NoOldClaims { .. }
        | Action::Promote { .. }
        | Action::NoteReplaced { .. }
        | Action::DeleteReplacedPod { .. }
        | Action::UpdatePeerUrl { .. }
        | Action::MoveLeader { .. }
        | Action::PodGone { .. }
        | Action::LabelPods { .. }
        | Action::StoredAs { .. }
        | Action::ValidateDowngrade { .. }
        | Action::EnableDowngrade { .. }
        | Action::Restart { .. }
        | Action::CertificatesReady { .. }
        | Action::SecretHasKeys { .. }
        | Action::CopyCertificate { .. }
        | Action::TrustBoth { .. }
        | Action::TakeCertificate { .. }
        | Action::FillLog { .. }
        | Action::Allowed { .. }
        | Action::Served { .. }
        | Action::StorageClass { .. }
        | Action::NotInstalled { .. }
        | Action::HasReplicas { .. }
        | Action::DryRun { .. } => Effect::default(),
    }
}

impl Planner<'_> {
    /// The differences behind a step, in one line.
    pub(super) fn reason(&self, template: &[String]) -> String {
        const MOST: usize = 4;
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
                        format!("changes {} of", shortened(&paths, MOST))
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
            parts.push(format!("the pods' template differs in {}", shortened(&paths, MOST)));
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
            for effect in step.actions.iter().map(effect) {
                created += usize::from(effect.adds_member) * to.claims.len();
                deleted += effect.deleted_volumes;
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
