//! The steps from an installed to a desired cluster.
//!
//! ```text
//! objects ──► observed cluster ─┐
//!                               ├─► changes (rules) ─► steps of actions ─► lines of a shell
//! values ───► rendered objects ─┘
//! ```
//!
//! The installed cluster is known by its objects, whether they were rendered, come from an API server, or were made by
//! another chart. A change is safe if every difference and the state of the cluster are understood: `rules` says what a
//! difference means, `observed` reads the cluster, `refusal` says what no steps can do. Each state between two steps is the
//! desired values with a few of them changed, rendered as any values are. So each step can be applied, and stay, like the
//! desired state.

mod action;
mod changes;
#[doc(hidden)]
pub mod difference;
mod extra;
mod fact;
mod foreign;
mod objects;
mod observed;
mod planner;
mod refusal;
mod reliance;
mod rules;
mod shell;

use rutter::{
    Change, ChangeRequest, Command, Diagnostic, Diagnostics, ObjectKind, Plan, Request, Severity, State, Step,
};

pub use action::Action;
pub use planner::{Planned, PlannedStep};

use crate::codes::{FIXED_NAME, NO_SNAPSHOT, NOT_INSTALLED, NOT_PRUNED, OTHER_CLUSTER, UNKNOWN_CLUSTER, UNSAFE_APPLY};
use crate::render::{ParsedValues, Rendered};
use changes::Comparison;
use foreign::Takeover;
use objects::{Object, Objects, items};
use observed::{ObservedCluster, runs_etcd};
use planner::{Guard, Planner, ReadPolicies};
use shell::Shell;

/// The kinds of objects that a plan reads.
pub(crate) fn observes() -> Vec<ObjectKind> {
    let kind = |(group, name): &(&str, &str)| ObjectKind {
        group: (*group).to_owned(),
        name: (*name).to_owned(),
        optional: !(group.is_empty() || !group.contains('.') || group.ends_with(".k8s.io")),
        keys_only: *name == "secrets",
    };
    OBSERVED.iter().map(kind).collect()
}

