//! Long streams: the time and memory that they take.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::Workspace;

/// The numbers of clusters in the streams.
const SIZES: [u32; 3] = [1_000, 10_000, 100_000];

/// Measures how `rutter` renders streams of clusters with TLS, and prints a table.
///
/// # Errors
///
/// If a stream cannot be written or rendered.
pub(crate) fn bench(workspace: &Workspace) -> Result<()> {
    println!(
        "\n{:>9} {:>10} {:>14} {:>12}",
        "clusters", "seconds", "µs per cluster", "peak memory"
    );
    for clusters in SIZES {
        let stream = write(&workspace.scratch().join("bench"), clusters)?;
        let start = Instant::now();
        let mut rutter = Command::new(workspace.rutter())
            .args(["render", "-f"])
            .arg(&stream)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut peak = None;
        // The system reports nothing about a process that has ended, so this reads while it runs. The peak only grows.
        let status = loop {
            peak = peak_of(rutter.id()).or(peak);
            if let Some(status) = rutter.try_wait()? {
                break status;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        ensure!(
            status.success(),
            "a stream of {clusters} clusters cannot be rendered ({status})"
        );
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{clusters:>9} {seconds:>10.2} {:>14.0} {:>12}",
            seconds * 1e6 / f64::from(clusters),
            peak.unwrap_or_else(|| "unknown".to_owned())
        );
    }
    Ok(())
}

/// Writes a stream of clusters with TLS from an existing issuer, eight objects each. Returns its path.
///
/// # Errors
///
/// If the file cannot be written.
pub(crate) fn write(directory: &Path, clusters: u32) -> Result<PathBuf> {
    std::fs::create_dir_all(directory)?;
    let path = directory.join(format!("stream-{clusters}.yaml"));
    let mut file = BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?);
    for number in 0..clusters {
        write!(
            file,
            "\
---
apiVersion: etcd.rutter.dev/v1alpha1
kind: EtcdCluster
metadata:
  name: orders-{number}
  namespace: team-{}
spec:
  replicas: 3
  storage: {{data: {{size: 10Gi}}}}
  tls:
    client: {{mode: CertManager}}
    peer: {{mode: CertManager, allowedCommonNames: [orders-{number}]}}
    certManager: {{issuer: {{type: Existing, kind: ClusterIssuer, name: company}}}}
",
            number % 100
        )?;
    }
    file.flush()?;
    Ok(path)
}

/// Returns the peak memory of a process, on systems that report it like Linux.
fn peak_of(process: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{:.1} MiB", f64::from(kilobytes) / 1024.0))
}
