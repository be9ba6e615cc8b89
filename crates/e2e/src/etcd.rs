//! An etcd cluster that was rendered and applied, and the operations of a user on it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::process;
use crate::stage::Stage;
use crate::writer::{Target, Writer};

/// The time limit for members to become ready, on a machine where other scenarios run.
pub(crate) const READY: Duration = Duration::from_secs(240);

/// One cluster.
#[derive(Debug)]
pub(crate) struct Etcd<'a> {
    stage: &'a Stage<'a>,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) values: Value,
}

impl<'a> Etcd<'a> {
    /// Starts a cluster in the scenario's namespace.
    ///
    /// # Errors
    ///
    /// If it does not become ready.
    pub(crate) fn start(stage: &'a Stage<'a>, name: &str, values: Value) -> Result<Self> {
        let etcd = Self::apply(stage, &stage.namespace, name, values)?;
        etcd.check()?;
        Ok(etcd)
    }

    /// Renders values and applies the manifests.
    ///
    /// # Errors
    ///
    /// If they are refused, here or by the API server.
    pub(crate) fn apply(stage: &'a Stage<'a>, namespace: &str, name: &str, values: Value) -> Result<Self> {
        let mut all = json!({
            // Many clusters share three nodes, which are one machine.
            "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
        });
        merge(&mut all, values);
        let etcd = Self {
            stage,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            values: all,
        };
        etcd.apply_values()?;
        Ok(etcd)
    }

    /// Returns a cluster that something else has applied.
    pub(crate) fn found(stage: &'a Stage<'a>, name: &str, values: Value) -> Self {
        Self {
            stage,
            namespace: stage.namespace.clone(),
            name: name.to_owned(),
            values,
        }
    }

    fn apply_values(&self) -> Result<()> {
        self.stage.kubectl.apply(&self.render()?)
    }

    /// Renders its manifests.
    pub(crate) fn render(&self) -> Result<String> {
        self.stage.render(&self.namespace, &self.name, &self.values)
    }

    /// Changes values and applies them again.
    ///
    /// # Errors
    ///
    /// Like [`apply`](Self::apply).
    pub(crate) fn change(&mut self, values: Value) -> Result<()> {
        merge(&mut self.values, values);
        self.apply_values()
    }

    /// The StatefulSet's name.
    pub(crate) fn fullname(&self) -> &str {
        self.values["naming"]["fullname"].as_str().unwrap_or(&self.name)
    }

    /// The headless Service's name.
    fn headless(&self) -> &str {
        let name = self.values["naming"]["headlessService"].as_str();
        name.unwrap_or_else(|| self.fullname())
    }

    pub(crate) fn replicas(&self) -> u64 {
        self.values["replicas"].as_u64().unwrap_or(3)
    }

    pub(crate) fn pod(&self, ordinal: u64) -> String {
        format!("{}-{ordinal}", self.fullname())
    }

    fn has_client_tls(&self) -> bool {
        self.values["tls"]["client"]["mode"]
            .as_str()
            .is_some_and(|mode| mode != "Disabled")
    }

