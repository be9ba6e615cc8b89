//! What no steps can do, and what to do instead.

use rutter::{Code, Diagnostic, Diagnostics};

use super::fact::Fact;
use super::foreign::is_of_package;
use super::objects::{Object, Objects, items, scalar};
use super::observed::{MOST_MEMBERS, ObservedCluster, PeerTls, TlsFiles, has_labels, map, quoted, runs_etcd, text};
use crate::cluster::{Cluster, Issuers, OWNERSHIP_LABEL, Purpose, RESTORE_VOLUME};
use crate::codes::{AUTHENTICATION, CONTROLLED, FIXED_NAME, NOT_UNDERSTOOD, UNKNOWN_CLUSTER, UNSAFE_CHANGE};
use crate::etcd::CipherSuite;
use crate::render::Rendered;
use crate::values::TlsVersion;

/// Reports everything that keeps the installed cluster from becoming the desired one, whatever the steps.
pub(super) fn check(
    from: &ObservedCluster,
    to: &ObservedCluster,
    rendered: &Rendered,
    accepted: &[String],
    diagnostics: &mut Diagnostics,
) {
    let mut refuse = |code: &Code, path: &str, message: String, help: &str| {
        diagnostics.push(Diagnostic::new(code, path, message).help(help));
    };
    let wanted = &rendered.cluster;
    check_understood(from, accepted, &mut refuse);
    if let Some(reason) = to.options.opaque() {
        refuse(
            &UNKNOWN_CLUSTER,
            ENV_FROM,
            format!("etcd's options would not be known: {reason}"),
            "give it among the installed objects (--live does) or in extraManifests, or write its variables in extraEnv",
        );
    }
    check_restore(from, to, wanted, &mut refuse);
    check_certificates(from, to, &mut refuse);
    check_secret_keys(from, to, &mut refuse);
    check_urls(from, to, &mut refuse);
    check_peers(from, to, &mut refuse);
    check_peer_ca(from, to, accepted, &mut refuse);
    check_peer_clients(from, to, accepted, &mut refuse);
    check_cipher_suites(from, to, accepted, &mut refuse);
    check_timing(from, to, &mut refuse);
    check_self_signed(from, wanted, &mut refuse);
}

