//! Plans as people read them, and as files that carry them out.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::stream::{self, Document, Input};
use crate::yaml::YAML_FEATURE;
use crate::{Change, ChangeRequest, Command, Description, Diagnostic, Manifest, Plan, Request, State, Step};

/// What is installed, said by a text: values, an object of the package's kind, or any Kubernetes objects. Values are those
/// of an installation called `name`, by default as the package is.
///
/// # Errors
///
/// What is wrong with the text.
pub fn state(text: &str, package: &Description, name: Option<&str>, namespace: &str) -> Result<State, Vec<Diagnostic>> {
    refuse_nothing(text)?;
    Ok(match only(text, package, name, namespace)? {
        Some(request) => State::Values(request),
        None => {
            // A package that cannot read them has no way to say in which of two texts that is.
            stream::objects(text)?;
            State::Objects(text.to_owned())
        }
    })
}

/// Reads the desired state from a text: values, or an object of the package's kind, which names itself.
///
/// # Errors
///
/// Returns what is wrong with the text.
pub fn desired(
    text: &str,
    package: &Description,
    name: Option<&str>,
    namespace: Option<&str>,
) -> Result<ChangeRequest, Vec<Diagnostic>> {
    refuse_nothing(text)?;
    if let Input::Values(values) = stream::read(text, package, namespace.unwrap_or(DEFAULT_NAMESPACE))? {
        return Ok(ChangeRequest {
            name: name.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            ..ChangeRequest::new(values)
        });
    }
    let object = only(text, package, name, namespace.unwrap_or(DEFAULT_NAMESPACE))?;
    let object = object.ok_or_else(|| {
        let message = "these are Kubernetes objects; the desired state is given by values";
        vec![Diagnostic::new(&YAML_FEATURE, "", message).help(format!("give values, or one {}", package.kind))]
    })?;
    Ok(ChangeRequest {
        name: Some(object.name),
        namespace: Some(object.namespace),
        ..ChangeRequest::new(object.values)
    })
}

/// The namespace of kubectl if no context has another.
const DEFAULT_NAMESPACE: &str = "default";

/// Refuses an empty text: it is rather what is left of a command that failed than all defaults.
fn refuse_nothing(text: &str) -> Result<(), Vec<Diagnostic>> {
    if text.trim().is_empty() {
        let problem = Diagnostic::new(&YAML_FEATURE, "", "there is nothing");
        return Err(vec![problem.help("write {} for the values' defaults")]);
    }
    Ok(())
}

/// What a text asks to render, if it does.
fn only(
    text: &str,
    package: &Description,
    name: Option<&str>,
    namespace: &str,
) -> Result<Option<Request>, Vec<Diagnostic>> {
    let documents = match stream::read(text, package, namespace)? {
        Input::Values(values) => {
            return Ok(Some(Request {
                name: name.unwrap_or(&package.name).to_owned(),
                namespace: namespace.to_owned(),
                values: values.to_owned(),
                release: None,
                capabilities: None,
                installed: None,
            }));
        }
        Input::Stream(documents) => documents,
    };
    let (mut ours, mut refused) = (Vec::new(), Vec::new());
    for document in documents {
        match document {
            Document::Ours(object) => ours.push(object),
            Document::Foreign(_) => {}
            Document::Refused(problems) => refused.extend(problems),
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let mut ours = ours.into_iter();
    let first = ours.next();
    if ours.next().is_some() {
        let message = format!("a plan is about one {}, and here are several", package.kind);
        return Err(vec![
            Diagnostic::new(&YAML_FEATURE, "", message).help("give each alone"),
        ]);
    }
    match first {
        Some(object)
            if object
                .problems
                .iter()
                .any(|problem| problem.severity == crate::Severity::Error) =>
        {
            Err(object.problems)
        }
        first => Ok(first.map(|object| object.request)),
    }
}

/// A file of a plan's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the folder, with `/` between the parts.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl Plan {
    /// The exit status of a command that plans: 0 where one plain apply is safe or nothing is to do, 4 where it takes the
    /// steps. A plan that is refused is none, and has the status 1.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self.change {
            Change::Nothing | Change::Apply(_) => 0,
            Change::Steps(_) => 4,
        }
    }

    /// The plan as a person reads it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = match &self.change {
            Change::Nothing => "Nothing is to do.\n".to_owned(),
            Change::Apply(_) => "One plain apply is safe.\n".to_owned(),
            Change::Steps(steps) => format!(
                "One plain apply is not safe. {} {} safe, in this order:\n",
                steps.len(),
                if steps.len() == 1 { "step is" } else { "steps are" }
            ),
        };
        for (number, step) in (1..).zip(self.change.steps()) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n{number}. {}\n   {}", step.title, step.reason);
            for command in &step.commands {
                let _ = match command.within {
                    None => writeln!(text, "   - {}:", command.purpose),
                    Some(seconds) => writeln!(text, "   - wait up to {seconds} s: {}:", command.purpose),
                };
                let _ = writeln!(text, "       {}", command.line);
            }
        }
        text
    }

    /// The plan as JSON. Manifests are told by the names of their files.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let kind = match self.change {
            Change::Nothing => "nothing",
            Change::Apply(_) => "apply",
            Change::Steps(_) => "steps",
        };
        json!({
            "change": kind,
            "steps": self.change.steps().iter().map(step).collect::<Vec<_>>(),
        })
    }

    /// The files of a folder by which the plan is carried out: for each step its manifests, and `run.sh`.
    #[must_use]
    pub fn files(&self) -> Vec<File> {
        let mut files = Vec::new();
        let mut script = HEAD.to_owned();
        for (number, step) in (1..).zip(self.change.steps()) {
            let folder = format!("{number:02}-{}", step.name);
            files.extend(step.manifests.iter().map(
                |Manifest {
                     file_name, document, ..
                 }| File {
                    path: format!("{folder}/manifests/{file_name}"),
                    text: document.clone(),
                },
            ));
            write_step(&mut script, &folder, step);
        }
        script.push_str("say 'all done'\n");
        files.push(File {
            path: "plan.txt".to_owned(),
            text: self.to_text(),
        });
        files.push(File {
            path: "run.sh".to_owned(),
            text: script,
        });
        files
    }
}

