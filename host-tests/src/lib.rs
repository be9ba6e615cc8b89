//! Cases that run through every route, and independent oracles for their output.
//!
//! Cases are data: a directory in `cases/` contains `input.yaml`, optionally `args` with one argument a line, and the
//! expected output: `expected.yaml` on standard output, `diagnostics.txt` on standard error. Each file in `examples/`
//! is also a case. The directories of `krm/` are cases whose input is a function's. `BLESS=1` writes the expected
//! files. Read the difference before you commit it.

#[cfg(feature = "etcd")]
pub mod etcd;
pub mod fuzz;
pub mod hostile;
pub mod kubelet;
pub mod kubernetes;
pub mod matrix;
pub mod oracles;
pub mod payloads;
pub mod plans;
pub mod types;
pub mod yaml_1_1;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::matrix::Agreement;
use anyhow::{Context, Result, bail, ensure};
use etcd_package::EtcdPackage;
use rutter::command::Invocation;
use rutter::{Diagnostic, Package, Rendering, Request};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads a file below `host-tests/data/`.
///
/// # Errors
///
/// If there is no such text file.
pub fn data(path: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(path);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The component's name in its own messages.
pub const WASMTIME: Invocation<'_> = Invocation {
    program: "wasmtime run etcd.wasm",
    namespace: "default",
};

/// Renders the etcd package in Rust, without a host.
///
/// # Errors
///
/// The errors in the values.
pub fn render(name: &str, namespace: &str, values: &str) -> Result<Rendering, Vec<Diagnostic>> {
    EtcdPackage.render(&Request {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        ..request(values)
    })
}

/// Returns a request for the installation `etcd` in the namespace `default`.
#[must_use]
pub fn request(values: &str) -> Request {
    Request {
        name: "etcd".to_owned(),
        namespace: "default".to_owned(),
        values: values.to_owned(),
        release: None,
        capabilities: None,
        installed: None,
    }
}

/// Renders values that must be valid, as the installation `etcd` in the namespace `default`.
///
/// # Errors
///
/// If they are invalid.
pub fn accepted(values: &str) -> Result<Rendering> {
    render("etcd", "default", values).map_err(|diagnostics| anyhow::anyhow!("{values}\n{diagnostics:#?}"))
}

/// An input, and the place of its expected output.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name of the directory.
    pub name: String,
    /// Standard input.
    pub input: Vec<u8>,
    /// Command line arguments.
    pub args: Vec<String>,
    directory: PathBuf,
}

/// The output of a route for a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOutput {
    /// Standard output.
    pub stdout: String,
    /// The diagnostics on standard error, without the route's own messages.
    pub diagnostics: String,
    /// The exit code: 0 accepted, 1 refused. A case must not have any other.
    pub status: i32,
}

const EXPECTED: &str = "expected.yaml";
const DIAGNOSTICS: &str = "diagnostics.txt";

impl Case {
    /// Returns all cases: those of `cases/`, and `example-NAME` for each file of `examples/`.
    ///
    /// # Errors
    ///
    /// If a directory contains a file that no test reads, or lacks its input.
    pub fn all() -> Result<Vec<Self>> {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let examples = list(&root().join("examples"))?
            .into_iter()
            .filter(|path| path.is_file());
        let mut names = BTreeSet::new();
        let mut all = Vec::new();
        for example in examples {
            let stem = example
                .file_stem()
                .and_then(|stem| stem.to_str())
                .context("an example's name")?;
            let case = Self {
                name: format!("example-{stem}"),
                input: fs::read(&example)?,
                args: Vec::new(),
                directory: cases.join(format!("example-{stem}")),
            };
            names.insert(case.directory.clone());
            all.push(case);
        }
        for directory in list(&cases)? {
            if names.contains(&directory) {
                check_files(&directory, &[EXPECTED, DIAGNOSTICS])?;
                continue;
            }
            all.push(Self::of_directory(directory)?);
        }
        Ok(all)
    }

    /// Returns the cases of functions, whose input is a ResourceList: those of `krm/`.
    ///
    /// # Errors
    ///
    /// Like [`Self::all`].
    pub fn functions() -> Result<Vec<Self>> {
        let directories = list(&Path::new(env!("CARGO_MANIFEST_DIR")).join("krm"))?;
        directories.into_iter().map(Self::of_directory).collect()
    }

