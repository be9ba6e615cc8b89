//! The names and labels of a cluster's objects.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use kubernetes_validation::codes::NAME_COLLISION;
use rutter::Diagnostic;
use rutter::manifests::{LABEL_TAKEN, refuse_ownership};
use rutter::names::{DnsLabel, DomainName, LabelKey, LabelValue, ServiceName};
use rutter::report::Report;
use rutter::yaml::join;

use crate::codes::{INVALID_NAME, NAME_TOO_LONG};
use crate::values::Values;

/// The longest name of a StatefulSet. Its pods have the label `controller-revision-hash`. The value is this name, a
/// dash and a hash of ten characters, and has at most 63 characters (kubernetes/kubernetes#64023).
const MAX_FULLNAME: usize = 63 - 11;

const NAME_LABEL: &str = "app.kubernetes.io/name";
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// The label by which the objects of a cluster are recognized. Its value is the fullname, which is unique in the
/// namespace.
///
/// Hosts rewrite the labels that Kubernetes recommends: Helm sets `managed-by`, Argo CD `instance`. They do not change
/// this one. It is part of each rendered object's metadata, but not of pod templates, selectors or claim templates:
/// there it would restart members, or could not be added to a running cluster. Objects of `extraManifests` do not have
/// it.
pub const OWNERSHIP_LABEL: &str = "etcd.rutter.dev/cluster";

/// The longest name in a certificate and in DNS.
const MAX_DNS_NAME: usize = 253;

/// The names of a cluster's objects. Their lengths are checked once, here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The name of the StatefulSet. All other names start with it.
    pub fullname: ServiceName,
    /// The namespace.
    pub namespace: DnsLabel,
    /// The domain of the Kubernetes cluster.
    pub domain: DomainName,
    /// The name of the Service that gives each member its DNS name.
    pub headless_service: ServiceName,
    /// The name of the Service for clients.
    pub client_service: ServiceName,
    /// The name of the template of the data volume claims.
    pub data_claim: DnsLabel,
}

impl Names {
    /// Returns the DNS name of a Service, resolvable from every namespace.
    #[must_use]
    pub fn service_host(&self, service: &ServiceName) -> String {
        format!("{service}.{}.svc.{}", self.namespace, self.domain)
    }

    /// Returns the name of the ConfigMap that members read on their first start.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.suffixed("bootstrap")
    }

    /// Returns the name of the Issuer that signs the CA certificates.
    #[must_use]
    pub fn self_signed(&self) -> String {
        self.suffixed("selfsigned")
    }

    /// Returns the name of a member and its pod.
    #[must_use]
    pub fn member(&self, ordinal: u32) -> String {
        self.suffixed(ordinal)
    }

    /// Returns the DNS name of a pod. Clients in other namespaces use it, so it is resolvable there.
    #[must_use]
    pub fn host(&self, pod: &str) -> String {
        format!("{pod}.{}", self.service_host(&self.headless_service))
    }

    /// Returns the DNS name of a member.
    #[must_use]
    pub fn member_host(&self, ordinal: u32) -> String {
        self.host(&self.member(ordinal))
    }

    /// Returns the fullname with a suffix.
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
        // A Service's name has at most 63 characters, and the fullname has at most 52.
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
    let longest = names.member_host(super::replicas::MAX_REPLICAS).len();
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

/// Returns the keys of the labels that select the pods.
pub(super) fn selector_keys(values: &Values) -> BTreeSet<&str> {
    let own = &values.naming.selector_labels;
    if own.is_empty() {
        BTreeSet::from([NAME_LABEL, INSTANCE_LABEL])
    } else {
        own.keys().map(|key| &**key).collect()
    }
}

/// Returns the labels that Kubernetes recommends. The name and the instance select the pods. The instance is the
/// fullname, not the installation's name, because only the fullname is unique in its namespace.
pub(super) fn labels(names: &Names, values: &Values) -> Labels {
    let owned = |labels: &[(&str, &str)]| -> BTreeMap<String, String> {
        labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let identity = owned(&[(NAME_LABEL, "etcd"), (INSTANCE_LABEL, &names.fullname)]);
    let selector = if values.naming.selector_labels.is_empty() {
        identity.clone()
    } else {
        text(&values.naming.selector_labels)
    };
    let version = values.version.to_string();
    let mut all = identity;
    all.extend(owned(&[
        ("app.kubernetes.io/version", &version),
        ("app.kubernetes.io/managed-by", "rutter"),
    ]));
    all.extend(text(&values.common_labels));
    // Last, so that a selector that reuses a recommended key still matches the pods.
    all.extend(selector.clone());
    Labels { selector, all }
}

/// Checks that the user's labels do not replace labels that select the pods or name the owner.
pub(super) fn check_labels(values: &Values, report: &mut Report<'_>) {
    let selecting = selector_keys(values);
    for (path, labels) in [
        ("commonLabels", &values.common_labels),
        ("pod.labels", &values.pod.labels),
    ] {
        for key in labels
            .keys()
            .filter(|key| selecting.contains(&***key) && &***key != OWNERSHIP_LABEL)
        {
            report
                .add(
                    &LABEL_TAKEN,
                    &join(path, key),
                    format!("the label {key} selects the pods"),
                )
                .help("leave it out; naming.selectorLabels decides on it");
        }
    }
    let claim_of_log = values.storage.wal.as_ref();
    let claim_of_backup = values.backup.as_ref().and_then(|backup| backup.claim.as_ref());
    let monitoring = &values.monitoring;
    for (path, labels) in [
        ("naming.selectorLabels", Some(&values.naming.selector_labels)),
        ("commonLabels", Some(&values.common_labels)),
        ("pod.labels", Some(&values.pod.labels)),
        ("jobs.labels", Some(&values.jobs.labels)),
        ("storage.data.labels", Some(&values.storage.data.labels)),
        ("storage.wal.labels", claim_of_log.map(|claim| &claim.labels)),
        ("backup.claim.labels", claim_of_backup.map(|claim| &claim.labels)),
        (
            "monitoring.serviceMonitor.labels",
            Some(&monitoring.service_monitor.labels),
        ),
        ("monitoring.podMonitor.labels", Some(&monitoring.pod_monitor.labels)),
        ("monitoring.rules.labels", Some(&monitoring.rules.labels)),
    ] {
        if labels
            .is_some_and(|labels: &BTreeMap<LabelKey, LabelValue>| labels.keys().any(|key| &**key == OWNERSHIP_LABEL))
        {
            refuse_ownership(OWNERSHIP_LABEL, &join(path, OWNERSHIP_LABEL), report);
        }
    }
}

fn help(help: Option<String>) -> String {
    help.unwrap_or_else(|| "use lower-case letters, digits and `-`".to_owned())
}

/// Returns labels or annotations as Kubernetes' types have them.
pub(super) fn text<K: Display, V: Display>(map: &BTreeMap<K, V>) -> BTreeMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}
