use std::collections::BTreeMap;

use rutter::names::{DnsSubdomain, LabelKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ServiceAccount of the pods. etcd never talks to Kubernetes, so its token is not mounted; an account of its own keeps
/// what others grant to `default` away from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ServiceAccount {
    /// Whether it is rendered.
    pub create: bool,

    /// Its name. The default is the fullname, and `default` where none is rendered.
    #[schemars(example = &"etcd")]
    pub name: Option<DnsSubdomain>,

    /// Its annotations.
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
