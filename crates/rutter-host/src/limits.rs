//! What one call may use.

use std::time::Duration;

/// What a package may use. Each call is measured on its own, so calls in parallel each get all of it.
///
/// The defaults are far above what any sensible package needs, and far below what hurts the machine that renders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The linear memories and tables of the package together, in bytes. Default: 256 MiB.
    ///
    /// A package whose memories are larger at the start cannot run at all.
    pub memory: usize,
    /// The time from the start of the call to its end. Default: 10 s.
    ///
    /// It is wall-clock time: on a machine that does other work a call is given less processor time. Zero stops a
    /// package at its first loop or call.
    pub time: Duration,
    /// What is handed to the package, in bytes of text. Default: 64 MiB.
    ///
    /// Its copy in the package's memory counts there, too.
    pub input: usize,
    /// The data that the package hands back, in bytes of the host's memory. Default: 64 MiB.
    ///
    /// It is counted before it is copied out of the package's memory, element by element: a list of a million strings
    /// that all lie in the same place counts a million times.
    pub output: usize,
    /// The component itself, in bytes. Default: 64 MiB.
    pub component: usize,
    /// The time to compile the component. Default: 60 s.
    ///
    /// It is wall-clock time, and holds for a [`Compiler`](crate::Compiler). Honest components take about a second for
    /// each megabyte; a hostile one of a few kilobytes can take minutes.
    pub compile_time: Duration,
    /// The memory to compile the component, in bytes. Default: 1 GiB.
    ///
    /// It holds for a [`Compiler`](crate::Compiler), on Unix. Honest components take about 30 MiB for each megabyte.
    pub compile_memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            time: Duration::from_secs(10),
            input: 64 << 20,
            output: 64 << 20,
            component: 64 << 20,
            compile_time: Duration::from_secs(60),
            compile_memory: 1 << 30,
        }
    }
}
