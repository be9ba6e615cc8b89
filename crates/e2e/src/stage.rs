//! Where a scenario plays: namespaces of its own on the cluster, and `rutter` to render with.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::etcd::Etcd;
use crate::kubectl::Kubectl;
use crate::process;
use crate::writer::Writer;

/// A scenario's stage.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) kubectl: Kubectl,
    /// The root of the checkout, with `dist/rutter` in it.
    pub(crate) checkout: &'a Path,
    /// The namespace of the same name as the scenario.
    pub(crate) namespace: String,
    namespaces: RefCell<Vec<String>>,
    notes: RefCell<Vec<String>>,
}

impl<'a> Stage<'a> {
    /// Sets one up for a scenario.
    ///
    /// # Errors
    ///
    /// If its namespace cannot be made.
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
        stage.make_namespace(scenario)?;
        Ok(stage)
    }

    /// Makes a namespace that goes away with the stage.
    pub(crate) fn make_namespace(&self, name: &str) -> Result<()> {
        if self.namespaces.borrow().iter().any(|present| present == name) {
            return Ok(());
        }
        // A kept cluster may still be removing the one of an earlier run.
        self.kubectl
            .run(&["delete", "namespace", name, "--ignore-not-found", "--timeout=120s"])?;
        self.kubectl.make_namespace(name)?;
        self.namespaces.borrow_mut().push(name.to_owned());
        Ok(())
    }

    /// The namespace of the clients. Its name is that of no scenario: `tls-clients` is, and was once deleted for `tls`.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub(crate) fn clients(&self) -> Result<String> {
        let name = format!("clients-of-{}", self.namespace);
        self.make_namespace(&name)?;
        Ok(name)
    }

    /// Ends a client, notes its report, and checks that its writes never paused for longer than `limit`.
    ///
    /// # Errors
    ///
    /// Returns an error if an acknowledged write is lost, or writes paused for longer.
    pub(crate) fn finish(&self, writer: Writer, limit: Duration) -> Result<()> {
        let report = writer.finish()?;
        self.note(report.to_string());
        report.check_pause(limit)
    }

    /// A line for the table.
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

    /// Has an etcd cluster run in the stage's namespace.
    ///
    /// # Errors
    ///
    /// If it does not get ready.
    pub(crate) fn etcd(&self, name: &str, values: Value) -> Result<Etcd<'_>> {
        let etcd = Etcd::apply(self, &self.namespace, name, values)?;
        etcd.check()?;
        Ok(etcd)
    }

    /// What a pod of the stage's namespace has said, in this container or in the one before.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(crate) fn logs(&self, pod: &str, before: bool) -> Result<String> {
        let mut args = vec!["logs", pod, "--namespace", &self.namespace];
        args.extend(before.then_some("--previous"));
        self.kubectl.run(&args)
    }

    /// Keeps what tells why the scenario failed.
    pub(crate) fn keep_failure(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        for namespace in self.namespaces.borrow().iter() {
            let keep = |name: &str, args: &[&str]| {
                let mut all = args.to_vec();
                all.extend(["--namespace", namespace]);
                let text = self.kubectl.run(&all).unwrap_or_else(|error| format!("{error:#}"));
                fs::write(folder.join(format!("{namespace}-{name}")), text)
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
                    &format!("{file}-before.log"),
                    &["logs", pod, "--all-containers", "--prefix", "--previous"],
                )?;
            }
        }
        Ok(folder.to_path_buf())
    }

    /// Has its namespaces go away, and does not wait for it.
    pub(crate) fn clear(&self) {
        for namespace in self.namespaces.take() {
            let _ = self.kubectl.run(&["delete", "namespace", &namespace, "--wait=false"]);
        }
    }
}
