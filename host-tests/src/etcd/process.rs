//! A member that runs.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::{Authority, Etcd, Invocation, Place};

/// How long a member may take for what it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// A member of its own cluster, which ends with this value.
#[derive(Debug)]
pub struct Process {
    minor: String,
    child: Child,
    log: PathBuf,
    place: Place,
    invocation: Invocation,
    /// Removed after the process has ended, if it is the process' own.
    folder: Option<TempDir>,
}

impl Place {
    /// A place below `folder`, with ports that nobody uses.
    ///
    /// # Errors
    ///
    /// If there are no such ports.
    pub fn free(folder: &Path) -> Result<Self> {
        Ok(Self {
            folder: folder.join("root"),
            peer: free_port()?,
            client: free_port()?,
            http: free_port()?,
            metrics: free_port()?,
        })
    }
}

impl Process {
    /// Starts what `invocation` says in a place of its own.
    ///
    /// # Errors
    ///
    /// If there is no such place, or etcd cannot be started.
    pub fn start(etcd: &Etcd, invocation: &Invocation, authority: &Authority) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let place = Place::free(folder.path())?;
        let mut process = Self::start_at(etcd, invocation, authority, place)?;
        process.folder = Some(folder);
        Ok(process)
    }

    /// Starts what `invocation` says in a place that may hold data already.
    ///
    /// # Errors
    ///
    /// If etcd cannot be started.
    pub fn start_at(etcd: &Etcd, invocation: &Invocation, authority: &Authority, place: Place) -> Result<Self> {
        let invocation = invocation.at(&place)?;
        fs::create_dir_all(&place.folder)?;
        invocation.provide(authority)?;
        let log = place.folder.join("log");
        let file = File::create(&log)?;
        let child = etcd
            .command()
            .args(&invocation.flags)
            .env_clear()
            .envs(search_path())
            .envs(&invocation.variables)
            .current_dir(&place.folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        Ok(Self {
            minor: etcd.minor.to_string(),
            child,
            log,
            place,
            invocation,
            folder: None,
        })
    }

    /// Waits until every probe succeeds.
    ///
    /// # Errors
    ///
    /// If etcd ends before, or takes too long; shows what it said.
    pub fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let metrics = self.place.metrics;
        while !self
            .invocation
            .probes
            .iter()
            .all(|path| matches!(get(metrics, path), Ok((200, _))))
        {
            if let Some(status) = self.child.try_wait()? {
                bail!("etcd ended ({status}) and said\n{}", self.said()?);
            }
            ensure!(
                Instant::now() < deadline,
                "etcd is not ready after {PATIENCE:?} and said\n{}",
                self.said()?
            );
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    /// What the listener for metrics tells Prometheus.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn metrics(&self) -> Result<String> {
        let (status, answer) = get(self.place.metrics, "/metrics")?;
        ensure!(status == 200, "{status}");
        Ok(answer)
    }

    /// Runs etcdctl with nothing but the container's variables, and returns what it prints.
    ///
    /// # Errors
    ///
    /// If it fails.
    pub fn etcdctl(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(format!("etcdctl-{}", self.minor))
            .args(args)
            .env_clear()
            .envs(search_path())
            .envs(&self.invocation.variables)
            .output()?;
        ensure!(
            output.status.success(),
            "etcdctl in the container says\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until etcd ends by itself.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn end(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "etcd still runs after {PATIENCE:?} and said\n{}",
                self.said()?
            );
            thread::sleep(INTERVAL);
        }
    }

    /// What it wrote until now.
    ///
    /// # Errors
    ///
    /// If that cannot be read.
    pub fn said(&self) -> Result<String> {
        fs::read_to_string(&self.log).context("etcd's log")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or is ended: there is nobody to tell of anything else.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one variable of ours that a process needs, to be found at all.
fn search_path() -> Option<(&'static str, OsString)> {
    Some(("PATH", env::var_os("PATH")?))
}

/// The status of a GET, and what follows.
fn get(port: u16, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).context("a status")?.parse()?;
    Ok((status, answer))
}

/// A port that nobody listens on, and nobody will be given: below those that systems hand out for connections, and for
/// each process from elsewhere.
fn free_port() -> io::Result<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = NEXT
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(process::id().wrapping_mul(997));
        let port = FIRST + u16::try_from(next % u32::from(COUNT)).unwrap_or_default();
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            listener => return listener.map(|_| port),
        }
    }
}
