//! The first afternoon of a package's author: `rutter new`, a build, and `rutter test` through the real hosts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use host_tests::{artifact, root, same};
use tempfile::TempDir;

/// The exit code and both outputs of a command.
struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(command: &mut Command) -> Result<Answer> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    Ok(Answer {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

fn rutter(directory: &Path) -> Result<Command> {
    let mut rutter = Command::new(artifact("rutter")?.canonicalize()?);
    rutter.current_dir(directory).env_remove("BLESS");
    Ok(rutter)
}

/// Builds a new package. Fat LTO of the README's command is a minute of compiling, which shows nothing here.
fn build(directory: &Path) -> Result<PathBuf> {
    // Without a network, only the versions of this checkout are there.
    fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock"))?;
    let target = root().canonicalize()?.join("target/new-package");
    let cargo = run(Command::new("cargo")
        .args(["build", "--release", "--target", "wasm32-wasip2"])
        .args(["--config", "profile.release.lto=false"])
        .args(["--config", "profile.release.codegen-units=16"])
        .env("CARGO_TARGET_DIR", &target)
        // Those of the tests are for their own target.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .current_dir(directory))?;
    ensure!(cargo.code == Some(0), "{}", cargo.stderr);
    ensure!(!cargo.stderr.contains("warning"), "{}", cargo.stderr);
    Ok(target.join("wasm32-wasip2/release/hello-world.wasm"))
}

#[test]
fn a_new_package_builds_renders_and_passes_its_cases() -> Result<()> {
    let home = tempfile::tempdir()?;
    let sdk = root().canonicalize()?;
    let new = || -> Result<Answer> { run(rutter(home.path())?.args(["new", "hello-world", "--sdk"]).arg(&sdk)) };
    let written = new()?;
    ensure!(written.code == Some(0), "{}", written.stderr);
    ensure!(written.stdout.contains("rutter test --component"), "{}", written.stdout);
    let again = new()?;
    ensure!(
        again.code == Some(2) && again.stderr.contains("exists"),
        "{}",
        again.stderr
    );

    let package = home.path().join("hello-world");
    let component = build(&package)?;
    let render = run(rutter(&package)?
        .args(["render", "--set", "greeting=welcome", "--component"])
        .arg(&component))?;
    ensure!(render.stdout.contains("greeting: welcome\n"), "{}", render.stderr);

    let tested = run(rutter(&package)?.args(["test", "--component"]).arg(&component))?;
    let expected = "\
default ... ok
refused-empty-greeting ... ok
stream ... ok

3 passed, 0 failed
cases by route: rutter 3, wasmtime 3, kustomize 2, helm 2
";
    same("the report", expected, &tested.stdout)?;
    ensure!(tested.code == Some(0));
    Ok(())
}

/// Some of our own cases in a directory of their own.
fn cases(names: &[&str]) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    for name in names {
        let case = directory.path().join("cases").join(name);
        fs::create_dir_all(&case)?;
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(name))? {
            let file = file?;
            fs::copy(file.path(), case.join(file.file_name()))?;
        }
    }
    Ok(directory)
}

fn test(directory: &Path, args: &[&str]) -> Result<Answer> {
    let component = artifact("etcd.wasm")?.canonicalize()?;
    run(rutter(directory)?
        .arg("test")
        .args(args)
        .arg("--component")
        .arg(component))
}

#[test]
fn cases_fail_by_each_route_until_they_are_blessed() -> Result<()> {
    let directory = cases(&["default-named", "refused-conflicting-flags", "stream"])?;
    let file = |path: &str| directory.path().join("cases").join(path);
    let good = test(directory.path(), &[])?;
    ensure!(good.code == Some(0), "{}{}", good.stdout, good.stderr);
    ensure!(
        good.stdout
            .contains("cases by route: rutter 3, wasmtime 3, kustomize 2, helm 2\n"),
        "{}",
        good.stdout
    );

    let manifests = fs::read_to_string(file("default-named/expected.yaml"))?;
    fs::write(
        file("default-named/expected.yaml"),
        manifests.replacen("replicas: 3", "replicas: 4", 1),
    )?;
    fs::write(file("refused-conflicting-flags/expected.yaml"), "")?;
    let diagnostics = fs::read_to_string(file("stream/diagnostics.txt"))?;
    fs::write(file("stream/diagnostics.txt"), "")?;
    let failed = test(directory.path(), &[])?;
    ensure!(failed.code == Some(1), "{}", failed.stderr);
    for text in [
        "default-named ... FAILED\n    rutter: manifests differ (- expected, + found):\n",
        "    wasmtime: manifests differ",
        "    kustomize: objects differ",
        "    helm: objects differ",
        "    -  replicas: 4\n    +  replicas: 3\n",
        "refused-conflicting-flags ... FAILED\n    rutter: the input is refused:\n",
        "    kustomize: it fails:\n",
        "    helm: it fails:\n",
        "stream ... FAILED\n    rutter: diagnostics differ",
        "\n0 passed, 3 failed\n",
    ] {
        ensure!(
            failed.stdout.contains(text),
            "{text:?} is missing in\n{}",
            failed.stdout
        );
    }

    let blessed = test(directory.path(), &["--bless", "--route", "rutter"])?;
    ensure!(blessed.code == Some(0), "{}{}", blessed.stdout, blessed.stderr);
    same(
        "expected.yaml",
        &manifests,
        &fs::read_to_string(file("default-named/expected.yaml"))?,
    )?;
    same(
        "diagnostics.txt",
        &diagnostics,
        &fs::read_to_string(file("stream/diagnostics.txt"))?,
    )?;
    ensure!(!file("refused-conflicting-flags/expected.yaml").exists());
    Ok(())
}

#[test]
fn incomplete_cases_are_errors() -> Result<()> {
    let directory = cases(&["default-named"])?;
    let case = directory.path().join("cases/default-named");
    for (args, code, text) in [
        (&["--filter", "stream"][..], 2, "none of the 1 cases has such a name"),
        (&["elsewhere"], 2, "there is no directory elsewhere: "),
        (
            &["cases/default-named"],
            2,
            "is not a directory: each case is a directory with input.yaml",
        ),
    ] {
        let refused = test(directory.path(), args)?;
        ensure!(refused.code == Some(code), "{args:?}: {:?}", refused.code);
        ensure!(refused.stderr.contains(text), "{}", refused.stderr);
    }
    fs::remove_file(case.join("expected.yaml"))?;
    let _ = fs::remove_file(case.join("diagnostics.txt"));
    let unblessed = test(directory.path(), &["--route", "rutter"])?;
    ensure!(unblessed.code == Some(1));
    ensure!(unblessed.stdout.contains("write --bless"), "{}", unblessed.stdout);
    for (name, text, problem) in [
        ("args", "--replicas\n5\n", "is not an argument of a case"),
        ("input.yml", "", "is not a file of a case, which are"),
    ] {
        fs::write(case.join(name), text)?;
        let refused = test(directory.path(), &[])?;
        ensure!(
            refused.code == Some(2) && refused.stderr.contains(problem),
            "{}",
            refused.stderr
        );
        fs::remove_file(case.join(name))?;
    }
    fs::remove_file(case.join("input.yaml"))?;
    let refused = test(directory.path(), &[])?;
    ensure!(
        refused.code == Some(2) && refused.stderr.contains("input.yaml"),
        "{}",
        refused.stderr
    );
    Ok(())
}
