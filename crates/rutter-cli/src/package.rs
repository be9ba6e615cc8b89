//! The package that is run.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result};
use rutter_host::{Host, HostError, Limits, Package};

use crate::args::Source;

/// The package that this program was built with, as native code.
#[cfg(rutter_embedded)]
static EMBEDDED: &Pages<[u8]> = &Pages(*include_bytes!(env!("RUTTER_PRECOMPILED")));

/// What starts at a page of memory, so that code can run in it.
#[cfg(rutter_embedded)]
#[repr(C, align(4096))]
struct Pages<T: ?Sized>(T);

/// Loads a component from a file, or the package that this program was built with.
pub(crate) fn load(source: &Source) -> Result<Package> {
    load_into(&Host::new(source.limits())?, source)
}

/// The same, for a stream of many objects that each processor renders some of.
pub(crate) fn load_for_many(source: &Source) -> Result<Package> {
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

fn load_into(host: &Host, source: &Source) -> Result<Package> {
    let package = match &source.component {
        Some(path) if is_named_pipe(path) => Err(anyhow::anyhow!(
            "{} is a named pipe: a component is read from a file",
            rutter::printable::path(path)
        )),
        Some(path) => match host.load(path) {
            // It names the file itself.
            Err(error @ HostError::Read { .. }) => Err(error.into()),
            loaded => loaded.with_context(|| rutter::printable::path(path)),
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
