//! An issuer of certificates like cert-manager: it watches Certificates, and writes Secrets.
//!
//! cert-manager itself is only available from a registry. Like cert-manager (v1.21), this issuer has:
//!
//! - self-signed and CA issuers, of a namespace and of the cluster;
//! - names, addresses, usages, duration and subject of a Certificate;
//! - `tls.crt`, `tls.key` and `ca.crt`;
//! - a new certificate if the Secret is missing, if the Certificate has changed, or if a user sets the condition
//!   `Issuing` like `cmctl renew`;
//! - a new key for it unless `rotationPolicy` is `Never`;
//! - the status.
//!
//! Differences: keys use elliptic curves even if RSA is specified. It renews nothing by itself, because no test runs
//! for an hour, which is the shortest duration.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType,
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::kubectl::Kubectl;

/// The namespace in which cert-manager reads the Secrets of cluster issuers.
const CLUSTER_NAMESPACE: &str = "cert-manager";
/// The annotation of a Secret with the spec that it was issued for.
const SPEC: &str = "e2e.rutter.dev/spec";
/// cert-manager's default.
const DURATION: Duration = Duration::from_secs(90 * 24 * 3600);

/// An event of a watch.
#[derive(Debug, Deserialize)]
struct Event {
    r#type: String,
    object: Certificate,
}

#[derive(Clone, Debug, Deserialize)]
struct Certificate {
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    generation: u64,
}

#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    secret_name: String,
    issuer_ref: IssuerRef,
    common_name: Option<String>,
    #[serde(default)]
    dns_names: Vec<String>,
    #[serde(default)]
    ip_addresses: Vec<String>,
    #[serde(default)]
    usages: Vec<String>,
    #[serde(rename = "isCA", default)]
    is_ca: bool,
    duration: Option<String>,
    renew_before: Option<String>,
    #[serde(default)]
    private_key: PrivateKey,
    #[serde(default)]
    subject: Subject,
}

#[derive(Clone, Debug, Deserialize, serde::Serialize)]
struct IssuerRef {
    name: String,
    #[serde(default = "issuer_kind")]
    kind: String,
}

fn issuer_kind() -> String {
    "Issuer".to_owned()
}

#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct PrivateKey {
    algorithm: Option<String>,
    size: Option<u32>,
    rotation_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
struct Subject {
    #[serde(default)]
    organizations: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
    revision: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

impl Certificate {
    fn is(&self, condition: &str) -> bool {
        let mut conditions = self.status.conditions.iter();
        conditions.any(|of| of.r#type == condition && of.status == "True")
    }
}

/// An issuer that works in the background until it is dropped.
#[derive(Debug)]
pub(crate) struct BackgroundIssuer {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BackgroundIssuer {
    /// Starts an issuer. It prints what it cannot issue to standard error, once for each reason.
    pub(crate) fn start(kubectl: Kubectl) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                if let Err(error) = watch(&kubectl, &ends) {
                    eprintln!("e2e: the issuer starts again: {error:#}");
                }
            }
        });
        Self {
            end,
            thread: Some(thread),
        }
    }
}

impl Drop for BackgroundIssuer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Watches Certificates until the API server ends the watch.
fn watch(kubectl: &Kubectl, end: &AtomicBool) -> Result<()> {
    let mut child = kubectl
        .command(&[
            "get",
            "certificates.cert-manager.io",
            "--all-namespaces",
            "--watch",
            "--output-watch-events",
            "--output",
            "json",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let output = child.stdout.take().context("a process without output")?;
    let (found, certificates) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for value in serde_json::Deserializer::from_reader(output).into_iter::<Event>() {
            if found.send(value).is_err() {
                break;
            }
        }
    });
    let mut pending: Vec<Certificate> = Vec::new();
    loop {
        match certificates.recv_timeout(Duration::from_millis(200)) {
            Ok(event) => {
                let Event {
                    r#type,
                    object: certificate,
                } = event?;
                pending.retain(|other| {
                    (&other.metadata.namespace, &other.metadata.name)
                        != (&certificate.metadata.namespace, &certificate.metadata.name)
                });
                if r#type != "DELETED" {
                    pending.push(certificate);
                }
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => bail!("the watch has ended"),
        }
        if end.load(Ordering::Relaxed) {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(());
        }
        // Certificates of an issuer without a certificate are tried again after each event, because that may have been
        // its certificate.
        pending.retain(|certificate| match issue(kubectl, certificate) {
            Ok(done) => !done,
            Err(error) => {
                let metadata = &certificate.metadata;
                // A Certificate that was deleted with its namespace requires nothing more.
                if !format!("{error:#}").contains("NotFound") {
                    eprintln!("e2e: the issuer: {}/{}: {error:#}", metadata.namespace, metadata.name);
                }
                false
            }
        });
    }
}

