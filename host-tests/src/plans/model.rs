//! A model of Kubernetes and etcd as far as plans rely on them: what the commands of a step do to members, pods and claims.
//! It knows the commands by what they say, as a person who types them would, and nothing of how they were found.
//!
//! After each it is asked whether the members that run and have their data are a quorum of those that vote.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use rutter::{Manifest, Step};
use serde_json::Value;

use crate::kubernetes::stateful_set;
use crate::oracles::documents;

/// A cluster on the model.
#[derive(Clone, Debug)]
pub struct Model {
    name: String,
    /// The members that etcd knows, by name.
    members: BTreeMap<String, Member>,
    /// The pods that run, and the template that each was made from.
    pods: BTreeMap<String, Value>,
    /// The templates of claims that each was made with.
    claims: BTreeMap<String, Vec<String>>,
    /// The pods with the data of the member that etcd knows by their name.
    has_data: BTreeSet<String>,
    /// The StatefulSet; none between its deletion and its return.
    set: Option<Value>,
    /// What a member that starts with nothing is told.
    bootstrap: Value,
    /// The member whose ID is in the file `replaced`.
    replaced: Option<String>,
}

#[derive(Clone, Debug)]
struct Member {
    url: String,
    votes: bool,
}

impl Model {
    /// The healthy cluster of a rendering.
    ///
    /// # Errors
    ///
    /// If it is none that the model knows.
    pub fn healthy(manifests: &[Manifest]) -> Result<Self> {
        let set = stateful_set(manifests)?;
        let mut model = Self {
            name: set["metadata"]["name"].as_str().context("a name")?.to_owned(),
            members: BTreeMap::new(),
            pods: BTreeMap::new(),
            claims: BTreeMap::new(),
            has_data: BTreeSet::new(),
            set: Some(set.clone()),
            bootstrap: bootstrap(manifests)?,
            replaced: None,
        };
        for ordinal in 0..replicas(&set)? {
            let pod = model.pod(ordinal);
            let url = peer_url(&set["spec"]["template"], &pod)?;
            model.members.insert(pod.clone(), Member { url, votes: true });
            model.make(&pod, &set);
            model.has_data.insert(pod);
        }
        Ok(model)
    }

    fn pod(&self, ordinal: u64) -> String {
        format!("{}-{ordinal}", self.name)
    }

    /// Carries a step out.
    ///
    /// # Errors
    ///
    /// If a command could not succeed, or there were a moment without a quorum.
    pub fn carry_out(&mut self, step: &Step) -> Result<()> {
        for command in &step.commands {
            self.run(&command.line, step)
                .and_then(|()| self.check_quorum())
                .with_context(|| format!("step {}: {}", step.name, command.line))?;
        }
        Ok(())
    }

    /// That the cluster is what a StatefulSet says.
    ///
    /// # Errors
    ///
    /// Where it is not.
    pub fn is(&self, set: &Value) -> Result<()> {
        ensure!(self.set.as_ref() == Some(set), "the StatefulSet is another one");
        let wanted: BTreeSet<String> = (0..replicas(set)?).map(|ordinal| self.pod(ordinal)).collect();
        ensure!(
            self.members.keys().cloned().collect::<BTreeSet<_>>() == wanted,
            "the members are {:?}",
            self.members.keys()
        );
        ensure!(self.members.values().all(|member| member.votes), "not all members vote");
        // With OnDelete and partitions, pods are as they were: that is what was asked for.
        if set["spec"]["updateStrategy"]["type"] != "OnDelete" && partition(set) == 0 {
            for (pod, template) in &self.pods {
                ensure!(*template == set["spec"]["template"], "{pod} is not of the template");
                let url = peer_url(template, pod)?;
                ensure!(self.members[pod].url == url, "{pod} is known by another URL");
            }
        }
        Ok(())
    }

