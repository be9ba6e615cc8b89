//! What each command does.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::CommandFactory as _;
use clap::builder::PossibleValuesParser;
use rutter::Diagnostic;
use rutter::explain::Documentation;
use rutter::schema::Depth;
use rutter::stream::{self, Part, Rendered};
use rutter_host::Package;
use serde_json::{Value, json};

use crate::args::{
    Cli, Command, Completions, Describe, Explain, Format, Input, OutputFormat, Plugin, Render, Source, Validate,
};
use crate::failure::{Failure, Located};
use crate::files::NewFile;
use crate::fleet::{Fleet, OnRefusal, Renderer};
use crate::inputs::{self, Outcome};
use crate::output::Spool;
use crate::report::Report;
use crate::sources::Sources;
use crate::{apply, argocd, diff, files, json, krm, output, package, plan, plugin, post_render, report};

/// Runs a command and says on standard error what became of it.
pub(crate) fn run(command: Command) -> ExitCode {
    let mut sources = Sources::default();
    let (format, result) = match command {
        Command::Diff(args) => return diff::run(&args),
        Command::PostRender(args) => return post_render::run(&args),
        Command::Plan(args) => match plan::run(&args, &mut sources) {
            Ok(status) => return status,
            Err(failure) => (args.output.of_diagnostics(), Err(failure)),
        },
        Command::Apply(args) => match apply::run(&args, &mut sources) {
            Ok(status) => return status,
            Err(failure) => (OutputFormat::Yaml, Err(failure)),
        },
        Command::Drift(args) => match plan::drift(&args, &mut sources) {
            Ok(status) => return status,
            Err(failure) => (args.output.of_diagnostics(), Err(failure)),
        },
        Command::Krm(args) => (OutputFormat::Yaml, krm::run(&args, &mut sources)),
        Command::Argocd(command) => return argocd::run(&command),
        Command::Plugin(Plugin::Install(args)) => (OutputFormat::Yaml, plugin::install(&args)),
        Command::Explain(args) => (OutputFormat::Yaml, explain(&args)),
        Command::Render(args) => (args.format.output, render(&args, &mut sources)),
        Command::Validate(args) => (args.format.output, validate(&args, &mut sources)),
        Command::Schema(source) => (OutputFormat::Yaml, print_schema(&source)),
        Command::Defaults(source) => (OutputFormat::Yaml, print_defaults(&source)),
        Command::Version(source) => (OutputFormat::Yaml, print_version(&source)),
        Command::Completions(args) => (OutputFormat::Yaml, print_completions(&args)),
        Command::Man { directory } => (OutputFormat::Yaml, write_man_pages(&directory)),
        Command::Describe(args) => (args.format.output, describe(&args)),
    };
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    tell(&failure, &sources, format, REFUSED);
    ExitCode::from(failure.exit_status())
}

/// Says on standard error why a command failed, and `refused` if the input is to blame.
pub(crate) fn tell(failure: &Failure, sources: &Sources, format: OutputFormat, refused: &str) {
    match failure {
        Failure::Told => {}
        Failure::Refused(diagnostics) => report::write(diagnostics, sources, format, Some(refused)),
        Failure::BadExpression(diagnostic) => report::write(std::slice::from_ref(diagnostic), sources, format, None),
        Failure::NoPlan(diagnostics, asked) => report::write(diagnostics, sources, format, Some(asked)),
        Failure::Host(error) if output::is_unread(error) => {}
        Failure::BadCommandLine(error) | Failure::Host(error) => {
            let help = rutter::plan::kubectl_help(&format!("{error:#}"));
            let help = help.map(|help| format!("  help: {help}\n"));
            report::lines_to_stderr(&(report::error(error) + &help.unwrap_or_default()));
        }
    }
}

