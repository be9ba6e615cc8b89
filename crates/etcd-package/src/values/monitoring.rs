use std::collections::BTreeMap;

use rutter::duration::PrometheusDuration;
use rutter::names::{LabelKey, LabelValue, PrometheusLabel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Objects for the Prometheus operator. Its custom resource definitions must be installed in the Kubernetes cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Monitoring {
    /// A ServiceMonitor. Prometheus scrapes the members through the headless Service.
    pub service_monitor: Monitor,

    /// A PodMonitor. Prometheus scrapes the members' pods.
    pub pod_monitor: Monitor,

    /// A PrometheusRule with alerts: no leader, lost quorum, members down, slow disks, a full quota, expiring
    /// certificates.
    pub rules: Rules,
}

/// A ServiceMonitor or PodMonitor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Monitor {
    /// Whether the object is rendered.
    pub enabled: bool,

    /// Labels of the object, by which a Prometheus selects its monitors.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// The interval between scrapes. The default is that of Prometheus.
    #[schemars(example = &"30s")]
    pub interval: Option<PrometheusDuration>,

    /// The timeout of a scrape, at most `interval`. The default is that of Prometheus.
    #[schemars(example = &"10s")]
    pub scrape_timeout: Option<PrometheusDuration>,
}

/// A PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Rules {
    /// Whether the object is rendered.
    pub enabled: bool,

    /// Labels of the object, by which a Prometheus selects its rules.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// Further labels of each alert, such as the team to notify. Templates are refused.
    pub alert_labels: BTreeMap<PrometheusLabel, String>,
}
