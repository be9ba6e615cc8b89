//! Warnings before the first step.

mod clients;
mod pods;

use rutter::Diagnostic;
use rutter::quantity::Quantity;

pub(super) use self::clients::client_port;
use super::super::fact::Fact;
use super::super::observed::{ObservedCluster, quoted, text};
use super::{Planner, Rollout};
use crate::codes::{
    CLAIMS_DELETED, FILE_OWNER_CHANGES, IMAGE_OF_STEPS, NO_SNAPSHOT, OPTIONS_ASSUMED, PREPARE_SECRET, SINGLE_MEMBER,
    UPDATE_OVERRIDDEN, VERSION_ASSUMED, WRITES_WAIT,
};
use crate::etcd::Version;
use crate::values::UpdateType;

impl Planner<'_> {
    pub(super) fn warnings(&self, versions: &[Version], takes_steps: bool) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        let mut warn = |code, path: &str, message: String, help: &str| {
            warnings.push(Diagnostic::new(code, path, message).help(help));
        };
        let restarts = !versions.is_empty() || !self.template_changes().is_empty();
        if restarts && self.from.replicas <= 2 {
            warn(
                &WRITES_WAIT,
                "replicas",
                format!(
                    "with {} nothing is written while one restarts",
                    if self.from.replicas == 1 {
                        "one member"
                    } else {
                        "2 members"
                    }
                ),
                "plan replicas: 3 first, if clients cannot wait for some seconds",
            );
        }
        let update = &self.rendered.cluster.update;
        if takes_steps && restarts && (update.kind == UpdateType::OnDelete || update.partition > 0) {
            warn(
                &UPDATE_OVERRIDDEN,
                "update",
                "the steps restart all pods one after the other, and only the last step has the update strategy"
                    .to_owned(),
                "plan without these values first, if pods are to stay as they are",
            );
        }
        if self.to.replicas == 1 && self.from.replicas > 1 {
            warn(
                &SINGLE_MEMBER,
                "replicas",
                "a single member stops with its node, and its volume is the only copy of the data".to_owned(),
                "write replicas: 3, or take snapshots",
            );
        }
        if self.from.version.known().is_none()
            && let (Some(version), Some(reason)) = (self.from.labelled_version, self.from.version.unknown())
        {
            warn(
                &VERSION_ASSUMED,
                "version",
                format!("{reason}; a label says {version}, and anyone can change a label"),
                "the plan asks the members before its first step, and stops if they run another release",
            );
        }
        if self.from.runs_entrypoint() && !self.from.is_own && restarts {
            warn(
                &OPTIONS_ASSUMED,
                "",
                "the installed container has no command: its image's entrypoint starts etcd, and may give it other options than \
                 those that the objects show"
                    .to_owned(),
                "compare them with those of the process (`kubectl exec POD -- cat /proc/1/cmdline`), above all data-dir, wal-dir, \
                 name and the peer URLs",
            );
        }
        self.warn_of_images(versions, &mut warn);
        self.warn_of_files(restarts, &mut warn);
        if self.why_replaced().is_some() && !self.is_ephemeral() {
            warn(
                &CLAIMS_DELETED,
                "storage",
                "the claims of each member are deleted when it is replaced".to_owned(),
                if self.snapshot {
                    "take a snapshot, and keep it elsewhere until the plan is done: the plan's own is in the volume of the member \
                     that is replaced last"
                } else {
                    "take a snapshot, and keep it elsewhere until the plan is done"
                },
            );
        }
        if !self.snapshot && takes_steps {
            warn(
                &NO_SNAPSHOT,
                "",
                "no snapshot comes before what cannot be undone".to_owned(),
                "plan without --no-snapshot, or keep a snapshot of your own",
            );
        }
        self.warn_of_clients(&mut warn);
        self.warn_of_budgets(&mut warn);
        self.warn_of_limits(&mut warn);
        if let Some(secret) = self.to.peer_secret()
            && self.to.replicas > self.from.replicas
            && !self.to.certificates.contains_key(secret)
        {
            warn(
                &PREPARE_SECRET,
                "tls.peer.secretName",
                format!("the certificate in {} has to name the new members", quoted(secret)),
                "issue it again for all members, from the same CA, before the first step",
            );
        }
        warnings
    }

    /// The images of steps between two versions are not the one of the values.
    fn warn_of_images(&self, versions: &[Version], warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        let desired = self.rendered.cluster.version;
        let others: Vec<String> = versions
            .iter()
            .filter(|version| **version != desired)
            .map(ToString::to_string)
            .collect();
        if others.is_empty() {
            return;
        }
        let has = |path: &str| self.source.document().has(path);
        let (path, what, help) = if has("image.digest") {
            ("image.digest", Some("digest"), ONE_AT_A_TIME)
        } else if has("image.tag") {
            ("image.tag", Some("tag"), ONE_AT_A_TIME)
        } else if has("image.repository") {
            ("image.repository", None, "make sure that your registry has these tags")
        } else {
            return;
        };
        let is_of = what.map_or_else(String::new, |what| format!("the {what} is that of {desired}; "));
        warn(
            &IMAGE_OF_STEPS,
            path,
            format!(
                "{is_of}the steps with etcd {} use the tags v{} of the repository",
                others.join(", "),
                others.join(", v")
            ),
            help,
        );
    }

    /// The user that owns the files of the data.
    fn warn_of_files(&self, restarts: bool, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        if !restarts || self.rollout() == Rollout::ReplaceMember {
            return;
        }
        let user = |cluster: &ObservedCluster, field: &str| -> Option<String> {
            let of_container = cluster
                .etcd()
                .and_then(|etcd| text(etcd, &format!("securityContext.{field}")));
            of_container.or_else(|| cluster.set.text(&format!("spec.template.spec.securityContext.{field}")))
        };
        let group = |cluster: &ObservedCluster| cluster.set.text("spec.template.spec.securityContext.fsGroup");
        let (old, new) = (user(self.from, "runAsUser"), user(self.to, "runAsUser"));
        if old == new {
            return;
        }
        let name = |user: Option<String>| {
            user.map_or_else(
                || "the user of its image".to_owned(),
                |user| format!("user {}", quoted(&user)),
            )
        };
        let help = match group(self.to) {
            Some(group) => format!(
                "fsGroup {group} lets the kubelet change the group of the files, unless the volume is a hostPath or an NFS \
                 share; else change their owner first, or keep the user with pod.securityContext.runAsUser"
            ),
            None => {
                "change the owner of the files first, or keep the user with pod.securityContext.runAsUser".to_owned()
            }
        };
        warn(
            &FILE_OWNER_CHANGES,
            "pod.securityContext",
            format!(
                "etcd has run as {}, and will run as {}: it must be able to read the data",
                name(old),
                name(new)
            ),
            &help,
        );
    }
}

/// The help about an image that is for one version.
const ONE_AT_A_TIME: &str =
    "make sure that your registry has these tags, or plan one version at a time with its own tag and digest";

/// The quota of a cluster in bytes: what etcd takes if none is given is 2 GB (`DefaultQuotaBytes`).
pub(super) fn quota(cluster: &ObservedCluster) -> Option<i128> {
    match cluster.options.get("quota-backend-bytes") {
        Fact::Known(text) => match text.parse::<Quantity>().ok()?.value() {
            0 => Some(DEFAULT_QUOTA),
            quota if quota < 0 => None,
            quota => Some(quota),
        },
        Fact::Absent => Some(DEFAULT_QUOTA),
        Fact::Unknown(_) => None,
    }
}

const DEFAULT_QUOTA: i128 = 2 << 30;
