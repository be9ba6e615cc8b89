//! The change of each object, and its meaning.

use std::collections::BTreeMap;

use rutter::quantity::Quantity;
use rutter::yaml::{self, Entry, Node, Value};
use rutter::{Diagnostic, Diagnostics, File, Severity};

use super::difference::{Difference, Segment, differences};
use super::fact::Fact;
use super::foreign::{Takeover, pod_refers_to, refers_to};
use super::objects::{Id, Object, Objects, items, scalar, strip_places};
use super::observed::{ObservedCluster, Options, Setting, quoted, text};
use super::refusal;
use super::reliance::Reliance;
use super::rules::{self, Meaning, Refusal};
use crate::cluster::OWNERSHIP_LABEL;
use crate::codes::{ACCEPTED, NOT_UNDERSTOOD, UNSAFE_CHANGE, UNUSED_VALUE};

/// The annotation in which `kubectl apply` keeps the last applied object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Labels that hosts put on objects, over those that were rendered.
const LABELS_OF_HOSTS: [&str; 3] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
];

/// Beginnings of labels and annotations by which hosts and controllers keep notes of their own.
const NOTES_OF_HOSTS: [&str; 20] = [
    "argocd.argoproj.io/",
    "autoscaling.alpha.kubernetes.io/",
    "cloud.google.com/neg-status",
    "config.k8s.io/",
    "config.kubernetes.io/",
    "control-plane.alpha.kubernetes.io/",
    "deployment.kubernetes.io/",
    "endpoints.kubernetes.io/",
    "field.cattle.io/",
    "helm.toolkit.fluxcd.io/",
    "internal.config.kubernetes.io/",
    "internal.kpt.dev/",
    "kapp.k14s.io/",
    "kubectl.kubernetes.io/",
    "kustomize.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "helm.sh/",
    "objectset.rio.cattle.io/",
    "pv.kubernetes.io/",
    "volume.",
];

/// A difference that is understood, or was accepted.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Its path: `spec.template.spec.containers[etcd].image`.
    pub(super) path: String,
    pub(super) meaning: Meaning,
    /// Both values, as texts of one line.
    installed: String,
    desired: String,
    /// Whether members restart for it.
    pub(super) is_in_template: bool,
}

/// The change of a desired object.
#[derive(Clone, Debug)]
pub(super) struct ObjectChange {
    pub(super) id: Id,
    /// Its changes; none if it is to be created.
    pub(super) changes: Option<Vec<Change>>,
}

/// All that becomes of the objects of a cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) objects: Vec<ObjectChange>,
    /// Resources and names of own objects that are no longer rendered.
    pub(super) surplus: Vec<(String, String)>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.surplus.is_empty()
    }

    /// The changes of the StatefulSet.
    pub(super) fn of_set(&self) -> &[Change] {
        let set = self.objects.iter().find(|object| object.id.kind == "StatefulSet");
        set.and_then(|set| set.changes.as_deref()).unwrap_or_default()
    }

    /// All differences, for people.
    pub(super) fn differences(&self) -> Vec<rutter::Difference> {
        let mut found = Vec::new();
        for object in &self.objects {
            match &object.changes {
                None => found.push(created(&object.id)),
                Some(changes) => found.extend(changes.iter().map(|change| rutter::Difference {
                    object: object_name(&object.id),
                    path: change.path.clone(),
                    installed: change.installed.clone(),
                    desired: change.desired.clone(),
                })),
            }
        }
        found.extend(self.surplus.iter().map(|(resource, name)| rutter::Difference {
            object: format!("{}/{name}", resource.split('.').next().unwrap_or_default()),
            path: String::new(),
            installed: PRESENT.to_owned(),
            desired: ABSENT.to_owned(),
        }));
        found
    }

    /// Services and network policies that change who reaches the members, and where they differ.
    pub(super) fn reach(&self) -> impl Iterator<Item = (&Id, String)> {
        let kinds = ["Service", "NetworkPolicy"];
        let objects = self
            .objects
            .iter()
            .filter(move |object| kinds.contains(&&*object.id.kind));
        objects.filter_map(|object| {
            let changes = object.changes.iter().flatten();
            let paths: Vec<&str> = changes
                .filter(|change| change.meaning == Meaning::Reach)
                .map(|change| change.path.as_str())
                .collect();
            (!paths.is_empty()).then(|| (&object.id, paths.join(", ")))
        })
    }
}

