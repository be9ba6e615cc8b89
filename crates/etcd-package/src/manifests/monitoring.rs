//! The objects for the Prometheus operator.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::metadata::{member_selector, metadata};
use crate::cluster::{self, Cluster, Monitor};
use crate::prometheus_operator::{
    Endpoint, PodMonitor, PodMonitorSpec, PrometheusRule, PrometheusRuleSpec, Rule, RuleGroup, ServiceMonitor,
    ServiceMonitorSpec,
};

/// The monitor of the headless Service, which is the only Service with the port.
pub(super) fn service_monitor(cluster: &Cluster, monitor: &Monitor) -> ServiceMonitor {
    ServiceMonitor {
        metadata: labelled(cluster, &monitor.labels),
        spec: ServiceMonitorSpec {
            endpoints: vec![endpoint(monitor)],
            selector: member_selector(cluster),
        },
    }
}

pub(super) fn pod_monitor(cluster: &Cluster, monitor: &Monitor) -> PodMonitor {
    PodMonitor {
        metadata: labelled(cluster, &monitor.labels),
        spec: PodMonitorSpec {
            pod_metrics_endpoints: vec![endpoint(monitor)],
            selector: member_selector(cluster),
        },
    }
}

fn labelled(cluster: &Cluster, labels: &BTreeMap<String, String>) -> ObjectMeta {
    let mut metadata = metadata(cluster, cluster.names.fullname.to_string());
    metadata.labels.get_or_insert_default().extend(labels.clone());
    metadata
}

fn endpoint(monitor: &Monitor) -> Endpoint {
    Endpoint {
        interval: monitor.interval.clone(),
        port: "etcd-metrics".to_owned(),
        scrape_timeout: monitor.scrape_timeout.clone(),
    }
}

/// The alerts. Both monitors label each sample with its namespace and pod. By these labels, the alerts select the
/// samples of this cluster.
pub(super) fn prometheus_rule(cluster: &Cluster, own: &cluster::Rules) -> PrometheusRule {
    let names = &cluster.names;
    let group = format!("etcd.{}.{}", names.namespace, names.fullname);
    PrometheusRule {
        metadata: labelled(cluster, &own.labels),
        spec: PrometheusRuleSpec {
            groups: vec![RuleGroup {
                name: group,
                rules: rules(cluster, own),
            }],
        },
    }
}

fn rules(cluster: &Cluster, own: &cluster::Rules) -> Vec<Rule> {
    let names = &cluster.names;
    let members = format!("namespace=\"{}\", pod=~\"{}-[0-9]+\"", names.namespace, names.fullname);
    let replicas = cluster.replicas;
    let quorum = replicas / 2 + 1;
    let alert = |name: &str, severity: &str, lasting: &str, expr: String, summary: &str| {
        let mut labels = own.alert_labels.clone();
        labels
            .entry("severity".to_owned())
            .or_insert_with(|| severity.to_owned());
        let summary = format!("etcd {}/{}: {summary}", names.namespace, names.fullname);
        Rule {
            alert: name.to_owned(),
            annotations: [("summary".to_owned(), summary)].into(),
            expr,
            lasting: lasting.to_owned(),
            labels,
        }
    };
    let mut rules = vec![
        alert(
            "EtcdQuorumLost",
            "critical",
            "1m",
            format!("(count(max by (pod) (etcd_server_has_leader{{{members}}}) == 1) or vector(0)) < {quorum}"),
            &format!("fewer than {quorum} of {replicas} members have a leader; nothing can be written"),
        ),
        alert(
            "EtcdMembersDown",
            "warning",
            "10m",
            format!("(count(max by (pod) (up{{{members}}}) == 1) or vector(0)) < {replicas}"),
            &format!("{{{{ $value }}}} of {replicas} members answer"),
        ),
        alert(
            "EtcdNoLeader",
            "critical",
            "1m",
            format!("etcd_server_has_leader{{{members}}} == 0"),
            "{{ $labels.pod }} has no leader",
        ),
        alert(
            "EtcdLeaderChanges",
            "warning",
            "5m",
            format!("increase(etcd_server_leader_changes_seen_total{{{members}}}[15m]) >= 4"),
            "{{ $labels.pod }} saw {{ $value | humanize }} leaders in 15 minutes",
        ),
        alert(
            "EtcdSlowFsync",
            "warning",
            "10m",
            slow("etcd_disk_wal_fsync_duration_seconds", &members, "0.5"),
            "the log of {{ $labels.pod }} takes {{ $value | humanizeDuration }} to reach its disk",
        ),
        alert(
            "EtcdSlowCommit",
            "warning",
            "10m",
            slow("etcd_disk_backend_commit_duration_seconds", &members, "0.25"),
            "the database of {{ $labels.pod }} takes {{ $value | humanizeDuration }} to reach its disk",
        ),
        alert(
            "EtcdQuotaNearlyFull",
            "critical",
            "10m",
            format!("{} > 0.95", used("etcd_mvcc_db_total_size_in_bytes", &members)),
            "the database of {{ $labels.pod }} has {{ $value | humanizePercentage }} of its quota; at all of it etcd \
             refuses writes",
        ),
        alert(
            "EtcdQuotaFillsSoon",
            "warning",
            "10m",
            format!(
                "predict_linear(etcd_mvcc_db_total_size_in_bytes{{{members}}}[4h], 4 * 3600) > \
                 etcd_server_quota_backend_bytes{{{members}}}"
            ),
            "the database of {{ $labels.pod }} reaches its quota within 4 hours if it goes on growing",
        ),
    ];
    if let Some(certificates) = &cluster.tls.certificates {
        let names: Vec<&str> = certificates.leaves.iter().map(|leaf| leaf.name.as_str()).collect();
        let names = names.join("|").replace('.', "[.]");
        let namespace = &cluster.names.namespace;
        // Unless Prometheus honours the labels of its targets, `namespace` is that of cert-manager, and that of the
        // Certificate is called `exported_namespace`.
        let end = |label: &str| {
            let which = format!("{label}=\"{namespace}\", name=~\"{names}\"");
            format!("certmanager_certificate_expiration_timestamp_seconds{{{which}}}")
        };
        let (exported, own) = (end("exported_namespace"), end("namespace"));
        rules.push(alert(
            "EtcdCertificateExpires",
            "critical",
            "10m",
            format!("({exported} or {own}) - time() < {}", certificates.alarm_seconds),
            "cert-manager has not renewed the Certificate {{ $labels.name }}, which ends in {{ $value | humanizeDuration }}",
        ));
    }
    rules
}

/// Returns an expression: the 99th percentile of a histogram of seconds is above a limit.
fn slow(histogram: &str, members: &str, limit: &str) -> String {
    format!("histogram_quantile(0.99, rate({histogram}_bucket{{{members}}}[5m])) > {limit}")
}

/// Returns an expression: the part of the quota that a member's database uses.
fn used(size: &str, members: &str) -> String {
    format!("{size}{{{members}}} / etcd_server_quota_backend_bytes{{{members}}}")
}
