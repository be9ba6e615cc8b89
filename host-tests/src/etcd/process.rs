//! A running member.

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

use super::{CertificateAuthority, Etcd, Invocation, Place};

/// The time limit of each wait for a member.
const PATIENCE: Duration = Duration::from_secs(60);
/// The interval between two checks.
const INTERVAL: Duration = Duration::from_millis(20);

/// A member of its own cluster. Dropping this value ends the process.
#[derive(Debug)]
pub struct Process {
    minor: String,
    child: Child,
    log: PathBuf,
    place: Place,
    invocation: Invocation,
    /// Removed after the process has ended, if it belongs to the process.
    directory: Option<TempDir>,
}

impl Place {
    /// Returns a place below `directory`, with unused ports.
    ///
    /// # Errors
    ///
    /// If there are no unused ports.
    pub fn free(directory: &Path) -> Result<Self> {
        Ok(Self {
            directory: directory.join("root"),
            peer: free_port()?,
            client: free_port()?,
            http: free_port()?,
            metrics: free_port()?,
        })
    }
}

impl Process {
    /// Starts `invocation` in a place of its own.
    ///
    /// # Errors
    ///
    /// If the place cannot be created, or etcd cannot be started.
    pub fn start(etcd: &Etcd, invocation: &Invocation, authority: &CertificateAuthority) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let place = Place::free(directory.path())?;
        let mut process = Self::start_at(etcd, invocation, authority, place)?;
        process.directory = Some(directory);
        Ok(process)
    }

    /// Starts `invocation` in a place that may contain data.
    ///
    /// # Errors
    ///
    /// If etcd cannot be started.
    pub fn start_at(
        etcd: &Etcd,
        invocation: &Invocation,
        authority: &CertificateAuthority,
        place: Place,
    ) -> Result<Self> {
        let invocation = invocation.at(&place)?;
        fs::create_dir_all(&place.directory)?;
        invocation.provide(authority)?;
        let log = place.directory.join("log");
        let file = File::create(&log)?;
        let child = etcd
            .command()
            .args(&invocation.flags)
            .env_clear()
            .envs(search_path())
            .envs(&invocation.variables)
            .current_dir(&place.directory)
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
            directory: None,
        })
    }

    /// Waits until every probe succeeds.
    ///
    /// # Errors
    ///
    /// If etcd ends before, or takes too long. The error contains its log.
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
                bail!("etcd ended ({status}); its log:\n{}", self.log()?);
            }
            ensure!(
                Instant::now() < deadline,
                "etcd is not ready after {PATIENCE:?}; its log:\n{}",
                self.log()?
            );
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    /// Returns the response of the metrics listener to Prometheus.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn metrics(&self) -> Result<String> {
        let (status, answer) = get(self.place.metrics, "/metrics")?;
        ensure!(status == 200, "{status}");
        Ok(answer)
    }

    /// Runs etcdctl with only the container's variables, and returns its output.
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
            "etcdctl in the container fails:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until etcd ends by itself.
    ///
    /// # Errors
    ///
    /// If it does not end in time.
    pub fn end(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "etcd still runs after {PATIENCE:?}; its log:\n{}",
                self.log()?
            );
            thread::sleep(INTERVAL);
        }
    }

    /// Returns its log so far.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn log(&self) -> Result<String> {
        fs::read_to_string(&self.log).context("etcd's log")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already. Errors cannot be reported here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the search path, the only variable of the test that a process requires.
fn search_path() -> Option<(&'static str, OsString)> {
    Some(("PATH", env::var_os("PATH")?))
}

/// Returns the status and the rest of the response to a GET request.
fn get(port: u16, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).context("a status")?.parse()?;
    Ok((status, answer))
}

/// Returns an unused port that nothing else will use: below the ports that systems assign to connections, and with
/// another start for each process.
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
