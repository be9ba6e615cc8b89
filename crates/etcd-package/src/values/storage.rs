use std::collections::BTreeMap;

use rutter::names::{LabelKey, LabelValue};
use rutter::quantity::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;
use rutter::string_enum;

/// The volumes of the members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Storage {
    /// The volume for the database. It also holds the write-ahead log unless `storage.wal` is set.
    pub data: Claim,

    /// A separate volume for the write-ahead log. Use the fastest disk, because every write waits for it. By default,
    /// the log is on the data volume. The log of a running cluster cannot move between the two.
    #[schemars(example = serde_json::json!({"size": "4Gi", "storageClassName": "fast"}))]
    pub wal: Option<Claim>,

    /// The deletion policies of the volume claims.
    pub retention: Retention,

    /// Ephemeral volumes instead of volume claims, for tests. The data is deleted with the pod.
    #[schemars(example = serde_json::json!({"memory": false, "sizeLimit": "1Gi"}))]
    pub ephemeral: Option<Ephemeral>,
}

/// A volume that is deleted with its pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ephemeral {
    /// Whether the volume is in memory instead of on the node's disk. Memory counts towards the container's limit.
    pub memory: bool,

    /// The maximum size of the volume. A pod that exceeds it is evicted.
    pub size_limit: Option<Quantity>,
}

/// A volume claim, one for each member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Claim {
    /// The size of the volume. A database takes up to `quota` (2 GiB by default), and twice that while it is
    /// defragmented or received. A write-ahead log takes less than a gigabyte. Each snapshot that is kept takes as much
    /// as the database.
    pub size: Quantity,

    /// The storage class. By default, the default class of the Kubernetes cluster is used. The empty string `""`
    /// disables dynamic provisioning.
    #[schemars(example = &"fast")]
    pub storage_class_name: Option<String>,

    /// The access modes of the volume. Each member must be the only user of its volume.
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
    /// The access modes of volumes that a member can use.
    pub enum AccessMode {
        /// The pods of one node can mount the volume.
        ReadWriteOnce = "ReadWriteOnce",
        /// One pod can mount the volume.
        ReadWriteOncePod = "ReadWriteOncePod",
        /// Many pods can mount the volume. A member must still be its only user.
        ReadWriteMany = "ReadWriteMany",
    }
}

/// The deletion policies of the volume claims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Retention {
    /// The policy when the StatefulSet is deleted.
    pub when_deleted: RetentionPolicy,
    /// The policy when a member is removed by scaling down. With `Delete`, scaling to 0 deletes all data. With
    /// `Retain`, delete the claim of a member yourself after its permanent removal: etcd exits if the member starts
    /// again on its old volume.
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
    /// Whether claims are kept.
    pub enum RetentionPolicy {
        /// Keep the claims and their data.
        Retain = "Retain",
        /// Delete the claims and their data.
        Delete = "Delete",
    }
}
