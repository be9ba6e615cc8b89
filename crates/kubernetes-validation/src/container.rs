//! Containers (`validateContainers`, `validateInitContainers`, `validateContainerCommon`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerPort, ContainerResizePolicy, ResourceRequirements};
use rutter::names::DnsLabel;

use crate::field::{Field, given};
use crate::pod::Pod;
use crate::{env, handler, mount, security};

pub(crate) const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];

/// Checks the containers in the list `name`, and adds their names and host ports to `pod`.
pub fn containers(field: &mut Field<'_, '_>, name: &str, containers: &[Container], pod: &mut Pod) {
    field.each(name, containers, |field, container| {
        common(field, container, pod);
        host_ports(field, container, &mut pod.host_ports);
        handler::probes(field, container);
        field.with("lifecycle", container.lifecycle.as_ref(), |field, lifecycle| {
            handler::lifecycle(field, lifecycle, pod.grace);
        });
        // Kubernetes 1.35 accepts more, but most clusters are older.
        if container.restart_policy.is_some() {
            field.at("restartPolicy").conflict(
                "a container of the pod is always restarted",
                "leave it out; init containers may have it",
            );
        }
    });
}

/// Checks the init containers in the list `name`, and adds their names and host ports to `pod`. One that is always
/// restarted is a sidecar.
pub fn init_containers(field: &mut Field<'_, '_>, name: &str, containers: &[Container], pod: &mut Pod) {
    field.each(name, containers, |field, container| {
        common(field, container, pod);
        // Init containers run one after the other.
        host_ports(field, container, &mut BTreeSet::new());
        field.word("restartPolicy", container.restart_policy.as_deref(), &["Always"]);
        if container.restart_policy.as_deref() == Some("Always") {
            handler::probes(field, container);
            field.with("lifecycle", container.lifecycle.as_ref(), |field, lifecycle| {
                handler::lifecycle(field, lifecycle, pod.grace);
            });
        } else {
            only_for_sidecars(field, container);
        }
    });
}

fn only_for_sidecars(field: &mut Field<'_, '_>, container: &Container) {
    for (name, given) in [
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        (
            "resizePolicy",
            container
                .resize_policy
                .iter()
                .flatten()
                .any(|policy| policy.restart_policy == "RestartContainer"),
        ),
    ] {
        if given {
            field.at(name).conflict(
                "an init container that ends has none",
                "leave it out, or write restartPolicy: Always beside it for a sidecar",
            );
        }
    }
}

fn common(field: &mut Field<'_, '_>, container: &Container, pod: &mut Pod) {
    field.name::<DnsLabel>("name", &container.name);
    field.unique("name", "container", &container.name, &mut pod.names);
    image(field, container.image.as_deref().unwrap_or_default());
    field.word(
        "imagePullPolicy",
        given(container.image_pull_policy.as_ref()),
        &PULL_POLICIES,
    );
    field.word(
        "terminationMessagePolicy",
        given(container.termination_message_policy.as_ref()),
        &["File", "FallbackToLogsOnError"],
    );
    ports(field, container.ports.as_deref().unwrap_or_default());
    env::variables(field, "env", container.env.as_deref().unwrap_or_default());
    env::variables_from(field, "envFrom", container.env_from.as_deref().unwrap_or_default());
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let context = container.security_context.as_ref();
    mount::mounts(field, "volumeMounts", mounts, context, &pod.volumes, BTreeSet::new());
    mount::devices(field, container, &pod.volumes);
    field.with("resources", container.resources.as_ref(), requirements);
    resize_policies(field, container.resize_policy.as_deref().unwrap_or_default());
    field.with(
        "securityContext",
        container.security_context.as_ref(),
        security::container,
    );
}

/// Refuses spaces around an image. Pods refuse them, although pod templates accept them.
fn image(field: &mut Field<'_, '_>, image: &str) {
    if field.required("image", image) && image.trim() != image {
        field.at("image").invalid(
            format!("{image:?} has blanks around it"),
            &format!("write {}", image.trim()),
        );
    }
}

/// Checks the ports. A server-side apply fails if two have the same number and protocol.
fn ports(field: &mut Field<'_, '_>, ports: &[ContainerPort]) {
    let mut names = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    field.each("ports", ports, |field, port| {
        if let Some(name) = given(port.name.as_ref()) {
            handler::port_name(field, "name", name);
            field.unique("name", "port", name, &mut names);
        }
        field.required_range("containerPort", port.container_port, 1..=65535);
        field.range("hostPort", port.host_port, 0..=65535);
        field.word("protocol", given(port.protocol.as_ref()), &["TCP", "UDP", "SCTP"]);
        field.unique(
            "containerPort",
            "port",
            &format!("{}/{}", port.container_port, protocol(port)),
            &mut numbers,
        );
    });
}

fn host_ports(field: &mut Field<'_, '_>, container: &Container, taken: &mut BTreeSet<String>) {
    field.each("ports", container.ports.iter().flatten(), |field, port| {
        if let Some(number) = port.host_port.filter(|number| *number != 0) {
            let ip = port.host_ip.as_deref().unwrap_or_default();
            let host_port = format!("{ip}:{number}/{}", protocol(port));
            field.unique("hostPort", "port of a node", &host_port, taken);
        }
    });
}

fn protocol(port: &ContainerPort) -> &str {
    given(port.protocol.as_ref()).unwrap_or("TCP")
}

fn requirements(field: &mut Field<'_, '_>, requirements: &ResourceRequirements) {
    let requests = field.amounts("requests", requirements.requests.as_ref());
    let limits = field.amounts("limits", requirements.limits.as_ref());
    field.resources(&requests, &limits);
    if requirements.claims.as_ref().is_some_and(|claims| !claims.is_empty()) {
        field
            .at("claims")
            .conflict("the pod has no resourceClaims to name here", "leave it out");
    }
}

fn resize_policies(field: &mut Field<'_, '_>, policies: &[ContainerResizePolicy]) {
    let mut taken = BTreeSet::new();
    field.each("resizePolicy", policies, |field, policy| {
        field.required_word("resourceName", &policy.resource_name, &["cpu", "memory"]);
        field.required_word(
            "restartPolicy",
            &policy.restart_policy,
            &["NotRequired", "RestartContainer"],
        );
        field.unique("resourceName", "resource", &policy.resource_name, &mut taken);
    });
}
