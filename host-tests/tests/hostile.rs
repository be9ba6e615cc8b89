//! Hostile input, and input that was damaged on its way, through the package as Rust. `hostile_hosts.rs` has the same
//! through what is built.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::fuzz::{TARGETS, Target};
use host_tests::{WASMTIME, hostile, root};
use libtest_mimic::{Arguments, Trial};

/// No document of a few megabytes takes longer, on a slow machine and without optimisation.
const LONGEST: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, (bytes, code)) in hostile::documents() {
        trials.push(Trial::test(format!("document::{name}"), move || {
            Ok(document(&bytes, code)?)
        }));
    }
    for target in TARGETS {
        trials.push(Trial::test(format!("corpus::{}", target.name), move || {
            Ok(corpus(target)?)
        }));
    }
    trials.push(Trial::test("damaged::truncated", || {
        Ok(damaged(hostile::truncated(&example()?))?)
    }));
    trials.push(Trial::test("damaged::corrupted", || {
        Ok(damaged(hostile::corrupted(&example()?))?)
    }));
    libtest_mimic::run(&arguments, trials).exit()
}

/// A document does no harm, whatever it is taken for, and as values it is refused with this code.
fn document(bytes: &[u8], code: Option<&str>) -> Result<()> {
    for target in TARGETS {
        let begin = Instant::now();
        target.run(&EtcdPackage, bytes).with_context(|| target.name)?;
        let took = begin.elapsed();
        ensure!(took < LONGEST, "{} took {took:?}", target.name);
    }
    let outcome = rutter::command::run(&EtcdPackage, WASMTIME, [], || Ok(bytes.to_vec()));
    let stderr = &outcome.stderr[..outcome.stderr.len().min(1000)];
    match code {
        Some(code) => ensure!(
            outcome.status == 1 && outcome.stderr.contains(&format!("error[{code}]")),
            "expected {code}, found {}: {stderr}",
            outcome.status
        ),
        None => ensure!(outcome.status == 0, "{stderr}"),
    }
    ensure!(
        outcome.stderr.len() < 1 << 20,
        "{} bytes say what is wrong",
        outcome.stderr.len()
    );
    Ok(())
}

/// What fuzzing found does no harm any more, and what it starts from never did.
fn corpus(target: Target) -> Result<()> {
    let (seeds, kept) = (target.seeds()?, target.kept()?);
    ensure!(!seeds.is_empty() && !kept.is_empty(), "there is nothing to try");
    for bytes in seeds.iter().chain(&kept) {
        let shown = || String::from_utf8_lossy(bytes).into_owned();
        target.run(&EtcdPackage, bytes).with_context(shown)?;
    }
    Ok(())
}

fn example() -> Result<Vec<u8>> {
    Ok(fs::read(root().join("examples/page-tls.yaml"))?)
}

/// What becomes of an example by an accident is rendered or refused, as a whole.
fn damaged(texts: impl Iterator<Item = Vec<u8>>) -> Result<()> {
    let target = Target::named("stream").context("a target")?;
    for text in texts {
        let shown = || String::from_utf8_lossy(&text).into_owned();
        target.run(&EtcdPackage, &text).with_context(shown)?;
    }
    Ok(())
}
