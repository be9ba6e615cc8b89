use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The value of a flag: a string, a number or a boolean. etcd gets its text.
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
