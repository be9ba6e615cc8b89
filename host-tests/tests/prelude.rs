//! Each function of the etcd package's prelude, with a kubectl that answers from a table. With the right answer it
//! succeeds. With each wrong answer that matters it fails, or reports that the result is unknown.

#![cfg(unix)]

#[path = "prelude/mutations.rs"]
mod mutations;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use etcd_package::EtcdPackage;
use host_tests::plans::Change;
use host_tests::request;
use libtest_mimic::{Arguments, Trial};
use rutter::{ChangeRequest, Diagnostic, Package as _, Plan, State};

/// An answer of kubectl to calls whose words match a pattern of the shell.
struct Answer {
    pattern: &'static str,
    output: &'static str,
    code: u8,
}

const fn says(pattern: &'static str, output: &'static str) -> Answer {
    Answer {
        pattern,
        output,
        code: 0,
    }
}

/// kubectl fails with a message.
const fn refuses(pattern: &'static str, output: &'static str) -> Answer {
    Answer {
        pattern,
        output,
        code: 1,
    }
}

/// kubectl fails, as if something is forbidden or cannot be reached.
const fn fails(pattern: &'static str) -> Answer {
    Answer {
        pattern,
        output: "",
        code: 1,
    }
}

/// kubectl fails after an answer, as if its connection breaks.
const fn breaks(pattern: &'static str, output: &'static str) -> Answer {
    Answer {
        pattern,
        output,
        code: 1,
    }
}

/// A call of a function, kubectl's answers, and the exit code of the function.
struct Case {
    name: &'static str,
    call: &'static str,
    answers: Vec<Answer>,
    code: i32,
    /// The output of the function, if it matters.
    output: Option<&'static str>,
    /// A call of kubectl that must be made, or, after `!`, must not.
    calls: Option<&'static str>,
}

const fn case(name: &'static str, call: &'static str, answers: Vec<Answer>, code: i32) -> Case {
    Case {
        name,
        call,
        answers,
        code,
        output: None,
        calls: None,
    }
}

impl Case {
    const fn prints(mut self, output: &'static str) -> Self {
        self.output = Some(output);
        self
    }

    const fn calling(mut self, call: &'static str) -> Self {
        self.calls = Some(call);
        self
    }
}

const LIST: &str = "*exec etcd-0 --container etcd -- etcdctl member list";
const STATUS_0: &str = "*exec etcd-0 --container etcd -- etcdctl endpoint status --write-out=json";
const STATUS_1: &str = "*exec etcd-1 --container etcd -- etcdctl endpoint status --write-out=json";
const FIELDS: &str = "*exec etcd-0 --container etcd -- etcdctl endpoint status --write-out=fields";
const HEALTH_0: &str = "*exec etcd-0 --container etcd -- etcdctl endpoint health";
const HEALTH_1: &str = "*exec etcd-1 --container etcd -- etcdctl endpoint health";

/// The output of etcdctl for members: two voters, a learner, and one that has not started.
const MEMBERS: &str = "\
a1, started, etcd-0, http://etcd-0:2380, http://etcd-0:2379, false
b2, started, etcd-1, http://etcd-1:2380, http://etcd-1:2379, false
c3, started, etcd-2, http://etcd-2:2380, http://etcd-2:2379, true
d4, unstarted, , http://etcd-3:2380, , true
";
const TWO_VOTERS: &str = "\
a1, started, etcd-0, http://etcd-0:2380, http://etcd-0:2379, false
b2, started, etcd-1, http://etcd-1:2380, http://etcd-1:2379, false
";
const TWO_OF_A_NAME: &str = "\
a1, started, etcd-1, http://etcd-1:2380, http://etcd-1:2379, false
b2, started, etcd-1, http://other:2380, http://other:2379, false
";
/// With `ETCDCTL_WRITE_OUT=table`.
const TABLE_OF_MEMBERS: &str = "\
+----+---------+--------+--------------------+--------------------+------------+
| ID | STATUS  |  NAME  |     PEER ADDRS     |    CLIENT ADDRS    | IS LEARNER |
+----+---------+--------+--------------------+--------------------+------------+
| a1 | started | etcd-0 | http://etcd-0:2380 | http://etcd-0:2379 |      false |
+----+---------+--------+--------------------+--------------------+------------+
";
const WARNING_BEFORE: &str = "\
warning: the flag is deprecated
a1, started, etcd-0, http://etcd-0:2380, http://etcd-0:2379, false
";
const WARNING_BEHIND: &str = "\
a1, started, etcd-0, http://etcd-0:2380, http://etcd-0:2379, false
warning: one, two, three, four, five, false
";
const UNSTARTED_VOTER: &str = "\
a1, started, etcd-0, http://etcd-0:2380, http://etcd-0:2379, false
b2, unstarted, , http://etcd-1:2380, , false
";

