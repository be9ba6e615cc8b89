//! The releases of etcd.
//!
//! [`RELEASES`] has one row for each minor version. To support another one, add its row and the list of its flags: the
//! compiler asks for each fact that differs between minor versions.

/// The facts about a minor version of etcd. Facts about its patch releases are the number of the first one: 0 means all
/// releases, and `None` means none.
#[derive(Debug)]
pub(super) struct Release {
    /// The 6 of 3.6.
    pub(super) minor: u32,
    /// The newest patch release that is known to exist. There are no gaps: every release from `.0` up to it was made.
    /// Sources: the tags of etcd-io/etcd and the images at gcr.io/etcd-development/etcd, November 2026.
    pub(super) newest: u32,
    /// The newest patch release that this package was tested with.
    pub(super) tested: u32,
    /// Whether the etcd project still maintains it. It maintains the two latest minor versions, and 3.5.
    pub(super) is_maintained: bool,
    /// The first release without a known way to corrupt data when a member is killed (etcd-io/etcd#13908).
    pub(super) safe: u32,
    /// The first release that the project recommends for production (etcd's `CHANGELOG/README.md`).
    pub(super) recommended: u32,
    /// The first release that can be upgraded to the next minor version. Members of an older release may refuse to
    /// work with members of the next minor version (the upgrade guides on etcd.io).
    pub(super) leads_to_next: Option<u32>,
    /// Whether each member must write a snapshot before the upgrade to the next minor version, because that cannot read
    /// the log of this one.
    ///
    /// Members of 3.5 publish their addresses by requests of etcd's second API, and 3.7 ends at the first that it finds
    /// in its log (`server/etcdserver/apply.go`, "unmarshal should never fail"). A log begins at the last snapshot, so
    /// one must be written while 3.6 runs. etcd does not report whether that has happened.
    pub(super) next_needs_snapshot: bool,
    /// Whether the next minor version can be downgraded to it. 3.4 does not support downgrades, and is not maintained.
    pub(super) is_downgrade_target: bool,
    /// The first release with `/livez` and `/readyz` (etcd's `CHANGELOG-3.4.md`, `CHANGELOG-3.5.md`).
    pub(super) livez: Option<u32>,
    /// The first release without a shell in the project's image (`CHANGELOG-3.5.md`).
    pub(super) without_shell: Option<u32>,
    /// The first release that accepts several names in `--peer-cert-allowed-cn` and similar flags
    /// (`server/embed/config.go`).
    pub(super) lists_of_allowed: Option<u32>,
    /// The first release that can raise revisions when it restores a snapshot (`etcdutl/etcdutl/snapshot_command.go`).
    pub(super) bump_revision: Option<u32>,
    /// The program that works on snapshot files.
    pub(super) snapshot_tool: &'static str,
    /// Whether `endpoint status` has the version of a member's data.
    pub(super) reports_storage_version: bool,
    /// The flags of the tested release, one a line, sorted, with the type of their values.
    pub(super) flags: &'static str,
    /// The flags that were added after `.0`, with their first patch release, as `server/etcdmain/config.go` and
    /// `server/embed/config.go` define them at each tag (in 3.4 without `server/`).
    pub(super) late_flags: &'static [(u32, &'static str)],
    /// The feature gates (`server/features/etcd_features.go` at the tested release), and the two that switch whole
    /// stages (`pkg/featuregate/feature_gate.go`).
    pub(super) feature_gates: &'static [&'static str],
    /// The variables that it reads although they do not set a flag (`client/v3/logger.go`; `server/etcdmain/etcd.go`,
    /// `checkSupportArch`; `client/pkg/verify/verify.go`).
    pub(super) variables: &'static [&'static str],
    /// The values of `--logger`.
    pub(super) loggers: &'static [&'static str],
    /// The values of `--v2-deprecation`.
    pub(super) v2_deprecations: &'static [&'static str],
}

