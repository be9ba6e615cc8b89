//! A real Kubernetes of three nodes on this machine, without a registry and without a container engine.
//!
//! It runs in namespaces of its own: mounts, network and processes. So it ends as a whole with its first process,
//! however that process ends. Only this machine can reach it, and it can reach only this machine. A directory and the
//! control groups remain, and are removed here.

mod cgroups;
mod images;
mod inside;
mod network;
mod parts;

use std::env;
use std::fs::{self, File, TryLockError};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::process;
pub(crate) use images::WRITER;
pub(crate) use inside::run as run_inside;
pub(crate) use network::Families;

/// The number of nodes.
pub(crate) const NODES: u8 = 3;
/// The line that the first process prints once all nodes are ready.
const READY: &str = "ready";

/// Access to a cluster's network, which contains only the cluster.
///
/// Requests from outside to a cluster that has just ended would go to the machine's gateway.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    process: u32,
    kubeconfig: PathBuf,
}

impl Entrance {
    /// Returns a command that runs a program in this network, with a kubeconfig.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.process.to_string(), "--net", "--", program])
            .env("KUBECONFIG", &self.kubeconfig);
        command
    }
}

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    state: PathBuf,
    /// A process in the cluster's namespaces.
    process: u32,
    /// The process that started the cluster here, and ends it; none for a cluster that an earlier run has kept.
    started: Option<Child>,
    /// The lock, held while the cluster is used.
    _lock: File,
}

impl Cluster {
    /// Returns the cluster that was kept in `home`, or starts one. A new cluster with `keep` outlives this process.
    ///
    /// # Errors
    ///
    /// If this machine cannot run one, or it does not start.
    pub(crate) fn find_or_start(home: &Path, keep: bool) -> Result<Self> {
        let state = home.join("cluster");
        let lock = lock(home)?;
        // A cluster that is not kept ends with its run, so this one was kept.
        if let Some(process) = running(&state)? {
            eprintln!("e2e: using the cluster that was kept (process {process})");
            return Ok(Self {
                state,
                process,
                started: None,
                _lock: lock,
            });
        }
        // Remove the state of an interrupted run.
        remove(&state)?;
        fs::create_dir_all(&state)?;
        fs::create_dir_all(inside::VOLUMES)?;
        let start = Instant::now();
        let mut child = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--",
            ])
            .arg(env::current_exe()?)
            .arg("inside")
            .arg(&state)
            .args((!keep).then_some("--until-input-ends"))
            .stdin(if keep { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(File::create(state.join("inside.log"))?)
            .spawn()
            .context("`unshare` cannot be started")?;
        let process = child.id();
        let output = child.stdout.take().context("a process without output")?;
        let cluster = Self {
            state,
            process,
            started: Some(child),
            _lock: lock,
        };
        fs::write(cluster.process_file(), process.to_string())?;
        let mut ready = false;
        for line in BufReader::new(output).lines() {
            let line = line?;
            if line == READY {
                ready = true;
                break;
            }
            eprintln!("e2e: {line}");
        }
        if !ready {
            let log = fs::read_to_string(cluster.state.join("inside.log")).unwrap_or_default();
            bail!("the cluster does not start: {}", log.trim());
        }
        if keep {
            network::connect(process)?;
        }
        eprintln!("e2e: {NODES} nodes are ready, {:.0} s", start.elapsed().as_secs_f64());
        Ok(cluster)
    }

    /// Returns access to the cluster's network.
    pub(crate) fn entrance(&self) -> Entrance {
        Entrance {
            process: self.process,
            kubeconfig: self.state.join("kubeconfig-inside"),
        }
    }

    /// Returns the kubeconfig of a kept cluster, for use on this machine.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// Copies the logs of all parts to a directory.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written.
    pub(crate) fn keep_logs(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        for log in fs::read_dir(self.state.join("logs"))? {
            let log = log?;
            fs::copy(log.path(), directory.join(log.file_name()))?;
        }
        Ok(())
    }

    /// Reads a file as the nodes see it, including mounts of pods.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(crate) fn read(&self, path: &Path) -> Result<String> {
        process::read(
            Command::new("nsenter")
                .args(["--target", &self.process.to_string(), "--mount", "--", "cat"])
                .arg(path),
        )
    }

    /// Returns the directory of a node's pods.
    pub(crate) fn pods(&self, node: &str) -> PathBuf {
        self.state.join(node).join("kubelet/pods")
    }

    /// Kills a container's processes, as if its node were out of memory.
    ///
    /// # Errors
    ///
    /// If there is no such container.
    pub(crate) fn kill(&self, node: &str, container: &str) -> Result<()> {
        process::run(
            Command::new("ctr")
                .arg("--address")
                .arg(self.state.join(node).join("containerd.sock"))
                .args([
                    "--namespace",
                    "k8s.io",
                    "task",
                    "kill",
                    "--signal",
                    "SIGKILL",
                    container,
                ]),
        )
    }

    /// Checks that all parts run.
    ///
    /// # Errors
    ///
    /// If one has ended, and with it the cluster. The error contains its name and the end of its log.
    pub(crate) fn check(&self) -> Result<()> {
        if running(&self.state)?.is_none() {
            let log = fs::read_to_string(self.state.join("inside.log")).unwrap_or_default();
            bail!("the cluster has ended: {}", log.trim());
        }
        Ok(())
    }

    fn process_file(&self) -> PathBuf {
        process_file(&self.state)
    }

    /// Leaves the cluster running.
    pub(crate) fn keep(mut self) {
        self.started = None;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.started.take() {
            let ended = child.kill().and_then(|()| child.wait());
            if let Err(error) = ended.map_err(anyhow::Error::from).and_then(|_| remove(&self.state)) {
                eprintln!("e2e: the cluster could not be deleted completely: {error:#}");
            }
        }
    }
}

