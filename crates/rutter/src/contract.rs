//! The contract of `wit/package.wit` as Rust types. The documentation of each item is there; here is only what Rust
//! adds.

use serde::{Deserialize, Serialize};

use crate::{Diagnostic, codes};

/// Who a package is and what it can render.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What is installed, if the host knows it, in the form of [`State::Objects`]. What cannot safely be applied over it at
    /// once is refused.
    pub current: Option<String>,
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

/// What is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// What these values ask for.
    Values(Request),
    /// These Kubernetes objects: a stream of YAML documents, of which a `List` stands for its items.
    Objects(String),
}

/// One line for a POSIX shell that has `kubectl`, run in a folder in which `manifests` holds those of its step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it does, or what holds once it succeeds.
    pub purpose: String,
    /// The line itself.
    pub line: String,
    /// A line that succeeds where the command has been run before.
    pub unless: Option<String>,
    /// Where it waits for something: the seconds for which it is repeated until it succeeds.
    pub within: Option<u32>,
}

/// A change that is safe by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is called, unique in its plan and good for a file's name.
    pub name: String,
    /// What happens, in one line.
    pub title: String,
    /// Why it is a step, and why it comes here.
    pub reason: String,
    /// All manifests of the installation as it is after this step; none if the step applies nothing.
    pub manifests: Vec<Manifest>,
    /// What to run, in this order. Whatever applies the manifests is among it.
    pub commands: Vec<Command>,
}

/// What it takes to get from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// They are the same.
    Nothing,
    /// Applying the desired manifests is safe.
    Apply(Step),
    /// These steps are safe in this order; applying the desired manifests at once is not.
    Steps(Vec<Step>),
}

impl Change {
    /// All steps, of which a plain apply is one.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Nothing => &[],
            Self::Apply(step) => std::slice::from_ref(step),
            Self::Steps(steps) => steps,
        }
    }
}

/// A way from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it takes.
    pub change: Change,
    /// Diagnostics about the way.
    pub warnings: Vec<Diagnostic>,
}

codes! {
    pub CODES
    Error NO_PLAN = "no-plan", "the package cannot plan changes";
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

    /// Plans the way from what is installed to what is desired.
    ///
    /// # Errors
    ///
    /// Why there is no way that is safe, and what to do instead; at least one is an error. Unless a package says
    /// otherwise, that it cannot plan.
    fn plan(&self, _current: &State, _desired: &Request) -> Result<Plan, Vec<Diagnostic>> {
        let message = format!("the package {} cannot plan changes", self.describe().name);
        Err(vec![
            Diagnostic::new(&NO_PLAN, "", message).help("compare the two with `rutter diff`"),
        ])
    }
}
