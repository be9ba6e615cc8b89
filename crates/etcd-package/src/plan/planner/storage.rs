//! The volumes of the data: claims that grow, and members that get other volumes.

use std::collections::BTreeSet;

use rutter::quantity::Quantity;
use rutter::{Diagnostic, Diagnostics};

use super::super::action::Action;
use super::super::fact::Fact;
use super::super::objects::Object;
use super::super::observed::{Claim, Health, Location, Storage, claim_of, quoted};
use super::{PlannedStep, Planner, Rollout, State, Steps, Update, healthy};
use crate::codes::{CLAIMS_DELETED, UNSAFE_CHANGE};

impl Planner<'_> {
    /// Why members cannot keep their data, if they cannot.
    pub(super) fn why_replaced(&self) -> Option<&'static str> {
        let (from, to) = (self.from, self.to);
        if from.data.differs(&to.data) || from.wal.differs(&to.wal) {
            return Some("etcd's files are in another volume, and a member cannot take them along");
        }
        for old in &from.claims {
            let Some(new) = to.claims.iter().find(|new| new.name == old.name) else {
                continue;
            };
            if new.class.is_some() && self.installed_class(old) != new.class {
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

    /// The storage class of the claims that a template has made. A template without one has the default class of the time.
    fn installed_class(&self, template: &Claim) -> Option<String> {
        let of_claims = || {
            let classes: BTreeSet<Option<String>> = (0..self.kept())
                .map(|ordinal| {
                    let claim = claim_of(&template.name, &self.from.member(ordinal));
                    let namespace = &self.from.namespace;
                    let object = self.installed.named("", "PersistentVolumeClaim", namespace, &claim)?;
                    object.text("spec.storageClassName")
                })
                .collect();
            let mut classes = classes.into_iter();
            classes.next().filter(|_| classes.next().is_none()).flatten()
        };
        template.class.clone().or_else(of_claims)
    }

    /// Whether a pod that is deleted has lost its data.
    pub(super) fn is_ephemeral(&self) -> bool {
        is_ephemeral(&self.from.data)
    }

    /// The same once pods are as desired: data on claims may be so no longer.
    pub(super) fn becomes_ephemeral(&self) -> bool {
        is_ephemeral(&self.to.data)
    }

    /// Refuses directories that the desired cluster would not find, and to replace a member whose data no other has.
    pub(super) fn check_storage(&self, diagnostics: &mut Diagnostics) {
        self.check_directories(diagnostics);
        self.check_claims(diagnostics);
        // Of members that are missing, the claims are no left-overs.
        if !matches!(self.from.health, Health::Unhealthy(_)) {
            self.check_left_over(diagnostics);
        }
        let reason = self.why_replaced();
        let restarts = self.has_other_version() || !self.template_changes().is_empty() || self.has_new_client_issuer();
        let dies = self.is_ephemeral() && restarts;
        if !(reason.is_some() || dies) || self.rollout() != Rollout::ReplaceMember || diagnostics.has_errors() {
            return;
        }
        let reason = reason.unwrap_or("the data die with their pod, so that a member that restarts is replaced");
        if self.kept() == 1 || self.from.replicas == 1 {
            diagnostics.push(
                Diagnostic::new(
                    &UNSAFE_CHANGE,
                    "storage",
                    format!("{reason}; there is no other member to get the data from"),
                )
                .help("plan replicas: 3 first, and then this change; or restore a snapshot in a new cluster"),
            );
        } else if self.has_other_urls() {
            diagnostics.push(
                Diagnostic::new(
                    &UNSAFE_CHANGE,
                    "storage",
                    format!("{reason}; a member that is added has to reach the others as they are now"),
                )
                .help("change the peer URLs (tls.peer, ports.peer, names) in a plan of their own, before or after this one"),
            );
        } else if self.retains_claims() && !self.is_ephemeral() {
            diagnostics.push(
                Diagnostic::new(
                    &CLAIMS_DELETED,
                    "storage.retention.whenScaled",
                    format!("{reason}; their claims would be deleted, and the values say Retain"),
                )
                .help("remove storage.retention.whenScaled for this change, and keep a snapshot"),
            )
        }
    }

    /// Refuses claims that are not what their template says, and that no step changes.
    fn check_claims(&self, diagnostics: &mut Diagnostics) {
        for old in &self.from.claims {
            let new = self.to.claims.iter().find(|new| new.name == old.name);
            if let (Some(class), Some(None)) = (&old.class, new.map(|new| &new.class)) {
                let value = format!("{}.storageClassName", self.value_of(&old.name));
                let message = format!(
                    "the claims {} have the class {}, and nothing shows which one the default is",
                    quoted(&old.name),
                    quoted(class)
                );
                diagnostics.push(
                    Diagnostic::new(&UNSAFE_CHANGE, value, message)
                        .help("write this class, or that which the claims are to have"),
                );
            }
        }
        if self.why_replaced().is_some() {
            return;
        }
        for (claim, new, object) in self.kept_claims() {
            let value = self.value_of(&new.name);
            let mut refuse = |field: &str, value: String, is: &str, desired: &str| {
                let name = format!("persistentvolumeclaim/{claim}:{field}");
                if !self.accepted.contains(&name) {
                    diagnostics.push(
                        Diagnostic::new(
                            &UNSAFE_CHANGE,
                            value.clone(),
                            format!("{field} of the claim {claim} is {}, and would be {}", quoted(is), quoted(desired)),
                        )
                        .help(format!(
                            "if an earlier plan has stopped halfway, go on with its run.sh; else write what it has as {value}, or, \
                             to leave it as it is: --accept '{name}'"
                        )),
                    );
                }
            };
            let class = object.text("spec.storageClassName").unwrap_or_default();
            if let Some(desired) = new.class.as_ref().filter(|desired| **desired != class) {
                refuse(
                    "spec.storageClassName",
                    format!("{value}.storageClassName"),
                    &class,
                    desired,
                );
            }
            let size = object.text("spec.resources.requests.storage").unwrap_or_default();
            let parsed = size.parse::<Quantity>();
            if let Some(desired) = &new.size
                && parsed.map_or(true, |size| size.value() > desired.value())
            {
                refuse(
                    "spec.resources.requests.storage",
                    format!("{value}.size"),
                    &size,
                    &desired.to_string(),
                );
            }
        }
    }

    /// The value that a template of claims is rendered from.
    fn value_of(&self, template: &str) -> &'static str {
        let is_data = |data: &Location| data.volume == Storage::Claim(template.to_owned());
        if self.to.data.known().is_some_and(is_data) {
            "storage.data"
        } else {
            "storage.wal"
        }
    }

    /// The claims of members that stay: names, what they are to be, and what they are, as far as they are among the objects.
    fn kept_claims(&self) -> impl Iterator<Item = (String, &Claim, &Object)> {
        let of = |new: &'_ Claim, ordinal: u32| claim_of(&new.name, &self.from.member(ordinal));
        let stays = |new: &&Claim| self.from.claims.iter().any(|old| old.name == new.name);
        let claims = self.to.claims.iter().filter(stays);
        claims.flat_map(move |new| {
            (0..self.kept()).filter_map(move |ordinal| {
                let claim = of(new, ordinal);
                let object = self
                    .installed
                    .named("", "PersistentVolumeClaim", &self.from.namespace, &claim)?;
                Some((claim, new, object))
            })
        })
    }

    /// Refuses to have members take claims that hold something else, or that earlier members have left.
    fn check_left_over(&self, diagnostics: &mut Diagnostics) {
        let mut left_over = Vec::new();
        for new in &self.to.claims {
            let old = self.from.claims.iter().find(|old| old.name == new.name);
            if old.is_some() && !self.from.holds_data(&new.name) {
                diagnostics.push(
                    Diagnostic::new(
                        &UNSAFE_CHANGE,
                        "naming.dataClaim",
                        format!(
                            "the claims of the template {} do not hold etcd's files, and would",
                            quoted(&new.name)
                        ),
                    )
                    .help("write a name that no template of claims has"),
                );
            }
            // Those of members that stay are new if their template is.
            let first = if old.is_some() { self.kept() } else { 0 };
            let names = (first..self.to.replicas).map(|ordinal| claim_of(&new.name, &self.from.member(ordinal)));
            let is_left = |name: &String| {
                let claim = self
                    .installed
                    .named("", "PersistentVolumeClaim", &self.from.namespace, name);
                claim.is_some()
            };
            left_over.extend(names.filter(is_left));
        }
        if !left_over.is_empty() {
            diagnostics.push(
                Diagnostic::new(
                    &UNSAFE_CHANGE,
                    "storage",
                    format!(
                        "claims of earlier members are left, and etcd does not start on their data: {}",
                        left_over.join(", ")
                    ),
                )
                .help("save what you need of them, and delete them"),
            );
        }
    }

    /// Whether the values say that claims of removed members stay. The default says so as well, and nobody chose it.
    pub(super) fn retains_claims(&self) -> bool {
        self.source
            .document()
            .at("storage.retention.whenScaled")
            .is_some_and(|node| node.as_str() == Some("Retain"))
    }

    /// Refuses another directory of a volume that stays: the data are there, and a value names it.
    fn check_directories(&self, diagnostics: &mut Diagnostics) {
        let (from, to) = (self.from, self.to);
        let pairs = [
            (&from.data, &to.data, "naming.dataPath", "the directory of the data"),
            (
                &from.wal,
                &to.wal,
                "naming.walPath",
                "the directory of the write-ahead log",
            ),
        ];
        for (old, new, value, what) in pairs {
            if let Fact::Unknown(reason) = new {
                diagnostics.push(
                    Diagnostic::new(
                        &UNSAFE_CHANGE,
                        "storage",
                        format!("{what} would not be known: {reason}"),
                    )
                    .help("mount it elsewhere"),
                );
            }
            let (Fact::Known(old), Fact::Known(new)) = (old, new) else {
                continue;
            };
            match (&old.volume, &new.volume) {
                (Storage::Claim(a), Storage::Claim(b)) if a == b && old.path != new.path => diagnostics.push(
                    Diagnostic::new(
                        &UNSAFE_CHANGE,
                        value,
                        format!(
                            "{what} would be {} of the volume {a:?}, and is {}",
                            directory(&new.path),
                            directory(&old.path)
                        ),
                    )
                    .help(if old.path.is_empty() {
                        format!("remove {value}")
                    } else if old.path.contains('\0') {
                        "the directory has the name of its member, which no value says: restore a snapshot in a new cluster"
                            .to_owned()
                    } else {
                        let (_, name) = value.split_once('.').unwrap_or_default();
                        format!("write naming: {{{name}: {}}}", old.path)
                    }),
                ),
                (Storage::Other(kind), _) => diagnostics.push(
                    Diagnostic::new(
                        &UNSAFE_CHANGE,
                        "storage",
                        format!("{what} is in {kind}, and would be in a volume claim of each member"),
                    )
                    .help(
                        "take a snapshot (etcdctl snapshot save), copy it to a claim, and install a new cluster of another name \
                         with restore: {claimName: …, snapshot: …}",
                    ),
                ),
                _ => {}
            }
        }
    }

    /// Claims that are to grow, and to what.
    pub(super) fn grown(&self) -> Vec<(Vec<String>, String)> {
        if self.why_replaced().is_some() {
            return Vec::new();
        }
        let from = self.from.claims.iter();
        from.filter_map(|old| {
            let new = self.to.claims.iter().find(|new| new.name == old.name)?;
            let (was, size) = (old.size.as_ref()?, new.size.as_ref()?);
            let is_smaller = |claim: &String| {
                let object = self
                    .installed
                    .named("", "PersistentVolumeClaim", &self.from.namespace, claim);
                let request = object.and_then(|claim| claim.text("spec.resources.requests.storage")?.parse().ok());
                size.value() > request.map_or_else(|| was.value(), |request: Quantity| request.value())
            };
            let claims = (0..self.kept()).map(|ordinal| claim_of(&old.name, &self.from.member(ordinal)));
            let claims: Vec<String> = claims.filter(is_smaller).collect();
            (!claims.is_empty()).then(|| (claims, size.to_string()))
        })
        .collect()
    }

    /// The claims that are smaller than they are to be, beside the template that made them.
    pub(super) fn claim_differences(&self) -> impl Iterator<Item = rutter::Difference> {
        let grown: BTreeSet<String> = self.grown().into_iter().flat_map(|(claims, _)| claims).collect();
        let claims = self.kept_claims().filter(move |(claim, ..)| grown.contains(claim));
        claims.map(|(claim, new, object)| rutter::Difference {
            object: format!("persistentvolumeclaim/{claim}"),
            path: "spec.resources.requests[\"storage\"]".to_owned(),
            installed: quoted(&object.text("spec.resources.requests.storage").unwrap_or_default()),
            desired: new.size.as_ref().map(ToString::to_string).unwrap_or_default(),
        })
    }

    /// Grows the claims that exist. The templates of a StatefulSet count for those that it creates.
    pub(super) fn grow(&self, steps: &mut Steps) {
        let grown = self.grown();
        if grown.is_empty() {
            return;
        }
        let actions = grown.iter().flat_map(|(claims, size)| {
            claims.iter().map(|claim| Action::GrowClaim {
                claim: claim.clone(),
                size: size.clone(),
            })
        });
        steps.push(PlannedStep {
            name: "grow-claims".to_owned(),
            title: "grow the claims".to_owned(),
            reason: "the templates of a StatefulSet count only for claims that it creates; this is refused, and nothing has \
                     happened, unless the storage class has allowVolumeExpansion: true"
                .to_owned(),
            restarts: Vec::new(),
            manifests: Vec::new(),
            files: Vec::new(),
            actions: actions.collect(),
        });
    }

    /// Checks that the storage classes exist that new claims name.
    pub(super) fn new_classes(&self) -> Vec<Action> {
        let known: BTreeSet<&String> = self
            .from
            .claims
            .iter()
            .filter_map(|claim| claim.class.as_ref())
            .collect();
        let new: BTreeSet<&String> = self.to.claims.iter().filter_map(|claim| claim.class.as_ref()).collect();
        let names = new.difference(&known).filter(|name| !name.is_empty());
        names
            .map(|name| Action::StorageClass { name: (*name).clone() })
            .collect()
    }

    /// Applies a template that pods get when they are deleted.
    pub(super) fn let_join(&self, state: State, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let manifests = self.render(State {
            joins: true,
            update: Update::Deleted,
            ..state
        })?;
        let mut actions = vec![healthy(self.from.members(state.replicas))];
        let (applying, files) = self.applying(&manifests, steps.before()).all();
        actions.extend(applying);
        steps.push(PlannedStep {
            name: format!("prepare-{}", state.version),
            title: "apply what members are once they are replaced".to_owned(),
            reason: "with the update strategy OnDelete no pod restarts before its member was replaced".to_owned(),
            restarts: Vec::new(),
            manifests,
            files,
            actions,
        });
        Ok(())
    }

    pub(super) fn replace_all(&self, state: State, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let reason = self
            .why_replaced()
            .unwrap_or("the data die with their pod, so that a member that restarts is replaced");
        let members = self.from.members(state.replicas);
        // The lowest first: a StatefulSet with claims that its pods do not have stops at the first such pod, and would not
        // create one of a higher ordinal.
        for ordinal in 0..state.replicas {
            let member = self.from.member(ordinal);
            // etcd refuses to add a member if the one that is asked does not reach all others (`isConnectedFullySince`).
            let mut reaching = self.reaching(state.replicas, &(0..ordinal));
            let other = self.other_than(ordinal);
            let asked = match reaching.pop() {
                Some(last) if !reaching.contains(&other) && last != member => last,
                _ => other,
            };
            let url = self.url(ordinal)?;
            // The old claims go. Those of the same names that it gets are new.
            let claims = self.from.data_claims_of(ordinal);
            let others: Vec<String> = members.iter().filter(|other| **other != member).cloned().collect();
            let mut actions: Vec<Action> = (!others.is_empty()).then(|| healthy(others)).into_iter().collect();
            actions.extend([
                Action::NoteReplaced {
                    member: member.clone(),
                    asked: asked.clone(),
                },
                Action::RemoveReplaced {
                    member: member.clone(),
                    asked: asked.clone(),
                },
            ]);
            if !claims.is_empty() {
                actions.push(Action::DeleteReplacedClaims {
                    member: member.clone(),
                    url: url.clone(),
                    asked: asked.clone(),
                    claims,
                });
            }
            actions.extend([
                Action::DeleteReplacedPod {
                    member: member.clone(),
                    url: url.clone(),
                    asked: asked.clone(),
                },
                Action::AddReplacement {
                    member: member.clone(),
                    url: url.clone(),
                    asked: asked.clone(),
                },
                Action::Promote {
                    member: member.clone(),
                    url,
                    asked: asked.clone(),
                },
                Action::Ready { member: member.clone() },
                healthy(members.clone()),
            ]);
            actions.push(Action::Connected {
                members: self.reaching(state.replicas, &(0..ordinal + 1)),
            });
            actions.push(Action::Voters {
                asked,
                counts: vec![state.replicas],
            });
            steps.push(PlannedStep {
                name: format!("replace-{member}-{}", state.version),
                title: format!("replace {member}"),
                reason: format!("{reason}; it gets the data from the others, which keep the quorum"),
                restarts: vec![member],
                manifests: Vec::new(),
                files: Vec::new(),
                actions,
            });
        }
        Ok(())
    }
}

fn is_ephemeral(data: &Fact<Location>) -> bool {
    data.known().is_some_and(|data| data.volume == Storage::Ephemeral)
}

fn directory(path: &str) -> String {
    if path.is_empty() {
        "the root".to_owned()
    } else {
        format!("{:?}", path.replace('\0', "$(POD)"))
    }
}