    fn run(&mut self, line: &str, step: &Step) -> Result<()> {
        if let Some((_, rest)) = line.split_once("member add ") {
            let words: Vec<&str> = rest.split(' ').collect();
            let url = words.iter().find_map(|word| word.strip_prefix("--peer-urls="));
            let (name, url) = (words[0].to_owned(), url.context("no URL")?.to_owned());
            ensure!(
                words.contains(&"--learner"),
                "a member that votes before it has the data"
            );
            ensure!(
                self.members.values().all(|member| member.url != url),
                "etcd knows {url}"
            );
            ensure!(
                self.members.values().all(|member| member.votes),
                "etcd takes one learner at a time"
            );
            self.members.insert(name.clone(), Member { url, votes: false });
            self.has_data.remove(&name);
            // Its pod has tried to start until now.
            if self.pods.contains_key(&name) {
                self.join(&name)?;
            }
        } else if line.contains("> replaced") {
            self.replaced = Some(self.member_in(line)?);
        } else if line.contains("member promote ") {
            let member = self.member_in(line)?;
            ensure!(
                self.pods.contains_key(&member),
                "{member} does not run, and has no data"
            );
            self.members.entry(member).and_modify(|member| member.votes = true);
        } else if line.contains("member remove ") {
            let member = self.member_in(line)?;
            self.members.remove(&member).context("no such member")?;
            self.has_data.remove(&member);
        } else if let Some((_, rest)) = line.split_once("--peer-urls=") {
            let member = self.member_in(line)?;
            let url = rest.split(' ').next().unwrap_or_default().to_owned();
            self.members.entry(member).and_modify(|member| member.url = url);
        } else if line.contains("delete statefulset") {
            ensure!(line.contains("--cascade=orphan"), "pods would go with it");
            self.set = None;
        } else if let Some((_, rest)) = line.split_once("delete pod ") {
            let pod = rest.split(' ').next().unwrap_or_default();
            self.renew(pod)?;
        } else if let Some((_, rest)) = line.split_once("delete persistentvolumeclaim ") {
            for word in rest.split(' ').filter(|word| !word.starts_with('-')) {
                let pod = self
                    .pods
                    .keys()
                    .chain(self.members.keys())
                    .find(|pod| word.ends_with(&format!("-{pod}")));
                if let Some(pod) = pod.cloned() {
                    self.has_data.remove(&pod);
                }
            }
        } else if line.contains("apply --filename manifests") {
            self.apply(&step.manifests)?;
        } else if line.contains("rollout restart") {
            for pod in self.pods.keys().cloned().collect::<Vec<_>>() {
                self.renew(&pod)?;
                self.check_quorum()?;
            }
        }
        Ok(())
    }

    /// The member that a line is about.
    fn member_in(&self, line: &str) -> Result<String> {
        if line.contains("$(cat replaced)") {
            return self.replaced.clone().context("nobody was looked up");
        }
        if let Some((_, rest)) = line.split_once("$3 == \"") {
            return Ok(rest.split('"').next().unwrap_or_default().to_owned());
        }
        let (_, rest) = line.split_once("$4 == \"").context("about whom?")?;
        let url = rest.split('"').next().unwrap_or_default();
        let member = self.members.iter().find(|(_, member)| member.url == url);
        Ok(member.with_context(|| format!("nobody is at {url}"))?.0.clone())
    }

    /// A member that starts with nothing finds the others: etcd compares what it was told with what they know.
    fn join(&mut self, pod: &str) -> Result<()> {
        ensure!(
            self.bootstrap["INITIAL_CLUSTER_STATE"] == "existing",
            "{pod} would form a cluster of its own"
        );
        if let Some(list) = self.bootstrap["INITIAL_CLUSTER"].as_str() {
            let told: BTreeSet<&str> = list
                .split(',')
                .filter_map(|member| member.split_once('='))
                .map(|(_, url)| url)
                .collect();
            let known: BTreeSet<&str> = self.members.values().map(|member| &*member.url).collect();
            ensure!(told == known, "{pod} is told of {told:?}, and the others are {known:?}");
        }
        self.has_data.insert(pod.to_owned());
        Ok(())
    }

    fn apply(&mut self, manifests: &[Manifest]) -> Result<()> {
        let set = stateful_set(manifests)?;
        self.bootstrap = bootstrap(manifests)?;
        if let Some(old) = &self.set {
            for field in ["selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"] {
                ensure!(
                    old["spec"][field] == set["spec"][field],
                    "Kubernetes refuses another {field}"
                );
            }
        }
        let replicas = replicas(&set)?;
        for ordinal in 0..replicas {
            let pod = self.pod(ordinal);
            if !self.pods.contains_key(&pod) {
                ensure!(
                    self.members.contains_key(&pod),
                    "{pod} starts, and etcd knows nothing of it"
                );
                self.join(&pod)?;
                self.make(&pod, &set);
            }
        }
        let gone = (replicas..)
            .map(|ordinal| self.pod(ordinal))
            .take_while(|pod| self.pods.contains_key(pod));
        for pod in gone.collect::<Vec<_>>() {
            ensure!(!self.members.contains_key(&pod), "{pod} goes, and is still a member");
            self.pods.remove(&pod);
            self.claims.remove(&pod);
        }
        self.set = Some(set.clone());
        if set["spec"]["updateStrategy"]["type"] != "OnDelete" {
            for ordinal in (partition(&set)..replicas).rev() {
                let pod = self.pod(ordinal);
                if self.pods[&pod] != set["spec"]["template"] {
                    self.renew(&pod)?;
                    self.check_quorum()?;
                }
            }
        }
        Ok(())
    }

