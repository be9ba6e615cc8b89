//! Who reaches the members.

use std::num::NonZeroU16;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata;
use crate::cluster::{Cluster, JOB_LABEL};
use crate::values;

pub(super) fn network_policy(cluster: &Cluster, policy: &values::NetworkPolicy) -> NetworkPolicy {
    let ports = &cluster.ports;
    let members = pods(cluster.selector.clone());
    let mut clients = vec![members.clone()];
    if cluster.jobs.defrag.is_some() || cluster.jobs.backup.is_some() {
        let fullname = cluster.names.fullname.to_string();
        clients.push(pods([(JOB_LABEL.to_owned(), fullname)].into()));
    }
    clients.extend(policy.clients.iter().cloned());
    let mut rules = vec![rule(ports.peer, vec![members]), rule(ports.client, clients)];
    // Without anyone in it, a rule would let everyone in.
    if !policy.metrics.is_empty() {
        rules.push(rule(ports.metrics, policy.metrics.clone()));
    }
    NetworkPolicy {
        metadata: metadata(cluster, cluster.names.fullname.to_string()),
        spec: Some(NetworkPolicySpec {
            ingress: Some(rules),
            pod_selector: Some(super::members(cluster)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ..NetworkPolicySpec::default()
        }),
    }
}

fn rule(port: NonZeroU16, from: Vec<NetworkPolicyPeer>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: Some(from),
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::Int(port.get().into())),
            ..NetworkPolicyPort::default()
        }]),
    }
}

fn pods(labels: std::collections::BTreeMap<String, String>) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector {
            match_labels: Some(labels),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    }
}
