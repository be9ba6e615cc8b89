//! Members that come, go, or are reached elsewhere.

use std::ops::Range;

use rutter::{Diagnostic, Diagnostics};

use super::super::action::Action;
use super::super::fact::Fact;
use super::super::observed::{Options, PeerTls, quoted};
use super::certificates::certified;
use super::{Applying, PlannedStep, Planner, Rollout, State, Steps, Update, connected, healthy};
use crate::codes::{UNKNOWN_CLUSTER, UNSAFE_CHANGE};

impl Planner<'_> {
    /// A member that is not changed, and can be asked: the member itself if it is the only one.
    pub(super) fn other_than(&self, ordinal: u32) -> String {
        self.from.member(u32::from(ordinal == 0 && self.from.replicas > 1))
    }

    /// Refuses to remove or change members that are found by the names of their pods, if etcd has others for them.
    pub(super) fn check_names(&self, diagnostics: &mut Diagnostics) {
        let removes = self.from.replicas > self.to.replicas;
        let is_found_by_name = removes || self.rollout() != Rollout::Restart && !self.template_changes().is_empty();
        if !is_found_by_name || self.from.is_named_by_pod() {
            return;
        }
        let message = match self.from.options.get("name") {
            Fact::Known(name) => format!("the members' --name is {}", quoted(&Options::readable(&name))),
            Fact::Absent => "the members have no --name".to_owned(),
            Fact::Unknown(reason) => format!("the members' --name is not known: {reason}"),
        };
        diagnostics.push(
            Diagnostic::new(
                &UNSAFE_CHANGE,
                "",
                format!("{message}, and the steps find a member by the name of its pod"),
            )
            .help(
                "change the names first, in a plan of its own that keeps replicas, peer URLs and volumes; etcd learns a name when \
                 its member restarts",
            ),
        );
    }

    pub(super) fn update_peer_urls(&self, state: State, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let members = self.from.members(state.replicas);
        for ordinal in (0..state.replicas).rev() {
            let member = self.from.member(ordinal);
            let old = self.from.peer_url(ordinal).known().cloned().unwrap_or_default();
            let url = self.url(ordinal)?;
            let manifests = self.render(State {
                update: Update::From(ordinal),
                ..state
            })?;
            let mut actions = vec![healthy(members.clone())];
            // etcd looks for a member at its new URL until it has restarted, and a leader would have to be missed first.
            actions.extend((state.replicas > 1).then(|| Action::MoveLeader {
                from: member.clone(),
                to: self.from.member((ordinal + 1) % state.replicas),
            }));
            let Applying { before, then, files } = self.applying(&manifests, steps.before());
            // Certificates are there, and the apply is proven, before etcd learns the URL.
            actions.extend(before);
            actions.push(Action::UpdatePeerUrl {
                member: member.clone(),
                url: url.clone(),
                asked: self.other_than(ordinal),
            });
            actions.extend(then);
            let reaching = self.reaching(state.replicas, &(ordinal..state.replicas));
            actions.extend(self.settled_as(state.replicas, reaching));
            steps.push(PlannedStep {
                name: format!("update-peer-url-{member}"),
                title: format!("{member}: from {old} to {url}"),
                reason: match (&self.from.peer_tls, &self.to.peer_tls) {
                    (Fact::Known(PeerTls::Plain), Fact::Known(PeerTls::Plain)) => {
                        "etcd keeps the URLs that members had when they joined, until it learns others"
                    }
                    _ => {
                        "etcd keeps the URLs that members had when they joined, until it learns others; members with TLS \
                         reach those without, so that the quorum holds"
                    }
                }
                .to_owned(),
                restarts: vec![member],
                manifests,
                files,
                actions,
            });
        }
        Ok(())
    }

    /// The members that reach all others while those of these ordinals have changed. Members with TLS reach those without,
    /// which do not reach them: one connection serves both.
    pub(super) fn reaching(&self, replicas: u32, changed: &Range<u32>) -> Vec<String> {
        let is_plain = |tls: &Fact<PeerTls>| tls.known() == Some(&PeerTls::Plain);
        let reaches = |ordinal: &u32| match (is_plain(&self.from.peer_tls), is_plain(&self.to.peer_tls)) {
            (true, false) => changed.is_empty() || changed.contains(ordinal),
            (false, true) => !changed.contains(ordinal) || *changed == (0..replicas),
            _ => true,
        };
        let ordinals = (0..replicas).filter(reaches);
        ordinals.map(|ordinal| self.from.member(ordinal)).collect()
    }

    /// Waits until these are all members, and all of them serve, reach each other and vote.
    fn complete(&self, replicas: u32, asked: String) -> Vec<Action> {
        let members = self.from.members(replicas);
        let mut actions = vec![healthy(members.clone())];
        actions.extend(connected(members));
        actions.push(Action::Voters {
            asked,
            counts: vec![replicas],
        });
        actions
    }

    pub(super) fn url(&self, ordinal: u32) -> Result<String, Vec<Diagnostic>> {
        match self.to.peer_url(ordinal) {
            Fact::Known(url) => Ok(url),
            Fact::Absent | Fact::Unknown(_) => {
                let message = "the peer URLs are set in a way that cannot be followed";
                Err(vec![
                    Diagnostic::new(&UNKNOWN_CLUSTER, "extraArgs", message)
                        .help("remove initial-advertise-peer-urls: the package sets it"),
                ])
            }
        }
    }

    pub(super) fn add(&self, at: State, ordinal: u32, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let member = self.from.member(ordinal);
        let asked = self.other_than(ordinal);
        let url = self.url(ordinal)?;
        let replicas = ordinal + 1;
        let manifests = self.render(State {
            replicas,
            joins: true,
            ..at
        })?;
        let mut actions = vec![Action::Healthy {
            members: self.from.members(ordinal),
            before_adding: Some(url.clone()),
        }];
        let claims = self.to.claims_of(ordinal);
        if !claims.is_empty() {
            actions.push(Action::NoOldClaims {
                member: member.clone(),
                url: url.clone(),
                asked: asked.clone(),
                claims,
            });
        }
        let Applying { before, then, files } = self.applying(&manifests, steps.before());
        actions.extend(before);
        actions.extend(certified(manifests.iter()));
        actions.push(Action::AddLearner {
            member: member.clone(),
            url: url.clone(),
            asked: asked.clone(),
        });
        actions.extend(then);
        actions.push(Action::Promote {
            member: member.clone(),
            url,
            asked: asked.clone(),
        });
        actions.push(Action::RolledOut {
            set: self.from.fullname.clone(),
            replicas,
        });
        actions.extend(self.complete(replicas, asked));
        steps.push(PlannedStep {
            name: format!("add-{member}"),
            title: format!("add {member}"),
            reason: "add one member at a time, before its pod starts; it joins as a learner and gets the data before it can \
                     vote; other members do not restart"
                .to_owned(),
            restarts: Vec::new(),
            manifests,
            files,
            actions,
        });
        Ok(())
    }

    pub(super) fn remove(&self, at: State, ordinal: u32, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let member = self.from.member(ordinal);
        let asked = self.from.member(0);
        let manifests = self.render(State {
            replicas: ordinal,
            ..at
        })?;
        // The member that goes may be gone already, on a second run.
        let mut actions = vec![healthy(self.from.members(ordinal))];
        let Applying { before, then, files } = self.applying(&manifests, steps.before());
        actions.extend(before);
        actions.push(Action::Remove {
            member: member.clone(),
            asked: asked.clone(),
        });
        actions.extend(then);
        actions.push(Action::PodGone { member: member.clone() });
        actions.extend(self.complete(ordinal, asked));
        // The data of the member are the last resort until the others are known to be complete without it.
        let claims = self.from.data_claims_of(ordinal);
        if !claims.is_empty() && !self.retains_claims() {
            actions.push(Action::DeleteClaims { claims });
        }
        steps.push(PlannedStep {
            name: format!("remove-{member}"),
            title: format!("remove {member}"),
            reason: "remove one member at a time, before its pod ends, and the highest ordinal first, which is the pod that \
                     Kubernetes deletes; otherwise etcd would count it as failed"
                .to_owned(),
            restarts: Vec::new(),
            manifests,
            files,
            actions,
        });
        Ok(())
    }
}
