use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// etcd's `--metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Metrics {
    /// The usual metrics.
    #[default]
    Basic,
    /// The usual metrics, and histograms of each gRPC method, at some cost.
    Extensive,
}
