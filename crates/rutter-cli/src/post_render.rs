//! Helm's post-renderer: the stream that Helm rendered in, the stream that it installs out.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use rutter::stream::{self, Document, Input, Part, Rendered};
use rutter::yaml::{self, YAML_FEATURE};
use rutter::{Description, Diagnostic, Manifest};
use rutter_host::Package;
use serde_json::{Value, json};

use crate::args::PostRender;
use crate::failure::{Failure, Located};
use crate::sources::Sources;
use crate::{inputs, json as from_yaml, output, package, report};

/// By this Helm 4 tells from which template an object is (helm/helm `pkg/action/action.go`, `filenameAnnotation`). It
/// takes it off again, and invents a file for an object that has none.
const FILE: &str = "postrenderer.helm.sh/postrender-filename";

/// Runs the post-renderer and says what it has to say on standard error, which Helm 4 drops, and in the log files.
pub(crate) fn run(args: &PostRender) -> ExitCode {
    let mut sources = Sources::default();
    let result = post_render(args.source.component.as_deref(), &mut sources);
    let (said, status) = match &result {
        Ok(warnings) => (report::plain(warnings, &sources), 0),
        Err(failure) => {
            let text = match failure {
                Failure::Refused(diagnostics) => {
                    report::plain(diagnostics, &sources) + "rutter: the input is refused\n"
                }
                Failure::BadExpression(located) => report::plain(std::slice::from_ref(located), &sources),
                Failure::BadCommandLine(error) | Failure::Host(error) => format!("error: {error:#}\n"),
            };
            (text, failure.exit_status())
        }
    };
    report::to_stderr(&said);
    for path in &args.log_files {
        if let Err(error) = fs::write(path, &said) {
            report::to_stderr(&format!("warning: {} cannot be written: {error}\n", path.display()));
        }
    }
    ExitCode::from(status)
}

fn post_render(component: Option<&Path>, sources: &mut Sources) -> Result<Vec<Located>, Failure> {
    let (name, bytes) = inputs::read_path(Path::new("-"))?;
    let refused = |diagnostics| Failure::Refused(Located::all(0, diagnostics));
    let problem = stream::decode(&bytes).err();
    sources.add(name, String::from_utf8_lossy(&bytes));
    if let Some(problem) = problem {
        return Err(refused(vec![problem]));
    }
    let package = package::load(component).map_err(Failure::Host)?;
    let text = sources.get(0).map_or("", |source| source.text.as_str());
    let Rendered { parts, warnings } = render(&package, &package.describe()?, text)?.map_err(refused)?;
    let rendered = Rendered {
        parts,
        warnings: Vec::new(),
    };
    output::to_stdout(&rendered.to_text()).map_err(Failure::Host)?;
    Ok(Located::all(0, warnings))
}

/// Renders the objects of a stream, each of whose manifests comes from the template from which its object came.
fn render<'a>(
    package: &Package,
    description: &Description,
    text: &'a str,
) -> Result<Result<Rendered<'a>, Vec<Diagnostic>>, Failure> {
    let documents = match stream::read(text, description, "default") {
        Ok(Input::Stream(documents)) => documents,
        // A chart may render nothing, which is not to ask for the defaults.
        Ok(Input::Values("")) => vec![Document::Foreign(text)],
        Ok(Input::Values(_)) => {
            let problem = Diagnostic::new(&YAML_FEATURE, "", "this is no Kubernetes object, as Helm renders")
                .help("`rutter render -f -` renders values");
            return Ok(Err(vec![problem]));
        }
        Err(problems) => return Ok(Err(problems)),
    };
    let files: Vec<Option<String>> = documents
        .iter()
        .filter_map(|document| match document {
            Document::Ours(object) => Some(object.annotations.get(FILE).cloned()),
            Document::Foreign(_) => None,
        })
        .collect();
    let mut rendered = match stream::render(documents, |request| package.render(request))? {
        Ok(rendered) => rendered,
        Err(problems) => return Ok(Err(problems)),
    };
    let ours = rendered.parts.iter_mut().filter_map(|part| match part {
        Part::Manifests(manifests) => Some(manifests),
        Part::Foreign(_) => None,
    });
    for (manifests, file) in ours.zip(files) {
        if let Some(file) = file {
            let mut manifests = manifests.iter_mut();
            manifests
                .try_for_each(|manifest| annotate(manifest, &file))
                .map_err(Failure::Host)?;
        }
    }
    Ok(Ok(rendered))
}

/// Says of a manifest from which template it is.
fn annotate(manifest: &mut Manifest, file: &str) -> anyhow::Result<()> {
    let refused = |problems: Vec<Diagnostic>| {
        let problems: String = problems
            .iter()
            .map(|problem| problem.display(&manifest.file_name).to_string())
            .collect();
        anyhow!("the package wrote a manifest that is not plain YAML\n{problems}")
    };
    let mut object = from_yaml::read(&manifest.document, 1)
        .map_err(refused)?
        .unwrap_or_default();
    let annotations = object
        .get_mut("metadata")
        .and_then(Value::as_object_mut)
        .map(|metadata| metadata.entry("annotations").or_insert_with(|| json!({})))
        .filter(|annotations| annotations.is_object())
        .context("the package wrote a manifest without metadata")?;
    annotations[FILE] = json!(file);
    manifest.document = yaml::to_string(&object).map_err(|error| anyhow!(error))?;
    Ok(())
}
