//! Where two objects differ in what they ask for, one of them perhaps as an API server gives it.
//!
//! What nobody wrote is no difference: an API server fills in defaults, and adds what it and others keep to themselves.

use std::str::FromStr as _;

use rutter::quantity::Quantity;
use rutter::yaml::{Node, Value, join};

use super::objects::{items, scalar};

/// Defaults of the API server for fields of what is rendered, by the field's name: `pkg/apis/*/v1/defaults.go` in
/// Kubernetes. Where a field has several, it is one of them.
const DEFAULTS: &[(&str, &[&str])] = &[
    ("allocateLoadBalancerNodePorts", &["true"]),
    ("apiVersion", &["v1"]),
    ("automountServiceAccountToken", &["true"]),
    ("backoffLimit", &["6"]),
    ("completionMode", &["NonIndexed"]),
    ("completions", &["1"]),
    ("concurrencyPolicy", &["Allow"]),
    ("defaultMode", &["420"]),
    ("dnsPolicy", &["ClusterFirst"]),
    ("enableServiceLinks", &["true"]),
    ("externalTrafficPolicy", &["Cluster"]),
    ("failedJobsHistoryLimit", &["1"]),
    ("failureThreshold", &["3"]),
    ("imagePullPolicy", &["IfNotPresent", "Always"]),
    ("initialDelaySeconds", &["0"]),
    ("internalTrafficPolicy", &["Cluster"]),
    ("ipFamilyPolicy", &["SingleStack"]),
    ("kind", &["PersistentVolumeClaim"]),
    ("maxSurge", &["1"]),
    ("minReadySeconds", &["0"]),
    ("parallelism", &["1"]),
    ("partition", &["0"]),
    ("periodSeconds", &["10"]),
    ("podManagementPolicy", &["OrderedReady"]),
    ("podReplacementPolicy", &["TerminatingOrFailed", "Failed"]),
    ("protocol", &["TCP"]),
    ("restartPolicy", &["Always"]),
    ("revisionHistoryLimit", &["10", "1"]),
    ("schedulerName", &["default-scheduler"]),
    ("scheme", &["HTTP"]),
    ("sessionAffinity", &["None"]),
    ("successThreshold", &["1"]),
    ("successfulJobsHistoryLimit", &["3"]),
    ("suspend", &["false"]),
    ("terminationGracePeriodSeconds", &["30"]),
    ("terminationMessagePath", &["/dev/termination-log"]),
    ("terminationMessagePolicy", &["File"]),
    ("timeoutSeconds", &["1"]),
    ("type", &["ClusterIP", "RollingUpdate"]),
    ("volumeMode", &["Filesystem"]),
    ("whenDeleted", &["Retain"]),
    ("whenScaled", &["Retain"]),
];

/// What an API server or a controller decides, whatever it is.
const DECIDED: &[&str] = &[
    "clusterIP",
    "clusterIPs",
    "creationTimestamp",
    "healthCheckNodePort",
    "ipFamilies",
    "kubectl.kubernetes.io/restartedAt",
    "nodePort",
    "serviceAccount",
    "status",
    "targetPort",
    "volumeName",
];

/// The paths at which `there` is not what `wanted` asks for: what is to change, what is to come, what is to go.
pub(super) fn between(there: &Node, wanted: &Node) -> Vec<String> {
    let mut paths = Vec::new();
    compare(there, wanted, "", &mut paths);
    paths
}

/// The same for whole objects, of whose metadata only labels and annotations count, and those only as far as they are
/// wanted: everybody adds some.
pub(super) fn between_objects(there: &Node, wanted: &Node) -> Vec<String> {
    let mut paths = Vec::new();
    for map in ["metadata.labels", "metadata.annotations"] {
        for entry in wanted.at(map).and_then(Node::entries).unwrap_or_default() {
            let key = &entry.key.scalar.text;
            let same = there.at(map).and_then(|map| map.get(key)).is_some_and(|there| {
                let mut paths = Vec::new();
                compare(there, &entry.value, "", &mut paths);
                paths.is_empty()
            });
            if !same {
                paths.push(join(map, key));
            }
        }
    }
    let rest = |node: &Node| {
        let mut rest = node.clone();
        if let Value::Mapping(entries) = &mut rest.value {
            entries.retain(|entry| !["apiVersion", "kind", "metadata", "status"].contains(&&*entry.key.scalar.text));
        }
        rest
    };
    compare(&rest(there), &rest(wanted), "", &mut paths);
    paths
}

