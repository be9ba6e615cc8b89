//! The names that Kubernetes accepts, each as a type: parsed once, then never checked again.
//!
//! Grammar and lengths: `k8s.io/apimachinery/pkg/util/validation/validation.go`.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::text_type;
use crate::yaml::Refusal;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($check:ident, $longest:literal $(, $pattern:literal)?);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = Refusal;

            fn from_str(text: &str) -> Result<Self, Refusal> {
                $check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        text_type!($name, types = "string", "maxLength": $longest $(, "pattern": $pattern)?);
    )*};
}

names! {
    /// An RFC 1123 label, as namespaces are: lower-case letters, digits and `-`, at most 63 characters.
    DnsLabel(dns_label, 63, "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$");
    /// An RFC 1035 label, as Services are: a [`DnsLabel`] that starts with a letter.
    ServiceName(service_name, 63, "^[a-z]([a-z0-9-]*[a-z0-9])?$");
    /// An RFC 1123 subdomain, as the names of most objects are: labels joined by dots, at most 253 characters.
    DnsSubdomain(dns_subdomain, 253, "^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$");
    /// A domain: a [`DnsSubdomain`] of which each label has at most 63 characters, as DNS itself demands.
    DomainName(domain_name, 253, "^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$");
    /// A name in a certificate: a [`DomainName`], whose first label may be `*`.
    DnsPattern(dns_pattern, 255, "^([*][.])?[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$");
    /// The key of a label or an annotation: a name of at most 63 characters, after a [`DnsSubdomain`] and `/` or alone.
    // No pattern: with one, the schema of a map of labels would not look like a map's.
    LabelKey(label_key, 317);
    /// The name of a label of Prometheus': letters, digits and `_`, not a digit first.
    PrometheusLabel(prometheus_label, 255);
    /// The value of a label: at most 63 letters, digits, `-`, `_` and `.`, or nothing.
    LabelValue(label_value, 63, "^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$");
}

fn dns_label(text: &str) -> Result<(), Refusal> {
    if text.len() > 63 {
        return Err(too_long(text, "a DNS label", 63));
    }
    if is_label(text) {
        Ok(())
    } else {
        Err(not_a(text, "a DNS label")
            .help("use lower-case letters, digits and `-`, with a letter or digit at both ends"))
    }
}

fn service_name(text: &str) -> Result<(), Refusal> {
    dns_label(text)?;
    if text.starts_with(|c: char| c.is_ascii_lowercase()) {
        Ok(())
    } else {
        Err(not_a(text, "the name of a Service").help(format!("start it with a letter: svc-{text}")))
    }
}

fn dns_subdomain(text: &str) -> Result<(), Refusal> {
    if text.len() > 253 {
        return Err(too_long(text, "a DNS name", 253));
    }
    if text.split('.').all(is_long_label) {
        Ok(())
    } else {
        Err(not_a(text, "a DNS name")
            .help("use lower-case letters, digits, `-` and `.`, with a letter or digit at both ends of each part"))
    }
}

fn domain_name(text: &str) -> Result<(), Refusal> {
    dns_subdomain(text)?;
    match text.split('.').find(|label| label.len() > 63) {
        Some(label) => Err(too_long(label, "a DNS label", 63)),
        None => Ok(()),
    }
}

fn dns_pattern(text: &str) -> Result<(), Refusal> {
    domain_name(text.strip_prefix("*.").unwrap_or(text))
}

fn label_key(text: &str) -> Result<(), Refusal> {
    let name = match text.split_once('/') {
        Some((prefix, name)) => {
            dns_subdomain(prefix)?;
            name
        }
        None => text,
    };
    if name.len() > 63 {
        return Err(too_long(name, "the name of a label", 63));
    }
    if is_qualified(name) {
        Ok(())
    } else {
        Err(not_a(text, "a label key").help("such as app or app.kubernetes.io/name"))
    }
}

fn prometheus_label(text: &str) -> Result<(), Refusal> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let reserved = text.starts_with("__");
    if text.bytes().all(inner) && !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && !reserved {
        Ok(())
    } else {
        Err(not_a(text, "the name of a label of Prometheus")
            .help("use letters, digits and `_`, with a letter first, such as team"))
    }
}

fn label_value(text: &str) -> Result<(), Refusal> {
    if text.len() > 63 {
        return Err(too_long(text, "a label value", 63));
    }
    if text.is_empty() || is_qualified(text) {
        Ok(())
    } else {
        Err(not_a(text, "a label value")
            .help("use letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"))
    }
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_long_label(text)
}

/// A label as Kubernetes has it in the names of objects, of which it limits the whole alone.
fn is_long_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_qualified(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let end = |c: char| c.is_ascii_alphanumeric();
    text.bytes().all(inner) && text.starts_with(end) && text.ends_with(end)
}

fn not_a(text: &str, what: &str) -> Refusal {
    Refusal::invalid(format!("{text:?} is not {what}"))
}

fn too_long(text: &str, what: &str, most: usize) -> Refusal {
    let length = text.len();
    Refusal::invalid(format!("{what} has at most {most} characters, this one has {length}"))
        .help(format!("shorten it by {}", length - most))
}
