//! What each command does.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::anyhow;
use rutter::stream::{Part, Rendered};
use rutter::yaml::YAML_FEATURE;
use rutter::{Diagnostic, Manifest};
use serde_json::{Value, json};

use crate::args::{Command, Describe, Format, OutputFormat, Render, Source, Validate};
use crate::failure::{Failure, Located};
use crate::inputs::{self, Outcome};
use crate::sources::Sources;
use crate::{json, output, package, report};

/// Runs a command and says on standard error what became of it.
pub(crate) fn run(command: Command) -> ExitCode {
    let mut sources = Sources::default();
    let (format, result) = match command {
        Command::Render(args) => (args.format.output, render(&args, &mut sources)),
        Command::Validate(args) => (args.format.output, validate(&args, &mut sources)),
        Command::Schema(Source { component }) => (OutputFormat::Yaml, schema(component.as_deref())),
        Command::Defaults(Source { component }) => (OutputFormat::Yaml, defaults(component.as_deref())),
        Command::Describe(args) => (args.format.output, describe(&args)),
    };
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    match &failure {
        Failure::Refused(diagnostics) => {
            report::write(
                diagnostics,
                &sources,
                format,
                Some("rutter: the input is refused; nothing was rendered"),
            );
        }
        Failure::BadExpression(diagnostic) => {
            report::write(std::slice::from_ref(diagnostic), &sources, format, None);
        }
        Failure::BadCommandLine(error) | Failure::Host(error) => {
            report::to_stderr(&format!("error: {error:#}\n"));
        }
    }
    ExitCode::from(failure.exit_status())
}

fn render(args: &Render, sources: &mut Sources) -> Result<(), Failure> {
    inputs::read(&args.input, sources)?;
    let package = package::load(args.source.component.as_deref()).map_err(Failure::Host)?;
    let Outcome { parts, warnings } = inputs::render(&package, &package.describe()?, &args.input, sources)?;
    let written = match (&args.output_dir, args.format.output) {
        (Some(folder), _) => output::to_folder(folder, &files(parts)?),
        (None, OutputFormat::Json) => output::to_stdout(&to_json(&parts, sources)?),
        (None, OutputFormat::Yaml) => output::to_stdout(
            &Rendered {
                parts,
                warnings: Vec::new(),
            }
            .to_text(),
        ),
    };
    written.map_err(Failure::Host)?;
    report::write(&warnings, sources, args.format.output, None);
    Ok(())
}

fn validate(args: &Validate, sources: &mut Sources) -> Result<(), Failure> {
    inputs::read(&args.input, sources)?;
    let package = package::load(args.source.component.as_deref()).map_err(Failure::Host)?;
    let Outcome { warnings, .. } = inputs::render(&package, &package.describe()?, &args.input, sources)?;
    report::write(
        &warnings,
        sources,
        args.format.output,
        Some("rutter: the input is accepted"),
    );
    Ok(())
}

fn schema(component: Option<&std::path::Path>) -> Result<(), Failure> {
    let package = package::load(component).map_err(Failure::Host)?;
    output::to_stdout(&package.schema()?).map_err(Failure::Host)
}

fn defaults(component: Option<&std::path::Path>) -> Result<(), Failure> {
    let package = package::load(component).map_err(Failure::Host)?;
    output::to_stdout(&package.defaults()?).map_err(Failure::Host)
}

fn describe(args: &Describe) -> Result<(), Failure> {
    let Describe {
        format: Format { output: format },
        source,
    } = args;
    let package = package::load(source.component.as_deref()).map_err(Failure::Host)?;
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
        OutputFormat::Json => format!("{object:#}\n"),
        OutputFormat::Yaml => rutter::yaml::to_string(&object).map_err(|error| Failure::Host(anyhow!(error)))?,
    };
    output::to_stdout(&text).map_err(Failure::Host)
}

/// The manifests of an input in which there is nothing else, no two under one name.
fn files(parts: Vec<Part<'_>>) -> Result<Vec<Manifest>, Failure> {
    let refused = |message: String| {
        let diagnostic = Diagnostic::new(&YAML_FEATURE, "", message).help("leave `-o` out and write the whole stream");
        Failure::Refused(Located::all(0, vec![diagnostic]))
    };
    let mut manifests = Vec::new();
    for part in parts {
        match part {
            Part::Manifests(rendered) => manifests.extend(rendered),
            Part::Foreign(text) if json::read(text, 1).is_ok_and(|document| document.is_none()) => {}
            Part::Foreign(_) => {
                return Err(refused(
                    "an object that is not the package's has no file name".to_owned(),
                ));
            }
        }
    }
    let mut names = BTreeSet::new();
    for manifest in &manifests {
        if !names.insert(manifest.file_name.to_lowercase()) {
            return Err(refused(format!(
                "two objects would be written to {}",
                manifest.file_name
            )));
        }
    }
    Ok(manifests)
}

/// All objects as a JSON array.
fn to_json(parts: &[Part<'_>], sources: &Sources) -> Result<String, Failure> {
    let mut objects = Vec::new();
    for part in parts {
        match part {
            Part::Manifests(manifests) => {
                for manifest in manifests {
                    let object = json::read(&manifest.document, 1).map_err(|diagnostics| {
                        let problems: String = diagnostics
                            .iter()
                            .map(|diagnostic| diagnostic.display(&manifest.file_name).to_string())
                            .collect();
                        Failure::Host(anyhow!(
                            "the package wrote a manifest that is not plain YAML\n{problems}"
                        ))
                    })?;
                    objects.extend(object);
                }
            }
            Part::Foreign(text) => {
                let object = json::read(text, first_line(text, sources));
                objects.extend(object.map_err(|diagnostics| Failure::Refused(Located::all(0, diagnostics)))?);
            }
        }
    }
    Ok(format!("{:#}\n", Value::Array(objects)))
}

/// The line of the first source at which `part`, a piece of its text, starts.
fn first_line(part: &str, sources: &Sources) -> u32 {
    let text = sources.get(0).map_or("", |source| source.text.as_str());
    let offset = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let before = text.get(..offset).unwrap_or_default();
    u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
}
