//! The closed world: what a difference between an installed and a desired object means.
//!
//! A difference that no rule covers is not understood, and a change with it is refused unless the person accepts its path.
//! A rule says what a field means to etcd. How a change of it is carried out is up to the planner, which compares what the
//! two clusters are.

use super::difference::Segment;

/// The meaning of a difference for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// Nothing to the members.
    Nothing,
    /// Members restart for it.
    Restart,
    /// Members come, go, or are reached elsewhere.
    Membership,
    /// It is about the volumes of the data, or the user that owns the files.
    Data,
    /// It is about certificates and who is trusted.
    Trust,
    /// It is about who reaches the members, and where.
    Reach,
    /// A StatefulSet cannot change it, and is deleted and created around its pods.
    Recreate,
    /// Kubernetes refuses to change it.
    Immutable,
    /// No steps are right with it, whoever accepts it.
    Refused(&'static Refusal),
}

/// The reason why no steps are right with a difference, and what to do instead.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refusal {
    pub(super) why: &'static str,
    pub(super) help: &'static str,
}

const OTHER_ORDINALS: Refusal = Refusal {
    why: "the members that a plan knows are numbered from 0: Kubernetes would delete and create others",
    help: "keep the cluster as it is, or restore a snapshot of it in a new cluster",
};

/// Of an option in a ConfigMap or a Secret that keeps its name.
pub(super) const READ_AT_ANY_START: Refusal = Refusal {
    why: "members read it at any start, before a step restarts them or without one",
    help: "give the ConfigMap or the Secret that holds it another name, so that members read it when their pods are replaced",
};

/// Of an option that decides which members there are, or where their data are.
pub(super) const NOT_KNOWN: Refusal = Refusal {
    why: "the steps depend on its value",
    help: "give an edited copy of the objects as --from, with the value written out in the container's args",
};

/// Whose removals a rule covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    /// Any.
    Any,
    /// Only those from an object of this package: it was in its values before. What else such a part of a pod did is not
    /// known.
    Own,
}

struct Rule {
    kind: &'static str,
    path: &'static str,
    meaning: Meaning,
    removal: Removal,
}

const fn rule(kind: &'static str, path: &'static str, meaning: Meaning) -> Rule {
    Rule {
        kind,
        path,
        meaning,
        removal: Removal::Any,
    }
}

const fn own(kind: &'static str, path: &'static str, meaning: Meaning) -> Rule {
    Rule {
        removal: Removal::Own,
        ..rule(kind, path, meaning)
    }
}

/// In place of their kind: Certificates that sign others.
pub(super) const CA: &str = "CA";

