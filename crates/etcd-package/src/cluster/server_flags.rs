//! The flags of etcd that nothing else in the cluster depends on: quota, timing, limits, logging and feature gates.

use std::collections::BTreeMap;

use rutter::duration::Duration;
use rutter::quantity::Quantity;
use rutter::report::Report;
use rutter::suggest::remedy;
use rutter::yaml::join;

use super::extra_args;
use super::storage::SMALLEST_VOLUME;
use crate::codes::{
    INVALID_LIMIT, INVALID_QUOTA, INVALID_TIMING, LARGE_QUOTA, LARGE_REQUESTS, SMALL_VOLUME, UNKNOWN_FEATURE_GATE,
    UNKNOWN_FLAG,
};
use crate::etcd::{DEFAULT_QUOTA_BYTES, Minor, Version};
use crate::values::{FlagValue, LogFormat, LogLevel, Metrics, Values};

/// The largest recommended `--quota-backend-bytes` and `--max-request-bytes` (`server/storage/quota.go`,
/// `MaxQuotaBytes`; `server/etcdserver/server.go`, `recommendedMaxRequestBytes`).
const ADVISED_QUOTA: i128 = 8 << 30;
const ADVISED_REQUEST: i128 = 10 << 20;

/// The smallest accepted ones. A smaller number was probably meant in another unit.
const SMALLEST_QUOTA: i128 = 1 << 20;
const SMALLEST_REQUEST: i128 = 1 << 10;

/// Resolves the flags, in the order of the values, with those of `extraArgs` last.
pub(super) fn resolve(values: &Values, report: &mut Report<'_>) -> Vec<String> {
    let mut flags = Vec::new();
    let mut flag = |name: &str, value: String| flags.push(format!("--{name}={value}"));
    if let Some(bytes) = quota(values, report) {
        flag("quota-backend-bytes", bytes.to_string());
    }
    if let Some(count) = values.snapshot_count {
        flag("snapshot-count", count.to_string());
    }
    if let Some((heartbeat, election)) = timing(&values.heartbeat_interval, &values.election_timeout, report) {
        flag("heartbeat-interval", heartbeat.to_string());
        flag("election-timeout", election.to_string());
    }
    if let Some(bytes) = request_bytes(values.max_request_bytes.as_ref(), report) {
        flag("max-request-bytes", bytes.to_string());
    }
    if let Some(operations) = values.max_txn_ops {
        flag("max-txn-ops", operations.to_string());
    }
    let version = values.version;
    if let Some(level) = log_level(values.log.level) {
        flag("log-level", level.to_owned());
    }
    if let Some(format) = log_format(values.log.format, version, report) {
        flag("log-format", format.to_owned());
    }
    if values.metrics == Metrics::Extensive {
        flag("metrics", "extensive".to_owned());
    }
    let gates = gates(&values.feature_gates, version, report);
    if !gates.is_empty() {
        flag("feature-gates", gates.join(","));
    }
    extra_args::check(values, report);
    for (name, FlagValue(value)) in &values.extra_args {
        flag(name, value.clone());
    }
    flags
}

/// The quota in bytes. The volume also holds the write-ahead log and snapshots, so it must be larger.
fn quota(values: &Values, report: &mut Report<'_>) -> Option<i128> {
    let (path, volume) = match &values.storage.ephemeral {
        Some(ephemeral) => ("storage.ephemeral.sizeLimit", ephemeral.size_limit.as_ref()),
        None => ("storage.data.size", Some(&values.storage.data.size)),
    };
    let bytes = values.quota.as_ref().map_or(DEFAULT_QUOTA_BYTES, Quantity::value);
    let size = values
        .quota
        .as_ref()
        .map_or_else(|| "2Gi".to_owned(), ToString::to_string);
    // A volume that is too small for any quota is refused elsewhere.
    let volume = volume.filter(|volume| volume.value() >= SMALLEST_VOLUME);
    if bytes < SMALLEST_QUOTA {
        report
            .add(
                &INVALID_QUOTA,
                "quota",
                format!("a database of {size} is full before anything is written"),
            )
            .help("such as 4Gi, or leave it out for 2Gi");
    } else if let Some(volume) = volume.filter(|volume| values.quota.is_some() && bytes > volume.value()) {
        report
            .add(
                &INVALID_QUOTA,
                "quota",
                format!("a database of {size} does not fit a volume of {volume} ({path})"),
            )
            .help("write a smaller quota or a larger volume: the volume also holds the log and snapshots");
    } else if let Some(volume) = volume.filter(|volume| bytes + bytes / 4 > volume.value()) {
        report
            .add(
                &SMALL_VOLUME,
                path,
                format!(
                    "beside a database of up to {size}, a volume of {volume} has little room for logs and snapshots"
                ),
            )
            .help("make the volume twice the quota, which a defragmentation takes, or write a smaller quota");
    }
    if bytes > i128::from(i64::MAX) {
        report
            .add(
                &INVALID_QUOTA,
                "quota",
                format!("etcd counts to 2^63 - 1 bytes, found {size}"),
            )
            .help("write 8Gi or less");
    } else if bytes > ADVISED_QUOTA {
        report
            .add(
                &LARGE_QUOTA,
                "quota",
                format!("etcd advises against databases above 8Gi, found {size}"),
            )
            .help("write 8Gi or less");
    }
    values.quota.is_some().then_some(bytes)
}

