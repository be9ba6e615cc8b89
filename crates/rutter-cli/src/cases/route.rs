//! The ways in which a case reaches a package: through `rutter` itself, and through the hosts that this machine has.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use rutter::stream::{self, Input};
use rutter::{Description, Diagnostic};
use rutter_host::Package;
use serde_json::{Value, json};
use similar::TextDiff;
use tempfile::TempDir;

use super::case::{Answer, Case};
use crate::args::Route;
use crate::json;
use crate::plugin::is_on_path;

/// The verdict about a case on a route.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// The route has no way to take such an input.
    NotApplicable,
    /// Lines that show the difference.
    Failed(String),
}

/// A package, and all that is needed to run it in each way.
pub(super) struct Routes {
    package: Package,
    description: Description,
    /// The file of the component, unless it is the package that this program carries.
    component: Option<PathBuf>,
    rutter: PathBuf,
    /// The component as native code of wasmtime, which need not be compiled for each case.
    compiled: Option<PathBuf>,
    scratch: TempDir,
}

impl Route {
    fn program(self) -> Option<&'static str> {
        match self {
            Self::Rutter => None,
            Self::Wasmtime => Some("wasmtime"),
            Self::Kustomize => Some("kustomize"),
            Self::Helm => Some("helm"),
        }
    }

    /// Returns the name that is typed.
    pub(super) fn name(self) -> &'static str {
        self.program().unwrap_or("rutter")
    }
}

impl Routes {
    pub(super) fn new(package: Package, component: Option<&Path>) -> Result<Self> {
        let component = component.map(fs::canonicalize).transpose().context("--component")?;
        Ok(Self {
            description: package.describe()?,
            package,
            component,
            rutter: env::current_exe().context("the path of this program is not known")?,
            compiled: None,
            scratch: tempfile::tempdir().context("there is no place for temporary files: set TMPDIR")?,
        })
    }

