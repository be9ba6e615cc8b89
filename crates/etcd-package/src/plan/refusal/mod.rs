//! What no steps can do, and what to do instead.

mod tls;

use rutter::{Code, Diagnostic, Diagnostics};

use super::fact::Fact;
use super::foreign::is_of_package;
use super::objects::{Object, Objects, items, scalar};
use super::observed::{MOST_MEMBERS, ObservedCluster, has_labels, host_of, quoted, runs_etcd, text};
use crate::cluster::{Cluster, OWNERSHIP_LABEL, RESTORE_VOLUME};
use crate::codes::{AUTHENTICATION, CONTROLLED, FIXED_NAME, NOT_UNDERSTOOD, UNKNOWN_CLUSTER, UNSAFE_CHANGE};
use crate::render::Rendered;

/// Reports everything that keeps the installed cluster from becoming the desired one, whatever the steps.
pub(super) fn check(
    from: &ObservedCluster,
    to: &ObservedCluster,
    rendered: &Rendered,
    accepted: &[String],
    diagnostics: &mut Diagnostics,
) {
    let mut refuse = |code: &Code, path: &str, message: String, help: &str| {
        diagnostics.push(Diagnostic::new(code, path, message).help(help));
    };
    let wanted = &rendered.cluster;
    check_understood(from, accepted, &mut refuse);
    if let Some(reason) = to.options.opaque() {
        refuse(
            &UNKNOWN_CLUSTER,
            ENV_FROM,
            format!("etcd's options would not be known: {reason}"),
            "give it among the installed objects (--live does) or in extraManifests, or write its variables in extraEnv",
        );
    }
    check_restore(from, to, wanted, &mut refuse);
    tls::check(from, to, wanted, accepted, &mut refuse);
    check_urls(from, to, &mut refuse);
    check_timing(from, to, &mut refuse);
}

/// Checks the facts that every change of a cluster requires.
fn check_understood(from: &ObservedCluster, accepted: &[String], refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    if let Some(owner) = &from.controller {
        refuse(
            &CONTROLLED,
            "",
            format!("the StatefulSet is owned by {owner}, which would undo the change, or delete it"),
            "stop the operator and remove metadata.ownerReferences from the StatefulSet first, as its documentation says",
        );
    }
    if let Some(reason) = from.options.opaque() {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            format!("etcd's options are not known: {reason}"),
            "give an edited copy of the objects as --from, with etcd's flags written out in command and args as the members \
             run with them (`kubectl exec POD -- cat /proc/1/cmdline` prints them where the image has a shell)",
        );
        return;
    }
    let is_accepted = accepted.iter().any(|name| name == AUTHENTICATION_ACCEPTED);
    for sign in signs_of_authentication(from).into_iter().filter(|_| !is_accepted) {
        refuse(
            &AUTHENTICATION,
            "",
            format!("etcd's authentication is on, or may be: {sign}"),
            "the plan's etcdctl does not sign in; `etcdctl auth disable` for the time of the change, and then plan with \
             --accept authentication",
        );
    }
    if from.options.is_on(FORCE_NEW_CLUSTER) == Fact::Known(true) {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            "a member with --force-new-cluster forgets the other members each time it starts".to_owned(),
            "remove the flag first, one member at a time",
        );
    }
    let replicas = from.set.text("spec.replicas").unwrap_or_default();
    if from.replicas == 0 && replicas == "0" {
        refuse(
            &UNKNOWN_CLUSTER,
            "replicas",
            "the StatefulSet is scaled to 0, and how many members there are is not known".to_owned(),
            "scale it back first (kubectl scale --replicas=N), or give the ConfigMap of the bootstrap as well",
        );
    } else if from.replicas == 0 {
        refuse(
            &UNKNOWN_CLUSTER,
            "replicas",
            format!(
                "spec.replicas of the StatefulSet is {}, and a plan follows 1 to {MOST_MEMBERS} members",
                quoted(&replicas)
            ),
            "scale it to the members that etcd has (`etcdctl member list`), and plan again",
        );
    }
    if let [_, _, ..] = from.candidates().as_slice() {
        let names: Vec<String> = from.candidates().iter().map(|name| quoted(name)).collect();
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            format!("the member may run in each of the containers {}", names.join(" and ")),
            "give an edited copy of the objects as --from, with --data-dir in the args of the member's container only",
        );
    }
    if let Some(endpoints) = from.other_endpoints() {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            format!(
                "etcdctl in the installed pods asks {endpoints}, by ETCDCTL_ENDPOINTS: its answers would not be those of one \
                 member"
            ),
            "set the variable to the pod's own member, such as http://127.0.0.1:2379, or remove it; and plan again once all pods \
             have restarted with it",
        );
    }
    let reason = |fact: Option<&str>, absent: &str| fact.map_or_else(|| absent.to_owned(), str::to_owned);
    if from.version.known().is_none() && from.labelled_version.is_none() {
        refuse(
            &UNKNOWN_CLUSTER,
            "version",
            format!(
                "the release of etcd that runs is not known: {}",
                reason(from.version.unknown(), "its image has no tag")
            ),
            "give an edited copy of the objects as --from, with the release that `etcdctl endpoint status` prints as the tag of \
             the image",
        );
    }
    if from.peer_url(0).known().is_none() {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            format!(
                "the peer URLs are not known: {}",
                reason(
                    from.peer_url(0).unknown(),
                    "there is no --initial-advertise-peer-urls and no ETCD_INITIAL_ADVERTISE_PEER_URLS"
                )
            ),
            "give an edited copy of the objects as --from, with --initial-advertise-peer-urls in the container's args",
        );
    }
    if from.data.known().is_none() {
        refuse(
            &UNKNOWN_CLUSTER,
            "storage",
            format!(
                "the directory of the data is not known: {}",
                reason(from.data.unknown(), "there is no --data-dir and no ETCD_DATA_DIR")
            ),
            "give an edited copy of the objects as --from, with --data-dir in the container's args; or, if etcd's files are in \
             several volumes, restore a snapshot in a new cluster",
        );
    } else if let Some(reason) = from.wal.unknown() {
        refuse(
            &UNKNOWN_CLUSTER,
            "storage",
            format!("the directory of the write-ahead log is not known: {reason}"),
            "give an edited copy of the objects as --from, with --wal-dir in the container's args",
        );
    }
}

