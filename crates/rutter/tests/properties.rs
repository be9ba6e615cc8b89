//! What must hold for any input.

use proptest::prelude::*;
use rutter::krm::{self, Task};
use rutter::stream::{self, Input};
use rutter::yaml::{self, Node, Scalar, Value};
use rutter::{BadManifest, Description, Diagnostics, Manifest, Rendering, Request};

fn package() -> Description {
    Description {
        name: "app".to_owned(),
        version: "0.1.0".to_owned(),
        summary: "An app".to_owned(),
        api_version: "app.example.com/v1".to_owned(),
        kind: "App".to_owned(),
        app_versions: Vec::new(),
        ownership_label: "a.example/a".to_owned(),
    }
}

/// Texts that have a chance of being YAML.
fn yamlish() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("---\n"),
        Just("...\n"),
        Just("\n"),
        Just("  "),
        Just("- "),
        Just("a: "),
        Just("b: "),
        Just("kind: App\n"),
        Just("apiVersion: app.example.com/v1\n"),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(", "),
        Just("\""),
        Just("'"),
        Just("|\n"),
        Just(">-\n"),
        Just("&x "),
        Just("*x"),
        Just("<<: "),
        Just("!!str "),
        Just("# c\n"),
        Just("~"),
        Just("on"),
        Just("0x1F"),
        Just("1e3"),
        Just("\t"),
        Just("\r\n"),
        Just("é"),
        Just("\u{85}"),
        Just("? "),
        Just("metadata: {name: x}\n"),
        Just("spec: {}\n"),
        Just("%YAML 1.2\n"),
        Just("\u{feff}"),
    ];
    prop_oneof![
        proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat()),
        any::<String>(),
    ]
}

fn scalar() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        Just(serde_json::Value::Null),
        any::<String>().prop_map(Into::into),
        "[-+0-9._xoeE:ynYN~=<>]{0,8}".prop_map(Into::into),
    ]
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    scalar().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("[a-z<]{1,6}|.{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The tree as JSON has it.
fn json(node: &Node) -> serde_json::Value {
    let mut diagnostics = Diagnostics::default();
    let value = yaml::read(node, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{:?}", diagnostics.into_vec());
    value
}

fn without_places(node: &Node) -> Value {
    match &node.value {
        Value::Scalar(scalar) => Value::Scalar(Scalar {
            text: if scalar.is_null() {
                String::new()
            } else {
                scalar.text.clone()
            },
            // A string that was plain comes back in quotes, which changes nothing.
            plain: scalar.plain && !matches!(scalar.resolve(), yaml::Resolved::Str(_)),
        }),
        Value::Sequence(items) => Value::Sequence(items.iter().map(stripped).collect()),
        Value::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|entry| yaml::Entry {
                    key: yaml::Key {
                        scalar: Scalar::quoted(entry.key.scalar.text.clone()),
                        place: nowhere(),
                    },
                    value: stripped(&entry.value),
                })
                .collect(),
        ),
    }
}

fn stripped(node: &Node) -> Node {
    Node {
        value: without_places(node),
        place: nowhere(),
    }
}

fn nowhere() -> yaml::Place {
    yaml::Place {
        source: 0,
        position: rutter::Position { line: 0, column: 0 },
    }
}

/// The kind of the package.
const APP: &str = "apiVersion: app.example.com/v1\nkind: App\nspec: {}";

/// A document of a stream: somebody else's with its separator, or an object of the package.
fn document() -> impl Strategy<Value = Option<String>> {
    let part = prop_oneof![
        Just("# kind: App\n"),
        Just("a:   'x'   # c\n"),
        Just("b: |\n  ---x\n  kind: App\n"),
        Just("c: {d: [~, 0x1F, 1e3, on]}\r\n"),
        Just("e: &x \"\\u00e9\"\nf: *x\n"),
        Just("\"g\": !!str 1\n"),
        Just("\n  \n"),
        Just("h: é\u{1F600}\n"),
    ];
    let separator = prop_oneof![Just("---\n"), Just("--- # c\n"), Just("---\r\n"), Just("--- \n")];
    let foreign = (separator, proptest::collection::vec(part, 0..6)).prop_map(|(separator, parts)| {
        // A key is there once.
        let mut seen = Vec::new();
        let parts: Vec<&str> = parts
            .into_iter()
            .filter(|part| {
                !part.trim().is_empty() && !seen.contains(part) && {
                    seen.push(*part);
                    true
                }
            })
            .collect();
        format!(
            "{separator}apiVersion: v1\nkind: Other\nmetadata: {{name: o}}\n{}",
            parts.concat()
        )
    });
    prop_oneof![2 => foreign.prop_map(Some), 1 => Just(None)]
}

