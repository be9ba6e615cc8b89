//! The dialect of an Argo CD config management plugin: an Application's folder in, its manifests out.
//!
//! Argo CD runs a plugin's commands in that folder, says what it knows by environment variables, and shows standard error
//! to people where a command fails (argoproj/argo-cd v3.5, `cmpserver/plugin/plugin.go`). It deletes what a command no
//! longer writes, so that here more than anywhere the result is whole or there is none.

mod folder;
mod parameters;

use std::process::ExitCode;

use rutter::stream::{self, Document, Input, Names, Rendered};
use rutter::yaml::{INVALID_VALUE, MISSING_FIELD, YAML_FEATURE, YAML_LIMIT};
use rutter::{Capabilities, Description, Diagnostic, Manifest, Position, Request, Severity};
use rutter_host::Package;

use self::folder::{File, Folder};
use self::parameters::Parameters;
use crate::args::{ArgoCd, OutputFormat, Source};
use crate::commands;
use crate::failure::{Failure, Located};
use crate::sources::Sources;
use crate::{output, package, report};
use helm_values::{Expression, Kind, Merged, Values};

/// Runs one of the plugin's commands and says on standard error what became of it.
pub(crate) fn run(command: &ArgoCd) -> ExitCode {
    let mut sources = Sources::default();
    let result = match command {
        ArgoCd::Discover(source) => discover(source),
        ArgoCd::Generate(source) => generate(source, &mut sources),
        ArgoCd::Parameters(source) => announce(source, &mut sources),
    };
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    commands::tell(
        &failure,
        &sources,
        OutputFormat::Yaml,
        "rutter: the input is refused, and nothing is generated",
    );
    ExitCode::from(failure.exit_status())
}

/// Writes the names of the files that make a folder ours.
fn discover(source: &Source) -> Result<(), Failure> {
    let folder = Folder::current()?;
    // Argo CD asks plugins before it looks for a chart or a kustomization, and the answer would take the folder from
    // them.
    if let Some(owner) = folder.owner() {
        report::to_stderr(&format!("note: {owner} says whose this folder is"));
        return Ok(());
    }
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let values = values_file(&description);
    let found: String = folder
        .names()
        .iter()
        .filter(|name| name.shown == values || folder.peek(name).is_some_and(|bytes| concerns(&bytes, &description)))
        .map(|name| format!("{}\n", name.shown))
        .collect();
    output::to_stdout(&found).map_err(Failure::Host)
}

/// The name of a file with bare values.
fn values_file(description: &Description) -> String {
    format!("{}-values.yaml", description.name)
}

/// Whether a file holds an object of the package's kind, or means to: what is wrong with it, the generation says.
fn concerns(bytes: &[u8], description: &Description) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let group = description.api_version.split('/').next().unwrap_or_default();
    if !text.contains(group) {
        return false;
    }
    match stream::read(&text, description, "default") {
        Ok(Input::Stream(documents)) => documents
            .iter()
            .any(|document| matches!(document, Document::Ours(_) | Document::Refused(_))),
        Ok(Input::Values(_)) => false,
        Err(_) => true,
    }
}

fn generate(source: &Source, sources: &mut Sources) -> Result<(), Failure> {
    let environment = Environment::read();
    let parameters = Parameters::read()?;
    let folder = Folder::current()?;
    if let Some(owner) = folder.owner() {
        let message = format!("{owner} says whose this folder is: Argo CD renders it without this plugin");
        let problem = Diagnostic::new(&YAML_FEATURE, "", message)
            .help("leave `plugin` out of the Application, or give what the plugin renders a folder of its own");
        return Err(Failure::Refused(Located::all(0, vec![problem])));
    }
    let files = read_all(&folder, sources)?;
    let overrides = Overrides::of(&parameters, sources);
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let generation = Generation {
        package: &package,
        description: &description,
        parameters: &parameters,
        environment: &environment,
        overrides: &overrides,
        sources,
    };
    let (text, warnings) = generation.run(&files)?;
    output::to_stdout(&text).map_err(Failure::Host)?;
    report::write(&warnings, sources, OutputFormat::Yaml, None);
    Ok(())
}

