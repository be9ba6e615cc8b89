//! The first apply.

use rutter::{Diagnostic, Difference};

use super::super::action::Action;
use super::super::observed::ObservedCluster;
use super::apply::{is_provable, started};
use super::certificates::certified;
use super::{Planned, PlannedStep, connected, healthy, preflight};
use crate::render::Rendered;

/// Plans to install a cluster.
pub(in crate::plan) fn install(
    rendered: &Rendered,
    to: &ObservedCluster,
    differences: Vec<Difference>,
    warnings: Vec<Diagnostic>,
) -> Planned {
    let names = &rendered.cluster.names;
    let replicas = rendered.cluster.replicas;
    let members = to.members(replicas);
    let proven: Vec<String> = rendered
        .manifests
        .iter()
        .filter(|manifest| is_provable(manifest))
        .map(|manifest| manifest.file_name.clone())
        .collect();
    let mut actions = vec![
        Action::HasReplicas {
            set: to.fullname.clone(),
            counts: vec![replicas],
            may_be_missing: true,
        },
        Action::NotInstalled {
            set: to.fullname.clone(),
            claims: (0..replicas).flat_map(|ordinal| to.claims_of(ordinal)).collect(),
        },
        Action::Prove { files: proven.clone() },
        Action::Apply,
        Action::Applied { files: proven },
    ];
    actions.extend(certified(rendered.manifests.iter()));
    actions.extend(started(&to.fullname, members.clone(), rendered.cluster.update.kind));
    actions.push(healthy(members.clone()));
    actions.extend(connected(members));
    actions.push(Action::Voters {
        asked: to.member(0),
        counts: vec![replicas],
    });
    let steps = vec![PlannedStep {
        name: "install".to_owned(),
        title: format!("install {}", &*names.fullname),
        reason: "there is no such cluster yet".to_owned(),
        restarts: Vec::new(),
        manifests: rendered.manifests.clone(),
        files: Vec::new(),
        actions,
    }];
    let mut preflight = preflight::of_manifests(&steps, to);
    let classes = to.claims.iter().filter_map(|claim| claim.class.clone());
    let classes: std::collections::BTreeSet<String> = classes.filter(|class| !class.is_empty()).collect();
    preflight.extend(classes.into_iter().map(|name| Action::StorageClass { name }));
    preflight.extend(preflight::secrets(to, &rendered.cluster));
    preflight.extend(preflight::dry_runs(&steps, &to.fullname, |_| false));
    Planned {
        summary: format!(
            "{}/{}: install {replicas} member{}, {} volumes created",
            to.namespace,
            to.fullname,
            if replicas == 1 { "" } else { "s" },
            to.claims.len() * members_of(replicas)
        ),
        preflight,
        steps,
        is_one_apply: true,
        differences,
        guards: Vec::new(),
        warnings,
    }
}

fn members_of(replicas: u32) -> usize {
    usize::try_from(replicas).unwrap_or(usize::MAX)
}
