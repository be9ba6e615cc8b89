//! The package as its users see it: a command that reads values.

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

fn run(args: &[&str], input: &str) -> io::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greeting"));
    let command = command.args(args).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    child.wait_with_output()
}

#[track_caller]
fn prints(args: &[&str], input: &str, stdout: &str) -> io::Result<()> {
    let output = run(args, input)?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
    assert_eq!(output.status.code(), Some(0));
    Ok(())
}

#[track_caller]
fn is_refused(input: &str, stderr: &str) -> io::Result<()> {
    let output = run(&[], input)?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}

const MANIFEST: &str = "\
---
apiVersion: v1
kind: ConfigMap
metadata:
  labels:
    greeting.example.dev/name: first
  name: first
  namespace: default
";

#[test]
fn values_are_rendered() -> io::Result<()> {
    let manifest = MANIFEST.replace("metadata", "data:\n  greeting: good morning\nmetadata");
    prints(&["--name=first"], "greeting: good morning\n", &manifest)
}

#[test]
fn objects_are_replaced_by_manifests() -> io::Result<()> {
    let manifest = MANIFEST.replace("metadata", "data:\n  greeting: hello\nmetadata");
    let object = "apiVersion: greeting.example.dev/v1\nkind: Greeting\nmetadata: {name: first}\n";
    let foreign = "apiVersion: v1\nkind:   Pod\n";
    prints(&[], &format!("{foreign}---\n{object}"), &format!("{foreign}{manifest}"))
}

#[test]
fn errors_are_reported_at_once_with_positions() -> io::Result<()> {
    is_refused(
        "greeting: ''\ngreting: a\n",
        "\
error[empty-greeting]: greeting: the greeting is empty
  --> <stdin>:1:11
  help: write a text, or leave it out
error[unknown-field]: greting: there is no field `greting` here
  --> <stdin>:2:1
  help: did you mean `greeting`?
greeting: the input is refused
",
    )
}

#[test]
fn values_are_documented() -> io::Result<()> {
    prints(&["defaults"], "", "# The text of the greeting.\ngreeting: hello\n")?;
    let schema = run(&["schema"], "")?.stdout;
    assert!(String::from_utf8_lossy(&schema).contains("\"default\": \"hello\""));
    let code = run(&["explain", "empty-greeting"], "")?.stdout;
    assert!(String::from_utf8_lossy(&code).contains("The greeting has no text."));
    Ok(())
}
