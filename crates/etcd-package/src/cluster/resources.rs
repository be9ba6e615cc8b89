//! Compute resources, and what Kubernetes refuses of them (`pkg/apis/core/validation/validation.go`,
//! `ValidateContainerResourceRequirements`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource;
use rutter::names::LabelKey;
use rutter::quantity::Quantity;
use rutter::yaml::join;

use super::Report;
use crate::codes::INVALID_RESOURCES;
use crate::values::{JobResources, Resources};

/// One of them must be asked for beside huge pages.
const COMPUTE: [&str; 2] = ["cpu", "memory"];

type Amounts = BTreeMap<String, Quantity>;

/// The requirements; none if nothing is left of them.
pub(super) fn resolve(values: Resources, report: &mut Report<'_>) -> Option<ResourceRequirements> {
    let limits = present(values.limits);
    let mut requests = Resources::default_requests();
    requests.extend(values.requests);
    // Of what has a limit, Kubernetes takes that for the request, unless one is written.
    requests
        .retain(|resource, _| !limits.contains_key(resource) || report.is_given(&join("resources.requests", resource)));
    requirements(present(requests), limits, "resources", report)
}

/// The requirements of `values`, which stand at `path` and have no defaults; none if they are empty.
pub(super) fn exactly(values: &JobResources, path: &str, report: &mut Report<'_>) -> Option<ResourceRequirements> {
    requirements(values.requests.clone(), values.limits.clone(), path, report)
}

fn requirements(
    requests: Amounts,
    limits: Amounts,
    path: &str,
    report: &mut Report<'_>,
) -> Option<ResourceRequirements> {
    check(path, &requests, &limits, report);
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

/// Checks requests and limits of the container whose `resources` stand at `path`.
pub(super) fn check(path: &str, requests: &Amounts, limits: &Amounts, report: &mut Report<'_>) {
    for (name, amounts) in [("requests", requests), ("limits", limits)] {
        for (resource, amount) in amounts {
            check_amount(&join(&format!("{path}.{name}"), resource), resource, amount, report);
        }
    }
    for (resource, request) in requests {
        let path = join(&format!("{path}.requests"), resource);
        check_against_limit(&path, resource, request, limits.get(resource), report);
    }
    let mut all = requests.keys().chain(limits.keys());
    if all.clone().any(|resource| page_size(resource).is_some()) && !all.any(|resource| COMPUTE.contains(&&**resource))
    {
        report
            .add(&INVALID_RESOURCES, path, "huge pages cannot be had alone")
            .help("ask for cpu or memory as well");
    }
}

fn check_amount(path: &str, resource: &str, amount: &Quantity, report: &mut Report<'_>) {
    let standard = ["cpu", "memory", "ephemeral-storage"].contains(&resource) || resource.starts_with("hugepages-");
    // A quota counts them as `requests.…`, which must be a name as well.
    let extended = resource.contains('/')
        && !resource.starts_with("requests.")
        && format!("requests.{resource}").parse::<LabelKey>().is_ok();
    if !standard && !extended {
        report
            .add(
                &INVALID_RESOURCES,
                path,
                format!("Kubernetes knows no resource {resource:?}"),
            )
            .help(rutter::suggest::remedy(
                resource,
                &["cpu", "memory", "ephemeral-storage"],
            ));
    }
    if amount.milli_value() < 0 {
        report
            .add(&INVALID_RESOURCES, path, format!("{amount} is less than nothing"))
            .help("write 0 or more");
    } else if let Some(page) = page_size(resource)
        && (page.milli_value() <= 0 || amount.milli_value() % page.milli_value() != 0)
    {
        report
            .add(
                &INVALID_RESOURCES,
                path,
                format!("{amount} is not a number of pages of {page}"),
            )
            .help(format!("write {page}, or a multiple of it"));
    } else if extended && amount.milli_value() % 1000 != 0 {
        report
            .add(
                &INVALID_RESOURCES,
                path,
                format!("{amount} of {resource} cannot be had, only whole ones"),
            )
            .help(format!("write {}", amount.value()));
    } else if resource == "memory" && (1..1 << 20).contains(&amount.value()) && amount.milli_value() % 1000 == 0 {
        report
            .add(
                &INVALID_RESOURCES,
                path,
                format!("{amount} of memory are {} bytes, in which nothing runs", amount.value()),
            )
            .help(format!("did you mean {}Mi?", amount.value()));
    } else if resource == "memory" && amount.milli_value() % 1000 != 0 {
        report
            .add(
                &INVALID_RESOURCES,
                path,
                format!("{amount} of memory is a fraction of a byte"),
            )
            .help(format!("did you mean {}?", amount.to_string().replace('m', "Mi")));
    }
}

/// The size of the huge pages that a resource stands for.
fn page_size(resource: &str) -> Option<Quantity> {
    resource.strip_prefix("hugepages-")?.parse().ok()
}

fn check_against_limit(
    path: &str,
    resource: &str,
    request: &Quantity,
    limit: Option<&Quantity>,
    report: &mut Report<'_>,
) {
    let overcommit = !resource.contains('/') && !resource.starts_with("hugepages-");
    match limit {
        Some(limit) if request.milli_value() > limit.milli_value() => report
            .add(
                &INVALID_RESOURCES,
                path,
                format!("the request {request} is above the limit {limit}"),
            )
            .help(format!("write at most {limit}, or raise the limit")),
        Some(limit) if !overcommit && request.milli_value() != limit.milli_value() => report
            .add(
                &INVALID_RESOURCES,
                path,
                format!("{resource} cannot be shared: the request must be the limit {limit}"),
            )
            .help(format!("write {limit}, or leave the request out")),
        None if !overcommit => report
            .add(
                &INVALID_RESOURCES,
                path,
                format!("{resource} cannot be requested without a limit"),
            )
            .help(format!("write it under limits: {request}")),
        _ => {}
    }
}

fn quantities(amounts: Amounts) -> Option<BTreeMap<String, resource::Quantity>> {
    let quantity = |(resource, amount): (String, Quantity)| (resource, resource::Quantity(amount.to_string()));
    let quantities: BTreeMap<_, _> = amounts.into_iter().map(quantity).collect();
    (!quantities.is_empty()).then_some(quantities)
}
