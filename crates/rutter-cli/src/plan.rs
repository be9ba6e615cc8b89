//! The commands `plan` and `drift`: the steps from the installed to the desired state.

use std::env;
use std::fs;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use helm_values::Merged;
use rutter::plan::{Detail, File, Target};
use rutter::{ChangeRequest, Description, Diagnostic, Request, State, printable, stream};
use rutter_host::Package;

use crate::args::{Change, Drift, OutputFormat, Plan, PlanFormat, Source};
use crate::failure::{Failure, Located};
use crate::files::NewFile;
use crate::inputs;
use crate::kubectl::Kubectl;
use crate::sources::Sources;
use crate::{json, output, package, report};

/// A plan, and what it was made from.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: rutter::Plan,
    /// The cluster that was read, if one was.
    pub(crate) target: Option<Target>,
    /// The plan's warnings.
    warnings: Vec<Located>,
}

/// Runs `plan`. Gives the exit code that says what kind of change it is.
pub(crate) fn run(args: &Plan, sources: &mut Sources) -> Result<ExitCode, Failure> {
    check_cluster(&args.change)?;
    let writes = args.output_dir.is_some();
    let may_run = args.source.component.is_none() || args.commands.allow_commands;
    if let Some(directory) = &args.output_dir {
        check_directory(directory)?;
    }
    let planned = planned(&args.change, &args.source, sources)?;
    let is_shown_only = writes && !may_run;
    let detail = if args.verbose || is_shown_only {
        Detail::All
    } else {
        Detail::Steps
    };
    let next = match &args.output_dir {
        _ if planned.plan.change.steps().is_empty() || is_shown_only => None,
        Some(directory) => Some(script_line(directory, &args.change)),
        None if may_run => apply_line(&args.change),
        None => None,
    };
    if let (Some(directory), false) = (&args.output_dir, is_shown_only) {
        write(directory, &planned.plan.files(planned.target.as_ref()))?;
    }
    planned.print(args.output, detail, next.as_deref(), sources)?;
    if is_shown_only {
        return Err(Failure::BadCommandLine(anyhow!(
            "no run.sh was written: it would run commands of the package of --component with your permissions; read them \
             above, and write --allow-commands if you trust them"
        )));
    }
    Ok(ExitCode::from(if args.detailed_exitcode {
        planned.plan.detailed_exit_status()
    } else {
        planned.plan.exit_status()
    }))
}

/// Runs `drift`. Gives the exit code that says what kind of change it would take.
pub(crate) fn drift(args: &Drift, sources: &mut Sources) -> Result<ExitCode, Failure> {
    check_cluster(&args.change)?;
    let planned = planned(&args.change, &args.source, sources)?;
    planned.print(args.output, Detail::Steps, None, sources)?;
    Ok(ExitCode::from(planned.plan.detailed_exit_status()))
}

impl Planned {
    /// Prints the plan, its warnings behind its first line.
    pub(crate) fn print(
        &self,
        format: PlanFormat,
        detail: Detail,
        next: Option<&str>,
        sources: &Sources,
    ) -> Result<(), Failure> {
        let to_stdout = |text: String| output::to_stdout(&report::harmless(text)).map_err(Failure::Host);
        match format {
            PlanFormat::Text => {
                to_stdout(format!("{}\n", self.plan.headline()))?;
                report::write(&self.warnings, sources, OutputFormat::Yaml, None);
                to_stdout(self.plan.body(detail))?;
                if let Some(next) = next {
                    to_stdout(format!("\nnext: {next}\n"))?;
                }
            }
            PlanFormat::Json => {
                let text = json::to_text(&self.plan.to_json()) + "\n";
                output::to_stdout(&text).map_err(Failure::Host)?;
                report::write(&self.warnings, sources, OutputFormat::Json, None);
            }
        }
        Ok(())
    }
}

