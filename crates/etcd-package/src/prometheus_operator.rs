//! The Prometheus operator's objects, with the fields that the package uses.
//!
//! Fields: `pkg/apis/monitoring/v1` of prometheus-operator v0.80 (`monitoring.coreos.com/v1`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Serialize;

use rutter::custom_resource;

custom_resource!(
    ServiceMonitor,
    NamespaceResourceScope,
    "monitoring.coreos.com",
    "v1",
    "servicemonitors"
);
custom_resource!(
    PodMonitor,
    NamespaceResourceScope,
    "monitoring.coreos.com",
    "v1",
    "podmonitors"
);
custom_resource!(
    PrometheusRule,
    NamespaceResourceScope,
    "monitoring.coreos.com",
    "v1",
    "prometheusrules"
);

/// The Services that Prometheus scrapes.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceMonitor {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// The targets.
    pub spec: ServiceMonitorSpec,
}

/// The targets of a [`ServiceMonitor`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceMonitorSpec {
    /// Ports.
    pub endpoints: Vec<Endpoint>,
    /// Services.
    pub selector: LabelSelector,
}

/// The pods that Prometheus scrapes.
#[derive(Clone, Debug, PartialEq)]
pub struct PodMonitor {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// The targets.
    pub spec: PodMonitorSpec,
}

/// The targets of a [`PodMonitor`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodMonitorSpec {
    /// Ports.
    pub pod_metrics_endpoints: Vec<Endpoint>,
    /// Pods.
    pub selector: LabelSelector,
}

/// A port to scrape.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The interval: a duration of Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Its name.
    pub port: String,
    /// The timeout: a duration of Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrape_timeout: Option<String>,
}

/// Rules that Prometheus evaluates.
#[derive(Clone, Debug, PartialEq)]
pub struct PrometheusRule {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// The rules.
    pub spec: PrometheusRuleSpec,
}

/// The rules of a [`PrometheusRule`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrometheusRuleSpec {
    /// Groups of rules.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleGroup {
    /// Its name, unique among all groups.
    pub name: String,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// Its name.
    pub alert: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its condition: `PromQL`.
    pub expr: String,
    /// The time for which the condition must be true.
    #[serde(rename = "for")]
    pub lasting: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}
