use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the members find each other on their first start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Bootstrap {
    /// `New` for a cluster that does not exist yet, `Existing` for members that join one (after `etcdctl member add`).
    pub state: BootstrapState,

    /// The token that keeps members of different clusters apart, unique to each cluster. The default is
    /// `<namespace>.<fullname>`. While there is `restore`, a suffix is added that depends on the snapshot, so that restored
    /// members cannot meet others of the same names. Keep it when you remove `restore`: the warning of `restore` shows it.
    #[schemars(example = &"default.etcd")]
    pub token: Option<String>,

    /// `Static` tells each member of all others. `Srv` has them ask DNS, whose answer is waited for until it names all
    /// members, by an init container of `helperImage`.
    pub discovery: Discovery,
}

/// etcd's `--initial-cluster-state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BootstrapState {
    /// The members form a cluster.
    #[default]
    New,
    /// The members join a cluster that knows of them.
    Existing,
}

/// Where members read who the members are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Discovery {
    /// In `--initial-cluster`.
    #[default]
    Static,
    /// In the SRV records of the headless Service, by `--discovery-srv`.
    Srv,
}
