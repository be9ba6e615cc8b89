//! A package as a command: what `wasmtime run PACKAGE.wasm [ARGS] < INPUT` and `helm PACKAGE [ARGS] < INPUT` do.
//!
//! It takes arguments and text and gives back text and a status, so that it can be tested without a process.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Read as _};

use crate::explain::Documentation;
use crate::krm::{self, Task};
use crate::printable;
use crate::schema::Depth;
use crate::stream::{self, Rendered};
use crate::{BadManifest, Description, Diagnostic, Package};

/// How a person calls the command, and what follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation<'a> {
    /// What is typed before the arguments: `wasmtime run etcd.wasm`.
    pub program: &'a str,
    /// The namespace of what names none itself, unless an argument does: `default`, or what the host was told.
    pub namespace: &'a str,
}

/// What a run of the command gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The document asked for, whole; empty if the input was refused.
    pub stdout: String,
    /// Diagnostics, for people.
    pub stderr: String,
    /// The exit status: 0 done, 1 input refused, 2 bad command line, 3 the host failed.
    pub status: u8,
}

impl Outcome {
    /// Writes both texts. Nothing is written to `stderr` if `stdout` fails.
    ///
    /// # Errors
    ///
    /// If a stream cannot be written.
    pub fn write(&self, mut stdout: impl io::Write, mut stderr: impl io::Write) -> io::Result<()> {
        stdout.write_all(self.stdout.as_bytes())?;
        stdout.flush()?;
        stderr.write_all(self.stderr.as_bytes())
    }

    fn done(stdout: String) -> Self {
        Self {
            stdout,
            ..Self::default()
        }
    }

    fn failed(problem: impl std::fmt::Display) -> Self {
        Self {
            stderr: format!("{}\n", printable::message(&format!("error: {problem}"))),
            status: 3,
            ..Self::default()
        }
    }

    fn bad_command_line(program: &str, problem: impl std::fmt::Display) -> Self {
        Self {
            stderr: format!(
                "{}\n  help: `{program} --help` shows what is accepted\n",
                printable::excerpt(&format!("error: {problem}"))
            ),
            status: 2,
            ..Self::default()
        }
    }
}

/// What positions in the diagnostics of standard input refer to.
const STDIN: &str = "<stdin>";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Render,
    Validate,
    Krm,
    Schema,
    Defaults,
    Explain,
}

struct Arguments {
    verb: Verb,
    task: Task,
    field: Option<String>,
    depth: Depth,
    name: Option<String>,
    namespace: String,
}

/// Reads standard input, or another stream, up to the size from which on it is refused.
///
/// # Errors
///
/// If the stream cannot be read.
pub fn read(stdin: impl io::Read) -> io::Result<Vec<u8>> {
    let mut input = Vec::new();
    // One byte more than is accepted is enough to be refused.
    let most = u64::try_from(stream::MAX_BYTES + 1).unwrap_or(u64::MAX);
    stdin.take(most).read_to_end(&mut input)?;
    Ok(input)
}

/// Runs the command with `args` (the program's own name left out), reading standard input only if it is needed.
pub fn run(
    package: &dyn Package,
    invocation: Invocation<'_>,
    args: impl IntoIterator<Item = OsString>,
    stdin: impl FnOnce() -> io::Result<Vec<u8>>,
) -> Outcome {
    let description = package.describe();
    let arguments = match parse(args, invocation, &description) {
        Ok(Ok(arguments)) => arguments,
        Ok(Err(text)) => return Outcome::done(text),
        Err(error) => return Outcome::bad_command_line(invocation.program, error),
    };
    match arguments.verb {
        Verb::Schema => Outcome::done(package.schema()),
        Verb::Defaults => Outcome::done(package.defaults()),
        Verb::Explain => explain(package, &description, &arguments),
        Verb::Render | Verb::Validate | Verb::Krm => {
            let input = match stdin() {
                Ok(input) => input,
                Err(error) => {
                    return Outcome::failed(format_args!("standard input cannot be read: {error}"));
                }
            };
            if arguments.verb == Verb::Krm {
                return function(package, &description, arguments.task, &input);
            }
            let Arguments { name, namespace, .. } = &arguments;
            let render = |text| match stream::render_text(text, &description, name.as_deref(), namespace, |request| {
                Ok::<_, Infallible>(package.render(request))
            }) {
                Ok(rendered) => rendered,
            };
            let rendered = stream::decode(&input).map_err(|problem| vec![problem]).and_then(render);
            outcome(rendered, &description, arguments.verb)
        }
    }
}