/// Checks the facts that every change of a cluster requires.
fn check_understood(from: &ObservedCluster, accepted: &[String], refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    if let Some(owner) = &from.controller {
        refuse(
            &CONTROLLED,
            "",
            format!("the StatefulSet is owned by {owner}, which would undo the change, or delete it"),
            "stop the operator and remove metadata.ownerReferences from the StatefulSet first, as its documentation says",
        );
    }
    if let Some(reason) = from.options.opaque() {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            format!("etcd's options are not known: {reason}"),
            "give an edited copy of the objects as --from, with etcd's flags written out in command and args as the members \
             run with them (`kubectl exec POD -- cat /proc/1/cmdline` prints them where the image has a shell)",
        );
        return;
    }
    let is_accepted = accepted.iter().any(|name| name == AUTHENTICATION_ACCEPTED);
    for sign in signs_of_authentication(from).into_iter().filter(|_| !is_accepted) {
        refuse(
            &AUTHENTICATION,
            "",
            format!("etcd's authentication is on, or may be: {sign}"),
            "the plan's etcdctl does not sign in; `etcdctl auth disable` for the time of the change, and then plan with \
             --accept authentication",
        );
    }
    if from.options.is_on(FORCE_NEW_CLUSTER) == Fact::Known(true) {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            "a member with --force-new-cluster forgets the other members each time it starts".to_owned(),
            "remove the flag first, one member at a time",
        );
    }
    let replicas = from.set.text("spec.replicas").unwrap_or_default();
    if from.replicas == 0 && replicas == "0" {
        refuse(
            &UNKNOWN_CLUSTER,
            "replicas",
            "the StatefulSet is scaled to 0, and how many members there are is not known".to_owned(),
            "scale it back first (kubectl scale --replicas=N), or give the ConfigMap of the bootstrap as well",
        );
    } else if from.replicas == 0 {
        refuse(
            &UNKNOWN_CLUSTER,
            "replicas",
            format!(
                "spec.replicas of the StatefulSet is {}, and a plan follows 1 to {MOST_MEMBERS} members",
                quoted(&replicas)
            ),
            "scale it to the members that etcd has (`etcdctl member list`), and plan again",
        );
    }
    if let [_, _, ..] = from.candidates().as_slice() {
        let names: Vec<String> = from.candidates().iter().map(|name| quoted(name)).collect();
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            format!("the member may run in each of the containers {}", names.join(" and ")),
            "give an edited copy of the objects as --from, with --data-dir in the args of the member's container only",
        );
    }
    if let Some(endpoints) = from.other_endpoints() {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            format!(
                "etcdctl in the installed pods asks {endpoints}, by ETCDCTL_ENDPOINTS: its answers would not be those of one \
                 member"
            ),
            "set the variable to the pod's own member, such as http://127.0.0.1:2379, or remove it; and plan again once all pods \
             have restarted with it",
        );
    }
    let reason = |fact: Option<&str>, absent: &str| fact.map_or_else(|| absent.to_owned(), str::to_owned);
    if from.version.known().is_none() && from.labelled_version.is_none() {
        refuse(
            &UNKNOWN_CLUSTER,
            "version",
            format!(
                "the release of etcd that runs is not known: {}",
                reason(from.version.unknown(), "its image has no tag")
            ),
            "give an edited copy of the objects as --from, with the release that `etcdctl endpoint status` prints as the tag of \
             the image",
        );
    }
    if from.peer_url(0).known().is_none() {
        refuse(
            &UNKNOWN_CLUSTER,
            "",
            format!(
                "the peer URLs are not known: {}",
                reason(
                    from.peer_url(0).unknown(),
                    "there is no --initial-advertise-peer-urls and no ETCD_INITIAL_ADVERTISE_PEER_URLS"
                )
            ),
            "give an edited copy of the objects as --from, with --initial-advertise-peer-urls in the container's args",
        );
    }
    if from.data.known().is_none() {
        refuse(
            &UNKNOWN_CLUSTER,
            "storage",
            format!(
                "the directory of the data is not known: {}",
                reason(from.data.unknown(), "there is no --data-dir and no ETCD_DATA_DIR")
            ),
            "give an edited copy of the objects as --from, with --data-dir in the container's args; or, if etcd's files are in \
             several volumes, restore a snapshot in a new cluster",
        );
    } else if let Some(reason) = from.wal.unknown() {
        refuse(
            &UNKNOWN_CLUSTER,
            "storage",
            format!("the directory of the write-ahead log is not known: {reason}"),
            "give an edited copy of the objects as --from, with --wal-dir in the container's args",
        );
    }
}

/// Checks the options that the values cannot show: those in ConfigMaps and Secrets.
pub(super) fn check_options(to: &ObservedCluster, diagnostics: &mut Diagnostics) {
    if to.options.is_on(FORCE_NEW_CLUSTER) == Fact::Known(true) {
        let message = "ETCD_FORCE_NEW_CLUSTER has each member forget the other members when it starts";
        diagnostics.push(Diagnostic::new(&UNSAFE_CHANGE, ENV_FROM, message).help("remove the variable"));
    }
    for flag in to.options.set_twice() {
        let message = format!("--{flag} is given as a variable as well, and etcd does not start with both");
        diagnostics.push(
            Diagnostic::new(&UNSAFE_CHANGE, ENV_FROM, message)
                .help("remove the variable, or the value that it doubles"),
        );
    }
}

/// The value by which members read options elsewhere.
const ENV_FROM: &str = "extraEnvFrom";

/// The flag by which a member forgets the others.
const FORCE_NEW_CLUSTER: &str = "force-new-cluster";

