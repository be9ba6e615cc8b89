//! The one place where actions become lines of a shell.
//!
//! A line calls functions of the prelude, which a person reads once: `healthy etcd-0 etcd-1 etcd-2`. Every word that comes
//! from an action is quoted by [`word`]. The image of etcd has no shell, so each call of `kubectl exec` runs one program.

use std::fmt::Write as _;

use rutter::{Command, printable};

use super::action::Action;
use super::fact::Fact;
use super::observed::{Etcdctl, ObservedCluster};
use crate::cluster::Cluster;

/// Seconds to wait for a member that starts, or for a state of all of them.
const PATIENCE: u32 = 300;

/// Seconds to wait for an answer of members that serve. An interrupted step may be restarting them.
const ANSWER: u32 = 60;

/// The facts about the cluster that turn an action into a line.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// The name of the cluster, which is unique in its namespace.
    pub(super) cluster: String,
    namespace: String,
    /// The container of etcd in pods that are not this package's, and how etcdctl reaches a member there.
    foreign: Option<(String, Vec<String>)>,
    /// Whether etcd's programs are where the project's images have them.
    is_usual: bool,
    /// The seconds that a connection between members has to last.
    steady: u64,
}

impl Shell {
    /// The shell for a cluster that is observed, and is to become another.
    pub(super) fn of(installed: &ObservedCluster, to: &ObservedCluster, desired: &Cluster) -> Self {
        let flags = match &installed.etcdctl {
            Etcdctl::Environment => Vec::new(),
            Etcdctl::Flags(flags) => flags.clone(),
        };
        let is_ours = installed.container == "etcd" && flags.is_empty();
        Self {
            cluster: installed.fullname.clone(),
            namespace: installed.namespace.clone(),
            foreign: (!is_ours).then(|| (installed.container.clone(), flags)),
            is_usual: is_usual(desired) && [None, Some(USUAL)].contains(&installed.program().as_deref()),
            steady: steady(installed).max(steady(to)),
        }
    }

    /// The shell for a cluster that is to be made.
    pub(super) fn new(to: &ObservedCluster, desired: &Cluster) -> Self {
        Self {
            cluster: desired.names.fullname.to_string(),
            namespace: desired.names.namespace.to_string(),
            foreign: None,
            is_usual: is_usual(desired),
            steady: steady(to),
        }
    }

    /// The shell for a cluster that something else has made, with etcd in this container.
    pub(super) fn foreign(namespace: &str, container: &str, flags: &[String]) -> Self {
        Self {
            cluster: container.to_owned(),
            namespace: namespace.to_owned(),
            foreign: Some((container.to_owned(), flags.to_vec())),
            is_usual: true,
            steady: TWO_ROUND_TRIPS,
        }
    }

    /// The functions that lines call.
    pub(super) fn prelude(&self) -> String {
        let mut prelude = format!("etcd_namespace={}\n", word(&self.namespace));
        prelude.push_str("\n# Runs kubectl in the namespace of the cluster.\n");
        prelude.push_str("k() { kubectl --namespace \"$etcd_namespace\" \"$@\"; }\n");
        prelude.push_str(
            "\n# etcdctl_in POD ARGUMENTS: runs etcdctl in the container of a member, against that member.\n",
        );
        if self.foreign.is_none() && self.is_usual {
            prelude.push_str(
                "etcdctl_in() (\n  pod=$1\n  shift\n  k exec \"$pod\" --container etcd -- etcdctl \"$@\"\n)\n",
            );
        } else {
            let (container, flags) = self.foreign.clone().unwrap_or_else(|| ("etcd".to_owned(), Vec::new()));
            let _ = write!(
                prelude,
                "# A pod whose container has no ETCDCTL_ENDPOINTS is of the installed template.\n\
                 etcdctl_in() (\n  pod=$1\n  shift\n  \
                 found=$(k get pod \"$pod\" --output jsonpath='{{.spec.containers[?(@.name==\"etcd\")].env[?(@.name==\"ETCDCTL_ENDPOINTS\")].name}}') || exit 2\n  \
                 if [ -n \"$found\" ]; then\n    \
                 program=$(k get pod \"$pod\" --output jsonpath='{{.spec.containers[?(@.name==\"etcd\")].command[0]}}') || exit 2\n    \
                 case $program in */etcd) program=${{program}}ctl ;; *) program=etcdctl ;; esac\n    \
                 k exec \"$pod\" --container etcd -- \"$program\" \"$@\"\n  \
                 else\n    k exec \"$pod\" --container {} -- etcdctl{} \"$@\"\n  fi\n)\n",
                word(&container),
                words(&flags),
            );
        }
        prelude.push_str(PRELUDE);
        prelude
    }

