//! The release of etcd.

use rutter::report::Report;
use rutter::suggest::list;

use crate::codes::{END_OF_LIFE, OUTDATED_VERSION, UNSAFE_VERSION};
use crate::etcd::{MINORS, Version};

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
            .help(format!("write {} or {}", version.minor().tested(), Version::DEFAULT));
    } else if version.is_outdated() {
        let recommended = MINORS.into_iter().map(|minor| minor.recommended());
        let recommended = recommended.filter(|version| version.numbers().2 > 0);
        let recommended: Vec<String> = recommended.map(|version| version.to_string()).collect();
        let recommended: Vec<&str> = recommended.iter().map(String::as_str).collect();
        report
            .add(
                &OUTDATED_VERSION,
                "version",
                format!("the etcd project advises against {version}"),
            )
            .help(format!(
                "take the newest release of the same minor version, at least {}",
                list(&recommended, "or")
            ));
    }
}
