//! The objects of an installation, wherever they come from.

use std::collections::BTreeMap;

use rutter::yaml::{self, Node, Value};
use rutter::{Diagnostic, Manifest, stream};

use super::difference::as_stored;
use super::observed::quoted;
use crate::codes::UNKNOWN_CLUSTER;

/// Kubernetes objects, found by their names.
#[derive(Debug)]
pub(super) struct Objects {
    all: Vec<Object>,
    by_id: BTreeMap<Id, usize>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) id: Id,
    pub(super) node: Node,
}

/// The kind and the name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) group: String,
    pub(super) kind: String,
    /// Empty for an object of the whole Kubernetes cluster.
    pub(super) namespace: String,
    pub(super) name: String,
}

/// Kinds that have no namespace, of those that are rendered.
const CLUSTER_WIDE: [&str; 1] = ["ClusterIssuer"];

impl Objects {
    /// Reads installed objects. Those without a namespace are in `namespace`.
    ///
    /// Each document has to be an object that is understood as one: what is left out would count as absent.
    pub(super) fn read(text: &str, namespace: &str) -> Result<Self, Vec<Diagnostic>> {
        let nodes = stream::objects(text).map_err(|problems| {
            // Without its place, which would be taken for one in the values.
            let unread =
                |problem: Diagnostic| unknown(format!("the installed objects cannot be read: {}", problem.message));
            problems.into_iter().map(unread).collect::<Vec<_>>()
        })?;
        let mut problems = Vec::new();
        let mut all = Vec::new();
        for node in nodes {
            match Object::new(node, namespace) {
                Ok(object) if object.id.group == "etcd.rutter.dev" => problems.push(unknown(format!(
                    "the {} {} is not installed, its manifests are: give these",
                    object.id.kind,
                    quoted(&object.id.name)
                ))),
                Ok(object) => all.push(object),
                Err(message) => problems.push(unknown(message)),
            }
        }
        let objects = Self::index(all);
        if objects.by_id.len() < objects.all.len() {
            let twice = objects
                .all
                .iter()
                .enumerate()
                .filter(|(index, object)| objects.by_id[&object.id] != *index);
            problems.extend(twice.map(|(_, object)| {
                unknown(format!(
                    "the {} {} is there twice, and which one is installed is not known",
                    object.id.kind,
                    quoted(&object.id.name)
                ))
            }));
        }
        if problems.is_empty() {
            Ok(objects)
        } else {
            Err(problems)
        }
    }

    /// The objects of a rendering, in the order of its manifests.
    pub(super) fn of(manifests: &[Manifest], namespace: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut all = Vec::new();
        for manifest in manifests {
            let node = yaml::parse(&manifest.document, 0, 1)?;
            let object = node.map(|node| Object::new(node, namespace));
            match object {
                Some(Ok(object)) => all.push(object),
                Some(Err(message)) => return Err(vec![unknown(message)]),
                None => return Err(vec![unknown(format!("{} is empty", manifest.file_name))]),
            }
        }
        Ok(Self::index(all))
    }

    fn index(all: Vec<Object>) -> Self {
        let by_id = all
            .iter()
            .enumerate()
            .map(|(index, object)| (object.id.clone(), index))
            .collect();
        Self { all, by_id }
    }

