//! The command `plan`: the way from what is installed to what is desired.

use std::fs;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use rutter::plan::{Detail, File};
use rutter::{ChangeRequest, Description, Request, State, printable, stream};
use rutter_host::Package;

use crate::args::{OutputFormat, Plan, PlanFormat};
use crate::failure::{Failure, Located};
use crate::files::NewFile;
use crate::inputs;
use crate::sources::Sources;
use crate::{json, output, package, report};

/// The number of the source that says what is installed, and of the one that says what is desired.
const FROM: u32 = 0;
const TO: u32 = 1;

/// Plans, and writes the plan; gives the exit status that says what kind it is.
pub(crate) fn run(args: &Plan, sources: &mut Sources) -> Result<ExitCode, Failure> {
    if inputs::is_stdin(&args.from) && inputs::is_stdin(&args.to) {
        let error = anyhow!("only one of the two can be standard input");
        return Err(Failure::BadCommandLine(error));
    }
    inputs::add(&args.from, sources)?;
    inputs::add(&args.to, sources)?;
    let package = package::load(&args.source).map_err(Failure::Host)?;
    let (current, desired) = read(args, &package, &package.describe()?, sources)?;
    let plan = package
        .plan(&current, &desired)?
        .map_err(|diagnostics| refused(TO, diagnostics))?;
    let text = match args.output {
        PlanFormat::Text => plan.to_text(Detail::Steps),
        PlanFormat::Json => json::to_text(&plan.to_json()) + "\n",
    };
    if let Some(folder) = &args.output_dir {
        write(folder, &plan.files(None))?;
    }
    output::to_stdout(&report::harmless(text)).map_err(Failure::Host)?;
    let format = match args.output {
        PlanFormat::Text => OutputFormat::Yaml,
        PlanFormat::Json => OutputFormat::Json,
    };
    report::write(&Located::all(TO, plan.warnings.clone()), sources, format, None);
    Ok(ExitCode::from(plan.exit_status()))
}

/// Both sides, so that all that is wrong is said at once.
fn read(
    args: &Plan,
    package: &Package,
    description: &Description,
    sources: &Sources,
) -> Result<(State, ChangeRequest), Failure> {
    let text = |number| sources.get(number).map_or("", |source| &*source.text);
    let (name, namespace) = (args.installation.name.as_deref(), &*args.installation.namespace);
    let current = rutter::plan::state(text(FROM), description, name, namespace);
    let desired = rutter::plan::desired(text(TO), description, name, Some(namespace));
    let mut problems = Vec::new();
    let mut rejects = |source, request: &Request| -> Result<(), Failure> {
        if let Err(diagnostics) = package.render(request)? {
            problems.extend(Located::all(source, stream::for_command_line(diagnostics)));
        }
        Ok(())
    };
    if let Ok(State::Values(request)) = &current {
        rejects(FROM, request)?;
    }
    if let Ok(desired) = &desired {
        let request = Request {
            name: desired.name.as_ref().unwrap_or(&description.name).clone(),
            namespace: desired.namespace.clone().unwrap_or_else(|| namespace.to_owned()),
            values: desired.values.clone(),
            release: None,
            capabilities: None,
            installed: None,
        };
        rejects(TO, &request)?;
    }
    match (current, desired) {
        (Ok(current), Ok(desired)) if problems.is_empty() => Ok((current, desired)),
        (current, desired) => {
            problems.extend(
                current
                    .err()
                    .into_iter()
                    .flat_map(|problems| Located::all(FROM, problems)),
            );
            problems.extend(
                desired
                    .err()
                    .into_iter()
                    .flat_map(|problems| Located::all(TO, problems)),
            );
            Err(Failure::Refused(problems))
        }
    }
}

fn refused(source: u32, diagnostics: Vec<rutter::Diagnostic>) -> Failure {
    Failure::Refused(Located::all(source, stream::for_command_line(diagnostics)))
}

/// Writes a plan's files into a folder of their own.
fn write(folder: &Path, files: &[File]) -> Result<(), Failure> {
    let is_taken = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            let error = anyhow!("{} is no folder to write to: {error}", printable::path(folder));
            return Err(Failure::BadCommandLine(error));
        }
    };
    if is_taken {
        // Steps of another plan would be taken for this one's, and for done.
        return Err(Failure::BadCommandLine(anyhow!(
            "{} is not empty; a plan wants a folder of its own",
            printable::path(folder)
        )));
    }
    write_all(folder, files).map_err(Failure::Host)
}

fn write_all(folder: &Path, files: &[File]) -> anyhow::Result<()> {
    for file in files {
        let (parent, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let new = NewFile {
            name: name.into(),
            text: &file.text,
        };
        output::to_folder(&folder.join(parent), &[new])?;
    }
    #[cfg(unix)]
    fs::set_permissions(folder.join("run.sh"), fs::Permissions::from_mode(0o755))?;
    Ok(())
}
