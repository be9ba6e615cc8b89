//! Compute resources (`ValidateContainerResourceRequirements`).

use std::collections::BTreeMap;

use rutter::names::LabelKey;
use rutter::quantity::Quantity;
use rutter::report::Report;
use rutter::suggest::remedy;
use rutter::yaml::join;

use crate::codes::INVALID_RESOURCES;

/// A container with huge pages must have one of these resources.
const COMPUTE: [&str; 2] = ["cpu", "memory"];

/// Checks the requests and limits of the `resources` at `path`.
pub fn check(
    path: &str,
    requests: &BTreeMap<String, Quantity>,
    limits: &BTreeMap<String, Quantity>,
    report: &mut Report<'_>,
) {
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
    // A ResourceQuota calls them `requests.…`, so that must be a valid name too.
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
            .help(remedy(resource, &["cpu", "memory", "ephemeral-storage"]));
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
                if amount.to_string().ends_with(|last: char| last.is_ascii_digit()) {
                    format!(
                        "{amount} is {} of memory: a number without a unit is in bytes",
                        bytes(amount.value())
                    )
                } else {
                    format!("{amount} of memory are {} bytes, in which nothing runs", amount.value())
                },
            )
            .help(match amount.value() {
                // Nobody plans with a few mebibytes, and a few gibibytes are common.
                few @ ..16 => format!("did you mean {few}Gi?"),
                many => format!("did you mean {many}Mi?"),
            });
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

fn bytes(number: i128) -> String {
    if number == 1 {
        "1 byte".to_owned()
    } else {
        format!("{number} bytes")
    }
}

/// Returns the page size, if the resource is huge pages.
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
