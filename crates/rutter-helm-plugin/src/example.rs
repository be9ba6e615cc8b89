//! A package of one object, for the tests.

use k8s_openapi::api::core::v1::ConfigMap;
use rutter::{Description, Diagnostic, Manifests, Package, Rendering, Request};
use serde::Deserialize;

const OWNERSHIP_LABEL: &str = "example.dev/name";

pub(crate) struct Example;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Values {
    replicas: u32,
}

impl Package for Example {
    fn describe(&self) -> Description {
        Description {
            name: "example".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "An example".to_owned(),
            api_version: "example.dev/v1".to_owned(),
            kind: "Example".to_owned(),
            app_versions: Vec::new(),
            ownership_label: OWNERSHIP_LABEL.to_owned(),
        }
    }

    fn schema(&self) -> String {
        "{}\n".to_owned()
    }

    fn defaults(&self) -> String {
        "replicas: 0\n".to_owned()
    }

    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>> {
        rutter::render(request, |values: Values, _| {
            let mut manifests = Manifests::new();
            manifests.add(&ConfigMap {
                metadata: request.metadata(OWNERSHIP_LABEL, &request.name),
                data: Some([("replicas".to_owned(), values.replicas.to_string())].into()),
                ..ConfigMap::default()
            });
            manifests
        })
    }
}