/// The one who compares.
pub(super) struct Comparison<'a> {
    pub(super) installed: &'a Objects,
    pub(super) desired: &'a Objects,
    /// The number of manifests that are the package's own. The user's come after them.
    pub(super) own_manifests: usize,
    /// Whether the installed objects are a rendering of values.
    pub(super) is_rendered: bool,
    pub(super) from: &'a ObservedCluster,
    pub(super) to: &'a ObservedCluster,
    /// Differences that the person has accepted.
    pub(super) accepted: &'a [String],
}

impl Comparison<'_> {
    /// Compares all objects, and refuses what is not understood or what Kubernetes refuses.
    pub(super) fn changes(&self, diagnostics: &mut Diagnostics) -> Changes {
        let mut changes = Changes::default();
        let mut used = Takeover {
            installed: self.installed,
            desired: self.desired,
            own_manifests: self.own_manifests,
            from: Some(self.from),
            to: self.to,
            accepted: self.accepted,
            is_rendered: self.is_rendered,
        }
        .check(diagnostics);
        let reliance = Reliance::of(&[self.from, self.to], &[self.installed, self.desired]);
        for (index, desired) in self.desired.iter().enumerate() {
            let Some(installed) = self.installed.get(&desired.id) else {
                changes.objects.push(ObjectChange {
                    id: desired.id.clone(),
                    changes: None,
                });
                continue;
            };
            let of_user = index >= self.own_manifests;
            let is_relied_on = of_user && reliance.includes(desired);
            let mut found = self.differences(installed, desired);
            if is_relied_on {
                let is_refused =
                    |found: &&mut Found| matches!(found.meaning, Some(Meaning::Immutable | Meaning::Refused(_)));
                for found in found.iter_mut().filter(|found| !is_refused(found)) {
                    found.meaning = relied_on(installed, desired, found);
                }
            }
            let mut of_object = Vec::new();
            for found in &found {
                let name = accepted_name(&desired.id, &found.path);
                let meaning = match found.meaning {
                    Some(meaning) => Some(meaning),
                    // The user's own manifests say what they want, and the members do not rely on them.
                    None if of_user && !is_relied_on => Some(Meaning::Nothing),
                    None => None,
                };
                let is_accepted = self.accepted.contains(&name);
                match meaning {
                    // Whoever accepts it, Kubernetes refuses it, or the steps would be wrong.
                    Some(Meaning::Immutable) => diagnostics.push(immutable(&desired.id, found)),
                    Some(Meaning::Refused(reason)) => diagnostics.push(refused(&desired.id, found, reason)),
                    Some(meaning) => of_object.push(found.change(meaning)),
                    None if is_accepted => of_object.push(found.change(Meaning::Restart)),
                    None => diagnostics.push(not_understood(&desired.id, found, &name, is_relied_on)),
                }
                if is_accepted {
                    used.push(name);
                }
            }
            if !found.is_empty() {
                changes.objects.push(ObjectChange {
                    id: desired.id.clone(),
                    changes: Some(of_object),
                });
            }
        }
        self.check_foreign_policies(&mut used, diagnostics);
        changes.surplus = self.surplus();
        // Hooks are no differences: they run when the installed pods end. Nor are claims that a StatefulSet has made.
        let is_no_difference = |name: &str| name.contains(".lifecycle.") || name.starts_with("persistentvolumeclaim/");
        let is_unused = |name: &&String| {
            !is_no_difference(name) && !used.contains(name) && *name != refusal::AUTHENTICATION_ACCEPTED
        };
        for unused in self.accepted.iter().filter(is_unused) {
            let message = format!("--accept {unused:?} matches no difference");
            let mut diagnostic =
                Diagnostic::new(&UNUSED_VALUE, "", message).help("remove it, or copy it from the error");
            diagnostic.severity = Severity::Warning;
            diagnostics.push(diagnostic);
        }
        if !diagnostics.has_errors() {
            diagnostics.extend(
                self.accepted
                    .iter()
                    .filter(|name| !is_unused(name))
                    .map(|name| accepted(name, &changes)),
            );
        }
        changes
    }

    /// Returns the differences of one object, without those that hosts and controllers make.
    pub(super) fn differences(&self, installed: &Object, desired: &Object) -> Vec<Found> {
        let kind = &*desired.id.kind;
        let is_set = desired.id == self.to.set.id;
        let (mut before, mut after) = (installed.node.clone(), desired.node.clone());
        let mut found = Vec::new();
        if is_set {
            found.extend(self.option_differences(&before, &after));
            strip_options(&mut before, &self.from.container);
            strip_options(&mut after, &self.to.container);
            if self.from.container != self.to.container {
                found.push(Found {
                    path: format!("spec.template.spec.containers[{}].name", self.from.container),
                    installed: quoted(&self.from.container),
                    desired: self.to.container.clone(),
                    meaning: Some(Meaning::Restart),
                });
            }
        }
        let last_applied = LastApplied::of(installed, self.from.is_live);
        let is_ca = |object: &Object| object.text("spec.isCA").as_deref() == Some("true");
        let ruled = if kind == "Certificate" && (is_ca(installed) || is_ca(desired)) {
            rules::CA
        } else {
            kind
        };
        for difference in differences(&desired.id.group, kind, &before, &after) {
            let path = difference.path.segments();
            if is_note(kind, &path, &difference, &last_applied) {
                continue;
            }
            let is_removed = difference.desired.is_none();
            let meaning = match service_meaning(kind, &path, installed, desired) {
                Some(meaning) => Some(meaning),
                None => rules::meaning(ruled, &path, is_removed, self.from.is_own),
            };
            found.push(Found {
                path: difference.path.to_string(),
                installed: difference.installed_text(),
                desired: difference.desired_text(),
                meaning,
            });
        }
        // A claim grows, and does not shrink.
        let size = |object: &Object| {
            let text = object.text("spec.resources.requests.storage")?;
            text.parse::<Quantity>().ok().map(|size| size.milli_value())
        };
        if kind == "PersistentVolumeClaim" && size(desired) < size(installed) {
            for found in found
                .iter_mut()
                .filter(|found| found.path.starts_with("spec.resources.requests"))
            {
                found.meaning = Some(Meaning::Immutable);
            }
        }
        // Of an immutable ConfigMap no data change.
        if kind == "ConfigMap" && installed.text("immutable").as_deref() == Some("true") {
            for found in &mut found {
                if found.path.starts_with("data") || found.path.starts_with("binaryData") {
                    found.meaning = Some(Meaning::Immutable);
                }
            }
        }
        found
    }

    /// The differences of etcd's options, whether they are flags or variables.
    fn option_differences(&self, installed: &Node, desired: &Node) -> Vec<Found> {
        // One refusal says that none of them is known.
        if self.from.options.opaque().or(self.to.options.opaque()).is_some() {
            return Vec::new();
        }
        // Members of the installed template read options in a ConfigMap or a Secret whenever they start, whatever the steps.
        let options = self.from.options_among(&self.desired.over(self.installed));
        let early = different(&self.from.options, &options).into_iter().map(|option| {
            let meaning = option.is_known().then_some(Meaning::Refused(&rules::READ_AT_ANY_START));
            option.found("options", meaning)
        });
        let restarting: Vec<Found> = different(&options, &self.to.options)
            .into_iter()
            .map(|option| {
                let is_known = option.is_known();
                let meaning = match rules::meaning_of_flag(&option.name) {
                    Some(Meaning::Membership | Meaning::Data) if !is_known => Some(Meaning::Refused(&rules::NOT_KNOWN)),
                    meaning => meaning.filter(|_| is_known),
                };
                option.found("spec.template.spec.containers[etcd].args", meaning)
            })
            .collect();
        let is_same = restarting.is_empty();
        let mut found: Vec<Found> = early.chain(restarting).collect();
        let words = |set: &Node, container: &str| words_of_options(set, container);
        if is_same && words(installed, &self.from.container) != words(desired, &self.to.container) {
            // The same options, said in another way.
            found.push(Found {
                path: "spec.template.spec.containers[etcd].args".to_owned(),
                installed: "the same options".to_owned(),
                desired: "written in another way".to_owned(),
                meaning: Some(Meaning::Restart),
            });
        }
        found
    }

    /// Refuses policies of network plugins and meshes, which nobody reads here, and which keep members from each other as those
    /// of Kubernetes do.
    fn check_foreign_policies(&self, used: &mut Vec<String>, diagnostics: &mut Diagnostics) {
        for desired in self.desired.iter().skip(self.own_manifests) {
            if !POLICY_GROUPS.contains(&&*desired.id.group) {
                continue;
            }
            let same = self.installed.get(&desired.id).is_some_and(|installed| {
                let found = differences(&desired.id.group, &desired.id.kind, &installed.node, &desired.node);
                found
                    .iter()
                    .all(|found| found.path.to_string().starts_with("metadata."))
            });
            let name = accepted_name(&desired.id, "spec");
            if self.accepted.contains(&name) {
                used.push(name);
            } else if !same {
                let message = format!(
                    "the {} {:?} may keep members, their clients or DNS from each other, and such policies are not read",
                    desired.id.kind, desired.id.name
                );
                diagnostics.push(Diagnostic::new(&NOT_UNDERSTOOD, "extraManifests", message).help(format!(
                    "apply it by itself, and watch the cluster; or, if you know that it lets members reach each other and DNS: \
                     --accept '{name}'"
                )));
            }
        }
    }

    /// Own objects that are rendered no longer. Only kinds that hold no data and that only this cluster uses are among them.
    fn surplus(&self) -> Vec<(String, String)> {
        let gone = self
            .installed
            .iter()
            .filter(|object| self.is_own(object))
            .filter(|object| self.desired.get(&object.id).is_none())
            .filter(|object| !self.is_used_by_others(object));
        gone.map(|object| (resource(&object.id), object.id.name.clone()))
            .collect()
    }

    /// Whether pods of others refer to an object.
    fn is_used_by_others(&self, object: &Object) -> bool {
        let referring = ["ServiceAccount", "ConfigMap"];
        referring.contains(&&*object.id.kind)
            && self.installed.iter().any(|other| {
                let path = match &*other.id.kind {
                    "StatefulSet" | "Deployment" | "DaemonSet" => "spec.template.spec",
                    "CronJob" => "spec.jobTemplate.spec.template.spec",
                    "Pod" if items(other.node.at("metadata.ownerReferences")).is_empty() => "spec",
                    _ => return false,
                };
                let is_other = other.id != self.from.set.id && !self.is_own(other);
                other.id.namespace == object.id.namespace
                    && is_other
                    && self.desired.get(&other.id).is_none()
                    && other.node.at(path).is_some_and(|pod| pod_refers_to(pod, object))
            })
    }

    fn is_own(&self, object: &Object) -> bool {
        let names = (&*object.id.group, &*object.id.kind);
        object.id.namespace == self.from.namespace
            && DISPOSABLE.contains(&names)
            && items(object.node.at("metadata.ownerReferences")).is_empty()
            && match object.label(OWNERSHIP_LABEL) {
                // `kubectl expose` copies the labels of a Service to one of another name, and so does a person who copies a
                // manifest.
                Some(owner) => {
                    owner == self.from.fullname
                        && (has_own_name(self.from, object) || is_named_by_values(self.from, object))
                }
                None => self.from.is_own && is_own_before_the_label(self.from, object),
            }
    }
}

