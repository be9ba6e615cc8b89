//! Reads the command line, and says what is wrong with it.
//!
//! clap's messages quote arguments and variables of the environment as they are. Here they are made printable first.

use std::env;
use std::ffi::OsStr;
use std::process::ExitCode;

use clap::builder::{Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _, Parser as _};
use rutter::printable;

use crate::args::Cli;
use crate::{output, report};

/// Reads the command line.
///
/// # Errors
///
/// The exit code, if it is wrong, which has been said, or if it asked for help, which has been printed.
pub(crate) fn read() -> Result<Cli, ExitCode> {
    // Every start pays for it otherwise.
    let is_ours = |name: &OsStr| name.as_encoded_bytes().starts_with(b"RUTTER_");
    let has_empty = env::vars_os().any(|(name, value)| value.is_empty() && is_ours(&name));
    let cli = if has_empty {
        let mut command = Cli::command();
        command.build();
        let matches = without_empty_variables(command).try_get_matches();
        matches.and_then(|matches| Cli::from_arg_matches(&matches))
    } else {
        Cli::try_parse()
    };
    cli.map_err(|mut error| {
        name_variable(&mut error);
        add_hint(&mut error);
        make_printable(&mut error);
        print(&error);
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

/// Takes variables of the environment that are empty as if they were not set, as shells and CI systems leave them.
fn without_empty_variables(command: Command) -> Command {
    let without_variable = |arg: Arg| {
        let is_empty = arg
            .get_env()
            .and_then(env::var_os)
            .is_some_and(|value| value.is_empty());
        if is_empty { arg.env(Resettable::Reset) } else { arg }
    };
    command
        .mut_args(without_variable)
        .mut_subcommands(without_empty_variables)
}

/// Names the variable that a limit comes from: nobody has typed the option if the value is the environment's.
fn name_variable(error: &mut clap::Error) {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    let option = option.split(' ').next().unwrap_or_default().to_owned();
    let is_typed = |arg: std::ffi::OsString| arg.to_string_lossy().starts_with(&option);
    if let Some(limit) = option.strip_prefix("--max-")
        && !env::args_os().any(is_typed)
    {
        let variable = format!("RUTTER_MAX_{} in the environment", limit.to_uppercase());
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
}

/// Suggests how to give a file or a value, where somebody gave one without its option.
fn add_hint(error: &mut clap::Error) {
    if error.kind() != ErrorKind::UnknownArgument || error.get(ContextKind::SuggestedArg).is_some() {
        return;
    }
    let mut words = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let command = words.find(|word| !word.starts_with('-')).unwrap_or_default();
    let reads_values = ["render", "validate", "plan", "apply", "drift"].contains(&command.as_str());
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    // clap keeps colours in suggestions, and so anything that looks like one.
    let argument = printable::excerpt(argument).into_owned();
    let hint = match argument.strip_prefix("--") {
        _ if !reads_values => return,
        Some(value) => format!("to set the value {value}, write --set {value}=…"),
        None if argument.starts_with('-') => return,
        None => format!("to read the values in {argument}, write -f {argument}"),
    };
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
}

/// Makes all that a message quotes printable. Its own words and colours stay.
fn make_printable(error: &mut clap::Error) {
    let printable = |text: &String| printable::excerpt(text).into_owned();
    let contexts = error.context().filter_map(|(kind, value)| {
        let value = match value {
            ContextValue::String(text) => ContextValue::String(printable(text)),
            ContextValue::Strings(texts) => ContextValue::Strings(texts.iter().map(printable).collect()),
            ContextValue::StyledStrs(texts) => {
                // Suggestions quote arguments between colours. Those that need it lose the colours.
                let printable = |text: &StyledStr| match printable(&text.to_string()) {
                    plain if plain == text.to_string() => text.clone(),
                    plain => StyledStr::from(plain),
                };
                ContextValue::StyledStrs(texts.iter().map(printable).collect())
            }
            _ => return None,
        };
        Some((kind, value))
    });
    for (kind, value) in contexts.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
}

/// Prints a message where clap would.
fn print(error: &clap::Error) {
    let text = error.render().ansi().to_string();
    // Where a reader went away, nobody is left to tell.
    let _ = if printable::coloured(&text) == text {
        // clap knows which terminals have colours.
        error.print().map_err(Into::into)
    } else if error.use_stderr() {
        report::lines_to_stderr(&error.render().to_string());
        Ok(())
    } else {
        output::coloured_to_stdout(&printable::lines(&error.render().to_string()))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_printable_and_colours_stay() {
        for payload in [
            "\u{1b}[31mred",
            "\u{1b}]52;c;eA==\u{7}",
            "a\nerror: forged",
            "a\rb\u{8}",
            "\u{202e}a\u{9b}",
        ] {
            for arguments in [
                &[payload][..],
                &["render", &format!("--{payload}")],
                &["render", payload],
                &["render", "--output", payload],
                &["render", "--max-time", payload],
                &["diff", "a", "b", "-C", payload],
                &["plugin", "install", payload],
                &["explain", "a", payload],
                &["post-render", payload],
            ] {
                let arguments = ["rutter"].iter().chain(arguments);
                let mut error = Cli::try_parse_from(arguments.clone()).expect_err("an error");
                make_printable(&mut error);
                let text = error.render().ansi().to_string();
                assert_eq!(printable::coloured(&text), text, "{arguments:?}");
                assert!(text.contains("\u{1b}[") && !text.contains("\u{1b}[31mred"), "{text}");
                assert!(!text.contains("\nerror: forged"), "{text}");
                let plain = error.render().to_string();
                assert!(plain.starts_with("error: ") && plain.contains("\\"), "{plain}");
            }
        }
    }
}