    /// The command that carries out an action.
    #[allow(clippy::too_many_lines, reason = "one arm for each action")]
    pub(super) fn command(&self, action: &Action) -> Command {
        match action {
            Action::Healthy { members, before_adding } => {
                let purpose = match members.as_slice() {
                    [only] => format!("wait until {only} serves"),
                    [one, other] => format!("wait until {one} and {other} serve"),
                    all => format!("wait until all {} members serve", all.len()),
                };
                Command {
                    unless: before_adding
                        .as_ref()
                        .zip(members.first())
                        .map(|(url, asked)| call("known_by", &[asked, url])),
                    ..until(purpose, call_all("healthy", members), PATIENCE)
                }
            }
            Action::Connected { members } => until(
                "wait until the members reach each other",
                format!("connected {}{}", self.steady, words(members)),
                PATIENCE,
            ),
            Action::Voters { asked, counts } => {
                let counts: Vec<String> = counts.iter().map(u32::to_string).collect();
                until(
                    match counts.join(" or ").as_str() {
                        "1" => "wait until etcd has one member, which votes".to_owned(),
                        counts => format!("wait until etcd has {counts} members, all of which vote"),
                    },
                    format!("voters {}{}", word(asked), words(&counts)),
                    PATIENCE,
                )
            }
            Action::RunsVersion { members, versions } => until(
                format!("check that the members run etcd {}", versions.join(" or ")),
                format!("runs_version {}{}", word(&versions.join(" ")), words(members)),
                ANSWER,
            ),
            Action::Snapshot { member, path, claim } => {
                let room = claim.as_ref().map(|claim| call("has_room", &[member, claim]) + " && ");
                let save = call("etcdctl_in", &[member, "snapshot", "save", path]);
                let room = room.unwrap_or_default();
                Command {
                    // A later one would take its place, and would have what the first is to bring back no longer.
                    unless: Some("test -s \"$notes/snapshot\"".to_owned()),
                    ..once(
                        format!("save a snapshot of the data in {member}, as {path}"),
                        format!("{room}{save} && date > \"$notes/snapshot\""),
                    )
                }
            }
            Action::TakeOver { files } => once(
                "let kubectl know the fields of the installed objects, so that it removes those that go",
                format!(
                    "( for file in{}; do k apply set-last-applied --create-annotation --filename \"files/$file\" || exit 1; done )",
                    words(files)
                ),
            ),
            Action::Prove { files } => once(
                "check that an apply makes the live objects what the manifests are",
                call_all("proven", files),
            ),
            Action::Apply => once("apply the manifests", "k apply --filename manifests".to_owned()),
            Action::ApplyFiles { files } => once(
                "apply the certificates",
                format!(
                    "( for file in{}; do k apply --filename \"manifests/$file\" || exit 1; done )",
                    words(files)
                ),
            ),
            Action::FitsQuota { members, bytes } => until(
                format!("check that no database is larger than {bytes} bytes"),
                format!("fits_quota {bytes}{}", words(members)),
                ANSWER,
            ),
            Action::Applied { files } => once(
                "check that the live objects are what the manifests are",
                call_all("applied", files),
            ),
            Action::RolledOut { set, replicas } => once(
                "wait until all pods are updated and ready",
                format!(
                    "k rollout status {} --timeout={}s",
                    word(&format!("statefulset/{set}")),
                    PATIENCE * (replicas + 1)
                ),
            ),
            Action::OfNewSet { set, members } => until(
                "wait until every pod belongs to the new StatefulSet",
                format!("of_revision {}{}", word(set), words(members)),
                PATIENCE * (u32::try_from(members.len()).unwrap_or(1) + 1),
            ),
            Action::Ready { member } => until(
                format!("wait until {member} is ready"),
                format!(
                    "k wait --for=condition=Ready {} --timeout=10s",
                    word(&format!("pod/{member}"))
                ),
                PATIENCE,
            ),
            Action::NoOldClaims {
                member,
                url,
                asked,
                claims,
            } => Command {
                unless: Some(call("known_by", &[asked, url])),
                ..once(
                    format!(
                        "check that no volume is left of an earlier {member}; save what you need of one, and delete its claim"
                    ),
                    call_all("no_claims", claims),
                )
            },
            Action::AddLearner { member, url, asked } => Command {
                unless: Some(call("known_by", &[asked, url])),
                ..add_learner(member, url, asked)
            },
            Action::Promote { member, url, asked } => Command {
                unless: Some(call("votes", &[asked, url])),
                ..until(
                    format!("promote {member} once it has the data"),
                    call("promote", &[asked, url]),
                    2 * PATIENCE,
                )
            },
            Action::Remove { member, asked } => Command {
                unless: Some(call("has_no_member", &[asked, member])),
                ..until(
                    format!("remove the member {member}"),
                    call("remove_member", &[asked, member]),
                    PATIENCE,
                )
            },
            Action::NoteReplaced { member, asked } => Command {
                unless: Some("test -s \"$notes/replaced\"".to_owned()),
                ..once(
                    format!("note which member {member} is"),
                    format!(
                        "id=$({}) && printf '%s\\n' \"$id\" > \"$notes/replaced\"",
                        call("member_id", &[asked, member])
                    ),
                )
            },
            Action::RemoveReplaced { member, asked } => Command {
                unless: Some(format!("has_no_id {} \"$(cat \"$notes/replaced\")\"", word(asked))),
                ..until(
                    format!("remove this member {member}"),
                    format!(
                        "id=$(cat \"$notes/replaced\") && etcdctl_in {} member remove \"$id\"",
                        word(asked)
                    ),
                    PATIENCE,
                )
            },
            Action::DeleteReplacedClaims {
                member,
                url,
                asked,
                claims,
            } => Command {
                unless: Some(has_new(asked, url)),
                ..once(
                    format!("delete the volumes of {member}, which go with its pod"),
                    format!(
                        "k delete persistentvolumeclaim{0} --ignore-not-found --wait=false && deleted persistentvolumeclaim{0}",
                        words(claims)
                    ),
                )
            },
            Action::DeleteReplacedPod { member, url, asked } => Command {
                unless: Some(has_new(asked, url)),
                ..once(
                    format!("delete the pod {member}, which comes back as desired"),
                    call("delete_pod", &[member]),
                )
            },
            Action::AddReplacement { member, url, asked } => Command {
                unless: Some(has_new(asked, url)),
                ..add_learner(member, url, asked)
            },
            Action::UpdatePeerUrl { member, url, asked } => Command {
                unless: Some(call("known_by", &[asked, url])),
                ..once(
                    format!("update the peer URL of {member}"),
                    call("update_member", &[asked, member, url]),
                )
            },
            Action::MoveLeader { from, to } => Command {
                unless: Some(call("does_not_lead", &[from])),
                ..until(
                    format!("move leadership from {from} to {to}"),
                    call("move_leader", &[from, to]),
                    PATIENCE,
                )
            },
            Action::PodGone { member } => once(
                format!("wait until the pod {member} has ended"),
                format!(
                    "k wait --for=delete {} --timeout={PATIENCE}s",
                    word(&format!("pod/{member}"))
                ),
            ),
            Action::DeleteClaims { claims } => once(
                "delete its volumes: etcd does not start on the data of a removed member",
                deleted("persistentvolumeclaim", &words(claims), ""),
            ),
            Action::DeleteSetOnly { set } => once(
                "delete the StatefulSet, but neither pods nor claims",
                deleted("statefulset", &words(&[set]), " --cascade=orphan"),
            ),
            Action::LabelPods { members, labels } => {
                let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                once(
                    "give the pods the labels of the new selector",
                    format!("k label pod{}{} --overwrite", words(members), words(&labels)),
                )
            }
            Action::GrowClaim { claim, size } => {
                let patch = format!(r#"{{"spec":{{"resources":{{"requests":{{"storage":"{size}"}}}}}}}}"#);
                once(
                    format!("request {size} in {claim}"),
                    format!(
                        "k patch persistentvolumeclaim {} --type=merge --patch {}",
                        word(claim),
                        word(&patch)
                    ),
                )
            }
            Action::StoredAs { members, minor } => until(
                format!("wait until every member's data have the format of etcd {minor}"),
                format!("stored_as {}{}", word(minor), words(members)),
                PATIENCE,
            ),
            Action::ValidateDowngrade { asked, minor } => Command {
                unless: Some(call("downgrading", &[asked, minor])),
                ..until(
                    format!("check that etcd can go back to {minor}"),
                    call("etcdctl_in", &[asked, "downgrade", "validate", minor]),
                    PATIENCE,
                )
            },
            Action::EnableDowngrade { asked, minor } => Command {
                unless: Some(call("downgrading", &[asked, minor])),
                ..once(
                    format!("enable the downgrade to {minor}; `etcdctl downgrade cancel` reverts it"),
                    call("etcdctl_in", &[asked, "downgrade", "enable", minor]),
                )
            },
            Action::Restart { set } => once(
                "restart the members: etcd reads the CA certificates only when it starts",
                format!("k rollout restart {}", word(&format!("statefulset/{set}"))),
            ),
            Action::CertificatesReady { names } => until(
                "wait until the certificates are issued",
                call_all("issued", names),
                PATIENCE,
            ),
            Action::SecretHasKeys { secret, keys } => once(
                format!("check that the Secret {secret} holds {}", keys.join(", ")),
                format!("secret_has {}{}", word(secret), words(keys)),
            ),
            Action::CopyCertificate { from, keys, to } => Command {
                // A second copy would forget what the first has come to trust since.
                unless: Some(call("is_copy", &[from, to, &keys[0], &keys[1]])),
                ..once(
                    format!("copy the certificate in {from} to {to}"),
                    format!("copy_certificate {} {}{}", word(from), word(to), words(keys)),
                )
            },
            Action::TrustBoth { to, from } => once(
                format!("add the CA in {from} to those in {to}"),
                call("trust_both", &[to, from]),
            ),
            Action::TakeCertificate { to, from } => once(
                format!("replace the certificate in {to} by that in {from}"),
                call("take_certificate", &[to, from]),
            ),
            Action::FillLog { asked, entries } => once(
                format!("write {entries} entries to the log, by deleting a key that is not there"),
                call("fill_log", &[asked, &entries.to_string()]),
            ),
            Action::Prune { resource, name } => once(
                format!("delete {resource} {name}, which is no longer desired"),
                deleted(&word(resource), &words(&[name]), ""),
            ),
            Action::Allowed { verb, resources } => once(
                format!("check that you may {verb} {}", resources.join(", ")),
                format!("allowed {}{}", word(verb), words(resources)),
            ),
            Action::Served { resource } => once(
                format!("check that the API server has {resource}"),
                call("served", &[resource]),
            ),
            Action::StorageClass { name } => once(
                format!("check that the storage class {name} exists"),
                format!("kubectl get storageclass {} --output name", word(name)),
            ),
            Action::HasReplicas {
                set,
                counts,
                may_be_missing,
            } => {
                let mut counts: Vec<String> = counts.iter().map(u32::to_string).collect();
                if *may_be_missing {
                    counts.push("none".to_owned());
                }
                once(
                    "check that the StatefulSet is as the plan expects it",
                    format!("has_replicas {}{}", word(set), words(&counts)),
                )
            }
            Action::NotInstalled { set, claims } => Command {
                unless: Some("test -e \"$notes/installing\"".to_owned()),
                ..once(
                    format!("check that there is no cluster {set}"),
                    format!(
                        "not_installed {}{} && : > \"$notes/installing\"",
                        word(set),
                        words(claims)
                    ),
                )
            },
            Action::DryRun {
                directory,
                except,
                replaced,
            } => {
                let excepted: Vec<String> = except.iter().chain(replaced).cloned().collect();
                let mut line = format!("dry_run {}{}", word(directory), words(&excepted));
                if let Some(created) = except {
                    let _ = write!(
                        line,
                        " && creatable {}",
                        words(&[directory.clone(), created.clone()]).trim_start()
                    );
                }
                if !replaced.is_empty() {
                    let _ = write!(line, " && replaceable {}{}", word(directory), words(replaced));
                }
                once(format!("let the API server try the manifests of {directory}"), line)
            }
        }
    }
}

/// The path of etcd in the project's images.
const USUAL: &str = "/usr/local/bin/etcd";

fn is_usual(desired: &Cluster) -> bool {
    desired.image.program("etcd") == USUAL
}

/// The seconds within which a member shows that it cannot call another: it waits for one second and the election timeout
/// (`PeerDialTimeout` in etcd's `server/config/config.go`), and one more for the next call; and it notes two round trips to a
/// member that does not answer every five seconds (`statusErrorInterval` in `rafthttp/probing_status.go`).
fn steady(cluster: &ObservedCluster) -> u64 {
    let milliseconds = match cluster.options.get("election-timeout") {
        Fact::Known(text) => text.parse().unwrap_or(LONGEST_ELECTION),
        Fact::Absent => DEFAULT_ELECTION,
        Fact::Unknown(_) => LONGEST_ELECTION,
    };
    (2 + milliseconds.min(LONGEST_ELECTION).div_ceil(1000)).max(TWO_ROUND_TRIPS)
}

/// Seconds in which a member that does not answer is noted more often than one that does.
const TWO_ROUND_TRIPS: u64 = 12;

/// etcd's election timeout if none is given, and the longest that it takes, in milliseconds.
const DEFAULT_ELECTION: u64 = 1_000;
const LONGEST_ELECTION: u64 = 50_000;

/// Adds a member that does not vote yet. etcd refuses while the others have not been connected for some seconds.
fn add_learner(member: &str, url: &str, asked: &str) -> Command {
    let url = format!("--peer-urls={url}");
    until(
        format!("add {member} as a learner, which has no vote"),
        call("etcdctl_in", &[asked, "member", "add", member, "--learner", &url]),
        PATIENCE,
    )
}

/// Deletes objects of a kind, and checks that none is left: kubectl also ends well where something has it ask first.
fn deleted(kind: &str, names: &str, options: &str) -> String {
    format!("k delete {kind}{names}{options} --ignore-not-found && gone {kind}{names}")
}

fn has_new(asked: &str, url: &str) -> String {
    format!("has_new {} {} \"$(cat \"$notes/replaced\")\"", word(asked), word(url))
}

fn call(function: &str, arguments: &[&str]) -> String {
    format!("{function}{}", words(arguments))
}

fn call_all(function: &str, arguments: &[String]) -> String {
    format!("{function}{}", words(arguments))
}

/// The words of a list, each with a blank before it.
fn words<T: AsRef<str>>(all: &[T]) -> String {
    all.iter().map(|text| format!(" {}", word(text.as_ref()))).collect()
}

/// A text as one word of a POSIX shell, whatever it is.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/=@%+,-".contains(c);
    // A leading `=` or `%` means something to some shells.
    if text.starts_with(|c: char| c.is_ascii_alphanumeric() || "./-".contains(c)) && text.chars().all(is_plain) {
        return text.to_owned();
    }
    // A plan's lines show as what they are. None of the types that reach this place has other characters.
    let text: String = text.chars().filter(|c| printable::is_printable(*c)).collect();
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn once(purpose: impl Into<String>, line: String) -> Command {
    Command {
        purpose: purpose.into(),
        line,
        unless: None,
        within: None,
    }
}

fn until(purpose: impl Into<String>, line: String, seconds: u32) -> Command {
    Command {
        within: Some(seconds),
        ..once(purpose, line)
    }
}

/// The functions that are the same for every cluster. One that tells whether something has been done returns 0 if so, 1 if
/// not, and anything else if nobody knows.
const PRELUDE: &str = include_str!("prelude.sh");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_word() {
        for (text, expected) in [
            ("etcd-0", "etcd-0"),
            ("https://a.b:2380", "https://a.b:2380"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(touch pwned)", "'$(touch pwned)'"),
            ("a'b", r"'a'\''b'"),
            ("=a", "'=a'"),
            ("~root", "'~root'"),
            ("a;b", "'a;b'"),
            ("a\nb", "'ab'"),
            ("a\u{202e}b", "'ab'"),
            ("{\"a\":1}", "'{\"a\":1}'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
