//! The flags of etcd, by minor version.
//!
//! `flags/vMAJOR.MINOR.txt` lists the flags that the tested release of a minor version accepts, one a line, sorted. The
//! type of its values follows, if its parser accepts only numbers, durations or booleans. `cargo xtask flags` writes
//! the lists from the real binaries, and a test compares the two.
//!
//! A flag is listed if the help of any tested release mentions it (as it is, or with or without `experimental-`) and
//! the release does not call it undefined. Help is not enough: that of 3.7.1 has two flags that were removed, and that
//! of 3.5.33 lacks `experimental-snapshot-catchup-entries`. Flags that no help mentions are not listed, although etcd
//! accepts them: the flags of etcd 0.4 and 2, which it ignores (`server/etcdmain/config.go`, `ignored`), and
//! `log-output` of 3.4, an older name of `log-outputs`. A user who writes one of those means something else.

use std::collections::BTreeMap;

use rutter::duration::Duration;

use super::{Minor, Version};

/// The feature gates that took the place of a flag.
const FLAGS_OF_GATES: [(&str, &str); 6] = [
    ("CompactHashCheck", "experimental-compact-hash-check-enabled"),
    ("InitialCorruptCheck", "experimental-initial-corrupt-check"),
    ("LeaseCheckpoint", "experimental-enable-lease-checkpoint"),
    ("LeaseCheckpointPersist", "experimental-enable-lease-checkpoint-persist"),
    ("StopGRPCServiceOnDefrag", "experimental-stop-grpc-service-on-defrag"),
    (
        "TxnModeWriteWithSharedBuffer",
        "experimental-txn-mode-write-with-shared-buffer",
    ),
];

impl Version {
    /// Whether there is a flag `name`.
    #[must_use]
    pub fn has_flag(self, name: &str) -> bool {
        self.minor().has_flag(name) && self.release_with(name).is_none()
    }

    /// Returns the release of the same minor version that introduced a flag, if this one is too old for it.
    #[must_use]
    pub fn release_with(self, flag: &str) -> Option<Self> {
        let mut late = self.minor().release().late_flags.iter();
        let (first, _) = late.find(|(_, late)| *late == flag)?;
        (self.patch() < *first).then(|| Self::new(self.minor(), *first))
    }
}

impl Minor {
    /// Returns all flags, without `--`.
    pub fn flags(self) -> impl Iterator<Item = &'static str> {
        self.lines().map(|(flag, _)| flag)
    }

    fn lines(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let lines = self.release().flags.lines();
        lines.map(|line| line.split_once(' ').unwrap_or((line, "")))
    }

    /// Returns the values that a flag accepts, if this value is not one of them.
    #[must_use]
    pub fn refusal(self, flag: &str, value: &str) -> Option<&'static str> {
        let (_, values) = self.lines().find(|(name, _)| *name == flag)?;
        refused_as(values, value).or_else(|| refused_by(flag, self, value))
    }

    /// Whether there is a flag `name`.
    #[must_use]
    pub fn has_flag(self, name: &str) -> bool {
        self.flags().any(|flag| flag == name)
    }

    /// Returns all feature gates.
    pub fn feature_gates(self) -> impl Iterator<Item = &'static str> {
        self.release().feature_gates.iter().copied()
    }

    /// Returns what replaced a flag that this minor version does not have, or what the flag replaced later.
    #[must_use]
    pub fn replacement(self, flag: &str) -> Option<Replacement> {
        let gates = self.release().feature_gates;
        if let Some((gate, _)) = FLAGS_OF_GATES
            .iter()
            .find(|(gate, old)| *old == flag && gates.contains(gate))
        {
            return Some(Replacement::Gate(gate));
        }
        let twin = match flag.strip_prefix("experimental-") {
            Some(stable) => stable.to_owned(),
            None => format!("experimental-{flag}"),
        };
        self.has_flag(&twin).then_some(Replacement::Flag(twin))
    }
}

/// Returns the values of a type, if etcd's parser refuses this value.
fn refused_as(values: &str, value: &str) -> Option<&'static str> {
    let whole = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (takes, expected) = match values {
        // Go's `strconv.ParseBool`.
        "bool" => (
            [
                "1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False",
            ]
            .contains(&value),
            "true or false",
        ),
        "duration" => (
            value == "0" || value.parse::<Duration>().is_ok(),
            "a duration, such as 10s",
        ),
        "float" => (value.parse::<f64>().is_ok_and(f64::is_finite), "a number"),
        "int" => (whole(value.strip_prefix('-').unwrap_or(value)), "a whole number"),
        "uint" => (whole(value), "a whole number, 0 or more"),
        _ => return None,
    };
    (!takes).then_some(expected)
}

/// Returns the values that a flag accepts, if etcd parses this value but does not start with it
/// (`server/embed/config.go`, `Validate`; `server/embed/config_logging.go`; `server/etcdmain/config.go`;
/// `server/auth/jwt.go`).
fn refused_by(flag: &str, minor: Minor, value: &str) -> Option<&'static str> {
    let (takes, expected) = match flag.strip_prefix("experimental-").unwrap_or(flag) {
        "auth-token" => (
            is_auth_token(value),
            "simple, or such as jwt,pub-key=FILE,priv-key=FILE,sign-method=RS256",
        ),
        "compact-hash-check-time" => (value.parse::<Duration>().is_ok(), "a duration above 0"),
        "cors" => (
            value == "*" || are_urls(value),
            "*, or URLs with ports such as https://example.com:443",
        ),
        "listen-client-http-urls" => (
            value.is_empty() || are_urls(value),
            "URLs with ports such as http://0.0.0.0:2382",
        ),
        "log-outputs" => (
            are_log_outputs(value),
            "default alone, or stderr, stdout and paths of files",
        ),
        "logger" => (minor.release().loggers.contains(&value), "zap"),
        // etcd starts with 0, but then plans cannot add members.
        "max-learners" => (!value.starts_with('-') && !is_zero(value), "a whole number, 1 or more"),
        "v2-deprecation" => (
            minor.release().v2_deprecations.contains(&value),
            "write-only, write-only-skip-check, write-only-drop-data or gone",
        ),
        _ => return None,
    };
    (!takes).then_some(expected)
}