/// The rules. The first that matches counts. In a path, `*` is any one part and `**` any parts from here on.
const RULES: &[Rule] = &[
    rule("*", "metadata.labels.*", Meaning::Nothing),
    // Load balancers and the like are set up by a Service's annotations.
    rule("Service", "metadata.annotations.*", Meaning::Reach),
    rule("*", "metadata.annotations.*", Meaning::Nothing),
    rule("StatefulSet", "spec.replicas", Meaning::Membership),
    rule("StatefulSet", "spec.ordinals.**", Meaning::Refused(&OTHER_ORDINALS)),
    rule("StatefulSet", "spec.selector.matchLabels.*", Meaning::Recreate),
    rule("StatefulSet", "spec.serviceName", Meaning::Recreate),
    rule("StatefulSet", "spec.podManagementPolicy", Meaning::Recreate),
    rule("StatefulSet", "spec.volumeClaimTemplates.order", Meaning::Recreate),
    rule(
        "StatefulSet",
        "spec.volumeClaimTemplates.*.metadata.**",
        Meaning::Recreate,
    ),
    rule(
        "StatefulSet",
        "spec.volumeClaimTemplates.*.apiVersion",
        Meaning::Recreate,
    ),
    rule("StatefulSet", "spec.volumeClaimTemplates.*.kind", Meaning::Recreate),
    rule(
        "StatefulSet",
        "spec.volumeClaimTemplates.*.spec.accessModes.**",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.volumeClaimTemplates.*.spec.resources.requests.storage",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.volumeClaimTemplates.*.spec.storageClassName",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.volumeClaimTemplates.*.spec.volumeMode",
        Meaning::Data,
    ),
    rule("StatefulSet", "spec.volumeClaimTemplates.*", Meaning::Data),
    rule("StatefulSet", "spec.updateStrategy.**", Meaning::Nothing),
    rule("StatefulSet", "spec.minReadySeconds", Meaning::Nothing),
    rule("StatefulSet", "spec.revisionHistoryLimit", Meaning::Nothing),
    rule(
        "StatefulSet",
        "spec.persistentVolumeClaimRetentionPolicy.**",
        Meaning::Data,
    ),
    rule("StatefulSet", "spec.template.metadata.labels.*", Meaning::Restart),
    rule("StatefulSet", "spec.template.metadata.annotations.*", Meaning::Restart),
    rule("StatefulSet", "spec.template.spec.affinity.**", Meaning::Restart),
    rule(
        "StatefulSet",
        "spec.template.spec.topologySpreadConstraints.**",
        Meaning::Restart,
    ),
    rule("StatefulSet", "spec.template.spec.nodeSelector.**", Meaning::Restart),
    rule("StatefulSet", "spec.template.spec.tolerations.**", Meaning::Restart),
    rule("StatefulSet", "spec.template.spec.priorityClassName", Meaning::Restart),
    // Set from the class by admission.
    rule("StatefulSet", "spec.template.spec.priority", Meaning::Restart),
    rule("StatefulSet", "spec.template.spec.preemptionPolicy", Meaning::Restart),
    rule("StatefulSet", "spec.template.spec.schedulerName", Meaning::Restart),
    rule("StatefulSet", "spec.template.spec.runtimeClassName", Meaning::Restart),
    rule(
        "StatefulSet",
        "spec.template.spec.terminationGracePeriodSeconds",
        Meaning::Restart,
    ),
    rule("StatefulSet", "spec.template.spec.serviceAccountName", Meaning::Restart),
    rule("StatefulSet", "spec.template.spec.serviceAccount", Meaning::Restart),
    rule(
        "StatefulSet",
        "spec.template.spec.automountServiceAccountToken",
        Meaning::Restart,
    ),
    rule("StatefulSet", "spec.template.spec.enableServiceLinks", Meaning::Restart),
    rule(
        "StatefulSet",
        "spec.template.spec.imagePullSecrets.**",
        Meaning::Restart,
    ),
    rule("StatefulSet", "spec.template.spec.hostAliases.**", Meaning::Restart),
    rule("StatefulSet", "spec.template.spec.dnsConfig.**", Meaning::Restart),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.runAsUser",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.runAsGroup",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.fsGroup",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.fsGroupChangePolicy",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.supplementalGroups.**",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.supplementalGroupsPolicy",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.seLinuxOptions.**",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.seLinuxChangePolicy",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.runAsNonRoot",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.seccompProfile.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.securityContext.appArmorProfile.**",
        Meaning::Restart,
    ),
    own(
        "StatefulSet",
        "spec.template.spec.securityContext.sysctls.**",
        Meaning::Restart,
    ),
    rule("StatefulSet", "spec.template.spec.securityContext", Meaning::Restart),
    // The planner compares the locations of etcd's directories by their mounts.
    rule("StatefulSet", "spec.template.spec.volumes.**", Meaning::Restart),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.image",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.imagePullPolicy",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.name",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.env.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.envFrom.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.lifecycle.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.livenessProbe.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.readinessProbe.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.startupProbe.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.ports.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.resources.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.securityContext.runAsUser",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.securityContext.runAsGroup",
        Meaning::Data,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.securityContext.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.terminationMessagePath",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.terminationMessagePolicy",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.volumeMounts.**",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.stdin",
        Meaning::Restart,
    ),
    rule(
        "StatefulSet",
        "spec.template.spec.containers.etcd.tty",
        Meaning::Restart,
    ),
    own("StatefulSet", "spec.template.spec.containers.**", Meaning::Restart),
    own("StatefulSet", "spec.template.spec.initContainers.**", Meaning::Restart),
    rule("Service", "spec.clusterIP", Meaning::Immutable),
    rule("Service", "spec.clusterIPs.**", Meaning::Immutable),
    rule("Service", "spec.loadBalancerClass", Meaning::Immutable),
    // The first family is that of the cluster IP, and stays.
    rule("Service", "spec.ipFamilies.0", Meaning::Immutable),
    rule("Service", "spec.ipFamilies.**", Meaning::Reach),
    rule("Service", "spec.ipFamilyPolicy", Meaning::Reach),
    rule("Service", "spec.ports.**", Meaning::Reach),
    rule("Service", "spec.selector.**", Meaning::Reach),
    rule("Service", "spec.type", Meaning::Reach),
    rule("Service", "spec.externalIPs.**", Meaning::Reach),
    rule("Service", "spec.externalTrafficPolicy", Meaning::Reach),
    rule("Service", "spec.internalTrafficPolicy", Meaning::Reach),
    rule("Service", "spec.trafficDistribution", Meaning::Reach),
    rule("Service", "spec.loadBalancerIP", Meaning::Reach),
    rule("Service", "spec.loadBalancerSourceRanges.**", Meaning::Reach),
    rule("Service", "spec.allocateLoadBalancerNodePorts", Meaning::Reach),
    rule("Service", "spec.healthCheckNodePort", Meaning::Reach),
    rule("Service", "spec.publishNotReadyAddresses", Meaning::Reach),
    rule("Service", "spec.sessionAffinity", Meaning::Reach),
    rule("Service", "spec.sessionAffinityConfig.**", Meaning::Reach),
    rule("NetworkPolicy", "spec.**", Meaning::Reach),
    rule("PodDisruptionBudget", "spec.**", Meaning::Nothing),
    // Kubernetes refuses it, and any change of the data with it, which the planner looks at.
    rule("ConfigMap", "immutable", Meaning::Immutable),
    rule("ConfigMap", "data.*", Meaning::Nothing),
    rule("ConfigMap", "binaryData.*", Meaning::Nothing),
    rule("ServiceAccount", "automountServiceAccountToken", Meaning::Nothing),
    rule("ServiceAccount", "imagePullSecrets.**", Meaning::Nothing),
    rule("ServiceAccount", "secrets.**", Meaning::Nothing),
    rule("CronJob", "spec.**", Meaning::Nothing),
    rule(
        "PersistentVolumeClaim",
        "spec.resources.requests.storage",
        Meaning::Data,
    ),
    rule("PersistentVolumeClaim", "spec.**", Meaning::Immutable),
    rule("Certificate", "spec.**", Meaning::Trust),
    // Any other change of a CA or issuer that keeps its name ends the trust in certificates that it signed before, one
    // renewal after the other. No rule covers it.
    rule(CA, "spec.duration", Meaning::Trust),
    rule(CA, "spec.renewBefore", Meaning::Trust),
    rule(CA, "spec.revisionHistoryLimit", Meaning::Nothing),
    rule(CA, "spec.secretTemplate.**", Meaning::Nothing),
    rule("PodMonitor", "spec.**", Meaning::Nothing),
    rule("ServiceMonitor", "spec.**", Meaning::Nothing),
    rule("PrometheusRule", "spec.**", Meaning::Nothing),
];

