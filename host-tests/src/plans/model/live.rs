//! The objects of an API server, and the effects of `kubectl apply` on them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};

/// An object, and its fields that `kubectl apply` owns.
#[derive(Clone, Debug)]
struct Object {
    value: Rc<Value>,
    last_applied: Option<Rc<Value>>,
}

/// All objects, by kind and name.
#[derive(Clone, Debug, Default)]
pub(super) struct Live(BTreeMap<(String, String), Object>);

/// Returns the items of a list, or nothing.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn id(object: &Value) -> Result<(String, String)> {
    let kind = object["kind"].as_str().context("a kind")?;
    let name = object["metadata"]["name"].as_str().context("a name")?;
    Ok((kind.to_owned(), name.to_owned()))
}

impl Live {
    /// Returns objects that were created by other tools than `kubectl apply`.
    pub(super) fn created(objects: impl IntoIterator<Item = Rc<Value>>) -> Result<Self> {
        let mut live = Self::default();
        for value in objects {
            let object = Object {
                last_applied: None,
                value,
            };
            live.0.insert(id(&object.value)?, object);
        }
        Ok(live)
    }

    pub(super) fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.shared(kind, name).map(Rc::as_ref)
    }

    pub(super) fn shared(&self, kind: &str, name: &str) -> Option<&Rc<Value>> {
        Some(&self.0.get(&(kind.to_owned(), name.to_owned()))?.value)
    }

    pub(super) fn get_mut(&mut self, kind: &str, name: &str) -> Option<&mut Value> {
        Some(Rc::make_mut(
            &mut self.0.get_mut(&(kind.to_owned(), name.to_owned()))?.value,
        ))
    }

    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.0
            .iter()
            .filter(move |((of, _), _)| of == kind)
            .map(|((_, name), object)| (name, &*object.value))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.0
            .iter()
            .map(|((kind, name), object)| (&**kind, &**name, &*object.value))
    }

    pub(super) fn delete(&mut self, kind: &str, name: &str) {
        self.0.remove(&(kind.to_owned(), name.to_owned()));
    }

    /// Returns the result of an apply of an object.
    ///
    /// # Errors
    ///
    /// If Kubernetes refuses it.
    pub(super) fn applied(&self, desired: &Rc<Value>) -> Result<Rc<Value>> {
        let Some(old) = self.0.get(&id(desired)?) else {
            return Ok(Rc::clone(desired));
        };
        if let Some(known) = Merged::find(old, desired) {
            return Ok(known);
        }
        let new = merge(&old.value, old.last_applied.as_deref(), desired, "");
        check_immutable(&old.value, &new)?;
        check_probes(&new)?;
        // Equal objects are stored once, so that they are compared fast.
        let new = match [&old.value, desired].into_iter().find(|other| ***other == new) {
            Some(same) => Rc::clone(same),
            None => Rc::new(new),
        };
        Merged::note(old, desired, &new);
        Ok(new)
    }

    /// Whether an apply of an object changes nothing.
    ///
    /// # Errors
    ///
    /// If Kubernetes refuses it.
    pub(super) fn is_applied(&self, desired: &Rc<Value>) -> Result<bool> {
        let Some(old) = self.0.get(&id(desired)?) else {
            return Ok(false);
        };
        let is_last = old.last_applied.as_ref().is_some_and(|last| Rc::ptr_eq(last, desired));
        Ok(is_last && Rc::ptr_eq(&self.applied(desired)?, &old.value))
    }

    /// Checks that an object may replace the live one.
    ///
    /// # Errors
    ///
    /// If there is none, or Kubernetes refuses it.
    pub(super) fn check_replaced(&self, desired: &Value) -> Result<()> {
        let id = id(desired)?;
        let old = self.0.get(&id).with_context(|| format!("there is no {id:?}"))?;
        check_immutable(&old.value, desired)?;
        check_probes(desired)
    }

    /// Applies an object, and returns whether it has changed.
    ///
    /// # Errors
    ///
    /// If Kubernetes refuses it.
    pub(super) fn apply(&mut self, desired: &Rc<Value>) -> Result<bool> {
        let value = self.applied(desired)?;
        let old = self.0.insert(
            id(desired)?,
            Object {
                last_applied: Some(Rc::clone(desired)),
                value: Rc::clone(&value),
            },
        );
        Ok(old.is_none_or(|old| old.value["spec"] != value["spec"]))
    }

    /// Makes `kubectl apply` the owner of fields.
    ///
    /// # Errors
    ///
    /// If there is no such object.
    pub(super) fn take_over(&mut self, object: Value) -> Result<()> {
        let id = id(&object)?;
        let live = self.0.get_mut(&id).with_context(|| format!("there is no {id:?}"))?;
        live.last_applied = Some(Rc::new(object));
        Ok(())
    }
}