/// Checks the options that the values cannot show: those in ConfigMaps and Secrets.
pub(super) fn check_options(to: &ObservedCluster, diagnostics: &mut Diagnostics) {
    if to.options.is_on(FORCE_NEW_CLUSTER) == Fact::Known(true) {
        let message = "ETCD_FORCE_NEW_CLUSTER has each member forget the other members when it starts";
        diagnostics.push(Diagnostic::new(&UNSAFE_CHANGE, ENV_FROM, message).help("remove the variable"));
    }
    for flag in to.options.set_twice() {
        let message = format!("--{flag} is given as a variable as well, and etcd does not start with both");
        diagnostics.push(
            Diagnostic::new(&UNSAFE_CHANGE, ENV_FROM, message)
                .help("remove the variable, or the value that it doubles"),
        );
    }
}

/// The value by which members read options elsewhere.
const ENV_FROM: &str = "extraEnvFrom";

/// The flag by which a member forgets the others.
const FORCE_NEW_CLUSTER: &str = "force-new-cluster";

/// The name by which a person takes on that etcd's authentication is off, whatever the objects show.
pub(super) const AUTHENTICATION_ACCEPTED: &str = "authentication";

/// Signs that clients sign in to a cluster.
fn signs_of_authentication(from: &ObservedCluster) -> Vec<String> {
    let mut signs = Vec::new();
    for name in ["ETCD_ROOT_PASSWORD", "ETCD_ROOT_PASSWORD_FILE"] {
        if from.options.variable(name).is_some() {
            signs.push(format!("the variable {name}"));
        }
    }
    let token = from.options.get("auth-token");
    match &token {
        // The default of etcd.
        Fact::Known(token) if token == "simple" || token.is_empty() => {}
        Fact::Absent => {}
        Fact::Known(token) => {
            let kind = token.split(',').next().unwrap_or_default();
            signs.push(format!("the option auth-token {}", quoted(kind)));
        }
        Fact::Unknown(_) => signs.push("the option auth-token".to_owned()),
    }
    if let Some(Fact::Known(allowed)) = from.options.variable("ALLOW_NONE_AUTHENTICATION")
        && !matches!(&*allowed.to_lowercase(), "yes" | "true" | "1")
    {
        signs.push("the variable ALLOW_NONE_AUTHENTICATION".to_owned());
    }
    signs
}

