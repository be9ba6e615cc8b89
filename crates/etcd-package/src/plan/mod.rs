//! The way from the cluster that is to the cluster that should be.
//!
//! What is installed is known by its objects, whether they were rendered, come from an API server, or were made by
//! something else. Every state on the way is the desired values with a few of them changed, rendered as any values are:
//! so each step can be applied, and stay, like what is desired itself. A plan is made of steps that are safe each, one
//! kind of change at a time, and is refused where there are none.

pub mod difference;
mod facts;
mod line;
mod objects;
mod refusal;
mod way;

use rutter::{Change, ChangeRequest, Diagnostic, ObjectKind, Plan, Request, State, Step};

use crate::codes::UNSAFE_APPLY;
use crate::{Rendered, Source};
use facts::Facts;
use objects::{Object, Objects};
use way::Way;

/// Kinds that are deleted once they are no longer rendered. Neither claims, which hold data, nor what the whole
/// Kubernetes cluster shares are among them.
const DISPOSABLE: [(&str, &str); 11] = [
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

/// Plans the way from what is installed to what is desired.
pub(crate) fn plan(current: &State, desired: &ChangeRequest) -> Result<Plan, Vec<Diagnostic>> {
    let desired = &request(desired);
    let there = objects(current, &desired.namespace)?;
    // Values are one cluster's, where a namespace may hold several.
    plan_from(&there, desired, matches!(current, State::Objects(_)))
}

/// The kinds of objects that a plan reads.
pub(crate) fn observes() -> Vec<ObjectKind> {
    let resource = |group: &str, name: &str| ObjectKind {
        group: group.to_owned(),
        name: name.to_owned(),
        optional: group.contains('.') && !group.ends_with(".k8s.io"),
        keys_only: name == "secrets",
    };
    OBSERVED.iter().map(|(group, name)| resource(group, name)).collect()
}

/// Kinds whose objects decide what a change means.
const OBSERVED: [(&str, &str); 18] = [
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("batch", "cronjobs"),
    ("cert-manager.io", "certificates"),
    ("cert-manager.io", "issuers"),
    ("monitoring.coreos.com", "podmonitors"),
    ("monitoring.coreos.com", "prometheusrules"),
    ("monitoring.coreos.com", "servicemonitors"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("", "configmaps"),
    ("", "endpoints"),
    ("", "persistentvolumeclaims"),
    ("", "pods"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("autoscaling", "horizontalpodautoscalers"),
];

fn request(desired: &ChangeRequest) -> Request {
    Request {
        name: desired.name.clone().unwrap_or_else(|| "etcd".to_owned()),
        namespace: desired.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        values: desired.values.clone(),
        release: None,
        capabilities: None,
        installed: None,
    }
}

fn plan_from(there: &Objects, desired: &Request, may_be_others: bool) -> Result<Plan, Vec<Diagnostic>> {
    let source = Source::read(desired)?;
    let wanted = source.render(|_| {})?;
    let namespace = &desired.namespace;
    let asked = Objects::of(&wanted.manifests, namespace)?;
    let fullname = &*wanted.cluster.names.fullname;
    let Some(to) = Facts::of(&asked, namespace, fullname) else {
        // A rendering has its StatefulSet.
        return Err(Vec::new());
    };
    let Some(from) = Facts::of(there, namespace, fullname) else {
        refusal::check_complete(there, &asked)?;
        return Ok(Plan {
            name: desired.name.clone(),
            namespace: namespace.clone(),
            summary: format!("{namespace}/{fullname}: install {} members", wanted.cluster.replicas),
            prelude: String::new(),
            preflight: Vec::new(),
            change: Change::Apply(install(&wanted)),
            warnings: refusal::check_renamed(there, &to, &wanted.cluster, may_be_others)?,
        });
    };
    Way {
        source: &source,
        wanted: &wanted,
        from: &from,
        to: &to,
        changes: changes(there, &asked),
        surplus: surplus(there, &asked),
    }
    .find()
}

/// Refuses to apply at once what is desired over what is installed, if that takes steps or is not safe at all.
pub(crate) fn check_apply(current: &str, desired: &Request) -> Result<(), Vec<Diagnostic>> {
    let installed = Objects::read(current, &desired.namespace)?;
    if installed.is_foreign() {
        return Err(vec![objects::unknown(
            "what is installed holds no Kubernetes object of a cluster",
        )]);
    }
    let Change::Steps(steps) = plan_from(&installed, desired, true)?.change else {
        return Ok(());
    };
    let titles = (1..)
        .zip(&steps)
        .map(|(number, step)| format!("{number}. {}", step.title));
    let titles = titles.collect::<Vec<_>>().join("; ");
    Err(vec![
        Diagnostic::new(
            &UNSAFE_APPLY,
            "",
            "to apply this at once over what is installed is not safe",
        )
        .help(format!(
            "go by these steps, which `rutter plan --from INSTALLED --to VALUES -o DIR` writes down to be run: {titles}"
        )),
    ])
}

/// The objects of a state.
fn objects(state: &State, namespace: &str) -> Result<Objects, Vec<Diagnostic>> {
    match state {
        State::Objects(text) => Objects::read(text, namespace),
        State::Values(request) => {
            let rendered = Source::read(request)?.render(|_| {})?;
            Objects::of(&rendered.manifests, &request.namespace)
        }
    }
}

/// What becomes of the objects that are rendered, in words: `creates Service a`, `changes ConfigMap b`.
fn changes(there: &Objects, asked: &Objects) -> Vec<String> {
    let change = |wanted: &Object| {
        let what = format!("{} {}", wanted.id.kind, wanted.id.name);
        match there.get(&wanted.id) {
            None => Some(format!("creates {what}")),
            Some(there) if difference::between_objects(&there.node, &wanted.node).is_empty() => None,
            Some(_) => Some(format!("changes {what}")),
        }
    };
    asked.iter().filter_map(change).collect()
}

/// What is this package's, and rendered no longer.
fn surplus(there: &Objects, asked: &Objects) -> Vec<(String, String)> {
    let label = |object: &Object, name: &str| object.text(&format!("metadata.labels[\"app.kubernetes.io/{name}\"]"));
    let instance = asked.iter().find_map(|object| label(object, "instance"));
    let is_ours = |object: &&Object| {
        label(object, "managed-by").as_deref() == Some("rutter")
            && label(object, "instance") == instance
            && DISPOSABLE.contains(&(&object.id.group, &object.id.kind))
            // The API server's own.
            && object.text("metadata.ownerReferences[0].kind").is_none()
    };
    let gone = there
        .iter()
        .filter(is_ours)
        .filter(|object| asked.get(&object.id).is_none());
    let resource = |object: &Object| {
        let kind = object.id.kind.to_lowercase();
        match object.id.group.as_str() {
            "" => kind,
            // Others have kinds of the same name.
            group => format!("{kind}.{group}"),
        }
    };
    gone.map(|object| (resource(object), object.id.name.clone())).collect()
}

/// The first apply.
fn install(wanted: &Rendered) -> Step {
    let names = &wanted.cluster.names;
    let lines = line::Lines {
        namespace: &names.namespace,
        fullname: &names.fullname,
        container: "etcd",
    };
    let replicas = wanted.cluster.replicas;
    Step {
        name: "install".to_owned(),
        title: format!("install {}", &*names.fullname),
        reason: "there is no such cluster yet".to_owned(),
        effects: Vec::new(),
        files: Vec::new(),
        manifests: wanted.manifests.clone(),
        commands: vec![lines.apply(), lines.rolled_out(replicas), lines.healthy(replicas)],
    }
}
