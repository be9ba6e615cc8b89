//! Reads both states of a change from texts.

use crate::stream::{self, Document, Input};
use crate::yaml::YAML_FEATURE;
use crate::{ChangeRequest, Description, Diagnostic, Request, Severity, State};

/// Reads the installed state from a text: values, an object of the package's kind, or any Kubernetes objects. Values are those
/// of an installation called `name`; the default is the name of the package.
///
/// # Errors
///
/// Returns what is wrong with the text.
pub fn state(text: &str, package: &Description, name: Option<&str>, namespace: &str) -> Result<State, Vec<Diagnostic>> {
    // What is left of a stream without objects is no values either.
    let is_nothing = |line: &str| {
        let line = line.split('#').next().unwrap_or_default().trim();
        ["", "---", "...", "null", "~"].contains(&line)
    };
    refuse_nothing(
        if text.lines().all(is_nothing) { "" } else { text },
        "check the command that should have written it; `--install` plans a new cluster, and {} stands for the defaults",
    )?;
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
    refuse_nothing(
        text,
        "check the command that should have written it, or write {} for all defaults",
    )?;
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
    if name.is_some() {
        return Err(vec![stream::refuse_name()]);
    }
    Ok(ChangeRequest {
        name: Some(object.name),
        namespace: Some(object.namespace),
        ..ChangeRequest::new(object.values)
    })
}

/// The namespace of kubectl if no context has another.
const DEFAULT_NAMESPACE: &str = "default";

/// Refuses an empty text: it is rather what is left of a command that failed than all defaults.
fn refuse_nothing(text: &str, help: &str) -> Result<(), Vec<Diagnostic>> {
    if text.trim().is_empty() {
        return Err(vec![
            Diagnostic::new(&YAML_FEATURE, "", "the input is empty").help(help),
        ]);
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
            Diagnostic::new(&YAML_FEATURE, "", message).help("give one at a time"),
        ]);
    }
    match first {
        Some(object)
            if object
                .problems
                .iter()
                .any(|problem| problem.severity == Severity::Error) =>
        {
            Err(object.problems)
        }
        first => Ok(first.map(|object| object.request)),
    }
}