/// Returns the manifest of an object of the package.
fn made(name: &str) -> String {
    format!("kind: Made\nname: {name}\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_parser_panic(text in yamlish()) {
        let _ = yaml::parse(&text, 0, 1);
    }

    #[test]
    fn what_is_not_ours_passes_byte_for_byte(documents in proptest::collection::vec(document(), 1..12)) {
        let (mut text, mut expected) = (String::new(), String::new());
        for (number, document) in documents.iter().enumerate() {
            match document {
                Some(foreign) => {
                    text.push_str(foreign);
                    expected.push_str(foreign);
                }
                None => {
                    text.push_str(&format!("---\n{APP}\nmetadata: {{name: a{number}}}\n"));
                    expected.push_str(&format!("---\n{}", made(&format!("a{number}"))));
                }
            }
        }
        let Input::Stream(found) = stream::read(&text, &package(), "default").expect("objects") else {
            panic!("values: {text}");
        };
        let render = |request: &Request| {
            Ok::<_, ()>(Ok(Rendering {
                manifests: vec![Manifest {
                    api_version: "v1".to_owned(),
                    kind: "Made".to_owned(),
                    name: request.name.clone(),
                    namespace: None,
                    file_name: "made.yaml".to_owned(),
                    document: made(&request.name),
                }],
                warnings: Vec::new(),
                notes: String::new(),
            }))
        };
        let rendered = stream::render(found, render).expect("a rendering").expect("no diagnostics");
        prop_assert_eq!(rendered.to_text(), expected);
    }

    #[test]
    fn a_stream_without_ours_comes_out_as_it_went_in(text in yamlish()) {
        prop_assume!(!text.contains("App"));
        if let Ok(Input::Stream(documents)) = stream::read(&text, &package(), "default") {
            match stream::render(documents, |_| Err(())).expect("nothing to render") {
                Ok(rendered) => prop_assert_eq!(rendered.to_text(), text),
                // Whatever mentions the package's group must be readable, because it might be an object of it; and so
                // must what has the fields of an object and says nothing of its kind.
                Err(_) => prop_assert!(text.contains("app.example.com") || text.contains("spec")),
            }
        }
    }

    #[test]
    fn a_tree_survives_its_text(text in yamlish()) {
        if let Ok(Some(node)) = yaml::parse(&text, 0, 1) {
            let (text, _) = node.to_text();
            let again = yaml::parse(&text, 0, 1).expect("our own text").expect("a document");
            prop_assert_eq!(without_places(&again), without_places(&node), "{}", text);
        }
    }

    #[test]
    fn what_is_written_is_what_an_independent_reader_reads(value in tree()) {
        let text = yaml::to_string(&value).expect("a tree of JSON has a YAML form");
        let read: serde_json::Value = serde_yaml::from_str(&text).expect("the other reader");
        prop_assert_eq!(&read, &value, "{}", text);
        if !matches!(value, serde_json::Value::Null) {
            let node = yaml::parse(&text, 0, 1).expect("our own text").expect("a document");
            prop_assert_eq!(json(&node), value, "{}", text);
        }
    }

    #[test]
    fn quantities_are_read_or_refused(text in "[-+]?[0-9.]{0,30}([a-zA-Z]{0,3}|[eE][-+]?[0-9]{0,12})") {
        let _ = text.parse::<rutter::quantity::Quantity>();
    }

    #[test]
    fn durations_are_read_or_refused(text in "([0-9.]{0,22}(ns|us|ms|s|m|h|d|x)){0,4}") {
        let _ = text.parse::<rutter::duration::Duration>();
    }
}

