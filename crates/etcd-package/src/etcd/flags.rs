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

    /// Why a flag would not take a value, if it would not.
    #[must_use]
    pub fn refusal(self, flag: &str, value: &str) -> Option<&'static str> {
        let (_, values) = self.lines().find(|(name, _)| *name == flag)?;
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