/// The name by which a person takes on that etcd's authentication is off, whatever the objects show.
pub(super) const AUTHENTICATION_ACCEPTED: &str = "authentication";

/// Signs that clients sign in to a cluster.
fn signs_of_authentication(from: &ObservedCluster) -> Vec<String> {
    let mut signs = Vec::new();
    for name in ["ETCD_ROOT_PASSWORD", "ETCD_ROOT_PASSWORD_FILE"] {
        if from.options.variable(name).is_some() {
            signs.push(format!("the variable {name}"));
        }
    }
    let token = from.options.get("auth-token");
    match &token {
        // The default of etcd.
        Fact::Known(token) if token == "simple" || token.is_empty() => {}
        Fact::Absent => {}
        Fact::Known(token) => {
            let kind = token.split(',').next().unwrap_or_default();
            signs.push(format!("the option auth-token {}", quoted(kind)));
        }
        Fact::Unknown(_) => signs.push("the option auth-token".to_owned()),
    }
    if let Some(Fact::Known(allowed)) = from.options.variable("ALLOW_NONE_AUTHENTICATION")
        && !matches!(&*allowed.to_lowercase(), "yes" | "true" | "1")
    {
        signs.push("the variable ALLOW_NONE_AUTHENTICATION".to_owned());
    }
    signs
}

/// A snapshot is restored in a new cluster, never in one that exists.
fn check_restore(
    from: &ObservedCluster,
    to: &ObservedCluster,
    wanted: &Cluster,
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let claim = |cluster: &ObservedCluster| {
        let volumes = items(cluster.set.node.at("spec.template.spec.volumes"));
        let volume = volumes
            .iter()
            .find(|volume| text(volume, "name").as_deref() == Some(RESTORE_VOLUME))?;
        text(volume, "persistentVolumeClaim.claimName")
    };
    let (installed, desired) = (claim(from), claim(to));
    let is_same = installed == desired && !from.token.differs(&to.token);
    if wanted.restore.is_some() && !is_same {
        refuse(
            &UNSAFE_CHANGE,
            "restore",
            "the cluster exists: members that keep their data and members that start from the snapshot would serve both as one \
             cluster"
                .to_owned(),
            "install a new cluster with restore under another name, check its data, and lead clients to it; or, if this \
             cluster is lost: delete its StatefulSet and its claims first, and install it again with restore and --install",
        );
        return;
    }
    if wanted.restore.is_some() && from.replicas != to.replicas {
        refuse(
            &UNSAFE_CHANGE,
            "restore",
            "a member that is added would start from the snapshot, not from the data of the others".to_owned(),
            "remove restore first",
        );
    }
    if let (Fact::Known(old), Fact::Known(new)) = (&from.token, &to.token)
        && old != new
    {
        refuse(
            &FIXED_NAME,
            "bootstrap.token",
            format!("the members have formed their cluster with the token {}", quoted(old)),
            &format!(
                "write bootstrap: {{token: {old}}}; another one changes nothing for members with data, but restarts them"
            ),
        );
    }
}

/// A CA that nothing is known of may be another one.
fn check_certificates(
    from: &ObservedCluster,
    to: &ObservedCluster,
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let same = |old: Option<&str>, new: Option<&str>| match (old, new) {
        (Some(old), Some(new)) if old == new => Some(new.to_owned()),
        _ => None,
    };
    let peer = same(from.peer_secret(), to.peer_secret());
    let client = same(from.client_files.secret(), to.client_files.secret());
    for secret in peer.into_iter().chain(client) {
        if to.certificates.contains_key(&secret) && !from.certificates.contains_key(&secret) {
            refuse(
                &UNKNOWN_CLUSTER,
                "tls",
                format!("the Certificate of the Secret {secret:?} is not among the installed objects"),
                "give the Certificates as well, or have cert-manager fill a Secret of another name",
            );
        }
    }
}

