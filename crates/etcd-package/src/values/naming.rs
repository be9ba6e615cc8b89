use std::collections::BTreeMap;

use rutter::names::{DnsLabel, LabelKey, LabelValue, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names and labels of what is rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Naming {
    /// The name of the StatefulSet and of its headless Service, and what all other names start with: at most 52
    /// characters. The default is the name of the installation.
    #[schemars(example = &"etcd")]
    pub fullname: Option<ServiceName>,

    /// The labels by which the StatefulSet and the Services find their pods. The default,
    /// `app.kubernetes.io/name` and `app.kubernetes.io/instance`, is unique to each installation.
    pub selector_labels: BTreeMap<LabelKey, LabelValue>,

    /// The name of the data volume claim template; a claim is called `<dataClaim>-<fullname>-<ordinal>`.
    pub data_claim: DnsLabel,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            fullname: None,
            selector_labels: BTreeMap::new(),
            data_claim: crate::literal("etcd-data"),
        }
    }
}
