//! Validation of Kubernetes' own types, like that of an API server, for packages whose values have such types.
//!
//! The types of `k8s-openapi` already guarantee that fields exist and have the right types. This crate checks the rules
//! that an API server has beyond that, and reports each error with its path, its position in the document and a
//! suggestion. The rules are those of Kubernetes 1.33, and of later releases where these are stricter:
//! `pkg/apis/core/validation/validation.go`, in the functions that each module names. Some values are accepted by an API
//! server and then fail in a kubelet, a server-side apply or a controller. They are also errors, and a comment gives the
//! reason. A reference to an object is an error if no object can have that name.
//!
//! ```
//! use k8s_openapi::api::core::v1::Toleration;
//! use kubernetes_validation::{Field, scheduling};
//! use rutter::report::Report;
//! use rutter::{Diagnostics, yaml};
//!
//! let text = "tolerations:\n- operator: Exits\n";
//! let document = yaml::parse(text, 0, 1).expect("YAML").expect("a document");
//! let tolerations = [Toleration {
//!     operator: Some("Exits".to_owned()),
//!     ..Toleration::default()
//! }];
//!
//! let mut diagnostics = Diagnostics::default();
//! let mut report = Report::new(&document, &mut diagnostics);
//! scheduling::tolerations(&mut Field::new("", &mut report), "tolerations", &tolerations);
//!
//! let error = diagnostics.iter().next().expect("an error");
//! assert_eq!(error.path, "tolerations[0].operator");
//! assert_eq!(error.help.as_deref(), Some("did you mean Exists?"));
//! assert_eq!(error.position.map(|position| position.line), Some(2));
//! ```

mod claim;
pub mod codes;
pub mod container;
pub mod dns;
mod drive;
pub mod env;
mod field;
mod file;
pub mod handler;
pub mod mount;
pub mod network;
mod pod;
mod projected;
pub mod resources;
pub mod scheduling;
pub mod security;
pub mod selector;
pub mod volume;

pub use field::Field;
pub use pod::{Pod, VolumeKind, Volumes};
