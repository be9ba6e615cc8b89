//! One release of etcd after the other.

use rutter::{Diagnostic, Diagnostics};

use super::super::action::Action;
use super::{PlannedStep, Planner, State, Steps, Update, healthy, reversed};
use crate::codes::{NO_DOWNGRADE, UNSAFE_CHANGE};
use crate::etcd::{UnsupportedDowngrade, Version, hops, needs_snapshot};

/// After so many entries a member makes a snapshot, where the log has to be shortened.
pub(super) const SNAPSHOT_COUNT: u32 = 100;

impl Planner<'_> {
    pub(super) fn versions(&self, diagnostics: &mut Diagnostics) -> Option<Vec<Version>> {
        let (from, to) = (self.from.running()?, self.rendered.cluster.version);
        match hops(from, to) {
            Ok(versions) => {
                let mut at = [from].into_iter().chain(versions.iter().copied());
                if self.becomes_ephemeral()
                    && versions
                        .iter()
                        .any(|next| at.next().is_some_and(|at| needs_snapshot(at, *next)))
                {
                    // A new member is sent the log and no snapshot of it, as long as members that run have it in memory.
                    let message = "members of etcd 3.7 exit at entries of 3.5 that may be in the log, and without volumes no \
                                   member can restart with a shorter log";
                    diagnostics.push(
                        Diagnostic::new(&UNSAFE_CHANGE, "version", message)
                            .help("restore a snapshot in a new cluster of the new version"),
                    );
                }
                Some(versions)
            }
            Err(UnsupportedDowngrade { oldest }) => {
                let message = format!("etcd {from} cannot go back to {to}: downgrades end at {oldest}");
                diagnostics.push(Diagnostic::new(&NO_DOWNGRADE, "version", message).help(format!(
                    "write a version from {oldest} on, or restore a snapshot in a new cluster of {to}"
                )));
                None
            }
        }
    }

    pub(super) fn change_version(
        &self,
        at: &mut State,
        version: Version,
        next: Option<Version>,
        steps: &mut Steps,
    ) -> Result<(), Vec<Diagnostic>> {
        let replicas = at.replicas;
        let members = self.from.members(replicas);
        let asked = self.from.member(0);
        let goes_back = version.minor() < at.version.minor();
        let new_minor = version.minor() != at.version.minor();
        let minor = version.minor().to_string();
        let reason = if goes_back {
            format!("etcd goes back one minor version at a time, after its data have the format of {minor}")
        } else if new_minor {
            format!("etcd takes one minor version at a time, and {minor} is next")
        } else if version.minor() == self.rendered.cluster.version.minor() {
            "the desired release".to_owned()
        } else {
            format!("{} is too old to work beside the next minor version", at.version)
        };
        if needs_snapshot(at.version, version) && !at.snapshots {
            self.shorten_log(at, steps)?;
        }
        at.version = version;
        at.snapshots = next.is_some_and(|next| needs_snapshot(version, next));
        let mut actions = vec![healthy(members.clone())];
        if goes_back {
            actions.push(Action::ValidateDowngrade {
                asked: asked.clone(),
                minor: minor.clone(),
            });
            actions.push(Action::EnableDowngrade {
                asked: asked.clone(),
                minor: minor.clone(),
            });
            actions.push(Action::StoredAs {
                members: members.clone(),
                minor: minor.clone(),
            });
        }
        let name = format!("version-{version}");
        let title = format!("etcd {version}");
        if self.becomes_ephemeral() {
            let manifests = self.render(State {
                joins: true,
                update: Update::Deleted,
                ..*at
            })?;
            let (applying, files) = self.applying(&manifests, steps.before()).all();
            actions.extend(applying);
            steps.push(PlannedStep {
                name,
                title,
                reason,
                restarts: Vec::new(),
                manifests,
                files,
                actions,
            });
            return self.replace_all(*at, steps);
        }
        let manifests = self.render(*at)?;
        let (applying, files) = self.applying(&manifests, steps.before()).all();
        actions.extend(applying);
        actions.extend(self.settled(replicas));
        // Until all members know that all have it, the next version would be one too many.
        if new_minor && !goes_back && version.tells_storage_version() {
            actions.push(Action::StoredAs {
                members: members.clone(),
                minor,
            });
        }
        if at.snapshots {
            actions.push(Action::FillLog {
                asked,
                entries: SNAPSHOT_COUNT + SNAPSHOT_COUNT / 2,
            });
            actions.push(healthy(members.clone()));
        }
        steps.push(PlannedStep {
            name,
            title,
            reason,
            restarts: reversed(members),
            manifests,
            files,
            actions,
        });
        Ok(())
    }

    /// Has each member make a snapshot, at the version that runs.
    fn shorten_log(&self, at: &mut State, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        at.snapshots = true;
        self.restarting(
            *at,
            &format!("snapshots-{}", at.version),
            "have each member make a snapshot".to_owned(),
            "a log that members of etcd 3.5 have written to is no good for 3.7, and begins at the last snapshot; nothing shows \
             whether one was made since",
            steps,
        )?;
        if let Some(step) = steps.steps.last_mut() {
            step.actions.push(Action::FillLog {
                asked: self.from.member(0),
                entries: SNAPSHOT_COUNT + SNAPSHOT_COUNT / 2,
            });
            step.actions.push(healthy(self.from.members(at.replicas)));
        }
        Ok(())
    }
}
