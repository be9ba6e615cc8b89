use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// The ports that etcd listens on, 1 to 65535.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ports {
    /// The port for clients.
    pub client: NonZeroU16,
    /// The port for other members.
    pub peer: NonZeroU16,
    /// The port for metrics and health checks. It never uses TLS.
    pub metrics: NonZeroU16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            client: literal("2379"),
            peer: literal("2380"),
            metrics: literal("8080"),
        }
    }
}
