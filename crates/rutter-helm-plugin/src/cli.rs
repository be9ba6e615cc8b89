//! A plugin of type `cli/v1`: `helm PACKAGE [ARGS] < INPUT`.
//!
//! Helm takes its own flags out of the arguments, `--namespace` among them, and says in its environment what they were
//! (helm/helm v4.3.1 `pkg/cmd/load_plugins.go`). Standard input, output and error are those of Helm.

use std::ffi::OsString;
use std::io;

use rutter::Package;
use rutter::command::{self, Invocation, Outcome};
use serde::Deserialize;

use crate::Failure;

/// What Helm wants back, which it ignores.
pub const ANSWER: &str = "{}";

/// `internal/plugin/schema/cli.go`, `InputMessageCLIV1`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    /// Go writes a list that was never made as `null`.
    extra_args: Option<Vec<String>>,
}

/// Runs the command that Helm's message holds, in `namespace` unless that names another.
///
/// # Errors
///
/// If the message is none of Helm's.
pub fn run(
    package: &dyn Package,
    message: &[u8],
    namespace: Option<String>,
    stdin: impl FnOnce() -> io::Result<Vec<u8>>,
) -> Result<Outcome, Failure> {
    let message: Message = serde_json::from_slice(message)
        .map_err(|error| Failure::host(format!("Helm's message is not known: {error}")))?;
    let namespace = namespace.filter(|namespace| !namespace.is_empty());
    let program = format!("helm {}", package.describe().name);
    let invocation = Invocation {
        program: &program,
        namespace: namespace.as_deref().unwrap_or("default"),
    };
    let args = message.extra_args.unwrap_or_default().into_iter().map(OsString::from);
    Ok(command::run(package, invocation, args, stdin))
}

/// What Helm is to say, once standard error has what the command has to say.
#[must_use]
pub fn failure(outcome: &Outcome) -> Option<Failure> {
    match outcome.status {
        0 => None,
        1 => Some(Failure::refused("the input is refused, as said above")),
        2 => Some(Failure::bad_command_line(
            "the command line is not understood, as said above",
        )),
        _ => Some(Failure::host("the command failed, as said above")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;

    fn run(message: &str, namespace: Option<&str>, stdin: &str) -> Result<Outcome, Failure> {
        let namespace = namespace.map(str::to_owned);
        super::run(&Example, message.as_bytes(), namespace, || {
            Ok(stdin.as_bytes().to_vec())
        })
    }

    #[test]
    fn helms_namespace_is_the_default() {
        for (args, namespace, expected) in [
            ("[]", Some("shop"), "shop"),
            ("[]", Some(""), "default"),
            ("[]", None, "default"),
            ("null", None, "default"),
            (r#"["-nlab"]"#, Some("shop"), "lab"),
        ] {
            let outcome = run(&format!(r#"{{"extraArgs": {args}}}"#), namespace, "").unwrap();
            assert!(
                outcome.stdout.contains(&format!("\n  namespace: {expected}\n")),
                "{args}"
            );
            assert_eq!(failure(&outcome), None);
        }
    }

    #[test]
    fn help_says_helm() {
        let outcome = run(r#"{"extraArgs": ["--help"]}"#, Some("shop"), "").unwrap();
        assert!(
            outcome.stdout.contains("Usage: helm example [COMMAND]"),
            "{}",
            outcome.stdout
        );
        assert!(outcome.stdout.contains("helm example defaults > values.yaml"));
        assert!(outcome.stdout.contains("[default: shop]"));
        assert!(!outcome.stdout.contains("wasm"));
    }

    #[test]
    fn failures_have_a_message_and_a_status() {
        for (message, stdin, status) in [
            (r#"{"extraArgs": []}"#, "replcas: 3", 1),
            (r#"{"extraArgs": ["rendr"]}"#, "", 2),
        ] {
            let outcome = run(message, None, stdin).unwrap();
            assert_eq!(outcome.stdout, "");
            assert!(!outcome.stderr.is_empty());
            assert_eq!(failure(&outcome).unwrap().status, status);
        }
        assert_eq!(run("[]", None, "").unwrap_err().status, 3);
    }
}
