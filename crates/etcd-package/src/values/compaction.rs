use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The automatic removal of old revisions. The current value of each key is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Compaction {
    /// The rule that determines which revisions are kept.
    pub mode: CompactionMode,

    /// The revisions to keep: a duration such as 30m or 1h for `Periodic` (default 1h), a number such as 10000 for
    /// `Revision` (no default).
    #[schemars(example = &"1h", with = "Option<RetentionSchema>")]
    pub retention: Option<String>,
}

/// etcd's `--auto-compaction-mode`, or no compaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CompactionMode {
    /// Keep the revisions of a time span.
    #[default]
    Periodic,
    /// Keep a number of revisions.
    Revision,
    /// Keep all revisions.
    Disabled,
}

/// A duration or a number. A number needs no quotes in YAML.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it exists for its schema alone")]
enum RetentionSchema {
    Duration(String),
    Revisions(u64),
}