fn render(args: &Render, sources: &mut Sources) -> Result<(), Failure> {
    // Files are put into their folder all at once, and JSON is one array: both are held whole.
    if args.output_dir.is_none() && args.format.output == OutputFormat::Yaml {
        if let Some(fleet) = inputs::read_short(&args.input, sources)? {
            let on_refusal = if args.keep_going {
                OnRefusal::KeepGoing
            } else {
                OnRefusal::Stop
            };
            let mut manifests = Spool::new();
            let format = args.format.output;
            let report = Report::counting(&args.warnings, format);
            let report = pass(
                fleet,
                &args.input,
                &args.source,
                on_refusal,
                Some(&mut manifests),
                report,
            )?;
            output::all_to_stdout(manifests).map_err(Failure::Host)?;
            return report.write(None);
        }
    } else {
        inputs::read(&args.input.files, &args.input.set, sources)?;
    }
    let package = package::load(&args.source).map_err(Failure::Host)?;
    let Outcome { parts, warnings, notes } = inputs::render(&package, &package.describe()?, &args.input, sources)?;
    let report = Report::counting(&args.warnings, args.format.output);
    let report = of_warnings(&warnings, sources, report)?;
    let written = match (&args.output_dir, args.format.output) {
        (Some(folder), format) => {
            let files = files::of(&parts, sources).map_err(refused)?;
            output::to_folder(folder, &files).and_then(|()| note_others(folder, &files, format))
        }
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
    report.write(None)?;
    if args.output_dir.is_some() && args.format.output == OutputFormat::Yaml && !args.warnings.quiet {
        print_notes(&notes);
    }
    note_unread(&args.input, args.format.output);
    Ok(())
}

/// Validates the input. As JSON, the diagnostics are the result, and go to standard output.
fn validate(args: &Validate, sources: &mut Sources) -> Result<(), Failure> {
    let format = args.format.output;
    let mut report = Report::of_validation(&args.warnings, format);
    if let Some(fleet) = inputs::read_short(&args.input, sources)? {
        let report = pass(fleet, &args.input, &args.source, OnRefusal::KeepGoing, None, report)?;
        return report.write(Some(ACCEPTED));
    }
    let package = package::load(&args.source).map_err(Failure::Host)?;
    match inputs::render(&package, &package.describe()?, &args.input, sources) {
        Ok(Outcome { warnings, .. }) => {
            let report = of_warnings(&warnings, sources, report)?;
            note_unread(&args.input, format);
            report.write(Some(ACCEPTED))
        }
        Err(Failure::Refused(diagnostics)) => {
            report.add(&diagnostics, sources).map_err(Failure::Host)?;
            report.write(Some(REFUSED))?;
            Err(Failure::Told)
        }
        Err(failure) => Err(failure),
    }
}

/// What `validate` says of an input that is not refused.
const ACCEPTED: &str = "rutter: the input is accepted";

/// The last line about an input that is refused.
const REFUSED: &str = "rutter: the input is refused";

/// The conclusion of `render` and `validate` about an input that is refused for its warnings.
const DENIED: &str = "rutter: the input is refused, because it has warnings";

/// The report of a rendering that succeeded.
fn of_warnings(warnings: &[Located], sources: &Sources, mut report: Report) -> Result<Report, Failure> {
    // It is told as far as there is room to hold it.
    let _ = report.add(warnings, sources);
    check_denied(report)
}

fn check_denied(report: Report) -> Result<Report, Failure> {
    if report.is_denied() {
        report.write(Some(DENIED))?;
        return Err(Failure::Told);
    }
    Ok(report)
}

/// Renders a long stream into `manifests`, if they are wanted, and adds what there is to say about it to the report.
fn pass(
    fleet: Fleet,
    input: &Input,
    source: &Source,
    on_refusal: OnRefusal,
    manifests: Option<&mut Spool>,
    mut report: Report,
) -> Result<Report, Failure> {
    if input.installation.name.is_some() && fleet.is_stream() {
        return Err(refused(vec![stream::refuse_name()]));
    }
    let package = package::load_for_many(source).map_err(Failure::Host)?;
    let renderer = Renderer {
        package: &package,
        description: &package.describe()?,
        namespace: &input.installation.namespace,
        on_refusal,
        is_folder: fleet.is_folder(),
    };
    match renderer.render(fleet, manifests, &mut report) {
        Ok(None) => check_denied(report),
        Ok(Some(refused)) => {
            report.write(Some(&refused))?;
            Err(Failure::Told)
        }
        Err(failure) => {
            report.write_to_stderr(None);
            Err(failure)
        }
    }
}

/// Says that standard input is not read, where nobody asked for that and something waits there to be read. Reading it
/// unasked would wait for ever wherever it stays open, as it does in many a CI job.
#[cfg(unix)]
fn note_unread(input: &Input, format: OutputFormat) {
    use std::io::{self, IsTerminal as _};

    if input.files.is_empty()
        && format == OutputFormat::Yaml
        && !io::stdin().is_terminal()
        // What cannot tell, such as `/dev/null`, has nothing to say.
        && rustix::io::ioctl_fionread(io::stdin()).is_ok_and(|bytes| bytes > 0)
    {
        report::to_stderr("note: standard input is not read; write `-f -` to read it");
    }
}

/// Prints what to do after the manifests are applied, which a package says for each installation. Of several, they would
/// be too many to be read.
fn print_notes(notes: &[String]) {
    if let [notes] = notes
        && !notes.trim().is_empty()
    {
        report::to_stderr(&format!("note: after the manifests are applied:\n{}", notes.trim_end()));
    }
}

/// Says which files of a folder are not of this render, but would be applied with it.
fn note_others(folder: &Path, files: &[NewFile<'_>], format: OutputFormat) -> anyhow::Result<()> {
    let others = output::others(folder, files)?;
    if !others.is_empty() && format == OutputFormat::Yaml {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let text = format!(
            "note: {} also holds {}, which this did not write\n",
            rutter::printable::path(folder),
            rutter::suggest::list(&others, "and")
        );
        report::to_stderr(&text);
    }
    Ok(())
}

#[cfg(not(unix))]
fn note_unread(_: &Input, _: OutputFormat) {}

fn print_schema(source: &Source) -> Result<(), Failure> {
    let package = package::load(source).map_err(Failure::Host)?;
    output::to_stdout(&package.schema()?).map_err(Failure::Host)
}

fn print_defaults(source: &Source) -> Result<(), Failure> {
    let package = package::load(source).map_err(Failure::Host)?;
    output::to_stdout(&package.defaults()?).map_err(Failure::Host)
}

fn print_version(source: &Source) -> Result<(), Failure> {
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let text = format!(
        "rutter {}\n{} {} ({})\n",
        env!("CARGO_PKG_VERSION"),
        description.name,
        description.version,
        description.app_versions.join(", ")
    );
    output::to_stdout(&report::harmless(text)).map_err(Failure::Host)
}

fn print_completions(args: &Completions) -> Result<(), Failure> {
    let mut command = Cli::command();
    let package = package::load(&args.source);
    // A rutter that carries no package completes everything else.
    if package.is_ok() || args.source.component.is_some() {
        let mut names = documentation(&package.map_err(Failure::Host)?)?.names();
        // They become part of a script.
        names.retain(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        });
        // clap has only names that live as long as the program, which ends with this command.
        let names = PossibleValuesParser::new(names.into_iter().map(|name| &*name.leak()));
        command = command.mut_subcommand("explain", |explain| {
            explain.mut_arg("name", |name| name.value_parser(names))
        });
    }
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "rutter", &mut text);
    output::to_stdout(&String::from_utf8_lossy(&text)).map_err(Failure::Host)
}

