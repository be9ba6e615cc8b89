use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// etcd's `--metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Metrics {
    /// The usual.
    #[default]
    Basic,
    /// Histograms of each gRPC method too, at some cost.
    Extensive,
}
