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
    /// What becomes of what is there, if its object is made anew.
    then: &'static str,
}

/// From `ValidateStatefulSetUpdate` in Kubernetes' `pkg/apis/apps/validation/validation.go`, and what the StatefulSet
/// controller does with pods that were there before (`pkg/controller/statefulset/stateful_set_utils.go`).
const FIXED: [Fixed; 4] = [
    Fixed {
        group: "apps",
        kind: "StatefulSet",
        pointer: "/spec/selector",
        default: || Value::Null,
        then: "pods without the new labels stay behind, and their names stay taken",
    },
    Fixed {
        group: "apps",
        kind: "StatefulSet",
        pointer: "/spec/serviceName",
        default: || json!(""),
        then: "pods keep the host names they have until they are made anew",
    },
    Fixed {
        group: "apps",
        kind: "StatefulSet",
        pointer: "/spec/volumeClaimTemplates",
        default: || json!([]),
        then: "claims that exist stay as they are, and a claim of another name starts empty: what runs may not find its data",
    },
    Fixed {
        group: "apps",
        kind: "StatefulSet",
        pointer: "/spec/podManagementPolicy",
        default: || json!("OrderedReady"),
        then: "the policy counts for pods that are made from then on",
    },
];

/// What to know before `new` is applied over `old`, if both are the same object: the fields that Kubernetes refuses to
/// change, and what to do instead.
pub(crate) fn notes(old: &Value, new: &Value) -> Vec<String> {
    let text = |pointer| new.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").unwrap_or_default();
    let group = text("/apiVersion").and_then(|version| version.split_once('/'));
    let group = group.map_or("", |(group, _)| group);
    let value = |object: &Value, fixed: &Fixed| {
        let value = object.pointer(fixed.pointer).filter(|value| !value.is_null());
        value.cloned().unwrap_or_else(fixed.default)
    };
    let of_this_kind = FIXED.iter().filter(|fixed| (fixed.group, fixed.kind) == (group, kind));
    let refused: Vec<&Fixed> = of_this_kind
        .filter(|fixed| value(old, fixed) != value(new, fixed))
        .collect();
    let mut notes: Vec<String> = refused
        .iter()
        .map(|fixed| {
            let field = fixed.pointer.trim_start_matches('/').replace('/', ".");
            format!("note: Kubernetes refuses to change {field} of a {kind} that exists")
        })
        .collect();
    if !refused.is_empty() {
        let name = typed(text("/metadata/name").unwrap_or_default(), "NAME");
        let namespace = text("/metadata/namespace").map(|namespace| typed(namespace, "NAMESPACE"));
        let namespace = namespace.map_or_else(String::new, |name| format!(" --namespace {name}"));
        let then: String = refused.iter().map(|fixed| format!("; {}", fixed.then)).collect();
        notes.push(format!(
            "help: `kubectl delete {} {name}{namespace} --cascade=orphan` keeps the pods, and a {kind} that is applied then \
             adopts those that its selector finds{then}",
            kind.to_lowercase()
        ));
    }
    notes
}

/// A name that can be typed, or a word that stands for it: what is no name to Kubernetes could be a command or an option.
fn typed<'n>(name: &'n str, otherwise: &'n str) -> &'n str {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(is_part) {
        name
    } else {
        otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stateful_set(spec: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a", "namespace": "b"}, "spec": spec})
    }

    #[test]
    fn what_is_fixed_is_noted() {
        let old = stateful_set(json!({"replicas": 1, "selector": {"matchLabels": {"a": "1", "b": "2"}}}));
        let new = stateful_set(json!({
            "replicas": 2,
            "serviceName": "a",
            "selector": {"matchLabels": {"b": "2", "a": "1"}},
            "podManagementPolicy": "Parallel",
        }));
        let expected = [
            "note: Kubernetes refuses to change spec.serviceName of a StatefulSet that exists",
            "note: Kubernetes refuses to change spec.podManagementPolicy of a StatefulSet that exists",
            "help: `kubectl delete statefulset a --namespace b --cascade=orphan` keeps the pods, and a StatefulSet that is \
             applied then adopts those that its selector finds; pods keep the host names they have until they are made \
             anew; the policy counts for pods that are made from then on",
        ];
        assert_eq!(notes(&old, &new), expected);
    }

    #[test]
    fn only_names_become_part_of_a_command() {
        for name in ["a; reboot", "$(reboot)", "--all", "", "a\nb", "a\u{1b}"] {
            let object = |service| {
                let metadata = json!({"name": name, "namespace": name});
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": {"serviceName": service}})
            };
            let notes = notes(&object("a"), &object("b"));
            let command = "`kubectl delete statefulset NAME --namespace NAMESPACE --cascade=orphan`";
            assert!(notes[1].contains(command), "{notes:?}");
        }
    }

    #[test]
    fn what_is_a_default_is_no_change() {
        let old = stateful_set(json!({"serviceName": null}));
        let new =
            stateful_set(json!({"serviceName": "", "volumeClaimTemplates": [], "podManagementPolicy": "OrderedReady"}));
        assert!(notes(&old, &new).is_empty());
        let other = |name| json!({"apiVersion": "x.dev/v1", "kind": "StatefulSet", "spec": {"serviceName": name}});
        assert!(notes(&other("a"), &other("b")).is_empty());
    }
}
