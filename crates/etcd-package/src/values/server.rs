use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// etcd's `--metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Metrics {
    /// The usual.
    #[default]
    Basic,
    /// Histograms of each gRPC method too, at some cost.
    Extensive,
}

/// The value of a flag: a string, a number or a boolean, of which etcd sees the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagValue(pub String);

impl<'de> Deserialize<'de> for FlagValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = FlagValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a boolean")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<FlagValue, E> {
                Ok(FlagValue(value.to_string()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<FlagValue, E> {
                Ok(FlagValue(value.to_string()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<FlagValue, E> {
                Ok(FlagValue(value.to_string()))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<FlagValue, E> {
                Ok(FlagValue(value.to_owned()))
            }
        }

        deserializer.deserialize_any(Text)
    }
}

impl Serialize for FlagValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for FlagValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FlagValue".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}
