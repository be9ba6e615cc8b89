//! The CronJobs, which defragment a running cluster and make snapshots of it.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use rutter::manifests::LABEL_TAKEN;
use rutter::quantity::Quantity;
use rutter::report::Report;
use rutter::yaml::join;

use super::storage::{self, Claim};
use super::{Names, extra_args, names, resources};
use crate::codes::{
    INVALID_SCHEDULE, INVALID_STORAGE, JOBS_LOCKED_OUT, JOBS_NEED_ROLE, NAME_TOO_LONG, SMALL_VOLUME, UNUSED_VALUE,
};
use crate::etcd::DEFAULT_QUOTA_BYTES;
use crate::values::{self, TlsMode, Values};

/// The longest name of a CronJob. The name of a Job is this name, a dash and ten digits. The label `job-name` of its
/// pods has at most 63 characters (`pkg/apis/batch/validation/validation.go`, `ValidateCronJobCreate`).
const MAX_CRON_JOB_NAME: usize = 52;

/// The longest name of the CronJob of backups. Snapshots have the names of its pods, and Kubernetes would cut the names
/// of pods of a longer one (`k8s.io/apiserver/pkg/storage/names`, `maxNameLength`).
const MAX_BACKUP_NAME: usize = 48;

/// The longest timeout of a command. A longer one overflows in the Job controller.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The seconds in which a pod must be scheduled and have pulled its images.
const START: u64 = 600;

/// The label that selects the pods of jobs. Its value is the fullname. These pods have none of the labels that select
/// members.
pub const JOB_LABEL: &str = "etcd.rutter.dev/maintains";

/// The CronJobs.
#[derive(Clone, Debug, PartialEq)]
pub struct Jobs {
    /// Defragmentation.
    pub defrag: Option<Schedule>,
    /// Snapshots.
    pub backup: Option<Backup>,
    /// The settings of their pods.
    pub pods: JobPods,
}

/// The schedule of a job, and its timeouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The CronJob's name.
    pub name: String,
    /// Kubernetes' `schedule`.
    pub cron: String,
    /// Kubernetes' `timeZone`.
    pub time_zone: Option<String>,
    /// Whether it is suspended.
    pub suspend: bool,
    /// The timeout of a command.
    pub timeout: String,
    /// Seconds after which the job fails, so that a job that hangs does not block the next ones.
    pub deadline_seconds: u64,
}

/// Snapshots.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// The schedule.
    pub schedule: Schedule,
    /// The name of the claim for the snapshots.
    pub claim_name: String,
    /// That claim, if it is rendered.
    pub claim: Option<Claim>,
    /// The number of snapshots that are kept, if not all.
    pub keep: Option<u32>,
}

/// The settings of the pods of jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct JobPods {
    /// Their labels.
    pub labels: BTreeMap<String, String>,
    /// Their annotations.
    pub annotations: BTreeMap<String, String>,
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that they tolerate.
    pub tolerations: Vec<Toleration>,
    /// Compute resources of each container.
    pub resources: Option<ResourceRequirements>,
    /// The number of retries of a failed job.
    pub backoff_limit: u16,
    /// The number of successful jobs that are kept.
    pub successful_history: u16,
    /// The number of failed jobs that are kept.
    pub failed_history: u16,
}

pub(super) fn resolve(
    values: &Values,
    names: &Names,
    selector: &BTreeMap<String, String>,
    report: &mut Report<'_>,
) -> Jobs {
    let jobs = &values.jobs;
    let none = values.defrag.is_none() && values.backup.is_none();
    if none && *jobs != values::Jobs::default() && !report.is_refused("defrag") && !report.is_refused("backup") {
        report
            .add(&UNUSED_VALUE, "jobs", "there are no jobs")
            .help("write defrag or backup, or leave it out");
    }
    let tries = u64::from(jobs.backoff_limit) + 1;
    let defrag = values.defrag.as_ref().map(|defrag| {
        let schedule = Schedule {
            name: names.suffixed("defrag"),
            cron: defrag.schedule.to_string(),
            time_zone: defrag.time_zone.clone(),
            suspend: defrag.suspend,
            timeout: defrag.timeout.to_string(),
            deadline_seconds: deadline(defrag.timeout.value(), tries * u64::from(values.replicas)),
        };
        check(&schedule, "defrag", (MAX_CRON_JOB_NAME, defrag.timeout.value()), report);
        schedule
    });
    let backup = values
        .backup
        .as_ref()
        .map(|backup| self::backup(backup, values.quota.as_ref(), names, tries, report));
    check_labels(values, report);
    check_authentication(values, names, report);
    let mut labels = names::text(&jobs.labels);
    labels.extend(names::text(&values.common_labels));
    Jobs {
        defrag,
        backup,
        pods: JobPods {
            labels: not_selected(labels, names, selector),
            annotations: names::text(&jobs.annotations),
            node_selector: names::text(&jobs.node_selector),
            tolerations: jobs.tolerations.clone(),
            resources: resources::exactly(&jobs.resources, "jobs.resources", report),
            backoff_limit: jobs.backoff_limit,
            successful_history: jobs.successful_jobs_history_limit,
            failed_history: jobs.failed_jobs_history_limit,
        },
    }
}

