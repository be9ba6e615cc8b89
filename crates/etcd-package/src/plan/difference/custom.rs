//! Defaults of custom resources that Secrets are filled from. The API server writes them into live objects.

use rutter::duration::Duration;
use rutter::yaml::Node;

use super::{Difference, Segment};
use crate::plan::objects::items;

/// A default in the custom resource definitions of a group.
struct Default {
    group: &'static str,
    /// The last fields of its path. `*` is any item of a list.
    path: &'static str,
    value: &'static str,
}

const fn default(group: &'static str, path: &'static str, value: &'static str) -> Default {
    Default { group, path, value }
}

const CERT_MANAGER: &str = "cert-manager.io";
const EXTERNAL_SECRETS: &str = "external-secrets.io";

/// The defaults.
///
/// Source: `+kubebuilder:default` in `apis/externalsecrets/v1/{externalsecret,secretstore_vault}_types.go` of External Secrets,
/// and the comments of `SecretStoreRef` there and of `IssuerReference` in `pkg/apis/meta/v1/types.go` of cert-manager, which
/// say the same of absent kinds.
const DEFAULTS: [Default; 32] = [
    default(CERT_MANAGER, "spec.issuerRef.group", "cert-manager.io"),
    default(CERT_MANAGER, "spec.issuerRef.kind", "Issuer"),
    default(EXTERNAL_SECRETS, "data.*.remoteRef.conversionStrategy", "Default"),
    default(EXTERNAL_SECRETS, "data.*.remoteRef.decodingStrategy", "None"),
    default(EXTERNAL_SECRETS, "data.*.remoteRef.metadataPolicy", "None"),
    default(EXTERNAL_SECRETS, "data.*.remoteRef.nullBytePolicy", "Ignore"),
    default(EXTERNAL_SECRETS, "data.*.sourceRef.storeRef.kind", "SecretStore"),
    default(EXTERNAL_SECRETS, "dataFrom.*.extract.conversionStrategy", "Default"),
    default(EXTERNAL_SECRETS, "dataFrom.*.extract.decodingStrategy", "None"),
    default(EXTERNAL_SECRETS, "dataFrom.*.extract.metadataPolicy", "None"),
    default(EXTERNAL_SECRETS, "dataFrom.*.extract.nullBytePolicy", "Ignore"),
    default(EXTERNAL_SECRETS, "dataFrom.*.find.conversionStrategy", "Default"),
    default(EXTERNAL_SECRETS, "dataFrom.*.find.decodingStrategy", "None"),
    default(EXTERNAL_SECRETS, "dataFrom.*.find.nullBytePolicy", "Ignore"),
    default(EXTERNAL_SECRETS, "dataFrom.*.rewrite.*.merge.conflictPolicy", "Error"),
    default(EXTERNAL_SECRETS, "dataFrom.*.rewrite.*.merge.into", ""),
    default(EXTERNAL_SECRETS, "dataFrom.*.rewrite.*.merge.priorityPolicy", "Strict"),
    default(EXTERNAL_SECRETS, "dataFrom.*.rewrite.*.merge.strategy", "Extract"),
    default(EXTERNAL_SECRETS, "dataFrom.*.sourceRef.storeRef.kind", "SecretStore"),
    default(EXTERNAL_SECRETS, "provider.vault.auth.appRole.path", "approle"),
    default(EXTERNAL_SECRETS, "provider.vault.auth.cert.path", "cert"),
    default(EXTERNAL_SECRETS, "provider.vault.auth.jwt.path", "jwt"),
    default(
        EXTERNAL_SECRETS,
        "provider.vault.auth.kubernetes.mountPath",
        "kubernetes",
    ),
    default(EXTERNAL_SECRETS, "provider.vault.auth.ldap.path", "ldap"),
    default(EXTERNAL_SECRETS, "provider.vault.version", "v2"),
    default(EXTERNAL_SECRETS, "secretStoreRef.kind", "SecretStore"),
    default(EXTERNAL_SECRETS, "target.creationPolicy", "Owner"),
    default(EXTERNAL_SECRETS, "target.deletionPolicy", "Retain"),
    default(EXTERNAL_SECRETS, "target.template.engineVersion", "v2"),
    default(EXTERNAL_SECRETS, "target.template.mergePolicy", "Replace"),
    default(EXTERNAL_SECRETS, "target.template.templateFrom.*.target", "Data"),
    default(EXTERNAL_SECRETS, "refreshInterval", "1h"),
];

/// Whether a difference is only that one side has a default, or writes the same interval in another way.
pub(super) fn is_default(group: &str, installed: &Node, desired: &Node, difference: &Difference) -> bool {
    if ![CERT_MANAGER, EXTERNAL_SECRETS].contains(&group) {
        return false;
    }
    let path = difference.path.segments();
    if !has_parent(installed, &path) || !has_parent(desired, &path) {
        return false;
    }
    let sides = [&difference.installed, &difference.desired].map(|side| side.as_ref().map(Node::as_str));
    let (installed, desired) = match sides {
        [Some(None), _] | [_, Some(None)] => return false,
        [installed, desired] => (installed.flatten(), desired.flatten()),
    };
    let default = DEFAULTS
        .iter()
        .find(|default| default.group == group && ends_with(&path, default.path));
    let default = default.map(|default| default.value);
    match (installed, desired) {
        (Some(installed), Some(desired)) => is_same_interval(&path, installed, desired),
        (Some(one), None) | (None, Some(one)) => {
            default.is_some_and(|default| one == default || is_same_interval(&path, one, default))
        }
        (None, None) => false,
    }
}

/// Whether an object has the struct that a path leads into. One that only the other object has may do something by itself. The
/// `target` of an ExternalSecret means nothing without fields.
fn has_parent(object: &Node, path: &[&Segment]) -> bool {
    let Some((_, parents)) = path.split_last() else {
        return false;
    };
    let parents = match parents {
        [spec, Segment::Field(target)] if target == "target" => std::slice::from_ref(spec),
        parents => parents,
    };
    let mut node = Some(object);
    for segment in parents {
        node = match segment {
            Segment::Field(name) | Segment::Key(name) => node.and_then(|node| node.get(name)),
            Segment::Index(index) => items(node).get(*index),
            Segment::Item(_) | Segment::Order => None,
        };
    }
    node.is_some_and(|node| !node.is_null())
}

/// Whether two texts are the same interval: `1h` and `1h0m0s`.
fn is_same_interval(path: &[&Segment], left: &str, right: &str) -> bool {
    let is_interval = matches!(path.last(), Some(Segment::Field(name)) if name == "refreshInterval");
    let value = |text: &str| Some(text.parse::<Duration>().ok()?.value());
    is_interval && value(left).is_some_and(|left| value(right) == Some(left))
}

/// Whether a path ends with the fields of a pattern, and one field is not below data of the user's choice.
fn ends_with(path: &[&Segment], pattern: &str) -> bool {
    let is_anchored =
        matches!(path, [Segment::Field(spec), ..] if spec == "spec") && (pattern.contains('.') || path.len() <= 3);
    if !is_anchored || path.iter().any(|segment| matches!(segment, Segment::Key(_))) {
        return false;
    }
    let mut path = path.iter().rev();
    pattern.rsplit('.').all(|word| match path.next() {
        Some(Segment::Field(name)) => name == word,
        Some(Segment::Index(_)) => word == "*",
        _ => false,
    })
}
