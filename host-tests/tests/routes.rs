//! The cases through everything that is built and installed: the component in our host library, in `rutter`, and in the
//! `wasmtime` command. Each must give what the package gives as Rust, byte for byte.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};
use host_tests::{Case, Outcome, artifact, diagnostics, trials};
use rutter::stream::{self, Input};
use rutter::{Diagnostic, Request};
use rutter_host::{Host, Limits, Package};

fn main() -> Result<()> {
    let arguments = libtest_mimic::Arguments::from_args();
    let package = Arc::new(Host::new(Limits::default())?.load(artifact("etcd.wasm")?)?);
    let (rutter, component) = (artifact("rutter")?, artifact("etcd.wasm")?);
    let mut all = trials("host", move |case| host(&package, case))?;
    all.extend(trials("rutter", move |case| {
        command(Command::new(&rutter).args(["render", "-f", "-"]), case)
    })?);
    all.extend(trials("wasmtime", move |case| {
        let mut wasmtime = Command::new("wasmtime");
        command(wasmtime.arg("run").arg(&component), case)
            .context("the wasmtime command: `cargo xtask test` installs it")
    })?);
    libtest_mimic::run(&arguments, all).exit()
}

/// The library, by the typed interface.
fn host(package: &Package, case: &Case) -> Result<Outcome> {
    let argument = |name: &str, default: &str| {
        let mut args = case.args.iter().skip_while(|arg| *arg != name);
        args.nth(1).map_or(default, String::as_str).to_owned()
    };
    let (name, namespace) = (argument("--name", "etcd"), argument("--namespace", "default"));
    let text = str::from_utf8(&case.input)?;
    let rendered = match stream::read(text, &package.describe()?, &namespace) {
        Err(problems) => Err(problems),
        Ok(Input::Stream(documents)) => stream::render(documents, |request| package.render(request))?
            .map(|rendered| (rendered.to_text(), rendered.warnings)),
        Ok(Input::Values(values)) => {
            let request = Request {
                name,
                namespace,
                values: values.to_owned(),
                release: None,
                capabilities: None,
            };
            package
                .render(&request)?
                .map(|rendering| (stream::join(&rendering.manifests), rendering.warnings))
        }
    };
    let text = |diagnostics: Vec<Diagnostic>| -> String {
        diagnostics
            .iter()
            .map(|diagnostic| diagnostic.display("<stdin>").to_string())
            .collect()
    };
    Ok(match rendered {
        Ok((stdout, warnings)) => Outcome {
            stdout,
            diagnostics: text(warnings),
            success: true,
        },
        Err(problems) => Outcome {
            stdout: String::new(),
            diagnostics: text(problems),
            success: false,
        },
    })
}

/// A process, fed with the case.
fn command(command: &mut Command, case: &Case) -> Result<Outcome> {
    let mut process = command
        .args(&case.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = process.stdin.take().context("standard input")?;
    let input = case.input.clone();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = process.wait_with_output()?;
    feeder.join().ok().context("feeding standard input")??;
    Ok(Outcome {
        stdout: String::from_utf8(output.stdout)?,
        diagnostics: diagnostics(&String::from_utf8(output.stderr)?),
        success: output.status.success(),
    })
}
