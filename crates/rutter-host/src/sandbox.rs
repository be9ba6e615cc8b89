//! What a package sees of the world: nothing.
//!
//! A package needs no imports, but the runtime of the language it is written in does: Rust's standard library imports
//! `wasi:io` and `wasi:cli` for standard streams, arguments and exit whether they are used or not. They are answered
//! here, and not by `wasmtime-wasi`, because the answers are so poor: an empty environment, a closed standard input, an
//! output that leads nowhere. That needs no asynchronous runtime, cannot block, and so cannot outlast a time limit or
//! fail inside another runtime's threads.
//!
//! Other runtimes import all of WASI 0.2. Their clocks and random numbers are fixed ([`crate::fixed`]). Files, sockets and
//! HTTP can be imported, but a call ends the package.

use std::fmt;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceType, Val};
use wasmtime::{ResourceLimiter, Result};

use self::world::wasi::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr, terminal_stdin,
    terminal_stdout,
};
use self::world::wasi::io::streams::StreamError;
use self::world::wasi::io::{error, poll, streams};
use crate::fixed::{self, Fixed};

pub(crate) mod world {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "rutter:host/sandbox",
        imports: {
            "wasi:cli/exit": trappable,
            "wasi:io/poll.poll": trappable,
        },
    });
}

/// The interfaces that packages may import, without their versions.
const OFFERED: [&str; 13] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// The packages of WASI whose interfaces a component may import but not call. The runtimes of languages import them for
/// files and connections that a package never opens.
const TRAPPED: [&str; 3] = ["wasi:filesystem/", "wasi:http/", "wasi:sockets/"];

/// The one function of [`TRAPPED`] that is answered, because runtimes call it at their start: there are no directories.
const DIRECTORIES: (&str, &str) = ("wasi:filesystem/preopens", "get-directories");

/// The part of WASI 0.2 that is offered to components, by the name of an interface.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Import {
    /// Offered to all components.
    Common,
    /// Answered in the same way in every call.
    Fixed,
    /// A call ends the package.
    Trapped,
}

fn without_version(name: &str) -> &str {
    name.split_once('@').map_or(name, |(interface, _)| interface)
}

impl Import {
    /// Returns how an import is treated; none if it is not offered.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (interface, version) = name.split_once('@')?;
        let patch = version.strip_prefix("0.2.")?;
        if patch.is_empty() || !patch.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if OFFERED.contains(&interface) {
            Some(Self::Common)
        } else if fixed::INTERFACES.contains(&interface) {
            Some(Self::Fixed)
        } else if TRAPPED.iter().any(|package| interface.starts_with(package)) {
            Some(Self::Trapped)
        } else {
            None
        }
    }
}

/// How much of what a package writes to standard error is kept. A panic message with its location fits many times.
const STDERR: usize = 16 << 10;

/// How many bytes a stream takes at a time.
const PERMIT: u64 = 64 << 10;

/// How many core instances a component may consist of. A Rust component has about four; the host pays for each, outside
/// of what the memory limit counts.
pub(crate) const INSTANCES: u32 = 64;

/// What stands behind the handles that a package holds. None has any state, so the number is all there is.
pub(crate) mod handle {
    pub(super) const STDIN: u32 = 0;
    pub(super) const STDOUT: u32 = 1;
    pub(super) const STDERR: u32 = 2;
    pub(crate) const READY: u32 = 3;
}

/// The state of one call.
pub(crate) struct Sandbox {
    pub(crate) fixed: Fixed,
    stderr: Vec<u8>,
    memory: Budget,
}

/// The bytes that memories and tables may still take.
struct Budget {
    limit: usize,
    used: usize,
}

/// A memory or table would have grown past the limit.
#[derive(Debug)]
pub(crate) struct MemoryExhausted;

impl fmt::Display for MemoryExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory limit is reached")
    }
}

impl std::error::Error for MemoryExhausted {}

/// The package ended the program that it is not.
#[derive(Debug)]
struct Exited;

impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it exited instead of returning")
    }
}

impl std::error::Error for Exited {}

/// The package called what it may only import.
#[derive(Debug)]
struct Trapped(String);

impl fmt::Display for Trapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it called `{}`, which packages are not given", self.0)
    }
}

impl std::error::Error for Trapped {}