/// Kinds whose objects decide what a change means.
const OBSERVED: [(&str, &str); 19] = [
    ("apps", "controllerrevisions"),
    ("apps", "daemonsets"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("batch", "cronjobs"),
    ("cert-manager.io", "certificates"),
    ("cert-manager.io", "issuers"),
    ("monitoring.coreos.com", "podmonitors"),
    ("monitoring.coreos.com", "prometheusrules"),
    ("monitoring.coreos.com", "servicemonitors"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("", "configmaps"),
    ("", "persistentvolumeclaims"),
    ("", "pods"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "services"),
];

/// Plans the steps from the installed to the desired state.
pub(crate) fn plan(installed: &State, desired: &ChangeRequest) -> Result<Plan, Vec<Diagnostic>> {
    let located = Located::find(installed, desired)?;
    let (planned, shell) = located.plan(desired)?;
    let step = |step: &PlannedStep| Step {
        name: step.name.clone(),
        title: step.title.clone(),
        reason: step.reason.clone(),
        effects: step.effects(),
        manifests: step.manifests.clone(),
        files: step.files.clone(),
        commands: step.actions.iter().map(|action| shell.command(action)).collect(),
    };
    let mut steps: Vec<Step> = planned.steps.iter().map(step).collect();
    let change = match (steps.len(), planned.is_one_apply) {
        (0, _) => Change::Nothing,
        (1, true) => Change::Apply(steps.remove(0)),
        _ => Change::Steps(steps),
    };
    Ok(Plan {
        // Two installations of different names can be over the same objects.
        name: shell.cluster.clone(),
        namespace: located.request.namespace.clone(),
        summary: planned.summary.clone(),
        prelude: if change == Change::Nothing {
            String::new()
        } else {
            shell.prelude()
        },
        preflight: planned.preflight.iter().map(|action| shell.command(action)).collect(),
        change,
        differences: planned.differences,
        warnings: planned.warnings,
    })
}

/// Plans, and returns the actions instead of the lines of a shell: for models of etcd and Kubernetes.
///
/// # Errors
///
/// Those of [`rutter::Package::plan`].
pub fn planned(installed: &State, desired: &ChangeRequest) -> Result<Planned, Vec<Diagnostic>> {
    let located = Located::find(installed, desired)?;
    Ok(located.plan(desired)?.0)
}

/// The functions and the commands of actions on a cluster that something else has made: for tests of what reaches a shell.
#[doc(hidden)]
#[must_use]
pub fn lines(namespace: &str, container: &str, flags: &[String], actions: &[Action]) -> (String, Vec<Command>) {
    let shell = Shell::foreign(namespace, container, flags);
    (
        shell.prelude(),
        actions.iter().map(|action| shell.command(action)).collect(),
    )
}

/// Refuses to apply the desired manifests at once over the installed objects, if that takes steps, requires what only the
/// commands of a plan do, or is not safe at all. Returns the warnings about the change.
pub(crate) fn check_apply(installed: &str, desired: &Request) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let change = ChangeRequest {
        name: Some(desired.name.clone()),
        namespace: Some(desired.namespace.clone()),
        values: desired.values.clone(),
        accept: Vec::new(),
        install: desired.release.as_ref().is_some_and(|release| release.is_install),
        snapshot: true,
    };
    let installed = State::Objects(installed.to_owned());
    let planned = planned(&installed, &change).map_err(|mut problems| {
        // Whoever applies by another tool has no `--install`.
        for problem in problems.iter_mut().filter(|problem| problem.code == NOT_INSTALLED.id) {
            problem.help = Some(
                "give all objects of the installed cluster; the first manifests of a cluster are rendered without any"
                    .to_owned(),
            );
        }
        problems
    })?;
    let refused = |message: String, titles: String| {
        Err(vec![Diagnostic::new(&UNSAFE_APPLY, "", message).help(format!(
            "`rutter plan --from INSTALLED -f VALUES -o DIR` writes down the steps that are, for `sh DIR/run.sh`: {titles}"
        ))])
    };
    let titles = (1..)
        .zip(&planned.steps)
        .map(|(number, step)| format!("{number}. {}", step.title));
    let titles = titles.collect::<Vec<_>>().join("; ");
    if !planned.is_one_apply {
        return refused("this change is not safe in one apply".to_owned(), titles);
    }
    // Whoever makes releases knows the fields and the objects of the last one.
    let has_release = desired.release.is_some();
    let lacking = planned.guards.iter().filter_map(|guard| match guard {
        Guard::Quota => Some("that no database is larger than the new quota"),
        Guard::Version => Some("that the members run the release that a label names"),
        Guard::Fields if has_release => None,
        Guard::Fields => Some("that no fields stay that another tool has written"),
    });
    let lacking: Vec<&str> = lacking.collect();
    if !lacking.is_empty() {
        let message = format!(
            "this change is safe in one apply only if somebody checks {}",
            lacking.join(", ")
        );
        return refused(message, titles);
    }
    let mut warnings = planned.warnings;
    let actions = || planned.steps.iter().flat_map(|step| &step.actions);
    if actions().any(|action| matches!(action, Action::Snapshot { .. })) {
        warnings.push(
            Diagnostic::new(
                &NO_SNAPSHOT,
                "",
                "an apply takes no snapshot, and members of another minor version change the format of their data",
            )
            .help("take one first (etcdctl snapshot save), and keep it outside of the members' volumes"),
        );
    }
    let left: Vec<String> = actions()
        .filter_map(|action| match action {
            Action::Prune { resource, name } => Some(format!("{resource} {name}")),
            _ => None,
        })
        .collect();
    if !has_release && !left.is_empty() {
        let message = format!("an apply leaves what is no longer rendered: {}", left.join(", "));
        warnings.push(
            Diagnostic::new(&NOT_PRUNED, "", message).help("delete it afterwards, unless the tool that applies prunes"),
        );
    }
    Ok(warnings)
}

/// The groups and kinds of objects that a plan deletes once they are no longer rendered.
#[doc(hidden)]
#[must_use]
pub fn disposable() -> &'static [(&'static str, &'static str)] {
    &changes::DISPOSABLE
}

/// An installation that was found, or that is to be made.
struct Located {
    request: Request,
    installed: Objects,
    /// Whether the installed objects are a rendering of values.
    is_rendered: bool,
}

