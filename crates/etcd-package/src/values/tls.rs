use rutter::names::DnsSubdomain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cert_manager::{CertManager, ClientCertificate};
use crate::etcd::CipherSuite;

/// Encryption and authentication.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Tls {
    /// TLS between clients and members.
    pub client: ClientTls,

    /// TLS between members. Changing it on a running cluster requires `etcdctl member update` for each member.
    pub peer: PeerTls,

    /// Whether clients must present a certificate. By default, they must if `tls.client` is enabled.
    #[schemars(example = true)]
    pub client_auth: Option<bool>,

    /// The minimum version of TLS. etcd's default is `TLS1.2`.
    #[schemars(example = &"TLS1.3")]
    pub min_version: Option<TlsVersion>,

    /// The maximum version of TLS. The default is the newest version that etcd supports.
    #[schemars(example = &"TLS1.3")]
    pub max_version: Option<TlsVersion>,

    /// The cipher suites of TLS 1.2 that are allowed, by their IANA names. If the list is empty, those that Go
    /// considers secure are allowed. The cipher suites of TLS 1.3 cannot be chosen.
    #[schemars(extend("examples" = [["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]]))]
    pub cipher_suites: Vec<CipherSuite>,

    /// The certificates that cert-manager issues, for each side whose mode is `CertManager`.
    pub cert_manager: CertManager,

    /// Further certificates for clients. Each is a Certificate of cert-manager, signed by the CA of the client side.
    pub client_certificates: Vec<ClientCertificate>,
}

/// TLS between clients and members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ClientTls {
    /// The source of the certificates.
    pub mode: TlsMode,

    /// The Secret with the keys `tls.crt`, `tls.key` and `ca.crt`, for the mode `Secret`. Its certificate must be valid
    /// for every member's name, and for server and client authentication.
    #[schemars(example = &"my-etcd-client-tls")]
    pub secret_name: Option<DnsSubdomain>,

    /// Host names for client certificates. A client's certificate must be valid for at least one of them. If the list
    /// is empty, every client with a certificate of the CA is accepted.
    pub allowed_hostnames: Vec<DnsSubdomain>,
}

/// TLS between members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PeerTls {
    /// The source of the certificates.
    pub mode: PeerTlsMode,

    /// The Secret with the keys `tls.crt`, `tls.key` and `ca.crt`, for the mode `Secret`. Its certificate must be valid
    /// for every member's name, and for server and client authentication.
    #[schemars(example = &"my-etcd-peer-tls")]
    pub secret_name: Option<DnsSubdomain>,

    /// Common names for peer certificates. A peer's certificate must have one of them. If the list is empty, every peer
    /// with a certificate of the CA is accepted.
    pub allowed_common_names: Vec<String>,

    /// Host names for peer certificates. A peer's certificate must be valid for at least one of them. Cannot be
    /// combined with `allowedCommonNames`.
    pub allowed_hostnames: Vec<DnsSubdomain>,
}

/// The source of the certificates of clients and members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsMode {
    /// No TLS. Traffic is plain text.
    #[default]
    Disabled,
    /// cert-manager issues the certificates.
    CertManager,
    /// You provide the certificates in the Secret `secretName`.
    Secret,
}

/// The source of the certificates between members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PeerTlsMode {
    /// No TLS. Traffic is plain text.
    #[default]
    Disabled,
    /// Each member issues its own certificate, and all members trust it. Traffic is encrypted, but anyone who can reach
    /// the port can join.
    Auto,
    /// cert-manager issues the certificates.
    CertManager,
    /// You provide the certificates in the Secret `secretName`.
    Secret,
}

/// The versions of TLS that etcd supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "TLS1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "TLS1.3")]
    Tls13,
}
