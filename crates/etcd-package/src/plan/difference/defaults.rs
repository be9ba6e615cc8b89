//! Defaults that depend on other fields, and values that the API server or a controller decides.

use std::collections::BTreeMap;

use rutter::yaml::{Node, Resolved, Scalar, Value};

use super::side::Side;
use super::table::Code;

/// The fields of a struct on one side.
pub(super) struct Owner<'a, 'f>(pub(super) &'f BTreeMap<&'a str, &'a Node>);

impl<'a> Owner<'a, '_> {
    fn field(&self, code: &Code, name: &str) -> Side<'a> {
        Side::read(code, self.0.get(name).copied())
    }

    /// The text of a field, or its default if it is absent or empty; none if it is no text.
    fn text(&self, name: &str, default: &'static str) -> Option<&'a str> {
        match self.field(&Code::Str, name) {
            Side::Node(Node {
                value: Value::Scalar(scalar),
                ..
            }) => match scalar.resolve() {
                Resolved::Str(text) => Some(text),
                _ => None,
            },
            Side::Node(_) => None,
            _ => Some(default),
        }
    }

    fn has_items(&self, name: &str) -> bool {
        matches!(self.0.get(name).map(|node| &node.value), Some(Value::Sequence(items)) if !items.is_empty())
    }
}

/// The default of a field, from the fields beside it.
pub(super) type Rule = for<'a> fn(&Owner<'a, '_>) -> Side<'a>;

/// The fields whose defaults depend on others, by their struct type and name.
///
/// Some defaults are constant in every object that Kubernetes' validation accepts. Source, unless another is given: the
/// function `SetDefaults_TYPE` in `pkg/apis/{apps,core,networking}/v1/defaults.go` of Kubernetes.
pub(super) const RULES: [(&str, &str, Rule); 21] = [
    ("ClientIPConfig", "timeoutSeconds", |_| number("10800")),
    ("Container", "imagePullPolicy", |of| pull_policy(of, "image")),
    ("DeploymentStrategy", "rollingUpdate", |of| {
        empty_if(of.text("type", "RollingUpdate") == Some("RollingUpdate"))
    }),
    ("EphemeralContainer", "imagePullPolicy", |of| pull_policy(of, "image")),
    ("ImageVolumeSource", "pullPolicy", |of| pull_policy(of, "reference")),
    ("NetworkPolicySpec", "policyTypes", |of| {
        Side::Words(if of.has_items("egress") {
            &["Ingress", "Egress"]
        } else {
            &["Ingress"]
        })
    }),
    // `Convert_apps_StatefulSetSpec_To_v1_StatefulSetSpec` in `pkg/apis/apps/v1/conversion.go`
    ("PersistentVolumeClaim", "apiVersion", |_| text("v1")),
    ("PersistentVolumeClaim", "kind", |_| text("PersistentVolumeClaim")),
    // The deprecated field is an alias: `Convert_v1_PodSpec_To_core_PodSpec` in `pkg/apis/core/v1/conversion.go`.
    ("PodSpec", "serviceAccount", |of| {
        of.field(&Code::Str, "serviceAccountName")
    }),
    ("PodSpec", "serviceAccountName", |of| {
        of.field(&Code::Str, "serviceAccount")
    }),
    ("RollingUpdateDeployment", "maxSurge", |_| text("25%")),
    ("RollingUpdateDeployment", "maxUnavailable", |_| text("25%")),
    ("RollingUpdateStatefulSetStrategy", "partition", |_| number("0")),
    // `SetDefaults_Service`
    ("ServicePort", "targetPort", |of| of.field(&Code::Int, "port")),
    (
        "ServiceSpec",
        "allocateLoadBalancerNodePorts",
        |of| match service_type(of) {
            Some("LoadBalancer") => number("true"),
            _ => Side::Absent,
        },
    ),
    ("ServiceSpec", "externalTrafficPolicy", |of| match service_type(of) {
        Some("LoadBalancer" | "NodePort") => text("Cluster"),
        // `ExternallyAccessible` in `pkg/api/v1/service/util.go`
        Some("ClusterIP") if of.has_items("externalIPs") => text("Cluster"),
        _ => Side::Absent,
    }),
    ("ServiceSpec", "internalTrafficPolicy", |of| match service_type(of) {
        Some("LoadBalancer" | "NodePort" | "ClusterIP") => text("Cluster"),
        _ => Side::Absent,
    }),
    ("ServiceSpec", "sessionAffinityConfig", |of| {
        empty_if(of.text("sessionAffinity", "None") == Some("ClientIP"))
    }),
    ("SessionAffinityConfig", "clientIP", |_| Side::Empty),
    ("StatefulSetUpdateStrategy", "rollingUpdate", |of| {
        empty_if(of.text("type", "") == Some(""))
    }),
    // Every field but the name is a source.
    ("Volume", "emptyDir", |of| {
        empty_if(of.0.keys().all(|field| *field == "name"))
    }),
];

