//! The comparison itself: both objects are walked together, along their type.
//!
//! The walk has a stack of its own instead of recursion, and looks fields, keys and items up in maps, so that it takes
//! time in proportion to the objects' sizes, but for a logarithm.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rutter::yaml::{Entry, Node, Scalar, Value};

use super::defaults::{Owner, is_decided};
use super::side::{Side, is_same, node};
use super::table::{Code, FieldDefault, Identity, Table, Type};
use super::{Difference, Path, Segment};

/// Fields of an object's metadata that say which object it is, or that the API server writes.
const NOT_COMPARED: [&str; 8] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

pub(super) struct Comparison {
    table: &'static Table,
    pub(super) differences: Vec<Difference>,
    /// Whether the object is a Secret, whose values are not printed.
    pub(super) is_secret: bool,
}

/// The remaining work, last first.
enum Task<'a> {
    Compare(Pair<'a>),
    /// Reports a pair with one side absent, unless a difference inside was reported since.
    Report {
        pair: Pair<'a>,
        since: usize,
    },
}

/// Two values of one type at one path.
#[derive(Clone)]
struct Pair<'a> {
    code: &'a Code,
    /// Whether the zero value differs from absence: behind a pointer, and for values of maps and items of lists.
    is_optional: bool,
    installed: Side<'a>,
    desired: Side<'a>,
    /// Whether the desired value is a default, which may be the node of another field.
    is_default: bool,
    path: Path,
}

/// Collects the tasks of one pair, first things first.
type Tasks<'a> = Vec<Task<'a>>;

impl Comparison {
    pub(super) fn new(table: &'static Table) -> Self {
        Self {
            table,
            differences: Vec::new(),
            is_secret: false,
        }
    }

