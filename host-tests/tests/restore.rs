//! The init container that restores a snapshot, run for real: its script by a shell, etcd's own tools and etcd itself on
//! what it leaves, and pods that are killed on the way.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use host_tests::accepted;
use host_tests::etcd::{Authority, Etcd, Invocation, Place, Process};
use rutter::Rendering;

/// Where a member keeps its files: as it comes, with a log of its own, and as a common chart has it.
const LAYOUTS: [&str; 3] = [
    "",
    "storage: {wal: {}}\n",
    "naming: {dataPath: data, walPath: data/member/wal}\n",
];

fn render(etcd: &Etcd, values: &str) -> Result<Rendering> {
    accepted(&format!("version: {}\nreplicas: 1\n{values}", etcd.version))
}

/// A snapshot with one key, of a member that is gone.
fn snapshot(etcd: &Etcd, authority: &Authority, path: &Path) -> Result<()> {
    let mut process = Process::start(etcd, &Invocation::of_first_member(&render(etcd, "")?)?, authority)?;
    process.ready()?;
    process.etcdctl(&["put", "before", "snapshot"])?;
    process.etcdctl(&["snapshot", "save", &path.display().to_string()])?;
    Ok(())
}

/// A member's pod, whose init container can be run again and again.
struct Member<'e> {
    etcd: &'e Etcd,
    rendering: Rendering,
    place: Place,
}

impl Member<'_> {
    /// Runs the init container. busybox is a program that runs its arguments, and so the system's tools.
    fn restore(&self) -> Result<Output> {
        self.restore_until(i32::MAX)
    }

    /// Runs the init container, whose call of busybox number `last` kills it before it does anything. The first call is
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

    /// Starts etcd on what is there.
    fn start(&self, authority: &Authority) -> Result<Process> {
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

/// Runs `check` with a member of each minor version in each layout, whose claim holds a snapshot.
fn each(check: impl Fn(&Member<'_>, &Authority) -> Result<()>) -> Result<()> {
    let authority = Authority::new()?;
    for etcd in Etcd::all()? {
        let folder = tempfile::tempdir()?;
        let saved = folder.path().join("saved.db");
        snapshot(&etcd, &authority, &saved)?;
        for (index, layout) in LAYOUTS.iter().enumerate() {
            let place = Place::free(&folder.path().join(index.to_string()))?;
            for volume in ["/data", "/wal", "/snapshots"] {
                fs::create_dir_all(place.path(volume))?;
            }
            // As a new file system has it.
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
fn a_member_starts_from_the_snapshot_and_once_only() -> Result<()> {
    each(|member, authority| {
        member.restored()?;
        let process = member.start(authority)?;
        let found = process.etcdctl(&["get", "before", "--print-value-only"])?;
        ensure!(found == "snapshot\n", "found {found:?}");
        process.etcdctl(&["put", "after", "snapshot"])?;
        drop(process);

        // The pod comes back, also when the claim has long gone.
        fs::remove_file(member.place.path("/snapshots/saved.db"))?;
        member.restored()?;
        let process = member.start(authority)?;
        let found = process.etcdctl(&["get", "after", "--print-value-only"])?;
        ensure!(found == "snapshot\n", "found {found:?}");
        Ok(())
    })
}

#[test]
fn a_pod_that_was_killed_on_the_way_starts_over() -> Result<()> {
    each(|member, authority| {
        // What a kill can leave: the mark, half of what was restored, and what was moved before the log.
        let (data, wal) = (member.variable("DATA_DIR")?, member.variable("WAL_DIR")?);
        fs::create_dir_all(format!("{data}/restored/member/snap"))?;
        fs::create_dir_all(format!("{data}/member/snap"))?;
        fs::write(format!("{data}/member/snap/db"), "half")?;
        fs::create_dir_all(format!("{wal}.restored"))?;
        fs::write(format!("{data}/.restoring"), "")?;
        member.restored()?;
        ensure!(!Path::new(&format!("{data}/.restoring")).exists(), "the mark stays");
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
        ensure!(steps >= 8, "killed at {steps} steps only");
        let process = member.start(authority)?;
        let found = process.etcdctl(&["get", "before", "--print-value-only"])?;
        ensure!(found == "snapshot\n", "found {found:?}");
        Ok(())
    })
}

#[test]
fn data_that_something_else_left_are_not_touched() -> Result<()> {
    each(|member, _| {
        let data = member.variable("DATA_DIR")?;
        let database = format!("{data}/member/snap/db");
        fs::create_dir_all(format!("{data}/member/snap"))?;
        fs::write(&database, "precious")?;
        let output = member.restore()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && said.contains("not restoring over it"),
            "{said}"
        );
        ensure!(fs::read(&database)? == b"precious", "it was overwritten");
        Ok(())
    })
}

#[test]
fn a_broken_snapshot_fails_and_leaves_nothing_that_would_start() -> Result<()> {
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

/// The IDs of a member and of its cluster are hashes of its name, URL and token. Members of one ID would take each other
/// for the same, and one with the data of the snapshot would join those that survived with their own.
#[test]
fn a_restored_member_cannot_meet_those_before_it_and_is_known_to_those_after_it() -> Result<()> {
    let authority = Authority::new()?;
    each(|member, _| {
        let elsewhere = tempfile::tempdir()?;
        let ids = |rendering: &Rendering, folder: &Path| {
            let place = Place {
                folder: folder.to_owned(),
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
        let restored = ids(&member.rendering, &member.place.folder)?;
        ensure!(before.0 != restored.0, "one cluster ID: {restored:?}");
        ensure!(before.1 != restored.1, "one member ID: {restored:?}");

        // Whoever removes `restore` keeps its token, as the warning says.
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
