//! The update strategy of the StatefulSet.

use rutter::report::Report;

use crate::codes::UNUSED_VALUE;
use crate::values::{self, UpdateType};

/// The StatefulSet's update strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateStrategy {
    /// Whether members restart by themselves.
    pub kind: UpdateType,
    /// Members with a lower ordinal are not restarted.
    pub partition: u16,
    /// Seconds that a member must be ready before the next one is restarted.
    pub min_ready_seconds: u16,
}

/// Resolves the update strategy.
pub(super) fn resolve(update: &values::Update, report: &mut Report<'_>) -> UpdateStrategy {
    if update.kind == UpdateType::OnDelete && update.partition > 0 {
        report
            .add(
                &UNUSED_VALUE,
                "update.partition",
                "with the type OnDelete no member is restarted anyway",
            )
            .help("write type: RollingUpdate, or leave it out");
    }
    UpdateStrategy {
        kind: update.kind,
        partition: update.partition,
        min_ready_seconds: update.min_ready_seconds,
    }
}