const PORT_0: &str = "*get pod etcd-0 --output jsonpath=*etcd-metrics*";
const PORT_1: &str = "*get pod etcd-1 --output jsonpath=*etcd-metrics*";
const FORWARD_0: &str = "*port-forward pod/etcd-0 :8080 --address 127.0.0.1";
const FORWARDING: &str = "Forwarding from 127.0.0.1:40001 -> 8080\n";
const METRICS_0: &str = "--context= --kubeconfig=/dev/null --server=http://127.0.0.1:40001 get --raw /metrics";
const PEER_OF_0: &str = "etcd_network_active_peers{Local=\"a1\",Remote=\"b2\"} 1\n";
const LOST_PEER: &str = "etcd_network_active_peers{Local=\"a1\",Remote=\"b2\"} 0\n";
const LOST_BEFORE: &str = "\
etcd_network_active_peers{Local=\"a1\",Remote=\"b2\"} 1
etcd_network_disconnected_peers_total{Local=\"a1\",Remote=\"b2\"} 3
etcd_network_peer_round_trip_time_seconds_bucket{To=\"b2\",le=\"+Inf\"} 9
etcd_network_peer_round_trip_time_seconds_count{To=\"b2\"} 4
etcd_network_peer_round_trip_time_seconds_count{To=\"c3\"} 5
";
const TWO_CONNECTIONS: &str = "etcd_network_active_peers{Local=\"a1\",Remote=\"b2\"} 2\n";
const OTHER_PEER: &str = "etcd_network_active_peers{Local=\"a1\",Remote=\"c3\"} 1\n";

const STATUS_3_6: &str = r#"[{"Endpoint":"e","Status":{"header":{"member_id":1},"version":"3.6.14","dbSize":20480,"storageVersion":"3.6.0"}}]"#;
const STATUS_BACK: &str = r#"[{"Status":{"version":"3.6.14","dbSize":20480,"storageVersion":"3.5.0","downgradeInfo":{"targetVersion":"3.5.0"}}}]"#;
const STATUS_3_5: &str = r#"[{"Status":{"version":"3.5.33","dbSize":20480}}]"#;
const STATUS_3_6_1: &str = r#"[{"Status":{"version":"3.6.1","dbSize":20480}}]"#;
const STATUS_OF_TWO: &str = r#"[{"Endpoint":"e","Status":{"version":"3.5.33","dbSize":40960}},{"Endpoint":"f","Status":{"version":"3.6.14","dbSize":20480,"storageVersion":"3.6.0"}}]"#;
const STATUS_EMPTY: &str = r#"[{"Status":{}}]"#;

const CLAIM: &str = "*get persistentvolumeclaim data-etcd-0 --output jsonpath=*";
const SET_NAME: &str = "*get statefulset etcd --ignore-not-found --output name";
const CREATE: &str = "*create --dry-run=server --filename 01-step/manifests/a.yaml";
const ALREADY_EXISTS: &str = "Warning: spec.template: old\nError from server (AlreadyExists): error when creating \"a.yaml\": \
     statefulsets.apps \"etcd\" already exists\n";
const CLAIMS: &str = "*get persistentvolumeclaim data-etcd-2 wal-etcd-2 --ignore-not-found --output name";

const DELETED_A: &str = "*get service a --ignore-not-found --output go-template=*deletionTimestamp*";
const DELETED_B: &str = "*get service b --ignore-not-found --output go-template=*deletionTimestamp*";
const UID_OF: &str = "*get pod etcd-0 --ignore-not-found --output go-template={{.metadata.uid}}";

const REVISION: &str = "*get statefulset etcd --output go-template=*";
const POD_REVISION: &str = "*get pod etcd-0 --output go-template=*controller-revision-hash*";

const CERTIFICATE: &str = "*get certificates.cert-manager.io server --output go-template=*";

const KEY_OF: &str = "*get secret s --output go-template={{with*";
const OBJECT_OF: &str = "*get secret s --output go-template={\"apiVersion\"*";
const CA_OF: &str = "*get secret s --output go-template={{index*base64decode}}";
const CA_OF_OTHER: &str = "*get secret o --output go-template={{index*base64decode}}";
const COPY: &str = "*get secret o --ignore-not-found --output name";
const CA_IN_PEM: &str = "*get secret s --output go-template={{index .data \"ca.pem\" | base64decode}}";
const CRT: &str = "*get secret s --output go-template={{index .data \"crt\"}}";
const CRT_OF_COPY: &str = "*get secret o --output go-template={{index .data \"tls.crt\"}}";
const BOTH_CAS: &str = "-----BEGIN CERTIFICATE-----\nnew\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nold\n-----END \
     CERTIFICATE-----\n";
const OLD_CA: &str = "-----BEGIN CERTIFICATE-----\nold\n-----END CERTIFICATE-----\n";
const NEW_CA: &str = "-----BEGIN CERTIFICATE-----\nnew\n-----END CERTIFICATE-----\n";

const FOUND: &str = "*get --filename manifests/a.yaml --ignore-not-found --output name";
const APPLIED: &str = "*apply --dry-run=server --filename manifests/a.yaml --output jsonpath=*";
const REPLACED: &str = "*replace --dry-run=server --filename manifests/a.yaml --output jsonpath=*";
const OLD_KEYS: &str =
    "*create --dry-run=client --validate=false --filename files/a.yaml --output go-template={{range*";
const NEW_KEYS: &str =
    "*create --dry-run=client --validate=false --filename manifests/a.yaml --output go-template={{range*";
const LIVE: &str = "*get --filename manifests/a.yaml --output jsonpath=*";

const REPLICAS: &str = "*get statefulset etcd --ignore-not-found --output go-template={{.spec.replicas}}";
const RESOURCES: &str = "api-resources --api-group cert-manager.io --output name";

#[allow(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let list = |members| vec![says(LIST, members)];
    let keys = |found| {
        vec![
            says(OLD_KEYS, "annotation old\n"),
            says(NEW_KEYS, "label a\n"),
            says("*get a --output go-template={{range*", found),
        ]
    };
    let connections = |members, metrics| {
        vec![
            says(PORT_0, "8080"),
            says(LIST, members),
            says(FORWARD_0, FORWARDING),
            says(METRICS_0, metrics),
        ]
    };
    vec![
        case("serve", "healthy etcd-0 etcd-1", vec![says(HEALTH_0, ""), says(HEALTH_1, "")], 0),
        case("one does not", "healthy etcd-0 etcd-1", vec![says(HEALTH_0, ""), fails(HEALTH_1)], 1),
        case("the first does not", "healthy etcd-0 etcd-1", vec![fails(HEALTH_0), says(HEALTH_1, "")], 1),
        case("nobody is asked", "healthy", vec![], 2),
        case("a list", "members_of etcd-0", list(MEMBERS), 0).prints(MEMBERS),
        case("no answer", "members_of etcd-0", vec![fails(LIST)], 2),
        case("an empty list", "members_of etcd-0", list(""), 2),
        case("a table", "members_of etcd-0", list(TABLE_OF_MEMBERS), 2),
        case("JSON", "members_of etcd-0", list(r#"{"header":{"cluster_id":1},"members":[{"ID":161,"name":"etcd-0"}]}"#), 2),
        case("fields", "members_of etcd-0", list("\"ClusterID\" : 1\n\"ID\" : 161\n\"Name\" : \"etcd-0\"\n"), 2),
        case("a warning before it", "members_of etcd-0", list(WARNING_BEFORE), 2),
        case("a warning behind it", "members_of etcd-0", list(WARNING_BEHIND), 2),
        case("a list of etcd 3.3", "members_of etcd-0", list("a1, started, etcd-0, http://etcd-0:2380, http://etcd-0:2379\n"), 2),
        case("IDs as numbers", "members_of etcd-0", list("A1, started, etcd-0, http://a:2380, http://a:2379, false\n"), 2),
        case("another status", "members_of etcd-0", list("a1, lost, etcd-0, http://a:2380, http://a:2379, false\n"), 2),
        case("no word about learners", "members_of etcd-0", list("a1, started, etcd-0, http://a:2380, http://a:2379, no\n"), 2),
        case(
            "several URLs",
            "members_of etcd-0",
            list("a1, started, etcd-0, http://a:2380,http://b:2380, http://a:2379,http://b:2379, false\n"),
            0,
        ),
        case("a broken connection", "members_of etcd-0", vec![breaks(LIST, MEMBERS)], 2),
        case("by name", "id_where etcd-0 3 etcd-1", list(MEMBERS), 0).prints("b2\n"),
        case("by URL", "id_where etcd-0 4 http://etcd-3:2380", list(MEMBERS), 0).prints("d4\n"),
        case("part of a name", "id_where etcd-0 3 etcd", list(MEMBERS), 1),
        case("a pattern", "id_where etcd-0 3 'etcd..'", list(MEMBERS), 1),
        case("no answer", "id_where etcd-0 3 etcd-1", vec![fails(LIST)], 2),
        case("two of a name", "id_where etcd-0 3 etcd-1", list(TWO_OF_A_NAME), 2),
        case("a member", "member_id etcd-0 etcd-2", list(MEMBERS), 0).prints("c3\n"),
        case("no member", "member_id etcd-0 etcd-9", list(MEMBERS), 1),
        case("an unstarted member has no name", "member_id etcd-0 etcd-3", list(MEMBERS), 1),
        case("known", "known_by etcd-0 http://etcd-3:2380", list(MEMBERS), 0),
        case("not known", "known_by etcd-0 https://etcd-3:2380", list(MEMBERS), 1),
        case("no answer", "known_by etcd-0 http://etcd-3:2380", vec![fails(LIST)], 2),
        case("an empty list", "known_by etcd-0 http://etcd-3:2380", list(""), 2),
        case("a voter", "votes etcd-0 http://etcd-1:2380", list(MEMBERS), 0),
        case("a learner", "votes etcd-0 http://etcd-2:2380", list(MEMBERS), 1),
        case("nobody", "votes etcd-0 http://etcd-9:2380", list(MEMBERS), 1),
        case("no answer", "votes etcd-0 http://etcd-1:2380", vec![fails(LIST)], 2),
        case("gone", "has_no_member etcd-0 etcd-9", list(MEMBERS), 0),
        case("there", "has_no_member etcd-0 etcd-2", list(MEMBERS), 1),
        case("no answer", "has_no_member etcd-0 etcd-9", vec![fails(LIST)], 2),
        case("an empty list", "has_no_member etcd-0 etcd-9", list(""), 2),
        case("a table", "has_no_member etcd-0 etcd-0", list(TABLE_OF_MEMBERS), 2),
        case("gone", "has_no_id etcd-0 e5", list(MEMBERS), 0),
        case("there", "has_no_id etcd-0 c3", list(MEMBERS), 1),
        case("no ID", "has_no_id etcd-0 ''", list(MEMBERS), 2),
        case("no answer", "has_no_id etcd-0 e5", vec![fails(LIST)], 2),
        case("a table", "has_no_id etcd-0 a1", list(TABLE_OF_MEMBERS), 2),
        case("another ID", "has_new etcd-0 http://etcd-3:2380 a1", list(MEMBERS), 0),
        case("the old ID", "has_new etcd-0 http://etcd-3:2380 d4", list(MEMBERS), 1),
        case("nobody", "has_new etcd-0 http://etcd-9:2380 d4", list(MEMBERS), 1),
        case("no ID", "has_new etcd-0 http://etcd-3:2380 ''", list(MEMBERS), 2),
        case("no answer", "has_new etcd-0 http://etcd-3:2380 a1", vec![fails(LIST)], 2),
        case("all vote", "voters etcd-0 2", list(TWO_VOTERS), 0),
        case("another count", "voters etcd-0 3", list(TWO_VOTERS), 1),
        case("learners", "voters etcd-0 4", list(MEMBERS), 1),
        case("so many beside learners", "voters etcd-0 2", list(MEMBERS), 1),
        case("one of two counts", "voters etcd-0 3 2", list(TWO_VOTERS), 0),
        case("none of two counts", "voters etcd-0 4 3", list(TWO_VOTERS), 1),
        case("learners, by one of two counts", "voters etcd-0 5 4", list(MEMBERS), 1),
        case("one has not started", "voters etcd-0 2", list(UNSTARTED_VOTER), 1),
        case("no answer", "voters etcd-0 2", vec![fails(LIST)], 2),
        case(
            "a learner",
            "promote etcd-0 http://etcd-2:2380",
            vec![says(LIST, MEMBERS), says("*etcdctl member promote c3", "")],
            0,
        )
        .calling("member promote c3"),
        case(
            "it is not in sync",
            "promote etcd-0 http://etcd-2:2380",
            vec![says(LIST, MEMBERS), fails("*etcdctl member promote c3")],
            1,
        ),
        case("nobody", "promote etcd-0 http://etcd-9:2380", list(MEMBERS), 1),
        case(
            "a member",
            "remove_member etcd-0 etcd-1",
            vec![says(LIST, MEMBERS), says("*etcdctl member remove b2", "")],
            0,
        )
        .calling("member remove b2"),
        case("two of a name", "remove_member etcd-0 etcd-1", list(TWO_OF_A_NAME), 1).calling("!member remove"),
        case("nobody", "remove_member etcd-0 etcd-9", list(MEMBERS), 1).calling("!member remove"),
        case(
            "it would lose the quorum",
            "remove_member etcd-0 etcd-1",
            vec![says(LIST, MEMBERS), fails("*etcdctl member remove b2")],
            1,
        ),
        case(
            "a member",
            "update_member etcd-0 etcd-1 https://new:2380",
            vec![says(LIST, MEMBERS), says("*etcdctl member update b2 --peer-urls=https://new:2380", "")],
            0,
        )
        .calling("member update b2 --peer-urls=https://new:2380"),
        case("two of a name", "update_member etcd-0 etcd-1 https://new:2380", list(TWO_OF_A_NAME), 1)
            .calling("!member update"),
        case(
            "it fails",
            "update_member etcd-0 etcd-1 https://new:2380",
            vec![says(LIST, MEMBERS), fails("*etcdctl member update*")],
            1,
        ),
        case(
            "another leads",
            "does_not_lead etcd-0",
            vec![says(FIELDS, "\"MemberID\" : 10501334649042878790\n\"Leader\" : 10501334649042878791\n")],
            0,
        ),
        case(
            "it leads",
            "does_not_lead etcd-0",
            vec![says(FIELDS, "\"MemberID\" : 10501334649042878790\n\"Leader\" : 10501334649042878790\n")],
            1,
        ),
        case(
            "nobody leads",
            "does_not_lead etcd-0",
            vec![says(FIELDS, "\"MemberID\" : 10501334649042878790\n\"Leader\" : 0\n")],
            2,
        ),
        case("an empty answer", "does_not_lead etcd-0", vec![says(FIELDS, "")], 2),
        case("no leader in it", "does_not_lead etcd-0", vec![says(FIELDS, "\"MemberID\" : 1\n")], 2),
        case("no answer", "does_not_lead etcd-0", vec![fails(FIELDS)], 2),
        case(
            "a broken connection",
            "does_not_lead etcd-0",
            vec![breaks(FIELDS, "\"MemberID\" : 1\n\"Leader\" : 2\n")],
            2,
        ),
        case(
            "moves",
            "move_leader etcd-0 etcd-1",
            vec![says(LIST, MEMBERS), says("*etcdctl move-leader b2", "")],
            0,
        )
        .calling("exec etcd-0 --container etcd -- etcdctl move-leader b2"),
        case(
            "it does not lead",
            "move_leader etcd-0 etcd-1",
            vec![says(LIST, MEMBERS), fails("*etcdctl move-leader b2")],
            1,
        ),
        case("nobody", "move_leader etcd-0 etcd-9", list(MEMBERS), 1),
        case(
            "forwarded",
            "metrics_of etcd-0 8080",
            vec![says(FORWARD_0, FORWARDING), says(METRICS_0, PEER_OF_0)],
            0,
        )
        .prints(PEER_OF_0)
        // Once more, so that the port forwarding ends.
        .calling("get --raw /metrics\n--context= --kubeconfig=/dev/null --server=http://127.0.0.1:40001 get --raw /metrics\n"),
        case("not forwarded", "metrics_of etcd-0 8080", vec![fails(FORWARD_0)], 1),
        case(
            "forwarded to no port",
            "metrics_of etcd-0 8080",
            vec![says(FORWARD_0, "Forwarding from [::1]:40001 -> 8080\n")],
            1,
        ),
        case(
            "no answer",
            "metrics_of etcd-0 8080",
            vec![says(FORWARD_0, FORWARDING), fails(METRICS_0)],
            1,
        ),
        case("a connection", "connections etcd-0", connections(TWO_VOTERS, PEER_OF_0), 0).prints("etcd-0 etcd-1 0 0 7 open\n"),
        case("one that was lost before", "connections etcd-0", connections(TWO_VOTERS, LOST_BEFORE), 0)
            .prints("etcd-0 etcd-1 3 4 7 open\n"),
        case("two of which one is left over", "connections etcd-0", connections(TWO_VOTERS, TWO_CONNECTIONS), 0)
            .prints("etcd-0 etcd-1 0 0 7 open\n"),
        case("none to the peer", "connections etcd-0", connections(TWO_VOTERS, OTHER_PEER), 0)
            .prints("etcd-0 etcd-1 0 0 7 closed\n"),
        case("a lost one", "connections etcd-0", connections(TWO_VOTERS, LOST_PEER), 0)
            .prints("etcd-0 etcd-1 0 0 7 closed\n"),
        case("none to a member without a name", "connections etcd-0", connections(UNSTARTED_VOTER, OTHER_PEER), 0)
            .prints("etcd-0 b2 0 0 7 closed\n"),
        case("no metrics", "connections etcd-0", connections(TWO_VOTERS, ""), 0).prints("etcd-0 etcd-1 0 0 7 closed\n"),
        case(
            "awk fails",
            "awk() { command awk \"$@\" && mkdir once 2> /dev/null; }; connections etcd-0",
            connections(TWO_VOTERS, PEER_OF_0),
            1,
        ),
        case("an open one", "answered 'a b 0 4 100 open'", vec![], 0),
        case("a closed one", "answered 'a b 0 4 100 closed' || cat \"$notes/closed\"", vec![], 0).prints("a b 4 100\n"),
        case("a closed one", "answered 'a b 0 4 100 closed'", vec![], 1),
        case("answers", "echo a b 4 100 > \"$notes/closed\"; answered 'a b 0 6 150 closed'", vec![], 0),
        case("answers for less than 50 s", "echo a b 4 100 > \"$notes/closed\"; answered 'a b 0 6 149 closed'", vec![], 1),
        case("answers to another", "echo a c 4 100 > \"$notes/closed\"; answered 'a b 0 6 150 closed'", vec![], 1),
        case("no round trip", "echo a b 4 100 > \"$notes/closed\"; answered 'a b 0 4 150 closed'", vec![], 1),
        case(
            "a round trip in 5 seconds",
            "echo a b 4 100 > \"$notes/closed\"; answered 'a b 0 9 150 closed' || cat \"$notes/closed\"",
            vec![],
            0,
        )
        .prints("a b 9 150\n"),
        case("a restart", "echo a b 4 100 > \"$notes/closed\"; answered 'a b 0 2 150 closed'", vec![], 1),
        case(
            "answers of one of two",
            "echo a c 4 100 > \"$notes/closed\"; answered 'a b 0 6 150 closed\na c 0 6 150 closed'",
            vec![],
            1,
        ),
        case("nothing can be kept", "notes=none; answered 'a b 0 4 100 open'", vec![], 1),
        case(
            "metrics are forbidden",
            "connections etcd-0",
            vec![says(PORT_0, "8080"), says(LIST, TWO_VOTERS), fails(FORWARD_0)],
            1,
        ),
        case(
            "no list",
            "connections etcd-0",
            vec![says(PORT_0, "8080"), fails(LIST), says(FORWARD_0, FORWARDING), says(METRICS_0, PEER_OF_0)],
            1,
        ),
        case("no pod", "connections etcd-0", vec![fails(PORT_0)], 1),
        case(
            "no pod, and another",
            "connections etcd-1 etcd-0",
            [vec![fails(PORT_1)], connections(TWO_VOTERS, PEER_OF_0)].into_iter().flatten().collect(),
            1,
        ),
        case(
            "a broken connection",
            "connections etcd-0",
            vec![
                says(PORT_0, "8080"),
                says(LIST, TWO_VOTERS),
                says(FORWARD_0, FORWARDING),
                breaks(METRICS_0, PEER_OF_0),
            ],
            1,
        ),
        case(
            "nobody shows any",
            "connections etcd-0 etcd-1",
            vec![says(PORT_0, ""), says(PORT_1, "")],
            1,
        ),
        case("a connection that lasts", "connected 0 etcd-0", connections(TWO_VOTERS, PEER_OF_0), 0),
        case("a lost one", "connected 0 etcd-0", connections(TWO_VOTERS, LOST_PEER), 1),
        case(
            "one that is looked at",
            "connections() { if mkdir looked 2> /dev/null; then echo etcd-0 etcd-1 3 4 100 open; else echo etcd-0 etcd-1 3 6 112 open; fi; }; connected 0 etcd-0",
            vec![],
            0,
        ),
        case(
            "one that is looked at for long",
            "connections() { if mkdir looked 2> /dev/null; then echo etcd-0 etcd-1 3 4 100 open; else echo etcd-0 etcd-1 3 8 131 open; fi; }; connected 0 etcd-0",
            vec![],
            0,
        ),
        case(
            "one that is lost meanwhile",
            "connections() { if mkdir looked 2> /dev/null; then echo etcd-0 etcd-1 3 4 100 open; else echo etcd-0 etcd-1 4 4 112 open; fi; }; connected 0 etcd-0",
            vec![],
            1,
        ),
        case(
            "one that gets no answer",
            "connections() { if mkdir looked 2> /dev/null; then echo etcd-0 etcd-1 3 4 100 open; else echo etcd-0 etcd-1 3 8 112 open; fi; }; connected 0 etcd-0",
            vec![],
            1,
        ),
        case(
            "another member at the second look",
            "connections() { if mkdir looked 2> /dev/null; then echo etcd-0 etcd-1 3 4 100 open; else echo etcd-0 etcd-2 3 4 112 open; fi; }; connected 0 etcd-0",
            vec![],
            1,
        ),
        case(
            "one less at the second look",
            "connections() { mkdir looked 2> /dev/null && echo b c 0 0 1 open || :; echo a b 0 0 1 open; }; connected 0 etcd-0",
            vec![],
            1,
        ),
        case(
            "none at the second look",
            "connections() { mkdir looked && echo a b 0 0 1 open; }; connected 0 etcd-0",
            vec![],
            1,
        ),
        case(
            "one that opens",
            "connections() { if mkdir looked 2> /dev/null; then echo a b 3 4 100 closed; else echo a b 3 4 112 open; fi; }; connected 0 a",
            vec![],
            1,
        ),
        case(
            "one that closes",
            "connections() { if mkdir looked 2> /dev/null; then echo a b 3 4 100 open; else echo a b 3 4 112 closed; fi; }; connected 0 a",
            vec![],
            1,
        ),
        case(
            "one that is open and counts as closed",
            "echo a b 2 50 > \"$notes/closed\"; connections() { if mkdir looked 2> /dev/null; then echo a b 3 4 100 closed; else echo a b 3 4 112 closed; fi; }; connected 0 a",
            vec![],
            0,
        ),
        case("one status", "status_of etcd-0", vec![says(STATUS_0, STATUS_3_6)], 0),
        case("two of them", "status_of etcd-0", vec![says(STATUS_0, STATUS_OF_TWO)], 1),
        case("no answer", "status_of etcd-0", vec![fails(STATUS_0)], 1),
        case("two endpoints", "runs_version 3.6.14 etcd-0", vec![says(STATUS_0, STATUS_OF_TWO)], 1),
        case("two endpoints", "stored_as 3.6 etcd-0", vec![says(STATUS_0, STATUS_OF_TWO)], 1),
        case("two endpoints", "downgrading etcd-0 3.5", vec![says(STATUS_0, STATUS_OF_TWO)], 2),
        case("two endpoints", "fits_quota 20481 etcd-0", vec![says(STATUS_0, STATUS_OF_TWO)], 1),
        case("two endpoints", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_OF_TWO), says(CLAIM, "8Gi")], 1),
        case(
            "two endpoints",
            "does_not_lead etcd-0",
            vec![says(FIELDS, "\"MemberID\" : 1\n\"Leader\" : 3\n\"MemberID\" : 2\n\"Leader\" : 3\n")],
            2,
        ),
        case(
            "a second look, some time later",
            "sleep() { [ \"$1\" = 7 ] && mkdir slept; }; connections() { if mkdir looked 2> /dev/null || [ -d slept ]; then echo a b 0 0 1 open; fi; }; connected 7 etcd-0",
            vec![],
            0,
        ),
        case(
            "one more at the second look",
            "connections() { echo a b 0 0 1 open; mkdir looked 2> /dev/null || echo a c 0 0 1 open; }; connected 0 etcd-0",
            vec![],
            1,
        ),
        case(
            "the first look fails",
            "connections() { echo a b 0 0 1 open; ! mkdir looked 2> /dev/null; }; connected 0 etcd-0",
            vec![],
            1,
        ),
        case(
            "the second look fails",
            "connections() { echo a b 0 0 1 open; mkdir looked 2> /dev/null; }; connected 0 etcd-0",
            vec![],
            1,
        ),
        case("it runs", "runs_version 3.6.14 etcd-0", vec![says(STATUS_0, STATUS_3_6)], 0),
        case("one of two", "runs_version '3.6.10 3.6.14' etcd-0", vec![says(STATUS_0, STATUS_3_6)], 0),
        case("another", "runs_version 3.6.14 etcd-0", vec![says(STATUS_0, STATUS_3_5)], 1),
        case("a part of it", "runs_version 3.6.14 etcd-0", vec![says(STATUS_0, STATUS_3_6_1)], 1),
        case("it is a part", "runs_version 3.6.1 etcd-0", vec![says(STATUS_0, STATUS_3_6)], 1),
        case(
            "the second runs another",
            "runs_version 3.6.14 etcd-0 etcd-1",
            vec![says(STATUS_0, STATUS_3_6), says(STATUS_1, STATUS_3_5)],
            1,
        ),
        case("an empty answer", "runs_version 3.6.14 etcd-0", vec![says(STATUS_0, "")], 1),
        case("no answer", "runs_version 3.6.14 etcd-0", vec![fails(STATUS_0)], 1),
        case("a broken connection", "runs_version 3.6.14 etcd-0", vec![breaks(STATUS_0, STATUS_3_6)], 1),
        case("the format", "stored_as 3.6 etcd-0", vec![says(STATUS_0, STATUS_3_6)], 0),
        case("an older one", "stored_as 3.6 etcd-0", vec![says(STATUS_0, STATUS_BACK)], 1),
        case("on the way back", "stored_as 3.5 etcd-0", vec![says(STATUS_0, STATUS_BACK)], 0),
        case("a member of 3.5", "stored_as 3.5 etcd-0", vec![says(STATUS_0, STATUS_3_5)], 0),
        case("a member of 3.5 has none of 3.6", "stored_as 3.6 etcd-0", vec![says(STATUS_0, STATUS_3_5)], 1),
        case("not yet back", "stored_as 3.5 etcd-0", vec![says(STATUS_0, STATUS_3_6)], 1),
        case("nothing is told", "stored_as 3.6 etcd-0", vec![says(STATUS_0, STATUS_EMPTY)], 1),
        case("no answer", "stored_as 3.6 etcd-0", vec![fails(STATUS_0)], 1),
        case("a broken connection", "stored_as 3.6 etcd-0", vec![breaks(STATUS_0, STATUS_3_6)], 1),
        case("under way", "downgrading etcd-0 3.5", vec![says(STATUS_0, STATUS_BACK)], 0),
        case("done", "downgrading etcd-0 3.5", vec![says(STATUS_0, STATUS_3_5)], 0),
        case("not begun", "downgrading etcd-0 3.5", vec![says(STATUS_0, STATUS_3_6)], 1),
        case("no answer", "downgrading etcd-0 3.5", vec![fails(STATUS_0)], 2),
        case("an empty answer", "downgrading etcd-0 3.5", vec![says(STATUS_0, "")], 2),
        case("a broken connection", "downgrading etcd-0 3.5", vec![breaks(STATUS_0, STATUS_BACK)], 2),
        case("it fits", "fits_quota 20481 etcd-0", vec![says(STATUS_0, STATUS_3_6)], 0),
        case("as large", "fits_quota 20480 etcd-0", vec![says(STATUS_0, STATUS_3_6)], 1),
        case("larger", "fits_quota 2048 etcd-0", vec![says(STATUS_0, STATUS_3_6)], 1),
        case("not told", "fits_quota 20481 etcd-0", vec![says(STATUS_0, STATUS_EMPTY)], 1),
        case("no answer", "fits_quota 20481 etcd-0", vec![fails(STATUS_0)], 1),
        case("a broken connection", "fits_quota 20481 etcd-0", vec![breaks(STATUS_0, STATUS_3_6)], 1),
        case(
            "the second is larger",
            "fits_quota 20481 etcd-0 etcd-1",
            vec![says(STATUS_0, STATUS_3_6), says(STATUS_1, r#"[{"Status":{"dbSize":20482}}]"#)],
            1,
        ),
        case("room", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_3_6), says(CLAIM, "1Gi")], 0),
        case("decimal", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_3_6), says(CLAIM, "1.5G")], 0),
        case("bytes", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_3_6), says(CLAIM, "1073741824")], 0),
        case("too small", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_3_6), says(CLAIM, "488Mi")], 1),
        case("an unknown unit", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_3_6), says(CLAIM, "8Xi")], 1),
        case("no capacity", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_3_6), says(CLAIM, "")], 1),
        case("no value", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_3_6), says(CLAIM, "<no value>")], 1),
        case("no claim", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_3_6), fails(CLAIM)], 1),
        case("no size", "has_room etcd-0 data-etcd-0", vec![says(STATUS_0, STATUS_EMPTY), says(CLAIM, "8Gi")], 1),
        case("no answer", "has_room etcd-0 data-etcd-0", vec![fails(STATUS_0), says(CLAIM, "8Gi")], 1),
        case(
            "a broken connection to the member",
            "has_room etcd-0 data-etcd-0",
            vec![breaks(STATUS_0, STATUS_3_6), says(CLAIM, "8Gi")],
            1,
        ),
        case(
            "a broken connection to the API server",
            "has_room etcd-0 data-etcd-0",
            vec![says(STATUS_0, STATUS_3_6), breaks(CLAIM, "8Gi")],
            1,
        ),
        case("there", "exists secret s", vec![says("*get secret s --ignore-not-found --output name", "secret/s\n")], 0),
        case("not there", "exists secret s", vec![says("*get secret s --ignore-not-found --output name", "")], 1),
        case("forbidden", "exists secret s", vec![fails("*get secret s*")], 2),
        case("none", "no_claims data-etcd-2 wal-etcd-2", vec![says(CLAIMS, "")], 0),
        case("one", "no_claims data-etcd-2 wal-etcd-2", vec![says(CLAIMS, "persistentvolumeclaim/wal-etcd-2\n")], 1),
        case("forbidden", "no_claims data-etcd-2 wal-etcd-2", vec![fails(CLAIMS)], 1),
        case(
            "neither",
            "not_installed etcd data-etcd-2 wal-etcd-2",
            vec![says(SET_NAME, ""), says(CLAIMS, "")],
            0,
        ),
        case("without claims", "not_installed etcd", vec![says(SET_NAME, "")], 0),
        case("a StatefulSet", "not_installed etcd", vec![says(SET_NAME, "statefulset.apps/etcd\n")], 1),
        case(
            "claims",
            "not_installed etcd data-etcd-2 wal-etcd-2",
            vec![says(SET_NAME, ""), says(CLAIMS, "persistentvolumeclaim/wal-etcd-2\n")],
            1,
        ),
        case("forbidden", "not_installed etcd", vec![fails(SET_NAME)], 2),
        case("nothing is left", "gone service a b", vec![says("*get service a b --ignore-not-found --output name", "")], 0),
        case("one is left", "gone service a b", vec![says("*get service a b *", "service/b\n")], 1),
        case("forbidden", "gone service a b", vec![fails("*get service a b *")], 1),
        case("gone, or going", "deleted service a b", vec![says(DELETED_A, ""), says(DELETED_B, "")], 0),
        case("the first stays", "deleted service a b", vec![says(DELETED_A, "yes"), says(DELETED_B, "")], 1),
        case("the second stays", "deleted service a b", vec![says(DELETED_A, ""), says(DELETED_B, "yes")], 1),
        case("no value", "deleted service a", vec![says(DELETED_A, "<no value>")], 1),
        case("forbidden", "deleted service a", vec![fails(DELETED_A)], 1),
        case("an object", "uid_of pod etcd-0", vec![says(UID_OF, "1-a")], 0).prints("1-a\n"),
        case("none", "uid_of pod etcd-0", vec![says(UID_OF, "")], 0).prints("\n"),
        case("no value", "uid_of pod etcd-0", vec![says(UID_OF, "<no value>")], 1),
        case("forbidden", "uid_of pod etcd-0", vec![fails(UID_OF)], 1),
        case(
            "another comes back",
            "uid_of() { if mkdir looked 2> /dev/null; then echo 1; else echo 2; fi; }; delete_pod etcd-0",
            vec![says("*delete pod etcd-0 *", "")],
            0,
        )
        .calling("delete pod etcd-0"),
        case(
            "none comes back",
            "uid_of() { if mkdir looked 2> /dev/null; then echo 1; fi; }; delete_pod etcd-0",
            vec![says("*delete pod etcd-0 *", "")],
            0,
        ),
        case(
            "it is deleted by something else",
            "uid_of() { if mkdir looked 2> /dev/null; then echo 1; else echo 2; fi; }; delete_pod etcd-0",
            vec![fails("*delete pod etcd-0 *")],
            1,
        ),
        case(
            "no answer behind it",
            "uid_of() { mkdir looked 2> /dev/null && echo 1; }; delete_pod etcd-0",
            vec![says("*delete pod etcd-0 *", "")],
            1,
        ),
        case("none is there", "delete_pod etcd-0", vec![says(UID_OF, "")], 0).calling("!delete"),
        case("it stays", "delete_pod etcd-0", vec![says(UID_OF, "1-a"), says("*delete pod etcd-0 *", "")], 1),
        case("it may not be deleted", "delete_pod etcd-0", vec![says(UID_OF, "1-a"), fails("*delete pod etcd-0 *")], 1),
        case("forbidden", "delete_pod etcd-0", vec![fails(UID_OF)], 1).calling("!delete"),
        case("current", "of_revision etcd etcd-0", vec![says(REVISION, "etcd-5d"), says(POD_REVISION, "etcd-5d")], 0),
        case("older", "of_revision etcd etcd-0", vec![says(REVISION, "etcd-5d"), says(POD_REVISION, "etcd-4c")], 1),
        case("not observed", "of_revision etcd etcd-0", vec![says(REVISION, ""), says(POD_REVISION, "")], 1),
        case(
            "no value on both sides",
            "of_revision etcd etcd-0",
            vec![says(REVISION, "<no value>"), says(POD_REVISION, "<no value>")],
            1,
        ),
        case("no pod", "of_revision etcd etcd-0", vec![says(REVISION, "etcd-5d"), fails(POD_REVISION)], 1),
        case("no set", "of_revision etcd etcd-0", vec![fails(REVISION)], 1),
        case(
            "a broken connection for the set",
            "of_revision etcd etcd-0",
            vec![breaks(REVISION, "etcd-5d"), says(POD_REVISION, "etcd-5d")],
            1,
        ),
        case(
            "a broken connection for the pod",
            "of_revision etcd etcd-0",
            vec![says(REVISION, "etcd-5d"), breaks(POD_REVISION, "etcd-5d")],
            1,
        ),
        case("issued", "issued server", vec![says(CERTIFICATE, "3=3")], 0),
        case("of the generation before", "issued server", vec![says(CERTIFICATE, "2=3")], 1),
        case("not ready", "issued server", vec![says(CERTIFICATE, "=3")], 1),
        case("no generation", "issued server", vec![says(CERTIFICATE, "<no value>=3")], 1),
        case("no values", "issued server", vec![says(CERTIFICATE, "<no value>=<no value>")], 1),
        case("an empty answer", "issued server", vec![says(CERTIFICATE, "")], 1),
        case("nothing on both sides", "issued server", vec![says(CERTIFICATE, "=")], 1),
        case("no certificate", "issued server", vec![fails(CERTIFICATE)], 1),
        case("a broken connection", "issued server", vec![breaks(CERTIFICATE, "3=3")], 1),
        case("the keys", "secret_has s tls.crt tls.key", vec![says(KEY_OF, "yes")], 0),
        case("a key is empty", "secret_has s tls.crt", vec![says(KEY_OF, "")], 1),
        case("no value", "secret_has s tls.crt", vec![says(KEY_OF, "<no value>")], 1),
        case("forbidden", "secret_has s tls.crt", vec![fails(KEY_OF)], 1),
        case("a broken connection", "secret_has s tls.crt", vec![breaks(KEY_OF, "yes")], 1),
        case(
            "the second key is missing",
            "secret_has s tls.crt ca.crt",
            vec![says("*\"tls.crt\"*", "yes"), says("*\"ca.crt\"*", "")],
            1,
        ),
        case(
            "copies",
            "copy_certificate s n ca.crt tls.crt tls.key",
            vec![says(KEY_OF, "yes"), says(OBJECT_OF, "{}"), says("*create --filename -", "")],
            0,
        )
        .calling("create --filename -"),
        case(
            "a key is missing",
            "copy_certificate s n ca.crt tls.crt tls.key",
            vec![says("*\"ca.crt\"*", ""), says(KEY_OF, "yes")],
            1,
        )
        .calling("!create"),
        case(
            "it is gone meanwhile",
            "copy_certificate s n ca.crt tls.crt tls.key",
            vec![says(KEY_OF, "yes"), fails(OBJECT_OF)],
            1,
        )
        .calling("!create"),
        case(
            "it cannot be made",
            "copy_certificate s n ca.crt tls.crt tls.key",
            vec![says(KEY_OF, "yes"), says(OBJECT_OF, "{}"), fails("*create --filename -")],
            1,
        ),
        case("no copy", "is_copy s o ca.pem crt", vec![says(COPY, "")], 1),
        case("nobody knows of a copy", "is_copy s o ca.pem crt", vec![fails(COPY)], 2),
        case(
            "a copy",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, OLD_CA), says(CRT, "Y2VydA=="), says(CRT_OF_COPY, "Y2VydA==")],
            0,
        ),
        case(
            "a copy that trusts another as well",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, BOTH_CAS), says(CRT, "Y2VydA=="), says(CRT_OF_COPY, "Y2VydA==")],
            0,
        ),
        case(
            "a copy of another",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, NEW_CA), says(CRT, "Y2VydA=="), says(CRT_OF_COPY, "Y2VydA==")],
            2,
        ),
        case(
            "no CA to compare with",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, ""), says(CA_OF_OTHER, NEW_CA), says(CRT, "Y2VydA=="), says(CRT_OF_COPY, "Y2VydA==")],
            2,
        ),
        case(
            "the CA cannot be read",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), breaks(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, OLD_CA), says(CRT, "Y2VydA=="), says(CRT_OF_COPY, "Y2VydA==")],
            2,
        ),
        case(
            "no CA in the copy",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, "")],
            2,
        ),
        case(
            "a copy of an earlier certificate",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, OLD_CA), says(CRT, "Y2VydA=="), says(CRT_OF_COPY, "b2xk")],
            2,
        ),
        case(
            "no certificate to compare with",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, OLD_CA), says(CRT, ""), says(CRT_OF_COPY, "")],
            2,
        ),
        case(
            "the certificate cannot be read",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, OLD_CA), breaks(CRT, "Y2VydA=="), says(CRT_OF_COPY, "Y2VydA==")],
            2,
        ),
        case(
            "the copied certificate cannot be read",
            "is_copy s o ca.pem crt",
            vec![says(COPY, "secret/o\n"), says(CA_IN_PEM, OLD_CA), says(CA_OF_OTHER, OLD_CA), says(CRT, "Y2VydA=="), breaks(CRT_OF_COPY, "Y2VydA==")],
            2,
        ),
        case("a CA", "ca_of s", vec![says(CA_OF, OLD_CA)], 0).prints(OLD_CA),
        case("no CA", "ca_of s", vec![says(CA_OF, "garbage")], 1),
        case("no value", "ca_of s", vec![says(CA_OF, "<no value>")], 1),
        case("an empty one", "ca_of s", vec![says(CA_OF, "")], 1),
        case("forbidden", "ca_of s", vec![fails(CA_OF)], 1),
        case("a broken connection", "ca_of s", vec![breaks(CA_OF, OLD_CA)], 1),
        case(
            "adds",
            "trust_both s o",
            vec![says(CA_OF, OLD_CA), says(CA_OF_OTHER, NEW_CA), says("*patch secret s *", "")],
            0,
        )
        // Both, as base64.
        .calling("\"ca.crt\":\"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCm9sZAotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCi0tLS0tQkVHSU4gQ0VSVElGSUNBVEUtLS0tLQpuZXcKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=\""),
        case("it is there", "trust_both s o", vec![says(CA_OF, OLD_CA), says(CA_OF_OTHER, OLD_CA)], 0).calling("!patch"),
        case("no CA", "trust_both s o", vec![says(CA_OF, OLD_CA), says(CA_OF_OTHER, "")], 1).calling("!patch"),
        case("no old CA", "trust_both s o", vec![says(CA_OF, ""), says(CA_OF_OTHER, NEW_CA)], 1).calling("!patch"),
        case(
            "base64 fails",
            "base64() { cat; return 1; }; trust_both s o",
            vec![says(CA_OF, OLD_CA), says(CA_OF_OTHER, NEW_CA)],
            1,
        )
        .calling("!patch"),
        case(
            "base64 writes nothing",
            "base64() { cat > /dev/null; }; trust_both s o",
            vec![says(CA_OF, OLD_CA), says(CA_OF_OTHER, NEW_CA)],
            1,
        )
        .calling("!patch"),
        case(
            "tr fails",
            "tr() { cat; return 1; }; trust_both s o",
            vec![says(CA_OF, OLD_CA), says(CA_OF_OTHER, NEW_CA)],
            1,
        )
        .calling("!patch"),
        case(
            "it cannot be changed",
            "trust_both s o",
            vec![says(CA_OF, OLD_CA), says(CA_OF_OTHER, NEW_CA), fails("*patch secret s *")],
            1,
        ),
        case(
            "takes",
            "take_certificate s o",
            vec![
                says("*get secret o --output go-template={{with*", "yes"),
                says("*get secret o --output go-template={\"data\"*", "{}"),
                says("*patch secret s *", ""),
            ],
            0,
        )
        .calling("patch secret s"),
        case(
            "no key",
            "take_certificate s o",
            vec![says("*get secret o --output go-template={{with*", "")],
            1,
        )
        .calling("!patch"),
        case(
            "it is gone meanwhile",
            "take_certificate s o",
            vec![
                says("*get secret o --output go-template={{with*", "yes"),
                fails("*get secret o --output go-template={\"data\"*"),
            ],
            1,
        )
        .calling("!patch"),
        case(
            "it cannot be changed",
            "take_certificate s o",
            vec![
                says("*get secret o --output go-template={{with*", "yes"),
                says("*get secret o --output go-template={\"data\"*", "{}"),
                fails("*patch secret s *"),
            ],
            1,
        ),
        case("writes", "fill_log etcd-0 2", vec![says("*etcdctl del rutter.dev/no-such-key", "0\n")], 0)
            .calling("no-such-key\n--namespace default exec etcd-0 --container etcd -- etcdctl del rutter.dev/no-such-key\n"),
        case("it fails", "fill_log etcd-0 3", vec![fails("*etcdctl del rutter.dev/no-such-key")], 1),
        case(
            "the note of a restart",
            "comparable '{\"metadata\":{\"annotations\":{\"kubectl.kubernetes.io/restartedAt\":\"t\"},\"labels\":{}}}'",
            vec![],
            0,
        )
        .prints("{\"metadata\":{\"labels\":{}}}\n"),
        case(
            "the note of a restart beside others",
            "comparable '{\"annotations\":{\"a\":\"b\",\"kubectl.kubernetes.io/restartedAt\":\"t\"}}'",
            vec![],
            0,
        )
        .prints("{\"annotations\":{\"a\":\"b\"}}\n"),
        case(
            "a conflict",
            "k() { ! mkdir once 2> /dev/null || return 1; kubectl --namespace shop \"$@\"; }; replaced manifests/a.yaml",
            vec![says("*replace --dry-run=server --filename manifests/a.yaml", "a\n")],
            0,
        )
        .prints("a\n"),
        case(
            "it is refused",
            "replaced manifests/a.yaml",
            vec![fails("*replace --dry-run=server --filename manifests/a.yaml")],
            1,
        ),
        case("a manifest", "alone a.yaml", vec![says(REPLACED, "{\"a\":1}")], 0).prints("{\"a\":1}\n"),
        case("it is refused", "alone a.yaml", vec![fails(REPLACED)], 1),
        case("its fields", "is_alone a.yaml '{\"a\":1}' it", vec![says(REPLACED, "{\"a\":1}")], 0),
        case("a field more", "is_alone a.yaml '{\"a\":1,\"b\":2}' it", vec![says(REPLACED, "{\"a\":1}")], 1),
        case("it is refused", "is_alone a.yaml '{\"a\":1}' it", vec![fails(REPLACED)], 1),
        case("a broken connection", "is_alone a.yaml '{\"a\":1}' it", vec![breaks(REPLACED, "{\"a\":1}")], 1),
        case("no fields, and no answer", "is_alone a.yaml '' it", vec![fails(REPLACED)], 1),
        case(
            "sed fails",
            "sed() { command sed \"$@\"; ! mkdir once 2> /dev/null; }; is_alone a.yaml '{\"a\":1}' it",
            vec![says(REPLACED, "{\"a\":1}")],
            1,
        ),
        case(
            "the same",
            "proven a.yaml",
            vec![says(FOUND, "service/a\n"), says(APPLIED, "{\"a\":1}"), says(REPLACED, "{\"a\":1}")],
            0,
        ),
        case("a new one", "proven a.yaml", vec![says(FOUND, "")], 0),
        case(
            "a foreign field stays",
            "proven a.yaml",
            vec![says(FOUND, "service/a\n"), says(APPLIED, "{\"a\":1,\"b\":2}"), says(REPLACED, "{\"a\":1}")],
            1,
        ),
        case("forbidden", "proven a.yaml", vec![fails(FOUND)], 1),
        case(
            "the apply is refused",
            "proven a.yaml",
            vec![says(FOUND, "service/a\n"), fails(APPLIED)],
            1,
        ),
        case(
            "the replacement is refused",
            "proven a.yaml",
            vec![says(FOUND, "service/a\n"), says(APPLIED, "{\"a\":1}"), fails(REPLACED)],
            1,
        ),
        case("keys", "keys_in manifests/a.yaml", vec![says(NEW_KEYS, "label a\n")], 0).prints("label a\n"),
        case("they cannot be read", "keys_in manifests/a.yaml", vec![fails(NEW_KEYS)], 1),
        case("an object that stays as it is", "without_old_keys a.yaml k get a", vec![], 0),
        case(
            "an annotation goes",
            "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a",
            keys("label a\nannotation of-others\n"),
            0,
        ),
        case(
            "an annotation stays",
            "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a",
            keys("label a\nannotation old\n"),
            1,
        ),
        case(
            "a label is missing",
            "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a",
            keys("annotation a\n"),
            1,
        ),
        case("nothing", "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a", keys(""), 1),
        case("no value", "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a", keys("<no value>"), 1),
        case(
            "no answer",
            "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a",
            vec![says(OLD_KEYS, "annotation old\n"), says(NEW_KEYS, "label a\n"), fails("*get a --output*")],
            1,
        ),
        case(
            "an answer, and a failure",
            "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a",
            vec![
                says(OLD_KEYS, "annotation old\n"),
                says(NEW_KEYS, "label a\n"),
                refuses("*get a --output*", "label a\n"),
            ],
            1,
        ),
        case(
            "the old ones cannot be read",
            "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a",
            vec![fails(OLD_KEYS)],
            1,
        ),
        case(
            "the new ones cannot be read",
            "mkdir files; : > files/a.yaml; without_old_keys a.yaml k get a",
            vec![says(OLD_KEYS, "annotation old\n"), fails(NEW_KEYS)],
            1,
        ),
        case(
            "it would keep an annotation",
            "mkdir files; : > files/a.yaml; proven a.yaml",
            vec![
                says(FOUND, "service/a\n"),
                says("*apply *{{range*", "label a\nannotation old\n"),
                says(APPLIED, "{}"),
                says(REPLACED, "{}"),
                says(OLD_KEYS, "annotation old\n"),
                says(NEW_KEYS, "label a\n"),
            ],
            1,
        ),
        case(
            "it has kept an annotation",
            "mkdir files; : > files/a.yaml; applied a.yaml",
            vec![
                says("*get *{{range*", "label a\nannotation old\n"),
                says(LIVE, "{}"),
                says(REPLACED, "{}"),
                says(OLD_KEYS, "annotation old\n"),
                says(NEW_KEYS, "label a\n"),
            ],
            1,
        ),
        case("the same", "applied a.yaml", vec![says(LIVE, "{\"a\":1}"), says(REPLACED, "{\"a\":1}")], 0),
        case("a foreign field", "applied a.yaml", vec![says(LIVE, "{\"a\":1,\"b\":2}"), says(REPLACED, "{\"a\":1}")], 1),
        case("nothing", "applied a.yaml", vec![says(LIVE, ""), says(REPLACED, "{\"a\":1}")], 1),
        case("not there", "applied a.yaml", vec![fails(LIVE)], 1),
        case("it is refused", "applied a.yaml", vec![says(LIVE, "{\"a\":1}"), fails(REPLACED)], 1),
        case(
            "accepted",
            "dry_run 01-step",
            vec![says(
                "*apply --dry-run=server --filename 01-step/manifests/a.yaml --filename 01-step/manifests/b.yaml",
                "",
            )],
            0,
        ),
        case(
            "but for one",
            "dry_run 01-step b.yaml",
            vec![says("*apply --dry-run=server --filename 01-step/manifests/a.yaml", "")],
            0,
        )
        .calling("!b.yaml"),
        case(
            "one is refused",
            "dry_run 01-step",
            vec![fails("*apply --dry-run=server --filename 01-step/manifests/a.yaml *")],
            1,
        ),
        case("no such step", "dry_run 02-none", vec![fails("*apply*")], 1),
        case("a step that is done", "is_done() { [ \"$1\" = 01-step ]; }; dry_run 01-step", vec![], 0),
        case("but for all", "dry_run 01-step a.yaml b.yaml", vec![], 0),
        case(
            "accepted in the place of another",
            "replaceable 01-step a.yaml",
            vec![says("*replace --dry-run=server --filename 01-step/manifests/a.yaml", "")],
            0,
        )
        .calling("!apply"),
        case(
            "the second is refused",
            "replaceable 01-step a.yaml b.yaml",
            vec![says("*a.yaml", ""), fails("*b.yaml")],
            1,
        ),
        case("a step that is done", "is_done() { [ \"$1\" = 01-step ]; }; replaceable 01-step a.yaml", vec![], 0),
        case("to create", "creatable 01-step a.yaml", vec![says(CREATE, "statefulset.apps/etcd created\n")], 0),
        case("that it exists", "creatable 01-step a.yaml", vec![refuses(CREATE, ALREADY_EXISTS)], 0),
        case("refused", "creatable 01-step a.yaml", vec![fails(CREATE)], 1),
        case(
            "refused by a webhook that knows the words",
            "creatable 01-step a.yaml",
            vec![refuses(CREATE, "Error from server (Forbidden): denied: (AlreadyExists)\n")],
            1,
        ),
        case("a step that is done", "is_done() { [ \"$1\" = 01-step ]; }; creatable 01-step a.yaml", vec![], 0),
        case("allowed", "allowed create services", vec![says("*auth can-i create services", "yes\n")], 0),
        case(
            "with a warning",
            "allowed create nodes",
            vec![says("*auth can-i create nodes", "Warning: resource 'nodes' is not namespace scoped\nyes\n")],
            0,
        ),
        case(
            "a part",
            "allowed create pods/exec",
            vec![says("*auth can-i create pods --subresource=exec", "yes\n")],
            0,
        ),
        case(
            "not allowed",
            "allowed create services",
            vec![Answer { pattern: "*auth can-i create services", output: "no\n", code: 1 }],
            1,
        ),
        case("no, with success", "allowed create services", vec![says("*auth can-i create services", "no\n")], 1),
        case("no answer", "allowed create services", vec![fails("*auth can-i create services")], 1),
        case("an empty answer", "allowed create services", vec![says("*auth can-i create services", "")], 1),
        case("a broken connection", "allowed create services", vec![breaks("*can-i create services", "yes\n")], 1),
        case(
            "a broken connection for a part",
            "allowed create pods/exec",
            vec![breaks("*can-i create pods --subresource=exec", "yes\n")],
            1,
        ),
        case(
            "the first is not",
            "allowed create secrets services",
            vec![
                Answer { pattern: "*can-i create secrets", output: "no\n", code: 1 },
                says("*can-i create services", "yes\n"),
            ],
            1,
        ),
        case("one of two", "has_replicas etcd 3 4", vec![says(REPLICAS, "4")], 0),
        case("another number", "has_replicas etcd 3 4", vec![says(REPLICAS, "5")], 1),
        case("a number that begins so", "has_replicas etcd 3 4", vec![says(REPLICAS, "34")], 1),
        case("none", "has_replicas etcd 3", vec![says(REPLICAS, "")], 1),
        case("none, which may be", "has_replicas etcd 3 none", vec![says(REPLICAS, "")], 0),
        case("no value", "has_replicas etcd 3", vec![says(REPLICAS, "<no value>")], 1),
        case("no answer", "has_replicas etcd 3 none", vec![fails(REPLICAS)], 1),
        case(
            "served",
            "served certificates.cert-manager.io",
            vec![says(RESOURCES, "certificaterequests.cert-manager.io\ncertificates.cert-manager.io\n")],
            0,
        ),
        case(
            "a similar one",
            "served certificates.cert-manager.io",
            vec![says(RESOURCES, "oldcertificates.cert-manager.io\ncertificates.cert-manager.iox\n")],
            1,
        ),
        case("none", "served certificates.cert-manager.io", vec![says(RESOURCES, "")], 1),
        case("no answer", "served certificates.cert-manager.io", vec![fails(RESOURCES)], 1),
        case(
            "another group does not answer",
            "served certificates.cert-manager.io",
            vec![breaks(RESOURCES, "certificates.cert-manager.io\n")],
            0,
        ),
        case(
            "its group does not answer",
            "served certificates.cert-manager.io",
            vec![breaks(RESOURCES, "")],
            1,
        ),
        case("calls", "etcdctl_in etcd-0 member list", vec![says(LIST, "a\n")], 0).prints("a\n"),
        case("fails", "etcdctl_in etcd-0 member list", vec![fails(LIST)], 1),
        case("calls", "k get pods", vec![says("--namespace default get pods", "p\n")], 0).prints("p\n"),
    ]
}