/// The cached result of an apply. Steps that are tried again apply the same to the same objects.
struct Merged {
    old: Object,
    desired: Rc<Value>,
    new: Rc<Value>,
}

/// The key of an apply: addresses of objects that live as long as its result is cached.
type Apply = (*const Value, Option<*const Value>, *const Value);

thread_local! {
    static MERGED: RefCell<HashMap<Apply, Merged>> = RefCell::new(HashMap::new());
}

impl Merged {
    /// The size of the cache.
    const MOST: usize = 4096;

    fn key(old: &Object, desired: &Rc<Value>) -> Apply {
        let last = old.last_applied.as_ref().map(Rc::as_ptr);
        (Rc::as_ptr(&old.value), last, Rc::as_ptr(desired))
    }

    fn find(old: &Object, desired: &Rc<Value>) -> Option<Rc<Value>> {
        MERGED.with_borrow(|all| Some(Rc::clone(&all.get(&Self::key(old, desired))?.new)))
    }

    fn note(old: &Object, desired: &Rc<Value>, new: &Rc<Value>) {
        MERGED.with_borrow_mut(|all| {
            if all.len() >= Self::MOST {
                all.clear();
            }
            let merged = Self {
                old: old.clone(),
                desired: Rc::clone(desired),
                new: Rc::clone(new),
            };
            all.insert(Self::key(&merged.old, &merged.desired), merged);
        });
    }
}

/// The keys that identify items when lists are merged (`patchMergeKey` in Kubernetes' types). Other lists are replaced.
const MERGE_KEYS: [(&str, &str); 9] = [
    (".containers", "name"),
    (".initContainers", "name"),
    (".env", "name"),
    (".hostAliases", "ip"),
    (".imagePullSecrets", "name"),
    (".topologySpreadConstraints", "topologyKey"),
    (".volumeMounts", "mountPath"),
    (".volumes", "name"),
    (".secrets", "name"),
];

fn merge(live: &Value, last: Option<&Value>, desired: &Value, path: &str) -> Value {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            let mut merged = Map::new();
            for (key, value) in desired {
                let old = live.get(key).unwrap_or(&Value::Null);
                let last = last.and_then(|last| last.get(key));
                merged.insert(key.clone(), merge(old, last, value, &format!("{path}.{key}")));
            }
            // A volume has one source (`retainKeys`).
            let keeps = !path.ends_with(".volumes[]");
            for (key, value) in live {
                let is_own = last.is_some_and(|last| last.get(key).is_some());
                if keeps && !is_own && !desired.contains_key(key) {
                    merged.insert(key.clone(), value.clone());
                }
            }
            Value::Object(merged)
        }
        (Value::Array(live), Value::Array(desired)) => {
            let key = MERGE_KEYS.iter().find(|(field, _)| path.ends_with(field));
            let ports = path
                .ends_with(".ports")
                .then_some(if path.starts_with(".spec.template") {
                    "containerPort"
                } else {
                    "port"
                });
            // Network policies have lists of the same names, which are replaced.
            let Some(key) = key.map(|(_, key)| *key).or(ports.filter(|_| !path.contains("gress"))) else {
                return Value::Array(desired.clone());
            };
            let same = |a: &Value, b: &Value| a[key] == b[key];
            let path = format!("{path}[]");
            let last = last.and_then(Value::as_array);
            let in_last = |item: &Value| last.and_then(|last| last.iter().find(|other| same(item, other)));
            let mut merged: Vec<Value> = desired
                .iter()
                .map(|item| match live.iter().find(|other| same(item, other)) {
                    Some(old) => merge(old, in_last(item), item, &path),
                    None => item.clone(),
                })
                .collect();
            let left = live
                .iter()
                .filter(|item| !desired.iter().any(|other| same(item, other)));
            merged.extend(left.filter(|item| in_last(item).is_none()).cloned());
            Value::Array(merged)
        }
        _ => desired.clone(),
    }
}

