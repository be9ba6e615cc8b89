//! The lines that a plan has run: `kubectl`, and `etcdctl` in the members' pods.
//!
//! Members tell etcdctl in their containers' environment by what endpoint and with what certificates to reach them, so no
//! line has to, and etcd's image has no shell, so that each runs one program.

use rutter::Command;

use super::facts::Facts;

/// Seconds for which a member that starts, or a state of all of them, is waited for.
const PATIENCE: u32 = 300;

/// Writes lines about one cluster.
pub(super) struct Lines<'a> {
    pub(super) namespace: &'a str,
    pub(super) fullname: &'a str,
    pub(super) container: &'a str,
}

impl<'a> Lines<'a> {
    pub(super) fn of(facts: &'a Facts) -> Self {
        Self {
            namespace: &facts.namespace,
            fullname: &facts.fullname,
            container: &facts.container,
        }
    }

    fn member(&self, ordinal: u32) -> String {
        format!("{}-{ordinal}", self.fullname)
    }

    fn kubectl(&self, rest: &str) -> String {
        format!("kubectl --namespace {} {rest}", self.namespace)
    }

    fn exec(&self, pod: &str, etcdctl: &str) -> String {
        self.kubectl(&format!(
            "exec {pod} --container {} -- etcdctl {etcdctl}",
            self.container
        ))
    }

    /// Asks a member of which nothing is changed.
    fn ask(&self, other_than: u32, etcdctl: &str) -> String {
        self.exec(&self.member(u32::from(other_than == 0)), etcdctl)
    }

    /// What `awk` makes of the members, one a line: ID, status, name, peer URLs, client URLs, whether it is a learner.
    fn members(&self, other_than: u32, awk: &str) -> String {
        format!("{} | awk -F', ' '{awk}'", self.ask(other_than, "member list"))
    }

    fn is_gone(&self, ordinal: u32) -> String {
        let name = self.member(ordinal);
        self.members(
            ordinal,
            &format!("$3 == \"{name}\" {{ found = 1 }} END {{ exit NR ? found : 2 }}"),
        )
    }

    fn has_url(&self, ordinal: u32, url: &str) -> String {
        self.members(
            ordinal,
            &format!("$4 == \"{url}\" {{ found = 1 }} END {{ exit NR ? !found : 2 }}"),
        )
    }

    /// Applies the step's manifests.
    pub(super) fn apply(&self) -> Command {
        once("apply the manifests", self.kubectl("apply --filename manifests"))
    }

    /// All of so many members can read and write.
    pub(super) fn healthy(&self, replicas: u32) -> Command {
        let purpose = if replicas == 1 {
            "the member serves".to_owned()
        } else {
            format!("all {replicas} members serve")
        };
        until(purpose, self.each(replicas, "endpoint health"), PATIENCE)
    }

    /// The same before a member is added: one that is known already may have to start yet.
    pub(super) fn healthy_before(&self, ordinal: u32, url: &str) -> Command {
        Command {
            unless: Some(self.has_url(ordinal, url)),
            ..self.healthy(ordinal)
        }
    }

    /// Runs etcdctl in each pod; it succeeds if it does everywhere.
    fn each(&self, replicas: u32, etcdctl: &str) -> String {
        if replicas == 1 {
            return self.exec(&self.member(0), etcdctl);
        }
        let pods: Vec<String> = (0..replicas).map(|ordinal| self.member(ordinal)).collect();
        format!(
            "( for pod in {}; do {} || exit 1; done )",
            pods.join(" "),
            self.exec("\"$pod\"", etcdctl)
        )
    }

    /// The members that etcd knows are these, and all of them vote.
    pub(super) fn voters(&self, replicas: u32) -> Command {
        let purpose = match replicas {
            1 => "etcd knows of one member, which votes".to_owned(),
            _ => format!("etcd knows of {replicas} members, all of which vote"),
        };
        let awk =
            format!("$2 == \"started\" && $6 == \"false\" {{ n++ }} END {{ exit !(NR == {replicas} && n == NR) }}");
        let line = format!("{} | awk -F', ' '{awk}'", self.exec(&self.member(0), "member list"));
        until(purpose, line, PATIENCE)
    }

