//! Which releases a cluster passes through on its way from one to another.

use super::version::{Minor, Version};

/// Why there is no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWay {
    /// etcd's downgrade leads to 3.5 and no further: 3.4 knows nothing of the procedure, and gets no more fixes.
    Below(Minor),
}

/// The releases to run one after the other, the first one after `from`, the last one `to`; none if they are the same.
///
/// A cluster takes one minor version at a time, in either direction, and leaves a minor version from its newest release
/// if the one that runs is too old to be left ("Upgrade etcd from 3.5 to 3.6" and its like on etcd.io).
///
/// # Errors
///
/// If etcd cannot go there.
pub fn hops(from: Version, to: Version) -> Result<Vec<Version>, NoWay> {
    let (start, end) = (from.minor(), to.minor());
    if end < start && end < OLDEST_TARGET {
        return Err(NoWay::Below(OLDEST_TARGET));
    }
    let mut hops = Vec::new();
    let mut minor = start;
    while minor < end {
        let at = hops.last().copied().unwrap_or(from);
        if at < first_to_leave(minor) {
            hops.push(newest(minor));
        }
        minor = Minor(minor.0 + 1);
        hops.push(if minor == end { to } else { newest(minor) });
    }
    while minor > end {
        minor = Minor(minor.0 - 1);
        hops.push(if minor == end { to } else { newest(minor) });
    }
    if start == end && from != to {
        hops.push(to);
    }
    Ok(hops)
}

/// Whether each member has to make a snapshot before its version changes so, because it could not read its log.
///
/// Members of 3.5 make their addresses known by requests of etcd's second API, and 3.7 ends at the first that it finds in
/// its log (`server/etcdserver/apply.go`, "unmarshal should never fail"). A log begins at the last snapshot, so one has to
/// be made while 3.6 runs; nothing tells whether one was.
pub fn needs_snapshot(from: Version, to: Version) -> bool {
    from.minor() == Minor(6) && to.minor() == Minor(7)
}

/// The oldest minor version that a downgrade can lead to.
const OLDEST_TARGET: Minor = Minor(5);

/// The release to be on before the next minor version: members of an older one may refuse to work beside those of it
/// (the guides for upgrades on etcd.io).
fn first_to_leave(minor: Minor) -> Version {
    let patch = match minor.0 {
        5 => 32,
        6 => 11,
        _ => 0,
    };
    Version::new(minor, patch)
}

/// The newest release of a minor version that this package was tried with.
fn newest(minor: Minor) -> Version {
    let patch = match minor.0 {
        4 => 25,
        5 => 33,
        6 => 14,
        _ => 1,
    };
    Version::new(minor, patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways() {
        for (from, to, expected) in [
            ("3.6.14", "3.6.14", Some("")),
            ("3.6.1", "3.6.14", Some("3.6.14")),
            ("3.6.14", "3.6.1", Some("3.6.1")),
            ("3.5.33", "3.6.2", Some("3.6.2")),
            ("3.5.32", "3.6.14", Some("3.6.14")),
            ("3.5.15", "3.6.14", Some("3.5.33 3.6.14")),
            ("3.5.33", "3.7.0", Some("3.6.14 3.7.0")),
            ("3.6.10", "3.7.1", Some("3.6.14 3.7.1")),
            ("3.4.25", "3.7.1", Some("3.5.33 3.6.14 3.7.1")),
            ("3.6.14", "3.5.33", Some("3.5.33")),
            ("3.7.1", "3.5.20", Some("3.6.14 3.5.20")),
            ("3.4.30", "3.4.25", Some("3.4.25")),
            ("3.5.33", "3.4.25", None),
            ("3.7.1", "3.4.25", None),
        ] {
            let found = hops(from.parse().unwrap(), to.parse().unwrap()).ok();
            let found = found.map(|hops| hops.iter().map(Version::to_string).collect::<Vec<_>>().join(" "));
            assert_eq!(found.as_deref(), expected, "{from} → {to}");
        }
    }
}
