//! The CronJobs. Every step is a command of etcd's own image, which has no shell.

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{
    Container, EnvVar, PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::metadata::metadata;
use super::pod_template::image_pull_secrets;
use super::{env, non_empty, volume};
use crate::cluster::{Backup, Cluster, Schedule};

/// The mount path of the claim for snapshots, and the name of the volume.
const BACKUPS: &str = "/backup";
const VOLUME: &str = "backup";

/// Deletes all but the newest snapshots of this cluster, and files that a killed backup left.
///
/// Snapshots have the names of the pods that make them. No other cluster's pods have these names.
const PRUNE: &str = r#"cd /backup
find . -name "$PREFIX[0-9]*-?????.db.part" -mmin +1440 -exec rm {} +
ls -1t | grep -E "^$PREFIX[0-9]+-[a-z0-9]{5}[.]db$" | tail -n "+$((KEEP + 1))" | while read -r snapshot; do
  echo "deleting $snapshot"
  rm "$snapshot"
done
"#;

/// Defragments one member after the other. etcd lists the members.
pub(super) fn defrag(cluster: &Cluster, schedule: &Schedule) -> CronJob {
    let command = etcdctl(cluster, schedule, &["defrag", "--cluster"]);
    let container = client(cluster, "defrag", command);
    cron_job(cluster, schedule, &[], vec![container], None)
}

/// Makes a snapshot with the name of the pod, verifies it, and deletes old snapshots.
pub(super) fn backup(cluster: &Cluster, backup: &Backup) -> CronJob {
    let snapshot = format!("{BACKUPS}/$(POD_NAME).db");
    let save = etcdctl(cluster, &backup.schedule, &["snapshot", "save", &snapshot]);
    let verify = [
        &cluster.image.snapshot_tool(),
        "snapshot",
        "status",
        &snapshot,
        "--write-out=table",
    ];
    let verify = verify.map(str::to_owned).to_vec();
    let mut steps = vec![
        with_backups(client(cluster, "save", save), vec![env::from_pod_name("POD_NAME")]),
        with_backups(
            container(cluster, "verify", verify),
            vec![env::from_pod_name("POD_NAME")],
        ),
    ];
    if let Some(keep) = backup.keep {
        let prefix = format!("{}-", backup.schedule.name);
        let shell = ["/bin/sh", "-e", "-u", "-c", PRUNE].map(str::to_owned).to_vec();
        let prune = Container {
            image: Some(cluster.helper_image.clone()),
            image_pull_policy: None,
            ..container(cluster, "prune", shell)
        };
        let variables = vec![env::variable("KEEP", keep.to_string()), env::variable("PREFIX", prefix)];
        steps.push(with_backups(prune, variables));
    }
    let last = steps.split_off(steps.len() - 1);
    let snapshots = Volume {
        name: VOLUME.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: backup.claim_name.clone(),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    };
    cron_job(cluster, &backup.schedule, &steps, last, Some(snapshots))
}

fn cron_job(
    cluster: &Cluster,
    schedule: &Schedule,
    before: &[Container],
    containers: Vec<Container>,
    volume: Option<Volume>,
) -> CronJob {
    let pods = &cluster.jobs.pods;
    let identity = cluster.tls.client.as_ref().map(|client| &client.identity);
    let volumes: Vec<Volume> = identity
        .map(volume::identity_volume)
        .into_iter()
        .chain(volume)
        .collect();
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(pods.labels.clone()),
            annotations: non_empty::map(&pods.annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            containers,
            enable_service_links: Some(false),
            image_pull_secrets: image_pull_secrets(cluster),
            init_containers: non_empty::list(before),
            node_selector: non_empty::map(&pods.node_selector),
            restart_policy: Some("Never".to_owned()),
            security_context: Some(cluster.pod.security_context.clone()),
            service_account_name: cluster.service_account.name().map(str::to_owned),
            tolerations: non_empty::list(&pods.tolerations),
            volumes: non_empty::list(&volumes),
            ..PodSpec::default()
        }),
    };
    CronJob {
        metadata: metadata(cluster, schedule.name.clone()),
        spec: Some(CronJobSpec {
            schedule: schedule.cron.clone(),
            time_zone: schedule.time_zone.clone(),
            suspend: schedule.suspend.then_some(true),
            concurrency_policy: Some("Forbid".to_owned()),
            successful_jobs_history_limit: Some(pods.successful_history.into()),
            failed_jobs_history_limit: Some(pods.failed_history.into()),
            job_template: JobTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(pods.labels.clone()),
                    ..ObjectMeta::default()
                }),
                spec: Some(JobSpec {
                    active_deadline_seconds: i64::try_from(schedule.deadline_seconds).ok(),
                    backoff_limit: Some(pods.backoff_limit.into()),
                    template,
                    ..JobSpec::default()
                }),
            },
            ..CronJobSpec::default()
        }),
        ..CronJob::default()
    }
}

/// Returns a command of etcdctl to the cluster.
fn etcdctl(cluster: &Cluster, schedule: &Schedule, words: &[&str]) -> Vec<String> {
    let mut command = vec![cluster.image.program("etcdctl")];
    command.extend(words.iter().map(|word| (*word).to_owned()));
    command.push(format!("--endpoints={}", cluster.service_url()));
    command.push(format!("--command-timeout={}", schedule.timeout));
    if let Some(client) = &cluster.tls.client {
        let identity = &client.identity;
        command.push(format!("--cacert={}", identity.ca_certificate()));
        command.push(format!("--cert={}", identity.certificate()));
        command.push(format!("--key={}", identity.key()));
    }
    command
}

fn container(cluster: &Cluster, name: &str, command: Vec<String>) -> Container {
    Container {
        command: Some(command),
        image: Some(cluster.image.reference.clone()),
        image_pull_policy: Some(cluster.image.pull_policy.to_string()),
        name: name.to_owned(),
        resources: cluster.jobs.pods.resources.clone(),
        security_context: Some(cluster.pod.container_security_context.clone()),
        ..Container::default()
    }
}

/// A container that connects to the cluster.
fn client(cluster: &Cluster, name: &str, command: Vec<String>) -> Container {
    let identity = cluster.tls.client.as_ref().map(|client| &client.identity);
    Container {
        volume_mounts: identity.map(|identity| vec![volume::identity_mount(identity)]),
        ..container(cluster, name, command)
    }
}

fn with_backups(mut container: Container, variables: Vec<EnvVar>) -> Container {
    container.env = Some(variables);
    container.volume_mounts.get_or_insert_default().push(VolumeMount {
        mount_path: BACKUPS.to_owned(),
        name: VOLUME.to_owned(),
        ..VolumeMount::default()
    });
    container
}
