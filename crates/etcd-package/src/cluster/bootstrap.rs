//! The settings with which members find each other on their first start.

use std::collections::BTreeMap;

use rutter::report::Report;

use super::{Cluster, Names, Restore};
use crate::codes::{INVALID_DISCOVERY, INVALID_TOKEN, RESTORE_CONFLICT, RESTORE_PENDING};
use crate::values::{self, BootstrapState};

/// The key of the members and their peer URLs in the ConfigMap, and the variable with its value.
pub const INITIAL_CLUSTER: &str = "INITIAL_CLUSTER";
/// The key of the number of members, and the variable with its value.
pub const INITIAL_CLUSTER_SIZE: &str = "INITIAL_CLUSTER_SIZE";
/// The key of the bootstrap state, and the variable with its value.
pub const INITIAL_CLUSTER_STATE: &str = "INITIAL_CLUSTER_STATE";

/// The longest DNS answer without an extension of the protocol (RFC 1035, 4.2.1). busybox's `nslookup` reads no longer
/// answer.
const PLAIN_DNS_ANSWER: usize = 512;

/// The settings with which members find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Whether they join a cluster that exists, instead of forming one.
    pub joins_existing: bool,
    /// etcd's `--initial-cluster-token`, which differs between clusters.
    pub token: String,
    /// The source of the list of members.
    pub discovery: Discovery,
    /// Settings that only pods of an earlier template read. A plan keeps them until these pods are gone.
    pub kept: BTreeMap<String, String>,
}

/// The source of the list of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// The ConfigMap.
    Static,
    /// The SRV records of the headless Service.
    Srv {
        /// etcd's `--discovery-srv`.
        domain: String,
    },
}

impl Cluster {
    /// Returns the data of the ConfigMap that members read on their first start, and only then.
    #[must_use]
    pub fn bootstrap_data(&self) -> BTreeMap<String, String> {
        let bootstrap = &self.bootstrap;
        let state = if bootstrap.joins_existing { "existing" } else { "new" };
        let is_static = bootstrap.discovery == Discovery::Static;
        let mut data = bootstrap.kept.clone();
        data.insert(INITIAL_CLUSTER_STATE.to_owned(), state.to_owned());
        if is_static || self.restore.is_some() {
            data.insert(INITIAL_CLUSTER.to_owned(), self.initial_cluster());
        }
        if !is_static {
            data.insert(INITIAL_CLUSTER_SIZE.to_owned(), self.replicas.to_string());
        }
        data
    }
}

/// The answers that `nslookup` of the helper image reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nslookup {
    /// Answers without an extension: it is busybox's.
    Plain,
    /// Unknown: the image is the user's.
    Unknown,
}

pub(super) fn resolve(
    bootstrap: values::Bootstrap,
    names: &Names,
    restore: Option<&Restore>,
    (replicas, nslookup): (u32, Nslookup),
    report: &mut Report<'_>,
) -> Bootstrap {
    let discovery = match bootstrap.discovery {
        values::Discovery::Static => Discovery::Static,
        values::Discovery::Srv => Discovery::Srv {
            domain: names.service_host(&names.headless_service),
        },
    };
    if discovery != Discovery::Static && nslookup == Nslookup::Plain {
        check_answer(names, replicas, report);
    }
    let bootstrap = Bootstrap {
        joins_existing: bootstrap.state == BootstrapState::Existing,
        token: with_restore(token(bootstrap.token, names, report), restore),
        discovery,
        kept: BTreeMap::new(),
    };
    if restore.is_some() {
        check_restore(&bootstrap, report);
    }
    bootstrap
}

/// Checks how the members of a restored cluster find each other, now and when `restore` is removed.
fn check_restore(bootstrap: &Bootstrap, report: &mut Report<'_>) {
    if bootstrap.joins_existing {
        report
            .add(
                &RESTORE_CONFLICT,
                "restore",
                "members that join an existing cluster get their data from it",
            )
            .help("leave it out, or write bootstrap: {state: New} for a cluster that does not exist yet");
    } else {
        report
            .add(
                &RESTORE_PENDING,
                "restore",
                "a member that loses its volume, or is added, starts from the snapshot, without what was written since",
            )
            .help(format!(
                "when all members are ready, and before replicas change, replace it by bootstrap.token: {}",
                bootstrap.token
            ));
    }
}

