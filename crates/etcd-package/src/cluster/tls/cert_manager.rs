//! Checks of values that cert-manager refuses (`internal/apis/certmanager/validation/certificate.go`), or with which
//! members do not trust its certificates.

use std::time::Duration;

use rutter::names::DnsSubdomain;
use rutter::report::Report;

use super::certificates::{DURATION, matches};
use crate::codes::{
    CERTIFICATE_LIFETIME, CERTIFICATE_NOT_ALLOWED, INVALID_CERTIFICATE, SHARED_AUTHORITY, UNUSED_VALUE,
};
use crate::values::{self, CertManager, ClientCertificate, IssuerType, KeyAlgorithm, TlsMode};

/// The longest common name: X.520's `ub-common-name`.
const MAX_COMMON_NAME: usize = 64;

pub(super) fn check(tls: &values::Tls, report: &mut Report<'_>) {
    check_lifetime(&tls.cert_manager, report);
    check_private_key(&tls.cert_manager.private_key, report);
    check_subject(&tls.cert_manager.subject, report);
    check_client_certificates(tls, report);
}

fn check_client_certificates(tls: &values::Tls, report: &mut Report<'_>) {
    if tls.client.mode != TlsMode::CertManager && !tls.client_certificates.is_empty() {
        report
            .add(
                &UNUSED_VALUE,
                "tls.clientCertificates",
                "without tls.client.mode: CertManager there is no authority to sign them",
            )
            .help("write tls: {client: {mode: CertManager}}, or leave them out");
    } else if tls.cert_manager.issuer.kind == IssuerType::SelfSigned && !tls.client_certificates.is_empty() {
        report
            .add(
                &INVALID_CERTIFICATE,
                "tls.clientCertificates",
                "no member would trust a certificate that signs itself",
            )
            .help("write tls: {certManager: {issuer: {type: Ca}}}");
    }
    let own_names = tls.peer.allowed_common_names.as_slice();
    for (index, client) in tls.client_certificates.iter().enumerate() {
        let path = format!("tls.clientCertificates[{index}]");
        let allowed = &tls.client.allowed_hostnames;
        let holds_for = |name: &DnsSubdomain| client.dns_names.iter().any(|own| matches(own, name));
        if let Some(first) = allowed.first()
            && !allowed.iter().any(holds_for)
        {
            report
                .add(
                    &CERTIFICATE_NOT_ALLOWED,
                    &path,
                    "it holds for none of tls.client.allowedHostnames, so its holder is not let in",
                )
                .help(format!("write dnsNames: [{}]", &**first));
        }
        let common_name = client.common_name.as_deref().unwrap_or(&client.name);
        let one_authority = tls.cert_manager.issuer.kind == IssuerType::Existing;
        let by_common_name = own_names.iter().any(|name| name == common_name);
        let by_host = tls.peer.allowed_hostnames.iter().any(holds_for);
        if one_authority && (by_common_name || by_host) {
            let list = if by_common_name {
                "allowedCommonNames"
            } else {
                "allowedHostnames"
            };
            report
                .add(
                    &SHARED_AUTHORITY,
                    &path,
                    format!("whoever holds it passes for a member, by tls.peer.{list}"),
                )
                .help("give the client another commonName, and dnsNames that no peer has");
        }
    }
    for (index, ClientCertificate { common_name, .. }) in tls.client_certificates.iter().enumerate() {
        if let Some(name) = common_name
            && !(1..=MAX_COMMON_NAME).contains(&name.len())
        {
            report
                .add(
                    &INVALID_CERTIFICATE,
                    &format!("tls.clientCertificates[{index}].commonName"),
                    format!(
                        "a common name has 1 to {MAX_COMMON_NAME} bytes, this one has {}",
                        name.len()
                    ),
                )
                .help("leave it out to take the name");
        }
    }
}

fn check_lifetime(values: &CertManager, report: &mut Report<'_>) {
    const SHORTEST: Duration = Duration::from_secs(60 * 60);
    const SHORTEST_RENEWAL: Duration = Duration::from_secs(5 * 60);
    let duration = values
        .duration
        .as_ref()
        .map_or(DURATION, rutter::duration::Duration::value);
    if let Some(text) = values.duration.as_ref().filter(|_| duration < SHORTEST) {
        report
            .add(
                &CERTIFICATE_LIFETIME,
                "tls.certManager.duration",
                format!("a certificate is good for at least 1h, found {text}"),
            )
            .help("such as 2160h");
    }
    let Some(renew_before) = &values.renew_before else {
        return;
    };
    let path = "tls.certManager.renewBefore";
    if renew_before.value() < SHORTEST_RENEWAL {
        report
            .add(
                &CERTIFICATE_LIFETIME,
                path,
                format!("a certificate is renewed at least 5m before its end, found {renew_before}"),
            )
            .help("such as 720h");
    } else if renew_before.value() >= duration {
        report
            .add(
                &CERTIFICATE_LIFETIME,
                path,
                format!("{renew_before} before its end is before the certificate begins"),
            )
            .help(match &values.duration {
                Some(duration) => format!("write less than tls.certManager.duration, which is {duration}"),
                None => {
                    "write less than 2160h, which a certificate is good for unless duration says otherwise".to_owned()
                }
            });
    }
}

fn check_private_key(key: &values::PrivateKey, report: &mut Report<'_>) {
    let Some(size) = key.size else { return };
    let (fits, expected) = match key.algorithm {
        None | Some(KeyAlgorithm::Rsa) => ((2048..=8192).contains(&size), "an RSA key has 2048 to 8192 bits"),
        Some(KeyAlgorithm::Ecdsa) => ([256, 384, 521].contains(&size), "an ECDSA key has 256, 384 or 521 bits"),
        Some(KeyAlgorithm::Ed25519) => (false, "an Ed25519 key has one size only"),
    };
    if !fits {
        report
            .add(
                &INVALID_CERTIFICATE,
                "tls.certManager.privateKey.size",
                format!("{expected}, found {size}"),
            )
            .help(match key.algorithm {
                None if [256, 384, 521].contains(&size) => "write algorithm: ECDSA beside it",
                Some(KeyAlgorithm::Ed25519) => "leave it out",
                Some(KeyAlgorithm::Ecdsa) => "write 256",
                None | Some(KeyAlgorithm::Rsa) => "write 2048 or 4096",
            });
    }
}

fn check_subject(subject: &values::Subject, report: &mut Report<'_>) {
    for (index, country) in subject.countries.iter().enumerate() {
        if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()) {
            report
                .add(
                    &INVALID_CERTIFICATE,
                    &format!("tls.certManager.subject.countries[{index}]"),
                    format!("{country:?} is not the code of a country"),
                )
                .help("two capital letters, such as NZ");
        }
    }
}
