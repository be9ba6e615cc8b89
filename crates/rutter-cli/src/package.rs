//! The package that is run.

use std::env;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use rutter::printable;
use rutter_host::{Compiler, Host, HostError, Limits, Package};

use crate::args::{self, PackageArgs};
use crate::cache;

/// The package that this program was built with, as native code.
#[cfg(rutter_embedded)]
static EMBEDDED: &Pages<[u8]> = &Pages(*include_bytes!(env!("RUTTER_PRECOMPILED")));

/// What starts at a page of memory, so that code can run in it.
#[cfg(rutter_embedded)]
#[repr(C, align(4096))]
struct Pages<T: ?Sized>(T);

/// Loads a component from a file, or the package that this program was built with.
pub(crate) fn load(source: &PackageArgs) -> Result<Package> {
    let mut limits = source.limits();
    if source.component.is_none() {
        return load_into(&Host::new(limits)?, source);
    }
    set("RUTTER_MAX_COMPILE_TIME", args::time, &mut limits.compile_time)?;
    set("RUTTER_MAX_COMPILE_MEMORY", args::size, &mut limits.compile_memory)?;
    let mut compiler = Compiler::new(this_program()?, [COMPILE.into()]);
    if let Some(cache) = cache::open()? {
        compiler = compiler.with_cache(cache);
    }
    load_into(&Host::new(limits)?.compiling_with(compiler), source)
}

/// Sets a limit to what the environment has under a name.
fn set<T>(name: &str, parse: impl FnOnce(&str) -> Result<T, String>, limit: &mut T) -> Result<()> {
    if let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) {
        let shown = printable::os(&value);
        let parsed = value
            .to_str()
            .ok_or_else(|| "it is not UTF-8".to_owned())
            .and_then(parse);
        *limit = parsed.map_err(|error| anyhow!("{name} is {shown}: {error}"))?;
    }
    Ok(())
}

/// The argument with which this program starts itself to compile a component.
const COMPILE: &str = "compile-component";

/// Compiles a component if this process was started for that; gives none if it was not.
pub(crate) fn compile() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let is_compiler = arguments.next().is_some_and(|argument| argument == COMPILE);
    is_compiler.then(|| Compiler::run(arguments))
}

/// The file that this process runs.
fn this_program() -> Result<PathBuf> {
    // It is the same program even if an update has replaced the file.
    let running = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() {
        return Ok(running.to_owned());
    }
    env::current_exe().context("this program does not find itself, to compile the component")
}

/// The same, for a stream of many objects that each processor renders some of.
pub(crate) fn load_for_many(source: &PackageArgs) -> Result<Package> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let calls = u32::try_from(processors).ok().and_then(NonZero::new);
    let calls = calls.unwrap_or(NonZero::<u32>::MIN);
    // A component of somebody's may have more memories than a pool has room for, and the machine no address space for one.
    if source.component.is_none()
        && let Ok(host) = Host::pooled(source.limits(), calls)
        && let Ok(package) = load_into(&host, source)
    {
        return Ok(package);
    }
    load(source)
}

fn load_into(host: &Host, source: &PackageArgs) -> Result<Package> {
    let package = match &source.component {
        Some(path) if is_named_pipe(path) => Err(anyhow!(
            "{} is a named pipe: a component is read from a file",
            printable::path(path)
        )),
        Some(path) => match host.load(path) {
            // It names the file itself.
            Err(error @ HostError::Read { .. }) => Err(error.into()),
            loaded => loaded.with_context(|| printable::path(path)),
        },
        None => embedded(host),
    }?;
    // The end of the process takes it down in less time than it would take itself.
    std::mem::forget(package.clone());
    Ok(package)
}

/// Whether a file is a named pipe, whose opening waits for a writer that may never come.
///
/// A pipe of the shell, as in `--component <(…)`, has no name and a writer.
#[cfg(unix)]
fn is_named_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let file = path.canonicalize().and_then(fs::metadata);
    file.is_ok_and(|file| file.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_named_pipe(_: &Path) -> bool {
    false
}

/// Loads the package that this program was built with.
pub(crate) fn carried() -> Result<Package> {
    embedded(&Host::new(Limits::default())?)
}

#[cfg(rutter_embedded)]
fn embedded(host: &Host) -> Result<Package> {
    // SAFETY: The build of this program compiled these bytes, and they cannot change in a program that is not itself
    // tampered with.
    #[allow(unsafe_code, reason = "this program trusts what it was built with as much as itself")]
    let package = unsafe { host.load_precompiled(&EMBEDDED.0) };
    package.context("the package that rutter carries")
}

#[cfg(not(rutter_embedded))]
fn embedded(_: &Host) -> Result<Package> {
    anyhow::bail!("this rutter was built without a package of its own: name one with `--component FILE.wasm`")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_named_pipe_is_no_component() {
        let directory = tempfile::tempdir().unwrap();
        let [pipe, link, file] = ["pipe", "link", "file"].map(|name| directory.path().join(name));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        symlink(&pipe, &link).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(
            [&pipe, &link, &file].map(|path| is_named_pipe(path)),
            [true, true, false]
        );
        assert!(!is_named_pipe(&directory.path().join("none")));
    }
}
