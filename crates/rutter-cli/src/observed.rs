//! Reads installed objects, and keeps those of the kinds that a package observes.
//!
//! A namespace can hold far more than a package may be given. A text that is larger than one document may be is read
//! object by object, so that only the objects that are kept, and the one that is being read, are in memory. Values of a
//! kind whose keys alone are wanted, such as those of Secrets, never reach the package.

mod json;
mod lines;

use std::collections::BTreeMap;
use std::io::{self, Read};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rutter::stream;
use rutter::yaml::{self, Node, Scalar, Value, YAML_LIMIT};
use rutter::{Diagnostic, Manifest, ObjectKind};

/// A text up to this size is read as a whole. It is the largest document that is read.
const WHOLE: usize = 8 << 20;

/// An error in installed objects.
#[derive(Debug)]
pub(crate) enum Problem {
    /// They cannot be read.
    Unreadable(io::Error),
    /// They are not what was expected.
    Refused(Vec<Diagnostic>),
}

impl From<Diagnostic> for Problem {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Refused(vec![diagnostic])
    }
}

impl From<Vec<Diagnostic>> for Problem {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self::Refused(diagnostics)
    }
}

/// The source of the installed objects.
#[derive(Debug)]
pub(crate) enum Installed {
    /// The bytes as they were read, which may be values.
    Whole(Vec<u8>),
    /// The observed objects of a larger text, as a stream.
    Objects(String),
}

/// Reads what is installed.
///
/// # Errors
///
/// If it cannot be read, or is larger than one document may be and does not consist of objects.
pub(crate) fn read(reader: impl Read, kinds: &[ObjectKind], rendered: &NamedSecrets) -> Result<Installed, Problem> {
    read_beyond(WHOLE, reader, kinds, rendered)
}

/// The same where a text is read as a whole up to this size.
fn read_beyond(
    whole: usize,
    mut reader: impl Read,
    kinds: &[ObjectKind],
    rendered: &NamedSecrets,
) -> Result<Installed, Problem> {
    let mut start = Vec::new();
    let most = u64::try_from(whole).unwrap_or(u64::MAX);
    reader
        .by_ref()
        .take(most + 1)
        .read_to_end(&mut start)
        .map_err(Problem::Unreadable)?;
    if start.len() <= whole {
        return Ok(Installed::Whole(start));
    }
    let is_json = start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let mut kept = Kept {
        rendered: Some(rendered),
        ..Kept::new(kinds)
    };
    let all = io::Cursor::new(start).chain(reader);
    if is_json {
        json::read(all, &mut kept)?;
    } else {
        lines::read(all, &mut kept)?;
    }
    Ok(Installed::Objects(kept.finish()))
}

/// Keeps the objects of an answer of kubectl about these kinds: one list or object in JSON.
///
/// # Errors
///
/// As for [`read`], and if the answer is empty or about anything else. It would be taken for no objects.
pub(crate) fn read_json(reader: impl Read, kinds: &[ObjectKind]) -> Result<String, Problem> {
    let mut kept = Kept {
        is_answer: true,
        ..Kept::new(kinds)
    };
    json::read(reader, &mut kept)?;
    Ok(kept.text)
}

/// Keeps the observed objects of a text that is held whole. If that is all of it, it stays as it is.
///
/// # Errors
///
/// If it does not consist of objects.
pub(crate) fn reduce(text: &str, kinds: &[ObjectKind], rendered: &NamedSecrets) -> Result<String, Problem> {
    let nodes = stream::objects(text)?;
    let is_kept = |node: &Node| matches!(kind_of(node, kinds), Some(kind) if !kind.keys_only);
    if kinds.is_empty() || nodes.iter().all(is_kept) {
        return Ok(text.to_owned());
    }
    let mut kept = Kept {
        rendered: Some(rendered),
        ..Kept::new(kinds)
    };
    for node in nodes {
        kept.add(node)?;
    }
    Ok(kept.finish())
}

/// A stream of objects, in the form that packages are given.
///
/// An empty text would be what is left of a command that failed.
pub(crate) fn to_stream(objects: String) -> String {
    if objects.is_empty() {
        "apiVersion: v1\nkind: List\nitems: []\n".to_owned()
    } else {
        objects
    }
}

