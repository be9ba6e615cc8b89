//! cert-manager's objects, as far as the package uses them.
//!
//! Fields and limits: the CRDs of cert-manager v1.21 (`cert-manager.io/v1`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{ClusterResourceScope, Metadata, NamespaceResourceScope, Resource};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

macro_rules! resource {
    ($type:ident, $scope:ident, $plural:literal) => {
        impl Resource for $type {
            const API_VERSION: &'static str = "cert-manager.io/v1";
            const GROUP: &'static str = "cert-manager.io";
            const KIND: &'static str = stringify!($type);
            const VERSION: &'static str = "v1";
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = $scope;
        }

        impl Metadata for $type {
            type Ty = ObjectMeta;

            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut object = serializer.serialize_struct(Self::KIND, 4)?;
                object.serialize_field("apiVersion", Self::API_VERSION)?;
                object.serialize_field("kind", Self::KIND)?;
                object.serialize_field("metadata", &self.metadata)?;
                object.serialize_field("spec", &self.spec)?;
                object.end()
            }
        }
    };
}

resource!(Certificate, NamespaceResourceScope, "certificates");
resource!(Issuer, NamespaceResourceScope, "issuers");
resource!(ClusterIssuer, ClusterResourceScope, "clusterissuers");

/// A certificate that cert-manager keeps in a Secret and renews.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: CertificateSpec,
}

/// What a [`Certificate`] asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSpec {
    /// The subject's common name, at most 64 characters.
    pub common_name: String,
    /// The DNS names it holds for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_names: Vec<String>,
    /// How long it is good for: a Go duration of at least 1h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// The addresses it holds for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<String>,
    /// Whether it may sign others.
    #[serde(rename = "isCA", skip_serializing_if = "Option::is_none")]
    pub is_ca: Option<bool>,
    /// Who signs it.
    pub issuer_ref: IssuerRef,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PrivateKey>,
    /// How long before its end it is renewed: a Go duration of at least 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_before: Option<String>,
    /// Where it is kept.
    pub secret_name: String,
    /// What of the Secret is ours to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_template: Option<SecretTemplate>,
    /// What it is good for; empty means `digital signature` and `key encipherment`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub usages: Vec<String>,
}

/// Who signs a certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IssuerRef {
    /// `cert-manager.io`.
    pub group: String,
    /// `Issuer` or `ClusterIssuer`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// The key of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateKey {
    /// `RSA`, `ECDSA` or `Ed25519`.
    pub algorithm: String,
    /// `Always` or `Never`: whether a renewal makes a new key.
    pub rotation_policy: String,
    /// In bits.
    pub size: i32,
}

/// Labels and annotations of the Secret of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SecretTemplate {
    /// Labels of the Secret.
    pub labels: BTreeMap<String, String>,
}

/// Who signs certificates, in one namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// How it signs.
    pub spec: IssuerSpec,
}

/// Who signs certificates, in the whole cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterIssuer {
    /// Its name and labels.
    pub metadata: ObjectMeta,
    /// How it signs.
    pub spec: IssuerSpec,
}

/// How an issuer signs: in one of these ways.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerSpec {
    /// With a certificate that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaIssuer>,
    /// With the key of the certificate itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_signed: Option<SelfSignedIssuer>,
}

/// An issuer with a certificate of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaIssuer {
    /// The Secret that holds it.
    pub secret_name: String,
}

/// An issuer that has nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelfSignedIssuer {}
