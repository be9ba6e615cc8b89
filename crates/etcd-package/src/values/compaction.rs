use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The automatic removal of old revisions. The current value of each key stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Compaction {
    /// `Periodic` keeps the revisions of a time span, `Revision` keeps a number of them, `Disabled` keeps all.
    pub mode: CompactionMode,

    /// How much to keep: a duration such as 30m or 1h for `Periodic` (default 1h), a number such as 10000 for
    /// `Revision` (no default).
    #[schemars(example = &"1h", with = "Option<RetentionSchema>")]
    pub retention: Option<String>,
}

/// etcd's `--auto-compaction-mode`, and not to compact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CompactionMode {
    /// By age.
    #[default]
    Periodic,
    /// By number.
    Revision,
    /// Not at all.
    Disabled,
}

/// A duration or a number: YAML leaves the quotes of a number to the author.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it exists for its schema alone")]
enum RetentionSchema {
    Duration(String),
    Revisions(u64),
}
