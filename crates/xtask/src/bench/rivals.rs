//! The input of the rivals: a chart that renders the objects of `examples/page-tls.yaml`, and a kustomization that
//! renders a Service and a StatefulSet like ours.
//!
//! Both do no more than that, which favours the rivals: no schema, no checks, only the options that are used. The
//! binary contains them and writes them for a run, because `chart/` and `plugins/` are for people.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("rivals/", $path)))),*]
    };
}

const FILES: [(&str, &str); 10] = files![
    "chart/Chart.yaml",
    "chart/values.yaml",
    "chart/templates/_helpers.tpl",
    "chart/templates/certificates.yaml",
    "chart/templates/configmap.yaml",
    "chart/templates/service.yaml",
    "chart/templates/statefulset.yaml",
    "kustomization/kustomization.yaml",
    "kustomization/service.yaml",
    "kustomization/statefulset.yaml",
];

/// The directories that were written.
#[derive(Debug)]
pub(crate) struct Rivals {
    /// The input of `helm template`.
    pub(crate) chart: PathBuf,
    /// The input of `kustomize build`.
    pub(crate) kustomization: PathBuf,
}

impl Rivals {
    /// Writes both below a directory.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub(crate) fn write(directory: &Path) -> Result<Self> {
        for (path, text) in FILES {
            let path = directory.join(path);
            let parent = path.parent().unwrap_or(directory);
            fs::create_dir_all(parent).with_context(|| format!("{} cannot be created", parent.display()))?;
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(Self {
            chart: directory.join("chart"),
            kustomization: directory.join("kustomization"),
        })
    }
}
