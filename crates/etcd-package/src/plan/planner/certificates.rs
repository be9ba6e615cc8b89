//! Certificates that change, and the CAs behind them.

use rutter::{Diagnostic, Diagnostics, Manifest};

use super::super::action::Action;
use super::super::changes::{Change, accepted_option};
use super::super::fact::Fact;
use super::super::objects::{Object, is_same_object, items, scalar};
use super::super::observed::{Certificate, ObservedCluster, PeerTls, TlsFiles, issuer_name, quoted};
use super::super::rules::Meaning;
use super::{PlannedStep, Planner, State, Steps, healthy, ready, reversed};
use crate::cluster::Issuers;
use crate::codes::{NOT_UNDERSTOOD, UNSAFE_CHANGE};

impl Planner<'_> {
    /// Whether clients and members get certificates of another CA in the Secret that they have.
    pub(super) fn has_new_client_issuer(&self) -> bool {
        fn certificate(cluster: &ObservedCluster) -> Option<&Certificate> {
            cluster.certificates.get(cluster.client_files.secret()?)
        }
        match (certificate(self.from), certificate(self.to)) {
            (Some(old), Some(new)) => {
                self.from.client_files.secret() == self.to.client_files.secret()
                    && (old.issuer != new.issuer || self.signs_itself(new) && self.is_issued_again(new))
            }
            _ => false,
        }
    }

    /// The Certificates among these manifests that do not exist yet.
    pub(super) fn new_certificates<'m>(
        &self,
        manifests: &'m [Manifest],
        applied: Option<&[Manifest]>,
    ) -> Vec<&'m Manifest> {
        let is_new = |manifest: &&Manifest| {
            let in_steps = applied.is_some_and(|applied| applied.iter().any(|other| is_same_object(manifest, other)));
            let is_installed = self
                .from
                .certificates
                .values()
                .any(|certificate| certificate.object.id.name == manifest.name);
            manifest.kind == "Certificate" && !in_steps && !is_installed
        };
        manifests.iter().filter(is_new).collect()
    }

    /// Applies Certificates that do not exist yet, with their issuers, and waits for them, before anything depends on them.
    pub(super) fn certified_first(&self, manifests: &[Manifest], new: &[&Manifest]) -> Vec<Action> {
        let Some(issued) = certified(new.iter().copied()) else {
            return Vec::new();
        };
        // Issuers that exist may sign for others: only those that are new come before their certificates.
        let is_new_issuer = |manifest: &&Manifest| {
            matches!(&*manifest.kind, "Issuer" | "ClusterIssuer")
                && !self
                    .installed
                    .iter()
                    .any(|object| object.id.kind == manifest.kind && object.id.name == manifest.name)
        };
        let files = manifests
            .iter()
            .filter(|manifest| new.contains(manifest) || is_new_issuer(manifest));
        vec![
            Action::ApplyFiles {
                files: files.map(|manifest| manifest.file_name.clone()).collect(),
            },
            issued,
        ]
    }

    /// Has certificates issued for members that are to come.
    pub(super) fn certify(&self, manifests: &[Manifest], steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let (actions, files) = self.applying(manifests, steps.before()).all();
        let is_issued = |action: &Action| matches!(action, Action::CertificatesReady { .. });
        if self.from.replicas >= self.to.replicas || !actions.iter().any(is_issued) {
            return Ok(());
        }
        steps.push(PlannedStep {
            name: "issue-certificates".to_owned(),
            title: "issue certificates that name the new members".to_owned(),
            reason: "no member trusts another whose certificate does not name it".to_owned(),
            restarts: Vec::new(),
            manifests: manifests.to_vec(),
            files,
            actions,
        });
        Ok(())
    }

    /// The Secrets of the members' certificates before and after, if members would not trust each other while some have the
    /// one and some the other.
    fn peer_secrets(&self) -> Option<(&str, &str)> {
        let (old, new) = (self.from.peer_secret()?, self.to.peer_secret()?);
        let (was, is) = (self.from.certificates.get(old), self.to.certificates.get(new));
        let is_other = match (was, is) {
            (Some(was), Some(is)) if was.issuer != is.issuer => true,
            // A certificate that signs itself is another CA whenever it is issued again.
            (Some(_), Some(is)) => self.signs_itself(is) && self.is_issued_again(is),
            // If one of them is not known, nothing shows that they have the same CA.
            _ => old != new,
        };
        is_other.then_some((old, new))
    }

    /// Whether a certificate is its own CA.
    fn signs_itself(&self, certificate: &Certificate) -> bool {
        let certificates = self.rendered.cluster.tls.certificates.as_ref();
        let signs_itself = |issuer: &Object| {
            issuer.node.at("spec.selfSigned").is_some() && certificate.issuer == issuer_name(&issuer.id)
        };
        certificates.is_some_and(|certificates| matches!(certificates.issuers, Issuers::SelfSigned { .. }))
            || self.installed.iter().any(signs_itself)
    }

    /// Whether a certificate is created or changed.
    fn is_issued_again(&self, certificate: &Certificate) -> bool {
        let object = self
            .changes
            .objects
            .iter()
            .find(|object| object.id == certificate.object.id);
        let is_trust = |change: &Change| change.meaning == Meaning::Trust;
        object.is_some_and(|object| object.changes.iter().flatten().any(is_trust) || object.changes.is_none())
    }

    /// Whether the CA of the members' certificates changes.
    pub(super) fn is_rotated(&self) -> bool {
        self.peer_secrets().is_some()
    }

    /// Refuses to change the CA together with what members need their trust for.
    pub(super) fn check_rotation(&self, diagnostics: &mut Diagnostics) {
        let changes_members = self.is_recreated() || self.has_other_urls() || self.why_replaced().is_some();
        let changes_ca = self.is_rotated() || self.has_new_client_issuer();
        // Members that are replaced ask those that are not, and etcdctl has the new certificate before its member trusts it.
        if changes_ca && (changes_members || self.is_ephemeral()) {
            let message = "a CA changes, and so does something that depends on members' trust in each other: pods, data or peer URLs";
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "tls", message)
                    .help("change one of the two in a plan of its own, and then the other"),
            );
        }
        let peers = self
            .to
            .peer_secret()
            .and_then(|secret| self.to.certificates.get(secret));
        if let Some(peers) = peers
            && self.from.replicas != self.to.replicas
            && self.signs_itself(peers)
            && self.is_issued_again(peers)
        {
            let message = "the certificate of the peers would be issued again for other members, and being its own CA, running \
                           members would not trust it";
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "replicas", message)
                    .help("use an issuer that signs with a CA first: tls: {certManager: {issuer: {type: Ca}}}"),
            );
        }
        // The private key and certificate are copied by their keys in the Secret.
        if self.is_rotated()
            && let Fact::Known(PeerTls::Identity(files)) = &self.from.peer_tls
            && !is_in_one_secret(files)
        {
            diagnostics.push(
                Diagnostic::new(
                    &UNSAFE_CHANGE,
                    "tls.peer",
                    "the CA changes, and not all of the members' certificate, private key and CA are known to be in a Secret",
                )
                .help("keep the CA, or have the peer certificate, its key and its CA in one Secret first"),
            );
        }
    }

    /// Refuses to let in only certificates with certain names, unless those that are shown are known to have one of them.
    pub(super) fn check_allowed_names(&self, diagnostics: &mut Diagnostics) {
        for (option, path) in ALLOWED {
            let (old, new) = (self.from.options.get(option), self.to.options.get(option));
            let Some(allowed) = allowed_names(&new).filter(|_| old != new) else {
                continue;
            };
            let name = accepted_option(self.from, option);
            let is_peers = option.starts_with("peer-");
            let mut shown = Vec::new();
            if is_peers {
                if !self.to.has_peer_certificates() {
                    continue;
                }
                shown.push((self.to, self.to.peer_secret()));
                // Names are only asked for once all members show the new certificate.
                if self.from.has_peer_certificates() && !self.is_rotated() {
                    shown.push((self.from, self.from.peer_secret()));
                }
            } else {
                // etcdctl in the pods shows it.
                shown.push((self.to, self.to.client_files.secret()));
            }
            let of_names = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
            for (cluster, secret) in shown {
                let certificate = secret.and_then(|secret| cluster.certificates.get(secret));
                let whose = secret.map_or_else(
                    || "of the members".to_owned(),
                    |secret| format!("in the Secret {}", quoted(secret)),
                );
                match certificate {
                    Some(certificate) if has_allowed_name(certificate, option, &allowed) => {}
                    Some(_) => {
                        let message = format!(
                            "members that have restarted let in only certificates for {}, and the one {whose} is not for any of them",
                            of_names(&allowed)
                        );
                        diagnostics.push(
                            Diagnostic::new(&UNSAFE_CHANGE, path, message)
                                .help("have the certificate issued with such a name first, in a plan of its own"),
                        );
                    }
                    None if self.accepted.contains(&name) => {}
                    None => {
                        let message = format!(
                            "members that have restarted let in only certificates for {}, and whether the one {whose} is for one of \
                             them is not known",
                            of_names(&allowed)
                        );
                        diagnostics.push(Diagnostic::new(&NOT_UNDERSTOOD, path, message).help(format!(
                            "read it (`openssl x509 -noout -subject -ext subjectAltName` prints its names); if each member's is for \
                             one of them: --accept '{name}'"
                        )));
                        break;
                    }
                }
            }
            // Members that have not restarted ask for the old names.
            let next = self
                .to
                .peer_secret()
                .and_then(|secret| self.to.certificates.get(secret));
            if let (true, Some(before), Some(next)) = (is_peers && !self.is_rotated(), allowed_names(&old), next)
                && !has_allowed_name(next, option, &before)
            {
                let message = format!(
                    "members that have not restarted let in only certificates for {}, and the new one is not for any of them",
                    of_names(&before)
                );
                diagnostics.push(
                    Diagnostic::new(&UNSAFE_CHANGE, path, message)
                        .help("allow the old and the new names first, in a plan of its own"),
                );
            }
        }
    }

    /// Leads members from one CA to another: by a Secret in which both are trusted, first with the old certificate and then
    /// with the new one.
    pub(super) fn rotate(&self, start: State, steps: &mut Steps) -> Result<(), Vec<Diagnostic>> {
        let Some((old, new)) = self.peer_secrets() else {
            return Ok(());
        };
        let Fact::Known(PeerTls::Identity(files)) = &self.from.peer_tls else {
            return Ok(());
        };
        let keys: Vec<String> = [&files.ca, &files.certificate, &files.private_key]
            .into_iter()
            .filter_map(|key| Some(key.known()?.key.clone()))
            .collect();
        let Ok(keys) = <[String; 3]>::try_from(keys) else {
            return Ok(());
        };
        let set = || self.from.fullname.clone();
        let replicas = start.replicas;
        let members = self.from.members(replicas);
        let between = rotation_secret(self.from);
        let restarted = || {
            let mut actions = vec![Action::Restart { set: set() }];
            actions.extend(self.settled(replicas));
            actions
        };
        // Certificates that exist stay as they are for now, also those of clients.
        let stays = |manifest: &Manifest| {
            let mut known = self.from.certificates.values();
            manifest.kind == "Certificate" && known.any(|certificate| certificate.object.id.name == manifest.name)
        };
        let mut meanwhile = self.render(State { rotates: true, ..start })?;
        meanwhile.retain(|manifest| !stays(manifest));
        let afterwards = self.render(start)?;
        let mut actions = vec![
            healthy(members.clone()),
            Action::CopyCertificate {
                from: old.to_owned(),
                keys,
                to: between.clone(),
            },
            // A copy of something incomplete would pass for a certificate.
            Action::SecretHasKeys {
                secret: between.clone(),
                keys: TLS_KEYS.map(str::to_owned).to_vec(),
            },
        ];
        let (applying, step_files) = self.applying(&meanwhile, steps.before()).all();
        actions.extend(applying);
        actions.extend(self.settled(replicas));
        steps.push(PlannedStep {
            name: "copy-peer-certificate".to_owned(),
            title: format!("let members use a copy of their certificate, in the Secret {between}"),
            reason: "the new CA must not replace the old one before all members trust both".to_owned(),
            restarts: reversed(members.clone()),
            manifests: meanwhile.clone(),
            files: step_files,
            actions,
        });
        // The new certificate is issued, and no member uses it yet.
        let manifests: Vec<Manifest> = afterwards
            .iter()
            .map(|manifest| {
                let is_pods = manifest.kind == "StatefulSet";
                let of_meanwhile = meanwhile
                    .iter()
                    .filter(|_| is_pods)
                    .find(|other| other.kind == manifest.kind);
                of_meanwhile.unwrap_or(manifest).clone()
            })
            .collect();
        let (applying, step_files) = self.applying(&manifests, steps.before()).all();
        // A second run may have etcdctl show a certificate that members do not trust yet.
        let mut actions = ready(&members);
        actions.extend(applying);
        actions.push(Action::SecretHasKeys {
            secret: new.to_owned(),
            keys: TLS_KEYS.map(str::to_owned).to_vec(),
        });
        actions.push(Action::TrustBoth {
            to: between.clone(),
            from: new.to_owned(),
        });
        actions.extend(restarted());
        steps.push(PlannedStep {
            name: "trust-both-cas".to_owned(),
            title: "let members trust the new CA as well".to_owned(),
            reason: "etcd reads the CA certificates when it starts".to_owned(),
            restarts: reversed(members.clone()),
            manifests,
            files: step_files,
            actions,
        });
        let mut actions = vec![
            healthy(members.clone()),
            Action::TakeCertificate {
                to: between.clone(),
                from: new.to_owned(),
            },
        ];
        actions.extend(restarted());
        steps.push(PlannedStep {
            name: "show-new-certificate".to_owned(),
            title: "let members show the new certificate".to_owned(),
            reason: "all trust its CA now, and still that of members that show the old one".to_owned(),
            restarts: reversed(members.clone()),
            manifests: Vec::new(),
            files: Vec::new(),
            actions,
        });
        let mut actions = vec![healthy(members.clone())];
        let (applying, step_files) = self.applying(&afterwards, steps.before()).all();
        actions.extend(applying);
        actions.extend(self.settled(replicas));
        actions.push(Action::Prune {
            resource: "secret".to_owned(),
            name: between,
        });
        steps.push(PlannedStep {
            name: "drop-old-ca".to_owned(),
            title: format!("let members use the Secret {new}, and trust only its CA"),
            reason: "no member shows a certificate of the old CA any more".to_owned(),
            restarts: reversed(members),
            manifests: afterwards,
            files: step_files,
            actions,
        });
        Ok(())
    }
}

