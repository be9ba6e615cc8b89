//! A user's directory, in which plans are made and run.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::etcd::Etcd;
use crate::process;
use crate::stage::Stage;

/// The exit codes of `rutter plan`.
pub(super) const APPLY: i32 = 0;
pub(super) const REFUSED: i32 = 6;
pub(super) const STEPS: i32 = 4;

/// The exit codes of `run.sh`: refused before anything was changed, and stopped by a failure.
pub(super) const NOT_STARTED: i32 = 6;
pub(super) const STOPPED: i32 = 3;

/// The kinds of objects that a plan reads.
const KINDS: &str = "statefulsets,deployments,daemonsets,horizontalpodautoscalers,services,configmaps,serviceaccounts,\
                     poddisruptionbudgets,networkpolicies,cronjobs,persistentvolumeclaims,pods,controllerrevisions,secrets,\
                     certificates.cert-manager.io,issuers.cert-manager.io";

/// The way in which a plan is made and run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    /// With `rutter plan` from the output of `kubectl get`, and with its `run.sh`.
    Script,
    /// With `rutter apply`, which reads the cluster itself.
    Apply,
}

/// A directory with the desired `values.yaml`, and plans next to it.
pub(super) struct PlanDirectory<'a> {
    pub(super) path: PathBuf,
    route: Route,
    stage: &'a Stage<'a>,
    etcd: &'a Etcd<'a>,
}

/// The exit code and output of a program.
pub(super) struct Finished {
    pub(super) code: Option<i32>,
    pub(super) text: String,
}

impl Finished {
    fn of(output: &Output) -> Self {
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        Self {
            code: output.status.code(),
            text: format!("{stdout}{stderr}"),
        }
    }

    /// Checks the exit code, and that the output contains these texts.
    pub(super) fn expect(&self, code: i32, texts: &[&str]) -> Result<()> {
        ensure!(
            self.code == Some(code),
            "exit code {:?} and not {code}: {}",
            self.code,
            self.text
        );
        for text in texts {
            ensure!(self.text.contains(text), "no {text:?} in: {}", self.text);
        }
        Ok(())
    }
}

