//! Every case through every route, and independent oracles for what comes out.
//!
//! Cases are data: a folder in `cases/` holds `input.yaml`, perhaps `args` (one a line), and what is expected:
//! `expected.yaml` on standard output, `diagnostics.txt` on standard error. Each file in `examples/` is a case too, and the
//! folders of `krm/` are cases whose input is a function's.
//! `BLESS=1` writes what is expected anew; read the difference before you commit it.

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

/// How the component says that it is called.
pub const WASMTIME: Invocation<'_> = Invocation {
    program: "wasmtime run etcd.wasm",
    namespace: "default",
};

/// Renders the etcd package as Rust, without a host.
///
/// # Errors
///
/// What is wrong with the values.
pub fn render(name: &str, namespace: &str, values: &str) -> Result<Rendering, Vec<Diagnostic>> {
    EtcdPackage.render(&Request {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        ..request(values)
    })
}

/// What asks a package for the installation `etcd` in the namespace `default`.
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

/// Renders values that must be accepted, as the installation `etcd` in the namespace `default`.
///
/// # Errors
///
/// If they are not.
pub fn accepted(values: &str) -> Result<Rendering> {
    render("etcd", "default", values).map_err(|diagnostics| anyhow::anyhow!("{values}\n{diagnostics:#?}"))
}

/// What goes in, and where what should come out is kept.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// Standard input.
    pub input: Vec<u8>,
    /// Command line arguments.
    pub args: Vec<String>,
    folder: PathBuf,
}

/// What a route made of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// The diagnostics on standard error, without what a route says of itself.
    pub diagnostics: String,
    /// The exit status: 0 accepted, 1 refused. Nothing else is expected of a case.
    pub status: i32,
}

const EXPECTED: &str = "expected.yaml";
const DIAGNOSTICS: &str = "diagnostics.txt";

impl Case {
    /// All cases: those of `cases/`, and `example-NAME` for each of `examples/`.
    ///
    /// # Errors
    ///
    /// If a folder holds a file that no test would read, or lacks its input.
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
                folder: cases.join(format!("example-{stem}")),
            };
            names.insert(case.folder.clone());
            all.push(case);
        }
        for folder in list(&cases)? {
            if names.contains(&folder) {
                check_files(&folder, &[EXPECTED, DIAGNOSTICS])?;
                continue;
            }
            all.push(Self::of_folder(folder)?);
        }
        Ok(all)
    }

    /// All cases of functions, whose input is a ResourceList: those of `krm/`.
    ///
    /// # Errors
    ///
    /// As for [`Self::all`].
    pub fn functions() -> Result<Vec<Self>> {
        let folders = list(&Path::new(env!("CARGO_MANIFEST_DIR")).join("krm"))?;
        folders.into_iter().map(Self::of_folder).collect()
    }

    fn of_folder(folder: PathBuf) -> Result<Self> {
        check_files(&folder, &["input.yaml", "args", EXPECTED, DIAGNOSTICS])?;
        let args = fs::read_to_string(folder.join("args")).unwrap_or_default();
        let name = folder.file_name().and_then(|name| name.to_str());
        Ok(Self {
            name: name.context("a case's name")?.to_owned(),
            input: fs::read(folder.join("input.yaml")).with_context(|| folder.display().to_string())?,
            args: args.lines().map(str::to_owned).collect(),
            folder,
        })
    }

    /// Compares what a route made of a function's case with what is expected. A function writes the list in any case,
    /// and whether it refused shows in the results.
    ///
    /// # Errors
    ///
    /// If they differ, showing where.
    pub fn check_function(&self, outcome: &Outcome) -> Result<()> {
        let diagnostics = fs::read_to_string(self.folder.join(DIAGNOSTICS)).unwrap_or_default();
        let refused = diagnostics.lines().any(|line| line.starts_with("error["));
        ensure!(outcome.status == i32::from(refused), "{outcome:?}");
        let expected = fs::read_to_string(self.folder.join(EXPECTED)).unwrap_or_default();
        same("standard output", &expected, &outcome.stdout)?;
        same("diagnostics", &diagnostics, &outcome.diagnostics)
    }

    /// The value of an argument that takes one.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        let mut args = self.args.iter().skip_while(|arg| *arg != name);
        args.nth(1).map(String::as_str)
    }

    /// Returns the expected standard output, if the case is to be accepted.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn expected(&self) -> Result<Option<String>> {
        let path = self.folder.join(EXPECTED);
        if !path.exists() {
            return Ok(None);
        }
        let expected = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Some(expected))
    }

    /// Compares what a route made of the case with what is expected.
    ///
    /// # Errors
    ///
    /// If they differ, showing where.
    pub fn check(&self, outcome: &Outcome) -> Result<()> {
        ensure!(
            [0, 1].contains(&outcome.status),
            "neither accepted nor refused: {outcome:?}"
        );
        let accepted = outcome.status == 0;
        ensure!(
            accepted != outcome.stdout.is_empty() || self.input_renders_nothing(outcome),
            "standard output must hold everything on success and nothing otherwise: {outcome:?}"
        );
        let expected_stdout = fs::read_to_string(self.folder.join(EXPECTED));
        ensure!(
            accepted == expected_stdout.is_ok(),
            "{}\n{}",
            if accepted {
                "accepted, but expected to be refused"
            } else {
                "refused, but expected to be accepted"
            },
            outcome.diagnostics
        );
        same("standard output", &expected_stdout.unwrap_or_default(), &outcome.stdout)?;
        let expected = fs::read_to_string(self.folder.join(DIAGNOSTICS)).unwrap_or_default();
        same("diagnostics", &expected, &outcome.diagnostics)
    }

    /// A stream without objects is accepted and comes out as empty as it came in.
    fn input_renders_nothing(&self, outcome: &Outcome) -> bool {
        outcome.status == 0 && outcome.stdout.as_bytes() == self.input
    }

    /// Writes what is expected.
    ///
    /// # Errors
    ///
    /// If files cannot be written.
    pub fn bless(&self, outcome: &Outcome) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        let written = outcome.status == 0 || !outcome.stdout.is_empty();
        write_or_remove(&self.folder.join(EXPECTED), written.then_some(&outcome.stdout))?;
        let diagnostics = (!outcome.diagnostics.is_empty()).then_some(&outcome.diagnostics);
        write_or_remove(&self.folder.join(DIAGNOSTICS), diagnostics)
    }
}

