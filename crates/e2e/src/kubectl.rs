//! kubectl, as a user runs it.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cluster::Entrance;
use crate::process;

/// kubectl for one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    pub(crate) entrance: Entrance,
}

impl Kubectl {
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.entrance.command("kubectl");
        command.args(args);
        command
    }

    /// Runs kubectl and returns its output.
    ///
    /// # Errors
    ///
    /// If it fails, with its error messages.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String> {
        process::read(&mut self.command(args))
    }

    /// Runs kubectl with manifests as its input.
    ///
    /// # Errors
    ///
    /// Like [`run`](Self::run).
    pub(crate) fn feed(&self, args: &[&str], manifests: &str) -> Result<String> {
        process::feed(&mut self.command(args), manifests)
    }

    /// Applies manifests.
    ///
    /// # Errors
    ///
    /// Like [`run`](Self::run).
    pub(crate) fn apply(&self, manifests: &str) -> Result<()> {
        self.feed(&["apply", "--filename", "-"], manifests).map(|_| ())
    }

    /// Returns objects from the API server.
    ///
    /// # Errors
    ///
    /// If there are none of this kind or name.
    pub(crate) fn get(&self, namespace: &str, args: &[&str]) -> Result<Value> {
        let mut all = vec!["get", "--namespace", namespace, "--output", "json"];
        all.extend(args);
        Ok(serde_json::from_str(&self.run(&all)?)?)
    }

    /// Creates a namespace with the restricted Pod Security Standard, because rendered pods comply with it.
    ///
    /// # Errors
    ///
    /// Like [`run`](Self::run).
    pub(crate) fn create_namespace(&self, name: &str) -> Result<()> {
        self.apply(
            &json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
            })
            .to_string(),
        )
    }

    /// Waits for a condition of an object.
    ///
    /// # Errors
    ///
    /// If it does not become true in time.
    pub(crate) fn wait(&self, namespace: &str, object: &str, condition: &str, limit: Duration) -> Result<()> {
        let (condition, timeout) = (format!("--for={condition}"), format!("--timeout={}s", limit.as_secs()));
        self.run(&["wait", "--namespace", namespace, object, &condition, &timeout])
            .map(|_| ())
            .with_context(|| format!("{object} in {namespace}"))
    }

    /// Runs a program in a container.
    ///
    /// # Errors
    ///
    /// Like [`run`](Self::run).
    pub(crate) fn exec(&self, namespace: &str, pod: &str, command: &[&str]) -> Result<String> {
        let mut all = vec!["exec", "--namespace", namespace, pod, "--"];
        all.extend(command);
        self.run(&all)
    }
}