fn step(step: &Step) -> Value {
    json!({
        "name": step.name,
        "title": step.title,
        "reason": step.reason,
        "manifests": step.manifests.iter().map(|manifest| &manifest.file_name).collect::<Vec<_>>(),
        "commands": step.commands.iter().map(command).collect::<Vec<_>>(),
    })
}

fn command(command: &Command) -> Value {
    json!({
        "purpose": command.purpose,
        "line": command.line,
        "unless": command.unless,
        "within": command.within,
    })
}

const HEAD: &str = r#"#!/bin/sh
# Carries out the plan in plan.txt, which needs kubectl. It stops at the first failure. Started again, it leaves out the
# steps that are done, which have a file called done in their folders, and of the others what has been done already.
set -eu
unset CDPATH
cd -- "$(dirname -- "$0")"

say() { printf '%s\n' "$*"; }

# Whether a step is left to do; then its folder is the current one.
begin() {
  if [ -e "$1/done" ]; then
    say "$1: done before"
    return 1
  fi
  mkdir -p -- "$1"
  cd -- "$1"
  say "$1: $2"
}

finish() {
  : > done
  cd ..
}

fail() {
  say "failed: $1" >&2
  exit 1
}

# What tells whether something has been done fails with 1 if it has not; otherwise nobody knows, and nothing is done.
asked() { [ "$1" -eq 1 ] || fail 'the cluster does not say what has been done before'; }

# Waits a little, unless the time is up.
deadline() { until=$(($(date +%s) + $1)); }
tick() {
  if [ "$(date +%s)" -ge "$until" ]; then
    cat log >&2
    say "gave up: $1" >&2
    exit 1
  fi
  sleep 2
}
"#;

fn write_step(script: &mut String, folder: &str, step: &Step) {
    // Writing to a string cannot fail.
    let _ = writeln!(script, "\nif begin {} {}; then", quote(folder), quote(&step.title));
    for command in &step.commands {
        let purpose = quote(&command.purpose);
        let line = &command.line;
        let indent = match &command.unless {
            Some(done) => {
                let _ = writeln!(
                    script,
                    "  if {done}; then\n    say {};\n  else\n    asked \"$?\"",
                    quote(&format!("  (done before) {}", command.purpose))
                );
                "    "
            }
            None => "  ",
        };
        let _ = writeln!(script, "{indent}say '  '{purpose}");
        let _ = match command.within {
            None => writeln!(script, "{indent}{line} || fail {purpose}"),
            Some(seconds) => writeln!(
                script,
                "{indent}deadline {seconds}\n{indent}until {{ {line}; }} > log 2>&1; do tick {purpose}; done"
            ),
        };
        if command.unless.is_some() {
            script.push_str("  fi\n");
        }
    }
    script.push_str("  finish\nfi\n");
}

/// A word of a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
