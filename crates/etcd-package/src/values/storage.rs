use std::collections::BTreeMap;

use rutter::names::{LabelKey, LabelValue};
use rutter::quantity::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;
use rutter::string_enum;

/// The volumes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Storage {
    /// The volume of the database, and of the write-ahead log unless that has its own.
    pub data: Claim,

    /// A volume of its own for the write-ahead log, best on the fastest disk there is: every write waits for it. Without
    /// this the log shares the data volume. A running cluster cannot be moved from one to the other.
    #[schemars(example = serde_json::json!({"size": "4Gi", "storageClassName": "fast"}))]
    pub wal: Option<Claim>,

    /// What becomes of the claims.
    pub retention: Retention,

    /// No claims at all: the data are in the pod and die with it. For tests.
    #[schemars(example = serde_json::json!({"memory": false, "sizeLimit": "1Gi"}))]
    pub ephemeral: Option<Ephemeral>,
}

/// A volume that dies with its pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ephemeral {
    /// Whether it is memory, which counts towards the container's limit, instead of the node's disk.
    pub memory: bool,

    /// The most that it may hold; a pod that exceeds it is evicted.
    pub size_limit: Option<Quantity>,
}

/// A volume claim, one for each member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Claim {
    /// The size. A database takes up to 2 GiB unless its quota says otherwise, and twice that while it is defragmented or
    /// received; a log under a gigabyte; each snapshot that is kept as much as the database.
    pub size: Quantity,

    /// The storage class. Without it the cluster's default class is used; the empty string `""` turns dynamic
    /// provisioning off.
    #[schemars(example = &"fast")]
    pub storage_class_name: Option<String>,

    /// How the volume is mounted. A member needs its volume for itself.
    pub access_modes: Vec<AccessMode>,

    /// Labels of the claims.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// Annotations of the claims.
    pub annotations: BTreeMap<LabelKey, String>,
}

impl Default for Claim {
    fn default() -> Self {
        Self {
            size: literal("8Gi"),
            storage_class_name: None,
            access_modes: vec![AccessMode::ReadWriteOnce],
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }
}

string_enum! {
    /// How a volume can be mounted, as far as a member can use it.
    pub enum AccessMode {
        /// By the pods of one node.
        ReadWriteOnce = "ReadWriteOnce",
        /// By one pod.
        ReadWriteOncePod = "ReadWriteOncePod",
        /// By many pods; etcd still needs it for itself.
        ReadWriteMany = "ReadWriteMany",
    }
}

/// What becomes of the claims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Retention {
    /// When the StatefulSet is deleted.
    pub when_deleted: RetentionPolicy,
    /// When a member is scaled away. With `Delete`, scaling to 0 deletes all data. With `Retain`, delete the claim of a
    /// member that was removed for good yourself: etcd exits when such a member returns on its old volume.
    pub when_scaled: RetentionPolicy,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            when_deleted: RetentionPolicy::Retain,
            when_scaled: RetentionPolicy::Retain,
        }
    }
}

string_enum! {
    /// Whether claims stay.
    pub enum RetentionPolicy {
        /// They stay, with the data.
        Retain = "Retain",
        /// They go, and the data with them.
        Delete = "Delete",
    }
}