/// The objects that are kept.
struct Kept<'a> {
    kinds: &'a [ObjectKind],
    text: String,
    /// Whether nothing may be left out.
    is_answer: bool,
    /// The Secrets that the package has rendered itself.
    rendered: Option<&'a NamedSecrets>,
}

impl<'a> Kept<'a> {
    fn new(kinds: &'a [ObjectKind]) -> Self {
        Self {
            kinds,
            text: String::new(),
            is_answer: false,
            rendered: None,
        }
    }

    /// Adds an object if it is observed.
    fn add(&mut self, mut node: Node) -> Result<(), Problem> {
        if !self.kinds.is_empty() {
            match kind_of(&node, self.kinds) {
                None => return Ok(()),
                Some(kind) if kind.keys_only => {
                    let rendered = self
                        .rendered
                        .and_then(|rendered| rendered.get(text_at(&node, "metadata.name")));
                    let shown = rendered
                        .filter(|_| is_secret(&node))
                        .map(|rendered| values_of(&node).shown(rendered));
                    keep_keys(&mut node);
                    if let Some(shown) = shown {
                        shown.write_into(&mut node);
                    }
                }
                Some(_) => {}
            }
        }
        self.add_text(&node.to_text().0)
    }

    /// Whether the package has rendered an object of this name whose values are kept back.
    fn has_rendered(&self, object: &serde_json::Map<String, serde_json::Value>) -> bool {
        let name = object
            .get("metadata")
            .and_then(|metadata| metadata.get("name")?.as_str());
        let rendered = self.rendered.zip(name);
        rendered.is_some_and(|(rendered, name)| rendered.contains_key(name))
    }

    fn add_text(&mut self, object: &str) -> Result<(), Problem> {
        self.text.push_str("---\n");
        self.text.push_str(object);
        self.text.push('\n');
        if self.text.len() > stream::MAX_BYTES {
            let most = stream::MAX_BYTES >> 20;
            let message = format!("the objects that the package reads are larger than the {most} MiB accepted");
            return Err(Diagnostic::new(&YAML_LIMIT, "", message)
                .help("give the objects of the installation only, by a label")
                .into());
        }
        Ok(())
    }

    fn finish(self) -> String {
        to_stream(self.text)
    }
}

/// The kind that an object is of, if it is observed.
fn kind_of<'k>(node: &Node, kinds: &'k [ObjectKind]) -> Option<&'k ObjectKind> {
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    observed(text("apiVersion"), text("kind"), kinds)
}

/// Returns the kind of a manifest if the package does not observe it. Secrets are not among these: no package is given their
/// values.
pub(crate) fn further_kind(manifest: &Manifest, kinds: &[ObjectKind]) -> Option<ObjectKind> {
    let Manifest { api_version, kind, .. } = manifest;
    if observed(api_version, kind, kinds).is_some() {
        return None;
    }
    let (group, name) = (group_of(api_version).to_owned(), plural(kind));
    let is_secret = group.is_empty() && name == "secrets";
    (!is_secret).then_some(ObjectKind {
        group,
        name,
        optional: true,
        keys_only: false,
    })
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn observed<'k>(api_version: &str, kind: &str, kinds: &'k [ObjectKind]) -> Option<&'k ObjectKind> {
    let group = group_of(api_version);
    let plural = plural(kind);
    kinds.iter().find(|kind| kind.group == group && kind.name == plural)
}

/// The plural name of a kind, as Kubernetes guesses it (`UnsafeGuessKindToResource` of apimachinery).
fn plural(kind: &str) -> String {
    let singular = kind.to_lowercase();
    match singular.strip_suffix('y') {
        _ if singular.ends_with("endpoints") => singular,
        Some(stem) => format!("{stem}ies"),
        None if singular.ends_with('s') => format!("{singular}es"),
        None => format!("{singular}s"),
    }
}

/// The values of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SecretValues {
    /// Its data, as base64.
    pub(crate) data: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The values of Secrets, by namespace and name.
