//! The cases with the build output and installed tools: the component in our host library, in `rutter`, and in the
//! `wasmtime` command. Each must give the same bytes as the package in Rust.

use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::plans::Change;
use host_tests::{
    COMMAND_LINES, Case, RouteOutput, WASMTIME, artifact, diagnostics, feed, function_trials, same, trials,
};
use rutter::plan::Detail;
use rutter::stream;
use rutter::{Diagnostic, Package as _, Plan, Request};
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
    let (rutter, component) = (artifact("rutter")?, artifact("etcd.wasm")?);
    all.extend(function_trials("rutter-krm", move |case| {
        command(Command::new(&rutter).arg("krm"), case)
    })?);
    all.extend(function_trials("wasmtime-krm", move |case| {
        command(Command::new("wasmtime").arg("run").arg(&component).arg("krm"), case)
    })?);
    for args in COMMAND_LINES {
        all.push(libtest_mimic::Trial::test(
            format!("wasmtime::command-line::{}", args.join(" ")),
            move || Ok(command_line(args)?),
        ));
    }
    for args in GENERATED {
        all.push(libtest_mimic::Trial::test(
            format!("rutter::{}", args.join(" ")),
            move || Ok(generated(args)?),
        ));
    }
    for change in Change::all()? {
        all.push(libtest_mimic::Trial::test(
            format!("rutter-plan::{}", change.name),
            move || Ok(plan(&change)?),
        ));
    }
    all.push(libtest_mimic::Trial::test("rutter::diff", || Ok(diff()?)));
    libtest_mimic::run(&arguments, all).exit()
}

/// Command lines that print without any input.
const GENERATED: [&[&str]; 7] = [
    &["schema"],
    &["defaults"],
    &["explain"],
    &["explain", "not-understood"],
    &["explain", "extraArgs"],
    &["explain", "spec.storage.wal"],
    &["explain", "--recursive"],
];

/// Checks that the component under wasmtime prints the same as the package in Rust. WASI has only success and failure.
fn command_line(args: &[&str]) -> Result<()> {
    let expected = rutter::command::run(&EtcdPackage, WASMTIME, args.iter().map(Into::into), || Ok(Vec::new()));
    let output = Command::new("wasmtime")
        .arg("run")
        .arg(artifact("etcd.wasm")?)
        .args(args)
        .stdin(Stdio::null())
        .output()?;
    same("standard output", &expected.stdout, &String::from_utf8(output.stdout)?)?;
    same("standard error", &expected.stderr, &String::from_utf8(output.stderr)?)?;
    ensure!(
        output.status.code() == Some(expected.status.min(1).into()),
        "status {:?}, expected that of {}",
        output.status,
        expected.status
    );
    Ok(())
}

/// Checks that `rutter` prints the same as its package.
fn generated(args: &[&str]) -> Result<()> {
    let expected = rutter::command::run(&EtcdPackage, WASMTIME, args.iter().map(Into::into), || Ok(Vec::new()));
    let output = Command::new(artifact("rutter")?).args(args).output()?;
    ensure!(output.status.success() && expected.status == 0, "{:?}", output.status);
    same("standard output", &expected.stdout, &String::from_utf8(output.stdout)?)
}

/// Checks that `rutter diff` finds no difference between values and their manifests, and the same differences as
/// between both values.
fn diff() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let rendered = rutter::command::run(&EtcdPackage, WASMTIME, ["render".into()], || Ok(Vec::new())).stdout;
    for (name, text) in [
        ("rendered.yaml", rendered.as_str()),
        ("old.yaml", "replicas: 3\n"),
        ("new.yaml", "replicas: 5\nstorage: {data: {size: 9Gi}}\n"),
    ] {
        std::fs::write(directory.path().join(name), text)?;
    }
    let run = |old, new| -> Result<_> {
        let mut rutter = Command::new(artifact("rutter")?.canonicalize()?);
        let output = rutter
            .args(["diff", old, new, "-C", "0"])
            .current_dir(directory.path())
            .output()?;
        Ok((output.status.code(), String::from_utf8(output.stdout)?))
    };
    for old in ["old.yaml", "rendered.yaml"] {
        ensure!(run(old, "old.yaml")? == (Some(0), String::new()));
        let (status, stdout) = run(old, "new.yaml")?;
        ensure!(status == Some(1), "{stdout}");
        for expected in [
            "ConfigMap default/etcd-bootstrap changed\n",
            "-  replicas: 3\n+  replicas: 5\n",
        ] {
            ensure!(stdout.contains(expected), "{expected:?} is missing in\n{stdout}");
        }
        let note = "note: Kubernetes refuses to change spec.volumeClaimTemplates of a StatefulSet that exists\n";
        ensure!(stdout.contains(note), "{stdout}");
    }
    Ok(())
}

