//! The cluster from inside: the first process of its namespaces, which starts all parts and ends with them.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustix::process::{WaitOptions, wait};

use super::network::{self, Families};
use super::parts::{Part, Starter};
use super::{NODES, READY, cgroups, images};
use crate::process;

/// The directory in which the controller manager creates volumes. It cannot be configured.
pub(crate) const VOLUMES: &str = "/tmp/hostpath_pv";

/// The time limit for a part to answer. On an idle machine, seconds are enough.
const ANSWERS: Duration = Duration::from_secs(120);

/// Starts the cluster in these namespaces, prints that it is ready, and runs until its standard input ends or a part
/// does.
///
/// # Errors
///
/// If a part cannot be started, does not answer in time, or ends.
pub(crate) fn run(state: &Path, until_input_ends: bool) -> Result<()> {
    // Mounts of containers must reach kubelet, and all of them end with this namespace.
    process::run(Command::new("mount").args(["--make-rshared", "/"]))?;
    // kubelet, containerd and CNI write to fixed paths there, and remove files that they do not know.
    for place in ["var", "run"] {
        let (upper, work) = (state.join(place), state.join(format!("{place}-work")));
        fs::create_dir_all(&upper)?;
        fs::create_dir_all(&work)?;
        let options = format!(
            "lowerdir=/{place},upperdir={},workdir={}",
            upper.display(),
            work.display()
        );
        process::run(
            Command::new("mount")
                .args(["-t", "overlay", "overlay", "-o", &options])
                .arg(format!("/{place}")),
        )?;
    }
    let volumes = state.join("volumes");
    fs::create_dir_all(&volumes)?;
    fs::set_permissions(&volumes, fs::Permissions::from_mode(0o777))?;
    process::run(Command::new("mount").arg("--bind").arg(&volumes).arg(VOLUMES))?;
    if until_input_ends {
        thread::spawn(|| {
            // The process that started the cluster has the other end, which is closed however that process ends.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
    }

    let mut parts = start(state)?;
    println!("{READY}");
    loop {
        // Orphans in these namespaces become children of this process, so it waits for any process.
        let Some((process, status)) = wait(WaitOptions::empty())? else {
            continue;
        };
        let process = u32::try_from(process.as_raw_nonzero().get())?;
        if let Some(part) = parts.iter_mut().find(|part| part.id() == process) {
            bail!(part.describe_end(&format!("{status:?}")));
        }
    }
}

fn start(state: &Path) -> Result<Vec<Part>> {
    let families = Families::here();
    fs::create_dir_all(state.join("logs"))?;
    families.set_up(NODES)?;
    cgroups::create(NODES)?;
    write_credentials(state)?;
    let starter = Starter { state, families };

    println!("starting the API server and {NODES} container runtimes");
    let mut parts = vec![starter.etcd()?, starter.apiserver()?];
    for node in 1..=NODES {
        parts.push(starter.containerd(node)?);
    }
    let archive = state.join("images.tar");
    images::write(&archive)?;
    for node in 1..=NODES {
        wait_for(&mut parts, &format!("the container runtime of node{node}"), || {
            starter.containerd_answers(node)
        })?;
    }
    println!("importing images");
    thread::scope(|scope| {
        let (starter, archive) = (&starter, &archive);
        let imports: Vec<_> = (1..=NODES)
            .map(|node| scope.spawn(move || starter.import(node, archive)))
            .collect();
        for import in imports {
            import
                .join()
                .unwrap_or_else(|_| bail!("the import of images panicked"))?;
        }
        anyhow::Ok(())
    })?;
    fs::remove_file(&archive)?;

    let kubectl = |args: &[&str]| {
        let mut kubectl = Command::new("kubectl");
        kubectl
            .arg("--kubeconfig")
            .arg(state.join("kubeconfig-inside"))
            .args(args);
        kubectl
    };
    wait_for(&mut parts, "the API server", || {
        process::run(&mut kubectl(&["get", "--raw", "/readyz"]))
    })?;
    println!("starting {NODES} nodes");
    parts.extend([
        starter.controller_manager()?,
        starter.scheduler()?,
        starter.proxy()?,
        starter.dns()?,
    ]);
    for node in 1..=NODES {
        parts.push(starter.kubelet(node)?);
    }
    process::feed(&mut kubectl(&["apply", "--filename", "-"]), STORAGE_CLASS)?;
    for node in 1..=NODES {
        let name = format!("node/node{node}");
        wait_for(&mut parts, &format!("node{node} to be ready"), || {
            process::run(&mut kubectl(&["wait", &name, "--for=condition=Ready", "--timeout=1s"]))
        })?;
    }
    Ok(parts)
}

const STORAGE_CLASS: &str = "\
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: folders
  annotations:
    storageclass.kubernetes.io/is-default-class: \"true\"
provisioner: kubernetes.io/host-path
volumeBindingMode: WaitForFirstConsumer
";

/// Waits until `answers` succeeds, or a part ends.
fn wait_for(parts: &mut [Part], what: &str, answers: impl Fn() -> Result<()>) -> Result<()> {
    process::wait(ANSWERS, what, || {
        // A part that has ended will never answer.
        if let Some(error) = parts.iter_mut().find_map(|part| part.check().err()) {
            return Ok(Some(Err(error)));
        }
        answers()?;
        Ok(Some(Ok(())))
    })?
}

/// Writes the API server's certificate, the key that signs tokens of service accounts, and the kubeconfig.
fn write_credentials(state: &Path) -> Result<()> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    ca.distinguished_name.push(DnType::CommonName, "rutter e2e");
    let ca_certificate = ca.self_signed(&ca_key)?.pem();

    let server_key = KeyPair::generate()?;
    let mut server = CertificateParams::new(vec![
        "kubernetes".to_owned(),
        "kubernetes.default".to_owned(),
        "kubernetes.default.svc".to_owned(),
        "kubernetes.default.svc.cluster.local".to_owned(),
    ])?;
    for address in [network::API, network::GATEWAY, network::KUBERNETES_SERVICE] {
        server.subject_alt_names.push(SanType::IpAddress(address.into()));
    }
    server
        .subject_alt_names
        .push(SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()));
    let server = server.signed_by(&server_key, &Issuer::new(ca, ca_key))?;

    // A random token, as hard to guess as a key.
    let token = images::hex(KeyPair::generate()?.serialize_der().as_slice());
    write(state, "ca.crt", &ca_certificate)?;
    write(state, "server.crt", &server.pem())?;
    write(state, "server.key", &server_key.serialize_pem())?;
    let accounts = KeyPair::generate()?;
    write(state, "accounts.key", &accounts.serialize_pem())?;
    write(state, "accounts.pub", &accounts.public_key_pem())?;
    write(state, "tokens.csv", &format!("{token},admin,admin,system:masters\n"))?;
    for (name, address) in [
        ("kubeconfig-inside", std::net::Ipv4Addr::LOCALHOST),
        ("kubeconfig", network::API),
    ] {
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": {
                "server": format!("https://{address}:6443"),
                "certificate-authority": state.join("ca.crt"),
            }}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "admin"}}],
            "current-context": "e2e",
        });
        write(state, name, &kubeconfig.to_string())?;
    }
    Ok(())
}

fn write(state: &Path, name: &str, text: &str) -> Result<()> {
    let path = state.join(name);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?)
}
