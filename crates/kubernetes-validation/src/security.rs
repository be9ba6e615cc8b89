//! Security contexts (`validatePodSpecSecurityContext`, `ValidateSecurityContext`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext, Sysctl, WindowsSecurityContextOptions,
};
use rutter::names::DnsSubdomain;

use crate::field::Field;

/// Users and groups.
const IDS: std::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;

const PROFILES: [&str; 3] = ["RuntimeDefault", "Localhost", "Unconfined"];

/// Checks the security context of a pod.
pub fn pod(field: &mut Field<'_, '_>, context: &PodSecurityContext) {
    field.range("fsGroup", context.fs_group, IDS);
    user(
        field,
        context.run_as_user,
        context.run_as_group,
        context.run_as_non_root,
    );
    for (index, group) in context.supplemental_groups.iter().flatten().enumerate() {
        field.range(&format!("supplementalGroups[{index}]"), Some(*group), IDS);
    }
    field.word(
        "fsGroupChangePolicy",
        context.fs_group_change_policy.as_deref(),
        &["OnRootMismatch", "Always"],
    );
    field.word(
        "supplementalGroupsPolicy",
        context.supplemental_groups_policy.as_deref(),
        &["Merge", "Strict"],
    );
    field.word(
        "seLinuxChangePolicy",
        context.se_linux_change_policy.as_deref(),
        &["MountOption", "Recursive"],
    );
    sysctls(field, context.sysctls.as_deref().unwrap_or_default());
    field.with("seccompProfile", context.seccomp_profile.as_ref(), seccomp);
    field.with("appArmorProfile", context.app_armor_profile.as_ref(), app_armor);
    field.with("windowsOptions", context.windows_options.as_ref(), windows);
}

/// Checks the security context of a container.
pub fn container(field: &mut Field<'_, '_>, context: &SecurityContext) {
    user(
        field,
        context.run_as_user,
        context.run_as_group,
        context.run_as_non_root,
    );
    field.word("procMount", context.proc_mount.as_deref(), &["Default", "Unmasked"]);
    if context.proc_mount.as_deref() == Some("Unmasked") {
        field.at("procMount").conflict(
            "Unmasked needs the pod's hostUsers: false, which is not rendered",
            "write Default",
        );
    }
    if context.allow_privilege_escalation == Some(false) {
        let mut field = field.at("allowPrivilegeEscalation");
        if is_privileged(Some(context)) {
            field.conflict(
                "a privileged container can escalate",
                "write true, or privileged: false",
            );
        }
        let capabilities = context
            .capabilities
            .as_ref()
            .and_then(|capabilities| capabilities.add.as_ref());
        if capabilities.is_some_and(|add| add.iter().any(|capability| capability == "CAP_SYS_ADMIN")) {
            field.conflict(
                "CAP_SYS_ADMIN lets a container escalate",
                "write true, or drop the capability",
            );
        }
    }
    field.with("seccompProfile", context.seccomp_profile.as_ref(), seccomp);
    field.with("appArmorProfile", context.app_armor_profile.as_ref(), app_armor);
    field.with("windowsOptions", context.windows_options.as_ref(), windows);
}

/// Whether the container is privileged.
pub(crate) fn is_privileged(context: Option<&SecurityContext>) -> bool {
    context.is_some_and(|context| context.privileged == Some(true))
}

/// Checks the user. The kubelet never starts a container as root with `runAsNonRoot`.
fn user(field: &mut Field<'_, '_>, user: Option<i64>, group: Option<i64>, non_root: Option<bool>) {
    field.range("runAsUser", user, IDS);
    field.range("runAsGroup", group, IDS);
    if user == Some(0) && non_root == Some(true) {
        field
            .at("runAsUser")
            .conflict("the user 0 is root, which runAsNonRoot rules out", "such as 65532");
    }
}

/// Checks the kernel parameters. A server-side apply fails if two have the same name.
fn sysctls(field: &mut Field<'_, '_>, sysctls: &[Sysctl]) {
    let mut taken = BTreeSet::new();
    field.each("sysctls", sysctls, |field, sysctl| {
        let segment = |text: &str| {
            let end = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let bytes = text.as_bytes();
            let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
            end(bytes.first()) && end(bytes.last()) && bytes.iter().all(inner)
        };
        let name = &sysctl.name;
        if field.required("name", name) && (name.len() > 253 || !name.split(['.', '/']).all(segment)) {
            field.at("name").invalid(
                format!("{name:?} is not a kernel parameter"),
                "such as net.core.somaxconn",
            );
        }
        field.unique("name", "kernel parameter", name, &mut taken);
    });
}

fn seccomp(field: &mut Field<'_, '_>, profile: &SeccompProfile) {
    field.required_word("type", &profile.type_, &PROFILES);
    local_profile(field, &profile.type_, profile.localhost_profile.as_deref());
    field.relative_path(
        "localhostProfile",
        profile.localhost_profile.as_deref().unwrap_or_default(),
    );
}

fn app_armor(field: &mut Field<'_, '_>, profile: &AppArmorProfile) {
    field.required_word("type", &profile.type_, &PROFILES);
    local_profile(field, &profile.type_, profile.localhost_profile.as_deref());
    let name = profile.localhost_profile.as_deref().unwrap_or_default();
    if name.trim() != name || name.len() > 4095 {
        field.at("localhostProfile").invalid(
            format!("{name:?} is not the name of a profile"),
            "write it as the node has it",
        );
    }
}

fn local_profile(field: &mut Field<'_, '_>, kind: &str, profile: Option<&str>) {
    if kind == "Localhost" {
        field.required("localhostProfile", profile.unwrap_or_default());
    } else if profile.is_some() && PROFILES.contains(&kind) {
        field.at("localhostProfile").conflict(
            format!("the type {kind} has no profile of its own"),
            "write type: Localhost, or leave it out",
        );
    }
}

/// Checks the options of Windows containers.
fn windows(field: &mut Field<'_, '_>, options: &WindowsSecurityContextOptions) {
    if options.host_process == Some(true) {
        field.at("hostProcess").conflict(
            "a host process needs the pod's hostNetwork, which is not rendered",
            "leave it out",
        );
    }
    if let Some(name) = &options.gmsa_credential_spec_name {
        field.at("gmsaCredentialSpecName").parse::<DnsSubdomain>(name);
    }
    if let Some(spec) = &options.gmsa_credential_spec
        && !(1..=64 * 1024).contains(&spec.len())
    {
        let message = format!("expected 1 byte to 64Ki, found {} bytes", spec.len());
        field
            .at("gmsaCredentialSpec")
            .invalid(message, "write the credential spec as JSON");
    }
    if let Some(name) = &options.run_as_user_name {
        let (domain, user) = name.split_once('\\').unwrap_or(("", name));
        let forbidden = [
            '"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']',
        ];
        let plain = |text: &str| !text.contains(forbidden) && !text.contains(char::is_control);
        let good = (1..=104).contains(&user.len())
            && plain(user)
            && !user.bytes().all(|b| matches!(b, b'.' | b' '))
            && domain.len() < 256
            && plain(domain)
            && !name.starts_with('\\');
        if !good {
            let message = format!("{name:?} is not the name of a Windows user");
            field
                .at("runAsUserName")
                .invalid(message, "such as ContainerUser or DOMAIN\\user");
        }
    }
}
