//! The input of a command: read, merged and rendered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use rutter::stream::{self, Part, Rendered};
use rutter::yaml::YAML_FEATURE;
use rutter::{Description, Diagnostic, ObjectKind, Request, State, printable};
use rutter_host::Package;

use crate::args::{Input, Set};
use crate::failure::{Failure, Located};
use crate::observed::{self, Installed, NamedSecrets, Problem};
use crate::reader;
use crate::sources::Sources;
use crate::stream::Documents;
use helm_values::{Expression, Kind, Merged, Values};

/// A rendered input.
#[derive(Debug)]
pub(crate) struct RenderedInput<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) warnings: Vec<Located>,
    /// The notes for each installation.
    pub(crate) notes: Vec<String>,
}

/// Reads everything that the command line names into `sources`: first the files, then the expressions, in the order in
/// which they count.
pub(crate) fn read(files: &[PathBuf], set: &Set, sources: &mut Sources) -> Result<(), Failure> {
    for path in files {
        add(path, sources)?;
    }
    for (kind, text) in set.expressions() {
        sources.add(format!("{} {text}", kind.option()), text);
    }
    Ok(())
}

/// An input, decided once: by the number of its documents, and for a single one by [`render`].
pub(crate) enum Opened {
    /// Values, or a single object, are in `sources`.
    Whole,
    /// Objects.
    Stream(Documents),
}

/// Opens the input, and does what [`read`] does unless it is a stream of several documents, or a directory.
pub(crate) fn open(input: &Input, sources: &mut Sources) -> Result<Opened, Failure> {
    let ([path], None) = (&*input.files, input.set.expressions().next()) else {
        return read(&input.files, &input.set, sources).map(|()| Opened::Whole);
    };
    if path.is_dir() {
        let documents = Documents::of_directory(path);
        let documents = documents.map_err(|error| reader::unreadable(&printable::path(path), error))?;
        return Ok(Opened::Stream(documents));
    }
    let (name, reader) = reader::open(path)?;
    match crate::stream::open(&name, reader).map_err(|error| reader::unreadable(&name, error))? {
        crate::stream::Opened::Whole(bytes) => add_bytes(name, &bytes, sources).map(|()| Opened::Whole),
        crate::stream::Opened::Stream(documents) => Ok(Opened::Stream(documents)),
    }
}

/// Reads a file, or standard input for `-`, into `sources`. What is no text is refused, with its place.
pub(crate) fn add(path: &Path, sources: &mut Sources) -> Result<(), Failure> {
    let (name, bytes) = reader::read(path)?;
    add_bytes(name, &bytes, sources)
}

fn add_bytes(name: String, bytes: &[u8], sources: &mut Sources) -> Result<(), Failure> {
    let problem = stream::decode(bytes).err();
    let source = sources.add(name, String::from_utf8_lossy(bytes));
    match problem {
        Some(problem) => Err(Failure::Refused(Located::all(source, vec![problem]))),
        None => Ok(()),
    }
}

/// Renders what [`read`] has read.
pub(crate) fn render<'a>(
    package: &Package,
    description: &Description,
    input: &Input,
    sources: &'a Sources,
) -> Result<RenderedInput<'a>, Failure> {
    let installed = installed(package, description, input)?;
    let request = |values: &str| Request {
        name: input
            .installation
            .name
            .clone()
            .unwrap_or_else(|| description.name.clone()),
        namespace: input.installation.namespace.clone(),
        values: values.to_owned(),
        release: None,
        capabilities: None,
        installed: installed.clone(),
    };
    let only = match (&*input.files, input.set.expressions().next()) {
        ([], None) => Some(""),
        ([_], None) => sources.get(0).map(|source| source.text.as_str()),
        _ => None,
    };
    let Some(text) = only else {
        let merged = merge(description, &input.files, &input.set, sources)?;
        return match package.render(&request(merged.text()))? {
            Ok(rendering) => Ok(RenderedInput {
                parts: vec![Part::Manifests(rendering.manifests)],
                warnings: merged.locate_all(rendering.warnings),
                notes: vec![rendering.notes],
            }),
            Err(diagnostics) => Err(Failure::Refused(merged.locate_all(diagnostics))),
        };
    };
    let (name, namespace) = (
        input.installation.name.as_deref(),
        input.installation.namespace.as_str(),
    );
    let mut notes = Vec::new();
    let render = |request: &Request| {
        let mut request = request.clone();
        if installed.is_some() {
            request.installed.clone_from(&installed);
        }
        let answer = package.render(&request);
        if let Ok(Ok(rendering)) = &answer {
            notes.push(rendering.notes.clone());
        }
        answer
    };
    let rendered = stream::render_text(text, description, name, namespace, render)?;
    let Rendered { parts, warnings } =
        rendered.map_err(|diagnostics| Failure::Refused(Located::all(0, diagnostics)))?;
    let warnings = Located::all(0, warnings);
    Ok(RenderedInput { parts, warnings, notes })
}

