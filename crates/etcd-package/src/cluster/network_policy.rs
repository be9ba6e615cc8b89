//! The pods and addresses that reach the members.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use rutter::report::Report;

use super::jobs::JOB_LABEL;
use super::{Jobs, Names, Ports};
use crate::codes::{NETWORK_BLOCKED, UNUSED_VALUE};
use crate::values::{self, ServiceType, Values};

/// The NetworkPolicy.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPolicy {
    /// Each port that can be reached.
    pub ingress: Vec<IngressRule>,
}

/// The peers that reach a port.
#[derive(Clone, Debug, PartialEq)]
pub struct IngressRule {
    /// The port.
    pub port: NonZeroU16,
    /// At least one peer. A rule without peers would let everyone in.
    pub from: Vec<NetworkPolicyPeer>,
}

/// Resolves the policy, unless it is disabled.
pub(super) fn resolve(
    policy: values::NetworkPolicy,
    (names, ports): (&Names, &Ports),
    selector: &BTreeMap<String, String>,
    jobs: &Jobs,
) -> Option<NetworkPolicy> {
    if !policy.enabled {
        return None;
    }
    let members = pods(selector.clone());
    let mut clients = vec![members.clone()];
    if jobs.defrag.is_some() || jobs.backup.is_some() {
        clients.push(pods([(JOB_LABEL.to_owned(), names.fullname.to_string())].into()));
    }
    clients.extend(policy.clients);
    let rules = [
        (ports.peer, vec![members]),
        (ports.client, clients),
        (ports.metrics, policy.metrics),
    ];
    Some(NetworkPolicy {
        ingress: rules
            .into_iter()
            .filter(|(_, from)| !from.is_empty())
            .map(|(port, from)| IngressRule { port, from })
            .collect(),
    })
}

fn pods(labels: BTreeMap<String, String>) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector {
            match_labels: Some(labels),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    }
}

/// Checks that the policy lets in the clients that other values imply.
pub(super) fn check(values: &Values, report: &mut Report<'_>) {
    let policy = &values.network_policy;
    if !policy.enabled {
        if *policy != values::NetworkPolicy::default() {
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
