use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log of etcd.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Log {
    /// The minimum level of the messages that are logged.
    pub level: LogLevel,

    /// The format of the log. Requires etcd 3.6 or later. Older releases write JSON.
    #[schemars(example = &"Json")]
    pub format: Option<LogFormat>,
}

/// etcd's `--log-level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LogLevel {
    /// All messages.
    Debug,
    /// Normal events.
    #[default]
    Info,
    /// Possible problems.
    Warn,
    /// Problems.
    Error,
    /// Problems that end a request.
    Panic,
    /// Problems that end the process.
    Fatal,
}

/// etcd's `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LogFormat {
    /// JSON, for programs.
    Json,
    /// Plain text, for people.
    Console,
}