    /// Prepares a route. Returns why there is none, if so.
    pub(super) fn prepare(&mut self, route: Route) -> Result<Option<&'static str>> {
        let Some(program) = route.program() else {
            return Ok(None);
        };
        if !is_on_path(program) {
            return Ok(Some("not on the search path"));
        }
        match (route, &self.component) {
            (Route::Wasmtime, None) => Ok(Some("it needs --component")),
            (Route::Wasmtime, Some(_)) if !self.package.is_command() => Ok(Some("the component is not a command")),
            (Route::Wasmtime, Some(component)) => {
                let compiled = self.scratch.path().join("component.cwasm");
                let mut wasmtime = Command::new("wasmtime");
                wasmtime.args(["compile", "-W", "epoch-interruption=y"]);
                wasmtime.arg(component).arg("-o").arg(&compiled);
                succeed(&wasmtime.output().context("wasmtime")?).context("wasmtime compile")?;
                self.compiled = Some(compiled);
                Ok(None)
            }
            (Route::Helm, _) => {
                self.write_plugin()?;
                Ok(None)
            }
            (Route::Rutter | Route::Kustomize, _) => Ok(None),
        }
    }

    /// Runs a case, and compares the result with the expected one.
    pub(super) fn check(&self, route: Route, case: &Case, expected: &Answer) -> Result<Verdict> {
        match route {
            Route::Rutter => Ok(compare(expected, &self.answer(case)?)),
            Route::Wasmtime => Ok(compare(expected, &self.wasmtime(case)?)),
            Route::Kustomize => self.check_objects(case, expected, |object, directory| {
                fs::write(directory.join("object.yaml"), object)?;
                fs::write(directory.join("kustomization.yaml"), "generators: [object.yaml]\n")?;
                let mut kustomize = Command::new("kustomize");
                kustomize
                    .args(["build", "--enable-alpha-plugins", "--enable-exec"])
                    .arg(directory);
                Ok(kustomize.output()?)
            }),
            Route::Helm => self.check_objects(case, expected, |object, directory| self.helm(object, directory)),
        }
    }

    /// Runs a case in this process. This is the answer that all routes must give.
    pub(super) fn answer(&self, case: &Case) -> Result<Answer> {
        let text = match stream::decode(&case.input) {
            Ok(text) => text,
            Err(problem) => return Ok(refusal(&[problem])),
        };
        let name = case.installation.as_deref();
        let render = |request: &_| self.package.render(request);
        let rendered = stream::render_text(text, &self.description, name, &case.namespace, render)?;
        Ok(match rendered {
            Ok(rendered) => Answer {
                manifests: Some(rendered.to_text()),
                diagnostics: to_text(&rendered.warnings),
            },
            Err(problems) => refusal(&problems),
        })
    }

    fn wasmtime(&self, case: &Case) -> Result<Answer> {
        let mut wasmtime = Command::new("wasmtime");
        // A component may run for ever.
        wasmtime.args(["run", "--allow-precompiled", "-W", "timeout=60s"]);
        wasmtime.args(&self.compiled).args(["--namespace", &case.namespace]);
        if let Some(name) = &case.installation {
            wasmtime.args(["--name", name]);
        }
        let output = feed(&mut wasmtime, &case.input).context("wasmtime")?;
        let summary = format!("{}: ", self.description.name);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let (summaries, diagnostics): (Vec<&str>, Vec<&str>) = stderr
            .split_inclusive('\n')
            .partition(|line| line.starts_with(&summary));
        let diagnostics = diagnostics.concat();
        let stdout = String::from_utf8(output.stdout).context("the manifests are not text")?;
        match output.status.code() {
            Some(0) => Ok(Answer {
                manifests: Some(stdout),
                diagnostics,
            }),
            // wasmtime itself fails with 1, too.
            Some(1) if !summaries.is_empty() => {
                ensure!(stdout.is_empty(), "the input is refused, and manifests are written");
                Ok(Answer {
                    manifests: None,
                    diagnostics,
                })
            }
            _ => bail!("wasmtime fails: {}\n{}", output.status, excerpt(&stderr)),
        }
    }

    /// Runs a case in a host that takes an object with the values, and writes objects in its own order and layout.
    fn check_objects(
        &self,
        case: &Case,
        expected: &Answer,
        run: impl FnOnce(&str, &Path) -> Result<Output>,
    ) -> Result<Verdict> {
        let Some(object) = self.object(case) else {
            return Ok(Verdict::NotApplicable);
        };
        let directory = tempfile::tempdir_in(self.scratch.path())?;
        let output = run(&object, directory.path())?;
        let stdout = String::from_utf8(output.stdout.clone()).context("the manifests are not text")?;
        match (&expected.manifests, output.status.success()) {
            (None, true) => Ok(Verdict::Failed(
                "the input is accepted, and should be refused".to_owned(),
            )),
            (None, false) if stdout.is_empty() => Ok(Verdict::Passed),
            (None, false) => Ok(Verdict::Failed("manifests are written, although it fails".to_owned())),
            (Some(_), false) => Ok(Verdict::Failed(format!(
                "it fails:\n{}",
                excerpt(&String::from_utf8_lossy(&output.stderr))
            ))),
            (Some(manifests), true) => Ok(match (objects(manifests)?, objects(&stdout)?) {
                (expected, found) if expected == found => Verdict::Passed,
                (expected, found) => differ("objects", &pretty(&expected), &pretty(&found)),
            }),
        }
    }

    /// Returns an object of the package's kind with the values of a case, for hosts that read objects.
    fn object(&self, case: &Case) -> Option<String> {
        let text = stream::decode(&case.input).ok()?;
        let Ok(Input::Values(_)) = stream::read(text, &self.description, &case.namespace) else {
            return None;
        };
        // Directives and separators have no place inside an object.
        if text
            .lines()
            .any(|line| line.starts_with(['%', '-']) || line.starts_with("..."))
        {
            return None;
        }
        let is_empty = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        let spec = if text.lines().all(is_empty) {
            "spec: {}\n".to_owned()
        } else {
            let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
            format!("spec:\n{indented}")
        };
        let mut args = vec![json!("krm")];
        if let Some(component) = &self.component {
            args.extend([json!("--component"), json!(component.to_str()?)]);
        }
        let function = json!({"exec": {"path": self.rutter.to_str()?, "args": args}}).to_string();
        let metadata = json!({
            "name": case.installation.as_ref().unwrap_or(&self.description.name),
            "namespace": case.namespace,
            "annotations": {"config.kubernetes.io/function": function},
        });
        let Description { api_version, kind, .. } = &self.description;
        Some(format!(
            "apiVersion: {}\nkind: {}\nmetadata: {metadata}\n{spec}",
            json!(api_version),
            json!(kind)
        ))
    }

    /// Writes the plugin by which Helm 4 finds this program. Helm 3 does not look at it.
    fn write_plugin(&self) -> Result<()> {
        let directory = self.scratch.path().join("plugins/rutter");
        fs::create_dir_all(&directory)?;
        let mut args = vec![json!("post-render")];
        if let Some(component) = &self.component {
            args.extend([json!("--component"), json!(component.to_str().context("--component")?)]);
        }
        let plugin = json!({
            "apiVersion": "v1",
            "type": "postrenderer/v1",
            "name": "rutter",
            "version": env!("CARGO_PKG_VERSION"),
            "runtime": "subprocess",
            "runtimeConfig": {"platformCommand": [{"command": self.rutter, "args": args}]},
        });
        Ok(fs::write(directory.join("plugin.yaml"), plugin.to_string())?)
    }

    fn helm(&self, object: &str, directory: &Path) -> Result<Output> {
        fs::create_dir(directory.join("templates"))?;
        let chart = json!({"apiVersion": "v2", "name": "case", "version": "0.1.0"});
        fs::write(directory.join("Chart.yaml"), chart.to_string())?;
        fs::write(directory.join("object.yaml"), object)?;
        let template = r#"{{ .Files.Get "object.yaml" }}"#;
        fs::write(directory.join("templates/object.yaml"), template)?;
        let mut helm = Command::new("helm");
        for (variable, name) in [
            ("HELM_CACHE_HOME", "cache"),
            ("HELM_CONFIG_HOME", "config"),
            ("HELM_DATA_HOME", "data"),
            ("HELM_PLUGINS", "plugins"),
            ("KUBECONFIG", "kubeconfig"),
        ] {
            helm.env(variable, self.scratch.path().join(name));
        }
        helm.args(["template", "case"])
            .arg(directory)
            .args(["--post-renderer", "rutter"]);
        Ok(helm.output()?)
    }
}

