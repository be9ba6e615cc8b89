//! The settings of the etcd process that no other part of the cluster depends on.

use std::collections::BTreeMap;

use rutter::duration::Duration;
use rutter::quantity::Quantity;
use rutter::suggest::{nearest, remedy};
use rutter::yaml::join;

use super::Report;
use crate::codes::{
    CONFLICTING_FLAGS, CONFLICTING_VARIABLE, FLAG_TAKEN, INVALID_LIMIT, INVALID_QUOTA, INVALID_TIMING, LARGE_QUOTA,
    LARGE_REQUESTS, UNKNOWN_FEATURE_GATE, UNKNOWN_FLAG, VOLUME_BELOW_QUOTA,
};
use crate::etcd::{DEFAULT_QUOTA_BYTES, MINORS, Replacement, Version};
use crate::values::{FlagValue, LogFormat, LogLevel, Metrics, Values};

/// What `--quota-backend-bytes` and `--max-request-bytes` are advised to stay below (`server/storage/quota.go`,
/// `MaxQuotaBytes`; `server/etcdserver/server.go`, `recommendedMaxRequestBytes`).
const ADVISED_QUOTA: i128 = 8 << 30;
const ADVISED_REQUEST: i128 = 10 << 20;

/// Flags that the package decides on, and the values that do, or why none does. What `config-file` names would make etcd ignore all flags, and
/// `force-new-cluster` in a pod template makes each member forget all others.
const TAKEN: [(&str, &str); 54] = [
    ("advertise-client-urls", "clusterDomain and ports.client"),
    ("auto-compaction-mode", "compaction.mode"),
    ("auto-compaction-retention", "compaction.retention"),
    ("auto-tls", "tls.client"),
    ("cert-file", "tls.client"),
    ("cipher-suites", "tls.cipherSuites"),
    ("client-cert-allowed-hostname", "tls.client.allowedHostnames"),
    ("client-cert-auth", "tls.clientAuth"),
    ("config-file", "the other values"),
    ("data-dir", "naming.dataPath"),
    ("discovery", "bootstrap"),
    ("discovery-cacert", "bootstrap"),
    ("discovery-cert", "bootstrap"),
    ("discovery-endpoints", "bootstrap"),
    ("discovery-fallback", "bootstrap"),
    ("discovery-key", "bootstrap"),
    ("discovery-password", "bootstrap"),
    ("discovery-proxy", "bootstrap"),
    ("discovery-srv", "bootstrap.discovery"),
    ("discovery-srv-name", "bootstrap.discovery"),
    ("discovery-token", "bootstrap"),
    ("discovery-user", "bootstrap"),
    ("election-timeout", "electionTimeout"),
    ("feature-gates", "featureGates"),
    (
        "force-new-cluster",
        "none: in a pod template it makes each member forget the others",
    ),
    ("heartbeat-interval", "heartbeatInterval"),
    ("initial-advertise-peer-urls", "clusterDomain and ports.peer"),
    ("initial-cluster", "replicas"),
    ("initial-cluster-state", "bootstrap.state"),
    ("initial-cluster-token", "bootstrap.token"),
    ("key-file", "tls.client"),
    ("listen-client-urls", "ports.client"),
    ("listen-metrics-urls", "ports.metrics"),
    ("listen-peer-urls", "ports.peer"),
    ("log-format", "log.format"),
    ("log-level", "log.level"),
    ("max-request-bytes", "maxRequestBytes"),
    ("max-txn-ops", "maxTxnOps"),
    ("metrics", "metrics"),
    ("name", "naming.fullname"),
    ("peer-auto-tls", "tls.peer.mode"),
    ("peer-cert-allowed-cn", "tls.peer.allowedCommonNames"),
    ("peer-cert-allowed-hostname", "tls.peer.allowedHostnames"),
    ("peer-cert-file", "tls.peer"),
    ("peer-client-cert-auth", "tls.peer"),
    ("peer-key-file", "tls.peer"),
    ("peer-trusted-ca-file", "tls.peer"),
    ("quota-backend-bytes", "quota"),
    ("snapshot-count", "snapshotCount"),
    ("tls-max-version", "tls.maxVersion"),
    ("tls-min-version", "tls.minVersion"),
    ("trusted-ca-file", "tls.client"),
    ("version", "none: it prints the version and exits"),
    ("wal-dir", "storage.wal and naming.walPath"),
];

