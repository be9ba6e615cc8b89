//! The fields of an object that `kubectl apply` knows as its own, beside the notes of hosts and controllers.

use rutter::File;
use rutter::yaml::{self, Entry, Node, Value};

use super::super::difference::{Difference, Segment, differences};
use super::super::objects::Object;

/// The annotation in which `kubectl apply` keeps the last applied object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Labels that hosts put on objects, over those that were rendered.
const LABELS_OF_HOSTS: [&str; 3] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
];

/// Beginnings of labels and annotations by which hosts and controllers keep notes of their own.
const NOTES_OF_HOSTS: [&str; 20] = [
    "argocd.argoproj.io/",
    "autoscaling.alpha.kubernetes.io/",
    "cloud.google.com/neg-status",
    "config.k8s.io/",
    "config.kubernetes.io/",
    "control-plane.alpha.kubernetes.io/",
    "deployment.kubernetes.io/",
    "endpoints.kubernetes.io/",
    "field.cattle.io/",
    "helm.toolkit.fluxcd.io/",
    "internal.config.kubernetes.io/",
    "internal.kpt.dev/",
    "kapp.k14s.io/",
    "kubectl.kubernetes.io/",
    "kustomize.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "helm.sh/",
    "objectset.rio.cattle.io/",
    "pv.kubernetes.io/",
    "volume.",
];

/// Whether a label or annotation belongs to a host or controller, or is one that hosts overwrite.
pub(super) fn is_note(kind: &str, path: &[&Segment], difference: &Difference, last_applied: &LastApplied) -> bool {
    let (Some(Segment::Field(first)), Some(Segment::Field(map))) = (path.first(), path.get(1)) else {
        return false;
    };
    let key = |index: usize| match path.get(index) {
        Some(Segment::Key(key)) => Some(key.as_str()),
        _ => None,
    };
    let is_removed = difference.desired.is_none();
    if first == "metadata" {
        return match map.as_str() {
            "finalizers" => true,
            // Owners and deletion of the StatefulSet have checks of their own.
            "ownerReferences" | "deletionTimestamp" | "deletionGracePeriodSeconds" => kind == "StatefulSet",
            "labels" | "annotations" => key(2).is_some_and(|key| {
                let is_labels = map == "labels";
                (is_labels && LABELS_OF_HOSTS.contains(&key))
                    || is_removed
                        && (is_host_note(key)
                            || matches!(last_applied, LastApplied::Known(object)
                                if object.at("metadata").and_then(|metadata| metadata.get(map)?.get(key)).is_none()))
            }),
            _ => false,
        };
    }
    // `kubectl rollout restart` notes when it was.
    let template = ["spec", "template", "metadata", "annotations"];
    let is_template = path.len() == 5
        && template
            .iter()
            .zip(path)
            .all(|(name, segment)| matches!(segment, Segment::Field(field) if field == name));
    is_template && is_removed && key(4).is_some_and(is_host_note)
}

fn is_host_note(key: &str) -> bool {
    NOTES_OF_HOSTS.iter().any(|note| key.starts_with(note))
}

/// The fields of an object that `kubectl apply` knows as its own.
pub(super) enum LastApplied {
    Known(Node),
    /// Nobody knows who has written what.
    Unknown,
}

impl LastApplied {
    pub(super) fn of(object: &Object, is_live: bool) -> Self {
        let text = object.annotation(LAST_APPLIED).filter(|_| is_live);
        let node = text.and_then(|text| yaml::parse(&text, 0, 1).ok().flatten());
        node.map_or(Self::Unknown, Self::Known)
    }
}

/// Returns the file by which `kubectl apply` learns of the fields that go, if it does not know them.
pub(in crate::plan) fn take_over(installed: &Object, desired: &Object, is_live: bool, file_name: &str) -> Option<File> {
    let of_kind = |before: &Node| {
        let found = differences(&desired.id.group, &desired.id.kind, before, &desired.node);
        // A default that comes with another field is nothing that goes.
        found
            .into_iter()
            .filter(|difference| !difference.is_written && difference.installed.is_some())
    };
    let last_applied = LastApplied::of(installed, is_live);
    let is_gone =
        |difference: &Difference| !is_note(&desired.id.kind, &difference.path.segments(), difference, &last_applied);
    let removals: Vec<Difference> = of_kind(&installed.node).filter(is_gone).collect();
    if removals.is_empty() {
        return None;
    }
    if let LastApplied::Known(last_applied) = &last_applied {
        let known: Vec<Difference> = of_kind(last_applied).collect();
        if removals
            .iter()
            .all(|removal| known.iter().any(|known| known.path == removal.path))
        {
            return None;
        }
    }
    let (text, _) = as_applied(installed, &desired.node, &last_applied).to_text();
    Some(File {
        name: file_name.to_owned(),
        text,
    })
}

/// An object as if `kubectl apply` had made it from a manifest, without the notes of hosts, and without the labels and
/// annotations that somebody has added since it was applied.
fn as_applied(installed: &Object, desired: &Node, last_applied: &LastApplied) -> Node {
    let mut node = installed.node.clone();
    let Value::Mapping(fields) = &mut node.value else {
        return node;
    };
    fields.retain(|field| field.key.scalar.text != "status");
    for field in fields.iter_mut() {
        match &*field.key.scalar.text {
            "metadata" => {
                retain(&mut field.value, |key| {
                    ["name", "namespace", "labels", "annotations"].contains(&key)
                });
                for map in ["labels", "annotations"] {
                    let has = |node: &Node, key: &str| {
                        let entries = node.at("metadata").and_then(|metadata| metadata.get(map));
                        entries.is_some_and(|entries| entries.get(key).is_some())
                    };
                    let was_applied = |key: &str| match last_applied {
                        LastApplied::Known(object) => has(object, key),
                        LastApplied::Unknown => true,
                    };
                    if let Some(map) = get_mut(&mut field.value, map) {
                        retain(map, |key| {
                            has(desired, key)
                                || was_applied(key) && !is_host_note(key) && !LABELS_OF_HOSTS.contains(&key)
                        });
                    }
                }
            }
            "spec" => {
                let metadata = get_mut(&mut field.value, "template").and_then(|template| get_mut(template, "metadata"));
                if let Some(annotations) = metadata.and_then(|metadata| get_mut(metadata, "annotations")) {
                    retain(annotations, |key| !is_host_note(key));
                }
            }
            _ => {}
        }
    }
    node
}

pub(super) fn retain(node: &mut Node, keep: impl Fn(&str) -> bool) {
    if let Value::Mapping(entries) = &mut node.value {
        entries.retain(|entry| keep(&entry.key.scalar.text));
    }
}

pub(in crate::plan) fn get_mut<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    match &mut node.value {
        Value::Mapping(entries) => entries
            .iter_mut()
            .find(|entry: &&mut Entry| entry.key.scalar.text == key)
            .map(|entry| &mut entry.value),
        _ => None,
    }
}
