//! The SDK for Rutter packages: the contract of `wit/` in Rust, and the envelopes in which hosts hand over values.
//!
//! It is pure: text in, text or diagnostics out. It knows neither any one package nor any one host, does no I/O and
//! builds for every target.

mod annotate;
pub mod command;
mod contract;
pub mod cron;
mod diagnostic;
pub mod duration;
pub mod explain;
pub mod helm;
pub mod krm;
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
pub mod yaml;

pub use annotate::BadManifest;
pub use contract::{
    CODES, Capabilities, Change, ChangeRequest, Command, Description, Difference, DocumentedCode, File, Manifest,
    NO_PLAN, ObjectKind, Package, Plan, Release, Rendering, Request, State, Step,
};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Position, Severity};
pub use translate::Translate;
