//! The revisions that clients can read, and the room for what they write.

use std::time::Duration;

use crate::codes::{CLIENTS_CUT_OFF, SMALLER_QUOTA};
use crate::plan::fact::Fact;
use crate::plan::observed::{ObservedCluster, quoted};
use crate::plan::planner::Planner;
use crate::plan::planner::warnings::quota;

/// The revisions that compaction leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
enum History {
    All,
    Periodic(Duration),
    Revisions(u64),
    /// The effect of these texts in etcd is not known.
    Other(String, String),
}

impl History {
    fn of(cluster: &ObservedCluster) -> Option<Self> {
        let option = |flag: &str, default: &str| match cluster.options.get(flag) {
            Fact::Known(text) => Some(text),
            Fact::Absent => Some(default.to_owned()),
            Fact::Unknown(_) => None,
        };
        // etcd's defaults (`server/embed/config.go`, `NewConfig`).
        let (mode, retention) = (
            option("auto-compaction-mode", "periodic")?,
            option("auto-compaction-retention", "0")?,
        );
        let number = retention.parse::<u64>().ok();
        Some(match (&*mode, number) {
            (_, Some(0)) => Self::All,
            ("revision", Some(number)) => Self::Revisions(number),
            // A number is one of hours.
            ("periodic", Some(hours)) => Self::Periodic(Duration::from_secs(hours.saturating_mul(60 * 60))),
            ("periodic", None) => match retention.parse::<rutter::duration::Duration>() {
                Ok(duration) => Self::Periodic(duration.value()),
                Err(_) => Self::Other(mode, retention),
            },
            _ => Self::Other(mode, retention),
        })
    }

    /// Whether it may have fewer revisions than another.
    fn may_be_shorter_than(&self, other: &Self) -> bool {
        match (other, self) {
            (_, Self::All) => false,
            (Self::Periodic(other), Self::Periodic(this)) => this < other,
            (Self::Revisions(other), Self::Revisions(this)) => this < other,
            (other, this) => other != this,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::All => "all revisions".to_owned(),
            Self::Periodic(duration) => format!("those of the last {}", span(*duration)),
            Self::Revisions(number) => format!("the last {number}"),
            Self::Other(mode, retention) => format!("{} of the mode {}", quoted(retention), quoted(mode)),
        }
    }
}

/// Returns a time span in its largest unit.
fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if duration.subsec_nanos() > 0 || !seconds.is_multiple_of(60) => format!("{duration:?}"),
        seconds if seconds.is_multiple_of(60 * 60) => format!("{}h", seconds / 60 / 60),
        seconds => format!("{}m", seconds / 60),
    }
}

impl Planner<'_> {
    /// Warns of revisions that are compacted earlier, and of a smaller quota.
    pub(super) fn warn_of_history(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        let (from, to) = (self.from, self.to);
        if let (Some(old), Some(new)) = (History::of(from), History::of(to))
            && new.may_be_shorter_than(&old)
        {
            warn(
                &CLIENTS_CUT_OFF,
                "compaction",
                format!(
                    "etcd has kept {}, and will keep {}: watches and reads of older revisions end with the error `compacted`",
                    old.shown(),
                    new.shown()
                ),
                "make sure that clients list again after this error, or keep the history as it is (compaction)",
            );
        }
        if let (Some(old), Some(new)) = (quota(from), quota(to))
            && new < old
        {
            warn(
                &SMALLER_QUOTA,
                "quota",
                format!(
                    "the quota shrinks from {old} to {new} bytes; a member whose database is larger takes no writes"
                ),
                "the plan asks for the size of the database first; compact and defragment it if it is larger",
            );
        }
    }
}
