//! Guards against documents that are meant for the package and are none of its objects, such as one whose `apiVersion` is
//! misspelt. They would pass through as foreign, and would be applied without having been rendered.
//!
//! A document of another group is foreign, also if its kind has the same name: several projects have an `EtcdCluster`.

use super::group;
use crate::yaml::{Entry, INVALID_VALUE, MISSING_FIELD, Node, UNKNOWN_FIELD, UNKNOWN_VARIANT, Value, YAML_FEATURE};
use crate::{Description, Diagnostic};

/// Most objects of a list that are reported.
const MOST: usize = 100;

/// The kinds of Kubernetes' core group, whose `apiVersion` has no group (`pkg/apis/core/register.go`, and `List`).
const CORE_KINDS: [&str; 19] = [
    "Binding",
    "ComponentStatus",
    "ConfigMap",
    "Endpoints",
    "Event",
    "LimitRange",
    "List",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodTemplate",
    "RangeAllocation",
    "ReplicationController",
    "ResourceQuota",
    "Secret",
    "Service",
    "ServiceAccount",
];

/// The group that an `apiVersion` names, compared with the package's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Own,
    /// The package's group without a version.
    OwnAlone,
    /// Probably the package's, misspelt.
    Near,
    /// No group at all, as in `v1`.
    None,
    Foreign,
    Missing,
}

/// A kind, compared with the package's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Own,
    /// Probably the package's, misspelt.
    Near,
    Other,
    Missing,
}

/// The entry of a field, whose key may be misspelt.
struct Field<'n> {
    entry: Option<&'n Entry>,
    is_misspelt: bool,
}

impl<'n> Field<'n> {
    /// Finds the field. An entry with a similar key is the field if its value belongs to it.
    fn of(node: &'n Node, key: &str, belongs: impl Fn(&str) -> bool) -> Self {
        let entries = || node.entries().unwrap_or_default().iter();
        let is_given = |entry: &&Entry| entry.key.scalar.text == key && !entry.value.is_null();
        if let Some(entry) = entries().find(is_given) {
            return Self {
                entry: Some(entry),
                is_misspelt: false,
            };
        }
        let is_meant = |entry: &&Entry| {
            is_within(&entry.key.scalar.text, key, key.len() / 4) && entry.value.as_str().is_some_and(&belongs)
        };
        let entry = entries().find(is_meant);
        Self {
            entry,
            is_misspelt: entry.is_some(),
        }
    }

    fn text(&self) -> Option<&'n str> {
        self.entry?.value.as_str().filter(|text| !text.is_empty())
    }

    /// Reports that the field is misspelt, if it is.
    fn misspelling(&self, key: &str) -> Option<Diagnostic> {
        let written = &self.entry.filter(|_| self.is_misspelt)?.key;
        let message = format!("there is no field `{}` here", written.scalar.text);
        Some(
            Diagnostic::new(&UNKNOWN_FIELD, written.scalar.text.clone(), message)
                .help(format!("did you mean `{key}`?"))
                .at(Some(written.place.position)),
        )
    }
}

