use std::collections::BTreeMap;

use rutter::quantity::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// Compute resources by name: `cpu`, `memory`, `ephemeral-storage`, `hugepages-2Mi`, or a name with a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Resources {
    /// The resources that a node must have free for a member. `cpu` and `memory` keep their defaults if you set other
    /// resources only. If one of them has a limit instead, Kubernetes uses the limit as the request. `null` removes a
    /// default.
    pub requests: BTreeMap<String, Option<Quantity>>,

    /// The maximum that a member can use. There are no defaults: a member that its CPU limit slows down loses its
    /// leadership, and a member that exceeds its memory limit is killed. Use a memory limit above `quota`, because etcd
    /// maps its database into memory.
    pub limits: BTreeMap<String, Option<Quantity>>,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            requests: Self::default_requests(),
            limits: BTreeMap::new(),
        }
    }
}

impl Resources {
    /// Returns requests that fit on any node. A node under pressure first evicts pods without requests.
    pub(crate) fn default_requests() -> BTreeMap<String, Option<Quantity>> {
        let requests = [("cpu", "250m"), ("memory", "512Mi")];
        requests
            .map(|(resource, amount)| (resource.to_owned(), Some(literal(amount))))
            .into()
    }
}
