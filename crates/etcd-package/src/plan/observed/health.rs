//! The health of a cluster, as its live objects show it.

use super::super::objects::{Object, Objects, items};
use super::{MOST_MEMBERS, claim_of, quoted, shortened, text};

/// Whether a cluster can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Health {
    /// Every member is ready and of the current template.
    Healthy,
    /// Every member is ready, and some are of an earlier template, as the update strategy has it.
    PartlyUpdated(Strategy),
    /// These keep it from being changed. There is at least one.
    Unhealthy(Vec<Problem>),
    /// Its objects do not come from an API server. The first command of a plan finds out.
    Unknown,
    /// It is scaled to none.
    Stopped,
}

/// The update strategy that leaves pods of an earlier template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Strategy {
    Partition,
    OnDelete,
}

/// A problem of a cluster, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Problem {
    pub(in crate::plan) message: String,
    pub(in crate::plan) help: String,
}

impl Health {
    pub(super) fn of(set: &Object, objects: &Objects, replicas: Option<u32>) -> Self {
        let mut problems = Vec::new();
        let mut problem = |message: String, help: String| problems.push(Problem { message, help });
        let (name, namespace) = (&set.id.name, &set.id.namespace);
        let number = |path: &str| set.text(path).and_then(|text| text.parse::<u32>().ok());
        if set.text("metadata.deletionTimestamp").is_some() {
            problem(
                format!("the StatefulSet {name:?} is being deleted"),
                "wait until it is gone, or find out what deletes it".to_owned(),
            );
        }
        scaled_by_others(set, objects, &mut problem);
        let is_stopped = number("spec.replicas") == Some(0);
        if let (true, Some(members)) = (is_stopped, replicas) {
            missing_claims(set, objects, members, &mut problem);
        }
        if set.node.get("status").is_none() {
            return match (problems.is_empty(), is_stopped) {
                (true, true) => Self::Stopped,
                (true, false) => Self::Unknown,
                (false, _) => Self::Unhealthy(problems),
            };
        }
        if number("spec.replicas").is_some_and(|replicas| replicas > MOST_MEMBERS) {
            return Self::Unknown;
        }
        let status = |field: &str| number(&format!("status.{field}"));
        let replicas = number("spec.replicas").or(replicas).unwrap_or(1);
        let see = format!(
            "see `kubectl describe pod -n {namespace}` for why, and plan again once all members are ready; if an earlier plan has \
             stopped halfway, go on with its run.sh"
        );
        let generation = (number("metadata.generation"), status("observedGeneration"));
        if let (Some(current), observed) = generation
            && observed.is_none_or(|observed| observed < current)
        {
            problem(
                "Kubernetes has not yet acted on the last change of the StatefulSet".to_owned(),
                format!("wait for `kubectl rollout status statefulset/{name} -n {namespace}`, and plan again"),
            );
        }
        let ready = status("readyReplicas").unwrap_or(0);
        if ready < replicas {
            problem(format!("{ready} of {replicas} members are ready"), see.clone());
        }
        let exist = status("replicas").unwrap_or(0);
        if exist > replicas {
            problem(
                format!("{exist} pods exist, and {replicas} are wanted"),
                format!("wait until Kubernetes has deleted the others (`kubectl get pods -n {namespace}`)"),
            );
        }
        pods(set, objects, replicas, &see, &mut problem);
        claims(set, objects, replicas, &mut problem);
        let strategy = set.text("spec.updateStrategy.type");
        let partition = number("spec.updateStrategy.rollingUpdate.partition").unwrap_or(0);
        let updated = status("updatedReplicas").unwrap_or(0);
        // Revisions do not show it: both are the new one in a StatefulSet that was created around pods of another
        // (`getStatefulSetRevisions` in `pkg/controller/statefulset/stateful_set_control.go` of Kubernetes).
        let is_partly = updated < replicas;
        let rolling = strategy.as_deref() != Some("OnDelete");
        if is_partly && rolling && partition == 0 {
            problem(
                format!("a rolling update has reached {updated} of {replicas} members"),
                format!(
                    "wait for `kubectl rollout status statefulset/{name} -n {namespace}`, or find out why it does not go on"
                ),
            );
        }
        if !problems.is_empty() {
            return Self::Unhealthy(problems);
        }
        match (is_stopped, is_partly, rolling) {
            (true, ..) => Self::Stopped,
            (false, true, true) => Self::PartlyUpdated(Strategy::Partition),
            (false, true, false) => Self::PartlyUpdated(Strategy::OnDelete),
            (false, false, _) => Self::Healthy,
        }
    }
}

