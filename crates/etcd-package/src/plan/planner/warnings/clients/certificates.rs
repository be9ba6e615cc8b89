//! Certificates that lose names, or that nobody renews any more.

use crate::codes::CLIENTS_CUT_OFF;
use crate::plan::fact::Fact;
use crate::plan::observed::{Certificate, ObservedCluster, quoted, shortened};
use crate::plan::planner::Planner;
use crate::plan::planner::certificates::{certified_names, covers};

impl Planner<'_> {
    /// Certificates that lose names, or that nobody renews any more.
    pub(super) fn warn_of_certificates(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        let (from, to) = (self.from, self.to);
        if let (Some(old), Some(new)) = (shown_to_clients(from), shown_to_clients(to)) {
            let has = certified_names(new);
            let is_gone = |name: &String| {
                let first = name.split('.').next().unwrap_or_default();
                let ordinal = first
                    .strip_prefix(&*from.fullname)
                    .and_then(|rest| rest.strip_prefix('-')?.parse::<u32>().ok());
                // Members and Services that go are reported by themselves.
                let goes = ordinal.is_some_and(|ordinal| ordinal >= to.replicas)
                    || self.changes.surplus.contains(&("service".to_owned(), first.to_owned()));
                !goes && !has.iter().any(|other| covers(other, name))
            };
            let gone: Vec<String> = certified_names(old).into_iter().filter(is_gone).collect();
            if !gone.is_empty() {
                let gone: Vec<String> = gone.iter().map(|name| quoted(name)).collect();
                warn(
                    &CLIENTS_CUT_OFF,
                    "tls.certManager",
                    format!(
                        "the members' certificate for clients loses the names {}, and clients that use them refuse it",
                        shortened(&gone, MOST_NAMES)
                    ),
                    "let clients use another name first, or keep these (tls.certManager.extraDnsNames, extraIpAddresses)",
                );
            }
        }
        if to.client_scheme == Fact::Known("http") {
            return;
        }
        let listeners = [from.peer_secret(), from.client_files.secret()];
        for (secret, certificate) in &from.certificates {
            let object = &certificate.object;
            let has_other_secret = self
                .desired
                .get(&object.id)
                .is_some_and(|desired| desired.text("spec.secretName").as_ref() != Some(secret));
            if !(self.is_pruned(object) || has_other_secret)
                || object.text("spec.isCA").as_deref() == Some("true")
                || listeners.contains(&Some(secret.as_str()))
                || to.certificates.contains_key(secret)
            {
                continue;
            }
            warn(
                &CLIENTS_CUT_OFF,
                "tls.clientCertificates",
                format!(
                    "nobody renews the Secret {} of the Certificate {:?} any more: clients that show it are refused once it expires",
                    quoted(secret),
                    object.id.name
                ),
                "let its clients use another certificate before it expires, or keep it in tls.clientCertificates",
            );
        }
    }
}

/// Most names of a certificate that a message lists.
const MOST_NAMES: usize = 8;

/// The Certificate that members show to clients.
fn shown_to_clients(cluster: &ObservedCluster) -> Option<&Certificate> {
    cluster.certificates.get(cluster.client_files.secret()?)
}
