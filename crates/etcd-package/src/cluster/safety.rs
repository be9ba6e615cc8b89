//! Values that Kubernetes and etcd accept, although they lose data or members sooner or later.

use std::num::NonZeroU16;

use k8s_openapi::api::core::v1::LifecycleHandler;
use rutter::quantity::Quantity;
use rutter::report::Report;

use super::extra_args::{self, Given, is_bool};
use crate::codes::{SHORT_GRACE_PERIOD, SHORT_PROBE, SMALL_MEMORY, UNKNOWN_RELEASE, UNSAFE_FLAG, UNSAFE_HOOK};
use crate::etcd::{DEFAULT_QUOTA_BYTES, Version, is_zero};
use crate::values::Values;

/// A flag with unsafe values.
struct Unsafe {
    flag: &'static str,
    is_unsafe: fn(&str) -> bool,
    why: &'static str,
    help: &'static str,
}

/// Flags with values that put data at risk (`server/embed/config.go` and `server/etcdmain/help.go`).
const UNSAFE: [Unsafe; 4] = [
    Unsafe {
        flag: "unsafe-no-fsync",
        is_unsafe: |value| is_bool(value, true),
        why: "writes are acknowledged before they are on disk, so that a node that fails loses them",
        help: "leave it out; for tests, storage.ephemeral is as fast",
    },
    Unsafe {
        flag: "strict-reconfig-check",
        is_unsafe: |value| is_bool(value, false),
        why: "etcd accepts a change of members that leaves the cluster without a quorum",
        help: "leave it out",
    },
    Unsafe {
        flag: "max-wals",
        is_unsafe: is_zero,
        why: "no file of the write-ahead log is ever deleted, until the volume is full",
        help: "write 1 or more, or leave it out for 5",
    },
    Unsafe {
        flag: "max-snapshots",
        is_unsafe: is_zero,
        why: "no snapshot file is ever deleted, until the volume is full",
        help: "write 1 or more, or leave it out for 5",
    },
];

/// The shortest safe time without an answer, in seconds, after which etcd is restarted or removed from the Service.
const LIVENESS: u32 = 10;
const READINESS: u32 = 3;

/// The shortest safe time for a start, in seconds. etcd reads its whole log first.
const STARTUP: u32 = 30;

pub(super) fn check(values: &Values, report: &mut Report<'_>) {
    check_release(values.version, report);
    check_flags(values, report);
    check_memory(values, report);
    check_grace_period(values, report);
    check_hooks(values, report);
    check_probes(values, report);
}

fn check_release(version: Version, report: &mut Report<'_>) {
    let newest = version.minor().newest_known();
    if version > newest {
        report
            .add(
                &UNKNOWN_RELEASE,
                "version",
                format!("etcd {version} may not exist: the newest release known here is {newest}"),
            )
            .help(format!("write {newest}, or make sure that the image exists"));
    }
}

fn check_flags(values: &Values, report: &mut Report<'_>) {
    let given = extra_args::given(values);
    for entry in &UNSAFE {
        let Unsafe { flag, why, help, .. } = entry;
        let Some(Given { path, value }) = given.get(*flag).filter(|_| values.version.has_flag(flag)) else {
            continue;
        };
        match value {
            None => report
                .add(
                    &UNSAFE_FLAG,
                    path,
                    format!("the value of --{flag} is not known here, and with some values {why}"),
                )
                .help(*help),
            Some(value) if (entry.is_unsafe)(value) => report
                .add(&UNSAFE_FLAG, path, format!("with --{flag}={value} {why}"))
                .help(*help),
            Some(_) => {}
        }
    }
}

/// Checks that the database fits the memory limit. etcd maps it into memory. A larger one is read from disk again and
/// again, so that etcd misses heartbeats.
fn check_memory(values: &Values, report: &mut Report<'_>) {
    let Some(Some(limit)) = values.resources.limits.get("memory") else {
        return;
    };
    let quota = values.quota.as_ref().map_or(DEFAULT_QUOTA_BYTES, Quantity::value);
    if limit.value() < quota {
        let size = values
            .quota
            .as_ref()
            .map_or_else(|| "2Gi".to_owned(), ToString::to_string);
        report
            .add(
                &SMALL_MEMORY,
                "resources.limits.memory",
                format!("etcd maps its database into memory, and one of up to {size} (quota) does not fit {limit}"),
            )
            .help("write a limit above the quota, or a smaller quota");
    }
}

