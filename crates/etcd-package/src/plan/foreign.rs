//! Objects that exist under desired names and belong to somebody else: an apply would take them over.

use rutter::{Diagnostic, Diagnostics, Severity};

use super::changes::{accepted_name, is_own_before_the_label};
use super::difference::{Difference, Segment, differences};
use super::objects::{Object, Objects, items};
use super::observed::{ObservedCluster, has_labels, map, quoted, shortened, text};
use super::reliance::Needs;
use crate::cluster::OWNERSHIP_LABEL;
use crate::codes::{FOREIGN_OBJECT, UNSAFE_CHANGE};

/// Labels of an installation and of its part, as charts write them.
const IDENTITIES: [(&str, &str); 2] = [
    ("app.kubernetes.io/instance", "app.kubernetes.io/name"),
    ("release", "app"),
];

/// The annotation in which Helm keeps the release of an object.
const HELM_RELEASE: &str = "meta.helm.sh/release-name";

/// The annotation in which cert-manager keeps the Certificate of a Secret.
const CERTIFICATE_NAME: &str = "cert-manager.io/certificate-name";

/// The label that cert-manager gives to the Secrets that it fills.
const FILLED: &str = "controller.cert-manager.io/fao";

/// The installed and the desired objects, and what shows whose an object is.
pub(super) struct Takeover<'a> {
    pub(super) installed: &'a Objects,
    pub(super) desired: &'a Objects,
    /// The number of manifests that are the package's own. The user's come after them.
    pub(super) own_manifests: usize,
    /// The installed cluster; none before the first apply.
    pub(super) from: Option<&'a ObservedCluster>,
    pub(super) to: &'a ObservedCluster,
    /// Differences that the person has accepted.
    pub(super) accepted: &'a [String],
    /// Whether the installed objects are a rendering of values, in which nothing is foreign.
    pub(super) is_rendered: bool,
}

