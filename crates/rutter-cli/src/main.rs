//! The `rutter` command: renders packages from a terminal.
//!
//! It reads files and arguments, has a package render them through `rutter-host`, and writes what comes out: the
//! document asked for to standard output, whole or not at all, and all else to standard error. It meets even the package
//! that it carries as a component, and must not know what values mean.

#[cfg(test)]
mod against_helm;
mod apply;
mod argocd;
mod args;
mod cache;
mod cases;
mod command_line;
mod commands;
mod diff;
mod documentation;
mod failure;
mod files;
mod inputs;
mod json;
mod krm;
mod kubectl;
mod kubernetes;
mod new;
mod observed;
mod output;
mod package;
mod plan;
mod plugin;
mod post_render;
mod reader;
mod render;
mod report;
mod sink;
mod sources;
mod stream;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = package::compile() {
        return code;
    }
    match command_line::read() {
        Ok(cli) => {
            output::set_color(cli.color);
            commands::run(&cli.command)
        }
        Err(code) => code,
    }
}
