//! The parts of a pod that its containers share.

use std::collections::{BTreeMap, BTreeSet};

/// The volumes of a pod, by name.
pub type Volumes = BTreeMap<String, VolumeKind>;

/// The kind of a volume, as far as containers depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeKind {
    /// A claim, which can also be a block device.
    Claim,
    /// Any other volume, which can only be mounted.
    Files,
}

/// The parts of a pod that its containers share, and the names and ports that are in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// All volumes.
    pub volumes: Volumes,
    /// The names of the containers so far.
    pub names: BTreeSet<String>,
    /// The ports of the node that are taken, with address and protocol: `127.0.0.1:80/TCP`.
    pub host_ports: BTreeSet<String>,
    /// The seconds that the pod has to stop.
    pub grace: i64,
}
