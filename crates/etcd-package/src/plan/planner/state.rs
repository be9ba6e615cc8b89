//! The states between two steps, and their manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use rutter::{Diagnostic, Manifest};

use super::super::objects::{Objects, items};
use super::super::observed::{Health, map, text};
use super::{Planner, certificates, version};
use crate::codes::REFUSED_ON_THE_WAY;
use crate::etcd::Version;
use crate::values::{BootstrapState, CertManager, PeerTlsMode, TlsMode, TlsVersion, UpdateType, Values};

/// A state between two steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) version: Version,
    pub(super) replicas: u32,
    /// Whether a member that starts with nothing joins.
    pub(super) joins: bool,
    /// Whether members use the Secret in which both CAs are trusted.
    pub(super) rotates: bool,
    /// Whether members make snapshots as often as they sensibly can.
    pub(super) snapshots: bool,
    /// The TLS versions, if they are not the desired ones.
    pub(super) tls: Option<(TlsVersion, TlsVersion)>,
    /// The way in which pods are updated.
    pub(super) update: Update,
}

/// The way in which a state has pods updated.
#[derive(Clone, Copy, Debug)]
pub(super) enum Update {
    /// Those of this ordinal and above, by themselves.
    From(u32),
    /// Those that are deleted.
    Deleted,
}

impl Planner<'_> {
    /// The manifests of a state between two steps.
    pub(super) fn render(&self, state: State) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
        let desired = self.rendered.cluster.version;
        let largest = self.from.replicas.max(self.to.replicas);
        let change = |values: &mut Values| {
            values.replicas = state.replicas;
            if state.version != desired {
                values.version = state.version;
                // They are those of the desired version.
                values.image.tag = None;
                values.image.digest = None;
            }
            if state.rotates {
                values.tls.peer.mode = PeerTlsMode::Secret;
                values.tls.peer.secret_name = certificates::rotation_secret(self.from).parse().ok();
                // They are those of the new certificate, and members show the old one as well.
                values.tls.peer.allowed_common_names.clear();
                values.tls.peer.allowed_hostnames.clear();
                if values.tls.client.mode != TlsMode::CertManager {
                    values.tls.cert_manager = CertManager::default();
                }
            }
            if let Some((min, max)) = state.tls {
                values.tls.min_version = Some(min);
                values.tls.max_version = Some(max);
            }
            if state.snapshots {
                values.snapshot_count = NonZeroU32::new(version::SNAPSHOT_COUNT);
            }
            if state.joins {
                values.bootstrap.state = BootstrapState::Existing;
            }
            match state.update {
                Update::From(ordinal) => {
                    values.update.kind = UpdateType::RollingUpdate;
                    values.update.partition = u16::try_from(ordinal).unwrap_or(u16::MAX);
                }
                Update::Deleted => {
                    values.update.kind = UpdateType::OnDelete;
                    values.update.partition = 0;
                }
            }
            // Certificates that hold for every member that was or will be are made once.
            let makes =
                values.tls.client.mode == TlsMode::CertManager || values.tls.peer.mode == PeerTlsMode::CertManager;
            let planned = values.tls.cert_manager.max_replicas.unwrap_or(0);
            if makes && planned < largest {
                values.tls.cert_manager.max_replicas = Some(largest);
            }
        };
        match self.source.render_keeping(change, self.kept_settings()) {
            Ok(rendered) => Ok(rendered.manifests),
            Err(problems) => Err(problems
                .into_iter()
                .filter(|problem| problem.severity == rutter::Severity::Error)
                .map(|problem| {
                    let message = format!("in a step with etcd {}: {}", state.version, problem.message);
                    Diagnostic::new(&REFUSED_ON_THE_WAY, problem.path, message)
                        .help("plan the new version first, with the other values as they are, and then these values")
                        .at(problem.position)
                })
                .collect()),
        }
    }

    /// The settings of the bootstrap that pods of the installed template read and the desired ones do not. Without them, a
    /// pod that restarts by itself before its turn could not start.
    pub(super) fn kept_settings(&self) -> BTreeMap<String, String> {
        if self.template_changes().is_empty() || self.from.health == Health::Stopped {
            return BTreeMap::new();
        }
        let name = self.rendered.cluster.names.bootstrap();
        let data = |objects: &Objects| {
            let object = objects.named("", "ConfigMap", &self.from.namespace, &name);
            map(object.and_then(|object| object.node.get("data")))
        };
        let desired = data(self.desired);
        let pod = self.from.set.node.at("spec.template.spec");
        let containers = ["containers", "initContainers"].map(|list| items(pod.and_then(|pod| pod.get(list))));
        let variables = containers
            .into_iter()
            .flatten()
            .flat_map(|container| items(container.get("env")));
        let read: BTreeSet<String> = variables
            .filter_map(|variable| variable.at("valueFrom.configMapKeyRef"))
            .filter(|source| text(source, "name").as_ref() == Some(&name))
            .filter_map(|source| text(source, "key"))
            .collect();
        let mut kept = data(self.installed);
        kept.retain(|key, _| read.contains(key) && !desired.contains_key(key));
        kept
    }
}