/// Runs `route` on every case, as one named test each.
///
/// # Errors
///
/// If the cases cannot be read.
pub fn trials(
    route: &'static str,
    run: impl Fn(&Case) -> Result<Outcome> + Clone + Send + 'static,
) -> Result<Vec<libtest_mimic::Trial>> {
    let check = move |case: &Case, outcome: &Outcome| {
        case.check(outcome)?;
        let agreement = if outcome.status == 0 {
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
    run: impl Fn(&Case) -> Result<Outcome> + Clone + Send + 'static,
) -> Result<Vec<libtest_mimic::Trial>> {
    Ok(trials_of(Case::functions()?, route, run, Case::check_function))
}

fn trials_of(
    cases: Vec<Case>,
    route: &'static str,
    run: impl Fn(&Case) -> Result<Outcome> + Clone + Send + 'static,
    check: impl Fn(&Case, &Outcome) -> Result<()> + Copy + Send + 'static,
) -> Vec<libtest_mimic::Trial> {
    let trial = |case: Case| {
        let run = run.clone();
        libtest_mimic::Trial::test(format!("{route}::{}", case.name), move || {
            let outcome = run(&case)?;
            Ok(check(&case, &outcome)?)
        })
    };
    cases.into_iter().map(trial).collect()
}

/// The diagnostics among what a route wrote to standard error: everything but the line in which it sums up.
#[must_use]
pub fn diagnostics(stderr: &str) -> String {
    let summary = |line: &&str| line.starts_with("etcd: ") || line.starts_with("rutter: ");
    stderr.split_inclusive('\n').filter(|line| !summary(line)).collect()
}

/// What the component's own command understands, and what it does not.
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
    // A process that refuses its arguments or its input may leave the rest of it unread.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = process.wait_with_output()?;
    feeder.join().ok().context("feeding standard input")?;
    Ok(output)
}

fn list(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn check_files(folder: &Path, known: &[&str]) -> Result<()> {
    for file in list(folder)? {
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
/// The first line in which they differ.
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

/// A built artifact, by its file name in `dist/`.
///
/// # Errors
///
/// If it is not there.
pub fn artifact(name: &str) -> Result<PathBuf> {
    let dist = std::env::var_os("RUTTER_DIST").map_or_else(|| root().join("dist"), PathBuf::from);
    let path = dist.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: `cargo xtask build` makes it",
        path.display()
    );
    Ok(path)
}
