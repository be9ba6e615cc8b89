//! The commands, and the one place that reports how they ended.

use std::process::ExitCode;

use crate::args::{Command, OutputFormat, Plugin};
use crate::report::{self, REFUSED};
use crate::sources::Sources;
use crate::{apply, argocd, cases, diff, documentation, krm, new, plan, plugin, post_render, render};

/// Runs a command, reports its failure on standard error, and returns its exit code.
pub(crate) fn run(command: &Command) -> ExitCode {
    let mut sources = Sources::default();
    let yaml = OutputFormat::Yaml;
    let (format, result) = match command {
        Command::Render(args) => (args.format.output, render::render(args, &mut sources)),
        Command::Validate(args) => (args.format.output, render::validate(args, &mut sources)),
        Command::Diff(args) => (args.output.of_diagnostics(), diff::run(args)),
        Command::Plan(args) => (args.output.of_diagnostics(), plan::run(args, &mut sources)),
        Command::Apply(args) => (yaml, apply::run(args, &mut sources)),
        Command::Drift(args) => (args.output.of_diagnostics(), plan::drift(args, &mut sources)),
        Command::PostRender(args) => (yaml, post_render::run(args, &mut sources)),
        Command::Krm(args) => (yaml, krm::run(args, &mut sources)),
        Command::Argocd(command) => (yaml, argocd::run(command, &mut sources)),
        Command::New(args) => (yaml, new::run(args)),
        Command::Test(args) => (yaml, cases::run(args)),
        Command::Plugin(Plugin::Install(args)) => (yaml, plugin::install(args)),
        Command::Explain(args) => (yaml, documentation::explain(args)),
        Command::Schema(source) => (yaml, documentation::schema(source)),
        Command::Defaults(source) => (yaml, documentation::defaults(source)),
        Command::Version(source) => (yaml, documentation::version(source)),
        Command::Completions(args) => (yaml, documentation::completions(args)),
        Command::Man { directory } => (yaml, documentation::man(directory)),
        Command::Describe(args) => (args.format.output, documentation::describe(args)),
    };
    result.unwrap_or_else(|failure| {
        let refused = match command {
            Command::Argocd(_) => "rutter: the input is refused, and nothing is generated",
            _ => REFUSED,
        };
        report::failure(&failure, &sources, format, refused);
        ExitCode::from(failure.exit_code())
    })
}