impl Takeover<'_> {
    /// Refuses to take over objects of others. Returns the names by which a person has accepted it.
    pub(super) fn check(&self, diagnostics: &mut Diagnostics) -> Vec<String> {
        let mut used = Vec::new();
        for (index, desired) in self.desired.iter().enumerate() {
            self.check_secret(desired, &mut used, diagnostics);
            let Some(installed) = self.installed.get(&desired.id) else {
                continue;
            };
            match installed.label(OWNERSHIP_LABEL) {
                Some(owner) if owner == self.to.fullname => {}
                Some(owner) => diagnostics.push(of_another(installed, &owner)),
                None if index >= self.own_manifests => self.check_extra(installed, desired, &mut used, diagnostics),
                None if self.is_of_cluster(installed) => {}
                None => self.check_own(installed, diagnostics),
            }
        }
        used
    }

    /// Refuses to make an object of others one of the package's.
    fn check_own(&self, installed: &Object, diagnostics: &mut Diagnostics) {
        // Accepted, it counts as used where the label is compared.
        let name = accepted_name(&installed.id, &format!("metadata.labels[\"{OWNERSHIP_LABEL}\"]"));
        if self.from.is_some() && self.accepted.contains(&name) {
            return;
        }
        let message = format!(
            "the {} {:?} exists, and nothing shows that it is part of this cluster: an apply would replace what it holds",
            installed.id.kind, installed.id.name
        );
        let value = match &*installed.id.kind {
            "Service" => " (naming.headlessService, naming.clientService)",
            "ServiceAccount" => " (serviceAccount.name)",
            _ => "",
        };
        let help = match self.from {
            Some(_) => format!(
                "write another name for it{value}, or delete it if nobody needs it; if it is to become part of the cluster: --accept \
                 '{name}'"
            ),
            None => format!(
                "write another name for it{value}, or delete it if nobody needs it; if it is part of a cluster that exists, give \
                 all objects of that (--live does)"
            ),
        };
        diagnostics.push(Diagnostic::new(&FOREIGN_OBJECT, "", message).help(help));
    }

    /// Checks an object under the name of one of the user's own manifests, which have no label of ours.
    fn check_extra(&self, installed: &Object, desired: &Object, used: &mut Vec<String>, diagnostics: &mut Diagnostics) {
        let is_content = |difference: &Difference| {
            let path = difference.path.segments();
            !matches!(path.first(), Some(Segment::Field(field)) if field == "metadata")
        };
        let mut found = differences(&desired.id.group, &desired.id.kind, &installed.node, &desired.node);
        found.retain(is_content);
        if self.is_rendered || found.is_empty() {
            return;
        }
        let name = accepted_name(&installed.id, "metadata.name");
        if self.accepted.contains(&name) {
            used.push(name);
            return;
        }
        let what = format!("the {} {:?}", installed.id.kind, installed.id.name);
        if let Some(owner) = self.other_owner(installed, desired) {
            diagnostics.push(
                Diagnostic::new(
                    &FOREIGN_OBJECT,
                    "extraManifests",
                    format!("{what} belongs to {owner}, and an apply would replace what it holds"),
                )
                .help(format!(
                    "write another name for it; or, if it is to be as extraManifests has it: --accept '{name}'"
                )),
            );
            return;
        }
        let replaced: Vec<String> = found
            .iter()
            .filter(|difference| difference.installed.is_some())
            .map(|difference| difference.path.to_string())
            .collect();
        let (before, after) = (labels(installed), labels(desired));
        let is_named = !after.is_empty() && has_labels(&before, &after);
        if !(replaced.is_empty() || is_named) {
            let replaced = shortened(&replaced, 1);
            let message = format!("{what} exists, nothing shows who has made it, and an apply replaces its {replaced}");
            let mut diagnostic = Diagnostic::new(&FOREIGN_OBJECT, "extraManifests", message)
                .help("make sure that it is this cluster's, or write another name for it");
            diagnostic.severity = Severity::Warning;
            diagnostics.push(diagnostic);
        }
    }

    /// Refuses a Certificate whose Secret somebody else fills: cert-manager would replace the private key that others use.
    fn check_secret(&self, desired: &Object, used: &mut Vec<String>, diagnostics: &mut Diagnostics) {
        if (&*desired.id.group, &*desired.id.kind) != ("cert-manager.io", "Certificate") {
            return;
        }
        let Some(secret) = desired.text("spec.secretName") else {
            return;
        };
        let fills = |object: &&Object| {
            object.id.namespace == desired.id.namespace && object.text("spec.secretName").as_ref() == Some(&secret)
        };
        let fillers: Vec<&Object> = self
            .installed
            .of_kind("cert-manager.io", "Certificate")
            .filter(fills)
            .collect();
        if fillers.iter().any(|filler| filler.id == desired.id) {
            return;
        }
        let is_own = |object: &Object| object.label(OWNERSHIP_LABEL).as_ref() == Some(&self.to.fullname);
        if let Some(other) = fillers.iter().find(|filler| !is_own(filler)) {
            diagnostics.push(
                Diagnostic::new(
                    &FOREIGN_OBJECT,
                    "tls",
                    format!(
                        "the Secret {} is that of the Certificate {:?}, which is not part of this cluster, and two \
                         Certificates would replace it in turn",
                        quoted(&secret),
                        other.id.name
                    ),
                )
                .help("write another secretName"),
            );
            return;
        }
        let Some(existing) = self.installed.named("", "Secret", &desired.id.namespace, &secret) else {
            return;
        };
        let is_known = match existing.annotation(CERTIFICATE_NAME) {
            Some(name) => name == desired.id.name,
            // Values and annotations of Secrets are not read from a Kubernetes cluster. cert-manager leaves Secrets behind.
            None => {
                existing.label(FILLED).as_deref() == Some("true")
                    && secret
                        .strip_prefix(&self.to.fullname)
                        .is_some_and(|rest| rest.starts_with(['-', '.']))
            }
        };
        let name = accepted_name(&existing.id, &format!("metadata.annotations[\"{CERTIFICATE_NAME}\"]"));
        if self.accepted.contains(&name) {
            used.push(name);
        } else if !is_known && fillers.is_empty() {
            diagnostics.push(
                Diagnostic::new(
                    &FOREIGN_OBJECT,
                    "tls",
                    format!(
                        "the Secret {} exists, and nothing shows that it is that of the Certificate {:?}: cert-manager would \
                         replace the private key and the certificate in it",
                        quoted(&secret),
                        desired.id.name
                    ),
                )
                .help(format!(
                    "write another secretName, or delete the Secret if nobody uses it; if it may be replaced: --accept '{name}'"
                )),
            );
        }
    }

    /// Whether an object without our label is part of the installed cluster.
    fn is_of_cluster(&self, object: &Object) -> bool {
        let Some(from) = self.from else {
            // Another check says that the cluster of these is missing.
            return is_of_package(object);
        };
        let set = &from.set;
        object.id == set.id
            || from.is_own && is_own_before_the_label(from, object)
            || object.id.kind == "Service" && set.text("spec.serviceName").as_ref() == Some(&object.id.name)
            || refers_to(from, object)
            || selects(object, from)
            || IDENTITIES.iter().any(|(installation, part)| {
                let of_set = set.label(installation);
                of_set.is_some() && object.label(installation) == of_set && object.label(part) == set.label(part)
            })
    }

    /// Somebody else to whom an object belongs, by its labels, annotations and owners.
    fn other_owner(&self, installed: &Object, desired: &Object) -> Option<String> {
        if let Some(owner) = items(installed.node.at("metadata.ownerReferences")).first() {
            let word = |field: &str| text(owner, field).unwrap_or_default();
            return Some(format!("{} {}", quoted(&word("kind")), quoted(&word("name"))));
        }
        let of_set = |read: &dyn Fn(&Object) -> Option<String>| self.from.and_then(|from| read(&from.set));
        let release = |object: &Object| object.annotation(HELM_RELEASE);
        if let Some(name) = release(installed)
            && of_set(&release).as_ref() != Some(&name)
        {
            return Some(format!("the Helm release {}", quoted(&name)));
        }
        let (label, _) = IDENTITIES[0];
        let instance = |object: &Object| object.label(label);
        let name = instance(installed)?;
        let is_known = instance(desired).as_ref() == Some(&name) || of_set(&instance).as_ref() == Some(&name);
        (!is_known).then(|| format!("the installation {}", quoted(&name)))
    }
}

