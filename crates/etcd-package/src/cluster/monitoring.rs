//! The objects for the Prometheus operator.

use std::collections::BTreeMap;

use rutter::report::Report;
use rutter::yaml::{INVALID_VALUE, join};

use super::names::text;
use crate::codes::{DOUBLE_SCRAPE, INVALID_TIMING, UNUSED_VALUE};
use crate::values;

/// The objects for the Prometheus operator that are rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitoring {
    /// The ServiceMonitor.
    pub service_monitor: Option<Monitor>,
    /// The PodMonitor.
    pub pod_monitor: Option<Monitor>,
    /// The PrometheusRule.
    pub rules: Option<Rules>,
}

/// A ServiceMonitor or PodMonitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Labels, by which a Prometheus selects its monitors.
    pub labels: BTreeMap<String, String>,
    /// The interval between scrapes, if not Prometheus' default.
    pub interval: Option<String>,
    /// The timeout of a scrape, if not Prometheus' default.
    pub scrape_timeout: Option<String>,
}

/// A PrometheusRule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Labels, by which a Prometheus selects its rules.
    pub labels: BTreeMap<String, String>,
    /// More labels of each alert.
    pub alert_labels: BTreeMap<String, String>,
}

/// Resolves the objects that are enabled.
pub(super) fn resolve(monitoring: &values::Monitoring, report: &mut Report<'_>) -> Monitoring {
    check(monitoring, report);
    let rules = &monitoring.rules;
    Monitoring {
        service_monitor: monitor(&monitoring.service_monitor),
        pod_monitor: monitor(&monitoring.pod_monitor),
        rules: rules.enabled.then(|| Rules {
            labels: text(&rules.labels),
            alert_labels: text(&rules.alert_labels),
        }),
    }
}

fn monitor(monitor: &values::Monitor) -> Option<Monitor> {
    monitor.enabled.then(|| Monitor {
        labels: text(&monitor.labels),
        interval: monitor.interval.as_ref().map(ToString::to_string),
        scrape_timeout: monitor.scrape_timeout.as_ref().map(ToString::to_string),
    })
}

fn check(monitoring: &values::Monitoring, report: &mut Report<'_>) {
    for (path, monitor) in [
        ("monitoring.serviceMonitor", &monitoring.service_monitor),
        ("monitoring.podMonitor", &monitoring.pod_monitor),
    ] {
        if !monitor.enabled && *monitor != values::Monitor::default() {
            unused(path, report);
        }
        // The operator refuses it (`pkg/prometheus/resource_selector.go`, `validateScrapeIntervalAndTimeout`).
        if let (Some(interval), Some(timeout)) = (&monitor.interval, &monitor.scrape_timeout)
            && timeout.value() > interval.value()
        {
            report
                .add(
                    &INVALID_TIMING,
                    &format!("{path}.scrapeTimeout"),
                    format!("{timeout} is longer than the interval, which is {interval}"),
                )
                .help(format!("write {interval} or less"));
        }
    }
    for (label, value) in &monitoring.rules.alert_labels {
        if value.contains("{{") {
            report
                .add(
                    &INVALID_VALUE,
                    &join("monitoring.rules.alertLabels", label),
                    "to Prometheus this is a template, and a broken one takes all alerts with it",
                )
                .help("write the value itself, without braces");
        }
    }
    if !monitoring.rules.enabled && monitoring.rules != values::Rules::default() {
        unused("monitoring.rules", report);
    }
    if monitoring.service_monitor.enabled && monitoring.pod_monitor.enabled {
        report
            .add(
                &DOUBLE_SCRAPE,
                "monitoring.podMonitor",
                "each member is scraped by the ServiceMonitor already, so each sample is stored twice",
            )
            .help("keep one of the two");
    }
}

fn unused(path: &str, report: &mut Report<'_>) {
    report
        .add(&UNUSED_VALUE, path, "nothing of it is rendered")
        .help("write enabled: true, or leave it out");
}