/// Whether an object has a name that the values give: that of a client's certificate, or of what the pods refer to.
fn is_named_by_values(from: &ObservedCluster, object: &Object) -> bool {
    let rest = object.id.name.strip_prefix(&from.fullname);
    let is_of_client = object.id.kind == "Certificate" && rest.is_some_and(|rest| rest.starts_with("-user."));
    is_of_client || refers_to(from, object)
}

/// Whether an object without the label of ownership is of a release of this package that did not have it: it has the name
/// of this cluster and one of the endings that the package gives to its kind.
pub(super) fn is_own_before_the_label(from: &ObservedCluster, object: &Object) -> bool {
    let name = object.label("app.kubernetes.io/name");
    // Hosts rewrite `managed-by`, and `instance` on what they apply.
    name.as_deref() == Some("etcd") && has_own_name(from, object)
}

/// Whether an object has the name of this cluster and one of the endings that the package gives.
fn has_own_name(from: &ObservedCluster, object: &Object) -> bool {
    let ending = object.id.name.strip_prefix(&from.fullname);
    let service = from.set.text("spec.serviceName");
    ending.is_some_and(|ending| ENDINGS.contains(&ending)) || service.as_ref() == Some(&object.id.name)
}

/// Kinds that are deleted once they are no longer rendered. Neither claims, which hold data, nor what the whole
/// Kubernetes cluster shares are among them.
pub(super) const DISPOSABLE: [(&str, &str); 11] = [
    ("batch", "CronJob"),
    ("cert-manager.io", "Certificate"),
    ("cert-manager.io", "Issuer"),
    ("monitoring.coreos.com", "PodMonitor"),
    ("monitoring.coreos.com", "PrometheusRule"),
    ("monitoring.coreos.com", "ServiceMonitor"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
    ("", "ConfigMap"),
    ("", "Service"),
    ("", "ServiceAccount"),
];

/// Groups of policies that decide who reaches whom, besides Kubernetes' own.
const POLICY_GROUPS: [&str; 5] = [
    "cilium.io",
    "crd.projectcalico.org",
    "policy.networking.k8s.io",
    "projectcalico.org",
    "security.istio.io",
];

/// Suffixes of the names of own objects, after the name of the cluster.
const ENDINGS: [&str; 9] = [
    "",
    "-backup",
    "-bootstrap",
    "-client",
    "-client-ca",
    "-defrag",
    "-selfsigned",
    "-server",
    "-server-ca",
];

/// A difference, and what it means if anything says so.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) installed: String,
    pub(super) desired: String,
    pub(super) meaning: Option<Meaning>,
}