/// Renders an object into one other.
fn config_map(request: &Request) -> Result<Result<Rendering, Vec<rutter::Diagnostic>>, BadManifest> {
    let Request { name, namespace, .. } = request;
    Ok(Ok(Rendering {
        manifests: vec![Manifest {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            name: name.clone(),
            namespace: Some(namespace.clone()),
            file_name: "config-map.yaml".to_owned(),
            document: "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n".to_owned(),
        }],
        warnings: Vec::new(),
        notes: String::new(),
    }))
}

fn function(text: &str, task: Task) -> Result<krm::Outcome, BadManifest> {
    krm::run(text, &package(), task, config_map)
}

/// Texts that have a chance of being a ResourceList.
fn listish() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("items:\n"),
        Just("items: []\n"),
        Just("- "),
        Just("  - "),
        Just("-\n"),
        Just("functionConfig:\n"),
        Just("results: []\n"),
        Just("  kind: App\n"),
        Just("  apiVersion: app.example.com/v1\n"),
        Just("  metadata: {name: x}\n"),
        Just("  spec: {}\n"),
        Just("# c\n"),
        Just("---\n"),
        Just("...\n"),
        Just("\t"),
        Just("{"),
        Just("\r\n"),
        Just("  a: |\n"),
        Just("    - b\n"),
    ];
    let head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n";
    proptest::collection::vec(token, 0..24).prop_map(move |tokens| format!("{head}{}", tokens.concat()))
}

const LIST: &str = "\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
- # first
  apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}   # as it stands
  data:
    text: |
      - not an item
     # a comment
- apiVersion: app.example.com/v1
  kind: App
  metadata: {name: b, annotations: {config.kubernetes.io/path: b.yaml, config.kubernetes.io/local-config: 'true'}}
  spec: {c: 1}
functionConfig:
  apiVersion: app.example.com/v1
  kind: App
  metadata: {name: d}
";

proptest! {
    #[test]
    fn no_resource_list_is_too_strange(text in prop_oneof![listish(), yamlish()]) {
        for task in [Task::Render, Task::Validate] {
            let outcome = function(&text, task).unwrap();
            if outcome.is_refused() {
                prop_assert!(outcome.to_text().contains("error["));
            } else if serde_yaml::from_str::<serde_json::Value>(&text).is_ok() {
                let list: serde_json::Value = serde_yaml::from_str(&outcome.list).expect("YAML");
                prop_assert_eq!(&list["kind"], "ResourceList", "{}", outcome.list);
            }
        }
    }

    #[test]
    fn what_a_function_writes_is_read_the_same(text in listish()) {
        let outcome = function(&text, Task::Validate).unwrap();
        if !outcome.is_refused() {
            let items = |text: &str| -> Option<serde_json::Value> {
                let list: serde_json::Value = serde_yaml::from_str(text).ok()?;
                Some(list.get("items").filter(|items| !items.is_null()).cloned().unwrap_or_else(|| serde_json::json!([])))
            };
            if let Some(before) = items(&text) {
                prop_assert_eq!(Some(before), items(&outcome.list));
            }
        }
    }
}

#[test]
fn a_list_that_is_cut_anywhere_is_refused_or_read_as_it_is() {
    for (end, _) in LIST.char_indices() {
        let outcome = function(&LIST[..end], Task::Render).unwrap();
        let before: Result<serde_json::Value, _> = serde_yaml::from_str(&LIST[..end]);
        if outcome.is_refused() {
            continue;
        }
        let after: Result<serde_json::Value, _> = serde_yaml::from_str(&outcome.list);
        let Ok(before) = before else {
            // Cut inside of what is not ours and need not be read: its host notices, for it is not mended either.
            assert!(after.is_err(), "{}", outcome.list);
            continue;
        };
        let after = after.expect("a list");
        let first = |list: &serde_json::Value| list["items"].get(0).cloned();
        assert_eq!(first(&before), first(&after), "{}", &LIST[..end]);
    }
    let whole = function(LIST, Task::Render).unwrap();
    assert!(!whole.is_refused(), "{}", whole.to_text());
    let (head, _) = LIST.split_once("functionConfig:").expect("it has one");
    assert!(whole.list.starts_with(head), "{}", whole.list);
}