/// Checks the token. It reaches etcd as an argument, in which the kubelet expands `$(NAME)`, so `$` is not accepted.
fn token(token: Option<String>, names: &Names, report: &mut Report<'_>) -> String {
    // A namespace has no dot, so no two clusters have one token, whatever dashes their names have.
    let default = format!("{}.{}", names.namespace, names.fullname);
    let Some(token) = token else {
        return default;
    };
    let accepted = |c: char| c.is_ascii_graphic() && c != '$';
    if token.is_empty() || token.len() > 253 || !token.chars().all(accepted) {
        report
            .add(
                &INVALID_TOKEN,
                "bootstrap.token",
                "a token has 1 to 253 printable ASCII characters, none of them a blank or `$`",
            )
            .help(format!("such as {default}"));
        return default;
    }
    token
}

/// Returns the token of a cluster that starts from a snapshot. No earlier cluster has it.
///
/// The IDs of members and of their cluster are hashes of their URLs and the token (`server/etcdserver/api/membership`).
/// With the token of a cluster of the same name, a restored member has the ID of an old member that may still run. Both
/// join: one with the data of the snapshot, the other with its own. A user who keeps the token when `restore` is
/// removed gets the same token.
fn with_restore(token: String, restore: Option<&Restore>) -> String {
    let Some(restore) = restore else {
        return token;
    };
    // The name of a claim has no slash.
    let suffix = format!(
        ".restore-{:016x}",
        fnv_1a(&format!("{}/{}", restore.claim_name, restore.snapshot))
    );
    if token.ends_with(&suffix) {
        token
    } else {
        token + &suffix
    }
}

/// Returns the 64-bit FNV-1a hash. It protects no secret, and is the same in every release.
fn fnv_1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Checks that `nslookup` reads an answer with all members. The init container counts the members in the answer, so it
/// would wait forever for members that were cut off.
fn check_answer(names: &Names, replicas: u32, report: &mut Report<'_>) {
    // RFC 1035, 4.1: a header, the question, and for each member a pointer to the question's name and ten bytes; RFC
    // 2782: six bytes and the target in full. A name has two bytes more than its length.
    let question = 12 + srv_name("etcd-server-ssl", names).len() + 2 + 4;
    let record = 2 + 10 + 6 + names.member_host(replicas.saturating_sub(1)).len() + 2;
    let longest = usize::try_from(replicas).unwrap_or(usize::MAX);
    let answer = question + record * longest;
    if answer > PLAIN_DNS_ANSWER {
        let most = (PLAIN_DNS_ANSWER - question.min(PLAIN_DNS_ANSWER)) / record;
        report
            .add(
                &INVALID_DISCOVERY,
                "bootstrap.discovery",
                format!(
                    "DNS names all members in an answer of up to {answer} bytes, of which the helper image's nslookup reads \
                     {PLAIN_DNS_ANSWER}"
                ),
            )
            .help(format!(
                "write Static, shorter names, at most {most} members, or a helperImage whose nslookup asks again over TCP"
            ));
    }
}

/// Returns the name of the SRV record of a port of the headless Service.
fn srv_name(port: &str, names: &Names) -> String {
    format!("_{port}._tcp.{}", names.service_host(&names.headless_service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_cluster_has_a_token_of_its_own_and_keeps_it() {
        let restore = |claim: &str, snapshot: &str| Restore {
            claim_name: claim.to_owned(),
            snapshot: snapshot.to_owned(),
            bump_revision: None,
            skip_hash_check: false,
        };
        let token = |restore: Option<&Restore>| with_restore("default.etcd".to_owned(), restore);
        let first = token(Some(&restore("a", "b.db")));
        // One of FNV-1a's own test vectors.
        assert_eq!(fnv_1a("foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(token(None), "default.etcd");
        assert_eq!(first, "default.etcd.restore-583afce63c4ce73b");
        assert_eq!(with_restore(first.clone(), Some(&restore("a", "b.db"))), first);
        assert_eq!(with_restore(first.clone(), None), first);
        for other in [restore("a", "c.db"), restore("c", "b.db"), restore("a/b", "c.db")] {
            assert_ne!(token(Some(&other)), first);
        }
        // A second restore, if the token of the first was kept.
        assert_ne!(with_restore(first.clone(), Some(&restore("a", "c.db"))), first);
    }
}
