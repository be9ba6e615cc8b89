//! Values that are texts with a grammar: parsed when they are read, printed when they are written, strings to JSON
//! Schema.

/// Makes a `FromStr<Err = `[`Refusal`](crate::yaml::Refusal)`> + Display` type a serde string with a JSON Schema: its
/// types, and of its grammar what a regular expression without looking ahead can say, as Go's have it.
#[macro_export]
macro_rules! text_type {
    ($type:ty, types = $types:tt, $($keyword:literal: $limit:expr),* $(,)?) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err($crate::yaml::Refusal::into_serde)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": $types, $($keyword: $limit),* })
            }
        }
    };
}
