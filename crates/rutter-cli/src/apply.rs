//! The command `apply`: carries a plan out by its own script.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, anyhow};
use rutter::plan::{Detail, Target};
use rutter::{Plan, printable};

use crate::args::{Apply, PlanFormat};
use crate::failure::Failure;
use crate::kubectl::{self, Kubectl};
use crate::plan::{self, Planned};
use crate::sources::Sources;
use crate::{output, report};

/// Runs `apply`. Gives the exit code of the script.
pub(crate) fn run(args: &Apply, sources: &mut Sources) -> Result<ExitCode, Failure> {
    if !args.dry_run && !args.yes && !io::stdin().is_terminal() {
        return Err(Failure::BadCommandLine(anyhow!(
            "nobody can be asked, because standard input is not a terminal: write --yes, or --dry-run"
        )));
    }
    let kubectl = Kubectl::new(&args.change.cluster).map_err(Failure::Host)?;
    let script = |directory: &Path| Script {
        directory: directory.to_owned(),
        args,
        kubectl: &kubectl,
    };
    if let Some(directory) = &args.plan {
        let script = script(directory);
        script.list()?;
        return script.carry_out();
    }
    if args.source.component.is_some() && !args.commands.allow_commands {
        return Err(Failure::BadCommandLine(anyhow!(
            "the plan would run commands of the package of --component with your permissions: read them by `rutter plan \
             -v`, and write --allow-commands if you trust them"
        )));
    }
    if let Some(directory) = &args.output_dir {
        plan::check_directory(directory)?;
    }
    let Planned { plan, target, .. } = {
        let planned = plan::planned(&args.change, &args.source, sources)?;
        let detail = if args.verbose { Detail::All } else { Detail::Steps };
        planned.print(PlanFormat::Text, detail, None, sources)?;
        planned
    };
    if plan.change.steps().is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let temporary;
    let directory = match &args.output_dir {
        Some(directory) => directory.clone(),
        None if args.dry_run => {
            temporary = tempfile::tempdir().context("the directory for temporary files cannot be used");
            temporary
                .as_ref()
                .map_err(|error| Failure::Host(anyhow!("{error:#}")))?
                .path()
                .join("plan")
        }
        None => new_directory(&plan).map_err(Failure::Host)?,
    };
    plan::write(&directory, &plan.files(target.as_ref()))?;
    let script = script(&directory);
    if args.dry_run {
        return script.run();
    }
    to_stdout(&format!("\nthe plan is in {}\n", printable::path(&directory)))?;
    if !args.yes && !ask(&question(args, target.as_ref()))? {
        return Ok(declined());
    }
    script.run()
}

fn declined() -> ExitCode {
    report::to_stderr("rutter: declined, nothing was changed");
    ExitCode::from(1)
}

/// The script of a plan in its directory.
struct Script<'a> {
    directory: PathBuf,
    args: &'a Apply,
    kubectl: &'a Kubectl,
}

impl Script<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new("sh");
        // It could be taken for an option.
        command.arg(Path::new(".").join(&self.directory).join("run.sh"));
        command.envs(self.kubectl.environment());
        command
    }

    /// Prints the steps, and which are done.
    fn list(&self) -> Result<(), Failure> {
        let script = self.directory.join("run.sh");
        if !script.is_file() {
            let error = anyhow!(
                "{} is not the directory of a plan: it has no run.sh",
                printable::path(&self.directory)
            );
            return Err(Failure::BadCommandLine(error));
        }
        let status = self.command().arg("--list").status();
        let status = status.context("sh cannot be started").map_err(Failure::Host)?;
        if status.success() {
            return Ok(());
        }
        let error = anyhow!("{} does not list its steps: {status}", printable::path(&script));
        Err(Failure::Host(error))
    }

    /// Carries it out, once it is agreed to.
    fn carry_out(&self) -> Result<ExitCode, Failure> {
        if !self.args.dry_run && !self.args.yes && !ask(&question(self.args, None))? {
            return Ok(declined());
        }
        self.run()
    }

    /// Runs the script in the place of this process, so that signals and the terminal are its own.
    fn run(&self) -> Result<ExitCode, Failure> {
        let mut command = self.command();
        if let Some(context) = &self.args.change.cluster.context {
            command.arg(format!("--context={context}"));
        }
        if let Some(step) = &self.args.step {
            command.arg(format!("--step={step}"));
        }
        if self.args.dry_run {
            let status = command.arg("--dry-run").status();
            return Ok(code(status.context("sh cannot be started").map_err(Failure::Host)?));
        }
        #[cfg(unix)]
        {
            let error = std::os::unix::process::CommandExt::exec(&mut command);
            Err(Failure::Host(anyhow!(error).context("sh cannot be started")))
        }
        #[cfg(not(unix))]
        {
            let status = command.status();
            Ok(code(status.context("sh cannot be started").map_err(Failure::Host)?))
        }
    }
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(3))
}

fn question(args: &Apply, target: Option<&Target>) -> String {
    let context = target
        .and_then(|target| target.context.clone())
        .or_else(|| args.change.cluster.context.clone());
    let context = context.map(|context| format!(" in the cluster of the context {context}"));
    match &args.step {
        Some(step) => format!("Carry out the step {step}{}?", context.unwrap_or_default()),
        None => format!("Carry out these steps{}?", context.unwrap_or_default()),
    }
}

/// Asks on the terminal. Anything but a yes is a no.
fn ask(question: &str) -> Result<bool, Failure> {
    report::lines_to_stderr(&format!("\n{} [y/N] ", printable::line(question)));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.context("standard input cannot be read").map_err(Failure::Host)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn to_stdout(text: &str) -> Result<(), Failure> {
    output::to_stdout(&report::harmless(text)).map_err(Failure::Host)
}

/// A directory for a plan that nobody else reads.
fn new_directory(plan: &Plan) -> anyhow::Result<PathBuf> {
    let state = kubectl::state_directory();
    let state = state.context("there is no directory for plans, because HOME is not set: write --output-dir DIR")?;
    fs::create_dir_all(&state).with_context(|| format!("the directory {} cannot be made", printable::path(&state)))?;
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let name: String = format!("{}-{}", plan.namespace, plan.name)
        .chars()
        .filter(is_plain)
        .collect();
    for number in 1..1_000_000 {
        let directory = state.join(format!("{name}-{number}"));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(
                    anyhow!(error).context(format!("the directory {} cannot be made", printable::path(&directory)))
                );
            }
        }
    }
    Err(anyhow!("{} is full of plans", printable::path(&state)))
}
