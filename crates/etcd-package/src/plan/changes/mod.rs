//! The change of each object, and its meaning.

mod last_applied;
mod options;
mod surplus;

use std::collections::BTreeSet;

use rutter::quantity::Quantity;
use rutter::yaml::Node;
use rutter::{Diagnostic, Diagnostics, Severity};

use self::last_applied::{LastApplied, is_note};
pub(super) use self::last_applied::{get_mut, take_over};
use self::options::strip_options;
pub(super) use self::surplus::{DISPOSABLE, is_own_before_the_label};
use super::difference::{Segment, differences};
use super::foreign::Takeover;
use super::objects::{Id, Object, Objects, items, scalar};
use super::observed::{ObservedCluster, quoted};
use super::refusal;
use super::reliance::Reliance;
use super::rules::{self, Meaning, Refusal};
use crate::codes::{ACCEPTED, NOT_UNDERSTOOD, UNSAFE_CHANGE, UNUSED_VALUE};

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
        let in_use = Reliance::of(&[self.from], &[self.installed]);
        let mut refused_options = BTreeSet::new();
        for (index, desired) in self.desired.iter().enumerate() {
            let Some(installed) = self.installed.get(&desired.id) else {
                if index >= self.own_manifests {
                    self.check_filler(desired, &in_use, &mut used, diagnostics);
                }
                changes.objects.push(ObjectChange {
                    id: desired.id.clone(),
                    changes: None,
                });
                continue;
            };
            let of_user = index >= self.own_manifests;
            // One that members relied on may leave them without what it filled.
            let is_relied_on = of_user && (reliance.includes(installed) || reliance.includes(desired));
            let mut found = self.differences(installed, desired);
            if is_relied_on {
                let is_refused =
                    |found: &&mut Found| matches!(found.meaning, Some(Meaning::Immutable | Meaning::Refused(_)));
                for found in found.iter_mut().filter(|found| !is_refused(found)) {
                    found.meaning = relied_on(installed, desired, found, &reliance);
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
                    Some(Meaning::Refused(reason)) => {
                        refused_options.insert(found.path.clone());
                        diagnostics.push(refused(&desired.id, found, reason));
                    }
                    Some(meaning) => of_object.push(found.change(meaning)),
                    None if is_accepted => of_object.push(found.change(Meaning::Restart)),
                    // The StatefulSet comes first.
                    None if option_of_key(&found.path).is_some_and(|option| refused_options.contains(&option)) => {}
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
        // Of an immutable ConfigMap or Secret no data change. Others may become immutable.
        let is_immutable = installed.text("immutable").as_deref() == Some("true");
        for found in found
            .iter_mut()
            .filter(|_| ["ConfigMap", "Secret"].contains(&kind) && desired.id.group.is_empty())
        {
            let is_below = |field: &&str| found.path.starts_with(*field);
            if ["immutable", "data", "binaryData"].iter().any(is_below) {
                if is_immutable {
                    found.meaning = Some(Meaning::Immutable);
                } else if found.path == "immutable" {
                    found.meaning = Some(Meaning::Nothing);
                }
            }
            if kind == "Secret" && found.path == "type" {
                found.meaning = Some(Meaning::Immutable);
            }
        }
        found
    }

    /// Refuses a new object that fills a Secret or ConfigMap that members use already.
    fn check_filler(&self, desired: &Object, in_use: &Reliance, used: &mut Vec<String>, diagnostics: &mut Diagnostics) {
        // A Certificate has a check of its own, and is no filler of others' Secrets.
        let is_known = matches!(&*desired.id.group, "" | "cert-manager.io");
        if is_known || !in_use.includes(desired) {
            return;
        }
        let name = accepted_name(&desired.id, "metadata.name");
        if self.accepted.contains(&name) {
            used.push(name);
            return;
        }
        let message = format!(
            "the {} {:?} names something that members use, and may replace what it holds",
            desired.id.kind, desired.id.name
        );
        diagnostics.push(Diagnostic::new(&NOT_UNDERSTOOD, "extraManifests", message).help(format!(
            "let it fill a Secret of another name; or, if members trust each other with what it holds: --accept '{name}'"
        )));
    }

    /// Refuses policies of network plugins and meshes, which nobody reads here, and which keep members from each other as those
    /// of Kubernetes do.
    fn check_foreign_policies(&self, used: &mut Vec<String>, diagnostics: &mut Diagnostics) {
        for desired in self.desired.iter().skip(self.own_manifests) {
            if !POLICY_GROUPS.contains(&&*desired.id.group) {
                continue;
            }
            let members_stay = self.from.peer_url(0) == self.to.peer_url(0)
                && self.from.pod_labels() == self.to.pod_labels()
                && self.from.selector == self.to.selector;
            let same = members_stay
                && self.installed.get(&desired.id).is_some_and(|installed| {
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
}

/// Groups of policies that decide who reaches whom, besides Kubernetes' own.
const POLICY_GROUPS: [&str; 10] = [
    "cilium.io",
    "consul.hashicorp.com",
    "crd.antrea.io",
    "crd.projectcalico.org",
    "k8s.ovn.org",
    "networking.istio.io",
    "policy.linkerd.io",
    "policy.networking.k8s.io",
    "projectcalico.org",
    "security.istio.io",
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

/// The name by which a person accepts another value of an option of etcd.
pub(super) fn accepted_option(cluster: &ObservedCluster, flag: &str) -> String {
    accepted_name(&cluster.set.id, &format!("{}[--{flag}]", options::PLACE))
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
             let the values use that; or, if you know that members start and trust each other with it: {accept}"
        )
    } else {
        format!("if you know that members can restart with it: {accept}")
    })
}

/// The warning about a name that a person has accepted, for the reviewer of the plan.
fn accepted(name: &str, changes: &Changes) -> Diagnostic {
    let differences = changes.objects.iter().flat_map(|object| {
        let of_object = object.changes.iter().flatten();
        of_object.map(move |change| (accepted_name(&object.id, &change.path), change))
    });
    let found = differences.into_iter().find(|(of_change, _)| of_change == name);
    let message = match found {
        Some((name, change)) => format!(
            "{name} changes from {} to {}: accepted by --accept",
            change.installed, change.desired
        ),
        None => format!("--accept {name:?} is given"),
    };
    Diagnostic::new(&ACCEPTED, "", message).help("the plan does not check this: check it before you carry the plan out")
}

/// The path under which a difference of an option is reported, of that which a key sets as a variable.
fn option_of_key(path: &str) -> Option<String> {
    let flag = path.strip_prefix("data[\"ETCD_")?.strip_suffix("\"]")?;
    Some(format!("options[--{}]", flag.replace('_', "-").to_lowercase()))
}

/// Whether a field of this name is anywhere below a node.
fn has_field(node: &Node, name: &str) -> bool {
    let below = items(Some(node)).iter().any(|item| has_field(item, name));
    let mut fields = node.entries().unwrap_or_default().iter();
    below || fields.any(|field| field.key.scalar.text == name || has_field(&field.value, name))
}

/// The meaning of a difference of an object that is not the package's, and that members rely on.
fn relied_on(installed: &Object, desired: &Object, found: &Found, reliance: &Reliance) -> Option<Meaning> {
    let is_below = |paths: &[&str]| paths.iter().any(|path| found.path.starts_with(path));
    if found.path == "immutable" || !reliance.reads(desired, &found.path) {
        return Some(Meaning::Nothing);
    }
    // Controllers copy other data into ConfigMaps by their annotations. Those of installed Secrets are not read.
    let may_fill = desired.id.kind == "ConfigMap" && is_below(&["metadata.annotations"]);
    if !may_fill && is_below(&["metadata.labels", "metadata.annotations"]) {
        return Some(Meaning::Nothing);
    }
    let is_ca = |object: &Object| object.text("spec.isCA").as_deref() == Some("true");
    if is_ca(installed) || is_ca(desired) {
        return found.meaning;
    }
    // How often a Secret is filled again changes nothing of what fills it. Never is something else.
    let is_never = |object: &Object| {
        let interval = object.text(&found.path);
        interval.is_some_and(|interval| interval.starts_with('-') || !interval.contains(|c| matches!(c, '1'..='9')))
    };
    if desired.id.group == "external-secrets.io"
        && ["spec.refreshInterval", "spec.externalSecretSpec.refreshInterval"].contains(&&*found.path)
        && !is_never(installed)
        && !is_never(desired)
        && !has_field(&desired.node, "generatorRef")
    {
        return Some(Meaning::Nothing);
    }
    if desired.id.kind != "Certificate" {
        return None;
    }
    // The planner leads members from one issuer to another.
    if is_below(&["spec.issuerRef", "spec.duration", "spec.renewBefore"]) {
        return Some(Meaning::Trust);
    }
    if is_below(&[
        "spec.privateKey.rotationPolicy",
        "spec.revisionHistoryLimit",
        "spec.secretTemplate",
    ]) {
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
        "Secret" => "keep the value, or write a Secret of another name beside it, and let the values use that",
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

/// A resource as kubectl has it.
pub(super) fn resource(id: &Id) -> String {
    let kind = id.kind.to_lowercase();
    match id.group.as_str() {
        "" => kind,
        // Others have kinds of the same name.
        group => format!("{kind}.{group}"),
    }
}