fn backup(
    values: &values::Backup,
    quota: Option<&Quantity>,
    names: &Names,
    tries: u64,
    report: &mut Report<'_>,
) -> Backup {
    if values.claim_name.is_none() {
        check_room(values, quota, report);
    }
    let schedule = Schedule {
        name: names.suffixed("backup"),
        cron: values.schedule.to_string(),
        time_zone: values.time_zone.clone(),
        suspend: values.suspend,
        timeout: values.timeout.to_string(),
        deadline_seconds: deadline(values.timeout.value(), tries),
    };
    check(&schedule, "backup", (MAX_BACKUP_NAME, values.timeout.value()), report);
    if values.claim.is_some() && values.claim_name.is_some() {
        report
            .add(
                &UNUSED_VALUE,
                "backup.claim",
                "with backup.claimName, no claim is rendered",
            )
            .help("keep one of the two");
    }
    match &values.claim_name {
        Some(name) => Backup {
            schedule,
            claim_name: name.to_string(),
            claim: None,
            keep: values.keep.map(Into::into),
        },
        None => Backup {
            claim_name: schedule.name.clone(),
            claim: Some(storage::claim(
                values.claim.clone().unwrap_or_default(),
                "backup.claim",
                report,
            )),
            schedule,
            keep: values.keep.map(Into::into),
        },
    }
}

/// Checks that the volume has room for the snapshots. Each may be as large as the database, and old ones are deleted
/// only after a new one is complete.
fn check_room(values: &values::Backup, quota: Option<&Quantity>, report: &mut Report<'_>) {
    let claim = values.claim.clone().unwrap_or_default().size;
    let snapshot = quota.map_or(DEFAULT_QUOTA_BYTES, Quantity::value);
    let size = quota.map_or_else(|| "2Gi".to_owned(), ToString::to_string);
    let path = "backup.claim.size";
    let count = i128::from(values.keep.map_or(1, Into::into)) + 1;
    if snapshot > claim.value() {
        report
            .add(
                &INVALID_STORAGE,
                path,
                format!("a snapshot of up to {size} (quota) does not fit a volume of {claim}"),
            )
            .help("make the volume as large as all snapshots that it keeps, and one more");
    } else if snapshot.saturating_mul(count) > claim.value() {
        report
            .add(
                &SMALL_VOLUME,
                path,
                format!("{count} snapshots of up to {size} (quota) do not fit a volume of {claim}"),
            )
            .help("make the volume larger, keep fewer, or write a smaller quota");
    }
}

fn deadline(timeout: Duration, times: u64) -> u64 {
    timeout
        .as_secs()
        .saturating_add(1)
        .saturating_mul(times)
        .saturating_add(START)
}

fn check(schedule: &Schedule, path: &str, (longest, timeout): (usize, Duration), report: &mut Report<'_>) {
    if timeout > LONGEST {
        report
            .add(
                &INVALID_SCHEDULE,
                &format!("{path}.timeout"),
                format!("a command has at most 24h, found {}", schedule.timeout),
            )
            .help("such as 1h");
    }
    if schedule.name.len() > longest {
        report
            .add(
                &NAME_TOO_LONG,
                path,
                format!(
                    "the CronJob {:?} would have {} characters; its name has at most {longest}",
                    schedule.name,
                    schedule.name.len()
                ),
            )
            .help(format!(
                "shorten the installation's name or naming.fullname by {}",
                schedule.name.len() - longest
            ));
    }
    // Kubernetes looks the name up in its time zone database (`validateTimeZone`), which the package does not have.
    if let Some(zone) = &schedule.time_zone {
        let inner = |c: char| c.is_ascii_alphanumeric() || "_+-/".contains(c);
        let is_name = zone.starts_with(|c: char| c.is_ascii_uppercase()) && zone.chars().all(inner);
        if !is_name || zone.eq_ignore_ascii_case("local") {
            report
                .add(
                    &INVALID_SCHEDULE,
                    &format!("{path}.timeZone"),
                    format!("{zone:?} is not the name of a time zone"),
                )
                .help("such as Etc/UTC or Europe/Berlin");
        }
    }
}

