//! The releases that a cluster passes through when its version changes.

use super::version::{MINORS, Minor, Version};

/// A downgrade that etcd does not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedDowngrade {
    /// The oldest minor version that a downgrade can lead to.
    pub oldest: Minor,
}

/// Returns the releases to run one after the other: the first one after `from`, and `to` as the last one. There is none
/// if they are the same.
///
/// A cluster changes by one minor version at a time, in either direction. If the running release is too old to reach
/// the next minor version, a newer one of the same minor version comes first ("Upgrade etcd from 3.5 to 3.6" and
/// similar pages on etcd.io).
///
/// # Errors
///
/// Returns an error if etcd cannot be downgraded to that version.
pub fn hops(from: Version, to: Version) -> Result<Vec<Version>, UnsupportedDowngrade> {
    let (start, end) = (from.minor(), to.minor());
    let mut targets = MINORS.into_iter().filter(|minor| minor.release().is_downgrade_target);
    if let Some(oldest) = targets.next().filter(|oldest| end < start && end < *oldest) {
        return Err(UnsupportedDowngrade { oldest });
    }
    let run = |minor: Minor| if minor == end { to } else { minor.tested() };
    let mut hops = Vec::new();
    for minor in MINORS.into_iter().filter(|minor| start <= *minor && *minor <= end) {
        if minor > start {
            hops.push(run(minor));
        }
        let leads_to_next = minor.release().leads_to_next.filter(|_| minor < end);
        let at = hops.last().copied().unwrap_or(from);
        if leads_to_next.is_some_and(|first| at.patch() < first) {
            hops.push(minor.tested());
        }
    }
    for minor in MINORS.into_iter().rev().filter(|minor| end <= *minor && *minor < start) {
        hops.push(run(minor));
    }
    if start == end && from != to {
        hops.push(to);
    }
    Ok(hops)
}

/// Whether each member has to make a snapshot before its version changes, because the new one could not read its log.
pub fn needs_snapshot(from: Version, to: Version) -> bool {
    from.minor().release().next_needs_snapshot && from.minor() < to.minor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_upgrade_to_3_7_needs_a_snapshot() {
        let needs = |from: &str, to: &str| needs_snapshot(from.parse().unwrap(), to.parse().unwrap());
        assert!(needs("3.6.0", "3.7.0"));
        for (from, to) in [
            ("3.5.0", "3.6.0"),
            ("3.6.0", "3.6.1"),
            ("3.7.0", "3.6.0"),
            ("3.6.0", "3.5.0"),
        ] {
            assert!(!needs(from, to), "{from} → {to}");
        }
    }

    #[test]
    fn upgrades_and_downgrades_pass_through_each_minor_version() {
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