/// Finds others that change the number of members: an autoscaler, or a hand.
fn scaled_by_others(set: &Object, objects: &Objects, problem: &mut impl FnMut(String, String)) {
    let (name, namespace) = (&set.id.name, &set.id.namespace);
    for scaler in scalers(objects, namespace, name) {
        problem(
            format!(
                "the {} {:?} changes the number of members",
                scaler.id.kind, scaler.id.name
            ),
            "delete it: etcd has to be told of members before they come and go".to_owned(),
        );
    }
    let map = format!("{name}-bootstrap");
    let list = objects.named("", "ConfigMap", namespace, &map);
    let list = list.and_then(|map| map.text("data.INITIAL_CLUSTER"));
    let replicas = set.text("spec.replicas").and_then(|text| text.parse::<usize>().ok());
    if let (Some(list), Some(replicas)) = (list, replicas) {
        let members: Vec<&str> = list.split(',').filter(|member| !member.is_empty()).collect();
        let are_members = members.iter().all(|member| member.contains("=http"));
        let members = members.len();
        if !are_members {
            problem(
                format!("INITIAL_CLUSTER of the ConfigMap {map:?} is no list of NAME=URL"),
                "write down there the members that `etcdctl member list` names".to_owned(),
            );
        } else if replicas > 0 && members > 0 && members != replicas {
            let deletes_claims = set
                .text("spec.persistentVolumeClaimRetentionPolicy.whenScaled")
                .as_deref()
                == Some("Delete");
            let scale = format!("kubectl scale statefulset/{name} -n {namespace} --replicas={members}");
            problem(
                format!(
                    "the StatefulSet has {replicas} replica{}, and the ConfigMap {map:?} names {members} members",
                    if replicas == 1 { "" } else { "s" }
                ),
                if replicas < members && deletes_claims {
                    "if an earlier plan has stopped halfway, go on with its run.sh; if somebody has scaled it by hand, the claims of \
                     the missing members are deleted (whenScaled: Delete): remove these members from etcd (etcdctl member remove), \
                     write the others into the ConfigMap, and only then scale by a plan"
                        .to_owned()
                } else if replicas < members {
                    // Without a quorum etcd does not even list its members.
                    format!(
                        "if an earlier plan has stopped halfway, go on with its run.sh; if somebody has scaled it by hand, scale it back \
                         first: `{scale}`; the members that are missing still count for the quorum, and their claims hold their data"
                    )
                } else {
                    format!(
                        "if an earlier plan has stopped halfway, go on with its run.sh; if somebody has scaled it by hand, scale it \
                         back: `{scale}`, unless `etcdctl member list` names more members"
                    )
                },
            );
        }
    }
}

/// The autoscalers of a StatefulSet.
pub(in crate::plan) fn scalers<'a>(
    objects: &'a Objects,
    namespace: &'a str,
    set: &'a str,
) -> impl Iterator<Item = &'a Object> {
    let kinds = [("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")];
    let all = kinds.into_iter().flat_map(|(group, kind)| objects.of_kind(group, kind));
    all.filter(move |scaler| {
        let target = |field: &str| scaler.text(&format!("spec.scaleTargetRef.{field}"));
        scaler.id.namespace == *namespace
            && target("kind").as_deref() == Some("StatefulSet")
            && target("name").as_deref() == Some(set)
    })
}