/// The meaning of each flag of etcd for members that have data. Flags that etcd reads only on a member's first start mean
/// a restart.
const FLAGS: &[(Meaning, &[&str])] = &[
    (Meaning::Membership, &["initial-advertise-peer-urls", "name"]),
    (Meaning::Data, &["data-dir", "wal-dir"]),
    (
        Meaning::Trust,
        &[
            "auto-tls",
            "cert-file",
            "cipher-suites",
            "client-cert-allowed-hostname",
            "client-cert-auth",
            "client-cert-file",
            "client-crl-file",
            "client-key-file",
            "key-file",
            "peer-auto-tls",
            "peer-cert-allowed-cn",
            "peer-cert-allowed-hostname",
            "peer-cert-file",
            "peer-client-cert-auth",
            "peer-key-file",
            "peer-trusted-ca-file",
            "self-signed-cert-validity",
            "tls-max-version",
            "tls-min-version",
            "trusted-ca-file",
        ],
    ),
    (
        Meaning::Reach,
        &[
            "advertise-client-urls",
            "cors",
            "enable-grpc-gateway",
            "enable-v2",
            "host-whitelist",
            "listen-client-http-urls",
            "listen-client-urls",
            "listen-metrics-urls",
            "listen-peer-urls",
            "socket-reuse-address",
            "socket-reuse-port",
        ],
    ),
    (
        Meaning::Restart,
        &[
            "auto-compaction-mode",
            "auto-compaction-retention",
            "backend-batch-interval",
            "backend-batch-limit",
            "backend-bbolt-freelist-type",
            "bcrypt-cost",
            "bootstrap-defrag-threshold-megabytes",
            "compact-hash-check-time",
            "compaction-batch-limit",
            "compaction-sleep-interval",
            "corrupt-check-time",
            "debug",
            "discovery-srv",
            "discovery-srv-name",
            "distributed-tracing-address",
            "distributed-tracing-instance-id",
            "distributed-tracing-sampling-rate",
            "distributed-tracing-service-name",
            "downgrade-check-time",
            "election-timeout",
            "enable-distributed-tracing",
            "enable-log-rotation",
            "enable-pprof",
            "experimental-backend-bbolt-freelist-type",
            "experimental-bootstrap-defrag-threshold-megabytes",
            "experimental-compact-hash-check-enabled",
            "experimental-compact-hash-check-time",
            "experimental-compaction-batch-limit",
            "experimental-compaction-sleep-interval",
            "experimental-corrupt-check-time",
            "experimental-distributed-tracing-address",
            "experimental-distributed-tracing-instance-id",
            "experimental-distributed-tracing-sampling-rate",
            "experimental-distributed-tracing-service-name",
            "experimental-downgrade-check-time",
            "experimental-enable-distributed-tracing",
            "experimental-enable-lease-checkpoint",
            "experimental-enable-lease-checkpoint-persist",
            "experimental-initial-corrupt-check",
            "experimental-memory-mlock",
            "experimental-snapshot-catchup-entries",
            "experimental-stop-grpc-service-on-defrag",
            "experimental-txn-mode-write-with-shared-buffer",
            "experimental-warning-apply-duration",
            "experimental-warning-unary-request-duration",
            "experimental-watch-progress-notify-interval",
            "feature-gates",
            "grpc-keepalive-interval",
            "grpc-keepalive-min-time",
            "grpc-keepalive-timeout",
            "heartbeat-interval",
            "initial-cluster",
            "initial-cluster-state",
            "initial-cluster-token",
            "initial-election-tick-advance",
            "log-format",
            "log-level",
            "log-outputs",
            "log-package-levels",
            "log-rotation-config-json",
            "logger",
            "max-concurrent-streams",
            "max-learners",
            "max-request-bytes",
            "max-snapshots",
            "max-txn-ops",
            "max-wals",
            "memory-mlock",
            "metrics",
            "pre-vote",
            "quota-backend-bytes",
            "raft-read-timeout",
            "raft-write-timeout",
            "snapshot-catchup-entries",
            "snapshot-count",
            "strict-reconfig-check",
            "unsafe-no-fsync",
            "v2-deprecation",
            "warning-apply-duration",
            "warning-unary-request-duration",
            "watch-progress-notify-interval",
        ],
    ),
];