/// What a document, or an item of a list, is: an object, or what could be taken for one by mistake.
#[derive(Clone, Debug)]
enum Thing {
    Object,
    /// In a typed list, without `apiVersion` and `kind`; elsewhere it is no object.
    Bare,
    /// Of another kind than the list that it is in.
    NoApiVersion,
    NoKind,
    NoName,
    Text,
    Null,
    List(Vec<Thing>),
    TypedList(Vec<Thing>),
    /// A list without a list.
    BrokenList,
    /// Objects inside of what is no list.
    Box(Vec<Thing>),
    Array(Vec<Thing>),
    /// An object that is there already, if there is one.
    Again,
}

fn thing() -> impl Strategy<Value = Thing> {
    let leaf = prop_oneof![
        12 => Just(Thing::Object),
        3 => Just(Thing::Bare),
        1 => Just(Thing::NoApiVersion),
        1 => Just(Thing::NoKind),
        1 => Just(Thing::NoName),
        1 => Just(Thing::Text),
        1 => Just(Thing::Null),
        1 => Just(Thing::BrokenList),
        1 => Just(Thing::Again),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let things = proptest::collection::vec(inner, 0..4).boxed();
        prop_oneof![
            4 => things.clone().prop_map(Thing::List),
            4 => things.clone().prop_map(Thing::TypedList),
            1 => things.clone().prop_map(Thing::Box),
            1 => things.prop_map(Thing::Array),
        ]
    })
}

/// Things as a host would write them, and what must come of them.
#[derive(Default)]
struct Written {
    /// The names of all objects, in order.
    names: Vec<String>,
    is_refused: bool,
}

impl Written {
    /// Writes a thing. `in_list` says whether it is an item, and whether of a typed list.
    fn write(&mut self, thing: &Thing, in_list: Option<bool>) -> serde_json::Value {
        use serde_json::json;
        let all = |written: &mut Self, things: &[Thing], typed| -> Vec<serde_json::Value> {
            things.iter().map(|thing| written.write(thing, Some(typed))).collect()
        };
        match thing {
            Thing::List(things) => {
                return json!({"apiVersion": "v1", "kind": "List", "items": all(self, things, false)});
            }
            Thing::TypedList(things) => {
                return json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": all(self, things, true)});
            }
            Thing::Box(things) => {
                // Without objects in it, it is an object itself, whatever else is in it.
                let items = all(&mut Self::default(), things, false);
                self.is_refused |= items
                    .iter()
                    .any(|item| item.get("kind").is_some() && item.get("apiVersion").is_some());
                let name = format!("n{}", self.names.len());
                self.names.push(name.clone());
                return json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "items": items});
            }
            Thing::Array(things) => {
                let items = all(self, things, false);
                self.is_refused = true;
                return json!(items);
            }
            _ => {}
        }
        if let (Thing::Again, Some(name)) = (thing, self.names.last().cloned()) {
            self.is_refused = true;
            self.names.push(name.clone());
            return json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}});
        }
        let name = format!("n{}", self.names.len());
        let metadata = json!({"name": name});
        let written = match thing {
            Thing::Bare => {
                self.is_refused |= in_list != Some(true);
                json!({"metadata": metadata})
            }
            Thing::NoApiVersion => {
                self.is_refused = true;
                json!({"kind": "Service", "metadata": metadata})
            }
            Thing::NoKind => {
                self.is_refused = true;
                json!({"apiVersion": "v1", "metadata": metadata})
            }
            Thing::NoName => {
                self.is_refused = true;
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"name": "x"}}})
            }
            Thing::Text => {
                self.is_refused = true;
                json!("n0")
            }
            Thing::Null => {
                // As a document it says nothing.
                self.is_refused |= in_list.is_some();
                return serde_json::Value::Null;
            }
            Thing::BrokenList => {
                self.is_refused = true;
                json!({"apiVersion": "v1", "kind": "List", "items": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}})
            }
            _ => json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"items": [{"kind": "x"}]}}),
        };
        self.names.push(name);
        written
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn objects_are_all_returned_or_refused(
        things in proptest::collection::vec((thing(), any::<bool>(), "(# c\n|\n|\\.\\.\\.\n)?"), 0..5),
    ) {
        let mut expected = Written::default();
        let mut text = String::new();
        for (thing, in_blocks, end) in &things {
            let document = expected.write(thing, None);
            let document = if *in_blocks {
                yaml::to_string(&document).expect("a tree of JSON has a YAML form")
            } else {
                format!("{document}\n")
            };
            text.push_str(&format!("---\n{document}{end}"));
        }
        expected.is_refused |= things.iter().all(|(thing, ..)| matches!(thing, Thing::Null));
        match stream::objects(&text) {
            Err(_) => prop_assert!(expected.is_refused, "{}", text),
            Ok(nodes) => {
                prop_assert!(!expected.is_refused, "{}", text);
                let names: Vec<_> = nodes
                    .iter()
                    .filter_map(|node| node.at("metadata.name").and_then(Node::as_str))
                    .collect();
                prop_assert_eq!(names, expected.names, "{}", text);
                let has_kind = |node: &Node| {
                    ["apiVersion", "kind"].iter().all(|key| node.get(key).and_then(Node::as_str).is_some())
                };
                prop_assert!(nodes.iter().all(has_kind), "{}", text);
            }
        }
    }

    #[test]
    fn no_more_and_no_fewer_objects_than_others_read(text in objectish()) {
        if let Ok(nodes) = stream::objects(&text)
            && let Some(others) = read_by_others(&text)
        {
            prop_assert_eq!(nodes.len(), others, "{}", text);
        }
    }
}

