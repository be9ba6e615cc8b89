//! The SDK for Rutter packages: the contract of `wit/` in Rust, and the envelopes in which hosts hand over values.
//!
//! It is pure: text in, text or diagnostics out. It knows neither any one package nor any one host, does no I/O and
//! builds for every target.
//!
//! Packages enable the feature `package`. It adds what hosts do not need: Kubernetes' types in the list of [`Manifests`], and
//! compressed texts. A binary crate chooses the version of these types, by a feature of `k8s-openapi`.

mod annotate;
pub mod command;
#[cfg(feature = "package")]
mod compressed;
mod contract;
pub mod cron;
mod diagnostic;
pub mod duration;
pub mod explain;
pub mod helm;
pub mod krm;
pub mod manifests;
pub mod names;
pub mod net;
pub mod plan;
pub mod printable;
pub mod quantity;
pub mod report;
pub mod schema;
pub mod stream;
pub mod suggest;
mod text;
mod translate;
mod values;
pub mod yaml;

pub use annotate::BadManifest;
#[cfg(feature = "package")]
#[doc(hidden)]
pub use compressed::decompress;
pub use contract::{
    CODES, Capabilities, Change, ChangeRequest, Command, Description, Difference, DocumentedCode, File, Manifest,
    NO_PLAN, ObjectKind, Package, Plan, Release, Rendering, Request, State, Step,
};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Position, Severity};
pub use manifests::Manifests;
pub use translate::Translate;
pub use values::{ParsedValues, Rendered, render};
