//! The objects of an installation, wherever they are known from.

use rutter::yaml::{self, Node, Value};
use rutter::{Diagnostic, Manifest, stream};

use crate::codes::UNKNOWN_CLUSTER;

/// Kubernetes objects, found by what they are called.
#[derive(Debug)]
pub(super) struct Objects {
    all: Vec<Object>,
    /// Whether something was given that is none, such as values.
    has_others: bool,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) id: Id,
    /// The object itself.
    pub(super) node: Node,
}

/// What an object is called.
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
    /// The objects of a stream that says what is installed, those without a namespace being in `namespace`.
    pub(super) fn read(text: &str, namespace: &str) -> Result<Self, Vec<Diagnostic>> {
        let nodes = stream::objects(text).map_err(|problems| {
            // Without its place, which would be taken for one in what is desired.
            let unread =
                |problem: Diagnostic| unknown(format!("what is installed cannot be read: {}", problem.message));
            problems.into_iter().map(unread).collect::<Vec<_>>()
        })?;
        let given = nodes.len();
        let objects = nodes.into_iter().filter_map(|node| Object::new(node, namespace));
        let all: Vec<Object> = objects.collect();
        Ok(Self {
            has_others: all.len() < given || all.iter().any(|object| object.id.group == "etcd.rutter.dev"),
            all,
        })
    }

    /// The objects of a rendering.
    pub(super) fn of(manifests: &[Manifest], namespace: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut objects = Vec::new();
        for manifest in manifests {
            let node = yaml::parse(&manifest.document, 0, 1)?;
            objects.extend(node.and_then(|node| Object::new(node, namespace)));
        }
        Ok(Self {
            all: objects,
            has_others: false,
        })
    }

    /// Whether it says something of what is there that is not understood.
    pub(super) fn is_foreign(&self) -> bool {
        self.has_others
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.all.iter()
    }

    pub(super) fn get(&self, id: &Id) -> Option<&Object> {
        self.all.iter().find(|object| object.id == *id)
    }

    pub(super) fn of_kind(&self, group: &str, kind: &str) -> impl Iterator<Item = &Object> {
        let is = move |object: &&Object| object.id.group == group && object.id.kind == kind;
        self.all.iter().filter(is)
    }
}

/// Refuses what says nothing of what is installed.
pub(super) fn unknown(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(&UNKNOWN_CLUSTER, "", message).help("give what `kubectl get` or `helm get manifest` prints")
}

impl Object {
    fn new(node: Node, namespace: &str) -> Option<Self> {
        let text = |path: &str| scalar(node.at(path)?);
        let api_version = text("apiVersion")?;
        let kind = text("kind")?;
        let name = text("metadata.name").filter(|name| is_plain(name))?;
        let namespace = if CLUSTER_WIDE.contains(&kind.as_str()) {
            String::new()
        } else {
            text("metadata.namespace").unwrap_or_else(|| namespace.to_owned())
        };
        Some(Self {
            id: Id {
                group: api_version.split_once('/').map_or("", |(group, _)| group).to_owned(),
                kind,
                namespace,
                name,
            },
            node,
        })
    }

    /// The text of the scalar at a path.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        scalar(self.node.at(path)?)
    }
}

/// Whether this is a name as Kubernetes has them, which means nothing to a shell.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
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