    /// These objects, and those of `others` that are not among them. Certificates count only where they are rendered.
    pub(super) fn over(&self, others: &Self) -> Self {
        let kept = others
            .all
            .iter()
            .filter(|other| matches!(&*other.id.kind, "ConfigMap" | "Secret") && !self.by_id.contains_key(&other.id));
        Self::index(self.all.iter().chain(kept).cloned().collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.all.iter()
    }

    pub(super) fn get(&self, id: &Id) -> Option<&Object> {
        self.all.get(*self.by_id.get(id)?)
    }

    pub(super) fn of_kind(&self, group: &str, kind: &str) -> impl Iterator<Item = &Object> {
        let is = move |object: &&Object| object.id.group == group && object.id.kind == kind;
        self.all.iter().filter(is)
    }
}

fn unknown(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(&UNKNOWN_CLUSTER, "", message).help("give what `kubectl get -o yaml` or `helm get manifest` prints")
}

impl Object {
    fn new(node: Node, namespace: &str) -> Result<Self, String> {
        let text = |path: &str| node.at(path).and_then(scalar);
        let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
            return Err("a document is no Kubernetes object: it has no apiVersion or no kind".to_owned());
        };
        let Some(name) = text("metadata.name") else {
            return Err(format!("an object of the kind {} has no name", quoted(&kind)));
        };
        if !is_plain(&name) || !is_plain(&kind) {
            return Err(format!(
                "{} is no name of an object of the kind {}",
                quoted(&name),
                quoted(&kind)
            ));
        }
        let namespace = if CLUSTER_WIDE.contains(&kind.as_str()) {
            String::new()
        } else {
            text("metadata.namespace").unwrap_or_else(|| namespace.to_owned())
        };
        if !namespace.is_empty() && !is_dns_name(&namespace) {
            return Err(format!("{} is no name of a namespace", quoted(&namespace)));
        }
        // StatefulSets give pods, and so members, their names.
        if kind == "StatefulSet" && !is_dns_name(&name) {
            return Err(format!("{} is no name of a StatefulSet", quoted(&name)));
        }
        let group = api_version.split_once('/').map_or("", |(group, _)| group).to_owned();
        let is_secret = group.is_empty() && kind == "Secret";
        Ok(Self {
            id: Id {
                group,
                kind,
                namespace,
                name,
            },
            node: if is_secret { as_stored(&node) } else { node },
        })
    }

    /// The object of a manifest.
    pub(super) fn of_manifest(manifest: &Manifest, namespace: &str) -> Option<Self> {
        let node = yaml::parse(&manifest.document, 0, 1).ok()??;
        Self::new(node, namespace).ok()
    }

    /// The template of the pods that it has, or the pod that it is; none of what is known to have none.
    pub(super) fn pod_template(&self) -> Option<&Node> {
        match &*self.id.kind {
            "Pod" => Some(&self.node),
            "CronJob" => self.node.at("spec.jobTemplate.spec.template"),
            _ => self.node.at("spec.template"),
        }
    }

    /// The text of the scalar at a path.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        scalar(self.node.at(path)?)
    }
}

/// Whether two manifests of this cluster are of the same object.
pub(super) fn is_same_object(manifest: &Manifest, other: &Manifest) -> bool {
    (&manifest.kind, &manifest.name) == (&other.kind, &other.name)
}

/// Whether this is a name as Kubernetes has them: of letters, digits, `.`, `_`, `:` and `-`.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    name.len() <= 253 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}

/// Whether this is a name of a namespaced object: a DNS subdomain.
pub(super) fn is_dns_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253 && name.starts_with(end) && name.ends_with(end) && name.chars().all(inner)
}

/// The text of a scalar that is not null.
pub(super) fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar(scalar) if !scalar.is_null() => Some(scalar.text.clone()),
        _ => None,
    }
}

/// The items of a list; none of what is no list.
pub(super) fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    }
}

/// A text that is equal for equal nodes, wherever they are.
pub(super) fn strip_places(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) => format!("{:?}", scalar.text),
        Value::Sequence(items) => format!("[{}]", items.iter().map(strip_places).collect::<Vec<_>>().join(",")),
        Value::Mapping(entries) => {
            let mut entries: Vec<String> = entries
                .iter()
                // An API server adds it to references of fields.
                .filter(|entry| entry.key.scalar.text != "apiVersion" && !entry.value.is_null())
                .map(|entry| format!("{:?}:{}", entry.key.scalar.text, strip_places(&entry.value)))
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
    }
}
