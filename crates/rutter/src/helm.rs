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

/// Stands for a namespace that an object does not name. Helm tells a post-renderer neither the release's nor anything else
/// of it, and a default in its place would install into another namespace, unnoticed.
const UNNAMED: &str = "";

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
    let mut documents = match stream::read(text, package, UNNAMED) {
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
    for document in &mut documents {
        if let Document::Ours(object) = document
            && object.request.namespace == UNNAMED
        {
            object.require_namespace("write namespace: {{ .Release.Namespace }}");
        }
    }
    let mut comments = Comments {
        lines: text.lines(),
        read: 0,
        last: None,
    };
    let origins: Vec<Origin<'_>> = documents
        .iter()
        .filter_map(|document| match document {
            Document::Ours(object) => Some(Origin {
                file: object.annotations.get(FILE).cloned(),
                comment: comments.before(usize::try_from(object.line()).unwrap_or(usize::MAX)),
            }),
            Document::Foreign(_) | Document::Refused(_) => None,
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

/// The comments of a stream, read once from its start.
struct Comments<'a> {
    lines: std::str::Lines<'a>,
    read: usize,
    last: Option<&'a str>,
}

impl<'a> Comments<'a> {
    /// The comment of the document that has this line, which is none before the line asked for last.
    fn before(&mut self, line: usize) -> Option<&'a str> {
        while self.read < line
            && let Some(text) = self.lines.next()
        {
            self.read += 1;
            if text.starts_with("---") {
                self.last = None;
            } else if text.starts_with("# Source: ") {
                self.last = Some(text);
            }
        }
        self.last
    }
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
            ownership_label: "a.example/a".to_owned(),
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
  namespace: shop
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
        let marker = "---\n# Source: box/templates/box.yaml\napiVersion: box.example/v1\nkind: Box\nmetadata: {name: a, namespace: b}\n";
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
    fn an_object_without_a_namespace_is_refused() {
        let marker = MARKER.replace("  namespace: shop\n", "");
        let problems = run(&marker, "metadata: {name: a}\n").unwrap().unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path, "metadata.namespace");
        assert_eq!(
            problems[0].help.as_deref(),
            Some("write namespace: {{ .Release.Namespace }}")
        );
    }

    #[test]
    fn nothing_stays_nothing_and_values_are_refused() {
        assert_eq!(run("", "").unwrap().unwrap(), "");
        let problems = run("replicas: 3\n", "").unwrap().unwrap_err();
        assert_eq!(problems[0].message, "this is no Kubernetes object, as Helm renders");
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        for (right, wrong) in [
            ("apiVersion: box.example/v1\n", ""),
            ("apiVersion: box.example/v1\n", "apiVersion: boxx.example/v1\n"),
            ("apiVersion: box.example/v1\n", "apiVersion: box.example/v2\n"),
            ("kind: Box\n", "kind: Boxes\n"),
            ("kind: Box\n", ""),
        ] {
            let marker = MARKER.replace(right, wrong);
            for text in [marker.clone(), format!("kind: Pod\napiVersion: v1\n---\n{marker}")] {
                assert!(run(&text, "metadata: {name: a}\n").unwrap().is_err(), "{text}");
            }
        }
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