    /// Every pod is what the StatefulSet wants, as far as its partition lets it.
    pub(super) fn rolled_out(&self, replicas: u32) -> Command {
        let seconds = PATIENCE * (replicas + 1);
        let rest = format!("rollout status statefulset/{} --timeout={seconds}s", self.fullname);
        once("the pods are renewed and ready", self.kubectl(&rest))
    }

    /// Every pod is of the StatefulSet's template of now: of one that has just been made, `rollout status` may say so before.
    pub(super) fn of_new_set(&self, replicas: u32) -> Command {
        let template = "{{if eq .metadata.generation .status.observedGeneration}}{{.status.updateRevision}}{{end}}";
        let set = self.kubectl(&format!(
            "get statefulset {} --output go-template='{template}'",
            self.fullname
        ));
        let pod = self
            .kubectl("get pod \"$pod\" --output go-template='{{index .metadata.labels \"controller-revision-hash\"}}'");
        let pods: Vec<String> = (0..replicas).map(|ordinal| self.member(ordinal)).collect();
        until(
            "every pod is as the new StatefulSet has it",
            format!(
                "( revision=$({set}) && test -n \"$revision\" || exit 1; \
                 for pod in {}; do test \"$({pod})\" = \"$revision\" || exit 1; done )",
                pods.join(" ")
            ),
            PATIENCE * (replicas + 1),
        )
    }

    /// A pod is ready.
    pub(super) fn ready(&self, ordinal: u32) -> Command {
        let member = self.member(ordinal);
        let rest = format!("wait --for=condition=Ready pod/{member}");
        until(
            format!("{member} is ready"),
            self.kubectl(&format!("{rest} --timeout=10s")),
            PATIENCE,
        )
    }

    /// A member that is to come has no volume from the past: etcd does not start on one of a member that was removed.
    pub(super) fn no_old_claims(&self, ordinal: u32, url: &str, claims: &[String]) -> Option<Command> {
        let claims = (!claims.is_empty()).then(|| claims.join(" "))?;
        let get = self.kubectl(&format!(
            "get persistentvolumeclaim {claims} --ignore-not-found --output name"
        ));
        Some(Command {
            unless: Some(self.has_url(ordinal, url)),
            ..once(
                format!(
                    "no volume is left of an earlier {}; if one is, save what you need and delete its claim",
                    self.member(ordinal)
                ),
                format!("found=$({get}) && test -z \"$found\""),
            )
        })
    }

    /// Adds a member that gets the data before it has a say.
    pub(super) fn add_learner(&self, ordinal: u32, url: &str) -> Command {
        let member = self.member(ordinal);
        Command {
            unless: Some(self.has_url(ordinal, url)),
            // etcd refuses while it has not been connected to all others for some seconds.
            ..until(
                format!("tell etcd of {member}, which has no vote yet"),
                self.ask(ordinal, &format!("member add {member} --learner --peer-urls={url}")),
                PATIENCE,
            )
        }
    }

    /// Gives a member its vote as soon as it has the data.
    pub(super) fn promote(&self, ordinal: u32, url: &str) -> Command {
        let id = self.members(ordinal, &format!("$4 == \"{url}\" {{ print $1 }}"));
        let promoted = format!("$4 == \"{url}\" && $6 == \"false\" {{ found = 1 }} END {{ exit NR ? !found : 2 }}");
        Command {
            unless: Some(self.members(ordinal, &promoted)),
            ..until(
                format!("give {} its vote, once it has caught up", self.member(ordinal)),
                self.ask(ordinal, &format!("member promote \"$({id})\"")),
                2 * PATIENCE,
            )
        }
    }

    /// Removes the member of the highest ordinal.
    pub(super) fn remove(&self, ordinal: u32) -> Command {
        let member = self.member(ordinal);
        let id = self.members(ordinal, &format!("$3 == \"{member}\" {{ print $1 }}"));
        Command {
            unless: Some(self.is_gone(ordinal)),
            ..until(
                format!("tell etcd that {member} goes"),
                self.ask(ordinal, &format!("member remove \"$({id})\"")),
                PATIENCE,
            )
        }
    }

