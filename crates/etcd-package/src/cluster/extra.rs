//! The user's own flags and variables beside those of the package.

use std::collections::BTreeMap;

use rutter::suggest::nearest;
use rutter::yaml::join;

use super::Report;
use crate::codes::{CONFLICTING_FLAGS, CONFLICTING_VARIABLE, FLAG_TAKEN, INVALID_FLAG, UNKNOWN_FLAG};
use crate::etcd::{MINORS, Replacement, Version};
use crate::values::{FlagValue, Values};

/// Flags that the package decides on, and the values that do, or why none does. What `config-file` names would make etcd ignore all flags, and
/// `force-new-cluster` in a pod template makes each member forget all others.
const TAKEN: [(&str, &str); 60] = [
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
    ("proxy", "none: a proxy is no member"),
    ("proxy-dial-timeout", "none: a proxy is no member"),
    ("proxy-failure-wait", "none: a proxy is no member"),
    ("proxy-read-timeout", "none: a proxy is no member"),
    ("proxy-refresh-interval", "none: a proxy is no member"),
    ("proxy-write-timeout", "none: a proxy is no member"),
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

pub(super) fn check(values: &Values, report: &mut Report<'_>) {
    check_args(&values.extra_args, values.version, report);
    check_conflicts(values, report);
    check_env(values, report);
}

fn check_args(args: &BTreeMap<String, FlagValue>, version: Version, report: &mut Report<'_>) {
    let minor = version.minor();
    for (name, FlagValue(value)) in args {
        if report.is_full() {
            return;
        }
        let path = join("extraArgs", name);
        let bare = name.trim_start_matches('-');
        if bare != name {
            report
                .add(&UNKNOWN_FLAG, &path, "the name of a flag stands without dashes here")
                .help(format!("write {bare}"));
        } else if let Some((_, owner)) = TAKEN.iter().find(|(taken, _)| taken == name) {
            report
                .add(&FLAG_TAKEN, &path, format!("--{name} {}", taken(owner)))
                .help(owned_by(owner));
        } else if minor.has_flag(name)
            && let Some(release) = version.release_with(name)
        {
            report
                .add(&UNKNOWN_FLAG, &path, format!("etcd {version} has no flag --{name}"))
                .help(format!("take {release} or a later release"));
        } else if !minor.has_flag(name) {
            let help = match minor.replacement(name) {
                Some(Replacement::Flag(flag)) => format!("use {flag}"),
                Some(Replacement::Gate(gate)) => format!("use featureGates: {{{gate}: …}}"),
                None if name == "debug" => "use log: {level: Debug}".to_owned(),
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
        } else if !value.contains("$(")
            && let Some(expected) = minor.refusal(name, value)
        {
            report
                .add(
                    &INVALID_FLAG,
                    &path,
                    format!("--{name} takes {expected}, found {value:?}"),
                )
                .help("`etcd --help` of that release shows each flag's default");
        }
    }
}

fn taken(owner: &str) -> &'static str {
    if owner.starts_with("none: ") {
        "cannot be used here"
    } else {
        "is set by this package"
    }
}

fn owned_by(owner: &str) -> String {
    match owner.strip_prefix("none: ") {
        Some(why) => format!("leave it out: {why}"),
        None => format!("use {owner}"),
    }
}

/// The flags that the user gives, as such or by a variable, and where.
fn given(values: &Values) -> BTreeMap<String, String> {
    let args = values
        .extra_args
        .keys()
        .map(|name| (name.clone(), join("extraArgs", name)));
    let variables = values.extra_env.iter().enumerate();
    let variables =
        variables.filter_map(|(index, variable)| Some((flag_of(&variable.name)?, format!("extraEnv[{index}].name"))));
    args.chain(variables).collect()
}

/// The flag that etcd takes a variable for.
fn flag_of(variable: &str) -> Option<String> {
    let flag = variable.strip_prefix("ETCD_")?;
    Some(flag.to_lowercase().replace('_', "-"))
}

/// What etcd refuses beside each other, or the one without the other (`server/embed/config.go` at v3.6.14, `Validate` and
/// `SetFeatureGatesFromExperimentalFlags`).
fn check_conflicts(values: &Values, report: &mut Report<'_>) {
    let minor = values.version.minor();
    let gates = &values.feature_gates;
    let given = given(values);
    let experimental = given.iter().filter(|(name, _)| name.starts_with("experimental-"));
    for (name, path) in experimental.filter(|(name, _)| minor.has_flag(name)) {
        let beside = match minor.replacement(name) {
            Some(Replacement::Flag(flag)) if given.contains_key(&flag) => format!("--{flag}"),
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
                path,
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
fn check_env(values: &Values, report: &mut Report<'_>) {
    for (index, variable) in values.extra_env.iter().enumerate() {
        let name = &variable.name;
        let path = format!("extraEnv[{index}].name");
        if VARIABLES.contains(&name.as_str()) {
            report
                .add(&CONFLICTING_VARIABLE, &path, format!("{name} is set by this package"))
                .help("leave it out, or use another name");
        }
        let Some(flag) = flag_of(name) else { continue };
        if let Some((_, owner)) = TAKEN.iter().find(|(taken, _)| *taken == flag) {
            report
                .add(
                    &CONFLICTING_VARIABLE,
                    &path,
                    format!("{name} stands for --{flag}, which {}", taken(owner)),
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
