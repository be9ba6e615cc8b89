//! Properties that hold for any bytes: one target for each kind of input.
//!
//! The programs of `fuzz/` search for bytes that break them, and `tests/corpus.rs` tries the input in `fuzz/corpus/`. A
//! target takes the package as a parameter, so that it can run with the package in Rust and with the component, which
//! must give the same answers.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use helm_values::{Expression, Kind, Values};
use rutter::command;
use rutter::plan::Detail;
use rutter::yaml::{self, Node};
use rutter::{
    ChangeRequest, Description, Diagnostic, Manifest, ObjectKind, Package, Plan, Rendering, Request, Severity, State,
};
use rutter_helm_plugin::{cli, post_renderer};
use serde_json::{Value, json};

use crate::oracles::{check, documents};
use crate::payloads;
use crate::plans::injection;
use crate::{Case, WASMTIME, request, root, yaml_1_1};

/// A kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its program and of its directory in the corpus.
    pub name: &'static str,
    run: fn(&dyn Package, &[u8]) -> Result<String>,
}

/// All targets.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "values",
        run: values,
    },
    Target {
        name: "stream",
        run: stream,
    },
    Target {
        name: "resource_list",
        run: resource_list,
    },
    Target {
        name: "helm",
        run: helm,
    },
    Target { name: "set", run: set },
    Target {
        name: "plan",
        run: plan,
    },
    Target {
        name: "payloads",
        run: injection::fuzz,
    },
];

impl Target {
    /// Returns the target of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }

    /// Returns seeds: the input of other tests, in the format of this target.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn seeds(self) -> Result<Vec<Vec<u8>>> {
        match self.name {
            "resource_list" => Ok(Case::functions()?.into_iter().map(|case| case.input).collect()),
            "set" => set_seeds(),
            "plan" => plan_seeds(),
            "payloads" => injection::seeds(),
            _ => Ok(Case::all()?.into_iter().map(|case| case.input).collect()),
        }
    }

    /// Returns the target's input in the corpus.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn corpus(self) -> Result<Vec<Vec<u8>>> {
        let directory = root().join("fuzz/corpus").join(self.name);
        let files = fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
        files.map(|file| Ok(fs::read(file?.path())?)).collect()
    }

    /// Runs the target with `bytes`, and returns all output that a user would see.
    ///
    /// # Errors
    ///
    /// If a property does not hold. A panic is a failure, too.
    pub fn run(self, package: &dyn Package, bytes: &[u8]) -> Result<String> {
        let checked = Checked {
            package,
            found: RefCell::new(Ok(())),
        };
        let answer = (self.run)(&checked, bytes)?;
        checked.found.into_inner()?;
        Ok(answer)
    }
}

/// A package whose answers are all checked.
struct Checked<'a> {
    package: &'a dyn Package,
    found: RefCell<Result<()>>,
}

impl Checked<'_> {
    fn note(&self, found: Result<()>) {
        let mut all = self.found.borrow_mut();
        if all.is_ok() {
            *all = found;
        }
    }
}

impl Package for Checked<'_> {
    fn describe(&self) -> Description {
        self.package.describe()
    }

    fn schema(&self) -> String {
        self.package.schema()
    }

    fn defaults(&self) -> String {
        self.package.defaults()
    }

    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>> {
        let answer = self.package.render(request);
        self.note(match &answer {
            Ok(rendering) => check_rendering(rendering),
            Err(diagnostics) => check_refusal(diagnostics),
        });
        answer
    }

    fn observes(&self) -> Vec<ObjectKind> {
        self.package.observes()
    }

    fn plan(&self, installed: &State, desired: &ChangeRequest) -> Result<Plan, Vec<Diagnostic>> {
        let answer = self.package.plan(installed, desired);
        self.note(match &answer {
            Ok(plan) => check_plan(plan),
            Err(diagnostics) => check_refusal(diagnostics),
        });
        answer
    }
}

fn check_rendering(rendering: &Rendering) -> Result<()> {
    ensure!(!rendering.manifests.is_empty(), "nothing is rendered");
    check_manifests(&rendering.manifests)?;
    check_warnings(&rendering.warnings)
}

fn check_plan(plan: &Plan) -> Result<()> {
    for step in plan.change.steps() {
        check_manifests(&step.manifests).with_context(|| step.name.clone())?;
    }
    check_warnings(&plan.warnings)
}

fn check_manifests(manifests: &[Manifest]) -> Result<()> {
    manifests
        .iter()
        .try_for_each(|manifest| check_manifest(manifest).with_context(|| manifest.document.clone()))
}

