//! The objects that members rely on beside those of the package: the Secrets and ConfigMaps that their pods read, and
//! whatever fills these. The user's own manifests can have them.

use std::collections::{BTreeMap, BTreeSet};

use rutter::yaml::{Node, Value};

use super::difference::{Path, Segment};
use super::objects::{Object, Objects, items, scalar};
use super::observed::{ObservedCluster, issuer_name, issuer_of_certificate, text};

/// An object that a pod or another object needs, by the name under which it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Secret(String),
    ConfigMap(String),
    ServiceAccount(String),
    /// An issuer, as a `Certificate` names it.
    Issuer(String),
    /// A store, a generator or a class that others are filled from: its kind and name.
    Source(String, String),
}

/// The keys that are read of a Secret or ConfigMap; none if all are.
type Keys = Option<BTreeSet<String>>;

/// Objects that are needed.
#[derive(Debug, Default)]
pub(super) struct Needs(BTreeMap<Need, Keys>);

impl Needs {
    /// Adds the objects that one needs.
    fn add_of(&mut self, object: &Object) {
        self.add_pods_of(object);
        self.add_sources_of(object);
    }

    /// Adds the objects that the pods of one refer to.
    pub(super) fn add_pods_of(&mut self, object: &Object) {
        // Pods with an owner come again from its template.
        let is_owned = object.id.kind == "Pod" && !items(object.node.at("metadata.ownerReferences")).is_empty();
        if let (Some(pod), false) = (
            object.pod_template().and_then(|template| template.get("spec")),
            is_owned,
        ) {
            self.add_pod(pod);
        }
    }

    /// Adds the objects that one fills others from, such as the issuer of a certificate.
    pub(super) fn add_sources_of(&mut self, object: &Object) {
        match (&*object.id.group, &*object.id.kind) {
            ("cert-manager.io", "Certificate") => {
                if let Some(issuer) = issuer_of_certificate(object) {
                    self.add(Need::Issuer(issuer));
                }
            }
            ("", "ServiceAccount") => self.add_pull_secrets(&object.node),
            ("external-secrets.io" | "generators.external-secrets.io", _) if !is_reader(object) => {
                self.add_references(&object.node);
            }
            (_, kind) if kind.ends_with("Issuer") => self.add_references(&object.node),
            _ => {}
        }
    }

    /// Leaves out the Secrets.
    pub(super) fn without_secrets(mut self) -> Self {
        self.0.retain(|need, _| !matches!(need, Need::Secret(_)));
        self
    }

