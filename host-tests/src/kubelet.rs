//! Expansion of `$(NAME)` in a pod like the kubelet's (`third_party/forked/golang/expansion/expand.go` in Kubernetes):
//! in arguments and in plain values, from earlier variables. `$$` is an escaped `$`. An unknown name stays as it is.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, PodTemplateSpec};

/// The parts of a StatefulSet's pod that its variables depend on.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.namespace`.
    pub namespace: &'a str,
    /// The template of the pod.
    pub template: &'a PodTemplateSpec,
    /// The ConfigMaps of the namespace.
    pub config_maps: &'a [ConfigMap],
}

impl Pod<'_> {
    /// Returns the container's variables, by name.
    ///
    /// # Errors
    ///
    /// If a variable refers to a missing object or key. The kubelet would not start the container.
    pub fn environment(&self, container: &Container) -> Result<BTreeMap<String, String>> {
        let mut environment = BTreeMap::new();
        for variable in container.env.iter().flatten() {
            let value = self
                .value(variable, &environment)
                .with_context(|| format!("the variable {}", variable.name))?;
            environment.insert(variable.name.clone(), value);
        }
        Ok(environment)
    }

    fn value(&self, variable: &EnvVar, environment: &BTreeMap<String, String>) -> Result<String> {
        let Some(source) = &variable.value_from else {
            return Ok(expand(variable.value.as_deref().unwrap_or_default(), environment));
        };
        if let Some(field) = &source.field_ref {
            return self.field(&field.field_path);
        }
        let reference = source.config_map_key_ref.as_ref().context("unsupported source")?;
        let config_map = self
            .config_maps
            .iter()
            .find(|config_map| config_map.metadata.name.as_ref() == Some(&reference.name))
            .with_context(|| format!("no ConfigMap {}", reference.name))?;
        let value = config_map.data.as_ref().and_then(|data| data.get(&reference.key));
        value.cloned().with_context(|| format!("no key {}", reference.key))
    }

    fn field(&self, path: &str) -> Result<String> {
        if let Some(key) = path
            .strip_prefix("metadata.annotations['")
            .and_then(|rest| rest.strip_suffix("']"))
        {
            let annotations = self
                .template
                .metadata
                .as_ref()
                .and_then(|metadata| metadata.annotations.as_ref());
            let value = annotations.and_then(|annotations| annotations.get(key));
            return value.cloned().with_context(|| format!("no annotation {key}"));
        }
        match path {
            "metadata.name" => Ok(self.name.to_owned()),
            "metadata.namespace" => Ok(self.namespace.to_owned()),
            _ => anyhow::bail!("unsupported field {path}"),
        }
    }
}

/// Expands `$(NAME)` in `text`.
#[must_use]
pub fn expand(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            expanded.push('$');
            rest = tail;
        } else if let Some((name, tail)) = after.strip_prefix('(').and_then(|after| after.split_once(')')) {
            match environment.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.push_str(&format!("$({name})")),
            }
            rest = tail;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn expands_like_the_kubelet() {
        let environment = [("A".to_owned(), "x".to_owned())].into();
        for (text, expected) in [
            ("$(A)-$(A)", "x-x"),
            ("$$(A)", "$(A)"),
            ("$(B)", "$(B)"),
            ("$A $", "$A $"),
            ("$(A", "$(A"),
        ] {
            assert_eq!(expand(text, &environment), expected, "{text}");
        }
    }
}
