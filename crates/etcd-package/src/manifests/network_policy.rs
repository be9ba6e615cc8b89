//! The pods and addresses that reach the members.

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPort, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata::{member_selector, metadata};
use crate::cluster::{self, Cluster, IngressRule};

pub(super) fn network_policy(cluster: &Cluster, policy: &cluster::NetworkPolicy) -> NetworkPolicy {
    NetworkPolicy {
        metadata: metadata(cluster, cluster.names.fullname.to_string()),
        spec: Some(NetworkPolicySpec {
            ingress: Some(policy.ingress.iter().map(rule).collect()),
            pod_selector: Some(member_selector(cluster)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ..NetworkPolicySpec::default()
        }),
    }
}

fn rule(rule: &IngressRule) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: Some(rule.from.clone()),
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::Int(rule.port.get().into())),
            ..NetworkPolicyPort::default()
        }]),
    }
}