/// Texts that have a chance of holding objects.
fn objectish() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        4 => Just("---\n"),
        1 => Just("...\n"),
        1 => Just("--- "),
        1 => Just("# c\n"),
        1 => Just("# c\r"),
        1 => Just("\r"),
        1 => Just("%YAML 1.2\n"),
        1 => Just("\u{feff}"),
        1 => Just("null\n"),
        1 => Just("---#\n"),
        4 => Just("{apiVersion: v1, kind: Pod, metadata: {name: a}}\n"),
        2 => Just("{apiVersion: v1, kind: Pod, metadata: {name: b}}\n"),
        4 => Just("apiVersion: v1\nkind: List\nitems:\n"),
        4 => Just("apiVersion: v1\nkind: PodList\nitems:\n"),
        4 => Just("- {apiVersion: v1, kind: Pod, metadata: {name: c}}\n"),
        2 => Just("- metadata: {name: d}\n"),
        1 => Just("- apiVersion: v1\n  kind: PodList\n  items:\n"),
        1 => Just("  - {metadata: {name: e}}\n"),
        1 => Just("items: []\n"),
        1 => Just("a: |\n  "),
        1 => Just("apiVersion: v1\nkind: Pod\nmetadata: {name: f}\n"),
    ];
    proptest::collection::vec(token, 0..10).prop_map(|tokens| tokens.concat())
}

/// How many objects another reader of YAML finds, if it can read the text.
fn read_by_others(text: &str) -> Option<usize> {
    use serde::Deserialize as _;
    fn count(value: &serde_yaml::Value) -> usize {
        let kind = value.get("kind").and_then(serde_yaml::Value::as_str);
        let is_list = kind.is_some_and(|kind| kind.ends_with("List"));
        match value.get("items").filter(|_| is_list) {
            Some(serde_yaml::Value::Sequence(items)) => items.iter().map(count).sum(),
            Some(serde_yaml::Value::Null) => 0,
            _ => 1,
        }
    }
    let mut objects = 0;
    // It takes `---` behind a byte order mark for a text; kubectl, which splits streams into lines first, does not.
    if text.contains('\u{feff}') {
        return None;
    }
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = serde_yaml::Value::deserialize(document).ok()?;
        objects += if value.is_null() { 0 } else { count(&value) };
    }
    Some(objects)
}
