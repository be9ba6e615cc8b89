//! What etcd itself knows, as data.

mod cipher_suites;
mod flags;
mod upgrade;
mod version;

pub use cipher_suites::CipherSuite;
pub use flags::Replacement;
pub use upgrade::{NoWay, hops, needs_snapshot};
pub use version::{MINORS, Minor, Version};

/// What `--quota-backend-bytes` is when nobody sets it: 2 GiB (`server/storage/quota.go`, `DefaultQuotaBytes`).
pub const DEFAULT_QUOTA_BYTES: i128 = 2 << 30;
