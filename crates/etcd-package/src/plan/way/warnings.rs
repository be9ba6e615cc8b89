//! What a person should know before the first step.

use rutter::Diagnostic;

use super::super::facts::PeerTls;
use super::Way;
use crate::codes::{CLIENTS_CUT_OFF, PREPARE_SECRET, SINGLE_MEMBER, UPDATE_OVERRIDDEN, WRITES_WAIT};
use crate::etcd::Version;
use crate::values::UpdateType;

impl Way<'_> {
    pub(super) fn warnings(&self, versions: &[Version], takes_steps: bool) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        let mut warn = |code, path: &str, message: String, help: &str| {
            warnings.push(Diagnostic::new(code, path, message).help(help));
        };
        let restarts = !versions.is_empty() || !self.template_changes().is_empty();
        if restarts && self.from.replicas <= 2 {
            warn(
                &WRITES_WAIT,
                "replicas",
                format!(
                    "with {} nothing is written while one restarts",
                    if self.from.replicas == 1 {
                        "one member"
                    } else {
                        "2 members"
                    }
                ),
                "plan the change to replicas: 3 first, if clients cannot wait for some seconds",
            );
        }
        let update = &self.wanted.cluster.update;
        if takes_steps && restarts && (update.kind == UpdateType::OnDelete || update.partition > 0) {
            warn(
                &UPDATE_OVERRIDDEN,
                "update",
                "the steps renew all pods one after the other, and only the last one has the update strategy"
                    .to_owned(),
                "plan without these values first, if pods are to be kept as they are",
            );
        }
        if self.to.replicas == 1 && self.from.replicas > 1 {
            warn(
                &SINGLE_MEMBER,
                "replicas",
                "one member alone stops with its node, and its volume is the only copy of the data".to_owned(),
                "write replicas: 3, or take snapshots",
            );
        }
        if let (Some(old), Some(new)) = (self.from.client_scheme, self.to.client_scheme)
            && old != new
        {
            warn(
                &CLIENTS_CUT_OFF,
                "tls.client",
                format!("members that have restarted speak {new} with clients, and {old} no longer"),
                "let clients know both kinds of endpoints meanwhile, or expect errors until they are changed",
            );
        }
        if self.has_new_client_issuer()
            || matches!((&self.from.client_secret, &self.to.client_secret), (Some(old), Some(new)) if old != new)
        {
            warn(
                &CLIENTS_CUT_OFF,
                "tls.client",
                "members that have restarted trust the new authority of clients, and the old one no longer".to_owned(),
                "let clients trust both authorities and hold certificates of both meanwhile, or expect errors",
            );
        }
        if let PeerTls::Identity(Some(secret)) = &self.to.peer_tls
            && self.to.replicas > self.from.replicas
            && !self.to.certificates.contains_key(secret)
        {
            warn(
                &PREPARE_SECRET,
                "tls.peer.secretName",
                format!("the certificate in {secret:?} has to hold for the new members' names"),
                "make it anew for all members, with the same authority, before the first step",
            );
        }
        warnings
    }
}