/// A snapshot is restored in a new cluster, never in one that exists.
fn check_restore(
    from: &ObservedCluster,
    to: &ObservedCluster,
    wanted: &Cluster,
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let claim = |cluster: &ObservedCluster| {
        let volumes = items(cluster.set.node.at("spec.template.spec.volumes"));
        let volume = volumes
            .iter()
            .find(|volume| text(volume, "name").as_deref() == Some(RESTORE_VOLUME))?;
        text(volume, "persistentVolumeClaim.claimName")
    };
    let (installed, desired) = (claim(from), claim(to));
    let is_same = installed == desired && !from.token.differs(&to.token);
    if wanted.restore.is_some() && !is_same {
        refuse(
            &UNSAFE_CHANGE,
            "restore",
            "the cluster exists: members that keep their data and members that start from the snapshot would serve both as one \
             cluster"
                .to_owned(),
            "install a new cluster with restore under another name, check its data, and lead clients to it; or, if this \
             cluster is lost: delete its StatefulSet and its claims first, and install it again with restore and --install",
        );
        return;
    }
    if wanted.restore.is_some() && from.replicas != to.replicas {
        refuse(
            &UNSAFE_CHANGE,
            "restore",
            "a member that is added would start from the snapshot, not from the data of the others".to_owned(),
            "remove restore first",
        );
    }
    if let (Fact::Known(old), Fact::Known(new)) = (&from.token, &to.token)
        && old != new
    {
        refuse(
            &FIXED_NAME,
            "bootstrap.token",
            format!("the members have formed their cluster with the token {}", quoted(old)),
            &format!(
                "write bootstrap: {{token: {old}}}; another one changes nothing for members with data, but restarts them"
            ),
        );
    }
}

/// While peer URLs change, some members reach each other by the old ones, and some by the new ones.
fn check_urls(from: &ObservedCluster, to: &ObservedCluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let (Fact::Known(old), Fact::Known(new)) = (from.peer_url(0), to.peer_url(0)) else {
        return;
    };
    let (old_host, new_host) = (host_of(&old), host_of(&new));
    if from.has_peer_certificates()
        && old_host != new_host
        && to
            .peer_secret()
            .is_some_and(|secret| to.certificates.contains_key(secret))
    {
        refuse(
            &UNSAFE_CHANGE,
            "naming",
            format!("the members' certificates would name {new_host:?}, while others still reach them as {old_host:?}"),
            "keep the names, or restore a snapshot in a new cluster",
        );
    }
}

/// A leader whose heartbeats come more seldom than others' elections time out is voted out all the time.
fn check_timing(from: &ObservedCluster, to: &ObservedCluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let milliseconds = |cluster: &ObservedCluster, flag: &str, default: u64| match cluster.options.get(flag) {
        Fact::Known(text) => text.parse().ok(),
        Fact::Absent => Some(default),
        Fact::Unknown(_) => None,
    };
    let of = |cluster: &ObservedCluster| {
        Some((
            milliseconds(cluster, "heartbeat-interval", 100)?,
            milliseconds(cluster, "election-timeout", 1000)?,
        ))
    };
    if let (Some((old_beat, old_election)), Some((new_beat, new_election))) = (of(from), of(to))
        && (new_beat >= old_election || old_beat >= new_election)
    {
        refuse(
            &UNSAFE_CHANGE,
            "heartbeatInterval",
            format!(
                "heartbeats every {} ms do not keep members from elections after {} ms, while some have the old times and some \
                 the new ones",
                new_beat.max(old_beat),
                old_election.min(new_election)
            ),
            "change the times in several plans, each by less than the election timeout",
        );
    }
}

/// Refuses hooks that run when a pod ends, unless they are understood: some remove their member.
pub(super) fn check_hooks(from: &ObservedCluster, accepted: &[String], diagnostics: &mut Diagnostics) {
    let containers = items(from.set.node.at("spec.template.spec.containers"));
    for container in containers {
        let Some(hook) = container.at("lifecycle.preStop").filter(|hook| !hook.is_null()) else {
            continue;
        };
        let only_sleeps = hook
            .entries()
            .is_some_and(|entries| entries.iter().all(|entry| entry.key.scalar.text == "sleep"));
        let name = text(container, "name").unwrap_or_default();
        let path = format!(
            "statefulset/{}:spec.template.spec.containers[{name}].lifecycle.preStop",
            from.fullname
        );
        if only_sleeps || accepted.contains(&path) {
            continue;
        }
        let command: Vec<String> = items(hook.at("exec.command")).iter().filter_map(scalar).collect();
        let what = if command.is_empty() {
            "something".to_owned()
        } else {
            quoted(&command.join(" "))
        };
        let found =
            Diagnostic::new(
                &NOT_UNDERSTOOD,
                "",
                format!(
                    "each pod of the installed StatefulSet runs {what} in the container {} before it ends; a hook that removes \
                     its member leaves the next pod with the data of a removed member, on which etcd exits",
                    quoted(&name)
                ),
            )
            .help(format!(
                "make the hook harmless first, where a ConfigMap holds its script; or move the data to a new cluster by a \
                 snapshot and restore; or, if you know that it leaves the member alone: --accept '{}'",
                path.replace('\'', r"'\''")
            ));
        // Pods of several templates may have the same.
        if diagnostics.iter().all(|other| *other != found) {
            diagnostics.push(found);
        }
    }
}

