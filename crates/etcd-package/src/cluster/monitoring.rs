//! What the Prometheus operator is told.

use rutter::report::Report;
use rutter::yaml::{INVALID_VALUE, join};

use crate::codes::{DOUBLE_SCRAPE, INVALID_TIMING, UNUSED_VALUE};
use crate::values::{Monitor, Monitoring, Rules};

pub(super) fn check(monitoring: &Monitoring, report: &mut Report<'_>) {
    for (path, monitor) in [
        ("monitoring.serviceMonitor", &monitoring.service_monitor),
        ("monitoring.podMonitor", &monitoring.pod_monitor),
    ] {
        if !monitor.enabled && *monitor != Monitor::default() {
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
    if !monitoring.rules.enabled && monitoring.rules != Rules::default() {
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
