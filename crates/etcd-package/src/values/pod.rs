use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, HostAlias, Lifecycle, PodDNSConfig, PodSecurityContext, SecurityContext, Volume, VolumeMount,
};
use rutter::names::{LabelKey, LabelValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pods, beyond what makes them members. Fields with Kubernetes' own types are checked as an API server checks
/// them: a misspelt key is an error here, and so is a volume with two sources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Pod {
    /// More labels of the pods.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// Annotations of the pods.
    pub annotations: BTreeMap<LabelKey, String>,

    /// The pods' `securityContext`, in place of one that fits Pod Security's profile `restricted`: user, group and
    /// fsGroup 65532.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub security_context: Option<PodSecurityContext>,

    /// The `securityContext` of the etcd container and of the containers beside it that are not yours, those of jobs
    /// included, in place of one that fits the same profile.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub container_security_context: Option<SecurityContext>,

    /// Seconds that etcd has to stop, in which a leader hands over. Kubernetes' default is 30. With 0 Kubernetes may start
    /// a member while its old process still runs.
    #[schemars(example = 60)]
    pub termination_grace_period_seconds: Option<u32>,

    /// The pods' `dnsConfig`.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub dns_config: Option<PodDNSConfig>,

    /// The pods' `hostAliases`.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub host_aliases: Vec<HostAlias>,

    /// More containers.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_containers: Vec<Container>,

    /// Containers that run before etcd starts.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_init_containers: Vec<Container>,

    /// More volumes.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_volumes: Vec<Volume>,

    /// More mounts of the etcd container.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_volume_mounts: Vec<VolumeMount>,

    /// The etcd container's `lifecycle`. etcd's image has no shell. A hook that removes the member is refused: it would run
    /// whenever the pod restarts.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub lifecycle: Option<Lifecycle>,
}
