//! One release after the other.

use rutter::{Diagnostic, Diagnostics, Step};

use super::{Steps, Stop, Update, Way};
use crate::codes::{NO_DOWNGRADE, UNSAFE_CHANGE};
use crate::etcd::{NoWay, Version, hops, needs_snapshot};

/// After so many entries a member makes a snapshot, where the log is to be got rid of.
pub(super) const SNAPSHOT_COUNT: u32 = 100;

impl Way<'_> {
    pub(super) fn versions(&self, diagnostics: &mut Diagnostics) -> Option<Vec<Version>> {
        let (from, to) = (self.from.version?, self.wanted.cluster.version);
        match hops(from, to) {
            Ok(versions) => {
                let mut at = [from].into_iter().chain(versions.iter().copied());
                if self.becomes_ephemeral()
                    && versions
                        .iter()
                        .any(|next| at.next().is_some_and(|at| needs_snapshot(at, *next)))
                {
                    // A new member is sent the log and no snapshot of it, as long as members that run have it in memory.
                    let message = "members on etcd 3.7 end at what 3.5 may have left in the log, and without volumes none can \
                                   restart on a shorter one";
                    diagnostics.push(
                        Diagnostic::new(&UNSAFE_CHANGE, "version", message)
                            .help("restore a snapshot in a new cluster of the new version"),
                    );
                }
                Some(versions)
            }
            Err(NoWay::Below(oldest)) => {
                let message = format!("etcd {from} cannot go back to {to}: its procedure ends at {oldest}");
                diagnostics.push(Diagnostic::new(&NO_DOWNGRADE, "version", message).help(format!(
                    "write a version from {oldest} on, or restore a snapshot in a new cluster of {to}"
                )));
                None
            }
        }
    }

    pub(super) fn change_version(
        &self,
        at: &mut Stop,
        version: Version,
        next: Option<Version>,
        steps: &mut Steps,
    ) -> Result<(), Vec<Diagnostic>> {
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
        if needs_snapshot(at.version, version) && !at.snapshots {
            self.shorten_log(at, steps)?;
        }
        at.version = version;
        at.snapshots = next.is_some_and(|next| needs_snapshot(version, next));
        let mut commands = vec![lines.healthy(replicas)];
        if goes_back {
            commands.extend(lines.enable_downgrade(&minor));
            commands.push(lines.stored_as(replicas, &minor));
        }
        let name = format!("version-{version}");
        let title = format!("etcd {version}");
        if self.becomes_ephemeral() {
            steps.push(Step {
                effects: Vec::new(),
                files: Vec::new(),
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
        if at.snapshots {
            commands.push(lines.fill_log(SNAPSHOT_COUNT + SNAPSHOT_COUNT / 2));
            commands.push(lines.healthy(replicas));
        }
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name,
            title,
            reason,
            manifests: self.render(*at)?,
            commands,
        });
        Ok(())
    }

    /// Has each member make a snapshot, at the version that runs.
    fn shorten_log(&self, at: &mut Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let replicas = at.replicas;
        at.snapshots = true;
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: format!("snapshots-{}", at.version),
            title: "have each member make a snapshot".to_owned(),
            reason:
                "a log that members of etcd 3.5 have written to is no good for 3.7, and begins at the last snapshot; \
                     nothing tells whether one was made since"
                    .to_owned(),
            manifests: self.render(*at)?,
            commands: vec![
                lines.healthy(replicas),
                lines.apply(),
                lines.rolled_out(replicas),
                lines.healthy(replicas),
                lines.fill_log(SNAPSHOT_COUNT + SNAPSHOT_COUNT / 2),
                lines.healthy(replicas),
            ],
        });
        Ok(())
    }
}