impl Found {
    fn change(&self, meaning: Meaning) -> Change {
        Change {
            path: self.path.clone(),
            meaning,
            installed: self.installed.clone(),
            desired: self.desired.clone(),
            is_in_template: self.path.starts_with("spec.template"),
        }
    }
}

/// The name by which a person accepts a difference.
pub(super) fn accepted_name(id: &Id, path: &str) -> String {
    format!("{}:{path}", object_name(id))
}

/// An object as kubectl names it: `statefulset/etcd`.
fn object_name(id: &Id) -> String {
    format!("{}/{}", id.kind.to_lowercase(), id.name)
}

/// An object that only the desired state has.
pub(super) fn created(id: &Id) -> rutter::Difference {
    rutter::Difference {
        object: object_name(id),
        path: String::new(),
        installed: ABSENT.to_owned(),
        desired: PRESENT.to_owned(),
    }
}

/// An object as a value.
const PRESENT: &str = "(present)";

/// The lack of a value, as `difference` writes it.
const ABSENT: &str = "(absent)";

fn not_understood(id: &Id, found: &Found, name: &str, is_relied_on: bool) -> Diagnostic {
    let message = format!(
        "{} {}: {} is {} and would be {}, and no rule says what that means for the cluster",
        id.kind, id.name, found.path, found.installed, found.desired
    );
    let accept = format!("--accept '{}'", name.replace('\'', r"'\''"));
    Diagnostic::new(&NOT_UNDERSTOOD, "", message).help(if is_relied_on {
        format!(
            "members use what this object holds or fills, from the time of the apply on: write one of another name beside it, and \
             let the values use that; or, if you know that members trust each other with it: {accept}"
        )
    } else {
        format!("if you know that members can restart with it: {accept}")
    })
}

