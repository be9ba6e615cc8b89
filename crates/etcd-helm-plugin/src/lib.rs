//! The etcd package as a core module for Helm 4's `extism/v1` runtime, which loads no components.
//!
//! Each kind of plugin is a function from Helm's message to ours; around them is what Extism's runtime calls.

pub mod cli;
#[cfg(target_family = "wasm")]
mod entries;
pub mod post_renderer;

use rutter::printable;

/// Why an entry failed, for the person whom Helm tells, and the status that goes with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong, for people; several lines where several things are. Printable, because Helm prints it as it is.
    pub message: String,
    /// 1 the input is refused, 2 the arguments are not understood, 3 Helm or this machine failed.
    pub status: u8,
}

impl Failure {
    /// The input is refused.
    fn refused(message: impl Into<String>) -> Self {
        // Diagnostics have lines of their own, and let nothing that they quote begin one.
        let message = printable::lines(&message.into()).into_owned();
        Self { message, status: 1 }
    }

    /// The arguments are none that are understood.
    fn bad_command_line(message: impl Into<String>) -> Self {
        let message = printable::message(&message.into());
        Self { message, status: 2 }
    }

    /// Helm or this machine did something unforeseen.
    fn host(message: impl Into<String>) -> Self {
        let message = printable::message(&message.into());
        Self { message, status: 3 }
    }
}
