//! What Kubernetes refuses to change of an object that exists.

use serde_json::{Value, json};

/// A field that is fixed when its object is made.
struct Fixed {
    group: &'static str,
    kind: &'static str,
    /// A JSON pointer.
    pointer: &'static str,
    /// What it is if it is not given.
    default: fn() -> Value,
    /// What the remedy does not mend.
    but: &'static str,
}

/// From `ValidateStatefulSetUpdate` in Kubernetes' `pkg/apis/apps/validation/validation.go`, and what the StatefulSet
/// controller does with pods that were there before (`pkg/controller/statefulset/stateful_set_utils.go`).
const FIXED: [Fixed; 4] = [
    Fixed {
        group: "apps",
        kind: "StatefulSet",
        pointer: "/spec/selector",
        default: || Value::Null,
        but: "pods without the new labels stay behind, and their names stay taken",
    },
    Fixed {
        group: "apps",
        kind: "StatefulSet",
        pointer: "/spec/serviceName",
        default: || json!(""),
        but: "pods keep the host names they have until they are made anew",
    },
    Fixed {
        group: "apps",
        kind: "StatefulSet",
        pointer: "/spec/volumeClaimTemplates",
        default: || json!([]),
        but: "claims that exist stay as they are",
    },
    Fixed {
        group: "apps",
        kind: "StatefulSet",
        pointer: "/spec/podManagementPolicy",
        default: || json!("OrderedReady"),
        but: "it only counts for pods that are made from then on",
    },
];

/// What to know before `new` is applied over `old`, if both are the same object: the fields that Kubernetes refuses to
/// change, and what to do instead.
pub(crate) fn notes(old: &Value, new: &Value) -> Vec<String> {
    let text = |pointer| new.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").unwrap_or_default();
    let group = text("/apiVersion").and_then(|version| version.split_once('/'));
    let group = group.map_or("", |(group, _)| group);
    let mut notes = Vec::new();
    for fixed in FIXED.iter().filter(|fixed| (fixed.group, fixed.kind) == (group, kind)) {
        let value = |object: &Value| {
            let value = object.pointer(fixed.pointer).filter(|value| !value.is_null());
            value.cloned().unwrap_or_else(fixed.default)
        };
        if value(old) != value(new) {
            let field = fixed.pointer.trim_start_matches('/').replace('/', ".");
            notes.push(format!(
                "note: Kubernetes refuses to change {field} of a {kind} that exists; after the remedy below, {}",
                fixed.but
            ));
        }
    }
    if !notes.is_empty() {
        let name = text("/metadata/name").unwrap_or_default();
        let namespace = text("/metadata/namespace").map_or_else(String::new, |name| format!(" --namespace {name}"));
        notes.push(format!(
            "help: `kubectl delete {} {name}{namespace} --cascade=orphan` keeps the pods, and a {kind} that is applied then \
             adopts those that its selector finds",
            kind.to_lowercase()
        ));
    }
    notes
}
