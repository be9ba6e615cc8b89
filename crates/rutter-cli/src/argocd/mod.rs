//! An Argo CD config management plugin: an Application's directory in, its manifests out.
//!
//! Argo CD runs a plugin's commands in that directory, describes the Application by environment variables, and shows
//! standard error to people if a command fails (argoproj/argo-cd v3.5, `cmpserver/plugin/plugin.go`). It deletes what a
//! command no longer writes, so the result is whole or there is none.

mod contents;
mod directory;
mod environment;
mod generation;
mod overrides;
mod parameters;

use std::process::ExitCode;

use rutter::Diagnostic;
use rutter::yaml::YAML_FEATURE;

use self::contents::{concerns, read_all, targets, values_file};
use self::directory::Directory;
use self::environment::Environment;
use self::generation::Generation;
use self::overrides::Overrides;
use self::parameters::Parameters;
use crate::args::{ArgoCd, OutputFormat, PackageArgs};
use crate::failure::{Failure, Located};
use crate::sources::Sources;
use crate::{output, package, report};

/// Runs one of the plugin's commands.
pub(crate) fn run(command: &ArgoCd, sources: &mut Sources) -> Result<ExitCode, Failure> {
    match command {
        ArgoCd::Discover(source) => discover(source),
        ArgoCd::Generate(source) => generate(source, sources),
        ArgoCd::Parameters(source) => announce(source, sources),
    }
}

/// Writes the names of the files that make a directory ours.
fn discover(source: &PackageArgs) -> Result<ExitCode, Failure> {
    let directory = Directory::current()?;
    // Argo CD asks plugins before it looks for a chart or a kustomization, and the answer would take the directory from
    // them.
    if let Some(owner) = directory.owner() {
        report::to_stderr(&format!("note: {owner} says whose this directory is"));
        return Ok(ExitCode::SUCCESS);
    }
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let values = values_file(&description);
    let found: String = directory
        .names()
        .iter()
        .filter(|name| name.shown == values || directory.peek(name).is_some_and(|bytes| concerns(&bytes, &description)))
        .map(|name| format!("{}\n", name.shown))
        .collect();
    output::to_stdout(&found).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

fn generate(source: &PackageArgs, sources: &mut Sources) -> Result<ExitCode, Failure> {
    let environment = Environment::read();
    let parameters = Parameters::read()?;
    let directory = Directory::current()?;
    if let Some(owner) = directory.owner() {
        let message = format!("{owner} says whose this directory is: Argo CD renders it without this plugin");
        let problem = Diagnostic::new(&YAML_FEATURE, "", message)
            .help("leave `plugin` out of the Application, or give what the plugin renders a directory of its own");
        return Err(Failure::Refused(Located::all(0, vec![problem])));
    }
    let files = read_all(&directory, sources)?;
    let overrides = Overrides::of(&parameters, sources);
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let generation = Generation {
        package: &package,
        description: &description,
        parameters: &parameters,
        environment: &environment,
        overrides: &overrides,
        sources,
    };
    let (text, warnings) = generation.run(&files)?;
    output::to_stdout(&text).map_err(Failure::Host)?;
    report::write(&warnings, sources, OutputFormat::Yaml, None);
    Ok(ExitCode::SUCCESS)
}

/// Prints the parameters that this directory takes, as Argo CD's user interface shows them.
///
/// Asked for at run time, and not written into the plugin's configuration, because that depends on the directory: a name is
/// for bare values, and values for one cluster. One table, too, says what is announced and what is accepted.
fn announce(source: &PackageArgs, sources: &mut Sources) -> Result<ExitCode, Failure> {
    let directory = Directory::current()?;
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    // What is wrong with the directory is for the generation to say.
    let targets = read_all(&directory, sources)
        .ok()
        .and_then(|files| targets(&files, &description, "default", sources).ok());
    let text = parameters::announcement(targets.as_deref(), &Environment::read().name);
    output::to_stdout(&text).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}