fn check_grace_period(values: &Values, report: &mut Report<'_>) {
    if values.pod.termination_grace_period_seconds == Some(0) {
        report
            .add(
                &SHORT_GRACE_PERIOD,
                "pod.terminationGracePeriodSeconds",
                "with 0, etcd is killed at once, and Kubernetes may start the member anew while it still runs",
            )
            .help("leave it out for 30");
    }
}

/// Refuses hooks that remove the member. Kubernetes runs them whenever the pod ends, as in every rolling update. The
/// next pod then has the data of a removed member.
fn check_hooks(values: &Values, report: &mut Report<'_>) {
    let Some(lifecycle) = &values.pod.lifecycle else {
        return;
    };
    for (name, hook) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        if let Some(what) = hook.as_ref().and_then(what_removes_member) {
            report
                .add(
                    &UNSAFE_HOOK,
                    &format!("pod.lifecycle.{name}"),
                    format!("{what} removes the member whenever its pod ends, and its successor cannot join"),
                )
                .help("leave it out; `rutter plan` removes members that are to go for good");
        }
    }
}

fn what_removes_member(hook: &LifecycleHandler) -> Option<&'static str> {
    let command = hook.exec.as_ref()?.command.as_ref()?;
    let words: Vec<&str> = command
        .iter()
        .flat_map(|argument| argument.split_whitespace())
        .collect();
    if words.windows(2).any(|pair| pair == ["member", "remove"]) {
        return Some("`member remove`");
    }
    // A script of Bitnami's images.
    let is_script = |word: &&str| word.ends_with("/etcd/prestop.sh");
    words.iter().any(is_script).then_some("Bitnami's prestop.sh")
}

fn check_probes(values: &Values, report: &mut Report<'_>) {
    let probes = &values.probes;
    let patience = |period: NonZeroU16, timeout: NonZeroU16, failures: NonZeroU16| {
        (u32::from(failures.get()) - 1) * u32::from(period.get()) + u32::from(timeout.get())
    };
    let startup = &probes.startup;
    let time = patience(
        startup.period_seconds,
        startup.timeout_seconds,
        startup.failure_threshold,
    ) + u32::from(startup.initial_delay_seconds);
    if time < STARTUP {
        report
            .add(
                &SHORT_PROBE,
                "probes.startup",
                format!("etcd is restarted if it has not read its log within {time} s, and then it starts over"),
            )
            .help("raise failureThreshold: the defaults allow 10 minutes");
    }
    let liveness = &probes.liveness;
    let time = patience(
        liveness.period_seconds,
        liveness.timeout_seconds,
        liveness.failure_threshold,
    );
    if time < LIVENESS {
        report
            .add(
                &SHORT_PROBE,
                "probes.liveness",
                format!("etcd is restarted after {time} s without an answer, such as when the disk stalls"),
            )
            .help("raise failureThreshold: the defaults allow a minute");
    } else if liveness.timeout_seconds.get() == 1 {
        report
            .add(
                &SHORT_PROBE,
                "probes.liveness.timeoutSeconds",
                "a member under load takes more than 1 s to answer, and is restarted for it",
            )
            .help("write 5, or leave it out");
    }
    let readiness = &probes.readiness;
    let time = patience(
        readiness.period_seconds,
        readiness.timeout_seconds,
        readiness.failure_threshold,
    );
    if time < READINESS {
        report
            .add(
                &SHORT_PROBE,
                "probes.readiness",
                format!("after {time} s without a leader, as in an election, all members leave the Service at once"),
            )
            .help("raise failureThreshold or timeoutSeconds: the defaults allow 15 s");
    }
}