/// Flags that no rule covers, with what they are.
#[cfg(test)]
const NOT_UNDERSTOOD: &[&str] = &[
    // Users and their tokens: the planner does not sign in.
    "auth-token",
    "auth-token-ttl",
    "config-file",
    // A discovery service, by which a member may find another cluster.
    "discovery",
    "discovery-cacert",
    "discovery-cert",
    "discovery-dial-timeout",
    "discovery-endpoints",
    "discovery-fallback",
    "discovery-insecure-skip-tls-verify",
    "discovery-insecure-transport",
    "discovery-keepalive-time",
    "discovery-keepalive-timeout",
    "discovery-key",
    "discovery-password",
    "discovery-proxy",
    "discovery-request-timeout",
    "discovery-token",
    "discovery-user",
    "experimental-enable-v2v3",
    // A member that has it forgets the others, each time that it starts.
    "force-new-cluster",
    // They decide which members a member lets in, and their certificates are not read: members can be ready and keep each
    // other out until too few are left.
    "experimental-peer-skip-client-san-verification",
    "peer-client-cert-file",
    "peer-client-key-file",
    "peer-crl-file",
    "peer-skip-client-san-verification",
    "proxy",
    "proxy-dial-timeout",
    "proxy-failure-wait",
    "proxy-read-timeout",
    "proxy-refresh-interval",
    "proxy-write-timeout",
    "version",
];

