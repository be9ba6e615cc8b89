//! YAML as people write it: a tree that remembers where everything stood and how it was spelt, a serde reader over it
//! that reports every problem instead of the first, and a writer whose output YAML 1.1 readers understand too.
//!
//! The parser is `granit-parser` (the one under serde-saphyr), used event by event: a serde deserializer above it would
//! stop at the first error and forget whether `on` was quoted.

mod any;
mod block;
mod node;
mod parse;
mod read;
mod scalar;
mod write;

pub use any::{Any, AnyMap};
pub use node::{Entry, Key, Node, Place, Value, join};
pub use parse::parse;
pub use read::{Refusal, read};
pub use scalar::{MAX_KEY, Resolved, Scalar, is_long_key};
pub use write::{SourceMap, to_string};

crate::codes! {
    pub CODES
    Error YAML_SYNTAX = "yaml-syntax", "the text is not well-formed YAML";
    Error YAML_LIMIT = "yaml-limit", "the text is larger, deeper or more repetitive than is accepted";
    Error YAML_FEATURE = "yaml-feature", "the text uses a feature of YAML that no Kubernetes tool accepts";
    Error DUPLICATE_KEY = "duplicate-key", "a key stands twice in one mapping";
    Error UNKNOWN_FIELD = "unknown-field", "no such field exists here";
    Error WRONG_TYPE = "wrong-type", "the value has another type than the field";
    Error AMBIGUOUS_SCALAR = "ambiguous-scalar", "readers of YAML 1.1 and 1.2 understand the value differently";
    Error UNKNOWN_VARIANT = "unknown-variant", "the value is none of the words that the field accepts";
    Error MISSING_FIELD = "missing-field", "a required field is missing";
    Error INVALID_VALUE = "invalid-value", "the value is of the right type, but outside what the field accepts";
}
