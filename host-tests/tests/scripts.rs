//! The scripts of helper containers, run by a shell: which snapshots they delete, and what they wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use host_tests::oracles::{documents, kind};
use host_tests::render;
use serde_json::Value;

/// Returns the container `name` in the only object of `kind` that has one.
fn container(cluster: &str, values: &str, owner: &str, name: &str) -> Result<Value> {
    let rendering = render(cluster, "default", values).map_err(|diagnostics| anyhow::anyhow!("{diagnostics:#?}"))?;
    for manifest in rendering.manifests {
        let object = documents(&manifest.document)?.remove(0);
        let spec = match kind(&object) {
            "StatefulSet" if owner == "StatefulSet" => &object["spec"]["template"]["spec"],
            "CronJob" if owner == "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            _ => continue,
        };
        let lists = ["initContainers", "containers"]
            .iter()
            .filter_map(|list| spec[list].as_array());
        if let Some(found) = lists.flatten().find(|container| container["name"] == name) {
            return Ok(found.clone());
        }
    }
    anyhow::bail!("no container {name}")
}

fn words(container: &Value) -> Vec<String> {
    let lists = ["command", "args"].iter().filter_map(|list| container[list].as_array());
    lists
        .flatten()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

fn literal_variables(container: &Value) -> BTreeMap<String, String> {
    let variables = container["env"].as_array().into_iter().flatten();
    variables
        .filter_map(|variable| {
            Some((
                variable["name"].as_str()?.to_owned(),
                variable["value"].as_str()?.to_owned(),
            ))
        })
        .collect()
}

/// Prunes the files `present`, newest first, down to two snapshots of the cluster `name`. Returns the remaining files.
fn prune(name: &str, present: &[&str]) -> Result<BTreeSet<String>> {
    let directory = tempfile::tempdir()?;
    let now = SystemTime::now();
    for (age, file) in present.iter().enumerate() {
        let path = directory.path().join(file);
        let days = Duration::from_secs(24 * 60 * 60) * u32::try_from(age)?;
        File::create(path)?.set_modified(now - days)?;
    }
    let prune = container(name, "backup: {schedule: '@daily', keep: 2}\n", "CronJob", "prune")?;
    let here = directory.path().display().to_string();
    let mut words = words(&prune).into_iter().map(|word| word.replace("/backup", &here));
    let output = Command::new(words.next().context("a shell")?)
        .args(words)
        .envs(literal_variables(&prune))
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left = fs::read_dir(directory.path())?;
    left.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[test]
fn the_oldest_own_snapshots_are_deleted() -> Result<()> {
    let left = prune(
        "orders",
        &[
            "orders-backup-29370005-x7k2p.db",
            "orders-backup-29370004-bcdfg.db",
            "orders-backup-29370003-24567.db",
            // Snapshots of other clusters, a copy that a user has made, and files that no job has written.
            "orders-backup-backup-29370002-x7k2p.db",
            "orders-backup-1-backup-29370002-x7k2p.db",
            "orders-backup-29370002-x7k2p.db.copy",
            "orders.db",
            // An old file of a killed job.
            "orders-backup-29370001-x7k2p.db.part",
            "orders-backup-29370000-x7k2p.db",
        ],
    )?;
    let expected = [
        "orders-backup-29370005-x7k2p.db",
        "orders-backup-29370004-bcdfg.db",
        "orders-backup-backup-29370002-x7k2p.db",
        "orders-backup-1-backup-29370002-x7k2p.db",
        "orders-backup-29370002-x7k2p.db.copy",
        "orders.db",
    ];
    assert_eq!(left, expected.map(str::to_owned).into());
    Ok(())
}

/// Kubernetes truncates a pod name that is too long, and a snapshot has the name of its pod.
#[test]
fn the_longest_name_is_not_truncated() -> Result<()> {
    let values = "backup: {schedule: '@daily', keep: 2}\n";
    let longest = (1..=52)
        .map(|length| "a".repeat(length))
        .take_while(|name| render(name, "default", values).is_ok())
        .last()
        .context("a name")?;
    // `k8s.io/apiserver/pkg/storage/names`: 58 characters, then five random ones.
    let pod = format!("{longest}-backup-29370001-");
    ensure!(pod.len() <= 58, "{pod} has {}", pod.len());
    let files = ["1", "2", "3"].map(|number| format!("{longest}-backup-2937000{number}-x7k2p.db"));
    let left = prune(&longest, &files.each_ref().map(String::as_str))?;
    assert_eq!(left.len(), 2);
    Ok(())
}

/// Runs the gate with a DNS that returns one more member for each query, and returns the number of queries.
fn wait(log: Option<&str>) -> Result<usize> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    let count = path("count").display().to_string();
    let nslookup = format!(
        "#!/bin/sh\nprintf x >> {count}\nfor i in $(seq $(wc -c < {count})); do\n  \
         printf '%s\\tservice = 0 33 2380 etcd-%s.etcd.default.svc.cluster.local.\\n' \"$2\" \"$i\"\ndone\n"
    );
    fs::create_dir(path("bin"))?;
    for (program, text) in [("nslookup", nslookup.as_str()), ("sleep", "#!/bin/sh\n")] {
        fs::write(path("bin").join(program), text)?;
        fs::set_permissions(path("bin").join(program), fs::Permissions::from_mode(0o755))?;
    }
    fs::write(&count, "")?;
    fs::create_dir(path("wal"))?;
    if let Some(log) = log {
        fs::write(path("wal").join(log), "")?;
    }
    let gate = container("etcd", "bootstrap: {discovery: Srv}\n", "StatefulSet", "wait-for-srv")?;
    let mut variables = literal_variables(&gate);
    variables.insert("WAL_DIR".to_owned(), path("wal").display().to_string());
    variables.insert("INITIAL_CLUSTER_SIZE".to_owned(), "3".to_owned());
    let search = std::env::var("PATH")?;
    variables.insert("PATH".to_owned(), format!("{}:{search}", path("bin").display()));
    let mut words = words(&gate).into_iter();
    let output = Command::new(words.next().context("a shell")?)
        .args(words)
        .envs(variables)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(fs::read_to_string(Path::new(&count))?.len())
}

#[test]
fn etcd_waits_until_all_members_have_names_unless_it_has_a_log() -> Result<()> {
    assert_eq!(wait(None)?, 3);
    assert_eq!(wait(Some("0000000000000000-0000000000000000.wal"))?, 0);
    assert_eq!(wait(Some("0.tmp"))?, 3);
    Ok(())
}
