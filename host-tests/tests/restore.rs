//! The init container that restores a snapshot: a shell runs its script with etcd's own tools, etcd starts with the
//! result, and pods are killed at any step.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use host_tests::accepted;
use host_tests::etcd::{CertificateAuthority, Etcd, Invocation, Place, Process};
use rutter::Rendering;

/// The places of a member's files: by default, with a separate log, and like a common chart.
const LAYOUTS: [&str; 3] = [
    "",
    "storage: {wal: {}}\n",
    "naming: {dataPath: data, walPath: data/member/wal}\n",
];

fn render(etcd: &Etcd, values: &str) -> Result<Rendering> {
    accepted(&format!("version: {}\nreplicas: 1\n{values}", etcd.version))
}

/// Creates a snapshot with one key, from a member that is deleted afterwards.
fn snapshot(etcd: &Etcd, authority: &CertificateAuthority, path: &Path) -> Result<()> {
    let mut process = Process::start(etcd, &Invocation::of_first_member(&render(etcd, "")?)?, authority)?;
    process.ready()?;
    process.etcdctl(&["put", "before", "snapshot"])?;
    process.etcdctl(&["snapshot", "save", &path.display().to_string()])?;
    Ok(())
}

/// A member's pod, whose init container can run repeatedly.
struct Member<'e> {
    etcd: &'e Etcd,
    rendering: Rendering,
    place: Place,
}

impl Member<'_> {
    /// Runs the init container. busybox is replaced by a program that runs its arguments, so the system's tools are
    /// used.
    fn restore(&self) -> Result<Output> {
        self.restore_until(i32::MAX)
    }

    /// Runs the init container, which call number `last` of busybox kills before it has any effect. The first call is
    /// the shell.
    fn restore_until(&self, last: i32) -> Result<Output> {
        let helper = self.place.path("/helper/busybox");
        let count = self.place.path("/helper/count");
        fs::create_dir_all(self.place.path("/helper"))?;
        fs::write(&count, "")?;
        let stub = format!(
            "#!/bin/sh\nprintf x >> {count}\n[ $(wc -c < {count}) -lt {last} ] || kill -9 $PPID\nexec \"$@\"\n"
        );
        fs::write(&helper, stub)?;
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755))?;
        let container = Invocation::of_container(&self.rendering, "restore")?;
        let url = format!("http://127.0.0.1:{}", self.place.peer);
        let mut words = container.flags.iter().map(|word| match word.split_once('=') {
            Some(("--initial-advertise-peer-urls", _)) => format!("--initial-advertise-peer-urls={url}"),
            Some(("--initial-cluster", _)) => format!("--initial-cluster=etcd-0={url}"),
            _ if word == "/helper/busybox" => helper.clone(),
            _ => match word.strip_prefix("/usr/local/bin/") {
                Some(tool) => format!("{tool}-{}", self.etcd.minor),
                None if word.starts_with("/snapshots/") => self.place.path(word),
                None => word.clone(),
            },
        });
        let variables = container.variables.iter().map(|(name, value)| {
            let is_path = value.starts_with('/');
            (name, if is_path { self.place.path(value) } else { value.clone() })
        });
        let variables: BTreeMap<_, _> = variables.collect();
        Ok(Command::new(words.next().context("a command")?)
            .args(words)
            .envs(variables)
            .output()?)
    }

    fn restored(&self) -> Result<()> {
        let output = self.restore()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Starts etcd with the present files.
    fn start(&self, authority: &CertificateAuthority) -> Result<Process> {
        let invocation = Invocation::of_first_member(&self.rendering)?;
        let mut process = Process::start_at(self.etcd, &invocation, authority, self.place.clone())?;
        process.ready()?;
        Ok(process)
    }

    fn variable(&self, name: &str) -> Result<String> {
        let container = Invocation::of_container(&self.rendering, "restore")?;
        let value = container.variables.get(name).context("a variable")?;
        Ok(self.place.path(value))
    }
}

