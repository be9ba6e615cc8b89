//! Reads all Kubernetes objects of a stream, such as those that are installed.
//!
//! Whoever reads them takes what is missing for absent. So each document and each item of a list is returned as an object
//! with its `apiVersion` and `kind`, or is reported.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use super::{Identity, group, split};
use crate::yaml::{self, Entry, INVALID_VALUE, Key, MISSING_FIELD, Node, Scalar, Value, WRONG_TYPE, YAML_FEATURE};
use crate::{Diagnostic, Diagnostics};

/// Most problems that are reported.
const MOST: usize = 100;

/// Returns all Kubernetes objects of a stream. A list, which is how `kubectl get` writes several objects, stands for its
/// items; those of a `ServiceList` need no `apiVersion` and `kind` of their own.
///
/// Each object that is returned has a text as `apiVersion`, `kind` and `metadata.name`; a text as
/// `metadata.generateName` does for the name. No two have the same group, kind, namespace and name. An object without a
/// namespace is in none here: the caller knows which one is meant.
///
/// # Errors
///
/// Documents that are not YAML or not objects, objects that are given twice, and a text without any document: it is rather
/// the output of a command that failed than a statement that there are no objects, which is an empty list.
pub fn objects(text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let mut is_empty = true;
    for document in split(text)?.iter().filter(|document| !document.is_blank()) {
        if reader.is_full() {
            break;
        }
        match yaml::parse(document.text, 0, document.first_line) {
            // Nothing but comments and directives, or `null`, which Kubernetes' tools skip.
            Ok(None) => {}
            Ok(Some(node)) if node.is_null() => {}
            Ok(Some(node)) => {
                is_empty = false;
                reader.add(node, "", None);
            }
            Err(problems) => reader.diagnostics.extend(problems),
        }
    }
    if is_empty && !reader.diagnostics.has_errors() {
        let problem = Diagnostic::new(&YAML_FEATURE, "", "there are no objects, and no list without objects")
            .help("give objects as `kubectl get -o yaml` writes them; if there are none, it writes an empty List");
        return Err(vec![problem]);
    }
    if reader.diagnostics.has_errors() {
        return Err(reader.diagnostics.into_vec());
    }
    Ok(reader.objects)
}

#[derive(Default)]
struct Reader {
    objects: Vec<Node>,
    /// The line of each object.
    seen: BTreeMap<Identity, u32>,
    diagnostics: Diagnostics,
}

/// What the items of a typed list are, if they do not say it themselves.
#[derive(Clone)]
struct ItemType {
    api_version: String,
    kind: String,
}

impl Reader {
    fn is_full(&self) -> bool {
        self.diagnostics.iter().nth(MOST).is_some()
    }

    fn report(&mut self, diagnostic: Diagnostic, node: &Node) {
        self.diagnostics.push(diagnostic.at(Some(node.place.position)));
    }

    /// Adds the object or the objects that a node is. `path` is empty, or ends in a dot.
    fn add(&mut self, mut node: Node, path: &str, item_type: Option<&ItemType>) {
        if node.entries().is_none() {
            let message = format!("expected a Kubernetes object, found {}", node.describe());
            let help = "write each object as a document of its own, after `---`, or as an item of a List";
            self.report(
                Diagnostic::new(&WRONG_TYPE, path.trim_end_matches('.'), message).help(help),
                &node,
            );
            return;
        }
        if let Some(item_type) = item_type {
            item_type.complete(&mut node);
        }
        let (Some(api_version), Some(kind)) = (self.text(&node, path, "apiVersion"), self.text(&node, path, "kind"))
        else {
            return;
        };
        match node.get("items").map(|items| &items.value) {
            _ if kind == "List" && group(&api_version).is_empty() => self.add_items(node, path, None),
            Some(Value::Sequence(_)) if kind.ends_with("List") => {
                // What a ResourceList holds is of any kind.
                let item_kind = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
                let item_kind = item_kind.filter(|_| group(&api_version) != "config.kubernetes.io");
                let item_type = item_kind.map(|kind| ItemType {
                    kind: kind.to_owned(),
                    api_version: api_version.clone(),
                });
                self.add_items(node, path, item_type.as_ref());
            }
            Some(Value::Scalar(scalar)) if kind.ends_with("List") && scalar.is_null() => {}
            Some(Value::Sequence(items)) if items.iter().any(is_object) => {
                let message = format!("there are objects inside the {kind}, which is not a list");
                let help = "write each object as a document of its own, after `---`, or as an item of a List";
                self.report(
                    Diagnostic::new(&YAML_FEATURE, format!("{path}items"), message).help(help),
                    &node,
                );
            }
            _ => self.add_object(node, path, api_version, kind),
        }
    }

