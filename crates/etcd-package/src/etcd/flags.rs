//! The flags of etcd, by minor version.
//!
//! `flags/vMAJOR.MINOR.txt` lists what `etcd --help` of the newest release of that minor version lists, one flag a line,
//! sorted.

use super::Minor;

const LISTS: [(Minor, &str); 3] = [
    (Minor(5), include_str!("flags/v3.5.txt")),
    (Minor(6), include_str!("flags/v3.6.txt")),
    (Minor(7), include_str!("flags/v3.7.txt")),
];

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
    ///
    /// For 3.4, whose list nobody maintains any more, that of 3.5 stands in.
    pub fn flags(self) -> impl Iterator<Item = &'static str> {
        let (_, list) = LISTS
            .iter()
            .find(|(minor, _)| *minor >= self)
            .unwrap_or(&LISTS[LISTS.len() - 1]);
        list.lines()
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
        let gate = Replacement::Gate("InitialCorruptCheck");
        assert_eq!(Minor(6).replacement("experimental-initial-corrupt-check"), Some(gate));
        assert_eq!(Minor(7).replacement("enable-v2"), None);
    }

    #[test]
    fn lists_are_sorted_and_gates_had_flags() {
        for (_, list) in LISTS {
            assert!(list.lines().is_sorted());
        }
        assert!(
            GATES
                .iter()
                .filter_map(|gate| gate.flag)
                .all(|flag| Minor(5).has_flag(flag))
        );
    }
}
