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

/// Feature gates of 3.6 and later (`server/features/etcd_features.go`), and the flags that they took the place of.
const GATES: [(&str, &str); 6] = [
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
        GATES.iter().map(|(gate, _)| *gate).filter(move |_| self >= Minor(6))
    }

    /// What took the place of a flag that this minor version does not have, or stood in it before there was that flag.
    #[must_use]
    pub fn replacement(self, flag: &str) -> Option<Replacement> {
        if let Some((gate, _)) = GATES.iter().find(|(_, old)| *old == flag)
            && self >= Minor(6)
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
        assert!(GATES.iter().all(|(_, flag)| Minor(5).has_flag(flag)));
    }
}
