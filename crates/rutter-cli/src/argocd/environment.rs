//! The environment variables that Argo CD sets.

use rutter::Capabilities;

use super::parameters;

/// The description of the Application and its cluster by environment variables.
pub(super) struct Environment {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) capabilities: Option<Capabilities>,
}

impl Environment {
    pub(super) fn read() -> Self {
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