/// Says which parameters this folder takes, as Argo CD's user interface shows them.
///
/// Asked for at run time, and not written into the plugin's configuration, because that depends on the folder: a name is
/// for bare values, and values for one cluster. One table, too, says what is announced and what is accepted.
fn announce(source: &Source, sources: &mut Sources) -> Result<(), Failure> {
    let folder = Folder::current()?;
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    // What is wrong with the folder is for the generation to say.
    let takers = read_all(&folder, sources)
        .ok()
        .and_then(|files| takers(&files, &description, "default", sources).ok());
    let text = parameters::announcement(takers.as_deref(), &Environment::read().name);
    output::to_stdout(&text).map_err(Failure::Host)
}

/// What Argo CD says of the Application and its cluster.
struct Environment {
    name: Option<String>,
    namespace: Option<String>,
    capabilities: Option<Capabilities>,
}

impl Environment {
    fn read() -> Self {
        let kube_version = parameters::variable("KUBE_VERSION").map(|version| {
            // Argo CD leaves the letter out.
            if version.starts_with('v') {
                version
            } else {
                format!("v{version}")
            }
        });
        Self {
            name: parameters::variable("ARGOCD_APP_NAME"),
            namespace: parameters::variable("ARGOCD_APP_NAMESPACE"),
            capabilities: kube_version.map(|kube_version| Capabilities {
                kube_version,
                api_versions: parameters::variable("KUBE_API_VERSIONS")
                    .unwrap_or_default()
                    .split(',')
                    .filter(|version| !version.is_empty())
                    .map(str::to_owned)
                    .collect(),
            }),
        }
    }
}

/// Reads the folder's files, which together are as large as one input may be.
fn read_all(folder: &Folder, sources: &mut Sources) -> Result<Vec<(u32, String)>, Failure> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut left = stream::MAX_BYTES;
    for name in folder.names() {
        match folder.read(name, left) {
            File::Text(bytes) => {
                let problem = stream::decode(&bytes).err();
                let source = sources.add(name.shown.as_str(), String::from_utf8_lossy(&bytes));
                problems.extend(Located::all(source, problem.into_iter().collect()));
                left = left.saturating_sub(bytes.len());
                files.push((source, name.shown.clone()));
            }
            File::TooLarge => {
                let message = format!(
                    "with this file the folder is larger than the {} MiB accepted",
                    stream::MAX_BYTES >> 20
                );
                let problem = Diagnostic::new(&YAML_LIMIT, "", message)
                    .help("move what is not of this Application to another folder");
                problems.extend(whole_file(sources.add(name.shown.as_str(), ""), vec![problem]));
                break;
            }
            File::Refused(message) => {
                let problem = Diagnostic::new(&INVALID_VALUE, "", message)
                    .help("put the file itself into the folder, or take it away");
                problems.extend(whole_file(sources.add(name.shown.as_str(), ""), vec![problem]));
            }
        }
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(Failure::Refused(problems))
    }
}

/// Diagnostics of a file, those about the whole of which are at its start, so that they name it.
fn whole_file(source: u32, diagnostics: Vec<Diagnostic>) -> Vec<Located> {
    let start = Position { line: 1, column: 1 };
    let place = |diagnostic: Diagnostic| {
        let position = diagnostic.position.unwrap_or(start);
        diagnostic.at(Some(position))
    };
    Located::all(source, diagnostics.into_iter().map(place).collect())
}

/// What parameters can be for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Taker {
    /// Bare values in this file.
    Values(String),
    /// An object in this file.
    Object(String),
}

impl Taker {
    fn file(&self) -> &str {
        match self {
            Self::Values(file) | Self::Object(file) => file,
        }
    }
}

fn takers(
    files: &[(u32, String)],
    description: &Description,
    namespace: &str,
    sources: &Sources,
) -> Result<Vec<Taker>, Vec<Located>> {
    let mut takers = Vec::new();
    let mut problems = Vec::new();
    for (source, name) in files {
        let text = sources.get(*source).map_or("", |source| source.text.as_str());
        match read(name, text, description, namespace) {
            Ok(Input::Values(_)) if *name == values_file(description) => takers.push(Taker::Values(name.clone())),
            Ok(Input::Values(_)) => {}
            Ok(Input::Stream(documents)) => {
                for document in documents {
                    match document {
                        Document::Foreign(_) => {}
                        Document::Ours(_) => takers.push(Taker::Object(name.clone())),
                        Document::Refused(diagnostics) => problems.extend(whole_file(*source, diagnostics)),
                    }
                }
            }
            Err(diagnostics) => problems.extend(whole_file(*source, diagnostics)),
        }
    }
    if problems.is_empty() { Ok(takers) } else { Err(problems) }
}