/// Files in a Secret that stays have to be there under the keys that the new flags read.
fn check_secret_keys(from: &ObservedCluster, to: &ObservedCluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let mut sides = vec![("tls.client.secretName", &from.client_files, &to.client_files)];
    if let (Fact::Known(PeerTls::Identity(old)), Fact::Known(PeerTls::Identity(new))) = (&from.peer_tls, &to.peer_tls) {
        sides.push(("tls.peer.secretName", old, new));
    }
    for (path, old, new) in sides {
        let pairs = [
            (&old.certificate, &new.certificate),
            (&old.private_key, &new.private_key),
            (&old.ca, &new.ca),
        ];
        let mut other = Vec::new();
        for (old, new) in pairs {
            if let (Fact::Known(old), Fact::Known(new)) = (old, new)
                && old.secret == new.secret
                && old.key != new.key
                && !to.certificates.contains_key(&new.secret)
            {
                other.push(format!("{} instead of {}", new.key, old.key));
            }
        }
        if let (false, Some(secret)) = (other.is_empty(), new.secret()) {
            refuse(
                &UNSAFE_CHANGE,
                path,
                format!(
                    "members would read other keys of the Secret {secret:?}: {}",
                    other.join(", ")
                ),
                "copy the Secret to one of another name, with the keys tls.crt, tls.key and ca.crt, and name that",
            );
        }
    }
}

/// While peer URLs change, some members reach each other by the old ones, and some by the new ones.
fn check_urls(from: &ObservedCluster, to: &ObservedCluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let (Fact::Known(old), Fact::Known(new)) = (from.peer_url(0), to.peer_url(0)) else {
        return;
    };
    let host = |url: &str| {
        let address = url.split_once("://").map_or(url, |(_, address)| address);
        address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned()
    };
    let (old_host, new_host) = (host(&old), host(&new));
    let is_identity = |cluster: &ObservedCluster| matches!(cluster.peer_tls, Fact::Known(PeerTls::Identity(_)));
    if is_identity(from)
        && old_host != new_host
        && to
            .peer_secret()
            .is_some_and(|secret| to.certificates.contains_key(secret))
    {
        refuse(
            &UNSAFE_CHANGE,
            "naming",
            format!("the members' certificates would name {new_host:?}, while others still reach them as {old_host:?}"),
            "keep the names, or restore a snapshot in a new cluster",
        );
    }
}

/// Members that do not trust each other have no quorum.
fn check_peers(from: &ObservedCluster, to: &ObservedCluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let (old, new) = (&from.peer_tls, &to.peer_tls);
    match (old, new) {
        (Fact::Unknown(reason), _) if from.options.opaque().is_none() => refuse(
            &UNKNOWN_CLUSTER,
            "tls.peer",
            format!("whether members use TLS among themselves is not known: {reason}"),
            "give an edited copy of the objects as --from, with the peer flags in the container's args",
        ),
        (Fact::Known(PeerTls::Auto), Fact::Known(PeerTls::Identity(_)))
        | (Fact::Known(PeerTls::Identity(_)), Fact::Known(PeerTls::Auto)) => refuse(
            &UNSAFE_CHANGE,
            "tls.peer.mode",
            "members with certificates of a CA and members with their own do not talk to each other, so the quorum would be \
             lost"
                .to_owned(),
            "keep the mode, or restore a snapshot in a new cluster",
        ),
        // The other way round a member that has TLS reaches those without, in both directions of its streams.
        (Fact::Known(PeerTls::Auto | PeerTls::Identity(_)), Fact::Known(PeerTls::Plain)) => refuse(
            &UNSAFE_CHANGE,
            "tls.peer.mode",
            "a member without TLS cannot reach those that still have it, so the quorum would be lost".to_owned(),
            "keep TLS among members, or restore a snapshot in a new cluster",
        ),
        (Fact::Known(PeerTls::Identity(files)), Fact::Known(PeerTls::Identity(_))) if files.secret().is_none() => {
            let reason = files.certificate.unknown().unwrap_or("its files are in no Secret");
            refuse(
                &UNKNOWN_CLUSTER,
                "tls.peer",
                format!("the Secret of the members' certificates is not known: {reason}"),
                "give the Secrets' keys as well (--live does), or restore a snapshot in a new cluster",
            );
        }
        _ => {}
    }
}

