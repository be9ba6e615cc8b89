//! A package of one ConfigMap, which has a greeting.

use k8s_openapi::api::core::v1::ConfigMap;
use rutter::{Description, Diagnostic, DocumentedCode, Manifests, Package, Rendering, Request, schema};
use schemars::JsonSchema;
use serde::Deserialize;

rutter_component::package!(GreetingPackage);

rutter::codes! {
    CODES
    Error EMPTY_GREETING = "empty-greeting", "the greeting has no text";
}

const OWNERSHIP_LABEL: &str = "greeting.example.dev/name";

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Values {
    /// The text of the greeting.
    greeting: String,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            greeting: "hello".to_owned(),
        }
    }
}

#[derive(Default)]
struct GreetingPackage;

impl Package for GreetingPackage {
    fn describe(&self) -> Description {
        Description {
            name: "greeting".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "A greeting in a ConfigMap".to_owned(),
            api_version: "greeting.example.dev/v1".to_owned(),
            kind: "Greeting".to_owned(),
            app_versions: vec!["1.0".to_owned()],
            ownership_label: OWNERSHIP_LABEL.to_owned(),
        }
    }

    fn schema(&self) -> String {
        schema::json::<Values>()
    }

    fn defaults(&self) -> String {
        schema::defaults::<Values>()
    }

    fn codes(&self) -> Vec<DocumentedCode> {
        CODES.iter().copied().map(DocumentedCode::from).collect()
    }

    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>> {
        rutter::render(request, |values: Values, report| {
            if values.greeting.is_empty() {
                report
                    .add(&EMPTY_GREETING, "greeting", "the greeting is empty")
                    .help("write a text, or leave it out");
            }
            let mut manifests = Manifests::new();
            manifests.add(&ConfigMap {
                metadata: request.metadata(OWNERSHIP_LABEL, &request.name),
                data: Some([("greeting".to_owned(), values.greeting)].into()),
                ..ConfigMap::default()
            });
            manifests
        })
    }
}
