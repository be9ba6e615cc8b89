use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, HostAlias, Lifecycle, PodDNSConfig, PodSecurityContext, SecurityContext, Volume, VolumeMount,
};
use rutter::names::{LabelKey, LabelValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Further settings of the pods. Fields with Kubernetes' own types are checked as an API server checks them: a misspelt
/// key is an error, and so is a volume with two sources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Pod {
    /// Further labels of the pods.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// Annotations of the pods.
    pub annotations: BTreeMap<LabelKey, String>,

    /// The pods' `securityContext`. It replaces the default, which complies with the Pod Security Standard `restricted`
    /// and sets the user, group and fsGroup 65532.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub security_context: Option<PodSecurityContext>,

    /// The `securityContext` of the etcd container and of all other containers of the package, including those of jobs.
    /// It does not apply to the containers that you add. It replaces the default, which complies with the Pod Security
    /// Standard `restricted`.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub container_security_context: Option<SecurityContext>,

    /// The time that etcd has to stop, in seconds. A leader hands over its leadership in this time. Kubernetes' default
    /// is 30. With 0, Kubernetes may start a member while its old process still runs.
    #[schemars(example = 60)]
    pub termination_grace_period_seconds: Option<u32>,

    /// DNS settings, as in a Pod's `dnsConfig`.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub dns_config: Option<PodDNSConfig>,

    /// Entries for `/etc/hosts`, as in a Pod's `hostAliases`.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub host_aliases: Vec<HostAlias>,

    /// Further containers of the pods (sidecars).
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_containers: Vec<Container>,

    /// Containers that run before etcd starts.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_init_containers: Vec<Container>,

    /// Further volumes of the pods.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_volumes: Vec<Volume>,

    /// Further volume mounts of the etcd container.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub extra_volume_mounts: Vec<VolumeMount>,

    /// Hooks of the etcd container, as in a container's `lifecycle`. etcd's image has no shell. A hook that removes the
    /// member from the cluster is refused, because it would run whenever the pod restarts.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub lifecycle: Option<Lifecycle>,
}