    /// Compares two values of a type.
    pub(super) fn run<'a>(&mut self, code: &'a Code, installed: Option<&'a Node>, desired: Option<&'a Node>) {
        let mut stack = vec![Task::Compare(Pair {
            code,
            is_optional: false,
            installed: Side::written(installed),
            desired: Side::written(desired),
            is_default: false,
            path: Path::default(),
        })];
        while let Some(task) = stack.pop() {
            match task {
                Task::Report { pair, since } => {
                    if self.differences.len() == since {
                        self.report(pair);
                    }
                }
                Task::Compare(pair) => {
                    let mut tasks = Vec::new();
                    self.compare(pair, &mut tasks);
                    stack.extend(tasks.into_iter().rev());
                }
            }
        }
    }

    fn compare<'a>(&mut self, mut pair: Pair<'a>, tasks: &mut Tasks<'a>) {
        if let Code::Pointer(inner) = pair.code {
            pair.code = inner;
            pair.is_optional = true;
        }
        if pair.code == &Code::Ignored || pair.installed.is_absent() && pair.desired.is_absent() {
            return;
        }
        if pair.code == &Code::Unknown {
            return self.compare_unknown(pair, tasks);
        }
        let is_one_sided = pair.installed.is_absent() || pair.desired.is_absent();
        let fits = [&pair.installed, &pair.desired]
            .into_iter()
            .all(|side| fits(pair.code, side));
        if !fits {
            pair.code = &Code::Unknown;
            return self.compare_unknown(pair, tasks);
        }
        match pair.code {
            Code::Struct(_) | Code::Map(_) | Code::List(..) => {
                let to_report = (is_one_sided && pair.is_optional).then(|| pair.clone());
                let since = self.differences.len();
                match pair.code {
                    Code::Struct(index) => {
                        let table = self.table;
                        self.compare_structs(&table.types[*index], &pair, tasks);
                    }
                    Code::Map(inner) => self.compare_maps(inner, &pair, tasks),
                    Code::List(identity, inner) => self.compare_lists(identity, inner, &pair, tasks),
                    _ => {}
                }
                if let Some(pair) = to_report {
                    tasks.push(Task::Report { pair, since });
                }
            }
            code => {
                let same = match (pair.installed.scalar(), pair.desired.scalar()) {
                    (Some(installed), Some(desired)) => is_same(code, installed, desired),
                    _ => false,
                };
                if !same {
                    self.report(pair);
                }
            }
        }
    }

    /// Compares the fields that either side has, and those whose defaults may differ.
    fn compare_structs<'a>(&mut self, of: &'static Type, pair: &Pair<'a>, tasks: &mut Tasks<'a>) {
        let installed = fields(&pair.installed);
        let desired = fields(&pair.desired);
        let is_root_metadata =
            of.name == "ObjectMeta" && pair.path.segments() == [&Segment::Field("metadata".to_owned())];
        // Of a struct that only one side has, nothing is reported that is its default.
        let (owner_of_installed, owner_of_desired) = match (&pair.installed, &pair.desired) {
            (Side::Absent, _) if pair.is_optional => (&desired, &desired),
            (_, Side::Absent) if pair.is_optional => (&installed, &installed),
            _ => (&installed, &desired),
        };
        let present: BTreeSet<_> = installed.keys().chain(desired.keys()).copied().collect();
        let mut known = BTreeSet::new();
        known.extend(of.dependent.iter().copied());
        let mut unknown = Vec::new();
        for name in present {
            match of.field(name) {
                Some(index) => {
                    known.insert(index);
                }
                None => unknown.push(name),
            }
        }
        for index in known {
            let field = &of.fields[index];
            if is_root_metadata && NOT_COMPARED.contains(&field.name) {
                continue;
            }
            let side = |fields: &BTreeMap<_, _>, owner| match (
                Side::read(&field.code, fields.get(field.name).copied()),
                &field.default,
            ) {
                (Side::Absent, FieldDefault::Empty) => Side::Empty,
                (Side::Absent, FieldDefault::Scalar(scalar)) => Side::Scalar(scalar.clone()),
                (Side::Absent, FieldDefault::Dependent(rule)) => rule(&owner),
                (side, _) => side,
            };
            let is_desired = !Side::read(&field.code, desired.get(field.name).copied()).is_absent();
            let installed = side(&installed, Owner(owner_of_installed));
            let desired = side(&desired, Owner(owner_of_desired));
            if !is_desired && is_decided(of.name, field.name, &installed) {
                continue;
            }
            tasks.push(Task::Compare(Pair {
                code: &field.code,
                is_optional: false,
                installed,
                desired,
                is_default: !is_desired,
                path: pair.path.join(Segment::Field(field.name.to_owned())),
            }));
        }
        tasks.extend(
            unknown
                .into_iter()
                .map(|name| unknown_field(pair, name, &installed, &desired)),
        );
    }

    fn compare_lists<'a>(&mut self, identity: &Identity, inner: &'a Code, pair: &Pair<'a>, tasks: &mut Tasks<'a>) {
        let installed = items(&pair.installed);
        let desired = items(&pair.desired);
        let desired_at: BTreeMap<_, _> = identify(identity, &desired).into_iter().zip(0..).collect();
        let installed_at = identify(identity, &installed);
        let mut is_met = vec![false; desired.len()];
        let mut order = Vec::new();
        let mut common = Vec::new();
        for (id, item) in installed_at.iter().zip(&installed) {
            let other = desired_at.get(id).copied();
            if let Some(other) = other {
                is_met[other] = true;
                order.push(other);
                common.push(id);
            }
            let other = other.map_or(Side::Absent, |other| desired[other].clone());
            self.compare_elements(inner, item.clone(), other, id.join(&pair.path), tasks);
        }
        let mut ids: Vec<_> = desired_at.iter().collect();
        ids.sort_by_key(|(_, index)| **index);
        for (id, index) in &ids {
            if !is_met[**index] {
                self.compare_elements(
                    inner,
                    Side::Absent,
                    desired[**index].clone(),
                    id.join(&pair.path),
                    tasks,
                );
            }
        }
        if order.is_sorted() {
            return;
        }
        let keys = |ids: &mut dyn Iterator<Item = &Id<'_>>| {
            let keys = ids.map(|id| node(Value::Scalar(Scalar::quoted(id.key.clone()))));
            Some(node(Value::Sequence(keys.collect())))
        };
        let met = ids.iter().filter(|(_, index)| is_met[**index]);
        let difference = Difference {
            path: pair.path.join(Segment::Order),
            installed: keys(&mut common.into_iter()),
            desired: keys(&mut met.map(|(id, _)| *id)),
            is_written: true,
            is_secret: false,
        };
        self.differences.push(difference);
    }

    /// Compares the values of keys. A null counts as a value, because readers disagree about it.
    fn compare_maps<'a>(&mut self, inner: &'a Code, pair: &Pair<'a>, tasks: &mut Tasks<'a>) {
        let values = |side: &Side<'a>| -> BTreeMap<_, _> {
            let entries = entries(side).iter();
            entries
                .map(|entry| (entry.key.scalar.text.as_str(), &entry.value))
                .collect()
        };
        let (installed, desired) = (values(&pair.installed), values(&pair.desired));
        let keys: BTreeSet<_> = installed.keys().chain(desired.keys()).copied().collect();
        for key in keys {
            let side = |values: &BTreeMap<_, _>| values.get(key).copied().map_or(Side::Absent, Side::Node);
            let path = pair.path.join(Segment::Key(key.to_owned()));
            self.compare_elements(inner, side(&installed), side(&desired), path, tasks);
        }
    }

    /// Compares values of a map or items of a list. What is null is there.
    fn compare_elements<'a>(
        &mut self,
        code: &'a Code,
        installed: Side<'a>,
        desired: Side<'a>,
        path: Path,
        tasks: &mut Tasks<'a>,
    ) {
        let is_null = |side: &Side<'_>| matches!(side, Side::Node(node) if node.is_null());
        let nulls = (is_null(&installed), is_null(&desired));
        let pair = Pair {
            code,
            is_optional: true,
            installed,
            desired,
            is_default: false,
            path,
        };
        match nulls {
            (false, false) => tasks.push(Task::Compare(pair)),
            (true, true) => {}
            _ => self.report(pair),
        }
    }

    /// Compares values of no known type, exactly.
    fn compare_unknown<'a>(&mut self, pair: Pair<'a>, tasks: &mut Tasks<'a>) {
        let shape = |side: &Side<'a>| match side {
            Side::Absent => None,
            Side::Empty => Some(Shape::Mapping),
            Side::Scalar(_) => Some(Shape::Scalar),
            Side::Words(_) => Some(Shape::Sequence),
            Side::Node(node) => Some(match node.value {
                Value::Scalar(_) => Shape::Scalar,
                Value::Sequence(_) => Shape::Sequence,
                Value::Mapping(_) => Shape::Mapping,
            }),
        };
        let (installed, desired) = (shape(&pair.installed), shape(&pair.desired));
        let shape = match (installed, desired) {
            (Some(installed), Some(desired)) if installed != desired => return self.report(pair),
            (Some(shape), _) | (_, Some(shape)) => shape,
            (None, None) => return,
        };
        let is_one_sided = installed.is_none() || desired.is_none();
        let since = self.differences.len();
        match shape {
            Shape::Scalar => {
                let same = match (pair.installed.scalar(), pair.desired.scalar()) {
                    (Some(installed), Some(desired)) => is_same(&Code::Unknown, installed, desired),
                    _ => false,
                };
                if !same {
                    self.report(pair);
                }
                return;
            }
            Shape::Sequence => self.compare_lists(&Identity::Index, &Code::Unknown, &pair, tasks),
            Shape::Mapping => {
                let (installed, desired) = (fields(&pair.installed), fields(&pair.desired));
                let names: BTreeSet<_> = installed.keys().chain(desired.keys()).copied().collect();
                tasks.extend(
                    names
                        .into_iter()
                        .map(|name| unknown_field(&pair, name, &installed, &desired)),
                );
            }
        }
        if is_one_sided {
            tasks.push(Task::Report { pair, since });
        }
    }

    fn report(&mut self, pair: Pair<'_>) {
        let field = |segment: Option<&&Segment>| match segment {
            Some(Segment::Field(name)) => name.clone(),
            _ => String::new(),
        };
        // An annotation may hold what was applied last.
        let is_secret = self.is_secret && {
            let segments = pair.path.segments();
            let is_annotation = field(segments.get(1)) == "annotations";
            is_annotation || !["immutable", "metadata", "type"].contains(&&*field(segments.first()))
        };
        self.differences.push(Difference {
            path: pair.path,
            installed: pair.installed.into_node(),
            is_written: !pair.is_default && matches!(pair.desired, Side::Node(_)),
            desired: pair.desired.into_node(),
            is_secret,
        });
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Scalar,
    Sequence,
    Mapping,
}