    /// Adds what these objects need, as far as they are needed themselves.
    pub(super) fn follow<'o>(&mut self, objects: impl Iterator<Item = &'o Object>) {
        let mut providers: BTreeMap<Need, Vec<&Object>> = BTreeMap::new();
        for object in objects {
            for need in provided(object) {
                providers.entry(need).or_default().push(object);
            }
        }
        let mut next: Vec<Need> = self.0.keys().cloned().collect();
        while let Some(need) = next.pop() {
            for object in providers.remove(&need).into_iter().flatten() {
                let mut needs = Self::default();
                needs.add_of(object);
                for (need, keys) in needs.0 {
                    next.push(need.clone());
                    self.read(need, keys);
                }
            }
        }
    }

    /// Whether an object is needed, or fills one that is.
    pub(super) fn include(&self, object: &Object) -> bool {
        provided(object).iter().any(|need| self.0.contains_key(need))
    }

    fn add(&mut self, need: Need) {
        self.read(need, None);
    }

    fn read(&mut self, need: Need, keys: Keys) {
        match (self.0.entry(need).or_insert_with(|| Some(BTreeSet::new())), keys) {
            (Some(known), Some(keys)) => known.extend(keys),
            (known, None) => *known = None,
            (None, _) => {}
        }
    }

    /// Adds the objects that a pod refers to.
    fn add_pod(&mut self, pod: &Node) {
        for field in ["serviceAccountName", "serviceAccount"] {
            if let Some(name) = text(pod, field) {
                self.add(Need::ServiceAccount(name));
            }
        }
        self.add_pull_secrets(pod);
        for volume in items(pod.get("volumes")) {
            self.add_volume(volume);
        }
        let containers = ["containers", "initContainers"].map(|list| items(pod.get(list)));
        for container in containers.into_iter().flatten() {
            for source in items(container.get("envFrom")) {
                self.read_source(source.get("configMapRef"), "name", Need::ConfigMap);
                self.read_source(source.get("secretRef"), "name", Need::Secret);
            }
            for variable in items(container.get("env")) {
                let from = |field: &str| variable.get("valueFrom")?.get(field);
                self.read_key(from("configMapKeyRef"), Need::ConfigMap);
                self.read_key(from("secretKeyRef"), Need::Secret);
            }
        }
    }

    fn add_pull_secrets(&mut self, node: &Node) {
        for secret in items(node.get("imagePullSecrets")) {
            self.read_source(Some(secret), "name", Need::Secret);
        }
    }

    fn add_volume(&mut self, volume: &Node) {
        self.read_source(volume.get("configMap"), "name", Need::ConfigMap);
        for source in items(volume.at("projected.sources")) {
            self.read_source(source.get("secret"), "name", Need::Secret);
            self.read_source(source.get("configMap"), "name", Need::ConfigMap);
        }
        if let Some(class) = text(volume, "csi.volumeAttributes.secretProviderClass") {
            self.add(Need::Source("SecretProviderClass".to_owned(), class));
        }
        // Drivers sign in with Secrets.
        for source in volume.entries().unwrap_or_default().iter().map(|entry| &entry.value) {
            self.read_source(Some(source), "secretName", Need::Secret);
            self.read_source(source.get("secretRef"), "name", Need::Secret);
            self.read_source(source.get("nodePublishSecretRef"), "name", Need::Secret);
        }
    }

    /// Adds a source of files or variables. `items` may name the keys that are used.
    fn read_source(&mut self, source: Option<&Node>, name: &str, need: fn(String) -> Need) {
        let Some((source, name)) = source.and_then(|source| Some((source, text(source, name)?))) else {
            return;
        };
        let keys: BTreeSet<String> = items(source.get("items"))
            .iter()
            .filter_map(|item| text(item, "key"))
            .collect();
        self.read(need(name), (!keys.is_empty()).then_some(keys));
    }

    fn read_key(&mut self, source: Option<&Node>, need: fn(String) -> Need) {
        let name = source.and_then(|source| Some((text(source, "name")?, text(source, "key")?)));
        if let Some((name, key)) = name {
            self.read(need(name), Some(BTreeSet::from([key])));
        }
    }

    /// Adds the objects that an issuer, a store or an `ExternalSecret` names in any field.
    fn add_references(&mut self, node: &Node) {
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    let (key, value) = (entry.key.scalar.text.to_lowercase(), &entry.value);
                    if key.ends_with("secretname")
                        && let Some(name) = scalar(value)
                    {
                        self.add(Need::Secret(name));
                    }
                    if let Some(name) = text(value, "name") {
                        if key == "configmap" {
                            self.add(Need::ConfigMap(name));
                        } else if key == "secret" {
                            self.add(Need::Secret(name));
                        } else if key.ends_with("serviceaccountref") {
                            self.add(Need::ServiceAccount(name));
                        } else if key.ends_with("storeref") || key.ends_with("generatorref") {
                            let kind = text(value, "kind").unwrap_or_else(|| "SecretStore".to_owned());
                            self.add(Need::Source(kind, name));
                        } else if key.ends_with("ref") {
                            self.add(Need::Secret(name));
                        }
                    }
                    self.add_references(value);
                }
            }
            Value::Sequence(items) => items.iter().for_each(|item| self.add_references(item)),
            Value::Scalar(_) => {}
        }
    }
}

