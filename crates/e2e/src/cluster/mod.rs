//! A real Kubernetes of three nodes on this machine, without a registry and without a container engine.
//!
//! All of it lives in namespaces of its own: mounts, network and processes. So nothing of it is left once its first
//! process is gone, however that one ended, and nothing in it can reach, or be reached by, anyone but this machine. What
//! remains for us to remove is a folder and the control groups.

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

/// How many nodes there are.
pub(crate) const NODES: u8 = 3;
/// What the first process prints once all nodes are ready.
const READY: &str = "ready";

/// The way into a cluster's network, in which there is nothing but the cluster.
///
/// From outside, what is asked of a cluster that has just ended would go to whoever routes this machine's packets.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    process: u32,
    kubeconfig: PathBuf,
}

impl Entrance {
    /// A program that is to run there, with what it needs to log in.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.process.to_string(), "--net", "--", program])
            .env("KUBECONFIG", &self.kubeconfig);
        command
    }
}

/// A cluster that runs.
#[derive(Debug)]
pub(crate) struct Cluster {
    state: PathBuf,
    /// In whose namespaces it is.
    process: u32,
    /// Who started it here, and thus takes it down; none for one that was kept by an earlier run.
    started: Option<Child>,
    /// Held for as long as it is used.
    _lock: File,
}

impl Cluster {
    /// The one that was kept in `home`, else a new one. A new one that is kept outlives this process.
    ///
    /// # Errors
    ///
    /// If this machine cannot run one, or it does not start.
    pub(crate) fn find_or_start(home: &Path, keep: bool) -> Result<Self> {
        let state = home.join("cluster");
        let lock = lock(home)?;
        // One that is not kept ends with its run, so this one is.
        if let Some(process) = running(&state)? {
            eprintln!("e2e: using the cluster that was kept (process {process})");
            return Ok(Self {
                state,
                process,
                started: None,
                _lock: lock,
            });
        }
        // What an interrupted run has left.
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

    /// How to run programs where they reach it.
    pub(crate) fn entrance(&self) -> Entrance {
        Entrance {
            process: self.process,
            kubeconfig: self.state.join("kubeconfig-inside"),
        }
    }

    /// How a person logs in to one that is kept, from this machine.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// Copies what its parts have said to a folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub(crate) fn keep_logs(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for log in fs::read_dir(self.state.join("logs"))? {
            let log = log?;
            fs::copy(log.path(), folder.join(log.file_name()))?;
        }
        Ok(())
    }

    /// Reads a file as the nodes see it, mounts of pods included.
    ///
    /// # Errors
    ///
    /// If it is not there.
    pub(crate) fn read(&self, path: &Path) -> Result<String> {
        process::read(
            Command::new("nsenter")
                .args(["--target", &self.process.to_string(), "--mount", "--", "cat"])
                .arg(path),
        )
    }

    /// The folder of a node's pods.
    pub(crate) fn pods(&self, node: &str) -> PathBuf {
        self.state.join(node).join("kubelet/pods")
    }

    /// Kills a container's processes, as if its node had run out of memory.
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

    /// That all its parts run.
    ///
    /// # Errors
    ///
    /// If one has ended, and with it the cluster: says which, and its last words.
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

    /// Leaves it running.
    pub(crate) fn keep(mut self) {
        self.started = None;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.started.take() {
            let ended = child.kill().and_then(|()| child.wait());
            if let Err(error) = ended.map_err(anyhow::Error::from).and_then(|_| remove(&self.state)) {
                eprintln!("e2e: not everything could be taken down: {error:#}");
            }
        }
    }
}

/// Takes down the cluster in `home`; gives whether there was one.
///
/// # Errors
///
/// If it does not end.
pub(crate) fn down(home: &Path) -> Result<bool> {
    let state = home.join("cluster");
    let running = running(&state)?;
    if let Some(process) = running.and_then(|process| Pid::from_raw(process.cast_signed())) {
        // Its end is that of all processes in its namespaces.
        kill_process(process, Signal::KILL)?;
        process::wait(Duration::from_secs(10), "the cluster's first process to end", || {
            Ok(self::running(&state)?.is_none().then_some(()))
        })?;
    }
    remove(&state)?;
    Ok(running.is_some())
}

/// Takes the cluster in `home` down and ends this process when a signal asks for its end: nobody would do it later.
///
/// # Errors
///
/// If signals cannot be waited for.
pub(crate) fn down_on_signals(home: &Path) -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let home = home.to_path_buf();
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("e2e: taking the cluster down");
            if let Err(error) = down(&home) {
                eprintln!("e2e: not everything could be taken down: {error:#}");
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

/// The first process's parent, if the cluster lives.
fn running(state: &Path) -> Result<Option<u32>> {
    let Ok(text) = fs::read_to_string(process_file(state)) else {
        return Ok(None);
    };
    let process: u32 = text
        .trim()
        .parse()
        .context("the file that names the cluster's process")?;
    // After a restart of the machine its number may be another's, and once it has ended, nobody's command.
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
    // Empty unless someone else uses it, too.
    let _ = fs::remove_dir(inside::VOLUMES);
    Ok(())
}