/// Calls of `etcdctl_in` with installed pods of another cluster.
fn foreign_cases() -> Vec<Case> {
    const ENDPOINTS: &str = "*get pod etcd-0 --output jsonpath=*ETCDCTL_ENDPOINTS*";
    const PROGRAM: &str = "*get pod etcd-0 --output jsonpath=*command[0]}";
    const OURS: &str = "*exec etcd-0 --container etcd -- etcdctl member list";
    const FOREIGN: &str = "*exec etcd-0 --container * -- etcdctl -* member list";
    let case = |name, answers, code| case(name, "etcdctl_in etcd-0 member list", answers, code);
    vec![
        case("a foreign pod", vec![says(ENDPOINTS, ""), says(FOREIGN, "a\n")], 0).prints("a\n"),
        case(
            "a pod of this package",
            vec![
                says(ENDPOINTS, "ETCDCTL_ENDPOINTS"),
                says(PROGRAM, ""),
                says(OURS, "a\n"),
            ],
            0,
        )
        .prints("a\n"),
        case(
            "a pod with its programs elsewhere",
            vec![
                says(ENDPOINTS, "ETCDCTL_ENDPOINTS"),
                says(PROGRAM, "/opt/bin/etcd"),
                says("*exec etcd-0 --container etcd -- /opt/bin/etcdctl member list", "a\n"),
            ],
            0,
        )
        .prints("a\n"),
        case("no pod", vec![fails(ENDPOINTS)], 2).calling("!exec"),
        case(
            "the pod is gone meanwhile",
            vec![says(ENDPOINTS, "ETCDCTL_ENDPOINTS"), fails(PROGRAM)],
            2,
        )
        .calling("!exec"),
        case("it fails", vec![says(ENDPOINTS, ""), fails(FOREIGN)], 1),
    ]
}

