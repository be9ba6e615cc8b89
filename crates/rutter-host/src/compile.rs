//! Compiling ahead of time.

use wasmtime::Engine;

use crate::cache::Key;
use crate::engine;
use crate::error::HostError;
use crate::host::Host;
use crate::image;
use crate::limits::Limits;

/// Compiles a component in the binary format to native code for [`Host::load_precompiled`](crate::Host::load_precompiled).
///
/// The code runs on every processor of the architecture and operating system that this program was built for, in
/// programs with this version of wasmtime. With it goes what the package says of itself, which it is asked for once, here.
///
/// # Errors
///
/// - [`HostError::NotAComponent`], [`HostError::Precompiled`] if it is something else;
/// - [`HostError::Engine`] if wasmtime cannot compile on this machine;
/// - what [`Host::load_bytes`] and [`Package::describe`](crate::Package::describe) say of components that are not packages.
pub fn precompile(component: &[u8]) -> Result<Vec<u8>, HostError> {
    let native = native(component)?;
    let description = Host::new(Limits::default())?.load_native(&native, None)?.describe()?;
    Ok(image::join(native, &description))
}

/// Compiles a component to native code.
///
/// # Errors
///
/// [`HostError::NotAComponent`], [`HostError::Precompiled`], [`HostError::Engine`].
pub(crate) fn native(component: &[u8]) -> Result<Vec<u8>, HostError> {
    if Engine::detect_precompiled(component).is_some() {
        return Err(HostError::Precompiled);
    }
    // Wasmtime says the same in eleven lines.
    if !component.starts_with(b"\0asm") {
        return Err(HostError::NotAComponent("it does not start as WebAssembly does".into()));
    }
    let native = compiler()?.precompile_component(component);
    native.map_err(|error| HostError::NotAComponent(error.into()))
}

/// Returns the key of what [`native`] gives: the component, the settings of the compiler, and its version.
///
/// # Errors
///
/// [`HostError::Engine`].
pub(crate) fn key(component: &[u8]) -> Result<Key, HostError> {
    Ok(Key::new(component, compiler()?.precompile_compatibility_hash()))
}

fn compiler() -> Result<Engine, HostError> {
    let compiler = engine::compiling().and_then(|config| Engine::new(&config));
    compiler.map_err(|error| HostError::Engine(error.into()))
}