/// Checks that three readers read the same, and that objects fit Kubernetes' types, except for the user's own fields.
fn check_manifest(manifest: &Manifest) -> Result<()> {
    let read = documents(&manifest.document)?;
    let [object] = &*read else {
        anyhow::bail!("{} documents", read.len())
    };
    let by_another = yaml_1_1::read(&manifest.document).context("a reader of YAML 1.1")?;
    ensure!(*object == by_another, "a reader of YAML 1.1 understands {by_another:#}");
    let node = yaml::parse(&manifest.document, 0, 1);
    let node = node.map_err(|problems| anyhow::anyhow!("our own reader: {problems:?}"))?;
    let node = node.context("our own reader finds nothing")?;
    ensure!(
        node.at("metadata.name").and_then(Node::as_str) == Some(&*manifest.name),
        "the readers read different names"
    );
    if manifest.file_name.starts_with("extra-") {
        return Ok(());
    }
    check(object)
}

fn check_warnings(diagnostics: &[Diagnostic]) -> Result<()> {
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    ensure!(
        !diagnostics.iter().any(is_error),
        "an answer contains an error: {diagnostics:?}"
    );
    Ok(())
}

fn check_refusal(diagnostics: &[Diagnostic]) -> Result<()> {
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    ensure!(
        diagnostics.iter().any(is_error),
        "refused without an error: {diagnostics:?}"
    );
    Ok(())
}

/// Prints diagnostics, and checks the text.
fn printed(diagnostics: &[Diagnostic]) -> Result<String> {
    let printed = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.display("<input>").to_string())
        .collect::<String>();
    check_printed(&printed)?;
    Ok(printed)
}

/// Checks that printed text has no control characters for a terminal, and only lines of ours.
fn check_printed(text: &str) -> Result<()> {
    payloads::check_lines(text).map_err(anyhow::Error::msg)
}

fn rendered(answer: &Result<Rendering, Vec<Diagnostic>>) -> Result<String> {
    Ok(match answer {
        Ok(Rendering {
            manifests,
            warnings,
            notes,
        }) => format!("{}{notes}{}", rutter::stream::join(manifests), printed(warnings)?),
        Err(diagnostics) => printed(diagnostics)?,
    })
}

/// Tries a values document.
fn values(package: &dyn Package, bytes: &[u8]) -> Result<String> {
    let Ok(text) = str::from_utf8(bytes) else {
        return Ok(String::new());
    };
    rendered(&package.render(&request(text)))
}

/// Tries the standard input of the command.
fn stream(package: &dyn Package, bytes: &[u8]) -> Result<String> {
    run(package, &[], bytes)
}

/// Tries the standard input of a function.
fn resource_list(package: &dyn Package, bytes: &[u8]) -> Result<String> {
    let mut seen = run(package, &["krm"], bytes)?;
    seen.push_str(&run(package, &["krm", "--validate"], bytes)?);
    Ok(seen)
}

fn run(package: &dyn Package, args: &[&str], bytes: &[u8]) -> Result<String> {
    let args = args.iter().map(Into::into);
    let is_function = args.len() > 0;
    let command::Outcome { stdout, stderr, status } = command::run(package, WASMTIME, args, || Ok(bytes.to_vec()));
    check_printed(&stderr)?;
    match status {
        0 => {}
        1 => {
            ensure!(
                is_function || stdout.is_empty(),
                "refused, but there is output: {stdout}"
            );
            ensure!(stderr.contains("error["), "refused without an error: {stderr}");
        }
        _ => anyhow::bail!("status {status}: {stderr}"),
    }
    Ok(format!("{status}\n{stdout}{stderr}"))
}

/// Tries the messages of Helm 4 to plugins in process: the bytes as a message, and as the manifests in one.
fn helm(package: &dyn Package, bytes: &[u8]) -> Result<String> {
    let mut seen = String::new();
    let text = String::from_utf8_lossy(bytes);
    let wrapped = json!({"manifests": text, "extraArgs": null}).to_string();
    for message in [bytes, wrapped.as_bytes()] {
        match post_renderer::run(package, message) {
            Ok(answer) => seen.push_str(&answer),
            Err(failure) => {
                ensure!(!failure.message.is_empty(), "a failure has no message");
                payloads::check(&failure.message).map_err(anyhow::Error::msg)?;
                writeln!(seen, "{} {}", failure.status, failure.message)?;
            }
        }
    }
    if let Ok(outcome) = cli::run(package, bytes, None, || Ok(Vec::new())) {
        ensure!(
            outcome.status == 0 || outcome.stdout.is_empty(),
            "refused, but there is output"
        );
        check_printed(&outcome.stderr)?;
        write!(seen, "{}\n{}{}", outcome.status, outcome.stdout, outcome.stderr)?;
    }
    Ok(seen)
}

