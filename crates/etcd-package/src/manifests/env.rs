//! Environment variables of containers.

use k8s_openapi::api::core::v1::{ConfigMapKeySelector, EnvVar, EnvVarSource, ObjectFieldSelector};

use crate::cluster::Cluster;

pub(super) fn variable(name: &str, value: String) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value),
        ..EnvVar::default()
    }
}

/// Returns a variable with the pod's name, which is also the member's name.
pub(super) fn from_pod_name(name: &str) -> EnvVar {
    from(
        name,
        EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: "metadata.name".to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        },
    )
}

/// Returns a variable with the value of the same name in the ConfigMap of the bootstrap.
pub(super) fn from_bootstrap(cluster: &Cluster, key: &str) -> EnvVar {
    from(
        key,
        EnvVarSource {
            config_map_key_ref: Some(ConfigMapKeySelector {
                name: cluster.names.bootstrap(),
                key: key.to_owned(),
                ..ConfigMapKeySelector::default()
            }),
            ..EnvVarSource::default()
        },
    )
}

fn from(name: &str, source: EnvVarSource) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(source),
        ..EnvVar::default()
    }
}
