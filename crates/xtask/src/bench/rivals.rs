//! What the rivals are given to do: a chart that ends in the objects of `examples/page-tls.yaml`, and a kustomization that
//! ends in a Service and a StatefulSet like ours.
//!
//! Both do no more than that, which favours the rivals: no schema, no checks, no options but the ones that are used. They are carried in the binary and written out for a run, because
//! `chart/` and `plugins/` are what the checkout has for people.

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

/// The folders that were written.
#[derive(Debug)]
pub(crate) struct Rivals {
    /// For `helm template`.
    pub(crate) chart: PathBuf,
    /// For `kustomize build`.
    pub(crate) kustomization: PathBuf,
}

impl Rivals {
    /// Writes them below a folder.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub(crate) fn write(folder: &Path) -> Result<Self> {
        for (path, text) in FILES {
            let path = folder.join(path);
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(Self {
            chart: folder.join("chart"),
            kustomization: folder.join("kustomization"),
        })
    }
}
