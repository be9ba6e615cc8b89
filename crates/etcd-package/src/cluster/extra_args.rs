//! The user's flags and environment variables, in addition to those of the package.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::EnvVar;
use rutter::report::Report;
use rutter::suggest::nearest;
use rutter::yaml::join;

use super::bootstrap::{INITIAL_CLUSTER, INITIAL_CLUSTER_SIZE, INITIAL_CLUSTER_STATE};
use crate::codes::{CONFLICTING_FLAGS, CONFLICTING_VARIABLE, FLAG_TAKEN, INVALID_FLAG, UNKNOWN_FLAG, UNKNOWN_VARIABLE};
use crate::etcd::{MINORS, Minor, Replacement, Version, flag_of, instead_of_bitnami, variable_of};
use crate::values::{FlagValue, Values};

/// Flags that only the package sets, and the values that set them, or the reason that none does.
///
/// With `config-file`, etcd would ignore all flags. With `force-new-cluster` in a pod template, each member would
/// forget all others.
const OWN_FLAGS: [(&str, &str); 60] = [
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

/// Variables that the container already has.
const OWN_VARIABLES: [&str; 8] = [
    "ETCDCTL_CACERT",
    "ETCDCTL_CERT",
    "ETCDCTL_ENDPOINTS",
    "ETCDCTL_KEY",
    "HOSTNAME",
    INITIAL_CLUSTER,
    INITIAL_CLUSTER_SIZE,
    INITIAL_CLUSTER_STATE,
];

/// Variables of etcdctl that change neither its output nor its endpoints.
const ETCDCTL_VARIABLES: [&str; 7] = [
    "ETCDCTL_AUTH_JWT_TOKEN",
    "ETCDCTL_COMMAND_TIMEOUT",
    "ETCDCTL_DIAL_TIMEOUT",
    "ETCDCTL_KEEPALIVE_TIME",
    "ETCDCTL_KEEPALIVE_TIMEOUT",
    "ETCDCTL_PASSWORD",
    "ETCDCTL_USER",
];

/// Whether a variable leaves the behaviour of etcdctl in the container as plans need it.
fn is_harmless_to_etcdctl(variable: &EnvVar) -> bool {
    let name = &*variable.name;
    !name.starts_with("ETCDCTL_")
        || ETCDCTL_VARIABLES.contains(&name)
        || (name == "ETCDCTL_API" && value_of(variable) == Some("3"))
}

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
        } else if let Some((_, owner)) = OWN_FLAGS.iter().find(|(flag, _)| flag == name) {
            report
                .add(&FLAG_TAKEN, &path, format!("--{name} {}", reason(owner)))
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
                    None if was_removed(name, minor) => REMOVED.to_owned(),
                    None => "`etcd --help` of that release lists its flags".to_owned(),
                },
            };
            report
                .add(&UNKNOWN_FLAG, &path, format!("etcd {minor} has no flag --{name}"))
                .help(help);
        } else if !is_expanded(value)
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

/// The help about a flag that only older releases have.
const REMOVED: &str = "leave it out: it was removed, and nothing took its place";

fn was_removed(flag: &str, minor: Minor) -> bool {
    MINORS.iter().any(|other| *other < minor && other.has_flag(flag))
}

/// Whether the kubelet expands a variable in this text.
fn is_expanded(value: &str) -> bool {
    value.contains("$(")
}

fn reason(owner: &str) -> &'static str {
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

/// A flag that the user sets, in `extraArgs` or by a variable.
pub(super) struct Given<'v> {
    /// The path of the value that sets it.
    pub(super) path: String,
    /// Its value. It is unknown if it comes from an object in the cluster, or if the kubelet expands it.
    pub(super) value: Option<&'v str>,
}

/// Returns the flags that the user sets, by name.
pub(super) fn given(values: &Values) -> BTreeMap<String, Given<'_>> {
    let args = values.extra_args.iter().map(|(name, FlagValue(value))| {
        let given = Given {
            path: join("extraArgs", name),
            value: Some(&**value),
        };
        (name.clone(), given)
    });
    let variables = values.extra_env.iter().enumerate();
    let variables = variables.filter_map(|(index, variable)| {
        let given = Given {
            path: format!("extraEnv[{index}].name"),
            value: value_of(variable),
        };
        // etcd reads only variables in capital letters.
        let flag = flag_of(&variable.name).filter(|flag| variable_of(flag) == variable.name)?;
        Some((flag, given))
    });
    let mut given: BTreeMap<_, _> = args.chain(variables).collect();
    for given in given.values_mut() {
        given.value = given.value.filter(|value| !is_expanded(value));
    }
    given
}

/// Returns the text of a variable, unless an object in the cluster has it. It is empty by default.
fn value_of(variable: &EnvVar) -> Option<&str> {
    match &variable.value_from {
        Some(_) => None,
        None => Some(variable.value.as_deref().unwrap_or_default()),
    }
}