/// Returns the shells of this machine.
fn shells() -> Vec<(&'static str, Vec<&'static str>)> {
    let all = [
        ("sh", vec!["sh"]),
        ("dash", vec!["dash"]),
        ("bash", vec!["bash", "--posix"]),
        ("busybox", vec!["busybox", "sh"]),
    ];
    let exists = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["-c", "exit 0"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    all.into_iter().filter(|(_, words)| exists(words)).collect()
}

fn prelude() -> Result<String> {
    let installed = State::Values(request("replicas: 1"));
    of_plan(EtcdPackage.plan(&installed, &ChangeRequest::new("replicas: 3")))
}

/// Returns the prelude of a plan for a cluster that another tool has created.
fn foreign_prelude() -> Result<String> {
    of_plan(Change::named("adopt-chart-whole")?.plan())
}

fn of_plan(plan: Result<Plan, Vec<Diagnostic>>) -> Result<String> {
    let plan = plan.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    ensure!(!plan.prelude.is_empty(), "the plan has no prelude");
    Ok(plan.prelude)
}

fn functions(prelude: &str) -> BTreeSet<&str> {
    let names = prelude.lines().filter_map(|line| Some(line.split_once("()")?.0));
    names
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    let (prelude, foreign) = (prelude()?, foreign_prelude()?);
    for (shell, words) in shells() {
        let of_foreign = foreign_cases().into_iter().map(|case| (&foreign, "foreign ", case));
        for (prelude, of, case) in cases().into_iter().map(|case| (&prelude, "", case)).chain(of_foreign) {
            let function = case
                .call
                .split(' ')
                .find(|word| !word.ends_with(';') && !word.contains(['(', '{', '[', '"', '=', ']', '}']));
            let name = format!("{shell}::{of}{}: {}", function.unwrap_or(case.call), case.name);
            let (words, prelude) = (words.clone(), prelude.clone());
            trials.push(Trial::test(name, move || Ok(run(&words, &prelude, &case)?)));
        }
    }
    trials.extend(mutations::trials(&prelude, &foreign));
    trials.push(Trial::test("each function is seen succeeding and failing", move || {
        Ok(each_function_has_cases(&prelude)?)
    }));
    libtest_mimic::run(&arguments, trials).exit()
}

/// A function requires a case in which it succeeds, and one in which it does not.
fn each_function_has_cases(prelude: &str) -> Result<()> {
    let functions = functions(prelude);
    ensure!(functions.len() > 30, "only {functions:?} are found");
    let cases = cases();
    for function in functions {
        let of_function = || {
            cases
                .iter()
                .filter(|case| case.call.split([' ', ';']).any(|word| word == function))
        };
        ensure!(
            of_function().any(|case| case.code == 0),
            "{function} is not seen succeeding"
        );
        // These return their arguments.
        let cannot_fail = ["comparable", "k"].contains(&function);
        ensure!(
            cannot_fail || of_function().any(|case| case.code != 0),
            "{function} is not seen failing"
        );
    }
    Ok(())
}

fn run(shell: &[&str], prelude: &str, case: &Case) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let root = directory.path();
    let manifests = root.join("01-step/manifests");
    fs::create_dir_all(&manifests)?;
    fs::create_dir(root.join("bin"))?;
    for name in ["a.yaml", "b.yaml"] {
        fs::write(manifests.join(name), "{}\n")?;
    }
    fake(root, &case.answers)?;
    // `run.sh` calls a line this way: a shell ignores failures that no `||` handles.
    let script = format!(
        "set -eu\nnotes=$PWD\nattempt() {{ \"$@\"; }}\nis_done() {{ return 1; }}\ndate() {{ echo 7; }}\n{prelude}\ncode=0\n{{ {}; }} || code=$?\nexit \"$code\"\n",
        case.call
    );
    fs::write(root.join("script"), script)?;
    let path = std::env::var("PATH").context("PATH")?;
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .arg("script")
        .current_dir(root)
        .env("PATH", format!("{}:{path}", root.join("bin").display()))
        .output()?;
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let calls = fs::read_to_string(root.join("calls")).unwrap_or_default();
    if let Ok(unknown) = fs::read_to_string(root.join("unknown")) {
        bail!("the table has no answer to {unknown}{stderr}");
    }
    ensure!(
        output.status.code() == Some(case.code),
        "{} ends with {:?} and not {}:\n{stdout}{stderr}{calls}",
        case.call,
        output.status.code(),
        case.code
    );
    if let Some(wanted) = case.output {
        ensure!(stdout == wanted, "{} prints {stdout:?}", case.call);
    }
    match case.calls {
        Some(call) if call.starts_with('!') => ensure!(!calls.contains(&call[1..]), "it calls {calls}"),
        Some(call) => ensure!(calls.contains(call), "it does not call {call}:\n{calls}"),
        None => {}
    }
    Ok(())
}

/// Writes a kubectl that answers from the table.
fn fake(root: &Path, answers: &[Answer]) -> Result<()> {
    let mut text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{0}/calls'\ncase $* in\n",
        root.display()
    );
    for (number, answer) in answers.iter().enumerate() {
        fs::write(root.join(format!("answer-{number}")), answer.output)?;
        // Patterns match any text around them.
        let pattern: String = answer
            .pattern
            .chars()
            .map(|c| {
                if "*?".contains(c) {
                    c.to_string()
                } else {
                    format!("\\{c}")
                }
            })
            .collect();
        text.push_str(&format!(
            "  {pattern}) cat > /dev/null < /dev/null; cat '{}/answer-{number}'; exit {} ;;\n",
            root.display(),
            answer.code
        ));
    }
    text.push_str(&format!(
        "esac\nprintf '%s\\n' \"$*\" >> '{}/unknown'\nexit 97\n",
        root.display()
    ));
    let path = root.join("bin/kubectl");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