/// Whether a release of this package has made an object before it had the label of ownership.
pub(super) fn is_of_package(object: &Object) -> bool {
    object.label("app.kubernetes.io/managed-by").as_deref() == Some("rutter")
}

fn of_another(object: &Object, owner: &str) -> Diagnostic {
    let message = format!(
        "the {} {} is part of the cluster {owner:?}",
        object.id.kind, object.id.name
    );
    Diagnostic::new(&UNSAFE_CHANGE, "", message)
        .help("write another name for it: a change here would change that cluster")
}

fn labels(object: &Object) -> std::collections::BTreeMap<String, String> {
    map(object.node.at("metadata.labels"))
}

/// Whether the pods of a cluster refer to an object, or to the Secret that it fills.
pub(super) fn refers_to(from: &ObservedCluster, object: &Object) -> bool {
    let mut needs = Needs::default();
    needs.add_pods_of(&from.set);
    ["ServiceAccount", "ConfigMap", "Certificate"].contains(&&*object.id.kind) && needs.include(object)
}

/// Whether an object selects the pods of a cluster by labels.
fn selects(object: &Object, from: &ObservedCluster) -> bool {
    let path = match &*object.id.kind {
        "Service" => "spec.selector",
        "PodDisruptionBudget" | "PodMonitor" => "spec.selector.matchLabels",
        "NetworkPolicy" => "spec.podSelector.matchLabels",
        _ => return false,
    };
    let selector = map(object.node.at(path));
    !selector.is_empty() && from.is_selected(&selector, from.replicas)
}