/// Tries options that set values, one a line, and a values document that they change.
fn set(package: &dyn Package, bytes: &[u8]) -> Result<String> {
    const KINDS: [Kind; 5] = [Kind::Json, Kind::Typed, Kind::String, Kind::File, Kind::Literal];
    let Ok(mut rest) = str::from_utf8(bytes) else {
        return Ok(String::new());
    };
    let mut expressions = Vec::new();
    while let Some((line, below)) = rest.split_once('\n')
        && let Some((option, text)) = line.split_once(' ')
        && let Some(kind) = KINDS.into_iter().find(|kind| kind.option() == option)
    {
        expressions.push((kind, text));
        rest = below;
    }
    let mut values = Values::default();
    if let Err(problems) = values.merge_text(rest, 0) {
        return printed(&problems);
    }
    for ((kind, text), source) in expressions.into_iter().zip(1..) {
        let mut read = |path: &str| Ok::<_, Diagnostic>(format!("the content of {path}"));
        if let Err(problem) = values.apply(&Expression { kind, source, text }, &mut read) {
            return printed(&[problem]);
        }
    }
    let merged = values.finish();
    match yaml::parse(&merged.text, 0, 1) {
        // Each source is within the limits, but all together may not be.
        Err(problems) => ensure!(
            problems.iter().all(|problem| problem.code == yaml::YAML_LIMIT.id),
            "the merged values are not read: {problems:?}"
        ),
        Ok(again) => {
            let again = again.context("a mapping")?;
            ensure!(
                again.to_text().0 == merged.text,
                "{} is read as {}",
                merged.text,
                again.to_text().0
            );
        }
    }
    let answer = package.render(&request(&merged.text));
    if let Err(problems) = &answer {
        for problem in problems {
            let _ = merged.origin(problem);
        }
    }
    Ok(format!("{}\n{}", merged.text, rendered(&answer)?))
}

/// The line between the installed and the desired state.
const DESIRED: &str = "\n=== desired ===\n";

/// Tries the installed state, and after [`DESIRED`] the desired one. The latter is also rendered with the former.
fn plan(package: &dyn Package, bytes: &[u8]) -> Result<String> {
    let Ok(text) = str::from_utf8(bytes) else {
        return Ok(String::new());
    };
    let (from, to) = text.split_once(DESIRED).unwrap_or((text, ""));
    let description = package.describe();
    let asked = rutter::plan::state(from, &description, None, "default")
        .and_then(|from| Ok((from, rutter::plan::desired(to, &description, None, Some("default"))?)));
    let (from, to) = match asked {
        Ok(asked) => asked,
        Err(problems) => return printed(&problems),
    };
    let mut seen = match package.plan(&from, &to) {
        Ok(plan) => {
            let text = plan.to_text(Detail::All);
            payloads::check(&text).map_err(anyhow::Error::msg)?;
            format!("{text}{:#}{}", plan.to_json(), printed(&plan.warnings)?)
        }
        Err(problems) => printed(&problems)?,
    };
    if let State::Objects(installed) = from {
        let over = Request {
            name: to.name.unwrap_or(description.name),
            namespace: to.namespace.unwrap_or_default(),
            values: to.values,
            release: None,
            capabilities: None,
            installed: Some(installed),
        };
        seen.push_str(&rendered(&package.render(&over))?);
    }
    Ok(seen)
}

/// Returns command lines that are tried with the real Helm, with the files that they read.
fn set_seeds() -> Result<Vec<Vec<u8>>> {
    let cases = fs::read_to_string(root().join("crates/rutter-cli/tests/data/helm.yaml"))?;
    let cases: Vec<Value> = serde_yaml::from_str(&cases)?;
    let texts = |value: &Value| -> Vec<String> {
        let texts = value.as_array().into_iter().flatten();
        texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let seed = |case: &Value| {
        let mut seed = String::new();
        for pair in texts(&case["args"]).chunks(2) {
            seed.push_str(&pair.join(" "));
            seed.push('\n');
        }
        seed.push_str(&texts(&case["files"]).join(""));
        seed.into_bytes()
    };
    Ok(cases.iter().map(seed).collect())
}

fn plan_seeds() -> Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for directory in fs::read_dir(root().join("host-tests/plans"))? {
        let directory = directory?.path();
        let read = |name| fs::read_to_string(directory.join(name));
        seeds.push(format!("{}{DESIRED}{}", read("from.yaml")?, read("to.yaml")?).into_bytes());
    }
    Ok(seeds)
}

/// Returns words with a meaning: names of fields, and words that fields accept.
///
/// # Errors
///
/// If the package's schema is not JSON.
pub fn words(package: &dyn Package) -> Result<BTreeSet<String>> {
    fn collect(schema: &Value, words: &mut BTreeSet<String>) {
        match schema {
            Value::Object(fields) => {
                if let Some(Value::Object(properties)) = fields.get("properties") {
                    words.extend(properties.keys().cloned());
                }
                let accepted = fields.get("enum").and_then(Value::as_array).into_iter().flatten();
                words.extend(accepted.filter_map(Value::as_str).map(str::to_owned));
                fields.values().for_each(|inner| collect(inner, words));
            }
            Value::Array(items) => items.iter().for_each(|inner| collect(inner, words)),
            _ => {}
        }
    }
    let mut words = BTreeSet::new();
    collect(&serde_json::from_str(&package.schema())?, &mut words);
    Ok(words)
}
