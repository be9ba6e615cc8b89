//! The versions of etcd that the package supports.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rutter::yaml::Refusal;

use super::releases::{RELEASES, Release};
use crate::codes::UNSUPPORTED_VERSION;

/// A release of etcd that the package can render: of a minor version in [`MINORS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    minor: Minor,
    patch: u32,
}

/// A minor version: `3.6`.
#[derive(Clone, Copy)]
pub struct Minor(&'static Release);

/// The minor versions that the package supports, oldest first.
pub const MINORS: [Minor; RELEASES.len()] = {
    let mut minors = [Minor(&RELEASES[0]); RELEASES.len()];
    let mut index = 0;
    while index < RELEASES.len() {
        minors[index] = Minor(&RELEASES[index]);
        index += 1;
    }
    minors
};

impl Minor {
    /// Returns the row of the table.
    pub(super) fn release(self) -> &'static Release {
        self.0
    }

    /// Whether the etcd project still maintains it.
    #[must_use]
    pub fn is_maintained(self) -> bool {
        self.0.is_maintained
    }

    /// Returns the newest release that is known to exist.
    #[must_use]
    pub fn newest_known(self) -> Version {
        Version::new(self, self.0.newest)
    }

    /// Returns the oldest release that the project recommends for production.
    #[must_use]
    pub fn recommended(self) -> Version {
        Version::new(self, self.0.recommended)
    }

    /// Returns the oldest minor version with feature gates.
    #[must_use]
    pub fn first_with_feature_gates() -> Self {
        let mut minors = MINORS.into_iter();
        let first = minors.find(|minor| !minor.0.feature_gates.is_empty());
        first.unwrap_or(Version::DEFAULT.minor)
    }

    /// Returns the newest release that this package was tested with.
    #[must_use]
    pub const fn tested(self) -> Version {
        Version::new(self, self.0.tested)
    }
}

impl PartialEq for Minor {
    fn eq(&self, other: &Self) -> bool {
        self.0.minor == other.0.minor
    }
}

impl Eq for Minor {}

impl PartialOrd for Minor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Minor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.minor.cmp(&other.0.minor)
    }
}

impl fmt::Debug for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.0.minor)
    }
}

impl Version {
    /// The default: a release of the minor version before the newest, whose `.0` releases had time to be fixed.
    pub const DEFAULT: Self = MINORS[MINORS.len() - 2].tested();

    pub(super) const fn new(minor: Minor, patch: u32) -> Self {
        Self { minor, patch }
    }

    /// Returns its minor version.
    #[must_use]
    pub fn minor(self) -> Minor {
        self.minor
    }

    /// Returns the number of the patch release.
    pub(super) fn patch(self) -> u32 {
        self.patch
    }

    /// Returns the oldest release with a feature.
    fn first_with(feature: fn(&Release) -> Option<u32>) -> Self {
        let mut releases = MINORS
            .into_iter()
            .filter_map(|minor| Some(Self::new(minor, feature(minor.0)?)));
        releases.next().unwrap_or(Self::DEFAULT)
    }

    /// Returns the oldest release that accepts several names in `--peer-cert-allowed-cn` and similar flags.
    #[must_use]
    pub fn first_with_lists_of_allowed() -> Self {
        Self::first_with(|release| release.lists_of_allowed)
    }

    /// Returns the oldest release that can raise revisions when it restores a snapshot.
    #[must_use]
    pub fn first_to_bump_revisions() -> Self {
        Self::first_with(|release| release.bump_revision)
    }

    fn is_since(self, first: Option<u32>) -> bool {
        first.is_some_and(|first| self.patch >= first)
    }

    /// Whether `endpoint status` has the version of a member's data.
    #[must_use]
    pub fn tells_storage_version(self) -> bool {
        self.minor.0.reports_storage_version
    }

    /// Whether `/livez` and `/readyz` exist.
    #[must_use]
    pub fn serves_livez(self) -> bool {
        self.is_since(self.minor.0.livez)
    }

    /// Whether the project's image has a shell.
    #[must_use]
    pub fn has_shell(self) -> bool {
        !self.is_since(self.minor.0.without_shell)
    }

    /// Whether this release can corrupt data when a member is killed.
    #[must_use]
    pub fn corrupts_data(self) -> bool {
        self.patch < self.minor.0.safe
    }

    /// Whether the project does not recommend it for production.
    #[must_use]
    pub fn is_outdated(self) -> bool {
        self.patch < self.minor.0.recommended
    }

    /// Whether `--peer-cert-allowed-cn` and similar flags accept several names.
    #[must_use]
    pub fn takes_lists_of_allowed(self) -> bool {
        self.is_since(self.minor.0.lists_of_allowed)
    }

    /// Whether restoring a snapshot can raise revisions.
    #[must_use]
    pub fn bumps_revisions(self) -> bool {
        self.is_since(self.minor.0.bump_revision)
    }

    /// Returns the program that works on snapshot files.
    #[must_use]
    pub fn snapshot_tool(self) -> &'static str {
        self.minor.0.snapshot_tool
    }

    /// Returns the version that an image tag starts with: `v3.5.15`, `3.5.15-0`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<(u32, u32, u32)> {
        let text = tag.strip_prefix('v').unwrap_or(tag);
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        numbers(&text[..end])
    }

    /// Returns its three numbers.
    #[must_use]
    pub fn numbers(self) -> (u32, u32, u32) {
        (3, self.minor.0.minor, self.patch)
    }
}

fn numbers(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.');
    let mut number = || {
        let part = parts.next()?;
        let canonical = !part.is_empty() && part.len() <= 6 && (part == "0" || !part.starts_with('0'));
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        (canonical && digits).then(|| part.parse().ok())?
    };
    let numbers = (number()?, number()?, number()?);
    parts.next().is_none().then_some(numbers)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let Some((major, minor, patch)) = numbers(text.strip_prefix('v').unwrap_or(text)) else {
            return Err(Refusal::invalid(format!("{text:?} is not an etcd version"))
                .help(format!("write all three numbers, such as {}", Self::DEFAULT)));
        };
        let known = MINORS.iter().find(|known| major == 3 && known.0.minor == minor);
        match known {
            Some(minor) => Ok(Self { minor: *minor, patch }),
            None => {
                let [oldest, .., newest] = MINORS;
                Err(Refusal::new(
                    &UNSUPPORTED_VERSION,
                    format!("etcd {major}.{minor} is not supported; {oldest} to {newest} are"),
                )
                .help(format!("such as {}", Self::DEFAULT)))
            }
        }
    }
}

/// Returns the regular expression of the versions.
fn pattern() -> String {
    let [oldest, .., newest] = MINORS;
    format!(r"^v?3\.[{}-{}]\.(0|[1-9][0-9]*)$", oldest.0.minor, newest.0.minor)
}

rutter::text_type!(Version, types = "string", "pattern": pattern());