/// Deletes the cluster in `home`. Returns whether there was one.
///
/// # Errors
///
/// If it does not end.
pub(crate) fn down(home: &Path) -> Result<bool> {
    let state = home.join("cluster");
    let running = running(&state)?;
    if let Some(process) = running.and_then(|process| Pid::from_raw(process.cast_signed())) {
        // All processes in its namespaces end with it.
        kill_process(process, Signal::KILL)?;
        process::wait(Duration::from_secs(10), "the cluster's first process to end", || {
            Ok(self::running(&state)?.is_none().then_some(()))
        })?;
    }
    remove(&state)?;
    Ok(running.is_some())
}

/// On a signal, deletes the cluster in `home` and ends this process, because nothing would delete the cluster later.
///
/// # Errors
///
/// If signals cannot be received.
pub(crate) fn down_on_signals(home: &Path) -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let home = home.to_path_buf();
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("e2e: deleting the cluster");
            if let Err(error) = down(&home) {
                eprintln!("e2e: the cluster could not be deleted completely: {error:#}");
            }
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// Waits until no other run uses the cluster in `home`.
fn lock(home: &Path) -> Result<File> {
    fs::create_dir_all(home)?;
    let lock = File::create(home.join("lock"))?;
    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        eprintln!("e2e: another run uses the cluster: waiting for it");
        lock.lock()?;
    }
    Ok(lock)
}

/// Returns the parent of the first process, if the cluster runs.
fn running(state: &Path) -> Result<Option<u32>> {
    let Ok(text) = fs::read_to_string(process_file(state)) else {
        return Ok(None);
    };
    let process: u32 = text
        .trim()
        .parse()
        .context("the file that names the cluster's process")?;
    // After a restart of the machine, another process may have this number. After its end, no process has its command
    // line.
    let command = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    Ok(command.starts_with(b"unshare\0").then_some(process))
}

fn process_file(state: &Path) -> PathBuf {
    state.join("process")
}

/// Removes what outlives the processes.
fn remove(state: &Path) -> Result<()> {
    cgroups::remove()?;
    if state.exists() {
        process::wait(
            Duration::from_secs(30),
            &format!("{} to be removed", state.display()),
            || {
                fs::remove_dir_all(state)?;
                Ok(Some(()))
            },
        )?;
    }
    // Empty unless another program uses it, too.
    let _ = fs::remove_dir(inside::VOLUMES);
    Ok(())
}
