//! Certificates that change, and the authorities behind them.

use rutter::{Command, Diagnostic, Diagnostics, Manifest, Step};

use super::super::difference;
use super::super::facts::{Facts, PeerTls};
use super::{Steps, Stop, Way};
use crate::cluster::Issuers;
use crate::codes::UNSAFE_CHANGE;

impl Way<'_> {
    /// Whether clients and members get certificates of another authority in the Secret that they have.
    pub(super) fn has_new_client_issuer(&self) -> bool {
        let issuer = |facts: &Facts| Some(facts.certificates.get(facts.client_secret.as_ref()?)?.issuer.clone());
        match (issuer(self.from), issuer(self.to)) {
            (Some(old), Some(new)) => self.from.client_secret == self.to.client_secret && old != new,
            _ => false,
        }
    }

    /// Waits for the Certificates among these manifests, if there are any.
    pub(super) fn certified(&self, manifests: &[Manifest]) -> Option<Command> {
        let certificates = manifests.iter().filter(|manifest| manifest.kind == "Certificate");
        let names: Vec<&str> = certificates.map(|manifest| manifest.name.as_str()).collect();
        (!names.is_empty()).then(|| self.lines().certified(&names))
    }

    /// Has certificates made for members that are to come.
    pub(super) fn certify(&self, manifests: &[Manifest], steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let Some(certified) = self
            .certified(manifests)
            .filter(|_| self.from.replicas < self.to.replicas)
        else {
            return Ok(());
        };
        let lines = self.lines();
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: "certify".to_owned(),
            title: "have certificates made that hold for the new members".to_owned(),
            reason: "a member that starts with a certificate without its name is believed by no other".to_owned(),
            manifests: manifests.to_vec(),
            commands: vec![lines.apply(), certified],
        });
        Ok(())
    }

    /// The Secrets of the members' certificates before and after, if members would not trust each other while some have the
    /// one and some the other.
    fn peer_secrets(&self) -> Option<(&str, &str)> {
        let (PeerTls::Identity(Some(old)), PeerTls::Identity(Some(new))) = (&self.from.peer_tls, &self.to.peer_tls)
        else {
            return None;
        };
        let (was, is) = (self.from.certificates.get(old), self.to.certificates.get(new));
        let is_other = match (was, is) {
            (Some(was), Some(is)) if was.issuer != is.issuer => true,
            // A certificate that signs itself is another authority whenever it is made anew.
            (Some(was), Some(is)) => {
                self.signs_itself() && !difference::between_objects(&was.object.node, &is.object.node).is_empty()
            }
            // Where one of them is not known, nothing says that they have one authority.
            _ => old != new,
        };
        is_other.then_some((old, new))
    }

    fn signs_itself(&self) -> bool {
        let certificates = self.wanted.cluster.tls.certificates.as_ref();
        certificates.is_some_and(|certificates| matches!(certificates.issuers, Issuers::SelfSigned { .. }))
    }

    /// Whether the authority of the members' certificates changes.
    pub(super) fn is_rotated(&self) -> bool {
        self.peer_secrets().is_some()
    }

    /// Refuses to change the authority together with what members need their trust for.
    pub(super) fn check_rotation(&self, diagnostics: &mut Diagnostics) {
        let is_settled = self.is_recreated() || self.is_moved() || self.why_replaced().is_some();
        let changes = self.is_rotated() || self.has_new_client_issuer();
        // Members that are replaced ask those that are not, and etcdctl has the new certificate before its member trusts it.
        if changes && (is_settled || self.is_ephemeral()) {
            let message = "an authority changes, and so does what pods, data or URLs of members hang on";
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "tls", message)
                    .help("change one of the two in a plan of its own, and then the other"),
            );
        }
    }

    /// Leads members from one authority to another: by a Secret in which both are trusted, first with the old certificate
    /// and then with the new one.
    pub(super) fn rotate(&self, here: Stop, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let Some((old, new)) = self.peer_secrets() else {
            return Ok(());
        };
        let lines = self.lines();
        let replicas = here.replicas;
        let between = rotation_secret(self.from);
        let restarted = || [lines.restart(), lines.rolled_out(replicas), lines.healthy(replicas)];
        // Certificates that are there stay as they are for now, also those of clients.
        let stays = |manifest: &Manifest| {
            let mut known = self.from.certificates.values();
            manifest.kind == "Certificate" && known.any(|certificate| certificate.object.id.name == manifest.name)
        };
        let mut meanwhile = self.render(Stop { rotates: true, ..here })?;
        meanwhile.retain(|manifest| !stays(manifest));
        let afterwards = self.render(here)?;
        let mut commands = vec![
            lines.healthy(replicas),
            lines.copy_certificate(old, &between),
            lines.apply(),
        ];
        commands.extend(self.certified(&meanwhile));
        commands.extend([lines.rolled_out(replicas), lines.healthy(replicas)]);
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: "keep-peer-certificate".to_owned(),
            title: format!("have members use a copy of their certificate, in the Secret {between}"),
            reason: "the new authority must not take the place of the old one before all members trust both".to_owned(),
            manifests: meanwhile.clone(),
            commands,
        });
        // The new certificate is made, and nobody uses it yet.
        let manifests: Vec<Manifest> = afterwards
            .iter()
            .map(|manifest| {
                let is_pods = manifest.kind == "StatefulSet";
                let of_meanwhile = meanwhile
                    .iter()
                    .filter(|_| is_pods)
                    .find(|other| other.kind == manifest.kind);
                of_meanwhile.unwrap_or(manifest).clone()
            })
            .collect();
        let mut commands = vec![lines.apply()];
        commands.extend(match self.to.certificates.get(new) {
            Some(_) => self.certified(&manifests),
            None => Some(lines.has_certificate(new)),
        });
        commands.push(lines.trust_both(&between, new));
        commands.extend(restarted());
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: "trust-both-authorities".to_owned(),
            title: "have members trust the new authority as well".to_owned(),
            reason: "etcd reads the authorities that it trusts when it starts".to_owned(),
            manifests,
            commands,
        });
        let mut commands = vec![lines.healthy(replicas), lines.take_certificate(&between, new)];
        commands.extend(restarted());
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: "show-new-certificate".to_owned(),
            title: "have members show the new certificate".to_owned(),
            reason: "all trust its authority now, and still that of members that show the old one".to_owned(),
            manifests: Vec::new(),
            commands,
        });
        steps.push(Step {
            effects: Vec::new(),
            files: Vec::new(),
            name: "leave-old-authority".to_owned(),
            title: format!("have members use the Secret {new}, and trust its authority alone"),
            reason: "no member shows a certificate of the old authority any more".to_owned(),
            manifests: afterwards,
            commands: vec![
                lines.healthy(replicas),
                lines.apply(),
                lines.rolled_out(replicas),
                lines.healthy(replicas),
                lines.prune("secret", &between),
            ],
        });
        Ok(())
    }
}

/// The Secret that members use while their authority changes.
pub(super) fn rotation_secret(facts: &Facts) -> String {
    format!("{}-peer-rotation", facts.fullname)
}
