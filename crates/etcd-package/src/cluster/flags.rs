//! etcd's command line.

use super::{AllowedPeers, ClientTls, Cluster, Compaction, Discovery, Identity, PeerTls, Policy};

impl Cluster {
    /// Returns the arguments of etcd. In them, the kubelet expands `$(HOSTNAME)` to the member's name, and the
    /// variables of the bootstrap to the values of the ConfigMap.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let ports = &self.ports;
        let own_host = self.names.host("$(HOSTNAME)");
        let listen = self.services.listen_host;
        let mut flags = vec![
            "--name=$(HOSTNAME)".to_owned(),
            format!("--data-dir={}", self.storage.data_dir),
            format!("--wal-dir={}", self.storage.wal_dir),
            format!(
                "--listen-peer-urls={}://{listen}:{}",
                self.tls.peer_scheme(),
                ports.peer
            ),
            format!(
                "--listen-client-urls={}://{listen}:{}",
                self.tls.client_scheme(),
                ports.client
            ),
            format!("--advertise-client-urls={}", self.client_url(&own_host)),
            "--initial-cluster-state=$(INITIAL_CLUSTER_STATE)".to_owned(),
            format!("--initial-cluster-token={}", self.bootstrap.token),
            match &self.bootstrap.discovery {
                Discovery::Static => "--initial-cluster=$(INITIAL_CLUSTER)".to_owned(),
                Discovery::Srv { domain } => format!("--discovery-srv={domain}"),
            },
            format!("--initial-advertise-peer-urls={}", self.peer_url(&own_host)),
            format!("--listen-metrics-urls=http://{listen}:{}", ports.metrics),
        ];
        if let Some(compaction) = &self.compaction {
            let (mode, retention) = match compaction {
                Compaction::Periodic(duration) => ("periodic", duration.to_string()),
                Compaction::Revision(revisions) => ("revision", revisions.to_string()),
            };
            flags.push(format!("--auto-compaction-mode={mode}"));
            flags.push(format!("--auto-compaction-retention={retention}"));
        }
        flags.extend(self.tls.client.iter().flat_map(client_tls));
        flags.extend(peer_tls(&self.tls.peer));
        flags.extend(policy(&self.tls.policy));
        flags.extend(self.server_flags.iter().cloned());
        flags
    }
}

fn client_tls(
    ClientTls {
        identity,
        auth,
        allowed_hostnames,
    }: &ClientTls,
) -> Vec<String> {
    let mut flags = Vec::new();
    // etcd requires a certificate of clients as soon as it has a CA certificate.
    if *auth {
        flags.push("--client-cert-auth".to_owned());
        flags.push(format!("--trusted-ca-file={}", identity.ca_certificate()));
    }
    flags.extend(key_pair("", identity));
    if !allowed_hostnames.is_empty() {
        flags.push(format!(
            "--client-cert-allowed-hostname={}",
            allowed_hostnames.join(",")
        ));
    }
    flags
}

fn peer_tls(peer: &PeerTls) -> Vec<String> {
    match peer {
        PeerTls::Plain => Vec::new(),
        PeerTls::Auto => vec!["--peer-auto-tls".to_owned()],
        PeerTls::Identity { identity, allowed } => {
            let mut flags = vec![
                "--peer-client-cert-auth".to_owned(),
                format!("--peer-trusted-ca-file={}", identity.ca_certificate()),
            ];
            flags.extend(key_pair("peer-", identity));
            match allowed {
                AllowedPeers::All => {}
                AllowedPeers::CommonNames(names) => flags.push(format!("--peer-cert-allowed-cn={}", names.join(","))),
                AllowedPeers::Hostnames(names) => {
                    flags.push(format!("--peer-cert-allowed-hostname={}", names.join(",")));
                }
            }
            flags
        }
    }
}

fn key_pair(prefix: &str, identity: &Identity) -> [String; 2] {
    [
        format!("--{prefix}cert-file={}", identity.certificate()),
        format!("--{prefix}key-file={}", identity.key()),
    ]
}

fn policy(policy: &Policy) -> Vec<String> {
    let mut flags = Vec::new();
    flags.extend(policy.min_version.map(|version| format!("--tls-min-version={version}")));
    flags.extend(policy.max_version.map(|version| format!("--tls-max-version={version}")));
    if !policy.cipher_suites.is_empty() {
        let names: Vec<&str> = policy.cipher_suites.iter().map(|suite| suite.name()).collect();
        flags.push(format!("--cipher-suites={}", names.join(",")));
    }
    flags
}
