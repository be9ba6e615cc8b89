//! What hosts note on objects, in annotations: in which file one lies, what it was called, who hands it over.

use super::list::Item;
use super::results::{File, Reference, Subject};
use crate::stream::{Identity, group};
use crate::yaml::Node;

/// Says that an object is for tools alone, and not to be applied.
pub(super) const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// Where a host says in which file an object lies, the older spelling last.
const FILE_PATHS: [&str; 2] = ["internal.config.kubernetes.io/path", "config.kubernetes.io/path"];

/// Where a host says the how manieth of its file an object is.
const FILE_INDEXES: [&str; 2] = ["internal.config.kubernetes.io/index", "config.kubernetes.io/index"];

/// What Kustomize alone notes on its objects (kustomize's `api/internal/plugins/utils/utils.go`).
const KUSTOMIZE_ID: &str = "kustomize.config.k8s.io/id";

/// Has Kustomize put a hash into an object's name.
pub(super) const NEEDS_HASH: &str = "kustomize.config.k8s.io/needs-hash";

/// Names and values.
pub(super) type HostAnnotations = Vec<(String, String)>;

/// What an object is, as it is written.
pub(super) fn identity(node: &Node) -> Identity {
    let text = |path: &str| node.at(path).and_then(Node::as_str).unwrap_or_default().to_owned();
    let group = group(&text("apiVersion")).to_owned();
    [group, text("kind"), text("metadata.namespace"), text("metadata.name")]
}

/// Whether Kustomize hands these items over: it notes what it calls them on all of them, but for a generator's, which are
/// none of its own.
pub(super) fn are_of_kustomize(items: &[Item<'_>]) -> bool {
    let noted = |item: &Item<'_>| {
        // One that our parser does not accept at least mentions it.
        item.parse()
            .map_or(true, |node| annotation(&node, KUSTOMIZE_ID).is_some())
    };
    // Most hosts' items do not even mention it, and need not be parsed for this.
    !items.is_empty() && items.iter().all(|item| item.text.contains(KUSTOMIZE_ID)) && items.iter().all(noted)
}

/// An object as hosts refer to it.
pub(super) fn subject(node: &Node) -> Subject {
    let text = |path: &str| node.at(path).and_then(Node::as_str).unwrap_or_default().to_owned();
    let path = FILE_PATHS.iter().find_map(|name| annotation(node, name));
    let index = FILE_INDEXES
        .iter()
        .find_map(|name| annotation(node, name)?.parse().ok());
    Subject {
        reference: Reference {
            api_version: text("apiVersion"),
            kind: text("kind"),
            name: text("metadata.name"),
            namespace: text("metadata.namespace"),
        },
        file: path.map(|path| File {
            path: path.to_owned(),
            index,
        }),
    }
}

/// What an annotation of an object says.
pub(super) fn annotation<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    node.get("metadata")?.get("annotations")?.get(name)?.as_str()
}

/// The annotations by which a host finds an object's file, its comments and its past again.
pub(super) fn annotations(node: &Node) -> HostAnnotations {
    let annotations = node
        .at("metadata.annotations")
        .and_then(Node::entries)
        .unwrap_or_default();
    let text = annotations
        .iter()
        .filter_map(|entry| Some((entry.key.scalar.text.as_str(), entry.value.as_str()?)));
    let is_of_host = |name: &str| {
        [
            "internal.config.kubernetes.io/",
            "internal.config.k8s.io/",
            "internal.kpt.dev/",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
            || [
                "config.kubernetes.io/path",
                "config.kubernetes.io/index",
                "config.k8s.io/id",
            ]
            .contains(&name)
    };
    text.filter(|(name, _)| is_of_host(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
