use rutter::names::DnsSubdomain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cert_manager::{CertManager, ClientCertificate};
use crate::etcd::CipherSuite;

/// Encryption and authentication.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Tls {
    /// Between clients and members.
    pub client: ClientTls,

    /// Between members. Changing it on a running cluster takes a `member update` for each member.
    pub peer: PeerTls,

    /// Whether clients need a certificate, as they do by default wherever `tls.client` is on.
    #[schemars(example = true)]
    pub client_auth: Option<bool>,

    /// The oldest version of TLS that is spoken. etcd's default is `TLS1.2`.
    #[schemars(example = &"TLS1.3")]
    pub min_version: Option<TlsVersion>,

    /// The newest version of TLS that is spoken. By default it is the newest that etcd knows.
    #[schemars(example = &"TLS1.3")]
    pub max_version: Option<TlsVersion>,

    /// The cipher suites of TLS 1.2 that are spoken, by the names of IANA; empty means those that Go takes for safe.
    /// Those of TLS 1.3 cannot be chosen.
    #[schemars(extend("examples" = [["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]]))]
    pub cipher_suites: Vec<CipherSuite>,

    /// The certificates that cert-manager makes, for the sides whose mode is `CertManager`.
    pub cert_manager: CertManager,

    /// Further identities for clients, as Certificates of the same authority.
    pub client_certificates: Vec<ClientCertificate>,
}

/// The side of clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ClientTls {
    /// `Disabled` for no TLS, `CertManager` for certificates made by cert-manager, `Secret` for a Secret that you
    /// provide.
    pub mode: TlsMode,

    /// The Secret with `tls.crt`, `tls.key` and `ca.crt`, for the mode `Secret`. Its certificate must hold for every
    /// member's name and be good for server and client authentication.
    #[schemars(example = &"my-etcd-client-tls")]
    pub secret_name: Option<DnsSubdomain>,

    /// Host names of which a client's certificate must hold for one. Empty means any client of the authority.
    pub allowed_hostnames: Vec<DnsSubdomain>,
}

/// The side of peers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PeerTls {
    /// `Disabled`, `CertManager` and `Secret` as for clients; `Auto` for certificates that each member makes for itself:
    /// encryption, but anyone who reaches the port can join.
    pub mode: PeerTlsMode,

    /// The Secret with `tls.crt`, `tls.key` and `ca.crt`, for the mode `Secret`. Its certificate must hold for every
    /// member's name and be good for server and client authentication.
    #[schemars(example = &"my-etcd-peer-tls")]
    pub secret_name: Option<DnsSubdomain>,

    /// Common names of which a peer's certificate must have one. Empty means any peer of the authority.
    pub allowed_common_names: Vec<String>,

    /// Host names of which a peer's certificate must hold for one; not together with `allowedCommonNames`.
    pub allowed_hostnames: Vec<DnsSubdomain>,
}

/// Where the certificates of clients and members come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsMode {
    /// Nowhere: plain text.
    #[default]
    Disabled,
    /// From cert-manager.
    CertManager,
    /// From the user.
    Secret,
}

/// Where the certificates between members come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PeerTlsMode {
    /// Nowhere: plain text.
    #[default]
    Disabled,
    /// From each member itself, trusted by all: encryption without identity.
    Auto,
    /// From cert-manager.
    CertManager,
    /// From the user.
    Secret,
}

/// Versions of TLS that etcd speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "TLS1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "TLS1.3")]
    Tls13,
}