/// A CA that is not beside the certificate in its Secret is not known to have signed it, nor to stay.
fn check_peer_ca(
    from: &ObservedCluster,
    to: &ObservedCluster,
    accepted: &[String],
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let (Fact::Known(PeerTls::Identity(old)), Fact::Known(PeerTls::Identity(new))) = (&from.peer_tls, &to.peer_tls)
    else {
        return;
    };
    let name = format!(
        "statefulset/{}:spec.template.spec.containers[etcd].args[--peer-trusted-ca-file]",
        from.fullname
    );
    // Another Secret for the certificate is a rotation, which has checks of its own.
    if old.ca == new.ca || old.secret() != new.secret() || accepted.contains(&name) {
        return;
    }
    let is_beside = |files: &TlsFiles| files.ca.known().map(|ca| ca.secret.as_str()) == files.secret();
    if is_beside(old) && is_beside(new) {
        return;
    }
    let place = |files: &TlsFiles| match &files.ca {
        Fact::Known(ca) => format!("the key {} of the Secret {}", quoted(&ca.key), quoted(&ca.secret)),
        Fact::Absent => "a file that is in no Secret, or none".to_owned(),
        Fact::Unknown(reason) => format!("a file that is not known ({reason})"),
    };
    refuse(
        &NOT_UNDERSTOOD,
        "tls.peer",
        format!(
            "members trust the CA in {}, and would trust that in {}; members that have restarted may not trust those that have \
             not",
            place(old),
            place(new)
        ),
        &format!(
            "have the same CA at the new place first, and compare both (`openssl x509 -noout -fingerprint`); if they are the same: \
             --accept '{name}'"
        ),
    );
}

/// Members that ask for certificates refuse one that is only for servers.
fn check_peer_clients(
    from: &ObservedCluster,
    to: &ObservedCluster,
    accepted: &[String],
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let name = format!(
        "statefulset/{}:spec.template.spec.containers[etcd].args[--peer-client-cert-auth]",
        from.fullname
    );
    // With a CA etcd asks for certificates as well (`ServerConfig` in `client/pkg/transport/listener.go`).
    let asks = |cluster: &ObservedCluster| match &cluster.peer_tls {
        Fact::Known(PeerTls::Identity(_)) => {
            let has_ca = cluster.options.get("peer-trusted-ca-file") != Fact::Absent;
            has_ca || cluster.options.is_on("peer-client-cert-auth") != Fact::Known(false)
        }
        _ => false,
    };
    let is_identity = |cluster: &ObservedCluster| matches!(cluster.peer_tls, Fact::Known(PeerTls::Identity(_)));
    if !is_identity(from) || asks(from) || !asks(to) || accepted.contains(&name) {
        return;
    }
    let certificate = from.peer_secret().and_then(|secret| from.certificates.get(secret));
    let is_for_clients = certificate.is_some_and(|certificate| {
        let usages = items(certificate.object.node.at("spec.usages"));
        usages.iter().filter_map(scalar).any(|usage| usage == "client auth")
    });
    if !is_for_clients {
        refuse(
            &NOT_UNDERSTOOD,
            "tls.peer",
            "members that have restarted ask others for a certificate that is for clients as well, and nothing shows that \
             theirs are"
                .to_owned(),
            &format!(
                "look at them (`openssl x509 -noout -ext extendedKeyUsage`); if each is for clients and servers: --accept '{name}'"
            ),
        );
    }
}

