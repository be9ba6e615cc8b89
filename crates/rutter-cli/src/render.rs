//! The commands `render` and `validate`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use rutter::stream::{self, Part};

use crate::args::{Input, OutputFormat, PackageArgs, Render, Validate};
use crate::failure::{Failure, Located};
use crate::files::Files;
use crate::inputs::{self, Opened, RenderedInput};
use crate::output::{self, NewFile};
use crate::package;
use crate::report::{self, REFUSED, Report};
use crate::sink::{Json, Sink, Text};
use crate::sources::Sources;
use crate::stream::{Documents, Renderer, Summary};

/// The conclusion of `validate` about an input that is not refused.
const ACCEPTED: &str = "rutter: the input is accepted";

/// The conclusion about an input that is refused because of its warnings.
const DENIED: &str = "rutter: the input is refused, because it has warnings";

/// Runs `render`.
pub(crate) fn render(args: &Render, sources: &mut Sources) -> Result<ExitCode, Failure> {
    let format = args.format.output;
    let report = Report::counting(&args.warnings, format);
    match (&args.output_dir, format) {
        (Some(directory), _) => {
            let mut files = Files::new();
            let (report, notes) = checked(&args.input, &args.source, Some(&mut files), report, sources)?;
            let Files { files, texts, .. } = files;
            let written = output::to_directory(directory, &files, texts);
            written
                .and_then(|()| note_others(directory, &files, format))
                .map_err(Failure::Host)?;
            report.write(None)?;
            if let Some(notes) = notes.filter(|_| format == OutputFormat::Yaml && !args.warnings.quiet) {
                print_notes(&notes);
            }
        }
        (None, OutputFormat::Json) => {
            let mut json = Json::new();
            let (report, _) = checked(&args.input, &args.source, Some(&mut json), report, sources)?;
            json.finish().and_then(output::all_to_stdout).map_err(Failure::Host)?;
            report.write(None)?;
        }
        (None, OutputFormat::Yaml) => {
            let mut text = Text::new();
            let (report, _) = checked(&args.input, &args.source, Some(&mut text), report, sources)?;
            output::all_to_stdout(text.spool).map_err(Failure::Host)?;
            report.write(None)?;
        }
    }
    note_unread(&args.input, format);
    Ok(ExitCode::SUCCESS)
}

/// Runs `validate`. As JSON, the diagnostics are the result, and go to standard output.
pub(crate) fn validate(args: &Validate, sources: &mut Sources) -> Result<ExitCode, Failure> {
    let format = args.format.output;
    let report = Report::of_validation(&args.warnings, format);
    let (report, _) = checked(&args.input, &args.source, None, report, sources)?;
    note_unread(&args.input, format);
    report.write(Some(ACCEPTED))?;
    Ok(ExitCode::SUCCESS)
}

