//! Facts about etcd itself, as data.

mod cipher_suites;
mod flags;
mod images;
mod releases;
mod upgrade;
mod variables;
mod version;

pub use cipher_suites::CipherSuite;
pub use flags::Replacement;
pub(crate) use flags::is_zero;
pub use images::{BIN_DIR, Layout};
pub use upgrade::{UnsupportedDowngrade, hops, needs_snapshot};
pub use variables::{flag_of, instead_of_bitnami, variable_of};
pub use version::{MINORS, Minor, Version};

/// etcd's default of `--quota-backend-bytes`: 2 GiB (`server/storage/quota.go`, `DefaultQuotaBytes`).
pub const DEFAULT_QUOTA_BYTES: i128 = 2 << 30;
