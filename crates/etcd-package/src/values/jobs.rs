use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use rutter::names::{LabelKey, LabelValue};
use rutter::quantity::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pods of `defrag` and `backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Jobs {
    /// More labels of the pods.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// Annotations of the pods.
    pub annotations: BTreeMap<LabelKey, String>,

    /// Labels that a node must have.
    pub node_selector: BTreeMap<LabelKey, LabelValue>,

    /// Taints of nodes that the pods put up with.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub tolerations: Vec<Toleration>,

    /// Compute resources of each container, by name.
    pub resources: JobResources,

    /// How many times a failed job is tried again.
    pub backoff_limit: u16,

    /// How many jobs that succeeded stay for inspection.
    pub successful_jobs_history_limit: u16,

    /// How many jobs that failed stay for inspection.
    pub failed_jobs_history_limit: u16,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            resources: JobResources::default(),
            backoff_limit: 2,
            successful_jobs_history_limit: 3,
            failed_jobs_history_limit: 3,
        }
    }
}

/// Compute resources of the jobs' containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JobResources {
    /// What a node must have free.
    pub requests: BTreeMap<String, Quantity>,

    /// What a container may use at most.
    pub limits: BTreeMap<String, Quantity>,
}
