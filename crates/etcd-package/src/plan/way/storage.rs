//! Where the data are: claims that grow, and members that get others.

use rutter::{Diagnostic, Diagnostics, Step};

use super::{Renewal, Steps, Stop, Update, Way};
use crate::codes::UNSAFE_CHANGE;

impl Way<'_> {
    /// Why members cannot keep their data, if they cannot.
    pub(super) fn why_replaced(&self) -> Option<&'static str> {
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
    pub(super) fn is_ephemeral(&self) -> bool {
        self.from.data.as_ref().is_some_and(|data| data.claim.is_none())
    }

    /// The same once pods are as desired: what was on claims may be so no longer.
    pub(super) fn becomes_ephemeral(&self) -> bool {
        self.to.data.as_ref().is_some_and(|data| data.claim.is_none())
    }

    /// Refuses to replace a member that no other has the data of.
    pub(super) fn check_storage(&self, diagnostics: &mut Diagnostics) {
        let reason = self.why_replaced();
        let renewed = self.is_restarted() || self.differs("spec.template") || self.has_new_client_issuer();
        let dies = self.is_ephemeral() && renewed;
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

    /// Claims that are to grow, and to what.
    pub(super) fn grown(&self) -> Vec<(Vec<String>, String)> {
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

    /// Grows the claims that are there; what a StatefulSet says of claims counts for those that it makes.
    pub(super) fn grow(&self, steps: &mut Steps) {
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
            effects: Vec::new(),
            files: Vec::new(),
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

    /// Applies a template that pods get when they are deleted.
    pub(super) fn let_join(&self, stop: Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let manifests = self.render(Stop {
            joins: true,
            update: Update::Deleted,
            ..stop
        })?;
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: format!("prepare-{}", stop.version),
            title: "apply what members are to be once they are replaced".to_owned(),
            reason: "with updateStrategy OnDelete no pod restarts before its member was replaced".to_owned(),
            commands: [
                vec![lines.healthy(stop.replicas), lines.apply()],
                self.certified(&manifests).into_iter().collect(),
            ]
            .concat(),
            manifests,
        });
        Ok(())
    }

    pub(super) fn replace_all(&self, stop: Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let reason = self
            .why_replaced()
            .unwrap_or("the data die with their pod, so that a member that restarts has to be replaced");
        // The lowest first: a StatefulSet with claims that its pods do not have stops at the first such pod, and would not make
        // one of a higher ordinal.
        for ordinal in 0..stop.replicas {
            let member = self.from.member(ordinal);
            let mut commands = Vec::new();
            // The old claims go; those of the same names that it gets are new.
            let url = self.url(ordinal)?;
            commands.extend(lines.replace(ordinal, &url, &self.from.claims_of(ordinal)));
            commands.push(lines.healthy(stop.replicas));
            commands.push(lines.voters(stop.replicas));
            steps.push(Step {
                effects: Vec::new(),
                files: Vec::new(),
                name: format!("replace-{member}-{}", stop.version),
                title: format!("replace {member}"),
                reason: format!("{reason}; it gets the data from the others, which keep the quorum"),
                manifests: Vec::new(),
                commands,
            });
        }
        Ok(())
    }
}
