//! Values that are texts with a grammar, or one of a few texts. They are parsed when they are read, and printed when they
//! are written. In JSON Schema they are strings.

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

/// Declares an enumeration whose values are read, and written into manifests, as they are spelt here.
///
/// ```
/// rutter::string_enum! {
///     /// When images are pulled.
///     pub enum PullPolicy {
///         /// Before each start.
///         Always = "Always",
///         /// Unless the node has it.
///         IfNotPresent = "IfNotPresent",
///     }
/// }
/// assert_eq!(PullPolicy::Always.as_str(), "Always");
/// ```
#[macro_export]
macro_rules! string_enum {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($(#[$of_variant:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        $visibility enum $name {
            $($(#[$of_variant])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Returns the value as Kubernetes has it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
