//! The removal of old revisions.
//!
//! etcd reads a duration in the mode `revision` as a huge number, and a bare number in the mode `periodic` as hours
//! (`server/embed/config.go`, `parseCompactionRetention`). Both are refused here.

use rutter::duration::Duration;
use rutter::report::Report;

use crate::codes::{COMPACTION_DISABLED, INVALID_RETENTION};
use crate::values::{self, CompactionMode};

const PATH: &str = "compaction.retention";

/// The shortest time span. etcd checks ten times in it, and ends if it is less than ten nanoseconds
/// (`server/etcdserver/api/v3compactor`).
const SHORTEST: std::time::Duration = std::time::Duration::from_secs(1);

/// The revisions that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compaction {
    /// The revisions of a time span.
    Periodic(Duration),
    /// A number of revisions, at least one.
    Revision(u64),
}

/// Resolves the compaction. The inner option is none if it is off, and the outer one if the values are refused.
pub(super) fn resolve(compaction: &values::Compaction, report: &mut Report<'_>) -> Option<Option<Compaction>> {
    match (compaction.mode, compaction.retention.as_deref()) {
        (CompactionMode::Periodic, retention) => periodic(retention.unwrap_or("1h"), report).map(Some),
        (CompactionMode::Revision, Some(retention)) => revision(retention, report).map(Some),
        (CompactionMode::Revision, None) => {
            report
                .add(
                    &INVALID_RETENTION,
                    PATH,
                    "the mode Revision needs the number of revisions to keep",
                )
                .help("such as retention: 10000");
            None
        }
        (CompactionMode::Disabled, Some(_)) => {
            report
                .add(
                    &INVALID_RETENTION,
                    PATH,
                    "the mode Disabled keeps all revisions, so this has no effect",
                )
                .help("leave it out, or write mode: Periodic");
            None
        }
        (CompactionMode::Disabled, None) => {
            report
                .add(
                    &COMPACTION_DISABLED,
                    "compaction.mode",
                    "old revisions stay until the database's quota is full",
                )
                .help("write mode: Periodic, or compact and defragment by yourself");
            Some(None)
        }
    }
}

fn periodic(text: &str, report: &mut Report<'_>) -> Option<Compaction> {
    match text.parse::<Duration>() {
        Ok(duration) if duration.value() < SHORTEST => {
            report
                .add(
                    &INVALID_RETENTION,
                    PATH,
                    format!("{duration} of the past is less than any client could use"),
                )
                .help("1s or more, such as 1h");
            None
        }
        Ok(duration) => Some(Compaction::Periodic(duration)),
        Err(refusal) => {
            let help = match text.parse::<u64>() {
                Ok(hours @ 1..) => format!("write a unit: {hours}h, or {hours}m; or mode: Revision"),
                _ => refusal
                    .help
                    .unwrap_or_else(|| "such as 1h, or mode: Disabled".to_owned()),
            };
            report.add(&INVALID_RETENTION, PATH, refusal.message).help(help);
            None
        }
    }
}

fn revision(text: &str, report: &mut Report<'_>) -> Option<Compaction> {
    // The text of a number may be the one that Helm made of it: 1e+06.
    let number = rutter::yaml::Scalar::plain(text).as_int();
    match number.and_then(|number| u64::try_from(number).ok()) {
        Some(revisions @ 1..) => Some(Compaction::Revision(revisions)),
        _ => {
            let help = if text.parse::<Duration>().is_ok() {
                "such as 10000, or write mode: Periodic to keep a time span"
            } else {
                "such as 10000"
            };
            report
                .add(
                    &INVALID_RETENTION,
                    PATH,
                    format!("{text:?} is not a number of revisions, 1 or more"),
                )
                .help(help);
            None
        }
    }
}
