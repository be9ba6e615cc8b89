//! Hostile input for the build output: the component gives the same answers as the package in Rust, and processes stay
//! within their memory.

#![allow(clippy::panic, reason = "a failed host is a failed test")]

use std::fs;
use std::io::{Read, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::fuzz::{TARGETS, Target};
use host_tests::{artifact, hostile, root, same};
use libtest_mimic::{Arguments, Trial};
use rutter::{ChangeRequest, Description, Diagnostic, ObjectKind, Package, Plan, Rendering, Request, State};
use rutter_host::{Host, HostError, Limits};

/// The memory limit of each process, in MiB.
const MEMORY: u64 = 512;

/// The time limit of each process, on a busy machine.
const TIME: Duration = Duration::from_secs(60);

/// The sizes of the input: more than is read, and slightly less than that.
const LARGE: [usize; 2] = [100 << 20, 63 << 20];

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let component = Arc::new(Host::new(Limits::default())?.load(artifact("etcd.wasm")?)?);
    let mut trials = Vec::new();
    for target in TARGETS {
        let package = Hosted(Arc::clone(&component));
        trials.push(Trial::test(format!("component::{}", target.name), move || {
            Ok(agree(
                target,
                &package,
                target.seeds()?.into_iter().chain(target.corpus()?),
            )?)
        }));
    }
    for (name, (bytes, _)) in hostile::documents() {
        let package = Hosted(Arc::clone(&component));
        trials.push(Trial::test(format!("component::document::{name}"), move || {
            Ok(TARGETS
                .into_iter()
                .try_for_each(|target| agree(target, &package, [bytes.clone()].into_iter()))?)
        }));
    }
    let package = Hosted(Arc::clone(&component));
    trials.push(Trial::test("component::damaged examples", move || {
        Ok(damaged(&package)?)
    }));
    trials.push(Trial::test("every byte", || Ok(every_byte()?)));
    for (name, text) in hostile::LARGE {
        for program in ["rutter", "wasmtime"] {
            for verb in ["render", "krm"] {
                trials.push(Trial::test(format!("{program} {verb}::{name}"), move || {
                    Ok(large(program, verb, text)?)
                }));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit()
}

/// The component, used like the package. A host error is not an answer of a package.
#[derive(Clone)]
struct Hosted(Arc<rutter_host::Package>);

impl Hosted {
    fn answer<T>(answer: Result<T, HostError>) -> T {
        answer.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Package for Hosted {
    fn describe(&self) -> Description {
        Self::answer(self.0.describe())
    }

    fn schema(&self) -> String {
        Self::answer(self.0.schema())
    }

    fn defaults(&self) -> String {
        Self::answer(self.0.defaults())
    }

    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>> {
        Self::answer(self.0.render(request))
    }

    fn observes(&self) -> Vec<ObjectKind> {
        Self::answer(self.0.observes())
    }

    fn plan(&self, installed: &State, desired: &ChangeRequest) -> Result<Plan, Vec<Diagnostic>> {
        Self::answer(self.0.plan(installed, desired))
    }
}

/// Checks that the component gives the same answers as the package.
fn agree(target: Target, component: &Hosted, texts: impl Iterator<Item = Vec<u8>>) -> Result<()> {
    for bytes in texts {
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(1000)]).into_owned();
        let native = target.run(&EtcdPackage, &bytes).with_context(shown)?;
        let hosted = target.run(component, &bytes).with_context(shown)?;
        same("answers", &native, &hosted).with_context(shown)?;
    }
    Ok(())
}

/// Tries all examples, truncated after each byte and with each byte changed.
fn damaged(component: &Hosted) -> Result<()> {
    let target = Target::named("stream").context("a target")?;
    for example in fs::read_dir(root().join("examples"))? {
        let path = example?.path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read(path)?;
        agree(target, component, hostile::truncated(&text))?;
        agree(target, component, hostile::corrupted(&text))?;
    }
    Ok(())
}

/// Replaces each byte of an example with every other, for the package in Rust: a hundred thousand renders.
fn every_byte() -> Result<()> {
    let target = Target::named("stream").context("a target")?;
    let text = fs::read(root().join("examples/existing-issuer.yaml"))?;
    for at in 0..text.len() {
        for byte in 0..=u8::MAX {
            let mut text = text.clone();
            text[at] = byte;
            target
                .run(&EtcdPackage, &text)
                .with_context(|| String::from_utf8_lossy(&text).into_owned())?;
        }
    }
    Ok(())
}

/// Checks that a process with up to a hundred megabytes of input ends in time, within its memory, and writes everything
/// or nothing.
fn large(program: &str, verb: &str, text: &str) -> Result<()> {
    LARGE.into_iter().try_for_each(|bytes| {
        fed(program, verb, &hostile::large(text, bytes)).with_context(|| format!("{bytes} bytes"))
    })
}

fn fed(program: &str, verb: &str, input: &[u8]) -> Result<()> {
    let mut command = if program == "rutter" {
        let mut rutter = Command::new(artifact("rutter")?);
        rutter
            .arg(verb)
            .args(if verb == "render" { &["-f", "-"][..] } else { &[] });
        rutter
    } else {
        let mut wasmtime = Command::new("wasmtime");
        wasmtime.arg("run").arg(artifact("etcd.wasm")?).arg(verb);
        wasmtime
    };
    let begin = Instant::now();
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn()?;
    let mut stdin = process.stdin.take().context("standard input")?;
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    let (stdout, stderr, most) = thread::scope(|scope| -> Result<_> {
        // A process that refuses its input may not read all of it.
        scope.spawn(move || drop(stdin.write_all(input)));
        let [stdout, stderr] = [scope.spawn(|| read(stdout)), scope.spawn(|| read(stderr))];
        let mut most = 0;
        while process.try_wait()?.is_none() {
            most = most.max(peak(process.id()));
            if begin.elapsed() > TIME {
                process.kill()?;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let read = |reader: thread::ScopedJoinHandle<'_, Result<Vec<u8>>>| reader.join().ok().context("a stream")?;
        Ok((read(stdout)?, read(stderr)?, most))
    })?;
    let stderr = String::from_utf8_lossy(&stderr);
    ensure!(stderr.len() < 1 << 20, "the errors have {} bytes", stderr.len());
    match process.wait()?.code() {
        Some(0) => ensure!(!stdout.is_empty(), "accepted, but nothing is written"),
        Some(1) => ensure!(stdout.is_empty() && stderr.contains("error["), "{stderr}"),
        other => anyhow::bail!("status {other:?} after {:?}: {stderr}", begin.elapsed()),
    }
    ensure!(most <= MEMORY, "the process used {most} MiB");
    Ok(())
}

fn read(stream: Option<impl Read>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.context("a stream")?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the peak memory of a process so far, in MiB, or 0 on systems that do not report it.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kibibytes.unwrap_or(0u64) >> 10
}