/// The installed state of a file.
pub(crate) struct InstalledFile {
    /// The name of the file for people.
    pub(crate) name: String,
    /// Its text, unless that is too large to be held.
    pub(crate) text: String,
    pub(crate) state: Result<State, Vec<Diagnostic>>,
}

/// Reads the installed state from a file, and of objects those of these kinds.
pub(crate) fn read_installed(
    path: &Path,
    (kinds, rendered): (&[ObjectKind], &NamedSecrets),
    description: &Description,
    name: Option<&str>,
    namespace: &str,
) -> Result<InstalledFile, Failure> {
    let (file, reader) = reader::open(path)?;
    let mut text = String::new();
    let state = match observed::read(reader, kinds, rendered) {
        Ok(Installed::Whole(bytes)) => {
            text = String::from_utf8_lossy(&bytes).into_owned();
            let state = stream::decode(&bytes).map_err(|problem| vec![problem]);
            let state = state.and_then(|text| rutter::plan::state(text, description, name, namespace));
            state.map_err(Problem::from).and_then(|state| match state {
                State::Objects(text) => observed::reduce(&text, kinds, rendered).map(State::Objects),
                values @ State::Values(_) => Ok(values),
            })
        }
        Ok(Installed::Objects(objects)) => Ok(State::Objects(objects)),
        Err(problem) => Err(problem),
    };
    let state = match state {
        Ok(state) => Ok(state),
        Err(Problem::Refused(problems)) => Err(problems),
        Err(Problem::Unreadable(error)) => return Err(reader::unreadable(&file, error)),
    };
    Ok(InstalledFile {
        name: file,
        text,
        state,
    })
}

/// Reads the installed objects of `--against`.
pub(crate) fn installed(
    package: &Package,
    description: &Description,
    input: &Input,
) -> Result<Option<String>, Failure> {
    let Some(path) = &input.against else {
        return Ok(None);
    };
    if reader::is_stdin(path) && input.files.iter().any(|path| reader::is_stdin(path)) {
        return Err(Failure::BadCommandLine(anyhow!(
            "only one of the two can be standard input"
        )));
    }
    let installation = &input.installation;
    let (name, namespace) = (installation.name.as_deref(), &installation.namespace);
    let InstalledFile { name, state, .. } = read_installed(
        path,
        (&package.observes()?, &NamedSecrets::new()),
        description,
        name,
        namespace,
    )?;
    let refused = |diagnostics: Vec<Diagnostic>| {
        let shown = diagnostics.iter().map(|problem| problem.display(&name).to_string());
        let shown = shown.collect::<String>();
        Failure::BadCommandLine(anyhow!("what is installed cannot be read\n{}", shown.trim_end()))
    };
    match state.map_err(refused)? {
        State::Objects(objects) => Ok(Some(objects)),
        State::Values(request) => match package.render(&request)? {
            Ok(rendering) => Ok(Some(stream::join(&rendering.manifests))),
            Err(problems) => Err(refused(problems)),
        },
    }
}

/// Values merged from files and expressions.
#[derive(Debug)]
pub(crate) struct MergedInputs {
    merged: Merged,
    /// The expressions, by the number of their source.
    expressions: BTreeMap<u32, (Kind, String)>,
}

impl MergedInputs {
    /// The merged document.
    pub(crate) fn text(&self) -> &str {
        &self.merged.text
    }

    /// Adds the source and the position to diagnostics about the merged document.
    pub(crate) fn locate_all(&self, diagnostics: Vec<Diagnostic>) -> Vec<Located> {
        let locate = |mut diagnostic: Diagnostic| {
            let origin = self.merged.origin(&diagnostic);
            let source = origin.map_or(0, |place| place.source);
            if origin.is_some()
                && let Some((kind, text)) = self.expressions.get(&source)
                && let Some(help) = diagnostic
                    .help
                    .as_deref()
                    .and_then(|help| other_option(help, *kind, text))
            {
                diagnostic.help = Some(help);
            }
            Located {
                source,
                diagnostic: diagnostic.at(origin.map(|place| place.position)),
            }
        };
        stream::for_command_line(diagnostics).into_iter().map(locate).collect()
    }
}

