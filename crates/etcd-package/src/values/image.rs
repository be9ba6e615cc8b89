use rutter::names::DnsSubdomain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::etcd::BIN_DIR;
use rutter::string_enum;

/// The container image of etcd.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Image {
    /// The repository. etcd's releases are at gcr.io/etcd-development/etcd and quay.io/coreos/etcd.
    pub repository: String,

    /// The tag. It must not contradict `version`. The default is `v` and the version.
    #[schemars(example = &"v3.6.14")]
    pub tag: Option<String>,

    /// The digest. If it is set, it determines which image is pulled.
    #[schemars(example = &"sha256:0000000000000000000000000000000000000000000000000000000000000000")]
    pub digest: Option<String>,

    /// The directory of `etcd`, `etcdctl` and `etcdutl` in the image. It is /opt/bitnami/etcd/bin in Bitnami's images,
    /// and /usr/bin in those of Chainguard and OpenShift. The entrypoint of the image is not run.
    #[schemars(example = &"/opt/bitnami/etcd/bin")]
    pub bin_dir: String,

    /// The condition for pulling the image.
    pub pull_policy: PullPolicy,

    /// The names of the Secrets for pulling the image.
    pub pull_secrets: Vec<DnsSubdomain>,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            repository: "gcr.io/etcd-development/etcd".to_owned(),
            tag: None,
            digest: None,
            bin_dir: BIN_DIR.to_owned(),
            pull_policy: PullPolicy::IfNotPresent,
            pull_secrets: Vec::new(),
        }
    }
}

string_enum! {
    /// Kubernetes' `imagePullPolicy`.
    pub enum PullPolicy {
        /// Every time a container starts.
        Always = "Always",
        /// If the node does not have the image.
        IfNotPresent = "IfNotPresent",
        /// Never. The node must have the image.
        Never = "Never",
    }
}
