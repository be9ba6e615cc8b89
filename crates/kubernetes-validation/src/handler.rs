//! Probes and hooks (`validateProbe`, `validateLifecycle`, `validateHandler`).

use k8s_openapi::api::core::v1::{Container, ExecAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::field::{Field, given};

/// Checks the probes of a container that can have probes.
pub(crate) fn probes(field: &mut Field<'_, '_>, container: &Container) {
    field.with("livenessProbe", container.liveness_probe.as_ref(), probe_of_life);
    field.with(
        "readinessProbe",
        container.readiness_probe.as_ref(),
        |field, readiness| {
            probe(field, readiness);
            if readiness.termination_grace_period_seconds.is_some() {
                field.at("terminationGracePeriodSeconds").conflict(
                    "a readiness probe ends nothing, so it has no grace period",
                    "leave it out",
                );
            }
        },
    );
    field.with("startupProbe", container.startup_probe.as_ref(), probe_of_life);
}

fn probe_of_life(field: &mut Field<'_, '_>, life: &Probe) {
    probe(field, life);
    if life.success_threshold.is_some_and(|threshold| threshold > 1) {
        field
            .at("successThreshold")
            .invalid("one success is enough for this probe", "write 1, or leave it out");
    }
}

fn probe(field: &mut Field<'_, '_>, probe: &Probe) {
    field.exactly_one(&[
        ("exec", probe.exec.is_some()),
        ("httpGet", probe.http_get.is_some()),
        ("tcpSocket", probe.tcp_socket.is_some()),
        ("grpc", probe.grpc.is_some()),
    ]);
    field.with("exec", probe.exec.as_ref(), exec);
    field.with("httpGet", probe.http_get.as_ref(), http_get);
    field.with("tcpSocket", probe.tcp_socket.as_ref(), |field, socket| {
        port(field, &socket.port)
    });
    field.with("grpc", probe.grpc.as_ref(), |field, grpc| {
        field.required_range("port", grpc.port, 1..=65535)
    });
    // Zero means the default.
    for (name, number) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        field.range(name, number, 0..=i64::MAX);
    }
    field.range(
        "terminationGracePeriodSeconds",
        probe.termination_grace_period_seconds,
        1..=i64::MAX,
    );
}

/// Checks the hooks of a container in a pod with `grace` seconds to stop.
pub fn lifecycle(field: &mut Field<'_, '_>, lifecycle: &Lifecycle, grace: i64) {
    field.with("postStart", lifecycle.post_start.as_ref(), |field, hook| {
        handler(field, hook, grace)
    });
    field.with("preStop", lifecycle.pre_stop.as_ref(), |field, hook| {
        handler(field, hook, grace)
    });
    if lifecycle.stop_signal.is_some() {
        field
            .at("stopSignal")
            .conflict("a signal goes with the pod's os, which is not rendered", "leave it out");
    }
}

fn handler(field: &mut Field<'_, '_>, hook: &LifecycleHandler, grace: i64) {
    field.exactly_one(&[
        ("exec", hook.exec.is_some()),
        ("httpGet", hook.http_get.is_some()),
        ("sleep", hook.sleep.is_some()),
        ("tcpSocket", hook.tcp_socket.is_some()),
    ]);
    field.with("exec", hook.exec.as_ref(), exec);
    field.with("httpGet", hook.http_get.as_ref(), http_get);
    field.with("tcpSocket", hook.tcp_socket.as_ref(), |field, socket| {
        port(field, &socket.port)
    });
    field.with("sleep", hook.sleep.as_ref(), |field, sleep| {
        field.range("seconds", Some(sleep.seconds), 0..=grace);
    });
}

fn exec(field: &mut Field<'_, '_>, exec: &ExecAction) {
    if exec.command.as_ref().is_none_or(Vec::is_empty) {
        field.missing("the field `command` is required", "write command: [PROGRAM, ARGUMENT]");
    }
}

fn http_get(field: &mut Field<'_, '_>, get: &HTTPGetAction) {
    port(field, &get.port);
    field.word("scheme", given(get.scheme.as_ref()), &["HTTP", "HTTPS"]);
    field.each("httpHeaders", get.http_headers.iter().flatten(), |field, header| {
        let accepted = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if field.required("name", &header.name) && !header.name.bytes().all(accepted) {
            let message = format!("{:?} is not the name of a header", header.name);
            field.at("name").invalid(message, "such as X-Forwarded-For");
        }
    });
}

/// Checks a port of the container: a number or a name. An absent port is read as 0.
fn port(field: &mut Field<'_, '_>, port: &IntOrString) {
    match port {
        IntOrString::Int(number) => field.required_range("port", *number, 1..=65535),
        IntOrString::String(name) => {
            if field.required("port", name) {
                port_name(field, "port", name);
            }
        }
    }
}

/// Checks the name of a port (`IsValidPortName` of apimachinery).
pub(crate) fn port_name(field: &mut Field<'_, '_>, name: &str, text: &str) {
    let accepted = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = text.len() <= 15
        && text.bytes().all(accepted)
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && !text.contains("--")
        && !text.starts_with('-')
        && !text.ends_with('-');
    if !good {
        field.at(name).invalid(
            format!("{text:?} is not the name of a port"),
            "use at most 15 lower-case letters, digits and single `-`, with a letter among them",
        );
    }
}