fn compare(there: &Node, wanted: &Node, path: &str, paths: &mut Vec<String>) {
    match (&there.value, &wanted.value) {
        (Value::Mapping(there), Value::Mapping(of_wanted)) => {
            for entry in of_wanted {
                let key = &entry.key.scalar.text;
                match there.iter().find(|there| there.key.scalar.text == *key) {
                    Some(there) => compare(&there.value, &entry.value, &join(path, key), paths),
                    None if is_default(key, &entry.value) => {}
                    None => paths.push(join(path, key)),
                }
            }
            for entry in there {
                let key = &entry.key.scalar.text;
                if wanted.get(key).is_none() && !is_default(key, &entry.value) {
                    paths.push(join(path, key));
                }
            }
        }
        (Value::Sequence(there), Value::Sequence(wanted)) if there.len() == wanted.len() => {
            for (index, (there, wanted)) in there.iter().zip(wanted).enumerate() {
                compare(there, wanted, &format!("{path}[{index}]"), paths);
            }
        }
        (Value::Scalar(there), Value::Scalar(wanted)) if same_text(&there.text, &wanted.text) => {}
        _ if is_empty(there) && is_empty(wanted) => {}
        _ => paths.push(path.to_owned()),
    }
}

/// Whether both say the same, quantities in whatever unit: an API server writes `0.5` as `500m`.
fn same_text(there: &str, wanted: &str) -> bool {
    let milli = |text: &str| Quantity::from_str(text).ok().map(|quantity| quantity.milli_value());
    there == wanted || milli(there).is_some_and(|there| Some(there) == milli(wanted))
}

/// Whether a field says what it would say if nobody had written it.
fn is_default(key: &str, value: &Node) -> bool {
    if DECIDED.contains(&key) || is_empty(value) {
        return true;
    }
    match &value.value {
        Value::Scalar(value) => DEFAULTS
            .iter()
            .any(|(name, defaults)| *name == key && defaults.contains(&&*value.text)),
        // Such as `updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0}}`.
        Value::Mapping(entries) => entries
            .iter()
            .all(|entry| is_default(&entry.key.scalar.text, &entry.value)),
        Value::Sequence(_) => items(Some(value)).is_empty(),
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => scalar(node).is_none(),
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use rutter::yaml;

    use super::*;

    #[test]
    fn what_nobody_wrote_is_no_difference() {
        for (there, wanted, expected) in [
            ("{a: 1}", "{a: 1}", &[][..]),
            ("{a: 1}", "{a: '1'}", &[]),
            ("{a: 1}", "{a: 2}", &["a"]),
            ("{a: 500m}", "{a: '0.5'}", &[]),
            ("{a: 1, protocol: TCP}", "{a: 1}", &[]),
            ("{a: 1, protocol: UDP}", "{a: 1}", &["protocol"]),
            ("{a: 1, b: 2}", "{a: 1}", &["b"]),
            ("{a: 1}", "{a: 1, b: {c: 2}}", &["b"]),
            ("{a: [1, 2]}", "{a: [1, 3]}", &["a[1]"]),
            ("{a: [1, 2]}", "{a: [1]}", &["a"]),
            ("{a: 1, resources: {}, b: null}", "{a: 1}", &[]),
            ("{s: {type: RollingUpdate, rollingUpdate: {partition: 0}}}", "{}", &[]),
            ("{s: {type: OnDelete}}", "{}", &["s"]),
            ("{}", "{fieldRef: {apiVersion: v1}}", &[]),
        ] {
            let read = |text| yaml::parse(text, 0, 1).unwrap().unwrap();
            assert_eq!(between(&read(there), &read(wanted)), expected, "{there} → {wanted}");
        }
    }
}