/// Returns the heartbeat interval and the election timeout in milliseconds, unless they are etcd's defaults. etcd's
/// rule is `5 × heartbeat ≤ election ≤ 50 s` (`server/embed/config.go`, `Validate`).
fn timing(heartbeat: &Duration, election: &Duration, report: &mut Report<'_>) -> Option<(u128, u128)> {
    let mut whole = true;
    for (path, duration) in [("heartbeatInterval", heartbeat), ("electionTimeout", election)] {
        if duration.value().as_nanos() % 1_000_000 != 0 {
            whole = false;
            report
                .add(
                    &INVALID_TIMING,
                    path,
                    format!("etcd counts in whole milliseconds, found {duration}"),
                )
                .help("such as 100ms");
        }
    }
    let (heartbeat_ms, election_ms) = (heartbeat.value().as_millis(), election.value().as_millis());
    if whole && election_ms > 50_000 {
        report
            .add(
                &INVALID_TIMING,
                "electionTimeout",
                format!("etcd accepts at most 50s, found {election}"),
            )
            .help("write ten times the round-trip time between members");
    } else if whole && election_ms < 5 * heartbeat_ms {
        let path = ["electionTimeout", "heartbeatInterval"];
        let path = path.into_iter().find(|path| report.is_given(path)).unwrap_or(path[0]);
        report
            .add(
                &INVALID_TIMING,
                path,
                format!(
                    "electionTimeout, which is {election}, is less than 5 × heartbeatInterval, which is {heartbeat}"
                ),
            )
            .help(format!("write electionTimeout: {}ms or more", 5 * heartbeat_ms));
    }
    ((heartbeat_ms, election_ms) != (100, 1000)).then_some((heartbeat_ms, election_ms))
}

/// Checks the largest request. etcd accepts more, but sends at most 2 GiB in one message
/// (`server/etcdserver/api/v3rpc/grpc.go`, `maxSendBytes`), so the data of a larger request could not be read again.
fn request_bytes(limit: Option<&Quantity>, report: &mut Report<'_>) -> Option<i128> {
    let limit = limit?;
    let bytes = limit.value();
    if !(SMALLEST_REQUEST..=i128::from(i32::MAX)).contains(&bytes) {
        report
            .add(
                &INVALID_LIMIT,
                "maxRequestBytes",
                format!("expected 1Ki to 2047Mi, found {limit}"),
            )
            .help("such as 4Mi");
    } else if bytes > ADVISED_REQUEST {
        report
            .add(
                &LARGE_REQUESTS,
                "maxRequestBytes",
                format!("etcd advises against requests above 10Mi, found {limit}"),
            )
            .help("write 10Mi or less, and keep large values elsewhere");
    }
    Some(bytes)
}

fn log_level(level: LogLevel) -> Option<&'static str> {
    match level {
        LogLevel::Info => None,
        LogLevel::Debug => Some("debug"),
        LogLevel::Warn => Some("warn"),
        LogLevel::Error => Some("error"),
        LogLevel::Panic => Some("panic"),
        LogLevel::Fatal => Some("fatal"),
    }
}

fn log_format(format: Option<LogFormat>, version: Version, report: &mut Report<'_>) -> Option<&'static str> {
    let format = format?;
    if !version.has_flag("log-format") {
        report
            .add(
                &UNKNOWN_FLAG,
                "log.format",
                format!("etcd {} has no --log-format; it writes JSON", version.minor()),
            )
            .help("leave it out");
    }
    Some(match format {
        LogFormat::Json => "json",
        LogFormat::Console => "console",
    })
}

fn gates(gates: &BTreeMap<String, bool>, version: Version, report: &mut Report<'_>) -> Vec<String> {
    let known: Vec<&str> = version.minor().feature_gates().collect();
    for gate in gates.keys().filter(|gate| !known.contains(&gate.as_str())) {
        if report.is_full() {
            break;
        }
        let help = if known.is_empty() {
            format!(
                "leave it out: there are feature gates since {}; use extraArgs for experimental-… flags",
                Minor::first_with_feature_gates()
            )
        } else {
            remedy(gate, &known)
        };
        report
            .add(
                &UNKNOWN_FEATURE_GATE,
                &join("featureGates", gate),
                format!("etcd {} has no feature gate {gate}", version.minor()),
            )
            .help(help);
    }
    gates.iter().map(|(gate, on)| format!("{gate}={on}")).collect()
}