impl Located {
    /// Finds the installation that a change is about. A name or namespace that is not given is that of the only cluster.
    fn find(installed: &State, desired: &ChangeRequest) -> Result<Self, Vec<Diagnostic>> {
        let (objects, default) = match installed {
            State::Objects(text) => {
                let namespace = desired.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
                (Objects::read(text, namespace)?, None)
            }
            State::Values(request) => {
                let rendered = ParsedValues::read(request)?.render(|_| {})?;
                (Objects::of(&rendered.manifests, &request.namespace)?, Some(request))
            }
        };
        let clusters: Vec<&Object> = objects.clusters().collect();
        let in_namespace = |object: &&&Object| {
            desired
                .namespace
                .as_ref()
                .is_none_or(|namespace| object.id.namespace == *namespace)
        };
        let request = |name: String, namespace: String| Request {
            name,
            namespace,
            values: desired.values.clone(),
            release: None,
            capabilities: None,
            installed: None,
        };
        let request = match (&desired.name, default) {
            (Some(name), default) => {
                let namespace = desired.namespace.clone();
                let of_default = || default.map(|request| request.namespace.clone());
                let of_cluster = || {
                    let mut found = clusters.iter().filter(|object| object.id.name == *name);
                    let only = found.next()?;
                    found.next().is_none().then(|| only.id.namespace.clone())
                };
                let namespace = namespace.or_else(of_default).or_else(of_cluster);
                request(name.clone(), namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()))
            }
            (None, Some(default)) => request(
                default.name.clone(),
                desired.namespace.clone().unwrap_or_else(|| default.namespace.clone()),
            ),
            (None, None) => {
                let found: Vec<&&Object> = clusters.iter().filter(in_namespace).collect();
                match found.as_slice() {
                    [only] => request(only.id.name.clone(), only.id.namespace.clone()),
                    [] => request(
                        DEFAULT_NAME.to_owned(),
                        desired
                            .namespace
                            .clone()
                            .unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
                    ),
                    several => {
                        let names: Vec<String> = several
                            .iter()
                            .map(|object| format!("{}/{}", object.id.namespace, object.id.name))
                            .collect();
                        return Err(vec![
                            Diagnostic::new(
                                &UNKNOWN_CLUSTER,
                                Diagnostic::NAME,
                                format!("there are several clusters: {}", names.join(", ")),
                            )
                            .help("give the name and the namespace of the one to change"),
                        ]);
                    }
                }
            }
        };
        Ok(Self {
            request,
            installed: objects,
            is_rendered: matches!(installed, State::Values(_)),
        })
    }

    fn plan(&self, desired: &ChangeRequest) -> Result<(Planned, Shell), Vec<Diagnostic>> {
        let source = ParsedValues::read(&self.request)?;
        let rendered = source.render(|_| {})?;
        let namespace = &self.request.namespace;
        let wanted = Objects::of(&rendered.manifests, namespace)?;
        let fullname = &*rendered.cluster.names.fullname;
        // Objects that the desired manifests only refer to stay as they are installed.
        let Some(to) = ObservedCluster::of(&wanted.over(&self.installed), namespace, fullname) else {
            // A rendering has its StatefulSet.
            return Err(vec![Diagnostic::new(
                &UNKNOWN_CLUSTER,
                "",
                "no StatefulSet is rendered",
            )]);
        };
        let Some(from) = ObservedCluster::of(&self.installed, namespace, fullname) else {
            return self.install(desired, &wanted, &to, &rendered);
        };
        let mut diagnostics = Diagnostics::default();
        let changes = Comparison {
            installed: &self.installed,
            desired: &wanted,
            own_manifests: own_manifests(&rendered),
            is_rendered: self.is_rendered,
            from: &from,
            to: &to,
            accepted: &desired.accept,
        }
        .changes(&mut diagnostics);
        let planner = Planner {
            source: &source,
            rendered: &rendered,
            installed: &self.installed,
            desired: &wanted,
            from: &from,
            to: &to,
            changes,
            snapshot: desired.snapshot,
            accepted: &desired.accept,
            policies: ReadPolicies::default(),
        };
        let mut planned = planner.plan(diagnostics)?;
        if !planned.steps.is_empty() {
            add_warnings(&mut planned.warnings, &rendered);
        }
        Ok((planned, Shell::of(&from, &to, &rendered.cluster)))
    }

    /// Plans the first apply, if an install is desired and nothing of the cluster exists.
    fn install(
        &self,
        desired: &ChangeRequest,
        wanted: &Objects,
        to: &ObservedCluster,
        rendered: &Rendered,
    ) -> Result<(Planned, Shell), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        if let Err(found) = refusal::check_complete(&self.installed, wanted, to) {
            problems.extend(found);
        }
        let mut diagnostics = Diagnostics::default();
        Takeover {
            installed: &self.installed,
            desired: wanted,
            own_manifests: own_manifests(rendered),
            from: None,
            to,
            accepted: &desired.accept,
            is_rendered: self.is_rendered,
        }
        .check(&mut diagnostics);
        refusal::check_selector(&self.installed, None, to, &mut diagnostics);
        refusal::check_options(to, &mut diagnostics);
        extra::check(&self.installed, wanted, None, to, &mut diagnostics);
        let (errors, mut warnings): (Vec<_>, Vec<_>) = diagnostics
            .into_vec()
            .into_iter()
            .partition(|diagnostic| diagnostic.severity == Severity::Error);
        problems.extend(errors);
        let names = &rendered.cluster.names;
        let others: Vec<&Object> = self.installed.clusters().collect();
        let in_namespace = others.iter().find(|set| set.id.namespace == *names.namespace);
        if let Some(set) = in_namespace.or(others.first()) {
            let is_here = set.id.namespace == *names.namespace;
            let (path, message) = if is_here {
                let message = format!("the installed cluster is {:?}, not {:?}", set.id.name, &*names.fullname);
                (Diagnostic::NAME, message)
            } else {
                let message = format!(
                    "the installed cluster is in the namespace {:?}, not {:?}",
                    set.id.namespace, &*names.namespace
                );
                (Diagnostic::NAMESPACE, message)
            };
            if desired.install {
                warnings.push(Diagnostic::new(&OTHER_CLUSTER, path, message).help(
                    "it stays, beside the new one; if the new one is to take its place, restore a snapshot of it",
                ));
            } else {
                problems.push(Diagnostic::new(&FIXED_NAME, path, message).help(format!(
                    "keep the name{}, because member names, URLs and volumes depend on it; or give --install for a cluster of \
                     its own",
                    if is_here { " (naming.fullname can say it)" } else { " and the namespace" }
                )));
            }
        } else if !desired.install && problems.is_empty() {
            problems.push(
                Diagnostic::new(
                    &NOT_INSTALLED,
                    "",
                    format!(
                        "there is no cluster {:?} in the namespace {:?} among the objects",
                        &*names.fullname, &*names.namespace
                    ),
                )
                .help(format!(
                    "`kubectl get statefulsets -n {}` lists what is there: give --name and -n of the cluster, and --context; only \
                     for a new cluster: --install",
                    &*names.namespace
                )),
            );
        }
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(problems);
        }
        let created = wanted.iter().filter(|object| self.installed.get(&object.id).is_none());
        let created = created.map(|object| changes::created(&object.id)).collect();
        add_warnings(&mut warnings, rendered);
        Ok((
            planner::install(rendered, to, created, warnings),
            Shell::new(to, &rendered.cluster),
        ))
    }
}

/// The number of manifests that are the package's own. The user's come after them.
fn own_manifests(rendered: &Rendered) -> usize {
    rendered.manifests.len() - rendered.cluster.extra_manifests.len()
}

/// Adds the warnings of the desired values, unless the plan has one about the same.
fn add_warnings(warnings: &mut Vec<Diagnostic>, rendered: &Rendered) {
    for warning in &rendered.warnings {
        let is_same = |other: &Diagnostic| (&other.code, &other.path) == (&warning.code, &warning.path);
        if !warnings.iter().any(is_same) {
            warnings.push(warning.clone());
        }
    }
}

/// The namespace of kubectl if no context has another.
const DEFAULT_NAMESPACE: &str = "default";

/// The name of an installation if none is given.
const DEFAULT_NAME: &str = "etcd";

impl Objects {
    /// The StatefulSets that etcd runs in.
    fn clusters(&self) -> impl Iterator<Item = &Object> {
        self.of_kind("apps", "StatefulSet").filter(|set| {
            let containers = items(set.node.at("spec.template.spec.containers"));
            set.label(crate::cluster::OWNERSHIP_LABEL).is_some() || containers.iter().any(runs_etcd)
        })
    }
}