/// The arguments, or the text that was asked for instead of a run.
fn parse(
    args: impl IntoIterator<Item = OsString>,
    invocation: Invocation<'_>,
    description: &Description,
) -> Result<Result<Arguments, String>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut arguments = Arguments {
        verb: Verb::Render,
        task: Task::Render,
        field: None,
        depth: Depth::Fields,
        name: None,
        namespace: invocation.namespace.to_owned(),
    };
    let mut parser = lexopt::Parser::from_args(args);
    let mut verb = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Err(help(invocation, description))),
            Short('V') | Long("version") => {
                return Ok(Err(format!("{} {}\n", description.name, description.version)));
            }
            Long("name") => arguments.name = Some(parser.value()?.string()?),
            Short('n') | Long("namespace") => arguments.namespace = parser.value()?.string()?,
            Value(word) if verb.is_none() => {
                verb = Some(match word.to_str() {
                    Some("render") => Verb::Render,
                    Some("validate") => Verb::Validate,
                    Some("krm") => Verb::Krm,
                    Some("schema") => Verb::Schema,
                    Some("defaults") => Verb::Defaults,
                    Some("explain") => Verb::Explain,
                    _ => return Err(Value(word).unexpected()),
                });
            }
            Long("validate") if verb == Some(Verb::Krm) => arguments.task = Task::Validate,
            Long("recursive") if verb == Some(Verb::Explain) => arguments.depth = Depth::Tree,
            Value(field) if verb == Some(Verb::Explain) && arguments.field.is_none() => {
                arguments.field = Some(field.string()?);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    arguments.verb = verb.unwrap_or(Verb::Render);
    Ok(Ok(arguments))
}

fn help(Invocation { program, namespace }: Invocation<'_>, description: &Description) -> String {
    let Description {
        name,
        version,
        summary,
        api_version,
        kind,
        ..
    } = description;
    let namespace = printable::excerpt(namespace);
    format!(
        "\
{summary}

Usage: {program} [COMMAND] [OPTIONS] < INPUT

Standard input is one of
  a values document, YAML or JSON          its manifests are written
  nothing                                  the manifests of the defaults are written
  a stream of Kubernetes objects           each {kind} ({api_version}) is replaced
                                           by its manifests, all else passes through untouched

Commands:
  render      Write the manifests to standard output (the default)
  validate    Only say what is wrong with the input
  krm         Be a function of Kustomize or kpt: krm [--validate] < RESOURCE_LIST
  explain     Explain a value or a code of a diagnostic: explain [NAME] [--recursive]
  schema      Print the JSON Schema of the values
  defaults    Print all values with their defaults, as commented YAML

Options:
      --name NAME            Name of what is rendered from values [default: {name}]
  -n, --namespace NAMESPACE  Namespace of what names none itself [default: {namespace}]
  -h, --help                 Print this help
  -V, --version              Print the version ({version})

Examples:
  {program} < /dev/null
  {program} defaults > values.yaml
  {program} explain spec --recursive
  {program} --name {name}-a --namespace databases < values.yaml

The exit status is 0 if the input was accepted and 1 if not; then nothing is written to standard output.
"
    )
}

/// Runs the package as a function. Unlike the other commands it writes to standard output even if it refuses the input,
/// because a host takes its results from there.
fn function(package: &dyn Package, description: &Description, task: Task, input: &[u8]) -> Outcome {
    let text = match stream::decode(input) {
        Ok(text) => text,
        Err(problem) => return outcome(Err(vec![problem]), description, Verb::Krm),
    };
    let outcome = match krm::run(text, description, task, |request| {
        Ok::<_, BadManifest>(package.render(request))
    }) {
        Ok(outcome) => outcome,
        Err(error) => return Outcome::failed(error),
    };
    let mut stderr = outcome.to_text();
    if outcome.is_refused() {
        // Writing to a string cannot fail.
        let _ = writeln!(stderr, "{}: the input is refused", description.name);
    }
    Outcome {
        status: u8::from(outcome.is_refused()),
        stdout: outcome.list,
        stderr,
    }
}

fn explain(package: &dyn Package, description: &Description, arguments: &Arguments) -> Outcome {
    let documentation = match Documentation::new(&package.schema(), description.clone(), package.codes()) {
        Ok(documentation) => documentation,
        Err(error) => {
            return Outcome::failed(format_args!("the package's schema is not JSON: {error}"));
        }
    };
    let name = arguments.field.as_deref().unwrap_or_default();
    match documentation.explain(name, arguments.depth) {
        Ok(text) => Outcome::done(text),
        Err(problem) => Outcome {
            stderr: problem.display("NAME").to_string(),
            status: 2,
            ..Outcome::default()
        },
    }
}

fn outcome(rendered: Result<Rendered<'_>, Vec<Diagnostic>>, description: &Description, verb: Verb) -> Outcome {
    let (stdout, diagnostics, status) = match rendered {
        Ok(rendered) => {
            let render = verb == Verb::Render;
            let text = if render { rendered.to_text() } else { String::new() };
            (text, rendered.warnings, 0)
        }
        Err(diagnostics) => (String::new(), diagnostics, 1),
    };
    let mut stderr = String::new();
    for diagnostic in &diagnostics {
        // Writing to a string cannot fail.
        let _ = write!(stderr, "{}", diagnostic.display(STDIN));
    }
    if status == 1 {
        let _ = writeln!(stderr, "{}: the input is refused", description.name);
    } else if verb == Verb::Validate {
        let _ = writeln!(stderr, "{}: the input is accepted", description.name);
    }
    Outcome { stdout, stderr, status }
}
