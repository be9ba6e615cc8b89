//! The commands that print what the package and rutter say of themselves.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::CommandFactory as _;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use rutter::explain::Documentation;
use rutter::schema::Depth;
use rutter_host::Package;
use serde_json::json;

use crate::args::{Cli, Completions, Describe, Explain, Format, OutputFormat, PackageArgs};
use crate::failure::{Failure, Located};
use crate::{json, output, package, report};

/// Prints the JSON Schema of the values.
pub(crate) fn schema(source: &PackageArgs) -> Result<ExitCode, Failure> {
    let package = package::load(source).map_err(Failure::Host)?;
    output::to_stdout(&package.schema()?).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints all values with their defaults.
pub(crate) fn defaults(source: &PackageArgs) -> Result<ExitCode, Failure> {
    let package = package::load(source).map_err(Failure::Host)?;
    output::to_stdout(&package.defaults()?).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the versions of rutter and of the package.
pub(crate) fn version(source: &PackageArgs) -> Result<ExitCode, Failure> {
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let text = format!(
        "rutter {}\n{} {} ({})\n",
        env!("CARGO_PKG_VERSION"),
        description.name,
        description.version,
        description.app_versions.join(", ")
    );
    output::to_stdout(&report::harmless(text)).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the completions of a shell.
pub(crate) fn completions(args: &Completions) -> Result<ExitCode, Failure> {
    let mut command = Cli::command();
    command.build();
    let package = package::load(&args.source);
    // A rutter that carries no package completes everything else.
    let mut names = Vec::new();
    if package.is_ok() || args.source.component.is_some() {
        names = documentation(&package.map_err(Failure::Host)?)?.names();
        // They become part of a script.
        names.retain(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        });
        // clap takes only names that live as long as the program, which ends with this command.
        let values = PossibleValuesParser::new(names.iter().map(|name| &*name.clone().leak()));
        command = command.mut_subcommand("explain", |explain| {
            explain.mut_arg("name", |name| name.value_parser(values))
        });
    }
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "rutter", &mut text);
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if args.shell == Shell::Fish && !names.is_empty() {
        // clap_complete leaves out the values of arguments without an option.
        let names = names.join(" ");
        text.push_str(&format!(
            "complete -c rutter -n \"__fish_rutter_using_subcommand explain\" -f -a \"{names}\"\n"
        ));
    }
    output::to_stdout(&text).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes one page for each command that is not hidden.
pub(crate) fn man(directory: &Path) -> Result<ExitCode, Failure> {
    let written = fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(Cli::command(), directory));
    written
        .with_context(|| format!("{} cannot be written", rutter::printable::path(directory)))
        .map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the documentation of a value or of a code.
pub(crate) fn explain(args: &Explain) -> Result<ExitCode, Failure> {
    let package = package::load(&args.source).map_err(Failure::Host)?;
    let depth = if args.recursive { Depth::Tree } else { Depth::Fields };
    let text = documentation(&package)?
        .explain(&args.name, depth)
        .map_err(|diagnostic| {
            let source = 0;
            Failure::BadExpression(Located { source, diagnostic })
        })?;
    output::to_stdout(&report::harmless(text)).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

/// The values and codes that the package documents.
fn documentation(package: &Package) -> Result<Documentation, Failure> {
    Documentation::new(&package.schema()?, package.describe()?, package.codes()?)
        .context("the package's schema is not JSON")
        .map_err(Failure::Host)
}

/// Prints the package's name, versions and kind.
pub(crate) fn describe(args: &Describe) -> Result<ExitCode, Failure> {
    let Describe {
        format: Format { output: format },
        source,
    } = args;
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let object = json!({
        "name": description.name,
        "version": description.version,
        "summary": description.summary,
        "apiVersion": description.api_version,
        "kind": description.kind,
        "appVersions": description.app_versions,
    });
    let text = match format {
        OutputFormat::Json => json::to_text(&object) + "\n",
        OutputFormat::Yaml => rutter::yaml::to_string(&object).map_err(|error| Failure::Host(anyhow!(error)))?,
    };
    output::to_stdout(&text).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}
