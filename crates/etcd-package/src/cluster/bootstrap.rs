//! How members find each other on their first start.

use super::{Names, Report};
use crate::codes::{INVALID_DISCOVERY, INVALID_TOKEN};
use crate::values::{self, BootstrapState, Discovery};

/// Longest DNS answer without an extension of the protocol (RFC 1035, 4.2.1). busybox's `nslookup` reads no longer one.
const PLAIN_DNS_ANSWER: usize = 512;

/// How members find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Whether they form the cluster or join it.
    pub state: BootstrapState,
    /// What keeps the members of different clusters apart.
    pub token: String,
    /// Where they read who they are.
    pub discovery: Discovery,
}

/// What `nslookup` of the helper image reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nslookup {
    /// No more than one plain answer: it is busybox's.
    Plain,
    /// Who knows: it is the user's.
    Unknown,
}

pub(super) fn resolve(
    bootstrap: values::Bootstrap,
    names: &Names,
    (replicas, nslookup): (u32, Nslookup),
    report: &mut Report<'_>,
) -> Bootstrap {
    if bootstrap.discovery == Discovery::Srv && nslookup == Nslookup::Plain {
        check_answer(names, replicas, report);
    }
    Bootstrap {
        state: bootstrap.state,
        token: token(bootstrap.token, names, report),
        discovery: bootstrap.discovery,
    }
}

/// The token reaches etcd as an argument, in which the kubelet expands `$(NAME)`, so `$` is not accepted.
fn token(token: Option<String>, names: &Names, report: &mut Report<'_>) -> String {
    // A namespace has no dot, so no two clusters have one token, whatever dashes their names have.
    let default = format!("{}.{}", names.namespace, names.fullname);
    if let Some(token) = &token {
        let accepted = |c: char| c.is_ascii_graphic() && c != '$';
        if token.is_empty() || token.len() > 253 || !token.chars().all(accepted) {
            report
                .add(
                    &INVALID_TOKEN,
                    "bootstrap.token",
                    "a token has 1 to 253 printable ASCII characters, none of them a blank or `$`",
                )
                .help(format!("such as {default}"));
        }
    }
    token.unwrap_or(default)
}

/// Whether the answer that names all members fits where the gate can read it. It counts the members in the answer, so it
/// would wait for ever for those that were cut off.
fn check_answer(names: &Names, replicas: u32, report: &mut Report<'_>) {
    // RFC 1035, 4.1: a header, the question, and for each member a pointer to the question's name and ten bytes; RFC 2782:
    // six bytes and the target in full. A name takes its length and two more bytes.
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

/// The name of an SRV record of the headless Service's port.
fn srv_name(port: &str, names: &Names) -> String {
    format!("_{port}._tcp.{}", names.service_host(&names.headless_service))
}