/// Members of both sides need a cipher suite in common, for the keys of the certificates that both show. Those of TLS 1.3
/// cannot be chosen, so that members that both take it have them all.
fn check_cipher_suites(
    from: &ObservedCluster,
    to: &ObservedCluster,
    accepted: &[String],
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let (old, new) = (from.options.get("cipher-suites"), to.options.get("cipher-suites"));
    let highest = |cluster: &ObservedCluster| Some(cluster.tls_versions()?.1);
    let has_1_3 = highest(from).min(highest(to)) == Some(TlsVersion::Tls13);
    let is_plain = from.peer_tls.known() == Some(&PeerTls::Plain);
    let path = "spec.template.spec.containers[etcd].args[--cipher-suites]";
    let name = format!("statefulset/{}:{path}", from.fullname);
    if old == new || has_1_3 || is_plain || accepted.contains(&name) || from.options.opaque().is_some() {
        return;
    }
    let (Some(old), Some(new)) = (suites(&old), suites(&new)) else {
        let message = "the cipher suites of members before and after are not known to have one in common".to_owned();
        let help = "write cipherSuites with suites that `rutter explain tls.cipherSuites` lists";
        return refuse(&UNSAFE_CHANGE, "tls.cipherSuites", message, help);
    };
    let shown = [(from, &old), (to, &new)].map(|(cluster, suites)| has_rsa_key(cluster, suites));
    let kinds = shown.into_iter().flatten();
    let has_common = |is_for_rsa: bool| {
        old.iter()
            .any(|suite| suite.is_for_rsa() == is_for_rsa && new.iter().any(|other| other.is_same(*suite)))
    };
    if let Some(is_for_rsa) = kinds.into_iter().find(|is_for_rsa| !has_common(*is_for_rsa)) {
        let kind = if is_for_rsa { "RSA" } else { "ECDSA" };
        refuse(
            &UNSAFE_CHANGE,
            "tls.cipherSuites",
            format!(
                "members that have restarted would have no cipher suite for {kind} keys in common with those that have not, and \
                 their TLS ends at 1.2"
            ),
            &format!(
                "write the old and the new suites first, and remove the old ones in a second change; or, if no certificate of a \
                 member has such a key: --accept '{name}'"
            ),
        );
    }
}

/// The cipher suites of TLS 1.2 that an option stands for; none if they are not known.
fn suites(option: &Fact<String>) -> Option<Vec<CipherSuite>> {
    match option {
        Fact::Known(text) if !text.is_empty() => text.split(',').map(|name| name.parse().ok()).collect(),
        Fact::Known(_) | Fact::Absent => Some(CipherSuite::defaults().collect()),
        Fact::Unknown(_) => None,
    }
}

/// The kinds of keys that a member's certificate may have, with these suites: whether RSA.
fn has_rsa_key(cluster: &ObservedCluster, suites: &[CipherSuite]) -> Vec<bool> {
    // etcd's own certificates have keys on elliptic curves (`SelfCert` in `client/pkg/transport/listener.go`).
    if cluster.peer_tls.known() == Some(&PeerTls::Auto) {
        return vec![false];
    }
    let certificate = cluster
        .peer_secret()
        .and_then(|secret| cluster.certificates.get(secret));
    match certificate {
        // RSA is cert-manager's default.
        Some(certificate) => {
            let algorithm = certificate.object.text("spec.privateKey.algorithm");
            vec![algorithm.is_none_or(|algorithm| algorithm == "RSA")]
        }
        None => [true, false]
            .into_iter()
            .filter(|is_rsa| suites.iter().any(|suite| suite.is_for_rsa() == *is_rsa))
            .collect(),
    }
}

