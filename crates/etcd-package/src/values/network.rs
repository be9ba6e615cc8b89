use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ports that etcd listens on: 1 to 65535.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ports {
    /// For clients.
    pub client: NonZeroU16,
    /// Between members.
    pub peer: NonZeroU16,
    /// For metrics and health checks, always without TLS.
    pub metrics: NonZeroU16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            client: crate::literal("2379"),
            peer: crate::literal("2380"),
            metrics: crate::literal("8080"),
        }
    }
}

/// The Services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Service {
    /// The Service for clients, `<fullname>-client`. Unlike the headless one it has an address of its own and lists
    /// only members that are ready.
    pub client: ClientService,
}

/// The Service for clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ClientService {
    /// Whether it is rendered.
    pub enabled: bool,
}

impl Default for ClientService {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DisruptionBudget {
    /// Whether it is rendered, for more than one member.
    pub enabled: bool,
}

impl Default for DisruptionBudget {
    fn default() -> Self {
        Self { enabled: true }
    }
}
