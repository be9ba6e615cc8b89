//! The function that Kustomize and kpt call.

use std::path::Path;
use std::process::ExitCode;

use rutter::krm::{self, Task};

use crate::args::Krm;
use crate::failure::Failure;
use crate::sources::Sources;
use crate::{inputs, output, package, report};

/// Runs the function on standard input.
///
/// # Errors
///
/// If the input is refused, which has been said already unless it is no text, or the package failed.
pub(crate) fn run(args: &Krm, sources: &mut Sources) -> Result<ExitCode, Failure> {
    inputs::add(Path::new("-"), sources)?;
    let package = package::load(&args.source).map_err(Failure::Host)?;
    let text = sources.get(0).map_or("", |source| source.text.as_str());
    let task = if args.validate { Task::Validate } else { Task::Render };
    let outcome = krm::run(text, &package.describe()?, task, |request| {
        package.render(request).map_err(Failure::from)
    })?;
    report::lines_to_stderr(&outcome.to_text());
    output::to_stdout(&outcome.list).map_err(Failure::Host)?;
    if outcome.is_refused() {
        return Err(Failure::Refused(Vec::new()));
    }
    Ok(ExitCode::SUCCESS)
}
