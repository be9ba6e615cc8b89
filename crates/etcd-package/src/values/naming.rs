use std::collections::BTreeMap;

use rutter::names::{DnsLabel, LabelKey, LabelValue, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// Names and labels of the rendered objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Naming {
    /// The name of the StatefulSet, and the prefix of all other names, at most 52 characters. The default is the name
    /// of the installation.
    #[schemars(example = &"etcd")]
    pub fullname: Option<ServiceName>,

    /// The name of the headless Service, which is part of every member's URLs. The default is the fullname.
    #[schemars(example = &"etcd-headless")]
    pub headless_service: Option<ServiceName>,

    /// The name of the client Service. The default is `<fullname>-client`.
    #[schemars(example = &"etcd-client")]
    pub client_service: Option<ServiceName>,

    /// The labels by which the StatefulSet and the Services select their pods. The default is `app.kubernetes.io/name:
    /// etcd` and `app.kubernetes.io/instance: <fullname>`, which no other cluster in the namespace has.
    pub selector_labels: BTreeMap<LabelKey, LabelValue>,

    /// The name of the volume claim template of the data volume. The claims are named
    /// `<dataClaim>-<fullname>-<ordinal>`.
    pub data_claim: DnsLabel,

    /// The directory of etcd's data within the data volume. Set it to adopt a volume that has the data in a directory,
    /// such as `data`. The default is the root of the volume.
    #[schemars(example = &"data")]
    pub data_path: Option<String>,

    /// The directory of the write-ahead log within its volume, which is the data volume or that of `storage.wal`.
    /// etcd's own default is `member/wal` in the data directory.
    pub wal_path: String,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            fullname: None,
            headless_service: None,
            client_service: None,
            selector_labels: BTreeMap::new(),
            data_claim: literal("etcd-data"),
            data_path: None,
            wal_path: "wal".to_owned(),
        }
    }
}