impl Sandbox {
    /// A sandbox whose memories and tables may take `memory` bytes together.
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            fixed: Fixed::default(),
            stderr: Vec::new(),
            memory: Budget { limit: memory, used: 0 },
        }
    }

    /// Offers the interfaces of [`OFFERED`] to components.
    pub(crate) fn add_to_linker(linker: &mut Linker<Self>) -> Result<()> {
        world::Sandbox::add_to_linker::<_, HasSelf<Self>>(linker, |sandbox| sandbox)
    }

    /// Offers what `component` imports beyond [`OFFERED`]; returns whether it is anything.
    pub(crate) fn add_rest_to_linker(linker: &mut Linker<Self>, component: &Component) -> Result<bool> {
        let engine = component.engine();
        let ty = component.component_type();
        let (mut has_fixed, mut has_trapped) = (false, false);
        for (name, import) in ty.imports(engine) {
            let kind = Import::of(name);
            has_fixed |= kind == Some(Import::Fixed);
            let (Some(Import::Trapped), ComponentItem::ComponentInstance(instance)) = (kind, import.ty) else {
                continue;
            };
            has_trapped = true;
            let mut offered = linker.instance(name)?;
            for (item, export) in instance.exports(engine) {
                match export.ty {
                    ComponentItem::ComponentFunc(_) if (without_version(name), item) == DIRECTORIES => {
                        offered.func_new(item, |_, _, _, results| {
                            results.fill(Val::List(Vec::new()));
                            Ok(())
                        })?;
                    }
                    ComponentItem::ComponentFunc(_) => {
                        let called = format!("{name}#{item}");
                        offered.func_new(item, move |_, _, _, _| Err(Trapped(called.clone()).into()))?;
                    }
                    // What the interface shares with those that are offered must be the same type.
                    ComponentItem::Resource(_) => {
                        let ty = match item {
                            "error" => ResourceType::host::<error::Error>(),
                            "input-stream" => ResourceType::host::<streams::InputStream>(),
                            "output-stream" => ResourceType::host::<streams::OutputStream>(),
                            "pollable" => ResourceType::host::<poll::Pollable>(),
                            _ => ResourceType::host::<Trapped>(),
                        };
                        offered.resource(item, ty, |_, _| Ok(()))?;
                    }
                    _ => {}
                }
            }
        }
        if has_fixed {
            fixed::add_to_linker(linker)?;
        }
        Ok(has_fixed || has_trapped)
    }

    /// What the package wrote to standard error, without the blanks around it and without what would command a
    /// terminal.
    pub(crate) fn into_stderr(self) -> String {
        let is_safe = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
        let text = String::from_utf8_lossy(&self.stderr);
        text.trim().chars().filter(|c| is_safe(*c)).collect()
    }

    fn write_to(&mut self, stream: &Resource<streams::OutputStream>, contents: &[u8]) {
        if stream.rep() == handle::STDERR {
            let room = STDERR.saturating_sub(self.stderr.len());
            self.stderr.extend_from_slice(&contents[..contents.len().min(room)]);
        }
    }
}

impl Budget {
    fn grow(&mut self, current: usize, desired: usize) -> Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            return Err(wasmtime::Error::new(MemoryExhausted));
        }
        self.used = used;
        Ok(true)
    }
}

impl ResourceLimiter for Sandbox {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        // Growth past a memory's own maximum fails in any case, and must not be counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory.grow(current, desired)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let bytes = |elements: usize| elements.saturating_mul(size_of::<usize>());
        self.memory.grow(bytes(current), bytes(desired))
    }

    fn instances(&self) -> usize {
        usize::try_from(INSTANCES).unwrap_or(usize::MAX)
    }
}

