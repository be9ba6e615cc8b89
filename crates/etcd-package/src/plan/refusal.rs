//! What no steps can do, and what to do instead.

use rutter::{Code, Diagnostic, Diagnostics};

use super::facts::{Facts, PeerTls};
use super::objects::{Object, Objects, items, scalar};
use crate::cluster::{Cluster, Issuers, Purpose};
use crate::codes::{FIXED_NAME, OTHER_CLUSTER, UNKNOWN_CLUSTER, UNSAFE_CHANGE};

/// Refuses to plan a second cluster in the place of one that is called otherwise: its members would be others. One that may
/// be another cluster altogether is only told of.
pub(super) fn check_renamed(
    there: &Objects,
    to: &Facts,
    wanted: &Cluster,
    may_be_other: bool,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let names = &wanted.names;
    let is_etcd = |set: &&Object| {
        let images = items(set.node.at("spec.template.spec.containers")).iter();
        let mut images = images.filter_map(|container| scalar(container.get("image")?));
        images.any(|image| image.split(['/', ':', '@']).any(|part| part == "etcd"))
    };
    let instance = |set: &Object| set.text("metadata.labels[\"app.kubernetes.io/instance\"]");
    let is_same = |set: &&Object| {
        set.id.namespace == *names.namespace && instance(set).is_some_and(|there| Some(there) == instance(&to.set))
    };
    let sets: Vec<&Object> = there.of_kind("apps", "StatefulSet").filter(is_etcd).collect();
    let same = sets.iter().copied().find(is_same);
    let Some(set) = same.or(sets.first().copied()) else {
        return Ok(Vec::new());
    };
    let in_namespace = set.id.namespace == *names.namespace;
    let (path, message) = if in_namespace {
        let message = format!(
            "the cluster that is there is called {:?}, not {:?}",
            set.id.name, &*names.fullname
        );
        (Diagnostic::NAME, message)
    } else {
        let message = format!(
            "the cluster that is there is in the namespace {:?}, not {:?}",
            set.id.namespace, &*names.namespace
        );
        (Diagnostic::NAMESPACE, message)
    };
    let naming = if in_namespace {
        " (naming.fullname may name the old one)"
    } else {
        ""
    };
    if may_be_other && same.is_none() {
        return Ok(vec![Diagnostic::new(&OTHER_CLUSTER, path, message).help(format!(
            "if this is to take its place, restore a snapshot of it; if it is to be the same, keep the name{naming}"
        ))]);
    }
    Err(vec![Diagnostic::new(&FIXED_NAME, path, message).help(format!(
        "keep it, or make a new cluster and restore a snapshot of the old one in it; members' names, URLs and volumes \
         hang on it{naming}"
    ))])
}

/// Refuses to take a cluster for a new one of which only the StatefulSet was not given.
pub(super) fn check_complete(there: &Objects, asked: &Objects) -> Result<(), Vec<Diagnostic>> {
    let Some(object) = asked.iter().find(|object| there.get(&object.id).is_some()) else {
        return Ok(());
    };
    let message = format!(
        "the {} {:?} is there, and its StatefulSet is not among the objects",
        object.id.kind, object.id.name
    );
    Err(vec![
        Diagnostic::new(&UNKNOWN_CLUSTER, "", message).help("give the StatefulSet and the Certificates as well"),
    ])
}

/// Everything that keeps `from` from becoming `to`, whatever the steps.
pub(super) fn check(from: &Facts, to: &Facts, wanted: &Cluster, diagnostics: &mut Diagnostics) {
    let mut refuse = |code: &Code, path: &str, message: String, help: &str| {
        diagnostics.push(Diagnostic::new(code, path, message).help(help));
    };
    if from.version.is_none() {
        refuse(
            &UNKNOWN_CLUSTER,
            "version",
            "the StatefulSet that is there does not say which etcd it runs".to_owned(),
            "give its image a tag such as v3.6.14, or its pods the label app.kubernetes.io/version, and plan again",
        );
    }
    if from.peer_url(0).is_none() {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            "the StatefulSet that is there does not say by what URLs its members reach each other".to_owned(),
            "expected --initial-advertise-peer-urls in its command, or ETCD_INITIAL_ADVERTISE_PEER_URLS",
        );
    }
    if let (Some(old), Some(new)) = (&from.token, &to.token)
        && old != new
    {
        // A cluster that starts from a snapshot has a token that depends on the snapshot.
        if wanted.restore.is_some() {
            refuse(
                &UNSAFE_CHANGE,
                "restore",
                "the cluster that is there has not started from this snapshot: members with data keep them, and others \
                 would start from the snapshot"
                    .to_owned(),
                "remove restore; to go back to a snapshot, see \"A backup is to be restored\" in docs/recovery.md",
            );
        } else {
            refuse(
                &FIXED_NAME,
                "bootstrap.token",
                format!("the members have formed their cluster with the token {old:?}"),
                &format!("write token: {old}; another one changes nothing for them, but restarts them"),
            );
        }
    }
    if wanted.restore.is_some() && from.replicas != to.replicas {
        refuse(
            &UNSAFE_CHANGE,
            "restore",
            "a member that is added would start from the snapshot, not from the data of the others".to_owned(),
            "remove restore first",
        );
    }
    if from.is_rolling() && from.version != to.version {
        refuse(
            &UNKNOWN_CLUSTER,
            "version",
            "some pods are of an earlier template, and may run an earlier etcd".to_owned(),
            "have the StatefulSet roll out to all pods first (partition: 0, or delete pods with OnDelete)",
        );
    }
    check_certificates(from, to, &mut refuse);
    check_moved(from, to, wanted, &mut refuse);
    check_peers(from, to, &mut refuse);
    check_self_signed(from, wanted, &mut refuse);
}

