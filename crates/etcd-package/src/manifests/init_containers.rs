//! The init containers. None of them changes a member with a log, because it has started before.

use k8s_openapi::api::core::v1::{Container, VolumeMount};

use super::{env, non_empty, volume};
use crate::cluster::{
    Cluster, Discovery, HELPER_VOLUME, INITIAL_CLUSTER, INITIAL_CLUSTER_SIZE, RESTORE_VOLUME, Restore,
};

/// The directory of busybox in containers of etcd's image.
const HELPER: &str = "/helper";
/// The mount path of the claim with the snapshot.
const SNAPSHOTS: &str = "/snapshots";

/// Waits until DNS returns all members. With an answer that lacks some, etcd would form another cluster.
const WAIT_FOR_SRV: &str = r#"for log in "$WAL_DIR"/*.wal; do
  if [ -e "$log" ]; then exit 0; fi
done
found=0
until [ "$found" -eq "$INITIAL_CLUSTER_SIZE" ]; do
  echo "$SRV_RECORD names $found of $INITIAL_CLUSTER_SIZE members"
  sleep 1
  found=$(nslookup -type=srv "$SRV_RECORD" | grep -c 'service = ' || true)
done
"#;

/// Restores the snapshot next to the data, and moves it into place, with the log last. If the pod is killed meanwhile,
/// the next one starts again. Data of other origin stay as they are.
const RESTORE: &str = r#"busybox=$HELPER/busybox
mark=$DATA_DIR/.restoring
for log in "$WAL_DIR"/*.wal; do
  if [ -e "$log" ]; then $busybox rm -f "$mark"; exit 0; fi
done
if [ -e "$DATA_DIR/member" ] && [ ! -e "$mark" ]; then
  echo "$DATA_DIR/member is there without a log in $WAL_DIR: not restoring over it" >&2
  exit 1
fi
$busybox mkdir -p "$DATA_DIR"
$busybox touch "$mark"
$busybox mkdir -p "${WAL_DIR%/*}"
$busybox rm -rf "$DATA_DIR/restored" "$DATA_DIR/member" "$WAL_DIR" "$WAL_DIR.restored"
"$@" --data-dir="$DATA_DIR/restored" --wal-dir="$WAL_DIR.restored"
$busybox mkdir -p "$DATA_DIR/member" "${WAL_DIR%/*}"
$busybox mv "$DATA_DIR/restored/member/snap" "$DATA_DIR/member/snap"
$busybox rm -rf "$DATA_DIR/restored"
$busybox mv "$WAL_DIR.restored" "$WAL_DIR"
$busybox rm -f "$mark"
"#;

pub(super) fn init_containers(cluster: &Cluster) -> Option<Vec<Container>> {
    let mut containers = cluster.pod.extra_init_containers.clone();
    if let Some(restore) = &cluster.restore {
        containers.push(helper(cluster));
        containers.push(self::restore(cluster, restore));
    }
    if let Discovery::Srv { domain } = &cluster.bootstrap.discovery {
        containers.push(wait_for_srv(cluster, domain));
    }
    non_empty::list(&containers)
}

fn wait_for_srv(cluster: &Cluster, domain: &str) -> Container {
    let port = cluster.peer_port_name();
    Container {
        args: Some(vec![WAIT_FOR_SRV.to_owned()]),
        command: shell(&["/bin/sh"]),
        env: Some(vec![
            env::from_bootstrap(cluster, INITIAL_CLUSTER_SIZE),
            env::variable("SRV_RECORD", format!("_{port}._tcp.{domain}.")),
            env::variable("WAL_DIR", cluster.storage.wal_dir.clone()),
        ]),
        image: Some(cluster.helper_image.clone()),
        name: "wait-for-srv".to_owned(),
        volume_mounts: Some(volume::storage_mounts(cluster)),
        ..container(cluster)
    }
}

/// Copies busybox for containers of etcd's image.
fn helper(cluster: &Cluster) -> Container {
    Container {
        command: Some(["/bin/cp", "/bin/busybox", HELPER].map(str::to_owned).to_vec()),
        image: Some(cluster.helper_image.clone()),
        name: "helper".to_owned(),
        volume_mounts: Some(vec![mount(HELPER_VOLUME, HELPER, false)]),
        ..container(cluster)
    }
}

fn restore(cluster: &Cluster, restore: &Restore) -> Container {
    let mut mounts = volume::storage_mounts(cluster);
    mounts.push(mount(HELPER_VOLUME, HELPER, true));
    mounts.push(mount(RESTORE_VOLUME, SNAPSHOTS, true));
    Container {
        args: Some(
            [
                vec![RESTORE.to_owned(), "restore".to_owned()],
                command(cluster, restore),
            ]
            .concat(),
        ),
        command: shell(&["/helper/busybox", "sh"]),
        env: Some(vec![
            env::from_pod_name("HOSTNAME"),
            env::from_bootstrap(cluster, INITIAL_CLUSTER),
            env::variable("DATA_DIR", cluster.storage.data_dir.clone()),
            env::variable("WAL_DIR", cluster.storage.wal_dir.clone()),
            env::variable("HELPER", HELPER.to_owned()),
        ]),
        image: Some(cluster.image.reference.clone()),
        image_pull_policy: Some(cluster.image.pull_policy.to_string()),
        name: "restore".to_owned(),
        volume_mounts: Some(mounts),
        ..container(cluster)
    }
}

/// Returns the command that restores the snapshot, without the directories.
fn command(cluster: &Cluster, restore: &Restore) -> Vec<String> {
    let own_url = cluster.peer_url(&cluster.names.host("$(HOSTNAME)"));
    let mut command = vec![
        cluster.image.snapshot_tool(),
        "snapshot".to_owned(),
        "restore".to_owned(),
        format!("{SNAPSHOTS}/{}", restore.snapshot),
        "--name=$(HOSTNAME)".to_owned(),
        "--initial-cluster=$(INITIAL_CLUSTER)".to_owned(),
        format!("--initial-cluster-token={}", cluster.bootstrap.token),
        format!("--initial-advertise-peer-urls={own_url}"),
    ];
    if let Some(revisions) = restore.bump_revision {
        command.push(format!("--bump-revision={revisions}"));
        command.push("--mark-compacted".to_owned());
    }
    if restore.skip_hash_check {
        command.push("--skip-hash-check".to_owned());
    }
    command
}

fn shell(shell: &[&str]) -> Option<Vec<String>> {
    let command = shell.iter().chain(&["-e", "-u", "-c"]);
    Some(command.map(|word| (*word).to_owned()).collect())
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        mount_path: path.to_owned(),
        name: name.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// Returns the fields that all of them share. They have the resources of etcd, because a pod requires the maximum of
/// all of its containers that run one after the other.
fn container(cluster: &Cluster) -> Container {
    Container {
        resources: cluster.resources.clone(),
        security_context: Some(cluster.pod.container_security_context.clone()),
        ..Container::default()
    }
}