/// Refuses what Kubernetes refuses (`ValidateStatefulSetUpdate` and others).
fn check_immutable(old: &Value, new: &Value) -> Result<()> {
    let keys = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect()
    };
    let changed = |field: &str, except: &[&str]| -> Option<String> {
        let mut all = keys(&old[field]);
        all.extend(keys(&new[field]));
        all.into_iter()
            .find(|key| !except.contains(&key.as_str()) && old[field][key] != new[field][key])
    };
    let kind = new["kind"].as_str().unwrap_or_default();
    let refused = match kind {
        "StatefulSet" => changed(
            "spec",
            &[
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ],
        ),
        "PersistentVolumeClaim" => changed("spec", &["resources"]),
        "ConfigMap" if old["immutable"] == true => changed("data", &[]).or(changed("binaryData", &[])),
        "Service" => {
            let is_headless = |service: &Value| service["spec"]["clusterIP"] == "None";
            let family = |service: &Value| list(&service["spec"]["ipFamilies"]).first().cloned();
            let is_other = family(old).is_some() && family(new).is_some() && family(old) != family(new);
            let class = |service: &Value| service["spec"]["loadBalancerClass"].clone();
            let is_balancer = |service: &Value| service["spec"]["type"] == "LoadBalancer";
            let other_class = is_balancer(old) && is_balancer(new) && class(old) != class(new);
            (is_headless(old) != is_headless(new) || is_other || other_class).then(|| "its addresses".to_owned())
        }
        _ => None,
    };
    ensure!(
        refused.is_none(),
        "Kubernetes refuses to change {} of {kind} {}",
        refused.unwrap_or_default(),
        new["metadata"]["name"]
    );
    if kind == "StatefulSet" && new["spec"]["updateStrategy"]["type"] == "OnDelete" {
        ensure!(
            new["spec"]["updateStrategy"]["rollingUpdate"].is_null(),
            "Kubernetes refuses rollingUpdate with OnDelete"
        );
    }
    Ok(())
}

/// Refuses a probe with two handlers, which is the result of an apply over another tool's probe (`validateHandler`).
fn check_probes(new: &Value) -> Result<()> {
    for container in list(&new["spec"]["template"]["spec"]["containers"]) {
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let handlers = ["exec", "grpc", "httpGet", "tcpSocket"];
            let handlers = handlers.iter().filter(|handler| !container[probe][handler].is_null());
            ensure!(
                handlers.count() <= 1,
                "Kubernetes refuses a {probe} with more than one handler"
            );
        }
    }
    Ok(())
}

/// Whether labels match a selector. Here, a selector of another form matches nothing.
pub(super) fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let Some(fields) = selector.as_object() else {
        return false;
    };
    if fields.keys().any(|key| key != "matchLabels") {
        return false;
    }
    has_labels(&selector["matchLabels"], labels)
}

/// Whether labels contain all of these.
pub(super) fn has_labels(desired: &Value, labels: &BTreeMap<String, String>) -> bool {
    let mut desired = desired.as_object().into_iter().flatten();
    desired.all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
}

pub(super) fn labels(value: &Value) -> BTreeMap<String, String> {
    let labels = value.as_object().into_iter().flatten();
    labels
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