    /// Ends a pod, which comes back as its StatefulSet has it now.
    fn renew(&mut self, pod: &str) -> Result<()> {
        let set = self.set.clone().context("no StatefulSet that makes it anew")?;
        let template = &set["spec"]["template"];
        if let Some(member) = self.members.get(pod) {
            ensure!(
                has_claims(&set) && has_claims_as(&self.pods[pod], template),
                "the data of {pod} would be gone"
            );
            let url = peer_url(template, pod)?;
            ensure!(
                member.url == url,
                "{pod} would be at {url}, and is known at {}",
                member.url
            );
        }
        // A StatefulSet gives its pods the volumes of its claims, which no pod that runs can be given, and makes none behind
        // the first with which it failed (`UpdateStatefulPod` in Kubernetes' `pkg/controller/statefulset`).
        for (other, claims) in self.claims.range(..pod.to_owned()) {
            ensure!(
                claim_names(&set).iter().all(|claim| claims.contains(claim)),
                "{pod} is not made while {other} lacks a volume"
            );
        }
        self.make(pod, &set);
        Ok(())
    }

    fn make(&mut self, pod: &str, set: &Value) {
        self.pods.insert(pod.to_owned(), set["spec"]["template"].clone());
        self.claims.insert(pod.to_owned(), claim_names(set));
    }

    /// That there is a quorum, and with three that vote also while one restarts.
    fn check_quorum(&self) -> Result<()> {
        let voters: Vec<&String> = self
            .members
            .iter()
            .filter(|(_, member)| member.votes)
            .map(|(name, _)| name)
            .collect();
        let serving = voters
            .iter()
            .filter(|name| self.pods.contains_key(**name) && self.has_data.contains(**name))
            .count();
        ensure!(
            serving > voters.len() / 2 && !voters.is_empty(),
            "{serving} of {} members serve",
            voters.len()
        );
        Ok(())
    }
}

fn replicas(set: &Value) -> Result<u64> {
    set["spec"]["replicas"].as_u64().context("replicas")
}

fn partition(set: &Value) -> u64 {
    let update = &set["spec"]["updateStrategy"];
    update["rollingUpdate"]["partition"].as_u64().unwrap_or(0)
}

fn claim_names(set: &Value) -> Vec<String> {
    let templates = set["spec"]["volumeClaimTemplates"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    templates
        .iter()
        .filter_map(|claim| claim["metadata"]["name"].as_str().map(str::to_owned))
        .collect()
}

/// Whether the volume of etcd's data outlives its pod.
fn has_claims(set: &Value) -> bool {
    set["spec"]["volumeClaimTemplates"]
        .as_array()
        .is_some_and(|claims| !claims.is_empty())
}

/// Whether both mount etcd's folders from the same volumes.
fn has_claims_as(old: &Value, new: &Value) -> bool {
    let folders = |template: &Value| -> Vec<String> {
        let words = template["spec"]["containers"][0]["args"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let words = words.iter().filter_map(Value::as_str).map(str::to_owned);
        words
            .filter(|word| word.starts_with("--data-dir=") || word.starts_with("--wal-dir="))
            .collect()
    };
    folders(old) == folders(new)
}

/// What the ConfigMap of a rendering tells members that start with nothing.
fn bootstrap(manifests: &[Manifest]) -> Result<Value> {
    let of_kind = manifests.iter().filter(|manifest| manifest.kind == "ConfigMap");
    for manifest in of_kind {
        for object in documents(&manifest.document)? {
            if object["data"]["INITIAL_CLUSTER_STATE"].is_string() {
                return Ok(object["data"].clone());
            }
        }
    }
    bail!("nothing says how members start")
}

/// Where a member says that it is reached.
fn peer_url(template: &Value, pod: &str) -> Result<String> {
    let containers = template["spec"]["containers"].as_array().context("containers")?;
    let container = containers
        .iter()
        .find(|container| container["name"] == "etcd")
        .context("etcd")?;
    let words = container["args"].as_array().cloned().unwrap_or_default();
    let url = words
        .iter()
        .filter_map(Value::as_str)
        .find_map(|word| word.strip_prefix("--initial-advertise-peer-urls="));
    let Some(url) = url else {
        bail!("no URL among {words:?}")
    };
    Ok(url.replace("$(HOSTNAME)", pod))
}
