//! The manifests of an Application.

use rutter::stream::{self, Document, Input, Names, Rendered};
use rutter::yaml::{INVALID_VALUE, MISSING_FIELD};
use rutter::{Description, Diagnostic, Manifest, Request, Severity};
use rutter_host::Package;

use super::contents::{self, Target, targets, values_file, whole_file};
use super::environment::Environment;
use super::overrides::Overrides;
use super::parameters::{self, Parameters};
use crate::failure::{Failure, Located};
use crate::output;
use crate::sources::Sources;

/// The number of a text that is no source: the `spec` of an object, whose positions only the object knows.
const SPEC: u32 = u32::MAX;

pub(super) struct Generation<'a> {
    pub(super) package: &'a Package,
    pub(super) description: &'a Description,
    pub(super) parameters: &'a Parameters,
    pub(super) environment: &'a Environment,
    pub(super) overrides: &'a Overrides,
    pub(super) sources: &'a Sources,
}

impl Generation<'_> {
    /// The whole stream, and the warnings.
    pub(super) fn run(&self, files: &[(u32, String)]) -> Result<(String, Vec<Located>), Failure> {
        let Self {
            description, sources, ..
        } = *self;
        let targets = targets(files, description, self.namespace(), sources).map_err(Failure::Refused)?;
        self.check(&targets)?;
        let mut names = Names::default();
        let (mut text, mut diagnostics) = (String::new(), Vec::new());
        for (source, name) in files {
            let content = sources.get(*source).map_or("", |source| source.text.as_str());
            let refused = |diagnostics| Failure::Refused(whole_file(*source, diagnostics));
            match contents::read(name, content, description, self.namespace()).map_err(refused)? {
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

    /// Refuses parameters that are for nothing, or for nothing in particular, and a directory that is not ours.
    fn check(&self, targets: &[Target]) -> Result<(), Failure> {
        let problem = |code, path: &str, message: String, help: &str| {
            let diagnostic = Diagnostic::new(code, path, message).help(help);
            Failure::Refused(Located::all(0, vec![diagnostic]))
        };
        let kind = &self.description.kind;
        let values = values_file(self.description);
        if targets.is_empty() {
            let message = format!("this directory holds neither an {kind} nor {values}");
            let help =
                "without them Argo CD would delete what it has; name the right directory in the Application's path";
            return Err(problem(&MISSING_FIELD, "", message, help));
        }
        if targets.len() > 1 && !self.overrides.is_empty() {
            let files: Vec<&str> = targets.iter().map(Target::file).collect();
            let path = if self.overrides.values.is_some() {
                "values"
            } else {
                "set"
            };
            let message = format!(
                "it changes one {kind}, and this directory holds {}: in {}",
                targets.len(),
                rutter::suggest::list(&files, "and")
            );
            let help = "write it into the file, or give each its own directory and Application";
            return Err(problem(&INVALID_VALUE, &parameters::path(path), message, help));
        }
        let bare = targets.iter().any(|taker| matches!(taker, Target::Values(_)));
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
                    let message =
                        format!("the {kind} {name:?} is rendered for another object of this directory already");
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
