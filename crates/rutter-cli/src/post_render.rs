//! Helm's post-renderer: the stream that Helm rendered in, the stream that it installs out.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use rutter::stream::Rendered;
use rutter::{helm, printable};

use crate::args::{PackageArgs, PostRender};
use crate::failure::{Failure, Located};
use crate::report::REFUSED;
use crate::sources::Sources;
use crate::{inputs, output, package, report};

/// Runs the post-renderer. It reports on standard error, which Helm 4 drops, and in the log files.
pub(crate) fn run(args: &PostRender, sources: &mut Sources) -> Result<ExitCode, Failure> {
    let result = post_render(&args.source, sources);
    let (said, code) = match &result {
        Ok(warnings) => (report::plain(warnings, sources), 0),
        Err(failure) => {
            let text = match failure {
                Failure::Refused(diagnostics) | Failure::NoPlan(diagnostics, _) => {
                    report::plain(diagnostics, sources) + REFUSED + "\n"
                }
                Failure::BadExpression(located) => report::plain(std::slice::from_ref(located), sources),
                Failure::BadCommandLine(error) | Failure::Host(error) => report::error(error),
                Failure::Reported(_) => String::new(),
            };
            (text, failure.exit_code())
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
    match code {
        0 => Ok(ExitCode::SUCCESS),
        code => Err(Failure::Reported(code)),
    }
}

fn post_render(source: &PackageArgs, sources: &mut Sources) -> Result<Vec<Located>, Failure> {
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
