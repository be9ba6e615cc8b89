//! The contract of `wit/package.wit` as Rust types. The documentation of each item is there; here is only what Rust
//! adds.

use serde::{Deserialize, Serialize};

use crate::{Diagnostic, Severity, codes};

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
    /// The key of the label by which the objects of an installation are known as its own: `etcd.rutter.dev/cluster`.
    pub ownership_label: String,
}

/// The documentation of a kind of diagnostic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentedCode {
    /// Its `diagnostic.code`.
    pub id: String,
    /// Its severity, always.
    pub severity: Severity,
    /// What is wrong, in one phrase without a full stop.
    pub summary: String,
    /// A diagnostic of this kind as a command line prints it, with its help; may be empty.
    pub example: String,
}

/// A kind of Kubernetes objects that a package reads to learn what is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The plural name, as kubectl has it: `statefulsets`.
    pub name: String,
    /// Whether a cluster may lack it.
    pub optional: bool,
    /// Whether the package wants the keys of `data` only.
    pub keys_only: bool,
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
    /// The installed objects, if the host knows them, in the form of [`State::Objects`]. A change that is not safe in one apply
    /// is refused.
    pub installed: Option<String>,
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

/// The state of the installation before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The objects that these values render to.
    Values(Request),
    /// Kubernetes objects: a stream of YAML documents. A `List` stands for its items.
    Objects(String),
}

/// The desired state, and how the person who asks wants to get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRequest {
    /// The name of the installation; none for that of the only one that is found.
    pub name: Option<String>,
    /// The namespace of the installation; as with the name.
    pub namespace: Option<String>,
    /// The values document, as in [`Request::values`].
    pub values: String,
    /// Paths of differences that the package does not understand, and that the person takes on.
    pub accept: Vec<String>,
    /// Whether the installation is to be made.
    pub install: bool,
    /// Whether what cannot be undone comes after a snapshot of the data.
    pub snapshot: bool,
}

impl ChangeRequest {
    /// A change to these values, with a snapshot, of an installation that exists.
    #[must_use]
    pub fn new(values: impl Into<String>) -> Self {
        Self {
            name: None,
            namespace: None,
            values: values.into(),
            accept: Vec::new(),
            install: false,
            snapshot: true,
        }
    }
}

/// One line for a POSIX shell that has `kubectl` and the functions of [`Plan::prelude`]. It runs in the directory of its step,
/// with the step's manifests below `manifests/` and its files below `files/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it does, or what holds once it succeeds.
    pub purpose: String,
    /// The line.
    pub line: String,
    /// A line that succeeds where the command has been run before.
    pub unless: Option<String>,
    /// Where it waits for something: the seconds for which it is repeated until it succeeds.
    pub within: Option<u32>,
}

/// A file that commands read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// A file name, unique in its step, without any directory.
    pub name: String,
    /// The text.
    pub text: String,
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
    /// What it restarts, creates and deletes, each in one line: `restarts etcd-2`.
    pub effects: Vec<String>,
    /// All manifests of the installation as it is after this step; none if the step applies nothing.
    pub manifests: Vec<Manifest>,
    /// Further files that its commands read.
    pub files: Vec<File>,
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

/// A difference between the installed and the desired objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The object: `statefulset/etcd`.
    pub object: String,
    /// The path of the value in it; empty if only one side has the object.
    pub path: String,
    /// The installed value, in one line.
    pub installed: String,
    /// The desired value, in one line.
    pub desired: String,
}

/// The steps from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The name of what it changes, which is unique in the namespace, whatever the installation is called. Hosts carry out one
    /// plan of a name at a time.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The change as a whole, in one line.
    pub summary: String,
    /// Shell functions that the lines call; may be empty.
    pub prelude: String,
    /// Commands that check what the plan needs, and change nothing. They run before the first step, each time that the plan is
    /// started, in the directory of the plan.
    pub preflight: Vec<Command>,
    /// What it takes.
    pub change: Change,
    /// The differences between the installed and the desired objects.
    pub differences: Vec<Difference>,
    /// Diagnostics about the change.
    pub warnings: Vec<Diagnostic>,
}

codes! {
    pub CODES
    Error NO_PLAN = "no-plan", "the package cannot plan changes";
}

/// A package: the interfaces `renderer` and `documentation` of `wit/`.
pub trait Package {
    /// Who the package is.
    fn describe(&self) -> Description;

    /// The JSON Schema (draft-07) of the values, as JSON text.
    fn schema(&self) -> String;

    /// All values with their defaults, as commented YAML.
    fn defaults(&self) -> String;

    /// The kinds of diagnostics that the package can give; by default none.
    fn codes(&self) -> Vec<DocumentedCode> {
        Vec::new()
    }

    /// Renders the manifests.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the values, and the warnings beside it; at least one is an error.
    fn render(&self, request: &Request) -> Result<Rendering, Vec<Diagnostic>>;

    /// The kinds of objects that [`Package::plan`] reads; by default none.
    fn observes(&self) -> Vec<ObjectKind> {
        Vec::new()
    }

    /// Plans the steps from the installed to the desired state.
    ///
    /// # Errors
    ///
    /// Returns why there are no safe steps, and what to do instead; at least one is an error. By default, that the package
    /// cannot plan.
    fn plan(&self, _installed: &State, _desired: &ChangeRequest) -> Result<Plan, Vec<Diagnostic>> {
        let message = format!("the package {} cannot plan changes", self.describe().name);
        Err(vec![
            Diagnostic::new(&NO_PLAN, "", message).help("compare the two with `rutter diff`"),
        ])
    }
}