/// The signing methods of JWTs (`github.com/golang-jwt/jwt`).
const SIGN_METHODS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "EdDSA",
];

/// Whether `--auth-token` accepts a value: a type, and for JWTs the keys and the signing method.
fn is_auth_token(value: &str) -> bool {
    let mut words = value.split(',');
    let kind = words.next().unwrap_or_default();
    let mut options = BTreeMap::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return false;
        };
        if value.contains('=') || options.insert(name, value).is_some() {
            return false;
        }
    }
    let is_given = |name: &str| options.get(name).is_some_and(|value| !value.is_empty());
    match kind {
        "simple" | "" => true,
        "jwt" => {
            let method = options.get("sign-method").copied().unwrap_or_default();
            // A public key can only verify tokens, and only methods with two keys have one.
            let has_key = is_given("priv-key") || (is_given("pub-key") && !method.starts_with("HS"));
            SIGN_METHODS.contains(&method) && has_key
        }
        _ => false,
    }
}

/// Whether a value is a list of URLs that etcd accepts: with a port, and without a path (`client/pkg/types/urls.go`).
fn are_urls(value: &str) -> bool {
    value.split(',').map(str::trim).all(|url| {
        let Some((scheme, rest)) = url.split_once("://") else {
            return false;
        };
        match scheme {
            "http" | "https" => rest
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())),
            _ => ["unix", "unixs"].contains(&scheme),
        }
    })
}

/// Whether a text is the number zero.
pub(crate) fn is_zero(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

/// Whether `--log-outputs` accepts a value. A container has no journal.
fn are_log_outputs(value: &str) -> bool {
    let outputs: Vec<&str> = value.split(',').collect();
    let is_output = |output: &&str| !output.is_empty() && *output != "systemd/journal";
    outputs.iter().all(is_output) && (outputs.len() == 1 || !outputs.contains(&"default"))
}

/// The replacement of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Another flag.
    Flag(String),
    /// A feature gate.
    Gate(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(version: &str) -> Minor {
        version.parse::<Version>().unwrap().minor()
    }

    #[test]
    fn flags_have_replacements() {
        let stable = Replacement::Flag("compaction-batch-limit".to_owned());
        let experimental = Replacement::Flag("experimental-compaction-batch-limit".to_owned());
        assert_eq!(
            minor("3.7.0").replacement("experimental-compaction-batch-limit"),
            Some(stable)
        );
        assert_eq!(minor("3.5.0").replacement("compaction-batch-limit"), Some(experimental));
        let experimental = Replacement::Flag("experimental-backend-bbolt-freelist-type".to_owned());
        assert_eq!(
            minor("3.4.0").replacement("backend-bbolt-freelist-type"),
            Some(experimental)
        );
        let gate = Replacement::Gate("InitialCorruptCheck");
        assert_eq!(
            minor("3.6.0").replacement("experimental-initial-corrupt-check"),
            Some(gate)
        );
        assert_eq!(minor("3.7.0").replacement("enable-v2"), None);
    }

    #[test]
    fn values_that_etcd_parses_and_does_not_start_with() {
        let takes = |flag: &str, value: &str| minor("3.6.0").refusal(flag, value).is_none();
        for (flag, taken, refused) in [
            (
                "auth-token",
                &[
                    "simple",
                    "",
                    "jwt,sign-method=RS256,pub-key=/k",
                    "jwt,priv-key=/k,sign-method=HS256",
                ][..],
                &[
                    "simpel",
                    "jwt",
                    "jwt,sign-method=RS256",
                    "jwt,sign-method=RS1,pub-key=/k",
                    "jwt,sign-method=HS256,pub-key=/k",
                    "jwt,sign-method=RS256,pub-key",
                    "jwt,sign-method=RS256,pub-key=/a,pub-key=/b",
                    "jwt,sign-method=RS256,pub-key=/a=b",
                ][..],
            ),
            ("compact-hash-check-time", &["1m"], &["0", "0s"]),
            (
                "cors",
                &["*", "https://a:443,http://[::1]:80"],
                &["", "a", "https://a", "http://a:80/b", "*,http://a:80"],
            ),
            (
                "listen-client-http-urls",
                &["", "http://0.0.0.0:2382"],
                &["0.0.0.0:2382"],
            ),
            (
                "log-outputs",
                &["default", "stdout,/logs/etcd"],
                &["", "systemd/journal", "default,stdout"],
            ),
            ("logger", &["zap"], &["", "capnslog"]),
            ("max-learners", &["1", "20"], &["-1", "0", "00"]),
            ("v2-deprecation", &["write-only"], &["", "not-yet"]),
        ] {
            assert!(taken.iter().all(|value| takes(flag, value)), "{flag}");
            assert!(!refused.iter().any(|value| takes(flag, value)), "{flag}");
        }
    }

    #[test]
    fn gates_replace_flags_that_existed() {
        assert!(FLAGS_OF_GATES.iter().all(|(_, flag)| minor("3.5.0").has_flag(flag)));
        assert!(
            FLAGS_OF_GATES
                .iter()
                .all(|(gate, _)| minor("3.6.0").feature_gates().any(|known| known == *gate))
        );
    }
}