/// What a person has taken on, for whoever reviews and carries out the plan.
fn accepted(name: &str, changes: &Changes) -> Diagnostic {
    let differences = changes.objects.iter().flat_map(|object| {
        let of_object = object.changes.iter().flatten();
        of_object.map(move |change| (accepted_name(&object.id, &change.path), change))
    });
    let found = differences.into_iter().find(|(of_change, _)| of_change == name);
    let message = match found {
        Some((name, change)) => format!(
            "{name} changes from {} to {}, as --accept has it",
            change.installed, change.desired
        ),
        None => format!("--accept {name:?} is given"),
    };
    Diagnostic::new(&ACCEPTED, "", message)
        .help("no rule says what it means for the cluster: check it before you carry the plan out")
}

/// The meaning of a difference of an object that is not the package's, and that members rely on.
fn relied_on(installed: &Object, desired: &Object, found: &Found) -> Option<Meaning> {
    let is_below = |paths: &[&str]| paths.iter().any(|path| found.path.starts_with(path));
    if is_below(&["metadata.labels", "metadata.annotations"]) {
        return Some(Meaning::Nothing);
    }
    if desired.id.kind != "Certificate" {
        return None;
    }
    // The planner leads members from one issuer to another.
    if is_below(&["spec.issuerRef", "spec.duration", "spec.renewBefore"]) {
        return Some(Meaning::Trust);
    }
    if is_below(&["spec.revisionHistoryLimit", "spec.secretTemplate"]) {
        return Some(Meaning::Nothing);
    }
    // A name that is added does no harm. Everything else about a certificate may keep members from each other.
    let list = ["spec.dnsNames", "spec.ipAddresses"]
        .into_iter()
        .find(|path| found.path.starts_with(path))?;
    let of = |object: &Object| -> Vec<String> { items(object.node.at(list)).iter().filter_map(scalar).collect() };
    let (before, after) = (of(installed), of(desired));
    before.iter().all(|name| after.contains(name)).then_some(Meaning::Trust)
}