impl environment::Host for Sandbox {
    fn get_environment(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn get_arguments(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn initial_cwd(&mut self) -> Option<String> {
        None
    }
}

impl exit::Host for Sandbox {
    fn exit(&mut self, _status: Result<(), ()>) -> Result<()> {
        Err(wasmtime::Error::new(Exited))
    }

    fn exit_with_code(&mut self, _status: u8) -> Result<()> {
        Err(wasmtime::Error::new(Exited))
    }
}

impl stdin::Host for Sandbox {
    fn get_stdin(&mut self) -> Resource<streams::InputStream> {
        Resource::new_own(handle::STDIN)
    }
}

impl stdout::Host for Sandbox {
    fn get_stdout(&mut self) -> Resource<streams::OutputStream> {
        Resource::new_own(handle::STDOUT)
    }
}

impl stderr::Host for Sandbox {
    fn get_stderr(&mut self) -> Resource<streams::OutputStream> {
        Resource::new_own(handle::STDERR)
    }
}

impl terminal_stdin::Host for Sandbox {
    fn get_terminal_stdin(&mut self) -> Option<Resource<terminal_input::TerminalInput>> {
        None
    }
}

impl terminal_stdout::Host for Sandbox {
    fn get_terminal_stdout(&mut self) -> Option<Resource<terminal_output::TerminalOutput>> {
        None
    }
}

impl terminal_stderr::Host for Sandbox {
    fn get_terminal_stderr(&mut self) -> Option<Resource<terminal_output::TerminalOutput>> {
        None
    }
}

impl terminal_input::Host for Sandbox {}

impl terminal_input::HostTerminalInput for Sandbox {
    fn drop(&mut self, _input: Resource<terminal_input::TerminalInput>) -> Result<()> {
        Ok(())
    }
}

impl terminal_output::Host for Sandbox {}

impl terminal_output::HostTerminalOutput for Sandbox {
    fn drop(&mut self, _output: Resource<terminal_output::TerminalOutput>) -> Result<()> {
        Ok(())
    }
}

impl error::Host for Sandbox {}

impl error::HostError for Sandbox {
    fn to_debug_string(&mut self, _error: Resource<error::Error>) -> String {
        // No stream here fails in any other way than by being closed, so no package ever holds an error.
        String::new()
    }

    fn drop(&mut self, _error: Resource<error::Error>) -> Result<()> {
        Ok(())
    }
}

impl poll::Host for Sandbox {
    fn poll(&mut self, pollables: Vec<Resource<poll::Pollable>>) -> Result<Vec<u32>> {
        if pollables.is_empty() {
            return Err(wasmtime::Error::msg("it polled an empty list"));
        }
        Ok((0..).take(pollables.len()).collect())
    }
}

impl poll::HostPollable for Sandbox {
    fn ready(&mut self, _pollable: Resource<poll::Pollable>) -> bool {
        true
    }

    fn block(&mut self, _pollable: Resource<poll::Pollable>) {}

    fn drop(&mut self, _pollable: Resource<poll::Pollable>) -> Result<()> {
        Ok(())
    }
}

impl streams::Host for Sandbox {}

impl streams::HostInputStream for Sandbox {
    fn read(&mut self, _stream: Resource<streams::InputStream>, _len: u64) -> Result<Vec<u8>, StreamError> {
        Err(StreamError::Closed)
    }

    fn blocking_read(&mut self, _stream: Resource<streams::InputStream>, _len: u64) -> Result<Vec<u8>, StreamError> {
        Err(StreamError::Closed)
    }

    fn skip(&mut self, _stream: Resource<streams::InputStream>, _len: u64) -> Result<u64, StreamError> {
        Err(StreamError::Closed)
    }

    fn blocking_skip(&mut self, _stream: Resource<streams::InputStream>, _len: u64) -> Result<u64, StreamError> {
        Err(StreamError::Closed)
    }

    fn subscribe(&mut self, _stream: Resource<streams::InputStream>) -> Resource<poll::Pollable> {
        Resource::new_own(handle::READY)
    }

    fn drop(&mut self, _stream: Resource<streams::InputStream>) -> Result<()> {
        Ok(())
    }
}

impl streams::HostOutputStream for Sandbox {
    fn check_write(&mut self, _stream: Resource<streams::OutputStream>) -> Result<u64, StreamError> {
        Ok(PERMIT)
    }

    fn write(&mut self, stream: Resource<streams::OutputStream>, contents: Vec<u8>) -> Result<(), StreamError> {
        self.write_to(&stream, &contents);
        Ok(())
    }

    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<streams::OutputStream>,
        contents: Vec<u8>,
    ) -> Result<(), StreamError> {
        self.write_to(&stream, &contents);
        Ok(())
    }

    fn flush(&mut self, _stream: Resource<streams::OutputStream>) -> Result<(), StreamError> {
        Ok(())
    }

    fn blocking_flush(&mut self, _stream: Resource<streams::OutputStream>) -> Result<(), StreamError> {
        Ok(())
    }

    fn subscribe(&mut self, _stream: Resource<streams::OutputStream>) -> Resource<poll::Pollable> {
        Resource::new_own(handle::READY)
    }

    fn write_zeroes(&mut self, _stream: Resource<streams::OutputStream>, _len: u64) -> Result<(), StreamError> {
        Ok(())
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        _stream: Resource<streams::OutputStream>,
        _len: u64,
    ) -> Result<(), StreamError> {
        Ok(())
    }

    fn splice(
        &mut self,
        _stream: Resource<streams::OutputStream>,
        _source: Resource<streams::InputStream>,
        _len: u64,
    ) -> Result<u64, StreamError> {
        Err(StreamError::Closed)
    }

    fn blocking_splice(
        &mut self,
        _stream: Resource<streams::OutputStream>,
        _source: Resource<streams::InputStream>,
        _len: u64,
    ) -> Result<u64, StreamError> {
        Err(StreamError::Closed)
    }

    fn drop(&mut self, _stream: Resource<streams::OutputStream>) -> Result<()> {
        Ok(())
    }
}