    /// Returns the client URLs of all members, for clients in another namespace.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let scheme = if self.has_client_tls() { "https" } else { "http" };
        (0..self.replicas())
            .map(|ordinal| {
                let (pod, service) = (self.pod(ordinal), self.headless());
                format!("{scheme}://{pod}.{service}.{}.svc.cluster.local:2379", self.namespace)
            })
            .collect()
    }

    /// Returns the name of the Secret with the client certificate.
    fn client_secret(&self) -> String {
        let tls = &self.values["tls"];
        if let Some(name) = tls["client"]["secretName"].as_str() {
            return name.to_owned();
        }
        // A self-signed certificate trusts only itself.
        if tls["certManager"]["issuer"]["type"] == "SelfSigned" {
            return format!("{}-client-tls", self.fullname());
        }
        format!("{}-user.writer-tls", self.fullname())
    }

    /// Runs etcdctl in a member's container.
    ///
    /// # Errors
    ///
    /// If it fails.
    pub(crate) fn etcdctl(&self, ordinal: u64, args: &[&str]) -> Result<String> {
        let mut all = vec!["etcdctl"];
        all.extend(args);
        self.stage.kubectl.exec(&self.namespace, &self.pod(ordinal), &all)
    }

    /// Runs etcdctl in a member's container, and parses its JSON output.
    pub(crate) fn etcdctl_json(&self, ordinal: u64, args: &[&str]) -> Result<Value> {
        let mut all = args.to_vec();
        all.push("--write-out=json");
        Ok(serde_json::from_str(&self.etcdctl(ordinal, &all)?)?)
    }

    /// Waits until the rolling update of the StatefulSet is complete.
    ///
    /// # Errors
    ///
    /// If it takes too long.
    pub(crate) fn rolled_out(&self) -> Result<()> {
        let (object, timeout) = (
            format!("statefulset/{}", self.fullname()),
            format!("--timeout={}s", READY.as_secs()),
        );
        let kubectl = &self.stage.kubectl;
        kubectl.run(&["rollout", "status", &object, &timeout, "--namespace", &self.namespace])?;
        // `rollout status` succeeds before the last pod is ready.
        kubectl.wait(
            &self.namespace,
            &object,
            &format!("jsonpath={{.status.readyReplicas}}={}", self.replicas()),
            READY,
        )
    }

    /// Checks that the cluster has the desired members, that all of them are healthy, and that it stores a value.
    ///
    /// # Errors
    ///
    /// If that does not become true in time.
    pub(crate) fn check(&self) -> Result<()> {
        self.rolled_out()
            .with_context(|| format!("{} in {}", self.name, self.namespace))?;
        process::wait(READY, &format!("{} to be healthy", self.fullname()), || {
            self.check_members()?;
            Ok(Some(()))
        })?;
        self.etcdctl(0, &["put", "e2e/greeting", "hello"])?;
        let read = self.etcdctl(self.replicas() - 1, &["get", "e2e/greeting", "--print-value-only"])?;
        ensure!(read.trim() == "hello", "what was written is not there: {read:?}");
        Ok(())
    }

    fn check_members(&self) -> Result<()> {
        let list = self.etcdctl_json(0, &["member", "list"])?;
        let members = list["members"].as_array().context("a list without members")?;
        ensure!(
            members.len() as u64 == self.replicas(),
            "there are {} members",
            members.len()
        );
        for member in members {
            ensure!(
                member["isLearner"] != true && member["clientURLs"].is_array(),
                "{member} has not started"
            );
        }
        let health = self.etcdctl_json(0, &["endpoint", "health", "--cluster"])?;
        let healthy = health.as_array().context("no endpoints")?;
        ensure!(
            healthy.len() as u64 == self.replicas() && healthy.iter().all(|endpoint| endpoint["health"] == true),
            "not all members are healthy: {health}"
        );
        Ok(())
    }

    /// Returns the ordinal of the leader.
    pub(crate) fn leader(&self) -> Result<u64> {
        for ordinal in 0..self.replicas() {
            let status = self.etcdctl_json(ordinal, &["endpoint", "status"])?;
            let status = &status[0]["Status"];
            if status["leader"].is_u64() && status["leader"] == status["header"]["member_id"] {
                return Ok(ordinal);
            }
        }
        anyhow::bail!("{} has no leader", self.fullname())
    }

    /// Starts a client that writes from another namespace.
    ///
    /// # Errors
    ///
    /// If it cannot write.
    pub(crate) fn writer(&self) -> Result<Writer> {
        self.start_writer("writer", &[])
    }

    /// Starts a client with a name of its own and further arguments.
    ///
    /// # Errors
    ///
    /// If it cannot write.
    pub(crate) fn start_writer(&self, name: &str, arguments: &[&str]) -> Result<Writer> {
        let clients = self.stage.clients()?;
        let certificates = self.has_client_tls().then(|| self.client_secret());
        if let Some(name) = &certificates {
            self.copy_secret(name, &clients)?;
        }
        Writer::start(
            &self.stage.kubectl,
            &clients,
            &Target {
                name: format!("{name}-{}", self.name),
                endpoints: self.endpoints(),
                certificates,
                arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            },
        )
    }

    fn copy_secret(&self, name: &str, to: &str) -> Result<()> {
        let kubectl = &self.stage.kubectl;
        let secret = process::wait(READY, &format!("the Secret {name}"), || {
            Ok(kubectl.get(&self.namespace, &["secret", name]).ok())
        })?;
        kubectl.apply(
            &json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "type": secret["type"],
                "metadata": {"namespace": to, "name": name},
                "data": secret["data"],
            })
            .to_string(),
        )
    }

    /// Gives the clients the current certificates.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub(crate) fn renew_client_secret(&self) -> Result<()> {
        self.copy_secret(&self.client_secret(), &self.stage.clients()?)
    }

    /// Returns a member's pod from the API server.
    pub(crate) fn get_pod(&self, ordinal: u64) -> Result<Value> {
        self.stage.kubectl.get(&self.namespace, &["pod", &self.pod(ordinal)])
    }

    /// Returns the UID of a member's pod, which changes with each restart by its StatefulSet.
    pub(crate) fn pod_uid(&self, ordinal: u64) -> Result<String> {
        let pod = self.get_pod(ordinal)?;
        Ok(pod["metadata"]["uid"]
            .as_str()
            .context("a pod without an identity")?
            .to_owned())
    }
}

/// Merges `over` into `values`, object by object. `null` removes a value.
pub(crate) fn merge(values: &mut Value, over: Value) {
    match (values, over) {
        (Value::Object(values), Value::Object(over)) => {
            for (key, value) in over {
                merge(values.entry(key).or_insert(Value::Null), value);
            }
        }
        (values, over) => *values = over,
    }
}