/// Checks that `rutter plan` prints the plan of the package in Rust, has its exit code, and writes the same plan, whose
/// scripts a shell can parse.
fn plan(change: &Change) -> Result<()> {
    let directory = tempfile::tempdir()?;
    for (name, text) in [("from.yaml", &change.from), ("to.yaml", &change.to)] {
        std::fs::write(directory.path().join(name), text)?;
    }
    let program = artifact("rutter")?.canonicalize()?;
    let mut rutter = Command::new(&program);
    rutter
        .args(["plan", "--from", "from.yaml", "--to", "to.yaml", "-o", "plan"])
        .args(&change.args);
    let output = rutter.current_dir(directory.path()).output()?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    let written = directory.path().join("plan");
    let plan = match change.plan() {
        Ok(plan) => plan,
        Err(diagnostics) => {
            let code = if is_rendered(change) { Plan::REFUSED } else { 1 };
            ensure!(
                output.status.code() == Some(code.into()) && stdout.is_empty(),
                "{:?}: {stdout}",
                output.status
            );
            for diagnostic in diagnostics {
                ensure!(
                    stderr.contains(&diagnostic.message),
                    "{} is missing in\n{stderr}",
                    diagnostic.message
                );
            }
            ensure!(!written.exists(), "a refused plan was written");
            return Ok(());
        }
    };
    let next = match plan.change.steps() {
        [] => String::new(),
        _ => format!("\nnext: {} apply plan\n", program.display()),
    };
    same("the plan", &format!("{}{next}", plan.to_text(Detail::Steps)), &stdout)?;
    ensure!(
        output.status.code() == Some(plan.exit_status().into()),
        "{:?}",
        output.status
    );
    for file in plan.files(None) {
        same(
            &file.path,
            &file.text,
            &std::fs::read_to_string(written.join(&file.path))?,
        )?;
    }
    let read = Command::new("sh").arg("-n").arg(written.join("run.sh")).output()?;
    ensure!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    Ok(())
}

/// Whether the desired values of a change are valid.
fn is_rendered(change: &Change) -> bool {
    let Ok((_, desired)) = change.request() else {
        return false;
    };
    let request = Request {
        name: desired.name.unwrap_or_else(|| "etcd".to_owned()),
        namespace: desired.namespace.unwrap_or_else(|| "default".to_owned()),
        values: desired.values,
        release: None,
        capabilities: None,
        installed: None,
    };
    EtcdPackage.render(&request).is_ok()
}

/// Renders with the library, through the typed interface.
fn host(package: &Package, case: &Case) -> Result<RouteOutput> {
    let namespace = case.argument("--namespace").unwrap_or("default");
    let text = str::from_utf8(&case.input)?;
    let render = |request: &Request| package.render(request);
    let rendered = stream::render_text(text, &package.describe()?, case.argument("--name"), namespace, render)?;
    let text = |diagnostics: Vec<Diagnostic>| -> String {
        let lines = diagnostics
            .iter()
            .map(|diagnostic| diagnostic.display("<stdin>").to_string());
        lines.collect()
    };
    Ok(match rendered {
        Ok(rendered) => RouteOutput {
            stdout: rendered.to_text(),
            diagnostics: text(rendered.warnings),
            status: 0,
        },
        Err(problems) => RouteOutput {
            stdout: String::new(),
            diagnostics: text(problems),
            status: 1,
        },
    })
}

/// Runs a process with the case.
fn command(command: &mut Command, case: &Case) -> Result<RouteOutput> {
    let output = feed(command.args(&case.args), &case.input)?;
    Ok(RouteOutput {
        stdout: String::from_utf8(output.stdout)?,
        diagnostics: diagnostics(&String::from_utf8(output.stderr)?),
        status: output.status.code().context("an exit code")?,
    })
}
