use std::collections::BTreeMap;

use rutter::names::{DnsSubdomain, LabelKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ServiceAccount of the pods. Its token is not mounted, because etcd does not use the Kubernetes API. With an
/// account of its own, etcd does not get the permissions that others grant to `default`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ServiceAccount {
    /// Whether the ServiceAccount is rendered.
    pub create: bool,

    /// The name of the ServiceAccount. The default is the fullname, or `default` if none is rendered.
    #[schemars(example = &"etcd")]
    pub name: Option<DnsSubdomain>,

    /// Annotations of the ServiceAccount.
    pub annotations: BTreeMap<LabelKey, String>,
}

impl Default for ServiceAccount {
    fn default() -> Self {
        Self {
            create: true,
            name: None,
            annotations: BTreeMap::new(),
        }
    }
}