/// An authority that nothing is known of may be another one.
fn check_certificates(from: &Facts, to: &Facts, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let peer = match (&from.peer_tls, &to.peer_tls) {
        (PeerTls::Identity(Some(old)), PeerTls::Identity(Some(new))) if old == new => Some(new),
        _ => None,
    };
    let client = to
        .client_secret
        .as_ref()
        .filter(|new| from.client_secret.as_ref() == Some(new));
    for secret in peer.into_iter().chain(client) {
        if to.certificates.contains_key(secret) && !from.certificates.contains_key(secret) {
            refuse(
                &UNKNOWN_CLUSTER,
                "tls",
                format!("the Certificate of the Secret {secret:?} is not among what is installed"),
                "give the Certificates as well, or have cert-manager fill a Secret of another name",
            );
        }
    }
}

/// While members move, some reach each other by the old names and ports, and some by the new ones.
fn check_moved(from: &Facts, to: &Facts, wanted: &Cluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let (Some(old), Some(new)) = (from.peer_url(0), to.peer_url(0)) else {
        return;
    };
    let address = |url: &str| {
        let address = url.split_once("://").map_or(url, |(_, address)| address);
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        (host.to_owned(), port.to_owned())
    };
    let ((old_host, old_port), (new_host, new_port)) = (address(&old), address(&new));
    if let (PeerTls::Identity(_), PeerTls::Identity(Some(secret))) = (&from.peer_tls, &to.peer_tls)
        && old_host != new_host
        && to.certificates.contains_key(secret)
    {
        refuse(
            &UNSAFE_CHANGE,
            "naming",
            format!(
                "the members' certificates would hold for {new_host:?}, while others still reach them as {old_host:?}"
            ),
            "keep the names, or restore a snapshot in a new cluster",
        );
    }
    if wanted.network_policy.is_some() && old_port != new_port {
        refuse(
            &UNSAFE_CHANGE,
            "ports.peer",
            format!("the network policy would let in port {new_port} alone, while members still listen on {old_port}"),
            "plan the change without networkPolicy first, and then with it",
        );
    }
}

/// Members that do not trust each other have no quorum.
fn check_peers(from: &Facts, to: &Facts, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    match (&from.peer_tls, &to.peer_tls) {
        (PeerTls::Auto, PeerTls::Identity(_)) | (PeerTls::Identity(_), PeerTls::Auto) => refuse(
            &UNSAFE_CHANGE,
            "tls.peer.mode",
            "members with certificates of an authority and members with their own do not talk to each other, so the \
             quorum would be lost on the way"
                .to_owned(),
            "keep the mode, or restore a snapshot in a new cluster",
        ),
        // The other way round a member that has TLS reaches those without, in both directions of its streams.
        (PeerTls::Auto | PeerTls::Identity(_), PeerTls::Plain) => refuse(
            &UNSAFE_CHANGE,
            "tls.peer.mode",
            "a member without TLS cannot reach those that still have it, so the quorum would hang on the way"
                .to_owned(),
            "keep TLS among members, or restore a snapshot in a new cluster",
        ),
        (PeerTls::Identity(None), PeerTls::Identity(_)) => refuse(
            &UNKNOWN_CLUSTER,
            "tls.peer",
            "the StatefulSet that is there does not say which Secret holds its members' certificates".to_owned(),
            "expected --peer-cert-file in the mount of a Secret",
        ),
        _ => {}
    }
}

/// A certificate that signs itself is trusted by nobody as soon as it is made anew.
fn check_self_signed(from: &Facts, wanted: &Cluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let Some(certificates) = &wanted.tls.certificates else {
        return;
    };
    let peers = certificates
        .leaves
        .iter()
        .find(|leaf| leaf.purpose == Purpose::PeerListener);
    let Some(leaf) = peers.filter(|_| matches!(certificates.issuers, Issuers::SelfSigned { .. })) else {
        return;
    };
    let runs = from.peer_tls == PeerTls::Identity(Some(leaf.secret.clone()));
    if runs && from.replicas != wanted.replicas {
        refuse(
            &UNSAFE_CHANGE,
            "replicas",
            "the certificate of the peers would be made anew for other members, and being its own authority, those that \
             run would not trust it"
                .to_owned(),
            "write tls.certManager.issuer.type: Ca first",
        );
    }
}