/// Whether a value has the shape of its type.
fn fits(code: &Code, side: &Side<'_>) -> bool {
    let value = match side {
        Side::Node(node) => &node.value,
        _ => return true,
    };
    match code {
        Code::Struct(_) | Code::Map(_) => matches!(value, Value::Mapping(_)),
        Code::List(..) => matches!(value, Value::Sequence(_)),
        _ => matches!(value, Value::Scalar(_)),
    }
}

fn entries<'a>(side: &Side<'a>) -> &'a [Entry] {
    match side {
        Side::Node(node) => node.entries().unwrap_or_default(),
        _ => &[],
    }
}

/// The task to compare a field of no known type.
fn unknown_field<'a>(
    owner: &Pair<'a>,
    name: &str,
    installed: &BTreeMap<&'a str, &'a Node>,
    desired: &BTreeMap<&'a str, &'a Node>,
) -> Task<'a> {
    Task::Compare(Pair {
        code: &Code::Unknown,
        is_optional: true,
        installed: Side::written(installed.get(name).copied()),
        desired: Side::written(desired.get(name).copied()),
        is_default: false,
        path: owner.path.join(Segment::Field(name.to_owned())),
    })
}

/// The fields that are there.
fn fields<'a>(side: &Side<'a>) -> BTreeMap<&'a str, &'a Node> {
    let there = entries(side).iter().filter(|entry| !entry.value.is_null());
    there
        .map(|entry| (entry.key.scalar.text.as_str(), &entry.value))
        .collect()
}

