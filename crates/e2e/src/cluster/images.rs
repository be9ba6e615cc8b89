//! Container images, built from programs of this machine without a registry.
//!
//! An image is a tar of a tar, like the output of `docker save`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::process;

/// The image that holds a pod's namespaces.
pub(crate) const PAUSE: &str = "registry.k8s.io/pause:3.10";
/// The client that writes continuously.
pub(crate) const WRITER: &str = "rutter.dev/writer:e2e";

/// The releases of etcd that have an image, by their minor version.
const ETCD: [(&str, &str); 4] = [
    ("3.4", "3.4.25"),
    ("3.5", "3.5.33"),
    ("3.6", "3.6.14"),
    ("3.7", "3.7.1"),
];
const ETCD_REPOSITORIES: [&str; 2] = ["gcr.io/etcd-development/etcd", "quay.io/coreos/etcd"];
const BUSYBOX: &str = "docker.io/library/busybox:1.37.0-musl";

/// The contents of an image.
struct Image {
    tags: Vec<String>,
    /// Programs: their paths here, and in the image.
    programs: Vec<(PathBuf, String)>,
    /// Symbolic links to the program, in `/bin`.
    links: Vec<String>,
    command: Vec<&'static str>,
}

/// Writes all images into one archive.
///
/// # Errors
///
/// If a program is not on the search path, or the archive cannot be written.
pub(crate) fn write(archive: &Path) -> Result<()> {
    let busybox = process::find("busybox")?;
    // Debian's busybox requires the C library, too.
    let with_libraries = || -> Result<Vec<(PathBuf, String)>> {
        let mut programs = libraries(&busybox)?;
        programs.push((busybox.clone(), "bin/busybox".to_owned()));
        Ok(programs)
    };
    let applets = process::read(Command::new(&busybox).arg("--list"))?;
    let mut images = vec![
        Image {
            tags: vec![PAUSE.to_owned()],
            programs: with_libraries()?,
            links: Vec::new(),
            command: vec!["/bin/busybox", "sleep", "infinity"],
        },
        Image {
            tags: vec![BUSYBOX.to_owned()],
            programs: with_libraries()?,
            links: applets
                .lines()
                .filter(|applet| *applet != "busybox")
                .map(str::to_owned)
                .collect(),
            command: vec!["sh"],
        },
        Image {
            tags: vec![WRITER.to_owned()],
            programs: vec![(process::find("writer")?, "writer".to_owned())],
            links: Vec::new(),
            command: vec!["/writer"],
        },
    ];
    for (minor, version) in ETCD {
        // 3.4 has no etcdutl.
        let programs = ["etcd", "etcdctl", "etcdutl"]
            .into_iter()
            .filter(|program| minor != "3.4" || *program != "etcdutl")
            .map(|program| {
                Ok((
                    process::find(&format!("{program}-{minor}"))?,
                    format!("usr/local/bin/{program}"),
                ))
            })
            .collect::<Result<_>>()?;
        images.push(Image {
            tags: ETCD_REPOSITORIES
                .into_iter()
                .map(|repository| format!("{repository}:v{version}"))
                .collect(),
            programs,
            links: Vec::new(),
            command: vec!["/usr/local/bin/etcd"],
        });
    }

    let mut tar = tar::Builder::new(File::create(archive)?);
    let mut manifest = Vec::new();
    for image in &images {
        let layer = image.layer()?;
        let digest = hex(&layer);
        let config = serde_json::to_vec(&json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {"Cmd": image.command, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
        }))?;
        let (config_name, layer_name) = (format!("{}.json", hex(&config)), format!("{digest}/layer.tar"));
        append(&mut tar, &config_name, 0o644, &config)?;
        append(&mut tar, &layer_name, 0o644, &layer)?;
        manifest.push(json!({"Config": config_name, "RepoTags": image.tags, "Layers": [layer_name]}));
    }
    append(&mut tar, "manifest.json", 0o644, &serde_json::to_vec(&manifest)?)?;
    tar.into_inner()?.flush()?;
    Ok(())
}

/// Returns the shared libraries that a program requires, with the paths where it searches for them.
fn libraries(program: &Path) -> Result<Vec<(PathBuf, String)>> {
    // It fails for a static program.
    let output = Command::new("ldd")
        .arg(program)
        .output()
        .context("`ldd` cannot be started")?;
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`.
    let paths = output.lines().filter_map(|line| {
        let path = line.rsplit("=> ").next()?.split_whitespace().next()?;
        Some((PathBuf::from(path), path.strip_prefix('/')?.to_owned()))
    });
    Ok(paths.collect())
}

impl Image {
    fn layer(&self) -> Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut directory = tar::Header::new_ustar();
        directory.set_entry_type(tar::EntryType::Directory);
        directory.set_size(0);
        directory.set_mode(0o1777);
        tar.append_data(&mut directory, "tmp/", [].as_slice())?;
        for (from, to) in &self.programs {
            let program = fs::read(from).with_context(|| from.display().to_string())?;
            append(&mut tar, to, 0o755, &program)?;
        }
        for link in &self.links {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            tar.append_link(&mut header, format!("bin/{link}"), "busybox")?;
        }
        Ok(tar.into_inner()?)
    }
}

fn append<W: std::io::Write>(tar: &mut tar::Builder<W>, name: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    Ok(tar.append_data(&mut header, name, bytes)?)
}

/// Returns the digest of bytes, in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns Go's name of this machine's architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
