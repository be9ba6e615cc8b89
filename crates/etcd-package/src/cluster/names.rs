//! Names and labels of everything that belongs to a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use rutter::Diagnostic;
use rutter::names::{DnsLabel, DomainName, LabelValue, ServiceName};
use rutter::yaml::join;

use super::Report;
use crate::codes::{INVALID_NAME, LABEL_TAKEN, NAME_COLLISION, NAME_TOO_LONG};
use crate::values::Values;

/// Longest name of a StatefulSet: its pods carry the label `controller-revision-hash`, whose value is this name, a dash
/// and a hash of ten characters, and a label's value has at most 63 (kubernetes/kubernetes#64023).
const MAX_FULLNAME: usize = 63 - 11;

const NAME_LABEL: &str = "app.kubernetes.io/name";
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// Longest name in a certificate and in DNS.
const MAX_DNS_NAME: usize = 253;

/// The names of everything that belongs to a cluster. That they are short enough is checked once, here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The name of the StatefulSet, with which all others start.
    pub fullname: ServiceName,
    /// Where everything is.
    pub namespace: DnsLabel,
    /// The domain of the Kubernetes cluster.
    pub domain: DomainName,
    /// The Service that gives each member its DNS name.
    pub headless_service: ServiceName,
    /// The Service for clients.
    pub client_service: ServiceName,
    /// The template of the data volume claims.
    pub data_claim: DnsLabel,
}

impl Names {
    /// The DNS name of a Service, resolvable from every namespace.
    #[must_use]
    pub fn service_host(&self, service: &ServiceName) -> String {
        format!("{service}.{}.svc.{}", self.namespace, self.domain)
    }

    /// The ConfigMap with what members read on their first start.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.suffixed("bootstrap")
    }

    /// The Issuer that signs the authorities' Certificates.
    #[must_use]
    pub fn self_signed(&self) -> String {
        self.suffixed("selfsigned")
    }

    /// A member and its pod.
    #[must_use]
    pub fn member(&self, ordinal: u32) -> String {
        self.suffixed(ordinal)
    }

    /// The DNS name of a pod: resolvable from every namespace, as etcd's URLs must be for clients elsewhere.
    #[must_use]
    pub fn host(&self, pod: &str) -> String {
        format!("{pod}.{}", self.service_host(&self.headless_service))
    }

    /// The DNS name of a member.
    #[must_use]
    pub fn member_host(&self, ordinal: u32) -> String {
        self.host(&self.member(ordinal))
    }

    /// The fullname and a suffix.
    #[must_use]
    pub fn suffixed(&self, suffix: impl Display) -> String {
        format!("{}-{suffix}", self.fullname)
    }
}

