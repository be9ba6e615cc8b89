//! `run.sh`, which carries a plan out.
//!
//! Texts reach it as quoted words only, and lines as the bodies of functions of their own.

use std::fmt::Write as _;

use super::kubectl_help::KUBECTL_HELP;
use super::{File, Target};
use crate::{Command, Plan, printable};

/// The host's part.
const HOST: &str = include_str!("host.sh");

/// Writes the script. `files` are all others of the plan.
pub(super) fn write(plan: &Plan, files: &[File], target: Option<&Target>) -> String {
    let body = body(plan);
    let mut script =
        "#!/bin/sh\n# Carries out the plan in plan.txt. `sh run.sh --help` documents it.\nset -eu\n\n".to_owned();
    let variables = [
        ("summary", shown(&format!("{}: {}", plan.headline(), plan.verdict()))),
        ("warnings", plan.warnings_text().trim_end().to_owned()),
        ("name", shown(&plan.name)),
        ("namespace", name(&plan.namespace)),
        ("lease", format!("rutter-{}", name(&plan.name))),
        // What identifies the plan, so that steps of others do not count as done.
        ("plan", fingerprint(&body, files)),
        // The cluster that the plan is for; empty if its first run decides that.
        (
            "cluster",
            target.map(|target| target.cluster.clone()).unwrap_or_default(),
        ),
        (
            "context",
            target.and_then(|target| target.context.clone()).unwrap_or_default(),
        ),
    ];
    for (name, value) in variables {
        // Writing to a string cannot fail.
        let _ = writeln!(script, "rutter_{name}={}", quote(&value));
    }
    script.push_str(HOST);
    script.push_str(&kubectl_help_function());
    script.push_str(&body);
    // The shell has read all of it by then, so that nothing changes under a run.
    script.push_str("\nrutter_main \"$@\"\nexit\n");
    script
}

/// The function that prints what to do about an error of kubectl, if that is known.
fn kubectl_help_function() -> String {
    let mut script = "\nrutter_kubectl_help() { # TEXT\n  case \"$1\" in\n".to_owned();
    for (signs, help) in KUBECTL_HELP {
        let signs: Vec<String> = signs.iter().map(|sign| format!("*{}*", quote(sign))).collect();
        let _ = writeln!(script, "    {}) printf '%s\\n' {} ;;", signs.join(" | "), quote(help));
    }
    script.push_str("  esac\n}\n");
    script
}

/// The package's part.
fn body(plan: &Plan) -> String {
    let mut body = "\n# The package's part: its functions, the preflight checks, and the steps.\n".to_owned();
    if !plan.prelude.is_empty() {
        let _ = writeln!(body, "\n{}", plan.prelude.trim_end());
    }
    write_commands(&mut body, "preflight", "preflight", &plan.preflight);
    let mut table = String::new();
    for (number, step) in (1..).zip(plan.change.steps()) {
        write_commands(
            &mut body,
            &format!("step_{number}"),
            &number.to_string(),
            &step.commands,
        );
        let _ = writeln!(
            table,
            "  \"$1\" {number} {} {} {}",
            quote(&step.directory(number)),
            quote(&shown(&step.title)),
            quote(&shown(&step.effects.join(", ")))
        );
    }
    if table.is_empty() {
        table.push_str("  :\n");
    }
    let _ = write!(body, "\nrutter_each_step() {{\n{table}}}\n");
    body
}

/// Writes commands as functions, and one function that runs them all.
fn write_commands(script: &mut String, function: &str, prefix: &str, commands: &[Command]) {
    let mut calls = String::new();
    for (number, command) in (1..).zip(commands) {
        let id = format!("{prefix}_{number}");
        let _ = writeln!(script, "\nrutter_line_{id}() {{\n  {}\n}}", line(&command.line));
        if let Some(unless) = &command.unless {
            let _ = writeln!(script, "rutter_done_{id}() {{\n  {}\n}}", line(unless));
        }
        let _ = writeln!(
            calls,
            "  rutter_do {id} {} {} {}",
            quote(&shown(&command.purpose)),
            command.within.unwrap_or(0),
            if command.unless.is_some() { "unless" } else { "''" },
        );
    }
    if calls.is_empty() {
        calls.push_str("  :\n");
    }
    let _ = write!(script, "\nrutter_{function}() {{\n{calls}}}\n");
}

/// A line as the body of a function, which cannot be empty.
fn line(line: &str) -> &str {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        ":"
    } else {
        line
    }
}

/// A name of Kubernetes, which needs no quotes anywhere. Any other text is none, and would be refused.
fn name(text: &str) -> String {
    let is_valid = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    text.chars().filter(is_valid).collect()
}

/// A text as a terminal may show it.
fn shown(text: &str) -> String {
    printable::line(text).into_owned()
}

/// A word of a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What tells plans apart: FNV-1a, 128 bits, which is the same everywhere.
fn fingerprint(body: &str, files: &[File]) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let texts = files.iter().flat_map(|file| [file.path.as_str(), file.text.as_str()]);
    for text in texts.chain([body]) {
        // No text holds the byte that separates them.
        for byte in text.bytes().chain([0xff]) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        }
    }
    format!("{hash:032x}")
}