    fn of_directory(directory: PathBuf) -> Result<Self> {
        check_files(&directory, &["input.yaml", "args", EXPECTED, DIAGNOSTICS])?;
        let args = fs::read_to_string(directory.join("args")).unwrap_or_default();
        let name = directory.file_name().and_then(|name| name.to_str());
        Ok(Self {
            name: name.context("a case's name")?.to_owned(),
            input: fs::read(directory.join("input.yaml")).with_context(|| directory.display().to_string())?,
            args: args.lines().map(str::to_owned).collect(),
            directory,
        })
    }

    /// Compares a route's output for a function's case with the expected output. A function always writes the list, and
    /// its results show whether it refused the input.
    ///
    /// # Errors
    ///
    /// If they differ, with the first difference.
    pub fn check_function(&self, output: &RouteOutput) -> Result<()> {
        let diagnostics = fs::read_to_string(self.directory.join(DIAGNOSTICS)).unwrap_or_default();
        let refused = diagnostics.lines().any(|line| line.starts_with("error["));
        ensure!(output.status == i32::from(refused), "{output:?}");
        let expected = fs::read_to_string(self.directory.join(EXPECTED)).unwrap_or_default();
        same("standard output", &expected, &output.stdout)?;
        same("diagnostics", &diagnostics, &output.diagnostics)
    }

    /// Returns the value of an option.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        let mut args = self.args.iter().skip_while(|arg| *arg != name);
        args.nth(1).map(String::as_str)
    }

    /// Returns the expected standard output, if the case must be accepted.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn expected(&self) -> Result<Option<String>> {
        let path = self.directory.join(EXPECTED);
        if !path.exists() {
            return Ok(None);
        }
        let expected = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Some(expected))
    }

    /// Compares a route's output for the case with the expected output.
    ///
    /// # Errors
    ///
    /// If they differ, with the first difference.
    pub fn check(&self, output: &RouteOutput) -> Result<()> {
        ensure!(
            [0, 1].contains(&output.status),
            "neither accepted nor refused: {output:?}"
        );
        let accepted = output.status == 0;
        ensure!(
            accepted != output.stdout.is_empty() || self.input_renders_nothing(output),
            "standard output must be complete on success and empty otherwise: {output:?}"
        );
        let expected_stdout = fs::read_to_string(self.directory.join(EXPECTED));
        ensure!(
            accepted == expected_stdout.is_ok(),
            "{}\n{}",
            if accepted {
                "accepted, but expected to be refused"
            } else {
                "refused, but expected to be accepted"
            },
            output.diagnostics
        );
        same("standard output", &expected_stdout.unwrap_or_default(), &output.stdout)?;
        let expected = fs::read_to_string(self.directory.join(DIAGNOSTICS)).unwrap_or_default();
        same("diagnostics", &expected, &output.diagnostics)
    }

    /// A stream without objects is accepted, and its output is the input.
    fn input_renders_nothing(&self, output: &RouteOutput) -> bool {
        output.status == 0 && output.stdout.as_bytes() == self.input
    }

    /// Writes the expected files.
    ///
    /// # Errors
    ///
    /// If files cannot be written.
    pub fn bless(&self, output: &RouteOutput) -> Result<()> {
        fs::create_dir_all(&self.directory)?;
        let written = output.status == 0 || !output.stdout.is_empty();
        write_or_remove(&self.directory.join(EXPECTED), written.then_some(&output.stdout))?;
        let diagnostics = (!output.diagnostics.is_empty()).then_some(&output.diagnostics);
        write_or_remove(&self.directory.join(DIAGNOSTICS), diagnostics)
    }
}

/// Runs `route` on every case, as one named test each.
///
/// # Errors
///
/// If the cases cannot be read.
pub fn trials(
    route: &'static str,
    run: impl Fn(&Case) -> Result<RouteOutput> + Clone + Send + 'static,
) -> Result<Vec<libtest_mimic::Trial>> {
    let check = move |case: &Case, output: &RouteOutput| {
        case.check(output)?;
        let agreement = if output.status == 0 {
            Agreement::Bytes
        } else {
            Agreement::Refused
        };
        matrix::record(route, &case.name, agreement)
    };
    Ok(trials_of(Case::all()?, route, run, check))
}

