//! What happens to a cluster in its life, each under a client that writes all the time.

use anyhow::{Result, ensure};
use serde_json::json;

use super::Scenario;
use super::bootstrap::both;
use crate::stage::Stage;
use crate::writer::ONE_ELECTION;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "rolling-update",
    "a change of the pod template restarts members one by one",
    rolling_update,
)
.short()];

/// With two members down at once nothing is acknowledged: a template with `podManagementPolicy: Parallel` is rolled one
/// by one even so, and only when the one before is ready.
fn rolling_update(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = stage.etcd("etcd", both("CertManager"))?;
    let writer = etcd.writer()?;
    let before = etcd.pod_uid(0)?;
    etcd.change(json!({"pod": {"annotations": {"rolled": "yes"}}}))?;
    etcd.check()?;
    ensure!(etcd.pod_uid(0)? != before, "the first member was not restarted");
    writer.more(50)?;
    let report = writer.finish()?;
    stage.note(report.to_string());
    report.check_pause(ONE_ELECTION)
}
