use rutter::duration::Duration;
use rutter::names::{DnsLabel, DnsPattern, DnsSubdomain};
use rutter::net::IpAddress;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rutter::string_enum;

/// The certificates that cert-manager issues.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CertManager {
    /// The issuer that signs the certificates.
    pub issuer: Issuer,

    /// The validity period of a certificate, at least 1h. cert-manager's default is 2160h (90 days).
    #[schemars(example = &"2160h")]
    pub duration: Option<Duration>,

    /// The time before its expiry at which a certificate is renewed, at least 5m and less than `duration`.
    /// cert-manager's default is a third of the duration.
    #[schemars(example = &"720h")]
    pub renew_before: Option<Duration>,

    /// The number of members for which the certificates are valid. Scaling up to this number requires no new
    /// certificates. The default is `replicas`.
    #[schemars(example = 7, range(min = 1, max = 100))]
    pub max_replicas: Option<u32>,

    /// The private key of each certificate.
    pub private_key: PrivateKey,

    /// The subject of each certificate, without the common name.
    pub subject: Subject,

    /// Further DNS names of the certificate that members present to clients, such as the name of a load balancer. Peer
    /// certificates do not get them, because peers use the names of their pods.
    pub extra_dns_names: Vec<DnsPattern>,

    /// Further IP addresses of the certificate that members present to clients.
    pub extra_ip_addresses: Vec<IpAddress>,
}

/// The issuer that signs the certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Issuer {
    /// The type of the issuer.
    #[serde(rename = "type")]
    pub kind: IssuerType,

    /// The name of the issuer, for `Existing`. For `SelfSigned`, the name of the ClusterIssuer, `selfsigned` by
    /// default.
    #[schemars(example = &"company-ca")]
    pub name: Option<DnsSubdomain>,

    /// The kind of the issuer, for `Existing`: `Issuer` by default, `ClusterIssuer`, or a kind from the API group of an
    /// external issuer.
    #[schemars(example = &"ClusterIssuer")]
    #[serde(rename = "kind")]
    pub resource_kind: Option<String>,

    /// The API group of the issuer, for `Existing`. The default is `cert-manager.io`.
    #[schemars(example = &"cert-manager.io")]
    pub group: Option<DnsSubdomain>,

    /// Whether the ClusterIssuer of `SelfSigned` is rendered. The default is `true`. All of the Kubernetes cluster
    /// shares it: set `false` if it already exists.
    #[schemars(example = true)]
    pub create: Option<bool>,
}

/// The types of issuers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IssuerType {
    /// A certificate authority (CA) that is created for this cluster, in its namespace. Clients and peers each have
    /// their own.
    #[default]
    Ca,
    /// An existing issuer. Its Secrets must contain `ca.crt`.
    Existing,
    /// Each certificate signs itself and is its own CA, as on etcd's page. Members stop trusting each other at the
    /// first renewal.
    SelfSigned,
}

/// The private key of a certificate, like cert-manager's `privateKey`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PrivateKey {
    /// The algorithm of the key. cert-manager's default is `RSA`.
    #[schemars(example = &"ECDSA")]
    pub algorithm: Option<KeyAlgorithm>,

    /// The size of the key in bits: 2048 to 8192 for `RSA`; 256, 384 or 521 for `ECDSA`. `Ed25519` does not accept a
    /// size.
    #[schemars(example = 256)]
    pub size: Option<u16>,

    /// The encoding of the key. cert-manager's default is `PKCS1`.
    #[schemars(example = &"PKCS8")]
    pub encoding: Option<KeyEncoding>,

    /// Whether a renewal creates a new key. cert-manager's default is `Always` since 1.18, and `Never` before.
    #[schemars(example = &"Always")]
    pub rotation_policy: Option<RotationPolicy>,
}

string_enum! {
    /// Algorithms of keys.
    pub enum KeyAlgorithm {
        /// RSA.
        Rsa = "RSA",
        /// ECDSA.
        Ecdsa = "ECDSA",
        /// Ed25519.
        Ed25519 = "Ed25519",
    }
}

string_enum! {
    /// Encodings of keys.
    pub enum KeyEncoding {
        /// PKCS #1 for RSA, SEC 1 for ECDSA.
        Pkcs1 = "PKCS1",
        /// PKCS #8.
        Pkcs8 = "PKCS8",
    }
}

string_enum! {
    /// Whether a renewal creates a new key.
    pub enum RotationPolicy {
        /// A renewal creates a new key.
        Always = "Always",
        /// A renewal keeps the key.
        Never = "Never",
    }
}

/// The subject of a certificate, like cert-manager's `subject`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Subject {
    /// Organizations (O).
    pub organizations: Vec<String>,
    /// Organizational units (OU).
    pub organizational_units: Vec<String>,
    /// Countries (C), two letters each.
    pub countries: Vec<String>,
    /// States or provinces (ST).
    pub provinces: Vec<String>,
    /// Cities (L).
    pub localities: Vec<String>,
    /// Street addresses.
    pub street_addresses: Vec<String>,
    /// Postal codes.
    pub postal_codes: Vec<String>,
    /// The serial number.
    #[schemars(example = &"42")]
    pub serial_number: Option<String>,
}

/// A certificate for a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientCertificate {
    /// The name of the client. The Certificate is named `<fullname>-user.<name>`.
    pub name: DnsLabel,

    /// The common name of the certificate, 1 to 64 characters. If etcd's own authentication is enabled, it is the name
    /// of the user. The default is `name`.
    #[serde(default)]
    pub common_name: Option<String>,

    /// Host names for which the certificate is valid. `tls.client.allowedHostnames` can require one of them.
    #[serde(default)]
    pub dns_names: Vec<DnsPattern>,

    /// The Secret in which cert-manager stores the certificate. The default is `<fullname>-user.<name>-tls`.
    #[serde(default)]
    pub secret_name: Option<DnsSubdomain>,
}
