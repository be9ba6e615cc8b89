//! The contract of `wit/package.wit` as Rust types. The documentation of each item is there; here is only what Rust
//! adds.

use crate::Diagnostic;

/// Who a package is and what it can render.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The package's name, which is also the default name of what it renders: `etcd`.
    pub name: String,
    /// The package's own version (semver).
    pub version: String,
    /// What it packages, in one line.
    pub summary: String,
    /// The `apiVersion` of the document that carries its values: `etcd.rutter.dev/v1alpha1`.
    pub api_version: String,
    /// The `kind` of that document: `EtcdCluster`.
    pub kind: String,
    /// The application versions that it knows, newest first, as `major.minor`.
    pub app_versions: Vec<String>,
}

/// The release that a render belongs to, named after Helm's `.Release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Who renders: `Helm`.
    pub service: String,
    /// Counts from 1.
    pub revision: u32,
    /// Nothing of this release is installed yet.
    pub is_install: bool,
    /// An earlier revision is being replaced.
    pub is_upgrade: bool,
}

/// What the target cluster can do, named after Helm's `.Capabilities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The Kubernetes version: `v1.36.3`.
    pub kube_version: String,
    /// What the API server serves: `apps/v1`, `cert-manager.io/v1/Certificate`.
    pub api_versions: Vec<String>,
}

/// Everything that a render depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The name of the installation.
    pub name: String,
    /// Where namespaced manifests go.
    pub namespace: String,
    /// The values document, YAML or JSON; empty means all defaults.
    pub values: String,
    /// The release, if the host has one.
    pub release: Option<Release>,
    /// The target cluster, if the host knows it.
    pub capabilities: Option<Capabilities>,
}

/// One Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its `metadata.name`.
    pub name: String,
    /// Its `metadata.namespace`; none for an object of the whole cluster.
    pub namespace: Option<String>,
    /// A file name for it, unique in the rendering, without any folder.
    pub file_name: String,
    /// The object as one YAML document without `---`, ending with a line feed.
    pub document: String,
}

/// What a successful render gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// The objects, in an order in which they can be applied.
    pub manifests: Vec<Manifest>,
    /// Diagnostics that did not prevent the render.
    pub warnings: Vec<Diagnostic>,
    /// What the person who installs should do or know next; may be empty.
    pub notes: String,
}

/// A package: the interface `renderer` of `wit/`.
pub trait Package {
    /// Who the package is.
    fn describe(&self) -> Description;

    /// The JSON Schema (draft-07) of the values, as JSON text.
    fn schema(&self) -> String;

    /// All values with their defaults, as commented YAML.
    fn defaults(&self) -> String;

    /// Renders the manifests.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the values, and the warnings beside it; at least one is an error.
    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>>;
}
