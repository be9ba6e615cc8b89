//! DNS settings and host aliases (`validatePodDNSConfig`, `ValidateHostAliases`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{HostAlias, PodDNSConfig};
use rutter::names::DnsSubdomain;

use crate::field::Field;

/// The limits of the resolver of Linux.
const MOST_NAMESERVERS: usize = 3;
const MOST_SEARCHES: usize = 32;
const LONGEST_SEARCHES: usize = 2048;

/// Checks the configuration of the resolver.
pub fn config(field: &mut Field<'_, '_>, config: &PodDNSConfig) {
    let nameservers = config.nameservers.as_deref().unwrap_or_default();
    at_most(field, "nameservers", nameservers.len(), MOST_NAMESERVERS);
    field.each("nameservers", nameservers, |field, ip| address(field, ip));
    let searches = config.searches.as_deref().unwrap_or_default();
    at_most(field, "searches", searches.len(), MOST_SEARCHES);
    let length = searches.join(" ").len();
    if length > LONGEST_SEARCHES {
        let message = format!("at most {LONGEST_SEARCHES} characters are searched in, found {length}");
        field.at("searches").invalid(message, "leave some out");
    }
    field.each("searches", searches, |field, search| {
        if search != "." && !is_search_domain(search) {
            field.invalid(
                format!("{search:?} is not a DNS name"),
                "such as shop.svc.cluster.local",
            );
        }
    });
    field.each("options", config.options.iter().flatten(), |field, option| {
        field.required("name", option.name.as_deref().unwrap_or_default());
    });
}

/// Checks the lines of `/etc/hosts` in the list `name`. A server-side apply fails if two have the same address.
pub fn host_aliases(field: &mut Field<'_, '_>, name: &str, aliases: &[HostAlias]) {
    let mut taken = BTreeSet::new();
    field.each(name, aliases, |field, alias| {
        if field.required("ip", &alias.ip) {
            address(&mut field.at("ip"), &alias.ip);
        }
        field.unique("ip", "line of", &alias.ip, &mut taken);
        field.each("hostnames", alias.hostnames.iter().flatten(), |field, name| {
            field.parse::<DnsSubdomain>(name);
        });
    });
}

/// Checks an address like Kubernetes 1.36: without leading zeros, and without IPv4 addresses that are mapped to IPv6.
fn address(field: &mut Field<'_, '_>, text: &str) {
    let ip: Result<IpAddr, _> = text.parse();
    match ip {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() => {
            let help = format!("write {}", ip.to_canonical());
            field.invalid(format!("{text:?} is an IPv4 address in the form of an IPv6 one"), &help);
        }
        Ok(_) => {}
        Err(_) => field.invalid(
            format!("{text:?} is not an IP address"),
            "such as 10.0.0.10 or fd00::10",
        ),
    }
}

/// Whether Kubernetes 1.33 accepts a search domain. Its labels can start with `_` and contain `_`.
fn is_search_domain(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = |c: char| end(c) || matches!(c, '-' | '_');
    name.len() <= 253
        && name.split('.').all(|label| {
            let label = label.strip_prefix('_').unwrap_or(label);
            label.starts_with(end) && label.ends_with(end) && label.chars().all(inner)
        })
}

fn at_most(field: &mut Field<'_, '_>, name: &str, count: usize, most: usize) {
    if count > most {
        field
            .at(name)
            .invalid(format!("at most {most} are accepted, found {count}"), "leave some out");
    }
}
