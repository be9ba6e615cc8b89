//! The client that writes numbered keys continuously, in a pod of its own and in another namespace. At the end it reads
//! back every acknowledged write.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::cluster::WRITER;
use crate::kubectl::Kubectl;
use crate::process;

/// The time limit of one write, after which the client tries the next.
const REQUEST: Duration = Duration::from_secs(1);
/// The time that members may need to elect a leader. etcd's election timeout is 1 s, and each member waits for up to
/// twice as long.
const ELECTION: Duration = Duration::from_secs(2);

/// The longest pause of writes while members change one by one.
pub(crate) const ONE_ELECTION: Duration = Duration::from_secs(REQUEST.as_secs() + ELECTION.as_secs());

/// The longest pause if the leader ends abruptly: the two remaining members may both become candidates, and try again.
pub(crate) const TWO_ELECTIONS: Duration = Duration::from_secs(REQUEST.as_secs() + 2 * ELECTION.as_secs());

/// A client that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    kubectl: Kubectl,
    namespace: String,
    name: String,
}

/// The report of a client. Durations are in milliseconds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) acknowledged: usize,
    lost: Vec<usize>,
    went_back: Vec<usize>,
    errors: BTreeMap<String, usize>,
    longest_gap: u64,
    longest_gap_at: String,
    elapsed: u64,
}

impl Writer {
    /// Starts a client, and waits until its first writes are acknowledged.
    ///
    /// # Errors
    ///
    /// If no write is acknowledged.
    pub(crate) fn start(kubectl: &Kubectl, namespace: &str, target: &Target) -> Result<Self> {
        let writer = Self {
            kubectl: kubectl.clone(),
            namespace: namespace.to_owned(),
            name: target.name.clone(),
        };
        let mut args = vec![
            "run".to_owned(),
            format!("--endpoints={}", target.endpoints.join(",")),
            format!("--timeout={}s", REQUEST.as_secs()),
        ];
        args.extend(target.arguments.iter().cloned());
        let (mut volumes, mut mounts) = (json!([]), json!([]));
        if let Some(secret) = &target.certificates {
            args.push("--certificates=/certificates".to_owned());
            volumes = json!([{"name": "certificates", "secret": {"secretName": secret}}]);
            mounts = json!([{"name": "certificates", "mountPath": "/certificates", "readOnly": true}]);
        }
        kubectl.apply(
            &json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"namespace": namespace, "name": writer.name},
                "spec": {
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "terminationGracePeriodSeconds": 0,
                    "volumes": volumes,
                    "containers": [{
                        "name": "writer",
                        "image": WRITER,
                        "command": ["/writer"],
                        "args": args,
                        // The pod is ready once its client gets answers.
                        "startupProbe": {
                            "exec": {"command": ["/writer", "count"]},
                            "periodSeconds": 1,
                            "failureThreshold": 60,
                        },
                        "volumeMounts": mounts,
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }],
                },
            })
            .to_string(),
        )?;
        let pod = format!("pod/{}", writer.name);
        kubectl.wait(namespace, &pod, "condition=Ready", Duration::from_secs(60))?;
        writer.more(10)?;
        Ok(writer)
    }

    /// Returns the number of acknowledged writes so far.
    pub(crate) fn count(&self) -> Result<usize> {
        let count = self.kubectl.exec(&self.namespace, &self.name, &["/writer", "count"])?;
        count.trim().parse().context("the writer's count")
    }

    /// Waits for this many more acknowledged writes.
    pub(crate) fn more(&self, number: usize) -> Result<()> {
        let before = self.count()?;
        process::wait(
            Duration::from_secs(60),
            &format!("{number} more writes by {}", self.name),
            || Ok((self.count()? >= before + number).then_some(())),
        )
    }

    /// Stops the client, reads all writes back, and deletes the pod.
    ///
    /// # Errors
    ///
    /// If an acknowledged write is lost, or revisions went back.
    pub(crate) fn finish(self) -> Result<Report> {
        let report = self.kubectl.exec(&self.namespace, &self.name, &["/writer", "finish"])?;
        let report: Report = serde_json::from_str(&report)?;
        ensure!(
            report.lost.is_empty(),
            "{} of {} acknowledged writes are lost: {:?}",
            report.lost.len(),
            report.acknowledged,
            report.lost
        );
        ensure!(
            report.went_back.is_empty(),
            "revisions went back at the writes {:?}",
            report.went_back
        );
        self.kubectl.run(&[
            "delete",
            "pod",
            &self.name,
            "--namespace",
            &self.namespace,
            "--wait=false",
        ])?;
        Ok(report)
    }
}

/// The target of a client.
#[derive(Debug)]
pub(crate) struct Target {
    /// The name of the pod.
    pub(crate) name: String,
    pub(crate) endpoints: Vec<String>,
    /// The Secret with the client's certificate, in the client's namespace.
    pub(crate) certificates: Option<String>,
    /// Further arguments.
    pub(crate) arguments: Vec<String>,
}

impl Report {
    /// Returns the number of writes that were not acknowledged. They may be stored nevertheless.
    pub(crate) fn refused(&self) -> u64 {
        self.errors.values().map(|&count| count as u64).sum()
    }

    /// Checks that writes never paused for longer than `limit`.
    pub(crate) fn check_pause(&self, limit: Duration) -> Result<()> {
        ensure!(
            u128::from(self.longest_gap) <= limit.as_millis(),
            "writes paused for {} ms from {} on, which is longer than {} ms; {:?}",
            self.longest_gap,
            self.longest_gap_at,
            limit.as_millis(),
            self.errors
        );
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.refused();
        write!(
            formatter,
            "{} writes in {} s, none lost, {refused} refused, longest pause {:.2} s",
            self.acknowledged,
            self.elapsed / 1000,
            Duration::from_millis(self.longest_gap).as_secs_f64()
        )
    }
}
