//! Certificates, in the files that cert-manager's Secrets have.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The subject of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The common name, if there is one.
    pub common_name: Option<String>,
    /// DNS names and IP addresses.
    pub names: BTreeSet<String>,
}

/// A certificate authority that issues certificates for both ends of a connection.
#[derive(Debug)]
pub struct CertificateAuthority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// Creates a certificate authority.
    ///
    /// # Errors
    ///
    /// If no key can be generated.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        Ok(Self {
            certificate: params.self_signed(&key)?.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Writes the files of a Secret of type `kubernetes.io/tls`, with the CA's own certificate.
    ///
    /// # Errors
    ///
    /// If a name is not allowed in a certificate, or a file cannot be written.
    pub fn issue(&self, subject: &Subject, directory: &Path) -> Result<()> {
        let names: Vec<String> = subject.names.iter().cloned().collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        if let Some(name) = &subject.common_name {
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        fs::create_dir_all(directory)?;
        fs::write(directory.join("ca.crt"), &self.certificate)?;
        fs::write(directory.join("tls.crt"), params.signed_by(&key, &self.issuer)?.pem())?;
        fs::write(directory.join("tls.key"), key.serialize_pem())?;
        Ok(())
    }
}