/// Writes one page for each command that is not hidden.
fn write_man_pages(directory: &Path) -> Result<(), Failure> {
    let written = fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(Cli::command(), directory));
    written
        .with_context(|| format!("{} cannot be written", rutter::printable::path(directory)))
        .map_err(Failure::Host)
}

fn explain(args: &Explain) -> Result<(), Failure> {
    let package = package::load(&args.source).map_err(Failure::Host)?;
    let depth = if args.recursive { Depth::Tree } else { Depth::Fields };
    let text = documentation(&package)?
        .explain(&args.name, depth)
        .map_err(|diagnostic| {
            let source = 0;
            Failure::BadExpression(Located { source, diagnostic })
        })?;
    output::to_stdout(&report::harmless(text)).map_err(Failure::Host)
}

/// The values and codes that the package documents.
fn documentation(package: &Package) -> Result<Documentation, Failure> {
    Documentation::new(&package.schema()?, package.describe()?, package.codes()?)
        .context("the package's schema is not JSON")
        .map_err(Failure::Host)
}

fn describe(args: &Describe) -> Result<(), Failure> {
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
    output::to_stdout(&text).map_err(Failure::Host)
}

/// The failure for what is wrong with a stream, which is always the first source.
fn refused(diagnostics: Vec<Diagnostic>) -> Failure {
    Failure::Refused(Located::all(0, diagnostics))
}

/// All objects as a JSON array.
fn to_json(parts: &[Part<'_>], sources: &Sources) -> Result<String, Failure> {
    let mut objects = Vec::new();
    let mut lines = sources.lines();
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
                objects.extend(json::read(text, lines.start_of(text)).map_err(refused)?);
            }
        }
    }
    Ok(json::to_text(&Value::Array(objects)) + "\n")
}
