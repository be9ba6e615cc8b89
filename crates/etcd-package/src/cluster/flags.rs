//! etcd's command line.

use super::{Cluster, Compaction};

impl Cluster {
    /// The arguments of etcd, in which the kubelet expands `$(HOSTNAME)` to the member's name and the bootstrap's
    /// variables to what the ConfigMap holds.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let ports = &self.ports;
        let own_host = self.names.host("$(HOSTNAME)");
        let mut flags = vec![
            "--name=$(HOSTNAME)".to_owned(),
            format!("--data-dir={}", self.storage.data_dir()),
            format!("--wal-dir={}", self.storage.wal_dir()),
            format!("--listen-peer-urls={}://0.0.0.0:{}", self.tls.peer_scheme(), ports.peer),
            format!(
                "--listen-client-urls={}://0.0.0.0:{}",
                self.tls.client_scheme(),
                ports.client
            ),
            format!("--advertise-client-urls={}", self.client_url(&own_host)),
            "--initial-cluster-state=$(INITIAL_CLUSTER_STATE)".to_owned(),
            format!("--initial-cluster-token={}", self.token),
            "--initial-cluster=$(INITIAL_CLUSTER)".to_owned(),
            format!("--initial-advertise-peer-urls={}", self.peer_url(&own_host)),
            format!("--listen-metrics-urls=http://0.0.0.0:{}", ports.metrics),
        ];
        if let Some(compaction) = &self.compaction {
            let (mode, retention) = match compaction {
                Compaction::Periodic(duration) => ("periodic", duration.to_string()),
                Compaction::Revision(revisions) => ("revision", revisions.to_string()),
            };
            flags.push(format!("--auto-compaction-mode={mode}"));
            flags.push(format!("--auto-compaction-retention={retention}"));
        }
        if let Some(identity) = &self.tls.client {
            flags.extend([
                "--client-cert-auth".to_owned(),
                format!("--trusted-ca-file={}", identity.authority()),
                format!("--cert-file={}", identity.certificate()),
                format!("--key-file={}", identity.key()),
            ]);
        }
        if let Some(identity) = &self.tls.peer {
            flags.extend([
                "--peer-client-cert-auth".to_owned(),
                format!("--peer-trusted-ca-file={}", identity.authority()),
                format!("--peer-cert-file={}", identity.certificate()),
                format!("--peer-key-file={}", identity.key()),
            ]);
        }
        flags.extend(self.server_flags.iter().cloned());
        flags
    }
}