/// Labels that only the package or Kubernetes sets (`pkg/apis/batch/validation/validation.go`,
/// `ValidateGeneratedSelector`).
const OWN_LABELS: [&str; 8] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    JOB_LABEL,
    "job-name",
    "controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/controller-uid",
];

/// Flags that only a cluster with etcd's authentication needs.
const AUTHENTICATION_FLAGS: [&str; 3] = ["auth-token", "auth-token-ttl", "bcrypt-cost"];

/// Checks that jobs can authenticate.
///
/// With etcd's authentication on, only users with the role root can defragment and make snapshots
/// (`server/etcdserver/api/v3rpc/maintenance.go`, `authMaintenanceServer`). Jobs have no password. Their user is the
/// common name of their client certificate, so without one they have none.
fn check_authentication(values: &Values, names: &Names, report: &mut Report<'_>) {
    let given = extra_args::given(values);
    let Some((flag, sign)) = AUTHENTICATION_FLAGS
        .iter()
        .find_map(|flag| Some((*flag, &given.get(*flag)?.path)))
    else {
        return;
    };
    let jobs: Vec<&str> = [("defrag", values.defrag.is_some()), ("backup", values.backup.is_some())]
        .into_iter()
        .filter_map(|(job, is_there)| is_there.then_some(job))
        .collect();
    let tls = &values.tls;
    let instead = match (&tls.client.mode, tls.client_auth) {
        (TlsMode::Disabled, _) => Some("write tls: {client: {mode: CertManager}}"),
        (_, Some(false)) => Some("write tls.clientAuth: true"),
        _ => None,
    };
    if let Some(instead) = instead {
        for job in jobs {
            report
                .add(
                    &JOBS_LOCKED_OUT,
                    job,
                    format!("--{flag} is for etcd's authentication, which refuses {job} without a client certificate"),
                )
                .help(format!(
                    "{instead} and give the certificate's user the role root, or leave out {job} or {sign}"
                ));
        }
        return;
    }
    let Some(job) = jobs.first() else { return };
    let user = match (&tls.client.mode, &tls.client.secret_name) {
        (TlsMode::Secret, Some(secret)) => format!("of the common name in the Secret {secret}"),
        _ => format!("{:?}", &*names.fullname),
    };
    report
        .add(
            &JOBS_NEED_ROLE,
            job,
            format!("with etcd's authentication on, the jobs act as the user {user}, which needs the role root"),
        )
        .help("once: `etcdctl user add USER --no-password` and `etcdctl user grant-role USER root`");
}

fn check_labels(values: &Values, report: &mut Report<'_>) {
    for key in values.jobs.labels.keys().filter(|key| OWN_LABELS.contains(&&***key)) {
        report
            .add(
                &LABEL_TAKEN,
                &join("jobs.labels", key),
                format!("the label {key} tells these pods from others"),
            )
            .help("leave it out");
    }
    if values.naming.selector_labels.keys().any(|key| &**key == JOB_LABEL) {
        report
            .add(
                &LABEL_TAKEN,
                &join("naming.selectorLabels", JOB_LABEL),
                format!("the label {JOB_LABEL} is that of the pods of jobs, which are no members"),
            )
            .help("leave it out");
    }
}

/// Returns labels with which pods are not selected as members by any Service, disruption budget or anti-affinity.
fn not_selected(
    more: BTreeMap<String, String>,
    names: &Names,
    selector: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let own = [
        ("app.kubernetes.io/name", "etcd-maintenance"),
        ("app.kubernetes.io/instance", &*names.fullname),
        ("app.kubernetes.io/managed-by", "rutter"),
        (JOB_LABEL, &*names.fullname),
    ];
    let mut labels = more;
    labels.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let selects =
        |labels: &BTreeMap<String, String>| selector.iter().all(|(key, value)| labels.get(key) == Some(value));
    if selects(&labels) {
        labels.retain(|key, _| !selector.contains_key(key) || key == JOB_LABEL);
    }
    labels
}
