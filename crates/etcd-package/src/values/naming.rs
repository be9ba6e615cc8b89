use std::collections::BTreeMap;

use rutter::names::{DnsLabel, LabelKey, LabelValue, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// Names and labels of what is rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Naming {
    /// The name of the StatefulSet, and what all other names start with: at most 52 characters. The default is the name
    /// of the installation.
    #[schemars(example = &"etcd")]
    pub fullname: Option<ServiceName>,

    /// The name of the headless Service, which is part of every member's URLs. The default is the fullname.
    #[schemars(example = &"etcd-headless")]
    pub headless_service: Option<ServiceName>,

    /// The name of the Service for clients. The default is `<fullname>-client`.
    #[schemars(example = &"etcd-client")]
    pub client_service: Option<ServiceName>,

    /// The labels by which the StatefulSet and the Services find their pods. The default is
    /// `app.kubernetes.io/name: etcd` and `app.kubernetes.io/instance: <fullname>`, which no other cluster in the
    /// namespace has.
    pub selector_labels: BTreeMap<LabelKey, LabelValue>,

    /// The name of the data volume claim template; a claim is called `<dataClaim>-<fullname>-<ordinal>`.
    pub data_claim: DnsLabel,

    /// The folder of etcd's data in their volume, such as `data` where something else has made one. The default is the
    /// volume itself.
    #[schemars(example = &"data")]
    pub data_path: Option<String>,

    /// The folder of the write-ahead log in its volume: that of the data, or its own. etcd itself uses `member/wal` in
    /// the folder of the data.
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