fn refused(id: &Id, found: &Found, reason: &Refusal) -> Diagnostic {
    let message = format!(
        "{} {}: {} is {} and would be {}, and {}",
        id.kind, id.name, found.path, found.installed, found.desired, reason.why
    );
    Diagnostic::new(&UNSAFE_CHANGE, "", message).help(reason.help)
}

fn immutable(id: &Id, found: &Found) -> Diagnostic {
    let message = format!(
        "Kubernetes refuses to change {} of the {} {} from {} to {}",
        found.path, id.kind, id.name, found.installed, found.desired
    );
    let help = match &*id.kind {
        "PersistentVolumeClaim" => "keep the value, or give the claim another name",
        "ConfigMap" => "delete the ConfigMap first, or take `immutable` off it by deleting and applying it",
        _ => "keep the value, or delete the object first and plan again; clients lose their address until it is back",
    };
    Diagnostic::new(&UNSAFE_CHANGE, "", message).help(help)
}

/// Fields of a Service that can be changed in some cases and not in others.
fn service_meaning(kind: &str, path: &[&Segment], installed: &Object, desired: &Object) -> Option<Meaning> {
    if kind != "Service" {
        return None;
    }
    let field = |index: usize| match path.get(index) {
        Some(Segment::Field(name)) => Some(name.as_str()),
        _ => None,
    };
    let first = |object: &Object| items(object.node.at("spec.ipFamilies")).first().and_then(scalar);
    match (field(0), field(1)) {
        // The first family is that of the cluster IP, and stays. So do families that are not desired explicitly.
        (Some("spec"), Some("ipFamilies")) => Some(match (first(installed), first(desired)) {
            (Some(old), Some(new)) if old != new => Meaning::Immutable,
            _ => Meaning::Reach,
        }),
        // It belongs to one load balancer, and can be set together with the type.
        (Some("spec"), Some("loadBalancerClass")) if installed.text("spec.type") != desired.text("spec.type") => {
            Some(Meaning::Reach)
        }
        _ => None,
    }
}

/// Whether a label or annotation belongs to a host or controller, or is one that hosts overwrite.
fn is_note(kind: &str, path: &[&Segment], difference: &Difference, last_applied: &LastApplied) -> bool {
    let (Some(Segment::Field(first)), Some(Segment::Field(map))) = (path.first(), path.get(1)) else {
        return false;
    };
    let key = |index: usize| match path.get(index) {
        Some(Segment::Key(key)) => Some(key.as_str()),
        _ => None,
    };
    let is_removed = difference.desired.is_none();
    if first == "metadata" {
        return match map.as_str() {
            "finalizers" => true,
            // Owners and deletion of the StatefulSet have checks of their own.
            "ownerReferences" | "deletionTimestamp" | "deletionGracePeriodSeconds" => kind == "StatefulSet",
            "labels" | "annotations" => key(2).is_some_and(|key| {
                let is_labels = map == "labels";
                (is_labels && LABELS_OF_HOSTS.contains(&key))
                    || is_removed
                        && (is_host_note(key)
                            || matches!(last_applied, LastApplied::Known(object)
                                if object.at("metadata").and_then(|metadata| metadata.get(map)?.get(key)).is_none()))
            }),
            _ => false,
        };
    }
    // `kubectl rollout restart` notes when it was.
    let template = ["spec", "template", "metadata", "annotations"];
    let is_template = path.len() == 5
        && template
            .iter()
            .zip(path)
            .all(|(name, segment)| matches!(segment, Segment::Field(field) if field == name));
    is_template && is_removed && key(4).is_some_and(is_host_note)
}