/// Refuses what is probably meant to be an object of the package's kind, and is none.
///
/// # Errors
///
/// Returns what to write instead.
pub(crate) fn refuse_mistaken(node: &Node, package: &Description) -> Result<(), Vec<Diagnostic>> {
    if group(&package.api_version).is_empty() {
        return Ok(());
    }
    let group_of = |text: &str| compare_group(text, &package.api_version);
    let kind_of = |text: &str| compare_kind(text, &package.kind);
    let api_version = Field::of(node, "apiVersion", |text| {
        matches!(group_of(text), Group::Own | Group::OwnAlone | Group::Near)
    });
    let kind = Field::of(node, "kind", |text| matches!(kind_of(text), Kind::Own | Kind::Near));
    let found_group = api_version.text().map_or(Group::Missing, group_of);
    let found_kind = kind.text().map_or(Kind::Missing, kind_of);
    let is_meant = match (found_group, found_kind) {
        (Group::Own | Group::OwnAlone, _) => true,
        (Group::Near, kind) => kind != Kind::Other,
        // The core group has no kinds but these.
        (Group::None, Kind::Own | Kind::Near) => !kind.text().is_some_and(|kind| CORE_KINDS.contains(&kind)),
        (Group::Missing, Kind::Own | Kind::Near) => true,
        (Group::None | Group::Missing, Kind::Other | Kind::Missing) | (Group::Foreign, _) => false,
    };
    if !is_meant {
        return Ok(());
    }
    let written = api_version.text().unwrap_or_default();
    let own_group = group(&package.api_version);
    let of_group = match found_group {
        Group::Own | Group::Foreign => None,
        Group::OwnAlone => Some((&UNKNOWN_VARIANT, format!("{own_group} is a group without a version"))),
        Group::Near => Some((
            &UNKNOWN_VARIANT,
            format!("{written:?} is probably a misspelling of {}", package.api_version),
        )),
        Group::None => Some((&UNKNOWN_VARIANT, format!("{written:?} has no kind {}", package.kind))),
        Group::Missing => Some((&MISSING_FIELD, "the apiVersion is required".to_owned())),
    };
    let of_kind = match found_kind {
        Kind::Own => None,
        Kind::Near | Kind::Other => Some((
            &UNKNOWN_VARIANT,
            format!("{own_group} has no kind {:?}", kind.text().unwrap_or_default()),
        )),
        Kind::Missing => Some((&MISSING_FIELD, "the kind is required".to_owned())),
    };
    let is_list = kind.text().and_then(|kind| kind.strip_suffix("List")) == Some(&*package.kind);
    let help_of_kind = if is_list {
        "write each item as a document of its own, after `---`".to_owned()
    } else {
        format!("write kind: {}", package.kind)
    };
    let help_of_group = format!("write apiVersion: {}", package.api_version);
    let mut problems: Vec<Diagnostic> = Vec::new();
    for (key, field, problem, help) in [
        ("apiVersion", &api_version, of_group, help_of_group),
        ("kind", &kind, of_kind, help_of_kind),
    ] {
        problems.extend(field.misspelling(key));
        let place = field.entry.map_or(node.place, |entry| entry.value.place);
        problems.extend(
            problem.map(|(code, message)| Diagnostic::new(code, key, message).help(help).at(Some(place.position))),
        );
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Refuses a document of a stream that has the fields of an object and names neither its `apiVersion` nor its `kind`, so
/// that it could be one of the package's.
///
/// # Errors
///
/// Returns what to write instead.
pub(crate) fn refuse_nameless(node: &Node, package: &Description) -> Result<(), Vec<Diagnostic>> {
    let is_given = |key: &str| node.get(key).is_some_and(|value| !value.is_null());
    let is_of_object =
        |entry: &Entry| ["apiVersion", "kind", "metadata", "spec", "status"].contains(&entry.key.scalar.text.as_str());
    let has_its_fields = is_given("spec") && node.entries().unwrap_or_default().iter().all(is_of_object);
    if !has_its_fields || is_given("apiVersion") || is_given("kind") {
        return Ok(());
    }
    Err(vec![
        Diagnostic::new(
            &MISSING_FIELD,
            "kind",
            "a Kubernetes object requires an apiVersion and a kind",
        )
        .help(format!(
            "for an object of this package, write apiVersion: {} and kind: {}",
            package.api_version, package.kind
        ))
        .at(Some(node.place.position)),
    ])
}

/// Refuses what is for functions, in which an object of ours would be passed through unseen.
pub(super) fn refuse_resource_list(node: &Node) -> Result<(), Vec<Diagnostic>> {
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    if text("kind") != "ResourceList" || group(text("apiVersion")) != "config.kubernetes.io" {
        return Ok(());
    }
    let problem = Diagnostic::new(&YAML_FEATURE, "kind", "a ResourceList is for functions")
        .help("run `krm` on it")
        .at(node.locate("kind").map(|place| place.position));
    Err(vec![problem])
}

/// Refuses a `List` with objects of ours in it, at whatever depth: passed through, it would be applied without having been
/// rendered.
///
/// # Errors
///
/// Returns one problem for each of these objects.
pub(crate) fn refuse_hidden(node: &Node, package: &Description) -> Result<(), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    collect_hidden(node, "", package, &mut problems);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn collect_hidden(node: &Node, path: &str, package: &Description, problems: &mut Vec<Diagnostic>) {
    let Some(Value::Sequence(items)) = node.get("items").map(|items| &items.value) else {
        return;
    };
    for (index, item) in items.iter().enumerate() {
        if problems.len() >= MOST {
            return;
        }
        let path = format!("{path}items[{index}]");
        if ours(item, package).is_some() {
            let message = format!("the {} is inside another object", package.kind);
            problems.push(
                Diagnostic::new(&INVALID_VALUE, path, message)
                    .help("write it as a document of its own, after `---`")
                    .at(Some(item.place.position)),
            );
        } else if let Err(mistakes) = refuse_mistaken(item, package) {
            problems.extend(mistakes.into_iter().map(|mut problem| {
                problem.path = format!("{path}.{}", problem.path);
                problem
            }));
        } else {
            collect_hidden(item, &format!("{path}."), package, problems);
        }
    }
}

/// The node, if it is an object of the package's group and kind, in whatever version.
pub(crate) fn ours<'n>(node: &'n Node, package: &Description) -> Option<&'n Node> {
    let same_kind = node.get("kind")?.as_str()? == package.kind;
    let same_group = group(node.get("apiVersion")?.as_str()?) == group(&package.api_version);
    (same_kind && same_group).then_some(node)
}

