//! A plugin of type `postrenderer/v1`: manifests in, manifests out.
//!
//! Helm drops what such a plugin writes to its standard streams, so that all it has to say is in its failure.

use rutter::{BadManifest, Diagnostic, Package, helm};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;

/// `internal/plugin/schema/postrenderer.go`, `InputMessagePostRendererV1`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    manifests: Value,
    /// Go writes a list that was never made as `null`.
    extra_args: Option<Vec<String>>,
}

/// `OutputMessagePostRendererV1`.
#[derive(Serialize)]
struct Answer {
    manifests: String,
}

/// What the positions in diagnostics refer to.
const SOURCE: &str = "<manifests>";

/// Answers Helm's message.
///
/// # Errors
///
/// If the message is none of Helm's, or the manifests in it are refused.
pub fn run(package: &dyn Package, message: &[u8]) -> Result<String, Failure> {
    let unknown = |what: String| Failure::host(format!("Helm's message is not known: {what}"));
    let Message { manifests, extra_args } =
        serde_json::from_slice(message).map_err(|error| unknown(error.to_string()))?;
    if let Some(arg) = extra_args.unwrap_or_default().first() {
        return Err(Failure::bad_command_line(format!(
            "{arg:?} is not understood: leave out --post-renderer-args"
        )));
    }
    let text = match manifests {
        Value::String(text) => text,
        // What Go makes of a buffer: Helm hands over no manifests at all, and would understand none.
        Value::Object(object) if object.is_empty() => {
            return Err(Failure::host(
                "this Helm hands no manifests to post-renderers that run inside of it (helm#31832): install the \
                 plugin plugins/helm/rutter and write --post-renderer rutter",
            ));
        }
        other => return Err(unknown(format!("its `manifests` are {other}"))),
    };
    let render = |request: &_| Ok::<_, BadManifest>(package.render(request));
    let manifests = helm::post_render(&text, &package.describe(), render)
        .map_err(|error| Failure::host(error.to_string()))?
        .map_err(|problems| Failure::refused(refusal(&problems)))?
        .to_text();
    serde_json::to_string(&Answer { manifests }).map_err(|error| Failure::host(error.to_string()))
}

fn refusal(problems: &[Diagnostic]) -> String {
    let problems = problems.iter().map(|problem| problem.display(SOURCE).to_string());
    format!("the input is refused\n{}", problems.collect::<String>().trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::example::Example;

    fn run(message: &Value) -> Result<String, Failure> {
        super::run(&Example, message.to_string().as_bytes())
    }

    const FOREIGN: &str = "apiVersion: v1\nkind:  Pod\nmetadata: {name: a}\n";

    fn marker(spec: &Value) -> String {
        let annotations = json!({"postrenderer.helm.sh/postrender-filename": "example/templates/example.yaml"});
        let metadata = json!({"name": "orders", "namespace": "shop", "annotations": annotations});
        let object = json!({"apiVersion": "example.dev/v1", "kind": "Example", "metadata": metadata, "spec": spec});
        format!("---\n{object}\n")
    }

    #[test]
    fn markers_are_replaced_and_foreign_documents_kept() {
        let stream = format!("{FOREIGN}{}", marker(&json!({"replicas": 5})));
        let answer = run(&json!({"manifests": stream, "extraArgs": []})).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let text = answer["manifests"].as_str().unwrap();
        let rendered = text.strip_prefix(FOREIGN).unwrap();
        let file = "    postrenderer.helm.sh/postrender-filename: example/templates/example.yaml\n";
        assert!(
            rendered.contains(file) && rendered.contains("replicas: \"5\""),
            "{rendered}"
        );
        assert!(!rendered.contains("kind: Example"));
        assert_eq!(run(&json!({"manifests": ""})).unwrap(), r#"{"manifests":""}"#);
    }

    #[test]
    fn helm_without_manifests_is_named() {
        let failure = run(&json!({"manifests": {}, "extraArgs": null})).unwrap_err();
        assert!(failure.message.contains("helm#31832"), "{}", failure.message);
        assert!(failure.message.contains("--post-renderer rutter"));
        assert_eq!(failure.status, 3);
    }

    #[test]
    fn failures_say_what_is_wrong() {
        for (message, status, expected) in [
            (
                json!({"manifests": marker(&json!({"replcas": 5}))}),
                1,
                "error[unknown-field]: spec.replcas: ",
            ),
            (
                json!({"manifests": "", "extraArgs": ["--log-file=x"]}),
                2,
                "\"--log-file=x\" is not understood: leave out --post-renderer-args",
            ),
            (
                json!({"manifests": [1]}),
                3,
                "Helm's message is not known: its `manifests` are [1]",
            ),
            (json!({}), 3, "Helm's message is not known: missing field `manifests`"),
        ] {
            let failure = run(&message).unwrap_err();
            assert!(failure.message.contains(expected), "{}", failure.message);
            assert_eq!(failure.status, status);
        }
    }
}