/// Takes a file apart, which holds values if that is its name, and objects, or nothing, if not.
fn read<'a>(
    name: &str,
    text: &'a str,
    description: &Description,
    namespace: &str,
) -> Result<Input<'a>, Vec<Diagnostic>> {
    let values = values_file(description);
    let problem = |message: String, help: String| Err(vec![Diagnostic::new(&YAML_FEATURE, "", message).help(help)]);
    match stream::read(text, description, namespace)? {
        Input::Stream(_) if name == values => problem(
            format!("{values} holds Kubernetes objects, where bare values are expected"),
            "rename the file, or leave only what stands under `spec` in it".to_owned(),
        ),
        Input::Values(text) if name != values && !text.is_empty() => problem(
            "this is no Kubernetes object".to_owned(),
            format!("name the file {values} if it holds values, or .{name} if it is not to be applied"),
        ),
        input => Ok(input),
    }
}

/// The parameters that change values, by the numbers of their sources.
struct Overrides {
    values: Option<u32>,
    set: Vec<u32>,
}

impl Overrides {
    fn of(parameters: &Parameters, sources: &mut Sources) -> Self {
        let Parameters { values, set, .. } = parameters;
        Self {
            values: values
                .as_ref()
                .map(|text| sources.add("parameter values", text.as_str())),
            set: set
                .iter()
                .map(|expression| sources.add(format!("parameter set: {expression}"), expression.as_str()))
                .collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_none() && self.set.is_empty()
    }

    /// Merges them over a text, whose number is `source`.
    fn merge(&self, text: &str, source: u32, sources: &Sources) -> Result<Merged, Vec<Located>> {
        let refused = |source| move |diagnostics| Located::all(source, diagnostics);
        let text_of = |source| sources.get(source).map_or("", |source| source.text.as_str());
        let mut values = Values::default();
        values.merge_text(text, source).map_err(refused(source))?;
        if let Some(source) = self.values {
            values.merge_text(text_of(source), source).map_err(refused(source))?;
        }
        for source in &self.set {
            let expression = Expression {
                kind: Kind::Typed,
                source: *source,
                text: text_of(*source),
            };
            values
                .apply(&expression, &mut |path| {
                    // Only `--set-file` reads.
                    let message = format!("{path} is not read");
                    Err(Diagnostic::new(&YAML_FEATURE, "", message))
                })
                .map_err(|diagnostic| refused(*source)(vec![diagnostic]))?;
        }
        Ok(values.finish())
    }
}

/// The number of a text that is no source: the `spec` of an object, whose positions only the object knows.
const SPEC: u32 = u32::MAX;

struct Generation<'a> {
    package: &'a Package,
    description: &'a Description,
    parameters: &'a Parameters,
    environment: &'a Environment,
    overrides: &'a Overrides,
    sources: &'a Sources,
}