impl<'a> PlanDirectory<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, etcd: &'a Etcd<'a>) -> Result<Self> {
        Self::named(stage, etcd, "a")
    }

    /// Like `new`, for plans with the given route.
    pub(super) fn by(route: Route, stage: &'a Stage<'a>, etcd: &'a Etcd<'a>) -> Result<Self> {
        Ok(Self {
            route,
            ..Self::new(stage, etcd)?
        })
    }

    /// Creates a directory of another user, or for another plan.
    pub(super) fn named(stage: &'a Stage<'a>, etcd: &'a Etcd<'a>, name: &str) -> Result<Self> {
        let path = env::temp_dir().join(format!("rutter-e2e-{}-{}-{name}", stage.namespace, etcd.name));
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        fs::write(path.join("values.yaml"), etcd.values.to_string())?;
        Ok(Self {
            path,
            route: Route::Script,
            stage,
            etcd,
        })
    }

    /// Returns the live objects, as `kubectl get` prints them.
    pub(super) fn live(&self) -> Result<String> {
        let namespace = &self.stage.namespace;
        let kubectl = &self.stage.kubectl;
        kubectl.run(&["get", KINDS, "--namespace", namespace, "--output", "yaml"])
    }

    /// Runs `rutter plan`.
    pub(super) fn rutter(&self, from: &str, arguments: &[&str]) -> Result<Finished> {
        fs::write(self.path.join("live.yaml"), from)?;
        let mut rutter = Command::new(self.stage.checkout.join("dist/rutter"));
        rutter
            .current_dir(&self.path)
            .args(["plan", "--from", "live.yaml", "--to", "values.yaml"])
            .args(["--name", &self.etcd.name, "--namespace", &self.stage.namespace])
            .args(arguments);
        Ok(Finished::of(&rutter.output()?))
    }

    /// Makes a plan in the directory `plan`.
    pub(super) fn plan(&self, from: &str, code: i32) -> Result<()> {
        let plan = self.rutter(from, &["--output-dir", "plan"])?;
        plan.expect(code, &[]).context("rutter plan")
    }

    /// Makes a plan for the live objects, in the directory `plan`.
    pub(super) fn plan_live(&self, code: i32) -> Result<()> {
        match self.route {
            Route::Script => self.plan(&self.live()?, code),
            Route::Apply => self
                .rutter_live("plan", &["--output-dir", "plan"])?
                .expect(code, &[])
                .context("rutter plan --live"),
        }
    }

    /// Checks that a plan is refused with these texts.
    pub(super) fn refused(&self, from: &str, texts: &[&str]) -> Result<()> {
        let plan = self.rutter(from, &["--output-dir", "plan"])?;
        plan.expect(REFUSED, texts).context("rutter plan")?;
        ensure!(!self.path.join("plan").exists(), "a plan that was refused is written");
        Ok(())
    }

    /// Returns a `rutter` command with access to the cluster.
    fn rutter_command(&self, verb: &str) -> Command {
        let rutter = self.stage.checkout.join("dist/rutter").display().to_string();
        let mut command = self.stage.kubectl.entrance.command(&rutter);
        command
            .arg(verb)
            .current_dir(&self.path)
            .env("XDG_STATE_HOME", self.path.join("state"));
        command
    }

    /// Runs `rutter plan`, `rutter apply` or `rutter drift` on the live objects.
    pub(super) fn rutter_live(&self, verb: &str, arguments: &[&str]) -> Result<Finished> {
        let mut rutter = self.rutter_command(verb);
        rutter
            .args(["--live", "--values", "values.yaml"])
            .args(["--name", &self.etcd.name, "--namespace", &self.stage.namespace])
            .args(arguments);
        Ok(Finished::of(&rutter.stdin(Stdio::null()).output()?))
    }

    /// Plans the change to the values and carries it out: in one apply, or in steps, by the exit code of `rutter plan`.
    pub(super) fn change(&self, code: i32) -> Result<()> {
        match self.route {
            Route::Script => {
                self.plan_live(code)?;
                self.run()
            }
            Route::Apply => {
                let apply = self.rutter_live("apply", &["--yes"])?;
                apply.expect(0, &["ok: done"]).context("rutter apply")?;
                let steps = apply.text.contains("\nsafe in one apply\n").then_some(APPLY);
                ensure!(steps.unwrap_or(STEPS) == code, "another kind of plan: {}", apply.text);
                Ok(())
            }
        }
    }

    /// Returns `run.sh`, or `rutter apply` with the directory of the plan, with the programs of this search path.
    fn script(&self, path: &Path) -> Command {
        let mut script = self.stage.kubectl.entrance.command("sh");
        let plan = self.path.join("plan");
        script.args(["-c", "echo $$ > \"$1\" && shift && exec \"$@\"", "sh"]);
        script.arg(self.path.join("pid"));
        match self.route {
            Route::Script => script.arg(plan.join("run.sh")),
            Route::Apply => {
                let rutter = self.stage.checkout.join("dist/rutter");
                script.arg(rutter).args(["apply", "--yes"]).arg(plan)
            }
        };
        script.env("PATH", path).stdin(Stdio::null());
        script
    }

    /// Returns the command that runs the plan.
    pub(super) fn run_command(&self) -> Command {
        self.script(Path::new(&env::var_os("PATH").unwrap_or_default()))
    }

    /// Runs the plan.
    pub(super) fn run(&self) -> Result<()> {
        process::run(&mut self.run_command())
    }

    /// Runs the plan until it ends or fails.
    pub(super) fn try_run(&self) -> Result<Finished> {
        self.try_run_with(&[])
    }

    /// Like `try_run`, with arguments.
    pub(super) fn try_run_with(&self, arguments: &[&str]) -> Result<Finished> {
        Ok(Finished::of(&self.run_command().args(arguments).output()?))
    }

    /// Like `try_run`, with the programs of another search path.
    pub(super) fn try_run_by(&self, path: &Path) -> Result<Finished> {
        Ok(Finished::of(&self.script(path).output()?))
    }

    /// Like `try_run`, but each wait of the plan takes at most this many seconds, and not minutes.
    pub(super) fn try_run_within(&self, seconds: u32) -> Result<Finished> {
        let path = self.path.join("plan/run.sh");
        let script = fs::read_to_string(&path)?;
        let mut changed = 0;
        let lines = script.lines().map(|line| {
            let mut words = line.rsplitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some(unless), Some(limit), Some(rest))
                    if rest.starts_with("  rutter_do ") && limit.parse::<u32>().is_ok_and(|limit| limit > seconds) =>
                {
                    changed += 1;
                    format!("{rest} {seconds} {unless}\n")
                }
                _ => format!("{line}\n"),
            }
        });
        let hurried: String = lines.collect();
        ensure!(changed > 0, "the plan does not wait for anything");
        fs::write(&path, hurried)?;
        let outcome = self.try_run();
        fs::write(path, script)?;
        outcome
    }

    /// Returns the search path with a program called kubectl, of this text, before all others.
    pub(super) fn path_with_kubectl(&self, text: &str) -> Result<OsString> {
        let bin = self.path.join("bin");
        fs::create_dir_all(&bin)?;
        let shim = bin.join("kubectl");
        fs::write(&shim, text)?;
        fs::set_permissions(&shim, fs::Permissions::from_mode(0o755))?;
        let path = env::var_os("PATH").unwrap_or_default();
        Ok(env::join_paths([bin].into_iter().chain(env::split_paths(&path)))?)
    }

    /// Runs the plan while it is killed: at the `calls`th call of kubectl, alternately before and after the call, then
    /// at twice that number, and so on. Returns the number of kills. Calls that only test something do not count,
    /// because most of them come before the first step.
    pub(super) fn run_and_be_killed(&self, calls: u32) -> Result<u32> {
        let kubectl = process::find("kubectl")?;
        let left = self.path.join("left");
        let behind = self.path.join("behind");
        let path = self.path_with_kubectl(&format!(
            "#!/bin/sh\ncase \"$*\" in *'auth can-i'* | *dry-run=server* | *api-resources* | *'raw /metrics'*) exec {kubectl} \"$@\" ;; esac\n\
             left=$(($(cat {left}) - 1))\necho \"$left\" > {left}\n\
             [ \"$left\" -gt 0 ] && exec {kubectl} \"$@\"\n\
             case \"$*\" in *port-forward*) ;; *) [ ! -e {behind} ] || {kubectl} \"$@\" > /dev/null ;; esac\n\
             kill -KILL \"$(cat {pid})\"\nexit 1\n",
            left = left.display(),
            behind = behind.display(),
            pid = self.path.join("pid").display(),
            kubectl = kubectl.display(),
        ))?;
        for kills in 0..200 {
            fs::write(&left, (calls * (kills + 1)).to_string())?;
            if kills % 2 == 0 {
                fs::write(&behind, "")?;
            } else {
                fs::remove_file(&behind)?;
            }
            let output = self.script(Path::new(&path)).output()?;
            if output.status.success() {
                return Ok(kills);
            }
            let was_killed = fs::read_to_string(&left)?.trim().parse::<i64>()? <= 0;
            ensure!(was_killed, "{}", String::from_utf8_lossy(&output.stderr));
        }
        bail!("it does not end")
    }

    /// Checks that the cluster matches its values: with etcd, with the API server, and with another plan.
    pub(super) fn check(&self) -> Result<()> {
        self.etcd.check()?;
        let diff = self.stage.kubectl.command(&["diff", "--filename", "-"]);
        let rendered = self.etcd.render()?;
        process::feed(&mut { diff }, &rendered).context("what is there is not what is rendered")?;
        let plan = match self.route {
            Route::Script => self.rutter(&self.live()?, &[])?,
            Route::Apply => self.rutter_live("drift", &[])?,
        };
        plan.expect(APPLY, &["\nnothing to do\n"])
            .context("something is left to do")?;
        fs::remove_dir_all(&self.path)?;
        Ok(())
    }

    /// Returns all objects that a plan could change, without fields that change by themselves.
    pub(super) fn objects(&self) -> Result<BTreeMap<String, Value>> {
        let all = self.stage.kubectl.get(&self.stage.namespace, &[KINDS])?;
        let items = all["items"].as_array().cloned().unwrap_or_default();
        let objects = items.into_iter().map(|mut object| {
            let name = format!(
                "{} {}",
                object["kind"].as_str().unwrap_or_default(),
                object["metadata"]["name"].as_str().unwrap_or_default()
            );
            if let Value::Object(fields) = &mut object {
                fields.remove("status");
            }
            if let Value::Object(metadata) = &mut object["metadata"] {
                metadata.remove("resourceVersion");
                metadata.remove("managedFields");
            }
            (name, object)
        });
        Ok(objects.collect())
    }

    /// Checks that no object has changed since `before`.
    pub(super) fn unchanged(&self, before: &BTreeMap<String, Value>) -> Result<()> {
        let after = self.objects()?;
        let names: Vec<&String> = before
            .keys()
            .chain(after.keys())
            .filter(|name| before.get(*name) != after.get(*name))
            .collect();
        ensure!(names.is_empty(), "these have changed: {names:?}");
        Ok(())
    }
}