/// The minor versions that the package supports, oldest first.
pub(super) static RELEASES: [Release; 4] = [
    Release {
        minor: 4,
        newest: 45,
        tested: 25,
        is_maintained: false,
        safe: 0,
        recommended: 22,
        leads_to_next: Some(0),
        next_needs_snapshot: false,
        is_downgrade_target: false,
        livez: Some(29),
        without_shell: None,
        lists_of_allowed: None,
        bump_revision: None,
        snapshot_tool: "etcdctl",
        reports_storage_version: false,
        flags: include_str!("flags/v3.4.txt"),
        late_flags: &[
            (10, "auth-token-ttl"),
            (10, "unsafe-no-fsync"),
            (11, "experimental-watch-progress-notify-interval"),
            (16, "experimental-warning-apply-duration"),
            (20, "experimental-enable-lease-checkpoint-persist"),
            (20, "max-concurrent-streams"),
            (25, "listen-client-http-urls"),
            (25, "tls-max-version"),
            (25, "tls-min-version"),
        ],
        feature_gates: &[],
        variables: &["ETCD_CLIENT_DEBUG", "ETCD_UNSUPPORTED_ARCH"],
        loggers: &["zap", "capnslog"],
        v2_deprecations: &[],
    },
    Release {
        minor: 5,
        newest: 34,
        tested: 33,
        is_maintained: true,
        safe: 3,
        recommended: 6,
        leads_to_next: Some(32),
        next_needs_snapshot: false,
        is_downgrade_target: true,
        livez: Some(11),
        without_shell: Some(7),
        lists_of_allowed: Some(15),
        bump_revision: Some(10),
        snapshot_tool: "etcdutl",
        reports_storage_version: false,
        flags: include_str!("flags/v3.5.txt"),
        late_flags: &[
            (2, "experimental-enable-lease-checkpoint-persist"),
            (5, "experimental-compact-hash-check-enabled"),
            (5, "experimental-compact-hash-check-time"),
            (5, "max-concurrent-streams"),
            (8, "listen-client-http-urls"),
            (8, "tls-max-version"),
            (8, "tls-min-version"),
            (11, "experimental-distributed-tracing-sampling-rate"),
            (14, "experimental-snapshot-catchup-entries"),
            (14, "experimental-stop-grpc-service-on-defrag"),
            (16, "experimental-compaction-sleep-interval"),
        ],
        feature_gates: &[],
        variables: &["ETCD_CLIENT_DEBUG", "ETCD_UNSUPPORTED_ARCH", "ETCD_VERIFY"],
        loggers: &["zap"],
        v2_deprecations: &[
            "not-yet",
            "write-only",
            "write-only-skip-check",
            "write-only-drop-data",
            "gone",
        ],
    },
    Release {
        minor: 6,
        newest: 15,
        tested: 14,
        is_maintained: true,
        safe: 0,
        recommended: 0,
        leads_to_next: Some(11),
        next_needs_snapshot: true,
        is_downgrade_target: true,
        livez: Some(0),
        without_shell: Some(0),
        lists_of_allowed: Some(0),
        bump_revision: Some(0),
        snapshot_tool: "etcdutl",
        reports_storage_version: true,
        flags: include_str!("flags/v3.6.txt"),
        late_flags: &[],
        feature_gates: &[
            "AllAlpha",
            "AllBeta",
            "CompactHashCheck",
            "InitialCorruptCheck",
            "LeaseCheckpoint",
            "LeaseCheckpointPersist",
            "SetMemberLocalAddr",
            "StopGRPCServiceOnDefrag",
            "TxnModeWriteWithSharedBuffer",
        ],
        variables: &["ETCD_CLIENT_DEBUG", "ETCD_UNSUPPORTED_ARCH", "ETCD_VERIFY"],
        loggers: &["zap"],
        v2_deprecations: &["write-only", "write-only-skip-check", "write-only-drop-data", "gone"],
    },
    Release {
        minor: 7,
        newest: 2,
        tested: 1,
        is_maintained: true,
        safe: 0,
        recommended: 0,
        leads_to_next: None,
        next_needs_snapshot: false,
        is_downgrade_target: true,
        livez: Some(0),
        without_shell: Some(0),
        lists_of_allowed: Some(0),
        bump_revision: Some(0),
        snapshot_tool: "etcdutl",
        reports_storage_version: true,
        flags: include_str!("flags/v3.7.txt"),
        late_flags: &[],
        feature_gates: &[
            "AllAlpha",
            "AllBeta",
            "CompactHashCheck",
            "FastLeaseKeepAlive",
            "InitialCorruptCheck",
            "LeaseCheckpoint",
            "LeaseCheckpointPersist",
            "PriorityRequest",
            "SetMemberLocalAddr",
            "StopGRPCServiceOnDefrag",
            "TxnModeWriteWithSharedBuffer",
        ],
        variables: &["ETCD_CLIENT_DEBUG", "ETCD_UNSUPPORTED_ARCH", "ETCD_VERIFY"],
        loggers: &["zap"],
        v2_deprecations: &["write-only", "write-only-skip-check", "write-only-drop-data", "gone"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_consistent() {
        assert!(RELEASES.is_sorted_by_key(|release| release.minor));
        for release in &RELEASES {
            let minor = release.minor;
            assert!(release.tested <= release.newest && release.newest > 0, "3.{minor}");
            assert!(
                release.flags.lines().is_sorted_by_key(|line| line.split(' ').next()),
                "3.{minor}"
            );
            assert!(release.feature_gates.is_sorted(), "3.{minor}");
            let has_flag = |flag: &str| release.flags.lines().any(|line| line.split(' ').next() == Some(flag));
            assert!(release.late_flags.iter().all(|(_, flag)| has_flag(flag)), "3.{minor}");
        }
        let (newest, others) = RELEASES.split_last().unwrap();
        assert_eq!(newest.leads_to_next, None);
        assert!(others.iter().all(|release| release.leads_to_next.is_some()));
    }
}