    /// Waits until a pod is gone, and deletes the claims that it leaves.
    pub(super) fn clear(&self, ordinal: u32, claims: &[String]) -> Vec<Command> {
        let member = self.member(ordinal);
        let gone = self.kubectl(&format!("wait --for=delete pod/{member} --timeout={PATIENCE}s"));
        let mut commands = vec![once(format!("{member} has ended"), gone)];
        if !claims.is_empty() {
            let rest = format!("delete persistentvolumeclaim {} --ignore-not-found", claims.join(" "));
            commands.push(once(
                "delete its volume: etcd would not start on it should the member return",
                self.kubectl(&rest),
            ));
        }
        commands
    }

    /// Has another member lead. One that is told of elsewhere is not reached until it has restarted, and a leader would have
    /// to be missed first.
    pub(super) fn lead_elsewhere(&self, ordinal: u32, replicas: u32) -> Option<Command> {
        let other = self.member((ordinal + 1) % replicas);
        let status = self.exec(&self.member(ordinal), "endpoint status --write-out=fields");
        // As texts: as numbers they are too long for awk.
        let awk = r#"$1 == "\"MemberID\"" { id = $2 } $1 == "\"Leader\"" { leader = $2 } END { exit NR ? id "" == leader "" : 2 }"#;
        let id = self.members(ordinal, &format!("$3 == \"{other}\" {{ print $1 }}"));
        (replicas > 1).then(|| Command {
            unless: Some(format!("{status} | awk -F' : ' '{awk}'")),
            ..until(
                format!("have {other} lead, which stays where it is"),
                self.exec(&self.member(ordinal), &format!("move-leader \"$({id})\"")),
                PATIENCE,
            )
        })
    }

    /// Tells etcd where a member will be reached.
    pub(super) fn update_url(&self, ordinal: u32, url: &str) -> Command {
        let member = self.member(ordinal);
        let id = self.members(ordinal, &format!("$3 == \"{member}\" {{ print $1 }}"));
        Command {
            unless: Some(self.has_url(ordinal, url)),
            ..once(
                format!("tell etcd where {member} will be reached"),
                self.ask(ordinal, &format!("member update \"$({id})\" --peer-urls={url}")),
            )
        }
    }

    /// Replaces a member by one of the same name with nothing on its volumes. The old one's ID is kept in a file, so that
    /// a run that starts again cannot take the new one for it.
    pub(super) fn replace(&self, ordinal: u32, url: &str, claims: &[String]) -> Vec<Command> {
        let member = self.member(ordinal);
        let id = self.members(ordinal, &format!("$3 == \"{member}\" {{ print $1 }}"));
        let list = self.ask(ordinal, "member list");
        let old = "awk -F', ' -v id=\"$(cat replaced)\"";
        let has_new =
            format!("{list} | {old} '$4 == \"{url}\" && $1 != id {{ found = 1 }} END {{ exit NR ? !found : 2 }}'");
        let removed = format!("{list} | {old} '$1 == id {{ found = 1 }} END {{ exit NR ? found : 2 }}'");
        let mut commands = vec![
            Command {
                unless: Some("test -s replaced".to_owned()),
                ..once(
                    format!("note which member {member} is"),
                    format!("{id} > replaced && test -s replaced"),
                )
            },
            Command {
                unless: Some(removed),
                ..until(
                    format!("tell etcd that this {member} goes"),
                    self.ask(ordinal, "member remove \"$(cat replaced)\""),
                    PATIENCE,
                )
            },
        ];
        if !claims.is_empty() {
            let rest = format!(
                "delete persistentvolumeclaim {} --ignore-not-found --wait=false",
                claims.join(" ")
            );
            commands.push(Command {
                unless: Some(has_new.clone()),
                ..once("delete its volume, which goes with its pod", self.kubectl(&rest))
            });
        }
        commands.push(Command {
            unless: Some(has_new.clone()),
            ..once(
                format!("delete the pod {member}, which comes back as it is to be"),
                self.kubectl(&format!("delete pod {member} --ignore-not-found")),
            )
        });
        commands.push(Command {
            unless: Some(has_new),
            ..self.add_learner(ordinal, url)
        });
        commands.push(self.promote(ordinal, url));
        commands.push(self.ready(ordinal));
        commands
    }

