use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings with which members find each other on their first start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Bootstrap {
    /// Whether members form a new cluster or join a running one.
    pub state: BootstrapState,

    /// The token that keeps members of different clusters apart. It must be unique to each cluster. The default is
    /// `<namespace>.<fullname>`. With `restore`, a suffix that depends on the snapshot is added, so that restored
    /// members cannot join other members of the same names. Keep that token when you remove `restore`: the warning of
    /// `restore` shows it.
    #[schemars(example = &"default.etcd")]
    pub token: Option<String>,

    /// The method by which members find each other.
    pub discovery: Discovery,
}

/// etcd's `--initial-cluster-state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BootstrapState {
    /// The members form a new cluster.
    #[default]
    New,
    /// The members join a running cluster. Add each member with `etcdctl member add` first.
    Existing,
}

/// The method by which members find each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Discovery {
    /// The flag `--initial-cluster` lists all members.
    #[default]
    Static,
    /// Members read the SRV records of the headless Service (`--discovery-srv`). An init container of `helperImage`
    /// waits until the records name all members.
    Srv,
}