impl Generation<'_> {
    /// The whole stream, and the warnings.
    fn run(&self, files: &[(u32, String)]) -> Result<(String, Vec<Located>), Failure> {
        let Self {
            description, sources, ..
        } = *self;
        let takers = takers(files, description, self.namespace(), sources).map_err(Failure::Refused)?;
        self.check(&takers)?;
        let mut names = Names::default();
        let (mut text, mut diagnostics) = (String::new(), Vec::new());
        for (source, name) in files {
            let content = sources.get(*source).map_or("", |source| source.text.as_str());
            let refused = |diagnostics| Failure::Refused(whole_file(*source, diagnostics));
            match read(name, content, description, self.namespace()).map_err(refused)? {
                Input::Values(values) if *name == values_file(description) => {
                    append(
                        &mut text,
                        &self.render_values(*source, values, &mut names, &mut diagnostics)?,
                    );
                }
                Input::Values(_) => {}
                Input::Stream(documents) => {
                    append(
                        &mut text,
                        &self.render_objects(*source, documents, &mut names, &mut diagnostics)?,
                    );
                }
            }
        }
        if diagnostics
            .iter()
            .any(|located| located.diagnostic.severity == Severity::Error)
        {
            return Err(Failure::Refused(diagnostics));
        }
        Ok((text, diagnostics))
    }

    fn namespace(&self) -> &str {
        let given = [&self.parameters.namespace, &self.environment.namespace];
        given.into_iter().flatten().next().map_or("default", String::as_str)
    }

    /// Refuses parameters that are for nothing, or for nothing in particular, and a folder that is not ours.
    fn check(&self, takers: &[Taker]) -> Result<(), Failure> {
        let problem = |code, path: &str, message: String, help: &str| {
            let diagnostic = Diagnostic::new(code, path, message).help(help);
            Failure::Refused(Located::all(0, vec![diagnostic]))
        };
        let kind = &self.description.kind;
        let values = values_file(self.description);
        if takers.is_empty() {
            let message = format!("this folder holds neither an {kind} nor {values}");
            let help = "without them Argo CD would delete what it has; name the right folder in the Application's path";
            return Err(problem(&MISSING_FIELD, "", message, help));
        }
        if takers.len() > 1 && !self.overrides.is_empty() {
            let files: Vec<&str> = takers.iter().map(Taker::file).collect();
            let path = if self.overrides.values.is_some() {
                "values"
            } else {
                "set"
            };
            let message = format!(
                "it changes one {kind}, and this folder holds {}: in {}",
                takers.len(),
                rutter::suggest::list(&files, "and")
            );
            let help = "write it into the file, or give each its own folder and Application";
            return Err(problem(&INVALID_VALUE, &parameters::path(path), message, help));
        }
        let bare = takers.iter().any(|taker| matches!(taker, Taker::Values(_)));
        if self.parameters.name.is_some() && !bare {
            let message = format!("it names what is rendered from {values}, and each {kind} has a name");
            return Err(problem(
                &INVALID_VALUE,
                &parameters::path("name"),
                message,
                "leave it out",
            ));
        }
        Ok(())
    }

    fn request(&self, name: String, namespace: String, values: String) -> Request {
        Request {
            name,
            namespace,
            values,
            // Argo CD tells neither a revision nor whether anything is installed.
            release: None,
            capabilities: self.environment.capabilities.clone(),
            installed: None,
        }
    }

    /// Renders bare values.
    fn render_values(
        &self,
        source: u32,
        text: &str,
        names: &mut Names,
        diagnostics: &mut Vec<Located>,
    ) -> Result<String, Failure> {
        let (name, named_by) = match (&self.parameters.name, &self.environment.name) {
            (Some(name), _) => (name, parameters::path("name")),
            (None, Some(name)) => (name, "ARGOCD_APP_NAME".to_owned()),
            (None, None) => (&self.description.name, String::new()),
        };
        let merged = if self.overrides.is_empty() {
            None
        } else {
            match self.overrides.merge(text, source, self.sources) {
                Ok(merged) => Some(merged),
                Err(problems) => {
                    diagnostics.extend(problems);
                    return Ok(String::new());
                }
            }
        };
        let values = merged.as_ref().map_or(text, |merged| &merged.text);
        let request = self.request(name.clone(), self.namespace().to_owned(), values.to_owned());
        let locate = |mut diagnostic: Diagnostic| {
            match diagnostic.path.as_str() {
                Diagnostic::NAME => {
                    diagnostic.path.clone_from(&named_by);
                    diagnostic.help = Some("set the parameter `name`".to_owned());
                }
                Diagnostic::NAMESPACE => "the Application's destination.namespace".clone_into(&mut diagnostic.path),
                _ => {}
            }
            match &merged {
                Some(merged) => {
                    let origin = merged.origin(&diagnostic);
                    Located {
                        source: origin.map_or(source, |place| place.source),
                        diagnostic: diagnostic.at(origin.map(|place| place.position)),
                    }
                }
                None => Located { source, diagnostic },
            }
        };
        match self.package.render(&request)? {
            Ok(rendering) => {
                diagnostics.extend(rendering.warnings.into_iter().map(locate));
                for Manifest { kind, name, .. } in names.add(&rendering.manifests) {
                    let message = format!("the {kind} {name:?} is rendered for another object of this folder already");
                    let problem = Diagnostic::new(&INVALID_VALUE, named_by.as_str(), message)
                        .help("rename one of the two, or let only one of them render it");
                    diagnostics.extend(whole_file(source, vec![problem]));
                }
                Ok(stream::join(&rendering.manifests))
            }
            Err(problems) => {
                diagnostics.extend(problems.into_iter().map(locate));
                Ok(String::new())
            }
        }
    }

    /// Renders a stream.
    fn render_objects(
        &self,
        source: u32,
        documents: Vec<Document<'_>>,
        names: &mut Names,
        diagnostics: &mut Vec<Located>,
    ) -> Result<String, Failure> {
        let mut elsewhere = Vec::new();
        let rendered = stream::render_beside(documents, names, |request| self.render_object(request, &mut elsewhere))?;
        let text = match rendered {
            Ok(Rendered { parts, warnings }) => {
                diagnostics.extend(whole_file(source, warnings));
                let rendered = Rendered {
                    parts,
                    warnings: Vec::new(),
                };
                rendered.to_text()
            }
            Err(problems) => {
                diagnostics.extend(whole_file(source, problems));
                String::new()
            }
        };
        diagnostics.extend(elsewhere);
        Ok(text)
    }

    /// Renders an object, with what is wrong in parameters added to `elsewhere`.
    fn render_object(
        &self,
        request: &Request,
        elsewhere: &mut Vec<Located>,
    ) -> Result<Result<rutter::Rendering, Vec<Diagnostic>>, Failure> {
        let request = self.request(request.name.clone(), request.namespace.clone(), request.values.clone());
        if self.overrides.is_empty() {
            return Ok(self.package.render(&request)?);
        }
        let mut sort = |located: Vec<Located>| {
            let (here, there): (Vec<_>, Vec<_>) = located.into_iter().partition(|located| located.source == SPEC);
            elsewhere.extend(there);
            here.into_iter().map(|located| located.diagnostic).collect::<Vec<_>>()
        };
        let merged = match self.overrides.merge(&request.values, SPEC, self.sources) {
            Ok(merged) => merged,
            Err(problems) => return Ok(Err(sort(problems))),
        };
        let locate = |diagnostics: Vec<Diagnostic>| {
            let locate = |diagnostic: Diagnostic| {
                let origin = merged.origin(&diagnostic);
                Located {
                    source: origin.map_or(SPEC, |place| place.source),
                    diagnostic: diagnostic.at(origin.map(|place| place.position)),
                }
            };
            diagnostics.into_iter().map(locate).collect::<Vec<_>>()
        };
        let request = Request {
            values: merged.text.clone(),
            ..request
        };
        Ok(match self.package.render(&request)? {
            Ok(mut rendering) => {
                rendering.warnings = sort(locate(rendering.warnings));
                Ok(rendering)
            }
            Err(problems) => Err(sort(locate(problems))),
        })
    }
}

/// Adds what a file gives.
fn append(text: &mut String, more: &str) {
    if text.is_empty() || more.is_empty() {
        text.push_str(more);
        return;
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let (separator, more) = output::separate(more);
    text.push_str(separator);
    text.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_documents_of_their_own() {
        for (before, after, together) in [
            ("", "a: 1", "a: 1"),
            ("a: 1", "b: 2", "a: 1\n---\nb: 2"),
            ("a: 1\n", "---\nb: 2\n", "a: 1\n---\nb: 2\n"),
            ("a: 1\n", "---\r\nb: 2\n", "a: 1\n---\r\nb: 2\n"),
            ("a: 1\n", "----\n", "a: 1\n---\n----\n"),
            ("a: 1\n", "%YAML 1.2\n---\nb: 2\n", "a: 1\n...\n%YAML 1.2\n---\nb: 2\n"),
            ("a: 1\n", "\u{feff}b: 2\n", "a: 1\n---\nb: 2\n"),
            ("a: 1", "", "a: 1"),
        ] {
            let mut text = before.to_owned();
            append(&mut text, after);
            assert_eq!(text, together);
        }
    }
}
