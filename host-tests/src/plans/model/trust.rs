//! Secrets, and the certificates that cert-manager issues into them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::live::{Live, list};
use super::settings::SecretKey;

/// The content of a key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The certificates of these CAs.
    Authorities(BTreeSet<String>),
    Certificate(Certificate),
    PrivateKey,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// The CA that signs it.
    pub(super) authority: String,
    /// Its own CA, if it signs others.
    pub(super) signs_as: String,
    /// The names in the certificate; any name if the user has created it.
    pub(super) names: Option<BTreeSet<String>>,
}

impl Certificate {
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains(name))
    }
}

/// All Secrets, and the Certificates that are not issued in their current form.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    pub(super) secrets: BTreeMap<String, BTreeMap<String, Content>>,
    /// Names of Certificates.
    pending: BTreeSet<String>,
    issued: u64,
}

impl Trust {
    /// Adds a Secret of the user, from a CA that nothing else uses.
    pub(super) fn add_user_secret(&mut self, name: &str) {
        let authority = format!("the CA of {name}");
        let certificate = Certificate {
            signs_as: format!("{name} itself"),
            authority: authority.clone(),
            names: None,
        };
        self.secrets.insert(name.to_owned(), contents(authority, certificate));
    }

    /// Records that a Certificate has changed.
    pub(super) fn request(&mut self, certificate: &str) {
        self.pending.insert(certificate.to_owned());
    }

    /// Issues all pending certificates whose issuers exist.
    pub(super) fn issue(&mut self, live: &Live) -> Result<()> {
        // A CA's certificate is issued before those that it signs.
        for _ in 0..=self.pending.len() {
            for name in self.pending.clone() {
                let Some(object) = live.get("Certificate", &name) else {
                    self.pending.remove(&name);
                    continue;
                };
                if self.issue_one(&name, object, live)? {
                    self.pending.remove(&name);
                }
            }
        }
        Ok(())
    }

    fn issue_one(&mut self, name: &str, object: &Value, live: &Live) -> Result<bool> {
        let spec = &object["spec"];
        let secret = spec["secretName"].as_str().context("a Secret's name")?;
        let (kind, issuer) = (
            spec["issuerRef"]["kind"].as_str().unwrap_or("Issuer"),
            spec["issuerRef"]["name"].as_str().context("an issuer")?,
        );
        self.issued += 1;
        // A CA keeps its key, and so all certificates that it has signed.
        let own = if spec["privateKey"]["rotationPolicy"] == "Never" {
            format!("the key of {secret}")
        } else {
            format!("the key of {secret}, issue {}", self.issued)
        };
        let authority = match live.get(kind, issuer) {
            Some(issuer) if issuer["spec"]["selfSigned"].is_object() => own.clone(),
            Some(issuer) => {
                let ca = issuer["spec"]["ca"]["secretName"].as_str();
                let ca = ca.with_context(|| format!("the model has no issuer of {name}"))?;
                match self.secrets.get(ca).and_then(|keys| keys.get("tls.crt")) {
                    Some(Content::Certificate(certificate)) => certificate.signs_as.clone(),
                    _ => return Ok(false),
                }
            }
            // The user's own CA.
            None => format!("{kind} {issuer}"),
        };
        let names = list(&spec["dnsNames"]).iter().filter_map(Value::as_str);
        let names = names.chain(spec["commonName"].as_str());
        let certificate = Certificate {
            authority: authority.clone(),
            signs_as: own,
            names: Some(names.map(str::to_owned).collect()),
        };
        self.secrets.insert(secret.to_owned(), contents(authority, certificate));
        Ok(true)
    }

    pub(super) fn is_issued(&self, certificate: &str) -> bool {
        !self.pending.contains(certificate)
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn content(&self, key: &SecretKey) -> Option<&Content> {
        self.secrets.get(&key.secret)?.get(&key.key)
    }

    pub(super) fn certificate(&self, key: &SecretKey) -> Option<&Certificate> {
        match self.content(key)? {
            Content::Certificate(certificate) => Some(certificate),
            Content::Authorities(_) | Content::PrivateKey => None,
        }
    }

    pub(super) fn authorities(&self, key: &SecretKey) -> Option<&BTreeSet<String>> {
        match self.content(key)? {
            Content::Authorities(authorities) => Some(authorities),
            Content::Certificate(_) | Content::PrivateKey => None,
        }
    }

    /// Copies a certificate to a new Secret.
    pub(super) fn copy(&mut self, from: &str, [ca, certificate, key]: &[String; 3], to: &str) -> Result<()> {
        let old = self.secrets.get(from).with_context(|| format!("no Secret {from}"))?;
        let get = |key: &String| old.get(key).cloned().with_context(|| format!("{from} has no {key}"));
        let new = [
            ("ca.crt", get(ca)?),
            ("tls.crt", get(certificate)?),
            ("tls.key", get(key)?),
        ];
        let new = new.map(|(key, content)| (key.to_owned(), content));
        self.secrets.insert(to.to_owned(), new.into());
        Ok(())
    }

    /// Adds the CAs in one Secret to those in another.
    pub(super) fn trust_both(&mut self, to: &str, from: &str) -> Result<()> {
        let key = |secret: &str| SecretKey {
            secret: secret.to_owned(),
            key: "ca.crt".to_owned(),
        };
        let new = self
            .authorities(&key(from))
            .with_context(|| format!("no CA in {from}"))?
            .clone();
        match self.secrets.get_mut(to).and_then(|secret| secret.get_mut("ca.crt")) {
            Some(Content::Authorities(all)) => all.extend(new),
            _ => bail!("no CA in {to}"),
        }
        Ok(())
    }

    /// Replaces the certificate in one Secret by that in another.
    pub(super) fn take(&mut self, to: &str, from: &str) -> Result<()> {
        let new = self.secrets.get(from).with_context(|| format!("no Secret {from}"))?;
        let new = new
            .get("tls.crt")
            .cloned()
            .with_context(|| format!("no certificate in {from}"))?;
        let old = self.secrets.get_mut(to).with_context(|| format!("no Secret {to}"))?;
        old.insert("tls.crt".to_owned(), new);
        Ok(())
    }
}

fn contents(authority: String, certificate: Certificate) -> BTreeMap<String, Content> {
    [
        ("ca.crt".to_owned(), Content::Authorities([authority].into())),
        ("tls.crt".to_owned(), Content::Certificate(certificate)),
        ("tls.key".to_owned(), Content::PrivateKey),
    ]
    .into()
}