/// Finds claims of members that go, or whose volumes are gone: a member that restarts comes back without its data.
fn claims(set: &Object, objects: &Objects, replicas: u32, problem: &mut impl FnMut(String, String)) {
    let (name, namespace) = (&set.id.name, &set.id.namespace);
    let of = |claim: &str| objects.named("", "PersistentVolumeClaim", namespace, claim);
    let is_mounted = |ordinal: u32, claim: &str| {
        let pod = objects.named("", "Pod", namespace, &format!("{name}-{ordinal}"));
        let volumes = items(pod.and_then(|pod| pod.node.at("spec.volumes"))).iter();
        let mut claims = volumes.filter_map(|volume| text(volume, "persistentVolumeClaim.claimName"));
        claims.any(|mounted| mounted == claim)
    };
    let pods = (0..replicas).filter(|ordinal| {
        let pod = objects.named("", "Pod", namespace, &format!("{name}-{ordinal}"));
        pod.is_some()
    });
    let has_pods = pods.count() > 0;
    let mut found_any = false;
    let mut missing = Vec::new();
    for template in &templates(set) {
        // Without pods nothing shows which templates they are of, but those that some have.
        let of_template = |ordinal: u32| of(&claim_of(template, &format!("{name}-{ordinal}"))).is_some();
        let some_have = !has_pods && (0..replicas).any(of_template);
        for ordinal in 0..replicas {
            let claim = claim_of(template, &format!("{name}-{ordinal}"));
            let Some(found) = of(&claim) else {
                // A pod of an earlier template need not have all claims of this one.
                if some_have || is_mounted(ordinal, &claim) {
                    missing.push(quoted(&claim));
                }
                continue;
            };
            found_any = true;
            if found.text("metadata.deletionTimestamp").is_some() {
                problem(
                    format!("the claim {claim} is being deleted, and goes with its volume when its pod restarts"),
                    format!(
                        "take a snapshot (`kubectl exec -n {namespace} {name}-{ordinal} -- etcdctl snapshot save FILE`) and keep the \
                         pod running; then replace the member, or restore the snapshot in a new cluster"
                    ),
                );
            } else if found.text("status.phase").as_deref() == Some("Lost") {
                problem(
                    format!("the claim {claim} has lost its volume"),
                    "replace the member before any change: remove it from etcd, delete its claim and pod, and add it again".to_owned(),
                );
            }
        }
    }
    // Objects without any claim are not all that the cluster consists of.
    if found_any && !missing.is_empty() {
        problem(
            format!(
                "claims of members are missing: {}; a pod that restarts gets a new one, without its data",
                shortened(&missing, MOST_CLAIMS)
            ),
            "give all claims, if these are not all (--live does); if an earlier plan has stopped halfway, go on with its run.sh; \
             else keep the pods running, and take a snapshot; then replace the members, or restore the snapshot in a new cluster"
                .to_owned(),
        );
    }
}

/// The names of a StatefulSet's templates of claims.
fn templates(set: &Object) -> Vec<String> {
    let templates = items(set.node.at("spec.volumeClaimTemplates")).iter();
    templates
        .filter_map(|template| text(template, "metadata.name"))
        .collect()
}

/// Finds claims of a stopped cluster that are not among the objects: its members would start without data, as another
/// cluster.
fn missing_claims(set: &Object, objects: &Objects, members: u32, problem: &mut impl FnMut(String, String)) {
    let (name, namespace) = (&set.id.name, &set.id.namespace);
    let templates = templates(set);
    let claims = templates
        .iter()
        .flat_map(|template| (0..members).map(move |ordinal| claim_of(template, &format!("{name}-{ordinal}"))));
    let is_missing = |claim: &String| {
        let found = objects.named("", "PersistentVolumeClaim", namespace, claim);
        found.is_none_or(|claim| claim.text("metadata.deletionTimestamp").is_some())
    };
    let missing: Vec<String> = claims.filter(is_missing).map(|claim| quoted(&claim)).collect();
    if !missing.is_empty() {
        problem(
            format!(
                "the cluster is stopped, and claims of its members are not among the objects, or are being deleted: {}",
                shortened(&missing, MOST_CLAIMS)
            ),
            "give the claims as well (--live does); if they are gone, so are the data: restore a snapshot in a new cluster".to_owned(),
        );
    }
}

/// Most claims that a message lists.
const MOST_CLAIMS: usize = 8;

fn pods(set: &Object, objects: &Objects, replicas: u32, see: &str, problem: &mut impl FnMut(String, String)) {
    let pods: Vec<(String, Option<&Object>)> = (0..replicas)
        .map(|ordinal| {
            let name = format!("{}-{ordinal}", set.id.name);
            let pod = objects.named("", "Pod", &set.id.namespace, &name);
            (name, pod)
        })
        .collect();
    // Objects without any pod are not all that the cluster consists of.
    if pods.iter().all(|(_, pod)| pod.is_none()) {
        return;
    }
    for (name, pod) in pods {
        let Some(pod) = pod else {
            problem(format!("the pod {name} is missing"), see.to_owned());
            continue;
        };
        if pod.text("metadata.deletionTimestamp").is_some() {
            problem(format!("the pod {name} is being deleted"), see.to_owned());
            continue;
        }
        let conditions = items(pod.node.at("status.conditions"));
        let ready = conditions
            .iter()
            .find(|condition| text(condition, "type").as_deref() == Some("Ready"));
        if ready.and_then(|ready| text(ready, "status")).as_deref() != Some("True") {
            problem(format!("the pod {name} is not ready"), see.to_owned());
        }
    }
}