/// The names under which others need an object, or that which it fills.
fn provided(object: &Object) -> Vec<Need> {
    let (kind, name) = (&object.id.kind, &object.id.name);
    let both = |name: &String| vec![Need::Secret(name.clone()), Need::ConfigMap(name.clone())];
    let source = || Need::Source(kind.clone(), name.clone());
    match (&*object.id.group, &**kind) {
        ("", "Secret") => vec![Need::Secret(name.clone())],
        ("", "ConfigMap") => vec![Need::ConfigMap(name.clone())],
        ("", "ServiceAccount") => vec![Need::ServiceAccount(name.clone())],
        ("cert-manager.io", "Certificate") => {
            let secret = object.text("spec.secretName");
            secret.map(Need::Secret).into_iter().collect()
        }
        ("external-secrets.io", "ExternalSecret") => {
            both(&object.text("spec.target.name").unwrap_or_else(|| name.clone()))
        }
        ("external-secrets.io", "ClusterExternalSecret") => {
            let made = object.text("spec.externalSecretName").unwrap_or_else(|| name.clone());
            both(&object.text("spec.externalSecretSpec.target.name").unwrap_or(made))
        }
        ("secrets-store.csi.x-k8s.io", "SecretProviderClass") => {
            let secrets = items(object.node.at("spec.secretObjects")).iter();
            let secrets = secrets.filter_map(|secret| text(secret, "secretName"));
            secrets.map(Need::Secret).chain([source()]).collect()
        }
        ("trust.cert-manager.io", "Bundle") => both(name),
        _ => vec![source(), Need::Issuer(issuer_name(&object.id))],
    }
}

/// Whether an object only reads the Secrets and ConfigMaps that it names.
fn is_reader(object: &Object) -> bool {
    let (group, kind) = (&*object.id.group, &*object.id.kind);
    READERS.contains(&group) && !has_certificate(object)
        || group == "external-secrets.io" && kind.ends_with("PushSecret")
}

/// Whether cert-manager fills the Secrets that an object names (`cert-manager.io/issuer` and `cluster-issuer` of Ingresses and
/// Gateways).
fn has_certificate(object: &Object) -> bool {
    let annotations = object.node.at("metadata.annotations").and_then(Node::entries);
    let mut keys = annotations.into_iter().flatten().map(|entry| &entry.key.scalar.text);
    keys.any(|key| key.starts_with("cert-manager.io/") || key == "kubernetes.io/tls-acme")
}

/// Groups whose objects fill no Secret and no ConfigMap that they name.
const READERS: [&str; 38] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apps",
    "autoscaling",
    "autoscaling.k8s.io",
    "batch",
    "cilium.io",
    "configuration.konghq.com",
    "coordination.k8s.io",
    "crd.projectcalico.org",
    "datadoghq.com",
    "discovery.k8s.io",
    "elbv2.k8s.aws",
    "events.k8s.io",
    "gateway.envoyproxy.io",
    "gateway.networking.k8s.io",
    "keda.sh",
    "monitoring.coreos.com",
    "monitoring.googleapis.com",
    "networking.gke.io",
    "networking.istio.io",
    "networking.k8s.io",
    "node.k8s.io",
    "notification.toolkit.fluxcd.io",
    "operator.victoriametrics.com",
    "policy",
    "projectcontour.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "route.openshift.io",
    "scheduling.k8s.io",
    "security.istio.io",
    "snapshot.storage.k8s.io",
    "source.toolkit.fluxcd.io",
    "storage.k8s.io",
    "telemetry.istio.io",
    "traefik.containo.us",
    "traefik.io",
];

/// The objects that members rely on.
#[derive(Debug)]
pub(super) struct Reliance(Needs);

impl Reliance {
    /// Finds what the members of these clusters rely on, by these objects.
    pub(super) fn of(clusters: &[&ObservedCluster], objects: &[&Objects]) -> Self {
        let mut needs = Needs::default();
        for cluster in clusters {
            needs.add_of(&cluster.set);
        }
        needs.follow(objects.iter().flat_map(|objects| objects.iter()));
        Self(needs)
    }

