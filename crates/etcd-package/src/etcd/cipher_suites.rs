//! The cipher suites of etcd. They are those of Go's `crypto/tls`, which etcd uses to look them up
//! (`client/pkg/tlsutil/cipher_suites.go`).

use std::fmt;
use std::str::FromStr;

use rutter::suggest::remedy;
use rutter::yaml::Refusal;

/// A cipher suite of TLS 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherSuite {
    name: &'static str,
    /// Whether Go offers it by default.
    is_safe: bool,
}

const SUITES: [CipherSuite; 24] = [
    safe("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    safe("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    safe("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    safe("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    safe("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    safe("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    safe("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"),
    safe("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"),
    safe("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    safe("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    safe("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    safe("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    weak("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    weak("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    weak("TLS_RSA_WITH_AES_128_GCM_SHA256"),
    weak("TLS_RSA_WITH_AES_256_GCM_SHA384"),
    weak("TLS_RSA_WITH_AES_128_CBC_SHA256"),
    weak("TLS_RSA_WITH_AES_128_CBC_SHA"),
    weak("TLS_RSA_WITH_AES_256_CBC_SHA"),
    weak("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    weak("TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    weak("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    weak("TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    weak("TLS_RSA_WITH_RC4_128_SHA"),
];

/// The suites of TLS 1.3. Go always offers all of them.
const TLS_1_3_SUITES: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

const fn safe(name: &'static str) -> CipherSuite {
    CipherSuite { name, is_safe: true }
}

const fn weak(name: &'static str) -> CipherSuite {
    CipherSuite { name, is_safe: false }
}

impl CipherSuite {
    /// Returns its name in IANA's registry.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Returns the suites that all releases of Go offer by default (`crypto/tls/defaults.go`).
    pub(crate) fn defaults() -> impl Iterator<Item = Self> {
        SUITES.into_iter().filter(|suite| suite.is_safe)
    }

    /// Whether it is the same suite, perhaps by its other name (`cipherSuites` in
    /// `client/pkg/tlsutil/cipher_suites.go`).
    pub(crate) fn is_same(self, other: Self) -> bool {
        let name = |suite: Self| match suite.name.strip_suffix("_POLY1305") {
            Some(_) => format!("{}_SHA256", suite.name),
            None => suite.name.to_owned(),
        };
        name(self) == name(other)
    }

    /// Whether Go considers it safe.
    #[must_use]
    pub fn is_safe(self) -> bool {
        self.is_safe
    }

    /// Whether it is one of the two suites for HTTP/2, which requires one of them (RFC 9113, 9.2.2). Without one, Go's
    /// `http2.ConfigureServer`, which etcd calls, returns an error.
    #[must_use]
    pub fn satisfies_http2(self) -> bool {
        self.name.starts_with("TLS_ECDHE_") && self.name.ends_with("_WITH_AES_128_GCM_SHA256")
    }

    /// Whether it works with a certificate that has an RSA key, instead of a key on an elliptic curve.
    #[must_use]
    pub fn is_for_rsa(self) -> bool {
        !self.name.contains("_ECDSA_")
    }
}

impl FromStr for CipherSuite {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if let Some(suite) = SUITES.iter().find(|suite| suite.name == text) {
            return Ok(*suite);
        }
        if TLS_1_3_SUITES.contains(&text) {
            return Err(
                Refusal::invalid(format!("{text} is of TLS 1.3, whose suites cannot be chosen"))
                    .help("leave it out: it is always offered"),
            );
        }
        let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        Err(Refusal::invalid(format!("etcd knows no cipher suite {text:?}")).help(remedy(text, &names)))
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

rutter::text_type!(CipherSuite, types = "string", "enum": SUITES.map(CipherSuite::name));