/// The signer of a certificate.
enum Signer {
    Itself,
    Authority {
        certificate: String,
        key: String,
        root: String,
    },
}

/// Issues a certificate if required. Returns whether it is complete.
fn issue(kubectl: &Kubectl, certificate: &Certificate) -> Result<bool> {
    let Certificate {
        metadata: Metadata {
            namespace,
            name,
            generation,
        },
        spec,
        status,
    } = certificate;
    let present = secret(kubectl, namespace, &spec.secret_name)?;
    let made_from = serde_json::to_string(spec)?;
    let is_current = present
        .as_ref()
        .is_some_and(|secret| secret["metadata"]["annotations"][SPEC] == made_from.as_str());
    if is_current && !certificate.is("Issuing") {
        return Ok(true);
    }
    let Some(signer) = signer(kubectl, namespace, &spec.issuer_ref)? else {
        return Ok(false);
    };
    let old_key = present.as_ref().and_then(|secret| text(secret, "tls.key"));
    let keep = spec.private_key.rotation_policy.as_deref() == Some("Never");
    let key = match old_key.filter(|_| keep) {
        Some(key) => KeyPair::from_pem(&key)?,
        None => new_key(&spec.private_key)?,
    };
    let (params, from, until) = params(spec)?;
    let (leaf, root) = match signer {
        Signer::Itself => {
            let leaf = params.self_signed(&key)?.pem();
            (leaf.clone(), leaf)
        }
        Signer::Authority {
            certificate,
            key: signing,
            root,
        } => {
            let issuer = Issuer::from_ca_cert_pem(&certificate, KeyPair::from_pem(&signing)?)?;
            (params.signed_by(&key, &issuer)?.pem(), root)
        }
    };
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {
            "namespace": namespace,
            "name": spec.secret_name,
            "annotations": {"cert-manager.io/certificate-name": name, SPEC: made_from},
        },
        "stringData": {"tls.crt": leaf, "tls.key": key.serialize_pem(), "ca.crt": root},
    });
    kubectl.feed(
        &[
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=issuer",
            "--filename",
            "-",
        ],
        &secret.to_string(),
    )?;
    let renew_before = duration(spec.renew_before.as_deref())?.unwrap_or((until - from).unsigned_abs() / 3);
    let status = json!({"status": {
        "conditions": [{
            "type": "Ready",
            "status": "True",
            "reason": "Ready",
            "message": "Certificate is up to date and has not expired",
            "observedGeneration": generation,
            "lastTransitionTime": OffsetDateTime::now_utc().replace_nanosecond(0)?.format(&Rfc3339)?,
        }],
        "notBefore": from.format(&Rfc3339)?,
        "notAfter": until.format(&Rfc3339)?,
        "renewalTime": (until - renew_before).format(&Rfc3339)?,
        "revision": status.revision.unwrap_or(0) + 1,
    }});
    kubectl.run(&[
        "patch",
        "certificates.cert-manager.io",
        name,
        "--namespace",
        namespace,
        "--subresource=status",
        "--type=merge",
        "--patch",
        &status.to_string(),
    ])?;
    Ok(true)
}