/// A leader whose heartbeats come more seldom than others' elections time out is voted out all the time.
fn check_timing(from: &ObservedCluster, to: &ObservedCluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let milliseconds = |cluster: &ObservedCluster, flag: &str, default: u64| match cluster.options.get(flag) {
        Fact::Known(text) => text.parse().ok(),
        Fact::Absent => Some(default),
        Fact::Unknown(_) => None,
    };
    let of = |cluster: &ObservedCluster| {
        Some((
            milliseconds(cluster, "heartbeat-interval", 100)?,
            milliseconds(cluster, "election-timeout", 1000)?,
        ))
    };
    if let (Some((old_beat, old_election)), Some((new_beat, new_election))) = (of(from), of(to))
        && (new_beat >= old_election || old_beat >= new_election)
    {
        refuse(
            &UNSAFE_CHANGE,
            "heartbeatInterval",
            format!(
                "heartbeats every {} ms do not keep members from elections after {} ms, while some have the old times and some \
                 the new ones",
                new_beat.max(old_beat),
                old_election.min(new_election)
            ),
            "change the times in several plans, each by less than the election timeout",
        );
    }
}

/// Refuses certificates that sign themselves: nothing trusts them once they are issued again.
fn check_self_signed(from: &ObservedCluster, wanted: &Cluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let Some(certificates) = &wanted.tls.certificates else {
        return;
    };
    let peers = certificates
        .leaves
        .iter()
        .find(|leaf| leaf.purpose == Purpose::PeerListener);
    // The certificate names all members, so that it is issued again for others, also if it is issued first for this change.
    let signs_itself = peers.is_some() && matches!(certificates.issuers, Issuers::SelfSigned { .. });
    if signs_itself && from.replicas != wanted.replicas {
        refuse(
            &UNSAFE_CHANGE,
            "replicas",
            "the certificate of the peers would be issued again for other members, and being its own CA, running members would \
             not trust it"
                .to_owned(),
            "write tls: {certManager: {issuer: {type: Ca}}} first",
        );
    }
}

/// Refuses hooks that run when a pod ends, unless they are understood: some remove their member.
pub(super) fn check_hooks(from: &ObservedCluster, accepted: &[String], diagnostics: &mut Diagnostics) {
    let containers = items(from.set.node.at("spec.template.spec.containers"));
    for container in containers {
        let Some(hook) = container.at("lifecycle.preStop").filter(|hook| !hook.is_null()) else {
            continue;
        };
        let only_sleeps = hook
            .entries()
            .is_some_and(|entries| entries.iter().all(|entry| entry.key.scalar.text == "sleep"));
        let name = text(container, "name").unwrap_or_default();
        let path = format!(
            "statefulset/{}:spec.template.spec.containers[{name}].lifecycle.preStop",
            from.fullname
        );
        if only_sleeps || accepted.contains(&path) {
            continue;
        }
        let command: Vec<String> = items(hook.at("exec.command")).iter().filter_map(scalar).collect();
        let what = if command.is_empty() {
            "something".to_owned()
        } else {
            quoted(&command.join(" "))
        };
        let found =
            Diagnostic::new(
                &NOT_UNDERSTOOD,
                "",
                format!(
                    "each pod of the installed StatefulSet runs {what} in the container {} before it ends; a hook that removes \
                     its member leaves the next pod with the data of a removed member, on which etcd exits",
                    quoted(&name)
                ),
            )
            .help(format!(
                "make the hook harmless first, where a ConfigMap holds its script; or move the data to a new cluster by a \
                 snapshot and restore; or, if you know that it leaves the member alone: --accept '{}'",
                path.replace('\'', r"'\''")
            ));
        // Pods of several templates may have the same.
        if diagnostics.iter().all(|other| *other != found) {
            diagnostics.push(found);
        }
    }
}