/// Returns whether a text may hold an object of the package's kind, or what is meant to be one.
pub(crate) fn concerns(text: &str, package: &Description) -> bool {
    let own_group = group(&package.api_version);
    text.contains(&package.kind)
        || (!own_group.is_empty() && (text.contains(own_group) || has_near_group(text, &package.api_version)))
}

/// Returns whether an `apiVersion` anywhere in a text may be a misspelling of this one.
fn has_near_group(text: &str, own: &str) -> bool {
    const KEY: &str = "apiVersion";
    text.match_indices(KEY).any(|(at, _)| {
        let rest = text.get(at + KEY.len()..).unwrap_or_default();
        let value = rest.trim_start_matches(['"', '\'', ':', ' ', '\t']);
        // One that is far longer is no misspelling, and need not be read to its end.
        let value: String = value
            .chars()
            .take_while(|c| !c.is_whitespace() && !"\"',}".contains(*c))
            .take(2 * own.len())
            .collect();
        compare_group(&value, own) == Group::Near
    })
}

fn compare_group(api_version: &str, own: &str) -> Group {
    let own_group = group(own);
    match api_version.split_once('/') {
        Some((group, _)) if group == own_group => Group::Own,
        Some((group, _)) if is_near_group(group.trim(), own_group) => Group::Near,
        Some(_) => Group::Foreign,
        None if api_version == own_group => Group::OwnAlone,
        None if is_near_group(api_version.trim(), own_group) || is_within(api_version, own, own.len() / 7) => {
            Group::Near
        }
        None => Group::None,
    }
}

/// Returns whether a group is probably a misspelling of the package's: but for a letter in seven, or for the top-level
/// domain, it is the same.
fn is_near_group(found: &str, own: &str) -> bool {
    let below_top = |group: &str| {
        let (name, _) = group.rsplit_once('.')?;
        name.contains('.').then(|| name.to_lowercase())
    };
    is_within(found, own, own.len() / 7) || below_top(found).is_some_and(|name| Some(name) == below_top(own))
}

fn compare_kind(found: &str, own: &str) -> Kind {
    if found == own {
        Kind::Own
    } else if is_within(found, own, (own.len() / 5).max(1)) {
        Kind::Near
    } else {
        Kind::Other
    }
}