    /// Deletes the StatefulSet and nothing else, so that one with other immutable fields can take its place.
    pub(super) fn orphan(&self) -> Command {
        let rest = format!(
            "delete statefulset {} --cascade=orphan --ignore-not-found",
            self.fullname
        );
        once(
            "delete the StatefulSet, but neither pods nor claims",
            self.kubectl(&rest),
        )
    }

    /// Gives pods labels, so that a new selector finds them.
    pub(super) fn label(&self, replicas: u32, labels: &str) -> Command {
        let pods: Vec<String> = (0..replicas).map(|ordinal| self.member(ordinal)).collect();
        let rest = format!("label pod {} {labels} --overwrite", pods.join(" "));
        once(
            "give the pods the labels by which they will be found",
            self.kubectl(&rest),
        )
    }

    /// Grows the claims of one template.
    pub(super) fn grow(&self, claims: &[String], size: &str) -> Vec<Command> {
        let patch = format!(r#"{{"spec":{{"resources":{{"requests":{{"storage":"{size}"}}}}}}}}"#);
        claims
            .iter()
            .map(|claim| {
                let rest = format!("patch persistentvolumeclaim {claim} --type=merge --patch '{patch}'");
                once(format!("ask for {size} in {claim}"), self.kubectl(&rest))
            })
            .collect()
    }

    /// The members' data are of a minor version of etcd.
    pub(super) fn stored_as(&self, replicas: u32, minor: &str) -> Command {
        let pattern = format!("\"storageVersion\": *\"{}", minor.replace('.', "\\."));
        let status = self.exec("\"$pod\"", "endpoint status --write-out=json");
        let pods: Vec<String> = (0..replicas).map(|ordinal| self.member(ordinal)).collect();
        until(
            format!("every member's data are those of etcd {minor}"),
            format!(
                "( for pod in {}; do {status} | grep -q '{pattern}' || exit 1; done )",
                pods.join(" ")
            ),
            PATIENCE,
        )
    }

    /// Lets the cluster go back to a minor version.
    pub(super) fn enable_downgrade(&self, minor: &str) -> Vec<Command> {
        let member = self.member(0);
        let status = self.exec(&member, "endpoint status --write-out=json");
        let under_way = format!("\"(targetVersion|storageVersion)\": *\"{}", minor.replace('.', "\\."));
        let under_way = format!("{status} | grep -Eq '{under_way}'");
        vec![
            Command {
                unless: Some(under_way.clone()),
                ..until(
                    format!("etcd can go back to {minor}"),
                    self.exec(&member, &format!("downgrade validate {minor}")),
                    PATIENCE,
                )
            },
            Command {
                unless: Some(under_way),
                ..once(
                    format!("let etcd prepare its data for {minor}; `etcdctl downgrade cancel` takes that back"),
                    self.exec(&member, &format!("downgrade enable {minor}")),
                )
            },
        ]
    }

    /// Restarts the members one after the other.
    pub(super) fn restart(&self) -> Command {
        let rest = format!("rollout restart statefulset/{}", self.fullname);
        once(
            "restart the members: etcd reads the authorities that it trusts only when it starts",
            self.kubectl(&rest),
        )
    }

    /// cert-manager has made what it was asked for, as it is asked for now.
    pub(super) fn certified(&self, certificates: &[&str]) -> Command {
        // A Certificate that has just changed is still ready as it was: `kubectl wait` would be content.
        let template = "{{range .status.conditions}}{{if and (eq .type \"Ready\") (eq .status \"True\")}}\
                        {{.observedGeneration}}{{end}}{{end}}={{.metadata.generation}}";
        let get = self.kubectl(&format!(
            "get certificates.cert-manager.io \"$name\" --output go-template='{template}'"
        ));
        until(
            "the certificates are made",
            format!(
                "( for name in {}; do {get} | awk -F= '$1 == $2 {{ found = 1 }} END {{ exit !found }}' || exit 1; done )",
                certificates.join(" ")
            ),
            PATIENCE,
        )
    }

    /// A Secret holds a certificate and its authority.
    pub(super) fn has_certificate(&self, secret: &str) -> Command {
        let template = r#"{{index .data "ca.crt"}}{{index .data "tls.crt"}}{{index .data "tls.key"}}"#;
        let get = self.kubectl(&format!("get secret {secret} --output go-template='{template}'"));
        once(
            format!("the Secret {secret} holds tls.crt, tls.key and ca.crt"),
            format!("{get} > /dev/null"),
        )
    }

    /// Copies a certificate into a Secret of another name.
    pub(super) fn copy_certificate(&self, from: &str, to: &str) -> Command {
        let data: Vec<String> = ["ca.crt", "tls.crt", "tls.key"]
            .iter()
            .map(|key| format!("\"{key}\":\"{{{{index .data \"{key}\"}}}}\""))
            .collect();
        let template = format!(
            r#"{{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/tls","metadata":{{"name":"{to}"}},"data":{{{}}}}}"#,
            data.join(",")
        );
        let get = self.kubectl(&format!("get secret {from} --output go-template='{template}'"));
        Command {
            // A second copy would forget what the first one has come to trust since.
            unless: Some(format!(
                "( found=$({}) || exit 2; test -n \"$found\" )",
                self.kubectl(&format!("get secret {to} --ignore-not-found --output name"))
            )),
            ..once(
                format!("copy the certificate in {from} to {to}"),
                format!("{get} | {}", self.kubectl("create --filename -")),
            )
        }
    }

    /// Adds the authority in one Secret to those in another.
    pub(super) fn trust_both(&self, to: &str, from: &str) -> Command {
        let authority = |secret: &str| {
            self.kubectl(&format!(
                "get secret {secret} --output go-template='{{{{index .data \"ca.crt\" | base64decode}}}}{{{{\"\\n\"}}}}'"
            ))
        };
        let both = format!("{{ {} && {}; }} | base64 | tr -d '\\n'", authority(to), authority(from));
        let patch = self.kubectl(&format!(
            r#"patch secret {to} --type=merge --patch "{{\"data\":{{\"ca.crt\":\"$both\"}}}}""#
        ));
        once(
            format!("add the authority in {from} to those in {to}"),
            format!("both=$({both}) && {patch}"),
        )
    }

    /// Replaces the certificate in one Secret by that in another, but not the authorities.
    pub(super) fn take_certificate(&self, to: &str, from: &str) -> Command {
        let template = r#"{"data":{"tls.crt":"{{index .data "tls.crt"}}","tls.key":"{{index .data "tls.key"}}"}}"#;
        let get = self.kubectl(&format!("get secret {from} --output go-template='{template}'"));
        let patch = self.kubectl(&format!("patch secret {to} --type=merge --patch-file /dev/stdin"));
        once(
            format!("replace the certificate in {to} by that in {from}"),
            format!("{get} | {patch}"),
        )
    }

    /// Has etcd write so much to its log that each member makes a snapshot, without a change of any key.
    pub(super) fn fill_log(&self, entries: u32) -> Command {
        let del = self.exec(&self.member(0), "del rutter.dev/no-such-key");
        once(
            format!("write {entries} entries to the log, deleting a key that is not there"),
            format!("( n=0; while [ \"$n\" -lt {entries} ]; do {del} > /dev/null || exit 1; n=$((n + 1)); done )"),
        )
    }

    /// Deletes an object that is no longer rendered.
    pub(super) fn prune(&self, kind: &str, name: &str) -> Command {
        let rest = format!("delete {kind} {name} --ignore-not-found");
        once(
            format!("delete {kind} {name}, which is no longer part of it"),
            self.kubectl(&rest),
        )
    }
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
