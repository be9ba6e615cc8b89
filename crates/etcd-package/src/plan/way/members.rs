//! Members that come, go, or are reached elsewhere.

use rutter::{Diagnostic, Step};

use super::super::facts::PeerTls;
use super::{Steps, Stop, Update, Way};
use crate::codes::UNKNOWN_CLUSTER;

impl Way<'_> {
    pub(super) fn move_all(&self, stop: Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        for ordinal in (0..stop.replicas).rev() {
            let member = self.from.member(ordinal);
            let (old, url) = (self.from.peer_url(ordinal).unwrap_or_default(), self.url(ordinal)?);
            steps.push(Step {
                effects: Vec::new(),
                files: Vec::new(),
                name: format!("move-{member}"),
                title: format!("{member}: from {old} to {url}"),
                reason: match (&self.from.peer_tls, &self.to.peer_tls) {
                    (PeerTls::Plain, PeerTls::Plain) => {
                        "etcd keeps the URLs that members had when they joined, until it is told of others"
                    }
                    _ => {
                        "etcd keeps the URLs that members had when they joined, until it is told of others; members with \
                         TLS reach those without, so that the quorum holds"
                    }
                }
                .to_owned(),
                manifests: self.render(Stop {
                    update: Update::From(ordinal),
                    ..stop
                })?,
                commands: [
                    vec![lines.healthy(stop.replicas)],
                    lines.lead_elsewhere(ordinal, stop.replicas).into_iter().collect(),
                    vec![
                        lines.update_url(ordinal, &url),
                        lines.apply(),
                        lines.rolled_out(stop.replicas),
                        lines.healthy(stop.replicas),
                    ],
                ]
                .concat(),
            });
        }
        Ok(())
    }

    pub(super) fn url(&self, ordinal: u32) -> Result<String, Vec<Diagnostic>> {
        self.to.peer_url(ordinal).ok_or_else(|| {
            let message = "the members' URLs are set in a way that cannot be followed";
            vec![Diagnostic::new(&UNKNOWN_CLUSTER, "extraArgs", message).help("leave them to the package")]
        })
    }

    pub(super) fn add(&self, at: Stop, ordinal: u32, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let member = self.from.member(ordinal);
        let url = self.url(ordinal)?;
        let replicas = ordinal + 1;
        let mut commands = vec![lines.healthy_before(ordinal, &url)];
        commands.extend(lines.no_old_claims(ordinal, &url, &self.to.claims_of(ordinal)));
        commands.push(lines.add_learner(ordinal, &url));
        commands.push(lines.apply());
        commands.push(lines.promote(ordinal, &url));
        commands.push(lines.rolled_out(replicas));
        commands.push(lines.healthy(replicas));
        commands.push(lines.voters(replicas));
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: format!("add-{member}"),
            title: format!("add {member}"),
            reason:
                "etcd is told of a member before it starts, of one at a time; as a learner it gets the data before its \
                     vote counts, and the others do not restart"
                    .to_owned(),
            manifests: self.render(Stop {
                replicas,
                joins: true,
                ..at
            })?,
            commands,
        });
        Ok(())
    }

    pub(super) fn remove(&self, at: Stop, ordinal: u32, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let lines = self.lines();
        let member = self.from.member(ordinal);
        let mut commands = vec![lines.remove(ordinal), lines.apply()];
        commands.extend(lines.clear(ordinal, &self.from.claims_of(ordinal)));
        commands.push(lines.healthy(ordinal));
        commands.push(lines.voters(ordinal));
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: format!("remove-{member}"),
            title: format!("remove {member}"),
            reason:
                "etcd is told that a member goes before its pod does, of one at a time and the highest ordinal first, \
                     which is the one that Kubernetes takes away; otherwise it would count as failed"
                    .to_owned(),
            manifests: self.render(Stop {
                replicas: ordinal,
                ..at
            })?,
            commands,
        });
        Ok(())
    }
}