    fn add_items(&mut self, list: Node, path: &str, item_type: Option<&ItemType>) {
        let place = list.place;
        let entries = match list.value {
            Value::Mapping(entries) => entries,
            Value::Scalar(_) | Value::Sequence(_) => Vec::new(),
        };
        let items = entries.into_iter().find(|entry| entry.key.scalar.text == "items");
        let (items, place) = items.map_or((None, place), |items| (Some(items.value.value), items.value.place));
        match items {
            Some(Value::Sequence(items)) => {
                for (index, item) in items.into_iter().enumerate() {
                    if self.is_full() {
                        return;
                    }
                    self.add(item, &format!("{path}items[{index}]."), item_type);
                }
            }
            // What Go writes of a slice that is nil.
            Some(Value::Scalar(scalar)) if scalar.is_null() => {}
            _ => {
                let path = format!("{path}items");
                let problem = Diagnostic::new(&MISSING_FIELD, path, "a List requires a list of items")
                    .help("write items: [] if there are none")
                    .at(Some(place.position));
                self.diagnostics.push(problem);
            }
        }
    }

    fn add_object(&mut self, node: Node, path: &str, api_version: String, kind: String) {
        let text = |field: &str| {
            let value = node.at(field)?;
            value.as_str().filter(|text| !text.is_empty())
        };
        let namespace = node.at("metadata.namespace").filter(|namespace| !namespace.is_null());
        if let Some(namespace) = namespace.filter(|namespace| namespace.as_str().is_none()) {
            let message = format!("expected a string, found {}", namespace.describe());
            let problem = Diagnostic::new(&WRONG_TYPE, format!("{path}metadata.namespace"), message);
            let place = namespace.place;
            self.diagnostics.push(problem.at(Some(place.position)));
            return;
        }
        let Some(name) = text("metadata.name") else {
            if text("metadata.generateName").is_some() {
                self.objects.push(node);
                return;
            }
            let message = format!("the {kind} has no name");
            let problem = Diagnostic::new(&MISSING_FIELD, format!("{path}metadata.name"), message)
                .help("give objects as `kubectl get -o yaml` writes them");
            self.report(problem, &node);
            return;
        };
        let identity: Identity = [
            group(&api_version).to_owned(),
            kind,
            text("metadata.namespace").unwrap_or_default().to_owned(),
            name.to_owned(),
        ];
        match self.seen.entry(identity) {
            Slot::Vacant(slot) => {
                slot.insert(node.place.position.line);
                self.objects.push(node);
            }
            Slot::Occupied(slot) => {
                let [_, kind, _, name] = slot.key();
                let message = format!("the {kind} {name:?} is given twice, first on line {}", slot.get());
                let problem = Diagnostic::new(&INVALID_VALUE, format!("{path}metadata.name"), message)
                    .help("give each object once");
                let place = node.place;
                self.diagnostics.push(problem.at(Some(place.position)));
            }
        }
    }