/// Whether certificate, private key and CA are keys of the same Secret.
fn is_in_one_secret(files: &TlsFiles) -> bool {
    let secrets: Vec<&str> = files.keys().map(|key| key.secret.as_str()).collect();
    secrets.len() == 3 && secrets.iter().all(|secret| *secret == secrets[0])
}

/// Waits for the Certificates among these manifests, if there are any.
pub(super) fn certified<'m>(manifests: impl Iterator<Item = &'m Manifest>) -> Option<Action> {
    let certificates = manifests.filter(|manifest| manifest.kind == "Certificate");
    let names: Vec<String> = certificates.map(|manifest| manifest.name.clone()).collect();
    (!names.is_empty()).then_some(Action::CertificatesReady { names })
}

/// Options with the names that a certificate must have to be let in, and the values behind them.
const ALLOWED: [(&str, &str); 3] = [
    ("peer-cert-allowed-cn", "tls.peer.allowedCommonNames"),
    ("peer-cert-allowed-hostname", "tls.peer.allowedHostnames"),
    ("client-cert-allowed-hostname", "tls.client.allowedHostnames"),
];

/// The names in such an option; none if every certificate of the CA is let in.
fn allowed_names(option: &Fact<String>) -> Option<Vec<String>> {
    let names = option.known()?.split(',').map(str::trim);
    let names: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

fn has_allowed_name(certificate: &Certificate, option: &str, allowed: &[String]) -> bool {
    if option.ends_with("-cn") {
        let name = certificate.object.text("spec.commonName");
        return name.is_some_and(|name| allowed.contains(&name));
    }
    let names = certified_names(certificate);
    allowed.iter().any(|host| names.iter().any(|name| covers(name, host)))
}

/// The DNS names and addresses of a Certificate.
pub(super) fn certified_names(certificate: &Certificate) -> Vec<String> {
    let of = |path: &str| {
        items(certificate.object.node.at(path))
            .iter()
            .filter_map(scalar)
            .collect::<Vec<_>>()
    };
    let mut names = of("spec.dnsNames");
    names.extend(of("spec.ipAddresses"));
    names
}

/// Whether a name in a certificate, whose first label may be `*`, is that of a host.
pub(super) fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(rest) => {
            name == host
                || host
                    .split_once('.')
                    .is_some_and(|(first, parent)| !first.is_empty() && parent == rest)
        }
        None => name == host,
    }
}

/// The keys of a Secret that etcd's files have in what is rendered.
pub(super) const TLS_KEYS: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];

/// The Secret that members use while their CA changes.
pub(super) fn rotation_secret(cluster: &ObservedCluster) -> String {
    format!("{}-peer-rotation", cluster.fullname)
}