pub(crate) type Secrets = BTreeMap<(String, String), SecretValues>;

/// The values of Secrets whose names are those of one only.
pub(crate) type NamedSecrets = BTreeMap<String, SecretValues>;

/// The values of a Secret that a package may know, because it has rendered them itself. The others are none.
#[derive(Debug, Default)]
pub(crate) struct ShownValues {
    data: BTreeMap<String, Option<String>>,
    annotations: BTreeMap<String, Option<String>>,
}

/// The annotation in which `kubectl apply` keeps the last applied object, with all its values.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl SecretValues {
    /// Returns those values that are as the package has rendered them.
    pub(crate) fn shown(&self, rendered: &Self) -> ShownValues {
        let data = self.data.iter().map(|(key, value)| {
            let same = rendered
                .data
                .get(key)
                .filter(|rendered| is_same_base64(value, rendered));
            (key.clone(), same.cloned())
        });
        let annotations = self.annotations.iter().map(|(key, value)| {
            let shown = match key.as_str() {
                LAST_APPLIED => without_values(value),
                _ => rendered
                    .annotations
                    .get(key)
                    .filter(|rendered| *rendered == value)
                    .cloned(),
            };
            (key.clone(), shown)
        });
        ShownValues {
            data: data.collect(),
            annotations: annotations.collect(),
        }
    }
}

impl ShownValues {
    /// Writes the values into a Secret, in place of those that were kept back.
    fn write_into(&self, secret: &mut Node) {
        set(secret, "data", &self.data);
        let Value::Mapping(fields) = &mut secret.value else {
            return;
        };
        fields.retain(|field| field.key.scalar.text != "stringData");
        for metadata in fields.iter_mut().filter(|field| field.key.scalar.text == "metadata") {
            set(&mut metadata.value, "annotations", &self.annotations);
        }
    }
}

/// Sets a field to a map of texts. Keys that it has beside these keep no value, and it stays as it is if YAML cannot express a text.
fn set(node: &mut Node, field: &str, map: &BTreeMap<String, Option<String>>) {
    let others = node.get(field).and_then(Node::entries).unwrap_or_default().iter();
    let mut all: BTreeMap<&String, Option<&String>> = others.map(|other| (&other.key.scalar.text, None)).collect();
    all.extend(map.iter().map(|(key, text)| (key, text.as_ref())));
    if all.is_empty() {
        return;
    }
    let text = serde_json::json!({ field: all }).to_string();
    if let Ok(Some(Node {
        value: Value::Mapping(entries),
        ..
    })) = yaml::parse(&text, 0, 1)
        && let Value::Mapping(fields) = &mut node.value
    {
        fields.retain(|entry| entry.key.scalar.text != field);
        fields.extend(entries);
    }
}

/// An object in JSON with its keys only.
fn without_values(text: &str) -> Option<String> {
    fn forget_all(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => fields.values_mut().for_each(forget_all),
            serde_json::Value::Array(items) => items.iter_mut().for_each(forget_all),
            value => *value = serde_json::Value::Null,
        }
    }
    let mut value = serde_json::from_str(text).ok()?;
    forget_all(&mut value);
    Some(value.to_string())
}

/// The values of the Secrets among manifests. Those without a namespace are in `namespace`.
pub(crate) fn secrets(manifests: &[Manifest], namespace: &str) -> Secrets {
    let secrets = manifests
        .iter()
        .filter(|manifest| (&*manifest.api_version, &*manifest.kind) == ("v1", "Secret"));
    secrets
        .filter_map(|secret| {
            let node = yaml::parse(&secret.document, 0, 1).ok().flatten()?;
            let namespace = secret.namespace.clone().unwrap_or_else(|| namespace.to_owned());
            Some(((namespace, secret.name.clone()), values_of(&node)))
        })
        .collect()
}

/// The same by their names alone, for a text in which Secrets need not have a namespace.
pub(crate) fn named_secrets(manifests: &[Manifest]) -> NamedSecrets {
    let mut named: BTreeMap<String, Vec<SecretValues>> = BTreeMap::new();
    for ((_, name), values) in secrets(manifests, "") {
        named.entry(name).or_default().push(values);
    }
    named
        .into_iter()
        .filter_map(|(name, mut values)| Some((name, values.pop().filter(|_| values.is_empty())?)))
        .collect()
}