/// Returns whether a word can be made another by at most so many edits, letter case aside. Words that differ in digits
/// only are different on purpose.
pub(super) fn is_within(found: &str, own: &str, edits: usize) -> bool {
    if found.len().abs_diff(own.len()) > edits * 4 {
        // A character of UTF-8 has at most four bytes.
        return false;
    }
    let (found, own) = (found.to_lowercase(), own.to_lowercase());
    let without_digits = |word: &str| -> String { word.chars().filter(|c| !c.is_ascii_digit()).collect() };
    found == own
        || (strsim::damerau_levenshtein(&found, &own) <= edits && without_digits(&found) != without_digits(&own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn etcd() -> Description {
        Description {
            name: "etcd".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            api_version: "etcd.rutter.dev/v1alpha1".to_owned(),
            kind: "EtcdCluster".to_owned(),
            app_versions: Vec::new(),
            ownership_label: String::new(),
        }
    }

    /// The paths of what is refused.
    fn refused(text: &str) -> Vec<String> {
        let node = yaml::parse(text, 0, 1).unwrap().unwrap();
        let problems = refuse_mistaken(&node, &etcd()).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn what_is_meant_for_the_package_is_refused() {
        for (text, expected) in [
            (
                "{apiVersion: etcd.ruter.dev/v1alpha1, kind: EtcdCluster}",
                &["apiVersion"][..],
            ),
            ("{apiVersion: etcd.ruter.dev/v1alpha1}", &["apiVersion", "kind"]),
            (
                "{apiVersion: etcd.ruter.dev/v1alpha1, kind: EtcdClustr}",
                &["apiVersion", "kind"],
            ),
            (
                "{apiVersion: ETCD.rutter.dev/v1alpha1, kind: EtcdCluster}",
                &["apiVersion"],
            ),
            (
                "{apiVersion: etcd.rutter.io/v1alpha1, kind: EtcdCluster}",
                &["apiVersion"],
            ),
            ("{apiVersion: etcd.rutter.dev, kind: EtcdCluster}", &["apiVersion"]),
            ("{apiVersion: etcd.rutter.dev, kind: Other}", &["apiVersion", "kind"]),
            ("{apiVersion: etcd.ruter.dev, kind: EtcdCluster}", &["apiVersion"]),
            (
                "{apiVersion: 'etcd.rutter.dev:v1alpha1', kind: EtcdCluster}",
                &["apiVersion"],
            ),
            ("{apiVersion: v1alpha1, kind: EtcdCluster}", &["apiVersion"]),
            ("{apiVersion: v1, kind: EtcdCluster}", &["apiVersion"]),
            ("{apiVersion: v1, kind: Etcdcluster}", &["apiVersion", "kind"]),
            ("{apiVersion: '', kind: EtcdCluster}", &["apiVersion"]),
            ("{apiVersion: null, kind: EtcdCluster}", &["apiVersion"]),
            ("{apiVersion: [], kind: EtcdCluster}", &["apiVersion"]),
            ("{kind: EtcdCluster}", &["apiVersion"]),
            ("{kind: EtcdClusters}", &["apiVersion", "kind"]),
            ("{apiVersion: etcd.rutter.dev/v1alpha1}", &["kind"]),
            ("{apiVersion: etcd.rutter.dev/v1alpha1, kind: [EtcdCluster]}", &["kind"]),
            ("{apiVersion: etcd.rutter.dev/v1alpha1, kind: Etcdcluster}", &["kind"]),
            (
                "{apiVersion: etcd.rutter.dev/v1alpha1, kind: EtcdClusterList}",
                &["kind"],
            ),
            ("{apiVersion: etcd.rutter.dev/v1, kind: Backup}", &["kind"]),
            (
                "{apiversion: etcd.rutter.dev/v1alpha1, kind: EtcdCluster}",
                &["apiversion"],
            ),
            ("{apiVersion: etcd.rutter.dev/v1alpha1, Kind: EtcdCluster}", &["Kind"]),
            (
                "{api_version: etcd.ruter.dev/v1alpha1, kinds: EtcdCluster}",
                &["api_version", "apiVersion", "kinds"],
            ),
        ] {
            assert_eq!(refused(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_foreign_is_not_refused() {
        for text in [
            "{apiVersion: etcd.database.coreos.com/v1beta2, kind: EtcdCluster}",
            "{apiVersion: etcd.io/v1alpha1, kind: EtcdCluster}",
            "{apiVersion: operator.etcd.io/v1alpha1, kind: EtcdCluster}",
            "{apiVersion: etcd.aenix.io/v1alpha1, kind: EtcdCluster}",
            "{apiVersion: etcdcluster.example.com/v1, kind: EtcdCluster}",
            "{apiVersion: redis.rutter.dev/v1alpha1, kind: RedisCluster}",
            "{apiVersion: etcd2.rutter.dev/v1alpha1, kind: EtcdCluster}",
            "{apiVersion: druid.gardener.cloud/v1alpha1, kind: Etcd}",
            "{apiVersion: rutter.dev/v1alpha1, kind: Render}",
            "{apiVersion: v1, kind: ConfigMap}",
            "{apiVersion: v1}",
            "{kind: ConfigMap}",
            "{kinds: EtcdBackup, apiversion: v1}",
            "{apiVersion: etcd.ruter.dev/v1, kind: Backup}",
            "{}",
            "[]",
            "EtcdCluster",
        ] {
            assert_eq!(refused(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_version_of_ours_is_an_object_of_ours() {
        // Which version it has is checked where the object is taken apart.
        assert_eq!(
            refused("{apiVersion: etcd.rutter.dev/v1alpha2, kind: EtcdCluster}"),
            [""; 0]
        );
    }

    #[test]
    fn a_kind_of_the_core_is_not_taken_for_ours() {
        let package = Description {
            api_version: "box.example.com/v1".to_owned(),
            kind: "Pods".to_owned(),
            ..etcd()
        };
        for (text, is_refused) in [
            ("{apiVersion: v1, kind: Pod}", false),
            ("{apiVersion: v1, kind: Pods}", true),
            ("{apiVersion: box1.example.com/v1, kind: Pods}", false),
        ] {
            let node = yaml::parse(text, 0, 1).unwrap().unwrap();
            assert_eq!(refuse_mistaken(&node, &package).is_err(), is_refused, "{text}");
        }
    }

    #[test]
    fn a_text_is_looked_through_once() {
        let package = etcd();
        // Would take hours if each of these were read to its end.
        assert!(!concerns(&"apiVersion".repeat(200_000), &package));
        assert!(!concerns(&format!("apiVersion: {}", "x/".repeat(1_000_000)), &package));
    }

    #[test]
    fn a_text_concerns_the_package_if_something_in_it_is_similar() {
        let package = etcd();
        for (text, expected) in [
            ("kind: EtcdCluster", true),
            ("apiVersion: etcd.rutter.dev/v1", true),
            ("apiVersion: etcd.ruter.dev/v1\nkind: Etcdcluster", true),
            ("{\"apiVersion\":\"etcd.ruter.dev/v1\",\"kind\":\"Etcdcluster\"}", true),
            ("- apiVersion: v1\n- apiVersion: 'etcd.ruter.dev/v1'", true),
            ("apiVersion: apps/v1\nkind: StatefulSet", false),
            ("apiVersion: etcd.io/v1", false),
            ("etcd.ruter.dev/v1", false),
            ("apiVersion", false),
            ("", false),
        ] {
            assert_eq!(concerns(text, &package), expected, "{text}");
        }
    }

    #[test]
    fn what_is_hidden_is_found_at_any_depth() {
        let own = "{apiVersion: etcd.rutter.dev/v1alpha1, kind: EtcdCluster}";
        let text = format!(
            "{{kind: List, items: [{{kind: List, items: [{own}, {{kind: EtcdCluster}}]}}, {own}, {{kind: Pod, items: 1}}]}}"
        );
        let node = yaml::parse(&text, 0, 1).unwrap().unwrap();
        let problems = refuse_hidden(&node, &etcd()).unwrap_err();
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["items[0].items[0]", "items[0].items[1].apiVersion", "items[1]"]);
    }
}
