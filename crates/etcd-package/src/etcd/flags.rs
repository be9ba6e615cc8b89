//! The flags of etcd, by minor version.
//!
//! `flags/vMAJOR.MINOR.txt` lists what a release of that minor version accepts, one flag a line, sorted, and what its
//! values are where its parser takes numbers, durations or booleans alone. `cargo xtask flags` writes the lists from the real binaries, and a test compares the two: 3.4.25, 3.5.33, 3.6.14 and 3.7.1.
//!
//! A flag is listed if the help of any of these releases mentions it (as it is, or with or without `experimental-`) and
//! the release does not call it undefined. Help alone is no measure: that of 3.7.1 has two flags that were removed, that
//! of 3.5.33 lacks `experimental-snapshot-catchup-entries`. What no help mentions is not listed although etcd takes it:
//! the flags of etcd 0.4 and 2, which it ignores (`server/etcdmain/config.go`, `ignored`), and `log-output` of 3.4, an
//! older name of `log-outputs`. Who writes one of those means something else.

use std::collections::BTreeMap;

use rutter::duration::Duration;

use super::{MINORS, Minor};

const LISTS: [(Minor, &str); MINORS.len()] = [
    (Minor(4), include_str!("flags/v3.4.txt")),
    (Minor(5), include_str!("flags/v3.5.txt")),
    (Minor(6), include_str!("flags/v3.6.txt")),
    (Minor(7), include_str!("flags/v3.7.txt")),
];

/// The patch releases with which flags came to a minor version that was out already, as `server/etcdmain/config.go` and
/// `server/embed/config.go` define them at each tag (in 3.4 without `server/`).
const LATE: [(Minor, u32, &str); 20] = [
    (Minor(4), 10, "auth-token-ttl"),
    (Minor(4), 10, "unsafe-no-fsync"),
    (Minor(4), 11, "experimental-watch-progress-notify-interval"),
    (Minor(4), 16, "experimental-warning-apply-duration"),
    (Minor(4), 20, "experimental-enable-lease-checkpoint-persist"),
    (Minor(4), 20, "max-concurrent-streams"),
    (Minor(4), 25, "listen-client-http-urls"),
    (Minor(4), 25, "tls-max-version"),
    (Minor(4), 25, "tls-min-version"),
    (Minor(5), 2, "experimental-enable-lease-checkpoint-persist"),
    (Minor(5), 5, "experimental-compact-hash-check-enabled"),
    (Minor(5), 5, "experimental-compact-hash-check-time"),
    (Minor(5), 5, "max-concurrent-streams"),
    (Minor(5), 8, "listen-client-http-urls"),
    (Minor(5), 8, "tls-max-version"),
    (Minor(5), 8, "tls-min-version"),
    (Minor(5), 11, "experimental-distributed-tracing-sampling-rate"),
    (Minor(5), 14, "experimental-snapshot-catchup-entries"),
    (Minor(5), 14, "experimental-stop-grpc-service-on-defrag"),
    (Minor(5), 16, "experimental-compaction-sleep-interval"),
];

/// The patch release of a minor version with which a flag of its list came.
pub(super) fn first_patch(minor: Minor, flag: &str) -> u32 {
    let late = LATE.iter().find(|(its, _, name)| *its == minor && *name == flag);
    late.map_or(0, |(_, patch, _)| *patch)
}

/// A feature gate.
struct Gate {
    name: &'static str,
    since: Minor,
    /// The flag that it took the place of.
    flag: Option<&'static str>,
}

/// Feature gates (`server/features/etcd_features.go` at v3.6.14 and v3.7.1), and the two that switch whole stages
/// (`pkg/featuregate/feature_gate.go`).
const GATES: [Gate; 11] = [
    gate("AllAlpha", 6, None),
    gate("AllBeta", 6, None),
    gate("CompactHashCheck", 6, Some("experimental-compact-hash-check-enabled")),
    gate("FastLeaseKeepAlive", 7, None),
    gate("InitialCorruptCheck", 6, Some("experimental-initial-corrupt-check")),
    gate("LeaseCheckpoint", 6, Some("experimental-enable-lease-checkpoint")),
    gate(
        "LeaseCheckpointPersist",
        6,
        Some("experimental-enable-lease-checkpoint-persist"),
    ),
    gate("PriorityRequest", 7, None),
    gate("SetMemberLocalAddr", 6, None),
    gate(
        "StopGRPCServiceOnDefrag",
        6,
        Some("experimental-stop-grpc-service-on-defrag"),
    ),
    gate(
        "TxnModeWriteWithSharedBuffer",
        6,
        Some("experimental-txn-mode-write-with-shared-buffer"),
    ),
];

const fn gate(name: &'static str, since: u32, flag: Option<&'static str>) -> Gate {
    Gate {
        name,
        since: Minor(since),
        flag,
    }
}