/// Refuses a selector that the pods of others match: they would be taken for members, or members for them.
pub(super) fn check_selector(
    installed: &Objects,
    from: Option<&ObservedCluster>,
    to: &ObservedCluster,
    diagnostics: &mut Diagnostics,
) {
    if from.is_some_and(|from| from.selector == to.selector) {
        return;
    }
    let members = from.map(|from| from.members(from.replicas)).unwrap_or_default();
    let is_other = |object: &&Object| {
        object.id.namespace == to.namespace
            && !(object.id.kind == "StatefulSet" && object.id.name == to.fullname)
            && ["StatefulSet", "Deployment", "DaemonSet", "CronJob", "Pod"].contains(&&*object.id.kind)
            && !(object.id.kind == "Pod" && members.contains(&object.id.name))
    };
    let matches = |object: &&Object| {
        let path = match &*object.id.kind {
            "Pod" => "metadata.labels",
            "CronJob" => "spec.jobTemplate.spec.template.metadata.labels",
            _ => "spec.template.metadata.labels",
        };
        let labels = map(object.node.at(path));
        has_labels(&labels, &to.selector)
    };
    if let Some(other) = installed.iter().filter(is_other).find(matches) {
        let message = format!(
            "the selector would match pods of the {} {:?}",
            other.id.kind, other.id.name
        );
        diagnostics.push(
            Diagnostic::new(&UNSAFE_CHANGE, "naming.selectorLabels", message)
                .help("write labels that no other pods of the namespace have"),
        );
    }
}

/// Refuses to take a cluster for a new one if its StatefulSet is missing among the objects.
pub(super) fn check_complete(
    installed: &Objects,
    desired: &Objects,
    to: &ObservedCluster,
) -> Result<(), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let is_left = |object: &&Object| {
        let left = installed
            .get(&object.id)
            .filter(|left| match left.label(OWNERSHIP_LABEL) {
                Some(owner) => owner == to.fullname,
                None => is_of_package(left),
            });
        left.is_some() && object.id.kind != "StatefulSet"
    };
    if let Some(object) = desired.iter().find(is_left) {
        problems.push(
            Diagnostic::new(
                &UNKNOWN_CLUSTER,
                "",
                format!(
                    "the {} {:?} exists, and its StatefulSet is not among the objects",
                    object.id.kind, object.id.name
                ),
            )
            .help("give all objects of the cluster (--live does), or delete what an earlier cluster has left"),
        );
    }
    let claims: Vec<&str> = installed
        .of_kind("", "PersistentVolumeClaim")
        .filter(|claim| claim.id.namespace == to.namespace)
        .filter(|claim| {
            to.claims
                .iter()
                .any(|template| is_claim_of(&claim.id.name, &template.name, &to.fullname))
        })
        .map(|claim| claim.id.name.as_str())
        .collect();
    if !claims.is_empty() {
        problems.push(
            Diagnostic::new(
                &UNKNOWN_CLUSTER,
                "storage",
                format!("claims of an earlier cluster of this name exist: {}", claims.join(", ")),
            )
            .help("give its StatefulSet as well; or, if it is gone, save what you need of the claims and delete them"),
        );
    }
    for object in installed.iter().filter(|object| object.id.namespace == to.namespace) {
        let kinds = ["Deployment", "DaemonSet", "ReplicaSet"];
        let is_pods = object.id.group == "apps" && kinds.contains(&&*object.id.kind)
            || object.id.kind == "Pod" && items(object.node.at("metadata.ownerReferences")).is_empty();
        let path = if object.id.kind == "Pod" {
            "spec.containers"
        } else {
            "spec.template.spec.containers"
        };
        if is_pods && items(object.node.at(path)).iter().any(runs_etcd) {
            problems.push(
                Diagnostic::new(
                    &UNKNOWN_CLUSTER,
                    "",
                    format!("etcd runs in the {} {:?}, not in a StatefulSet", object.id.kind, object.id.name),
                )
                .help(
                    "to move its data: take a snapshot of it, copy that to a claim, stop it, and install a cluster of another \
                     name with restore: {claimName: …, snapshot: …}; to install one beside it, leave it out of the objects",
                ),
            );
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Whether a claim is one that a StatefulSet made of a template.
fn is_claim_of(claim: &str, template: &str, set: &str) -> bool {
    let ordinal = claim
        .strip_prefix(template)
        .and_then(|rest| rest.strip_prefix('-')?.strip_prefix(set)?.strip_prefix('-'));
    ordinal.is_some_and(|ordinal| !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit()))
}
