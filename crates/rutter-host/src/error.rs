//! Everything that can go wrong with a package, none of it the fault of the values that it was given.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use wasmtime::Trap;

use crate::contract::Breach;
use crate::limits::Limits;
use crate::sandbox::MemoryExhausted;
use crate::watchdog::TimeExhausted;

/// What a failure says for itself.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A package could not be loaded or run.
///
/// It is never about values: what a package has to say about those is the answer of a call that succeeded.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostError {
    /// Wasmtime cannot run on this machine, or no thread could be started.
    Engine(Cause),
    /// A file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The bytes are not a WebAssembly component, or one that uses features which packages do not have.
    NotAComponent(Cause),
    /// The bytes are native code that was compiled ahead of time. Running it is trusting it, so it is only accepted from
    /// the program that was built with it.
    Precompiled,
    /// The program that was built with the precompiled component was not built for it.
    Incompatible(Cause),
    /// The component needs more than a host for many calls sets aside for each, or the precompiled component is
    /// [`Incompatible`](Self::Incompatible).
    Pool(Cause),
    /// This build can only run what was compiled ahead of time: the feature `compile` is off.
    NoCompiler,
    /// The component is not a package: it does not export what packages export.
    MissingExport(String),
    /// The component exports something of the right name and the wrong type.
    WrongExport(Cause),
    /// The component imports what packages are not given. These are the names of the first such imports.
    ForbiddenImports(Vec<String>),
    /// The component wants something that packages are given, but of another type.
    WrongImport(Cause),
    /// The component is larger than [`Limits::component`], given here in bytes.
    ComponentLimit(usize),
    /// The component was not compiled within [`Limits::compile_time`], given here.
    CompileTimeLimit(Duration),
    /// Compiling the component takes more memory than [`Limits::compile_memory`], given here in bytes.
    CompileMemoryLimit(usize),
    /// The compiler could not be started, or crashed.
    Compiler(Cause),
    /// The package crashed.
    Trap {
        /// How: `wasm trap: wasm unreachable instruction executed`.
        reason: String,
        /// What it wrote to standard error, where a panic says why it happened. May be empty.
        stderr: String,
    },
    /// The system has no memory or address space for a call. The package has not run.
    NoMemory,
    /// The package wanted more memory than [`Limits::memory`], given here in bytes.
    MemoryLimit(usize),
    /// The package did not answer within [`Limits::time`], given here.
    TimeLimit(Duration),
    /// What it was asked was larger than [`Limits::input`], given here in bytes.
    InputLimit(usize),
    /// The package's answer was larger than [`Limits::output`], given here in bytes.
    OutputLimit(usize),
    /// The package's answer breaks the contract.
    Contract(Breach),
}

impl HostError {
    /// Why a call failed, where `stderr` is what the package wrote meanwhile.
    pub(crate) fn from_call(error: &wasmtime::Error, stderr: String, limits: &Limits) -> Self {
        if error.is::<MemoryExhausted>() {
            Self::MemoryLimit(limits.memory)
        } else if error.is::<TimeExhausted>() {
            Self::TimeLimit(limits.time)
        } else if is_output_exhausted(error) {
            Self::OutputLimit(limits.output)
        } else if is_out_of_memory(error) {
            Self::NoMemory
        } else {
            // The outermost context is a backtrace, if anything: what happened is at the root.
            let reason = match error.downcast_ref::<Trap>() {
                Some(trap) => trap.to_string(),
                None => error.root_cause().to_string(),
            };
            Self::Trap { reason, stderr }
        }
    }
}

/// Whether more was handed over than [`wasmtime::Store::set_hostcall_fuel`] allows. Wasmtime keeps the type of that
/// error to itself, so its words are all there is to tell it by; a test notices when they change.
fn is_output_exhausted(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls")
}