pub(super) fn resolve(name: &str, namespace: &str, values: &Values, report: &mut Report<'_>) -> Option<Names> {
    let namespace = match namespace.parse::<DnsLabel>() {
        Ok(namespace) => Some(namespace),
        Err(refusal) => {
            report
                .add(&INVALID_NAME, Diagnostic::NAMESPACE, refusal.message)
                .help(help(refusal.help));
            None
        }
    };
    let (path, fullname) = match &values.naming.fullname {
        Some(fullname) => ("naming.fullname", Some(fullname.clone())),
        None => match name.parse::<ServiceName>() {
            Ok(fullname) => (Diagnostic::NAME, Some(fullname)),
            Err(refusal) => {
                report
                    .add(&INVALID_NAME, Diagnostic::NAME, refusal.message)
                    .help("rename the installation");
                (Diagnostic::NAME, None)
            }
        },
    };
    let (fullname, namespace) = (fullname?, namespace?);
    if fullname.len() > MAX_FULLNAME {
        report
            .add(
                &NAME_TOO_LONG,
                path,
                format!(
                    "the name {:?} has {} characters; a StatefulSet's name has at most {MAX_FULLNAME}",
                    &*fullname,
                    fullname.len()
                ),
            )
            .help(format!(
                "shorten it by {}, or set naming.fullname",
                fullname.len() - MAX_FULLNAME
            ));
        return None;
    }
    let client_service = match &values.naming.client_service {
        Some(name) => name.clone(),
        // A Service's name has at most 63 characters, and the fullname was just found to have at most 52.
        None => format!("{fullname}-client").parse().ok()?,
    };
    let headless_service = values
        .naming
        .headless_service
        .clone()
        .unwrap_or_else(|| fullname.clone());
    if values.service.client.enabled && headless_service == client_service {
        report
            .add(
                &NAME_COLLISION,
                if values.naming.client_service.is_some() {
                    "naming.clientService"
                } else {
                    "naming.headlessService"
                },
                format!("both Services would be called {:?}", &*client_service),
            )
            .help("give each a name of its own, or write service: {client: {enabled: false}}");
    }
    if values.naming.headless_service.is_none()
        && let Some(other) = headless_service.strip_suffix("-client")
        && values.naming.client_service.as_deref() != Some(&*headless_service)
    {
        report
            .add(
                &INVALID_NAME,
                path,
                format!(
                    "a cluster called {other:?} would have the Service {:?} for its clients",
                    &*headless_service
                ),
            )
            .help("choose a name that does not end in -client, or set naming.headlessService");
    }
    let names = Names {
        fullname,
        headless_service,
        client_service,
        namespace,
        domain: values.cluster_domain.clone(),
        data_claim: values.naming.data_claim.clone(),
    };
    let longest = names.member_host(super::MAX_REPLICAS).len();
    if longest > MAX_DNS_NAME {
        report
            .add(
                &NAME_TOO_LONG,
                "clusterDomain",
                format!("the members' DNS names would have up to {longest} characters; {MAX_DNS_NAME} are possible"),
            )
            .help(format!(
                "shorten it, the name or the namespace by {}",
                longest - MAX_DNS_NAME
            ));
        return None;
    }
    Some(names)
}

/// The labels of a cluster.
pub(super) struct Labels {
    pub(super) selector: BTreeMap<String, String>,
    pub(super) all: BTreeMap<String, String>,
}

/// The keys of the labels that select the pods.
pub(super) fn selector_keys(values: &Values) -> BTreeSet<&str> {
    let own = &values.naming.selector_labels;
    if own.is_empty() {
        BTreeSet::from([NAME_LABEL, INSTANCE_LABEL])
    } else {
        own.keys().map(|key| &**key).collect()
    }
}

/// The labels that Kubernetes recommends, of which name and instance select. The instance is unique in its namespace
/// because the objects' names are.
pub(super) fn labels(name: &str, values: &Values, report: &mut Report<'_>) -> Option<Labels> {
    let instance = match name.parse::<LabelValue>() {
        Ok(instance) => instance,
        Err(refusal) => {
            // Said already where the name is also the fullname.
            if values.naming.fullname.is_some() {
                report
                    .add(&INVALID_NAME, Diagnostic::NAME, refusal.message)
                    .help(help(refusal.help));
            }
            return None;
        }
    };
    let owned = |labels: &[(&str, &str)]| -> BTreeMap<String, String> {
        labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let identity = owned(&[(NAME_LABEL, "etcd"), (INSTANCE_LABEL, &instance)]);
    let selector = if values.naming.selector_labels.is_empty() {
        identity.clone()
    } else {
        let labels = values.naming.selector_labels.iter();
        labels
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    };
    let version = values.version.to_string();
    let mut all = identity;
    all.extend(owned(&[
        ("app.kubernetes.io/version", &version),
        ("app.kubernetes.io/managed-by", "rutter"),
    ]));
    for (path, labels) in [
        ("commonLabels", &values.common_labels),
        ("pod.labels", &values.pod.labels),
    ] {
        for key in labels.keys().filter(|key| selector.contains_key(&***key)) {
            report
                .add(
                    &LABEL_TAKEN,
                    &join(path, key),
                    format!("the label {key} selects the pods"),
                )
                .help("leave it out; naming.selectorLabels decides on it");
        }
    }
    all.extend(text(&values.common_labels));
    // Last, so that a selector that reuses a recommended key still matches the pods.
    all.extend(selector.clone());
    Some(Labels { selector, all })
}

fn help(help: Option<String>) -> String {
    help.unwrap_or_else(|| "use lower-case letters, digits and `-`".to_owned())
}

/// Labels or annotations as Kubernetes' types have them.
pub(crate) fn text<K: Display, V: Display>(map: &BTreeMap<K, V>) -> BTreeMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}
