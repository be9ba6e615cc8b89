//! The releases of etcd that exist.

use super::{Minor, Version};

/// The newest release of each minor version that is known to exist (the tags of etcd-io/etcd and the images at
/// gcr.io/etcd-development/etcd, November 2026). There are no gaps: every release from `.0` up to these was made.
const NEWEST: [(Minor, u32); 4] = [(Minor(4), 45), (Minor(5), 34), (Minor(6), 15), (Minor(7), 2)];

impl Minor {
    /// Returns the newest release that is known to exist.
    #[must_use]
    pub fn newest_known(self) -> Version {
        let newest = NEWEST.iter().find(|(minor, _)| *minor == self);
        Version::new(self, newest.map_or(0, |(_, patch)| *patch))
    }
}

#[cfg(test)]
mod tests {
    use super::super::MINORS;
    use super::*;

    #[test]
    fn every_minor_version_has_releases_and_the_default_is_one() {
        for minor in MINORS {
            assert!(minor.newest_known() > Version::new(minor, 0), "{minor}");
        }
        assert!(Version::DEFAULT <= Version::DEFAULT.minor().newest_known());
    }
}
