//! The command `apply`: carries a plan out by its own script.

use std::fs;
use std::io::{self, IsTerminal as _};
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
    if args.output.is_some() {
        return Err(Failure::BadCommandLine(anyhow!(
            "apply has no --output: `rutter plan --output json` and `rutter drift --output json` print the plan as JSON"
        )));
    }
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
        return script.run();
    }
    if args.source.component.is_some() && !args.commands.allow_commands {
        return Err(Failure::BadCommandLine(anyhow!(
            "the plan would run commands of the package of --component with your permissions: read them by `rutter plan \
             -v`, and write --allow-commands if you trust them"
        )));
    }
    // Whether there is a place for the plan is found out before the cluster is read.
    let mut temporary = None;
    match &args.output_dir {
        Some(directory) => {
            plan::check_directory(directory)?;
            plan::check_writable(directory, "write another directory after --output-dir").map_err(Failure::Host)?;
        }
        None if args.dry_run => {
            let directory = tempfile::tempdir().context("there is no place for temporary files: set TMPDIR");
            temporary = Some(directory.map_err(Failure::Host)?);
        }
        None => {
            let state = state_directory().map_err(Failure::Host)?;
            plan::check_writable(&state, "write --output-dir DIR").map_err(Failure::Host)?;
        }
    }
    let Planned { plan, target, .. } = {
        let planned = plan::planned(&args.change, &args.source, sources)?;
        let detail = if args.verbose { Detail::Commands } else { Detail::Steps };
        planned.print(PlanFormat::Text, "", detail, "", sources)?;
        planned
    };
    if plan.change.steps().is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let directory = match (&args.output_dir, &temporary) {
        (Some(directory), _) => directory.clone(),
        (None, Some(temporary)) => temporary.path().join("plan"),
        (None, None) => new_directory(&plan, target.as_ref()).map_err(Failure::Host)?,
    };
    plan::write(&directory, &plan.files(target.as_ref()))?;
    let script = script(&directory);
    if args.dry_run {
        return script.run();
    }
    to_stdout(&format!("\nthe plan is in {}\n", printable::path(&directory)))?;
    script.run()
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

    /// The command that starts the same again.
    fn again(&self) -> String {
        // The plan of a dry run is not kept.
        if self.args.dry_run {
            return plan::command_line().map_or_else(|| "the same command".to_owned(), |words| plan::line(&words));
        }
        let mut line = plan::directory_line(&self.directory, &self.args.change);
        if let Some(step) = &self.args.step {
            line.push_str(&format!(" --step {}", plan::line(std::slice::from_ref(step))));
        }
        if self.args.yes {
            line.push_str(" --yes");
        }
        line
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
        command.env("RUTTER_AGAIN", self.again());
        if self.args.dry_run {
            let status = command.arg("--dry-run").status();
            return Ok(code(status.context("sh cannot be started").map_err(Failure::Host)?));
        }
        if !self.args.yes {
            command.arg("--ask");
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

fn to_stdout(text: &str) -> Result<(), Failure> {
    output::to_stdout(&report::harmless(text)).map_err(Failure::Host)
}

/// The plans of each cluster that are kept, besides those that are not finished.
const KEPT: usize = 5;

fn state_directory() -> anyhow::Result<PathBuf> {
    let state = kubectl::state_directory();
    state.context("there is no directory for plans, because HOME is not set: write --output-dir DIR")
}

/// Makes a directory for a plan that nobody else reads, and removes old ones of the same cluster.
fn new_directory(plan: &Plan, target: Option<&Target>) -> anyhow::Result<PathBuf> {
    let state = state_directory()?;
    fs::create_dir_all(&state).with_context(|| format!("the directory {} cannot be made", printable::path(&state)))?;
    let plain = |text: &str| -> String {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        text.chars().filter(is_plain).collect()
    };
    // Enough of a UID to tell a person's clusters apart. None of the parts has a dot.
    let cluster = target.map_or("any", |target| target.cluster.trim_start_matches(kubectl::OF_NAMESPACE));
    let cluster: String = plain(cluster).chars().take(8).collect();
    let name = format!("{}.{}.{cluster}.", plain(&plan.namespace), plain(&plan.name));
    let mut numbers = numbers(&state, &name);
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    for number in numbers.iter().skip(KEPT - 1) {
        let old = state.join(format!("{name}{number}"));
        if !is_unfinished(&old) {
            // What cannot be removed stays.
            let _ = fs::remove_dir_all(old);
        }
    }
    let first = numbers.first().map_or(1, |number| number.saturating_add(1));
    for number in first..first.saturating_add(1000) {
        let directory = state.join(format!("{name}{number}"));
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

/// The numbers of the plans in a directory whose names begin with this.
fn numbers(state: &Path, name: &str) -> Vec<u32> {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix(name)?.parse().ok())
        .collect()
}

/// Whether a plan was started and is not finished, or nobody knows. `host.sh` has a directory of its own for each cluster,
/// with notes of each step that was begun.
fn is_unfinished(directory: &Path) -> bool {
    let clusters = match fs::read_dir(directory.join("state")) {
        Ok(clusters) => clusters,
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    let has_begun = |directory: &Path| {
        let mut entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().starts_with("notes-"))
    };
    clusters
        .flatten()
        .map(|entry| entry.path())
        .any(|cluster| has_begun(&cluster) && !cluster.join("finished").exists())
}