/// The values of a Secret.
fn values_of(secret: &Node) -> SecretValues {
    let entries = |path: &str| {
        let entries = secret.at(path).and_then(Node::entries).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| Some((entry.key.scalar.text.clone(), entry.value.as_str()?.to_owned())))
            .collect::<BTreeMap<String, String>>()
    };
    // An API server prefers `stringData`.
    let mut data = entries("data");
    let strings = entries("stringData").into_iter();
    data.extend(strings.map(|(key, text)| (key, BASE64_STANDARD.encode(text))));
    SecretValues {
        data,
        annotations: entries("metadata.annotations"),
    }
}

fn is_secret(node: &Node) -> bool {
    (text_at(node, "apiVersion"), text_at(node, "kind")) == ("v1", "Secret")
}

fn text_at<'n>(node: &'n Node, path: &str) -> &'n str {
    node.at(path).and_then(Node::as_str).unwrap_or_default()
}

/// Whether two texts of base64 have the same bytes, whatever their line breaks.
fn is_same_base64(a: &str, b: &str) -> bool {
    let bytes = |text: &str| {
        let text: String = text.split_ascii_whitespace().collect();
        BASE64_STANDARD.decode(text).ok()
    };
    bytes(a).is_some_and(|a| bytes(b) == Some(a))
}

/// Writes these values into the Secrets of a stream, in place of values that were kept from the package.
///
/// # Errors
///
/// If it is no stream of objects.
pub(crate) fn with_values(text: &str, shown: &BTreeMap<(String, String), ShownValues>) -> Result<String, Problem> {
    let mut kept = Kept::new(&[]);
    for mut node in stream::objects(text)? {
        let text = |path: &str| text_at(&node, path).to_owned();
        let id = (text("metadata.namespace"), text("metadata.name"));
        if let (true, Some(shown)) = (is_secret(&node), shown.get(&id)) {
            shown.write_into(&mut node);
        }
        kept.add(node)?;
    }
    Ok(kept.finish())
}

/// The metadata that is kept of an object without its values. Annotations can hold all that was applied.
const METADATA: [&str; 7] = [
    "name",
    "generateName",
    "namespace",
    "labels",
    "ownerReferences",
    "deletionTimestamp",
    "uid",
];

/// Replaces all values of an object by null.
fn keep_keys(node: &mut Node) {
    let Value::Mapping(entries) = &mut node.value else {
        return;
    };
    for entry in entries {
        match (entry.key.scalar.text.as_str(), &mut entry.value.value) {
            ("apiVersion" | "kind" | "type" | "immutable", Value::Scalar(_)) => {}
            ("metadata", Value::Mapping(entries)) => {
                entries.retain(|entry| METADATA.contains(&entry.key.scalar.text.as_str()));
            }
            (_, Value::Mapping(entries)) => entries.iter_mut().for_each(|entry| forget(&mut entry.value)),
            (_, Value::Scalar(_) | Value::Sequence(_)) => forget(&mut entry.value),
        }
    }
}