/// Returns the meaning of a difference of an object, if it is understood.
pub(super) fn meaning(kind: &str, path: &[&Segment], is_removed: bool, is_own: bool) -> Option<Meaning> {
    let rule = RULES
        .iter()
        .find(|rule| (rule.kind == "*" || rule.kind == kind) && matches(rule.path, path))?;
    (rule.removal == Removal::Any || is_own || !is_removed).then_some(rule.meaning)
}

/// Returns the meaning of another value of a flag of etcd, if it is understood.
pub(super) fn meaning_of_flag(flag: &str) -> Option<Meaning> {
    FLAGS
        .iter()
        .find(|(_, flags)| flags.contains(&flag))
        .map(|(meaning, _)| *meaning)
}

fn matches(pattern: &str, path: &[&Segment]) -> bool {
    let mut parts = path.iter();
    for word in pattern.split('.') {
        if word == "**" {
            return true;
        }
        let Some(part) = parts.next() else { return false };
        let is_same = match part {
            Segment::Field(name) | Segment::Item(name) | Segment::Key(name) => name == word,
            Segment::Index(index) => word.parse() == Ok(*index),
            Segment::Order => word == "order",
        };
        if word != "*" && !is_same {
            return false;
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::etcd::MINORS;

    #[test]
    fn each_flag_of_each_release_has_a_rule_or_a_reason() {
        let ruled: Vec<&str> = FLAGS.iter().flat_map(|(_, flags)| flags.iter().copied()).collect();
        let all: BTreeSet<&str> = MINORS.iter().flat_map(|minor| minor.flags()).collect();
        let known: BTreeSet<&str> = ruled.iter().chain(NOT_UNDERSTOOD).copied().collect();
        assert_eq!(all, known);
        assert_eq!(
            known.len(),
            ruled.len() + NOT_UNDERSTOOD.len(),
            "a flag is listed twice"
        );
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let field = |name: &str| Segment::Field(name.to_owned());
        let path = [field("spec"), field("template"), field("spec"), field("hostNetwork")];
        let path: Vec<&Segment> = path.iter().collect();
        assert_eq!(meaning("StatefulSet", &path, false, true), None);
        let path = [field("spec"), field("ipFamilies"), Segment::Index(0)];
        let path: Vec<&Segment> = path.iter().collect();
        assert_eq!(meaning("Service", &path, false, true), Some(Meaning::Immutable));
        let item = Segment::Item("sidecar".to_owned());
        let path = [
            field("spec"),
            field("template"),
            field("spec"),
            field("containers"),
            item,
            field("image"),
        ];
        let path: Vec<&Segment> = path.iter().collect();
        assert_eq!(meaning("StatefulSet", &path, true, false), None);
        assert_eq!(meaning("StatefulSet", &path, true, true), Some(Meaning::Restart));
        assert_eq!(meaning("StatefulSet", &path, false, false), Some(Meaning::Restart));
    }
}
