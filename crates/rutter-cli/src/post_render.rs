//! Helm's post-renderer: the stream that Helm rendered in, the stream that it installs out.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use rutter::stream::Rendered;
use rutter::{helm, printable};

use crate::args::{PostRender, Source};
use crate::failure::{Failure, Located};
use crate::sources::Sources;
use crate::{inputs, output, package, report};

/// Runs the post-renderer and says what it has to say on standard error, which Helm 4 drops, and in the log files.
pub(crate) fn run(args: &PostRender) -> ExitCode {
    let mut sources = Sources::default();
    let result = post_render(&args.source, &mut sources);
    let (said, status) = match &result {
        Ok(warnings) => (report::plain(warnings, &sources), 0),
        Err(failure) => {
            let text = match failure {
                Failure::Refused(diagnostics) | Failure::NoPlan(diagnostics, _) => {
                    report::plain(diagnostics, &sources) + "rutter: the input is refused\n"
                }
                Failure::BadExpression(located) => report::plain(std::slice::from_ref(located), &sources),
                Failure::BadCommandLine(error) | Failure::Host(error) => report::error(error),
                Failure::Told => String::new(),
            };
            (text, failure.exit_status())
        }
    };
    let said = printable::lines(&said);
    report::lines_to_stderr(&said);
    for path in &args.log_files {
        if let Err(error) = fs::write(path, &*said) {
            let path = printable::path(path);
            report::to_stderr(&format!("warning: {path} cannot be written: {error}"));
        }
    }
    ExitCode::from(status)
}

fn post_render(source: &Source, sources: &mut Sources) -> Result<Vec<Located>, Failure> {
    inputs::add(Path::new("-"), sources)?;
    let package = package::load(source).map_err(Failure::Host)?;
    let text = sources.get(0).map_or("", |source| source.text.as_str());
    let Rendered { parts, warnings } = helm::post_render(text, &package.describe()?, |request| {
        package.render(request).map_err(Failure::from)
    })?
    .map_err(|diagnostics| Failure::Refused(Located::all(0, diagnostics)))?;
    let rendered = Rendered {
        parts,
        warnings: Vec::new(),
    };
    output::to_stdout(&rendered.to_text()).map_err(Failure::Host)?;
    Ok(Located::all(0, warnings))
}