/// Variables that the container has already.
const VARIABLES: [&str; 8] = [
    "ETCDCTL_CACERT",
    "ETCDCTL_CERT",
    "ETCDCTL_ENDPOINTS",
    "ETCDCTL_KEY",
    "HOSTNAME",
    "INITIAL_CLUSTER",
    "INITIAL_CLUSTER_SIZE",
    "INITIAL_CLUSTER_STATE",
];

/// Flags of the etcd process, in the order of the values, those of `extraArgs` last.
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
    check_extra_args(&values.extra_args, version, report);
    for (name, FlagValue(value)) in &values.extra_args {
        flag(name, value.clone());
    }
    check_conflicts(values, report);
    check_extra_env(values, report);
    flags
}

/// The quota in bytes. The volume also holds the write-ahead log and snapshots, so it must be larger.
fn quota(values: &Values, report: &mut Report<'_>) -> Option<i128> {
    let (path, volume) = match &values.storage.ephemeral {
        Some(ephemeral) => ("storage.ephemeral.sizeLimit", ephemeral.size_limit.as_ref()),
        None => ("storage.data.size", Some(&values.storage.data.size)),
    };
    let Some(quota) = &values.quota else {
        if let Some(volume) = volume.filter(|volume| (1..DEFAULT_QUOTA_BYTES).contains(&volume.value())) {
            report
                .add(
                    &VOLUME_BELOW_QUOTA,
                    path,
                    format!("etcd's database may grow to 2Gi, the volume has {volume}"),
                )
                .help("make the volume 4Gi or larger, or write a smaller quota");
        }
        return None;
    };
    let bytes = quota.value();
    if bytes <= 0 {
        report
            .add(
                &INVALID_QUOTA,
                "quota",
                format!("etcd takes a quota of {quota} for no quota or for its default"),
            )
            .help("such as 4Gi, or leave it out for 2Gi");
    } else if let Some(volume) = volume.filter(|volume| bytes > volume.value()) {
        report
            .add(
                &INVALID_QUOTA,
                "quota",
                format!("a database of {quota} does not fit a volume of {volume} ({path})"),
            )
            .help("write a smaller quota or a larger volume: the volume also holds the log and snapshots");
    } else if bytes > ADVISED_QUOTA {
        report
            .add(
                &LARGE_QUOTA,
                "quota",
                format!("etcd advises against databases above 8Gi, found {quota}"),
            )
            .help("write 8Gi or less");
    }
    Some(bytes)
}

/// Heartbeat and election in milliseconds, unless they are etcd's own defaults. etcd's rule is
/// `5 × heartbeat ≤ election ≤ 50 s` (`server/embed/config.go`, `Validate`).
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
        report
            .add(
                &INVALID_TIMING,
                "electionTimeout",
                format!("{election} is less than 5 × heartbeatInterval, which is {heartbeat}"),
            )
            .help(format!("write at least {}ms", 5 * heartbeat_ms));
    }
    ((heartbeat_ms, election_ms) != (100, 1000)).then_some((heartbeat_ms, election_ms))
}

