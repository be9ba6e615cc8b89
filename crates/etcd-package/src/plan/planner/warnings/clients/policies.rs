//! Network policies that keep clients out, or let them in.

use crate::codes::{CLIENTS_CUT_OFF, DNS_UNKNOWN, REACH_CHANGES};
use crate::plan::planner::Planner;

impl Planner<'_> {
    /// Warns of policies that change who reaches the members, and whom members and jobs reach.
    pub(super) fn warn_of_policies(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        let reach_change = self.reach_change();
        let changed = self
            .changes
            .reach()
            .filter(|(object, _)| object.kind == "NetworkPolicy");
        // What is known of them says more than where they differ.
        for (policy, paths) in changed.filter(|_| reach_change.is_none()) {
            warn(
                &CLIENTS_CUT_OFF,
                "networkPolicy",
                format!(
                    "the NetworkPolicy {} changes who reaches the members: {paths}",
                    policy.name
                ),
                "check that clients, members and jobs are still let in",
            );
        }
        if let Some(change) = reach_change {
            warn(
                &REACH_CHANGES,
                "networkPolicy",
                format!("network policies change who reaches the members: {change}"),
                "let in who is missing (networkPolicy.clients, networkPolicy.metrics); TLS keeps out who should not be served",
            );
        }
        for (policy, port) in self.policies_of_clients() {
            warn(
                &CLIENTS_CUT_OFF,
                "networkPolicy",
                format!(
                    "the NetworkPolicy {policy:?} lets its pods out to the members at port {port}, and no longer after the change"
                ),
                "let it admit the ports and labels of the members before and after first",
            );
        }
        if let Some(peers) = self.doubtful_dns() {
            warn(
                &DNS_UNKNOWN,
                "networkPolicy",
                format!(
                    "network policies let members out to {peers}, and whether DNS is there is not known: members find each other by \
                     names at each new connection"
                ),
                "let members out to the pods of DNS, at port 53 of UDP and TCP: {namespaceSelector: {matchLabels: \
                 {kubernetes.io/metadata.name: kube-system}}}",
            );
        }
        for job in self.closed_jobs() {
            let what = match job.port {
                Some(port) => format!("the members at port {port}"),
                None => "DNS (port 53), by which they find the members".to_owned(),
            };
            let (keep, fail) = if job.is_closed {
                ("keep", "fail")
            } else {
                ("may keep", "may fail")
            };
            warn(
                &CLIENTS_CUT_OFF,
                "networkPolicy",
                format!(
                    "network policies {keep} the pods of the CronJob {:?} from {what}: its next runs {fail}",
                    job.name
                ),
                "let the pods with the label etcd.rutter.dev/maintains out to DNS and the members, and in to the members",
            );
        }
    }
}