/// Refuses flags that etcd refuses together, and flags that require another flag (`server/embed/config.go` at v3.6.14,
/// `Validate` and `SetFeatureGatesFromExperimentalFlags`).
fn check_conflicts(values: &Values, report: &mut Report<'_>) {
    let minor = values.version.minor();
    let gates = &values.feature_gates;
    let given = given(values);
    let experimental = given.iter().filter(|(name, _)| name.starts_with("experimental-"));
    for (name, Given { path, .. }) in experimental.filter(|(name, _)| minor.has_flag(name)) {
        let beside = match minor.replacement(name) {
            Some(Replacement::Flag(flag)) if given.contains_key(&flag) => format!("--{flag}"),
            // etcd searches the whole text for the gate's name, so it also finds it in a longer name.
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
    let is_true = |flag: &str| {
        given
            .get(flag)
            .and_then(|given| given.value)
            .is_some_and(|value| is_bool(value, true))
    };
    let checkpoint = "experimental-enable-lease-checkpoint";
    if let Some((flag, Given { path, .. })) = given.get_key_value("experimental-enable-lease-checkpoint-persist")
        && minor.has_flag(flag)
        && is_true(flag)
        && !given.contains_key(checkpoint)
        && !gates.contains_key("LeaseCheckpoint")
    {
        report
            .add(
                &CONFLICTING_FLAGS,
                path,
                format!("etcd refuses --{flag} without --{checkpoint}"),
            )
            .help(format!("write {checkpoint}: true beside it"));
    }
    check_log_rotation(&given, minor, report);
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

/// Checks that etcd writes its log to one file, because it rotates only one (`server/embed/config_logging.go`,
/// `setupLogRotation`).
fn check_log_rotation(given: &BTreeMap<String, Given<'_>>, minor: Minor, report: &mut Report<'_>) {
    let Some(rotation) = given
        .get("enable-log-rotation")
        .filter(|_| minor.has_flag("enable-log-rotation"))
    else {
        return;
    };
    let outputs = match given.get("log-outputs") {
        Some(Given { value, .. }) => *value,
        None => Some("default"),
    };
    let Some(outputs) = outputs.filter(|_| rotation.value.is_some_and(|value| is_bool(value, true))) else {
        return;
    };
    let is_file = |output: &&str| !["default", "stderr", "stdout"].contains(output);
    if outputs.split(',').filter(is_file).count() != 1 {
        report
            .add(
                &CONFLICTING_FLAGS,
                &rotation.path,
                format!("etcd refuses --enable-log-rotation unless --log-outputs has one file, found {outputs:?}"),
            )
            .help("leave it out: what is written to stderr, the node rotates");
    }
}

/// Whether Go parses a text as this boolean (`strconv.ParseBool`).
pub(super) fn is_bool(text: &str, expected: bool) -> bool {
    let texts = if expected {
        ["1", "t", "T", "TRUE", "true", "True"]
    } else {
        ["0", "f", "F", "FALSE", "false", "False"]
    };
    texts.contains(&text)
}

/// Checks the variables. etcd exits if both the variable `ETCD_X` and the flag `--x` are set. It ignores a variable that
/// names no flag (`pkg/flags`, `SetFlagsFromEnv`).
fn check_env(values: &Values, report: &mut Report<'_>) {
    for (index, variable) in values.extra_env.iter().enumerate() {
        if report.is_full() {
            return;
        }
        let name = &variable.name;
        let path = format!("extraEnv[{index}].name");
        if OWN_VARIABLES.contains(&name.as_str()) {
            report
                .add(&CONFLICTING_VARIABLE, &path, format!("{name} is set by this package"))
                .help("leave it out, or use another name");
        } else if !is_harmless_to_etcdctl(variable) {
            report
                .add(
                    &CONFLICTING_VARIABLE,
                    &path,
                    format!("{name} changes what etcdctl does in the container, where plans use it"),
                )
                .help("leave it out, and give etcdctl the flag when you call it");
        }
        let Some(flag) = flag_of(name) else { continue };
        if let Some((_, owner)) = OWN_FLAGS.iter().find(|(own, _)| *own == flag) {
            report
                .add(
                    &CONFLICTING_VARIABLE,
                    &path,
                    format!("{name} stands for --{flag}, which {}", reason(owner)),
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
        } else if let Some(help) = unknown_variable(name, &flag, values.version) {
            report
                .add(
                    &UNKNOWN_VARIABLE,
                    &path,
                    format!("etcd {} ignores the variable {name}", values.version),
                )
                .help(help);
        } else if let Some(value) = value_of(variable).filter(|value| !value.is_empty() && !is_expanded(value))
            && let Some(expected) = values.version.minor().refusal(&flag, value)
        {
            report
                .add(
                    &INVALID_FLAG,
                    &format!("extraEnv[{index}].value"),
                    format!("{name} takes {expected}, found {value:?}"),
                )
                .help("`etcd --help` of that release shows each flag's default");
        }
    }
}

/// Returns help about a variable that etcd ignores. Returns nothing if etcd reads the variable.
fn unknown_variable(name: &str, flag: &str, version: Version) -> Option<String> {
    let minor = version.minor();
    let expected = variable_of(flag);
    if version.reads_variable(name) || (version.has_flag(flag) && expected == name) {
        return None;
    }
    if version.has_flag(flag) {
        return Some(format!("did you mean {expected}?"));
    }
    if let Some(release) = version.release_with(flag).filter(|_| minor.has_flag(flag)) {
        return Some(format!("take {release} or a later release"));
    }
    if let Some(instead) = instead_of_bitnami(name) {
        return Some(format!(
            "{instead}: only the scripts of Bitnami's image read it, and they are not run"
        ));
    }
    Some(match minor.replacement(flag) {
        Some(Replacement::Flag(flag)) => format!("use {}", variable_of(&flag)),
        Some(Replacement::Gate(gate)) => format!("use featureGates: {{{gate}: …}}"),
        None if flag == "debug" => "use log: {level: Debug}".to_owned(),
        None => match nearest(flag, &minor.flags().collect::<Vec<_>>()) {
            Some(nearest) => match OWN_FLAGS.iter().find(|(own, _)| *own == nearest) {
                Some((_, owner)) if !owner.starts_with("none: ") => {
                    format!("did you mean {}? {}", variable_of(nearest), owned_by(owner))
                }
                _ => format!("did you mean {}?", variable_of(nearest)),
            },
            None if was_removed(flag, minor) => REMOVED.to_owned(),
            None => "leave it out; `etcd --help` of that release lists the flags, which variables stand for".to_owned(),
        },
    })
}
