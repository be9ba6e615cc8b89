use std::collections::BTreeMap;

use rutter::quantity::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// Compute resources, by name: `cpu`, `memory`, `ephemeral-storage`, `hugepages-2Mi`, or one with a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Resources {
    /// What a node must have free for a member. Beside what is given here, `cpu` and `memory` keep their defaults, unless
    /// they have a limit, which Kubernetes then takes for the request; `null` takes a default away.
    pub requests: BTreeMap<String, Option<Quantity>>,

    /// What a member may use at most. A member that is held back by its CPU limit loses its leadership, and one that is
    /// killed for memory is down, so there are no defaults. A memory limit should be above `quota`: etcd maps its database
    /// into memory.
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
    /// Enough to be scheduled anywhere, and not to be the first that a node under pressure evicts, as a pod without
    /// requests is.
    pub(crate) fn default_requests() -> BTreeMap<String, Option<Quantity>> {
        let requests = [("cpu", "250m"), ("memory", "512Mi")];
        requests
            .map(|(resource, amount)| (resource.to_owned(), Some(literal(amount))))
            .into()
    }
}
