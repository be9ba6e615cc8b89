//! The objects that members rely on beside those of the package: the Secrets and ConfigMaps in their volumes, and whatever
//! fills these. The user's own manifests can have them.

use std::collections::{BTreeMap, BTreeSet};

use rutter::yaml::{Node, Value};

use super::objects::{Object, Objects, items, scalar};
use super::observed::{ObservedCluster, issuer_name, issuer_of_certificate, text};

/// The objects that members rely on, by names.
#[derive(Debug)]
pub(super) struct Reliance {
    /// The names of Secrets and ConfigMaps.
    names: BTreeSet<String>,
    /// Issuers, as a `Certificate` names them.
    issuers: BTreeSet<String>,
}

/// Groups whose objects fill no Secret and no ConfigMap. Those in the core group are told by their kind.
const WITHOUT_SECRETS: [&str; 8] = [
    "apps",
    "autoscaling",
    "batch",
    "gateway.networking.k8s.io",
    "monitoring.coreos.com",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
];

impl Reliance {
    /// Finds what the members of these clusters rely on, by these objects.
    pub(super) fn of(clusters: &[&ObservedCluster], objects: &[&Objects]) -> Self {
        let mut found = Self {
            names: BTreeSet::new(),
            issuers: BTreeSet::new(),
        };
        for cluster in clusters {
            found.add_volumes(cluster);
        }
        // What each Secret is signed by, and what each issuer signs with.
        let (mut signed_by, mut signs_with) = (BTreeMap::<String, Vec<String>>::new(), BTreeMap::new());
        for object in objects.iter().flat_map(|objects| objects.iter()) {
            if let ("Certificate", Some(secret)) = (&*object.id.kind, object.text("spec.secretName")) {
                signed_by
                    .entry(secret)
                    .or_default()
                    .extend(issuer_of_certificate(object));
            } else if object.id.kind.ends_with("Issuer") {
                let secrets: &mut Vec<String> = signs_with.entry(issuer_name(&object.id)).or_default();
                secrets.extend(named_secrets(&object.node));
            }
        }
        let mut next: Vec<String> = found.names.iter().cloned().collect();
        while let Some(secret) = next.pop() {
            for issuer in signed_by.remove(&secret).into_iter().flatten() {
                for name in signs_with.remove(&issuer).into_iter().flatten() {
                    if found.names.insert(name.clone()) {
                        next.push(name);
                    }
                }
                found.issuers.insert(issuer);
            }
        }
        found
    }

    fn add_volumes(&mut self, cluster: &ObservedCluster) {
        for volume in items(cluster.set.node.at("spec.template.spec.volumes")) {
            let sources = items(volume.at("projected.sources")).iter();
            let projected = sources.flat_map(|source| [text(source, "secret.name"), text(source, "configMap.name")]);
            let names = [
                text(volume, "secret.secretName"),
                text(volume, "configMap.name"),
                text(volume, "csi.nodePublishSecretRef.name"),
            ];
            self.names.extend(names.into_iter().chain(projected).flatten());
        }
    }

    /// Whether members rely on a Secret or ConfigMap of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether members rely on an object. One of an unknown kind that names something that they rely on may fill it.
    pub(super) fn includes(&self, object: &Object) -> bool {
        let has_name = |name: &String| self.names.contains(name);
        match (&*object.id.group, &*object.id.kind) {
            ("", "Secret" | "ConfigMap") => has_name(&object.id.name),
            ("cert-manager.io", "Certificate") => object.text("spec.secretName").as_ref().is_some_and(has_name),
            ("" | "cert-manager.io", _) => self.issuers.contains(&issuer_name(&object.id)),
            (group, _) if WITHOUT_SECRETS.contains(&group) => false,
            _ => {
                has_name(&object.id.name)
                    || self.issuers.contains(&issuer_name(&object.id))
                    || object.node.get("spec").is_some_and(|spec| has_scalar(spec, &has_name))
            }
        }
    }
}

/// The Secrets that an issuer names, in any field.
fn named_secrets(node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let key = entry.key.scalar.text.to_lowercase();
                found.extend(scalar(&entry.value).filter(|_| key.ends_with("secretname")));
                found.extend(text(&entry.value, "name").filter(|_| key.ends_with("ref")));
                found.extend(named_secrets(&entry.value));
            }
        }
        Value::Sequence(items) => found.extend(items.iter().flat_map(named_secrets)),
        Value::Scalar(_) => {}
    }
    found
}

fn has_scalar(node: &Node, is: &impl Fn(&String) -> bool) -> bool {
    match &node.value {
        Value::Mapping(entries) => entries.iter().any(|entry| has_scalar(&entry.value, is)),
        Value::Sequence(items) => items.iter().any(|item| has_scalar(item, is)),
        Value::Scalar(_) => scalar(node).as_ref().is_some_and(is),
    }
}