impl Minor {
    /// All flags, without `--`.
    pub fn flags(self) -> impl Iterator<Item = &'static str> {
        self.lines().map(|(flag, _)| flag)
    }

    fn lines(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let lists = LISTS.iter().filter(move |(minor, _)| *minor == self);
        let lines = lists.flat_map(|(_, list)| list.lines());
        lines.map(|line| line.split_once(' ').unwrap_or((line, "")))
    }

    /// Returns what a flag takes, if it does not take this value.
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

    /// All feature gates, of which releases before 3.6 have none.
    pub fn feature_gates(self) -> impl Iterator<Item = &'static str> {
        GATES
            .iter()
            .filter(move |gate| self >= gate.since)
            .map(|gate| gate.name)
    }

    /// What took the place of a flag that this minor version does not have, or stood in it before there was that flag.
    #[must_use]
    pub fn replacement(self, flag: &str) -> Option<Replacement> {
        if let Some(gate) = GATES.iter().find(|gate| gate.flag == Some(flag) && self >= gate.since) {
            return Some(Replacement::Gate(gate.name));
        }
        let twin = match flag.strip_prefix("experimental-") {
            Some(stable) => stable.to_owned(),
            None => format!("experimental-{flag}"),
        };
        self.has_flag(&twin).then_some(Replacement::Flag(twin))
    }
}

/// Returns what flags of a type take, if etcd's parser does not take this value for one.
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

/// Returns what a flag takes, if etcd parses this value and then does not start with it (`server/embed/config.go`,
/// `Validate`; `server/embed/config_logging.go`; `server/etcdmain/config.go`; `server/auth/jwt.go`).
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
        "logger" => (value == "zap" || (minor == Minor(4) && value == "capnslog"), "zap"),
        // etcd starts with 0, and then no member can be added the way that plans add them.
        "max-learners" => (!value.starts_with('-') && !is_zero(value), "a whole number, 1 or more"),
        "v2-deprecation" => (
            V2_DEPRECATIONS.contains(&value) || (minor == Minor(5) && value == "not-yet"),
            "write-only, write-only-skip-check, write-only-drop-data or gone",
        ),
        _ => return None,
    };
    (!takes).then_some(expected)
}

/// The stages of `--v2-deprecation` that every minor version has.
const V2_DEPRECATIONS: [&str; 4] = ["write-only", "write-only-skip-check", "write-only-drop-data", "gone"];

/// How JWTs can be signed (`github.com/golang-jwt/jwt`).
const SIGN_METHODS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "EdDSA",
];

/// Whether `--auth-token` takes a value: a type, and for tokens that are signed by whom and how.
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
            // A public key can only check tokens, and only those with two keys.
            let has_key = is_given("priv-key") || (is_given("pub-key") && !method.starts_with("HS"));
            SIGN_METHODS.contains(&method) && has_key
        }
        _ => false,
    }
}

/// Whether a value is a list of URLs as etcd has them: with a port, and without a path (`client/pkg/types/urls.go`).
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

/// Whether `--log-outputs` takes a value. A container has no journal.
fn are_log_outputs(value: &str) -> bool {
    let outputs: Vec<&str> = value.split(',').collect();
    let is_output = |output: &&str| !output.is_empty() && *output != "systemd/journal";
    outputs.iter().all(is_output) && (outputs.len() == 1 || !outputs.contains(&"default"))
}

/// What took the place of a flag.
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

    #[test]
    fn what_took_a_flags_place() {
        let stable = Replacement::Flag("compaction-batch-limit".to_owned());
        let experimental = Replacement::Flag("experimental-compaction-batch-limit".to_owned());
        assert_eq!(
            Minor(7).replacement("experimental-compaction-batch-limit"),
            Some(stable)
        );
        assert_eq!(Minor(5).replacement("compaction-batch-limit"), Some(experimental));
        let experimental = Replacement::Flag("experimental-backend-bbolt-freelist-type".to_owned());
        assert_eq!(Minor(4).replacement("backend-bbolt-freelist-type"), Some(experimental));
        let gate = Replacement::Gate("InitialCorruptCheck");
        assert_eq!(Minor(6).replacement("experimental-initial-corrupt-check"), Some(gate));
        assert_eq!(Minor(7).replacement("enable-v2"), None);
    }

    #[test]
    fn values_that_etcd_parses_and_does_not_start_with() {
        let takes = |flag: &str, value: &str| Minor(6).refusal(flag, value).is_none();
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
    fn lists_are_sorted_and_gates_had_flags() {
        for (minor, (listed, list)) in MINORS.into_iter().zip(LISTS) {
            assert_eq!(minor, listed);
            assert!(list.lines().is_sorted_by_key(|line| line.split(' ').next()));
        }
        assert!(
            GATES
                .iter()
                .filter_map(|gate| gate.flag)
                .all(|flag| Minor(5).has_flag(flag))
        );
    }
}
