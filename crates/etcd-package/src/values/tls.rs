use rutter::duration::Duration;
use rutter::names::DnsSubdomain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Encryption and authentication.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Tls {
    /// Between clients and members. Clients then need a certificate of the same authority.
    pub client: TlsSide,

    /// Between members. Changing it on a running cluster takes a `member update` for each member.
    pub peer: TlsSide,

    /// The certificates that cert-manager makes, for the sides whose mode is `CertManager`.
    pub cert_manager: CertManager,
}

/// One side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TlsSide {
    /// `Disabled` for no TLS, `CertManager` for certificates made by cert-manager, `Secret` for a Secret that you
    /// provide.
    pub mode: TlsMode,

    /// The Secret with `tls.crt`, `tls.key` and `ca.crt`, for the mode `Secret`. Its certificate must hold for every
    /// member's name and be good for server and client authentication.
    #[schemars(example = &"my-etcd-tls")]
    pub secret_name: Option<DnsSubdomain>,
}

/// Where certificates come from.
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

/// The certificates that cert-manager makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CertManager {
    /// Who signs them.
    pub issuer: Issuer,

    /// How long a certificate is good for, at least 1h. cert-manager's default is 2160h (90 days).
    #[schemars(example = &"2160h")]
    pub duration: Option<Duration>,

    /// How long before its end it is renewed, at least 5m and less than the duration. cert-manager's default is a third
    /// of the duration.
    #[schemars(example = &"720h")]
    pub renew_before: Option<Duration>,

    /// The largest number of members that the certificates name, so that scaling up to it needs no new ones. The
    /// default is `replicas`.
    #[schemars(example = 7)]
    pub max_replicas: Option<u32>,
}

/// Who signs certificates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Issuer {
    /// `Ca` makes authorities for this cluster, in its namespace, one for clients and one for peers. `SelfSigned` is the source page's way: each
    /// certificate is its own authority, so members stop trusting each other at the first renewal.
    #[serde(rename = "type")]
    pub kind: IssuerType,

    /// The name of the ClusterIssuer of `SelfSigned`, shared by the whole Kubernetes cluster. The default is
    /// `selfsigned`.
    #[schemars(example = &"selfsigned")]
    pub cluster_issuer_name: Option<DnsSubdomain>,

    /// Whether that ClusterIssuer is rendered, as it is by default, or is there already.
    #[schemars(example = true)]
    pub create_cluster_issuer: Option<bool>,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            kind: IssuerType::Ca,
            cluster_issuer_name: None,
            create_cluster_issuer: None,
        }
    }
}

/// The kinds of issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IssuerType {
    /// Authorities for this cluster.
    Ca,
    /// Each certificate signs itself.
    SelfSigned,
}