fn is_host_note(key: &str) -> bool {
    NOTES_OF_HOSTS.iter().any(|note| key.starts_with(note))
}

/// The fields of an object that `kubectl apply` knows as its own.
enum LastApplied {
    Known(Node),
    /// Nobody knows who has written what.
    Unknown,
}

impl LastApplied {
    fn of(object: &Object, is_live: bool) -> Self {
        let text = object.annotation(LAST_APPLIED).filter(|_| is_live);
        let node = text.and_then(|text| yaml::parse(&text, 0, 1).ok().flatten());
        node.map_or(Self::Unknown, Self::Known)
    }
}

/// Returns the file by which `kubectl apply` learns of the fields that go, if it does not know them.
pub(super) fn take_over(installed: &Object, desired: &Object, is_live: bool, file_name: &str) -> Option<File> {
    let of_kind = |before: &Node| {
        let found = differences(&desired.id.group, &desired.id.kind, before, &desired.node);
        // A default that comes with another field is nothing that goes.
        found
            .into_iter()
            .filter(|difference| !difference.is_written && difference.installed.is_some())
    };
    let last_applied = LastApplied::of(installed, is_live);
    let is_gone =
        |difference: &Difference| !is_note(&desired.id.kind, &difference.path.segments(), difference, &last_applied);
    let removals: Vec<Difference> = of_kind(&installed.node).filter(is_gone).collect();
    if removals.is_empty() {
        return None;
    }
    if let LastApplied::Known(last_applied) = &last_applied {
        let known: Vec<Difference> = of_kind(last_applied).collect();
        if removals
            .iter()
            .all(|removal| known.iter().any(|known| known.path == removal.path))
        {
            return None;
        }
    }
    let (text, _) = as_applied(installed, &desired.node, &last_applied).to_text();
    Some(File {
        name: file_name.to_owned(),
        text,
    })
}

/// An object as if `kubectl apply` had made it from a manifest, without the notes of hosts, and without the labels and
/// annotations that somebody has added since it was applied.
fn as_applied(installed: &Object, desired: &Node, last_applied: &LastApplied) -> Node {
    let mut node = installed.node.clone();
    let Value::Mapping(fields) = &mut node.value else {
        return node;
    };
    fields.retain(|field| field.key.scalar.text != "status");
    for field in fields.iter_mut() {
        match &*field.key.scalar.text {
            "metadata" => {
                retain(&mut field.value, |key| {
                    ["name", "namespace", "labels", "annotations"].contains(&key)
                });
                for map in ["labels", "annotations"] {
                    let has = |node: &Node, key: &str| {
                        let entries = node.at("metadata").and_then(|metadata| metadata.get(map));
                        entries.is_some_and(|entries| entries.get(key).is_some())
                    };
                    let was_applied = |key: &str| match last_applied {
                        LastApplied::Known(object) => has(object, key),
                        LastApplied::Unknown => true,
                    };
                    if let Some(map) = get_mut(&mut field.value, map) {
                        retain(map, |key| {
                            has(desired, key)
                                || was_applied(key) && !is_host_note(key) && !LABELS_OF_HOSTS.contains(&key)
                        });
                    }
                }
            }
            "spec" => {
                let metadata = get_mut(&mut field.value, "template").and_then(|template| get_mut(template, "metadata"));
                if let Some(annotations) = metadata.and_then(|metadata| get_mut(metadata, "annotations")) {
                    retain(annotations, |key| !is_host_note(key));
                }
            }
            _ => {}
        }
    }
    node
}

fn retain(node: &mut Node, keep: impl Fn(&str) -> bool) {
    if let Value::Mapping(entries) = &mut node.value {
        entries.retain(|entry| keep(&entry.key.scalar.text));
    }
}