/// etcd accepts more, but sends at most 2 GiB in one message (`server/etcdserver/api/v3rpc/grpc.go`, `maxSendBytes`), so
/// what was written in a larger request could not be read again.
fn request_bytes(limit: Option<&Quantity>, report: &mut Report<'_>) -> Option<i128> {
    let limit = limit?;
    let bytes = limit.value();
    if bytes <= 0 || bytes > i128::from(i32::MAX) {
        report
            .add(
                &INVALID_LIMIT,
                "maxRequestBytes",
                format!("expected 1 byte to 2047Mi, found {limit}"),
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
        let help = if known.is_empty() {
            "leave it out: there are feature gates since 3.6; use extraArgs for experimental-… flags".to_owned()
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

fn check_extra_args(args: &BTreeMap<String, FlagValue>, version: Version, report: &mut Report<'_>) {
    let minor = version.minor();
    for name in args.keys() {
        let path = join("extraArgs", name);
        let bare = name.trim_start_matches('-');
        if bare != name {
            report
                .add(&UNKNOWN_FLAG, &path, "the name of a flag stands without dashes here")
                .help(format!("write {bare}"));
        } else if let Some((_, owner)) = TAKEN.iter().find(|(taken, _)| taken == name) {
            report
                .add(&FLAG_TAKEN, &path, format!("--{name} is set by this package"))
                .help(owned_by(owner));
        } else if !minor.has_flag(name) {
            let help = match minor.replacement(name) {
                Some(Replacement::Flag(flag)) => format!("use {flag}"),
                Some(Replacement::Gate(gate)) => format!("use featureGates: {{{gate}: …}}"),
                None => match nearest(name, &minor.flags().collect::<Vec<_>>()) {
                    Some(nearest) => format!("did you mean {nearest}?"),
                    None if MINORS.iter().any(|other| *other < minor && other.has_flag(name)) => {
                        "leave it out: it was removed, and nothing took its place".to_owned()
                    }
                    None => "`etcd --help` of that release lists its flags".to_owned(),
                },
            };
            report
                .add(&UNKNOWN_FLAG, &path, format!("etcd {minor} has no flag --{name}"))
                .help(help);
        }
    }
}

fn owned_by(owner: &str) -> String {
    match owner.strip_prefix("none: ") {
        Some(why) => format!("leave it out: {why}"),
        None => format!("use {owner}"),
    }
}

/// What etcd refuses beside each other, or the one without the other (`server/embed/config.go` at v3.6.14, `Validate` and
/// `SetFeatureGatesFromExperimentalFlags`).
fn check_conflicts(values: &Values, report: &mut Report<'_>) {
    let minor = values.version.minor();
    let gates = &values.feature_gates;
    let experimental = values
        .extra_args
        .keys()
        .filter(|name| name.starts_with("experimental-"));
    for name in experimental.filter(|name| minor.has_flag(name)) {
        let beside = match minor.replacement(name) {
            Some(Replacement::Flag(flag)) if values.extra_args.contains_key(&flag) => format!("--{flag}"),
            // etcd searches all that was written for the gate's name, and so finds it in a longer one too.
            Some(Replacement::Gate(gate)) => match gates.keys().find(|name| name.contains(gate)) {
                Some(gate) => format!("the feature gate {gate}"),
                None => continue,
            },
            _ => continue,
        };
        report
            .add(
                &CONFLICTING_FLAGS,
                &join("extraArgs", name),
                format!("etcd {minor} refuses --{name} beside {beside}"),
            )
            .help("leave it out");
    }
    let on = |gate: &str| gates.get(gate).or(gates.get("AllAlpha")) == Some(&true);
    if on("LeaseCheckpointPersist") && !on("LeaseCheckpoint") {
        report
            .add(
                &CONFLICTING_FLAGS,
                "featureGates",
                "etcd refuses the gate LeaseCheckpointPersist without LeaseCheckpoint",
            )
            .help("write LeaseCheckpoint: true beside it");
    }
}

/// etcd exits where a variable `ETCD_X` stands beside the flag `--x` (`pkg/flags`, `SetFlagsFromEnv`).
fn check_extra_env(values: &Values, report: &mut Report<'_>) {
    for (index, variable) in values.extra_env.iter().enumerate() {
        let name = &variable.name;
        let path = format!("extraEnv[{index}].name");
        if VARIABLES.contains(&name.as_str()) {
            report
                .add(&CONFLICTING_VARIABLE, &path, format!("{name} is set by this package"))
                .help("leave it out, or use another name");
        }
        let Some(flag) = name
            .strip_prefix("ETCD_")
            .map(|flag| flag.to_lowercase().replace('_', "-"))
        else {
            continue;
        };
        if let Some((_, owner)) = TAKEN.iter().find(|(taken, _)| *taken == flag) {
            report
                .add(
                    &CONFLICTING_VARIABLE,
                    &path,
                    format!("{name} stands for --{flag}, which is set by this package"),
                )
                .help(owned_by(owner));
        } else if values.extra_args.contains_key(&flag) {
            report
                .add(
                    &CONFLICTING_VARIABLE,
                    &path,
                    format!("{name} stands for --{flag}, which stands in extraArgs too"),
                )
                .help("keep one of the two");
        }
    }
}
