use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use rutter::names::{LabelKey, LabelValue};
use rutter::quantity::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the jobs of `defrag` and `backup` and of their pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Jobs {
    /// Further labels of the pods.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// Annotations of the pods.
    pub annotations: BTreeMap<LabelKey, String>,

    /// Labels that a node must have.
    pub node_selector: BTreeMap<LabelKey, LabelValue>,

    /// Taints of nodes that the pods tolerate, as in a Pod's `tolerations`.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub tolerations: Vec<Toleration>,

    /// Compute resources of each container, by name.
    pub resources: JobResources,

    /// The number of retries of a failed job.
    pub backoff_limit: u16,

    /// The number of succeeded jobs that are kept.
    pub successful_jobs_history_limit: u16,

    /// The number of failed jobs that are kept.
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
    /// The resources that a node must have free for a container.
    pub requests: BTreeMap<String, Quantity>,

    /// The maximum that a container can use.
    pub limits: BTreeMap<String, Quantity>,
}
