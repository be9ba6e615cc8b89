//! The versions of etcd that the package knows.

use std::fmt;
use std::str::FromStr;

use rutter::yaml::Refusal;

use super::flags;
use crate::codes::UNSUPPORTED_VERSION;

/// A release of etcd that the package can render: of a minor version in [`MINORS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    minor: Minor,
    patch: u32,
}

/// A minor version: `3.6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(pub(super) u32);

/// The minor versions that the package knows, oldest first.
pub const MINORS: [Minor; 4] = [Minor(4), Minor(5), Minor(6), Minor(7)];

impl Minor {
    /// Whether the etcd project still fixes it: it maintains the two latest minor versions, and 3.5 beside them.
    #[must_use]
    pub fn is_maintained(self) -> bool {
        self.0 >= 5
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.0)
    }
}

impl Version {
    /// What is run unless another is asked for: the minor version before the newest, so that what there was to find
    /// in a `.0` has been found.
    pub const DEFAULT: Self = Self {
        minor: Minor(6),
        patch: 14,
    };

    pub(super) fn new(minor: Minor, patch: u32) -> Self {
        Self { minor, patch }
    }

    /// Whether members say in `endpoint status` which minor version their data are of: since 3.6.
    #[must_use]
    pub fn tells_storage_version(self) -> bool {
        self.minor >= Minor(6)
    }

    /// Its minor version.
    #[must_use]
    pub fn minor(self) -> Minor {
        self.minor
    }

    /// Whether `/livez` and `/readyz` exist: since 3.5.11 and 3.4.29 (etcd's `CHANGELOG-3.5.md`, `CHANGELOG-3.4.md`).
    #[must_use]
    pub fn serves_livez(self) -> bool {
        match self.minor.0 {
            4 => self.patch >= 29,
            5 => self.patch >= 11,
            _ => true,
        }
    }

    /// Whether the project's image had a shell: before 3.5.7 (`CHANGELOG-3.5.md`); of 3.4, its older releases.
    #[must_use]
    pub fn has_shell(self) -> bool {
        match self.minor.0 {
            4 => true,
            5 => self.patch < 7,
            _ => false,
        }
    }

    /// Whether a crash of this release can corrupt data: 3.5.0 to 3.5.2, mended in 3.5.3 (etcd-io/etcd#13908).
    #[must_use]
    pub fn corrupts_data(self) -> bool {
        self.minor.0 == 5 && self.patch < 3
    }

    /// Whether the project advises against it in production: before 3.4.22 and 3.5.6 (etcd's `CHANGELOG/README.md`).
    #[must_use]
    pub fn is_outdated(self) -> bool {
        match self.minor.0 {
            4 => self.patch < 22,
            5 => self.patch < 6,
            _ => false,
        }
    }

    /// Whether `--peer-cert-allowed-cn` and its like take several names: since 3.5.15 (`server/embed/config.go`).
    #[must_use]
    pub fn takes_lists_of_allowed(self) -> bool {
        (self.minor, self.patch) >= (Minor(5), 15)
    }

    /// Whether restoring can raise revisions: since 3.5.10 (`etcdutl/etcdutl/snapshot_command.go`).
    #[must_use]
    pub fn bumps_revisions(self) -> bool {
        (self.minor, self.patch) >= (Minor(5), 10)
    }

    /// The program that works on the files of snapshots: `etcdutl` since 3.5.0, `etcdctl` before.
    #[must_use]
    pub fn snapshot_tool(self) -> &'static str {
        if self.minor >= Minor(5) { "etcdutl" } else { "etcdctl" }
    }

    /// Whether there is a flag `name`.
    #[must_use]
    pub fn has_flag(self, name: &str) -> bool {
        self.minor.has_flag(name) && self.patch >= flags::first_patch(self.minor, name)
    }

    /// The release of the same minor version with which a flag came, if this one is too old for it.
    #[must_use]
    pub fn release_with(self, flag: &str) -> Option<Self> {
        let patch = flags::first_patch(self.minor, flag);
        (self.patch < patch).then_some(Self { patch, ..self })
    }

    /// The version that an image tag starts with: `v3.5.15`, `3.5.15-0`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<(u32, u32, u32)> {
        let text = tag.strip_prefix('v').unwrap_or(tag);
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        numbers(&text[..end])
    }

    /// Its three numbers.
    #[must_use]
    pub fn numbers(self) -> (u32, u32, u32) {
        (3, self.minor.0, self.patch)
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
        let known = MINORS.iter().find(|known| major == 3 && known.0 == minor);
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

rutter::text_type!(Version, types = "string", "pattern": r"^v?3\.[4-7]\.(0|[1-9][0-9]*)$");