fn signer(kubectl: &Kubectl, namespace: &str, issuer: &IssuerRef) -> Result<Option<Signer>> {
    let (resource, secrets) = match issuer.kind.as_str() {
        "Issuer" => ("issuers.cert-manager.io", namespace),
        "ClusterIssuer" => ("clusterissuers.cert-manager.io", CLUSTER_NAMESPACE),
        other => bail!("an issuer of unknown kind {other}"),
    };
    let found = kubectl.run(&[
        "get",
        resource,
        &issuer.name,
        "--namespace",
        namespace,
        "--ignore-not-found",
        "--output",
        "json",
    ])?;
    if found.trim().is_empty() {
        return Ok(None);
    }
    let found: Value = serde_json::from_str(&found)?;
    if found["spec"]["selfSigned"].is_object() {
        return Ok(Some(Signer::Itself));
    }
    let name = found["spec"]["ca"]["secretName"]
        .as_str()
        .context("an issuer that is neither selfSigned nor ca")?;
    let Some(secret) = secret(kubectl, secrets, name)? else {
        return Ok(None);
    };
    let part = |key| text(&secret, key).with_context(|| format!("{key} in the Secret {name}"));
    Ok(Some(Signer::Authority {
        certificate: part("tls.crt")?,
        key: part("tls.key")?,
        root: part("ca.crt")?,
    }))
}

fn secret(kubectl: &Kubectl, namespace: &str, name: &str) -> Result<Option<Value>> {
    let found = kubectl.run(&[
        "get",
        "secret",
        name,
        "--namespace",
        namespace,
        "--ignore-not-found",
        "--output",
        "json",
    ])?;
    Ok((!found.trim().is_empty())
        .then(|| serde_json::from_str(&found))
        .transpose()?)
}

/// Returns the text of a key of a Secret, which the API server encodes in base64.
pub(crate) fn text(secret: &Value, key: &str) -> Option<String> {
    let bytes = BASE64.decode(secret["data"][key].as_str()?).ok()?;
    String::from_utf8(bytes).ok()
}

fn new_key(spec: &PrivateKey) -> Result<KeyPair> {
    let algorithm = match (spec.algorithm.as_deref(), spec.size) {
        (Some("Ed25519"), _) => &PKCS_ED25519,
        (Some("ECDSA"), Some(384)) => &PKCS_ECDSA_P384_SHA384,
        _ => &PKCS_ECDSA_P256_SHA256,
    };
    Ok(KeyPair::generate_for(algorithm)?)
}

/// Returns the certificate's parameters, and its validity period.
fn params(spec: &Spec) -> Result<(CertificateParams, OffsetDateTime, OffsetDateTime)> {
    let mut params = CertificateParams::new(spec.dns_names.clone())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = &spec.common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    for organization in &spec.subject.organizations {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    for address in &spec.ip_addresses {
        params.subject_alt_names.push(SanType::IpAddress(address.parse()?));
    }
    params.is_ca = if spec.is_ca {
        IsCa::Ca(BasicConstraints::Unconstrained)
    } else {
        IsCa::ExplicitNoCa
    };
    for usage in &spec.usages {
        match usage.as_str() {
            "digital signature" => params.key_usages.push(KeyUsagePurpose::DigitalSignature),
            "key encipherment" => params.key_usages.push(KeyUsagePurpose::KeyEncipherment),
            "cert sign" => params.key_usages.push(KeyUsagePurpose::KeyCertSign),
            "server auth" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth),
            "client auth" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth),
            other => bail!("unsupported usage {other:?}"),
        }
    }
    let from = OffsetDateTime::now_utc().replace_nanosecond(0)?;
    let until = from + duration(spec.duration.as_deref())?.unwrap_or(DURATION);
    (params.not_before, params.not_after) = (from, until);
    params.use_authority_key_identifier_extension = true;
    Ok((params, from, until))
}

/// Parses a duration of Go, such as `2160h` or `12h30m0s`.
fn duration(text: Option<&str>) -> Result<Option<Duration>> {
    let Some(text) = text else { return Ok(None) };
    let (mut seconds, mut rest) = (0, text);
    while let Some(end) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let (number, unit) = rest.split_at(end);
        let number: u64 = number.parse().with_context(|| format!("the duration {text:?}"))?;
        let unit = unit.chars().next().unwrap_or_default();
        seconds += number
            * match unit {
                'h' => 3600,
                'm' => 60,
                's' => 1,
                _ => bail!("the duration {text:?}"),
            };
        rest = &rest[end + 1..];
    }
    Ok(Some(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let seconds = |text| duration(Some(text)).unwrap().unwrap().as_secs();
        assert_eq!(seconds("2160h"), 7_776_000);
        assert_eq!(seconds("12h30m5s"), 45_005);
        assert!(duration(Some("1d")).is_err());
        assert!(duration(None).unwrap().is_none());
    }
}
