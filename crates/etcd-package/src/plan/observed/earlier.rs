//! Members whose pods are of another template than the StatefulSet's, as an update leaves them that has not reached all.

use rutter::yaml::{Node, Value};

use super::super::changes::get_mut;
use super::super::fact::Fact;
use super::super::objects::{Object, Objects, items};
use super::{Health, ObservedCluster, text};

/// Members whose pods are of the same earlier template.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Earlier {
    pub(in crate::plan) members: Vec<String>,
    /// The cluster as it is if all pods are of that template.
    pub(in crate::plan) cluster: ObservedCluster,
    /// The claims of these pods, if they are not those of the StatefulSet.
    pub(in crate::plan) other_claims: Option<Vec<String>>,
}

impl ObservedCluster {
    /// Finds the members of earlier templates. They are unknown unless all pods, and the templates that their labels name, are
    /// among the objects.
    pub(super) fn find_earlier(&self, objects: &Objects) -> Fact<Vec<Earlier>> {
        if !matches!(self.health, Health::PartlyUpdated(_)) {
            return Fact::Absent;
        }
        let unknown = |reason: String| Fact::Unknown(reason);
        let own: Vec<String> = self.claims.iter().map(|claim| claim.name.clone()).collect();
        let current = self.set.text("status.updateRevision");
        let mut found: Vec<(String, Vec<String>, Earlier)> = Vec::new();
        for member in self.members(self.replicas) {
            let Some(pod) = objects.named("", "Pod", &self.namespace, &member) else {
                return unknown(format!("the pod {member} is not among the objects"));
            };
            let Some(revision) = pod.label("controller-revision-hash") else {
                return unknown(format!("the pod {member} does not name its template"));
            };
            let claims = claims_of(pod);
            if current.as_ref() == Some(&revision) && has_same(&claims, &own) {
                continue;
            }
            let is_same = |(other, has, _): &&mut (String, Vec<String>, Earlier)| *other == revision && *has == claims;
            if let Some((.., earlier)) = found.iter_mut().find(is_same) {
                earlier.members.push(member);
                continue;
            }
            let Some(set) = self.set_at(&revision, &claims, objects) else {
                return unknown(format!(
                    "the ControllerRevision of the pod {member} is not among the objects"
                ));
            };
            let earlier = Earlier {
                members: vec![member],
                cluster: Self::of_set(&set, objects),
                other_claims: (!has_same(&claims, &own)).then(|| claims.clone()),
            };
            found.push((revision, claims, earlier));
        }
        Fact::Known(found.into_iter().map(|(.., earlier)| earlier).collect())
    }

    /// The StatefulSet with the template of a revision, and with those of its claims that a pod has.
    fn set_at(&self, revision: &str, claims: &[String], objects: &Objects) -> Option<Object> {
        let mut set = self.set.clone();
        let template = if self.set.text("status.updateRevision").as_deref() == Some(revision) {
            self.set.node.at("spec.template")
        } else {
            let revision = objects.named("apps", "ControllerRevision", &self.namespace, revision)?;
            revision.node.at("data.spec.template")
        };
        let mut template = template?.clone();
        if let Value::Mapping(entries) = &mut template.value {
            entries.retain(|entry| entry.key.scalar.text != "$patch");
        }
        let spec = get_mut(&mut set.node, "spec")?;
        *get_mut(spec, "template")? = template;
        if let Some(Node {
            value: Value::Sequence(templates),
            ..
        }) = get_mut(spec, "volumeClaimTemplates")
        {
            templates.retain(|template| text(template, "metadata.name").is_some_and(|name| claims.contains(&name)));
        }
        Some(set)
    }
}

/// The templates of the claims that a pod has.
fn claims_of(pod: &Object) -> Vec<String> {
    let claim = |volume: &Node| {
        let name = text(volume, "name")?;
        let is_own = text(volume, "persistentVolumeClaim.claimName")? == format!("{name}-{}", pod.id.name);
        is_own.then_some(name)
    };
    items(pod.node.at("spec.volumes")).iter().filter_map(claim).collect()
}

fn has_same(some: &[String], others: &[String]) -> bool {
    some.len() == others.len() && some.iter().all(|one| others.contains(one))
}