pub(super) fn get_mut<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    match &mut node.value {
        Value::Mapping(entries) => entries
            .iter_mut()
            .find(|entry: &&mut Entry| entry.key.scalar.text == key)
            .map(|entry| &mut entry.value),
        _ => None,
    }
}

/// Takes etcd's options off the container that etcd runs in, and gives the container the name that it has here.
fn strip_options(set: &mut Node, container: &str) {
    let pod = ["spec", "template", "spec"]
        .iter()
        .try_fold(set, |node, key| get_mut(node, key));
    let Some(containers) = pod.and_then(|pod| get_mut(pod, "containers")) else {
        return;
    };
    let Value::Sequence(containers) = &mut containers.value else {
        return;
    };
    let etcd = containers
        .iter_mut()
        .find(|node| text(node, "name").as_deref() == Some(container));
    let Some(etcd) = etcd else { return };
    if let Some(name) = get_mut(etcd, "name")
        && let Value::Scalar(name) = &mut name.value
    {
        name.text = "etcd".to_owned();
    }
    retain(etcd, |key| !["command", "args"].contains(&key));
    if let Some(Node {
        value: Value::Sequence(variables),
        ..
    }) = get_mut(etcd, "env")
    {
        variables.retain(|variable| !text(variable, "name").is_some_and(|name| name.starts_with("ETCD_")));
    }
}

/// Flags that etcd reads on a member's first start, and whose values no difference of a running cluster depends on.
const BOOTSTRAP: [&str; 2] = ["initial-cluster", "initial-cluster-state"];

/// Variables of images, not of etcd, that are signs of its authentication: that is refused by itself.
const SIGNS: [&str; 2] = ["root-password", "root-password-file"];

/// All that sets etcd's options in the container that it runs in, as a text.
fn words_of_options(set: &Node, container: &str) -> Vec<String> {
    let containers = items(set.at("spec.template.spec.containers"));
    let Some(etcd) = containers
        .iter()
        .find(|node| text(node, "name").as_deref() == Some(container))
    else {
        return Vec::new();
    };
    let mut words = Vec::new();
    for list in ["command", "args", "envFrom"] {
        words.push(list.to_owned());
        words.extend(items(etcd.get(list)).iter().map(strip_places));
    }
    let variables = items(etcd.get("env")).iter();
    words.extend(
        variables
            .filter(|variable| text(variable, "name").is_some_and(|name| name.starts_with("ETCD_")))
            .map(strip_places),
    );
    words
}

/// An option that differs.
struct OtherOption {
    /// Its flag, without dashes.
    name: String,
    installed: Setting,
    desired: Setting,
}

impl OtherOption {
    fn is_known(&self) -> bool {
        let unknown = self.installed.value.unknown().or(self.desired.value.unknown());
        unknown.is_none()
    }

    fn found(&self, place: &str, meaning: Option<Meaning>) -> Found {
        Found {
            path: format!("{place}[--{}]", self.name),
            installed: option_text(&self.installed.value),
            desired: option_text(&self.desired.value),
            meaning,
        }
    }
}

/// The options that differ. Members with data do not read those of the bootstrap.
fn different(installed: &Options, desired: &Options) -> Vec<OtherOption> {
    let (before, after) = (installed.set(), desired.set());
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let is_read = |name: &&String| !BOOTSTRAP.contains(&name.as_str()) && !SIGNS.contains(&name.as_str());
    let of = |settings: &BTreeMap<String, Setting>, name: &str| settings.get(name).cloned().unwrap_or(Setting::ABSENT);
    before
        .keys()
        .chain(added)
        .filter(is_read)
        .map(|name| OtherOption {
            name: name.clone(),
            installed: of(&before, name),
            desired: of(&after, name),
        })
        .filter(|option| !option.installed.is_same(&option.desired))
        .collect()
}

fn option_text(value: &Fact<String>) -> String {
    match value {
        Fact::Known(value) => quoted(&Options::readable(value)),
        Fact::Absent => ABSENT.to_owned(),
        Fact::Unknown(reason) => format!("unknown ({reason})"),
    }
}

/// A resource as kubectl has it.
pub(super) fn resource(id: &Id) -> String {
    let kind = id.kind.to_lowercase();
    match id.group.as_str() {
        "" => kind,
        // Others have kinds of the same name.
        group => format!("{kind}.{group}"),
    }
}
