//! Compute resources of the members and of the jobs.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource;
use rutter::quantity::Quantity;
use rutter::report::Report;
use rutter::yaml::join;

use crate::values::{JobResources, Resources};

type Amounts = BTreeMap<String, Quantity>;

/// Resolves the resources of the members.
pub(super) fn resolve(values: Resources, report: &mut Report<'_>) -> Option<ResourceRequirements> {
    let limits = present(values.limits);
    let mut requests = Resources::default_requests();
    requests.extend(values.requests);
    // Kubernetes uses a limit as the request, unless there is one.
    requests
        .retain(|resource, _| !limits.contains_key(resource) || report.is_given(&join("resources.requests", resource)));
    requirements(present(requests), limits, "resources", report)
}

/// Resolves the resources at `path`, which have no defaults.
pub(super) fn exactly(values: &JobResources, path: &str, report: &mut Report<'_>) -> Option<ResourceRequirements> {
    requirements(values.requests.clone(), values.limits.clone(), path, report)
}

fn requirements(
    requests: Amounts,
    limits: Amounts,
    path: &str,
    report: &mut Report<'_>,
) -> Option<ResourceRequirements> {
    kubernetes_validation::resources::check(path, &requests, &limits, report);
    let requirements = ResourceRequirements {
        requests: quantities(requests),
        limits: quantities(limits),
        ..ResourceRequirements::default()
    };
    (requirements != ResourceRequirements::default()).then_some(requirements)
}

fn present(amounts: BTreeMap<String, Option<Quantity>>) -> Amounts {
    let present = |(resource, amount): (String, Option<Quantity>)| amount.map(|amount| (resource, amount));
    amounts.into_iter().filter_map(present).collect()
}

fn quantities(amounts: Amounts) -> Option<BTreeMap<String, resource::Quantity>> {
    let quantity = |(resource, amount): (String, Quantity)| (resource, resource::Quantity(amount.to_string()));
    let quantities: BTreeMap<_, _> = amounts.into_iter().map(quantity).collect();
    (!quantities.is_empty()).then_some(quantities)
}