/// Whether the system had no memory or address space for an instance, which is reserved before the package runs. The type
/// of that error is different from system to system, and its number is not.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<Trap>().is_none() && error.root_cause().to_string().ends_with("(os error 12)")
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(_) => f.write_str("cannot run WebAssembly here"),
            Self::Read { path, .. } => write!(f, "cannot read {}", rutter::printable::path(path)),
            Self::NotAComponent(_) => f.write_str("this is not a WebAssembly component that can be run here"),
            Self::Precompiled => f.write_str(
                "this is precompiled native code, which runs without a sandbox: give the component (`.wasm`) that it \
                 was compiled from",
            ),
            Self::Incompatible(_) => f.write_str("the precompiled package was not made for this program"),
            Self::Pool(_) => f.write_str("the package does not fit into what is set aside for its calls"),
            Self::NoCompiler => {
                f.write_str("this program cannot compile components: it was built without the feature `compile`")
            }
            Self::MissingExport(name) => write!(f, "this component is not a package: it does not export `{name}`"),
            Self::WrongExport(_) => f.write_str("this component is not a package: an export has the wrong type"),
            Self::ForbiddenImports(names) => {
                let names: Vec<_> = names
                    .iter()
                    .map(|name| format!("`{}`", rutter::printable::excerpt(name)))
                    .collect();
                write!(
                    f,
                    "this component imports {}, which packages are not given: build it without (docs/packages.md)",
                    names.join(", ")
                )
            }
            Self::WrongImport(_) => {
                f.write_str("this component imports something of a type that packages are not given")
            }
            Self::Trap { reason, stderr } => {
                write!(f, "the package crashed: {reason}")?;
                // Marked as the package's words: it could write anything.
                stderr.lines().try_for_each(|line| write!(f, "\n  | {line}"))
            }
            Self::NoMemory => f.write_str(
                "this machine has no memory or address space left to run a package: a call reserves 4 GiB of address \
                 space (`ulimit -v`)",
            ),
            Self::MemoryLimit(bytes) => write!(f, "the package needs more memory than its {}", Bytes(*bytes)),
            Self::TimeLimit(time) => write!(f, "the package did not answer within {time:?}"),
            Self::InputLimit(bytes) => write!(f, "the package is given no more than {}", Bytes(*bytes)),
            Self::ComponentLimit(bytes) => write!(f, "the component is larger than {}", Bytes(*bytes)),
            Self::CompileTimeLimit(time) => write!(f, "the component did not compile within {time:?}"),
            Self::CompileMemoryLimit(bytes) => {
                write!(f, "the component needs more than {} to compile", Bytes(*bytes))
            }
            Self::Compiler(_) => f.write_str("the compiler failed"),
            Self::OutputLimit(bytes) => write!(f, "the package's answer is larger than {}", Bytes(*bytes)),
            Self::Contract(_) => f.write_str("the package's answer breaks the contract"),
        }
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Engine(cause)
            | Self::NotAComponent(cause)
            | Self::Incompatible(cause)
            | Self::Pool(cause)
            | Self::WrongExport(cause)
            | Self::WrongImport(cause)
            | Self::Compiler(cause) => Some(cause.as_ref()),
            Self::Read { source, .. } => Some(source),
            Self::Contract(breach) => Some(breach),
            Self::Precompiled
            | Self::NoCompiler
            | Self::MissingExport(_)
            | Self::ForbiddenImports(_)
            | Self::Trap { .. }
            | Self::NoMemory
            | Self::MemoryLimit(_)
            | Self::TimeLimit(_)
            | Self::InputLimit(_)
            | Self::OutputLimit(_)
            | Self::ComponentLimit(_)
            | Self::CompileTimeLimit(_)
            | Self::CompileMemoryLimit(_) => None,
        }
    }
}

/// A number of bytes in the largest unit that divides it.
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(usize, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match UNITS
            .iter()
            .find(|(size, _)| self.0 >= *size && self.0.is_multiple_of(*size))
        {
            Some((size, unit)) => write!(f, "{} {unit}", self.0 / size),
            None => write!(f, "{} bytes", self.0),
        }
    }
}