/// Refuses a selector that the pods of others match: they would be taken for members, or members for them.
pub(super) fn check_selector(
    installed: &Objects,
    from: Option<&ObservedCluster>,
    to: &ObservedCluster,
    diagnostics: &mut Diagnostics,
) {
    if from.is_some_and(|from| from.selector == to.selector) {
        return;
    }
    let members = from.map(|from| from.members(from.replicas)).unwrap_or_default();
    let is_other = |object: &&Object| {
        object.id.namespace == to.namespace
            && !(object.id.kind == "StatefulSet" && object.id.name == to.fullname)
            && ["StatefulSet", "Deployment", "DaemonSet", "CronJob", "Pod"].contains(&&*object.id.kind)
            && !(object.id.kind == "Pod" && members.contains(&object.id.name))
    };
    let matches = |object: &&Object| has_labels(&object.labels_of_pods(), &to.selector);
    if let Some(other) = installed.iter().filter(is_other).find(matches) {
        let message = format!(
            "the selector would match pods of the {} {:?}",
            other.id.kind, other.id.name
        );
        diagnostics.push(
            Diagnostic::new(&UNSAFE_CHANGE, "naming.selectorLabels", message)
                .help("write labels that no other pods of the namespace have"),
        );
    }
}

/// Refuses to take a cluster for a new one if its StatefulSet is missing among the objects.
pub(super) fn check_complete(
    installed: &Objects,
    desired: &Objects,
    to: &ObservedCluster,
) -> Result<(), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let is_left = |object: &&Object| {
        let left = installed
            .get(&object.id)
            .filter(|left| match left.label(OWNERSHIP_LABEL) {
                Some(owner) => owner == to.fullname,
                None => is_of_package(left),
            });
        left.is_some() && object.id.kind != "StatefulSet"
    };
    if let Some(object) = desired.iter().find(is_left) {
        problems.push(
            Diagnostic::new(
                &UNKNOWN_CLUSTER,
                "",
                format!(
                    "the {} {:?} exists, and its StatefulSet is not among the objects",
                    object.id.kind, object.id.name
                ),
            )
            .help("give all objects of the cluster (--live does), or delete what an earlier cluster has left"),
        );
    }
    let claims: Vec<&str> = installed
        .of_kind("", "PersistentVolumeClaim")
        .filter(|claim| claim.id.namespace == to.namespace)
        .filter(|claim| {
            to.claims
                .iter()
                .any(|template| is_claim_of(&claim.id.name, &template.name, &to.fullname))
        })
        .map(|claim| claim.id.name.as_str())
        .collect();
    if !claims.is_empty() {
        problems.push(
            Diagnostic::new(
                &UNKNOWN_CLUSTER,
                "storage",
                format!("claims of an earlier cluster of this name exist: {}", claims.join(", ")),
            )
            .help("give its StatefulSet as well; or, if it is gone, save what you need of the claims and delete them"),
        );
    }
    for object in installed.iter().filter(|object| object.id.namespace == to.namespace) {
        let kinds = ["Deployment", "DaemonSet", "ReplicaSet"];
        let is_pods = object.id.group == "apps" && kinds.contains(&&*object.id.kind)
            || object.id.kind == "Pod" && items(object.node.at("metadata.ownerReferences")).is_empty();
        let path = if object.id.kind == "Pod" {
            "spec.containers"
        } else {
            "spec.template.spec.containers"
        };
        if is_pods && items(object.node.at(path)).iter().any(runs_etcd) {
            problems.push(
                Diagnostic::new(
                    &UNKNOWN_CLUSTER,
                    "",
                    format!("etcd runs in the {} {:?}, not in a StatefulSet", object.id.kind, object.id.name),
                )
                .help(
                    "to move its data: take a snapshot of it, copy that to a claim, stop it, and install a cluster of another \
                     name with restore: {claimName: …, snapshot: …}; to install one beside it, leave it out of the objects",
                ),
            );
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Whether a claim is one that a StatefulSet made of a template.
fn is_claim_of(claim: &str, template: &str, set: &str) -> bool {
    let ordinal = claim
        .strip_prefix(template)
        .and_then(|rest| rest.strip_prefix('-')?.strip_prefix(set)?.strip_prefix('-'));
    ordinal.is_some_and(|ordinal| !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit()))
}
