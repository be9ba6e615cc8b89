//! The package that is run.

use std::path::Path;

use anyhow::{Context as _, Result};
use rutter_host::{Host, HostError, Limits, Package};

/// The package that this program was built with, as native code.
#[cfg(rutter_embedded)]
static EMBEDDED: &Pages<[u8]> = &Pages(*include_bytes!(env!("RUTTER_PRECOMPILED")));

/// What starts at a page of memory, so that code can run in it.
#[cfg(rutter_embedded)]
#[repr(C, align(4096))]
struct Pages<T: ?Sized>(T);

/// Loads a component from a file, or the package that this program was built with.
pub(crate) fn load(component: Option<&Path>) -> Result<Package> {
    let host = Host::new(Limits::default())?;
    match component {
        Some(path) => match host.load(path) {
            // It names the file itself.
            Err(error @ HostError::Read { .. }) => Err(error.into()),
            loaded => loaded.with_context(|| path.display().to_string()),
        },
        None => embedded(&host),
    }
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
