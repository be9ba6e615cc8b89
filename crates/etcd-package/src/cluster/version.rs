//! The release of etcd.

use rutter::report::Report;

use crate::codes::{END_OF_LIFE, OUTDATED_VERSION, UNSAFE_VERSION};
use crate::etcd::Version;

/// Warns about releases that the etcd project advises against, and refuses those that corrupt data.
pub(super) fn check(version: Version, report: &mut Report<'_>) {
    if !version.minor().is_maintained() {
        report
            .add(
                &END_OF_LIFE,
                "version",
                format!("etcd {} gets no more fixes", version.minor()),
            )
            .help(format!(
                "plan the upgrade to {}, one minor version at a time",
                Version::DEFAULT
            ));
    }
    if version.corrupts_data() {
        report
            .add(
                &UNSAFE_VERSION,
                "version",
                format!("etcd {version} can corrupt its data when it is killed"),
            )
            .help(format!("write 3.5.33 or {}", Version::DEFAULT));
    } else if version.is_outdated() {
        report
            .add(
                &OUTDATED_VERSION,
                "version",
                format!("the etcd project advises against {version}"),
            )
            .help("take the newest release of the same minor version, at least 3.4.22 or 3.5.6");
    }
}
