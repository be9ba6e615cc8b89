//! The environment of a scenario: namespaces of its own on the cluster, and `rutter` to render with.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::kubectl::Kubectl;
use crate::process;
use crate::writer::Writer;

/// The environment of a scenario.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) kubectl: Kubectl,
    /// The root of the checkout, which contains `dist/rutter`.
    pub(crate) checkout: &'a Path,
    /// The namespace, with the name of the scenario.
    pub(crate) namespace: String,
    namespaces: RefCell<Vec<String>>,
    notes: RefCell<Vec<String>>,
}

impl<'a> Stage<'a> {
    /// Creates the environment of a scenario.
    ///
    /// # Errors
    ///
    /// If its namespace cannot be created.
    pub(crate) fn new(cluster: &'a Cluster, checkout: &'a Path, scenario: &str) -> Result<Self> {
        let stage = Self {
            cluster,
            kubectl: Kubectl {
                entrance: cluster.entrance(),
            },
            checkout,
            namespace: scenario.to_owned(),
            namespaces: RefCell::default(),
            notes: RefCell::default(),
        };
        stage.create_namespace(scenario)?;
        Ok(stage)
    }

    /// Creates a namespace, which is deleted with the environment.
    pub(crate) fn create_namespace(&self, name: &str) -> Result<()> {
        if self.namespaces.borrow().iter().any(|present| present == name) {
            return Ok(());
        }
        // A kept cluster may still be deleting the namespace of an earlier run.
        self.kubectl
            .run(&["delete", "namespace", name, "--ignore-not-found", "--timeout=120s"])?;
        self.kubectl.create_namespace(name)?;
        self.namespaces.borrow_mut().push(name.to_owned());
        Ok(())
    }

    /// Creates the namespace of the clients and returns its name. No scenario may have this name: `tls-clients` was
    /// once deleted for `tls`.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub(crate) fn clients(&self) -> Result<String> {
        let name = format!("clients-of-{}", self.namespace);
        self.create_namespace(&name)?;
        Ok(name)
    }

    /// Stops a client, adds its report to the notes, and checks that its writes never paused for longer than `limit`.
    ///
    /// # Errors
    ///
    /// If an acknowledged write is lost, or writes paused for longer.
    pub(crate) fn finish(&self, writer: Writer, limit: Duration) -> Result<()> {
        let report = writer.finish()?;
        self.note(report.to_string());
        report.check_pause(limit)
    }

    /// Adds a line to the table of results.
    pub(crate) fn note(&self, note: impl Into<String>) {
        self.notes.borrow_mut().push(note.into());
    }

    pub(crate) fn take_notes(&self) -> Vec<String> {
        self.notes.take()
    }

    /// Renders values with `dist/rutter`.
    ///
    /// # Errors
    ///
    /// If they are refused.
    pub(crate) fn render(&self, namespace: &str, name: &str, values: &Value) -> Result<String> {
        let mut rutter = Command::new(self.checkout.join("dist/rutter"));
        rutter.args(["render", "--values", "-", "--name", name, "--namespace", namespace]);
        process::feed(&mut rutter, &values.to_string())
    }

    /// Returns the log of a pod in the environment's namespace, of the current container or the previous one.
    ///
    /// # Errors
    ///
    /// If there is no such log.
    pub(crate) fn logs(&self, pod: &str, previous: bool) -> Result<String> {
        let mut args = vec!["logs", pod, "--namespace", &self.namespace];
        args.extend(previous.then_some("--previous"));
        self.kubectl.run(&args)
    }

    /// Writes objects, events and logs of a failed scenario into a directory.
    pub(crate) fn keep_failure(&self, directory: &Path) -> Result<PathBuf> {
        fs::create_dir_all(directory)?;
        for namespace in self.namespaces.borrow().iter() {
            let keep = |name: &str, args: &[&str]| {
                let mut all = args.to_vec();
                all.extend(["--namespace", namespace]);
                let text = self.kubectl.run(&all).unwrap_or_else(|error| format!("{error:#}"));
                fs::write(directory.join(format!("{namespace}-{name}")), text)
            };
            keep(
                "objects.txt",
                &[
                    "get",
                    "all,pvc,configmaps,secrets,certificates.cert-manager.io",
                    "--output",
                    "wide",
                ],
            )?;
            keep("pods.txt", &["describe", "pods"])?;
            keep("events.txt", &["get", "events", "--sort-by=.lastTimestamp"])?;
            let pods = self
                .kubectl
                .run(&["get", "pods", "--output", "name", "--namespace", namespace])?;
            for pod in pods.lines() {
                let file = pod.replace('/', "-");
                keep(&format!("{file}.log"), &["logs", pod, "--all-containers", "--prefix"])?;
                keep(
                    &format!("{file}-previous.log"),
                    &["logs", pod, "--all-containers", "--prefix", "--previous"],
                )?;
            }
        }
        Ok(directory.to_path_buf())
    }

    /// Deletes its namespaces without waiting.
    pub(crate) fn clear(&self) {
        for namespace in self.namespaces.take() {
            let _ = self.kubectl.run(&["delete", "namespace", &namespace, "--wait=false"]);
        }
    }
}
