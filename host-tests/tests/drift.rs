//! The differences that `rutter drift` prints. Every plan lists them.

use anyhow::{Context as _, Result, ensure};
use host_tests::plans::Change;

#[test]
fn every_plan_lists_its_differences() -> Result<()> {
    let mut plans = 0;
    for change in Change::all()? {
        let Ok(plan) = change.plan() else { continue };
        let is_nothing = plan.change == rutter::Change::Nothing;
        ensure!(
            plan.differences.is_empty() == is_nothing,
            "{}: {:?}",
            change.name,
            plan.differences
        );
        for difference in &plan.differences {
            ensure!(
                difference.installed != difference.desired && !difference.object.is_empty(),
                "{}: {difference:?}",
                change.name
            );
        }
        plans += 1;
    }
    ensure!(plans > 40, "{plans} plans");
    Ok(())
}

#[test]
fn differences_have_paths_and_both_values() -> Result<()> {
    let changes = Change::all()?;
    let text = |name: &str| {
        let change = changes.iter().find(|change| change.name == name);
        let plan = change.context("a change")?.plan();
        let plan = plan.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        Ok::<_, anyhow::Error>(plan.differences_text(None))
    };
    let scaled = text("scale-3-to-5-and-resources")?;
    for line in [
        "4 differences\n",
        "\n  configmap/etcd-bootstrap data[\"INITIAL_CLUSTER\"]: ",
        "\n  poddisruptionbudget/etcd spec.maxUnavailable: 1 → 2\n",
        "\n  statefulset/etcd spec.replicas: 3 → 5\n",
        "\n  statefulset/etcd spec.template.spec.containers[etcd].resources.requests[\"memory\"]: ",
    ] {
        ensure!(scaled.contains(line), "{line:?} is missing in {scaled}");
    }
    let installed = text("install")?;
    ensure!(installed.contains("\n  statefulset/etcd: missing\n"), "{installed}");
    Ok(())
}
