use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ports that etcd listens on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ports {
    /// For clients.
    pub client: Port,
    /// Between members.
    pub peer: Port,
    /// For metrics and health checks, always without TLS.
    pub metrics: Port,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            client: Port(2379),
            peer: Port(2380),
            metrics: Port(8080),
        }
    }
}

/// A TCP port: 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
pub struct Port(#[schemars(range(min = 1))] u16);

impl TryFrom<u16> for Port {
    type Error = PortZero;

    fn try_from(port: u16) -> Result<Self, PortZero> {
        if port == 0 { Err(PortZero) } else { Ok(Self(port)) }
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> Self {
        port.0
    }
}

impl From<Port> for i32 {
    fn from(port: Port) -> Self {
        Self::from(port.0)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// There is no port 0.
#[derive(Clone, Copy, Debug)]
pub struct PortZero;

impl fmt::Display for PortZero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a port from 1 to 65535, found 0")
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
