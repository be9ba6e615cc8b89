use rutter::duration::Duration;
use rutter::names::{DnsLabel, DnsPattern, DnsSubdomain};
use rutter::net::IpAddress;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rutter::string_enum;

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
    #[schemars(example = 7, range(min = 1, max = 100))]
    pub max_replicas: Option<u32>,

    /// The key of each certificate.
    pub private_key: PrivateKey,

    /// The subject of each certificate, beside its common name.
    pub subject: Subject,

    /// More names that the clients' certificate holds for, such as that of a load balancer. Peers know each other by
    /// the names of their pods.
    pub extra_dns_names: Vec<DnsPattern>,

    /// More addresses that the clients' certificate holds for.
    pub extra_ip_addresses: Vec<IpAddress>,
}

/// Who signs certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Issuer {
    /// `Ca` makes authorities for this cluster, in its namespace, one for clients and one for peers. `Existing` is an
    /// issuer that is there; its Secrets must hold a `ca.crt`. `SelfSigned` is the source page's way: each certificate is
    /// its own authority, so members stop trusting each other at the first renewal.
    #[serde(rename = "type")]
    pub kind: IssuerType,

    /// The issuer's name, for `Existing`; for `SelfSigned` that of the ClusterIssuer, `selfsigned` by default.
    #[schemars(example = &"company-ca")]
    pub name: Option<DnsSubdomain>,

    /// The issuer's kind, for `Existing`: `Issuer` by default, `ClusterIssuer`, or that of an external issuer's group.
    #[schemars(example = &"ClusterIssuer")]
    #[serde(rename = "kind")]
    pub resource_kind: Option<String>,

    /// The issuer's API group, for `Existing`. The default is `cert-manager.io`.
    #[schemars(example = &"cert-manager.io")]
    pub group: Option<DnsSubdomain>,

    /// Whether the ClusterIssuer of `SelfSigned`, which the whole Kubernetes cluster shares, is rendered, as it is by
    /// default, or is there already.
    #[schemars(example = true)]
    pub create: Option<bool>,
}

/// The kinds of issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IssuerType {
    /// Authorities for this cluster.
    #[default]
    Ca,
    /// An issuer that is there.
    Existing,
    /// Each certificate signs itself.
    SelfSigned,
}

/// The key of a certificate, as cert-manager's `privateKey`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PrivateKey {
    /// The algorithm. cert-manager's default is `RSA`.
    #[schemars(example = &"ECDSA")]
    pub algorithm: Option<KeyAlgorithm>,

    /// Its size in bits: 2048 to 8192 for `RSA`; 256, 384 or 521 for `ECDSA`; none for `Ed25519`.
    #[schemars(example = 256)]
    pub size: Option<u16>,

    /// How it is written. cert-manager's default is `PKCS1`.
    #[schemars(example = &"PKCS8")]
    pub encoding: Option<KeyEncoding>,

    /// Whether a renewal makes a new key. cert-manager's default is `Always` since 1.18, and was `Never`.
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
    /// Whether a renewal makes a new key.
    pub enum RotationPolicy {
        /// It does.
        Always = "Always",
        /// It keeps the key.
        Never = "Never",
    }
}

/// The subject of a certificate, as cert-manager's `subject`.
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

/// An identity for a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientCertificate {
    /// Whose it is. The Certificate is called `<fullname>-user.<name>`.
    pub name: DnsLabel,

    /// The certificate's common name, which etcd takes for the user's name where authentication is on: 1 to 64
    /// characters. The default is `name`.
    #[serde(default)]
    pub common_name: Option<String>,

    /// Host names that it holds for, of which `tls.client.allowedHostnames` may ask for one.
    #[serde(default)]
    pub dns_names: Vec<DnsPattern>,

    /// The Secret in which it is kept. The default is `<fullname>-user.<name>-tls`.
    #[serde(default)]
    pub secret_name: Option<DnsSubdomain>,
}