/// Plans a change.
pub(crate) fn planned(args: &Change, source: &Source, sources: &mut Sources) -> Result<Planned, Failure> {
    check(args)?;
    inputs::read(&args.files, &args.set, sources)?;
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let kubectl = Kubectl::new(&args.cluster).map_err(Failure::Host)?;
    let namespace = match &args.namespace {
        None if args.live => Some(kubectl.namespace().map_err(Failure::Host)?),
        namespace => namespace.clone(),
    };
    let desired = Desired::read(args, &description, namespace.as_deref(), sources);
    let mut target = None;
    let installed = match &args.from {
        Some(path) => read_installed(path, args, &package, &description, sources),
        None => {
            // What is wrong with the values is said before the cluster is asked.
            let desired = desired.as_ref().ok();
            let namespace = desired
                .and_then(|desired| desired.request.namespace.clone())
                .or(namespace);
            match (desired, namespace) {
                (Some(_), Some(namespace)) => {
                    let kinds = package.observes()?;
                    if kinds.is_empty() {
                        let error = anyhow!("{} does not say which objects it reads: use --from", description.name);
                        return Err(Failure::BadCommandLine(error));
                    }
                    let live = kubectl.read(&kinds, &namespace).map_err(Failure::Host)?;
                    target = Some(live.target);
                    Ok(State::Objects(live.objects))
                }
                _ => Err(Failure::Refused(Vec::new())),
            }
        }
    };
    let (installed, desired) = both(installed, desired, &package, &description)?;
    let plan = package
        .plan(&installed, &desired.request)?
        .map_err(|diagnostics| Failure::Refused(desired.locate(diagnostics)))?;
    let warnings = desired.locate(plan.warnings.clone());
    Ok(Planned { plan, target, warnings })
}

/// Checks what the options ask for together.
fn check(args: &Change) -> Result<(), Failure> {
    let wrong = |text: &'static str| Err(Failure::BadCommandLine(anyhow!(text)));
    if args.from.is_none() && !args.live {
        return wrong("the installed state is missing: write --live, or --from FILE");
    }
    if args.files.is_empty() && args.set.expressions().next().is_none() {
        return wrong("the desired state is missing: add -f FILE with the values of this cluster");
    }
    let readers = args
        .files
        .iter()
        .chain(&args.from)
        .filter(|path| inputs::is_stdin(path));
    if readers.count() + usize::from(args.set.reads_stdin()) > 1 {
        return wrong("only one of them can be standard input");
    }
    Ok(())
}

/// Refuses to name a cluster that is not read.
fn check_cluster(args: &Change) -> Result<(), Failure> {
    if !args.live && (args.cluster.context.is_some() || args.cluster.kubeconfig.is_some()) {
        let error = anyhow!("--context and --kubeconfig are for --live: nothing else is read from a cluster");
        return Err(Failure::BadCommandLine(error));
    }
    Ok(())
}

/// The desired state, and where its values are from.
struct Desired {
    request: ChangeRequest,
    /// None if one text was read as it is.
    merged: Option<Merged>,
}

impl Desired {
    fn read(
        args: &Change,
        description: &Description,
        namespace: Option<&str>,
        sources: &Sources,
    ) -> Result<Self, Failure> {
        let name = args.name.as_deref();
        let (request, merged) = match (&*args.files, args.set.expressions().next()) {
            ([_], None) => {
                let text = sources.get(0).map_or("", |source| source.text.as_str());
                let request = rutter::plan::desired(text, description, name, namespace);
                (
                    request.map_err(|problems| Failure::Refused(Located::all(0, problems)))?,
                    None,
                )
            }
            _ => {
                let merged = inputs::merge(description, &args.files, &args.set, sources)?;
                let request = ChangeRequest {
                    name: name.map(str::to_owned),
                    namespace: namespace.map(str::to_owned),
                    ..ChangeRequest::new(merged.text.clone())
                };
                (request, Some(merged))
            }
        };
        Ok(Self {
            request: ChangeRequest {
                accept: args.accept.clone(),
                install: args.install,
                snapshot: !args.no_snapshot,
                ..request
            },
            merged,
        })
    }

    fn locate(&self, diagnostics: Vec<Diagnostic>) -> Vec<Located> {
        match &self.merged {
            Some(merged) => inputs::locate_all(merged, diagnostics),
            None => Located::all(0, stream::for_command_line(diagnostics)),
        }
    }
}

/// Reads the installed state from a file.
fn read_installed(
    path: &Path,
    args: &Change,
    package: &Package,
    description: &Description,
    sources: &mut Sources,
) -> Result<State, Failure> {
    let namespace = args.namespace.as_deref().unwrap_or("default");
    let file = inputs::read_installed(path, package, description, args.name.as_deref(), namespace)?;
    let source = sources.add(file.name, file.text);
    let state = file
        .state
        .map_err(|problems| Failure::Refused(Located::all(source, problems)))?;
    if let State::Values(request) = &state
        && let Err(problems) = package.render(request)?
    {
        return Err(Failure::Refused(Located::all(
            source,
            stream::for_command_line(problems),
        )));
    }
    Ok(state)
}