    /// Whether members rely on a Secret of this name.
    pub(super) fn has_secret(&self, name: &str) -> bool {
        self.0.0.contains_key(&Need::Secret(name.to_owned()))
    }

    /// Whether members rely on an object. One of an unknown kind that names something that they rely on may fill it.
    pub(super) fn includes(&self, object: &Object) -> bool {
        let has_name = |name: &String| {
            let needs = [Need::Secret(name.clone()), Need::ConfigMap(name.clone())];
            needs.iter().any(|need| self.0.0.contains_key(need))
        };
        match (&*object.id.group, &*object.id.kind) {
            ("", "ServiceAccount") => false,
            (
                ""
                | "cert-manager.io"
                | "external-secrets.io"
                | "generators.external-secrets.io"
                | "secrets-store.csi.x-k8s.io"
                | "trust.cert-manager.io",
                _,
            ) => !is_reader(object) && self.0.include(object),
            _ if is_reader(object) => false,
            _ => {
                self.0.include(object)
                    || has_name(&object.id.name)
                    || object.node.get("spec").is_some_and(|spec| has_scalar(spec, &has_name))
            }
        }
    }

    /// Whether members read a key of a Secret or ConfigMap that they rely on.
    pub(super) fn reads(&self, object: &Object, path: &str) -> bool {
        let keys = provided(object).into_iter().find_map(|need| self.0.0.get(&need));
        let Some(Some(keys)) = keys else {
            return true;
        };
        let fields = ["data", "binaryData"].map(|field| Path::default().join(Segment::Field(field.to_owned())));
        let is_key = |field: &Path| {
            let mut keys = keys.iter();
            keys.any(|key| field.join(Segment::Key(key.clone())).to_string() == path)
        };
        let is_of_data = path.starts_with("data[") || path.starts_with("binaryData[");
        !is_of_data || fields.iter().any(is_key)
    }
}

fn has_scalar(node: &Node, is: &impl Fn(&String) -> bool) -> bool {
    match &node.value {
        Value::Mapping(entries) => entries.iter().any(|entry| has_scalar(&entry.value, is)),
        Value::Sequence(items) => items.iter().any(|item| has_scalar(item, is)),
        Value::Scalar(_) => scalar(node).as_ref().is_some_and(is),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTS: &str = "
{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {serviceAccountName: account, volumes: [{name: a, secret: {secretName: a}}]}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: account}, imagePullSecrets: [{name: registry}]}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: a}
spec:
  target: {template: {templateFrom: [{configMap: {name: template}}]}}
  data: [{sourceRef: {storeRef: {name: near}}}]
  dataFrom: [{sourceRef: {generatorRef: {kind: Password, name: made}}}]
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: near}
spec: {provider: {vault: {auth: {kubernetes: {serviceAccountRef: {name: of-store}}, tokenSecretRef: {name: token}}}}}
---
{apiVersion: external-secrets.io/v1, kind: ClusterSecretStore, metadata: {name: near}, spec: {provider: {fake: {ref: {name: far}}}}}
";

    #[test]
    fn needs_are_followed() {
        let objects = Objects::read(OBJECTS, "default").expect("objects");
        let mut needs = Needs::default();
        needs.add_pods_of(objects.iter().next().expect("a pod"));
        needs.follow(objects.iter());
        let of = |need: fn(String) -> Need, name: &str| need(name.to_owned());
        let source = |kind: &str, name: &str| Need::Source(kind.to_owned(), name.to_owned());
        let expected = BTreeSet::from([
            of(Need::Secret, "a"),
            of(Need::Secret, "registry"),
            of(Need::Secret, "token"),
            of(Need::ConfigMap, "template"),
            of(Need::ServiceAccount, "account"),
            of(Need::ServiceAccount, "of-store"),
            source("SecretStore", "near"),
            source("Password", "made"),
        ]);
        assert_eq!(needs.0.into_keys().collect::<BTreeSet<_>>(), expected);
    }
}
