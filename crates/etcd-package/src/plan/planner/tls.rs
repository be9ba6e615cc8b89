//! The TLS versions that members take: where both sides have none in common, a step between takes both.

use rutter::{Diagnostic, Diagnostics};

use super::{Planner, State, Steps};
use crate::codes::UNSAFE_CHANGE;
use crate::values::TlsVersion;

impl Planner<'_> {
    /// The TLS versions that members of both sides take, if the sides have none in common.
    pub(super) fn wider_tls(&self) -> Option<(TlsVersion, TlsVersion)> {
        let (old, new) = (self.from.tls_versions()?, self.to.tls_versions()?);
        let is_12 = |range: (TlsVersion, TlsVersion)| range.1 == TlsVersion::Tls12;
        let is_13 = |range: (TlsVersion, TlsVersion)| range.0 == TlsVersion::Tls13;
        ((is_12(old) && is_13(new)) || (is_13(old) && is_12(new))).then_some((TlsVersion::Tls12, TlsVersion::Tls13))
    }

    /// Refuses TLS versions that have to be widened first, together with what the first restart must not bring along.
    pub(super) fn check_tls_versions(&self, diagnostics: &mut Diagnostics) {
        let with = [
            (
                self.is_recreated(),
                "a part of the StatefulSet that Kubernetes refuses to change",
            ),
            (self.has_other_urls(), "the peer URLs"),
            (self.is_rotated() || self.has_new_client_issuer(), "a CA"),
            (self.other_secrets(), "the Secrets of certificates"),
            (
                self.why_replaced().is_some() || self.is_ephemeral(),
                "the members' volumes",
            ),
        ];
        let with = with.iter().find(|(is_so, _)| *is_so);
        if let (Some(_), Some((_, what))) = (self.wider_tls(), with) {
            let message = format!(
                "members have no TLS version in common before and after, which takes a restart of its own, and {what} would change \
                 with it"
            );
            diagnostics.push(Diagnostic::new(&UNSAFE_CHANGE, "tls.minVersion", message).help(
                "change tls.minVersion and tls.maxVersion in a plan of their own, with all other values as they are",
            ));
        }
    }

    /// Whether members read a certificate in another Secret.
    pub(super) fn other_secrets(&self) -> bool {
        self.from.client_files.secret() != self.to.client_files.secret()
            || self.from.peer_secret() != self.to.peer_secret()
    }

    pub(super) fn widen_tls(&self, state: State, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        self.restarting(
            state,
            "widen-tls",
            "let members take both TLS versions".to_owned(),
            "members that take only TLS 1.2 and members that take only TLS 1.3 do not reach each other",
            steps,
        )
    }
}