/// Runs `check` with a member of each minor version in each layout, whose claim contains a snapshot.
fn each(check: impl Fn(&Member<'_>, &CertificateAuthority) -> Result<()>) -> Result<()> {
    let authority = CertificateAuthority::new()?;
    for etcd in Etcd::all()? {
        let directory = tempfile::tempdir()?;
        let saved = directory.path().join("saved.db");
        snapshot(&etcd, &authority, &saved)?;
        for (index, layout) in LAYOUTS.iter().enumerate() {
            let place = Place::free(&directory.path().join(index.to_string()))?;
            for volume in ["/data", "/wal", "/snapshots"] {
                fs::create_dir_all(place.path(volume))?;
            }
            // Like a new file system.
            fs::create_dir(place.path("/data/lost+found"))?;
            fs::copy(&saved, place.path("/snapshots/saved.db"))?;
            let member = Member {
                etcd: &etcd,
                rendering: render(
                    &etcd,
                    &format!("restore: {{claimName: c, snapshot: saved.db}}\n{layout}"),
                )?,
                place,
            };
            check(&member, &authority).with_context(|| format!("etcd {}, {layout:?}", etcd.version))?;
        }
    }
    Ok(())
}

#[test]
fn a_member_starts_from_the_snapshot_only_once() -> Result<()> {
    each(|member, authority| {
        member.restored()?;
        let process = member.start(authority)?;
        let found = process.etcdctl(&["get", "before", "--print-value-only"])?;
        ensure!(found == "snapshot\n", "found {found:?}");
        process.etcdctl(&["put", "after", "snapshot"])?;
        drop(process);

        // The pod restarts, also when the claim was deleted long ago.
        fs::remove_file(member.place.path("/snapshots/saved.db"))?;
        member.restored()?;
        let process = member.start(authority)?;
        let found = process.etcdctl(&["get", "after", "--print-value-only"])?;
        ensure!(found == "snapshot\n", "found {found:?}");
        Ok(())
    })
}

#[test]
fn a_pod_that_was_killed_starts_over() -> Result<()> {
    each(|member, authority| {
        // The possible remains of a kill: the mark, a part of the restored data, and data that were moved before the
        // log.
        let (data, wal) = (member.variable("DATA_DIR")?, member.variable("WAL_DIR")?);
        fs::create_dir_all(format!("{data}/restored/member/snap"))?;
        fs::create_dir_all(format!("{data}/member/snap"))?;
        fs::write(format!("{data}/member/snap/db"), "half")?;
        fs::create_dir_all(format!("{wal}.restored"))?;
        fs::write(format!("{data}/.restoring"), "")?;
        member.restored()?;
        ensure!(!Path::new(&format!("{data}/.restoring")).exists(), "the mark remains");
        let process = member.start(authority)?;
        let found = process.etcdctl(&["get", "before", "--print-value-only"])?;
        ensure!(found == "snapshot\n", "found {found:?}");
        Ok(())
    })
}

#[test]
fn a_pod_that_is_killed_at_any_step_starts_over() -> Result<()> {
    each(|member, authority| {
        let mut steps = 0;
        for last in 2.. {
            if member.restore_until(last)?.status.success() {
                break;
            }
            steps += 1;
        }
        ensure!(steps >= 8, "killed at only {steps} steps");
        let process = member.start(authority)?;
        let found = process.etcdctl(&["get", "before", "--print-value-only"])?;
        ensure!(found == "snapshot\n", "found {found:?}");
        Ok(())
    })
}

#[test]
fn foreign_data_are_not_touched() -> Result<()> {
    each(|member, _| {
        let data = member.variable("DATA_DIR")?;
        let database = format!("{data}/member/snap/db");
        fs::create_dir_all(format!("{data}/member/snap"))?;
        fs::write(&database, "precious")?;
        let output = member.restore()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && stderr.contains("not restoring over it"),
            "{stderr}"
        );
        ensure!(fs::read(&database)? == b"precious", "the data are overwritten");
        Ok(())
    })
}

#[test]
fn a_broken_snapshot_fails_without_partial_data() -> Result<()> {
    each(|member, authority| {
        let claim = member.place.path("/snapshots/saved.db");
        let good = fs::read(&claim)?;
        fs::write(&claim, &good[..good.len() / 2])?;
        ensure!(!member.restore()?.status.success(), "half a snapshot is restored");
        fs::write(&claim, good)?;
        member.restored()?;
        let process = member.start(authority)?;
        let found = process.etcdctl(&["get", "before", "--print-value-only"])?;
        ensure!(found == "snapshot\n", "found {found:?}");
        Ok(())
    })
}

/// The IDs of a member and of its cluster are hashes of its name, URL and token. Members with the same ID would be
/// confused, and one with the data of the snapshot would join survivors with their own data.
#[test]
fn a_restored_member_has_new_ids_that_stay_after_restore_is_removed() -> Result<()> {
    let authority = CertificateAuthority::new()?;
    each(|member, _| {
        let elsewhere = tempfile::tempdir()?;
        let ids = |rendering: &Rendering, directory: &Path| {
            let place = Place {
                directory: directory.to_owned(),
                ..member.place.clone()
            };
            for volume in ["/data", "/wal"] {
                fs::create_dir_all(place.path(volume))?;
            }
            let invocation = Invocation::of_first_member(rendering)?;
            let mut process = Process::start_at(member.etcd, &invocation, &authority, place)?;
            process.ready()?;
            let status = process.etcdctl(&["endpoint", "status", "--write-out=json"])?;
            let status: serde_json::Value = serde_json::from_str(&status)?;
            let id = |name: &str| status[0]["Status"]["header"][name].as_u64().context("an ID");
            anyhow::Ok((id("cluster_id")?, id("member_id")?))
        };
        let before = ids(&render(member.etcd, "")?, &elsewhere.path().join("before"))?;
        member.restored()?;
        let restored = ids(&member.rendering, &member.place.directory)?;
        ensure!(before.0 != restored.0, "one cluster ID: {restored:?}");
        ensure!(before.1 != restored.1, "one member ID: {restored:?}");

        // Users who remove `restore` keep its token, as the warning says.
        let warnings = member.rendering.warnings.iter();
        let help = warnings.filter(|warning| warning.code == "restore-pending");
        let help = help
            .filter_map(|warning| warning.help.as_deref())
            .next()
            .context("a help")?;
        let (_, token) = help.split_once("bootstrap.token: ").context("a token")?;
        let after = render(member.etcd, &format!("bootstrap: {{token: {token}}}\n"))?;
        let after = ids(&after, &elsewhere.path().join("after"))?;
        ensure!(
            after == restored,
            "{after:?}, and {restored:?} before restore was removed"
        );
        Ok(())
    })
}
