//! Runs Rutter packages with wasmtime: any component of the world `rutter:package/package`.
//!
//! A [`Host`] loads a [`Package`] once; each call of it runs in an instance of its own, sees nothing of the machine, and
//! is held to [`Limits`] for memory, time and output. So a package from anywhere can be run, and what it answers is
//! checked against the contract before it is passed on.
//!
//! A component is compiled before it runs, and a [`Compiler`] does that within limits, too. Its [`Cache`] keeps the result.
//!
//! This crate knows wasmtime and the contract. It must not come to know any one package, nor files other than the
//! component that it is told to load and the cache.
//!
//! ```no_run
//! use rutter::Request;
//! use rutter_host::{Host, Limits};
//!
//! let host = Host::new(Limits::default())?;
//! let package = host.load("etcd.wasm")?;
//! let request = Request {
//!     name: "etcd".to_owned(),
//!     namespace: "default".to_owned(),
//!     values: "replicas: 3".to_owned(),
//!     release: None,
//!     capabilities: None,
//!     installed: None,
//! };
//! match package.render(&request)? {
//!     Ok(rendering) => println!("{} objects", rendering.manifests.len()),
//!     Err(diagnostics) => diagnostics.iter().for_each(|d| eprint!("{}", d.display("values.yaml"))),
//! }
//! # Ok::<(), rutter_host::HostError>(())
//! ```

mod bindings;
#[cfg(feature = "compile")]
mod cache;
#[cfg(feature = "compile")]
mod compile;
#[cfg(feature = "compile")]
mod compiler;
mod contract;
mod engine;
mod error;
mod fixed;
mod host;
mod image;
#[cfg(feature = "compile")]
mod inspect;
mod limits;
mod package;
mod sandbox;
mod slots;
mod watchdog;

#[cfg(feature = "compile")]
pub use cache::Cache;
#[cfg(feature = "compile")]
pub use compile::precompile;
#[cfg(feature = "compile")]
pub use compiler::Compiler;
pub use contract::{Breach, is_plain_file_name};
pub use error::HostError;
pub use host::Host;
pub use limits::Limits;
pub use package::Package;

/// What the README shows of this crate has to compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
