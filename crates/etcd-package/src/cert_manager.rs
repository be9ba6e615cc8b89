//! cert-manager's objects, with the fields that the package uses.
//!
//! Fields and limits: the CRDs of cert-manager v1.21 (`cert-manager.io/v1`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use rutter::custom_resource;

custom_resource!(
    Certificate,
    NamespaceResourceScope,
    "cert-manager.io",
    "v1",
    "certificates"
);
custom_resource!(Issuer, NamespaceResourceScope, "cert-manager.io", "v1", "issuers");
custom_resource!(
    ClusterIssuer,
    ClusterResourceScope,
    "cert-manager.io",
    "v1",
    "clusterissuers"
);

/// A certificate that cert-manager keeps in a Secret and renews.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// The requested certificate.
    pub spec: CertificateSpec,
}

/// The requested certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSpec {
    /// The subject's common name, at most 64 characters.
    pub common_name: String,
    /// The DNS names for which it is valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_names: Vec<String>,
    /// Its duration: a Go duration of at least 1h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// The IP addresses for which it is valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<String>,
    /// Whether it can sign others.
    #[serde(rename = "isCA", skip_serializing_if = "Option::is_none")]
    pub is_ca: Option<bool>,
    /// The issuer that signs it.
    pub issuer_ref: IssuerRef,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PrivateKey>,
    /// The time from its renewal to its end: a Go duration of at least 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_before: Option<String>,
    /// The name of its Secret.
    pub secret_name: String,
    /// The subject, except for the common name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Its usages. Empty means `digital signature` and `key encipherment`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub usages: Vec<String>,
}

/// A reference to the issuer of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IssuerRef {
    /// The API group.
    pub group: String,
    /// `Issuer`, `ClusterIssuer`, or a kind of another group.
    pub kind: String,
    /// The issuer's name.
    pub name: String,
}

impl IssuerRef {
    /// Returns a reference to one of cert-manager's own issuers.
    #[must_use]
    pub fn own(kind: &str, name: String) -> Self {
        Self {
            group: "cert-manager.io".to_owned(),
            kind: kind.to_owned(),
            name,
        }
    }
}

/// The key of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateKey {
    /// `RSA`, `ECDSA` or `Ed25519`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// `PKCS1` or `PKCS8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// `Always` or `Never`: whether a renewal makes a new key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_policy: Option<String>,
    /// The size in bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i32>,
}

/// The subject of a certificate, except for its common name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Countries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<String>,
    /// Cities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub localities: Vec<String>,
    /// Organizational units.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organizational_units: Vec<String>,
    /// Organizations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<String>,
    /// Postal codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub postal_codes: Vec<String>,
    /// States or provinces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provinces: Vec<String>,
    /// The serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// Street addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub street_addresses: Vec<String>,
}

/// An issuer for one namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// The type of the issuer.
    pub spec: IssuerSpec,
}

/// An issuer for the whole Kubernetes cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterIssuer {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// The type of the issuer.
    pub spec: IssuerSpec,
}

/// The type of an issuer: exactly one of the fields is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerSpec {
    /// It signs with a CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaIssuer>,
    /// It signs each certificate with its own key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_signed: Option<SelfSignedIssuer>,
}

/// An issuer that signs with a CA certificate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaIssuer {
    /// The name of the Secret with the CA certificate.
    pub secret_name: String,
}

/// An issuer that signs each certificate with its own key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelfSignedIssuer {}
