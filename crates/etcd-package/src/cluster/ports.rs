//! The ports that etcd listens on.

use std::num::NonZeroU16;

use rutter::report::Report;

use crate::codes::PORT_COLLISION;
use crate::values;

/// The ports of a member, all different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The port for clients.
    pub client: NonZeroU16,
    /// The port between members.
    pub peer: NonZeroU16,
    /// The port for metrics and health checks.
    pub metrics: NonZeroU16,
}

/// Resolves the ports.
pub(super) fn resolve(ports: &values::Ports, report: &mut Report<'_>) -> Ports {
    for (path, port, others) in [
        ("ports.peer", ports.peer, &[("client", ports.client)][..]),
        (
            "ports.metrics",
            ports.metrics,
            &[("client", ports.client), ("peer", ports.peer)],
        ),
    ] {
        for (other, _) in others.iter().filter(|(_, other)| *other == port) {
            report
                .add(&PORT_COLLISION, path, format!("{port} is the {other} port already"))
                .help("give each listener a port of its own: 2379, 2380 and 8080 are usual");
        }
    }
    Ports {
        client: ports.client,
        peer: ports.peer,
        metrics: ports.metrics,
    }
}