fn text<'a>(text: &str) -> Side<'a> {
    Side::Scalar(Scalar::quoted(text))
}

fn number<'a>(text: &str) -> Side<'a> {
    Side::Scalar(Scalar::plain(text))
}

fn empty_if<'a>(condition: bool) -> Side<'a> {
    if condition { Side::Empty } else { Side::Absent }
}

fn service_type<'a>(of: &Owner<'a, '_>) -> Option<&'a str> {
    of.text("type", "ClusterIP")
}

/// Returns the default pull policy of an image: `Always` for the tag `latest`, also if it is implied.
///
/// Source: `SetDefaults_Container`. Kubernetes treats an image that it cannot parse as one with another tag. Here, the
/// policy of such an image is unknown, and so is that of some images that Kubernetes can parse.
fn pull_policy<'a>(of: &Owner<'a, '_>, image: &str) -> Side<'a> {
    let Some(image) = of.text(image, "") else {
        return Side::Absent;
    };
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let (name, tag) = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (name, None),
    };
    let is_latest = tag == Some("latest") || tag.is_none() && digest.is_none();
    if !is_latest || image.is_empty() {
        return text("IfNotPresent");
    }
    if digest.is_none() && is_plain_name(name) {
        return text("Always");
    }
    Side::Absent
}

/// Whether this is `[HOST[:PORT]/]PATH` in lower case, with single separators.
fn is_plain_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.split(['.', '_', '-'])
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
    };
    let path = match name.split_once('/') {
        Some((host, path)) => {
            let (host, port) = host.split_once(':').unwrap_or((host, "0"));
            if !is_part(host) || host.contains('_') || port.parse::<u16>().is_err() {
                return false;
            }
            path
        }
        None => name,
    };
    // 64 digits would be the identifier of an image.
    name.len() < 64 && path.split('/').all(is_part)
}

/// Whether the API server or a controller decides a value that is not desired, so that the installed one is no difference.
pub(super) fn is_decided(owner_type: &str, field: &str, installed: &Side<'_>) -> bool {
    match (owner_type, field) {
        // Kept from the installed Service: `patchAllocatedValues` in `pkg/registry/core/service/storage/storage.go`. Only a
        // person decides that there is no address.
        ("ServiceSpec", "clusterIP") => installed.text() != Some("None"),
        ("ServiceSpec", "clusterIPs" | "healthCheckNodePort" | "ipFamilies") | ("ServicePort", "nodePort") => true,
        // `initIPFamilyFields` in `pkg/registry/core/service/storage/alloc.go`. Only a person decides on two families.
        ("ServiceSpec", "ipFamilyPolicy") => installed.text() == Some("SingleStack"),
        // `pkg/controller/volume/persistentvolume/pv_controller.go` binds a claim to a volume.
        ("PersistentVolumeClaimSpec", "volumeName") => true,
        // `pkg/controller/serviceaccount/tokens_controller.go` before Kubernetes 1.24
        ("ServiceAccount", "secrets") => true,
        // The alias of `serviceAccountName`, where a difference is reported.
        ("PodSpec", "serviceAccount") => true,
        // `SetDefaults_StatefulSet`, where the feature gate MaxUnavailableStatefulSet is on
        ("RollingUpdateStatefulSetStrategy", "maxUnavailable") => installed
            .scalar()
            .is_some_and(|scalar| scalar.plain && scalar.as_int() == Some(1)),
        _ => false,
    }
}
