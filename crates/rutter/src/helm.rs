//! Helm's post-renderers, whichever way Helm runs them: the stream that Helm rendered in, the stream that it installs out.
//!
//! Objects of the package's kind are replaced by their manifests, which keep what Helm 4 noted on the object.

use crate::annotate::annotate;
use crate::stream::{self, Document, Input, Part, Rendered};
use crate::yaml::YAML_FEATURE;
use crate::{BadManifest, Description, Diagnostic, Rendering, Request};

/// By this Helm 4 tells from which template an object is (helm/helm `pkg/action/action.go`, `filenameAnnotation`). It
/// takes it off again, and invents a file for an object that has none.
const FILE: &str = "postrenderer.helm.sh/postrender-filename";

/// Helm tells a post-renderer neither the namespace nor anything else of the release.
const NAMESPACE: &str = "default";

/// Renders the objects of the package's kind in `text`, which Helm rendered, with `render`. The manifests come from the
/// template from which their object came.
///
/// # Errors
///
/// The outer error is `render`'s own, or that of a manifest that cannot be annotated; the inner one holds the diagnostics
/// of all objects, located in the stream.
pub fn post_render<'a, E: From<BadManifest>>(
    text: &'a str,
    package: &Description,
    render: impl FnMut(&Request) -> Result<Result<Rendering, Vec<Diagnostic>>, E>,
) -> Result<Result<Rendered<'a>, Vec<Diagnostic>>, E> {
    let documents = match stream::read(text, package, NAMESPACE) {
        Ok(Input::Stream(documents)) => documents,
        // A chart may render nothing, which is not to ask for the defaults.
        Ok(Input::Values("")) => vec![Document::Foreign(text)],
        Ok(Input::Values(_)) => {
            let problem = Diagnostic::new(&YAML_FEATURE, "", "this is no Kubernetes object, as Helm renders")
                .help("`render` takes values, where `post-render` takes what Helm rendered");
            return Ok(Err(vec![problem]));
        }
        Err(problems) => return Ok(Err(problems)),
    };
    let origins: Vec<Origin<'_>> = documents
        .iter()
        .filter_map(|document| match document {
            Document::Ours(object) => Some(Origin {
                file: object.annotations.get(FILE).cloned(),
                comment: source_comment(text, object.line()),
            }),
            Document::Foreign(_) => None,
        })
        .collect();
    let mut rendered = match stream::render(documents, render)? {
        Ok(rendered) => rendered,
        Err(problems) => return Ok(Err(problems)),
    };
    let ours = rendered.parts.iter_mut().filter_map(|part| match part {
        Part::Manifests(manifests) => Some(manifests),
        Part::Foreign(_) => None,
    });
    for (manifests, Origin { file, comment }) in ours.zip(origins) {
        let file: Vec<_> = file.into_iter().map(|file| (FILE.to_owned(), file)).collect();
        for manifest in manifests {
            annotate(manifest, &file)?;
            if let Some(comment) = comment {
                manifest.document.insert_str(0, &format!("{comment}\n"));
            }
        }
    }
    Ok(Ok(rendered))
}

/// How Helm says from which template an object is.
struct Origin<'a> {
    /// In Helm 4, by an annotation.
    file: Option<String>,
    /// In Helm 3, by a comment, in which `helm template --show-only` looks for it.
    comment: Option<&'a str>,
}

/// The comment before an object of which a field stands on this line.
fn source_comment(text: &str, line: usize) -> Option<&str> {
    let lines: Vec<&str> = text.lines().take(line).collect();
    let mut before = lines.into_iter().rev().take_while(|line| !line.starts_with("---"));
    before.find(|line| line.starts_with("# Source: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;

    fn package() -> Description {
        Description {
            name: "box".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            api_version: "box.example/v1".to_owned(),
            kind: "Box".to_owned(),
            app_versions: Vec::new(),
        }
    }

    /// Renders each object into this document.
    fn run(text: &str, document: &str) -> Result<Result<String, Vec<Diagnostic>>, BadManifest> {
        let render = |request: &Request| {
            Ok(Ok(Rendering {
                manifests: vec![Manifest {
                    api_version: "v1".to_owned(),
                    kind: "ConfigMap".to_owned(),
                    name: request.name.clone(),
                    namespace: Some(request.namespace.clone()),
                    file_name: "config-map.yaml".to_owned(),
                    document: document.to_owned(),
                }],
                warnings: Vec::new(),
                notes: String::new(),
            }))
        };
        Ok(post_render(text, &package(), render)?.map(|rendered| rendered.to_text()))
    }

    const MARKER: &str = "\
apiVersion: box.example/v1
kind: Box
metadata:
  name: a
  annotations: {postrenderer.helm.sh/postrender-filename: box/templates/box.yaml}
";
    const FILE_LINE: &str = "    postrenderer.helm.sh/postrender-filename: box/templates/box.yaml\n";

    #[test]
    fn manifests_keep_the_template_of_their_object() {
        let foreign = "---\nkind:   Pod # a comment\napiVersion: v1\n";
        let document = "kind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    b: \"1\"\napiVersion: v1\ndata:\n  \"on\": \"yes\"\n";
        let text = run(&format!("{foreign}---\n{MARKER}"), document).unwrap().unwrap();
        let annotated = document.replace("    b: \"1\"\n", &format!("    b: \"1\"\n{FILE_LINE}"));
        assert_eq!(text, format!("{foreign}---\n{annotated}"));
    }

    #[test]
    fn a_manifest_without_annotations_gets_them() {
        let text = run(MARKER, "metadata:\n  name: a\n").unwrap().unwrap();
        assert_eq!(text, format!("---\nmetadata:\n  name: a\n  annotations:\n{FILE_LINE}"));
    }

    #[test]
    fn manifests_keep_the_comment_of_their_object() {
        let marker =
            "---\n# Source: box/templates/box.yaml\napiVersion: box.example/v1\nkind: Box\nmetadata:\n  name: a\n";
        let foreign = "---\n# Source: box/templates/pod.yaml\nkind: Pod\napiVersion: v1\n";
        let document = "metadata: {name: a}\n";
        let text = run(&format!("{foreign}{marker}{foreign}"), document).unwrap().unwrap();
        let expected = format!("{foreign}---\n# Source: box/templates/box.yaml\n{document}{foreign}");
        assert_eq!(text, expected);
    }

    #[test]
    fn what_helm_did_not_annotate_stays_as_it_is() {
        let document = "metadata: {name: a}   # as the package wrote it\n";
        let text = run(&MARKER.replace(FILE, "other"), document).unwrap().unwrap();
        assert_eq!(text, format!("---\n{document}"));
    }

    #[test]
    fn nothing_stays_nothing_and_values_are_refused() {
        assert_eq!(run("", "").unwrap().unwrap(), "");
        let problems = run("replicas: 3\n", "").unwrap().unwrap_err();
        assert_eq!(problems[0].message, "this is no Kubernetes object, as Helm renders");
    }

    #[test]
    fn a_manifest_that_cannot_be_annotated_is_the_packages_fault() {
        for (document, expected) in [
            ("data: {}\n", "the package wrote a manifest without metadata"),
            (
                "metadata: {annotations: []}\n",
                "the package wrote a manifest without metadata",
            ),
            (
                "a: [\n",
                "the package wrote a manifest that is not plain YAML\nerror[yaml-syntax]",
            ),
        ] {
            let error = run(MARKER, document).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