/// Replaces advice about quotes, which the expressions of `--set` and `--set-string` do not have.
fn other_option(help: &str, kind: Kind, text: &str) -> Option<String> {
    let other = match kind {
        Kind::Typed if help.starts_with("write it in quotes: ") => Kind::String,
        Kind::String if help.starts_with("write it without quotes: ") => Kind::Typed,
        _ => return None,
    };
    let (option, other) = (kind.option(), other.option());
    // Of several values, the others may have the right type.
    Some(if text.contains(',') {
        format!("set it with {other} instead of {option}")
    } else {
        format!("write {other} {}", printable::excerpt(text))
    })
}

/// Merges the sources that [`read`] has read first into one document.
pub(crate) fn merge(
    description: &Description,
    files: &[PathBuf],
    set: &Set,
    sources: &Sources,
) -> Result<MergedInputs, Failure> {
    let mut values = Values::default();
    let mut expressions = BTreeMap::new();
    let mut numbers = 0..;
    for (_, number) in files.iter().zip(&mut numbers) {
        let Some(source) = sources.get(number) else {
            continue;
        };
        let refused = |diagnostics| Failure::Refused(Located::all(number, diagnostics));
        if let stream::Input::Stream(_) = stream::read(&source.text, description, DEFAULT_NAMESPACE).map_err(refused)? {
            let message = "Kubernetes objects cannot be merged with other values";
            let diagnostic = Diagnostic::new(&YAML_FEATURE, "", message)
                .help("give the objects alone, or only what stands under `spec` as values");
            return Err(refused(vec![diagnostic]));
        }
        values.merge_text(&source.text, number).map_err(refused)?;
    }
    for ((kind, text), source) in set.expressions().zip(numbers) {
        let expression = Expression { kind, source, text };
        let applied = values.apply(&expression, &mut |path| {
            let (name, bytes) = reader::read(Path::new(path)).map_err(Stop::Unreadable)?;
            String::from_utf8(bytes)
                .map_err(|_| Stop::Unreadable(Failure::BadCommandLine(anyhow!("{name} is not UTF-8"))))
        });
        applied.map_err(|stop| match stop {
            Stop::Wrong(diagnostic) => Failure::BadExpression(Located { source, diagnostic }),
            Stop::Unreadable(failure) => failure,
        })?;
        expressions.insert(source, (kind, text.to_owned()));
    }
    let merged = values.finish();
    Ok(MergedInputs { merged, expressions })
}

/// Why an expression could not be applied.
enum Stop {
    Wrong(Diagnostic),
    Unreadable(Failure),
}

impl From<Diagnostic> for Stop {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Wrong(diagnostic)
    }
}

/// Where objects belong that name no namespace, where that makes no difference.
const DEFAULT_NAMESPACE: &str = "default";

#[cfg(test)]
mod tests {
    use rutter::Position;

    use super::*;

    /// The help for the value of `abcd`, which an expression sets.
    fn help(kind: Kind, text: &str, help: &str) -> Option<String> {
        let mut values = Values::default();
        let source = 0;
        let expression = Expression { kind, source, text };
        let applied = values.apply::<Diagnostic>(&expression, &mut |_| Ok(String::new()));
        applied.expect("an expression");
        let merged = MergedInputs {
            merged: values.finish(),
            expressions: BTreeMap::from([(source, (kind, text.to_owned()))]),
        };
        let diagnostic = Diagnostic::new(&YAML_FEATURE, "abcd", "").help(help);
        let diagnostic = diagnostic.at(Some(Position { line: 1, column: 10 }));
        merged.locate_all(vec![diagnostic]).remove(0).diagnostic.help
    }

    #[test]
    fn advice_about_quotes_names_the_option_that_has_their_effect() {
        let quote = "write it in quotes: \"true\"";
        let unquote = "write it without quotes: 5";
        for (kind, text, given, expected) in [
            (Kind::Typed, "abcd=true", quote, "write --set-string abcd=true"),
            (
                Kind::Typed,
                "abcd=true,b=1",
                quote,
                "set it with --set-string instead of --set",
            ),
            (Kind::String, "abcd=5", unquote, "write --set abcd=5"),
            (Kind::Json, "abcd=true", quote, quote),
            (Kind::Typed, "abcd=true", "did you mean abce?", "did you mean abce?"),
        ] {
            assert_eq!(help(kind, text, given).as_deref(), Some(expected), "{kind:?} {text}");
        }
    }
}