/// Renders an input into `sink`. Returns the report of an input that is accepted, and the notes of its installation, if
/// there is exactly one.
fn checked(
    input: &Input,
    source: &PackageArgs,
    sink: Option<&mut (dyn Sink + 'static)>,
    mut report: Report,
    sources: &mut Sources,
) -> Result<(Report, Option<String>), Failure> {
    let refused = match rendered(input, source, sink, &mut report, sources) {
        Ok(Summary { refused: None, notes }) if !report.is_denied() => return Ok((report, notes)),
        Ok(Summary { refused, .. }) => refused.unwrap_or_else(|| DENIED.to_owned()),
        Err(Failure::Refused(diagnostics)) => {
            report.add(&diagnostics, sources).map_err(Failure::Host)?;
            REFUSED.to_owned()
        }
        Err(failure) => {
            report.write_to_stderr(None);
            return Err(failure);
        }
    };
    report.write(Some(&refused))?;
    Err(Failure::Reported(1))
}

fn rendered(
    input: &Input,
    source: &PackageArgs,
    sink: Option<&mut (dyn Sink + 'static)>,
    report: &mut Report,
    sources: &mut Sources,
) -> Result<Summary, Failure> {
    match inputs::open(input, sources)? {
        Opened::Whole => whole(input, source, sink, report, sources),
        Opened::Stream(documents) => streamed(input, source, documents, sink, report),
    }
}

/// Renders values or a single object.
fn whole(
    input: &Input,
    source: &PackageArgs,
    sink: Option<&mut (dyn Sink + 'static)>,
    report: &mut Report,
    sources: &Sources,
) -> Result<Summary, Failure> {
    let package = package::load(source).map_err(Failure::Host)?;
    let rendered = inputs::render(&package, &package.describe()?, input, sources)?;
    let RenderedInput { parts, warnings, notes } = rendered;
    report.add(&warnings, sources).map_err(Failure::Host)?;
    if let Some(sink) = sink {
        let name: Arc<str> = sources.get(0).map_or("", |source| &source.name).into();
        let mut lines = sources.lines();
        let mut problems = Vec::new();
        for part in &parts {
            let of_part = match part {
                Part::Manifests(manifests) => sink.manifests(manifests),
                Part::Foreign(text) => sink.foreign(&name, text, lines.start_of(text)),
            };
            problems.extend(of_part.map_err(Failure::Host)?);
        }
        if !problems.is_empty() {
            return Err(Failure::Refused(Located::all(0, problems)));
        }
    }
    let notes = <[String; 1]>::try_from(notes).ok().map(|[notes]| notes);
    Ok(Summary { refused: None, notes })
}

/// Renders a stream of objects.
fn streamed(
    input: &Input,
    source: &PackageArgs,
    documents: Documents,
    sink: Option<&mut (dyn Sink + 'static)>,
    report: &mut Report,
) -> Result<Summary, Failure> {
    if input.installation.name.is_some() && documents.is_stream() {
        return Err(Failure::Refused(Located::all(0, vec![stream::refuse_name()])));
    }
    let package = match documents.is_short() {
        true => package::load(source),
        false => package::load_for_many(source),
    };
    let package = package.map_err(Failure::Host)?;
    let description = package.describe()?;
    let installed = inputs::installed(&package, &description, input)?;
    let renderer = Renderer {
        package: &package,
        description: &description,
        namespace: &input.installation.namespace,
        installed: installed.as_deref(),
        is_directory: documents.is_directory(),
    };
    renderer.render(documents, sink, report)
}

/// Notes that standard input is not read, if something waits there and no option asks for it. Reading it unasked would
/// wait for ever wherever it stays open, as in many CI jobs.
#[cfg(unix)]
fn note_unread(input: &Input, format: OutputFormat) {
    use std::io::{self, IsTerminal as _};

    if input.files.is_empty()
        && format == OutputFormat::Yaml
        && !io::stdin().is_terminal()
        // Standard input that cannot tell, such as `/dev/null`, holds nothing.
        && rustix::io::ioctl_fionread(io::stdin()).is_ok_and(|bytes| bytes > 0)
    {
        report::to_stderr("note: standard input is not read; write `-f -` to read it");
    }
}

#[cfg(not(unix))]
fn note_unread(_: &Input, _: OutputFormat) {}

/// Prints what to do after the manifests are applied.
fn print_notes(notes: &str) {
    if !notes.trim().is_empty() {
        report::to_stderr(&format!("note: after the manifests are applied:\n{}", notes.trim_end()));
    }
}

/// Notes the files of a directory that are not of this render, but would be applied with it.
fn note_others(directory: &Path, files: &[NewFile], format: OutputFormat) -> anyhow::Result<()> {
    let others = output::others(directory, files)?;
    if !others.is_empty() && format == OutputFormat::Yaml {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let text = format!(
            "note: {} also holds {}, which this did not write\n",
            rutter::printable::path(directory),
            rutter::suggest::list(&others, "and")
        );
        report::to_stderr(&text);
    }
    Ok(())
}