fn forget(node: &mut Node) {
    node.value = Value::Scalar(Scalar::plain("null"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Vec<ObjectKind> {
        let kind = |group: &str, name: &str, keys_only| ObjectKind {
            group: group.to_owned(),
            name: name.to_owned(),
            optional: false,
            keys_only,
        };
        vec![
            kind("apps", "statefulsets", false),
            kind("", "secrets", true),
            kind("networking.k8s.io", "networkpolicies", false),
            kind("", "endpoints", false),
            kind("", "services", false),
        ]
    }

    #[test]
    fn further_kinds_are_neither_observed_nor_secrets() {
        let further = |api_version: &str, kind: &str, kinds: &[ObjectKind]| {
            let manifest = Manifest {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                name: "a".to_owned(),
                namespace: None,
                file_name: "a.yaml".to_owned(),
                document: "{}\n".to_owned(),
            };
            further_kind(&manifest, kinds).map(|kind| (kind.group, kind.name, kind.keys_only))
        };
        let issuer = ("cert-manager.io".to_owned(), "clusterissuers".to_owned(), false);
        assert_eq!(further("cert-manager.io/v1", "ClusterIssuer", &kinds()), Some(issuer));
        assert_eq!(further("apps/v1", "StatefulSet", &kinds()), None);
        assert_eq!(further("v1", "Secret", &kinds()), None);
        // Also for a package that does not observe them.
        assert_eq!(further("v1", "Secret", &[]), None);
        assert_eq!(further("v1", "SECRET", &[]), None);
    }

    const SMALL: &str = "apiVersion: v1\nitems:\n- apiVersion: apps/v1\n  kind: StatefulSet\n  metadata: {name: a}\n- apiVersion: v1\n  \
                         kind: Event\n  metadata: {name: b}\nkind: List\n";

    /// A text up to this size is read as a whole here.
    const SOME: usize = 10_000;

    /// More than that of events, and a StatefulSet.
    fn large() -> String {
        list(&format!("{}{SET}", event().repeat(20)))
    }

    fn list(items: &str) -> String {
        format!("apiVersion: v1\nitems:\n{items}kind: List\nmetadata:\n  resourceVersion: \"\"\n")
    }

    const SET: &str = "- apiVersion: apps/v1\n  kind: StatefulSet\n  metadata: {name: a}\n";

    fn event() -> String {
        let text = "x".repeat(1000);
        format!(
            "- apiVersion: v1\n  kind: Event\n  message: |\n    {text}\n    - not an item\n  metadata:\n    name: b\n"
        )
    }

    fn objects(text: &[u8]) -> Result<String, Problem> {
        match read_beyond(SOME, text, &kinds(), &NamedSecrets::new())? {
            Installed::Objects(text) => Ok(text),
            Installed::Whole(bytes) => reduce(&String::from_utf8(bytes).expect("text"), &kinds(), &NamedSecrets::new()),
        }
    }

    fn names(text: &str) -> Vec<String> {
        let nodes = stream::objects(&objects(text.as_bytes()).expect("objects")).expect("objects");
        let name = |node: &Node| {
            let name = node.at("metadata.name").and_then(Node::as_str);
            name.unwrap_or_default().to_owned()
        };
        nodes.iter().map(name).collect()
    }

    #[track_caller]
    fn refuses(text: &[u8], message: &str) {
        match objects(text) {
            Err(Problem::Refused(problems)) => {
                let shown = problems[0].display("from.yaml").to_string();
                assert!(shown.contains(message), "{message}: {shown}");
            }
            other => panic!("{message}: {other:?}"),
        }
    }

    #[test]
    fn plurals_are_those_of_kubernetes() {
        for (kind, name) in [
            ("StatefulSet", "statefulsets"),
            ("NetworkPolicy", "networkpolicies"),
            ("Endpoints", "endpoints"),
            ("Ingress", "ingresses"),
            ("PersistentVolumeClaim", "persistentvolumeclaims"),
        ] {
            assert_eq!(plural(kind), name);
        }
    }

    #[test]
    fn objects_of_other_kinds_are_left_out() {
        assert_eq!(names(SMALL), ["a"]);
        assert_eq!(names(&large()), ["a"]);
        // Indented, with comments and blank lines, in a stream, behind a byte order mark.
        let items: String = format!("# x\n\n{}\n{SET}", event().repeat(20))
            .lines()
            .map(|line| format!("   {line}\n"))
            .collect();
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: c}\n";
        let stream = list(&items).replace("items:", "items: # all");
        assert_eq!(
            names(&format!("\u{feff}# x\n{stream}---\n{service}...\n---\n# y\n")),
            ["a", "c"]
        );
        // A text without any that is observed is not empty.
        assert_eq!(names(&large().replace("StatefulSet", "Event")), Vec::<String>::new());
        // Nor is a list without items.
        assert_eq!(names(&format!("{}---\n{}", large(), list(""))), ["a"]);
    }

    #[test]
    fn objects_of_json_are_left_out() {
        let event = format!(
            "{{\"apiVersion\": \"v1\", \"kind\": \"Event\", \"x\": \"{}\"}},",
            "x".repeat(1000)
        );
        let event = event.repeat(20);
        let set = "{\"apiVersion\": \"apps/v1\", \"kind\": \"StatefulSet\", \"metadata\": {\"name\": \"a\"}}";
        let text = format!("{{\"apiVersion\": \"v1\", \"items\": [{event}{set}], \"kind\": \"List\"}}\n{set}");
        assert_eq!(names(&text.replacen("\"a\"", "\"b\"", 1)), ["b", "a"]);
        let nothing = "{\"items\": null, \"apiVersion\": \"v1\", \"kind\": \"List\"}";
        assert_eq!(names(&(text.replacen("\"a\"", "\"b\"", 1) + nothing)), ["b", "a"]);
        for (wrong, message) in [
            (text.replace("\"List\"", "\"Event\""), "is not a list"),
            (
                text.replace("\"apps/v1\", \"kind\": \"StatefulSet\"", "\"apps/v1\""),
                "`kind`",
            ),
            (text.replace("\"StatefulSet\"", "7"), "`kind`"),
            (format!("{text}]"), "from.yaml:2:"),
            (format!("{text}7"), "invalid type"),
            (
                text.replace(&format!("{set}]"), &format!("{set}{set}]")),
                "from.yaml:1:",
            ),
            (
                text.replace("\"items\": [", "\"items\": [7,"),
                "expected a Kubernetes object",
            ),
            (text.replace("], \"kind\"", "], \"items\": [], \"kind\""), "items"),
            (text[..text.len() - 4].to_owned(), "from.yaml:2:"),
        ] {
            refuses(wrong.as_bytes(), message);
        }
    }

    #[test]
    fn an_answer_is_one_list_of_what_was_asked_for() {
        let set = r#"{"apiVersion": "apps/v1", "kind": "StatefulSet"}"#;
        let list = |items: &str| format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{items}]}}"#);
        let read = |text: &str| read_json(text.as_bytes(), &kinds()[..1]);
        for (right, count) in [
            (list(""), 0),
            (list(set), 1),
            (list(&list(set)), 1),
            (set.to_owned() + "\n", 1),
        ] {
            let objects = read(&right).expect("objects");
            assert_eq!(objects.matches("StatefulSet").count(), count, "{objects}");
        }
        for (wrong, message) in [
            (String::new(), "is empty"),
            (" \n".to_owned(), "is empty"),
            (list(set) + &list(set), "more than one"),
            (list(&set.replace("StatefulSet", "Event")), "is of the kind Event"),
            (list(&set.replace("apps/v1", "v1")), "is of the kind StatefulSet of v1"),
            (
                list(&list(&set.replace("StatefulSet", "Event"))),
                "is of the kind Event",
            ),
            (
                r#"{"apiVersion": "v1", "kind": "Status"}"#.to_owned(),
                "is of the kind Status",
            ),
        ] {
            let Err(Problem::Refused(problems)) = read(&wrong) else {
                panic!("{wrong} is read")
            };
            assert!(
                problems[0].message.contains(message),
                "{wrong}: {}",
                problems[0].message
            );
        }
    }

    #[test]
    fn values_of_secrets_are_forgotten() {
        let secret = "- apiVersion: v1\n  kind: Secret\n  data:\n    tls.crt: hidden\n  stringData: hidden\n  more: [hidden]\n  \
                      metadata:\n    name: s\n    annotations:\n      applied: hidden\n  type: Opaque\n";
        for text in [list(secret), list(&(event().repeat(20) + secret))] {
            let objects = objects(text.as_bytes()).expect("objects");
            assert!(!objects.contains("hidden"), "{objects}");
            let node = &stream::objects(&objects).expect("objects")[0];
            assert!(node.at("data[\"tls.crt\"]").is_some_and(Node::is_null), "{objects}");
            assert_eq!(node.at("metadata.name").and_then(Node::as_str), Some("s"));
            assert_eq!(node.at("type").and_then(Node::as_str), Some("Opaque"));
        }
        let json = "{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"data\": {\"a\": \"hidden\"}, \"type\": \"Opaque\", \
                    \"stringData\": \"hidden\", \"metadata\": {\"name\": \"s\", \"annotations\": {\"applied\": \"hidden\"}}}";
        let objects = read_json(json.as_bytes(), &kinds()).expect("objects");
        assert!(!objects.contains("hidden"), "{objects}");
        assert!(
            objects.contains("\"data\":{\"a\":null}") && objects.contains("Opaque"),
            "{objects}"
        );
    }

    #[test]
    fn keys_without_a_value_stay() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: b25l, b: null, c: [hidden]}\n";
        let id = (String::new(), "s".to_owned());
        let values = values_of(&stream::objects(text).expect("objects")[0]);
        let shown = [(id, values.shown(&values))].into();
        let shown = with_values(text, &shown).expect("objects");
        let node = &stream::objects(&shown).expect("objects")[0];
        assert_eq!(node.at("data.a").and_then(Node::as_str), Some("b25l"));
        assert!(node.at("data.b").is_some_and(Node::is_null), "{shown}");
        assert!(node.at("data.c").is_some_and(Node::is_null), "{shown}");
    }

    /// A Secret that a package renders.
    fn rendered() -> Vec<Manifest> {
        vec![Manifest {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            name: "s".to_owned(),
            namespace: None,
            file_name: "s.yaml".to_owned(),
            document:
                "metadata: {annotations: {note: here}}\ndata: {a: b25l, b: b25l}\nstringData: {b: two, c: three}\n"
                    .to_owned(),
        }]
    }

    #[test]
    fn only_values_that_were_rendered_are_handed_over() {
        let rendered = secrets(&rendered(), "shop");
        let id = ("shop".to_owned(), "s".to_owned());
        let of = &rendered[&id];
        assert_eq!(
            of.data.clone().into_values().collect::<Vec<_>>(),
            ["b25l", "dHdv", "dGhyZWU="]
        );
        assert!(is_same_base64("b2 5l\n", "b25l") && !is_same_base64("b25l", "dHdv") && !is_same_base64("?", "?"));
        let map = |entries: &[(&str, &str)]| {
            let entries = entries
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            entries.collect::<BTreeMap<_, _>>()
        };
        let installed = SecretValues {
            data: map(&[("a", "b25l\n"), ("c", "aGlkZGVu"), ("d", "aGlkZGVu")]),
            annotations: map(&[
                ("note", "hidden"),
                (
                    LAST_APPLIED,
                    r#"{"data": {"a": "hidden"}, "metadata": {"annotations": {"note": "hidden"}}}"#,
                ),
            ]),
        };
        let shown = BTreeMap::from([(id, installed.shown(of))]);
        let secret = |namespace: &str| {
            format!(
                "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: {namespace}}}\ndata: {{a: null, c: null, d: \
                 null}}\n"
            )
        };
        let text = with_values(&(secret("shop") + &secret("bank")), &shown).expect("objects");
        assert!(!text.contains("hidden") && !text.contains("aGlkZGVu"), "{text}");
        let nodes = stream::objects(&text).expect("objects");
        let shown = |node: &Node| ["a", "c", "d"].map(|key| node.at(&format!("data.{key}")).is_some_and(Node::is_null));
        assert_eq!(shown(&nodes[0]), [false, true, true]);
        assert_eq!(nodes[0].at("data.a").and_then(Node::as_str), Some("b25l"));
        assert!(
            nodes[0].at("metadata.annotations.note").is_some_and(Node::is_null),
            "{text}"
        );
        let last_applied = nodes[0]
            .at("metadata.annotations")
            .and_then(|notes| notes.get(LAST_APPLIED));
        assert_eq!(
            last_applied.and_then(Node::as_str),
            Some(r#"{"data":{"a":null},"metadata":{"annotations":{"note":null}}}"#)
        );
        assert_eq!(shown(&nodes[1]), [true; 3]);
    }

    #[test]
    fn secrets_of_a_file_are_compared_as_well() {
        let secret = "- apiVersion: v1\n  kind: Secret\n  metadata: {name: s, annotations: {note: here, other: hidden}}\n  data: \
                      {a: b25l, d: aGlkZGVu}\n  stringData: {b: two, c: hidden}\n";
        let rendered = named_secrets(&rendered());
        for text in [list(secret), list(&(event().repeat(20) + secret))] {
            let objects = match read_beyond(SOME, text.as_bytes(), &kinds(), &rendered).expect("objects") {
                Installed::Objects(text) => text,
                Installed::Whole(_) => reduce(&text, &kinds(), &rendered).expect("objects"),
            };
            assert!(
                !objects.contains("hidden") && !objects.contains("aGlkZGVu"),
                "{objects}"
            );
            let node = &stream::objects(&objects).expect("objects")[0];
            let text = |path: &str| node.at(path).and_then(Node::as_str);
            assert_eq!(
                (text("data.a"), text("data.b")),
                (Some("b25l"), Some("dHdv")),
                "{objects}"
            );
            assert_eq!(text("metadata.annotations.note"), Some("here"), "{objects}");
            for hidden in ["data.c", "data.d", "metadata.annotations.other"] {
                assert!(node.at(hidden).is_some_and(Node::is_null), "{hidden}: {objects}");
            }
            assert!(node.get("stringData").is_none(), "{objects}");
        }
        let json = "{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"s\"}, \"data\": {\"a\": \"b25l\", \
                    \"d\": \"aGlkZGVu\"}}";
        let Installed::Objects(objects) = read_beyond(10, json.as_bytes(), &kinds(), &rendered).expect("objects")
        else {
            panic!("{json}");
        };
        assert!(objects.contains("b25l") && !objects.contains("aGlkZGVu"), "{objects}");
    }

    #[test]
    fn nothing_is_passed_over() {
        let text = large();
        let last = "from.yaml:14";
        for (wrong, message) in [
            (text.replace("kind: StatefulSet", "kinds: StatefulSet"), "`kind`"),
            (text.replace("- apiVersion: apps/v1\n  kind", "- kind"), "`apiVersion`"),
            (text.replace("\nkind: List", "\nkind: Event"), "is not a list"),
            (text.replace("\nkind: List", ""), "is not a list"),
            (text.replace("- apiVersion: apps/v1\n  ", "- - "), last),
            (text.replace("{name: a}", "{name: a"), last),
            (text.replace("{name: a}", "\"{name: a}"), last),
            (text.replace("kind: List", "kind: List\nitems: []"), "items"),
            (text.replace("kind: List", "kind: List\nitems:\n- 1"), "items"),
            (text.replace("items:\n", "x: \"\nitems:\n"), "from.yaml:"),
            (text.replace("items:\n", "items:\n  a: 1\n"), "from.yaml:"),
            (text.replace("  kind: StatefulSet", " kind: StatefulSet"), last),
            (
                text.replace("apiVersion: apps/v1\n  kind", "apiVersion: *a\n  kind"),
                last,
            ),
            (format!("a: 1\n---\n{text}"), "`apiVersion`"),
            (format!("replicas: {}\n", "1".repeat(SOME)), "`apiVersion`"),
            (format!("{text}---\n7\n"), "expected a Kubernetes object"),
        ] {
            refuses(wrong.as_bytes(), message);
        }
        refuses(&[text.as_bytes(), b"---\n\xff\n"].concat(), "UTF-8");
        // In other words it is the same.
        assert_eq!(names(&text.replace("\nitems:", "\n\"items\":")), ["a"]);
        assert_eq!(names(&text.replace("items:\n", "items: &a\n")), ["a"]);
    }

    #[test]
    fn an_object_has_a_limit_and_so_have_all() {
        let service = |size: usize| format!("- apiVersion: v1\n  kind: Service\n  x: {}\n", "x".repeat(size));
        refuses(list(&service(7 << 20).repeat(10)).as_bytes(), "64 MiB");
        refuses(list(&service(9 << 20)).as_bytes(), "8388608");
        let text = format!("{{\"items\": [{{\"x\": \"{}\"}}]}}", "x".repeat(9 << 20));
        refuses(text.as_bytes(), "8388608");
    }
}
