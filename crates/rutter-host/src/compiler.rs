//! Compiling in a process of its own, because a compiler can be stopped in no other way.
//!
//! A component of a few kilobytes can keep a compiler busy for minutes, or take gigabytes. Wasmtime compiles in one call
//! that cannot be interrupted. So the program of a [`Compiler`] is started for each component: it reads the component
//! from its standard input, and writes the native code to its standard output. It limits its own memory, and is killed
//! when its time is over. A crash of it is not a crash of the host.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::cache::Cache;
use crate::compile;
use crate::error::HostError;
use crate::limits::Limits;

/// The number of bytes that are read of the program's standard error.
const STDERR: u64 = 16 << 10;

/// The exit code of [`Compiler::run`] for what is not a component, with the reason on standard error.
const NOT_A_COMPONENT: u8 = 65;

/// A program that compiles components for a [`Host`](crate::Host), within its [`Limits`].
///
/// Its `main` calls [`Compiler::run`] with the arguments that follow those given here. It is usually the host's own
/// program, which such an argument tells apart:
///
/// ```no_run
/// use std::env;
/// use std::process::ExitCode;
///
/// use rutter_host::{Compiler, Host, Limits};
///
/// fn main() -> ExitCode {
///     if env::args_os().nth(1).is_some_and(|argument| argument == "compile") {
///         return Compiler::run(env::args_os().skip(2));
///     }
///     let program = env::current_exe().expect("a program");
///     let host = Host::new(Limits::default()).expect("a host");
///     let host = host.compiling_with(Compiler::new(program, ["compile".into()]));
///     let package = host.load("somebodys.wasm").expect("a package");
///     ExitCode::SUCCESS
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Compiler {
    program: PathBuf,
    arguments: Vec<OsString>,
    cache: Option<Cache>,
}

impl Compiler {
    /// A compiler that is this program with these arguments in front.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
            cache: None,
        }
    }

    /// Keeps what was compiled, so that the same component is compiled once.
    #[must_use]
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Compiles a component to native code.
    ///
    /// # Errors
    ///
    /// [`HostError::NotAComponent`], [`HostError::CompileTimeLimit`], [`HostError::CompileMemoryLimit`],
    /// [`HostError::Compiler`].
    pub(crate) fn compile(&self, component: &[u8], limits: &Limits) -> Result<Vec<u8>, HostError> {
        let failed = |error: io::Error| HostError::Compiler(error.into());
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(limits.compile_memory.to_string())
            .arg(limits.compile_time.as_secs().saturating_add(1).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let answer = converse(&mut child, component, limits.compile_time);
        if !matches!(answer, Ok(Some(_))) {
            // It may have ended by itself.
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed)?;
        match answer.map_err(failed)? {
            None => Err(HostError::CompileTimeLimit(limits.compile_time)),
            Some((native, _)) if status.success() => Ok(native),
            Some((_, stderr)) => Err(why(status, &stderr, limits)),
        }
    }

    /// Compiles one component for the host that started this process.
    ///
    /// It limits the memory and the processor time of this whole process. The host ends it earlier; the limit of the
    /// processor time is for a host that was killed.
    pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
        let numbers: Vec<u64> = arguments
            .filter_map(|argument| argument.to_str().and_then(|text| text.parse().ok()))
            .collect();
        let [memory, seconds] = numbers[..] else {
            return fail(
                2,
                "a host starts this program with two numbers: bytes of memory, and seconds",
            );
        };
        if let Err(error) = limit(memory, seconds) {
            return fail(3, &error.to_string());
        }
        let mut component = Vec::new();
        let native = match io::stdin().read_to_end(&mut component) {
            Ok(_) => compile::native(&component),
            Err(error) => return fail(3, &error.to_string()),
        };
        match native {
            Ok(native) => match io::stdout().write_all(&native) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(3, &error.to_string()),
            },
            Err(HostError::NotAComponent(reason)) => fail(NOT_A_COMPONENT, &in_one_line(&*reason)),
            Err(error) => fail(3, &in_one_line(&error)),
        }
    }
}

/// Passes the component to the program and reads what it writes to standard output and standard error, until it ends;
/// gives none if that takes too long.
fn converse(child: &mut Child, component: &[u8], time: Duration) -> io::Result<Option<(Vec<u8>, String)>> {
    let (Some(mut stdin), Some(mut stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let read = move || {
            // A program that has crashed reads no further, and why is in its status.
            let _ = stdin.write_all(component);
            drop(stdin);
            let (mut native, mut text) = (Vec::new(), Vec::new());
            let read = stdout
                .read_to_end(&mut native)
                .and_then(|_| stderr.take(STDERR).read_to_end(&mut text));
            // Nobody waits any more if it took too long.
            let _ = sender.send(read.map(|_| (native, String::from_utf8_lossy(&text).into_owned())));
        };
        thread::Builder::new().spawn_scoped(scope, read)?;
        match receiver.recv_timeout(time) {
            Ok(answer) => answer.map(Some),
            Err(RecvTimeoutError::Timeout) => {
                // The thread ends when the pipes do.
                child.kill()?;
                Ok(None)
            }
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    })
}

/// Why the program ended without an answer.
fn why(status: ExitStatus, stderr: &str, limits: &Limits) -> HostError {
    let stderr = stderr.trim();
    if status.code() == Some(NOT_A_COMPONENT.into()) {
        HostError::NotAComponent(stderr.into())
    // These are Rust's words before it aborts, and those of an error of the system; a test notices when they change.
    } else if stderr.contains("memory allocation of") || stderr.ends_with("(os error 12)") {
        HostError::CompileMemoryLimit(limits.compile_memory)
    } else if is_out_of_time(status) {
        HostError::CompileTimeLimit(limits.compile_time)
    } else {
        let line = stderr.lines().next().map(|line| format!(": {line}"));
        HostError::Compiler(format!("{status}{}", line.unwrap_or_default()).into())
    }
}

/// The error and what caused it, without the lines that wasmtime draws below.
fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[allow(
    clippy::print_stderr,
    reason = "standard error is where a program says why it failed"
)]
fn fail(code: u8, text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(code)
}

/// Limits this process to so many bytes of memory and seconds of processor time.
#[cfg(unix)]
fn limit(memory: u64, seconds: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // What is written, not what is reserved or mapped from the program.
    #[cfg(target_os = "linux")]
    const MEMORY: Resource = Resource::Data;
    #[cfg(not(target_os = "linux"))]
    const MEMORY: Resource = Resource::As;

    for (resource, most) in [(MEMORY, memory), (Resource::Cpu, seconds), (Resource::Core, 0)] {
        let before = getrlimit(resource);
        let most = [before.current, before.maximum]
            .into_iter()
            .flatten()
            .fold(most, u64::min);
        // The maximum stays: at that of the processor time, the system gives no reason.
        let limits = Rlimit {
            current: Some(most),
            ..before
        };
        setrlimit(resource, limits)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn limit(_: u64, _: u64) -> io::Result<()> {
    Ok(())
}

/// Whether the system ended the process for its processor time.
#[cfg(unix)]
fn is_out_of_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(rustix::process::Signal::XCPU.as_raw())
}

#[cfg(not(unix))]
fn is_out_of_time(_: ExitStatus) -> bool {
    false
}