fn succeed(output: &Output) -> Result<()> {
    ensure!(
        output.status.success(),
        "{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}

/// Runs a command with this standard input.
fn feed(command: &mut Command, input: &[u8]) -> Result<Output> {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = process.stdin.take().context("standard input")?;
    std::thread::scope(|scope| {
        // A program that refuses its arguments may leave the rest unread.
        scope.spawn(move || drop(stdin.write_all(input)));
        Ok(process.wait_with_output()?)
    })
}

fn refusal(problems: &[Diagnostic]) -> Answer {
    Answer {
        manifests: None,
        diagnostics: to_text(problems),
    }
}

fn to_text(diagnostics: &[Diagnostic]) -> String {
    let lines = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.display("<stdin>").to_string());
    lines.collect()
}

/// Returns the objects of a stream, by kind, namespace and name.
fn objects(text: &str) -> Result<BTreeMap<String, Value>> {
    let nodes = stream::objects(text).map_err(|problems| anyhow::anyhow!("{}", to_text(&problems)))?;
    let mut objects = BTreeMap::new();
    for node in nodes {
        let object = json::from_node(&node).map_err(|problems| anyhow::anyhow!("{}", to_text(&problems)))?;
        let metadata = &object["metadata"];
        let key = format!(
            "{} {} {} {}",
            object["apiVersion"], object["kind"], metadata["namespace"], metadata["name"]
        );
        ensure!(
            objects.insert(key.clone(), object).is_none(),
            "there are two objects {key}"
        );
    }
    Ok(objects)
}

fn pretty(objects: &BTreeMap<String, Value>) -> String {
    objects.values().map(|object| format!("{object:#}\n")).collect()
}

fn compare(expected: &Answer, found: &Answer) -> Verdict {
    match (&expected.manifests, &found.manifests) {
        (Some(_), None) => Verdict::Failed(format!("the input is refused:\n{}", excerpt(&found.diagnostics))),
        (None, Some(_)) => Verdict::Failed("the input is accepted, and should be refused".to_owned()),
        (Some(expected), Some(found)) if expected != found => differ("manifests", expected, found),
        _ if expected.diagnostics != found.diagnostics => {
            differ("diagnostics", &expected.diagnostics, &found.diagnostics)
        }
        _ => Verdict::Passed,
    }
}

/// The most lines of a text that are printed.
const LINES: usize = 40;

fn differ(what: &str, expected: &str, found: &str) -> Verdict {
    let diff = TextDiff::from_lines(expected, found);
    let text = diff.unified_diff().context_radius(2).to_string();
    Verdict::Failed(format!("{what} differ (- expected, + found):\n{}", excerpt(&text)))
}

/// Returns the first lines of a text, and the number of the rest.
fn excerpt(text: &str) -> String {
    let mut lines: Vec<&str> = text.trim_end().lines().take(LINES).collect();
    let more = text.trim_end().lines().count().saturating_sub(LINES);
    let rest = format!("… and {more} more lines");
    if more > 0 {
        lines.push(&rest);
    }
    lines.join("\n")
}