    /// Returns the text of a required field, or reports that there is none.
    fn text(&mut self, node: &Node, path: &str, key: &str) -> Option<String> {
        let value = node.get(key).filter(|value| !value.is_null());
        let text = value.and_then(Node::as_str).filter(|text| !text.is_empty());
        if text.is_none() {
            let message = match value {
                None => format!("a Kubernetes object requires {key}"),
                Some(value) => format!("expected a string, found {}", value.describe()),
            };
            let help = if path.is_empty() {
                "give objects as `kubectl get -o yaml` writes them"
            } else {
                "write apiVersion and kind into each item, as `kubectl get -o yaml` does"
            };
            let problem = Diagnostic::new(&MISSING_FIELD, format!("{path}{key}"), message).help(help);
            self.report(problem, value.unwrap_or(node));
        }
        text.map(str::to_owned)
    }
}

impl ItemType {
    /// Adds `apiVersion` and `kind` where an item of a typed list has none. An item of another kind keeps what it says.
    fn complete(&self, item: &mut Node) {
        let is_missing = |key: &str| item.get(key).is_none_or(Node::is_null);
        let (no_version, no_kind) = (is_missing("apiVersion"), is_missing("kind"));
        let is_of_list = item.get("kind").and_then(Node::as_str) == Some(&self.kind);
        if no_kind && no_version {
            set(item, "kind", &self.kind);
        }
        if no_version && (no_kind || is_of_list) {
            set(item, "apiVersion", &self.api_version);
        }
    }
}

fn set(item: &mut Node, key: &str, text: &str) {
    let place = item.place;
    let Value::Mapping(entries) = &mut item.value else {
        return;
    };
    // One that is null.
    entries.retain(|entry| entry.key.scalar.text != key);
    let key = Key {
        scalar: Scalar::quoted(key),
        place,
    };
    let value = Node {
        value: Value::Scalar(Scalar::quoted(text)),
        place,
    };
    entries.insert(0, Entry { key, value });
}

