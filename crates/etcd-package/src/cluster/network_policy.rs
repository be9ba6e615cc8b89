//! Whether a network policy lets in what other values count on.

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use rutter::report::Report;

use crate::codes::{NETWORK_BLOCKED, UNUSED_VALUE};
use crate::values::{NetworkPolicy, ServiceType, Values};

pub(super) fn check(values: &Values, report: &mut Report<'_>) {
    let policy = &values.network_policy;
    if !policy.enabled {
        if *policy != NetworkPolicy::default() {
            report
                .add(
                    &UNUSED_VALUE,
                    "networkPolicy",
                    "it is not rendered, so everyone reaches every port",
                )
                .help("write enabled: true, or leave it out");
        }
        return;
    }
    let monitoring = &values.monitoring;
    if policy.metrics.is_empty() && (monitoring.service_monitor.enabled || monitoring.pod_monitor.enabled) {
        report
            .add(
                &NETWORK_BLOCKED,
                "networkPolicy",
                "Prometheus is told to scrape the members, and nobody reaches their metrics",
            )
            .help("say in networkPolicy.metrics where Prometheus is");
    }
    let client = &values.service.client;
    let from_outside = |peer: &NetworkPolicyPeer| peer.ip_block.is_some();
    if client.enabled && client.kind != ServiceType::ClusterIP && !policy.clients.iter().any(from_outside) {
        report
            .add(
                &NETWORK_BLOCKED,
                "networkPolicy.clients",
                format!(
                    "a Service of type {:?} is for clients outside, of whom none is let in",
                    client.kind
                ),
            )
            .help("add an ipBlock, such as {ipBlock: {cidr: 10.0.0.0/8}}");
    }
}