/// Both states, or all that is wrong with either.
fn both(
    installed: Result<State, Failure>,
    desired: Result<Desired, Failure>,
    package: &Package,
    description: &Description,
) -> Result<(State, Desired), Failure> {
    match (installed, desired) {
        (Ok(installed), Ok(desired)) => Ok((installed, desired)),
        (Err(Failure::Refused(mut problems)), Ok(desired)) => {
            let request = Request {
                name: desired.request.name.clone().unwrap_or_else(|| description.name.clone()),
                namespace: desired
                    .request
                    .namespace
                    .clone()
                    .unwrap_or_else(|| "default".to_owned()),
                values: desired.request.values.clone(),
                release: None,
                capabilities: None,
                installed: None,
            };
            if let Err(more) = package.render(&request)? {
                problems.extend(desired.locate(more));
            }
            Err(Failure::Refused(problems))
        }
        (Err(Failure::Refused(mut problems)), Err(Failure::Refused(more))) => {
            problems.extend(more);
            Err(Failure::Refused(problems))
        }
        (Err(Failure::Refused(_)) | Ok(_), Err(failure)) | (Err(failure), _) => Err(failure),
    }
}

/// Checks that a directory is new or empty. Steps of another plan would be taken for this one's.
pub(crate) fn check_directory(directory: &Path) -> Result<(), Failure> {
    let is_taken = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            let error = anyhow!("{} is no directory to write to: {error}", printable::path(directory));
            return Err(Failure::BadCommandLine(error));
        }
    };
    if is_taken {
        let name = printable::path(directory);
        let help = if directory.join("run.sh").exists() {
            format!("; `rutter apply {name}` goes on with the plan in it")
        } else {
            String::new()
        };
        return Err(Failure::BadCommandLine(anyhow!(
            "{name} is not empty; a plan requires a directory of its own{help}"
        )));
    }
    // kubectl has formats by this option.
    if ["json", "yaml", "wide", "name"].contains(&&*directory.to_string_lossy()) {
        return Err(Failure::BadCommandLine(anyhow!(
            "--output-dir {0} names a directory; write --output json for JSON, or ./{0}",
            printable::path(directory)
        )));
    }
    Ok(())
}

/// Writes a plan's files to a directory of their own.
pub(crate) fn write(directory: &Path, files: &[File]) -> Result<(), Failure> {
    check_directory(directory)?;
    write_all(directory, files).map_err(Failure::Host)
}

fn write_all(directory: &Path, files: &[File]) -> anyhow::Result<()> {
    for file in files {
        let (parent, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let new = NewFile {
            name: name.into(),
            text: &file.text,
        };
        output::to_folder(&directory.join(parent), &[new])?;
    }
    #[cfg(unix)]
    fs::set_permissions(directory.join("run.sh"), fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The command that runs the plan in a directory.
fn script_line(directory: &Path, args: &Change) -> String {
    let script = directory.join("run.sh");
    let script = script.to_string_lossy();
    // It could be taken for an option.
    let script = if script.starts_with('-') {
        format!("./{script}")
    } else {
        script.into_owned()
    };
    let kubeconfig = args.cluster.kubeconfig.as_ref();
    let kubeconfig = kubeconfig.map(|file| format!("KUBECONFIG={} ", word(&file.to_string_lossy())));
    format!("{}sh {}", kubeconfig.unwrap_or_default(), word(&script))
}

/// The command that plans and carries out the same, if that is possible.
fn apply_line(args: &Change) -> Option<String> {
    let mut files = args.files.iter().chain(&args.from);
    if files.any(|path| inputs::is_stdin(path)) || args.set.reads_stdin() {
        return Some("write the plan to a directory by --output-dir DIR, then sh DIR/run.sh".to_owned());
    }
    let mut line = "rutter apply".to_owned();
    // Not a word of it is UTF-8 if one is not: it could not be typed.
    let words = env::args_os()
        .map(|word| word.into_string().ok())
        .collect::<Option<Vec<_>>>()?;
    let mut words = words.into_iter().skip(1).skip_while(|word| word != "plan").skip(1);
    while let Some(text) = words.next() {
        match text.as_str() {
            "--detailed-exitcode" => {}
            "--output" => drop(words.next()),
            text if text.starts_with("--output=") => {}
            text => {
                line.push(' ');
                line.push_str(&word(text));
            }
        }
    }
    Some(line)
}

/// A word of a shell.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