/// Runs `route` on every case of functions, as one named test each.
///
/// # Errors
///
/// If the cases cannot be read.
pub fn function_trials(
    route: &'static str,
    run: impl Fn(&Case) -> Result<RouteOutput> + Clone + Send + 'static,
) -> Result<Vec<libtest_mimic::Trial>> {
    Ok(trials_of(Case::functions()?, route, run, Case::check_function))
}

fn trials_of(
    cases: Vec<Case>,
    route: &'static str,
    run: impl Fn(&Case) -> Result<RouteOutput> + Clone + Send + 'static,
    check: impl Fn(&Case, &RouteOutput) -> Result<()> + Copy + Send + 'static,
) -> Vec<libtest_mimic::Trial> {
    let trial = |case: Case| {
        let run = run.clone();
        libtest_mimic::Trial::test(format!("{route}::{}", case.name), move || {
            let output = run(&case)?;
            Ok(check(&case, &output)?)
        })
    };
    cases.into_iter().map(trial).collect()
}

/// Returns the diagnostics of a route's standard error: everything but its summary line.
#[must_use]
pub fn diagnostics(stderr: &str) -> String {
    let summary = |line: &&str| line.starts_with("etcd: ") || line.starts_with("rutter: ");
    stderr.split_inclusive('\n').filter(|line| !summary(line)).collect()
}

/// Command lines that the component's own command accepts or refuses.
pub const COMMAND_LINES: [&[&str]; 18] = [
    &[],
    &["--help"],
    &["--version"],
    &["schema"],
    &["defaults"],
    &["explain"],
    &["explain", "spec.storage.wal"],
    &["explain", "--recursive"],
    &["explain", "not-understood"],
    &["explain", "not-undrestood"],
    &["explain", "storge"],
    &["explain", "storage.x"],
    &["explain", "tls", "storage"],
    &["validate"],
    &["render", "--name", "x"],
    &["rendr"],
    &["--nme", "x"],
    &["--name"],
];

/// Runs a command with this standard input.
///
/// # Errors
///
/// If it cannot be started.
pub fn feed(command: &mut Command, input: &[u8]) -> Result<Output> {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{:?}: `cargo xtask test` installs it", command.get_program()))?;
    let mut stdin = process.stdin.take().context("standard input")?;
    let input = input.to_vec();
    // A process that refuses its arguments or its input may not read all of it.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = process.wait_with_output()?;
    feeder.join().ok().context("feeding standard input")?;
    Ok(output)
}

fn list(directory: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn check_files(directory: &Path, known: &[&str]) -> Result<()> {
    for file in list(directory)? {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !known.contains(&name) {
            bail!(
                "{} is read by no test; a case consists of {}",
                file.display(),
                known.join(", ")
            );
        }
    }
    Ok(())
}

fn write_or_remove(path: &Path, content: Option<&String>) -> Result<()> {
    match content {
        Some(content) => fs::write(path, content)?,
        None if path.exists() => fs::remove_file(path)?,
        None => {}
    }
    Ok(())
}

/// Compares two texts.
///
/// # Errors
///
/// If they differ, with the first line in which they do.
pub fn same(what: &str, expected: &str, found: &str) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let mut expected_lines = expected.split_inclusive('\n');
    let mut found_lines = found.split_inclusive('\n');
    for line in 1.. {
        let (expected, found) = (expected_lines.next(), found_lines.next());
        if expected != found {
            bail!("{what} differ in line {line}:\n  expected: {expected:?}\n  found:    {found:?}");
        }
    }
    Ok(())
}

/// Returns the path of a built artifact, by its file name in `dist/`.
///
/// # Errors
///
/// If it does not exist.
pub fn artifact(name: &str) -> Result<PathBuf> {
    let dist = std::env::var_os("RUTTER_DIST").map_or_else(|| root().join("dist"), PathBuf::from);
    let path = dist.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: `cargo xtask build` builds it",
        path.display()
    );
    Ok(path)
}