fn items<'a>(side: &Side<'a>) -> Vec<Side<'a>> {
    match side {
        Side::Node(Node {
            value: Value::Sequence(items),
            ..
        }) => items.iter().map(Side::Node).collect(),
        Side::Words(words) => words.iter().map(|word| Side::Scalar(Scalar::quoted(*word))).collect(),
        _ => Vec::new(),
    }
}

/// The identity of an item of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id<'a> {
    /// Its key; empty in a list without keys, and for an item that lacks one.
    key: Cow<'a, str>,
    /// Whether it should have one, as all but the positional arguments of a command line.
    has_keys: bool,
    /// Its position among those with the same key.
    position: usize,
}

impl Id<'_> {
    fn join(&self, list: &Path) -> Path {
        if !self.has_keys {
            return list.join(Segment::Index(self.position));
        }
        let item = list.join(Segment::Item(self.key.clone().into_owned()));
        if self.position > 0 || self.key.is_empty() {
            item.join(Segment::Index(self.position))
        } else {
            item
        }
    }
}

/// Returns the identity of each item of a list.
fn identify<'a>(identity: &Identity, items: &[Side<'a>]) -> Vec<Id<'a>> {
    let mut counts: BTreeMap<Cow<'a, str>, usize> = BTreeMap::new();
    let identify = |item: &Side<'a>| {
        let key = key(identity, item).unwrap_or_default();
        let count = counts.entry(key.clone()).or_default();
        let position = *count;
        *count += 1;
        Id {
            has_keys: match identity {
                Identity::Index => false,
                Identity::Flag => !key.is_empty(),
                _ => true,
            },
            key,
            position,
        }
    };
    items.iter().map(identify).collect()
}

fn key<'a>(identity: &Identity, item: &Side<'a>) -> Option<Cow<'a, str>> {
    let Side::Node(item) = item else {
        return None;
    };
    match identity {
        Identity::Index => None,
        Identity::Text => item.as_str().map(Cow::Borrowed),
        Identity::Name => item.get("metadata")?.get("name")?.as_str().map(Cow::Borrowed),
        Identity::Flag => {
            let flag = item.as_str().filter(|text| text.starts_with("--"))?;
            Some(Cow::Borrowed(flag.split_once('=').map_or(flag, |(name, _)| name)))
        }
        Identity::Field(name) => {
            let key = item.get(name)?.as_str()?;
            // Ports of two protocols may have the same number: `+listMapKey=protocol` in `staging/src/k8s.io/api/core/v1/types.go`.
            let protocol = item
                .get("protocol")
                .and_then(Node::as_str)
                .filter(|protocol| !["", "TCP"].contains(protocol));
            Some(match protocol {
                Some(protocol) if ["containerPort", "port"].contains(name) => Cow::Owned(format!("{key}/{protocol}")),
                _ => Cow::Borrowed(key),
            })
        }
    }
}
