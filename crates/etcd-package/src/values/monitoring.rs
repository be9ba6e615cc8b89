use std::collections::BTreeMap;

use rutter::duration::PrometheusDuration;
use rutter::names::{LabelKey, LabelValue, PrometheusLabel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Objects for the Prometheus operator, whose resource definitions must be in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Monitoring {
    /// Has Prometheus scrape the members by the headless Service.
    pub service_monitor: Monitor,

    /// Has Prometheus scrape the members by their pods.
    pub pod_monitor: Monitor,

    /// Alerts: no leader, lost quorum, members down, slow disks, a full quota, expiring certificates.
    pub rules: Rules,
}

/// A ServiceMonitor or PodMonitor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Monitor {
    /// Whether it is rendered.
    pub enabled: bool,

    /// Its labels, by which a Prometheus chooses its monitors.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// How often it is scraped. The default is Prometheus'.
    #[schemars(example = &"30s")]
    pub interval: Option<PrometheusDuration>,

    /// How long a scrape may take, at most the interval. The default is Prometheus'.
    #[schemars(example = &"10s")]
    pub scrape_timeout: Option<PrometheusDuration>,
}

/// A PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Rules {
    /// Whether it is rendered.
    pub enabled: bool,

    /// Its labels, by which a Prometheus chooses its rules.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// More labels of each alert, such as who is to be called. They are no templates.
    pub alert_labels: BTreeMap<PrometheusLabel, String>,
}