fn is_object(node: &Node) -> bool {
    node.get("apiVersion").is_some() && node.get("kind").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each object is, or the paths of what is refused.
    fn read(text: &str) -> Result<Vec<String>, Vec<String>> {
        let nodes = objects(text).map_err(|problems| {
            let paths = problems.into_iter().map(|problem| problem.path);
            paths.collect::<Vec<_>>()
        })?;
        let what = |node: &Node| {
            let text = |path: &str| node.at(path).and_then(Node::as_str).unwrap_or("?").to_owned();
            let parts = ["apiVersion", "kind", "metadata.name"].map(text);
            parts.join(" ")
        };
        Ok(nodes.iter().map(what).collect())
    }

    #[test]
    fn lists_stand_for_their_items() {
        for (text, expected) in [
            ("{apiVersion: v1, kind: Pod, metadata: {name: a}}", &["v1 Pod a"][..]),
            ("{apiVersion: v1, kind: List, items: []}", &[]),
            ("{apiVersion: v1, kind: List, items: null}", &[]),
            ("{apiVersion: v1, kind: PodList, items: null}", &[]),
            (
                "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: a}}]}",
                &["v1 Pod a"],
            ),
            (
                "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, \
                 metadata: {name: a}}]}]}",
                &["v1 Pod a"],
            ),
            // Their kind is that of the list, unless they have one.
            (
                "{apiVersion: apps/v1, kind: StatefulSetList, items: [{metadata: {name: a}}, {kind: null, metadata: {name: \
                 b}}, {kind: StatefulSet, metadata: {name: c}}, {apiVersion: v1, kind: Pod, metadata: {name: d}}]}",
                &[
                    "apps/v1 StatefulSet a",
                    "apps/v1 StatefulSet b",
                    "apps/v1 StatefulSet c",
                    "v1 Pod d",
                ],
            ),
            (
                "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: PodList, items: [{metadata: {name: a}}]}]}",
                &["v1 Pod a"],
            ),
            // Kinds that only sound like a list.
            (
                "{apiVersion: example.com/v1, kind: AllowList, metadata: {name: a}, spec: {items: [1]}}",
                &["example.com/v1 AllowList a"],
            ),
            (
                "{apiVersion: example.com/v1, kind: AllowList, metadata: {name: a}, items: {b: 1}}",
                &["example.com/v1 AllowList a"],
            ),
            (
                "{apiVersion: v1, kind: Job, metadata: {generateName: a-}}",
                &["v1 Job ?"],
            ),
            (
                "null\n---\n# nothing\n---\n{apiVersion: v1, kind: Pod, metadata: {name: a}}",
                &["v1 Pod a"],
            ),
            // A name of two groups, of two namespaces, and of two kinds.
            (
                "{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: b/v1, kind: A, metadata: {name: a}}\n\
                 ---\n{apiVersion: v1, kind: A, metadata: {name: a, namespace: b}}\n\
                 ---\n{apiVersion: v1, kind: B, metadata: {name: a}}",
                &["v1 A a", "b/v1 A a", "v1 A a", "v1 B a"],
            ),
        ] {
            assert_eq!(
                read(text),
                Ok(expected.iter().map(|what| (*what).to_owned()).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for (text, expected) in [
            ("", &[""][..]),
            ("# nothing\n---\nnull\n", &[""]),
            ("replicas: 3", &["apiVersion", "kind"]),
            ("{}", &["apiVersion", "kind"]),
            ("text", &[""]),
            ("[{apiVersion: v1, kind: Pod, metadata: {name: a}}]", &[""]),
            ("{apiVersion: v1, metadata: {name: a}}", &["kind"]),
            ("{kind: Pod, metadata: {name: a}}", &["apiVersion"]),
            ("{apiVersion: [], kind: Pod, metadata: {name: a}}", &["apiVersion"]),
            ("{apiVersion: v1, kind: Pod}", &["metadata.name"]),
            ("{apiVersion: v1, kind: Pod, metadata: {name: ''}}", &["metadata.name"]),
            (
                "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: []}}",
                &["metadata.namespace"],
            ),
            ("{apiVersion: v1, kind: List}", &["items"]),
            ("{apiVersion: v1, kind: List, items: {}}", &["items"]),
            ("{apiVersion: v1, kind: PodList}", &["metadata.name"]),
            (
                "{apiVersion: v1, kind: List, items: [1, null]}",
                &["items[0]", "items[1]"],
            ),
            (
                "{apiVersion: v1, kind: List, items: [{metadata: {name: a}}]}",
                &["items[0].apiVersion", "items[0].kind"],
            ),
            (
                "{apiVersion: v1, kind: PodList, items: [{kind: Service, metadata: {name: a}}]}",
                &["items[0].apiVersion"],
            ),
            (
                "{apiVersion: v1, kind: PodList, items: [{apiVersion: v1, metadata: {name: a}}]}",
                &["items[0].kind"],
            ),
            (
                "{apiVersion: config.kubernetes.io/v1, kind: ResourceList, items: [{metadata: {name: a}}]}",
                &["items[0].apiVersion", "items[0].kind"],
            ),
            (
                "{apiVersion: v1, kind: Table, items: [{apiVersion: v1, kind: Pod, metadata: {name: a}}]}",
                &["items"],
            ),
            (
                "{apiVersion: policy/v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: policy/v1beta1, kind: A, \
                 metadata: {name: a}}",
                &["metadata.name"],
            ),
            (
                "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: PodList, items: [{metadata: {name: a}}, \
                 {metadata: {name: a}}]}]}",
                &["items[0].items[1].metadata.name"],
            ),
            ("{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n{", &[""]),
            ("# a comment\rreplicas: 3", &["apiVersion", "kind"]),
            ("---#", &[""]),
        ] {
            assert_eq!(
                read(text),
                Err(expected.iter().map(|path| (*path).to_owned()).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn no_more_problems_are_told_than_anyone_reads() {
        let text = "---\na: 1\n".repeat(10_000);
        assert!(read(&text).is_err_and(|paths| paths.len() < 300));
        let list = format!("{{apiVersion: v1, kind: List, items: [{}]}}", "1,".repeat(10_000));
        assert!(read(&list).is_err_and(|paths| paths.len() < 300));
    }
}
