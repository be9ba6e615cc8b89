//! The Prometheus operator's objects, as far as the package uses them.
//!
//! Fields: `pkg/apis/monitoring/v1` of prometheus-operator v0.80 (`monitoring.coreos.com/v1`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Serialize;

use crate::custom_resource::custom_resource;

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

/// What Prometheus scrapes behind Services.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceMonitor {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// What is scraped.
    pub spec: ServiceMonitorSpec,
}

/// What a [`ServiceMonitor`] selects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceMonitorSpec {
    /// Ports.
    pub endpoints: Vec<Endpoint>,
    /// Services.
    pub selector: LabelSelector,
}

/// What Prometheus scrapes in pods.
#[derive(Clone, Debug, PartialEq)]
pub struct PodMonitor {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// What is scraped.
    pub spec: PodMonitorSpec,
}

/// What a [`PodMonitor`] selects.
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
    /// How often: a duration of Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Its name.
    pub port: String,
    /// How long it may take.
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

/// What a [`PrometheusRule`] holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrometheusRuleSpec {
    /// Groups, each evaluated as one.
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
    /// What is said of it.
    pub annotations: BTreeMap<String, String>,
    /// When it holds: `PromQL`.
    pub expr: String,
    /// How long it must hold.
    #[serde(rename = "for")]
    pub lasting: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}
