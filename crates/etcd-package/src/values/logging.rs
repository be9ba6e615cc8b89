use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What etcd writes about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Log {
    /// From which level on.
    pub level: LogLevel,

    /// In which form. Since etcd 3.6; older releases write JSON.
    #[schemars(example = &"Json")]
    pub format: Option<LogFormat>,
}

/// etcd's `--log-level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    #[default]
    Info,
    /// What may become a problem.
    Warn,
    /// What is a problem.
    Error,
    /// What ends a request.
    Panic,
    /// What ends the process.
    Fatal,
}

/// etcd's `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LogFormat {
    /// For machines.
    Json,
    /// For people.
    Console,
}
