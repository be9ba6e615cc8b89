//! The number of members.

use rutter::report::Report;

use crate::codes::{EVEN_REPLICAS, INVALID_REPLICAS, MANY_REPLICAS};

/// The largest number of members. etcd has no limit of its own. Without one, a typing error would render certificates
/// with millions of names.
pub(super) const MAX_REPLICAS: u32 = 100;

/// Checks the number of members, and returns it.
pub(super) fn resolve(replicas: u32, report: &mut Report<'_>) -> u32 {
    match replicas {
        0 => report
            .add(&INVALID_REPLICAS, "replicas", "a cluster has at least one member")
            .help("write 1, 3 or 5"),
        1 | 3 | 5 | 7 => {}
        2 | 4 | 6 => report
            .add(
                &EVEN_REPLICAS,
                "replicas",
                if replicas == 2 {
                    "2 members stop when either is down, so the disruption budget lets no drain pass".to_owned()
                } else {
                    format!("{replicas} members tolerate no more failures than {}", replicas - 1)
                },
            )
            .help(format!("write {} or {}", replicas - 1, replicas + 1)),
        8..=MAX_REPLICAS => report
            .add(
                &MANY_REPLICAS,
                "replicas",
                format!("each write waits for a majority of {replicas} members"),
            )
            .help("etcd's maintainers advise at most 7"),
        _ => report
            .add(
                &INVALID_REPLICAS,
                "replicas",
                format!("{replicas} members are more than the {MAX_REPLICAS} accepted"),
            )
            .help("etcd's maintainers advise at most 7"),
    }
    replicas.min(MAX_REPLICAS)
}
