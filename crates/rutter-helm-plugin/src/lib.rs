//! Makes a core module of a package for Helm 4's `extism/v1` runtime, which loads no components.
//!
//! Each kind of plugin is a function from Helm's message to ours. The macro [`plugin!`] makes them the functions that
//! Extism's runtime calls.

pub mod cli;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod entries;
#[cfg(test)]
mod example;
pub mod post_renderer;

use rutter::printable;

/// Makes the crate a plugin of the package of this type, which is a [`Package`](rutter::Package) with a `Default`.
///
/// The crate is a library of type `cdylib`. Compiled for `wasm32-wasip1` it exports `helm_plugin_main` and `post_render`,
/// which a `plugin.yaml` names. Compiled for any other target it is empty.
#[macro_export]
macro_rules! plugin {
    ($package:ty) => {
        $crate::entries!($package);
    };
}

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! entries {
    ($package:ty) => {
        const _: fn() -> $package = <$package as ::std::default::Default>::default;
    };
}

/// The failure of a plugin, which Helm prints, and its exit status.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The problems, a line or more for each. They are printable, because Helm prints them as they are.
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
